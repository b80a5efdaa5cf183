//! The walk over the file's nodes.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb;
use tract_onnx::pb::tensor_proto::DataType;

use super::array::Array;
use super::error::{LowerError, UnsupportedNode};
use super::fold;
use super::lowering::{Item, Lowering};
use super::node::Node;
use super::operators;
use super::ports::{self, Input};
use super::quantized;
use super::{ImportError, ImportOptions, analysis};
use crate::ir::{DType, Graph, Port};

/// Lowers a decoded model. Returns the graph and what the user should know.
pub(super) fn build(
    model: &pb::ModelProto,
    opset: i64,
    options: &ImportOptions,
) -> Result<(Graph, Vec<String>), ImportError> {
    let file = model.graph.as_ref().ok_or_else(|| ImportError::NotOnnx { reason: "it holds no graph".into() })?;
    let inputs = ports::inputs(file, options)?;
    if inputs.is_empty() {
        return Err(ImportError::NoPorts { what: "inputs" });
    }
    if file.output.is_empty() {
        return Err(ImportError::NoPorts { what: "outputs" });
    }
    check_names(file, &inputs)?;

    let mut cx = Lowering::new(file.name.clone());
    add_inputs(&mut cx, &inputs);
    add_initializers(&mut cx, file)?;
    add_nodes(&mut cx, model, file, opset, &inputs)?;
    add_outputs(&mut cx, file)?;
    let mut graph = cx.graph;
    if let Some((node, kind)) = cx.not_int8.first() {
        graph.drop_fake_quantization();
        cx.warnings.push(format!(
            "{} of its nodes quantize to {}, the first is `{node}`: the device computes int8, so that the quantization \
             of the file is left out, and the network is treated as one in float (to be calibrated)",
            cx.not_int8.len(),
            kind.as_str_name().to_lowercase()
        ));
    }
    drop_unused(&mut graph);
    Ok((graph, cx.warnings))
}

/// Every name may be defined once, by an input, an initializer or a node.
fn check_names(file: &pb::GraphProto, inputs: &[Input<'_>]) -> Result<(), ImportError> {
    let mut defined = HashSet::new();
    let mut define = |value: &str, by: String| {
        if defined.insert(value.to_owned()) {
            Ok(())
        } else {
            Err(ImportError::Duplicate { value: value.to_owned(), by })
        }
    };
    for input in inputs {
        define(input.name, "an input".into())?;
    }
    for tensor in &file.initializer {
        define(&tensor.name, "an initializer".into())?;
    }
    for proto in &file.node {
        let node = Node { proto, opset: 0 };
        for output in proto.output.iter().filter(|name| !name.is_empty()) {
            define(output, format!("node `{}`", node.label()))?;
        }
    }
    Ok(())
}

fn add_inputs<'a>(cx: &mut Lowering<'a>, inputs: &[Input<'a>]) {
    for input in inputs {
        let id = cx.add_input(input.name, input.shape.clone());
        let float = matches!(input.dtype, DType::F32 | DType::F16);
        cx.bind(input.name, Item::Value { id, float });
        cx.graph.inputs.push(Port {
            value: id,
            name: input.name.to_owned(),
            source_shape: input.shape.clone(),
            source_dtype: input.dtype,
            source_axes: (0..input.shape.len()).collect(),
        });
    }
}

fn add_initializers<'a>(cx: &mut Lowering<'a>, file: &'a pb::GraphProto) -> Result<(), ImportError> {
    if let Some(sparse) = file.sparse_initializer.first() {
        let tensor = sparse.values.as_ref().map(|v| v.name.clone()).unwrap_or_default();
        return Err(ImportError::Tensor { tensor, reason: "it is sparse, which is not supported".into() });
    }
    for tensor in &file.initializer {
        if let Ok(kind) = DataType::try_from(tensor.data_type) {
            cx.set_element_type(&tensor.name, kind);
        }
        cx.bind(&tensor.name, Item::constant(Array::from_proto(tensor, &tensor.name)?));
    }
    Ok(())
}

/// Nodes that some output depends on, by index.
fn needed(file: &pb::GraphProto) -> Vec<bool> {
    let mut wanted: HashSet<&str> = file.output.iter().map(|o| o.name.as_str()).collect();
    let mut needed = vec![false; file.node.len()];
    for (node, needed) in file.node.iter().zip(&mut needed).rev() {
        *needed = node.output.iter().any(|o| !o.is_empty() && wanted.contains(o.as_str()));
        if *needed {
            wanted.extend(node.input.iter().map(String::as_str));
        }
    }
    needed
}

