//! The node: everything of this world on one embedded store, with the doors open.

use std::path::Path;
use std::time::Duration;

use callboard::system::SystemBuilder;
use callboard::{External, Gateway, Sqlite, System, durable};
use serde::{Deserialize, Serialize};

use crate::journal::{self, Journal};
use crate::{account, gauge, guest, ledger, listener, mill, picky, recorder, stubborn, ticker};

/// The one line that a node writes to its standard output once it takes clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Where it listens.
    pub address: std::net::SocketAddr,
    /// Its process.
    pub pid: u32,
}

/// Topics of which little is kept, so that housekeeping has something to do. Durable subscribers hear them all the same.
pub const SHORT_LIVED: &[&str] = &["clock.events", "gauge.events"];

/// How many publications of those are kept.
pub const SHORT_LIVED_LEN: u64 = 20;

/// A node with its data in a folder and its journal in a file.
///
/// # Errors
/// When the journal cannot be opened.
pub fn node(data: &Path, journal: &Path, listen: &str) -> std::io::Result<SystemBuilder> {
    let journal = Journal::open(journal)?;
    let mut builder = System::builder("crash")
        .store(Sqlite::at(data))
        .actor(account::Accounts)
        .actor(ledger::Ledger)
        .actor(listener::Listener)
        .actor(gauge::Gauge)
        .actor(ticker::Ticker)
        .actor(mill::Mill)
        .actor(picky::Picky)
        .actor(stubborn::Stubborn)
        .actor(guest::Guest)
        .external_subscriber(External::subscriber(journal::PATTERN, journal).named(journal::NAME))
        .gateway(Gateway::on(listen).open());
    for recorder in recorder::ALL {
        builder = builder.actor(*recorder);
    }
    for topic in SHORT_LIVED {
        builder = builder.topic(topic, durable(Duration::from_secs(3600), SHORT_LIVED_LEN));
    }
    Ok(builder)
}
