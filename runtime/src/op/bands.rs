//! Instructions that run together, row by row of the last one's output: see [`Bands`].

use super::{Limits, Memory, Span, dispatch, parameter, product};
use crate::error::Fault;
use crate::format::Instruction;
use crate::format::instruction::{Bands, Conv2d, Hwc, MAX_BANDED, Pool2d, RowOrder, Stage, Stages, Window};
use crate::observer::Observer;
use crate::ops::Ops;

/// What of an instruction is different for some of its rows.
struct Operands<'i> {
    x: &'i mut u32,
    y: &'i mut u32,
    x_shape: &'i mut Hwc,
    y_shape: &'i mut Hwc,
    window: &'i mut Window,
    /// Where its scratch memory is, and how many bytes it needs.
    scratch: Option<(&'i mut u32, u32)>,
}

impl<'i> Operands<'i> {
    fn of(instruction: &'i mut Instruction) -> Option<Self> {
        match instruction {
            Instruction::Conv2d(op) => {
                let bytes = op.scratch_bytes()?;
                Some(Self {
                    x: &mut op.x,
                    y: &mut op.y,
                    x_shape: &mut op.x_shape,
                    y_shape: &mut op.y_shape,
                    window: &mut op.window,
                    scratch: Some((&mut op.scratch, bytes)),
                })
            }
            Instruction::Conv2dSparse(op) => {
                let bytes = op.scratch_bytes()?;
                let Conv2d { x, y, scratch, x_shape, y_shape, window, .. } = &mut op.conv;
                Some(Self { x, y, x_shape, y_shape, window, scratch: Some((scratch, bytes)) })
            }
            Instruction::DepthwiseConv2d(op) => Some(Self {
                x: &mut op.x,
                y: &mut op.y,
                x_shape: &mut op.x_shape,
                y_shape: &mut op.y_shape,
                window: &mut op.window,
                scratch: if op.scratch_bytes == 0 { None } else { Some((&mut op.scratch, op.scratch_bytes)) },
            }),
            Instruction::MaxPool2d(op) | Instruction::AveragePool2d(op) => {
                let Pool2d { x, y, x_shape, y_shape, window, .. } = op;
                Some(Self { x, y, x_shape, y_shape, window, scratch: None })
            }
            _ => None,
        }
    }
}

/// Runs the instructions after a [`Bands`] at `index`, which are the first of `following`. The observer sees each of them
/// once for every band, with the operands that it has in it.
#[inline(never)]
pub(crate) fn run<O: Ops>(
    bands: &Bands,
    index: usize,
    following: impl Iterator<Item = Instruction> + Clone,
    memory: &mut Memory,
    observer: &mut (impl Observer + ?Sized),
) -> Option<()> {
    let mut stages = Stages::default();
    // From where each is decoded whenever it runs.
    let mut places = heapless::Vec::<_, MAX_BANDED>::new();
    let mut following = following;
    for _ in 0..bands.count {
        places.push(following.clone()).ok()?;
        stages.push(Stage::of(&following.next()?)?).then_some(())?;
    }
    let last = stages.as_slice().len().wrapping_sub(1);
    while let Some(position) = stages.advance() {
        let stage = stages.as_slice().get(position)?;
        let mut band = places.get(position)?.clone().next()?;
        let Operands { x, y, x_shape, y_shape, window, .. } = Operands::of(&mut band)?;
        let (x_row, y_row) = stage.row_bytes();
        let (rows, reads) = (stage.rows(), stage.reads());
        if position < last {
            drop_rows(memory, *y, stage.moves(), y_row)?;
        }
        // The first row in what the instruction reads, and in what it writes.
        let before = position.checked_sub(1).and_then(|before| stages.as_slice().get(before));
        let x_first = before.map_or(0, Stage::first);
        let y_first = if position < last { stage.first() } else { 0 };
        *x = x.wrapping_add(reads.start.wrapping_sub(x_first).wrapping_mul(x_row));
        *y = y.wrapping_add(rows.start.wrapping_sub(y_first).wrapping_mul(y_row));
        x_shape.h = reads.end.wrapping_sub(reads.start);
        y_shape.h = rows.end.wrapping_sub(rows.start);
        window.pad_top = stage.pad_top();
        let at = index.wrapping_add(1).wrapping_add(position);
        observer.before(at, &band);
        dispatch::run_decoded::<O>(&band, memory)?;
        observer.after(at, &band, memory.arena);
    }
    Some(())
}

/// Moves the rows that a line buffer at `line` keeps to its start, over those that it drops.
fn drop_rows(memory: &mut Memory, line: u32, (drop, keep): (u32, u32), row_bytes: u32) -> Option<()> {
    if drop == 0 || keep == 0 {
        return Some(());
    }
    let (drop, keep) = (drop.checked_mul(row_bytes)?, keep.checked_mul(row_bytes)?);
    let end = drop.checked_add(keep)?;
    if (line | drop | keep).is_multiple_of(4) {
        shift(memory.arena::<u32>(line, end / 4)?, drop as usize / 4)
    } else {
        shift(memory.arena::<u8>(line, end)?, drop as usize)
    }
}

