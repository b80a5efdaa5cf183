//! The newest samples.

/// `SAMPLES` samples of `CHANNELS` values, oldest first. When full, it moves on by `HOP` samples, so that windows overlap where that is
/// less than `SAMPLES`.
#[derive(Clone, Debug)]
pub struct Window<const CHANNELS: usize, const SAMPLES: usize, const HOP: usize> {
    samples: [[f32; CHANNELS]; SAMPLES],
    filled: usize,
}

impl<const CHANNELS: usize, const SAMPLES: usize, const HOP: usize> Window<CHANNELS, SAMPLES, HOP> {
    /// Nothing in it.
    pub const fn new() -> Self {
        const { assert!(HOP > 0 && HOP <= SAMPLES, "a window moves on by at least a sample and at most its length") };
        Self { samples: [[0.0; CHANNELS]; SAMPLES], filled: 0 }
    }

    /// Takes the next sample. True if the window is full now: look at [`Self::values`] before the next.
    pub fn push(&mut self, sample: [f32; CHANNELS]) -> bool {
        if self.filled == SAMPLES {
            self.samples.copy_within(HOP.., 0);
            self.filled = SAMPLES - HOP;
        }
        if let Some(place) = self.samples.get_mut(self.filled) {
            *place = sample;
            self.filled += 1;
        }
        self.filled == SAMPLES
    }

    /// All values, sample by sample; zeros where none is yet.
    pub fn values(&self) -> &[f32] {
        self.samples.as_flattened()
    }
}

impl<const CHANNELS: usize, const SAMPLES: usize, const HOP: usize> Default for Window<CHANNELS, SAMPLES, HOP> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_overlap_and_begin_with_the_oldest() {
        let mut window = Window::<1, 4, 3>::new();
        let full: [bool; 8] = core::array::from_fn(|at| window.push([at as f32]));
        assert_eq!(full, [false, false, false, true, false, false, true, false]);
        // 3 and 4, 5, 6 were one; 6 and 7 begin the next.
        assert_eq!(window.values()[..2], [6.0, 7.0]);
    }

    #[test]
    fn a_hop_of_the_whole_window_starts_over() {
        let mut window = Window::<2, 2, 2>::new();
        assert!(!window.push([1.0, 2.0]) && window.push([3.0, 4.0]));
        assert_eq!(window.values(), [1.0, 2.0, 3.0, 4.0]);
        assert!(!window.push([5.0, 6.0]));
    }
}
