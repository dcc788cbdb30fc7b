//! An HTTP/1.1 client of a hundred lines: one connection, one request after the other.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value as Json;

pub(crate) struct Http(BufReader<TcpStream>);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The publications of a stream that ended.
    pub(crate) fn publications(&self) -> Vec<Json> {
        let lines = self.body.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
        lines.filter(|line| line["event"] == "publication").collect()
    }
}

impl Http {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        TcpStream::connect(address).map(BufReader::new).map(Self)
    }

    pub(crate) fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.request("GET", path, &[], "")
    }

    pub(crate) fn post(&mut self, path: &str, body: &Json) -> io::Result<Answer> {
        self.request("POST", path, &["content-type: application/json".to_owned()], &body.to_string())
    }

    /// An error means that nobody knows whether it was done.
    pub(crate) fn request(&mut self, method: &str, path: &str, headers: &[String], body: &str) -> io::Result<Answer> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n", body.len());
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        self.0.get_mut().write_all(format!("{request}\r\n{body}").as_bytes())?;
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| broken(&status))?;
        let (mut len, mut chunked) = (0, false);
        loop {
            let header = self.line()?.to_lowercase();
            match header.split_once(": ") {
                Some(("content-length", text)) => len = text.parse().map_err(|_| broken(&header))?,
                Some(("transfer-encoding", text)) => chunked = text == "chunked",
                Some(_) => {}
                None => break,
            }
        }
        let body = if chunked { self.chunks()? } else { self.bytes(len)? };
        Ok(Answer { status, body: String::from_utf8(body).map_err(io::Error::other)? })
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let len = usize::from_str_radix(&line, 16).map_err(|_| broken(&line))?;
            body.extend(self.bytes(len)?);
            self.line()?;
            if len == 0 {
                return Ok(body);
            }
        }
    }

    fn bytes(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::other(format!("not HTTP: {what:?}"))
}
