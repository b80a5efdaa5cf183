//! Whole channels: which ones go, until the network is as small as wanted.

use super::PruneError;
use super::coupling::Coupling;
use super::energy::{energies, mixes};
use super::rebuild::without;
use crate::ir::{Graph, Node, Op, Tensor, ValueId};
use crate::pattern::fits;
use serde::Deserialize;
use std::collections::BTreeMap;

/// How small the network becomes, and what must stay.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channels {
    /// Share of the multiplications that stay, above 0 and below 1.
    pub macs: f64,
    /// Share of the channels of each layer that stay in any case.
    #[serde(default = "eighth")]
    pub keep: f64,
    /// Channels go in groups, so that their number becomes a multiple of this: kernels compute four at a time.
    #[serde(default = "four")]
    pub multiple: usize,
    /// Layers whose outputs stay: names, `*` for any text.
    #[serde(default)]
    pub skip: Vec<String>,
}

/// Samples that tell the energy of channels well enough.
pub const SAMPLES: usize = 256;

fn eighth() -> f64 {
    0.125
}

fn four() -> usize {
    4
}

impl Default for Channels {
    fn default() -> Self {
        Self { macs: 0.5, keep: eighth(), multiple: four(), skip: Vec::new() }
    }
}

impl Channels {
    /// Refuses what makes no sense.
    pub fn check(&self) -> Result<(), PruneError> {
        let setting = |key, value: String, expected| Err(PruneError::Setting { key, value, expected });
        if !(self.macs > 0.0 && self.macs < 1.0) {
            return setting("macs", self.macs.to_string(), "it is above 0 and below 1");
        }
        if !(0.0..=1.0).contains(&self.keep) {
            return setting("keep", self.keep.to_string(), "it is between 0 and 1");
        }
        if self.multiple == 0 {
            return setting("multiple", "0".into(), "give 1 or more");
        }
        Ok(())
    }
}

/// A layer that became narrower.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrowed {
    /// Name of the node.
    pub node: String,
    /// Output channels before.
    pub before: usize,
    /// Output channels after.
    pub after: usize,
}

/// The graph with fewer channels, and what became of its layers. `samples` tell how much each channel contributes.
///
/// Groups of channels go one after the other, first those that lose least energy of the layers behind them for what they
/// save, until no more than `options.macs` of all multiplications are left. What they save is their share of multiplications,
/// of weights and of values that layers compute, so that time, flash and RAM shrink together.
pub fn prune(graph: &Graph, options: &Channels, samples: &[Vec<Tensor>]) -> Result<(Graph, Vec<Narrowed>), PruneError> {
    options.check()?;
    let mut state = State::new(graph, samples, &options.skip)?;
    let before = state.macs();
    let goal = before * options.macs;
    let least = |channels: usize| ((channels as f64 * options.keep).ceil() as usize).max(1);
    while state.macs() > goal {
        let Some(best) = state.cheapest(options.multiple, &least) else {
            return Err(PruneError::OutOfReach { wanted: options.macs, reached: state.macs() / before });
        };
        best.iter().for_each(|&class| state.gone[class] = true);
    }
    let pruned = without(graph, &state.coupling, &state.gone)?;
    Ok((pruned, state.narrowed()))
}

/// One family of channels that go and stay by the same layers, with a share of them removed: for a scan of sensitivity.
pub(super) fn narrow_one(
    graph: &Graph,
    samples: &[Vec<Tensor>],
    node: &str,
    share: f64,
) -> Result<Option<Graph>, PruneError> {
    let mut state = State::new(graph, samples, &[])?;
    let Some(at) = graph.nodes.iter().position(|n| n.name == node) else { return Ok(None) };
    let Some(family) = state.families.values().find(|family| family.nodes.contains(&at)) else { return Ok(None) };
    let n = ((family.classes.len() as f64 * share).round() as usize).min(family.classes.len() - 1);
    let goes: Vec<usize> = family.classes[..n].to_vec();
    goes.into_iter().for_each(|class| state.gone[class] = true);
    Ok(Some(without(graph, &state.coupling, &state.gone)?))
}

/// Channels that the same layers make.
struct Family {
    /// Indices of these layers.
    nodes: Vec<usize>,
    /// Classes of channels, those first that contribute least.
    classes: Vec<usize>,
}

/// What is left of the graph.
struct State<'g> {
    graph: &'g Graph,
    coupling: Coupling,
    energies: Vec<f64>,
    families: BTreeMap<Vec<usize>, Family>,
    gone: Vec<bool>,
}

