//! A sign of life on standard error while something takes long, if somebody looks at it.

use std::future::Future;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

/// What takes no longer needs no sign.
const SILENCE: Duration = Duration::from_millis(400);
const TICK: Duration = Duration::from_millis(120);
const FRAMES: [&str; 4] = ["|", "/", "-", "\\"];

/// Waits for `work`; on a terminal it shows `text` while that takes long, and removes it afterwards.
pub(crate) async fn waiting<T>(text: &str, work: impl Future<Output = T>) -> T {
    let mut err = io::stderr();
    if !err.is_terminal() {
        return work.await;
    }
    let mut work = std::pin::pin!(work);
    let mut pause = SILENCE;
    for frame in FRAMES.iter().cycle() {
        if let Ok(done) = tokio::time::timeout(pause, &mut work).await {
            if pause == TICK {
                let _ = write!(err, "\r\u{1b}[K");
            }
            return done;
        }
        let _ = write!(err, "\r{frame} {text}");
        let _ = err.flush();
        pause = TICK;
    }
    work.await
}
