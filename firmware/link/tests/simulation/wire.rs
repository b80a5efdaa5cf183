//! One direction of a serial line with faults.

use std::collections::BTreeMap;

/// Chances of faults, from 0 to 1: of each piece that is sent, of each byte, or of each piece that a device receives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// A piece is lost.
    pub lose: f64,
    /// A piece arrives twice, the second time later.
    pub duplicate: f64,
    /// A piece arrives up to 20 ms later than it should, behind others.
    pub delay: f64,
    /// One bit of a piece is another.
    pub flip: f64,
    /// One byte of a piece is lost.
    pub cut: f64,
    /// A piece has a byte more.
    pub invent: f64,
    /// Any byte is another, chosen for each.
    pub per_byte: f64,
    /// The connection breaks.
    pub disconnect: f64,
    /// Reconnecting does not work this time.
    pub no_reconnect: f64,
    /// The device loses power.
    pub restart: f64,
}

/// SplitMix64.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn chance(&mut self, p: f64) -> bool {
        p > 0.0 && (self.next() >> 11) as f64 / ((1u64 << 53) as f64) < p
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        // Runs of zeros and of what needs no COBS code are as common as noise.
        let kind = self.below(3);
        (0..count).map(|_| if kind == 0 { 0 } else { self.next() as u8 | u8::from(kind == 1) }).collect()
    }
}

pub struct Wire {
    us_per_byte: f64,
    latency_us: u64,
    /// When the transmitter is done with everything so far.
    free_us: f64,
    arriving: BTreeMap<(u64, u64), Vec<u8>>,
    order: u64,
    /// Bytes sent.
    pub sent: u64,
}

impl Wire {
    pub fn new(baud: u64, latency_us: u64) -> Self {
        let us_per_byte = 10.0 * 1e6 / baud as f64;
        Self { us_per_byte, latency_us, free_us: 0.0, arriving: BTreeMap::new(), order: 0, sent: 0 }
    }

    /// A piece arrives when its last byte does.
    pub fn send(&mut self, now_us: u64, bytes: &[u8], rng: &mut Rng, faults: &Faults) {
        self.sent += bytes.len() as u64;
        self.free_us = self.free_us.max(now_us as f64) + bytes.len() as f64 * self.us_per_byte;
        let mut arrival_us = self.free_us.ceil() as u64 + self.latency_us;
        let mut bytes = bytes.to_vec();
        if rng.chance(faults.lose) || bytes.is_empty() {
            return;
        }
        if rng.chance(faults.flip) {
            let bit = rng.below(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        if rng.chance(faults.cut) {
            bytes.remove(rng.below(bytes.len()));
        }
        if rng.chance(faults.invent) {
            bytes.insert(rng.below(bytes.len() + 1), rng.next() as u8);
        }
        for byte in &mut bytes {
            if rng.chance(faults.per_byte) {
                *byte = rng.next() as u8;
            }
        }
        if rng.chance(faults.duplicate) {
            let later = arrival_us + rng.below(40_000) as u64;
            self.arrive(later, bytes.clone());
        }
        if rng.chance(faults.delay) {
            arrival_us += rng.below(20_000) as u64;
        }
        self.arrive(arrival_us, bytes);
    }

    fn arrive(&mut self, at_us: u64, bytes: Vec<u8>) {
        self.order += 1;
        self.arriving.insert((at_us, self.order), bytes);
    }

    pub fn next_us(&self) -> Option<u64> {
        self.arriving.keys().next().map(|&(at_us, _)| at_us)
    }

    pub fn take(&mut self) -> Vec<u8> {
        self.arriving.pop_first().map(|(_, bytes)| bytes).unwrap_or_default()
    }

    /// Everything under way is lost.
    pub fn cut(&mut self) {
        self.arriving.clear();
    }
}
