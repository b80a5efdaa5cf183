//! Damaging files at random, the same way every time, and converting what comes out.

use mote::data::Dataset;
use mote::{BuildOptions, build};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Longest that one file may take.
const LIMIT: Duration = Duration::from_secs(2);

/// How many mutants there are: `$MOTE_MUTANTS`, else `default`.
pub fn count(default: usize) -> usize {
    std::env::var("MOTE_MUTANTS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

pub struct XorShift(pub u64);

impl XorShift {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// One to four changes: flipped bits, bytes, four-byte extremes, parts copied elsewhere, missing ends.
pub fn mutant(original: &[u8], random: &mut XorShift) -> Vec<u8> {
    const EXTREMES: [u32; 8] = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fffe, 0x7f80_0000, 0x0001_0000];
    let mut bytes = original.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(10) {
            0..=2 => bytes[at] ^= 1 << random.below(8),
            3 | 4 => bytes[at] = random.next() as u8,
            5 | 6 => {
                let word = at / 4 * 4;
                let extreme = EXTREMES[random.below(EXTREMES.len())].to_le_bytes();
                bytes.iter_mut().skip(word).zip(extreme).for_each(|(b, e)| *b = e);
            }
            7 | 8 => {
                let (from, len) = (random.below(bytes.len()) / 4 * 4, 4 + random.below(16) * 4);
                let part: Vec<u8> = bytes.iter().skip(from).take(len).copied().collect();
                bytes.iter_mut().skip(at / 4 * 4).zip(part).for_each(|(b, p)| *b = p);
            }
            _ if random.below(4) == 0 => bytes.truncate(at.max(8)),
            _ => drop(bytes.drain(at..(at + 1 + random.below(8)).min(bytes.len()))),
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}

/// Converts `count` mutants as `mote convert` does. Returns how many convert, and what went wrong.
pub fn survive(
    name: &str,
    original: &[u8],
    count: usize,
    seed: u64,
    mutant: &dyn Fn(&[u8], &mut XorShift) -> Vec<u8>,
) -> (usize, Vec<String>) {
    let mut random = XorShift(seed);
    let mut converted = 0;
    let mut faults = Vec::new();
    // Each panic is a fault, told at the end; a backtrace for each would drown it.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| eprintln!("{info}")));
    for index in 0..count {
        let bytes = mutant(original, &mut random);
        let start = Instant::now();
        let options = BuildOptions { cross_check: false, ..BuildOptions::default() };
        let mut noise = |graph: &_| Ok(Dataset::random(&mote::data::InputSpec::of_graph(graph), 1));
        let run = || build(&bytes, &options, &mut noise, &mut |_| {}).is_ok();
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(fine) => converted += usize::from(fine),
            Err(_) => faults.push(format!("{name} mutant {index} of seed {seed:#x}: panicked")),
        }
        if start.elapsed() > LIMIT {
            faults.push(format!("{name} mutant {index} of seed {seed:#x}: took {:?}", start.elapsed()));
        }
    }
    std::panic::set_hook(hook);
    (converted, faults)
}
