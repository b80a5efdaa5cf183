//! Trials, confirmation, the ways back, and wear.

mod support;

use mote_runtime::{AllOps, Arena};
use mote_store::{Content, Error, Layout, Policy, Slot, Store};
use support::{ARENA_BYTES, Flash, KEYS, LAYOUT, models, open, policy, running, send, start, update};

fn device(files: &[&[u8]]) -> Flash {
    let mut flash = Flash::new(LAYOUT.log.start as usize + 1024, 3);
    let mut store = open(&mut flash, LAYOUT).unwrap();
    for file in files {
        update(&mut store, file, 512).unwrap();
    }
    flash
}

#[test]
fn nothing_runs_on_a_new_device_until_a_model_is_confirmed() {
    let mut flash = device(&[]);
    let mut store = open(&mut flash, LAYOUT).unwrap();
    assert_eq!(store.boot::<AllOps>(), Err(Error::NoModel));
    let slot = send(&mut store, &models::signed(1, 0), 512).unwrap();
    assert_eq!(store.boot::<AllOps>(), Err(Error::NoModel), "verified is not activated");
    store.activate(slot).unwrap();
    assert!(store.boot::<AllOps>().unwrap().trial);
    store.confirm().unwrap();
    assert_eq!(store.confirm(), Err(Error::NoTrial));
    assert!(!store.boot::<AllOps>().unwrap().trial);
}

#[test]
fn a_trial_is_booted_three_times_and_no_more() {
    let (one, two) = (models::signed(1, 0), models::signed(2, 0));
    let mut flash = device(&[&one]);
    let mut store = open(&mut flash, LAYOUT).unwrap();
    start(&mut store).unwrap();
    let slot = send(&mut store, &two, 512).unwrap();
    store.activate(slot).unwrap();
    store.close();
    for _ in 0..3 {
        // The device hangs and its watchdog restarts it.
        let mut store = open(&mut flash, LAYOUT).unwrap();
        let boot = store.boot::<AllOps>().unwrap();
        assert_eq!((boot.slot, boot.trial, boot.info.version), (slot, true, 2));
    }
    let mut store = open(&mut flash, LAYOUT).unwrap();
    let boot = store.boot::<AllOps>().unwrap();
    assert_eq!((boot.trial, boot.info.version), (false, 1));
    assert_eq!(store.slots()[slot as usize].content, Content::Failed);
    assert_eq!(store.confirm(), Err(Error::NoTrial));
    update(&mut store, &two, 512).unwrap();
    assert_eq!(running(&store), two);
}

#[test]
fn a_model_that_fails_its_self_test_is_left_at_once() {
    let one = models::signed(1, 0);
    let mut flash = device(&[&one]);
    let mut store = open(&mut flash, LAYOUT).unwrap();
    start(&mut store).unwrap();
    let slot = send(&mut store, &models::failing(2), 512).unwrap();
    store.activate(slot).unwrap();
    assert!(store.boot::<AllOps>().unwrap().trial);
    let mut arena = Arena::<{ ARENA_BYTES as usize }>::new();
    let failure = store.try_out::<AllOps>(arena.as_mut_slice()).unwrap_err();
    assert!(matches!(failure, Error::SelfTest(failure) if failure.vector == 0 && failure.byte == 1), "{failure:?}");
    assert_eq!(failure.numbers(), [16, 0, 0, 1]);
    assert_eq!(store.boot::<AllOps>().unwrap().info.version, 1);
    assert_eq!(store.activate(slot), Err(Error::NoModel), "it stays failed");
}

#[test]
fn vectors_may_be_asked_for() {
    let stripped = models::sign(&models::unsigned_with(2, 0, Vec::clear), models::SEED);
    let mut arena = Arena::<{ ARENA_BYTES as usize }>::new();
    for (self_test_vectors, expected) in [(0, Ok(0)), (1, Err(Error::FewVectors { needed: 1, found: 0 }))] {
        let mut flash = device(&[]);
        let policy = Policy { self_test_vectors, ..policy() };
        let mut store = Store::open(&mut flash, LAYOUT, &*KEYS, policy).unwrap();
        let slot = send(&mut store, &stripped, 512).unwrap();
        store.activate(slot).unwrap();
        store.boot::<AllOps>().unwrap();
        assert_eq!(store.try_out::<AllOps>(arena.as_mut_slice()), expected);
        assert_eq!(store.boot::<AllOps>().is_ok(), expected.is_ok());
    }
}

