//! Softmax, in both of its definitions.

use super::lowering::{Item, Lowered, Lowering};
use super::node::Node;
use crate::ir::Op;

/// `Softmax`: over one axis since opset 13, before that over all axes from `axis` on.
pub(super) fn softmax<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let x = cx.value(node, 0)?;
    let shape = cx.shape(x);
    let axis = node.axis(node.int_or("axis", if node.opset < 13 { 1 } else { -1 })?, shape.len().max(1))?;
    let single = shape.iter().skip(axis + 1).all(|&d| d == 1);
    if node.opset >= 13 || single {
        return Ok(vec![cx.emit(node, Op::Softmax { axis }, vec![x], shape)?]);
    }
    let (rows, depth) = shape.split_at(axis);
    let matrix = vec![rows.iter().product(), depth.iter().product()];
    let flat = cx.reshape_step(node, "rows", x, matrix.clone())?;
    let value = format!("{}.rows", node.output(0));
    let y = cx.emit_named(node, &value, Op::Softmax { axis: 1 }, vec![flat], matrix)?;
    Ok(vec![Item::float(cx.finish(node, "shaped", Op::Reshape, vec![y], shape)?)])
}
