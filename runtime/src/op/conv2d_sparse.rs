use super::conv2d::{check_filters, check_places, gather};
use super::scales::Scales;
use super::split::Split;
use super::{Limits, Memory, parameter};
use crate::arch::{self, Channel, SLOTS, SparseBlock, SparseFilters};
use crate::error::Fault;
use crate::format::instruction::{Conv2d, Conv2dSparse, RowOrder};
use crate::op::dispatch::Kernel;
use crate::ops::Ops;
use core::ops::Range;

/// 2-D convolution, fully connected: as [`conv2d`](super::conv2d::conv2d) with one group, and the same results, with the
/// weights that are stored.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[h, w, in_c]` | i8 | per tensor | `x_zero_point` |
/// | `filters` | `[out_c, kernel_h * kernel_w * in_c` up to a multiple of 4`]`, see [`Conv2dSparse`] | i8 | per channel `out_c`, or per tensor | 0 |
/// | `bias` | `[out_c]` | i32 or i16 | `x_scale * w_scale[o]` | 0 |
/// | `y` | `[y_h, y_w, out_c]` | i8 | per tensor | `y_zero_point` |
///
/// The patches of four pixels are laid out in the scratch memory as for `conv2d`; then the stored blocks of every filter
/// are multiplied with all four. Input and output may overlap as `check` allows.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
#[inline(never)]
pub(crate) fn conv2d_sparse<O: Ops>(
    op: &Conv2d,
    memory: &mut Split<'_>,
    filters: SparseFilters<'_>,
    scales: &Scales<'_>,
) -> Option<()> {
    let pixels = op.y_shape.h.checked_mul(op.y_shape.w)?;
    let blocks = pixels.div_ceil(Conv2d::BLOCK);
    let y_stride = op.y_shape.c as usize;
    let mut layer = Layer::new(filters, scales, op);
    memory.clear_scratch()?;
    for step in 0..blocks {
        let block = match op.order {
            RowOrder::TopDown => step,
            RowOrder::BottomUp => blocks.wrapping_sub(1).wrapping_sub(step),
        };
        let first = block.wrapping_mul(Conv2d::BLOCK);
        let count = pixels.wrapping_sub(first).min(Conv2d::BLOCK);
        let (x, patches) = memory.x_scratch()?;
        gather(op, 0, x, patches, first, count)?;
        let (patches, y) = memory.scratch_y()?;
        let y = y.get_mut(first.wrapping_mul(op.y_shape.c) as usize..)?;
        layer.apply::<O>(&Input::Patches { patches, count: count as usize }, y, y_stride)?;
    }
    Some(())
}

/// As [`conv2d_sparse`], for a layer that is [`direct`](Conv2dSparse::direct). `x` and `y` do not overlap.
#[inline(never)]
pub(crate) fn connect<O: Ops>(
    op: &Conv2d,
    x: &[i8],
    filters: SparseFilters<'_>,
    scales: &Scales<'_>,
    y: &mut [i8],
) -> Option<()> {
    let mut layer = Layer::new(filters, scales, op);
    layer.apply::<O>(&Input::Direct { x, x_zero_point: op.x_zero_point }, y, op.y_shape.c as usize)
}

/// What filters are multiplied with.
enum Input<'a> {
    /// Patches, of which `count` are of pixels that there are.
    Patches { patches: &'a [u32], count: usize },
    /// One pixel's, where they are.
    Direct { x: &'a [i8], x_zero_point: i8 },
}

/// Channels whose form for kernels is held on the stack at a time.
const CHANNELS: usize = 64;

/// The filters of a layer, some of whose channels are ready.
struct Layer<'a> {
    filters: SparseFilters<'a>,
    scales: &'a Scales<'a>,
    /// Of all channels.
    out_c: usize,
    /// Sums may be so large that channels have no form for kernels.
    any: bool,
    channels: [Channel; CHANNELS],
    /// Which ones these are.
    ready: Range<usize>,
}

impl<'a> Layer<'a> {
    fn new(filters: SparseFilters<'a>, scales: &'a Scales<'a>, op: &Conv2d) -> Self {
        let any = op.row_bytes().is_none_or(|bytes| bytes as usize > Channel::MAX_TAPS);
        Self {
            filters,
            scales,
            out_c: op.y_shape.c as usize,
            any,
            channels: core::array::from_fn(|_| Channel::default()),
            ready: 0..0,
        }
    }

