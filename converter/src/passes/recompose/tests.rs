use super::*;
use crate::passes::DeadCode;
use crate::passes::testing::{Net, check, ops};

/// The functions left of a spelled-out formula of one input.
fn left(formula: impl FnOnce(&mut Net, ValueId) -> ValueId) -> Vec<Op> {
    let mut net = Net::new();
    let x = net.input(&[1, 7]);
    let y = formula(&mut net, x);
    net.output(y);
    let (graph, _) = check(&[&Recompose, &DeadCode], net);
    graph.nodes.into_iter().map(|n| n.op).collect()
}

fn relu6_of_plus_3(net: &mut Net, x: ValueId) -> ValueId {
    let three = net.scalar(3.0);
    let sum = net.add(x, three);
    net.unary(Unary::Clamp { min: 0.0, max: 6.0 }, sum)
}

#[test]
fn silu_and_mish() {
    for swap in [false, true] {
        let silu = |net: &mut Net, x| {
            let gate = net.unary(Unary::Sigmoid, x);
            if swap { net.mul(gate, x) } else { net.mul(x, gate) }
        };
        assert_eq!(left(silu), [Op::Unary(Unary::Silu)]);
    }
    let mish = |net: &mut Net, x| {
        let gate = net.unary(Unary::Softplus, x);
        let gate = net.unary(Unary::Tanh, gate);
        net.mul(x, gate)
    };
    assert_eq!(left(mish), [Op::Unary(Unary::Mish)]);
}

#[test]
fn hard_swish_in_three_spellings() {
    let outer_sixth = |net: &mut Net, x| {
        let gate = relu6_of_plus_3(net, x);
        let product = net.mul(x, gate);
        let sixth = net.scalar(1.0 / 6.0);
        net.mul(product, sixth)
    };
    assert_eq!(left(outer_sixth), [Op::Unary(Unary::HardSwish)]);
    let inner_sixth = |net: &mut Net, x| {
        let gate = relu6_of_plus_3(net, x);
        let sixth = net.full(&[1, 1], 1.0 / 6.0);
        let gate = net.mul(gate, sixth);
        net.mul(gate, x)
    };
    assert_eq!(left(inner_sixth), [Op::Unary(Unary::HardSwish)]);
    let hard_sigmoid = |net: &mut Net, x| {
        let gate = net.unary(Unary::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 }, x);
        net.mul(gate, x)
    };
    assert_eq!(left(hard_sigmoid), [Op::Unary(Unary::HardSwish)]);
}

#[test]
fn hard_sigmoid_with_the_clamp_fused() {
    let formula = |net: &mut Net, x| {
        let three = net.scalar(3.0);
        let gate = net.node(Op::Add { activation: Activation { min: 0.0, max: 6.0 } }, &[three, x]);
        let sixth = net.scalar(1.0 / 6.0);
        net.mul(gate, sixth)
    };
    assert_eq!(left(formula), [Op::Unary(Unary::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 })]);
}

#[test]
fn gelu_by_erf_in_every_order_of_factors() {
    for order in 0..3 {
        let gelu = |net: &mut Net, x| {
            let (root, one, half) = (net.scalar(0.5f32.sqrt()), net.scalar(1.0), net.scalar(0.5));
            let inner = net.mul(x, root);
            let inner = net.unary(Unary::Erf, inner);
            let gate = net.add(one, inner);
            let factors = [[x, gate, half], [x, half, gate], [gate, half, x]][order];
            let product = net.mul(factors[0], factors[1]);
            net.mul(product, factors[2])
        };
        assert_eq!(left(gelu), [Op::Unary(Unary::Gelu)]);
    }
}

#[test]
fn gelu_by_tanh_in_two_spellings() {
    for factored in [false, true] {
        let gelu = |net: &mut Net, x| {
            let (c, one, half) = (net.scalar(0.044_715), net.scalar(1.0), net.scalar(0.5));
            let square = net.mul(x, x);
            let sum = if factored {
                let sum = net.mul(square, c);
                let sum = net.add(sum, one);
                net.mul(x, sum)
            } else {
                let cube = net.mul(square, x);
                let cube = net.mul(c, cube);
                net.add(x, cube)
            };
            let root = net.scalar((2.0 / std::f32::consts::PI).sqrt());
            let gate = net.mul(root, sum);
            let gate = net.unary(Unary::Tanh, gate);
            let gate = net.add(gate, one);
            let product = net.mul(half, x);
            net.mul(product, gate)
        };
        assert_eq!(left(gelu), [Op::Unary(Unary::GeluTanh)], "factored: {factored}");
    }
}

#[test]
fn gates_of_another_value_stay() {
    let mut net = Net::new();
    let (x, other) = (net.input(&[1, 7]), net.input(&[1, 7]));
    let gate = net.unary(Unary::Sigmoid, other);
    let y = net.mul(x, gate);
    net.output(y);
    assert_eq!(ops(&check(&[&Recompose], net).0), ["unary", "mul"]);
}

#[test]
fn the_fused_clamp_of_the_product_stays() {
    let formula = |net: &mut Net, x| {
        let gate = net.unary(Unary::Sigmoid, x);
        net.node(Op::Mul { activation: Activation { min: 0.0, max: 1.0 } }, &[x, gate])
    };
    assert_eq!(left(formula), [Op::Unary(Unary::Silu), Op::Unary(Unary::Clamp { min: 0.0, max: 1.0 })]);
}

#[test]
fn an_average_of_everything_is_a_mean() {
    let mut net = Net::new();
    let x = net.input(&[1, 4, 6, 3]);
    let pool = |kernel| Op::AveragePool2d {
        kernel,
        stride: [2, 2],
        dilation: [1, 1],
        pads: Pads::default(),
        count_include_pad: true,
    };
    let whole = net.node(pool([4, 6]), &[x]);
    let part = net.node(pool([4, 5]), &[x]);
    net.output(whole);
    net.output(part);
    assert_eq!(ops(&check(&[&Recompose], net).0), ["mean", "average_pool2d"]);
}
