//! One file per kernel. Each has, in this order: the pure function on slices (the meaning of the op), `check` (every
//! rule that [`crate::Model::load`] enforces) and `run` (fetch the operands, call the function).
//!
//! `run` may rely on `check`, but never panics nor indexes out of bounds even if it could not: operands that cannot be
//! fetched end the instruction.

pub mod add;
pub mod average_pool2d;
pub mod bands;
pub mod conv2d;
pub mod conv2d_packed;
pub mod conv2d_sparse;
pub mod conv2d_winograd;
pub mod depthwise_conv2d;
pub mod dequantize;
#[cfg(feature = "f32")]
pub mod f32;
pub mod fully_connected;
pub mod fully_connected_packed;
pub mod int16;
pub mod lookup;
pub mod lstm;
pub mod max_pool2d;
pub mod mean;
pub mod mul;
pub mod pad;
pub mod quantize;
pub mod requantize;
pub mod softmax;
pub mod strided_copy;
pub mod sub;
pub mod transpose;

pub mod dispatch;
mod elementwise;
mod pool;
mod scales;
pub(crate) mod split;
#[cfg(test)]
pub(crate) mod testing;
mod unpack;
mod window;

use crate::error::Fault;
use crate::format::Rounding;
use bytemuck::Pod;

/// What instructions are checked against.
#[derive(Clone, Copy)]
pub(crate) struct Limits<'m> {
    pub arena_bytes: u32,
    /// The weights section: multipliers and shifts are checked one by one.
    pub weights: &'m [u8],
    pub rounding: Rounding,
}

/// A checked byte range of the arena.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn overlaps(self, other: Span) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// `Ok` if the two do not overlap.
    pub fn disjoint(self, other: Span) -> Result<(), Fault> {
        if self.overlaps(other) { Err(Fault::Overlap) } else { Ok(()) }
    }

    /// `Ok` if the two do not overlap, or start at the same byte and are equally long.
    pub fn disjoint_or_same(self, other: Span) -> Result<(), Fault> {
        if self == other { Ok(()) } else { self.disjoint(other) }
    }
}

/// Product of sizes; `Fault::Shape` if one is 0 or the product is 2^31 or more.
pub(crate) fn product(sizes: &[u32]) -> Result<u32, Fault> {
    let n = sizes.iter().try_fold(1u32, |n, &s| n.checked_mul(s)).ok_or(Fault::Shape)?;
    if n == 0 || n > i32::MAX as u32 { Err(Fault::Shape) } else { Ok(n) }
}

/// `Ok` if `ok`, else `Fault::Parameter`.
pub(crate) fn parameter(ok: bool) -> Result<(), Fault> {
    if ok { Ok(()) } else { Err(Fault::Parameter) }
}

fn range(offset: u32, elements: u32, element_bytes: u32, limit: u32, fault: Fault) -> Result<Span, Fault> {
    if element_bytes == 0 || !offset.is_multiple_of(element_bytes) {
        return Err(Fault::Alignment);
    }
    let bytes = elements.checked_mul(element_bytes).ok_or(fault)?;
    let end = offset.checked_add(bytes).ok_or(fault)?;
    if end > limit { Err(fault) } else { Ok(Span { start: offset, end }) }
}

impl<'m> Limits<'m> {
    /// Checks `elements` elements of `T` at `offset` in the arena.
    pub fn arena<T>(&self, offset: u32, elements: u32) -> Result<Span, Fault> {
        self.arena_of(offset, elements, size_of::<T>() as u32)
    }

    /// As [`arena`](Self::arena), of elements of `size` bytes.
    pub fn arena_of(&self, offset: u32, elements: u32, size: u32) -> Result<Span, Fault> {
        range(offset, elements, size, self.arena_bytes, Fault::ArenaBounds)
    }

    /// Checks `elements` elements of `T` at `offset` in the weights section, and returns them.
    pub fn weights<T: Pod>(&self, offset: u32, elements: u32) -> Result<&'m [T], Fault> {
        let limit = u32::try_from(self.weights.len()).unwrap_or(u32::MAX);
        let span = range(offset, elements, size_of::<T>() as u32, limit, Fault::WeightsBounds)?;
        let bytes = self.weights.get(span.start as usize..span.end as usize).ok_or(Fault::WeightsBounds)?;
        bytemuck::try_cast_slice(bytes).map_err(|_| Fault::Alignment)
    }

    /// Checks `bytes` int8 weights at `offset` that kernels read a word at a time.
    pub fn weight_words(&self, offset: u32, bytes: u32) -> Result<(), Fault> {
        if offset.is_multiple_of(4) { self.weights::<i8>(offset, bytes).map(|_| ()) } else { Err(Fault::Alignment) }
    }
}

/// The memory an instruction runs on.
pub(crate) struct Memory<'m, 'a> {
    pub arena: &'a mut [u8],
    pub weights: &'m [u8],
    pub rounding: Rounding,
}

fn bytes_of<T>(offset: u32, elements: u32) -> Option<core::ops::Range<usize>> {
    let bytes = (elements as usize).checked_mul(size_of::<T>())?;
    Some(offset as usize..(offset as usize).checked_add(bytes)?)
}

impl<'m> Memory<'m, '_> {
    /// `elements` constants of type `T` at `offset`.
    pub fn weights<T: Pod>(&self, offset: u32, elements: u32) -> Option<&'m [T]> {
        bytemuck::try_cast_slice(self.weights.get(bytes_of::<T>(offset, elements)?)?).ok()
    }

    /// `elements` elements of type `T` at `offset` in the arena.
    pub fn arena<T: Pod>(&mut self, offset: u32, elements: u32) -> Option<&mut [T]> {
        bytemuck::try_cast_slice_mut(self.arena.get_mut(bytes_of::<T>(offset, elements)?)?).ok()
    }

    /// Two ranges of the arena that do not overlap: an input to read and an output to write.
    pub fn x_y<X: Pod, Y: Pod>(&mut self, x: u32, x_len: u32, y: u32, y_len: u32) -> Option<(&[X], &mut [Y])> {
        let (x, y) = (bytes_of::<X>(x, x_len)?, bytes_of::<Y>(y, y_len)?);
        let [x, y] = self.arena.get_disjoint_mut([x, y]).ok()?;
        Some((bytemuck::try_cast_slice(x).ok()?, bytemuck::try_cast_slice_mut(y).ok()?))
    }
}
