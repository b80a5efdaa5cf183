//! A device that erases, writes and verifies flash while the host waits.

mod simulation;

use simulation::{End, Faults, Rng, client, world};

const FILE_BYTES: usize = 60_000;

/// Transfers a file to a device of this slowness; everything that happened is in the world.
fn transfer(erase_us: u64, chunk_us: u64, verify_us: u64, faults: Faults) -> End {
    let end = world(6, 921_600, 2000, faults);
    {
        let store = &mut end.0.borrow_mut().store;
        (store.erase_us, store.chunk_us, store.verify_us) = (erase_us, chunk_us, verify_us);
    }
    let file = Rng::new(8).bytes(FILE_BYTES);
    client(&end, 1).write(0, &file, &mut |_| {}).unwrap();
    {
        let world = end.0.borrow();
        assert!(world.store.slots[0].valid && world.store.slots[0].bytes == file);
        assert_eq!((world.store.corrupt, world.store.misplaced), (0, 0));
    }
    end
}

#[test]
fn a_device_slower_than_the_line_gets_nothing_twice_and_loses_nothing() {
    let end = transfer(0, 12_000, 0, Faults::default());
    let world = end.0.borrow();
    assert_eq!(world.overflows, 0);
    let frames = FILE_BYTES.div_ceil(512) as u64;
    assert!(world.up.sent < FILE_BYTES as u64 + frames * 22 + 200, "{} bytes", world.up.sent);
    // As fast as its flash.
    let seconds = world.now_us as f64 / 1e6;
    assert!(seconds < frames as f64 * 0.012 * 1.05, "{seconds} s");
}

#[test]
fn a_device_that_erases_for_a_second_is_waited_for() {
    let end = transfer(1_000_000, 3000, 500_000, Faults::default());
    let world = end.0.borrow();
    assert_eq!(world.overflows, 0);
    // Eight times a second, and little more.
    let seconds = world.now_us as f64 / 1e6;
    assert!(seconds < 11.0, "{seconds} s");
    // Frames are 4 % more than what is in them; each second of erasing adds a chunk.
    assert!(world.up.sent < FILE_BYTES as u64 * 112 / 100, "{} bytes", world.up.sent);
}

#[test]
fn a_slow_device_on_a_bad_wire_is_written_too() {
    let faults = Faults { lose: 0.05, flip: 0.05, duplicate: 0.05, restart: 0.003, ..Faults::default() };
    let end = transfer(300_000, 5000, 200_000, faults);
    assert!(end.0.borrow().now_us < 120_000_000);
}