    /// Computes all channels of some pixels, which are `y_stride` bytes apart in `y`.
    #[inline(never)]
    fn apply<O: Ops>(&mut self, input: &Input<'_>, y: &mut [i8], y_stride: usize) -> Option<()> {
        let mut filters = self.filters;
        let mut first = 0;
        while first < self.out_c {
            let end = first.wrapping_add(CHANNELS).min(self.out_c);
            let channels = self.channels.get_mut(..end.wrapping_sub(first))?;
            let y = y.get_mut(first..)?;
            if self.ready != (first..end) {
                self.ready =
                    if !self.any && self.scales.prepare(first, channels).is_some() { first..end } else { 0..0 };
            }
            if self.ready.is_empty() {
                if !O::KERNELS.contains(Kernel::AnyFactor) {
                    return None;
                }
                self.apply_any(input, first..end, &mut filters, y, y_stride)?;
            } else {
                let block = SparseBlock { channels, store: self.scales.store() };
                match *input {
                    Input::Patches { patches, count: SLOTS } => {
                        arch::convolve_sparse(&block, patches, &mut filters, y, y_stride)?;
                    }
                    Input::Patches { patches, count } => {
                        let mut outputs = [0; SLOTS * CHANNELS];
                        arch::convolve_sparse(&block, patches, &mut filters, &mut outputs, CHANNELS)?;
                        let mut at = 0usize;
                        for outputs in outputs.as_chunks::<CHANNELS>().0.iter().take(count) {
                            let outputs = outputs.get(..block.channels.len())?;
                            let y = y.get_mut(at..)?.get_mut(..outputs.len())?;
                            y.iter_mut().zip(outputs).for_each(|(y, &output)| *y = output);
                            at = at.wrapping_add(y_stride);
                        }
                    }
                    Input::Direct { x, x_zero_point } => {
                        arch::connect_sparse(&block, x, x_zero_point, &mut filters, y)?;
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
        input: &Input<'_>,
        channels: Range<usize>,
        filters: &mut SparseFilters<'_>,
        y: &mut [i8],
        y_stride: usize,
    ) -> Option<()> {
        for (position, channel) in channels.enumerate() {
            let (row, bias) = (filters.next_row()?, self.scales.bias(channel)?);
            let (sums, count) = match *input {
                Input::Patches { patches, count } => (row.dot_patches(patches, bias), count),
                Input::Direct { x, x_zero_point } => ([row.dot(x, x_zero_point, bias); SLOTS], 1),
            };
            let mut pixel = position;
            for &sum in sums.get(..count)? {
                *y.get_mut(pixel)? = self.scales.output(channel, sum);
                pixel = pixel.wrapping_add(y_stride);
            }
        }
        Some(())
    }
}

pub(crate) fn check<O: Ops>(op: &Conv2dSparse, limits: &Limits) -> Result<(), Fault> {
    let conv = &op.conv;
    let row_bytes = check_filters(conv)?;
    parameter(conv.groups == 1 && (!op.direct || Conv2dSparse::can_be_direct(conv)))?;
    let weight_bytes = op.blocks.checked_mul(Conv2dSparse::BLOCK).ok_or(Fault::WeightsBounds)?;
    limits.weight_words(conv.weights, weight_bytes)?;
    let weights = limits.weights(conv.weights, weight_bytes)?;
    let (counts, deltas) = (limits.weights(op.counts, conv.y_shape.c)?, limits.weights(op.deltas, op.blocks)?);
    let filters = SparseFilters::new(counts, deltas, weights, (row_bytes / Conv2dSparse::BLOCK) as usize);
    parameter(filters.is_some_and(SparseFilters::is_strict))?;
    let scratch_bytes = op.scratch_bytes().ok_or(Fault::Shape)?;
    check_places::<O>(conv, row_bytes, scratch_bytes, || op.distances(), limits)
}

pub(crate) fn run<O: Ops>(op: &Conv2dSparse, memory: &mut Memory) -> Option<()> {
    let conv = &op.conv;
    let (x, y) = (conv.x_shape.elements()?, conv.y_shape.elements()?);
    let counts = memory.weights(op.counts, conv.y_shape.c)?;
    let deltas = memory.weights(op.deltas, op.blocks)?;
    let weights = memory.weights(conv.weights, op.blocks.checked_mul(Conv2dSparse::BLOCK)?)?;
    let filters = SparseFilters::new(counts, deltas, weights, op.row_blocks()? as usize)?;
    let scales = conv.requantize.scales(conv.y_shape.c, memory)?;
    if op.direct {
        let (x, y) = memory.x_y(conv.x, x, conv.y, y)?;
        return connect::<O>(conv, x, filters, &scales, y);
    }
    let mut split = memory.split((conv.x, x), (conv.scratch, op.scratch_bytes()?), (conv.y, y))?;
    conv2d_sparse::<O>(conv, &mut split, filters, &scales)
}

#[cfg(test)]
#[path = "conv2d_sparse/tests.rs"]
mod tests;
