//! The program's page, from a node that runs.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

use std::time::Duration;

use callboard_example_campaign::Table;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_page_its_scripts_and_its_people_are_served_and_tokens_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let table = Table::at(folder.path());
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let system = table.with_page("127.0.0.1:0").unwrap().start().await.unwrap();
        let address = system.address().unwrap();
        let page = get(address, "/campaign").await;
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("content-type: text/html"), "{page}");
        for script in ["/campaign/page.js", "/campaign/actioncable.esm.js", "/campaign/table.js"] {
            let script = get(address, script).await;
            assert!(script.starts_with("HTTP/1.1 200") && script.contains("content-type: text/javascript"), "{script}");
        }
        let people = get(address, "/campaign/table.js").await;
        assert!(people.contains(r#""name":"ann""#) && people.contains(r#""campaign":7"#), "{people}");
        system.stop(Duration::from_secs(5)).await;
        tokens.push(std::fs::read(table.folder().join("tokens.secret")).unwrap());
    }
    assert_eq!(tokens[0], tokens[1]);
}
