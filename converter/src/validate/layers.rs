//! A model file against the float network, value by value.
//!
//! Values are matched by node name. Where each lies in the arena follows from the instructions; how to read it, from the
//! scales that the file's metadata records. Where channels were equalized, a value of the file is that of the network up to a
//! factor per channel, which follows from the two by least squares.

use super::compare::Sums;
use super::evaluate::EvaluateError;
use super::{LayerError, Session};
use crate::data::Dataset;
use crate::execute::Executor;
use crate::inspect::{InspectError, Summary};
use crate::ir::{Graph, ValueId};
use crate::quantize::rescalable;
use crate::stored_samples;
use std::collections::HashMap;

/// Why layers cannot be compared.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum LayersError {
    #[error(transparent)]
    Inspect(#[from] InspectError),
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    #[error("the file records no node names and scales")]
    Stripped,
    #[error("no value of the file has a namesake in the network")]
    NothingInCommon,
}

/// How a file's record of its converter says that channels were equalized.
pub const EQUALIZED: &str = "--equalize";

/// A value that both have.
struct Match {
    value: ValueId,
    /// The instruction that completes it.
    instruction: usize,
    range: std::ops::Range<usize>,
    scale: f32,
    zero_point: i32,
    /// Per channel (index along the last axis), what the reference is multiplied with; empty for 1.
    factors: Vec<f32>,
    sums: Sums,
}

/// Runs `samples` (source order) through the float `graph` and the file. `equalized`: channels of the file may have been
/// rescaled between layers. `progress` gets the number of samples done.
pub fn compare_file(
    graph: &Graph,
    session: &Session,
    samples: &[Vec<Vec<f32>>],
    equalized: bool,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<LayerError>, LayersError> {
    let summary = Summary::from_blob(session.blob())?;
    let mut matches = find_matches(graph, &summary)?;
    if equalized {
        find_factors(graph, session, samples, &mut matches)?;
    }
    let mut add = |m: &mut Match, reference: &[f32], got: &mut dyn Iterator<Item = f32>| {
        let Match { factors, sums, .. } = m;
        let factor = |at: usize| if factors.is_empty() { 1.0 } else { factors[at % factors.len()] };
        got.zip(reference).enumerate().for_each(|(at, (got, &r))| sums.add(r * factor(at), got));
    };
    walk(graph, session, samples, &mut matches, &mut add, progress)?;
    Ok(matches.into_iter().map(|m| layer(&summary, m)).collect())
}

/// For channels that may have been rescaled, the factors that bring the network's values nearest to the file's.
fn find_factors(
    graph: &Graph,
    session: &Session,
    samples: &[Vec<Vec<f32>>],
    matches: &mut [Match],
) -> Result<(), LayersError> {
    let values = rescalable(graph);
    // Per value and channel, sums of products and of squares.
    let mut fits: HashMap<ValueId, Vec<[f64; 2]>> = HashMap::new();
    let mut add = |m: &mut Match, reference: &[f32], got: &mut dyn Iterator<Item = f32>| {
        if values.contains(&m.value) {
            let channels = graph.value(m.value).shape.last().copied().unwrap_or(1).max(1);
            let fit = fits.entry(m.value).or_insert_with(|| vec![[0.0; 2]; channels]);
            for (at, (got, &r)) in got.zip(reference).enumerate() {
                let sums = &mut fit[at % channels];
                *sums = [sums[0] + f64::from(got) * f64::from(r), sums[1] + f64::from(r) * f64::from(r)];
            }
        }
    };
    walk(graph, session, samples, matches, &mut add, &mut |_| {})?;
    for m in matches {
        let fit = fits.get(&m.value).map(Vec::as_slice).unwrap_or_default();
        m.factors =
            fit.iter().map(|&[product, square]| if product > 0.0 { (product / square) as f32 } else { 1.0 }).collect();
    }
    Ok(())
}

type Visit<'a> = dyn FnMut(&mut Match, &[f32], &mut dyn Iterator<Item = f32>) + 'a;

/// Shows `visit` every matched value of every sample, in real numbers: the network's and the file's.
fn walk(
    graph: &Graph,
    session: &Session,
    samples: &[Vec<Vec<f32>>],
    matches: &mut [Match],
    visit: &mut Visit,
    progress: &mut dyn FnMut(usize),
) -> Result<(), LayersError> {
    let executor = Executor::new(graph).map_err(EvaluateError::from)?;
    let mut runner = session.runner().map_err(EvaluateError::from)?;
    for (done, sample) in samples.iter().enumerate() {
        let data = Dataset { samples: vec![sample.clone()], origin: "the data".into(), ..Dataset::default() };
        let stored = stored_samples(graph, &data).map_err(|e| EvaluateError::Samples(Box::new(e)))?;
        let mut float: HashMap<ValueId, Vec<f32>> = HashMap::new();
        let wanted: Vec<ValueId> = matches.iter().map(|m| m.value).collect();
        let mut keep = |value: ValueId, values: &[f32]| {
            if wanted.contains(&value) {
                float.insert(value, values.to_vec());
            }
        };
        for sample in &stored {
            executor.run_observed(sample, &mut keep).map_err(EvaluateError::from)?;
        }
        // An instruction that runs in bands is seen after each of them: the last time, its result is complete.
        let mut results: HashMap<usize, Vec<u8>> = HashMap::new();
        let mut look = |index: usize, _: &_, arena: &[u8]| {
            for (at, m) in matches.iter().enumerate().filter(|(_, m)| m.instruction == index) {
                if let Some(bytes) = arena.get(m.range.clone()) {
                    results.insert(at, bytes.to_vec());
                }
            }
        };
        runner.run_observed(sample, &mut look).map_err(EvaluateError::from)?;
        for (at, m) in matches.iter_mut().enumerate() {
            let (Some(bytes), Some(float)) = (results.get(&at), float.get(&m.value)) else { continue };
            let (scale, zero_point, element) = (m.scale, m.zero_point, bytes.len() / float.len().max(1));
            visit(m, float, &mut real_values(scale, zero_point, element, bytes));
        }
        progress(done + 1);
    }
    Ok(())
}

/// Stored bytes as real values: float32 if there is no scale, else integers of `element` bytes.
pub(crate) fn real_values(
    scale: f32,
    zero_point: i32,
    element: usize,
    bytes: &[u8],
) -> Box<dyn Iterator<Item = f32> + '_> {
    if scale == 0.0 {
        Box::new(bytes.as_chunks::<4>().0.iter().map(|c| f32::from_le_bytes(*c)))
    } else if element == 2 {
        Box::new(bytes.as_chunks::<2>().0.iter().map(move |c| scale * f32::from(i16::from_le_bytes(*c))))
    } else {
        Box::new(bytes.iter().map(move |&b| scale * (i32::from(b as i8) - zero_point) as f32))
    }
}

