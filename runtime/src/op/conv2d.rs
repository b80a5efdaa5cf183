use super::scales::Scales;
use super::split::Split;
use super::window::Runs;
use super::{Limits, Memory, product};
use crate::arch::{self, Block, Channel, Rect, SLOTS};
use crate::error::Fault;
use crate::format::instruction::{Conv2d, RowOrder};
use crate::format::overlap::Distances;
use crate::op::dispatch::Kernel;
use crate::ops::Ops;
use core::num::{NonZeroU32, NonZeroUsize};
use core::ops::Range;

/// Most products in one sum: `65536 * 255 * 127` fits `i32`.
pub(crate) const MAX_TAPS: u32 = 65536;

const _: () = assert!(Conv2d::BLOCK as usize == SLOTS);

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
/// Computes `out_c` channels, those that start where output, weights and scales do; all of them, unless `op` is a part of a
/// layer.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
#[inline(never)]
pub(crate) fn conv2d<O: Ops>(
    op: &Conv2d,
    memory: &mut Split<'_>,
    weights: &[i8],
    scales: &Scales<'_>,
    out_c: usize,
) -> Option<()> {
    let groups = NonZeroUsize::new(op.groups as usize)?;
    let group_out = out_c / groups;
    let row_bytes = op.row_bytes()? as usize;
    let pixels = op.y_shape.h.checked_mul(op.y_shape.w)?;
    let blocks = pixels.div_ceil(Conv2d::BLOCK);
    let mut filters = Filters::new(weights, row_bytes, scales);
    memory.clear_scratch()?;
    for step in 0..blocks {
        let block = match op.order {
            RowOrder::TopDown => step,
            RowOrder::BottomUp => blocks.wrapping_sub(1).wrapping_sub(step),
        };
        let first = block.wrapping_mul(Conv2d::BLOCK);
        let count = pixels.wrapping_sub(first).min(Conv2d::BLOCK);
        for group in 0..groups.get() {
            let (x, patches) = memory.x_scratch()?;
            gather(op, group.wrapping_mul(op.x_shape.c as usize / groups), x, patches, first, count)?;
            let (patches, y) = memory.scratch_y()?;
            let y = y.get_mut(first.wrapping_mul(op.y_shape.c) as usize..)?;
            let start = group.wrapping_mul(group_out);
            let channels = start..start.wrapping_add(group_out);
            filters.apply::<O>(patches, channels, y, op.y_shape.c as usize, count as usize)?;
        }
    }
    Some(())
}

/// Lays out the patches of `count` output pixels from `first` on; `channel` is the first input channel of the group.
#[inline(never)]
pub(super) fn gather(op: &Conv2d, channel: usize, x: &[i8], patches: &mut [u32], first: u32, count: u32) -> Option<()> {
    let group_c = op.x_shape.c.checked_div(op.groups)? as usize;
    let x = x.get(channel..)?;
    if op.is_pointwise() {
        // Pixels follow each other, whatever their rows.
        let (pixels, pixel_pitch) = (count as usize, op.x_shape.c as usize);
        let at = (first as usize).wrapping_mul(pixel_pitch);
        let rect = Rect { x: at, x_pitch: 0, k: 0, k_pitch: 0, rows: 1, len: group_c, pixels, pixel_pitch };
        arch::widen_rows(patches, 0, x, rect, op.x_zero_point);
        return Some(());
    }
    let (rows, columns) = op.window.axes(op.x_shape)?;
    let y_w = NonZeroU32::new(op.y_shape.w)?;
    let taps = op.window.kernel_h.wrapping_mul(op.window.kernel_w) as usize;
    let (mut row, mut column) = (first / y_w, first % y_w);
    let mut row_taps = rows.taps_called(row);
    let pixel_pitch = op.window.stride_w.wrapping_mul(op.x_shape.c) as usize;
    let (mut slot, count) = (0, count as usize);
    while slot < count {
        let runs = Runs::new(&op.window, op.x_shape, group_c, row_taps, columns.taps_called(column));
        let rect = runs.rect();
        let is_whole = runs.elements() == taps.wrapping_mul(group_c);
        if !is_whole {
            arch::clear_patch(patches, slot);
        }
        // With it, the pixels of this row that meet the whole kernel, too. Others come one by one, as kernels write slots in
        // order, and clearing is writing.
        let first = slot;
        loop {
            (slot, column) = (slot.wrapping_add(1), column.wrapping_add(1));
            let goes_on = is_whole && rect.is_some() && slot < count && column < y_w.get();
            if !(goes_on && columns.is_whole(column)) {
                break;
            }
        }
        match rect {
            Some(rect) => {
                let pixels = slot.wrapping_sub(first);
                arch::widen_rows(patches, first, x, Rect { pixels, pixel_pitch, ..rect }, op.x_zero_point);
            }
            None => runs.for_each(|x_at, w_at| {
                arch::widen_patch(patches, first, w_at, x.get(x_at..)?.get(..runs.len)?, op.x_zero_point);
                Some(())
            })?,
        }
        if column == y_w.get() {
            (row, column) = (row.wrapping_add(1), 0);
            row_taps = rows.taps_called(row);
        }
    }
    Some(())
}

