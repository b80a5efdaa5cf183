//! How fast a transfer is on a line without faults, in virtual time.
//!
//! Assumed: 921,600 baud, ten bits a byte, both directions at once; 4 ms from a byte's last bit to the program on the other
//! side, as a USB serial adapter may take; a device that takes no time for a chunk, and a window of four of them.

mod simulation;

use simulation::{Faults, Rng, client, world};

const BAUD: u64 = 921_600;
const FILE_BYTES: usize = 150_000;

/// Payload bytes a second of virtual time, all questions and answers included.
fn throughput(latency_us: u64, faults: Faults) -> f64 {
    let end = world(1, BAUD, latency_us, faults);
    let file = Rng::new(5).bytes(FILE_BYTES);
    client(&end, 1).write(0, &file, &mut |_| {}).unwrap();
    let world = end.0.borrow();
    assert!(world.store.slots[0].valid);
    FILE_BYTES as f64 / (world.now_us as f64 / 1e6)
}

#[test]
fn a_clean_line_is_used_to_85_percent() {
    let line = BAUD as f64 / 10.0;
    for latency_us in [0, 1000, 4000] {
        let share = throughput(latency_us, Faults::default()) / line;
        println!("latency {latency_us} us: {:.0} bytes/s, {:.1} % of the line", share * line, share * 100.0);
        assert!(share >= 0.85, "latency {latency_us} us: {share:.3}");
    }
}

#[test]
fn the_virtual_line_is_not_faster_than_a_real_one() {
    assert!(throughput(0, Faults::default()) < BAUD as f64 / 10.0);
    assert!(throughput(100_000, Faults::default()) < 0.3 * BAUD as f64 / 10.0, "latency has no effect");
}

/// A gap is noticed by what arrives behind it, not by waiting.
#[test]
fn one_lost_frame_in_a_hundred_costs_less_than_a_quarter() {
    let line = BAUD as f64 / 10.0;
    let share = throughput(1000, Faults { lose: 0.01, ..Faults::default() }) / line;
    println!("1 % lost: {:.1} % of the line", share * 100.0);
    assert!(share >= 0.72, "{share:.3}");
}
