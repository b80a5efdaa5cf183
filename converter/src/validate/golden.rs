//! A model file against the tensors that TensorFlow Lite's interpreter recorded, byte for byte.
//!
//! A dump names tensors as `s31.t22`: sample 31 of the inputs, tensor 22 of the source file.

use super::{Session, SessionError};
use crate::import::{Network, tflite};
use crate::inspect::{IN_BANDS, InspectError, Summary};
use crate::ir::{Graph, Node, Op, ValueId};
use safetensors::SafeTensors;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// Why a dump cannot be compared.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum GoldenError {
    #[error("the dump is not a safetensors file: {0}")]
    Dump(#[from] safetensors::SafeTensorError),
    #[error("`{key}` is not of the form s31.t22")]
    Key { key: String },
    #[error("`{key}` names a tensor that the network does not have")]
    Tensor { key: String },
    #[error("`{key}` names a sample that the inputs do not have: there are {samples}")]
    Sample { key: String, samples: usize },
    #[error("the network is float: only the bytes of int8 networks can be compared")]
    Float,
    #[error("the file records no node names; convert without --strip")]
    Stripped,
    #[error(transparent)]
    Inspect(#[from] InspectError),
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// What became of one tensor of the dump, over all samples that it has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GoldenTensor {
    /// Number in the source file.
    pub tensor: usize,
    /// Its name there.
    pub name: String,
    /// Samples compared.
    pub samples: usize,
    /// Bytes compared.
    pub bytes: usize,
    /// How it came out.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What it was compared with, if not with its own bytes; or why it was not compared.
    pub note: Option<String>,
}

/// How a comparison came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Every byte is the same.
    Identical,
    /// Some are not.
    Different {
        /// How many, over all samples.
        bytes_apart: usize,
        /// The first sample with a difference.
        sample: usize,
        /// The first different byte in it.
        byte: usize,
    },
    /// The model file does not hold this tensor.
    NotMaterialized,
}

/// One tensor's place in the model file.
enum Place {
    Input(usize),
    Instruction { index: usize, range: Range<usize> },
    Nowhere,
}

/// Where the bytes of a value are, following views to the value that is really made.
struct Source {
    place: Place,
    note: Option<String>,
}

/// Compares every tensor of `dump`. `inputs[i]` are the stored bytes of all inputs for sample `i`.
pub fn compare_golden(
    source: &tflite::Imported,
    session: &Session,
    dump: &[u8],
    inputs: &[Vec<Vec<u8>>],
) -> Result<Vec<GoldenTensor>, GoldenError> {
    let Network::Quantized { quant, .. } = &source.network else { return Err(GoldenError::Float) };
    let graph = &quant.graph;
    let summary = Summary::from_blob(session.blob())?;
    if summary.instructions.iter().all(|i| i.node.is_empty()) {
        return Err(GoldenError::Stripped);
    }
    let dump = SafeTensors::deserialize(dump)?;
    let mut wanted: BTreeMap<usize, BTreeMap<usize, &[u8]>> = BTreeMap::new();
    for (key, view) in dump.tensors() {
        let (sample, tensor) = parse_key(&key).ok_or_else(|| GoldenError::Key { key: key.clone() })?;
        if tensor >= source.tensors.len() {
            return Err(GoldenError::Tensor { key });
        }
        if sample >= inputs.len() {
            return Err(GoldenError::Sample { key, samples: inputs.len() });
        }
        wanted.entry(sample).or_default().insert(tensor, view.data());
    }

    let mut results: BTreeMap<usize, GoldenTensor> = BTreeMap::new();
    let tensor_of: HashMap<ValueId, usize> =
        source.tensors.iter().enumerate().filter_map(|(t, v)| Some(((*v)?, t))).collect();
    for (&sample, tensors) in &wanted {
        let taps = taps(session, &summary, &inputs[sample])?;
        let computed = |value: ValueId| {
            let Source { place, note } = locate(graph, &summary, value);
            let bytes = match place {
                Place::Input(port) => inputs[sample].get(port).cloned(),
                Place::Instruction { index, range } => taps.get(&(index, range.start)).cloned(),
                Place::Nowhere => None,
            };
            (bytes, note)
        };
        for (&tensor, &golden) in tensors {
            let value = source.tensors[tensor];
            let (mut own, mut note) = value.map_or((None, Some("no operator reads it".into())), computed);
            // The interpreter computes some operators in place, so that their operand's record holds their result.
            if let (Some(value), Some(bytes)) = (value, &own)
                && bytes != golden
                && let Some((over, result)) = overwritten_by(graph, value)
                && let Some(&after) = tensor_of.get(&result)
                && tensors.get(&after) == Some(&golden)
            {
                (own, _) = computed(result);
                note = Some(format!("the interpreter wrote `{over}` over it: compared with that result"));
            }
            let entry = results.entry(tensor).or_insert_with(|| GoldenTensor {
                tensor,
                name: value.map_or_else(String::new, |v| graph.value(v).name.clone()),
                samples: 0,
                bytes: 0,
                outcome: Outcome::Identical,
                note: None,
            });
            entry.note = entry.note.take().or(note);
            add(entry, sample, own.as_deref(), golden);
        }
    }
    Ok(results.into_values().collect())
}

fn parse_key(key: &str) -> Option<(usize, usize)> {
    let (sample, tensor) = key.strip_prefix('s')?.split_once(".t")?;
    Some((sample.parse().ok()?, tensor.parse().ok()?))
}

