//! `callboard demo`: the order system of `examples/shop` with its doors open.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use callboard::System;
use callboard_example_shop::Shop;
use callboard_node::config::LogConfig;
use callboard_node::{AuthConfig, GatewayConfig, GatewayError, NodeError, telemetry};
use serde_json::json;

use crate::arguments::Demo;
use crate::exit::{Exit, Failure};
use crate::output::{Output, Style};
use crate::process::Signals;

mod advice;

/// How long accepted work may take to end.
const STOP_WITHIN: Duration = Duration::from_secs(10);

pub(crate) async fn run(options: Demo, output: &mut Output) -> Result<(), Failure> {
    let Demo { data, listen } = options;
    // What is worth knowing stands on the screen already; the log says what went wrong.
    let log = LogConfig { filter: "warn".to_owned(), ..LogConfig::default() };
    telemetry::install_logs(&log).map_err(start_failure)?;
    // What comes while the demo starts or greets is heard, and drains it.
    let mut signals = Signals::listen()?;
    let shop = Shop::at(&data);
    let system = start(&shop, listen, GatewayConfig::default()).await?;
    if let Err(error) = shop.check().await {
        system.stop(STOP_WITHIN).await;
        return Err(start_failure(error));
    }
    let address = system.address().map(reachable).ok_or_else(|| start_failure("the demo has no doors"))?;
    greet(output, address, &data)?;
    tokio::select! {
        biased;
        () = signals.asked() => {}
        ended = system.run_until_signal() => return Ok(ended?),
    }
    if !output.is_json() {
        output.line("\nStopping: what was accepted is brought to its end.")?;
    }
    tokio::select! {
        () = system.stop(STOP_WITHIN) => Ok(()),
        () = signals.asked() => Err(Failure::new(Exit::Failed, "stopped before accepted work had ended")),
    }
}

/// Starts the shop, open to everybody; the gateway refuses that on an address that others reach. The usual port may be taken by anything; only an address that was asked for has to be the one.
async fn start(shop: &Shop, asked: Option<SocketAddr>, usual: GatewayConfig) -> Result<System, Failure> {
    let free = SocketAddr::new(usual.listen.ip(), 0);
    let open = |config: GatewayConfig| shop.system().gateway(config.with_auth(AuthConfig::open()));
    match open(asked.map_or(usual, GatewayConfig::on)).start().await {
        Err(NodeError::Gateway(GatewayError::AddressInUse(_))) if asked.is_none() => {
            open(GatewayConfig::on(free)).start().await.map_err(start_failure)
        }
        started => started.map_err(start_failure),
    }
}

fn greet(output: &mut Output, address: SocketAddr, data: &Path) -> Result<(), Failure> {
    let (url, pid) = (format!("http://{address}"), std::process::id());
    if output.is_json() {
        // Programs may stand in another folder.
        let data = std::path::absolute(data).unwrap_or_else(|_| data.to_owned()).display().to_string();
        return output.object(&json!({ "http": url, "grpc": address.to_string(), "data": data, "pid": pid }));
    }
    let title = output.paint(Style::Bold, "The order system is open.");
    let shown = output.paint(Style::Bold, &url);
    output.line(&format!(
        "{title}\n\n  HTTP/JSON  {shown}\n  gRPC       {address}, with reflection\n  data       {}\n  process    {pid}\n\n\
         Try this in another terminal:\n",
        folder(data),
    ))?;
    for advice in advice::all(address, data, pid) {
        let what = output.paint(Style::Name, &advice.what);
        output.line(&format!("  {what}\n    {}\n", advice.command.replace('\n', "\n    ")))?;
    }
    output.line("Ctrl-C stops it.")
}

/// A folder, so that one sees that it is one.
fn folder(data: &Path) -> String {
    let plain = data.is_relative() && !data.starts_with(".") && !data.starts_with("..");
    if plain { Path::new(".").join(data).display().to_string() } else { data.display().to_string() }
}

/// An address that clients can connect to: "all of this machine" is none.
fn reachable(address: SocketAddr) -> SocketAddr {
    use std::net::{Ipv4Addr, Ipv6Addr};
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, v6.port()).into(),
        address => address,
    }
}

fn start_failure(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Start, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn when_the_usual_port_is_taken_a_free_one_is_taken_unless_one_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = other.local_addr().unwrap();
        let shop = Shop::at(folder.path());
        let failure = start(&shop, Some(taken), GatewayConfig::default()).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::Start);
        let system = start(&shop, None, GatewayConfig::on(taken)).await.unwrap();
        let address = system.address().unwrap();
        assert!(address.ip().is_loopback() && address != taken);
        system.stop(STOP_WITHIN).await;
    }

    #[test]
    fn an_address_that_means_all_of_this_machine_is_shown_as_one_to_connect_to() {
        for (listen, shown) in
            [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("10.0.0.1:1", "10.0.0.1:1"), ("[::1]:1", "[::1]:1")]
        {
            assert_eq!(reachable(listen.parse().unwrap()), shown.parse().unwrap());
        }
    }
}
