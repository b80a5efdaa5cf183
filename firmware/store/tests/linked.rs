//! What the store costs on a device, and whether it can panic there.

use mote_firmware_checks::{Archive, firmware_folder, is_allocator};
use std::process::Command;

const TARGET: &str = "thumbv7em-none-eabihf";
/// Bytes of flash for the store with SHA-256 and Ed25519.
const BUDGET_BYTES: u64 = 28 * 1024;

fn linked() -> Vec<u8> {
    let target_folder = firmware_folder().join("target");
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--locked", "--quiet", "-p", "mote-store-linked", "--target", TARGET]);
    command.arg("--target-dir").arg(&target_folder).current_dir(firmware_folder());
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET"] {
        command.env_remove(variable);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let library = target_folder.join(TARGET).join("release/libmote_store_linked.a");
    std::fs::read(library).unwrap()
}

/// Panics that are linked are all in the signature's crate, which checks every index into its fixed-size arrays. None can be
/// reached: lengths are fixed by types (a key of 32 bytes, a signature of 64, a message of 72, blocks of 128), indices run
/// over constant ranges, and the only index that depends on data, into tables of 8 points, is half of a digit of
/// `slide`, which keeps digits between -15 and 15. `PublicKey::verify` is inlined into `is_signed`, which holds nothing else.
fn is_signature(function: &str) -> bool {
    function.starts_with("ed25519_compact::") || function.starts_with("mote_store::verify::is_signed")
}

#[test]
fn the_only_panics_are_checks_of_constant_indices_in_the_signature() {
    let library = linked();
    let library = Archive::read(&library).unwrap();
    let reached = library.reach("mote_store_linked").unwrap();
    assert!(reached.names.len() > 20, "the walk found only {:?}", reached.names);
    let found: Vec<_> = reached.names.iter().filter(|name| is_allocator(name)).collect();
    assert!(found.is_empty(), "{found:?}");
    assert!(!reached.panic_sites.is_empty(), "the checks of the signature are not found");
    for (site, n) in &reached.panic_sites {
        let is_index = site.panic.ends_with("panic_bounds_check") || site.panic.ends_with("slice_index_fail");
        assert!(is_index, "{} -> {} x{n} is new", site.function, site.panic);
        println!("{} -> {} x{n}", site.function, site.panic);
    }
    let rest = library.reach_without("mote_store_linked", &is_signature).unwrap();
    assert!(rest.panic_sites.is_empty(), "{:#?}", rest.panic_sites);
}

#[test]
fn the_store_fits_its_budget() {
    let library = linked();
    let library = Archive::read(&library).unwrap();
    let with = library.reach("mote_store_linked").unwrap().bytes;
    let without = library.reach("mote_store_without").unwrap().bytes;
    println!("{with} bytes, {without} of them without the store: it takes {}", with - without);
    assert!(with - without <= BUDGET_BYTES);
}
