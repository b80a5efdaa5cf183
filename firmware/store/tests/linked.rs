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

/// Panics that are linked, all in the signature's crate, which checks every index into its fixed-size arrays. None can be
/// reached: lengths are fixed by types (a key of 32 bytes, a signature of 64, a message of 72, blocks of 128), indices run
/// over constant ranges, and the only index that depends on data, into tables of 8 points, is half of a digit of
/// `slide`, which keeps digits between -15 and 15.
const KNOWN: [(&str, &str); 4] = [
    ("ed25519_compact::edwards25519::GeP2::slide", "bits 0..256 of a scalar of 32 or 64 bytes"),
    ("ed25519_compact::sha512::", "words 0..16 of a block"),
    ("ed25519_compact::ed25519::", "halves of the signature"),
    ("mote_store::verify::is_signed", "`PublicKey::verify` is inlined here; the function holds nothing else"),
];

#[test]
fn the_only_panics_are_checks_of_constant_indices_in_the_signature() {
    let reached = Archive::read(&linked()).unwrap().reach("mote_store_linked").unwrap();
    assert!(reached.names.len() > 20, "the walk found only {:?}", reached.names);
    let found: Vec<_> = reached.names.iter().filter(|name| is_allocator(name)).collect();
    assert!(found.is_empty(), "{found:?}");
    for (site, n) in &reached.panic_sites {
        let (function, panic) = (&site.function, &site.panic);
        let is_index = panic.ends_with("panic_bounds_check") || panic.ends_with("slice_index_fail");
        let known = KNOWN.iter().any(|(start, _)| function.starts_with(start));
        assert!(is_index && known, "{function} -> {panic} x{n} is new");
        println!("{function} -> {panic} x{n}");
    }
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
