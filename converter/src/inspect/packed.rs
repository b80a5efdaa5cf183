//! How small packed weights are.

use mote_runtime::format::Instruction;
use mote_runtime::format::instruction::{MAX_CODE_BITS, Packing, WeightCode};
use serde::Serialize;

/// Packed weights of an instruction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackedSummary {
    /// `int4`, `palette of 12 in 4 bits`, `huffman code of 180`.
    pub form: String,
    /// Bytes in the file, the table included.
    pub bytes: u32,
    /// What they would be as kernels read them.
    pub dense_bytes: u32,
    /// How many times some channels are unpacked and computed.
    pub tiles: u32,
    /// Channels of a tile.
    pub tile_channels: u32,
}

impl PackedSummary {
    /// Of an instruction that `Model::load` has accepted; `None` if its weights are not packed.
    pub fn of(instruction: &Instruction) -> Option<Self> {
        let (packing, dense_bytes, channels) = match instruction {
            Instruction::Conv2dPacked(op) => {
                (op.packing, op.conv.row_bytes()?.checked_mul(op.conv.y_shape.c)?, op.conv.y_shape.c)
            }
            Instruction::FullyConnectedPacked(op) => (op.packing, op.dense.weight_bytes()?, op.dense.out_n),
            _ => return None,
        };
        let Packing { tile_channels, words, code } = packing;
        let (form, table) = match code {
            WeightCode::Int4 => ("int4".into(), 0),
            WeightCode::Palette { bits, count, .. } => (format!("palette of {count} in {bits} bits"), count),
            WeightCode::Huffman { count, .. } => (format!("huffman code of {count}"), count + MAX_CODE_BITS),
        };
        let bytes = words.saturating_mul(2).saturating_add(table);
        Some(Self { form, bytes, dense_bytes, tiles: channels.div_ceil(tile_channels.max(1)), tile_channels })
    }

    /// In words: `huffman code of 180 in 6 tiles of 12 channels (13,504 of 18,432 B)`.
    pub fn text(&self) -> String {
        let Self { form, bytes, dense_bytes, tiles, tile_channels } = self;
        let tiles = if *tiles == 1 { "one tile".into() } else { format!("{tiles} tiles of {tile_channels} channels") };
        format!("{form}, {tiles} ({bytes} of {dense_bytes} B)")
    }
}
