//! A model file against the float network, value by value.
//!
//! Values are matched by node name, see `taps.rs`. Where channels were equalized, a value of the file is that of the network up to a
//! factor per channel, which follows from the two by least squares.

use super::compare::Sums;
use super::evaluate::EvaluateError;
use super::taps::{Tap, find_taps, read_taps};
use super::{LayerError, Session};
use crate::data::Dataset;
use crate::execute::Executor;
use crate::inspect::{InspectError, Summary};
use crate::ir::{Graph, ValueId};
use crate::quantize::rescalable;
use crate::stored_samples;
use std::collections::{HashMap, HashSet};

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
    tap: Tap,
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
    let mut matches = find_matches(graph, session, &summary)?;
    if equalized {
        find_factors(graph, session, samples, &mut matches)?;
    }
    let mut add = |m: &mut Match, reference: &[f32], got: &mut dyn Iterator<Item = f32>| {
        let Match { tap, factors, sums } = m;
        let factor = |at: usize| if factors.is_empty() { 1.0 } else { factors[at % factors.len()] };
        let pairs = got.zip(reference).enumerate().filter(|(at, _)| tap.holds(*at));
        pairs.for_each(|(at, (got, &r))| sums.add(r * factor(at), got));
    };
    walk(graph, session, samples, &mut matches, &mut add, progress)?;
    Ok(matches.into_iter().map(|m| layer(&summary, m)).collect())
}

/// What the network's values are multiplied with in a file whose channels were rescaled, per channel.
pub(super) fn factors(
    graph: &Graph,
    session: &Session,
    samples: &[Vec<Vec<f32>>],
) -> Result<HashMap<ValueId, Vec<f32>>, LayersError> {
    let mut matches = find_matches(graph, session, &Summary::from_blob(session.blob())?)?;
    find_factors(graph, session, samples, &mut matches)?;
    Ok(matches.into_iter().map(|m| (m.tap.value, m.factors)).collect())
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
        if values.contains(&m.tap.value) {
            let channels = graph.value(m.tap.value).shape.last().copied().unwrap_or(1).max(1);
            let fit = fits.entry(m.tap.value).or_insert_with(|| vec![[0.0; 2]; channels]);
            for (at, (got, &r)) in got.zip(reference).enumerate().filter(|(at, _)| m.tap.holds(*at)) {
                let sums = &mut fit[at % channels];
                *sums = [sums[0] + f64::from(got) * f64::from(r), sums[1] + f64::from(r) * f64::from(r)];
            }
        }
    };
    walk(graph, session, samples, matches, &mut add, &mut |_| {})?;
    for m in matches {
        let fit = fits.get(&m.tap.value).map(Vec::as_slice).unwrap_or_default();
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
    let taps: Vec<Tap> = matches.iter().map(|m| m.tap.clone()).collect();
    let wanted: HashSet<ValueId> = taps.iter().map(|tap| tap.value).collect();
    for (done, sample) in samples.iter().enumerate() {
        let data = Dataset { samples: vec![sample.clone()], origin: "the data".into(), ..Dataset::default() };
        let stored = stored_samples(graph, &data).map_err(|e| EvaluateError::Samples(Box::new(e)))?;
        let mut float: HashMap<ValueId, Vec<f32>> = HashMap::new();
        let mut keep = |value: ValueId, values: &[f32]| {
            if wanted.contains(&value) {
                float.insert(value, values.to_vec());
            }
        };
        for sample in &stored {
            executor.run_observed(sample, &mut keep).map_err(EvaluateError::from)?;
        }
        let (_, results) = read_taps(&mut runner, sample, &taps).map_err(EvaluateError::from)?;
        for (m, bytes) in matches.iter_mut().zip(&results) {
            let (Some(bytes), Some(float)) = (bytes, float.get(&m.tap.value)) else { continue };
            let tap = m.tap.clone();
            visit(m, float, &mut tap.real_values(bytes));
        }
        progress(done + 1);
    }
    Ok(())
}

fn layer(summary: &Summary, m: Match) -> LayerError {
    let instruction = summary.instructions.get(m.tap.instruction);
    LayerError {
        instruction: m.tap.instruction,
        node: instruction.map(|i| i.node.clone()).unwrap_or_default(),
        op: instruction.map(|i| i.op.clone()).unwrap_or_default(),
        scale: m.tap.scale,
        similarity: m.sums.similarity(),
    }
}

/// Everything that can be compared.
fn find_matches(graph: &Graph, session: &Session, summary: &Summary) -> Result<Vec<Match>, LayersError> {
    let matched = |tap| Match { tap, factors: Vec::new(), sums: Sums::default() };
    Ok(find_taps(graph, session, summary)?.into_iter().map(matched).collect())
}
