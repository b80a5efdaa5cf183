//! Where sliding windows meet the input: the taps of each output row or column that are not padding.

use super::{Fault, parameter};
use crate::arch::Rect;
use crate::format::instruction::{Hwc, Window};
use core::num::NonZeroU32;

/// One axis of a sliding window over `size` elements.
#[derive(Clone, Copy)]
pub(crate) struct Axis {
    size: i32,
    kernel: i32,
    stride: i32,
    dilation: NonZeroU32,
    pad: i32,
}

/// The taps of one window that meet the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taps {
    /// Position of the first one in the input.
    pub start: usize,
    /// Position of the first one in the kernel.
    pub first: usize,
    /// How many there are.
    pub count: usize,
}

impl Axis {
    /// The taps of window `index` that meet the input.
    #[inline]
    pub fn taps(&self, index: u32) -> Taps {
        let origin = (index as i32).wrapping_mul(self.stride).wrapping_sub(self.pad);
        let (first, end) = if self.dilation.get() == 1 {
            ((-origin).max(0), self.size.wrapping_sub(origin))
        } else {
            (self.steps(-origin), self.steps(self.size.wrapping_sub(origin)))
        };
        let count = end.min(self.kernel).wrapping_sub(first).max(0);
        let start = origin.wrapping_add(first.wrapping_mul(self.dilation.get() as i32));
        Taps { start: start as usize, first: first as usize, count: count as usize }
    }

    /// True if no tap of window `index` is padding.
    #[inline]
    pub fn is_whole(&self, index: u32) -> bool {
        let origin = (index as i32).wrapping_mul(self.stride).wrapping_sub(self.pad);
        let last = self.kernel.wrapping_sub(1).wrapping_mul(self.dilation.get() as i32);
        origin >= 0 && origin.wrapping_add(last) < self.size
    }

    /// As [`taps`](Self::taps), where a call costs little beside what follows.
    #[inline(never)]
    pub fn taps_called(&self, index: u32) -> Taps {
        self.taps(index)
    }

    /// How many taps, one every `dilation` elements, start within `length` elements.
    fn steps(&self, length: i32) -> i32 {
        let rounded_up = (length.max(0) as u32).wrapping_add(self.dilation.get() - 1);
        (rounded_up / self.dilation) as i32
    }

    /// How many elements of the input, padded by `pad` in front and `pad_end` behind, window `index` covers.
    #[inline(never)]
    pub fn padded_count(&self, index: u32, pad_end: u32) -> usize {
        let padded = Self { size: self.size.wrapping_add(self.pad).wrapping_add(pad_end as i32), pad: 0, ..*self };
        padded.taps_called(index).count
    }
}

impl Window {
    /// Rows and columns of this window over `x_shape`. `None` if a dilation is 0, which [`Window::check`] excludes.
    pub(crate) fn axes(&self, x_shape: Hwc) -> Option<(Axis, Axis)> {
        let rows = Axis {
            size: x_shape.h as i32,
            kernel: self.kernel_h as i32,
            stride: self.stride_h as i32,
            dilation: NonZeroU32::new(self.dilation_h)?,
            pad: self.pad_top as i32,
        };
        let columns = Axis {
            size: x_shape.w as i32,
            kernel: self.kernel_w as i32,
            stride: self.stride_w as i32,
            dilation: NonZeroU32::new(self.dilation_w)?,
            pad: self.pad_left as i32,
        };
        Some((rows, columns))
    }

    /// Positions and sizes are 1 or more and all positions fit `i32`.
    pub(crate) fn check(&self, x_shape: Hwc, y_shape: Hwc) -> Result<(), Fault> {
        check_axis(x_shape.h, y_shape.h, self.kernel_h, self.stride_h, self.dilation_h, self.pad_top)?;
        check_axis(x_shape.w, y_shape.w, self.kernel_w, self.stride_w, self.dilation_w, self.pad_left)
    }

    /// [`Window::check`], and every window meets the input. (A convolution may read padding only; a pool has no
    /// result for that.)
    pub(crate) fn check_pool(&self, x_shape: Hwc, y_shape: Hwc) -> Result<(), Fault> {
        self.check(x_shape, y_shape)?;
        let taps = self.kernel_h.checked_mul(self.kernel_w).ok_or(Fault::Shape)?;
        if taps > MAX_POOL_TAPS {
            return Err(Fault::Shape);
        }
        check_meets(x_shape.h, y_shape.h, self.kernel_h, self.stride_h, self.dilation_h, self.pad_top)?;
        check_meets(x_shape.w, y_shape.w, self.kernel_w, self.stride_w, self.dilation_w, self.pad_left)
    }
}

/// Sums of this many `i8` are far inside `i32`.
const MAX_POOL_TAPS: u32 = 1 << 22;
const MAX_POSITION: u64 = i32::MAX as u64 / 2;

