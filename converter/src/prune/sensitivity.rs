//! How much each layer minds being pruned, without training in between.

use super::channels::narrow_one;
use super::weights::{Layer, Pattern, Scope, masks};
use super::{PruneError, coupling::Coupling};
use crate::ir::{Graph, Op, Tensor};
use serde::Serialize;

/// What is taken from a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Weights, in this pattern.
    Weights(Pattern),
    /// Channels of its output.
    Channels,
}

/// One layer pruned alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// Name of the node.
    pub node: String,
    /// Weights of the layer.
    pub weights: usize,
    /// Share that was taken, 0 to below 1.
    pub share: f64,
    /// What `measure` said.
    pub accuracy: f64,
}

/// Prunes every layer by itself by each of `shares` and asks `measure` for the accuracy. `samples` tell how much channels
/// contribute. `progress` gets trials done and in all.
pub fn scan<E: From<PruneError>>(
    graph: &Graph,
    what: What,
    shares: &[f64],
    samples: &[Vec<Tensor>],
    measure: &mut dyn FnMut(&Graph) -> Result<f64, E>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Trial>, E> {
    let layers: Vec<usize> = (0..graph.nodes.len()).filter(|&at| takes_part(graph, at, what)).collect();
    if layers.is_empty() {
        let what = if what == What::Channels { "channels" } else { "weights" };
        return Err(PruneError::NothingToPrune { what }.into());
    }
    let mut trials = Vec::with_capacity(layers.len() * shares.len());
    let total = layers.len() * shares.len();
    for &at in &layers {
        let node = &graph.nodes[at];
        let weights = graph.value(node.inputs[1]).elements();
        for &share in shares {
            let pruned = match what {
                What::Weights(pattern) => Some(zeroed(graph, at, pattern, share)),
                What::Channels => narrow_one(graph, samples, &node.name, share)?,
            };
            if let Some(pruned) = pruned {
                trials.push(Trial { node: node.name.clone(), weights, share, accuracy: measure(&pruned)? });
            }
            progress(trials.len(), total);
        }
    }
    Ok(trials)
}

fn takes_part(graph: &Graph, at: usize, what: What) -> bool {
    let node = &graph.nodes[at];
    let has_weights = matches!(node.op, Op::Conv2d { groups: 1, .. } | Op::FullyConnected { .. })
        && node.inputs.get(1).is_some_and(|w| graph.constant(*w).is_some());
    let free = || {
        let coupling = Coupling::of(graph);
        coupling.of[node.output.0].iter().any(|class| !coupling.pinned[*class])
    };
    has_weights && (what != What::Channels || free())
}

/// The graph with zeros in the weights of one layer.
fn zeroed(graph: &Graph, at: usize, pattern: Pattern, share: f64) -> Graph {
    let mut pruned = graph.clone();
    let id = graph.nodes[at].inputs[1];
    let shape = &graph.value(id).shape;
    if let Some(data) = graph.constant(id).and_then(Tensor::as_f32) {
        let row = shape.iter().skip(1).product();
        let mask = masks(&[Layer { weights: data, row }], pattern, Scope::Layer, share).remove(0);
        let zeroed = data.iter().zip(mask).map(|(&w, keep)| if keep { w } else { 0.0 }).collect();
        pruned.values[id.0].constant = Some(Tensor::f32(shape.clone(), zeroed));
    }
    pruned
}
