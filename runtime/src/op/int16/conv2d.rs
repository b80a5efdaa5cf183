use super::scales::Scales;
use super::{add_dots, row_pair};
use crate::error::Fault;
use crate::format::instruction::Conv2dI16;
use crate::op::conv2d::{MAX_TAPS, check_groups};
use crate::op::window::Runs;
use crate::op::{Limits, Memory, product};
use core::num::NonZeroUsize;

/// 2-D convolution: `y[h, w, o] = clamp(scaled(sum(x * weights[o]) + bias[o]), min, max)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[h, w, in_c]` | i16 | per tensor | 0 |
/// | `weights` | `[out_c, kernel_h * kernel_w * in_c / groups` up to a multiple of 4`]` | i8 | per channel `out_c`, or per tensor | 0 |
/// | `bias` | `[out_c]` | none, i32 or i64 | `x_scale * w_scale[o]` | 0 |
/// | `y` | `[y_h, y_w, out_c]` | i16 | per tensor | 0 |
///
/// Any stride, dilation, padding and groups. Sums have 64 bits, in pieces of up to 504 products that fit 32. Bit-exact with
/// the TFLite 16x8 reference kernels when the rounding is `Tflite`. Source: LiteRT 8-bit quantization specification, and
/// its 16x8 extension.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
fn conv2d(op: &Conv2dI16, x: &[i16], weights: &[i8], scales: &Scales<'_>, y: &mut [i16]) -> Option<()> {
    let (rows, columns) = op.window.axes(op.x_shape)?;
    let groups = NonZeroUsize::new(op.groups as usize)?;
    let group_in = op.x_shape.c as usize / groups;
    let group_out = NonZeroUsize::new(op.y_shape.c as usize / groups)?;
    let row_bytes = op.row_bytes()? as usize;
    let mut y_groups = y.chunks_exact_mut(group_out.get());
    for y_row in 0..op.y_shape.h {
        let row_taps = rows.taps(y_row);
        for y_column in 0..op.y_shape.w {
            let runs = Runs::new(&op.window, op.x_shape, group_in, row_taps, columns.taps(y_column));
            let mut channel = 0usize;
            for group in 0..groups.get() {
                let x = x.get(group.wrapping_mul(group_in)..)?;
                for y in y_groups.next()?.chunks_mut(2) {
                    let [a, b] = row_pair(weights, channel, row_bytes, y.len())?;
                    let mut sums = [0i64; 2];
                    runs.for_each(|x_at, w_at| {
                        let [a, b] = [a.get(w_at..)?.get(..runs.len)?, b.get(w_at..)?.get(..runs.len)?];
                        add_dots(&mut sums, x.get(x_at..)?.get(..runs.len)?, [a, b]);
                        Some(())
                    })?;
                    for (y, sum) in y.iter_mut().zip(sums) {
                        *y = scales.output(channel, sum)?;
                        channel = channel.wrapping_add(1);
                    }
                }
            }
        }
    }
    Some(())
}

pub(crate) fn check(op: &Conv2dI16, limits: &Limits) -> Result<(), Fault> {
    let (x, y) = (op.x_shape, op.y_shape);
    op.window.check(x, y)?;
    if check_groups(x.c, y.c, op.groups, op.window.kernel_h, op.window.kernel_w)? > MAX_TAPS {
        return Err(Fault::Shape);
    }
    limits.weight_words(op.weights, product(&[y.c, op.row_bytes().ok_or(Fault::Shape)?])?)?;
    op.requantize.check(y.c, limits)?;
    let x = limits.arena::<i16>(op.x, product(&[x.h, x.w, x.c])?)?;
    let y = limits.arena::<i16>(op.y, product(&[y.h, y.w, y.c])?)?;
    x.disjoint(y)
}

pub(crate) fn run(op: &Conv2dI16, memory: &mut Memory) -> Option<()> {
    let (x, y) = (op.x_shape, op.y_shape);
    let weights = memory.weights(op.weights, y.c.checked_mul(op.row_bytes()?)?)?;
    let scales = op.requantize.scales(y.c, memory)?;
    let (x, y) = memory.x_y(op.x, x.elements()?, op.y, y.elements()?)?;
    conv2d(op, x, weights, &scales, y)
}

#[cfg(test)]
#[path = "conv2d/tests.rs"]
mod tests;
