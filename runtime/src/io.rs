//! Between a caller's arrays, in the source network's order, and the arena's.

use crate::format::{DType, MAX_RANK, Port};
use crate::op::quantize::{quantize_value, round_ratio};
use bytemuck::Pod;
use core::ops::Range;

/// Where a port lies in the arena. `Model::load` has checked that it does.
fn range(port: &Port) -> Range<usize> {
    let start = port.offset as usize;
    start..start.saturating_add(port.bytes().unwrap_or(0) as usize)
}

pub(crate) fn bytes<'a>(arena: &'a [u8], port: &Port) -> &'a [u8] {
    arena.get(range(port)).unwrap_or_default()
}

pub(crate) fn bytes_mut<'a>(arena: &'a mut [u8], port: &Port) -> &'a mut [u8] {
    arena.get_mut(range(port)).unwrap_or_default()
}

pub(crate) fn cast<'a, T: Pod>(arena: &'a [u8], port: &Port) -> &'a [T] {
    bytemuck::try_cast_slice(bytes(arena, port)).unwrap_or_default()
}

pub(crate) fn cast_mut<'a, T: Pod>(arena: &'a mut [u8], port: &Port) -> &'a mut [T] {
    bytemuck::try_cast_slice_mut(bytes_mut(arena, port)).unwrap_or_default()
}

/// `values` in source order.
pub(crate) fn write_f32(arena: &mut [u8], port: &Port, values: &[f32]) {
    match port.dtype {
        DType::F32 => gather(cast_mut(arena, port), port, values, |v| v),
        DType::I16 => gather(cast_mut(arena, port), port, values, |v| saturate(round_ratio(v, port.scale))),
        _ => gather(cast_mut(arena, port), port, values, |v| quantize_value(v, port.scale, port.zero_point as i8)),
    }
}

/// `values` in source order.
pub(crate) fn read_f32(arena: &[u8], port: &Port, values: &mut [f32]) {
    match port.dtype {
        DType::F32 => scatter(cast(arena, port), port, values, |v| v),
        DType::I16 => scatter(cast(arena, port), port, values, |q: i16| port.scale * f32::from(q)),
        _ => scatter(cast(arena, port), port, values, |q: i8| port.scale * (i32::from(q) - port.zero_point) as f32),
    }
}

fn saturate(x: i32) -> i16 {
    x.max(i16::MIN.into()).min(i16::MAX.into()) as i16
}

/// Stored values in source order: only permutes.
pub(crate) fn write_stored<T: Pod>(arena: &mut [u8], port: &Port, values: &[T]) {
    gather(cast_mut(arena, port), port, values, |q| q);
}

/// As [`write_stored`], the other way.
pub(crate) fn read_stored<T: Pod>(arena: &[u8], port: &Port, values: &mut [T]) {
    scatter(cast(arena, port), port, values, |q| q);
}

fn gather<S: Copy, T>(stored: &mut [T], port: &Port, source: &[S], convert: impl Fn(S) -> T) {
    for (stored, at) in stored.iter_mut().zip(SourceOrder::new(port)) {
        if let Some(&value) = source.get(at) {
            *stored = convert(value);
        }
    }
}

fn scatter<T: Copy, S>(stored: &[T], port: &Port, source: &mut [S], convert: impl Fn(T) -> S) {
    for (&stored, at) in stored.iter().zip(SourceOrder::new(port)) {
        if let Some(value) = source.get_mut(at) {
            *value = convert(stored);
        }
    }
}

/// For each element in stored order, its index in the source's array.
struct SourceOrder {
    axes: [Axis; MAX_RANK],
    at: usize,
}

/// One stored axis.
#[derive(Clone, Copy, Default)]
struct Axis {
    size: u32,
    position: u32,
    /// Elements of the source's array between neighbours on this axis.
    step: usize,
}

impl SourceOrder {
    fn new(port: &Port) -> Self {
        let mut axes = [Axis::default(); MAX_RANK];
        for (axis, (&size, &source_axis)) in axes.iter_mut().zip(port.shape.iter().zip(&port.source_axes)) {
            let inner = port.shape.iter().zip(&port.source_axes).filter(|&(_, &other)| other > source_axis);
            let step = inner.fold(1usize, |step, (&size, _)| step.wrapping_mul(size as usize));
            *axis = Axis { size, position: 0, step };
        }
        Self { axes, at: 0 }
    }
}

/// Endless: unused axes have size 0 and never advance; the stored elements end the walk.
impl Iterator for SourceOrder {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let at = self.at;
        for axis in self.axes.iter_mut().rev().filter(|axis| axis.size != 0) {
            axis.position = axis.position.wrapping_add(1);
            self.at = self.at.wrapping_add(axis.step);
            if axis.position < axis.size {
                break;
            }
            axis.position = 0;
            self.at = self.at.wrapping_sub(axis.step.wrapping_mul(axis.size as usize));
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests;
