//! Output sizes of sliding windows.

use super::super::Pads;
use super::{MAX_ELEMENTS, ShapeError};

/// Geometry of one sliding window, all in `[rows, columns]`.
pub(super) struct Window<'a> {
    pub op: &'static str,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub pads: Pads,
    pub shape: &'a [usize],
}

impl Window<'_> {
    /// Names everything that decides whether a window fits.
    pub fn error(&self) -> ShapeError {
        let Pads { top, left, bottom, right } = self.pads;
        ShapeError::Window {
            op: self.op,
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            pads: [top, left, bottom, right],
            shape: self.shape.to_vec(),
        }
    }

    /// Output size along one of the two axes, rounding down; `None` if the window does not fit.
    pub fn output(&self, axis: usize) -> Option<usize> {
        let (before, after) = self.pads_of(axis);
        let padded = self.shape.get(1 + axis)?.checked_add(before)?.checked_add(after)?;
        let span = self.kernel[axis].checked_sub(1)?.checked_mul(self.dilation[axis])?.checked_add(1)?;
        let steps = padded.checked_sub(span)?.checked_div(self.stride[axis])?;
        (self.dilation[axis] >= 1).then_some(steps + 1)
    }

    fn pads_of(&self, axis: usize) -> (usize, usize) {
        match axis {
            0 => (self.pads.top, self.pads.bottom),
            _ => (self.pads.left, self.pads.right),
        }
    }

    /// True if every one of `count` windows along `axis` covers at least one real element.
    fn covers_input(&self, axis: usize, count: usize) -> bool {
        let (before, _) = self.pads_of(axis);
        let end = self.shape[1 + axis].saturating_add(before);
        let covered = |o: usize| {
            let start = o.saturating_mul(self.stride[axis]);
            let first_tap = before.saturating_sub(start).div_ceil(self.dilation[axis]);
            first_tap < self.kernel[axis] && start.saturating_add(first_tap.saturating_mul(self.dilation[axis])) < end
        };
        count <= MAX_ELEMENTS && (0..count).all(covered)
    }

    /// Pooling may round up: `declared` wins over the size computed here if it is one larger and the extra window
    /// starts inside the input.
    pub fn pooled(&self, declared: Option<&[usize]>) -> Result<[usize; 2], ShapeError> {
        let mut out = [0; 2];
        for (axis, size) in out.iter_mut().enumerate() {
            // A ceil-mode window may be larger than the padded input; then there is exactly one.
            *size = self.output(axis).unwrap_or(0);
            if declared.and_then(|d| d.get(1 + axis)) == Some(&(*size + 1)) {
                *size += 1;
            }
            let valid = *size >= 1 && self.kernel[axis] >= 1 && self.stride[axis] >= 1 && self.dilation[axis] >= 1;
            if !valid || !self.covers_input(axis, *size) {
                return Err(self.error());
            }
        }
        Ok(out)
    }
}
