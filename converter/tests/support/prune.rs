//! A small network with blocks of zero weights, as pruning makes them.

use mote::data::{self, InputSpec, LoadOptions};
use mote::import::{self, ImportOptions};
use mote::ir::{Graph, Op, Tensor};
use mote::passes;
use mote::quantize::{self, CalibrateOptions, QuantGraph, QuantizeOptions};
use std::path::Path;

/// `digits-cnn` quantized with `options`, of whose blocks of weights `zero_percent` of a hundred are zero, and pictures for it.
pub fn pruned_digits(zero_percent: usize, options: &QuantizeOptions) -> (QuantGraph, Vec<Vec<Vec<f32>>>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits-cnn");
    let source = std::fs::read(folder.join("model.onnx")).unwrap();
    let mut graph = import::import(&source, &ImportOptions::default()).unwrap().network.into_float();
    passes::run_default(&mut graph).unwrap();
    prune_blocks(&mut graph, zero_percent);
    let load = LoadOptions { limit: Some(16), ..LoadOptions::default() };
    let pictures = data::load(&folder.join("test.csv"), &InputSpec::of_graph(&graph), &load).unwrap();
    let samples = mote::stored_samples(&graph, &pictures).unwrap();
    let ranges = quantize::calibrate(&graph, &samples, &CalibrateOptions::default(), &mut |_| ()).unwrap();
    (quantize::quantize(&graph, &ranges, options).unwrap(), pictures.samples)
}

/// Sets to zero, in every convolution with one group and every fully connected layer, the blocks of four weights that
/// matter least, `zero_percent` of a hundred. Rows of weights are divided into blocks as the device stores them.
fn prune_blocks(graph: &mut Graph, zero_percent: usize) {
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
