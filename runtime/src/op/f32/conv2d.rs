use super::{Stored, Weight, check_range, check_weights, dot, limit, stored};
use crate::error::Fault;
use crate::format::instruction::Conv2dF32;
use crate::op::conv2d::check_groups;
use crate::op::window::Runs;
use crate::op::{Limits, Memory, product};
use core::num::NonZeroUsize;

/// 2-D convolution: `y[h, w, o] = clamp(sum(x * weights[o]) + bias[o], min, max)`.
///
/// | name | shape | type |
/// |---|---|---|
/// | `x` | `[h, w, in_c]` | f32 |
/// | `weights` | `[out_c, kernel_h, kernel_w, in_c / groups]` | f32 or f16 |
/// | `bias` | `[out_c]` | f32 |
/// | `y` | `[y_h, y_w, out_c]` | f32 |
///
/// Any stride, dilation, zero padding and groups; depthwise is `groups = in_c`.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
fn conv2d_f32<W: Weight>(op: &Conv2dF32, x: &[f32], weights: &[W], bias: &[f32], y: &mut [f32]) -> Option<()> {
    let (rows, columns) = op.window.axes(op.x_shape)?;
    let groups = NonZeroUsize::new(op.groups as usize)?;
    let group_in = op.x_shape.c as usize / groups;
    let group_out = NonZeroUsize::new(op.y_shape.c as usize / groups)?;
    let filter_len = (op.window.kernel_h as usize).wrapping_mul(op.window.kernel_w as usize).wrapping_mul(group_in);
    let filter_len = NonZeroUsize::new(filter_len)?;
    let mut y_groups = y.chunks_exact_mut(group_out.get());
    for y_row in 0..op.y_shape.h {
        let row_taps = rows.taps(y_row);
        for y_column in 0..op.y_shape.w {
            let runs = Runs::new(&op.window, op.x_shape, group_in, row_taps, columns.taps(y_column));
            let mut filters = weights.chunks_exact(filter_len.get());
            let mut biases = bias.iter();
            for group in 0..groups.get() {
                let x = x.get(group.wrapping_mul(group_in)..)?;
                for y in y_groups.next()? {
                    let filter = filters.next()?;
                    let mut sum = *biases.next()?;
                    runs.for_each(|x_at, w_at| {
                        sum += dot(x.get(x_at..)?.get(..runs.len)?, filter.get(w_at..)?.get(..runs.len)?);
                        Some(())
                    })?;
                    *y = limit(sum, op.min, op.max);
                }
            }
        }
    }
    Some(())
}

pub(crate) fn check(op: &Conv2dF32, limits: &Limits) -> Result<(), Fault> {
    let (x, y) = (op.x_shape, op.y_shape);
    check_range(op.min, op.max)?;
    op.window.check(x, y)?;
    let filter_len = check_groups(x.c, y.c, op.groups, op.window.kernel_h, op.window.kernel_w)?;
    check_weights(op.weights, product(&[y.c, filter_len])?, limits)?;
    limits.weights::<f32>(op.bias, y.c)?;
    let x = limits.arena::<f32>(op.x, product(&[x.h, x.w, x.c])?)?;
    let y = limits.arena::<f32>(op.y, product(&[y.h, y.w, y.c])?)?;
    x.disjoint(y)
}

pub(crate) fn run(op: &Conv2dF32, memory: &mut Memory) -> Option<()> {
    let (x, y, window) = (op.x_shape, op.y_shape, op.window);
    let group_in = x.c.checked_div(op.groups)?;
    let filter_len = window.kernel_h.checked_mul(window.kernel_w)?.checked_mul(group_in)?;
    let weights = stored(memory, op.weights, y.c.checked_mul(filter_len)?)?;
    let bias = memory.weights(op.bias, y.c)?;
    let (x, y) = memory.x_y(op.x, x.elements()?, op.y, y.elements()?)?;
    match weights {
        Stored::Single(weights) => conv2d_f32(op, x, weights, bias, y),
        #[cfg(feature = "half")]
        Stored::Half(weights) => conv2d_f32(op, x, weights, bias, y),
    }
}
