//! WebSocket clients that cost as little as they can: they count frames, and read one number in each.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};

use super::TOPIC;
use crate::measure::{now, spawn};

/// Handshakes under way at one time.
const CONNECTING: usize = 64;

/// Clients that follow the topic.
#[derive(Clone)]
pub(super) struct Crowd(Arc<Inner>);

struct Inner {
    start: Instant,
    received: AtomicU64,
    // Microseconds from the publication to the last byte received, while they are wanted.
    latencies: Mutex<Option<Vec<u32>>>,
    leave: watch::Sender<bool>,
    connected: Duration,
    tasks: Mutex<Vec<tokio::task::JoinHandle<()>>>,
}

impl Crowd {
    /// Connects and subscribes so many clients.
    pub(super) async fn connect(address: SocketAddr, clients: usize) -> anyhow::Result<Self> {
        Self::join(address, clients, "{}").await
    }

    /// One client that has seen everything up to a position.
    pub(super) async fn behind(address: SocketAddr, after: u64) -> anyhow::Result<Self> {
        let seen = format!(r#"{{"last_seq":{after},"epoch":"1"}}"#);
        Self::join(address, 1, &seen).await
    }

    async fn join(address: SocketAddr, clients: usize, seen: &str) -> anyhow::Result<Self> {
        let (leave, left) = watch::channel(false);
        let began = now();
        let permits = Arc::new(Semaphore::new(CONNECTING));
        let mut connecting = Vec::with_capacity(clients);
        for _ in 0..clients {
            let permit = Arc::clone(&permits).acquire_owned().await?;
            let seen = seen.to_owned();
            connecting.push(spawn(async move {
                let socket = join(address, &seen).await;
                drop(permit);
                socket
            }));
        }
        let mut sockets = Vec::with_capacity(clients);
        for socket in connecting {
            sockets.push(socket.await??);
        }
        let inner = Inner {
            start: now(),
            received: AtomicU64::new(0),
            latencies: Mutex::new(None),
            leave,
            connected: now() - began,
            tasks: Mutex::default(),
        };
        let crowd = Self(Arc::new(inner));
        let tasks = sockets.into_iter().map(|socket| spawn(follow(crowd.clone(), socket, left.clone())));
        *lock(&crowd.0.tasks) = tasks.collect();
        Ok(crowd)
    }

    /// Publications that were received, over all clients.
    pub(super) fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    /// How long it took until all had subscribed.
    pub(super) fn connected(&self) -> Duration {
        self.0.connected
    }

    /// The time that publications carry.
    pub(super) fn time(&self) -> u64 {
        u64::try_from((now() - self.0.start).as_micros()).unwrap_or(u64::MAX)
    }

    /// Begins to note latencies.
    pub(super) fn note(&self) {
        *lock(&self.0.latencies) = Some(Vec::new());
    }

    /// The latencies since [`Crowd::note`].
    pub(super) fn noted(&self) -> Vec<u32> {
        lock(&self.0.latencies).take().unwrap_or_default()
    }

    /// Ends every client.
    pub(super) async fn leave(self) {
        self.0.leave.send_replace(true);
        let tasks = std::mem::take(&mut *lock(&self.0.tasks));
        for task in tasks {
            let _ = task.await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A socket that has subscribed, and what it has read beyond the confirmation.
struct Joined {
    socket: TcpStream,
    buffer: Vec<u8>,
}

async fn join(address: SocketAddr, seen: &str) -> anyhow::Result<Joined> {
    let mut socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let request = format!(
        "GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await?;
    let mut buffer = Vec::with_capacity(4096);
    loop {
        read(&mut socket, &mut buffer).await?;
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            if !buffer.starts_with(b"HTTP/1.1 101") {
                bail!("the server answered {}", String::from_utf8_lossy(&buffer[..end]));
            }
            buffer.drain(..end + 4);
            break;
        }
    }
    let command = format!(r#"["1","1","{TOPIC}","phx_join",{seen}]"#);
    socket.write_all(&masked(command.as_bytes())).await?;
    until(&mut socket, &mut buffer, "phx_reply").await?;
    Ok(Joined { socket, buffer })
}

/// Reads frames until one contains a text.
async fn until(socket: &mut TcpStream, buffer: &mut Vec<u8>, text: &str) -> anyhow::Result<()> {
    loop {
        while let Some((header, len)) = frame(buffer) {
            let found = buffer[header..header + len].windows(text.len()).any(|window| window == text.as_bytes());
            buffer.drain(..header + len);
            if found {
                return Ok(());
            }
        }
        read(socket, buffer).await?;
    }
}

async fn read(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
    if socket.read_buf(buffer).await? == 0 {
        bail!("the server ended the connection");
    }
    Ok(())
}

/// The bytes of the header and of the content of the first whole frame.
fn frame(buffer: &[u8]) -> Option<(usize, usize)> {
    let (header, len) = match *buffer.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes([*buffer.get(2)?, *buffer.get(3)?]))),
        len => (2, usize::from(len)),
    };
    (buffer.len() >= header + len).then_some((header, len))
}

fn masked(text: &[u8]) -> Vec<u8> {
    let mut out = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(len) if len < 126 => out.push(0x80 | len),
        _ => {
            out.push(0x80 | 126);
            out.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    // A mask of zeros changes nothing.
    out.extend([0; 4]);
    out.extend(text);
    out
}

async fn follow(crowd: Crowd, joined: Joined, mut left: watch::Receiver<bool>) {
    let Joined { mut socket, mut buffer } = joined;
    loop {
        let (mut at, mut heard) = (0, 0);
        while let Some((header, len)) = frame(&buffer[at..]) {
            let content = &buffer[at + header..at + header + len];
            if let Some(published) = published(content) {
                heard += 1;
                if published > 0 {
                    let late = crowd.time().saturating_sub(published);
                    if let Some(latencies) = lock(&crowd.0.latencies).as_mut() {
                        latencies.push(u32::try_from(late).unwrap_or(u32::MAX));
                    }
                }
            }
            at += header + len;
        }
        buffer.drain(..at);
        crowd.0.received.fetch_add(heard, Ordering::Relaxed);
        tokio::select! {
            biased;
            read = socket.read_buf(&mut buffer) => if !read.is_ok_and(|len| len > 0) {
                return;
            },
            _ = left.wait_for(|left| *left) => return,
        }
    }
}

/// The time that a publication carries; `None` for other frames.
fn published(content: &[u8]) -> Option<u64> {
    const MARK: &[u8] = br#""data":{"t":"#;
    let place = content.windows(MARK.len()).position(|window| window == MARK)?;
    let digits = content[place + MARK.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// Publishes over HTTP, on a connection of its own.
pub(super) struct Producer {
    socket: TcpStream,
    address: SocketAddr,
    buffer: Vec<u8>,
}

impl Producer {
    pub(super) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, address, buffer: Vec::with_capacity(1024) })
    }

    pub(super) async fn publish(&mut self, json: &str) -> anyhow::Result<()> {
        let request = format!(
            "POST /v1/topics/{TOPIC} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
            self.address,
            json.len()
        );
        self.socket.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        loop {
            read(&mut self.socket, &mut self.buffer).await?;
            let text = std::str::from_utf8(&self.buffer)?;
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            if !head.starts_with("HTTP/1.1 2") {
                bail!("the server answered {text}");
            }
            let len =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let len: usize = len.context("an answer without a length")?;
            if body.len() >= len {
                return Ok(());
            }
        }
    }
}
