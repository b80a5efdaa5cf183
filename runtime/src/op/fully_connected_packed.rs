use super::fully_connected::{check_operands, fully_connected};
use super::unpack::Unpacker;
use super::{Limits, Memory, bytes_of, parameter};
use crate::error::Fault;
use crate::format::instruction::{FullyConnected, FullyConnectedPacked};
use crate::ops::Ops;

/// As [`fully_connected`], of weights that are packed: some outputs of all rows at a time.
///
/// Returns `None`, with the rest of the output untouched, if an operand is not there. `Model::load` has checked this.
pub(crate) fn run<O: Ops>(op: &FullyConnectedPacked, memory: &mut Memory) -> Option<()> {
    let dense = &op.dense;
    let (in_n, out_n) = (dense.in_n as usize, dense.out_n as usize);
    let row_bytes = dense.in_n.checked_next_multiple_of(4)?;
    let (x_len, y_len) = (dense.rows.checked_mul(dense.in_n)?, dense.rows.checked_mul(dense.out_n)?);
    let mut table = [0; _];
    let mut unpacker = Unpacker::new(&op.packing, dense.weights, memory, &mut table)?;
    let scales = dense.requantize.scales(dense.out_n, memory)?;
    let tile = bytes_of::<u8>(op.tile, op.tile_bytes()?)?;
    let places = [bytes_of::<i8>(dense.x, x_len)?, tile, bytes_of::<i8>(dense.y, y_len)?];
    let [x, tile, y] = memory.arena.get_disjoint_mut(places).ok()?;
    let (x, y): (&[i8], &mut [i8]) = (bytemuck::cast_slice(x), bytemuck::cast_slice_mut(y));
    let tile: &mut [u32] = bytemuck::try_cast_slice_mut(tile).ok()?;
    let mut first = 0u32;
    while first < dense.out_n {
        let channels = op.packing.tile_channels.min(dense.out_n.wrapping_sub(first));
        // Four outputs lie side by side, four weights of each; there may be fewer in the last four.
        let (quads, rest) = (channels / 4, channels % 4);
        let (whole, last) = tile.split_at_mut_checked(quads.checked_mul(row_bytes)? as usize)?;
        unpacker.fill(whole, 16, 16);
        if rest > 0 {
            unpacker.fill(last.get_mut(..row_bytes as usize)?, rest.wrapping_mul(4) as usize, 16);
        }
        let weights: &[i8] = bytemuck::cast_slice(tile);
        let part = FullyConnected { rows: 1, out_n: channels, ..*dense };
        let (scales, first_output) = (scales.starting_at(first as usize)?, first as usize);
        let (mut x_at, mut y_at) = (0usize, first_output);
        for _ in 0..dense.rows {
            let y = y.get_mut(y_at..)?.get_mut(..channels as usize)?;
            fully_connected::<O>(&part, x.get(x_at..)?.get(..in_n)?, weights, &scales, y)?;
            (x_at, y_at) = (x_at.wrapping_add(in_n), y_at.wrapping_add(out_n));
        }
        first = first.checked_add(channels).filter(|_| channels > 0)?;
    }
    Some(())
}

pub(crate) fn check<O: Ops>(op: &FullyConnectedPacked, limits: &Limits) -> Result<(), Fault> {
    let dense = &op.dense;
    let (x, y) = check_operands::<O>(dense, limits)?;
    let padded = dense.out_n.checked_next_multiple_of(4).ok_or(Fault::Shape)?;
    op.packing.check(dense.weights, padded, dense.weight_bytes().ok_or(Fault::Shape)?, limits)?;
    parameter(op.packing.tile_channels.is_multiple_of(4))?;
    let tile = limits.arena::<u32>(op.tile, op.tile_bytes().ok_or(Fault::Shape)? / 4)?;
    tile.disjoint(x)?;
    tile.disjoint(y)
}

#[cfg(test)]
#[path = "fully_connected_packed/tests.rs"]
mod tests;
