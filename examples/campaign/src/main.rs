//! The table as a program: `cargo run -p callboard-example-campaign [folder] [address]`.

use callboard::prelude::*;
use callboard_example_campaign::Table;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "data/campaign".to_owned());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:4000".to_owned());
    callboard::runtime().build()?.block_on(async {
        let table = Table::at(folder);
        let system = table.with_page(&address)?.start().await?;
        let address = system.address().map_or(address, |address| address.to_string());
        println!("The table is at http://{address}/campaign; open it twice. Ctrl-C stops it.");
        system.run_until_signal().await?;
        Ok(())
    })
}