fn check_axis(size: u32, windows: u32, kernel: u32, stride: u32, dilation: u32, pad: u32) -> Result<(), Fault> {
    parameter(kernel > 0 && stride > 0 && dilation > 0)?;
    if size == 0 || windows == 0 {
        return Err(Fault::Shape);
    }
    let last = u64::from(windows - 1) * u64::from(stride);
    let reach = u64::from(kernel - 1) * u64::from(dilation);
    let fits = |n: u64| n <= MAX_POSITION;
    // The single values first: a kernel of one row may still have any dilation.
    let values = [size, kernel, stride, dilation, pad];
    if values.iter().all(|&v| fits(v.into())) && fits(last) && fits(reach) { Ok(()) } else { Err(Fault::Shape) }
}

fn check_meets(size: u32, windows: u32, kernel: u32, stride: u32, dilation: u32, pad: u32) -> Result<(), Fault> {
    let last = u64::from(windows - 1) * u64::from(stride);
    let reach = u64::from(kernel - 1) * u64::from(dilation);
    let first_reaches = reach >= u64::from(pad);
    let last_starts = last < u64::from(size) + u64::from(pad);
    let cannot_step_over = pad == 0 || dilation <= size;
    if first_reaches && last_starts && cannot_step_over { Ok(()) } else { Err(Fault::Shape) }
}

/// The contiguous runs of input elements, and of weights, that one output pixel of a convolution multiplies.
///
/// With one group and no dilation a whole kernel row is one run; else every tap is one.
#[derive(Clone, Copy)]
pub(crate) struct Runs {
    rows: usize,
    per_row: usize,
    /// Elements of one run.
    pub len: usize,
    x: [usize; 3],
    w: [usize; 3],
}

impl Runs {
    /// For the taps `rows`, `columns` of `window` over `x_shape`; `group_c` is input channels per group.
    #[inline]
    pub fn new(window: &Window, x_shape: Hwc, group_c: usize, rows: Taps, columns: Taps) -> Self {
        let taps = Self::taps(window, x_shape, group_c, rows, columns);
        if window.dilation_w == 1 && group_c == x_shape.c as usize {
            Self { per_row: 1, len: columns.count.wrapping_mul(group_c), ..taps }
        } else {
            taps
        }
    }

    /// One run per tap, `tap_c` weights each.
    #[inline]
    pub fn taps(window: &Window, x_shape: Hwc, tap_c: usize, rows: Taps, columns: Taps) -> Self {
        let (x_w, x_c) = (x_shape.w as usize, x_shape.c as usize);
        let kernel_w = window.kernel_w as usize;
        let x_row = (window.dilation_h as usize).wrapping_mul(x_w).wrapping_mul(x_c);
        let x_first = rows.start.wrapping_mul(x_w).wrapping_add(columns.start).wrapping_mul(x_c);
        let w_first = rows.first.wrapping_mul(kernel_w).wrapping_add(columns.first).wrapping_mul(tap_c);
        Self {
            // A pixel whose columns are all padding has no runs, not empty ones.
            rows: if columns.count == 0 { 0 } else { rows.count },
            per_row: columns.count,
            len: tap_c,
            x: [x_first, x_row, (window.dilation_w as usize).wrapping_mul(x_c)],
            w: [w_first, kernel_w.wrapping_mul(tap_c), tap_c],
        }
    }

    /// All runs of one pixel, where a row of the kernel is one.
    pub fn rect(&self) -> Option<Rect> {
        let one_a_row = self.per_row == 1 && self.rows > 0;
        let [x, x_pitch, _] = self.x;
        let [k, k_pitch, _] = self.w;
        one_a_row.then_some(Rect { x, x_pitch, k, k_pitch, rows: self.rows, len: self.len, pixels: 1, pixel_pitch: 0 })
    }

    /// Elements of all runs together.
    pub fn elements(&self) -> usize {
        self.rows.wrapping_mul(self.per_row).wrapping_mul(self.len)
    }

    /// Calls `f` with the start of each run in the input and in one filter's weights.
    #[inline(always)]
    pub fn for_each(&self, mut f: impl FnMut(usize, usize) -> Option<()>) -> Option<()> {
        let ([mut x_row, x_down, x_right], [mut w_row, w_down, w_right]) = (self.x, self.w);
        for _ in 0..self.rows {
            let (mut x, mut w) = (x_row, w_row);
            for _ in 0..self.per_row {
                f(x, w)?;
                (x, w) = (x.wrapping_add(x_right), w.wrapping_add(w_right));
            }
            (x_row, w_row) = (x_row.wrapping_add(x_down), w_row.wrapping_add(w_down));
        }
        Some(())
    }
}

#[cfg(test)]
#[path = "window/tests.rs"]
mod tests;
