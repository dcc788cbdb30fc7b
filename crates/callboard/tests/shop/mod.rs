//! The order system of the broadcast guide, as its author writes it. Read top to bottom it should be its own
//! specification; `docs/sdk-design.md` says what was decided by reading it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use callboard::prelude::*;
use serde::{Deserialize, Serialize};

// ---- What is said -------------------------------------------------------------------------------------------------

#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
#[message(name = "shop.OrderData")]
pub struct OrderData {
    pub user_id: String,
    pub amount: u64,
}

#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
#[message(name = "shop.Order")]
pub struct Order {
    pub id: String,
    pub user_id: String,
    pub amount: u64,
    pub status: String,
}

#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
#[message(name = "shop.StatusUpdate")]
pub struct StatusUpdate {
    pub order_id: String,
    pub status: String,
}

/// Protobuf and JSON types may be mixed at will: this one is what prost generates.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OrderCreated {
    #[prost(string, tag = "1")]
    pub order_id: String,
    #[prost(string, tag = "2")]
    pub user_id: String,
    #[prost(uint64, tag = "3")]
    pub amount: u64,
}

impl prost::Name for OrderCreated {
    const NAME: &'static str = "OrderCreated";
    const PACKAGE: &'static str = "shop.v1";
}

#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
#[message(name = "shop.OrderUpdated")]
pub struct OrderUpdated {
    pub order_id: String,
    pub old_status: String,
    pub new_status: String,
}

#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
pub struct AuditLog {
    pub action: String,
    pub user_id: String,
}

// ---- OrderProcessor: takes orders and announces them ----------------------------------------------------------------

#[derive(Clone, Debug, Default, PartialEq, Message, Serialize, Deserialize)]
pub struct OrderState {
    pub orders: BTreeMap<String, Order>,
}

impl OrderState {
    fn accept(&mut self, id: String, data: OrderData) -> Result<Order> {
        if data.amount == 0 {
            return Err(Error::invalid("an order has an amount; give at least 1"));
        }
        let order = Order { id, user_id: data.user_id, amount: data.amount, status: "created".to_owned() };
        self.orders.insert(order.id.clone(), order.clone());
        Ok(order)
    }
}

/// Takes orders and announces them.
#[derive(Debug)]
pub struct OrderProcessor;

#[actor(name = "order_processor", state = OrderState)]
impl OrderProcessor {
    /// Accepts an order.
    #[action]
    async fn create_order(
        &self,
        ctx: &Context,
        mut state: OrderState,
        data: OrderData,
    ) -> Result<Value<Order, OrderState>> {
        let order = state.accept(ctx.new_id().to_string(), data)?;
        let created = OrderCreated { order_id: order.id.clone(), user_id: order.user_id.clone(), amount: order.amount };
        let audit = AuditLog { action: "order_created".to_owned(), user_id: order.user_id.clone() };
        Ok(Value::response(order)
            .state(state)
            .broadcast(Broadcast::to("order.events", created).to("audit.events", audit)))
    }

    #[action]
    fn update_order_status(&self, mut state: OrderState, update: StatusUpdate) -> Result<Value<Order, OrderState>> {
        let order = state.orders.get_mut(&update.order_id);
        let order = order.ok_or_else(|| Error::invalid(format!("there is no order {}", update.order_id)))?;
        let old_status = std::mem::replace(&mut order.status, update.status);
        let order = order.clone();
        let event = OrderUpdated { order_id: order.id.clone(), old_status, new_status: order.status.clone() };
        Ok(Value::of().response(order).state(state).broadcast(Broadcast::to(topic!("order.status"), event)))
    }

    /// Only reads: the state is borrowed, and the Value cannot change it.
    #[action]
    fn find(&self, state: &OrderState, id: String) -> Result<Value<Order>> {
        let order = state.orders.get(&id).ok_or_else(|| Error::invalid(format!("there is no order {id}")))?;
        Ok(Value::response(order.clone()))
    }
}

// ---- EmailService: keeps nothing; two handlers of one action, the payload's type picks ---------------------------

#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
pub struct EmailSent {
    pub order_id: String,
}

