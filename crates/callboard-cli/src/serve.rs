//! `callboard serve`.
use crate::arguments::Serve;
use crate::exit::{Exit, Failure};
use crate::output::Output;
pub(crate) async fn run(_options: Serve, _output: &mut Output) -> Result<(), Failure> {
    crate::process::asked_to_end().await?;
    Err(Failure::new(Exit::Start, "x"))
}
