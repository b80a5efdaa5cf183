//! Gemm and MatMul with constant weights.

use std::rc::Rc;

use super::array::{Array, Data, broadcast_shape};
use super::elementwise;
use super::error::{LowerError, unsupported};
use super::lowering::{Item, Lowered, Lowering, permuted};
use super::node::Node;
use crate::ir::{Activation, Op, ValueId};

const FULLY_CONNECTED: Op = Op::FullyConnected { activation: Activation::NONE };

/// `Gemm`: `alpha * A * B + beta * C`, `A` computed and `B` constant.
pub(super) fn gemm<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let alpha = node.float_or("alpha", 1.0)?;
    let beta = node.float_or("beta", 1.0)?;
    let b = cx.floats(node, 1, "weights")?;
    let mut a = cx.value(node, 0)?;
    if node.int_or("transA", 0)? != 0 {
        rank(node, &cx.shape(a), 2)?;
        a = cx.transpose_step(node, "transposed", a, &[1, 0])?;
    }
    rank(node, &cx.shape(a), 2)?;
    rank(node, &b.shape, 2)?;
    let transposed = node.int_or("transB", 0)? != 0;
    let weights = if transposed { b } else { Rc::new(b.transposed(&[1, 0])) };
    let (rows, out) = (cx.shape(a)[0], weights.shape[0]);
    check_depth(node, &cx.shape(a), &weights)?;
    let weights = if alpha == 1.0 {
        cx.add_weights(node, 1, usize::from(!transposed), &weights)?
    } else {
        let weights = scaled(&weights, alpha);
        cx.add_floats(node.input(1).unwrap_or_default(), weights.shape.clone(), weights.to_floats())?
    };
    let mut inputs = vec![a, weights];
    let shape = vec![rows, out];

    let Some(c) = cx.item(node, 2) else {
        return Ok(vec![cx.emit(node, FULLY_CONNECTED, inputs, shape)?]);
    };
    if let Item::Const(c) = &c
        && let Some(bias) = as_bias(c, out)
    {
        let bias: Vec<f32> = bias.iter().map(|&v| v * beta).collect();
        inputs.push(cx.add_floats(node.input(2).unwrap_or_default(), vec![out], bias)?);
        return Ok(vec![cx.emit(node, FULLY_CONNECTED, inputs, shape)?]);
    }
    let product = cx.step(node, "product", FULLY_CONNECTED, inputs, shape.clone())?;
    let mut c = cx.value(node, 2)?;
    if beta != 1.0 {
        c = elementwise::times(cx, node, "beta", c, beta)?;
    }
    if broadcast_shape(&cx.shape(c), &shape).as_ref() != Some(&shape) {
        return Err(node.shape_error(format!("a C that broadcasts to {shape:?}"), cx.shape(c)).into());
    }
    Ok(vec![cx.emit(node, Op::Add { activation: Activation::NONE }, vec![product, c], shape)?])
}

/// `MatMul` with one constant matrix on either side.
pub(super) fn matmul<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    match (cx.required(node, 0)?, cx.required(node, 1)?) {
        (_, Item::Const(_)) => {
            let b = cx.floats(node, 1, "weights")?;
            let x = cx.value(node, 0)?;
            right_constant(cx, node, x, &b)
        }
        (Item::Const(_), _) => {
            let a = cx.floats(node, 0, "weights")?;
            let x = cx.value(node, 1)?;
            left_constant(cx, node, &a, x)
        }
        _ => unsupported(
            "both matrices are computed at run time",
            "products of activations (attention) are not supported: replace the layer, or keep this part on the host",
        ),
    }
}

