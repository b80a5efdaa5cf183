//! Which layers are stored without their blocks of zero weights.

use super::cost::Cost;
use super::kernel::{Kernel, window};
use super::{PackedLayer, PlanOptions};
use crate::ir::{DType, Graph, Node, Op, Pads, Tensor};
use mote_runtime::format::instruction::{Conv2d, Conv2dSparse, Hwc};

/// A layer must take an eighth less time at least: another kernel costs flash, too.
const WORTH: u64 = 8;

/// What a layer gains over one with all of its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gain {
    /// Instructions saved; below 0 if it is slower.
    pub instructions: i64,
    /// Bytes of weights saved; below 0 if they take more.
    pub bytes: i64,
    /// Blocks of weights that are not stored, in percent of all.
    pub zero_percent: u32,
    /// Much faster, and no larger.
    pub is_worth_it: bool,
}

impl Gain {
    /// Of a layer on `target`. `None` if its sizes do not fit 32 bits.
    pub fn of(op: &Conv2dSparse, target: super::Target) -> Option<Self> {
        let blocks = u64::from(op.row_blocks()?) * u64::from(op.conv.y_shape.c);
        let stored = u64::from(op.blocks);
        let dense = if op.direct { Cost::fully_connected(&op.conv) } else { Cost::conv2d(&op.conv) };
        let [dense, sparse] = [dense, Cost::conv2d_sparse(op)].map(|cost| cost.instructions(target));
        let block = u64::from(Conv2dSparse::BLOCK);
        // Alignment of what follows the tables of counts and deltas may take a few bytes more.
        let table_bytes = (block + 1) * stored + 2 * u64::from(op.conv.y_shape.c) + 6;
        let bytes = (block * blocks) as i64 - table_bytes as i64;
        let zero_percent = (blocks.saturating_sub(stored) * 100 / blocks.max(1)) as u32;
        let is_worth_it = sparse.saturating_add(dense / WORTH) <= dense && sparse < dense && bytes >= 0;
        Some(Self { instructions: dense as i64 - sparse as i64, bytes, zero_percent, is_worth_it })
    }
}

/// Per node, the instruction without blocks of zeros, where that is much faster and no larger. Weights that are `packed` stay it:
/// somebody asked for that.
pub fn choose(graph: &Graph, options: &PlanOptions, packed: &[Option<PackedLayer>]) -> Vec<Option<Conv2dSparse>> {
    let of = |(node, packed): (&Node, &Option<PackedLayer>)| {
        let op = sparse(graph, node).filter(|_| options.sparse && packed.is_none())?;
        Gain::of(&op, options.target).filter(|gain| gain.is_worth_it).map(|_| op)
    };
    graph.nodes.iter().zip(packed).map(of).collect()
}

/// The instruction of an int8 convolution with one group, or of a fully connected layer with one row of inputs in whole
/// blocks, with the blocks that its weights have. `None` for others.
fn sparse(graph: &Graph, node: &Node) -> Option<Conv2dSparse> {
    let conv = match node.op {
        Op::FullyConnected { .. } => fully_connected(graph, node).filter(Conv2dSparse::can_be_direct)?,
        Op::Conv2d { groups: 1, .. } => match Kernel::of(graph, node)? {
            Kernel::Conv2d(op) => op,
            _ => return None,
        },
        _ => return None,
    };
    let Tensor::I8 { data, .. } = graph.constant(*node.inputs.get(1)?)? else { return None };
    let row = data.len() / (conv.y_shape.c as usize).max(1);
    let blocks = data.chunks(row.max(1)).flat_map(|row| row.chunks(Conv2dSparse::BLOCK as usize));
    let blocks = u32::try_from(blocks.filter(|block| block.iter().any(|&w| w != 0)).count()).ok()?;
    Some(Conv2dSparse { blocks, counts: 0, deltas: 0, direct: Conv2dSparse::can_be_direct(&conv), conv })
}

/// As a convolution of one pixel. `None` for more rows of inputs.
fn fully_connected(graph: &Graph, node: &Node) -> Option<Conv2d> {
    let (x, y) = (graph.value(*node.inputs.first()?), graph.value(node.output));
    let &[outputs, inputs] = graph.value(*node.inputs.get(1)?).shape.as_slice() else { return None };
    if x.dtype != DType::I8 || y.dtype != DType::I8 || x.elements() != inputs {
        return None;
    }
    let pixel = |c: usize| Some(Hwc { h: 1, w: 1, c: c.try_into().ok()? });
    match super::kernel::conv2d(pixel(inputs)?, pixel(outputs)?, window([1, 1], [1, 1], [1, 1], Pads::default())?, 1) {
        Kernel::Conv2d(op) => Some(op),
        _ => None,
    }
}
