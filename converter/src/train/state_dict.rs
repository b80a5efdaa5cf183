//! Weights from a file, by name: a PyTorch state dict, as safetensors or of `torch.save`, or a float checkpoint of our own.

use super::network::{Network, Order, Slot};
use super::pytorch;
use crate::ir::io::{self, Floats, LoadError};
use crate::ir::{Tensor, permute};
use std::collections::BTreeSet;

/// What of a file fits a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Match {
    /// Parameters that were taken over.
    pub loaded: usize,
    /// Tensors that the network needs and the file lacks.
    pub missing: Vec<String>,
    /// Tensors that the file has and the network does not know.
    pub unexpected: Vec<String>,
    /// Name, shape in the file, shape that the network needs.
    pub mis_shaped: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl Match {
    /// True if every parameter was taken over.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.mis_shaped.is_empty()
    }

    /// One line a tensor.
    pub fn lines(&self) -> Vec<String> {
        let missing = self.missing.iter().map(|n| format!("missing: `{n}`"));
        let shaped =
            self.mis_shaped.iter().map(|(n, got, needed)| format!("`{n}` has shape {got:?}, needed {needed:?}"));
        let unexpected = self.unexpected.iter().map(|n| format!("not used: `{n}`"));
        missing.chain(shaped).chain(unexpected).collect()
    }
}

/// Copies what fits from the file's bytes into the network's constants.
pub fn load(network: &mut Network, bytes: &[u8]) -> Result<Match, LoadError> {
    let own = io::load(bytes).is_ok();
    let file = if pytorch::is_pytorch(bytes) { pytorch::floats(bytes)? } else { io::floats(bytes, "")? };
    let mut report = Match::default();
    let mut used = BTreeSet::new();
    for slot in &network.slots {
        let value = &mut network.graph.values[slot.value.0];
        let shape = value.shape.clone();
        // Our own files hold every constant under its name, in the graph's order.
        let names = if own { vec![value.name.clone()] } else { slot.names.clone() };
        let order = if own { &Order::Same } else { &slot.order };
        let expected = file_shape(order, &shape);
        let mut sum: Option<Vec<f32>> = None;
        let mut fits = true;
        for name in &names {
            used.insert(name.clone());
            match file.get(name) {
                None => note_once(&mut report.missing, name),
                Some((got, _)) if *got != expected => {
                    let entry = (name.clone(), got.clone(), expected.clone());
                    if !report.mis_shaped.contains(&entry) {
                        report.mis_shaped.push(entry);
                    }
                }
                Some((_, data)) => {
                    sum = Some(match sum {
                        None => data.clone(),
                        Some(sum) => sum.iter().zip(data).map(|(a, b)| a + b).collect(),
                    });
                    continue;
                }
            }
            fits = false;
        }
        if let (true, Some(data)) = (fits, sum) {
            value.constant = Some(Tensor::f32(shape.clone(), to_graph(order, &data, &shape)));
            report.loaded += 1;
        }
    }
    report.unexpected = unexpected(&file, &used);
    Ok(report)
}

fn note_once(list: &mut Vec<String>, name: &str) {
    if !list.iter().any(|n| n == name) {
        list.push(name.into());
    }
}

/// Counters of batch normalization are not weights.
fn unexpected(file: &Floats, used: &BTreeSet<String>) -> Vec<String> {
    file.keys().filter(|n| !used.contains(*n) && !n.ends_with(".num_batches_tracked")).cloned().collect()
}

/// The shape in a file of a parameter of this shape in the graph.
fn file_shape(order: &Order, shape: &[usize]) -> Vec<usize> {
    match (order, shape) {
        (Order::Convolution, &[out, h, w, c]) => vec![out, c, h, w],
        (Order::Gate(_), &[rows, ..]) => std::iter::once(4 * rows).chain(shape[1..].iter().copied()).collect(),
        _ => shape.to_vec(),
    }
}

/// Elements of the file's order in the graph's.
fn to_graph(order: &Order, data: &[f32], shape: &[usize]) -> Vec<f32> {
    match (order, shape) {
        (Order::Convolution, &[out, h, w, c]) => permute(data, &[out, c, h, w], &[0, 2, 3, 1]),
        (Order::Flattened([h, w, c]), &[out, _]) => permute(data, &[out, *c, *h, *w], &[0, 2, 3, 1]),
        (Order::Gate(gate), _) => {
            let each: usize = shape.iter().product();
            data[gate * each..(gate + 1) * each].to_vec()
        }
        _ => data.to_vec(),
    }
}

/// All names that a slot may have, for freezing.
pub(super) fn names<'a>(slot: &'a Slot, value: &'a str) -> impl Iterator<Item = &'a str> {
    std::iter::once(value).chain(slot.names.iter().map(String::as_str))
}
