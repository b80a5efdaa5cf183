use super::*;
use crate::ir::{DType, Node};
use crate::ir::{Op, Unary};

/// x [1, 2, 3] -> relu -> y.
fn graph() -> Graph {
    let mut graph = Graph::default();
    let x = graph.add_value("x", vec![1, 2, 3], DType::F32);
    let y = graph.add_value("y", vec![1, 2, 3], DType::F32);
    let op = Op::Unary(Unary::Clamp { min: 0.0, max: 6.0 });
    graph.nodes.push(Node { name: "relu".into(), op, inputs: vec![x], output: y });
    for (value, name) in [(x, "in"), (y, "out")] {
        let port = Port {
            value,
            name: name.into(),
            source_shape: vec![1, 3, 2],
            source_dtype: DType::F32,
            source_axes: vec![0, 2, 1],
        };
        if name == "in" { graph.inputs.push(port) } else { graph.outputs.push(port) }
    }
    graph
}

/// The error after breaking the graph in one place.
fn broken(change: impl FnOnce(&mut Graph)) -> VerifyError {
    let mut graph = graph();
    verify(&graph).unwrap();
    change(&mut graph);
    verify(&graph).unwrap_err()
}

#[test]
fn dangling_ids_are_caught_everywhere() {
    let error = broken(|g| g.nodes[0].inputs[0] = ValueId(9));
    assert_eq!(error.to_string(), "node `relu` names value 9, but there are only 2");
    assert!(matches!(broken(|g| g.nodes[0].output = ValueId(2)), VerifyError::Dangling { value: 2, .. }));
    assert!(matches!(broken(|g| g.inputs[0].value = ValueId(9)), VerifyError::DanglingPort { .. }));
    assert!(matches!(broken(|g| g.outputs[0].value = ValueId(9)), VerifyError::DanglingPort { .. }));
}

#[test]
fn order_and_single_assignment() {
    assert!(matches!(broken(|g| g.nodes[0].inputs[0] = g.nodes[0].output), VerifyError::Order { .. }));
    let error = broken(|g| g.nodes.push(g.nodes[0].clone()));
    assert_eq!(error.to_string(), "node `relu` writes `y`, which is already made by another node");
    assert!(matches!(broken(|g| g.nodes[0].output = g.nodes[0].inputs[0]), VerifyError::Rewritten { .. }));
    assert!(matches!(broken(|g| g.inputs.push(g.inputs[0].clone())), VerifyError::Input { .. }));
    assert!(matches!(broken(|g| g.nodes.clear()), VerifyError::Unmade { .. }));
}

#[test]
fn shapes_and_attributes() {
    assert!(matches!(broken(|g| g.nodes[0].inputs.clear()), VerifyError::Shape { .. }));
    assert!(matches!(broken(|g| g.nodes[0].op = Op::Softmax { axis: 3 }), VerifyError::Shape { .. }));
    let error = broken(|g| g.nodes[0].op = Op::Transpose { perm: vec![0, 2, 1] });
    assert_eq!(error.to_string(), "node `relu` makes shape [1, 3, 2], but its value `y` says [1, 2, 3]");
    for (min, max) in [(1.0, 0.0), (f32::NAN, 1.0), (0.0, f32::NAN)] {
        let clamp = Op::Unary(Unary::Clamp { min, max });
        assert!(matches!(broken(|g| g.nodes[0].op = clamp), VerifyError::Clamp { .. }));
    }
}

#[test]
fn ports_match_their_values() {
    assert!(matches!(broken(|g| g.inputs[0].source_axes = vec![0, 1, 2]), VerifyError::PortShape { .. }));
    assert!(matches!(broken(|g| g.inputs[0].source_axes = vec![0, 2, 2]), VerifyError::PortShape { .. }));
    assert!(matches!(broken(|g| g.outputs[0].source_shape = vec![1, 6]), VerifyError::PortShape { .. }));
    assert!(matches!(broken(|g| g.values[0].shape = vec![1, 0, 3]), VerifyError::Size { .. }));
}

#[test]
fn constants_hold_what_they_say() {
    let short = |g: &mut Graph| g.values[0].constant = Some(Tensor::F32 { shape: vec![1, 2, 3], data: vec![0.0; 5] });
    assert!(matches!(broken(short), VerifyError::Constant { got: 5, .. }));
    let typed = |g: &mut Graph| g.values[0].constant = Some(Tensor::I8 { shape: vec![1, 2, 3], data: vec![0; 6] });
    assert!(matches!(broken(typed), VerifyError::DType { .. }));
    let input = |g: &mut Graph| g.values[0].constant = Some(Tensor::f32([1, 2, 3], vec![0.0; 6]));
    assert!(matches!(broken(input), VerifyError::Input { .. }));
    let output = |g: &mut Graph| {
        let id = g.add_constant("c", Tensor::f32([1, 2, 3], vec![0.0; 6]));
        g.outputs[0].value = id;
    };
    assert_eq!(
        broken(output).to_string(),
        "output `out` does not depend on any input: value `c` is constant; remove the output"
    );
}

#[test]
fn an_input_may_be_an_output() {
    let mut graph = graph();
    graph.outputs.push(Port { name: "same".into(), ..graph.inputs[0].clone() });
    verify(&graph).unwrap();
}
