use super::scales::Scales;
use super::split::Split;
use super::window::Runs;
use super::{Limits, Memory, product};
use crate::arch;
use crate::error::Fault;
use crate::format::instruction::{Conv2d, RowOrder};
use core::num::{NonZeroU32, NonZeroUsize};

/// Most products in one sum: `65536 * 255 * 127` fits `i32`.
pub(crate) const MAX_TAPS: u32 = 65536;

const _: () = assert!(Conv2d::BLOCK as usize == arch::SLOTS);

/// 2-D convolution: `y[h, w, o] = clamp(requantize(sum((x - x_zero_point) * weights[o]) + bias[o]) + y_zero_point)`.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[h, w, in_c]` | i8 | per tensor | `x_zero_point` |
/// | `weights` | `[out_c, kernel_h * kernel_w * in_c / groups` up to a multiple of 4`]` | i8 | per channel `out_c`, or per tensor | 0 |
/// | `bias` | `[out_c]` | i32 or i16 | `x_scale * w_scale[o]` | 0 |
/// | `y` | `[y_h, y_w, out_c]` | i8 | per tensor | `y_zero_point` |
///
/// Any stride, dilation, padding and groups; padding reads as `x_zero_point`, so it adds nothing. Bit-exact with the
/// TFLite int8 reference kernel when the rounding is `Tflite`. Source: LiteRT 8-bit quantization specification.
///
/// The patches of four pixels are laid out as `i16` in the scratch memory, the zero point already subtracted; then every
/// filter is multiplied with all four. `memory` gives input, scratch and output, of which input and output may overlap
/// as `check` allows: a block's input is read before its output is written.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
#[inline(never)]
pub(crate) fn conv2d(op: &Conv2d, memory: &mut Split<'_>, weights: &[i8], scales: &Scales<'_>) -> Option<()> {
    let (rows, columns) = op.window.axes(op.x_shape)?;
    let y_w = NonZeroU32::new(op.y_shape.w)?;
    let groups = NonZeroUsize::new(op.groups as usize)?;
    let group_in = op.x_shape.c as usize / groups;
    let group_out = op.y_shape.c as usize / groups;
    let row_bytes = NonZeroUsize::new(op.row_bytes()? as usize)?;
    let pixels = op.y_shape.h.checked_mul(op.y_shape.w)?;
    let blocks = pixels.div_ceil(Conv2d::BLOCK);
    memory.scratch().fill(0);
    for step in 0..blocks {
        let block = match op.order {
            RowOrder::TopDown => step,
            RowOrder::BottomUp => blocks.wrapping_sub(1).wrapping_sub(step),
        };
        let first = block.wrapping_mul(Conv2d::BLOCK);
        let last = first.wrapping_add(Conv2d::BLOCK).min(pixels);
        let mut filters = weights.chunks_exact(row_bytes.get());
        for group in 0..groups.get() {
            let (x, patches) = memory.x_scratch()?;
            let x = x.get(group.wrapping_mul(group_in)..)?;
            for (slot, pixel) in (first..last).enumerate() {
                let (row, column) = (rows.taps(pixel / y_w), columns.taps(pixel % y_w));
                let runs = Runs::new(&op.window, op.x_shape, group_in, row, column);
                if runs.elements() != row_bytes.get() {
                    arch::clear_patch(patches, slot);
                }
                runs.for_each(|x_at, w_at| {
                    arch::widen_patch(patches, slot, w_at, x.get(x_at..)?.get(..runs.len)?, op.x_zero_point);
                    Some(())
                })?;
            }
            let channels = group.wrapping_mul(group_out)..group.wrapping_add(1).wrapping_mul(group_out);
            let (patches, y) = memory.scratch_y()?;
            let y = y.get_mut(first.wrapping_mul(op.y_shape.c) as usize..)?;
            let count = last.wrapping_sub(first) as usize;
            let mut left = channels.len();
            let mut at = channels.start;
            while left > 0 {
                let quad = scales.quad(at);
                for (bias, factor) in quad.biases.into_iter().zip(quad.factors).take(left) {
                    let sums = arch::dot_patches(patches, filters.next()?, bias);
                    let outputs = scales.outputs_of_channel(factor, &sums);
                    let mut pixel = at;
                    for &output in outputs.get(..count)? {
                        *y.get_mut(pixel)? = output;
                        pixel = pixel.wrapping_add(op.y_shape.c as usize);
                    }
                    at = at.wrapping_add(1);
                }
                left = left.saturating_sub(4);
            }
        }
    }
    Some(())
}

pub(crate) fn check(op: &Conv2d, limits: &Limits) -> Result<(), Fault> {
    let (x_shape, y_shape) = (op.x_shape, op.y_shape);
    op.window.check(x_shape, y_shape)?;
    let filter_len = check_groups(x_shape.c, y_shape.c, op.groups, op.window.kernel_h, op.window.kernel_w)?;
    if filter_len > MAX_TAPS {
        return Err(Fault::Shape);
    }
    let row_bytes = op.row_bytes().ok_or(Fault::Shape)?;
    limits.weight_words(op.weights, product(&[y_shape.c, row_bytes])?)?;
    op.requantize.check(y_shape.c, limits)?;
    let x = limits.arena::<i8>(op.x, product(&[x_shape.h, x_shape.w, x_shape.c])?)?;
    let y = limits.arena::<i8>(op.y, product(&[y_shape.h, y_shape.w, y_shape.c])?)?;
    let scratch = limits.arena::<u32>(op.scratch, op.scratch_bytes().ok_or(Fault::Shape)? / 4)?;
    scratch.disjoint(x)?;
    scratch.disjoint(y)?;
    if x.overlaps(y) && !op.distances().allow(op.x, op.y, op.order) { Err(Fault::Overlap) } else { Ok(()) }
}

/// Weights of one filter; the groups must divide both channel counts.
pub(crate) fn check_groups(in_c: u32, out_c: u32, groups: u32, kernel_h: u32, kernel_w: u32) -> Result<u32, Fault> {
    if groups == 0 || !in_c.is_multiple_of(groups) || !out_c.is_multiple_of(groups) {
        return Err(Fault::Shape);
    }
    product(&[kernel_h, kernel_w, in_c / groups])
}

pub(crate) fn run(op: &Conv2d, memory: &mut Memory) -> Option<()> {
    let (x, y) = (op.x_shape, op.y_shape);
    let weights = memory.weights(op.weights, y.c.checked_mul(op.row_bytes()?)?)?;
    let scales = op.requantize.scales(y.c, memory)?;
    let mut split = memory.split((op.x, x.elements()?), (op.scratch, op.scratch_bytes()?), (op.y, y.elements()?))?;
    conv2d(op, &mut split, weights, &scales)
}

#[cfg(test)]
#[path = "conv2d/tests.rs"]
mod tests;
