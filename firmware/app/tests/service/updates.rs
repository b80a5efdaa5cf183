//! From one model to the next, and back.

use crate::networks::signed_negation;
use crate::rig::Rig;
use crate::support::models;
use crate::{expect_runs, update};
use mote_link::host::LinkError;
use mote_link::{Handler, Refusal, SlotState, WriteBegin};
use sha2::{Digest, Sha256};

fn states(rig: &Rig) -> [(SlotState, u32); 2] {
    let slots = rig.host().slots().unwrap();
    [0, 1].map(|slot: usize| (slots[slot].state, slots[slot].version))
}

#[test]
fn a_model_is_flashed_activated_and_computes_what_the_host_computes() {
    let rig = Rig::new();
    let mut host = rig.host();
    assert_eq!(host.model(), Err(LinkError::Refused(Refusal::NoModel)));
    let file = models::signed(1, 0);
    let mut last = 0;
    host.write(0, &file, &mut |progress| last = progress.done).unwrap();
    assert_eq!(last, file.len() as u32);
    assert_eq!(states(&rig), [(SlotState::Valid, 1), (SlotState::Empty, 0)]);
    let mut host = rig.host();
    assert_eq!(host.run(), Err(LinkError::Refused(Refusal::NoModel)), "it was not activated");
    host.activate(0).unwrap();
    assert_eq!(states(&rig), [(SlotState::Trial, 1), (SlotState::Empty, 0)]);
    let mut host = rig.host();
    host.reboot().unwrap();
    assert_eq!(rig.0.borrow().restarts, 1);
    expect_runs(&mut host, &file);
    let slot = host.slot(0).unwrap();
    assert_eq!((slot.state, slot.length), (SlotState::Active, file.len() as u32));
    assert_eq!(slot.sha256, models::sha256(&file));
    assert_eq!(host.info().unwrap().active, Some(0));
}

#[test]
fn a_newer_model_takes_over_and_rollback_returns() {
    let rig = Rig::new();
    let (first, second) = (models::signed(1, 0), signed_negation(2));
    update(&rig, 0, &first);
    update(&rig, 1, &second);
    let mut host = rig.host();
    expect_runs(&mut host, &second);
    assert_eq!(host.info().unwrap().least_version, 2);
    assert_eq!(states(&rig), [(SlotState::Valid, 1), (SlotState::Active, 2)]);
    let mut host = rig.host();
    host.rollback().unwrap();
    expect_runs(&mut host, &second);
    host.reboot().unwrap();
    expect_runs(&mut host, &first);
    assert_eq!(states(&rig), [(SlotState::Active, 1), (SlotState::Valid, 2)]);
    // The newer one is still there, and was confirmed.
    let mut host = rig.host();
    host.activate(1).unwrap();
    host.reboot().unwrap();
    expect_runs(&mut host, &second);
}

#[test]
fn a_model_that_fails_its_self_test_goes_back_by_itself() {
    let rig = Rig::new();
    let first = models::signed(1, 0);
    update(&rig, 0, &first);
    update(&rig, 1, &models::failing(2));
    let mut host = rig.host();
    expect_runs(&mut host, &first);
    assert_eq!(states(&rig), [(SlotState::Active, 1), (SlotState::Bad, 0)]);
    let mut host = rig.host();
    let log = host.log(0).unwrap();
    let text = String::from_utf8(log.bytes.clone()).unwrap();
    assert_eq!(text, "trial 1 2\ntrial failed 16 0 0 1\nboot 0 1\n");
    assert_eq!(host.log(log.next()).unwrap().bytes, []);
    assert_eq!(host.info().unwrap().least_version, 1, "it was never confirmed");
    assert_eq!(host.activate(1), Err(LinkError::Refused(Refusal::SlotNotValid)));
}

