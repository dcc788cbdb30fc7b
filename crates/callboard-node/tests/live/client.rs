//! A client that speaks frames.

use std::time::Duration;

use callboard_node::Node;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

/// What does not come within this time does not come.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) struct Client(pub(crate) WebSocketStream<TcpStream>);

pub(crate) const CABLE: (&str, &str) = ("/cable", "actioncable-v1-json");
pub(crate) const CABLE_EXT: (&str, &str) = ("/cable", "actioncable-v1-ext-json");

impl Client {
    pub(crate) async fn connect(node: &Node, (path, protocol): (&str, &str)) -> Self {
        Self::try_connect(node, path, protocol).await.unwrap()
    }

    pub(crate) async fn try_connect(node: &Node, path: &str, protocol: &str) -> Result<Self, Error> {
        let address = node.address().unwrap();
        let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
        if !protocol.is_empty() {
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        }
        // A small buffer, so that a client that does not read is noticed whatever the machine's settings are.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(64 * 1024).unwrap();
        let stream = socket.connect(address).await.unwrap();
        let (socket, response) = tokio_tungstenite::client_async(request, stream).await?;
        if !protocol.is_empty() {
            assert_eq!(response.headers()["sec-websocket-protocol"], protocol.split(',').next().unwrap().trim());
        }
        Ok(Self(socket))
    }

    pub(crate) async fn send(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.unwrap();
    }

    /// The next message as it came; pings of the protocols and of the socket are left out.
    pub(crate) async fn next(&mut self) -> Message {
        loop {
            let next = tokio::time::timeout(SOON, self.0.next()).await.expect("a message in time");
            match next.expect("the connection goes on").expect("the connection goes on") {
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Text(text) if text.contains(r#""type":"ping""#) => {}
                message => return message,
            }
        }
    }

    pub(crate) async fn text(&mut self) -> String {
        self.next().await.into_text().unwrap().to_string()
    }

    pub(crate) async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// Reads to the end of the connection; the close code, if one was given.
    pub(crate) async fn end(&mut self) -> (Vec<String>, Option<u16>) {
        let mut texts = Vec::new();
        let read = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                    Some(Ok(Message::Text(text))) if text.contains(r#""type":"ping""#) => {}
                    Some(Ok(Message::Text(text))) => texts.push(text.to_string()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return None,
                }
            }
        };
        let code = tokio::time::timeout(SOON, read).await.expect("the connection ends");
        (texts, code)
    }

    /// Says an identifier's command as ActionCable clients do.
    pub(crate) async fn command(&mut self, command: &str, identifier: &str, more: &str) {
        let identifier = Value::from(identifier);
        self.send(format!(r#"{{"command":"{command}","identifier":{identifier}{more}}}"#)).await;
    }
}
