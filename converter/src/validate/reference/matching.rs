//! Which recorded layer is which value of the network.
//!
//! Nodes are fused, exporters fold batch normalization, and activations need no module: what a name says is where to look, not
//! what is equal. So the float network runs a few of the recorded samples; of the layers that a name leads to, that one is the
//! value's whose numbers are nearest.

use super::ReferenceError;
use super::scopes::{module_path, same_module};
use crate::ir::{Activation, Graph, ValueId, permute};
use crate::recording::{Chunk, LayerRecord, Manifest};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// Recorded results after a module's that may be the fused node's: normalization, activation, dropout.
const CHAIN: usize = 4;

/// Layers of other names are taken if they are as near as this, or eight roundings of the recorded type.
const NEAR: f64 = 1e-2;

/// How a layer was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// The caller said so.
    Given,
    /// The module's path is in the name of the node or of its result.
    Name,
    /// The next layer in execution order that has the shape and the numbers.
    Position,
}

/// Order of a recorded sample's axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    AsIs,
    /// The first axis, channels, goes last.
    ChannelsFirst,
}

/// A recorded layer that is a value of the network.
#[derive(Clone, Debug)]
pub struct Matched {
    /// Number of the layer in the recording.
    pub layer: usize,
    /// How it was found.
    pub how: How,
    layout: Layout,
    /// A clamp that the network applies and no module does.
    clamp: Option<Activation>,
    /// Largest difference of the float network's values, in parts of the largest recorded value.
    difference: f64,
}

impl Matched {
    /// The recorded values of a sample, in the order of the network's value.
    pub fn values(&self, layers: &[LayerRecord], chunk: &Chunk, sample: usize) -> Vec<f32> {
        let layer = &layers[self.layer];
        arranged(chunk.sample(&layer.tensor, sample), &layer.shape[1..], self.layout, self.clamp)
    }
}

fn arranged(values: &[f32], shape: &[usize], layout: Layout, clamp: Option<Activation>) -> Vec<f32> {
    let mut values = match layout {
        Layout::AsIs => values.to_vec(),
        Layout::ChannelsFirst => {
            let perm: Vec<usize> = (1..shape.len()).chain([0]).collect();
            permute(values, shape, &perm)
        }
    };
    if let Some(Activation { min, max }) = clamp {
        values.iter_mut().for_each(|v| *v = v.clamp(min, max));
    }
    values
}

/// What the float network computed for the first samples of a chunk: of each sample, its values.
pub(super) type FloatRuns = [HashMap<ValueId, Vec<f32>>];

/// Finds the layers of all nodes; `given` are pairs of node and layer. The result follows `graph.nodes`.
pub(super) fn match_layers(
    graph: &Graph,
    manifest: &Manifest,
    epsilon: f64,
    chunk: &Chunk,
    runs: &FloatRuns,
    given: &[(String, String)],
) -> Result<Vec<Option<Matched>>, ReferenceError> {
    check_given(graph, manifest, given)?;
    let matcher = Matcher { graph, layers: &manifest.layers, chunk, runs };
    let near = NEAR.max(8.0 * epsilon);
    let mut matches: Vec<Option<Matched>> = vec![None; graph.nodes.len()];
    let mut used = HashSet::new();
    for (node, found) in matches.iter_mut().enumerate() {
        let is_given = given.iter().any(|(name, _)| *name == graph.nodes[node].name);
        *found = if is_given { matcher.given(node, given)? } else { matcher.by_name(node) };
        used.extend(found.iter().filter(|m| m.how == How::Given || m.difference <= near).map(|m| m.layer));
    }
    let mut next = 0;
    for (node, found) in matches.iter_mut().enumerate() {
        let is_given = given.iter().any(|(name, _)| *name == graph.nodes[node].name);
        if !is_given
            && found.as_ref().is_none_or(|m| m.how == How::Name && m.difference > near)
            && let Some(other) = matcher.by_position(node, next, &used, near)
        {
            used.insert(other.layer);
            *found = Some(other);
        }
        next = found.as_ref().map_or(next, |m| m.layer + 1);
    }
    // Where the outputs agree, a layer that does not is another one's: the network's own has no module.
    let outputs_agree = matcher.outputs_agree(manifest, near);
    for found in &mut matches {
        if outputs_agree && found.as_ref().is_some_and(|m| m.how == How::Name && m.difference > near) {
            *found = None;
        }
    }
    Ok(matches)
}

fn check_given(graph: &Graph, manifest: &Manifest, given: &[(String, String)]) -> Result<(), ReferenceError> {
    for (node, layer) in given {
        if !graph.nodes.iter().any(|n| n.name == *node) {
            return Err(ReferenceError::NoNode { node: node.clone() });
        }
        if !layer.is_empty() && !manifest.layers.iter().any(|l| l.label() == *layer) {
            return Err(ReferenceError::NoLayer { layer: layer.clone() });
        }
    }
    Ok(())
}

