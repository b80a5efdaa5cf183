//! The same bytes on the host, for comparison.

use super::BenchError;
use mote_runtime::{AlignedBytes, Engine, Model};

/// `outputs[i][j]`: bytes of output `j` of sample `i`.
pub type Outputs = Vec<Vec<Vec<u8>>>;

/// Runs samples (bytes as stored, see [`super::stored_samples`]) through the engine on the host.
pub fn host_outputs(blob: &[u8], samples: &[Vec<u8>]) -> Result<Outputs, BenchError> {
    let blob = AlignedBytes::copy_of(blob);
    let model = Model::load(&blob).map_err(BenchError::Load)?;
    let mut arena = AlignedBytes::zeroed(model.arena_bytes() as usize);
    let (inputs, outputs) = (model.inputs().len(), model.outputs().len());
    let mut engine = Engine::new(model, &mut arena).map_err(BenchError::Engine)?;
    let mut results = Vec::with_capacity(samples.len());
    for (index, sample) in samples.iter().enumerate() {
        let mut rest = sample.as_slice();
        for input in 0..inputs {
            let stored = engine.input_bytes_mut(input);
            let (needed, got) = (stored.len(), rest.len());
            let wrong = || BenchError::Sample { sample: index, input, needed, got };
            let (given, behind) = rest.split_at_checked(needed).ok_or_else(wrong)?;
            stored.copy_from_slice(given);
            rest = behind;
        }
        engine.run();
        results.push((0..outputs).map(|output| engine.output_bytes(output).to_vec()).collect());
    }
    Ok(results)
}

/// The first sample and output in which two sets of outputs differ.
pub fn first_difference(a: &Outputs, b: &Outputs) -> Option<(usize, usize)> {
    if a.len() != b.len() {
        return Some((a.len().min(b.len()), 0));
    }
    a.iter().zip(b).enumerate().find_map(|(sample, (a, b))| {
        let output = a.iter().zip(b).position(|(a, b)| a != b);
        output.or((a.len() != b.len()).then_some(a.len().min(b.len()))).map(|output| (sample, output))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_sample_and_a_changed_byte_are_differences() {
        let a: Outputs = vec![vec![vec![1, 2]], vec![vec![3, 4]]];
        assert_eq!(first_difference(&a, &a), None);
        assert_eq!(first_difference(&a, &a[..1].to_vec()), Some((1, 0)));
        let mut b = a.clone();
        b[1][0][1] = 5;
        assert_eq!(first_difference(&a, &b), Some((1, 0)));
    }
}
