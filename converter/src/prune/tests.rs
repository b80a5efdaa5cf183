//! Graphs with every kind of coupling.

use super::channels::{Channels, prune};
use super::coupling::Coupling;
use super::rebuild::without;
use crate::execute::Executor;
use crate::ir::{Graph, Op, Tensor};
use crate::train::build;

/// Layers, the input's sizes, and the constants filled so that nothing is symmetric.
fn graph(input: &[usize], layers: &str) -> Graph {
    #[derive(serde::Deserialize)]
    struct Layers {
        layers: Vec<crate::train::Layer>,
    }
    let layers: Layers = toml::from_str(&format!("layers = [{layers}]")).unwrap();
    let mut graph = build("net", input, &layers.layers, 5).unwrap().graph;
    for (i, value) in graph.values.iter_mut().enumerate() {
        if let Some(Tensor::F32 { data, .. }) = &mut value.constant {
            // Biases and normalizations begin alike; variances must stay positive.
            let n = data.len();
            data.iter_mut().enumerate().for_each(|(j, v)| *v += 0.05 * ((i * 7 + j * 3) % (n + 5)) as f32 / n as f32);
        }
    }
    graph
}

fn samples(graph: &Graph, n: usize) -> Vec<Vec<Tensor>> {
    let shape = graph.value(graph.inputs[0].value).shape.clone();
    let elements: usize = shape.iter().product();
    let value = |s: usize, i: usize| ((s * 31 + i * 17) % 23) as f32 / 11.0 - 1.0;
    (0..n).map(|s| vec![Tensor::f32(shape.clone(), (0..elements).map(|i| value(s, i)).collect())]).collect()
}

const RESIDUAL: &str = "
  { op = 'conv2d', name = 'first', filters = 8, kernel = 3, padding = 'same', bias = false },
  { op = 'batch_norm', name = 'norm' },
  { op = 'activation', function = 'relu' },
  { op = 'depthwise_conv2d', name = 'depthwise', kernel = 3, padding = 'same', multiplier = 2 },
  { op = 'conv2d', name = 'back', filters = 8, kernel = 1 },
  { op = 'add', with = 'activation_1' },
  { op = 'max_pool2d', kernel = 2 },
  { op = 'conv2d', name = 'second', filters = 12, kernel = 3, activation = 'relu' },
  { op = 'flatten' },
  { op = 'dropout', rate = 0.1 },
  { op = 'dense', name = 'hidden', units = 10, activation = 'sigmoid' },
  { op = 'dense', name = 'scores', units = 3 },
";

/// Weights that read removed channels become 0 in the large graph: then both compute the same.
#[test]
fn a_smaller_graph_computes_what_the_large_one_does_without_these_channels() {
    for (input, layers) in [
        (vec![8, 8, 2], RESIDUAL),
        (
            vec![6],
            "{ op = 'dense', name = 'a', units = 8, activation = 'relu' }, { op = 'dense', name = 'b', units = 3 }",
        ),
    ] {
        let graph = graph(&input, layers);
        let coupling = Coupling::of(&graph);
        // Every third class that may go, goes.
        let gone: Vec<bool> = (0..coupling.pinned.len()).map(|c| !coupling.pinned[c] && c % 3 == 1).collect();
        let small = without(&graph, &coupling, &gone).unwrap();
        let mut large = graph.clone();
        for node in &graph.nodes {
            let ids = &coupling.of[node.inputs[0].0];
            if matches!(node.op, Op::Conv2d { groups: 1, .. } | Op::FullyConnected { .. }) {
                let Some(Tensor::F32 { data, .. }) = &mut large.values[node.inputs[1].0].constant else { panic!() };
                data.iter_mut().enumerate().filter(|(i, _)| gone[ids[i % ids.len()]]).for_each(|(_, w)| *w = 0.0);
            }
        }
        let weights =
            |g: &Graph| -> usize { g.values.iter().filter(|v| v.constant.is_some()).map(|v| v.elements()).sum() };
        assert!(gone.contains(&true) && weights(&small) < weights(&graph));
        let (a, b) = (Executor::new(&large).unwrap(), Executor::new(&small).unwrap());
        for sample in samples(&graph, 3) {
            let (a, b) = (a.run(&sample).unwrap(), b.run(&sample).unwrap());
            for (a, b) in a[0].as_f32().unwrap().iter().zip(b[0].as_f32().unwrap()) {
                assert!((a - b).abs() < 1e-4 * (1.0 + a.abs()), "{a} {b}");
            }
        }
    }
}

