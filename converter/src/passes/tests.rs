use super::testing::{Net, Random, check, count, ops, same};
use super::*;
use crate::ir::{Op, Pads, Unary, ValueId};

struct Toggle;

impl Pass for Toggle {
    fn name(&self) -> &'static str {
        "toggle"
    }

    fn run(&self, _: &mut Graph) -> Result<usize, PassError> {
        Ok(1)
    }
}

struct Break;

impl Pass for Break {
    fn name(&self) -> &'static str {
        "break"
    }

    fn run(&self, graph: &mut Graph) -> Result<usize, PassError> {
        graph.nodes.clear();
        Ok(1)
    }
}

fn small() -> Net {
    let mut net = Net::new();
    let x = net.input(&[1, 3]);
    let y = net.relu(x);
    net.output(y);
    net
}

#[test]
fn a_pass_that_never_rests_is_named() {
    let error = run(&[&Toggle, &DeadCode], &mut small().graph, &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, PassError::NoConvergence { pass: "toggle", .. }), "{error}");
}

#[test]
fn a_pass_that_breaks_the_graph_is_named() {
    let error = run(&[&Break], &mut small().graph, &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, PassError::Verify { pass: "break", .. }), "{error}");
}

#[test]
fn a_broken_import_is_refused_before_any_pass() {
    let mut graph = small().graph;
    graph.nodes[0].inputs[0] = ValueId(7);
    assert!(matches!(run_default(&mut graph), Err(PassError::Input(_))));
}

#[test]
fn callback_sees_the_graph_after_each_pass_that_fired() {
    let mut net = small();
    let x = net.graph.inputs[0].value;
    net.relu(x);
    let mut seen = Vec::new();
    run_default_with(&mut net.graph, &mut |name, graph| seen.push((name.to_owned(), graph.nodes.len()))).unwrap();
    assert_eq!(seen, [("dead-code".to_owned(), 1)]);
}

#[test]
fn channels_first_block_becomes_two_convolutions() {
    let mut net = Net::new();
    let x = net.input(&[1, 3, 8, 8]);
    let mut y = x;
    for groups in [1, 4] {
        let t = net.transpose(y, &[0, 2, 3, 1]);
        let c = net.conv(t, 4, 3, same(3), groups);
        let (scale, shift) = (net.constant(&[4]), net.constant(&[4]));
        let c = net.node(Op::ScaleShift, &[c, scale, shift]);
        let c = net.transpose(c, &[0, 3, 1, 2]);
        y = net.unary(Unary::Clamp { min: 0.0, max: 6.0 }, c);
    }
    let y = net.node(Op::Mean { axes: vec![2, 3], keep_dims: true }, &[y]);
    let y = net.reshape(y, &[1, 4]);
    let bias = net.constant(&[5]);
    let y = net.dense(y, 5);
    let y = net.add(y, bias);
    let y = net.node(Op::Softmax { axis: 1 }, &[y]);
    net.output(y);
    let (graph, _) = check(DEFAULT, net);
    assert_eq!(ops(&graph), ["conv2d", "conv2d", "mean", "reshape", "fully_connected", "softmax"]);
}

/// A network of random nodes on channels-first maps, as importers make them.
fn random_net(seed: u64) -> Net {
    let mut random = Random::new(seed);
    let mut pick = move |n: usize| ((random.next() + 1.0) * 0.5 * n as f32) as usize % n;
    let mut net = Net::new();
    let first = net.input(&[1, 4, 4, 4]);
    let mut maps: Vec<ValueId> = vec![first];
    for _ in 0..2 + pick(12) {
        let (x, other) = (maps[pick(maps.len())], maps[pick(maps.len())]);
        let one_or = |net: &mut Net, shapes: &[&[usize]], i: usize| net.constant(shapes[i % shapes.len()]);
        let y = match pick(16) {
            0 | 1 => net.conv_nchw(x, 4, 3),
            2 => net.relu(x),
            3 => net.unary([Unary::Tanh, Unary::Sigmoid, Unary::Abs][pick(3)], x),
            4 | 5 => net.add(x, other),
            6 => net.mul(x, other),
            7 => {
                let c = one_or(&mut net, &[&[4, 1, 1], &[], &[1, 4, 1, 1], &[4], &[4, 4]], pick(5));
                if pick(2) == 0 { net.add(x, c) } else { net.mul(c, x) }
            }
            8 => {
                let t = net.transpose(x, &[0, 2, 3, 1]);
                let (a, b) = (net.constant(&[4]), net.constant(&[4]));
                let y = net.node(Op::ScaleShift, &[t, a, b]);
                net.transpose(y, &[0, 3, 1, 2])
            }
            9 => {
                let c = net.node(Op::Concat { axis: 1 }, &[x, other]);
                let from = pick(5);
                let (start, end) = (vec![0, from, 0, 0], vec![1, from + 4, 4, 4]);
                net.node(Op::Slice { start, end, step: vec![1; 4] }, &[c])
            }
            10 => {
                let by = pick(2);
                let value = [0.0, f32::MIN, 0.5][pick(3)];
                let y = net.node(Op::Pad { before: vec![0, 0, by, 1], after: vec![0, 0, 1, by], value }, &[x]);
                let y = net.transpose(y, &[0, 2, 3, 1]);
                let (kernel, stride, dilation, pads) = ([2 + by, 2 + by], [1, 1], [1, 1], Pads::default());
                let pool = match pick(3) {
                    0 if value != f32::MIN => net.conv(y, 4, 2 + by, pads, 1),
                    1 if value != f32::MIN => {
                        let op = Op::AveragePool2d { kernel, stride, dilation, pads, count_include_pad: pick(2) == 0 };
                        net.node(op, &[y])
                    }
                    _ => net.node(Op::MaxPool2d { kernel, stride, dilation, pads }, &[y]),
                };
                net.transpose(pool, &[0, 3, 1, 2])
            }
            11 => {
                let keep_dims = pick(2) == 0;
                let s = net.node(Op::Mean { axes: vec![2, 3], keep_dims }, &[x]);
                let s = if keep_dims { s } else { net.reshape(s, &[1, 4, 1, 1]) };
                net.mul(x, s)
            }
            12 => net.node(Op::Softmax { axis: 1 + pick(3) }, &[x]),
            13 => {
                let y = net.reshape(x, &[1, 2, 2, 4, 4]);
                let y = net.transpose(y, &[0, 2, 1, 3, 4]);
                net.reshape(y, &[1, 4, 4, 4])
            }
            14 => net.transpose(x, [&[0, 3, 2, 1], &[0, 1, 3, 2], &[0, 2, 1, 3]][pick(3)]),
            _ => {
                let y = net.reshape(x, &[1, 64]);
                let y = if pick(2) == 0 { net.relu(y) } else { y };
                let y = net.dense(y, 64);
                net.reshape(y, &[1, 4, 4, 4])
            }
        };
        assert_eq!(net.graph.value(y).shape, [1, 4, 4, 4], "seed {seed}");
        maps.push(y);
        if pick(8) == 0 {
            net.output(y);
        }
    }
    let last = maps[maps.len() - 1];
    if pick(2) == 0 {
        let y = net.reshape(last, &[1, 64]);
        let y = net.dense(y, 3);
        net.output(y);
    } else {
        net.output(last);
    }
    net
}

