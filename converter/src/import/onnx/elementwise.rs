//! Arithmetic on two or more operands, with NumPy broadcasting.

use super::array::{Array, Data, broadcast_shape};
use super::error::{LowerError, unsupported};
use super::lowering::{Item, Lowered, Lowering};
use super::node::Node;
use crate::ir::{Activation, Op, Unary, ValueId};

const ADD: Op = Op::Add { activation: Activation::NONE };
const MUL: Op = Op::Mul { activation: Activation::NONE };

/// `Add`.
pub(super) fn add<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let (a, b) = (cx.value(node, 0)?, cx.value(node, 1)?);
    binary(cx, node, ADD, a, b)
}

/// `Mul`.
pub(super) fn mul<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let (a, b) = (cx.value(node, 0)?, cx.value(node, 1)?);
    binary(cx, node, MUL, a, b)
}

/// `Sub`: adds the negated second operand.
pub(super) fn sub<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let a = cx.value(node, 0)?;
    let b = match cx.required(node, 1)? {
        Item::Const(b) => mapped_constant(cx, node, &b, |v| -v)?,
        _ => {
            let b = cx.value(node, 1)?;
            let shape = cx.shape(b);
            cx.step(node, "negated", Op::Unary(Unary::Neg), vec![b], shape)?
        }
    };
    binary(cx, node, ADD, a, b)
}

/// `Div`: multiplies with the reciprocal.
pub(super) fn div<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let a = cx.value(node, 0)?;
    let b = match cx.required(node, 1)? {
        Item::Const(b) => mapped_constant(cx, node, &b, |v| 1.0 / v)?,
        _ => {
            let b = cx.value(node, 1)?;
            let shape = cx.shape(b);
            cx.step(node, "reciprocal", Op::Unary(Unary::Reciprocal), vec![b], shape)?
        }
    };
    binary(cx, node, MUL, a, b)
}

/// `Pow` with the constant exponents that have an op of their own.
pub(super) fn pow<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let exponent = cx.array(node, 1, "exponents")?;
    let exponent = Array { shape: exponent.shape.clone(), data: Data::Float(exponent.to_floats()) };
    let x = cx.value(node, 0)?;
    let shape = cx.shape(x);
    if broadcast_shape(&shape, &exponent.shape).as_ref() != Some(&shape) {
        return unsupported("its exponents make the result larger than the base", "use one constant exponent");
    }
    let unary = match exponent.uniform() {
        Some(2.0) => return binary(cx, node, MUL, x, x),
        Some(3.0) => {
            let square = cx.step(node, "square", MUL, vec![x, x], shape)?;
            return binary(cx, node, MUL, square, x);
        }
        Some(1.0) => return Ok(vec![Item::float(x)]),
        Some(0.5) => Unary::Sqrt,
        Some(-1.0) => Unary::Reciprocal,
        _ => {
            return unsupported("only the exponents 2, 3, 1, 0.5 and -1 are supported", "rewrite the power with those");
        }
    };
    Ok(vec![cx.emit(node, Op::Unary(unary), vec![x], shape)?])
}

/// `Sum` of any number of operands.
pub(super) fn sum<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let last = operands(node)? - 1;
    let mut total = cx.value(node, 0)?;
    for index in 1..=last {
        let term = cx.value(node, index)?;
        let shape = broadcast(node, &cx.shape(total), &cx.shape(term))?;
        total = if index == last {
            cx.emit_result(node, 0, ADD, vec![total, term], shape)?
        } else {
            cx.step(node, &format!("sum{index}"), ADD, vec![total, term], shape)?
        };
    }
    Ok(vec![Item::float(total)])
}

