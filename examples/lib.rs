//! One pattern per folder, to copy from. All of them together, with protobuf messages, are the shop in `shop/`.

#[path = "aggregate-events/user_aggregate.rs"]
pub mod aggregate_events;
#[path = "audit-wildcards/audit_logger.rs"]
pub mod audit_wildcards;
#[path = "external-subscriber/bridge.rs"]
pub mod external_subscriber;
#[path = "health-timer/health_monitor.rs"]
pub mod health_timer;
#[path = "idempotent-calls/payments.rs"]
pub mod idempotent_calls;
#[path = "multi-channel/user_manager.rs"]
pub mod multi_channel;
#[path = "order-processor/order_processor.rs"]
pub mod order_processor;
#[path = "stateless-subscriber/email_service.rs"]
pub mod stateless_subscriber;
