use super::scales::Scales;
use super::split::Split;
use super::{Limits, Memory, parameter, product};
use crate::arch::{self, Channel, TileInput, Tiles, TransformedTiles};
use crate::error::Fault;
use crate::format::instruction::{Conv2dWinograd, RowOrder};
use crate::op::dispatch::Kernel;
use crate::ops::Ops;
use core::ops::Range;

/// Tiles side by side, and the columns of outputs that they have.
const TILES: u32 = Conv2dWinograd::TILES;
const COLUMNS: u32 = 2 * TILES;

/// 2-D convolution with a 3x3 kernel and a stride of 1, by Winograd's F(2x2, 3x3): the outputs of
/// [`conv2d`](super::conv2d::conv2d), bit for bit.
///
/// | name | shape | type | scale | zero point |
/// |---|---|---|---|---|
/// | `x` | `[h, w, in_c]` | i8 | per tensor | `x_zero_point` |
/// | `weights` | see [`Conv2dWinograd`] | i16 | per channel `out_c`, or per tensor, times 4 | 0 |
/// | `bias` | `[out_c]` | i32 or i16 | `x_scale * w_scale[o]` | 0 |
/// | `y` | `[y_h, y_w, out_c]` | i8 | per tensor | `y_zero_point` |
///
/// Exact: with `g` a 3x3 filter of `i8` and `d` a 4x4 patch of differences of two `i8`, `4 * G g G^T` is an integer of up to
/// `9 * 127`, `B^T d B` one of up to `4 * 255`, and `A^T (sum of their products) A` is four times the sum of a direct
/// convolution, which for up to [`Conv2dWinograd::MAX_IN_C`] channels fits 32 bits; what does not on the way there wraps around
/// and back. Weights of a file may be any `i16`: then sums wrap, the same on every target. Source: Lavin and Gray, "Fast
/// Algorithms for Convolutional Neural Networks", 2015.
///
/// Four tiles of 2x2 outputs side by side are computed together; `memory` gives input, scratch for their transformed
/// inputs, and output, of which input and output may overlap as `check` allows.
///
/// Returns `None`, with the rest of `y` untouched, if a slice is shorter than its shape. `Model::load` has checked this.
#[inline(never)]
pub(crate) fn conv2d_winograd<O: Ops>(
    op: &Conv2dWinograd,
    memory: &mut Split<'_>,
    weights: &[i16],
    scales: &Scales<'_>,
) -> Option<()> {
    let (y_shape, in_c) = (op.y_shape, op.padded_in_c()? as usize);
    let pixel = y_shape.c as usize;
    let row_bytes = pixel.wrapping_mul(y_shape.w as usize);
    let tile_rows = y_shape.h.div_ceil(2);
    let mut filters =
        Filters { in_c, weights, scales, prepared: core::array::from_fn(|_| Channel::default()), ready: 0..0 };
    for step in 0..tile_rows {
        let row = match op.order {
            RowOrder::TopDown => step,
            RowOrder::BottomUp => tile_rows.wrapping_sub(1).wrapping_sub(step),
        };
        let row = row.wrapping_mul(2);
        let rows = y_shape.h.wrapping_sub(row).min(2) as usize;
        let mut column = 0u32;
        while column < y_shape.w {
            let (x, v) = memory.x_scratch()?;
            let x_zero_point = op.x_zero_point;
            let (x_row, x_column) = (row.wrapping_sub(op.pad_top) as i32, column.wrapping_sub(op.pad_left) as i32);
            arch::transform_inputs(&TileInput { x, shape: op.x_shape, row: x_row, column: x_column, x_zero_point }, v);
            let columns = y_shape.w.wrapping_sub(column).min(COLUMNS) as usize;
            let (v, y) = memory.scratch_y()?;
            let at = row_bytes.wrapping_mul(row as usize).wrapping_add(pixel.wrapping_mul(column as usize));
            filters.apply::<O>(v, Output { y: y.get_mut(at..)?, pixel, row: row_bytes, rows, columns })?;
            column = column.wrapping_add(COLUMNS);
        }
    }
    Some(())
}

/// Channels whose form for kernels is held on the stack at a time; a multiple of 2.
const CHANNELS: usize = 64;

/// Where the outputs of a group of tiles go.
struct Output<'a> {
    y: &'a mut [i8],
    /// Bytes between pixels, and between rows.
    pixel: usize,
    row: usize,
    /// How many there are: tiles may stick out.
    rows: usize,
    columns: usize,
}

/// The filters of a layer, some of whose channels are ready.
struct Filters<'a> {
    /// Input channels that the weights have.
    in_c: usize,
    weights: &'a [i16],
    scales: &'a Scales<'a>,
    prepared: [Channel; CHANNELS],
    /// Which ones these are.
    ready: Range<usize>,
}

