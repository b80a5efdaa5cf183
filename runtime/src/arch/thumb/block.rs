//! Four pixels and any number of filters.

use super::super::{Block, Channel, SLOTS, Store};
use super::limits::Limits;
use super::{is_loadable, isa};
use crate::format::Rounding;

/// What the assembly reads, and the places that it moves on.
#[repr(C)]
pub(super) struct Job {
    patches: *const u32,
    weights: *const i8,
    row_bytes: usize,
    channel: *const Channel,
    channels_end: *const Channel,
    y: *mut i8,
    y_stride: usize,
    limits: Limits,
}

/// See [`portable::convolve_block`](super::super::portable::convolve_block).
#[inline(never)]
pub(crate) fn convolve_block(block: &Block<'_>, y: &mut [i8], y_stride: usize) {
    // SAFETY: limits of outputs.
    if unsafe { run(block, block.store.into(), y, y_stride) }.is_none() {
        convolve_any(block, y, y_stride);
    }
}

/// Computes what `limits` say. `None`, with nothing done, if a slice is too short, weights cannot be loaded as words, or
/// sizes are extreme.
///
/// # Safety
/// `limits` are of outputs, or keep the sums of one channel.
unsafe fn run(block: &Block<'_>, limits: Limits, y: &mut [i8], y_stride: usize) -> Option<()> {
    let (row_bytes, count) = (block.row_bytes, block.channels.len());
    let small = row_bytes <= Channel::MAX_TAPS && count <= 1 << 10 && y_stride <= 1 << 24;
    let fits = block.patches.len() >= row_bytes.wrapping_mul(2)
        && block.weights.len() >= row_bytes.wrapping_mul(count)
        && y.len() >= y_stride.wrapping_mul(SLOTS - 1).wrapping_add(count);
    let words = row_bytes.is_multiple_of(4) && is_loadable(block.weights.as_ptr().addr());
    if !(small && fits && words) || row_bytes == 0 || count == 0 {
        return None;
    }
    let channels = block.channels.as_ptr_range();
    let mut job = Job {
        patches: block.patches.as_ptr(),
        weights: block.weights.as_ptr(),
        row_bytes,
        channel: channels.start,
        channels_end: channels.end,
        y: y.as_mut_ptr(),
        y_stride,
        limits,
    };
    // SAFETY: the products above are small, so patches, weights and `y` have what `SLOTS` pixels and `count` filters
    // need; there is at least one filter, of at least four weights, which can be loaded as words.
    unsafe { isa::convolve_block(&mut job) };
    Some(())
}

/// As [`convolve_block`], without assembly.
#[cold]
#[inline(never)]
fn convolve_any(block: &Block<'_>, y: &mut [i8], y_stride: usize) {
    for (f, channel) in block.channels.iter().enumerate() {
        let row = block.weights.get(f.wrapping_mul(block.row_bytes)..).and_then(|w| w.get(..block.row_bytes));
        let mut at = f;
        for sum in isa::dot_patches(block.patches, row.unwrap_or_default(), channel.bias) {
            if let Some(y) = y.get_mut(at) {
                *y = channel.output(sum, block.store);
            }
            at = at.wrapping_add(y_stride);
        }
    }
}

/// For every slot: `acc + sum(patch[k] * w[k])`. `w` is a multiple of 4 long.
#[cold]
#[inline(never)]
pub(crate) fn dot_patches(patches: &[u32], w: &[i8], acc: i32) -> [i32; SLOTS] {
    let (mut sums, mut y) = ([0; SLOTS], [0; SLOTS]);
    let mut channel = Channel::default();
    channel.bias = acc;
    let store = Store { rounding: Rounding::Single, min: 0, max: 0 };
    let block = Block { patches, weights: w, row_bytes: w.len(), channels: &[channel], store };
    // SAFETY: one channel, so there are as many sums as places for them.
    let run = unsafe { run(&block, Limits::keep(&mut sums), &mut y, 1) };
    if run.is_some() { sums } else { isa::dot_patches(patches, w, acc) }
}
