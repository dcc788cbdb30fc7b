//! One connection: HTTP/1.1 or HTTP/2 with prior knowledge, HTTP/JSON or gRPC.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use callboard_core::port::BoxFuture;
use http::{Request, Response, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::Service as _;

use crate::auth::{Authenticator, credentials};
use crate::config::GatewayConfig;
use crate::doors::{Closing, Doors};
use crate::live::Live;
use crate::metrics::Connections;
use crate::socket::Socket;
use crate::ws::Afterwards;
use crate::{grpc, http as json, longpoll, ws};

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What every connection serves: the doors side by side, told apart by the content type.
#[derive(Debug)]
pub(crate) struct Front {
    config: GatewayConfig,
    json: Router,
    grpc: Router,
    requests: Arc<Semaphore>,
    live: Arc<Live>,
}

impl Front {
    pub(crate) fn new(
        doors: Doors,
        extra: Router,
        config: GatewayConfig,
        authenticator: Arc<Authenticator>,
        closing: Closing,
    ) -> Self {
        crate::metrics::describe();
        let requests = Arc::new(Semaphore::new(config.requests_max));
        let grpc = grpc::routes(&doors, &authenticator, closing.clone());
        let live = Live::new(doors.clone(), config.clone(), Arc::clone(&authenticator));
        let json = json::routes(doors, authenticator, &config, Arc::clone(&requests), closing)
            .merge(ws::doors::routes(&live))
            .merge(longpoll::routes(&live))
            .merge(extra.reset_fallback());
        Self { config, json, grpc, requests, live }
    }

    pub(crate) const fn live(&self) -> &Arc<Live> {
        &self.live
    }

    pub(crate) const fn config(&self) -> &GatewayConfig {
        &self.config
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let mut request = request.map(Body::new);
        credentials::conceal(request.headers_mut());
        if !is_grpc(&request) {
            return self.json.clone().call(request).await;
        }
        // A call counts until its answer begins: streams live long and have the protocol's own bounds.
        let Ok(_permit) = self.requests.try_acquire() else {
            return Ok(grpc::overloaded());
        };
        self.grpc.clone().call(request).await
    }
}

fn is_grpc(request: &Request<Body>) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// Serves a connection until it ends, by itself or because the gateway stops.
pub(crate) async fn serve(stream: TcpStream, peer: IpAddr, front: Arc<Front>, mut closing: Closing) {
    let _counted = Connections::opened();
    if let Some(next) = speak_http(stream, peer, front, &mut closing).await {
        next.await;
    }
}

/// Serves HTTP until the connection ends or goes on as something else.
async fn speak_http(
    stream: TcpStream,
    peer: IpAddr,
    front: Arc<Front>,
    closing: &mut Closing,
) -> Option<BoxFuture<'static, ()>> {
    let spoke = Arc::new(AtomicBool::new(false));
    let io = TokioIo::new(Socket::new(stream, Arc::clone(&spoke), front.config.write_timeout));
    let timeout = front.config.header_read_timeout;
    let builder = builder(&front.config, Streams::default());
    let seen = Arc::clone(&spoke);
    let afterwards = Afterwards::default();
    let (peer, next) = (Peer(peer), afterwards.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        seen.store(true, Ordering::Relaxed);
        let front = Arc::clone(&front);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(next.clone());
        async move { front.answer(request).await }
    });
    // On the heap, so that a connection that goes on as something else gives it back.
    let mut connection = Box::pin(builder.serve_connection_with_upgrades(io, service));
    let mut silence = pin!(tokio::time::sleep(timeout));
    let (mut watched, mut ending) = (true, false);
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    // Peers vanish, send garbage or are too slow: that is theirs, and they had their answer if there is one.
                    tracing::debug!(%error, "a connection ended early");
                }
                return afterwards.take();
            }
            () = silence.as_mut(), if watched => {
                if !spoke.load(Ordering::Relaxed) {
                    return None;
                }
                watched = false;
            }
            () = closing.closed(), if !ending => {
                ending = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn builder(config: &GatewayConfig, streams: Streams) -> auto::Builder<Streams> {
    let mut builder = auto::Builder::new(streams);
    // Never `pipeline_flush`: with it a stream is read ahead without bound when its client does not read.
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_read_timeout)
        .max_buf_size(config.header_len_max);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(config.keep_alive)
        .keep_alive_timeout(config.keep_alive)
        .max_concurrent_streams(config.requests_per_connection_max)
        .max_header_list_size(u32::try_from(config.header_len_max).unwrap_or(u32::MAX));
    builder
}

/// Answers a connection over the limit with as much as fits into its empty buffer, and closes it.
pub(crate) fn refuse(stream: &TcpStream) {
    const BODY: &str = concat!(
        r#"{"type":"urn:callboard:problem:Overloaded","title":"Too much at once","status":503,"#,
        r#""detail":"the node has as many connections as it may; try again after a pause","#,
        r#""code":"Overloaded","retry":"safe","blame":"platform"}"#
    );
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let _ = stream.try_write(answer.as_bytes());
}

/// The tasks of one HTTP/2 connection's requests. They end with the connection, as the requests of an HTTP/1 connection do.
#[derive(Clone, Debug, Default)]
struct Streams(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = tasks.try_join_next() {
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!(%error, "a request ended by a panic");
            }
        }
        tasks.spawn(stream);
    }
}
