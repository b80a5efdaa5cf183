//! What is accepted, and the reason for each refusal.

mod support;

use mote_runtime::{AllOps, Fault, Kernel, Kernels, LoadError, Ops};
use mote_store::{Content, Error, Layout, LayoutError, Policy, Region, Slot, Store};
use support::{ARENA_BYTES, Flash, KEYS, LAYOUT, models, open, policy, running, send, start, update};

fn new_flash() -> Flash {
    Flash::new(LAYOUT.log.start as usize + 1024, 3)
}

/// A device that runs version 5.
fn device() -> Flash {
    let mut flash = new_flash();
    let mut store = open(&mut flash, LAYOUT).unwrap();
    update(&mut store, &models::signed(5, 300), 512).unwrap();
    flash
}

/// Refused with `expected`; what ran still runs, and a good file is taken afterwards.
#[track_caller]
fn refused(file: &[u8], expected: Error) {
    let mut flash = device();
    let mut store = open(&mut flash, LAYOUT).unwrap();
    start(&mut store).unwrap();
    assert_eq!(send(&mut store, file, 300), Err(expected));
    let slots = store.slots();
    assert!(slots[0].active && slots[0].running && !slots[1].active && !slots[1].trial, "{slots:?}");
    assert_ne!(slots[1].content, Content::Verified);
    assert_eq!(store.activate(Slot::B), Err(Error::NoModel));
    store.close();
    let mut store = open(&mut flash, LAYOUT).unwrap();
    start(&mut store).unwrap();
    assert_eq!(running(&store), models::signed(5, 300));
    update(&mut store, &models::signed(6, 300), 300).unwrap();
    assert_eq!(running(&store), models::signed(6, 300));
    assert_eq!(flash.violations, 0);
}

#[test]
#[cfg(not(feature = "unsigned"))]
fn unsigned_is_refused() {
    refused(&models::unsigned(6, 100), Error::Unsigned);
}

#[test]
#[cfg(feature = "unsigned")]
fn unsigned_is_accepted_where_that_was_asked_for() {
    let mut flash = device();
    let mut store = open(&mut flash, LAYOUT).unwrap();
    start(&mut store).unwrap();
    update(&mut store, &models::unsigned(6, 100), 300).unwrap();
    assert_eq!(running(&store), models::unsigned(6, 100));
}

#[test]
fn signature_of_another_key_is_refused() {
    refused(&models::sign(&models::unsigned(6, 100), 99), Error::WrongSignature);
}

#[test]
fn each_of_the_keys_may_sign() {
    for seed in [7, models::SEED] {
        let mut flash = device();
        let mut store = open(&mut flash, LAYOUT).unwrap();
        start(&mut store).unwrap();
        update(&mut store, &models::sign(&models::unsigned(6, 100), seed), 300).unwrap();
    }
}

#[test]
fn every_field_of_the_header_is_signed() {
    let good = models::signed(6, 100);
    // Fields that the runtime accepts with another value: version, arena, and the SHA-256 together with what it is of.
    refused(&models::patched(&good, 32, &7u32.to_le_bytes()), Error::WrongSignature);
    refused(&models::patched(&good, 36, &(ARENA_BYTES + 1).to_le_bytes()), Error::WrongSignature);
    let last = good.len() - 1;
    let mut payload = good.clone();
    payload[last] ^= 1;
    let sha256 = models::sha256(&payload[152..]);
    refused(&models::patched(&models::patched(&good, last, &[good[last] ^ 1]), 56, &sha256), Error::WrongSignature);
    // A bit of each byte in what is signed changes it.
    let signed = mote_store::signed_bytes(&good).unwrap();
    for at in (0..16).chain(32..88) {
        let mut other = good.clone();
        other[at] ^= 4;
        assert_ne!(mote_store::signed_bytes(&other), Some(signed), "byte {at}");
    }
    assert_eq!(mote_store::signed_bytes(&good[..87]), None);
}

#[test]
fn every_bit_of_the_signature_counts() {
    let good = models::signed(6, 100);
    for at in [88, 100, 119, 120, 135, 151] {
        refused(&models::patched(&good, at, &[good[at] ^ 0x10]), Error::WrongSignature);
    }
}

