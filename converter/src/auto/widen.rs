//! More bits where they gain most.
//!
//! What a value has beyond int8 is lost if its readers compute on int8. So it is not a node that gets wider, but a value: the node
//! that makes it, and all that read it, past those that only move elements.

use super::{Layers, Probe};
use crate::BuildError;
use crate::ir::Graph;
use crate::quantize::{QuantizeOptions, Ranges, moves, quantize};
use std::collections::{BTreeSet, HashMap};

/// Layers that are tried, of those below the floor.
const MOST_TRIED: usize = 32;

/// A layer around which activations became wider.
#[derive(Clone, Debug, PartialEq)]
pub struct Widened {
    /// The layer whose result lost much.
    pub layer: String,
    /// The nodes that compute on wider values since: the layer, and those that read its result.
    pub nodes: Vec<String>,
    /// The layer's signal-to-noise ratio before, in decibel.
    pub layer_db: f64,
    /// What this alone gains at the output, in decibel.
    pub gain_db: f64,
}

/// What becomes of a layer that loses too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wider {
    Int16,
    Float,
}

impl Wider {
    pub fn name(self) -> &'static str {
        match self {
            Self::Int16 => "int16",
            Self::Float => "float",
        }
    }

    pub fn names(self, options: &mut QuantizeOptions) -> &mut Vec<String> {
        match self {
            Self::Int16 => &mut options.int16_nodes,
            Self::Float => &mut options.float_nodes,
        }
    }
}

/// Widens layers below `floor_db` to int16, the one that gains most at the output first, until none is below; their names are
/// added to `options`. Layers that gain nothing stay as they are.
pub fn widen_below(
    probe: &Probe,
    graph: &Graph,
    ranges: &Ranges,
    options: &mut QuantizeOptions,
    floor_db: f64,
) -> Result<Vec<Widened>, BuildError> {
    let mut measured = probe.layers(graph, &quantize(graph, ranges, options)?)?;
    let mut taken = Vec::new();
    for widened in by_gain(probe, graph, ranges, options, &measured, floor_db, Wider::Int16) {
        // Those before it may have raised it above the floor.
        let below = |l: &crate::validate::LayerError| l.node == widened.layer && l.similarity.sqnr_db < floor_db;
        if !measured.0.iter().any(below) {
            continue;
        }
        let mut next = options.clone();
        add(&mut next.int16_nodes, &widened.nodes);
        let after = probe.layers(graph, &quantize(graph, ranges, &next)?)?;
        if after.1 > measured.1 {
            (*options, measured) = (next, after);
            taken.push(widened);
        }
    }
    Ok(taken)
}

/// Adds the names that are not there yet.
pub(super) fn add(names: &mut Vec<String>, new: &[String]) {
    for name in new {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
}

/// The layers below `floor_db`, and what more bits around each of them alone gain at the output: the largest gain first, and
/// none without a gain. If there are too many to try, those that add least noise to that of their operands are left out.
pub(super) fn by_gain(
    probe: &Probe,
    graph: &Graph,
    ranges: &Ranges,
    options: &QuantizeOptions,
    (layers, output_db): &(Layers, f64),
    floor_db: f64,
    into: Wider,
) -> Vec<Widened> {
    let mut found = Vec::new();
    for (node, layer_db) in candidates(graph, layers, floor_db).into_iter().take(MOST_TRIED) {
        let mut with = options.clone();
        let names = into.names(&mut with);
        let nodes: Vec<String> = around(graph, node).into_iter().filter(|name| !names.contains(name)).collect();
        if nodes.is_empty() {
            continue;
        }
        add(names, &nodes);
        // What no kernel computes in this width is no candidate.
        let Some(gained) = quantize(graph, ranges, &with).ok().and_then(|q| probe.output_db(&q).ok()) else { continue };
        if gained > *output_db {
            let layer = graph.nodes[node].name.clone();
            found.push(Widened { layer, nodes, layer_db, gain_db: gained - output_db });
        }
    }
    // The order of execution decides between equals.
    found.sort_by(|a, b| b.gain_db.total_cmp(&a.gain_db));
    found
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
pub(super) fn around(graph: &Graph, node: usize) -> BTreeSet<String> {
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

/// The names of the nodes that compute the outputs, and of those that only move their elements.
pub(super) fn before_outputs(graph: &Graph) -> Vec<String> {
    let mut names = Vec::new();
    let mut open: Vec<_> = graph.outputs.iter().map(|port| port.value).collect();
    while let Some(value) = open.pop() {
        let Some((_, node)) = graph.producing_node(value) else { continue };
        add(&mut names, std::slice::from_ref(&node.name));
        if moves(&node.op) {
            open.extend(&node.inputs);
        }
    }
    names
}
