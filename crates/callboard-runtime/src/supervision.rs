//! The supervision tree: every long-running service of the engine is a ractor actor under one root, restarted with back-off
//! when it ends before it is told to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use callboard_core::port::{BoxFuture, Entropy};
use callboard_core::retry::backoff;
use callboard_core::{Code, Error};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};

/// Starts a service's loop. Called again when the loop died; what must outlive it is held outside.
pub(crate) type Run = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// The root of the tree.
pub(crate) struct Supervisor {
    root: ActorRef<RootMessage>,
}

impl Supervisor {
    /// Starts the root without services.
    pub(crate) async fn start(entropy: Arc<dyn Entropy>) -> Result<Self, Error> {
        let (root, _) = Actor::spawn(None, Root, entropy)
            .await
            .map_err(|error| Error::new(Code::Internal, format!("the supervisor did not start: {error}")))?;
        Ok(Self { root })
    }

    /// Starts a service under the root.
    pub(crate) fn run(&self, name: &'static str, run: Run) {
        let _ = self.root.cast(RootMessage::Start(Service { name, run, failures: 0 }));
    }

    /// Ends the services that are still running, and the root.
    pub(crate) async fn stop(&self) {
        let _ = self.root.cast(RootMessage::Stop);
        let _ = self.root.wait(Some(Duration::from_secs(1))).await;
    }
}

struct Root;

enum RootMessage {
    Start(Service),
    Stop,
}

#[derive(Clone)]
struct Service {
    name: &'static str,
    run: Run,
    failures: u32,
}

struct RootState {
    entropy: Arc<dyn Entropy>,
    running: Vec<(ActorCell, Service)>,
    restarts: metrics::Counter,
}

#[async_trait]
impl Actor for Root {
    type Msg = RootMessage;
    type State = RootState;
    type Arguments = Arc<dyn Entropy>;

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        entropy: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let restarts = crate::metrics::EngineMetrics::new().service_restarts;
        Ok(RootState { entropy, running: Vec::new(), restarts })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let RootMessage::Start(service) = message else {
            // Their loops have no end of their own.
            state.running.drain(..).for_each(|(child, _)| child.kill());
            myself.stop(None);
            return Ok(());
        };
        let (child, _) = Actor::spawn_linked(None, Loop, Arc::clone(&service.run), myself.get_cell()).await?;
        state.running.push((child.get_cell(), service));
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (cell, problem) = match event {
            SupervisionEvent::ActorFailed(cell, error) => (cell, error.to_string()),
            // A service that ended by itself had nothing left to do.
            SupervisionEvent::ActorTerminated(cell, ..) => {
                state.running.retain(|(running, _)| running.get_id() != cell.get_id());
                return Ok(());
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => return Ok(()),
        };
        let Some(place) = state.running.iter().position(|(running, _)| running.get_id() == cell.get_id()) else {
            return Ok(());
        };
        let (_, mut service) = state.running.swap_remove(place);
        service.failures = service.failures.saturating_add(1);
        state.restarts.increment(1);
        let pause = backoff(service.failures, state.entropy.next());
        tracing::error!(service = service.name, problem, ?pause, "a service of the engine failed and is restarted");
        drop(myself.send_after(pause, move || RootMessage::Start(service)));
        Ok(())
    }
}

/// One service: its loop runs inside one message, so that the tree sees its end and can kill it.
struct Loop;

#[async_trait]
impl Actor for Loop {
    type Msg = ();
    type State = Run;
    type Arguments = Run;

    async fn pre_start(&self, myself: ActorRef<()>, run: Run) -> Result<Run, ActorProcessingErr> {
        myself.cast(())?;
        Ok(run)
    }

    async fn handle(&self, myself: ActorRef<()>, (): (), run: &mut Run) -> Result<(), ActorProcessingErr> {
        run().await;
        myself.stop(None);
        Ok(())
    }
}