fn layer(summary: &Summary, m: Match) -> LayerError {
    let instruction = summary.instructions.get(m.instruction);
    LayerError {
        instruction: m.instruction,
        node: instruction.map(|i| i.node.clone()).unwrap_or_default(),
        op: instruction.map(|i| i.op.clone()).unwrap_or_default(),
        scale: m.scale,
        similarity: m.sums.similarity(),
    }
}

/// Values whose node has a namesake among the instructions, in the order of the instructions that complete them.
fn find_matches(graph: &Graph, summary: &Summary) -> Result<Vec<Match>, LayersError> {
    if summary.instructions.iter().all(|i| i.node.is_empty() || i.scale.is_none()) {
        return Err(LayersError::Stripped);
    }
    let mut matches: Vec<Match> = Vec::new();
    for node in &graph.nodes {
        // A node can take several instructions, each writing a part: the last one completes it.
        let parts: Vec<_> = summary.instructions.iter().filter(|i| i.node == node.name).collect();
        let Some(last) = parts.last() else { continue };
        let (Some(scale), Some(zero_point)) = (last.scale, last.zero_point) else { continue };
        let start = parts.iter().map(|i| i.writes[0]).min().unwrap_or(0) as usize;
        let end = parts.iter().map(|i| i.writes[1]).max().unwrap_or(0) as usize;
        let elements = graph.value(node.output).elements();
        let widths: &[usize] = if scale == 0.0 { &[4] } else { &[1, 2] };
        if widths.iter().any(|width| end.saturating_sub(start) == elements * width) {
            let (value, instruction, range) = (node.output, last.index, start..end);
            matches.push(Match {
                value,
                instruction,
                range,
                scale,
                zero_point,
                factors: Vec::new(),
                sums: Sums::default(),
            });
        }
    }
    matches.sort_by_key(|m| m.instruction);
    if matches.is_empty() { Err(LayersError::NothingInCommon) } else { Ok(matches) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_bytes_are_read() {
        assert_eq!(real_values(0.5, -128, 1, &[0x80, 0x7f]).collect::<Vec<_>>(), [0.0, 127.5]);
        assert_eq!(real_values(0.5, 0, 2, &[0x00, 0x80, 0x01, 0x00]).collect::<Vec<_>>(), [-16384.0, 0.5]);
        assert_eq!(real_values(0.0, 0, 4, &1.5f32.to_le_bytes()).collect::<Vec<_>>(), [1.5]);
    }
}
