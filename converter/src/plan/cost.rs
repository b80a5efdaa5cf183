//! How much arithmetic a node does, and how long it takes.

use super::Target;
use super::kernel::Kernel;
use crate::ir::{Graph, Node, Op};
use mote_runtime::format::instruction::{Conv2d, DepthwiseConv2d, Hwc};

/// Multiply-accumulates of `node`: of convolutions, fully connected layers and per-channel scaling; 0 for the rest.
pub fn macs(graph: &Graph, node: &Node) -> u64 {
    let size = |value: crate::ir::ValueId| graph.value(value).elements() as u64;
    match &node.op {
        Op::Conv2d { .. } | Op::FullyConnected { .. } => match node.inputs.get(1) {
            Some(&weights) => {
                let per_output: usize = graph.value(weights).shape.iter().skip(1).product();
                size(node.output) * per_output as u64
            }
            None => 0,
        },
        Op::Lstm { .. } => match node.inputs.as_slice() {
            [_, _, _, x, h, ..] => {
                4 * (size(*x) + size(*h)) * graph.value(node.output).shape.get(1).copied().unwrap_or(1) as u64
            }
            _ => 0,
        },
        Op::ScaleShift => size(node.output),
        _ => 0,
    }
}

/// Arithmetic of a convolution, and which kernel does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Multiply-accumulates.
    pub macs: u64,
    /// Results.
    pub outputs: u64,
    /// Multiplied from scratch memory, several results at a time; else straight from the input.
    pub blocked: bool,
}

impl Cost {
    /// Of a convolution.
    pub fn of(kernel: &Kernel) -> Self {
        match kernel {
            Kernel::Conv2d(op) => Self::conv2d(op),
            Kernel::Depthwise(op) => Self::depthwise_conv2d(op),
        }
    }

    /// Of a convolution over all channels of a group.
    pub fn conv2d(op: &Conv2d) -> Self {
        let per_output = [op.window.kernel_h, op.window.kernel_w, op.x_shape.c / op.groups.max(1)];
        Self { blocked: true, ..Self::new(op.y_shape, &per_output) }
    }

    /// Of a convolution channel by channel.
    pub fn depthwise_conv2d(op: &DepthwiseConv2d) -> Self {
        let per_output = [op.window.kernel_h, op.window.kernel_w];
        Self { blocked: op.scratch_bytes > 0, ..Self::new(op.y_shape, &per_output) }
    }

    fn new(y: Hwc, per_output: &[u32]) -> Self {
        let product = |sizes: &[u32]| sizes.iter().fold(1, |n: u64, &size| n.saturating_mul(size.into()));
        let outputs = product(&[y.h, y.w, y.c]);
        Self { macs: outputs.saturating_mul(product(per_output)), outputs, blocked: false }
    }

    /// An estimate of the instructions that it takes, for comparing choices.
    pub fn instructions(self, target: Target) -> u64 {
        let Rate { per_mac, per_output } = Rate::of(target, self.blocked);
        (self.macs.saturating_mul(per_mac) / 100).saturating_add(self.outputs.saturating_mul(per_output))
    }
}

/// Instructions: hundredths for each product, and for each result.
struct Rate {
    per_mac: u64,
    per_output: u64,
}

impl Rate {
    /// Measured with the networks of MLPerf Tiny under QEMU.
    fn of(target: Target, blocked: bool) -> Self {
        let rate = |per_mac, per_output| Self { per_mac, per_output };
        match (target.has_dsp(), blocked) {
            (true, true) => rate(85, 12),
            (true, false) => rate(221, 31),
            (false, true) => rate(300, 20),
            (false, false) => rate(400, 31),
        }
    }
}
