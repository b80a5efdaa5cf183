use super::*;
use crate::ir::{Activation, DType, Op, Port, Tensor, Unary, verify};

const RELU: Op = Op::Unary(Unary::Clamp { min: 0.0, max: f32::INFINITY });

fn port(value: ValueId) -> Port {
    Port { value, name: "port".into(), source_shape: vec![1, 2], source_dtype: DType::F32, source_axes: vec![0, 1] }
}

/// x -> relu -> a -> relu -> b, and a relu of x that nothing reads.
fn chain() -> Graph {
    let mut graph = Graph::default();
    let unused = graph.add_constant("unused", Tensor::f32([1], vec![0.0]));
    let x = graph.add_value("x", vec![1, 2], DType::F32);
    graph.inputs.push(port(x));
    let a = graph.insert_node(0, "a", RELU, vec![x], None).unwrap();
    let b = graph.insert_node(1, "b", RELU, vec![a], None).unwrap();
    graph.insert_node(2, "dead", RELU, vec![x], None).unwrap();
    graph.outputs.push(port(b));
    assert_eq!(unused, ValueId(0));
    graph
}

#[test]
fn sort_restores_execution_order_and_keeps_a_valid_one() {
    let mut graph = chain();
    graph.topological_sort().unwrap();
    assert_eq!(graph.nodes.iter().map(|n| n.name.as_str()).collect::<Vec<_>>(), ["a", "b", "dead"]);
    graph.nodes.reverse();
    assert!(verify(&graph).is_err());
    graph.topological_sort().unwrap();
    verify(&graph).unwrap();
}

#[test]
fn sort_names_a_cycle_and_leaves_the_nodes() {
    let mut graph = chain();
    graph.nodes[0].inputs[0] = graph.nodes[1].output;
    let error = graph.topological_sort().unwrap_err();
    assert_eq!((error.node.as_str(), error.value.as_str()), ("a", "b"));
    assert_eq!(graph.nodes.len(), 3);
}

#[test]
fn compact_drops_and_renumbers() {
    let mut graph = chain();
    graph.compact();
    verify(&graph).unwrap();
    assert_eq!(graph.nodes.len(), 2);
    assert_eq!(graph.values.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(), ["x", "a", "b"]);
    assert_eq!(graph.outputs[0].value, ValueId(2));
}

#[test]
fn inserting_checks_shapes() {
    let mut graph = chain();
    let (x, op) = (graph.inputs[0].value, Op::Add { activation: Activation::NONE });
    assert!(matches!(graph.insert_node(0, "n", op, vec![x], None), Err(ShapeError::Arity { .. })));
    assert_eq!(graph.nodes.len(), 3);
}

#[test]
fn repeated_operands_and_outputs_are_more_than_one_use() {
    let mut graph = chain();
    let [a, b] = [0, 1].map(|i| graph.nodes[i].output);
    assert!(graph.has_one_use(a) && !graph.has_one_use(b));
    graph.insert_node(2, "twice", Op::Add { activation: Activation::NONE }, vec![a, a], None).unwrap();
    assert!(!graph.has_one_use(a));
}
