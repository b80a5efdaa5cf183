//! Single weights and blocks of them: masks by magnitude.

use super::PruneError;
use super::energy::mixes;
use crate::ir::{Graph, Tensor, ValueId};
use crate::pattern::fits;
use serde::Deserialize;

/// What is left out together. Rows are what one output is computed from: kernel row, kernel column, input channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pattern {
    /// Each weight by itself: smaller files where weights are compressed.
    #[default]
    Element,
    /// Four neighbours of a row, aligned: the device skips them.
    Block4,
    /// Of every `m` neighbours of a row, `n` stay.
    OutOf {
        /// How many stay.
        n: usize,
        /// Of how many.
        m: usize,
    },
}

impl std::str::FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "element" => return Ok(Self::Element),
            "1x4" => return Ok(Self::Block4),
            _ => {}
        }
        let numbers = text.split_once(':').and_then(|(n, m)| Some((n.parse().ok()?, m.parse().ok()?)));
        match numbers {
            Some((n, m)) if n < m && m <= 64 => Ok(Self::OutOf { n, m }),
            _ => Err(format!("`{text}` is no pattern: it is \"element\", \"1x4\", or \"2:4\" for two of every four")),
        }
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Which weights are compared with each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Those of all layers, each weight against what is left of its layer (Lee et al. 2021), so that no layer is emptied.
    #[default]
    Global,
    /// Those of each layer: all layers lose the same share.
    Layer,
}

/// How many zeros, in which places, and how fast.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sparsity {
    /// Share of the weights that become zero, above 0 and below 1; `n:m` patterns say it themselves.
    pub sparsity: Option<f64>,
    /// What is left out together.
    #[serde(default)]
    pub pattern: Pattern,
    /// What is compared.
    #[serde(default)]
    pub scope: Scope,
    /// Share of the steps in which sparsity grows, by a cubic curve (Zhu and Gupta 2018); then the zeros stay in place.
    #[serde(default = "half")]
    pub ramp: f64,
    /// Layers that stay as they are: names, `*` for any text. Depthwise convolutions, which have few weights, always do.
    #[serde(default)]
    pub skip: Vec<String>,
}

fn half() -> f64 {
    0.5
}

impl Sparsity {
    /// Refuses what makes no sense.
    pub fn check(&self) -> Result<(), PruneError> {
        let setting = |key, value: String, expected| Err(PruneError::Setting { key, value, expected });
        match (self.pattern, self.sparsity) {
            (Pattern::OutOf { .. }, Some(share)) => {
                setting("sparsity", share.to_string(), "leave it out: the pattern says how many weights stay")
            }
            (Pattern::OutOf { .. }, None) => Ok(()),
            (_, Some(share)) if share > 0.0 && share < 1.0 => Ok(()),
            (_, Some(share)) => setting("sparsity", share.to_string(), "it is above 0 and below 1"),
            (_, None) => setting("sparsity", "missing".into(), "give the share of weights that become zero"),
        }?;
        if !(0.0..=1.0).contains(&self.ramp) {
            return setting("ramp", self.ramp.to_string(), "it is between 0 and 1");
        }
        Ok(())
    }

    /// The share of zeros after `done` of `steps` steps.
    pub fn at(&self, done: u64, steps: u64) -> f64 {
        let length = self.ramp * steps as f64;
        let progress = if length > 0.0 { (done as f64 / length).min(1.0) } else { 1.0 };
        self.sparsity.unwrap_or(1.0) * (1.0 - (1.0 - progress).powi(3))
    }
}

/// Weights that may become zero: their value, the name of the node, and the length of a row.
pub type Prunable = (ValueId, String, usize);

/// The layers of a graph whose weights may become zero: convolutions but depthwise ones, and fully connected layers.
pub fn layers(graph: &Graph) -> Vec<Prunable> {
    let mut layers: Vec<Prunable> = Vec::new();
    for node in graph.nodes.iter().filter(|n| mixes(&n.op)) {
        let Some(&id) = node.inputs.get(1) else { continue };
        if graph.constant(id).is_some_and(|c| c.as_f32().is_some()) && !layers.iter().any(|l| l.0 == id) {
            let row = graph.value(id).shape.iter().skip(1).product::<usize>().max(1);
            layers.push((id, node.name.clone(), row));
        }
    }
    layers
}

