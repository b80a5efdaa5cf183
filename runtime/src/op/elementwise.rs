//! Element-wise kernels: broadcasting, and outputs that may lie exactly where an input lies.

use super::{Fault, Limits, Memory, Span, parameter};
use crate::format::instruction::{Binary, BinaryF32, Operand};
use bytemuck::Pod;
use core::num::NonZeroU32;

/// Elements handled at a time. Operands are copied to the stack first, so the output may be one of them.
const BLOCK: usize = 64;

/// Where the operands of a binary kernel lie, and how the second one is broadcast.
#[derive(Clone, Copy)]
pub(crate) struct Operands {
    pub a: Operand,
    pub b: Operand,
    pub y: u32,
    pub len: u32,
    pub b_len: u32,
    pub b_inner: u32,
}

impl From<&Binary> for Operands {
    fn from(op: &Binary) -> Self {
        Self { a: op.a, b: op.b, y: op.y, len: op.len, b_len: op.b_len, b_inner: op.b_inner }
    }
}

impl From<&BinaryF32> for Operands {
    fn from(op: &BinaryF32) -> Self {
        Self { a: op.a, b: op.b, y: op.y, len: op.len, b_len: op.b_len, b_inner: op.b_inner }
    }
}

impl Operands {
    pub fn check<T: Pod>(&self, limits: &Limits) -> Result<(), Fault> {
        parameter(self.b_inner > 0)?;
        if self.len == 0 || self.b_len == 0 || self.len > i32::MAX as u32 || self.b_inner > i32::MAX as u32 {
            return Err(Fault::Shape);
        }
        let y = limits.arena::<T>(self.y, self.len)?;
        check_operand::<T>(self.a, self.len, y, limits)?;
        check_operand::<T>(self.b, self.b_len, y, limits)
    }

    /// Calls `f` with blocks of `a`, of the elements of `b` that meet them, and of `y` to write; all equally long.
    pub fn run<T: Pod>(&self, memory: &mut Memory, f: impl Fn(&[T], &[T], &mut [T])) -> Option<()> {
        let (mut a, mut b) = ([T::zeroed(); BLOCK], [T::zeroed(); BLOCK]);
        let mut broadcast = Broadcast::new(self)?;
        let mut start = 0;
        while start < self.len {
            let n = self.len.wrapping_sub(start).min(BLOCK as u32);
            let a = a.get_mut(..n as usize)?;
            let b = b.get_mut(..n as usize)?;
            let from_a = fetch(memory, self.a, self.len)?.get(start as usize..)?;
            a.iter_mut().zip(from_a).for_each(|(to, &from)| *to = from);
            broadcast.fill(b, fetch(memory, self.b, self.b_len)?)?;
            let y = memory.arena(self.y, self.len)?.get_mut(start as usize..)?.get_mut(..n as usize)?;
            f(a, b, y);
            start = start.wrapping_add(n);
        }
        Some(())
    }
}

fn check_operand<T: Pod>(operand: Operand, len: u32, y: Span, limits: &Limits) -> Result<(), Fault> {
    match operand {
        Operand::Arena(offset) => limits.arena::<T>(offset, len)?.disjoint_or_same(y),
        Operand::Weights(offset) => limits.weights::<T>(offset, len).map(drop),
    }
}

fn fetch<'s, T: Pod>(memory: &'s mut Memory, operand: Operand, len: u32) -> Option<&'s [T]> {
    match operand {
        Operand::Arena(offset) => memory.arena(offset, len).map(|x| &*x),
        Operand::Weights(offset) => memory.weights(offset, len),
    }
}

/// Walks `b` alongside `a`: element `i` of `a` meets element `(i / b_inner) % b_len` of `b`.
struct Broadcast {
    inner: NonZeroU32,
    /// Elements of `a` that still meet the element at `index`.
    left: u32,
    index: usize,
}

impl Broadcast {
    fn new(op: &Operands) -> Option<Self> {
        let inner = NonZeroU32::new(op.b_inner)?;
        Some(Self { inner, left: inner.get(), index: 0 })
    }

    fn fill<T: Copy>(&mut self, to: &mut [T], b: &[T]) -> Option<()> {
        if self.inner.get() == 1 {
            // Often `b` is as long as `a`, or a whole number of channels: copy up to its end, then start again.
            let mut to = to;
            while !to.is_empty() {
                let from = b.get(self.index..)?;
                let n = from.len().min(to.len());
                let (head, tail) = to.split_at_mut_checked(n)?;
                head.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
                self.index = self.index.wrapping_add(n);
                if self.index >= b.len() {
                    self.index = 0;
                }
                if n == 0 {
                    return None;
                }
                to = tail;
            }
            return Some(());
        }
        for to in to {
            *to = *b.get(self.index)?;
            self.left = self.left.wrapping_sub(1);
            if self.left == 0 {
                self.left = self.inner.get();
                self.index = self.index.wrapping_add(1);
                if self.index >= b.len() {
                    self.index = 0;
                }
            }
        }
        Some(())
    }
}

/// Checks an input and an output of `len` elements each that are the same bytes or do not overlap.
pub(crate) fn check_unary<T: Pod>(x: u32, y: u32, len: u32, limits: &Limits) -> Result<(), Fault> {
    if len == 0 || len > i32::MAX as u32 {
        return Err(Fault::Shape);
    }
    limits.arena::<T>(x, len)?.disjoint_or_same(limits.arena::<T>(y, len)?)
}

/// The output, already holding the input: the kernel changes it in place.
pub(crate) fn in_place<'s, T: Pod>(memory: &'s mut Memory, x: u32, y: u32, len: u32) -> Option<&'s mut [T]> {
    if x != y {
        let (x, y) = memory.x_y::<T, T>(x, len, y, len)?;
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = x);
    }
    memory.arena(y, len)
}

#[cfg(test)]
#[path = "elementwise/tests.rs"]
mod tests;