#[derive(Debug, Default)]
pub struct EmailService {
    pub sent: Mutex<Vec<String>>,
}

#[actor(
    name = "email_service",
    stateful = false,
    channels = [("order.events", "handle_order_event"), ("order.status", "HandleOrderEvent"), "user.>" => user_event]
)]
impl EmailService {
    #[action]
    async fn handle_order_event(&self, ctx: &Context, event: OrderCreated) -> Result<Value<EmailSent>> {
        let key = ctx.publication_id().map(|id| id.to_string()).unwrap_or_default();
        self.post(format!("order {} confirmed ({key})", event.order_id)).await?;
        Ok(Value::response(EmailSent { order_id: event.order_id }))
    }

    #[action(name = "handle_order_event")]
    async fn handle_order_update(&self, event: OrderUpdated) -> Result<Value> {
        self.post(format!("order {} is {}", event.order_id, event.new_status)).await?;
        Ok(Value::of())
    }

    /// A handler that decides nothing need not say so.
    #[action]
    async fn user_event(&self, event: AnyPayload) {
        self.sent.lock().unwrap().push(format!("user event {}", event.type_name()));
    }

    // Not an action: a method like any other.
    async fn post(&self, mail: String) -> std::io::Result<()> {
        self.sent.lock().unwrap().push(mail);
        Ok(())
    }
}

// ---- InventoryService: state changed by events ------------------------------------------------------------------------

#[derive(Clone, Debug, Default, PartialEq, Message, Serialize, Deserialize)]
pub struct InventoryState {
    pub reserved: u64,
}

#[derive(Debug)]
pub struct InventoryService;

#[actor(
    name = "inventory_service",
    state = InventoryState,
    channels = [("order.events", handle_order_event)],
    durability = snapshot("1s"),
    on_failure = park
)]
impl InventoryService {
    #[action]
    fn handle_order_event(&self, mut state: InventoryState, event: OrderCreated) -> Value<(), InventoryState> {
        state.reserved += event.amount;
        Value::of().state(state)
    }
}

// ---- UserManager: three channels at once -------------------------------------------------------------------------

#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
pub struct UserData {
    pub email: String,
    pub source: String,
}

#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
pub struct User {
    pub id: String,
    pub email: String,
}

#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
pub struct UserCreated {
    pub user_id: String,
}

#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
pub struct UserSignup {
    pub user_id: String,
    pub signup_source: String,
    pub at_ms: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Message, Serialize, Deserialize)]
pub struct UserManagerState {
    pub by_email: BTreeMap<String, String>,
}

#[derive(Debug)]
pub struct UserManager;

#[actor(name = "user_manager", state = UserManagerState)]
impl UserManager {
    #[action]
    fn create_user(
        &self,
        mut state: UserManagerState,
        ctx: &Context,
        data: UserData,
    ) -> Result<Value<User, UserManagerState>> {
        let user = User { id: ctx.new_id().to_string(), email: data.email };
        if state.by_email.insert(user.email.clone(), user.id.clone()).is_some() {
            return Err(Error::conflict(format!("{} has an account", user.email)));
        }
        let broadcast = Broadcast::to("user.events", UserCreated { user_id: user.id.clone() })
            .to(
                "analytics.events",
                UserSignup { user_id: user.id.clone(), signup_source: data.source, at_ms: ctx.now().as_millis() },
            )
            .to("audit.events", AuditLog { action: "user_created".to_owned(), user_id: user.id.clone() });
        // The profile lives in its own actor, and is told once this is committed.
        let begin = UserAggregate::at(ctx, &user.id).register(user.email.clone());
        Ok(Value::response(user).state(state).tags([("team", "growth")]).broadcast(broadcast).effect(begin))
    }
}

// ---- A user aggregate: unnamed, events by channel -----------------------------------------------------------------

#[derive(Clone, Debug, Default, PartialEq, Message, Serialize, Deserialize)]
pub struct Profile {
    pub email: String,
    pub address: String,
}

