//! Compiles `proto/` into Rust and into the descriptors by which the doors read and show JSON. Needs no protoc.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new([Path::new("proto")])?;
    compiler.include_imports(true).include_source_info(true).open_file("shop/v1/shop.proto")?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    // With its name in its type, every message can be sent, stored and announced.
    prost_build::Config::new().enable_type_names().btree_map(["."]).compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
