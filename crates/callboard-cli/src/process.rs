//! The process: its tokio runtime, and the signals that end it.

use tokio::runtime::{Builder, Runtime};

use crate::exit::{Exit, Failure};

/// The runtime of a node: a worker per processor.
pub(crate) fn node_runtime() -> Result<Runtime, Failure> {
    // With the default interval, tasks that another thread woke wait behind hundreds of local ones: the slowest call in a
    // thousand takes 50 ms instead of 2.
    Builder::new_multi_thread().enable_all().global_queue_interval(1).build().map_err(no_runtime)
}

/// The runtime of a client command: this thread.
pub(crate) fn client_runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread().enable_all().build().map_err(no_runtime)
}

#[expect(clippy::needless_pass_by_value, reason = "an error handler")]
fn no_runtime(error: std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("starting the runtime: {error}"))
}

/// Waits until the process is asked to end: Ctrl-C, or SIGTERM.
pub(crate) async fn asked_to_end() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
