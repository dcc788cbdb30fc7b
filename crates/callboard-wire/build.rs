//! Compiles `proto/` into Rust and into the descriptor set that reflection serves. Needs no protoc.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};

const FILES: [&str; 4] = [
    "callboard/v1/payload/common.proto",
    "callboard/v1/actors.proto",
    "callboard/v1/topics.proto",
    "callboard/v1/system.proto",
];

// The well-known types that users' messages may be made of, whether or not Callboard's own messages are.
const WELL_KNOWN: [&str; 7] = [
    "google/protobuf/any.proto",
    "google/protobuf/duration.proto",
    "google/protobuf/empty.proto",
    "google/protobuf/field_mask.proto",
    "google/protobuf/struct.proto",
    "google/protobuf/timestamp.proto",
    "google/protobuf/wrappers.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(FILES.iter().chain(&WELL_KNOWN))?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;

    let set = compiler.file_descriptor_set();
    tonic_prost_build::configure()
        .bytes(".")
        .btree_map(".")
        // prost's own copies the value; this one shares it with the message that it came in.
        .extern_path(".google.protobuf.Any", "crate::pb::Any")
        .build_transport(false)
        .emit_rerun_if_changed(false)
        .compile_fds(set)?;
    Ok(())
}
