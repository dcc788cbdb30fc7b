//! `callboard demo`: the order system.

use crate::arguments::Demo;
use crate::exit::{Exit, Failure};
use crate::output::Output;

#[expect(clippy::unused_async, reason = "the order system is started here")]
pub(crate) async fn run(_options: Demo, _output: &mut Output) -> Result<(), Failure> {
    Err(Failure::new(Exit::Start, "the order system is not part of this build yet"))
}