impl Filters<'_> {
    /// Computes all channels of a group of tiles with the transformed inputs `v`.
    #[inline(never)]
    fn apply<O: Ops>(&mut self, v: &[u32], to: Output<'_>) -> Option<()> {
        let (channels, inputs) = (to.pixel, TransformedTiles { v, in_c: self.in_c });
        let mut weights = self.weights;
        let mut first = 0;
        while first < channels {
            let count = channels.wrapping_sub(first).min(CHANNELS);
            let range = first..first.wrapping_add(count);
            let prepared = self.prepared.get_mut(..count)?;
            let y = to.y.get_mut(first..)?;
            if self.ready != range {
                self.ready = if self.scales.prepare(first, prepared).is_some() { range } else { 0..0 };
            }
            if !self.ready.is_empty() {
                let tiles = Tiles { inputs, weights, channels: prepared, store: self.scales.store() };
                if (to.rows, to.columns) == (2, COLUMNS as usize) {
                    arch::convolve_tiles(&tiles, y, to.pixel, to.row);
                } else {
                    let mut outputs = [0; 2 * COLUMNS as usize * CHANNELS];
                    arch::convolve_tiles(&tiles, &mut outputs, CHANNELS, COLUMNS as usize * CHANNELS);
                    let rows = outputs.as_chunks::<{ COLUMNS as usize * CHANNELS }>().0.iter().take(to.rows);
                    for (pixels, row) in rows.zip((0..).step_by(to.row.max(1))) {
                        let pixels = pixels.as_chunks::<CHANNELS>().0.iter().take(to.columns);
                        for (outputs, at) in pixels.zip((row..).step_by(to.pixel.max(1))) {
                            let y = y.get_mut(at..)?.iter_mut();
                            y.zip(outputs).take(count).for_each(|(y, &output)| *y = output);
                        }
                    }
                }
            } else if O::KERNELS.contains(Kernel::AnyFactor) {
                let places = ((to.pixel, to.row), (to.rows, to.columns));
                self.apply_any(&inputs, first, count, weights, y, places)?;
            } else {
                return None;
            }
            first = first.wrapping_add(CHANNELS);
            if first < channels {
                weights = weights.get(inputs.filter_elements().wrapping_mul(CHANNELS / 2)..)?;
            }
        }
        Some(())
    }

    /// As [`apply`](Self::apply), for `count` channels that have no other form.
    #[cold]
    #[inline(never)]
    fn apply_any(
        &self,
        inputs: &TransformedTiles<'_>,
        first: usize,
        count: usize,
        weights: &[i16],
        y: &mut [i8],
        ((pixel, row), (rows, columns)): ((usize, usize), (usize, usize)),
    ) -> Option<()> {
        let pairs = weights.chunks(inputs.filter_elements().max(1));
        let mut channel = 0usize;
        for sums in pairs.flat_map(|weights| arch::sum_tiles(inputs, weights)).take(count) {
            let bias = self.scales.bias(first.wrapping_add(channel))?;
            let across = (0..).step_by(pixel.max(1)).take(columns);
            let sums = sums.iter().flat_map(|&[a, b, c, d]| [[a, c], [b, d]]);
            for (at, sums) in across.zip(sums) {
                for (down, sum) in (0..).step_by(row.max(1)).take(rows).zip(sums) {
                    let at = channel.wrapping_add(at).wrapping_add(down);
                    *y.get_mut(at)? = self.scales.output(first.wrapping_add(channel), bias.wrapping_add(sum));
                }
            }
            channel = channel.wrapping_add(1);
        }
        Some(())
    }
}

pub(crate) fn check<O: Ops>(op: &Conv2dWinograd, limits: &Limits) -> Result<(), Fault> {
    let (x_shape, y_shape) = (op.x_shape, op.y_shape);
    op.window().check(x_shape, y_shape)?;
    parameter(x_shape.c <= Conv2dWinograd::MAX_IN_C)?;
    let x = limits.arena::<i8>(op.x, product(&[x_shape.h, x_shape.w, x_shape.c])?)?;
    let y = limits.arena::<i8>(op.y, product(&[y_shape.h, y_shape.w, y_shape.c])?)?;
    limits.weight_words(op.weights, op.weight_bytes().ok_or(Fault::Shape)?)?;
    op.requantize.check::<O>(y_shape.c, op.taps().ok_or(Fault::Shape)?, limits)?;
    let scratch = limits.arena::<u32>(op.scratch, op.scratch_bytes().ok_or(Fault::Shape)? / 4)?;
    scratch.disjoint(x)?;
    scratch.disjoint(y)?;
    if x.overlaps(y) && !op.distances().allow(op.x, op.y, op.order) { Err(Fault::Overlap) } else { Ok(()) }
}

pub(crate) fn run<O: Ops>(op: &Conv2dWinograd, memory: &mut Memory) -> Option<()> {
    let (x, y) = (op.x_shape, op.y_shape);
    let weights = memory.weights(op.weights, op.weight_bytes()? / 2)?;
    let scales = op.requantize.scales(y.c, memory)?;
    let mut split = memory.split((op.x, x.elements()?), (op.scratch, op.scratch_bytes()?), (op.y, y.elements()?))?;
    conv2d_winograd::<O>(op, &mut split, weights, &scales)
}

#[cfg(test)]
#[path = "conv2d_winograd/tests.rs"]
mod tests;
