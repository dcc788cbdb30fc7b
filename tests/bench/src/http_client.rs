//! A lean HTTP/1.1 client with keep-alive, the same for both sides of a comparison: what it costs is not what is measured.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, bail};
use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Connections that are kept open. Each serves one request at a time.
pub(crate) struct HttpClient(Mutex<Vec<Connection>>);

struct Connection {
    stream: TcpStream,
    received: BytesMut,
}

/// A request that is ready to be sent.
pub(crate) fn post(path: &str, json: &str) -> Bytes {
    let len = json.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len}\r\n\r\n{json}"
    )
    .into()
}

impl HttpClient {
    /// Opens so many connections.
    pub(crate) async fn connect(address: SocketAddr, connections: usize) -> anyhow::Result<Self> {
        let mut open = Vec::with_capacity(connections);
        for _ in 0..connections {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            open.push(Connection { stream, received: BytesMut::with_capacity(4096) });
        }
        Ok(Self(Mutex::new(open)))
    }

    /// Sends a request on a connection that is free, and gives the body of the answer, which has to have the status 200.
    pub(crate) async fn send(&self, request: &Bytes) -> anyhow::Result<Bytes> {
        let mut connection = self.connections().pop().context("more requests than connections")?;
        let body = connection.exchange(request).await?;
        // A connection that failed is not used again.
        self.connections().push(connection);
        Ok(body)
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    async fn exchange(&mut self, request: &Bytes) -> anyhow::Result<Bytes> {
        self.stream.write_all(request).await?;
        let (head_len, body_len) = loop {
            if let Some(head_len) = self.received.windows(4).position(|end| end == b"\r\n\r\n") {
                let head = std::str::from_utf8(&self.received[..head_len])?;
                break (head_len + 4, body_len(head)?);
            }
            self.receive().await?;
        };
        while self.received.len() < head_len + body_len {
            self.receive().await?;
        }
        self.received.advance(head_len);
        Ok(self.received.split_to(body_len).freeze())
    }

    async fn receive(&mut self) -> anyhow::Result<()> {
        self.received.reserve(2048);
        if self.stream.read_buf(&mut self.received).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

/// The length of the body behind a head with the status 200.
fn body_len(head: &str) -> anyhow::Result<usize> {
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if status.strip_prefix("HTTP/1.1 200").is_none() {
        bail!("the server answered {head}");
    }
    let header =
        lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, len) = header.with_context(|| format!("an answer without content-length: {head}"))?;
    Ok(len.trim().parse()?)
}