/// Channels whose form for kernels is held on the stack at a time.
const CHANNELS: usize = 64;

/// The filters of a layer, some of whose channels are ready.
struct Filters<'a> {
    weights: &'a [i8],
    row_bytes: usize,
    scales: &'a Scales<'a>,
    channels: [Channel; CHANNELS],
    /// Which ones these are.
    ready: Range<usize>,
}

impl<'a> Filters<'a> {
    fn new(weights: &'a [i8], row_bytes: usize, scales: &'a Scales<'a>) -> Self {
        Self { weights, row_bytes, scales, channels: core::array::from_fn(|_| Channel::default()), ready: 0..0 }
    }

    /// Computes `channels` of `count` pixels, which are `y_stride` bytes apart in `y`.
    #[inline(never)]
    fn apply<O: Ops>(
        &mut self,
        patches: &[u32],
        channels: Range<usize>,
        y: &mut [i8],
        y_stride: usize,
        count: usize,
    ) -> Option<()> {
        let mut first = channels.start;
        while first < channels.end {
            let end = first.wrapping_add(CHANNELS).min(channels.end);
            let ready = self.channels.get_mut(..end.wrapping_sub(first))?;
            let weights = self.weights.get(first.wrapping_mul(self.row_bytes)..)?;
            let y = y.get_mut(first..)?;
            if self.ready != (first..end) {
                self.ready = if self.row_bytes <= Channel::MAX_TAPS && self.scales.prepare(first, ready).is_some() {
                    first..end
                } else {
                    0..0
                };
            }
            if self.ready.is_empty() {
                if !O::KERNELS.contains(Kernel::AnyFactor) {
                    return None;
                }
                self.apply_any(patches, first..end, weights, y, y_stride, count)?;
            } else {
                let (row_bytes, store) = (self.row_bytes, self.scales.store());
                let block = Block { patches, weights, row_bytes, channels: ready, store };
                if count == SLOTS {
                    arch::convolve_block(&block, y, y_stride);
                } else {
                    let mut outputs = [0; SLOTS * CHANNELS];
                    arch::convolve_block(&block, &mut outputs, CHANNELS);
                    let mut at = 0usize;
                    for outputs in outputs.as_chunks::<CHANNELS>().0.iter().take(count) {
                        let outputs = outputs.get(..block.channels.len())?;
                        let y = y.get_mut(at..)?.get_mut(..outputs.len())?;
                        y.iter_mut().zip(outputs).for_each(|(y, &output)| *y = output);
                        at = at.wrapping_add(y_stride);
                    }
                }
            }
            first = end;
        }
        Some(())
    }

