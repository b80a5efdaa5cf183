//! Transfers over wires that lose, repeat, delay, flip, cut and invent, connections that break and devices that lose power.
//! Every transfer ends verified or with a clear error, and no slot ever holds a damaged file.

mod simulation;

use mote_link::host::LinkError;
use mote_link::{Refusal, SlotState};
use sha2::{Digest, Sha256};
use simulation::{Disconnected, Faults, Rng, client, world};

const BAUD: u64 = 921_600;

#[derive(Default, Debug)]
struct Tally {
    transfers: u32,
    verified: u32,
    failed: Vec<LinkError<Disconnected>>,
    disconnects: u32,
    restarts: u32,
}

/// Transfers `count` files over one wire, some to the slot of the one before, and runs each.
fn transfers(seed: u64, count: u32, faults: Faults, tally: &mut Tally) {
    let end = world(seed, BAUD, 2000, faults);
    let mut rng = Rng::new(!seed);
    for number in 0..count {
        // Each a process of its own, which begins a session.
        let mut client = client(&end, rng.next() as u16);
        let slot = rng.below(2) as u8;
        let file = {
            let length = 1 + rng.below(12_000);
            rng.bytes(length)
        };
        let sha256: [u8; 32] = Sha256::digest(&file).into();
        let result = client.write(slot, &file, &mut |_| {}).and_then(|()| client.activate(slot));
        tally.transfers += 1;
        let world = end.0.borrow();
        assert_eq!((world.store.corrupt, world.store.misplaced), (0, 0), "seed {seed}, transfer {number}");
        for slot in world.store.slots.iter().filter(|slot| slot.valid) {
            let announced = slot.announced.expect("a valid slot was announced");
            assert_eq!(Sha256::digest(&slot.bytes)[..], announced.sha256, "seed {seed}, transfer {number}");
        }
        match result {
            Ok(()) => {
                let held = &world.store.slots[usize::from(slot)];
                assert!(held.valid && held.bytes == file, "seed {seed}, transfer {number}");
                assert_eq!(Sha256::digest(&held.bytes)[..], sha256);
                assert_eq!(world.store.active, Some(slot));
                tally.verified += 1;
            }
            Err(error) => tally.failed.push(error),
        }
    }
    let world = end.0.borrow();
    tally.disconnects += world.disconnects;
    tally.restarts += world.restarts;
}

/// Every kind of fault `percent` of the time, so that about six times as many pieces have one.
fn every_fault(percent: f64) -> Faults {
    let p = percent / 100.0;
    Faults {
        lose: p,
        duplicate: p,
        delay: p,
        flip: p,
        cut: p,
        invent: p,
        disconnect: p / 10.0,
        no_reconnect: 0.3,
        restart: p / 15.0,
        per_byte: 0.0,
    }
}

#[test]
fn transfers_end_verified_under_one_to_ten_percent_of_every_fault() {
    let mut tally = Tally::default();
    for seed in 0..60 {
        let percent = 1.0 + (seed % 10) as f64;
        transfers(seed, 10, every_fault(percent), &mut tally);
    }
    println!("{tally:?}");
    assert_eq!(tally.transfers, 600);
    assert!(tally.verified >= 594, "{tally:?}");
    assert!(tally.disconnects > 150 && tally.restarts > 100, "the faults did not happen: {tally:?}");
}

#[test]
fn transfers_end_verified_where_one_byte_in_a_hundred_is_another() {
    let mut tally = Tally::default();
    for seed in 100..120 {
        let per_byte = [0.0005, 0.001, 0.003, 0.01][seed as usize % 4];
        transfers(seed, 5, Faults { per_byte, ..Faults::default() }, &mut tally);
    }
    println!("{tally:?}");
    assert_eq!(tally.transfers, 100);
    assert!(tally.verified >= 98, "{tally:?}");
}

#[test]
fn a_wire_that_carries_nothing_ends_in_an_error() {
    let end = world(1, BAUD, 2000, Faults { lose: 1.0, ..Faults::default() });
    let error = client(&end, 1).write(0, &[1; 100], &mut |_| {}).unwrap_err();
    assert!(matches!(error, LinkError::NoAnswer { request: "hello", .. }), "{error:?}");
    let waited_s = end.0.borrow().now_us / 1_000_000;
    assert!((5..8).contains(&waited_s), "{waited_s} s");
}

