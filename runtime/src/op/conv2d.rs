use super::scales::Scales;
use super::window::Runs;
use super::{Limits, Memory, product};
use crate::arch;
use crate::error::Fault;
use crate::format::instruction::Conv2d;
use core::num::NonZeroUsize;

/// Most products in one sum: `65536 * 255 * 127` fits `i32`.
pub(crate) const MAX_TAPS: u32 = 65536;

/// 2-D convolution: `y[h, w, o] = clamp(requantize(sum((x - x_zero_point) * weights[o]) + bias[o]) + y_zero_point)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[h, w, in_c]` | i8 | per tensor | `x_zero_point` |
/// | `weights` | `[out_c, kernel_h, kernel_w, in_c / groups]` | i8 | per channel `out_c`, or per tensor | 0 |
/// | `bias` | `[out_c]` | i32 | `x_scale * w_scale[o]` | 0 |
/// | `y` | `[y_h, y_w, out_c]` | i8 | per tensor | `y_zero_point` |
///
/// Any stride, dilation, padding and groups; padding reads as `x_zero_point`, so it adds nothing. Bit-exact with the
/// TFLite int8 reference kernel when the rounding is `Tflite`. Source: LiteRT 8-bit quantization specification.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
pub(crate) fn conv2d(
    op: &Conv2d,
    x: &[i8],
    weights: &[i8],
    bias: &[i32],
    scales: &Scales<'_>,
    y: &mut [i8],
) -> Option<()> {
    let (rows, columns) = op.window.axes(op.x_shape)?;
    let groups = NonZeroUsize::new(op.groups as usize)?;
    let group_in = op.x_shape.c as usize / groups;
    let group_out = NonZeroUsize::new(op.y_shape.c as usize / groups)?;
    let filter_len = (op.window.kernel_h as usize).wrapping_mul(op.window.kernel_w as usize).wrapping_mul(group_in);
    let mut y_groups = y.chunks_exact_mut(group_out.get());
    for y_row in 0..op.y_shape.h {
        let row_taps = rows.taps(y_row);
        for y_column in 0..op.y_shape.w {
            let runs = Runs::new(&op.window, op.x_shape, group_in, row_taps, columns.taps(y_column));
            let mut channel = 0;
            for group in 0..groups.get() {
                let patch = Patch {
                    x: x.get(group.wrapping_mul(group_in)..)?,
                    weights,
                    bias,
                    filter_len,
                    runs,
                    zero: op.x_zero_point,
                };
                for y4 in y_groups.next()?.chunks_mut(4) {
                    if let Ok(y4) = <&mut [i8; 4]>::try_from(&mut *y4) {
                        let acc = patch.four_sums(channel)?;
                        for (y, acc) in y4.iter_mut().zip(acc) {
                            *y = scales.output(channel, acc);
                            channel = channel.wrapping_add(1);
                        }
                    } else {
                        for y in y4 {
                            *y = scales.output(channel, patch.sum(channel)?);
                            channel = channel.wrapping_add(1);
                        }
                    }
                }
            }
        }
    }
    Some(())
}

/// What one group of one output pixel multiplies.
struct Patch<'a> {
    x: &'a [i8],
    weights: &'a [i8],
    bias: &'a [i32],
    filter_len: usize,
    runs: Runs,
    zero: i8,
}

impl Patch<'_> {
    fn filter(&self, channel: usize) -> Option<&[i8]> {
        self.weights.get(channel.wrapping_mul(self.filter_len)..)?.get(..self.filter_len)
    }

    #[inline(always)]
    fn sum(&self, channel: usize) -> Option<i32> {
        let mut acc = *self.bias.get(channel)?;
        let filter = self.filter(channel)?;
        let len = self.runs.len;
        self.runs.for_each(|x, w| {
            acc = arch::dot_offset_i8(self.x.get(x..)?.get(..len)?, filter.get(w..)?.get(..len)?, self.zero, acc);
            Some(())
        })?;
        Some(acc)
    }

    #[inline(always)]
    fn four_sums(&self, channel: usize) -> Option<[i32; 4]> {
        let mut acc = *self.bias.get(channel..)?.first_chunk::<4>()?;
        let filters = self.weights.get(channel.wrapping_mul(self.filter_len)..)?;
        let [w1, w2, w3] = [1, 2, 3].map(|n: usize| n.wrapping_mul(self.filter_len));
        let len = self.runs.len;
        self.runs.for_each(|x, w| {
            let row = |first: usize| filters.get(first.wrapping_add(w)..)?.get(..len);
            let weights = [row(0)?, row(w1)?, row(w2)?, row(w3)?];
            acc = arch::dot_offset_i8x4(self.x.get(x..)?.get(..len)?, weights, self.zero, acc);
            Some(())
        })?;
        Some(acc)
    }
}

pub(crate) fn check(op: &Conv2d, limits: &Limits) -> Result<(), Fault> {
    let (x, y) = (op.x_shape, op.y_shape);
    op.window.check(x, y)?;
    let filter_len = check_groups(x.c, y.c, op.groups, op.window.kernel_h, op.window.kernel_w)?;
    if filter_len > MAX_TAPS {
        return Err(Fault::Shape);
    }
    limits.weights::<i8>(op.weights, product(&[y.c, filter_len])?)?;
    limits.weights::<i32>(op.bias, y.c)?;
    op.requantize.check(y.c, limits)?;
    let x = limits.arena::<i8>(op.x, product(&[x.h, x.w, x.c])?)?;
    let y = limits.arena::<i8>(op.y, product(&[y.h, y.w, y.c])?)?;
    x.disjoint(y)
}

/// Weights of one filter; the groups must divide both channel counts.
pub(crate) fn check_groups(in_c: u32, out_c: u32, groups: u32, kernel_h: u32, kernel_w: u32) -> Result<u32, Fault> {
    if groups == 0 || !in_c.is_multiple_of(groups) || !out_c.is_multiple_of(groups) {
        return Err(Fault::Shape);
    }
    product(&[kernel_h, kernel_w, in_c / groups])
}

pub(crate) fn run(op: &Conv2d, memory: &mut Memory) -> Option<()> {
    let (x, y, window) = (op.x_shape, op.y_shape, op.window);
    let group_in = x.c.checked_div(op.groups)?;
    let filter_len = window.kernel_h.checked_mul(window.kernel_w)?.checked_mul(group_in)?;
    let weights = memory.weights(op.weights, y.c.checked_mul(filter_len)?)?;
    let bias = memory.weights(op.bias, y.c)?;
    let scales = op.requantize.scales(y.c, memory)?;
    let (x, y) = memory.x_y(op.x, x.elements()?, op.y, y.elements()?)?;
    conv2d(op, x, weights, bias, &scales, y)
}

#[cfg(test)]
#[path = "conv2d/tests.rs"]
mod tests;