#[test]
fn what_is_coupled_goes_together_and_ports_stay() {
    let graph = graph(&[8, 8, 2], RESIDUAL);
    let coupling = Coupling::of(&graph);
    let of = |name: &str| {
        let node = graph.nodes.iter().find(|n| n.name == name).unwrap();
        coupling.of[node.output.0].clone()
    };
    assert_eq!(of("first"), of("back"));
    let twice: Vec<usize> = of("first").iter().flat_map(|&c| [c, c]).collect();
    assert_eq!(of("depthwise"), twice);
    assert!(of("scores").iter().all(|&c| coupling.pinned[c]));
    assert!(of("first").iter().chain(&of("second")).chain(&of("hidden")).all(|&c| !coupling.pinned[c]));
}

#[test]
fn channels_go_until_the_goal_is_reached() {
    let graph = graph(&[8, 8, 2], RESIDUAL);
    let options = Channels { macs: 0.5, keep: 0.25, multiple: 2, skip: vec!["hidden".into()] };
    let macs = |g: &Graph| g.nodes.iter().map(|n| g.macs(n)).sum::<u64>() as f64;
    let (small, narrowed) = prune(&graph, &options, &samples(&graph, 4)).unwrap();
    let share = macs(&small) / macs(&graph);
    assert!(share <= 0.5 && share > 0.3, "{share}");
    assert!(narrowed.iter().all(|n| n.after < n.before && n.after % 2 == 0 && n.node != "hidden"), "{narrowed:?}");
    assert_eq!(small.outputs[0].source_shape, graph.outputs[0].source_shape);
    let least = Channels { macs: 0.01, keep: 0.5, multiple: 1, skip: Vec::new() };
    assert!(matches!(prune(&graph, &least, &samples(&graph, 1)), Err(super::PruneError::OutOfReach { .. })));
    let unknown = Channels { skip: vec!["nobody".into()], ..options };
    assert!(prune(&graph, &unknown, &samples(&graph, 1)).unwrap_err().to_string().contains("first, depthwise"));
}

/// A channel that is never anything but zero goes first.
#[test]
fn what_contributes_nothing_goes_first() {
    let mut graph = graph(
        &[6],
        "{ op = 'dense', name = 'a', units = 8, activation = 'relu' }, { op = 'dense', name = 'b', units = 3 }",
    );
    let dead = [2usize, 5];
    for (slot, each) in [(1, 6), (2, 1)] {
        let id = graph.nodes[0].inputs[slot];
        let Some(Tensor::F32 { data, .. }) = &mut graph.values[id.0].constant else { panic!() };
        dead.iter().for_each(|&c| data[c * each..(c + 1) * each].fill(0.0));
    }
    let options = Channels { macs: 0.75, keep: 0.0, multiple: 2, skip: Vec::new() };
    let (small, narrowed) = prune(&graph, &options, &samples(&graph, 8)).unwrap();
    assert_eq!((narrowed[0].before, narrowed[0].after), (8, 6));
    let (a, b) = (Executor::new(&graph).unwrap(), Executor::new(&small).unwrap());
    for sample in samples(&graph, 3) {
        let (a, b) = (a.run(&sample).unwrap(), b.run(&sample).unwrap());
        assert!(a[0].as_f32().unwrap().iter().zip(b[0].as_f32().unwrap()).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}
