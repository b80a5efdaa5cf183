use super::conv2d::{check_operands, conv2d};
use super::unpack::Unpacker;
use super::{Limits, Memory, parameter, product};
use crate::error::Fault;
use crate::format::instruction::Conv2dPacked;
use crate::ops::Ops;

/// As [`conv2d`], of weights that are packed: some output channels of all pixels at a time. Patches are gathered anew for each
/// of these tiles, and weights are unpacked once.
///
/// Returns `None`, with the rest of the output untouched, if an operand is not there. `Model::load` has checked this.
pub(crate) fn run<O: Ops>(op: &Conv2dPacked, memory: &mut Memory) -> Option<()> {
    let conv = &op.conv;
    let (x_len, y_len) = (conv.x_shape.elements()?, conv.y_shape.elements()?);
    let (out_c, row_bytes, scratch_bytes) = (conv.y_shape.c, conv.row_bytes()?, conv.scratch_bytes()?);
    let taps = conv.window.kernel_h.checked_mul(conv.window.kernel_w)?.checked_mul(conv.x_shape.c)?;
    let mut table = [0; _];
    let mut unpacker = Unpacker::new(&op.packing, conv.weights, memory, &mut table)?;
    let scales = conv.requantize.scales(out_c, memory)?;
    let mut first = 0u32;
    while first < out_c {
        let channels = op.packing.tile_channels.min(out_c.wrapping_sub(first));
        let tile_bytes = channels.checked_mul(row_bytes)?;
        let scratch = (conv.scratch, scratch_bytes.checked_add(tile_bytes)?);
        // The output from these channels of the first pixel on.
        let y = (conv.y.checked_add(first)?, y_len.checked_sub(first)?);
        let mut split = memory.split((conv.x, x_len), scratch, y)?;
        let tile = split.take_scratch_end(scratch_bytes)?;
        unpacker.fill(tile, taps as usize, row_bytes as usize);
        let scales = scales.starting_at(first as usize)?;
        conv2d::<O>(conv, &mut split, bytemuck::cast_slice(tile), &scales, channels as usize)?;
        first = first.checked_add(channels).filter(|_| channels > 0)?;
    }
    Some(())
}

pub(crate) fn check<O: Ops>(op: &Conv2dPacked, limits: &Limits) -> Result<(), Fault> {
    let conv = &op.conv;
    check_operands::<O>(conv, limits)?;
    parameter(conv.groups == 1)?;
    let (x_shape, y_shape) = (conv.x_shape, conv.y_shape);
    let bytes = product(&[y_shape.c, conv.row_bytes().ok_or(Fault::Shape)?])?;
    op.packing.check(conv.weights, y_shape.c, bytes, limits)?;
    let tile = conv.scratch_bytes().and_then(|bytes| conv.scratch.checked_add(bytes)).ok_or(Fault::ArenaBounds)?;
    let tile = limits.arena::<u32>(tile, op.tile_bytes().ok_or(Fault::Shape)? / 4)?;
    let x = limits.arena::<i8>(conv.x, product(&[x_shape.h, x_shape.w, x_shape.c])?)?;
    let y = limits.arena::<i8>(conv.y, product(&[y_shape.h, y_shape.w, y_shape.c])?)?;
    tile.disjoint(x)?;
    tile.disjoint(y)?;
    // What a tile writes, the next one's input must not be.
    if op.packing.tile_channels < y_shape.c { x.disjoint(y) } else { Ok(()) }
}

#[cfg(test)]
#[path = "conv2d_packed/tests.rs"]
mod tests;