/// Moves all elements but the first `by` to the start. Not `copy_within`, which is a kilobyte and a half of flash.
fn shift<T: Copy>(elements: &mut [T], by: usize) -> Option<()> {
    for from in by..elements.len() {
        let element = *elements.get(from)?;
        *elements.get_mut(from.wrapping_sub(by))? = element;
    }
    Some(())
}

/// The checks of instructions that run in bands: of each as it comes, and of all together after the last one.
#[derive(Default)]
pub(crate) struct Chain {
    left: u32,
    stages: Stages,
    /// Where the first one reads.
    x: u32,
    /// Where each writes.
    writes: heapless::Vec<u32, MAX_BANDED>,
    scratch: heapless::Vec<Span, MAX_BANDED>,
}

impl Chain {
    pub fn new(bands: &Bands) -> Self {
        Self { left: bands.count, ..Self::default() }
    }

    /// True while instructions of it are to come.
    pub fn is_open(&self) -> bool {
        self.left > 0
    }

    /// Checks the next instruction.
    pub fn push<O: Ops>(&mut self, instruction: &Instruction, limits: &Limits) -> Result<(), Fault> {
        let stage = Stage::of(instruction).ok_or(Fault::Parameter)?;
        let mut apart = *instruction;
        let Operands { x, y, x_shape, scratch, .. } = Operands::of(&mut apart).ok_or(Fault::Shape)?;
        let (x_at, y_at) = (*x, *y);
        // Its own rules, with all of its maps in an arena that is large enough for them.
        (*x, *y) = (0, product(&[x_shape.h, x_shape.w, x_shape.c])?);
        let y_elements = product(&[stage.y_shape.h, stage.y_shape.w, stage.y_shape.c])?;
        if let Some((scratch, bytes)) = scratch {
            let span = limits.arena::<u32>(*scratch, bytes / 4)?;
            let free = y.checked_add(y_elements).and_then(|end| end.checked_next_multiple_of(4));
            *scratch = free.ok_or(Fault::ArenaBounds)?;
            self.scratch.push(span).map_err(|_| Fault::Parameter)?;
        }
        dispatch::check::<O>(&apart, &Limits { arena_bytes: u32::MAX, ..*limits })?;
        match (self.stages.as_slice().last(), self.writes.last()) {
            (Some(before), Some(&written)) => {
                parameter(before.y_shape == stage.x_shape && written == x_at)?;
            }
            _ => self.x = x_at,
        }
        self.writes.push(y_at).map_err(|_| Fault::Parameter)?;
        parameter(self.stages.push(stage))?;
        self.left = self.left.wrapping_sub(1);
        if self.left == 0 { self.check_memory(limits) } else { Ok(()) }
    }

    /// Input, output, line buffers and scratch memories are inside the arena, and overlap only as they may.
    #[inline(never)]
    fn check_memory(&self, limits: &Limits) -> Result<(), Fault> {
        let stages = self.stages.as_slice();
        let (Some(first), Some(last), Some(&y_at)) = (stages.first(), stages.last(), self.writes.last()) else {
            return Err(Fault::Parameter);
        };
        let bytes = |shape: Hwc| product(&[shape.h, shape.w, shape.c]);
        let x = limits.arena::<i8>(self.x, bytes(first.x_shape)?)?;
        let y = limits.arena::<i8>(y_at, bytes(last.y_shape)?)?;
        if x.overlaps(y) && !self.stages.distances().allow(self.x, y_at, RowOrder::TopDown) {
            return Err(Fault::Overlap);
        }
        let mut lines: heapless::Vec<Span, MAX_BANDED> = heapless::Vec::new();
        let inner = stages.len().wrapping_sub(1);
        for ((stage, &at), rows) in stages.iter().zip(&self.writes).zip(self.stages.line_rows()).take(inner) {
            let line = limits.arena::<i8>(at, product(&[rows, stage.row_bytes().1])?)?;
            for other in lines.iter().chain(&[x, y]) {
                line.disjoint(*other)?;
            }
            lines.push(line).map_err(|_| Fault::Parameter)?;
        }
        for scratch in &self.scratch {
            for other in lines.iter().chain(&[x, y]) {
                scratch.disjoint(*other)?;
            }
        }
        Ok(())
    }
}

/// The instruction itself, which only says that those after it run in bands.
pub(crate) mod header {
    use super::*;

    pub(crate) fn check(op: &Bands, _: &Limits) -> Result<(), Fault> {
        parameter((2..=MAX_BANDED as u32).contains(&op.count))
    }

    pub(crate) fn run(_: &Bands, _: &mut Memory) -> Option<()> {
        Some(())
    }
}

#[cfg(test)]
#[path = "bands/tests.rs"]
mod tests;
