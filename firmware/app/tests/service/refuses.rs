//! What is refused, each with its own reason, and the model that runs goes on answering.

use crate::networks::{negation, signed_negation};
use crate::rig::{ARENA_BYTES, Rig};
use crate::support::models;
use crate::{expect_runs, update};
use mote_firmware_app::service::{Doing, refusal};
use mote_link::host::LinkError;
use mote_link::{Handler, Refusal, WriteBegin};
use mote_runtime::{EngineError, LoadError};
use mote_store::Error;

/// Version 5 runs; version 5 still runs afterwards, at once and after a restart.
#[track_caller]
fn refused(file: &[u8], expected: Refusal) {
    let rig = Rig::new();
    let running = signed_negation(5);
    update(&rig, 0, &running);
    let mut host = rig.host();
    assert_eq!(host.write(1, file, &mut |_| {}), Err(LinkError::Refused(expected)));
    expect_runs(&mut host, &running);
    assert_eq!(host.activate(1), Err(LinkError::Refused(Refusal::SlotNotValid)));
    host.reboot().unwrap();
    expect_runs(&mut host, &running);
    let good = models::signed(6, 100);
    update(&rig, 1, &good);
    expect_runs(&mut rig.host(), &good);
}

#[test]
#[cfg(not(feature = "unsigned"))]
fn unsigned() {
    refused(&models::unsigned(6, 100), Refusal::Unsigned);
}

#[test]
fn wrongly_signed() {
    refused(&models::sign(&models::unsigned(6, 100), 99), Refusal::BadSignature);
}

#[test]
fn corrupted_before_it_was_sent() {
    let mut file = models::signed(6, 100);
    file[700] ^= 1;
    refused(&file, Refusal::Load(LoadError::Checksum { data: true }.numbers()));
    let good = models::signed(6, 100);
    let at = good.len() - 200;
    refused(&models::patched(&good, at, &[good[at] ^ 1]), Refusal::Checksum);
}

#[test]
fn corrupted_on_the_way() {
    let rig = Rig::new();
    let running = signed_negation(5);
    update(&rig, 0, &running);
    let mut file = models::signed(6, 100);
    let sha256 = models::sha256(&file);
    file[700] ^= 1;
    let mut world = rig.0.borrow_mut();
    let firmware = world.firmware();
    firmware.write_begin(&WriteBegin { slot: 1, length: file.len() as u32, sha256 }).unwrap();
    firmware.write_chunk(0, &file).unwrap();
    assert_eq!(firmware.write_end(), Err(Refusal::Checksum));
    drop(world);
    expect_runs(&mut rig.host(), &running);
}

#[test]
fn truncated() {
    let numbers = LoadError::Truncated { needed: 1212, got: 900 }.numbers();
    refused(&models::signed(6, 100)[..900], Refusal::Load(numbers));
    refused(&models::signed(6, 100)[..80], Refusal::Incomplete { needed: 88, got: 80 });
}

#[test]
fn too_large_for_a_slot() {
    let file = models::signed(6, 4000);
    refused(&file, Refusal::TooLarge { needed: file.len() as u32, got: 4096 });
}

#[test]
fn too_large_for_the_arena() {
    let file = models::sign(&negation(6, 4000), models::SEED);
    let numbers = EngineError::ArenaTooSmall { needed: 4000, got: ARENA_BYTES as u32 }.numbers();
    refused(&file, Refusal::Engine(numbers));
}

#[test]
fn older() {
    refused(&models::signed(4, 100), Refusal::OlderVersion { found: 4, least: 5 });
}

#[test]
fn longer_than_its_header_says() {
    let mut file = models::signed(6, 100);
    let header = file.len() as u32;
    file.extend([0; 20]);
    refused(&file, Refusal::TooLarge { needed: header + 20, got: header });
}

#[test]
fn no_model_at_all() {
    refused(&[0; 200], Refusal::Load(LoadError::Magic.numbers()));
}

