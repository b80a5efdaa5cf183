//! Several instructions run together, some rows at a time.

use super::{DepthwiseConv2d, Hwc, Instruction, Pool2d, RowOrder, Window};
use core::ops::Range;
use serde::{Deserialize, Serialize};

/// Most instructions that run in bands together.
pub const MAX_BANDED: usize = 4;

/// The next `count` instructions, each of which reads what the one before it writes, run in bands: for every row of the last
/// one's output, each of the others computes the rows that are needed and not yet there, as late as possible.
///
/// The maps between them are never complete. Where an instruction writes and the next one reads, the arena holds a *line
/// buffer*: as many rows as [`Stages::line_rows`] says, top row first, rows that nobody needs any more dropped. All other
/// operands of the instructions are what they would be on their own, shapes included, and so are their results.
///
/// Allowed are [`Conv2d`](super::Conv2d), [`Conv2dSparse`](super::Conv2dSparse) that is not `direct`, and
/// [`DepthwiseConv2d`], all `TopDown`, and pools without `count_include_pad`, every
/// window of which meets the input. The last one's output may overlap the first one's input as [`Stages::distances`] allows;
/// line buffers overlap nothing, scratch memories overlap other scratch memories only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Bands {
    /// How many instructions follow, 2 to [`MAX_BANDED`].
    pub count: u32,
}

/// One instruction of those that run in bands: which rows of its input a row of its output reads, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Shapes of input and output.
    pub x_shape: Hwc,
    /// See `x_shape`.
    pub y_shape: Hwc,
    /// Kernel, stride, dilation, padding.
    pub window: Window,
    /// Rows of the output computed so far, or never needed.
    done: u32,
    /// Rows of the output to compute now.
    next: Range32,
    /// First row in the line buffer, and what it was before.
    first: u32,
    /// See `first`.
    first_before: u32,
}

/// A range of rows that can be copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Range32 {
    start: u32,
    end: u32,
}

impl Stage {
    /// Of an instruction that can run in bands: every window of it meets the input. `None` for others.
    pub fn of(instruction: &Instruction) -> Option<Self> {
        let (x_shape, y_shape, window) = match instruction {
            Instruction::Conv2d(op) if op.order == RowOrder::TopDown => (op.x_shape, op.y_shape, op.window),
            Instruction::Conv2dSparse(op) if op.runs_in_bands() => (op.conv.x_shape, op.conv.y_shape, op.conv.window),
            Instruction::DepthwiseConv2d(DepthwiseConv2d {
                order: RowOrder::TopDown,
                x_shape,
                y_shape,
                window,
                ..
            })
            | Instruction::MaxPool2d(Pool2d { x_shape, y_shape, window, .. })
            | Instruction::AveragePool2d(Pool2d { count_include_pad: false, x_shape, y_shape, window, .. }) => {
                (*x_shape, *y_shape, *window)
            }
            _ => return None,
        };
        window.check_pool(x_shape, y_shape).ok()?;
        Some(Self { x_shape, y_shape, window, done: 0, next: Range32::default(), first: 0, first_before: 0 })
    }

    /// Bytes of a row of the input, and of the output.
    pub(crate) fn row_bytes(&self) -> (u32, u32) {
        (self.x_shape.w.wrapping_mul(self.x_shape.c), self.y_shape.w.wrapping_mul(self.y_shape.c))
    }

    /// Rows of the output to compute now.
    pub fn rows(&self) -> Range<u32> {
        self.next.start..self.next.end
    }

    /// First row of the input that row `row` of the output reads.
    fn reads_from(&self, row: u32) -> u32 {
        row.wrapping_mul(self.window.stride_h).saturating_sub(self.window.pad_top).min(self.x_shape.h)
    }

    /// One past the last row of the input that row `row` of the output reads.
    fn reads_to(&self, row: u32) -> u32 {
        let reach = self.window.kernel_h.wrapping_sub(1).wrapping_mul(self.window.dilation_h).wrapping_add(1);
        let end = row.wrapping_mul(self.window.stride_h).wrapping_add(reach);
        end.saturating_sub(self.window.pad_top).min(self.x_shape.h)
    }

    /// Rows of the input that are read now.
    pub(crate) fn reads(&self) -> Range<u32> {
        let Range32 { start, end } = self.next;
        self.reads_from(start)..self.reads_to(end.wrapping_sub(1))
    }

    /// Rows of padding above the first row that is read now.
    pub(crate) fn pad_top(&self) -> u32 {
        self.window.pad_top.saturating_sub(self.next.start.wrapping_mul(self.window.stride_h))
    }

    /// Rows of the output that are there.
    pub(crate) fn written(&self) -> u32 {
        self.done
    }

    /// First row in the line buffer.
    pub(crate) fn first(&self) -> u32 {
        self.first
    }

    /// Rows that the line buffer drops now, and those after them that it keeps.
    pub(crate) fn moves(&self) -> (u32, u32) {
        (self.first.wrapping_sub(self.first_before), self.next.start.wrapping_sub(self.first))
    }
}

/// The instructions that run in bands together, in order. A walk tells what is computed when, for the run, for the checks and
/// for the planner alike.
#[derive(Clone, Debug, Default)]
pub struct Stages(heapless::Vec<Stage, MAX_BANDED>);

impl Stages {
    /// Appends an instruction's. False if there are [`MAX_BANDED`] already.
    pub fn push(&mut self, stage: Stage) -> bool {
        self.0.push(stage).is_ok()
    }

    /// All of them.
    pub fn as_slice(&self) -> &[Stage] {
        &self.0
    }

    /// Decides what is computed next: which stage, and in it which rows. `None` when all of the output is there.
    pub(crate) fn advance(&mut self) -> Option<usize> {
        let mut position = self.0.len().checked_sub(1)?;
        let last = self.0.get(position)?;
        let mut wanted = last.done..last.done.wrapping_add(1);
        if wanted.start >= last.y_shape.h {
            return None;
        }
        loop {
            // All rows of the input are there.
            let there = match position.checked_sub(1) {
                Some(before) => self.0.get(before)?.done,
                None => u32::MAX,
            };
            let stage = self.0.get_mut(position)?;
            // Rows between two windows are not computed.
            stage.done = stage.done.max(wanted.start);
            let start = stage.done;
            let mut end = start;
            while end < wanted.end && stage.reads_to(end) <= there {
                end = end.wrapping_add(1);
            }
            if end > start {
                stage.next = Range32 { start, end };
                stage.done = end;
                let needed = self.0.get(position.wrapping_add(1)).map(|next| next.reads_from(next.done));
                let stage = self.0.get_mut(position)?;
                stage.first_before = stage.first;
                stage.first = needed.unwrap_or(stage.first).min(start);
                return Some(position);
            }
            wanted = stage.reads_from(start)..stage.reads_to(start);
            position = position.checked_sub(1)?;
        }
    }

    /// Calls `f` with everything that is computed, in order: the rows of which stage, and the stages as they are then.
    pub fn walk(&self, mut f: impl FnMut(usize, &[Stage])) {
        let mut walk = self.clone();
        while let Some(position) = walk.advance() {
            f(position, &walk.0);
        }
    }

    /// Rows that the line buffer behind each but the last one holds at most. Shapes must be those of checked instructions.
    pub fn line_rows(&self) -> [u32; MAX_BANDED] {
        let mut rows = [0; MAX_BANDED];
        self.walk(|position, stages| {
            if let (Some(rows), Some(stage)) = (rows.get_mut(position), stages.get(position)) {
                *rows = (*rows).max(stage.done.wrapping_sub(stage.first));
            }
        });
        rows
    }
}
