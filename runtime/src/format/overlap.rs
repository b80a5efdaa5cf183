//! How far apart the input and the output of a sliding window must lie, if they overlap.
//!
//! Kernels work in steps of some output pixels, in the order of memory or against it. A step reads its input before it
//! writes its output, and nothing that a later step reads may be written. With [`RowOrder::TopDown`] the output must
//! start [`Distances::below`] bytes or more before the input, with [`RowOrder::BottomUp`] [`Distances::above`] bytes or
//! more behind it. The converter plans with these distances, and [`Model::load`](crate::Model::load) checks them.

use super::instruction::{
    Conv2d, Conv2dI16, Conv2dSparse, Conv2dWinograd, DepthwiseConv2d, DepthwiseConv2dI16, Hwc, Pool2d, RowOrder,
    Stages, Window,
};

/// Least distances between the first bytes of input and output, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distances {
    /// The output starts this many bytes before the input, or more. Below 0: it may start behind it.
    pub below: i64,
    /// The output starts this many bytes behind the input, or more.
    pub above: i64,
    /// The distance is a multiple of this, 1 or more.
    pub step: i64,
}

impl Distances {
    /// True if an output at `y` may overlap an input at `x` when computed in `order`.
    pub fn allow(self, x: u32, y: u32, order: RowOrder) -> bool {
        let apart = i64::from(y) - i64::from(x);
        let far_enough = match order {
            RowOrder::TopDown => -apart >= self.below,
            RowOrder::BottomUp => apart >= self.above,
        };
        // Offsets are 32 bits, and so is their distance; a 64-bit division would cost a kilobyte of flash.
        far_enough && (apart.unsigned_abs() as u32).checked_rem(self.step as u32) == Some(0)
    }

    /// The order in which an output at `y` may overlap an input at `x`, if there is one.
    pub fn order(self, x: u32, y: u32) -> Option<RowOrder> {
        [RowOrder::TopDown, RowOrder::BottomUp].into_iter().find(|&order| self.allow(x, y, order))
    }
}

impl Conv2d {
    /// Distances for its blocks of pixels. Shapes and window must have been checked.
    pub fn distances(&self) -> Distances {
        let window = &self.window;
        if self.groups != 1 {
            // The first group writes while the next one's channels are still to be read.
            return apart(self.x_shape, self.y_shape);
        }
        if self.is_pointwise() {
            // No pixel needs another than its own: a map of one column, whatever its width.
            let column = |shape: Hwc| Hwc { h: shape.h.saturating_mul(shape.w), w: 1, c: shape.c };
            return pointwise(column(self.x_shape), column(self.y_shape));
        }
        rows(window, self.x_shape, self.y_shape, i64::from(Self::BLOCK) - 1)
    }
}

impl Conv2dSparse {
    /// Distances for its blocks of pixels; one that is `direct` reads its input once for every few channels. Shapes and
    /// window must have been checked.
    pub fn distances(&self) -> Distances {
        if self.direct { apart(self.conv.x_shape, self.conv.y_shape) } else { self.conv.distances() }
    }
}

impl Conv2dWinograd {
    /// Distances for its rows of tiles: each is two rows of outputs, and reads four rows of inputs until its last tile is
    /// done. Shapes and window must have been checked.
    pub fn distances(&self) -> Distances {
        let window = Window { kernel_h: 4, stride_h: 2, ..self.window() };
        let y = self.y_shape;
        // An odd last row of outputs counts as two, which may ask for a row more than needed.
        let tiles = Hwc { h: y.h.div_ceil(2), w: y.w.saturating_mul(2), c: y.c };
        rows(&window, self.x_shape, tiles, 0)
    }
}

impl DepthwiseConv2d {
    /// Distances for its rows. Shapes and window must have been checked.
    ///
    /// With scratch memory, channels are computed four at a time: all rows of four channels, then all rows of the next.
    /// What is written for some channels must be what was read for the same ones, so that the distance is in whole
    /// pixels. Every input row is copied to the scratch memory once, and may then be written over.
    pub fn distances(&self) -> Distances {
        let (window, x, y) = (&self.window, self.x_shape, self.y_shape);
        if self.scratch_bytes == 0 {
            return rows(window, x, y, 0);
        }
        let step = i64::from(x.c).max(1);
        if window.dilation_h == 1 {
            Distances { step, ..copied_rows(window, x, y) }
        } else {
            // The scratch memory holds the rows of one output row only: they are read again.
            Distances { step, ..rows(window, x, y, 0) }
        }
    }
}

impl Conv2dI16 {
    /// Distances for its pixels, as if they were computed in rows. Shapes and window must have been checked.
    pub fn distances(&self) -> Distances {
        if self.groups != 1 {
            // The first group writes while the next one's channels are still to be read.
            let bytes = |shape: Hwc| 2 * i64::from(shape.h) * i64::from(shape.w) * i64::from(shape.c);
            return Distances { below: bytes(self.y_shape), above: bytes(self.x_shape), step: 2 };
        }
        words(rows(&self.window, self.x_shape, self.y_shape, 0))
    }
}

