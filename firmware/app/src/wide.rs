//! 64 bits of time from a counter of 32.

/// Notices each turn of the counter if it is read at least once a turn: in 67 seconds at 64 MHz.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wide {
    turns: u32,
    last: u32,
}

impl Wide {
    /// For a counter that was just set to 0.
    pub const fn new() -> Self {
        Self { turns: 0, last: 0 }
    }

    /// The time at which the counter says `now`.
    pub fn at(&mut self, now: u32) -> u64 {
        if now < self.last {
            self.turns = self.turns.wrapping_add(1);
        }
        self.last = now;
        u64::from(self.turns) << 32 | u64::from(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_of_the_counter_goes_on_in_the_upper_half() {
        let mut time = Wide::new();
        assert_eq!(
            [5, u32::MAX, 0, 7, 6].map(|now| time.at(now)),
            [5, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0007, 0x2_0000_0006]
        );
    }
}