/// Those that no pattern of `skip` names; each must name one.
pub fn without_skipped(mut layers: Vec<Prunable>, skip: &[String]) -> Result<Vec<Prunable>, PruneError> {
    for pattern in skip {
        if !layers.iter().any(|(_, name, _)| fits(pattern, name)) {
            let names: Vec<&str> = layers.iter().map(|l| l.1.as_str()).collect();
            return Err(PruneError::Skip { pattern: pattern.clone(), names: names.join(", ") });
        }
    }
    layers.retain(|(_, name, _)| !skip.iter().any(|pattern| fits(pattern, name)));
    if layers.is_empty() { Err(PruneError::NothingToPrune { what: "weights" }) } else { Ok(layers) }
}

/// The graph with all zeros at once.
pub fn prune(graph: &Graph, options: &Sparsity) -> Result<Graph, PruneError> {
    options.check()?;
    let layers = without_skipped(layers(graph), &options.skip)?;
    let data = |layer: &Prunable| graph.constant(layer.0).and_then(Tensor::as_f32).unwrap_or_default();
    let slices: Vec<Layer> = layers.iter().map(|layer| Layer { weights: data(layer), row: layer.2 }).collect();
    let masks = masks(&slices, options.pattern, options.scope, options.sparsity.unwrap_or(0.0));
    let mut pruned = graph.clone();
    for (layer, mask) in layers.iter().zip(masks) {
        let kept = data(layer).iter().zip(mask).map(|(&w, keep)| if keep { w } else { 0.0 }).collect();
        pruned.values[layer.0.0].constant = Some(Tensor::f32(graph.value(layer.0).shape.clone(), kept));
    }
    Ok(pruned)
}

/// The weights of a layer; `row` of them belong to one output.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// Row by row.
    pub weights: &'a [f32],
    /// Length of a row, at least 1.
    pub row: usize,
}

/// For every layer, which weights stay. `sparsity` is the share that goes (`n:m` patterns decide it themselves).
pub fn masks(layers: &[Layer], pattern: Pattern, scope: Scope, sparsity: f64) -> Vec<Vec<bool>> {
    let length = match pattern {
        Pattern::Element => 1,
        Pattern::Block4 => 4,
        Pattern::OutOf { n, m } => return layers.iter().map(|layer| out_of(layer, n, m)).collect(),
    };
    let scores: Vec<Vec<f64>> = layers.iter().map(|layer| scores(layer, length)).collect();
    match scope {
        Scope::Layer => {
            let one = |(layer, scores): (&Layer, &Vec<f64>)| {
                smallest(&[*layer], std::slice::from_ref(scores), length, sparsity)
            };
            layers.iter().zip(&scores).flat_map(one).collect()
        }
        Scope::Global => {
            let relative: Vec<Vec<f64>> = scores.iter().map(|s| against_the_rest(s)).collect();
            smallest(layers, &relative, length, sparsity)
        }
    }
}

/// Lengths of the groups of a row.
fn groups(row: usize, length: usize) -> impl Iterator<Item = usize> {
    (0..row.div_ceil(length)).map(move |i| length.min(row - i * length))
}

/// Mean square of every group, row by row.
fn scores(layer: &Layer, length: usize) -> Vec<f64> {
    let rows = layer.weights.chunks(layer.row.max(1));
    let mean = |group: &[f32]| group.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>() / group.len() as f64;
    rows.flat_map(|row| row.chunks(length).map(mean)).collect()
}

/// Each score over the sum of those that are not smaller.
fn against_the_rest(scores: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    let mut relative = vec![0.0; scores.len()];
    let mut sum = 0.0;
    for at in order {
        sum += scores[at];
        relative[at] = if sum > 0.0 { scores[at] / sum } else { 0.0 };
    }
    relative
}

/// Masks without the groups of the smallest scores, as many as make up `sparsity` of all weights.
fn smallest(layers: &[Layer], scores: &[Vec<f64>], length: usize, sparsity: f64) -> Vec<Vec<bool>> {
    let mut all: Vec<(f64, usize, usize)> = Vec::new();
    for (layer, scores) in scores.iter().enumerate() {
        all.extend(scores.iter().enumerate().map(|(group, &score)| (score, layer, group)));
    }
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let total: usize = layers.iter().map(|l| l.weights.len()).sum();
    let goal = (sparsity * total as f64).round() as usize;
    let mut keep: Vec<Vec<bool>> = scores.iter().map(|s| vec![true; s.len()]).collect();
    let size = |layer: usize, group: usize| {
        let row = layers[layer].row.max(1);
        let per_row = row.div_ceil(length);
        length.min(row - group % per_row * length)
    };
    let mut gone = 0;
    for &(_, layer, group) in &all {
        let size = size(layer, group);
        if gone + size > goal {
            break;
        }
        gone += size;
        keep[layer][group] = false;
    }
    let spread = |(layer, keep): (&Layer, Vec<bool>)| {
        let rows = layer.weights.len() / layer.row.max(1);
        let lengths = (0..rows).flat_map(|_| groups(layer.row, length));
        keep.into_iter().zip(lengths).flat_map(|(keep, length)| std::iter::repeat_n(keep, length)).collect()
    };
    layers.iter().zip(keep).map(spread).collect()
}

