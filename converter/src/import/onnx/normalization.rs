//! BatchNormalization and Dropout at inference.

use super::array::Array;
use super::error::{LowerError, unsupported};
use super::lowering::{Item, Lowered, Lowering};
use super::node::Node;
use crate::ir::Op;

/// `BatchNormalization`: `x * scale + shift` per channel, folded in double precision.
pub(super) fn batch_normalization<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    const HINT: &str = "export the model in evaluation mode (`model.eval()`)";
    if node.int_or("training_mode", 0)? != 0 || (1..node.proto.output.len()).any(|i| !node.output(i).is_empty()) {
        return unsupported("it normalizes with the statistics of the batch", HINT);
    }
    if node.int_or("spatial", 1)? == 0 {
        return unsupported("`spatial = 0` normalizes every element by itself", HINT);
    }
    let epsilon = f64::from(node.float_or("epsilon", 1e-5)?);
    let x = cx.value(node, 0)?;
    let shape = cx.shape(x);
    let &[_, channels, ..] = shape.as_slice() else {
        return Err(node.shape_error("an input [batch, channels, ...]", shape).into());
    };
    let gamma = parameter(cx, node, 1, "scale", channels)?;
    let beta = parameter(cx, node, 2, "bias", channels)?;
    let mean = parameter(cx, node, 3, "mean", channels)?;
    let variance = parameter(cx, node, 4, "variance", channels)?;
    let scale: Vec<f64> = gamma.iter().zip(&variance).map(|(g, v)| g / (v + epsilon).sqrt()).collect();
    let shift = beta.iter().zip(&mean).zip(&scale).map(|((b, m), s)| (b - m * s) as f32).collect();
    let scale = scale.iter().map(|&s| s as f32).collect();

    let scale = cx.add_floats(&format!("{}.scale", node.name()), vec![channels], scale)?;
    let shift = cx.add_floats(&format!("{}.shift", node.name()), vec![channels], shift)?;
    if shape.len() == 2 {
        return Ok(vec![cx.emit(node, Op::ScaleShift, vec![x, scale, shift], shape)?]);
    }
    let twin = cx.enter_channels_last(node, x)?;
    let twin_shape = cx.shape(twin);
    let value = format!("{}.channels_last", node.output(0));
    let y = cx.emit_named(node, &value, Op::ScaleShift, vec![twin, scale, shift], twin_shape)?;
    Ok(vec![Item::float(cx.leave_channels_last(node, y)?)])
}

fn parameter<'a>(
    cx: &Lowering<'a>,
    node: &Node<'a>,
    index: usize,
    role: &str,
    channels: usize,
) -> Result<Vec<f64>, LowerError> {
    let array = cx.floats(node, index, role)?;
    if array.len() != channels {
        return Err(node.shape_error(format!("a {role} of {channels} elements"), &array.shape).into());
    }
    Ok(array.to_floats().into_iter().map(f64::from).collect())
}

/// `Dropout`: nothing at inference.
pub(super) fn dropout<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let training = cx.optional_array(node, 2, "training flag")?;
    if training.is_some_and(|t: std::rc::Rc<Array>| t.to_floats().iter().any(|&v| v != 0.0)) {
        return unsupported("it is in training mode", "export the model in evaluation mode (`model.eval()`)");
    }
    if !node.output(1).is_empty() {
        return unsupported("its mask is used", "export the model in evaluation mode (`model.eval()`)");
    }
    Ok(vec![cx.required(node, 0)?])
}
