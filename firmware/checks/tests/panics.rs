//! Which panics are linked, and are they all known?

use mote_firmware_checks::{
    Archive, Reached, Site, build_board, build_engine_run, emulated_boards, firmware_folder, is_allocator, is_panic,
    names,
};
use std::collections::BTreeSet;

/// The least and the most capable instruction set of the emulated Cortex-M boards, and the portable kernels on RISC-V.
const TARGETS: [&str; 3] = ["thumbv6m-none-eabi", "thumbv7em-none-eabihf", "riscv32imac-unknown-none-elf"];

/// Entries of `panic-sites.txt` for one image: everything up to ` -- `, behind `<image>: `.
fn known(image: &str) -> BTreeSet<String> {
    let path = firmware_folder().join("panic-sites.txt");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let entries = lines.map(|line| {
        let (entry, reason) = line.split_once(" -- ").unwrap_or_else(|| panic!("`{line}` gives no reason"));
        assert!(!reason.trim().is_empty(), "`{line}` gives no reason");
        entry
    });
    entries.filter_map(|entry| entry.strip_prefix(image)?.strip_prefix(": ")).map(str::to_owned).collect()
}

fn expect_known(image: &str, found: &BTreeSet<String>) {
    let known = known(image);
    let new: Vec<_> = found.difference(&known).collect();
    let gone: Vec<_> = known.difference(found).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "{image}: {} panic sites\nnot in firmware/panic-sites.txt: {new:#?}\nin the file but no longer linked: {gone:#?}",
        found.len()
    );
    println!("{image}: {} panic sites, all known", found.len());
}

fn reach(root: &str, target: &str) -> Reached {
    let library = build_engine_run(target).unwrap_or_else(|error| panic!("{error}"));
    Archive::read(&library).unwrap().reach(root).expect("the root function is in the library")
}

#[test]
fn a_function_that_can_panic_is_found() {
    for target in TARGETS {
        let sites = reach("mote_control", target).panic_sites;
        assert!(sites.keys().any(|site| site.function == "mote_control"), "{sites:?}");
    }
}

#[test]
fn every_panic_that_engine_run_can_reach_is_known() {
    for target in TARGETS {
        let reached = reach("mote_engine_run", target);
        assert!(reached.names.len() > 5, "the walk found only {:?}", reached.names);
        let sites = reached.panic_sites.iter();
        let sites = sites.map(|(Site { function, panic }, n)| format!("{function} -> {panic} x{n}"));
        expect_known(&format!("engine-run {target}"), &sites.collect());
    }
}

#[test]
fn engine_run_cannot_reach_an_allocator() {
    for target in TARGETS {
        let names = reach("mote_engine_run", target).names;
        let found: Vec<_> = names.into_iter().filter(|name| is_allocator(name)).collect();
        assert!(found.is_empty(), "{target}: {found:?}");
    }
}

#[test]
fn every_panic_function_in_the_reference_image_is_known() {
    let image = build_board("qemu-mps2-an386").unwrap_or_else(|error| panic!("{error}"));
    let found = names(&image).unwrap().into_iter().filter(|name| is_panic(name)).collect();
    expect_known("qemu-mps2-an386", &found);
}

#[test]
fn no_image_has_an_allocator() {
    for board in emulated_boards().unwrap() {
        let image = build_board(&board).unwrap_or_else(|error| panic!("{error}"));
        let found: Vec<_> = names(&image).unwrap().into_iter().filter(|name| is_allocator(name)).collect();
        assert!(found.is_empty(), "{board}: {found:?}");
    }
}