/// `Mean` of any number of operands.
pub(super) fn mean<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let count = operands(node)?;
    let mut total = cx.value(node, 0)?;
    for index in 1..count {
        let term = cx.value(node, index)?;
        let shape = broadcast(node, &cx.shape(total), &cx.shape(term))?;
        total = cx.step(node, &format!("sum{index}"), ADD, vec![total, term], shape)?;
    }
    if count == 1 {
        return Ok(vec![Item::float(total)]);
    }
    let factor = cx.add_floats(&format!("{}.share", node.name()), Vec::new(), vec![1.0 / count as f32])?;
    binary(cx, node, MUL, total, factor)
}

/// `Max` of one computed operand and scalar constants.
pub(super) fn max<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    limit(cx, node, |bound| Unary::Clamp { min: bound, max: f32::INFINITY }, f32::max)
}

/// `Min` of one computed operand and scalar constants.
pub(super) fn min<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    limit(cx, node, |bound| Unary::Clamp { min: f32::NEG_INFINITY, max: bound }, f32::min)
}

fn limit<'a>(
    cx: &mut Lowering<'a>,
    node: &Node<'a>,
    clamp: impl Fn(f32) -> Unary,
    fold: impl Fn(f32, f32) -> f32,
) -> Lowered {
    let hint = "use one computed operand and scalar constants (a clamp), or `relu(a - b) + b` for a maximum";
    let mut computed = None;
    let mut bound = None;
    for index in 0..operands(node)? {
        match cx.required(node, index)? {
            Item::Const(array) => {
                let array = Array { shape: array.shape.clone(), data: Data::Float(array.to_floats()) };
                let Some(value) = array.uniform() else {
                    return unsupported("a constant operand has more than one value", hint);
                };
                bound = Some(bound.map_or(value, |b| fold(b, value)));
            }
            _ if computed.is_none() => computed = Some(cx.value(node, index)?),
            _ => return unsupported("more than one operand is computed at run time", hint),
        }
    }
    let Some(x) = computed else {
        return unsupported("no operand is computed at run time", "fold the graph with onnxsim");
    };
    let Some(bound) = bound else { return Ok(vec![Item::float(x)]) };
    if bound.is_nan() {
        return unsupported("its constant operand is not a number", "replace the constant");
    }
    let shape = cx.shape(x);
    Ok(vec![cx.emit(node, Op::Unary(clamp(bound)), vec![x], shape)?])
}

/// `x * factor` as a helper node.
pub(super) fn times<'a>(
    cx: &mut Lowering<'a>,
    node: &Node<'a>,
    suffix: &str,
    x: ValueId,
    factor: f32,
) -> Result<ValueId, LowerError> {
    let constant = cx.add_floats(&format!("{}.{suffix}", node.name()), Vec::new(), vec![factor])?;
    let shape = cx.shape(x);
    cx.step(node, &format!("{suffix}_times"), MUL, vec![x, constant], shape)
}

fn binary<'a>(cx: &mut Lowering<'a>, node: &Node<'a>, op: Op, a: ValueId, b: ValueId) -> Lowered {
    let shape = broadcast(node, &cx.shape(a), &cx.shape(b))?;
    Ok(vec![cx.emit(node, op, vec![a, b], shape)?])
}

fn broadcast(node: &Node<'_>, a: &[usize], b: &[usize]) -> Result<Vec<usize>, LowerError> {
    broadcast_shape(a, b).ok_or_else(|| node.shape_error("shapes that broadcast", (a, b)).into())
}

fn mapped_constant<'a>(
    cx: &mut Lowering<'a>,
    node: &Node<'a>,
    array: &Array,
    map: impl Fn(f32) -> f32,
) -> Result<ValueId, LowerError> {
    let data = array.to_floats().iter().map(|&v| map(v)).collect();
    cx.add_floats(node.input(1).unwrap_or_default(), array.shape.clone(), data)
}

fn operands(node: &Node<'_>) -> Result<usize, LowerError> {
    let got = node.proto.input.len();
    if got > 0 {
        return Ok(got);
    }
    Err(super::ImportError::Arity {
        node: node.label(),
        op: node.op().into(),
        expected: "1 or more operands".into(),
        got,
    }
    .into())
}