#[test]
fn the_way_back_is_to_the_previous_model_and_forth_again() {
    let (one, two) = (models::signed(1, 0), models::signed(2, 0));
    let mut flash = device(&[&one, &two]);
    let mut store = open(&mut flash, LAYOUT).unwrap();
    for expected in [&one, &two, &one] {
        start(&mut store).unwrap();
        assert_eq!(store.rollback(), Ok(store.running().map(Slot::other)));
        assert_eq!(store.begin(1000, &[1; 32]), Err(Error::Busy), "one runs, the other is next");
        start(&mut store).unwrap();
        assert_eq!(&running(&store), expected);
        assert_eq!(store.floor(), 2, "an older file may still not be installed");
    }
    assert_eq!(send(&mut store, &models::signed(1, 50), 512), Err(Error::Older { have: 2, got: 1 }));
    assert_eq!(store.rollback(), Err(Error::NoModel), "its slot was used");
}

#[test]
fn the_policy_may_forbid_the_way_back() {
    let mut flash = device(&[&models::signed(1, 0), &models::signed(2, 0)]);
    let policy = Policy { allow_return: false, ..policy() };
    let mut store = Store::open(&mut flash, LAYOUT, &*KEYS, policy).unwrap();
    start(&mut store).unwrap();
    assert_eq!(store.rollback(), Err(Error::Forbidden));
}

#[test]
fn an_activation_can_be_taken_back() {
    let mut flash = device(&[&models::signed(1, 0)]);
    let mut store = open(&mut flash, LAYOUT).unwrap();
    start(&mut store).unwrap();
    let slot = send(&mut store, &models::signed(2, 0), 512).unwrap();
    store.activate(slot).unwrap();
    assert_eq!(store.activate(slot), Err(Error::Busy));
    store.rollback().unwrap();
    assert_eq!(store.boot::<AllOps>().unwrap().info.version, 1);
    store.activate(slot).unwrap();
    assert_eq!(store.boot::<AllOps>().unwrap().info.version, 2);
}

#[test]
fn the_running_model_is_never_touched() {
    let (one, two) = (models::signed(1, 0), models::signed(2, 0));
    let mut flash = device(&[&one, &two]);
    let mut store = open(&mut flash, LAYOUT).unwrap();
    start(&mut store).unwrap();
    let running_slot = store.running().unwrap();
    assert_eq!(store.erase(running_slot), Err(Error::Busy));
    assert_eq!(store.begin(2000, &[1; 32]).unwrap().slot, running_slot.other());
    store.erase(running_slot.other()).unwrap();
    assert_eq!(store.slots()[running_slot.other() as usize].content, Content::Erased);
    assert_eq!(store.write(0, &[1]), Err(Error::NotReceiving));
    let slot = send(&mut store, &models::signed(3, 0), 512).unwrap();
    store.activate(slot).unwrap();
    for slot in Slot::ALL {
        assert_eq!(store.erase(slot), Err(Error::Busy));
    }
}

#[test]
fn a_damaged_model_is_replaced_by_the_previous_one() {
    let (one, two) = (models::signed(1, 0), models::signed(2, 0));
    let mut flash = device(&[&one, &two]);
    flash.damage(LAYOUT.slots[1].start as usize + 600, &[0x5a, 0x5a]);
    let mut store = open(&mut flash, LAYOUT).unwrap();
    assert_eq!(store.boot::<AllOps>().unwrap().info.version, 1);
    assert_eq!(store.slots()[1].content, Content::Failed);
    assert_eq!(store.rollback(), Err(Error::NoModel));
    update(&mut store, &two, 512).unwrap();
    assert_eq!(running(&store), two);
}

