//! What to try with the order system: command lines to paste into a POSIX shell.

use std::net::SocketAddr;
use std::path::Path;

use callboard_node::GatewayConfig;

/// Something to try.
#[derive(Debug)]
pub(super) struct Advice {
    /// What it does.
    pub(super) what: String,
    /// The command, perhaps over several lines.
    pub(super) command: String,
}

/// Everything to try, in an order in which it makes sense.
pub(super) fn all(address: SocketAddr, data: &Path, pid: u32) -> Vec<Advice> {
    let http = format!("http://{address}");
    let post = |path: &str, header: &str, body: &str| {
        format!(
            "curl -w '\\n' {http}/v1/actors/{path} \\\n  -H 'content-type: application/json'{header} \\\n  -d '{body}'"
        )
    };
    let advise = |what: &str, command: String| Advice { what: what.to_owned(), command };
    let order = r#"{"orderId":"ord_1","userId":"user_1","amount":10.5,"items":[{"sku":"tea","quantity":2}]}"#;
    let second = r#"{"orderId":"ord_2","userId":"user_1","amount":7,"items":[{"sku":"cup"}]}"#;
    let status = r#"{"orderId":"ord_1","status":"paid"}"#;
    let user = r#"{"email":"ada@example.org","source":"web"}"#;
    let mail = quoted(&data.join("mail.log").display().to_string());
    vec![
        advise(
            "Create an order. Again, it is the same order; with another amount, a conflict.",
            post("order_processor/create_order", "", order),
        ),
        advise("Set its status.", post("order_processor/update_order_status", "", status)),
        advise("Find an order, however old.", post("order_processor/find_order", "", r#"{"orderId":"ord_1"}"#)),
        advise(
            "Create another one over gRPC.",
            format!(
                "grpcurl -plaintext \\\n  -d '{{\"actor\":\"order_processor\",\"action\":\"create_order\",\"payload\":{{\"json\":\n    \
                 {second}}}}}' \\\n  {address} callboard.v1.Actors/Invoke"
            ),
        ),
        advise(
            "Create a user. Three topics hear of it; the key makes it happen once.",
            post("user_manager/create_user", " -H 'idempotency-key: signup-1'", user),
        ),
        advise(
            "Follow the orders from the beginning. Ctrl-C ends it.",
            format!("curl -N '{http}/v1/topics/order.*?from=beginning'"),
        ),
        advise("Look at a state.", format!("curl -w '\\n' {http}/v1/actors/inventory_service")),
        advise("See who hears a topic.", format!("curl -w '\\n' {http}/v1/system/explain/order.events")),
        advise("The same with this program.", program(address)),
        advise("Read the mail that was sent.", format!("cat {mail}")),
        advise(
            "Pull the plug, at any moment. Start it again: all that was acknowledged is there, each mail was sent once.",
            format!("kill -9 {pid}"),
        ),
    ]
}

/// This program, as it was called.
fn program(address: SocketAddr) -> String {
    let name = std::env::args_os().next().and_then(|name| name.into_string().ok());
    let name = quoted(name.as_deref().unwrap_or("callboard"));
    let url =
        if address == GatewayConfig::default().listen { String::new() } else { format!(" --url http://{address}") };
    format!("{name}{url} explain order.events\n{name}{url} tail 'order.>' --from beginning")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_means_to_a_shell_what_it_says() {
        assert_eq!(quoted("data/mail.log"), "data/mail.log");
        assert_eq!(quoted("my data/mail.log"), "'my data/mail.log'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
