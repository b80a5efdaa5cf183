//! Which nodes get the scratch memory that only makes them faster, which run in bands, and which get larger weights.

use super::candidate::{Candidate, Granted, Problem};
use super::cost::Cost;
use super::kernel::Kernel;
use super::liveness::bytes;
use super::{PlanError, PlanOptions, Ram, bands, winograd};

/// Plans tried in each direction beyond the first few, …
const MOST_TRIES: usize = 48;
/// … and their number times the square of the graph's nodes: keeps large graphs fast.
const TRY_WORK: usize = 200_000;

/// Bytes that bands must save where nobody asks for less memory: a run with them needs about 1300 more of stack.
const WORTH_BANDS: i64 = 2048;

/// The plan that suits `options` best.
pub fn choose(problem: &Problem, options: &PlanOptions) -> Result<Candidate, PlanError> {
    let (granted, candidate) = choose_scratch(problem, options)?;
    winograd::choose(problem, options, granted, candidate)
}

/// The plan that suits `options.ram` best, of kernels with the smallest weights.
fn choose_scratch(problem: &Problem, options: &PlanOptions) -> Result<(Granted, Candidate), PlanError> {
    let optional = by_gain(problem, options);
    let all = granted(problem, &mut optional.iter().filter(|o| o.gain > 0));
    let whole = problem.plan(&all)?;
    let limit = match options.ram {
        Ram::Fastest => i64::MAX,
        Ram::Within(bytes) => i64::from(bytes),
        Ram::Min => 0,
    };
    let mut best = with_free_bands(problem, (all, whole), limit)?;
    if limit == i64::MAX {
        return Ok(best);
    }
    if problem.overlap() {
        best = bands::shrink(problem, best, true, limit)?;
    }
    if best.1.end() <= limit || optional.is_empty() {
        return Ok(best);
    }
    // Start from the smallest of three: everything, nothing, and what is smaller for each node seen alone.
    let bands = best.0.bands.clone();
    for start in [granted(problem, &mut optional.iter().filter(|o| o.smaller)), granted(problem, &mut [].iter())] {
        let start = Granted { bands: bands.clone(), ..start };
        let candidate = problem.plan(&start)?;
        if candidate.end() < best.1.end() {
            best = (start, candidate);
        }
    }
    // Whatever frees memory first, then the most useful first of what is free.
    let nodes = problem.quant().graph.nodes.len().max(1);
    for (option, on) in tries(&optional, MOST_TRIES.min(TRY_WORK / (nodes * nodes))) {
        let useless = if on { option.gain <= 0 } else { best.1.end() <= limit };
        if best.0.scratch[option.node] == on || useless {
            continue;
        }
        let mut other = best.0.clone();
        other.scratch[option.node] = on;
        let candidate = problem.plan(&other)?;
        let (end, best_end) = (candidate.end(), best.1.end());
        let smaller = end < best_end && best_end > limit;
        let free = on && end <= best_end.max(limit);
        if smaller || free {
            best = (other, candidate);
        }
    }
    Ok(best)
}

/// Adds the chains that cost hardly any time, if they are worth it or `best` is larger than `limit`.
pub fn with_free_bands(
    problem: &Problem,
    best: (Granted, Candidate),
    limit: i64,
) -> Result<(Granted, Candidate), PlanError> {
    if !problem.overlap() {
        return Ok(best);
    }
    let (before, end) = (best.0.clone(), best.1.end());
    let banded = bands::shrink(problem, best, false, 0)?;
    if end <= limit && (1..WORTH_BANDS).contains(&(end - banded.1.end())) {
        let candidate = problem.plan(&before)?;
        return Ok((before, candidate));
    }
    Ok(banded)
}

/// A node that can do with scratch memory and without.
struct Optional {
    node: usize,
    /// Instructions that the memory saves.
    gain: i64,
    /// The node alone needs less memory with it, because its output may then lie nearer to its input.
    smaller: bool,
}

/// First taking scratch memory from the nodes that gain least, then giving it to those that gain most.
fn tries(optional: &[Optional], most: usize) -> impl Iterator<Item = (&Optional, bool)> {
    let off = optional.iter().rev().map(|o| (o, false));
    off.take(most).chain(optional.iter().map(|o| (o, true)).take(most))
}

fn granted(problem: &Problem, nodes: &mut dyn Iterator<Item = &Optional>) -> Granted {
    let none = vec![false; problem.scratch().len()];
    let mut granted = Granted { scratch: none.clone(), winograd: none, bands: Vec::new() };
    nodes.for_each(|o| granted.scratch[o.node] = true);
    granted
}

/// All nodes with a choice, those first that gain most.
fn by_gain(problem: &Problem, options: &PlanOptions) -> Vec<Optional> {
    let graph = &problem.quant().graph;
    let mut all: Vec<Optional> = Vec::new();
    for (index, scratch) in problem.scratch().iter().enumerate() {
        let Some(scratch) = scratch.filter(|scratch| scratch.optional) else { continue };
        let node = &graph.nodes[index];
        let Some(without) = Kernel::of(graph, node) else { continue };
        let with = without.with_scratch(scratch.bytes);
        let cost = |kernel: &Kernel| Cost::of(kernel).map_or(0, |cost| cost.instructions(options.target));
        let alone = |kernel: &Kernel| {
            let saved =
                node.inputs.first().zip(kernel.distances()).map_or(0, |(&x, distances)| {
                    super::overlap::Overlap::of(graph, x, node.output, distances).saved_bytes
                });
            i64::from(kernel.scratch_bytes()) + bytes(graph, node.output) as i64 - saved
        };
        all.push(Optional {
            node: index,
            gain: cost(&without) as i64 - cost(&with) as i64,
            smaller: alone(&with) < alone(&without),
        });
    }
    all.sort_by_key(|o| (-o.gain, o.node));
    all
}
