//! [`Runtime::start`]: wiring only, top to bottom; stop in reverse.

use std::sync::Arc;
use std::time::Duration;

use callboard_core::batch::{Fence, Registration, TimerEntry};
use callboard_core::declaration::{Action, ActorKind};
use callboard_core::port::{ActorHost, Dispatcher, ExternalRegistration, Operator, Owner, Placement, Store};
use callboard_core::{ActorId, Epoch, Error, Mark, NodeId, Shard, Timestamp};

use crate::activation::{ActivationPorts, unavailable};
use crate::commit::Committer;
use crate::config::{Ports, RuntimeConfig};
use crate::external;
use crate::feed::Hearing;
use crate::feeds::{Feeds, Who};
use crate::hosts::{HostEntry, Hosts};
use crate::hub::Hub;
use crate::operator::Console;
use crate::perform::{Lane, Lanes};
use crate::registry::Registry;
use crate::relay::Relay;
use crate::router::{Accepting, Router};
use crate::supervision::{Run, Supervisor};
use crate::tasks::Tasks;
use crate::timers::Timers;
use crate::{housekeeping, passivation};

/// Committed publications, effects and timers that wait for their service; what is more is read from the store.
const LANE_LEN: usize = 4096;

/// How often a stop looks whether actors are left.
const DRAIN_PERIOD: Duration = Duration::from_millis(2);

/// How long a stop waits for tasks that have nothing to do any more.
const TASKS_END_WITHIN: Duration = Duration::from_millis(500);

/// A running engine. Cheap to clone.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    router: Arc<Router>,
    console: Arc<Console>,
    feeds: Arc<Feeds>,
    supervisor: Supervisor,
    tasks: Tasks,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("system", &self.0.router.system).finish_non_exhaustive()
    }
}

/// A node alone owns every shard.
struct Alone(Vec<Fence>);

impl Placement for Alone {
    fn owner(&self, shard: Shard) -> Owner {
        self.0.get(usize::from(shard.number())).map_or(Owner::Nobody, |fence| Owner::Here(*fence))
    }
}

impl Runtime {
    /// Starts the engine: takes the shards, registers the actors, goes on where the store stands. When this returns, calls are
    /// taken; deliveries, effects and timers that were left from an earlier run have begun.
    ///
    /// # Errors
    /// `InvalidPayload` for a wrong declaration, `Unavailable` when the store cannot be read. On a store that can only be read
    /// the engine starts, answers reads, and refuses what would have to be committed.
    pub async fn start(
        config: RuntimeConfig,
        hosts: Vec<Arc<dyn ActorHost>>,
        externals: Vec<ExternalRegistration>,
        ports: Ports,
    ) -> Result<Self, Error> {
        let hosts = Arc::new(Hosts::new(hosts)?);
        let Ports { store, clock, entropy } = ports;
        let fences = claim(store.as_ref(), &hosts, &externals, NodeId(entropy.next()), clock.now()).await?;
        let read_only = store.is_read_only();

        let supervisor = Supervisor::start(Arc::clone(&entropy)).await?;
        let tasks = Tasks::default();
        let registry = Arc::<Registry>::default();
        let hub = Hub::new(Arc::clone(&config.topics), Arc::clone(&clock));
        let (hub_lane, hub_reader) = Lane::new(LANE_LEN);
        let (feeds_lane, feeds_reader) = Lane::new(LANE_LEN);
        let (effects_lane, effects_reader) = Lane::new(LANE_LEN);
        let (timers_lane, timers_reader) = Lane::new(LANE_LEN);
        let lanes = Lanes { hub: hub_lane, feeds: feeds_lane, effects: effects_lane, timers: timers_lane };
        let (committer, commit_handle) = Committer::new(Arc::clone(&store), Arc::clone(&clock), Arc::new(lanes));
        let schedule = passivation::Schedule::new(&hosts);
        let activation_ports = ActivationPorts {
            store,
            clock: Arc::clone(&clock),
            entropy,
            rules: Arc::clone(&config.topics),
            committer: commit_handle,
            hub: Arc::clone(&hub),
            registry: Arc::clone(&registry),
            passivation: schedule,
        };
        let router = Router::new(
            config.system.clone(),
            hosts,
            Arc::new(activation_ports),
            Arc::new(Alone(fences)),
            tasks.clone(),
        );
        if read_only {
            tracing::warn!("the store is read-only: states and topics can be read, every write is refused");
            router.accept(Accepting::Reading);
        }
        let feeds = Feeds::new(Arc::clone(&router), &externals).await?;
        let console = Console::new(Arc::clone(&router), Arc::clone(&feeds));
        hub.hear_ephemeral(Some(ephemeral_hearer(&router, &feeds)));
        external::start(&externals, &hub, &tasks);

        supervisor.run("committer", service(committer, Committer::run));
        supervisor.run("hub", service((hub, Arc::new(hub_reader)), |(hub, lane)| hub.run(lane)));
        if !read_only {
            supervisor
                .run("feeds", service((Arc::clone(&feeds), Arc::new(feeds_reader)), |(feeds, lane)| feeds.run(lane)));
            let relay = Relay::new(Arc::clone(&router));
            supervisor.run("relay", service((relay, Arc::new(effects_reader)), |(relay, lane)| relay.run(lane)));
            let timers = Timers::new(Arc::clone(&router));
            supervisor.run("timers", service((timers, Arc::new(timers_reader)), |(timers, lane)| timers.run(lane)));
            supervisor.run("housekeeping", service(Arc::clone(&router), housekeeping::run));
        }
        let sweep = move |(registry, clock)| passivation::run(registry, clock, schedule, config.active_max);
        supervisor.run("passivation", service((registry, clock), sweep));
        Ok(Self(Arc::new(Inner { router, console, feeds, supervisor, tasks })))
    }

