//! FULLY_CONNECTED.

use super::error::{LowerError, unsupported};
use super::file::Operator;
use super::lowering::{Arrange, Lowering, Weights};
use super::options::{fused_clamp, options};
use super::schema::tflite::BuiltinOptionsRef;
use crate::ir::{Activation, Op};

pub(super) fn fully_connected(cx: &mut Lowering<'_, '_>, op: &Operator<'_>) -> Result<(), LowerError> {
    let activation = match options(op)? {
        Some(BuiltinOptionsRef::FullyConnectedOptions(o)) => {
            if o.weights_format()? != 0 {
                return unsupported("shuffled weights", "convert the network again with a current converter");
            }
            fused_clamp(o.fused_activation_function()?)?
        }
        _ => Activation::NONE,
    };
    let (x, w, y) = (cx.operand(op, 0)?, cx.operand(op, 1)?, cx.result(op)?);
    let &[out, in_n] = cx.tensor(w)?.shape.as_slice() else {
        return Err(cx.wrong(op, format!("has weights of shape {:?}, not [out, in]", cx.tensor(w)?.shape)));
    };
    let (x_elements, y_elements) = (cx.tensor(x)?.elements(), cx.tensor(y)?.elements());
    if in_n == 0 || out == 0 || !x_elements.is_multiple_of(in_n) || x_elements / in_n * out != y_elements {
        let (x, y) = (&cx.tensor(x)?.shape, &cx.tensor(y)?.shape);
        return Err(cx.wrong(op, format!("has weights [{out}, {in_n}] for an input {x:?} and an output {y:?}")));
    }
    let spec = Weights {
        weights: w,
        bias: op.inputs.get(2).copied().flatten(),
        shape: vec![out, in_n],
        axis: 0,
        shape_axis: 0,
        arrange: Arrange::AsIs,
        channels: out,
    };
    let stored = cx.stored(cx.tensor(x)?)?;
    let x_id = cx.value(x)?;
    let weights = cx.weights(spec, stored)?;
    let y_id = cx.declare(y)?;
    cx.same_kind(op, x_id, y_id)?;
    let name = cx.graph.value(y_id).name.clone();
    // The operator takes any shape and sees rows of `in_n`.
    let (x_shape, y_shape) = (cx.tensor(x)?.shape.clone(), cx.tensor(y)?.shape.clone());
    let rows = x_elements / in_n;
    let mut inputs = vec![match x_shape.split_last() {
        Some((&last, outer)) if last == in_n && y_shape.split_last() == Some((&out, outer)) => x_id,
        _ => {
            let flat = cx.intermediate(format!("{name}/rows"), vec![rows, in_n], stored);
            cx.node(Op::Reshape, vec![x_id], flat);
            flat
        }
    }];
    let direct = inputs[0] == x_id;
    inputs.extend(weights);
    if direct || y_shape == [rows, out] {
        cx.node(Op::FullyConnected { activation }, inputs, y_id);
    } else {
        let y_stored = cx.stored(cx.tensor(y)?)?;
        let flat = cx.intermediate(format!("{name}/flat"), vec![rows, out], y_stored);
        cx.node(Op::FullyConnected { activation }, inputs, flat);
        cx.node(Op::Reshape, vec![flat], y_id);
    }
    Ok(())
}