#[test]
fn a_wire_that_breaks_in_the_middle_ends_in_an_error() {
    let end = world(1, BAUD, 2000, Faults::default());
    let file = vec![1; 50_000];
    let mut client = client(&end, 1);
    let broken = end.clone();
    let error = client.write(0, &file, &mut |progress| {
        if progress.done > 20_000 {
            broken.0.borrow_mut().faults.lose = 1.0;
        }
    });
    assert!(matches!(error, Err(LinkError::Stalled { offset: 20_001.., .. })), "{error:?}");
    assert!(end.0.borrow().now_us < 120_000_000);
    assert!(!end.0.borrow().store.slots[0].valid);
}

#[test]
fn a_connection_that_stays_away_ends_in_an_error() {
    let end = world(1, BAUD, 2000, Faults { disconnect: 1.0, no_reconnect: 1.0, ..Faults::default() });
    assert_eq!(client(&end, 1).info(), Err(LinkError::Transport(Disconnected)));
}

#[test]
fn an_interrupted_transfer_goes_on_in_another_process() {
    let end = world(2, BAUD, 2000, Faults::default());
    let file = Rng::new(3).bytes(60_000);
    let broken = end.clone();
    let first = client(&end, 1).write(0, &file, &mut |progress| {
        if progress.done > 30_000 {
            broken.0.borrow_mut().faults.lose = 1.0;
        }
    });
    assert!(first.is_err());
    end.0.borrow_mut().faults.lose = 0.0;
    let (sent, chunks) = {
        let world = end.0.borrow();
        (world.up.sent, world.store.chunks)
    };
    let mut starts = Vec::new();
    client(&end, 2).write(0, &file, &mut |progress| starts.push(progress.done)).unwrap();
    assert!(starts[0] > 30_000, "went on at {}", starts[0]);
    let world = end.0.borrow();
    assert!(world.up.sent - sent < 33_000, "{} bytes for the rest", world.up.sent - sent);
    assert_eq!(world.store.chunks - chunks, (60_000 - starts[0]).div_ceil(512));
    assert!(world.store.slots[0].bytes == file && world.store.slots[0].valid);
}

#[test]
fn another_file_does_not_go_on_where_the_first_was_interrupted() {
    let end = world(2, BAUD, 2000, Faults::default());
    let broken = end.clone();
    let first = client(&end, 1).write(0, &[1; 9000], &mut |progress| {
        if progress.done > 3000 {
            broken.0.borrow_mut().faults.lose = 1.0;
        }
    });
    assert!(first.is_err());
    end.0.borrow_mut().faults.lose = 0.0;
    let mut starts = Vec::new();
    client(&end, 2).write(0, &[2; 9000], &mut |progress| starts.push(progress.done)).unwrap();
    assert_eq!(starts[0], 0);
    assert!(end.0.borrow().store.slots[0].bytes.iter().all(|&byte| byte == 2));
}

#[test]
fn what_is_not_repeatable_happens_once_however_often_it_is_asked_for() {
    let mut asked = 0;
    for seed in 0..20 {
        let faults = Faults { disconnect: 0.02, restart: 0.0, ..every_fault(8.0) };
        let end = world(seed, BAUD, 2000, faults);
        let mut client = client(&end, seed as u16);
        for _ in 0..10 {
            client.run().unwrap();
            client.rollback().unwrap();
        }
        let world = end.0.borrow();
        assert_eq!((world.store.runs, world.store.rollbacks), (10, 10), "seed {seed}");
        asked += world.up.sent;
    }
    assert!(asked > 20 * 21 * 13 * 11 / 10, "nothing was asked twice: {asked} bytes");
}

#[test]
fn a_device_that_restarts_is_not_asked_again_to_roll_back() {
    let mut interrupted = 0;
    for seed in 0..200 {
        let end = world(seed, BAUD, 2000, Faults::default());
        let mut client = client(&end, 1);
        client.hello().unwrap();
        // The device does it, and loses power before its answer is out.
        end.0.borrow_mut().faults.restart = 0.5;
        let before = end.0.borrow().store.rollbacks;
        let result = client.rollback();
        let done = end.0.borrow().store.rollbacks - before;
        match result {
            Ok(()) => assert_eq!(done, 1, "seed {seed}"),
            Err(LinkError::Interrupted { .. }) => interrupted += 1,
            Err(LinkError::Restarts { .. }) => {}
            Err(error) => panic!("seed {seed}: {error}"),
        }
        assert!(done <= 1, "seed {seed}: {done} times");
    }
    assert!(interrupted > 50, "{interrupted}");
}