    /// Invokes, publishes, subscribes.
    #[must_use]
    pub fn dispatcher(&self) -> Arc<dyn Dispatcher> {
        Arc::<Router>::clone(&self.0.router)
    }

    /// Lists, explains, retries.
    #[must_use]
    pub fn operator(&self) -> Arc<dyn Operator> {
        Arc::<Console>::clone(&self.0.console)
    }

    /// Stops: takes no new work, lets accepted work end within the time, writes what waits, ends. What could not end in time is
    /// abandoned: it was not acknowledged, or is found in the store at the next start.
    pub async fn stop(&self, within: Duration) {
        let inner = &self.0;
        inner.router.accept(Accepting::Inner);
        inner.router.ports.hub.hear_ephemeral(None);
        let drained = async {
            while inner.router.registry.stop_all() > 0 {
                tokio::time::sleep(DRAIN_PERIOD).await;
            }
        };
        if tokio::time::timeout(within, drained).await.is_err() {
            tracing::warn!(left = inner.router.registry.len(), "actors were still busy when the time to stop was over");
        }
        inner.feeds.write_watermark().await;
        inner.router.accept(Accepting::Nothing);
        // Behind everything that entered the committer's queue before.
        if let Some(shard) = Shard::new(0) {
            let barrier = inner.router.commit(shard, None, Vec::new());
            let _ = tokio::time::timeout(within, barrier).await;
        }
        inner.router.ports.hub.close();
        inner.supervisor.stop().await;
        let _ = tokio::time::timeout(TASKS_END_WITHIN, inner.tasks.none_left()).await;
    }
}

/// A service whose parts are cloned for each run.
fn service<P, F>(parts: P, run: impl Fn(P) -> F + Send + Sync + 'static) -> Run
where
    P: Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    Arc::new(move || Box::pin(run(parts.clone())))
}

/// Takes the shards for this node and makes its registrations durable. On a store that cannot be written nobody else can
/// commit either, so that the node answers for every actor, and what it would commit is refused.
async fn claim(
    store: &dyn Store,
    hosts: &Hosts,
    externals: &[ExternalRegistration],
    node: NodeId,
    now: Timestamp,
) -> Result<Vec<Fence>, Error> {
    if store.is_read_only() {
        return Ok(Shard::all().map(|shard| Fence { shard, owner: node, epoch: Epoch::default() }).collect());
    }
    let mut fences = store.acquire(node, Shard::all().collect()).await.map_err(|e| unavailable(&e))?;
    fences.sort_by_key(|fence| fence.shard);
    let durable = externals.iter().filter_map(|external| Some((external.name.clone()?, external.pattern.clone())));
    let registrations = hosts.sorted().into_iter().map(|host| registration(host, now)).collect::<Result<_, _>>()?;
    store.register(registrations, durable.collect(), now).await.map_err(|e| unavailable(&e))?;
    Ok(fences)
}

/// The durable timer of a declared timer action.
pub(crate) fn timer_entry(actor: &ActorId, action: &Action, now: Timestamp) -> Option<TimerEntry> {
    let timer = action.timer?;
    Some(TimerEntry {
        actor: actor.clone(),
        name: action.name.clone(),
        due: now.after(timer.every),
        every_ms: u64::try_from(timer.every.as_millis()).unwrap_or(u64::MAX),
        catch_up: timer.catch_up,
    })
}

/// What is kept of a declared actor.
fn registration(host: &Arc<HostEntry>, now: Timestamp) -> Result<Registration, Error> {
    let declaration = &host.declaration;
    let id = ActorId::named(&declaration.name)?;
    let timers = match declaration.kind {
        ActorKind::Unnamed => Vec::new(),
        ActorKind::Named => declaration.actions.iter().filter_map(|action| timer_entry(&id, action, now)).collect(),
    };
    let channels = declaration.channels.iter().map(|channel| (channel.pattern.clone(), channel.on_failure)).collect();
    Ok(Registration { name: declaration.name.clone(), kind: declaration.kind, channels, timers })
}

/// Hands ephemeral publications to the named actors that listen: at most once, and not at all when a mailbox is full.
fn ephemeral_hearer(router: &Arc<Router>, feeds: &Arc<Feeds>) -> crate::hub::EphemeralHearer {
    let (router, feeds) = (Arc::downgrade(router), Arc::downgrade(feeds));
    Arc::new(move |publication| {
        let (Some(router), Some(feeds)) = (router.upgrade(), feeds.upgrade()) else { return };
        for entry in feeds.hearers(&publication.topic) {
            match &entry.who {
                Who::Named { id, action, index, on_failure } => {
                    debug_assert_eq!(publication.mark, Mark::ZERO, "only ephemeral publications have no mark");
                    let hearing = Hearing::Actor {
                        id: id.clone(),
                        action: action.clone(),
                        index: *index,
                        on_failure: *on_failure,
                    };
                    hearing.hear_once(&router, &entry.pattern, publication);
                }
                Who::Instances { .. } | Who::External { .. } => {}
            }
        }
    })
}