fn add(entry: &mut GoldenTensor, sample: usize, own: Option<&[u8]>, golden: &[u8]) {
    let Some(own) = own else {
        entry.outcome = Outcome::NotMaterialized;
        return;
    };
    entry.samples += 1;
    entry.bytes += golden.len();
    let apart = own.iter().zip(golden).filter(|(a, b)| a != b).count() + own.len().abs_diff(golden.len());
    if apart > 0 {
        let byte = own.iter().zip(golden).position(|(a, b)| a != b).unwrap_or(own.len().min(golden.len()));
        entry.outcome = match entry.outcome {
            Outcome::Different { bytes_apart, sample, byte } => {
                Outcome::Different { bytes_apart: bytes_apart + apart, sample, byte }
            }
            _ => Outcome::Different { bytes_apart: apart, sample, byte },
        };
    }
}

/// The node that may be computed over `value`: an element-wise one of the same size that is its only reader.
fn overwritten_by(graph: &Graph, value: ValueId) -> Option<(String, ValueId)> {
    let mut readers = graph.nodes.iter().filter(|n| n.inputs.contains(&value));
    let (Some(node), None) = (readers.next(), readers.next()) else { return None };
    let in_place =
        matches!(node.op, Op::Add { .. } | Op::Sub { .. } | Op::Mul { .. } | Op::Table { .. } | Op::Softmax { .. });
    let fits = graph.value(node.output).elements() == graph.value(value).elements();
    (in_place && fits).then(|| (node.name.clone(), node.output))
}

/// Finds the instruction that completes `value`; views are followed to what they view.
fn locate(graph: &Graph, summary: &Summary, value: ValueId) -> Source {
    let (mut at, mut note) = (value, None);
    for _ in 0..=graph.nodes.len() {
        if let Some(port) = graph.inputs.iter().position(|p| p.value == at) {
            return Source { place: Place::Input(port), note };
        }
        if graph.state.contains(&at) {
            return Source {
                place: Place::Nowhere,
                note: Some("it is state: it changes while the network runs".into()),
            };
        }
        let Some(node) = graph.nodes.iter().find(|n| n.output == at) else {
            return Source { place: Place::Nowhere, note: Some("it is a constant".into()) };
        };
        if let Some(place) = written(graph, summary, node) {
            return Source { place, note };
        }
        match (&node.op, node.inputs.first()) {
            (Op::Reshape, Some(&x)) => {
                note = Some(format!("a view: compared with the bytes of `{}`", graph.value(x).name));
                at = x;
            }
            _ if in_bands(summary, node) => {
                return Source { place: Place::Nowhere, note: Some("made in bands: never complete in memory".into()) };
            }
            _ => return Source { place: Place::Nowhere, note: Some("fused: no instruction makes it alone".into()) },
        }
    }
    Source { place: Place::Nowhere, note }
}

/// True if the arena holds some rows of the result at a time only.
fn in_bands(summary: &Summary, node: &Node) -> bool {
    summary.instructions.iter().any(|i| i.node == node.name && i.memory.starts_with(IN_BANDS))
}

/// The range that the instructions of `node` write, if it is exactly its result.
fn written(graph: &Graph, summary: &Summary, node: &Node) -> Option<Place> {
    let parts: Vec<_> = summary.instructions.iter().filter(|i| i.node == node.name).collect();
    let index = parts.last()?.index;
    let start = parts.iter().map(|i| i.writes[0]).min()? as usize;
    let end = parts.iter().map(|i| i.writes[1]).max()? as usize;
    let value = graph.value(node.output);
    let bytes = value.elements() * value.dtype.bytes() as usize;
    (end.checked_sub(start)? == bytes).then_some(Place::Instruction { index, range: start..end })
}

/// What every instruction has written, by its index and first byte.
fn taps(
    session: &Session,
    summary: &Summary,
    inputs: &[Vec<u8>],
) -> Result<HashMap<(usize, usize), Vec<u8>>, SessionError> {
    let mut taps = HashMap::new();
    let mut observe = |index: usize, _: &_, arena: &[u8]| {
        let name = summary.instructions.get(index).map(|i| &i.node);
        let parts = summary.instructions.iter().filter(|i| Some(&i.node) == name);
        let start = parts.clone().map(|i| i.writes[0]).min().unwrap_or(0) as usize;
        let end = parts.map(|i| i.writes[1]).max().unwrap_or(0) as usize;
        if let Some(bytes) = arena.get(start..end) {
            taps.insert((index, start), bytes.to_vec());
        }
    };
    let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    session.runner()?.run_raw_observed(&inputs, &mut observe)?;
    Ok(taps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_parse() {
        assert_eq!(parse_key("s31.t22"), Some((31, 22)));
        assert_eq!(parse_key("31.22"), None);
        assert_eq!(parse_key("s1.tx"), None);
    }

    #[test]
    fn differences_are_counted_over_samples_and_the_first_is_kept() {
        let mut entry = GoldenTensor {
            tensor: 0,
            name: String::new(),
            samples: 0,
            bytes: 0,
            outcome: Outcome::Identical,
            note: None,
        };
        add(&mut entry, 3, Some(&[1, 2, 3]), &[1, 2, 3]);
        assert_eq!(entry.outcome, Outcome::Identical);
        add(&mut entry, 5, Some(&[1, 9, 9]), &[1, 2, 3]);
        add(&mut entry, 6, Some(&[0, 2, 3]), &[1, 2, 3]);
        assert_eq!(entry.outcome, Outcome::Different { bytes_apart: 3, sample: 5, byte: 1 });
        assert_eq!((entry.samples, entry.bytes), (3, 9));
    }
}
