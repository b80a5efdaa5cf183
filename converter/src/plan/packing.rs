//! Which layers store their weights packed, and how many channels of them are unpacked at a time.

use super::kernel::Kernel;
use crate::ir::{DType, Graph, Node, Op, Tensor};
use crate::pattern::fits;
use crate::quantize::QuantGraph;
use mote_runtime::format::pack::{filter_rows, quads};
use mote_runtime::format::packed::{self, Packed};

/// Bytes of scratch memory for a tile, if speed counts. Each tile of a convolution gathers its patches anew, which for four
/// channels takes about half as long as computing them, and for sixteen an eighth.
const TILE_BYTES: u32 = 4096;
/// Channels of the smallest tile: as many as kernels compute together.
const LEAST_CHANNELS: u32 = 4;
/// Bytes that a packed layer adds to the program, at most, and to align what follows.
const PROGRAM_BYTES: usize = 20;

/// Which layers are packed.
#[derive(Clone, Debug, Default)]
pub struct PackOptions {
    /// What becomes of layers that are not named.
    pub compression: Compression,
    /// Nodes whose weights are stored in four bits: names, `*` matches any text. Those with larger weights are not, and those
    /// whose source stores integers of -7..=7 are in any case.
    pub int4: Vec<String>,
}

/// What file size is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Weights are stored as kernels read them.
    #[default]
    None,
    /// Every layer is stored in its smallest form.
    Smallest,
}

/// How the weights of a node are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedLayer {
    /// In four bits, whatever else would be smaller.
    pub int4: bool,
    /// Output channels of a tile.
    pub tile_channels: u32,
    /// Bytes of scratch memory for a tile, behind what the dense kernel needs.
    pub tile_bytes: u32,
    /// All channels are in one tile, so that the output may lie over the input.
    pub one_tile: bool,
}

/// The order of a layer's weights in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Filters of so many weights, of a convolution.
    Filters(usize),
    /// Rows of so many weights, of a fully connected layer.
    Quads(usize),
}

impl Layout {
    /// Of a node with int8 weights that can be packed, and the weights.
    fn of<'g>(graph: &'g Graph, node: &Node) -> Option<(Self, &'g [i8])> {
        let x = graph.value(*node.inputs.first()?);
        let weights = *node.inputs.get(1)?;
        let Some(Tensor::I8 { data, .. }) = graph.constant(weights) else { return None };
        let per_channel: usize = graph.value(weights).shape.iter().skip(1).product();
        let layout = match (&node.op, Kernel::of(graph, node)) {
            (_, Some(Kernel::Conv2d(op))) if op.groups == 1 => Self::Filters(per_channel),
            (Op::FullyConnected { .. }, None) if x.dtype == DType::I8 => Self::Quads(per_channel),
            _ => return None,
        };
        (per_channel > 0 && !data.is_empty()).then_some((layout, data))
    }

    /// Weights of a channel.
    fn row(self) -> usize {
        let (Self::Filters(weights) | Self::Quads(weights)) = self;
        weights
    }

    /// As kernels read them.
    pub fn dense(self, weights: &[i8]) -> Vec<i8> {
        match self {
            Self::Filters(row) => filter_rows(weights, row),
            Self::Quads(in_n) => quads(weights, in_n),
        }
    }

    /// The smallest packed form, or four bits; the fastest of equally small ones. `None` if dense weights are smaller, or if
    /// there is none.
    pub fn pack(self, weights: &[i8], int4: bool) -> Option<Packed> {
        let dense = self.dense(weights);
        let four_bits = packed::int4(&dense);
        let forms = if int4 {
            [four_bits, None, None]
        } else {
            let in_order = match self {
                Self::Filters(_) => weights.to_vec(),
                Self::Quads(in_n) => packed::quads_in_order(weights, in_n),
            };
            [four_bits, packed::palette(&in_order), packed::huffman(&in_order)]
        };
        let smallest = forms.into_iter().flatten().min_by_key(Packed::bytes)?;
        (smallest.bytes() + PROGRAM_BYTES < dense.len()).then_some(smallest)
    }
}

