//! An empty `device.x`, which cortex-m-rt's linker script includes: there are no names of interrupt handlers.
use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let folder = std::env::var("OUT_DIR").unwrap_or_default();
    if let Err(error) = std::fs::write(Path::new(&folder).join("device.x"), "") {
        panic!("{folder}/device.x: {error}");
    }
    println!("cargo:rustc-link-search={folder}");
}
