//! The inputs and labels of a recording. They are what the network got, so that nothing is done to them.

use super::layout::InputSpec;
use super::npy::Window;
use super::{DataError, Dataset};
use crate::recording::{Recording, TensorRecord};
use std::path::Path;

/// Samples of a recording, and how many it has.
pub(super) fn read(path: &Path, inputs: &[InputSpec], window: Window) -> Result<(Dataset, usize), DataError> {
    let bad = |problem: String| DataError::Format { path: path.into(), problem };
    let recording = Recording::open(path).map_err(|e| bad(e.to_string()))?;
    let records = inputs.iter().enumerate().map(|(at, input)| record(&recording, path, at, input));
    let records = records.collect::<Result<Vec<_>, _>>()?;
    let total = recording.len();
    if window.skip >= total {
        return Err(DataError::AllSkipped { path: path.into(), total, skip: window.skip });
    }
    let end = window.limit.map_or(total, |limit| window.skip.saturating_add(limit).min(total));
    let mut samples = Vec::new();
    for chunk in recording.chunks() {
        let chunk = chunk.map_err(|e| bad(e.to_string()))?;
        let wanted = (0..chunk.samples).filter(|i| (window.skip..end).contains(&(chunk.first + i)));
        samples.extend(wanted.map(|i| records.iter().map(|r| chunk.sample(&r.tensor, i).to_vec()).collect()));
    }
    let labels = recording.labels().map(|labels| labels[window.skip..end].to_vec());
    Ok((Dataset { samples, labels, ..Dataset::default() }, total))
}

/// The tensor of the input's name, else the one at its place.
fn record<'r>(
    recording: &'r Recording,
    path: &Path,
    at: usize,
    input: &InputSpec,
) -> Result<&'r TensorRecord, DataError> {
    let records = &recording.manifest.inputs;
    let found = records.iter().find(|r| r.name == input.name).or_else(|| records.get(at));
    let record = found.ok_or_else(|| DataError::MissingArray {
        path: path.into(),
        input: input.name.clone(),
        found: records.iter().map(|r| r.name.clone()).collect(),
    })?;
    let elements = |shape: &[usize]| shape.iter().skip(1).product::<usize>();
    if elements(&record.shape) == elements(&input.shape) {
        return Ok(record);
    }
    Err(DataError::Shape {
        path: path.into(),
        input: input.name.clone(),
        expected: input.shape.clone(),
        samples: recording.len(),
        got: record.shape.iter().skip(1).copied().collect(),
        layouts: false,
    })
}