fn add_nodes<'a>(
    cx: &mut Lowering<'a>,
    model: &pb::ModelProto,
    file: &'a pb::GraphProto,
    opset: i64,
    inputs: &[Input<'_>],
) -> Result<(), ImportError> {
    let mut refused: Vec<UnsupportedNode> = Vec::new();
    let mut shapes: Option<HashMap<String, Vec<usize>>> = None;
    for (proto, _) in file.node.iter().zip(needed(file)).filter(|(_, needed)| *needed) {
        let node = Node { proto, opset };
        if let Err(error) = check_defined(cx, file, &node) {
            return if refused.is_empty() { Err(error) } else { Err(ImportError::Unsupported(refused)) };
        }
        match lower(cx, &node) {
            Ok(items) => {
                for (output, item) in proto.output.iter().zip(items).filter(|(name, _)| !name.is_empty()) {
                    cx.bind(output, item);
                }
            }
            // What follows a refused node rests on guessed shapes, so that only the refusals count.
            Err(Refusal::Fatal(_)) if !refused.is_empty() => return Err(ImportError::Unsupported(refused)),
            Err(Refusal::Fatal(error)) => return Err(error),
            Err(refusal) => {
                if let Refusal::Unsupported(node) = refusal {
                    refused.push(node);
                }
                // Shapes from the file or from tract let the rest be checked in the same run.
                let shapes = shapes.get_or_insert_with(|| analysis::shapes(model, file, inputs));
                for output in proto.output.iter().filter(|name| !name.is_empty()) {
                    let item = match shapes.get(output) {
                        Some(shape) => Item::float(cx.add_input(output, shape.clone())),
                        None => Item::Unknown,
                    };
                    cx.bind(output, item);
                }
            }
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(ImportError::Unsupported(refused)) }
}

/// Why one node added nothing.
enum Refusal {
    /// It is to be reported.
    Unsupported(UnsupportedNode),
    /// It reads the result of a refused node, and may be fine.
    Blocked,
    Fatal(ImportError),
}

fn lower<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Result<Vec<Item>, Refusal> {
    let lower = operators::find(node).map_err(Refusal::Unsupported)?;
    if node.given_inputs().any(|name| matches!(cx.lookup(name), Some(Item::Unknown))) {
        return Err(Refusal::Blocked);
    }
    let lowered = lower_moved(cx, node, lower).and_then(|moved| match moved {
        Some(items) => Ok(items),
        None => match fold::fold(cx, node)? {
            Some(items) => {
                note_element_type(cx, node)?;
                Ok(items)
            }
            None => lower(cx, node),
        },
    });
    lowered.map_err(|error| match error {
        LowerError::Fatal(error) => Refusal::Fatal(error),
        LowerError::Unsupported { reason, hint } => {
            Refusal::Unsupported(UnsupportedNode { name: node.label(), op: node.qualified_op(), reason, hint })
        }
    })
}

/// Moves elements of quantized tensors: the operator works on their real numbers, and the results are quantized alike.
fn lower_moved<'a>(
    cx: &mut Lowering<'a>,
    node: &Node<'a>,
    lower: operators::Lower,
) -> Result<Option<Vec<Item>>, LowerError> {
    let Some((names, how)) = quantized::moved(cx, node)? else { return Ok(None) };
    let before: Vec<(&'a str, Item)> = names.iter().filter_map(|&n| Some((n, cx.lookup(n)?.clone()))).collect();
    for (name, item) in &before {
        if let Item::Quantized { id, .. } = item {
            cx.bind(name, Item::float(*id));
        }
    }
    let lowered = lower(cx, node);
    for (name, item) in before {
        cx.bind(name, item);
    }
    let quantized = |item| match item {
        Item::Value { id, .. } => Item::Quantized { id, how },
        other => other,
    };
    Ok(Some(lowered?.into_iter().map(quantized).collect()))
}

/// Zero points tell by their type which integers they belong to, wherever the file keeps them.
fn note_element_type<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Result<(), LowerError> {
    let tensor = if node.op() == "Constant" { node.tensor("value")? } else { None };
    if let Some(kind) = tensor.and_then(|t| DataType::try_from(t.data_type).ok()) {
        cx.set_element_type(node.output(0), kind);
    }
    Ok(())
}

/// Every operand must have been made before.
fn check_defined(cx: &Lowering<'_>, file: &pb::GraphProto, node: &Node<'_>) -> Result<(), ImportError> {
    let Some(value) = node.given_inputs().find(|name| cx.lookup(name).is_none()) else { return Ok(()) };
    let maker = file.node.iter().find(|n| n.output.iter().any(|o| o == value));
    let why = match maker {
        Some(proto) if std::ptr::eq(proto, node.proto) => "which it makes itself: the graph has a cycle".to_owned(),
        Some(proto) => {
            let later = Node { proto, opset: node.opset }.label();
            format!("which only the later node `{later}` makes: nodes must be in execution order, without cycles")
        }
        None => "which nothing in the file defines".to_owned(),
    };
    Err(ImportError::Undefined { node: node.label(), value: value.to_owned(), why })
}

fn add_outputs(cx: &mut Lowering<'_>, file: &pb::GraphProto) -> Result<(), ImportError> {
    for output in &file.output {
        let (id, source_dtype) = match cx.lookup(&output.name) {
            Some(Item::Value { id, .. }) => (*id, DType::F32),
            Some(Item::Quantized { id, how }) => (*id, how.dtype()),
            Some(Item::Const(_)) => return Err(ImportError::ConstantOutput { output: output.name.clone() }),
            _ => return Err(ImportError::UndefinedOutput { output: output.name.clone() }),
        };
        let shape = cx.shape(id);
        cx.graph.outputs.push(Port {
            value: id,
            name: output.name.clone(),
            source_axes: (0..shape.len()).collect(),
            source_shape: shape,
            source_dtype,
        });
    }
    Ok(())
}

/// Removes nodes that nothing reads, such as the way back from NHWC between two convolutions.
fn drop_unused(graph: &mut Graph) {
    let mut read = vec![false; graph.values.len()];
    for port in &graph.outputs {
        read[port.value.0] = true;
    }
    let mut keep = vec![false; graph.nodes.len()];
    for (node, keep) in graph.nodes.iter().zip(&mut keep).rev() {
        *keep = read[node.output.0];
        if *keep {
            node.inputs.iter().for_each(|input| read[input.0] = true);
        }
    }
    let mut keep = keep.into_iter();
    graph.nodes.retain(|_| keep.next().unwrap_or(false));
}
