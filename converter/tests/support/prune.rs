//! Weights with blocks of zeros, as pruning makes them.

use mote::ir::{Graph, Op, Tensor};

/// Sets to zero, in every convolution with one group and every fully connected layer, the blocks of four weights that
/// matter least, `zero_percent` of a hundred. Rows of weights are divided into blocks as the device stores them.
pub fn prune_blocks(graph: &mut Graph, zero_percent: usize) {
    let weighty = |op: &Op| matches!(op, Op::Conv2d { groups: 1, .. } | Op::FullyConnected { .. });
    let weights: Vec<_> = graph.nodes.iter().filter(|node| weighty(&node.op)).map(|node| node.inputs[1]).collect();
    for id in weights {
        let Some(Tensor::F32 { shape, data }) = &mut graph.values[id.0].constant else { panic!("no float weights") };
        let row = data.len() / shape[0];
        let mut blocks: Vec<&mut [f32]> = data.chunks_mut(row).flat_map(|row| row.chunks_mut(4)).collect();
        blocks.sort_by(|a, b| squares(a).total_cmp(&squares(b)));
        let zeros = blocks.len() * zero_percent / 100;
        blocks.into_iter().take(zeros).for_each(|block| block.fill(0.0));
    }
}

fn squares(block: &[f32]) -> f32 {
    block.iter().map(|w| w * w).sum()
}
