//! WebSockets: the upgrade, and [`Socket`](crate::socket::Socket)s as the transport of live clients.
//!
//! | path | protocols, by the subprotocol that the client offers |
//! |---|---|
//! | `/cable` | `actioncable-v1-json`, `actioncable-v1-ext-json` |
//! | `/socket/websocket` | Phoenix, by the query's `vsn` |
//! | `/v1/ws` | `callboard-v1-json`, or none |
//!
//! Protocols whose clients cannot see the status of a refused upgrade are let in first and told over the socket; only then is it
//! closed. A socket is served by the task of its connection.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use callboard_core::port::BoxFuture;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::config::ClientsConfig;
use crate::live::{Closed, Incoming, Transport};
use crate::socket::Socket;

pub(crate) mod doors;

/// How long a client may take to answer a goodbye.
const GOODBYE: Duration = Duration::from_secs(2);
/// A socket's buffers. With larger ones an idle connection costs ten times as much.
const BUFFER_LEN: usize = 4096;

/// What a connection does when its HTTP part is done: a slot that a request's handler fills.
#[derive(Clone, Default)]
pub(crate) struct Afterwards(Arc<Mutex<Option<BoxFuture<'static, ()>>>>);

impl Afterwards {
    /// Sets what the connection goes on with.
    pub(crate) fn set(&self, next: BoxFuture<'static, ()>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(next);
    }

    /// What the connection goes on with.
    pub(crate) fn take(&self) -> Option<BoxFuture<'static, ()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A WebSocket.
pub(crate) struct WebSocket(WebSocketStream<Socket>);

impl WebSocket {
    /// The socket behind a request that was answered with 101.
    pub(crate) async fn upgraded(upgrade: OnUpgrade, config: &ClientsConfig) -> Option<Self> {
        let parts = auto::upgrade::downcast::<TokioIo<Socket>>(upgrade.await.ok()?).ok()?;
        let limits = WebSocketConfig::default()
            .read_buffer_size(BUFFER_LEN)
            .write_buffer_size(BUFFER_LEN)
            .max_message_size(Some(config.message_len_max))
            .max_frame_size(Some(config.message_len_max));
        let socket = parts.io.into_inner();
        let stream = WebSocketStream::from_partially_read(socket, parts.read_buf.to_vec(), Role::Server, Some(limits));
        Some(Self(stream.await))
    }
}

impl Transport for WebSocket {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        use tokio_tungstenite::tungstenite::Error;
        let received = ready!(self.0.poll_next_unpin(cx));
        Poll::Ready(match received {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => Some(Incoming::Message(message)),
            // A goodbye is answered by reading on, which is what happens until the client closes.
            Some(Ok(_)) => Some(Incoming::Alive),
            Some(Err(Error::Capacity(_) | Error::Utf8(_) | Error::Protocol(_))) => Some(Incoming::Abuse),
            Some(Err(_)) | None => None,
        })
    }

    async fn feed(&mut self, message: Message) -> Result<(), Closed> {
        self.0.feed(message).await.map_err(|_| Closed)
    }

    async fn flush(&mut self) -> Result<(), Closed> {
        self.0.flush().await.map_err(|_| Closed)
    }

    async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: Utf8Bytes::from_static(reason) };
        let goodbye = async {
            if self.0.close(Some(frame)).await.is_ok() {
                while let Some(Ok(_)) = self.0.next().await {}
            }
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }

    fn pings(&self) -> bool {
        true
    }
}
