//! The bare broadcaster: axum, one broadcast queue, one task per socket.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use futures_util::SinkExt as _;
use tokio::net::TcpListener;
use tokio::sync::broadcast;

use super::{Event, TOPIC};
use crate::measure::spawn;

/// More than the window of publications under way.
const QUEUE_LEN: usize = 4096;
const BUFFER_LEN: usize = 4096;

pub(super) struct Broadcaster {
    address: SocketAddr,
    queue: broadcast::Sender<Utf8Bytes>,
}

impl Broadcaster {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let (queue, _) = broadcast::channel(QUEUE_LEN);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let routes = Router::new()
            .route("/socket/websocket", get(upgrade))
            .route("/v1/topics/{topic}", axum::routing::post(publish))
            .with_state(queue.clone());
        spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { address, queue })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn publish(&self, event: &Event) -> anyhow::Result<()> {
        let _ = self.queue.send(frame(&serde_json::to_string(event)?));
        Ok(())
    }
}

/// As many bytes as ours has.
fn frame(json: &str) -> Utf8Bytes {
    format!(
        r#"[null,null,"{TOPIC}","event",{{"seq":123456,"epoch":"1","topic":"{TOPIC}","type":"bench.Event","data":{json}}}]"#
    )
    .into()
}

async fn publish(State(queue): State<broadcast::Sender<Utf8Bytes>>, json: String) -> &'static str {
    let _ = queue.send(frame(&json));
    "{}"
}

async fn upgrade(State(queue): State<broadcast::Sender<Utf8Bytes>>, upgrade: WebSocketUpgrade) -> Response {
    let upgrade = upgrade.read_buffer_size(BUFFER_LEN).write_buffer_size(BUFFER_LEN);
    upgrade.on_upgrade(move |socket| serve(socket, queue.subscribe()))
}

async fn serve(mut socket: WebSocket, mut queue: broadcast::Receiver<Utf8Bytes>) {
    if socket.recv().await.is_none() {
        return;
    }
    if socket.send(Message::text(r#"["1","1","bench.events","phx_reply",{"status":"ok"}]"#)).await.is_err() {
        return;
    }
    // What is there leaves in one piece, as ours does.
    while let Ok(text) = queue.recv().await {
        let mut fed = socket.feed(Message::Text(text)).await;
        while let (Ok(()), Ok(text)) = (&fed, queue.try_recv()) {
            fed = socket.feed(Message::Text(text)).await;
        }
        if fed.is_err() || socket.flush().await.is_err() {
            return;
        }
    }
}
