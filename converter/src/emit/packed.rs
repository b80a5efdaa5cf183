//! Weights in the form that the planner has chosen for their layer.

use super::context::NodeContext;
use crate::plan::{Layout, PackedLayer};
use mote_runtime::format::instruction::Packing;

/// How the planner wants the node's weights to be packed.
fn planned(n: &NodeContext) -> Option<PackedLayer> {
    n.context.plan.packed.get(n.id.0).copied().flatten()
}

/// Bytes of scratch memory for a tile of packed weights; 0 if there is none.
pub fn tile_bytes(n: &NodeContext) -> u32 {
    planned(n).map_or(0, |layer| layer.tile_bytes)
}

/// Stores int8 weights; where they are, and how they are packed. They are dense if the planner wants them so, or if they have
/// become smaller that way, which constant channels can do.
pub fn add_weights(n: &mut NodeContext, layout: Layout, weights: &[i8]) -> (u32, Option<Packing>) {
    let packed = planned(n).and_then(|layer| Some((layer.tile_channels, layout.pack(weights, layer.int4)?)));
    let section = &mut n.context.weights;
    match packed {
        Some((tile_channels, packed)) => {
            let words = section.add_u16(&packed.words);
            let table = if packed.table.is_empty() { 0 } else { section.add_i8(&packed.table) };
            let code = packed.code(table);
            (words, Some(Packing { tile_channels, words: packed.words.len() as u32, code }))
        }
        None => (section.add_i8_words(&layout.dense(weights)), None),
    }
}