#[derive(Clone, Debug, Default, PartialEq, Message, Serialize, Deserialize)]
pub struct UpdateProfile {
    pub email: Option<String>,
    pub address: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
pub enum ProfileEvent {
    EmailChanged { email: String },
    AddressChanged { address: String },
}

impl ProfileEvent {
    fn channel(&self) -> &'static str {
        match self {
            Self::EmailChanged { .. } => "user.email",
            Self::AddressChanged { .. } => "user.address",
        }
    }
}

#[derive(Debug)]
pub struct UserAggregate;

#[actor(name = "user_aggregate", kind = unnamed, state = Profile, deactivate_timeout = "1m", mailbox = 64)]
impl UserAggregate {
    #[action]
    fn register(&self, state: Profile, email: String) -> Value<(), Profile> {
        Value::of().state(Profile { email, ..state })
    }

    #[action]
    fn update_profile(&self, mut state: Profile, update: UpdateProfile) -> Value<u32, Profile> {
        let mut events = Vec::new();
        if let Some(email) = update.email {
            state.email.clone_from(&email);
            events.push(ProfileEvent::EmailChanged { email });
        }
        if let Some(address) = update.address {
            state.address.clone_from(&address);
            events.push(ProfileEvent::AddressChanged { address });
        }
        let generated = u32::try_from(events.len()).unwrap_or(u32::MAX);
        let broadcast = events.into_iter().fold(Broadcast::new(), |all, event| all.to(event.channel(), event));
        Value::response(generated).state(state).broadcast(broadcast)
    }

    /// Answers the state; nothing is written.
    #[action]
    fn profile(&self, state: &Profile) -> Value<Profile> {
        Value::response(state.clone())
    }
}

// ---- AuditLogger: hears by pattern, takes whatever comes -------------------------------------------------------------

#[derive(Debug, Default)]
pub struct AuditLogger {
    pub lines: Mutex<Vec<String>>,
}

#[actor(name = "audit_logger", channels = ["order.>" => log, "user.*" => log, "audit.events", "security.breach" => alarm])]
impl AuditLogger {
    #[action]
    fn log(&self, ctx: &Context, event: AnyPayload) {
        let topic = ctx.publication().map(|publication| publication.topic.to_string()).unwrap_or_default();
        self.lines.lock().unwrap().push(format!("{topic} {}", event.type_name()));
    }

    /// Where a channel names no action, `receive` hears it.
    #[action]
    fn receive(&self, entry: AuditLog) {
        self.lines.lock().unwrap().push(entry.action);
    }

    #[action]
    fn alarm(&self, event: AnyPayload) -> Value {
        Value::of().broadcast(Broadcast::to("system.alerts", event))
    }
}

// ---- HealthMonitor: a timer -----------------------------------------------------------------------------------------

#[derive(Clone, Debug, Default, PartialEq, Message, Serialize, Deserialize)]
pub struct HealthState {
    pub healthy: bool,
    pub checks: u32,
}

#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
pub struct SystemAlert {
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
pub struct HealthStatusUpdate {
    pub healthy: bool,
    pub was_healthy: bool,
}

#[derive(Debug)]
pub struct HealthMonitor;

#[actor(name = "health_monitor", state = HealthState, durability = volatile)]
impl HealthMonitor {
    #[init]
    fn begin(&self, state: HealthState) -> Value<(), HealthState> {
        Value::of().state(HealthState { healthy: true, ..state })
    }

    #[action(timer = "30s", catch_up = skip)]
    async fn check_health(&self, state: HealthState) -> Value<(), HealthState> {
        let next = HealthState { healthy: state.checks.is_multiple_of(2), checks: state.checks + 1 };
        let update = HealthStatusUpdate { healthy: next.healthy, was_healthy: state.healthy };
        let alerts = match (state.healthy, next.healthy) {
            (true, false) => Broadcast::to("system.alerts", SystemAlert { message: "degraded".to_owned() }),
            (false, true) => Broadcast::to("system.alerts", SystemAlert { message: "recovered".to_owned() }),
            _ => Broadcast::new(),
        };
        Value::of().state(next).broadcast(alerts.to("health.events", update))
    }
}
