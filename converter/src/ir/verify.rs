//! What must hold of every graph, so that the steps after import and after each pass need not check again.

use super::shape::{ShapeError, checked_elements, infer_shape, is_permutation};
use super::{Activation, Graph, Port, Tensor, ValueId};

/// The first broken rule found in a graph.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum VerifyError {
    #[error("node `{node}` names value {value}, but there are only {values}")]
    Dangling { node: String, value: usize, values: usize },
    #[error("port `{port}` names value {value}, but there are only {values}")]
    DanglingPort { port: String, value: usize, values: usize },
    #[error("node `{node}` reads `{value}` before anything makes it; sort the nodes")]
    Order { node: String, value: String },
    #[error("node `{node}` writes `{value}`, which is already {by}")]
    Rewritten { node: String, value: String, by: &'static str },
    #[error("node `{node}`: {source}")]
    Shape { node: String, source: Box<ShapeError> },
    #[error("node `{node}` makes shape {inferred:?}, but its value `{value}` says {declared:?}")]
    WrongShape { node: String, value: String, inferred: Vec<usize>, declared: Vec<usize> },
    #[error("constant `{value}` of shape {shape:?} holds {got} elements and says {constant_shape:?}")]
    Constant { value: String, shape: Vec<usize>, constant_shape: Vec<usize>, got: usize },
    #[error("value `{value}` has shape {shape:?}, which is empty or has more than 2^30 elements")]
    Size { value: String, shape: Vec<usize> },
    #[error("value `{value}` is {declared} but its constant is {constant}")]
    DType { value: String, declared: String, constant: String },
    #[error(
        "port `{port}`: source shape {source_shape:?} with axes {source_axes:?} does not give the stored shape {stored:?}"
    )]
    PortShape { port: String, source_shape: Vec<usize>, source_axes: Vec<usize>, stored: Vec<usize> },
    #[error("input `{port}` is {what}")]
    Input { port: String, what: &'static str },
    #[error("state `{value}` is also made by something else")]
    State { value: String },
    #[error("output `{port}` is value `{value}`, which nothing makes")]
    Unmade { port: String, value: String },
    #[error("output `{port}` does not depend on any input: value `{value}` is constant; remove the output")]
    ConstantOutput { port: String, value: String },
    #[error("node `{node}` clamps to {min}..{max}, which is empty")]
    Clamp { node: String, min: f32, max: f32 },
}

/// Checks ids, order, single assignment, operand counts, ranks, shapes, attributes, constants and ports.
pub fn verify(graph: &Graph) -> Result<(), VerifyError> {
    check_ids(graph)?;
    let mut made: Vec<Option<&'static str>> = vec![None; graph.values.len()];
    for (value, made) in graph.values.iter().zip(&mut made) {
        if let Some(tensor) = &value.constant {
            check_constant(&value.name, &value.shape, tensor)?;
            if tensor.dtype() != value.dtype {
                let (declared, constant) = (format!("{:?}", value.dtype), format!("{:?}", tensor.dtype()));
                return Err(VerifyError::DType { value: value.name.clone(), declared, constant });
            }
            *made = Some("a constant");
        }
    }
    for port in &graph.inputs {
        check_port(graph, port)?;
        if let Some(what) = made[port.value.0].replace("an input") {
            return Err(VerifyError::Input { port: port.name.clone(), what });
        }
    }
    for state in &graph.state {
        if made[state.0].replace("a state").is_some() {
            return Err(VerifyError::State { value: graph.value(*state).name.clone() });
        }
    }
    for node in &graph.nodes {
        let name = || node.name.clone();
        for input in &node.inputs {
            if made[input.0].is_none() {
                return Err(VerifyError::Order { node: name(), value: graph.value(*input).name.clone() });
            }
        }
        // Neither bound may be NaN: comparing with NaN is false.
        let ordered = |a: &Activation| a.min <= a.max;
        if let Some(Activation { min, max }) = node.op.clamp().filter(|a| !ordered(a)) {
            return Err(VerifyError::Clamp { node: name(), min, max });
        }
        let output = graph.value(node.output);
        if let Some(by) = made[node.output.0].replace("made by another node") {
            return Err(VerifyError::Rewritten { node: name(), value: output.name.clone(), by });
        }
        let inputs: Vec<&[usize]> = node.inputs.iter().map(|i| graph.value(*i).shape.as_slice()).collect();
        let inferred = infer_shape(&node.op, &inputs, Some(&output.shape))
            .map_err(|source| VerifyError::Shape { node: name(), source: Box::new(source) })?;
        if inferred != output.shape {
            let (value, declared) = (output.name.clone(), output.shape.clone());
            return Err(VerifyError::WrongShape { node: name(), value, inferred, declared });
        }
    }
    for port in &graph.outputs {
        check_port(graph, port)?;
        let (port_name, value) = (port.name.clone(), graph.value(port.value).name.clone());
        if made[port.value.0].is_none() {
            return Err(VerifyError::Unmade { port: port_name, value });
        }
        if graph.constant(port.value).is_some() {
            return Err(VerifyError::ConstantOutput { port: port_name, value });
        }
    }
    Ok(())
}

/// Checks that every id names a value, so that the rest may index.
fn check_ids(graph: &Graph) -> Result<(), VerifyError> {
    let values = graph.values.len();
    for node in &graph.nodes {
        let bad = node.inputs.iter().chain([&node.output]).find(|id| id.0 >= values);
        if let Some(&ValueId(value)) = bad {
            return Err(VerifyError::Dangling { node: node.name.clone(), value, values });
        }
    }
    if let Some(&ValueId(value)) = graph.state.iter().find(|id| id.0 >= values) {
        return Err(VerifyError::Dangling { node: "state".into(), value, values });
    }
    match graph.inputs.iter().chain(&graph.outputs).find(|p| p.value.0 >= values) {
        Some(port) => Err(VerifyError::DanglingPort { port: port.name.clone(), value: port.value.0, values }),
        None => Ok(()),
    }
}

fn check_constant(value: &str, shape: &[usize], tensor: &Tensor) -> Result<(), VerifyError> {
    let got = match tensor {
        Tensor::F32 { data, .. } => data.len(),
        Tensor::I8 { data, .. } => data.len(),
        Tensor::I16 { data, .. } => data.len(),
        Tensor::I32 { data, .. } => data.len(),
        Tensor::I64 { data, .. } => data.len(),
    };
    // An empty constant is legal as long as no node reads it: shape lists of the source format are such.
    let product = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    if tensor.shape() != shape || product != Some(got) {
        let (shape, constant_shape) = (shape.to_vec(), tensor.shape().to_vec());
        return Err(VerifyError::Constant { value: value.to_owned(), shape, constant_shape, got });
    }
    Ok(())
}

fn check_port(graph: &Graph, port: &Port) -> Result<(), VerifyError> {
    let value = graph.value(port.value);
    if checked_elements(&value.shape).is_none() {
        return Err(VerifyError::Size { value: value.name.clone(), shape: value.shape.clone() });
    }
    let stored = |axis: &usize| port.source_shape.get(*axis).copied();
    let fits = is_permutation(&port.source_axes, value.shape.len())
        && port.source_shape.len() == value.shape.len()
        && port.source_axes.iter().map(stored).eq(value.shape.iter().map(|d| Some(*d)));
    if fits {
        return Ok(());
    }
    Err(VerifyError::PortShape {
        port: port.name.clone(),
        source_shape: port.source_shape.clone(),
        source_axes: port.source_axes.clone(),
        stored: value.shape.clone(),
    })
}

#[cfg(test)]
mod tests;