#[test]
fn when_both_are_damaged_a_new_model_can_still_come() {
    let (one, two) = (models::signed(1, 0), models::signed(2, 0));
    let mut flash = device(&[&one, &two]);
    for slot in LAYOUT.slots {
        flash.damage(slot.start as usize + 600, &[0x5a, 0x5a]);
    }
    let mut store = open(&mut flash, LAYOUT).unwrap();
    assert_eq!(store.boot::<AllOps>(), Err(Error::NoModel));
    update(&mut store, &two, 512).unwrap();
    assert_eq!(running(&store), two);
}

#[test]
fn what_was_changed_behind_the_store_does_not_run() {
    let (one, two) = (models::signed(1, 0), models::signed(2, 0));
    let forged = models::sign(&models::unsigned(3, 0), 99);
    for verify_at_boot in [true, false] {
        let mut flash = device(&[&one, &two]);
        flash.damage(LAYOUT.slots[1].start as usize, &forged);
        let policy = Policy { verify_at_boot, ..policy() };
        let mut store = Store::open(&mut flash, LAYOUT, &*KEYS, policy).unwrap();
        let version = store.boot::<AllOps>().unwrap().info.version;
        assert_eq!(version, if verify_at_boot { 1 } else { 3 });
    }
}

#[test]
fn models_that_came_with_the_firmware_are_adopted() {
    let (one, two) = (models::signed(1, 0), models::signed(2, 0));
    let mut flash = device(&[]);
    flash.damage(LAYOUT.slots[0].start as usize, &two);
    flash.damage(LAYOUT.slots[1].start as usize, &one);
    let mut store = open(&mut flash, LAYOUT).unwrap();
    let boot = store.boot::<AllOps>().unwrap();
    assert_eq!((boot.slot, boot.trial, boot.info.version, store.floor()), (Slot::A, false, 2, 2));
    let forged = models::sign(&models::unsigned(3, 0), 99);
    let mut flash = device(&[]);
    flash.damage(LAYOUT.slots[0].start as usize, &forged);
    let policy = Policy { verify_at_boot: false, ..policy() };
    let mut store = Store::open(&mut flash, LAYOUT, &*KEYS, policy).unwrap();
    assert_eq!(store.boot::<AllOps>(), Err(Error::NoModel), "adopting always verifies");
}

#[test]
fn an_erased_slot_is_not_erased_again() {
    let mut flash = device(&[&models::signed(1, 0)]);
    let mut store = open(&mut flash, LAYOUT).unwrap();
    start(&mut store).unwrap();
    store.erase(Slot::B).unwrap();
    let before = store.flash().erases.clone();
    update(&mut store, &models::signed(2, 0), 512).unwrap();
    let slot_blocks = 8..16;
    assert_eq!(store.flash().erases[slot_blocks.clone()], before[slot_blocks]);
    assert_eq!(flash.violations, 0);
}

#[test]
fn a_thousand_updates_wear_all_blocks_evenly() {
    let files = [(1, 700), (1, 900)].map(|(version, extra)| models::signed(version, extra));
    let layout = Layout::consecutive(0, 4096, 2048);
    let mut flash = Flash::new(8192 + 2048, 3);
    for update_index in 0..1000 {
        let mut store = open(&mut flash, layout).unwrap();
        let _ = start(&mut store);
        let slot = send(&mut store, &files[update_index % 2], 512).unwrap();
        store.activate(slot).unwrap();
        // The device restarts.
        let mut store = open(&mut flash, layout).unwrap();
        start(&mut store).unwrap();
        assert_eq!(running(&store), files[update_index % 2]);
    }
    let (slots, log) = flash.erases.split_at(16);
    // Each slot takes every other update, and only the blocks that the file needs are erased: 4 of 8.
    for slot in slots.chunks(8) {
        assert_eq!(slot, [500, 500, 500, 500, 0, 0, 0, 0]);
    }
    let (least, most) = (log.iter().min().unwrap(), log.iter().max().unwrap());
    println!("log blocks: {log:?}");
    assert!(most - least <= 1, "{log:?}");
    // Two sessions an update, and four blocks: a block for each session, and one more when it is full.
    assert!(*most <= 500, "{log:?}");
    assert_eq!(flash.violations, 0);
}
