//! Recognises functions that exporters spell out in simpler nodes.
//!
//! `x * sigmoid(x)` is SiLU; `x * clamp(x + 3, 0, 6) / 6` hard swish, and without the outer `x` hard sigmoid;
//! `x * (1 + erf(x / sqrt 2)) / 2` GELU, also by tanh; `x * tanh(softplus(x))` Mish. An average over a whole feature map
//! is a mean. As one function each costs one table on the device, and one rounding.

use crate::ir::{Activation, Graph, Node, NodeId, Op, Pads, Unary, ValueId};

use super::query::{clamp_behind, constant_operand, unary_of, uniform};
use super::{Pass, PassError};

/// Spelled-out activation functions, and average pools over everything.
pub struct Recompose;

impl Pass for Recompose {
    fn name(&self) -> &'static str {
        "recompose"
    }

    fn run(&self, graph: &mut Graph) -> Result<usize, PassError> {
        let mut rewrites = 0;
        let mut at = 0;
        while at < graph.nodes.len() {
            rewrites += usize::from(activation_function(graph, at) || global_average(graph, at));
            at += 1;
        }
        Ok(rewrites)
    }
}

/// The constants of such formulas are often rounded by exporters, to half precision at worst.
fn near(value: f32, expected: f32) -> bool {
    (value - expected).abs() <= 1e-3 * expected.abs()
}

fn global_average(graph: &mut Graph, at: usize) -> bool {
    let Node { op: Op::AveragePool2d { kernel, dilation, pads, .. }, inputs, output, .. } = &graph.nodes[at] else {
        return false;
    };
    let covers = |axis: usize, size: usize| kernel[axis] == size && (dilation[axis] == 1 || size == 1);
    let whole = inputs
        .first()
        .map(|&x| graph.value(x).shape.as_slice())
        .is_some_and(|shape| matches!(shape, &[_, h, w, _] if covers(0, h) && covers(1, w)));
    let single = matches!(graph.value(*output).shape.as_slice(), &[_, 1, 1, _]);
    if !(whole && single && *pads == Pads::default()) {
        return false;
    }
    graph.nodes[at].op = Op::Mean { axes: vec![1, 2], keep_dims: true };
    true
}

fn activation_function(graph: &mut Graph, at: usize) -> bool {
    let node = &graph.nodes[at];
    let Op::Mul { activation } = node.op else { return false };
    let Some((function, x)) = product_of(graph, node).and_then(|p| recognise(graph, &p)) else { return false };
    if graph.value(x).shape != graph.value(node.output).shape {
        return false;
    }
    let node = &mut graph.nodes[at];
    node.op = Op::Unary(function);
    node.inputs = vec![x];
    clamp_behind(graph, NodeId(at), activation);
    true
}

/// A product of values and a number.
struct Product {
    values: Vec<ValueId>,
    number: f32,
}

/// Multiplies out a tree of `Mul` nodes as far as nothing else reads the parts.
fn product_of(graph: &Graph, node: &Node) -> Option<Product> {
    let mut product = Product { values: Vec::new(), number: 1.0 };
    let mut open: Vec<ValueId> = node.inputs.clone();
    while let Some(id) = open.pop() {
        if let Some(number) = uniform(graph, id) {
            product.number *= number;
            continue;
        }
        match graph.producing_node(id) {
            Some((_, Node { op: Op::Mul { activation: Activation::NONE }, inputs, .. })) if graph.has_one_use(id) => {
                open.extend(inputs);
            }
            _ => product.values.push(id),
        }
        if product.values.len() > 4 {
            return None;
        }
    }
    Some(product)
}

fn product_behind(graph: &Graph, id: ValueId) -> Option<Product> {
    match graph.producing_node(id)?.1 {
        node @ Node { op: Op::Mul { activation: Activation::NONE }, .. } => product_of(graph, node),
        _ => None,
    }
}

