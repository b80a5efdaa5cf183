//! Layers whose weights are stored in fewer bits than they have, and unpacked some channels at a time.

use super::{Conv2d, FullyConnected};
use serde::{Deserialize, Serialize};

/// Longest code of a Huffman code, in bits.
pub const MAX_CODE_BITS: u32 = 12;

/// How the weights of a layer are packed. They are unpacked from the first to the last, `tile_channels` output channels at a
/// time, into scratch memory, in the layout that the dense kernel reads; it then computes these channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Packing {
    /// Output channels unpacked at a time, 1 or more.
    pub tile_channels: u32,
    /// Packed weights, in words of 16 bits.
    pub words: u32,
    /// What the words mean.
    pub code: WeightCode,
}

/// What packed weights mean. Offsets are into the weights section.
///
/// With [`Int4`](Self::Int4) the dense layout is packed, with the zeros that fill it up. With the others only real weights
/// are, in the order of the dense layout, first bit first: a word's highest bit comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WeightCode {
    /// Four weights of -8..=7 a word, in two's complement, in bits 0..4, 8..12, 4..8 and 12..16.
    Int4,
    /// Indices of `bits` bits into a table of `count` i8 at `values`; an index behind the table's end means 0.
    Palette {
        /// 1 to 8.
        bits: u8,
        /// Offset of the table.
        values: u32,
        /// 1 to `2^bits`.
        count: u32,
    },
    /// A canonical Huffman code: codes of one length are consecutive numbers, and follow shorter ones. At `table` lie
    /// [`MAX_CODE_BITS`] bytes, the number of codes of 1, 2, … bits, then `count` i8, what the codes stand for. Every
    /// sequence of bits is a sequence of codes.
    Huffman {
        /// Offset of the table.
        table: u32,
        /// Number of codes, 2 or more.
        count: u32,
    },
}

/// [`Conv2d`] with packed weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Conv2dPacked {
    /// With one group. `weights` is where the packed ones are, aligned to 2. Right behind its own scratch memory lies that of
    /// a tile, [`tile_bytes`](Self::tile_bytes) long. Input and output may only overlap if one tile holds all channels.
    pub conv: Conv2d,
    /// How its weights are packed.
    pub packing: Packing,
}

impl Conv2dPacked {
    /// Bytes of the weights of a tile. `None` if that does not fit `u32`.
    pub fn tile_bytes(&self) -> Option<u32> {
        self.conv.row_bytes()?.checked_mul(self.packing.tile_channels)
    }
}

/// [`FullyConnected`] with packed weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FullyConnectedPacked {
    /// `weights` is where the packed ones are, aligned to 2.
    pub dense: FullyConnected,
    /// Arena offset, aligned to 4, of [`tile_bytes`](Self::tile_bytes) that overlap neither input nor output.
    pub tile: u32,
    /// How its weights are packed; channels of a tile are a multiple of 4.
    pub packing: Packing,
}

impl FullyConnectedPacked {
    /// Bytes of the weights of a tile. `None` if that does not fit `u32`.
    pub fn tile_bytes(&self) -> Option<u32> {
        self.dense.in_n.checked_next_multiple_of(4)?.checked_mul(self.packing.tile_channels)
    }
}