#[test]
fn payload_that_is_not_what_was_signed_is_refused() {
    let good = models::signed(6, 100);
    let at = good.len() - 200;
    refused(&models::patched(&good, at, &[good[at] ^ 1]), Error::Sha256);
}

#[test]
fn damage_on_the_way_is_refused() {
    let good = models::signed(6, 100);
    for at in (0..good.len()).step_by(37) {
        let mut flash = device();
        let mut store = open(&mut flash, LAYOUT).unwrap();
        start(&mut store).unwrap();
        store.begin(good.len() as u32, &models::sha256(&good)).unwrap();
        let mut damaged = good.clone();
        damaged[at] ^= 1;
        store.write(0, &damaged).unwrap();
        assert_eq!(store.finish::<AllOps>(), Err(Error::Sha256), "byte {at}");
    }
}

#[test]
fn damage_before_the_hash_was_made_is_refused() {
    let mut damaged = models::signed(6, 100);
    damaged[700] ^= 1;
    refused(&damaged, Error::Load(LoadError::Checksum { data: true }));
    refused(&models::signed(6, 100)[..900], Error::Load(LoadError::Truncated { needed: 1212, got: 900 }));
    refused(&[0; 200], Error::Load(LoadError::Magic));
}

#[test]
fn bytes_behind_the_file_are_refused() {
    let mut file = models::signed(6, 100);
    let header = file.len() as u32;
    file.extend([0; 20]);
    refused(&file, Error::Length { header, announced: header + 20 });
}

#[test]
fn too_large_is_refused_before_anything_is_erased() {
    let mut flash = device();
    let erases = flash.erases.clone();
    let mut store = open(&mut flash, LAYOUT).unwrap();
    start(&mut store).unwrap();
    assert_eq!(store.begin(4097, &[1; 32]), Err(Error::TooLarge { needed: 4097, has: 4096 }));
    assert_eq!(store.begin(87, &[1; 32]), Err(Error::Truncated { needed: 88, got: 87 }));
    assert_eq!(flash.erases, erases);
    let largest = models::signed(6, 4096 - models::signed(6, 0).len());
    assert_eq!(largest.len(), 4096);
    let mut store = open(&mut flash, LAYOUT).unwrap();
    start(&mut store).unwrap();
    update(&mut store, &largest, 4096).unwrap();
    assert_eq!(running(&store), largest);
}

#[test]
fn arena_that_the_device_does_not_have_is_refused() {
    let mut flash = new_flash();
    let policy = Policy { arena_bytes: ARENA_BYTES - 1, ..policy() };
    let mut store = Store::open(&mut flash, LAYOUT, &*KEYS, policy).unwrap();
    let refused = send(&mut store, &models::signed(1, 0), 512);
    assert_eq!(refused, Err(Error::Arena { needed: ARENA_BYTES, has: ARENA_BYTES - 1 }));
}

#[test]
fn kernels_that_the_firmware_lacks_are_a_reason() {
    enum Dense {}
    impl Ops for Dense {
        const KERNELS: Kernels = Kernels::of(&[Kernel::FullyConnected]);
    }
    let mut flash = new_flash();
    let mut store = open(&mut flash, LAYOUT).unwrap();
    let file = models::signed(1, 0);
    store.begin(file.len() as u32, &models::sha256(&file)).unwrap();
    store.write(0, &file).unwrap();
    let refused = store.finish::<Dense>();
    assert_eq!(refused, Err(Error::Load(LoadError::Instruction { index: 0, fault: Fault::Unsupported })));
}

#[test]
fn older_is_refused_and_the_same_version_is_not() {
    refused(&models::signed(4, 100), Error::Older { have: 5, got: 4 });
    let mut flash = device();
    let mut store = open(&mut flash, LAYOUT).unwrap();
    start(&mut store).unwrap();
    update(&mut store, &models::signed(5, 700), 300).unwrap();
    assert_eq!(running(&store), models::signed(5, 700));
}

