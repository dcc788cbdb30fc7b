//! The shop: the order system of the broadcast guide, and what `callboard demo` runs.
//!
//! | actor | what it does | hears | announces |
//! |---|---|---|---|
//! | [`OrderProcessor`] | takes orders | | `order.events`, `order.status` |
//! | [`FiledOrder`] | keeps an order of some age, `order/<order id>` | | |
//! | [`InventoryService`] | counts what was ordered | `order.events` | |
//! | [`EmailService`] | sends mail, each once | `order.events`, `order.status`, `user.events` | |
//! | [`AuditLogger`] | writes down what happened | `order.*`, `user.*`, `audit.>`, `security.>` | `system.alerts` |
//! | [`UserManager`] | creates users | | `user.events`, `analytics.events`, `audit.events` |
//! | [`UserAggregate`] | keeps a profile, `user_aggregate/<user id>` | | `user.profile`, `user.email`, `user.address` |
//! | [`HealthMonitor`] | checks the rest every 30 s | | `health.events`, `system.alerts` |
//!
//! Mail and audit are files of JSON lines beside the store, in which every publication stands once, whenever the process is
//! killed: see [`Journal`].

use std::path::{Path, PathBuf};

use callboard::{Sqlite, System, ephemeral};

pub mod audit_logger;
pub mod email_service;
pub mod filed_order;
pub mod health_monitor;
pub mod inventory_service;
pub mod journal;
pub mod mailer;
pub mod messages;
pub mod order_processor;
pub mod user_aggregate;
pub mod user_manager;

pub use audit_logger::AuditLogger;
pub use email_service::EmailService;
pub use filed_order::FiledOrder;
pub use health_monitor::HealthMonitor;
pub use inventory_service::InventoryService;
pub use journal::Journal;
pub use mailer::Mailer;
pub use order_processor::OrderProcessor;
pub use user_aggregate::UserAggregate;
pub use user_manager::UserManager;

/// The shop in a data folder.
#[derive(Clone, Debug)]
pub struct Shop {
    folder: PathBuf,
    mail: Journal,
    audit: Journal,
}

impl Shop {
    /// A shop that keeps everything in this folder. Nothing is opened yet.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        let (mail, audit) = (Journal::at(folder.join("mail.log")), Journal::at(folder.join("audit.log")));
        Self { folder, mail, audit }
    }

    /// The system, ready to be given doors and started.
    pub fn system(&self) -> callboard::system::SystemBuilder {
        System::builder("shop")
            .store(Sqlite::at(&self.folder))
            .descriptors(messages::DESCRIPTORS)
            .actor(OrderProcessor)
            .actor(FiledOrder)
            .actor(InventoryService)
            .actor(self.email_service())
            .actor(self.audit_logger())
            .actor(UserManager)
            .actor(UserAggregate)
            .actor(self.health_monitor())
            .topic("metrics.>", ephemeral())
    }

    /// Opens what the actors write to beside the store. Call it once the system runs: then this process owns the folder.
    ///
    /// # Errors
    /// A file that cannot be opened or written.
    pub async fn check(&self) -> std::io::Result<()> {
        self.mail.check().await?;
        self.audit.check().await
    }

    /// The mail service, with its mailer.
    #[must_use]
    pub fn email_service(&self) -> EmailService {
        EmailService { mailer: Mailer::new(self.mail.clone()) }
    }

    /// The audit logger, with its file.
    #[must_use]
    pub fn audit_logger(&self) -> AuditLogger {
        AuditLogger { journal: self.audit.clone() }
    }

    /// The health monitor, with what it checks.
    #[must_use]
    pub fn health_monitor(&self) -> HealthMonitor {
        let (folder, mail, audit) = (self.folder.clone(), self.mail.clone(), self.audit.clone());
        HealthMonitor::default()
            .with("data_folder", move || can_write(folder.clone()))
            .with("mail_log", move || check(mail.clone()))
            .with("audit_log", move || check(audit.clone()))
    }
}

async fn check(journal: Journal) -> std::io::Result<()> {
    journal.check().await
}

async fn can_write(folder: PathBuf) -> std::io::Result<()> {
    let trying = tokio::task::spawn_blocking(move || try_to_write(&folder)).await;
    trying.map_err(std::io::Error::other)?
}

fn try_to_write(folder: &Path) -> std::io::Result<()> {
    let probe = folder.join("health.probe");
    std::fs::write(&probe, "written by the health monitor\n")?;
    std::fs::remove_file(&probe)
}
