//! What link, store, runtime and service cost together on a device, and whether they can panic there.

use mote_firmware_checks::{Archive, Reached, firmware_folder, is_allocator};
use std::process::Command;

const TARGET: &str = "thumbv7em-none-eabihf";
/// Bytes of flash for everything but drivers and vector table, with the kernels of convolutional networks.
const FLASH_BYTES: u64 = 64 * 1024;
/// Bytes of RAM between two requests, besides arena and times.
const RAM_BYTES: u64 = 3 * 1024;

fn linked() -> Vec<u8> {
    let target_folder = firmware_folder().join("target");
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--locked", "--quiet", "-p", "mote-service-linked", "--target", TARGET]);
    command.arg("--target-dir").arg(&target_folder).current_dir(firmware_folder());
    for variable in
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET", "MOTE_OPS"]
    {
        command.env_remove(variable);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(target_folder.join(TARGET).join("release/libmote_service_linked.a")).unwrap()
}

fn reach(library: &[u8], root: &str) -> Reached {
    Archive::read(library).unwrap().reach(root).unwrap_or_else(|| panic!("no {root}"))
}

/// The signature's crate checks indices that cannot be out of range; the same test of `mote-store` says why. Its check is inlined
/// into `is_signed`, which holds nothing else.
fn is_signature(function: &str) -> bool {
    function.starts_with("ed25519_compact::") || function.starts_with("mote_store::verify::is_signed")
}

#[test]
fn nothing_but_the_signature_can_panic_and_nothing_allocates() {
    let library = linked();
    assert!(!reach(&library, "mote_control").panic_sites.is_empty(), "a function that can panic is not found");
    let reached = reach(&library, "mote_service_linked");
    assert!(reached.names.len() > 50, "the walk found only {:?}", reached.names);
    let found: Vec<_> = reached.names.iter().filter(|name| is_allocator(name)).collect();
    assert!(found.is_empty(), "{found:?}");
    let only_indices = |panic: &str| panic.ends_with("panic_bounds_check") || panic.ends_with("slice_index_fail");
    assert!(reached.panic_sites.keys().all(|site| only_indices(&site.panic)), "{:#?}", reached.panic_sites);

    let archive = Archive::read(&library).unwrap();
    let rest = archive.reach_without("mote_service_linked", &is_signature).unwrap();
    assert!(rest.names.iter().any(|name| is_signature(name)), "the signature has another name: {:?}", rest.names);
    assert!(rest.panic_sites.is_empty(), "{:#?}", rest.panic_sites);
}

#[test]
fn everything_together_fits_its_budget() {
    let library = linked();
    let [all, runtime, store] =
        ["mote_service_linked", "mote_service_runtime", "mote_service_store"].map(|root| reach(&library, root).bytes);
    let ram = reach(&library, "MOTE_SERVICE_RAM").bytes;
    println!("flash {all}: runtime {runtime}, store {}, link and service {}", store - runtime, all - store);
    println!("RAM {ram} besides arena, times and stack");
    assert!(all <= FLASH_BYTES, "{all} bytes of flash");
    assert!(ram <= RAM_BYTES, "{ram} bytes of RAM");
}