impl<'g> State<'g> {
    fn new(graph: &'g Graph, samples: &[Vec<Tensor>], skip: &[String]) -> Result<Self, PruneError> {
        let mut coupling = Coupling::of(graph);
        let layers = || graph.nodes.iter().filter(|n| weighted(&n.op));
        for pattern in skip {
            let mut named = layers().filter(|n| fits(pattern, &n.name)).peekable();
            if named.peek().is_none() {
                let names: Vec<&str> = layers().map(|n| n.name.as_str()).collect();
                return Err(PruneError::Skip { pattern: pattern.clone(), names: names.join(", ") });
            }
            for node in named {
                coupling.of[node.output.0].iter().for_each(|&class| coupling.pinned[class] = true);
            }
        }
        let energies = energies(graph, &coupling, samples)?;
        let mut makers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, node) in graph.nodes.iter().enumerate().filter(|(_, n)| weighted(&n.op)) {
            for &class in coupling.of[node.output.0].iter().filter(|c| !coupling.pinned[**c]) {
                let nodes = makers.entry(class).or_default();
                if nodes.last() != Some(&at) {
                    nodes.push(at);
                }
            }
        }
        let mut families: BTreeMap<Vec<usize>, Family> = BTreeMap::new();
        for (class, nodes) in makers {
            families.entry(nodes.clone()).or_insert(Family { nodes, classes: Vec::new() }).classes.push(class);
        }
        if families.is_empty() {
            return Err(PruneError::NothingToPrune { what: "channels" });
        }
        for family in families.values_mut() {
            family.classes.sort_by(|a, b| energies[*a].total_cmp(&energies[*b]).then(a.cmp(b)));
        }
        let gone = vec![false; coupling.pinned.len()];
        Ok(Self { graph, coupling, energies, families, gone })
    }

    /// How many channels of a value are left.
    fn left(&self, value: ValueId) -> f64 {
        self.coupling.of[value.0].iter().filter(|class| !self.gone[**class]).count() as f64
    }

    /// Multiplications, weights and outputs of a layer with `outputs` and `inputs` channels.
    fn size(&self, node: &Node, outputs: f64, inputs: f64) -> [f64; 3] {
        let channels = |value: ValueId| self.coupling.of[value.0].len().max(1) as f64;
        let elements = |value: ValueId| self.graph.value(value).elements() as f64;
        let inputs = if mixes(&node.op) { inputs / channels(node.inputs[0]) } else { 1.0 };
        let outputs = outputs / channels(node.output);
        let (macs, weights) = (self.graph.macs(node) as f64, elements(node.inputs[1]));
        [macs * outputs * inputs, weights * outputs * inputs, elements(node.output) * outputs]
    }

    /// The size of the whole network.
    fn total(&self) -> [f64; 3] {
        let mut total = [0.0; 3];
        for node in self.graph.nodes.iter().filter(|n| weighted(&n.op)) {
            let size = self.size(node, self.left(node.output), self.left(node.inputs[0]));
            total.iter_mut().zip(size).for_each(|(total, size)| *total += size);
        }
        total
    }

    fn macs(&self) -> f64 {
        self.total()[0]
    }

    /// The classes that cost least for what they save; `None` if all layers are as narrow as they may be.
    fn cheapest(&self, multiple: usize, least: &dyn Fn(usize) -> usize) -> Option<Vec<usize>> {
        let mut best: Option<(f64, Vec<usize>)> = None;
        let total = self.total();
        for family in self.families.values() {
            let left: Vec<usize> = family.classes.iter().copied().filter(|class| !self.gone[*class]).collect();
            let take = match left.len() % multiple {
                0 => multiple,
                rest => rest,
            };
            if left.len() < least(family.classes.len()).saturating_add(take) {
                continue;
            }
            let goes = &left[..take];
            let lost: f64 = goes.iter().map(|&class| self.energies[class]).sum();
            let saved = self.saved(goes, &total);
            let cost = lost / saved.max(1e-9);
            if best.as_ref().is_none_or(|best| cost < best.0) {
                best = Some((cost, goes.to_vec()));
            }
        }
        best.map(|best| best.1)
    }

    /// The share of the present network that these classes are: of multiplications, weights and outputs, added up.
    fn saved(&self, classes: &[usize], total: &[f64; 3]) -> f64 {
        let among =
            |value: ValueId| self.coupling.of[value.0].iter().filter(|class| classes.contains(class)).count() as f64;
        let one = |node: &Node| {
            let (outputs, inputs) = (self.left(node.output), self.left(node.inputs[0]));
            let now = self.size(node, outputs, inputs);
            let then = self.size(node, outputs - among(node.output), inputs - among(node.inputs[0]));
            (0..3).map(|i| (now[i] - then[i]) / total[i].max(1.0)).sum::<f64>()
        };
        self.graph.nodes.iter().filter(|n| weighted(&n.op)).map(one).sum()
    }

    fn narrowed(&self) -> Vec<Narrowed> {
        let layers = self.graph.nodes.iter().filter(|n| weighted(&n.op));
        let all = layers.map(|node| Narrowed {
            node: node.name.clone(),
            before: self.coupling.of[node.output.0].len(),
            after: self.left(node.output) as usize,
        });
        all.filter(|layer| layer.before != layer.after).collect()
    }
}

fn weighted(op: &Op) -> bool {
    matches!(op, Op::Conv2d { .. } | Op::FullyConnected { .. })
}
