//! What the firmware is asked to do, in the layout of `firmware/app/src/job.rs`.

use super::BenchError;
use mote_runtime::format::Crc32;
use mote_runtime::{AlignedBytes, Engine, Model};

/// What to do with a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Actions {
    /// Run the model's self-test vectors.
    pub self_test: bool,
    /// Measure how much of arena and stack is really used.
    pub measure: bool,
    /// Measure time, in all and per instruction.
    pub profile: bool,
    /// Run every sample and report the outputs.
    pub outputs: bool,
}

/// One order to a board.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// What to do.
    pub actions: Actions,
    /// How often to run for the total time.
    pub timed_runs: u32,
    /// Inputs as stored: for each sample the bytes of every input, one after the other. The first one is used for
    /// measuring; without any, zeros are.
    pub samples: &'a [Vec<u8>],
}

impl Job<'_> {
    /// The bytes that go into the board's memory. All samples must be equally long.
    pub fn to_bytes(self) -> Vec<u8> {
        let Actions { self_test, measure, profile, outputs } = self.actions;
        let flags = [self_test, measure, profile, outputs];
        let actions = flags.iter().enumerate().map(|(bit, &on)| u32::from(on) << bit).sum();
        let sample_bytes = self.samples.first().map_or(0, Vec::len);
        let mut bytes = b"MJOB".to_vec();
        for word in [actions, self.samples.len() as u32, sample_bytes as u32, self.timed_runs] {
            bytes.extend(word.to_le_bytes());
        }
        let mut crc = Crc32::new();
        crc.update(&bytes);
        self.samples.iter().for_each(|sample| crc.update(sample));
        bytes.extend(crc.finish().to_le_bytes());
        self.samples.iter().for_each(|sample| bytes.extend_from_slice(sample));
        bytes
    }
}

/// Quantizes and permutes samples (`samples[i][j]` is input `j` of sample `i`, in the source network's order) into the
/// bytes that the model's inputs hold.
pub fn stored_samples(blob: &[u8], samples: &[Vec<Vec<f32>>]) -> Result<Vec<Vec<u8>>, BenchError> {
    let blob = AlignedBytes::copy_of(blob);
    let model = Model::load(&blob).map_err(BenchError::Load)?;
    let mut arena = AlignedBytes::zeroed(model.arena_bytes() as usize);
    let needed: Vec<usize> = model.inputs().iter().map(|p| p.elements().unwrap_or(0) as usize).collect();
    let mut engine = Engine::new(model, &mut arena).map_err(BenchError::Engine)?;
    let mut stored = Vec::with_capacity(samples.len());
    for (index, sample) in samples.iter().enumerate() {
        let mut bytes = Vec::new();
        for (input, &needed) in needed.iter().enumerate() {
            let values = sample.get(input).map_or(&[][..], Vec::as_slice);
            let wrong = |_| BenchError::Sample { sample: index, input, needed, got: values.len() };
            engine.write_f32(input, values).map_err(wrong)?;
            bytes.extend_from_slice(engine.input_bytes_mut(input));
        }
        stored.push(bytes);
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_is_the_documented_one() {
        let actions = Actions { measure: true, outputs: true, ..Actions::default() };
        let bytes = Job { actions, timed_runs: 3, samples: &[vec![1, 2], vec![3, 4]] }.to_bytes();
        assert_eq!(bytes[..20], *b"MJOB\x0a\0\0\0\x02\0\0\0\x02\0\0\0\x03\0\0\0");
        assert_eq!(bytes[24..], [1, 2, 3, 4]);
        let checked = [&bytes[..20], &bytes[24..]].concat();
        assert_eq!(bytes[20..24], Crc32::of(&checked).to_le_bytes());
    }
}
