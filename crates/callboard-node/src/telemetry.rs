//! Logs and metrics of a process: [`install_logs`], [`Metrics`].

use std::io::IsTerminal as _;
use std::sync::OnceLock;
use std::time::Duration;

use callboard_core::Name;
use callboard_store_sqlite::StoreStats;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogConfig, LogFormat};

mod names;

/// Why telemetry cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("{filter:?} is not a log filter: {why}; write e.g. info or warn,callboard_runtime=debug")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        why: String,
    },
    /// Somebody else's recorder is installed in this process.
    #[error(
        "another metrics recorder is installed in this process; leave callboard's metrics out, or install it first"
    )]
    Recorder,
}

/// Checks a filter without using it.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn check_filter(filter: &str) -> Result<(), TelemetryError> {
    read_filter(filter).map(drop)
}

fn read_filter(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder()
        .parse(filter)
        .map_err(|error| TelemetryError::Filter { filter: filter.to_owned(), why: error.to_string() })
}

/// Sends this process's spans and events to standard error. A subscriber that is there already stays, and gets them instead.
///
/// # Errors
/// When the filter cannot be read.
pub fn install_logs(config: &LogConfig) -> Result<(), TelemetryError> {
    let registry = tracing_subscriber::registry().with(read_filter(&config.filter)?);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // Only one subscriber can be the process's; being second is no failure.
    let _ = match config.format {
        LogFormat::Human => registry.with(layer.with_ansi(colours_wanted())).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    Ok(())
}

fn colours_wanted() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The metrics of this process. Cheap to clone.
///
/// The `metrics` facade that the crates record through has one recorder per process, so nodes of one process share it.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

static INSTALLED: OnceLock<Option<Metrics>> = OnceLock::new();

/// Recorded samples are folded into buckets this often, also when nobody asks for them, so that they do not pile up.
const UPKEEP: Duration = Duration::from_secs(5);

impl Metrics {
    /// Installs the recorder; later calls in the same process return the same one.
    ///
    /// # Errors
    /// When somebody else's recorder was there first.
    pub fn install() -> Result<Self, TelemetryError> {
        INSTALLED.get_or_init(|| Self::first().ok()).clone().ok_or(TelemetryError::Recorder)
    }

    fn first() -> Result<Self, Box<dyn std::error::Error>> {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
            .set_buckets_for_metric(Matcher::Suffix("_batches".to_owned()), COUNTS)?
            .install_recorder()?;
        names::describe();
        let kept = handle.clone();
        std::thread::Builder::new().name("callboard-metrics".to_owned()).spawn(move || {
            loop {
                std::thread::sleep(UPKEEP);
                kept.run_upkeep();
            }
        })?;
        Ok(Self(handle))
    }

    /// All metrics in the Prometheus text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }
}

/// Hands on what the embedded store of a system has counted.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a double; a log of 2^53 bytes fits no disk")]
pub(crate) fn record_store(system: &Name, stats: &StoreStats) {
    let system = || system.to_string();
    metrics::counter!(names::STORE_FLUSHES, "system" => system()).absolute(stats.commits);
    metrics::counter!(names::STORE_FLUSH_MICROSECONDS, "system" => system()).absolute(stats.flush_micros);
    metrics::counter!(names::STORE_REFUSED, "system" => system()).absolute(stats.refused);
    metrics::gauge!(names::STORE_LOG_BYTES, "system" => system()).set(stats.wal_bytes as f64);
    metrics::gauge!(names::STORE_READ_ONLY, "system" => system()).set(f64::from(u8::from(stats.is_read_only)));
}

// From what a memory-only turn takes to the default deadline of a call.
const SECONDS: &[f64] =
    &[0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0];
// Up to the most batches of one commit.
const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telemetry_can_be_installed_twice_in_one_process() {
        let config = LogConfig { format: LogFormat::Json, filter: "off".to_owned() };
        install_logs(&config).unwrap();
        install_logs(&config).unwrap();
        let (first, second) = (Metrics::install().unwrap(), Metrics::install().unwrap());
        metrics::counter!("callboard_turns_total", "actor" => "clerk", "outcome" => "ok").increment(2);
        for metrics in [first, second] {
            let text = metrics.render();
            assert!(text.contains("callboard_turns_total{actor=\"clerk\",outcome=\"ok\"} 2"), "{text}");
            assert!(text.contains("# HELP callboard_turns_total"), "{text}");
        }
    }

    #[test]
    fn a_wrong_filter_says_how_to_write_one() {
        let wrong = LogConfig { filter: "callboard=loud".to_owned(), ..LogConfig::default() };
        assert!(install_logs(&wrong).unwrap_err().to_string().contains("warn,callboard_runtime=debug"));
    }
}