    /// As [`apply`](Self::apply), for channels that have no other form.
    #[cold]
    #[inline(never)]
    fn apply_any(
        &self,
        patches: &[u32],
        channels: Range<usize>,
        weights: &[i8],
        y: &mut [i8],
        y_stride: usize,
        count: usize,
    ) -> Option<()> {
        let mut at = 0usize;
        for (position, channel) in channels.enumerate() {
            let row = weights.get(at..)?.get(..self.row_bytes)?;
            let sums = arch::dot_patches(patches, row, self.scales.bias(channel)?);
            let mut pixel = position;
            for &sum in sums.get(..count)? {
                *y.get_mut(pixel)? = self.scales.output(channel, sum);
                pixel = pixel.wrapping_add(y_stride);
            }
            at = at.wrapping_add(self.row_bytes);
        }
        Some(())
    }
}

pub(crate) fn check<O: Ops>(op: &Conv2d, limits: &Limits) -> Result<(), Fault> {
    check_operands::<O>(op, limits)?;
    limits.weight_words(op.weights, product(&[op.y_shape.c, op.row_bytes().ok_or(Fault::Shape)?])?)
}

/// Every rule but where the weights are.
pub(super) fn check_operands<O: Ops>(op: &Conv2d, limits: &Limits) -> Result<(), Fault> {
    let row_bytes = check_filters(op)?;
    check_places::<O>(op, row_bytes, op.scratch_bytes().ok_or(Fault::Shape)?, || op.distances(), limits)
}

/// Checks shapes and window; bytes of one filter.
pub(super) fn check_filters(op: &Conv2d) -> Result<u32, Fault> {
    op.window.check(op.x_shape, op.y_shape)?;
    let filter_len = check_groups(op.x_shape.c, op.y_shape.c, op.groups, op.window.kernel_h, op.window.kernel_w)?;
    if filter_len > MAX_TAPS {
        return Err(Fault::Shape);
    }
    op.row_bytes().ok_or(Fault::Shape)
}

/// Checks scales, and where in the arena input, output and scratch memory are.
pub(super) fn check_places<O: Ops>(
    op: &Conv2d,
    row_bytes: u32,
    scratch_bytes: u32,
    distances: impl FnOnce() -> Distances,
    limits: &Limits,
) -> Result<(), Fault> {
    let (x_shape, y_shape) = (op.x_shape, op.y_shape);
    op.requantize.check::<O>(y_shape.c, row_bytes, limits)?;
    let x = limits.arena::<i8>(op.x, product(&[x_shape.h, x_shape.w, x_shape.c])?)?;
    let y = limits.arena::<i8>(op.y, product(&[y_shape.h, y_shape.w, y_shape.c])?)?;
    let scratch = limits.arena::<u32>(op.scratch, scratch_bytes / 4)?;
    if scratch_bytes != 0 {
        scratch.disjoint(x)?;
        scratch.disjoint(y)?;
    }
    if x.overlaps(y) && !distances().allow(op.x, op.y, op.order) { Err(Fault::Overlap) } else { Ok(()) }
}

/// Weights of one filter; the groups must divide both channel counts.
pub(crate) fn check_groups(in_c: u32, out_c: u32, groups: u32, kernel_h: u32, kernel_w: u32) -> Result<u32, Fault> {
    if groups == 0 || !in_c.is_multiple_of(groups) || !out_c.is_multiple_of(groups) {
        return Err(Fault::Shape);
    }
    product(&[kernel_h, kernel_w, in_c / groups])
}

pub(crate) fn run<O: Ops>(op: &Conv2d, memory: &mut Memory) -> Option<()> {
    let (x, y) = (op.x_shape, op.y_shape);
    let weights = memory.weights(op.weights, y.c.checked_mul(op.row_bytes()?)?)?;
    let scales = op.requantize.scales(y.c, memory)?;
    let mut split = memory.split((op.x, x.elements()?), (op.scratch, op.scratch_bytes()?), (op.y, y.elements()?))?;
    conv2d::<O>(op, &mut split, weights, &scales, y.c as usize)
}

#[cfg(test)]
#[path = "conv2d/tests.rs"]
mod tests;