struct Matcher<'a> {
    graph: &'a Graph,
    layers: &'a [LayerRecord],
    chunk: &'a Chunk,
    runs: &'a FloatRuns,
}

impl Matcher<'_> {
    fn elements(&self, node: usize) -> usize {
        self.graph.value(self.graph.nodes[node].output).elements()
    }

    fn given(&self, node: usize, given: &[(String, String)]) -> Result<Option<Matched>, ReferenceError> {
        let Some((name, layer)) = given.iter().find(|(name, _)| *name == self.graph.nodes[node].name) else {
            return Ok(None);
        };
        let Some(index) = self.layers.iter().position(|l| l.label() == *layer) else { return Ok(None) };
        let (expected, found) = (self.elements(node), self.layers[index].elements());
        if expected != found {
            return Err(ReferenceError::GivenShape { node: name.clone(), layer: layer.clone(), expected, found });
        }
        Ok(self.nearest(node, index, How::Given))
    }

    /// The best of the layers that the names of the node and of its result lead to.
    fn by_name(&self, node: usize) -> Option<Matched> {
        let at = &self.graph.nodes[node];
        let names = [self.graph.value(at.output).name.as_str(), at.name.as_str()];
        let paths: Vec<String> = names.iter().filter_map(|name| module_path(name)).collect();
        let elements = self.elements(node);
        let mut found: Vec<Matched> = Vec::new();
        for (index, _) in self.layers.iter().enumerate().filter(|(_, l)| paths.iter().any(|p| same_module(&l.name, p)))
        {
            let chain = self.layers.iter().enumerate().skip(index).take(1 + CHAIN);
            let chain = chain.take_while(|(_, l)| l.elements() == elements);
            found.extend(chain.filter_map(|(i, _)| self.nearest(node, i, How::Name)));
        }
        // Of equally near ones, that whose numbers were recorded as they are.
        let rank = |m: &Matched| (m.difference, u8::from(m.clamp.is_some()));
        found.into_iter().min_by(|a, b| rank(a).partial_cmp(&rank(b)).unwrap_or(std::cmp::Ordering::Equal))
    }

    fn by_position(&self, node: usize, next: usize, used: &HashSet<usize>, near: f64) -> Option<Matched> {
        let elements = self.elements(node);
        let free = |(index, layer): &(usize, &LayerRecord)| layer.elements() == elements && !used.contains(index);
        let mut candidates = self.layers.iter().enumerate().skip(next).filter(free);
        candidates.find_map(|(i, _)| self.nearest(node, i, How::Position).filter(|m| m.difference <= near))
    }

    /// The layer as the node's value, in the layout and with the clamp that bring it nearest.
    fn nearest(&self, node: usize, layer: usize, how: How) -> Option<Matched> {
        let record = &self.layers[layer];
        if record.elements() != self.elements(node) || record.shape.len() < 2 {
            return None;
        }
        let clamp = self.graph.nodes[node].op.clamp().filter(|c| *c != Activation::NONE);
        let mut best: Option<Matched> = None;
        for layout in [Layout::ChannelsFirst, Layout::AsIs] {
            for clamp in [None, clamp] {
                let mut m = Matched { layer, how, layout, clamp, difference: 0.0 };
                m.difference = self.difference(node, &m);
                if best.as_ref().is_none_or(|b| m.difference < b.difference) {
                    best = Some(m);
                }
            }
        }
        best
    }

    fn difference(&self, node: usize, matched: &Matched) -> f64 {
        let value = self.graph.nodes[node].output;
        let (mut largest, mut apart) = (0f64, 0f64);
        for (sample, run) in self.runs.iter().enumerate() {
            let Some(float) = run.get(&value) else { continue };
            for (r, f) in matched.values(self.layers, self.chunk, sample).iter().zip(float) {
                largest = largest.max(f64::from(r.abs()));
                apart = apart.max(f64::from((r - f).abs()));
            }
        }
        relative(apart, largest)
    }

    fn outputs_agree(&self, manifest: &Manifest, near: f64) -> bool {
        self.graph.outputs.iter().zip(&manifest.outputs).all(|(port, record)| {
            self.runs.iter().enumerate().all(|(sample, run)| {
                let recorded = self.chunk.sample(&record.tensor, sample);
                let Some(float) = run.get(&port.value).filter(|f| f.len() == recorded.len()) else { return false };
                let apart = port.to_source(float).iter().zip(recorded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                let largest = recorded.iter().map(|v| v.abs()).fold(0.0, f32::max);
                relative(f64::from(apart), f64::from(largest)) <= near
            })
        })
    }
}

/// `apart` in parts of `largest`; of nothing, everything that is not nothing is infinitely far.
pub(super) fn relative(apart: f64, largest: f64) -> f64 {
    if apart == 0.0 { 0.0 } else { apart / largest }
}
