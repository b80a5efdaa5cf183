//! What the device's side costs in flash once it is linked, and whether it can panic.

use mote_firmware_checks::{Archive, Reached, firmware_folder, is_allocator};
use std::process::Command;

/// The least and the most capable instruction set of the emulated boards, and most bytes of code and constants there.
const TARGETS: [(&str, u64); 2] = [("thumbv6m-none-eabi", 7500), ("thumbv7em-none-eabihf", 7500)];

fn reach(root: &str, target: &str) -> Reached {
    let folder = firmware_folder();
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--locked", "--quiet", "-p", "mote-link-linked", "--target", target]);
    command.arg("--target-dir").arg(folder.join("target")).current_dir(&folder);
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET"] {
        command.env_remove(variable);
    }
    let output = command.output().expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let path = folder.join("target").join(target).join("release").join("libmote_link_linked.a");
    let library = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Archive::read(&library).unwrap().reach(root).expect("the root function is in the library")
}

#[test]
fn a_function_that_can_panic_is_found() {
    for (target, _) in TARGETS {
        assert!(!reach("mote_control", target).panic_sites.is_empty(), "{target}");
    }
}

#[test]
fn the_device_side_cannot_panic_nor_allocate_and_stays_within_its_budget() {
    for (target, budget_bytes) in TARGETS {
        let reached = reach("mote_link_feed", target);
        assert!(reached.names.len() > 5, "the walk found only {:?}", reached.names);
        assert!(reached.panic_sites.is_empty(), "{target}: {:#?}", reached.panic_sites);
        let allocators: Vec<_> = reached.names.iter().filter(|name| is_allocator(name)).collect();
        assert!(allocators.is_empty(), "{target}: {allocators:?}");
        println!("{target}: {} bytes", reached.bytes);
        assert!(reached.bytes <= budget_bytes, "{target}: {} bytes, budget {budget_bytes}", reached.bytes);
    }
}
