//! Arrays, images and tables from files, shaped and normalised for a model's inputs.
//!
//! | source | labels |
//! |---|---|
//! | `.npy`, first axis = samples | `--labels FILE` |
//! | `.npz`, arrays named as the inputs (or `x`) | array `y` or `labels`, or `--labels FILE` |
//! | folder of PNG or JPEG files, one sub-folder per class | the folder names, sorted |
//! | folder of PNG or JPEG files | `--labels FILE` |
//! | IDX file, or a folder with an images and a labels file | the labels file beside it |
//! | `.csv`, one sample per line | a column |
//! | a recording of a full-precision run (`.safetensors`, `.safetensors.index.json`) | its own |
//!
//! Nothing is guessed about values: pixels stay 0..255 and arrays keep their numbers unless a [`Normalization`] is given.

mod csv;
mod error;
mod idx;
mod images;
mod labels;
mod layout;
mod normalize;
mod npy;
mod npz;
mod random;
mod recorded;
mod source;
mod write;

pub use csv::LabelColumn;
pub use error::DataError;
pub use layout::{DataLayout, InputSpec};
pub use normalize::{Normalization, NormalizationError};
pub(crate) use random::SplitMix64;
pub use source::{load, load_each, load_rows, load_text_lines};
pub use write::write_npy;

use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// Samples ready to be given to a model: one flat array per input, in the source network's order and units.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    /// `samples[i][j]` is input `j` of sample `i`.
    pub samples: Vec<Vec<Vec<f32>>>,
    /// Class per sample.
    pub labels: Option<Vec<usize>>,
    /// Names of the classes, if the data have some (folder names).
    pub class_names: Vec<String>,
    /// What to call each sample in messages: its file, or nothing where its position says it.
    pub sample_names: Vec<String>,
    /// Where the samples came from and what was done to them, for the reader of a report.
    pub origin: String,
}

/// How to read a data set.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// What is done to every value.
    pub normalization: Normalization,
    /// Integers in the file mean `scale * (x - zero_point)`; done before `normalization`.
    pub dequantize: Option<(f32, i32)>,
    /// Order of the axes in arrays.
    pub layout: DataLayout,
    /// Scale pictures to the model's size instead of refusing them.
    pub resize: bool,
    /// Labels in a file of their own.
    pub labels: Option<PathBuf>,
    /// Which column of a CSV file is the label.
    pub label_column: Option<LabelColumn>,
    /// Leave out this many samples at the start.
    pub skip: usize,
    /// Take at most this many samples after that.
    pub limit: Option<usize>,
    /// Names of the model's classes; labels given as text are looked up here.
    pub class_names: Vec<String>,
}

impl Dataset {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// True if there are no samples. Loaders refuse that.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Up to `n` samples spread evenly over the set, so that sorted sets give every class a share.
    pub fn spread(&self, n: usize) -> Vec<&Vec<Vec<f32>>> {
        let n = n.min(self.len());
        (0..n).filter_map(|i| self.samples.get(i * self.len() / n)).collect()
    }

    /// Keeps `n` samples spread evenly over the set.
    pub fn keep_spread(&mut self, n: usize) {
        let (len, n) = (self.len(), n.min(self.len()));
        let mut kept = (0..n).map(|i| i * len / n).peekable();
        let keep: Vec<bool> = (0..len).map(|i| kept.next_if_eq(&i).is_some()).collect();
        fn retain<T>(items: &mut Vec<T>, keep: &[bool]) {
            let mut keep = keep.iter();
            items.retain(|_| keep.next().copied().unwrap_or(true));
        }
        retain(&mut self.samples, &keep);
        retain(&mut self.sample_names, &keep);
        if let Some(labels) = &mut self.labels {
            retain(labels, &keep);
        }
    }

    /// What to call sample `i`.
    pub fn sample_name(&self, i: usize) -> String {
        self.sample_names.get(i).cloned().unwrap_or_else(|| format!("sample {i}"))
    }

    /// SHA-256 over every value of every sample, as the model gets them.
    pub fn sha256(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for values in self.samples.iter().flatten() {
            hash.update((values.len() as u64).to_le_bytes());
            for v in values {
                hash.update(v.to_le_bytes());
            }
        }
        hash.finalize().into()
    }

    /// `n` samples of uniform noise in [-1, 1), the same every time. Only good for measuring size and speed.
    pub fn random(inputs: &[InputSpec], n: usize) -> Self {
        random::dataset(inputs, n)
    }

    /// Refuses labels that a model with `classes` outputs cannot give.
    pub fn check_labels(&self, classes: usize) -> Result<&[usize], DataError> {
        let labels = self.labels.as_deref().ok_or(DataError::NoLabels { origin: self.origin.clone() })?;
        match labels.iter().position(|&l| l >= classes) {
            None => Ok(labels),
            Some(i) => Err(DataError::LabelRange { sample: self.sample_name(i), label: labels[i], classes }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(n: usize) -> Dataset {
        let samples = (0..n).map(|i| vec![vec![i as f32]]).collect();
        Dataset { samples, labels: Some((0..n).collect()), ..Dataset::default() }
    }

    #[test]
    fn spread_covers_the_set_evenly_and_keep_spread_agrees() {
        for (len, n) in [(10, 3), (10, 10), (3, 10), (7, 1), (256, 100)] {
            let data = set(len);
            let spread: Vec<_> = data.spread(n).into_iter().cloned().collect();
            assert_eq!(spread.len(), n.min(len));
            let mut kept = data.clone();
            kept.keep_spread(n);
            assert_eq!(kept.samples, spread);
            let labels: Vec<f32> = kept.labels.unwrap().iter().map(|&l| l as f32).collect();
            assert_eq!(labels, spread.concat().concat());
        }
    }

    #[test]
    fn hash_depends_on_values_and_on_where_one_input_ends() {
        let split =
            |a: &[f32], b: &[f32]| Dataset { samples: vec![vec![a.to_vec(), b.to_vec()]], ..Dataset::default() };
        assert_ne!(split(&[1.0], &[2.0, 3.0]).sha256(), split(&[1.0, 2.0], &[3.0]).sha256());
        assert_eq!(split(&[1.0], &[2.0]).sha256(), split(&[1.0], &[2.0]).sha256());
    }

    #[test]
    fn noise_is_the_same_every_time_and_within_one() {
        let inputs = [InputSpec { name: "x".into(), shape: vec![1, 100], channel_axis: None }];
        let a = Dataset::random(&inputs, 3);
        assert_eq!(a.samples, Dataset::random(&inputs, 3).samples);
        assert!(a.samples.iter().flatten().flatten().all(|v| (-1.0..1.0).contains(v)));
        assert_ne!(a.samples[0], a.samples[1]);
    }
}
