use std::io::Write;
use std::sync::{Arc, Mutex};

use callboard_gateway::auth::Algorithm;
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;

use crate::client::serve_with;
use crate::tokens::{auth, config, granting};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_of_any_level_has_a_token_in_it_wherever_it_was_sent() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // For the whole process: what other tests touched before a subscriber of this thread alone came may stay silent.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let served = serve_with(config(auth(Algorithm::Es256)));
    let good = granting(&json!({ "subscribe": [">"], "invoke": ["clerk.echo"] }));
    let wrong = format!("{}x", good.replace('.', "._"));
    for token in [&good, &wrong] {
        let bearer = format!("Bearer {token}");
        for http2 in [false, true] {
            let asking = served.post("/v1/actors/clerk/echo").header("authorization", &bearer).json(&json!({ "a": 1 }));
            if http2 { asking.http2() } else { asking }.send().await;
            for path in
                ["cable", "socket/websocket", "events", "v1/ws", "nowhere", "v1/topics/a.b", "v1/actors/clerk/echo"]
            {
                let asking = served
                    .get(&format!("/{path}?jid={token}&token={token}&access_token={token}&sid={token}"))
                    .header("x-jid", token)
                    .header("x-phoenix-authtoken", token)
                    .header("sec-websocket-protocol", format!("phoenix, anycable-token.{token}"))
                    .header("cookie", format!("session={token}"));
                drop(if http2 { asking.http2() } else { asking }.open().await);
            }
        }
    }
    served.stop().await;
    let text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(text.contains("Unauthenticated") && text.contains("/v1/actors/{name}/{action}"), "{text}");
    let secrets = [&good, &wrong].map(|token| token.rsplit('.').next().unwrap().to_owned());
    let lines = text.lines().filter(|line| secrets.iter().any(|secret| line.contains(secret)));
    assert_eq!(lines.collect::<Vec<_>>(), Vec::<&str>::new());
}
