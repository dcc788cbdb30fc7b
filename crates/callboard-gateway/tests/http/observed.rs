//! What is counted and logged of a request, and what is not.

use std::io::Write;
use std::sync::{Arc, Mutex};

use callboard_core::{Code, Error};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;

use crate::client::serve;

const CREATE: &str = "/v1/actors/order_processor/create_order";

#[tokio::test]
async fn requests_are_counted_by_route_and_class_whatever_clients_write() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let served = metrics::with_local_recorder(&recorder, serve);
    for n in 0..3 {
        served.post(CREATE).json(&json!({ "orderId": n.to_string() })).send().await.json();
        served.get(&format!("/v1/actors/user/u{n}")).send().await.problem(404, "ActorNotFound");
        served.get(&format!("/nowhere/{n}")).send().await.problem(404, "InvalidPayload");
    }
    let text = recorder.handle().render();
    for line in [
        r#"callboard_http_requests_total{route="/v1/actors/{name}/{action}",method="POST",class="2xx"} 3"#,
        r#"callboard_http_requests_total{route="/v1/actors/{parent}/{name}",method="GET",class="4xx"} 3"#,
        r#"callboard_http_requests_total{route="unmatched",method="any",class="4xx"} 3"#,
        r#"callboard_http_request_seconds_count{route="/v1/actors/{name}/{action}",method="POST"} 3"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("nowhere") && !text.contains("u1"), "{text}");
    served.stop().await;
}

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
async fn the_log_has_the_trace_and_the_detail_and_never_the_payload() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    // For the whole process: what other tests touched before a subscriber of this thread alone came may stay silent.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let served = serve();
    let error = Error::new(Code::Unavailable, "the store cannot be written").with_detail("disk full: /dev/sda1");
    let asking = served
        .post(CREATE)
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .header("authorization", "Bearer hidden-token")
        .json(&json!({ "orderId": "hidden-payload" }));
    let answer = served.failing(error, asking).await;
    answer.problem(503, "Unavailable");
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for word in ["disk full", "0af7651916cd43dd8448eb211c80319c", "/v1/actors/{name}/{action}", "Unavailable"] {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
    assert!(!text.contains("hidden"), "{text}");
    served.stop().await;
}
