//! More bits where they gain most.
//!
//! What a value has beyond int8 is lost if its readers compute on int8. So it is not a node that gets wider, but a value: the node
//! that makes it, and all that read it, past those that only move elements.

use super::{Layers, Probe};
use crate::BuildError;
use crate::ir::{Graph, Op};
use crate::quantize::{QuantizeOptions, Ranges, quantize};
use std::collections::{BTreeSet, HashMap};

/// Layers tried before the one that gains most is taken.
const TRIED: usize = 4;
/// Decibel at the output that a wider layer must gain at least.
const LEAST_GAIN_DB: f64 = 0.05;

/// A layer around which activations became wider.
#[derive(Clone, Debug, PartialEq)]
pub struct Widened {
    /// The layer whose result lost most.
    pub layer: String,
    /// The nodes that compute on wider values since: the layer, and those that read its result.
    pub nodes: Vec<String>,
    /// The layer's signal-to-noise ratio before, in decibel.
    pub layer_db: f64,
    /// The output's, before and after.
    pub output_db: [f64; 2],
}

/// What becomes of a layer that loses too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Into {
    Int16,
    Float,
}

impl Into {
    pub fn name(self) -> &'static str {
        match self {
            Self::Int16 => "int16",
            Self::Float => "float",
        }
    }

    fn names(self, options: &mut QuantizeOptions) -> &mut Vec<String> {
        match self {
            Self::Int16 => &mut options.int16_nodes,
            Self::Float => &mut options.float_nodes,
        }
    }
}

/// Widens layers below `floor_db` to int16, the one whose widening gains most at the output first, until none is below or none
/// gains; their names are added to `options`.
pub fn widen_below(
    probe: &Probe,
    graph: &Graph,
    ranges: &Ranges,
    options: &mut QuantizeOptions,
    floor_db: f64,
) -> Result<Vec<Widened>, BuildError> {
    let mut all = Vec::new();
    let mut layers = probe.layers(graph, &quantize(graph, ranges, options)?)?;
    while let Some((widened, next)) = widen_one(probe, graph, ranges, options, &layers, floor_db, Into::Int16)? {
        layers = probe.layers(graph, &quantize(graph, ranges, &next)?)?;
        *options = next;
        all.push(widened);
    }
    Ok(all)
}

/// The widening that gains most at the output, and the options with it. Of the layers below `floor_db`, those are tried that
/// add most noise to what their operands have already. `None` if none gains.
pub(super) fn widen_one(
    probe: &Probe,
    graph: &Graph,
    ranges: &Ranges,
    options: &QuantizeOptions,
    (layers, output_db): &(Layers, f64),
    floor_db: f64,
    into: Into,
) -> Result<Option<(Widened, QuantizeOptions)>, BuildError> {
    let mut best: Option<(Widened, QuantizeOptions)> = None;
    let mut tried = 0;
    for (node, layer_db) in candidates(graph, layers, floor_db) {
        let mut with = options.clone();
        let names = into.names(&mut with);
        let new: Vec<String> = around(graph, node).into_iter().filter(|name| !names.contains(name)).collect();
        if new.is_empty() {
            continue;
        }
        names.extend(new.iter().cloned());
        // What no kernel can compute in this width is no candidate.
        let Some(gained) = quantize(graph, ranges, &with).ok().and_then(|q| probe.output_db(&q).ok()) else { continue };
        let least = best.as_ref().map_or(output_db + LEAST_GAIN_DB, |(b, _)| b.output_db[1]);
        if gained > least {
            let layer = graph.nodes[node].name.clone();
            best = Some((Widened { layer, nodes: new, layer_db, output_db: [*output_db, gained] }, with));
        }
        tried += 1;
        if tried == TRIED {
            break;
        }
    }
    Ok(best)
}

/// Nodes whose result is below the floor, and its signal-to-noise ratio; those that add most noise first.
fn candidates(graph: &Graph, layers: &Layers, floor_db: f64) -> Vec<(usize, f64)> {
    let db: HashMap<&str, f64> = layers.iter().map(|l| (l.node.as_str(), l.similarity.sqnr_db)).collect();
    let noise = |db: f64| 10f64.powf(-db / 10.0);
    let mut found: Vec<(usize, f64, f64)> = Vec::new();
    for (at, node) in graph.nodes.iter().enumerate() {
        let Some(&own) = db.get(node.name.as_str()).filter(|db| **db < floor_db) else { continue };
        let before = node.inputs.iter().filter_map(|x| graph.producing_node(*x));
        let before = before.filter_map(|(_, made)| db.get(made.name.as_str())).map(|db| noise(*db)).fold(0.0, f64::max);
        found.push((at, own, noise(own) - before));
    }
    found.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)));
    found.into_iter().map(|(at, own, _)| (at, own)).collect()
}

/// The names of `node` and of all nodes that compute with its result.
fn around(graph: &Graph, node: usize) -> BTreeSet<String> {
    let mut names = BTreeSet::from([graph.nodes[node].name.clone()]);
    let mut open = vec![graph.nodes[node].output];
    while let Some(value) = open.pop() {
        for reader in graph.consumers(value).into_iter().map(|id| &graph.nodes[id.0]) {
            if names.insert(reader.name.clone()) && moves(&reader.op) {
                open.push(reader.output);
            }
        }
    }
    names
}

fn moves(op: &Op) -> bool {
    matches!(
        op,
        Op::MaxPool2d { .. }
            | Op::Pad { .. }
            | Op::Slice { .. }
            | Op::Reshape
            | Op::Transpose { .. }
            | Op::Concat { .. }
    )
}