impl DepthwiseConv2dI16 {
    /// Distances for its rows. Shapes and window must have been checked.
    pub fn distances(&self) -> Distances {
        words(rows(&self.window, self.x_shape, self.y_shape, 0))
    }
}

/// No overlap.
fn apart(x: Hwc, y: Hwc) -> Distances {
    let bytes = |shape: Hwc| i64::from(shape.h) * i64::from(shape.w) * i64::from(shape.c);
    Distances { below: bytes(y), above: bytes(x), step: 1 }
}

/// Of elements of two bytes.
fn words(elements: Distances) -> Distances {
    let Distances { below, above, step } = elements;
    Distances { below: 2 * below, above: 2 * above, step: 2 * step }
}

impl Pool2d {
    /// Distances for its rows, which are computed from the top down only. Shapes and window must have been checked.
    pub fn distances(&self) -> Distances {
        top_down_only(rows(&self.window, self.x_shape, self.y_shape, 0), self.x_shape)
    }
}

impl Stages {
    /// Distances for the first input and the last output, which is computed from the top down only. All shapes and windows
    /// must have been checked.
    pub fn distances(&self) -> Distances {
        let [Some(first), Some(last)] = [self.as_slice().first(), self.as_slice().last()] else {
            return Distances { below: i64::from(u32::MAX), above: i64::from(u32::MAX), step: 1 };
        };
        let (x_row, y_row) = (i64::from(first.row_bytes().0), i64::from(last.row_bytes().1));
        let nothing = -i64::from(first.x_shape.h).wrapping_mul(x_row);
        let mut distances = Distances { below: nothing, above: 0, step: 1 };
        self.walk(|position, stages| {
            if let ([first, ..], [.., last]) = (stages, stages)
                && position == 0
                && last.written() > 0
            {
                let (written, read_from) = (i64::from(last.written()), i64::from(first.reads().start));
                distances.below = distances.below.max(written * y_row - read_from * x_row);
            }
        });
        top_down_only(distances, first.x_shape)
    }
}

/// Without the other order: an output behind the input starts behind all of it.
fn top_down_only(distances: Distances, x: Hwc) -> Distances {
    Distances { above: i64::from(x.h) * i64::from(x.w) * i64::from(x.c), ..distances }
}

/// Blocks of pixels that read the pixels which they replace. All bounds are linear, so the ends decide.
fn pointwise(x: Hwc, y: Hwc) -> Distances {
    let (pixels, block) = (i64::from(y.h), i64::from(Conv2d::BLOCK));
    let (x_c, y_c) = (i64::from(x.c), i64::from(y.c));
    // The block at `first` writes up to `first + block` and later ones read from there on; but a block may be taken to
    // start at any pixel, which costs a few bytes and makes the rule independent of where blocks start.
    let below = |first: i64| (first + block).min(pixels) * y_c - first * x_c;
    let above = |last: i64| (last + 1) * x_c - (last + 1 - block).max(0) * y_c;
    let last = pixels - 1;
    Distances {
        below: below(0).max(below((pixels - block).max(0))).max(below(last)),
        above: above(last).max(above((block - 1).min(last))).max(above(0)),
        step: 1,
    }
}

/// Steps of whole rows; a step may reach `slack` pixels into the next row.
fn rows(window: &Window, x: Hwc, y: Hwc, slack: i64) -> Distances {
    let x_row = i64::from(x.w) * i64::from(x.c);
    let (y_w, y_c) = (i64::from(y.w), i64::from(y.c));
    let (height, pixels) = (i64::from(x.h), i64::from(y.h) * y_w);
    let reach = (i64::from(window.kernel_h) - 1) * i64::from(window.dilation_h) + 1;
    let mut distances = Distances { below: i64::MIN, above: i64::MIN, step: 1 };
    for row in 0..i64::from(y.h) {
        let origin = row * i64::from(window.stride_h) - i64::from(window.pad_top);
        let (first, end) = (origin.max(0).min(height), (origin + reach).max(0).min(height));
        let written = ((row + 1) * y_w + slack).min(pixels) * y_c;
        let not_before = (row * y_w - slack).max(0) * y_c;
        distances.below = distances.below.max(written - first * x_row);
        distances.above = distances.above.max(end * x_row - not_before);
    }
    distances
}

/// Steps of whole rows, before which all input rows up to the last one that the step reads were copied elsewhere.
fn copied_rows(window: &Window, x: Hwc, y: Hwc) -> Distances {
    let x_row = i64::from(x.w) * i64::from(x.c);
    let y_row = i64::from(y.w) * i64::from(y.c);
    let height = i64::from(x.h);
    let mut distances = Distances { below: i64::MIN, above: i64::MIN, step: 1 };
    for row in 0..i64::from(y.h) {
        let origin = row * i64::from(window.stride_h) - i64::from(window.pad_top);
        let (first, end) = (origin.max(0).min(height), (origin + i64::from(window.kernel_h)).max(0).min(height));
        distances.below = distances.below.max((row + 1) * y_row - end * x_row);
        distances.above = distances.above.max(first * x_row - row * y_row);
    }
    distances
}

#[cfg(test)]
#[path = "overlap/tests.rs"]
mod tests;
