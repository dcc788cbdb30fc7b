//! Measurements in a fresh process of this program, whose memory nothing has touched before.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Plan, activation, memory, sockets};

/// Has a fresh process measure something on a folder, and gives its answer.
pub(crate) fn fresh<T: DeserializeOwned>(what: &str, folder: &Path, plan: Plan) -> anyhow::Result<T> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--child", what, "--stored", &plan.stored.to_string(), "--seconds", &plan.time.as_secs().to_string()])
        .arg("--folder")
        .arg(folder)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("starting a process for {what}"))?;
    if !output.status.success() {
        bail!("the process for {what} ended with {}", output.status);
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("the answer of the process for {what}"))
}

/// The fresh process's side.
pub(crate) fn answer(what: &str, folder: &Path, plan: Plan) -> anyhow::Result<()> {
    match what {
        memory::STORED => print(&memory::stored(folder)?),
        memory::VOLATILE => print(&memory::volatile()?),
        sockets::many::SERVER => sockets::many::serve(folder),
        activation::START => print(&activation::start(folder)?),
        activation::PASSIVATED => print(&activation::passivated(folder, plan)?),
        activation::COLD => print(&activation::cold(folder, plan)?),
        unknown => bail!("there is nothing to measure under the name {unknown:?}"),
    }
}

fn print(answer: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(answer)?);
    Ok(())
}