/// `x [..., in] * b [in, out]`.
fn right_constant<'a>(cx: &mut Lowering<'a>, node: &Node<'a>, x: ValueId, b: &Array) -> Lowered {
    let shape = cx.shape(x);
    let (matrix, vector) = as_matrix(node, b)?;
    let weights = if vector { matrix } else { matrix.transposed(&[1, 0]) };
    check_depth(node, &shape, &weights)?;
    let out_axis = if vector { 0 } else { b.shape.len() - 1 };
    let weights_id = cx.add_weights(node, 1, out_axis, &weights)?;
    let extra_axes = b.shape.len().saturating_sub(shape.len().max(2));

    // What NumPy says the shape is: a vector's axis goes away, extra axes of the constant come in front.
    let lead = &shape[..shape.len() - 1];
    let mut result = vec![1; extra_axes];
    result.extend_from_slice(lead);
    if !vector {
        result.push(weights.shape[0]);
    }
    let mut flat = lead.to_vec();
    flat.push(weights.shape[0]);
    if flat == result && shape.len() > 1 {
        return Ok(vec![cx.emit(node, FULLY_CONNECTED, vec![x, weights_id], result)?]);
    }
    if shape.len() == 1 {
        flat.insert(0, 1);
    }
    let mut rows = flat.clone();
    rows.pop();
    rows.extend(shape.last());
    let x = cx.reshape_step(node, "rows", x, rows)?;
    let value = format!("{}.rows", node.output(0));
    let y = cx.emit_named(node, &value, FULLY_CONNECTED, vec![x, weights_id], flat)?;
    Ok(vec![Item::float(cx.finish(node, "shaped", Op::Reshape, vec![y], result)?)])
}

/// `a [out, in] * x [..., in, n]`, as the transpose of `x^T * a^T`.
fn left_constant<'a>(cx: &mut Lowering<'a>, node: &Node<'a>, a: &Array, x: ValueId) -> Lowered {
    let shape = cx.shape(x);
    if a.shape.len() != 2 || shape.len() < 2 {
        return unsupported(
            format!("a constant of shape {:?} times a computed value of shape {shape:?}", a.shape),
            "use a constant matrix and a computed value of rank 2 or more",
        );
    }
    let mut perm: Vec<usize> = (0..shape.len()).collect();
    perm.swap(shape.len() - 2, shape.len() - 1);
    let x = cx.transpose_step(node, "transposed", x, &perm)?;
    let mut swapped = cx.shape(x);
    check_depth(node, &swapped, a)?;
    if let Some(last) = swapped.last_mut() {
        *last = a.shape[0];
    }
    let weights = cx.add_weights(node, 0, 0, a)?;
    let value = format!("{}.transposed", node.output(0));
    let y = cx.emit_named(node, &value, FULLY_CONNECTED, vec![x, weights], swapped.clone())?;
    let shape = permuted(&swapped, &perm);
    Ok(vec![Item::float(cx.finish(node, "result", Op::Transpose { perm }, vec![y], shape)?)])
}

/// A constant as a matrix, without leading axes of size 1; a vector as `[1, in]`, which the flag tells.
fn as_matrix(node: &Node<'_>, b: &Array) -> Result<(Array, bool), LowerError> {
    match b.shape.as_slice() {
        [n] => Ok((b.reshaped(vec![1, *n]), true)),
        [lead @ .., rows, columns] if lead.iter().all(|&d| d == 1) => Ok((b.reshaped(vec![*rows, *columns]), false)),
        [] => Err(node.shape_error("a vector or a matrix", "a scalar").into()),
        _ => unsupported(
            format!("weights of shape {:?} hold several matrices", b.shape),
            "split the batched product into one per matrix, or keep this part on the host",
        ),
    }
}

fn rank(node: &Node<'_>, shape: &[usize], expected: usize) -> Result<(), LowerError> {
    if shape.len() == expected {
        return Ok(());
    }
    Err(node.shape_error(format!("an operand of rank {expected}"), shape).into())
}

/// Checks that the last axis of `x` is the one that `weights [out, in]` expect.
fn check_depth(node: &Node<'_>, x: &[usize], weights: &Array) -> Result<(), LowerError> {
    if x.last().is_some() && x.last() == weights.shape.get(1) {
        return Ok(());
    }
    let expected = format!("inner sizes that agree: weights [out, in] = {:?}", weights.shape);
    Err(node.shape_error(expected, x).into())
}

/// `C` as one bias per output, if every row gets the same.
fn as_bias(c: &Array, out: usize) -> Option<Vec<f32>> {
    let row = match c.shape.as_slice() {
        [] | [_] => true,
        [rows, _] => *rows == 1,
        _ => false,
    };
    if !row || !(c.len() == 1 || c.len() == out) {
        return None;
    }
    let values = c.as_floats()?;
    Some(if values.len() == 1 { vec![*values.first()?; out] } else { values.to_vec() })
}

fn scaled(array: &Array, factor: f32) -> Array {
    let data = array.to_floats().iter().map(|v| v * factor).collect();
    Array { shape: array.shape.clone(), data: Data::Float(data) }
}
