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

/// What asks the process to end: Ctrl-C, or SIGTERM. From the moment it is made, these end nothing by themselves.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
}

impl Signals {
    /// Begins to listen. Make it before anything is announced: whoever reads the announcement may ask.
    #[cfg(unix)]
    pub(crate) fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Begins to listen. Make it before anything is announced: whoever reads the announcement may ask.
    #[cfg(windows)]
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    /// Waits until the process is asked to end, also if that was before; then, for the next time. *Cancel safety*: nothing is lost.
    pub(crate) async fn asked(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(windows)]
        self.interrupt.recv().await;
    }
}