/// Of every `m` neighbours the `n` largest; of a shorter rest as large a share, rounded up.
fn out_of(layer: &Layer, n: usize, m: usize) -> Vec<bool> {
    let group = |weights: &[f32]| {
        let stay = (n * weights.len()).div_ceil(m);
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.sort_by(|a, b| weights[*b].abs().total_cmp(&weights[*a].abs()).then(a.cmp(b)));
        let mut keep = vec![false; weights.len()];
        order.into_iter().take(stay).for_each(|at| keep[at] = true);
        keep
    };
    layer.weights.chunks(layer.row.max(1)).flat_map(|row| row.chunks(m)).flat_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(weights: &[f32], row: usize, pattern: Pattern, sparsity: f64) -> Vec<bool> {
        masks(&[Layer { weights, row }], pattern, Scope::Layer, sparsity).remove(0)
    }

    #[test]
    fn the_smallest_weights_go() {
        assert_eq!(mask(&[0.1, -3.0, 0.2, 1.0], 2, Pattern::Element, 0.5), [false, true, false, true]);
        assert_eq!(mask(&[0.0; 4], 2, Pattern::Element, 0.25), [false, true, true, true]);
    }

    #[test]
    fn blocks_go_together_and_end_with_the_row() {
        // Rows of 6: a block of four and one of two.
        let weights = [1.0, 0.0, 0.0, 0.0, 0.4, 0.4, 0.1, 0.1, 0.1, 0.1, 2.0, 2.0];
        let expected = [true, true, true, true, true, true, false, false, false, false, true, true];
        assert_eq!(mask(&weights, 6, Pattern::Block4, 0.34), expected);
        // Means, not sums: a short block is no weaker for being short.
        let expected = [true, true, true, true, false, false, false, false, false, false, true, true];
        assert_eq!(mask(&weights, 6, Pattern::Block4, 0.5), expected);
    }

    #[test]
    fn some_of_every_group_stay() {
        let weights = [0.1, -0.4, 0.3, 0.2, 9.0, 8.0, 7.0, 6.0, 1.0, 2.0];
        let expected = [false, true, true, false, true, true, false, false, false, true];
        assert_eq!(mask(&weights, 10, Pattern::OutOf { n: 2, m: 4 }, 0.0), expected);
    }

    #[test]
    fn no_layer_is_emptied() {
        let (small, large) = ([1e-3f32, 2e-3, 3e-3, 1e-3], [1.0f32; 8]);
        let layers = [Layer { weights: &small, row: 4 }, Layer { weights: &large, row: 8 }];
        let masks = masks(&layers, Pattern::Element, Scope::Global, 0.75);
        assert_eq!(masks.iter().flatten().filter(|k| !**k).count(), 9);
        assert!(masks.iter().all(|mask| mask.contains(&true)));
    }

    #[test]
    fn patterns_are_spelled() {
        assert_eq!("2:4".parse(), Ok(Pattern::OutOf { n: 2, m: 4 }));
        assert_eq!("1x4".parse(), Ok(Pattern::Block4));
        for wrong in ["4:2", "2:2", "4x1", "", "x:4", "1:100"] {
            assert!(wrong.parse::<Pattern>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sparsity_grows_and_stays() {
        let s = Sparsity {
            sparsity: Some(0.8),
            pattern: Pattern::Element,
            scope: Scope::Layer,
            ramp: 0.5,
            skip: Vec::new(),
        };
        assert_eq!((s.at(0, 100), s.at(50, 100), s.at(90, 100)), (0.0, 0.8, 0.8));
        assert!((s.at(25, 100) - 0.7).abs() < 1e-12);
        assert!(Sparsity { sparsity: Some(1.0), ..s.clone() }.check().is_err());
        assert!(Sparsity { ramp: -1.0, ..s.clone() }.check().is_err());
        assert!(Sparsity { pattern: Pattern::OutOf { n: 2, m: 4 }, ..s }.check().is_err());
    }
}