#[test]
fn a_first_model_that_fails_leaves_a_device_that_takes_another() {
    let rig = Rig::new();
    update(&rig, 0, &models::failing(1));
    assert_eq!(rig.host().model(), Err(LinkError::Refused(Refusal::NoModel)));
    let good = models::signed(1, 0);
    update(&rig, 0, &good);
    expect_runs(&mut rig.host(), &good);
}

#[test]
fn a_transfer_goes_on_after_a_break_of_the_line() {
    let rig = Rig::new();
    update(&rig, 0, &models::signed(1, 0));
    let file = models::signed(2, 2000);
    for breaks_after in [0, 60, 700, 1300, 2500] {
        rig.0.borrow_mut().breaks_after = Some(breaks_after);
        let before = rig.0.borrow().reconnects;
        let mut host = rig.host();
        host.write(1, &file, &mut |_| {}).unwrap();
        assert_eq!(rig.0.borrow().reconnects, before + 1, "{breaks_after}");
        host.erase(1).unwrap();
    }
    update(&rig, 1, &file);
    expect_runs(&mut rig.host(), &file);
}

#[test]
fn a_transfer_goes_on_after_host_or_device_were_gone() {
    for device_restarts in [false, true] {
        let rig = Rig::new();
        let first = models::signed(1, 0);
        update(&rig, 0, &first);
        let file = models::signed(2, 2000);
        (rig.0.borrow_mut().breaks_after, rig.0.borrow_mut().dead) = (Some(2000), false);
        let mut host = rig.host();
        let mut done = 0;
        let dead = rig.clone();
        let outcome = host.write(1, &file, &mut |progress| {
            done = progress.done;
            if done > 1000 {
                dead.0.borrow_mut().dead = true;
            }
        });
        assert!(matches!(outcome, Err(LinkError::Transport(_))), "{outcome:?}");
        assert!(done > 1000, "{done}");
        rig.0.borrow_mut().dead = false;
        rig.0.borrow_mut().breaks_after = None;
        if device_restarts {
            rig.0.borrow_mut().restart();
        }
        // The model that runs is not disturbed by what lies half finished beside it.
        expect_runs(&mut rig.host(), &first);
        let mut start = None;
        rig.host().write(1, &file, &mut |progress| start = start.or(Some(progress.done))).unwrap();
        assert!(start.unwrap() >= 512, "{start:?} after {done}");
        update(&rig, 1, &file);
        expect_runs(&mut rig.host(), &file);
    }
}

#[test]
fn the_model_runs_between_two_chunks_of_the_next() {
    let rig = Rig::new();
    let first = signed_negation(1);
    update(&rig, 0, &first);
    let file = models::signed(2, 900);
    let mut world = rig.0.borrow_mut();
    let firmware = world.firmware();
    let sha256 = Sha256::digest(&file).into();
    assert_eq!(firmware.write_begin(&WriteBegin { slot: 1, length: file.len() as u32, sha256 }), Ok(0));
    for (index, chunk) in file.chunks(300).enumerate() {
        firmware.write_chunk(index as u32 * 300, chunk).unwrap();
        let input = [index as u8; 40];
        firmware.input_begin(0, 40).unwrap();
        firmware.input(0, 0, &input).unwrap();
        firmware.run().unwrap();
        assert_eq!(firmware.output(0), Ok(&[!(index as u8); 40][..]));
        assert_eq!(firmware.engine().unwrap().self_test(), Ok(1));
    }
    firmware.write_end().unwrap();
}

#[test]
fn a_damaged_file_is_not_run_and_the_next_start_goes_back() {
    let rig = Rig::new();
    let (first, second) = (models::signed(1, 0), signed_negation(2));
    update(&rig, 0, &first);
    update(&rig, 1, &second);
    rig.0.borrow_mut().change_flash(|flash| flash.damage(4096 + 300, &[0x17; 4]));
    expect_runs(&mut rig.host(), &first);
    assert_eq!(states(&rig), [(SlotState::Active, 1), (SlotState::Bad, 0)]);
}
