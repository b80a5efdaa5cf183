//! The arena as a kernel with scratch memory sees it: input and output may overlap, the scratch overlaps neither.

use super::Memory;
use core::ops::Range;

/// Input, scratch and output of one instruction. Input and output are never borrowed at the same time.
pub(crate) struct Split<'a> {
    below: &'a mut [u8],
    scratch: &'a mut [u8],
    above: &'a mut [u8],
    x: Place,
    y: Place,
}

/// A range on one side of the scratch memory.
struct Place {
    above: bool,
    range: Range<usize>,
}

/// First elements of input, output and scratch memory, and how many there are.
#[cfg(any(kernel_arm_dsp, kernel_thumb))]
pub(crate) struct Places {
    pub x: *const i8,
    pub x_len: usize,
    pub y: *mut i8,
    pub y_len: usize,
    /// Aligned, if there are any.
    pub scratch: *mut u32,
    pub scratch_words: usize,
}

impl Memory<'_, '_> {
    /// Each pair is a byte offset in the arena and a length. `None` if something is out of bounds or the scratch
    /// overlaps what it must not, which `check` excludes. The scratch must start at a multiple of 4.
    pub fn split(&mut self, x: (u32, u32), scratch: (u32, u32), y: (u32, u32)) -> Option<Split<'_>> {
        Split::new(self.arena, x, scratch, y)
    }
}

impl<'a> Split<'a> {
    pub fn new(arena: &'a mut [u8], x: (u32, u32), scratch: (u32, u32), y: (u32, u32)) -> Option<Self> {
        let start = scratch.0 as usize;
        let (below, rest) = arena.split_at_mut_checked(start)?;
        let (middle, above) = rest.split_at_mut_checked(scratch.1 as usize)?;
        let end = start.checked_add(scratch.1 as usize)?;
        let place = |(offset, len): (u32, u32)| {
            let (offset, len) = (offset as usize, len as usize);
            let above = offset >= end;
            let offset = if above { offset.wrapping_sub(end) } else { offset };
            Some(Place { above, range: offset..offset.checked_add(len)? })
        };
        let split = Self { below, scratch: middle, above, x: place(x)?, y: place(y)? };
        let inside = |place: &Place| {
            let side = if place.above { &*split.above } else { &*split.below };
            place.range.end <= side.len()
        };
        if inside(&split.x) && inside(&split.y) { Some(split) } else { None }
    }

    /// Sets the scratch memory to 0; by words, so that firmware links no other way of doing it.
    #[inline(never)]
    pub fn clear_scratch(&mut self) -> Option<()> {
        bytemuck::try_cast_slice_mut::<u8, u32>(self.scratch).ok()?.fill(0);
        Some(())
    }

    /// Takes the scratch memory from byte `start` on away, for something else. `None` if it is not in words.
    pub fn take_scratch_end(&mut self, start: u32) -> Option<&'a mut [u32]> {
        let (scratch, end) = core::mem::take(&mut self.scratch).split_at_mut_checked(start as usize)?;
        self.scratch = scratch;
        bytemuck::try_cast_slice_mut(end).ok()
    }

    /// All three, for kernels in assembly that read and write by turns.
    #[cfg(any(kernel_arm_dsp, kernel_thumb))]
    pub fn places(&mut self) -> Places {
        let mut start = |place: &Place| {
            let side = if place.above { &mut *self.above } else { &mut *self.below };
            side.as_mut_ptr().wrapping_add(place.range.start).cast::<i8>()
        };
        Places {
            x: start(&self.x).cast_const(),
            x_len: self.x.range.len(),
            y: start(&self.y),
            y_len: self.y.range.len(),
            scratch: self.scratch.as_mut_ptr().cast(),
            scratch_words: if self.scratch.as_ptr().addr().is_multiple_of(4) { self.scratch.len() / 4 } else { 0 },
        }
    }

    /// The whole input.
    #[inline]
    pub fn x(&self) -> Option<&[i8]> {
        let side = if self.x.above { &*self.above } else { &*self.below };
        bytemuck::try_cast_slice(side.get(self.x.range.clone())?).ok()
    }

    /// The whole input, and the scratch memory to write.
    pub fn x_scratch(&mut self) -> Option<(&[i8], &mut [u32])> {
        let side = if self.x.above { &*self.above } else { &*self.below };
        let x = bytemuck::try_cast_slice(side.get(self.x.range.clone())?).ok()?;
        Some((x, bytemuck::try_cast_slice_mut(self.scratch).ok()?))
    }

    /// The scratch memory, and the whole output to write.
    pub fn scratch_y(&mut self) -> Option<(&[u32], &mut [i8])> {
        let side = if self.y.above { &mut *self.above } else { &mut *self.below };
        let y = bytemuck::try_cast_slice_mut(side.get_mut(self.y.range.clone())?).ok()?;
        Some((bytemuck::try_cast_slice(self.scratch).ok()?, y))
    }
}
