use super::scales::Scales;
use super::{BLOCK, Maps, add_dots, row_pair};
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
/// Outputs may lie over inputs as `check` allows: those of a few channels are computed before they are written.
///
/// Returns `None`, with the rest of the output untouched, if something is shorter than its shape. `Model::load` has checked
/// this.
fn conv2d(op: &Conv2dI16, maps: &mut Maps<'_, '_, '_>, weights: &[i8], scales: &Scales<'_>) -> Option<()> {
    let (rows, columns) = op.window.axes(op.x_shape)?;
    let groups = NonZeroUsize::new(op.groups as usize)?;
    let group_in = op.x_shape.c as usize / groups;
    let group_out = op.y_shape.c as usize / groups;
    let row_bytes = op.row_bytes()? as usize;
    for step in 0..op.y_shape.h {
        let y_row = op.order.row(step, op.y_shape.h);
        let row_taps = rows.taps(y_row);
        for step in 0..op.y_shape.w {
            let y_column = op.order.row(step, op.y_shape.w);
            let runs = Runs::new(&op.window, op.x_shape, group_in, row_taps, columns.taps(y_column));
            let pixel = (y_row as usize).wrapping_mul(op.y_shape.w as usize).wrapping_add(y_column as usize);
            for group in 0..groups.get() {
                let (mut channel, end) = (group.wrapping_mul(group_out), group.wrapping_add(1).wrapping_mul(group_out));
                while channel < end {
                    let mut outputs = [0i16; BLOCK];
                    let outputs = outputs.get_mut(..end.wrapping_sub(channel).min(BLOCK))?;
                    let x = maps.x()?.get(group.wrapping_mul(group_in)..)?;
                    let mut at = channel;
                    for outputs in outputs.chunks_mut(2) {
                        let [a, b] = row_pair(weights, at, row_bytes, outputs.len())?;
                        let mut sums = [0i64; 2];
                        runs.for_each(|x_at, w_at| {
                            let [a, b] = [a.get(w_at..)?.get(..runs.len)?, b.get(w_at..)?.get(..runs.len)?];
                            add_dots(&mut sums, x.get(x_at..)?.get(..runs.len)?, [a, b]);
                            Some(())
                        })?;
                        for (output, sum) in outputs.iter_mut().zip(sums) {
                            *output = scales.output(at, sum)?;
                            at = at.wrapping_add(1);
                        }
                    }
                    maps.write(pixel.wrapping_mul(op.y_shape.c as usize).wrapping_add(channel), outputs)?;
                    channel = at;
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
    if x.overlaps(y) && !op.distances().allow(op.x, op.y, op.order) { Err(Fault::Overlap) } else { Ok(()) }
}

pub(crate) fn run(op: &Conv2dI16, memory: &mut Memory) -> Option<()> {
    let (x, y) = (op.x_shape, op.y_shape);
    let weights = memory.weights(op.weights, y.c.checked_mul(op.row_bytes()?)?)?;
    let scales = op.requantize.scales(y.c, memory)?;
    let mut maps = Maps { memory, x: (op.x, x.elements()?), y: (op.y, y.elements()?) };
    conv2d(op, &mut maps, weights, &scales)
}

#[cfg(test)]
#[path = "conv2d/tests.rs"]
mod tests;
