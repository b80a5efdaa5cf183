//! How much each channel contributes to what is computed from it.

use super::PruneError;
use super::coupling::Coupling;
use crate::execute::Executor;
use crate::ir::{Graph, Node, Op, Tensor};
use std::collections::HashMap;

/// Per class, the energy that the layers which read it would lose without it, each layer's energy being 1: the mean square
/// of the channel on `samples` times the squares of the weights it meets. Errors of several channels are taken as
/// independent.
pub(super) fn energies(graph: &Graph, coupling: &Coupling, samples: &[Vec<Tensor>]) -> Result<Vec<f64>, PruneError> {
    let squares = mean_squares(graph, samples)?;
    let mut energies = vec![0.0; coupling.pinned.len()];
    for node in graph.nodes.iter().filter(|n| mixes(&n.op)) {
        let Some(weights) = node.inputs.get(1).and_then(|w| graph.constant(*w)?.as_f32()) else { continue };
        let ids = &coupling.of[node.inputs[0].0];
        let channels = ids.len().max(1);
        let ones = vec![1.0; channels];
        let squares = squares.get(&node.inputs[0].0).unwrap_or(&ones);
        let mut shares = vec![0.0; channels];
        for (i, w) in weights.iter().enumerate() {
            shares[i % channels] += f64::from(*w).powi(2) * squares[i % channels];
        }
        let total: f64 = shares.iter().sum();
        if total > 0.0 {
            shares.iter().zip(ids).for_each(|(share, &class)| energies[class] += share / total);
        }
    }
    Ok(energies)
}

/// Ops whose outputs are sums over all channels: their weights have the input's channels last.
pub(super) fn mixes(op: &Op) -> bool {
    matches!(op, Op::Conv2d { groups: 1, .. } | Op::FullyConnected { .. })
}

/// Mean squares along the last axis of what layers read, by index of the value.
fn mean_squares(graph: &Graph, samples: &[Vec<Tensor>]) -> Result<HashMap<usize, Vec<f64>>, PruneError> {
    let mut sums: HashMap<usize, (Vec<f64>, f64)> = HashMap::new();
    let read = |n: &Node| mixes(&n.op).then(|| n.inputs.first().map(|x| x.0)).flatten();
    let wanted: Vec<usize> = graph.nodes.iter().filter_map(read).collect();
    let executor = Executor::new(graph)?;
    executor.run_batch_observed(samples, &mut |value, data, _| {
        if !wanted.contains(&value.0) {
            return;
        }
        let channels = graph.value(value).shape.last().copied().unwrap_or(1).max(1);
        let (sums, rows) = sums.entry(value.0).or_insert_with(|| (vec![0.0; channels], 0.0));
        for row in data.chunks_exact(channels) {
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x).powi(2));
            *rows += 1.0;
        }
    })?;
    let mean =
        |(value, (sums, rows)): (usize, (Vec<f64>, f64))| (value, sums.iter().map(|s| s / rows.max(1.0)).collect());
    Ok(sums.into_iter().map(mean).collect())
}