/// Per node, how its weights are packed. `fast` spends scratch memory on larger tiles.
pub fn choose(quant: &QuantGraph, options: &PackOptions, fast: bool) -> Vec<Option<PackedLayer>> {
    let graph = &quant.graph;
    let limit = if fast { TILE_BYTES } else { 0 };
    let of = |node: &Node| {
        let (layout, weights) = Layout::of(graph, node)?;
        let named = options.int4.iter().any(|pattern| fits(pattern, &node.name));
        let int4 = (named && weights.iter().all(|weight| (-8..=7).contains(weight))) || came_in_four_bits(graph, node);
        if !int4 && options.compression == Compression::None {
            return None;
        }
        layout.pack(weights, int4)?;
        let channels = u32::try_from(weights.len()).ok()? / u32::try_from(layout.row()).ok()?;
        layer(int4, layout, channels, limit)
    };
    graph.nodes.iter().map(of).collect()
}

/// True if the source stores the node's weights as integers that four bits hold: those of training on four bits.
fn came_in_four_bits(graph: &Graph, node: &Node) -> bool {
    let Some(weights) = node.inputs.get(1) else { return false };
    let Some(Tensor::I8 { data: stored, .. }) = graph.constant(*weights) else { return false };
    graph.value(*weights).source_scale.is_some() && stored.iter().all(|weight| (-7..=7).contains(weight))
}

/// Tiles of about the same size, in as many bytes as `limit` where it holds the smallest one.
fn layer(int4: bool, layout: Layout, channels: u32, limit: u32) -> Option<PackedLayer> {
    let row_bytes = u32::try_from(layout.row().next_multiple_of(4)).ok()?;
    let whole = channels.checked_next_multiple_of(4)?;
    let most = (limit / row_bytes.max(1) / 4 * 4).clamp(LEAST_CHANNELS, whole);
    let tile = channels.div_ceil(channels.div_ceil(most).max(1)).checked_next_multiple_of(4)?;
    // A convolution's last tile may hold any number of channels, a fully connected layer's is a multiple of four.
    let tile_channels = if let Layout::Filters(_) = layout { tile.min(channels) } else { tile };
    let tile_bytes = tile_channels.checked_mul(row_bytes)?;
    Some(PackedLayer { int4, tile_channels, tile_bytes, one_tile: tile_channels >= channels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_share_the_channels_evenly() {
        let tile = |layout, channels, limit| {
            let layer = layer(false, layout, channels, limit).unwrap();
            (layer.tile_channels, layer.tile_bytes, layer.one_tile)
        };
        assert_eq!(tile(Layout::Filters(288), 64, 4096), (12, 12 * 288, false));
        assert_eq!(tile(Layout::Filters(9), 32, 4096), (32, 32 * 12, true));
        assert_eq!(tile(Layout::Filters(9), 30, 4096), (30, 30 * 12, true));
        assert_eq!(tile(Layout::Filters(9), 2, 0), (2, 2 * 12, true));
        assert_eq!(tile(Layout::Quads(1600), 10, 4096), (4, 6400, false));
        assert_eq!(tile(Layout::Quads(9), 10, 4096), (12, 144, true));
        assert_eq!(tile(Layout::Quads(64), 256, 0), (4, 256, false));
    }

    #[test]
    fn the_smallest_form_is_chosen() {
        let layout = Layout::Filters(16);
        let packed = |weights: Vec<i8>, int4| layout.pack(&weights, int4).map(|packed| packed.code(0));
        use mote_runtime::format::instruction::WeightCode as Code;
        // As many of each value: nothing to gain from shorter codes.
        let even: Vec<i8> = (0..512).map(|i| (i % 2) as i8 * 90).collect();
        assert!(matches!(packed(even, false), Some(Code::Palette { bits: 1, .. })));
        let skewed: Vec<i8> = (0..512).map(|i| if i % 16 == 0 { i as i8 } else { 0 }).collect();
        assert!(matches!(packed(skewed, false), Some(Code::Huffman { .. })));
        let nibbles: Vec<i8> = (0..512).map(|i| (i % 16) as i8 - 8).collect();
        assert!(matches!(packed(nibbles.clone(), false), Some(Code::Int4)));
        assert!(matches!(packed(nibbles, true), Some(Code::Int4)));
        let all: Vec<i8> = (0..=255).map(|i| i as u8 as i8).collect();
        assert_eq!(packed(all, false), None);
    }
}