fn recognise(graph: &Graph, product: &Product) -> Option<(Unary, ValueId)> {
    if let &[gate] = product.values.as_slice() {
        let x = relu6_of_plus_3(graph, gate).filter(|_| near(product.number, 1.0 / 6.0))?;
        return Some((Unary::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 }, x));
    }
    let &[a, b] = product.values.as_slice() else { return None };
    let gated = |x, gate| gated(graph, x, gate, product.number).map(|function| (function, x));
    gated(a, b).or_else(|| gated(b, a))
}

/// The function that `number * x * gate` is.
fn gated(graph: &Graph, x: ValueId, gate: ValueId, number: f32) -> Option<Unary> {
    if relu6_of_plus_3(graph, gate) == Some(x) && near(number, 1.0 / 6.0) {
        return Some(Unary::HardSwish);
    }
    if near(number, 1.0) {
        let (function, operand) = unary_of(graph, gate)?;
        return match function {
            Unary::Sigmoid if operand == x => Some(Unary::Silu),
            Unary::HardSigmoid { alpha, beta } if operand == x && near(alpha, 1.0 / 6.0) && near(beta, 0.5) => {
                Some(Unary::HardSwish)
            }
            Unary::Tanh if unary_of(graph, operand) == Some((Unary::Softplus, x)) => Some(Unary::Mish),
            _ => None,
        };
    }
    if !near(number, 0.5) {
        return None;
    }
    let (function, argument) = unary_of(graph, plus(graph, gate, 1.0)?)?;
    let argument = product_behind(graph, argument)?;
    match function {
        Unary::Erf => {
            let scaled = argument.values == [x] && near(argument.number, std::f32::consts::FRAC_1_SQRT_2);
            scaled.then_some(Unary::Gelu)
        }
        Unary::Tanh => {
            let scaled = near(argument.number, (2.0 / std::f32::consts::PI).sqrt());
            (scaled && is_cubic(graph, &argument.values, x)).then_some(Unary::GeluTanh)
        }
        _ => None,
    }
}

/// True if the product of `values` is `x + 0.044715 x^3`, as a sum or as `x * (1 + 0.044715 x^2)`.
fn is_cubic(graph: &Graph, values: &[ValueId], x: ValueId) -> bool {
    let power = |id: ValueId, exponent: usize| {
        product_behind(graph, id).is_some_and(|p| {
            near(p.number, 0.044_715) && p.values.len() == exponent && p.values.iter().all(|&v| v == x)
        })
    };
    match *values {
        [sum] => match graph.producing_node(sum) {
            Some((_, Node { op: Op::Add { activation: Activation::NONE }, inputs, .. })) => match *inputs.as_slice() {
                [a, b] => (a == x && power(b, 3)) || (b == x && power(a, 3)),
                _ => false,
            },
            _ => false,
        },
        [a, b] => {
            let one_plus = |id| plus(graph, id, 1.0).is_some_and(|square| power(square, 2));
            (a == x && one_plus(b)) || (b == x && one_plus(a))
        }
        _ => false,
    }
}

/// The other operand if `id` is the sum of something and `number`.
fn plus(graph: &Graph, id: ValueId, number: f32) -> Option<ValueId> {
    match graph.producing_node(id)?.1 {
        node @ Node { op: Op::Add { activation: Activation::NONE }, .. } => summand(graph, node, number),
        _ => None,
    }
}

fn summand(graph: &Graph, node: &Node, number: f32) -> Option<ValueId> {
    let (constant, operand) = constant_operand(graph, node)?;
    uniform(graph, constant).is_some_and(|v| near(v, number)).then_some(operand)
}

/// `x` if `id` is `clamp(x + 3, 0, 6)`, whether the clamp is fused or not.
fn relu6_of_plus_3(graph: &Graph, id: ValueId) -> Option<ValueId> {
    let relu6 = Activation { min: 0.0, max: 6.0 };
    let node = graph.producing_node(id)?.1;
    match &node.op {
        Op::Add { activation } if *activation == relu6 => summand(graph, node, 3.0),
        Op::Unary(Unary::Clamp { min, max }) if (Activation { min: *min, max: *max }) == relu6 => {
            plus(graph, *node.inputs.first()?, 3.0)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