#[test]
fn older_is_accepted_where_the_policy_says_so_and_the_floor_stays() {
    let mut flash = device();
    let policy = Policy { allow_downgrade: true, ..policy() };
    let mut store = Store::open(&mut flash, LAYOUT, &*KEYS, policy).unwrap();
    start(&mut store).unwrap();
    update(&mut store, &models::signed(2, 100), 300).unwrap();
    assert_eq!((running(&store), store.floor()), (models::signed(2, 100), 5));
}

#[test]
fn a_version_that_was_never_confirmed_does_not_raise_the_floor() {
    let mut flash = device();
    let mut store = open(&mut flash, LAYOUT).unwrap();
    start(&mut store).unwrap();
    update(&mut store, &models::failing(9), 300).unwrap();
    assert_eq!((running(&store), store.floor()), (models::signed(5, 300), 5));
    update(&mut store, &models::signed(6, 0), 300).unwrap();
    assert_eq!(store.floor(), 6);
}

#[test]
fn chunks_of_any_size_give_the_same_bytes() {
    let file = models::signed(6, 1234);
    for chunk in [1, 2, 3, 5, 63, 64, 511, 512, 513, 4000] {
        let mut flash = device();
        let mut store = open(&mut flash, LAYOUT).unwrap();
        start(&mut store).unwrap();
        update(&mut store, &file, chunk).unwrap();
        assert_eq!(running(&store), file, "chunks of {chunk}");
        assert_eq!(flash.violations, 0);
    }
}

#[test]
fn bytes_out_of_order_change_nothing() {
    let mut flash = device();
    let file = models::signed(6, 500);
    let mut store = open(&mut flash, LAYOUT).unwrap();
    start(&mut store).unwrap();
    assert_eq!(store.write(0, &file), Err(Error::NotReceiving));
    assert_eq!(store.finish::<AllOps>(), Err(Error::NotReceiving));
    store.begin(file.len() as u32, &models::sha256(&file)).unwrap();
    assert_eq!(store.write(0, &file[..700]), Ok(700));
    assert_eq!(store.write(0, &file[..700]), Err(Error::Offset { expected: 700, got: 0 }));
    assert_eq!(store.write(701, &file[701..]), Err(Error::Offset { expected: 700, got: 701 }));
    let (needed, has) = (700 + file.len() as u32, file.len() as u32);
    assert_eq!(store.write(700, &file), Err(Error::TooLarge { needed, has }));
    assert_eq!(store.finish::<AllOps>(), Err(Error::Truncated { needed: has, got: 700 }));
    assert_eq!(store.begin(has, &models::sha256(&file)).unwrap().offset, 700, "the host came back");
    assert_eq!(store.progress(), Some((700, has)));
    store.write(700, &file[700..]).unwrap();
    let (slot, info) = store.finish::<AllOps>().unwrap();
    assert_eq!((slot, info.version, info.length), (Slot::B, 6, has));
    assert_eq!(store.begin(has, &models::sha256(&file)).unwrap().offset, has, "all of it is there");
    assert_eq!(store.finish::<AllOps>(), Ok((slot, info)));
}

#[test]
fn a_layout_that_does_not_fit_is_refused() {
    let region = |start, len| Region { start, len };
    let layouts = [
        (Layout::consecutive(0, 4000, 1024), LayoutError::Unaligned),
        (Layout::consecutive(0, 0, 1024), LayoutError::Unaligned),
        (Layout::consecutive(0, 4096, 512), LayoutError::ShortLog),
        (Layout::consecutive(0, 4096, 4096), LayoutError::OutOfBounds),
        (Layout::consecutive(0xffff_f000, 4096, 1024), LayoutError::OutOfBounds),
        (Layout { slots: [region(0, 4096), region(3584, 4096)], log: region(8192, 1024) }, LayoutError::Overlap),
        (Layout { slots: [region(0, 4096), region(4096, 4096)], log: region(0, 1024) }, LayoutError::Overlap),
    ];
    for (layout, error) in layouts {
        assert_eq!(open(&mut new_flash(), layout).map(|_| ()), Err(Error::Layout(error)), "{layout:?}");
    }
}
