//! Everything else that a host can ask.

use crate::networks::{on_host, samples, signed_negation, sizes};
use crate::rig::{ARENA_BYTES, Rig};
use crate::support::{LAYOUT, models};
use crate::{expect_runs, update};
use mote_firmware_app::service::MAX_RUNS;
use mote_link::host::LinkError;
use mote_link::{Capabilities, Refusal};
use mote_runtime::{AlignedBytes, Model};

#[test]
fn hello_and_info_say_what_the_device_has() {
    let rig = Rig::new();
    let mut host = rig.host();
    let welcome = host.hello().unwrap().clone();
    assert_eq!((welcome.board.as_str(), welcome.slots, welcome.window), ("fake", 2, 2));
    assert!(welcome.capabilities.has(Capabilities::STORE.and(Capabilities::RUN).and(Capabilities::REBOOT)));
    assert_eq!(welcome.capabilities.has(Capabilities::SIGNED), cfg!(not(feature = "unsigned")));
    let info = host.info().unwrap();
    assert_eq!((info.active, info.least_version), (None, 0));
    assert_eq!((info.slot_bytes, info.arena_bytes), (LAYOUT.slots[0].len, ARENA_BYTES as u32));
    assert_eq!(info.ticks_per_second, 1000);
}

#[test]
fn the_model_is_described_as_its_file_describes_it() {
    let rig = Rig::new();
    let file = models::signed(3, 10);
    update(&rig, 0, &file);
    let aligned = AlignedBytes::copy_of(&file);
    let model = Model::load(&aligned).unwrap();
    let told = rig.host().model().unwrap();
    assert!(!told.name.is_empty() && model.meta().name.starts_with(&told.name), "{}", told.name);
    assert_eq!(told.name, rig.host().slot(0).unwrap().name);
    assert_eq!(usize::from(told.instructions), model.instructions().len());
    assert_eq!((told.inputs, told.outputs), (model.inputs().len() as u8, model.outputs().len() as u8));
}

#[test]
fn inputs_and_outputs_are_checked_and_never_stale() {
    let rig = Rig::new();
    let file = signed_negation(1);
    update(&rig, 0, &file);
    let mut host = rig.host();
    let refused = |refusal| Err(LinkError::Refused(refusal));
    assert_eq!(host.input(1, &[0; 40]), refused(Refusal::PortUnknown { ports: 1 }));
    assert_eq!(host.input(0, &[0; 41]), refused(Refusal::InputBytes { needed: 40, got: 41 }));
    assert_eq!(host.run(), refused(Refusal::InputBytes { needed: 40, got: 0 }).map(|()| 0));
    assert_eq!(host.output(0), refused(Refusal::PastLast { count: 0 }).map(|()| vec![]));
    host.input(0, &[1; 40]).unwrap();
    host.run().unwrap();
    assert_eq!(host.output(1), refused(Refusal::PortUnknown { ports: 1 }).map(|()| vec![]));
    assert_eq!(host.output(0).unwrap(), [!1; 40]);
    assert_eq!(host.run(), refused(Refusal::InputBytes { needed: 40, got: 0 }).map(|()| 0), "a run may overwrite them");
    host.input(0, &[2; 40]).unwrap();
    assert_eq!(host.output(0), refused(Refusal::PastLast { count: 0 }).map(|()| vec![]));
    host.self_test().unwrap();
    assert_eq!(host.run(), refused(Refusal::InputBytes { needed: 40, got: 0 }).map(|()| 0));
    expect_runs(&mut host, &file);
}

#[test]
fn bench_times_every_instruction_and_leaves_a_model_that_runs() {
    let rig = Rig::new();
    let file = models::signed(1, 0);
    update(&rig, 0, &file);
    let mut host = rig.host();
    let instructions = host.model().unwrap().instructions;
    let fits = (64 / instructions - 1).min(MAX_RUNS as u16);
    for (repeat, runs) in [(1, 1), (3, 3), (1000, fits)] {
        let (bench, timings) = host.bench(repeat).unwrap();
        assert_eq!((bench.runs, bench.instructions), (runs, instructions));
        assert_eq!((bench.min, bench.median, bench.max), (10, 10, 10));
        assert_eq!(timings.len(), usize::from(instructions));
        assert!(timings.iter().all(|timing| (timing.min, timing.max) == (10, 10)), "{timings:?}");
    }
    expect_runs(&mut host, &file);
}

#[test]
fn self_test_and_verify_say_yes_until_the_file_is_damaged() {
    let rig = Rig::new();
    let file = models::signed(1, 0);
    update(&rig, 0, &file);
    let mut host = rig.host();
    assert!(host.self_test().unwrap() > 0);
    host.verify(0).unwrap();
    assert_eq!(host.verify(1), Err(LinkError::Refused(Refusal::SlotNotValid)));
    host.write(1, &models::signed(2, 0), &mut |_| {}).unwrap();
    host.verify(1).unwrap();
    rig.0.borrow_mut().change_flash(|flash| flash.damage(4096 + 700, &[0]));
    let refused = host.verify(1);
    assert!(matches!(refused, Err(LinkError::Refused(Refusal::Load([5, 1, 0])))), "{refused:?}");
}

#[test]
fn an_erased_slot_is_empty_and_takes_a_file() {
    let rig = Rig::new();
    update(&rig, 0, &signed_negation(1));
    let mut host = rig.host();
    host.write(1, &models::signed(2, 0), &mut |_| {}).unwrap();
    host.erase(1).unwrap();
    assert_eq!(host.slot(1).unwrap().length, 0);
    assert_eq!(host.activate(1), Err(LinkError::Refused(Refusal::SlotNotValid)));
    update(&rig, 1, &models::signed(2, 0));
    expect_runs(&mut rig.host(), &models::signed(2, 0));
}

#[test]
fn the_log_tells_what_happened_and_why() {
    let rig = Rig::new();
    let mut host = rig.host();
    host.write(0, &models::sign(&models::unsigned(1, 0), 99), &mut |_| {}).unwrap_err();
    host.write(0, &models::signed(1, 0), &mut |_| {}).unwrap();
    host.activate(0).unwrap();
    let text = String::from_utf8(host.log(0).unwrap().bytes).unwrap();
    assert_eq!(text, "boot failed 2 0 0 0\nwrite refused 11 0 0 0\nreceived 0 1\nactivated 0\n");
}

#[test]
fn the_board_may_run_the_model_itself() {
    let rig = Rig::new();
    let file = signed_negation(1);
    update(&rig, 0, &file);
    let sample = &samples(sizes(&file).0)[0];
    let mut world = rig.0.borrow_mut();
    let mut engine = world.firmware().engine().unwrap();
    engine.input_bytes_mut(0).copy_from_slice(sample);
    engine.run();
    assert_eq!(engine.output_bytes(0), on_host(&file, sample));
}