#[test]
fn what_is_in_use_is_neither_written_nor_erased() {
    let rig = Rig::new();
    let running = signed_negation(5);
    update(&rig, 0, &running);
    let mut host = rig.host();
    let in_use = Err(LinkError::Refused(Refusal::SlotInUse));
    assert_eq!(host.write(0, &models::signed(6, 100), &mut |_| {}), in_use);
    assert_eq!(host.erase(0), in_use);
    host.write(1, &models::signed(6, 100), &mut |_| {}).unwrap();
    host.activate(1).unwrap();
    host.activate(1).unwrap();
    assert_eq!(host.erase(1), in_use, "it is on trial");
    assert_eq!(host.write(1, &models::signed(7, 100), &mut |_| {}), in_use);
    expect_runs(&mut host, &running);
    let unknown = Err(LinkError::Refused(Refusal::SlotUnknown { slots: 2 }));
    assert_eq!(host.activate(2), unknown);
    assert_eq!(host.erase(2), unknown);
    assert_eq!(host.write(2, &models::signed(7, 100), &mut |_| {}), unknown);
}

#[test]
fn a_flash_that_fails_does_not_stop_the_model_and_the_transfer_goes_on_later() {
    let rig = Rig::new();
    let running = signed_negation(5);
    update(&rig, 0, &running);
    // A record, an erase, and some words.
    rig.0.borrow_mut().change_flash(|flash| flash.power_on(Some(400)));
    let file = models::signed(6, 1500);
    let mut host = rig.host();
    assert_eq!(host.write(1, &file, &mut |_| {}), Err(LinkError::Refused(Refusal::Flash { code: 2 })));
    expect_runs(&mut host, &running);
    rig.0.borrow_mut().change_flash(|flash| flash.power_on(None));
    let mut host = rig.host();
    expect_runs(&mut host, &running);
    let mut start = None;
    host.write(1, &file, &mut |progress| start = start.or(Some(progress.done))).unwrap();
    assert!(start.unwrap() >= 512, "{start:?}");
    update(&rig, 1, &file);
    expect_runs(&mut rig.host(), &file);
}

#[test]
fn a_device_without_a_model_takes_the_first_into_any_slot_and_keeps_what_the_other_one_holds() {
    for first in [0, 1] {
        let rig = Rig::new();
        let (file, other) = (models::signed(6, 100), models::signed(7, 100));
        let mut host = rig.host();
        host.write(first, &file, &mut |_| {}).unwrap();
        host.write(1 - first, &other, &mut |_| {}).unwrap();
        host.verify(first).unwrap();
        update(&rig, first, &file);
        expect_runs(&mut rig.host(), &file);
        rig.host().verify(1 - first).unwrap();
    }
}

#[test]
fn nothing_to_roll_back() {
    let rig = Rig::new();
    let nothing = Err(LinkError::Refused(Refusal::NothingToRollBack));
    assert_eq!(rig.host().rollback(), nothing);
    let running = signed_negation(5);
    update(&rig, 0, &running);
    let mut host = rig.host();
    assert_eq!(host.rollback(), nothing);
    expect_runs(&mut host, &running);
}

#[test]
fn no_number_of_the_store_is_lost() {
    let (a, b, c) = (0x0102_0304, 77, 5);
    let numbers = |refusal: Refusal| format!("{refusal:?}");
    for error in (0..20).filter_map(|kind| Error::from_numbers([kind, a, b, c])) {
        let text = numbers(refusal(error, Doing::Write));
        for number in error.numbers().into_iter().skip(1).filter(|&number| number != 0) {
            assert!(text.contains(&number.to_string()), "{error:?}: {text}");
        }
    }
    let all: Vec<Error> =
        (0..20).flat_map(|kind| (0..12).map(move |a| [kind, a, 0, 0])).filter_map(Error::from_numbers).collect();
    assert!(all.len() > 40, "{}", all.len());
    for doing in [Doing::Boot, Doing::Write, Doing::Verify, Doing::Activate, Doing::Rollback, Doing::Erase] {
        for &error in all.iter().filter(|error| **error != Error::Forbidden) {
            assert_ne!(refusal(error, doing), Refusal::Unsupported, "{error:?}");
        }
    }
}
