//! A graph in a file: safetensors with one tensor per constant, so that other programs can read the weights, and one of
//! bytes, [`GRAPH`], with everything else.

use super::{DType, Graph, Node, Op, Port, SourceScale, Tensor, Value, ValueId};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// Name of the tensor that holds the graph.
pub const GRAPH: &str = "mote.graph";
/// What this version writes and reads.
const SCHEMA: u32 = 1;

/// A graph cannot be read from a file.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum LoadError {
    #[error("not a safetensors file: {0}")]
    Safetensors(#[from] safetensors::SafeTensorError),
    #[error("the safetensors file holds weights but no network: name it as `checkpoint` in a recipe with layers")]
    NoGraph,
    #[error("the graph in the file is damaged: {0}")]
    Damaged(&'static str),
    #[error("the graph in the file has schema {found}; this version of mote reads {SCHEMA}")]
    Schema { found: u32 },
    #[error("the file lacks the tensor `{name}`")]
    Missing { name: String },
    #[error("tensor `{name}` is {got:?} of shape {shape:?}; the graph needs {expected:?}")]
    Tensor { name: String, got: Dtype, shape: Vec<usize>, expected: String },
    #[error("the PyTorch file cannot be read: {what}")]
    Pytorch { what: String },
    #[error("{what} cannot be stored in a float checkpoint")]
    Unstorable { what: String },
}

/// [`Graph`] without the elements of constants.
#[derive(Serialize, Deserialize)]
struct Stored {
    name: String,
    values: Vec<StoredValue>,
    nodes: Vec<StoredNode>,
    inputs: Vec<StoredPort>,
    outputs: Vec<StoredPort>,
    state: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
struct StoredValue {
    name: String,
    shape: Vec<usize>,
    dtype: DType,
    /// Name of the tensor with the elements, for a constant.
    tensor: Option<String>,
    source_scale: Option<(Vec<f32>, i32)>,
}

#[derive(Serialize, Deserialize)]
struct StoredNode {
    name: String,
    op: Op,
    inputs: Vec<u32>,
    output: u32,
}

#[derive(Serialize, Deserialize)]
struct StoredPort {
    value: u32,
    name: String,
    shape: Vec<usize>,
    dtype: DType,
    axes: Vec<usize>,
}

/// Tensors of one float type that go into a safetensors file, in order of their names.
pub type Floats = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The file for a graph. `more` are float tensors that [`load`] leaves alone, `note` any text. The same arguments give the
/// same bytes.
pub fn save(graph: &Graph, more: &Floats, note: Option<&str>) -> Result<Vec<u8>, LoadError> {
    let mut tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> = BTreeMap::new();
    let mut values = Vec::with_capacity(graph.values.len());
    for value in &graph.values {
        let mut tensor = None;
        if let Some(constant) = &value.constant {
            let mut name = value.name.clone();
            while name.is_empty() || name == GRAPH || tensors.contains_key(&name) || more.contains_key(&name) {
                name.push('_');
            }
            let (dtype, bytes) = match constant {
                Tensor::F32 { data, .. } => (Dtype::F32, bytemuck::cast_slice(data).to_vec()),
                Tensor::I8 { data, .. } => (Dtype::I8, bytemuck::cast_slice(data).to_vec()),
                Tensor::I16 { data, .. } => (Dtype::I16, bytemuck::cast_slice(data).to_vec()),
                Tensor::I32 { data, .. } => (Dtype::I32, bytemuck::cast_slice(data).to_vec()),
                Tensor::I64 { data, .. } => (Dtype::I64, bytemuck::cast_slice(data).to_vec()),
            };
            tensors.insert(name.clone(), (dtype, value.shape.clone(), bytes));
            tensor = Some(name);
        }
        let source_scale = value.source_scale.as_ref().map(|s| (s.scales.clone(), s.zero_point));
        let (name, shape, dtype) = (value.name.clone(), value.shape.clone(), value.dtype);
        values.push(StoredValue { name, shape, dtype, tensor, source_scale });
    }
    let id = |v: &ValueId| v.0 as u32;
    let ports = |ports: &[Port]| ports.iter().map(store_port).collect();
    let stored = Stored {
        name: graph.name.clone(),
        values,
        nodes: graph
            .nodes
            .iter()
            .map(|n| StoredNode {
                name: n.name.clone(),
                op: n.op.clone(),
                inputs: n.inputs.iter().map(id).collect(),
                output: id(&n.output),
            })
            .collect(),
        inputs: ports(&graph.inputs),
        outputs: ports(&graph.outputs),
        state: graph.state.iter().map(id).collect(),
    };
    let unstorable = |e: postcard::Error| LoadError::Unstorable { what: format!("a node ({e})") };
    let bytes = postcard::to_stdvec(&(SCHEMA, stored)).map_err(unstorable)?;
    tensors.insert(GRAPH.into(), (Dtype::U8, vec![bytes.len()], bytes));
    for (name, (shape, data)) in more {
        tensors.insert(name.clone(), (Dtype::F32, shape.clone(), bytemuck::cast_slice(data).to_vec()));
    }
    write(&tensors, note)
}

fn store_port(port: &Port) -> StoredPort {
    StoredPort {
        value: port.value.0 as u32,
        name: port.name.clone(),
        shape: port.source_shape.clone(),
        dtype: port.source_dtype,
        axes: port.source_axes.clone(),
    }
}

/// Key of the note in the file's metadata: the only key, because their order would not be the same every time.
const NOTE: &str = "mote";

fn write(tensors: &BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>, note: Option<&str>) -> Result<Vec<u8>, LoadError> {
    let mut views = Vec::with_capacity(tensors.len());
    for (name, (dtype, shape, bytes)) in tensors {
        views.push((name.clone(), TensorView::new(*dtype, shape.clone(), bytes)?));
    }
    let metadata = note.map(|text| HashMap::from([(NOTE.to_string(), text.to_string())]));
    Ok(safetensors::serialize(views, metadata)?)
}

/// Reads a graph that [`save`] wrote. The caller must [`super::verify`] it.
pub fn load(bytes: &[u8]) -> Result<Graph, LoadError> {
    let file = SafeTensors::deserialize(bytes)?;
    let Ok(stored) = file.tensor(GRAPH) else { return Err(LoadError::NoGraph) };
    let damaged = |_| LoadError::Damaged("its bytes do not decode");
    let (found, rest): (u32, _) = postcard::take_from_bytes(stored.data()).map_err(damaged)?;
    if found != SCHEMA {
        return Err(LoadError::Schema { found });
    }
    let stored: Stored = postcard::from_bytes(rest).map_err(damaged)?;
    let value = |v: StoredValue| -> Result<Value, LoadError> {
        let constant = v.tensor.map(|name| constant(&file, &name, v.dtype, &v.shape)).transpose()?;
        let source_scale = v.source_scale.map(|(scales, zero_point)| SourceScale { scales, zero_point });
        Ok(Value { name: v.name, shape: v.shape, dtype: v.dtype, constant, source_scale })
    };
    let ids = |ids: Vec<u32>| ids.into_iter().map(|i| ValueId(i as usize)).collect::<Vec<_>>();
    let ports = |ports: Vec<StoredPort>| ports.into_iter().map(load_port).collect();
    let node =
        |n: StoredNode| Node { name: n.name, op: n.op, inputs: ids(n.inputs), output: ValueId(n.output as usize) };
    Ok(Graph {
        name: stored.name,
        values: stored.values.into_iter().map(value).collect::<Result<_, _>>()?,
        nodes: stored.nodes.into_iter().map(node).collect(),
        inputs: ports(stored.inputs),
        outputs: ports(stored.outputs),
        state: ids(stored.state),
    })
}

fn load_port(port: StoredPort) -> Port {
    Port {
        value: ValueId(port.value as usize),
        name: port.name,
        source_shape: port.shape,
        source_dtype: port.dtype,
        source_axes: port.axes,
    }
}

fn constant(file: &SafeTensors, name: &str, dtype: DType, shape: &[usize]) -> Result<Tensor, LoadError> {
    let missing = || LoadError::Missing { name: name.into() };
    let view = file.tensor(name).map_err(|_| missing())?;
    let wrong = || LoadError::Tensor {
        name: name.into(),
        got: view.dtype(),
        shape: view.shape().to_vec(),
        expected: format!("{dtype:?} of shape {shape:?}"),
    };
    if view.shape() != shape {
        return Err(wrong());
    }
    let (shape, bytes) = (shape.to_vec(), view.data());
    Ok(match (dtype, view.dtype()) {
        (DType::F32, Dtype::F32) => Tensor::F32 { shape, data: bytemuck::pod_collect_to_vec(bytes) },
        (DType::I8, Dtype::I8) => Tensor::I8 { shape, data: bytemuck::pod_collect_to_vec(bytes) },
        (DType::I16, Dtype::I16) => Tensor::I16 { shape, data: bytemuck::pod_collect_to_vec(bytes) },
        (DType::I32, Dtype::I32) => Tensor::I32 { shape, data: bytemuck::pod_collect_to_vec(bytes) },
        (DType::I64, Dtype::I64) => Tensor::I64 { shape, data: bytemuck::pod_collect_to_vec(bytes) },
        _ => return Err(wrong()),
    })
}

/// The note that [`save`] put into a file.
pub fn note(bytes: &[u8]) -> Result<Option<String>, LoadError> {
    let (_, metadata) = SafeTensors::read_metadata(bytes)?;
    Ok(metadata.metadata().as_ref().and_then(|m| m.get(NOTE).cloned()))
}

/// The tensors of a file whose names start with `prefix`, without it. Float16, bfloat16 and float64 become float32; others
/// are left out.
pub fn floats(bytes: &[u8], prefix: &str) -> Result<Floats, LoadError> {
    let file = SafeTensors::deserialize(bytes)?;
    let mut floats = Floats::new();
    for (name, view) in file.iter() {
        let Some(name) = name.strip_prefix(prefix) else { continue };
        let bytes = view.data();
        let data: Vec<f32> = match view.dtype() {
            Dtype::F32 => bytemuck::pod_collect_to_vec(bytes),
            Dtype::F64 => bytemuck::pod_collect_to_vec::<u8, f64>(bytes).iter().map(|&v| v as f32).collect(),
            Dtype::F16 => bytemuck::pod_collect_to_vec::<u8, half::f16>(bytes).iter().map(|v| v.to_f32()).collect(),
            Dtype::BF16 => bytemuck::pod_collect_to_vec::<u8, half::bf16>(bytes).iter().map(|v| v.to_f32()).collect(),
            _ => continue,
        };
        floats.insert(name.to_string(), (view.shape().to_vec(), data));
    }
    Ok(floats)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Activation, Pads, verify};

    fn graph() -> Graph {
        let mut graph = Graph { name: "net".into(), ..Graph::default() };
        let x = graph.add_value("x", vec![1, 2, 2, 1], DType::F32);
        // Two constants of one name, and one that is named like the graph.
        let w = graph.add_constant("w", Tensor::f32([1, 1, 1, 1], vec![2.0]));
        let b = graph.add_constant("w", Tensor::f32([1], vec![-0.5]));
        let s = graph.add_constant(GRAPH, Tensor::f32([1], vec![3.0]));
        let y = graph.add_value("y", vec![1, 2, 2, 1], DType::F32);
        let z = graph.add_value("z", vec![1, 2, 2, 1], DType::F32);
        let activation = Activation { min: 0.0, max: f32::INFINITY };
        let op = Op::Conv2d { stride: [1, 1], dilation: [1, 1], pads: Pads::default(), groups: 1, activation };
        graph.nodes.push(Node { name: "conv".into(), op, inputs: vec![x, w, b], output: y });
        let op = Op::Mul { activation: Activation::NONE };
        graph.nodes.push(Node { name: "mul".into(), op, inputs: vec![y, s], output: z });
        // The last ops of the list: none before them may shift their numbers.
        let ops = [Op::Dropout { rate: 0.5 }, Op::Transpose { perm: vec![0, 2, 1, 3] }, Op::Lstm { cell_clip: 0.5 }];
        let numbers = ops.clone().map(|op| postcard::from_bytes::<Op>(&postcard::to_stdvec(&op).unwrap()).unwrap());
        assert_eq!(numbers, ops);
        let port = |value, name: &str, axes: Vec<usize>| Port {
            value,
            name: name.into(),
            source_shape: vec![1, 1, 2, 2],
            source_dtype: DType::F32,
            source_axes: axes,
        };
        graph.inputs = vec![port(x, "x", vec![0, 2, 3, 1])];
        graph.outputs = vec![port(z, "z", vec![0, 2, 3, 1])];
        verify(&graph).unwrap();
        graph
    }

    #[test]
    fn a_graph_comes_back_as_it_was_and_the_bytes_are_the_same_every_time() {
        let more = Floats::from([("moment".to_string(), (vec![2], vec![1.0, 2.0]))]);
        let bytes = save(&graph(), &more, Some("a note")).unwrap();
        assert_eq!(bytes, save(&graph(), &more, Some("a note")).unwrap());
        let back = load(&bytes).unwrap();
        verify(&back).unwrap();
        assert_eq!(format!("{back:?}"), format!("{:?}", graph()));
        assert_eq!(note(&bytes).unwrap().as_deref(), Some("a note"));
        assert_eq!(floats(&bytes, "mom").unwrap()["ent"].1, [1.0, 2.0]);
    }

    #[test]
    fn damaged_files_are_refused() {
        let bytes = save(&graph(), &Floats::new(), None).unwrap();
        for end in 0..bytes.len() {
            assert!(load(&bytes[..end]).is_err(), "{end}");
        }
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                // Elements may change unnoticed; nothing may panic.
                let _ = load(&damaged).map(|graph| verify(&graph).is_ok());
            }
        }
        let weights = write(&BTreeMap::from([("w".into(), (Dtype::F32, vec![1], vec![0; 4]))]), None).unwrap();
        assert!(matches!(load(&weights), Err(LoadError::NoGraph)));
    }
}