#[test]
fn random_networks_keep_their_outputs_and_gain_no_transposes() {
    for seed in 1..400 {
        let net = random_net(seed);
        // A softmax that is not over the last axis needs two on the device.
        let before = count(&net.graph, "transpose") + 2 * count(&net.graph, "softmax");
        let (graph, _) = check(DEFAULT, net);
        assert!(count(&graph, "transpose") <= before, "seed {seed}");
    }
}

/// Breaks one thing of a graph, as a hostile or careless importer might.
fn damage(graph: &mut Graph, mut pick: impl FnMut(usize) -> usize) {
    let odd = [0, 1, 2, 3, 5, 64, usize::MAX - 1, usize::MAX][pick(8)];
    let at = pick(graph.nodes.len());
    let values = graph.values.len();
    let node = &mut graph.nodes[at];
    match pick(12) {
        0 => node.output = ValueId(pick(values + 2)),
        1 => {
            let slot = pick(node.inputs.len());
            node.inputs[slot] = ValueId(pick(values + 2));
        }
        2 => drop(node.inputs.pop()),
        3 => node.inputs.push(ValueId(pick(values))),
        4 => drop(graph.values[pick(values)].shape.pop()),
        5 => graph.values[pick(values)].shape.push(odd),
        6 => {
            let shape = &mut graph.values[pick(values)].shape;
            if !shape.is_empty() {
                let axis = pick(shape.len());
                shape[axis] = odd;
            }
        }
        7 => graph.inputs[0].source_axes.reverse(),
        8 => graph.outputs[0].value = ValueId(pick(values + 2)),
        9 => graph.nodes.swap(0, at),
        10 => graph.values[pick(values)].constant = None,
        _ => match &mut node.op {
            Op::Transpose { perm } => perm[0] = odd,
            Op::Conv2d { stride, pads, groups, dilation, .. } => {
                match pick(4) {
                    0 => stride[0] = odd,
                    1 => pads.top = odd,
                    2 => *groups = odd,
                    _ => dilation[1] = odd,
                };
            }
            Op::MaxPool2d { kernel, stride, pads, .. } | Op::AveragePool2d { kernel, stride, pads, .. } => {
                match pick(3) {
                    0 => kernel[0] = odd,
                    1 => stride[1] = odd,
                    _ => pads.left = odd,
                };
            }
            Op::Mean { axes, .. } => axes.push(odd),
            Op::Softmax { axis } | Op::Concat { axis } => *axis = odd,
            Op::Slice { start, end, step } => [start, end, step][pick(3)][0] = odd,
            Op::Pad { before, after, .. } => [before, after][pick(2)][0] = odd,
            Op::Unary(Unary::Clamp { min, .. }) => *min = f32::NAN,
            _ => node.inputs.clear(),
        },
    }
}

#[test]
fn damaged_graphs_are_refused_or_pass_but_never_panic() {
    let mut refused = 0;
    for seed in 1..2000 {
        let mut graph = random_net(seed % 100 + 1).graph;
        let mut random = Random::new(seed + 7_000_000);
        damage(&mut graph, |n| ((random.next() + 1.0) * 0.5 * n as f32) as usize % n);
        match run_default(&mut graph) {
            Ok(_) => crate::ir::verify(&graph).unwrap(),
            Err(PassError::Input(_)) => refused += 1,
            Err(error) => panic!("seed {seed}: {error}"),
        }
        graph.to_string();
    }
    assert!(refused > 500, "only {refused} of the damaged graphs were refused");
}