#[test]
fn inputs_and_outputs_of_several_frames_arrive_over_a_bad_wire() {
    let end = world(9, BAUD, 2000, Faults { restart: 0.0, ..every_fault(3.0) });
    let mut client = client(&end, 1);
    let mut rng = Rng::new(4);
    for _ in 0..20 {
        let input = rng.bytes(simulation::INPUT_BYTES as usize);
        client.input(0, &input).unwrap();
        client.run().unwrap();
        let expected: Vec<u8> = input.iter().map(|byte| !byte).collect();
        assert!(client.output(0).unwrap() == expected);
    }
}

#[test]
fn a_run_does_not_go_on_without_its_inputs() {
    let end = world(9, BAUD, 2000, Faults::default());
    let mut client = client(&end, 1);
    client.input(0, &vec![1; simulation::INPUT_BYTES as usize]).unwrap();
    {
        let mut world = end.0.borrow_mut();
        world.device = mote_link::Device::new();
        world.store.lose_power();
    }
    assert_eq!(client.run(), Err(LinkError::Interrupted { request: "run" }));
    assert_eq!(end.0.borrow().store.runs, 0);
}

#[test]
fn refusals_arrive_with_their_numbers() {
    let end = world(9, BAUD, 2000, Faults::default());
    let mut client = client(&end, 1);
    let got = simulation::SLOT_BYTES;
    let file = vec![0; got as usize + 1];
    let refused = |refusal| Err(LinkError::Refused(refusal));
    assert_eq!(client.write(0, &file, &mut |_| {}), refused(Refusal::TooLarge { needed: got + 1, got }));
    assert_eq!(client.write(2, &[1], &mut |_| {}), refused(Refusal::SlotUnknown { slots: 2 }));
    assert_eq!(client.activate(1), refused(Refusal::SlotNotValid));
    assert_eq!(client.self_test(), Err(LinkError::Refused(Refusal::SelfTest([1, 0, 7]))));
    let needed = simulation::INPUT_BYTES;
    assert_eq!(client.input(0, &[1; 5]), refused(Refusal::InputBytes { needed, got: 5 }));
    assert_eq!(client.output(1), Err(LinkError::Refused(Refusal::PortUnknown { ports: 1 })));
}

#[test]
fn everything_else_that_can_be_asked_for() {
    let end = world(9, BAUD, 2000, Faults::default());
    let mut client = client(&end, 1);
    let welcome = client.hello().unwrap();
    assert_eq!((welcome.board.as_str(), welcome.version, welcome.max_chunk_bytes), ("simulated", 1, 512));
    client.write(1, &[7; 700], &mut |_| {}).unwrap();
    client.verify(1).unwrap();
    client.activate(1).unwrap();
    assert_eq!(client.erase(1), Err(LinkError::Refused(Refusal::SlotInUse)));
    let states: Vec<_> = client.slots().unwrap().into_iter().map(|slot| (slot.state, slot.length)).collect();
    assert_eq!(states, [(SlotState::Empty, 0), (SlotState::Active, 700)]);
    let (bench, timings) = client.bench(3).unwrap();
    assert_eq!((bench.runs, bench.max, timings.len()), (3, u64::MAX, 95));
    assert!(timings.iter().zip(0..).all(|(timing, index)| timing.median == index * 1000 && timing.max == u32::MAX));
    assert_eq!(client.model().unwrap().name, "simulated model");
    let mut log = client.log(0).unwrap();
    assert_eq!(log.at, 1000);
    let mut bytes = Vec::new();
    while !log.bytes.is_empty() {
        bytes.extend_from_slice(&log.bytes);
        log = client.log(log.next()).unwrap();
    }
    assert!(bytes.iter().zip(1000u32..).all(|(&byte, at)| byte == at as u8) && bytes.len() == 1000);
    client.reboot().unwrap();
    assert_eq!(client.info().unwrap().active, Some(1));
    assert_eq!(end.0.borrow().restarts, 1);
}
