//! gRPC unary calls of volatile actors, against a plain tonic service that echoes the same message.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, bail};
use callboard::{Gateway, Message as _, System};
use callboard_core::Payload;
use callboard_core::port::BoxFuture;
use callboard_testkit::MemoryStore;
use callboard_wire::pb::convert::payload::native;
use callboard_wire::pb::v1;
use callboard_wire::pb::v1::actors_client::ActorsClient;
use callboard_wire::pb::v1::actors_server::{Actors, ActorsServer};
use futures_util::stream::{Empty, empty};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

use crate::Plan;
use crate::actors::VolatileEcho;
use crate::durable::record;
use crate::measure::{Run, closed_loop, each_once, runtime, spawn};
use crate::report::Line;

const ACTORS: usize = 10_000;
const IN_FLIGHT: usize = 64;
const PAYLOAD_LEN: usize = 256;

pub(crate) fn run(plan: Plan) -> anyhow::Result<Vec<Line>> {
    let (plain, ours) = (runtime(2), runtime(2));
    let plain_address = plain.block_on(serve_plain())?;
    let system = ours.block_on(serve_callboard())?;
    let address = system.address().context("the system has no address")?;
    // The same load for both, on a runtime of its own, by turns: what disturbs the machine disturbs both.
    let (results, baselines) = runtime(1).block_on(async {
        let (baseline, ours) = (Load::connect(plain_address).await?, Load::connect(address).await?);
        let (mut results, mut baselines) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            let (baseline, ours) = (baseline.run(plan).await?, ours.run(plan).await?);
            eprintln!("  ours {}; baseline {}", told(&ours), told(&baseline));
            baselines.push(baseline.rate);
            results.push(ours.rate);
        }
        anyhow::Ok((results, baselines))
    })?;
    ours.block_on(system.stop(Duration::from_secs(5)));
    let what =
        "gRPC unary invoke, volatile, 64 in flight, one connection, against a plain tonic echo of the same message";
    Ok(vec![Line::rate(what, &results, &baselines, 0.6)])
}

fn told(run: &Run) -> String {
    format!("{:.0}/s, p50 {:.0} us, p99 {:.0} us", run.rate, run.percentile(50.0), run.percentile(99.0))
}

async fn serve_callboard() -> anyhow::Result<System> {
    let store: Arc<dyn callboard_core::port::Store> = Arc::new(MemoryStore::new());
    let builder = System::builder("bench").actor(VolatileEcho).store(store);
    Ok(builder.gateway(Gateway::on("127.0.0.1:0").open()).start().await?)
}

async fn serve_plain() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    spawn(Server::builder().add_service(ActorsServer::new(Echo)).serve_with_incoming(incoming));
    Ok(address)
}

/// One connection to a server, and what is asked of it.
struct Load {
    channel: Channel,
    requests: Arc<Vec<v1::InvokeRequest>>,
    wrong: Arc<OnceLock<Status>>,
}

impl Load {
    /// Connects, and asks once about every actor.
    async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let this = Self {
            channel: Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true).connect().await?,
            requests: Arc::new((0..ACTORS).map(request).collect::<anyhow::Result<Vec<_>>>()?),
            wrong: Arc::default(),
        };
        each_once(IN_FLIGHT, 0..ACTORS, this.call()).await;
        this.checked(())?;
        Ok(this)
    }

    async fn run(&self, plan: Plan) -> anyhow::Result<Run> {
        let run = closed_loop(IN_FLIGHT, ACTORS, plan.time, self.call()).await;
        self.checked(run)
    }

    fn call(&self) -> impl Fn(usize) -> BoxFuture<'static, ()> + Clone + Send + Sync + 'static {
        let (channel, requests, wrong) = (self.channel.clone(), Arc::clone(&self.requests), Arc::clone(&self.wrong));
        move |target| {
            let client = ActorsClient::new(channel.clone());
            let (requests, wrong) = (Arc::clone(&requests), Arc::clone(&wrong));
            Box::pin(async move {
                if let Err(error) = invoke(client, &requests[target]).await {
                    let _ = wrong.set(error);
                }
            })
        }
    }

    fn checked<T>(&self, result: T) -> anyhow::Result<T> {
        self.wrong.get().map_or(Ok(result), |error| bail!("a call failed: {error}"))
    }
}

fn request(target: usize) -> anyhow::Result<v1::InvokeRequest> {
    let mut bytes = record(target);
    bytes.truncate(PAYLOAD_LEN);
    let payload: Payload = bytes.into_payload()?;
    Ok(v1::InvokeRequest {
        actor: format!("volatile_echo/{target}"),
        action: "echo".to_owned(),
        payload: Some(native(&payload)),
        ..v1::InvokeRequest::default()
    })
}

async fn invoke(mut client: ActorsClient<Channel>, request: &v1::InvokeRequest) -> Result<(), Status> {
    let response = client.invoke(request.clone()).await?.into_inner();
    if response.payload == request.payload { Ok(()) } else { Err(Status::data_loss("the echo is another one")) }
}

/// A plain service of the same messages, as somebody would write it by hand.
struct Echo;

fn only_echo<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("it only echoes"))
}

#[tonic::async_trait]
impl Actors for Echo {
    async fn invoke(&self, request: Request<v1::InvokeRequest>) -> Result<Response<v1::InvokeResponse>, Status> {
        let v1::InvokeRequest { payload, .. } = request.into_inner();
        Ok(Response::new(v1::InvokeResponse { payload, revision: 1, ..v1::InvokeResponse::default() }))
    }

    type InvokeStreamStream = Empty<Result<v1::InvokeStreamResponse, Status>>;

    async fn invoke_stream(
        &self,
        _: Request<Streaming<v1::InvokeStreamRequest>>,
    ) -> Result<Response<Self::InvokeStreamStream>, Status> {
        Ok(Response::new(empty()))
    }

    async fn get_state(&self, _: Request<v1::GetStateRequest>) -> Result<Response<v1::GetStateResponse>, Status> {
        only_echo()
    }

    async fn list(&self, _: Request<v1::ListActorsRequest>) -> Result<Response<v1::ListActorsResponse>, Status> {
        only_echo()
    }

    async fn delete(&self, _: Request<v1::DeleteActorRequest>) -> Result<Response<v1::DeleteActorResponse>, Status> {
        only_echo()
    }
}
