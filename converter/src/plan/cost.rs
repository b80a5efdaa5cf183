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

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Patches of several pixels from scratch memory, all channels.
    Im2col,
    /// Depthwise, four channels at a time from scratch memory.
    Strips,
    /// Depthwise, straight from the input.
    Direct,
}

/// Arithmetic of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Multiply-accumulates.
    pub macs: u64,
    /// Results.
    pub outputs: u64,
    /// How.
    pub way: Way,
}

impl Cost {
    /// Of a convolution; `None` for pools, which have nothing to choose from.
    pub fn of(kernel: &Kernel) -> Option<Self> {
        match kernel {
            Kernel::Conv2d(op) => Some(Self::conv2d(op)),
            Kernel::Depthwise(op) => Some(Self::depthwise_conv2d(op)),
            Kernel::Pool(_) => None,
        }
    }

    /// Of a convolution over all channels of a group.
    pub fn conv2d(op: &Conv2d) -> Self {
        let per_output = [op.window.kernel_h, op.window.kernel_w, op.x_shape.c / op.groups.max(1)];
        Self::new(op.y_shape, &per_output, Way::Im2col)
    }

    /// Of a convolution channel by channel.
    pub fn depthwise_conv2d(op: &DepthwiseConv2d) -> Self {
        let way = if op.scratch_bytes > 0 { Way::Strips } else { Way::Direct };
        Self::new(op.y_shape, &[op.window.kernel_h, op.window.kernel_w], way)
    }

    fn new(y: Hwc, per_output: &[u32], way: Way) -> Self {
        let product = |sizes: &[u32]| sizes.iter().fold(1, |n: u64, &size| n.saturating_mul(size.into()));
        let outputs = product(&[y.h, y.w, y.c]);
        Self { macs: outputs.saturating_mul(product(per_output)), outputs, way }
    }

    /// An estimate of the instructions that it takes, for comparing choices.
    pub fn instructions(self, target: Target) -> u64 {
        let Rate { per_mac, per_output } = Rate::of(target, self.way);
        (self.macs.saturating_mul(per_mac) / 100).saturating_add(self.outputs.saturating_mul(per_output))
    }
}

/// Instructions: hundredths for each product, and for each result.
struct Rate {
    per_mac: u64,
    per_output: u64,
}

impl Rate {
    /// Fitted to what `mote bench` counts for the layers of KWS, VWW and IC (MLPerf Tiny, int8) on emulated Cortex-M4,
    /// M3 and M0+; within a quarter for layers of a thousand results and more. A host counts as a Cortex-M3.
    fn of(target: Target, way: Way) -> Self {
        let rate = |per_mac, per_output| Self { per_mac, per_output };
        match (target, way) {
            (Target::CortexM4 | Target::CortexM7 | Target::CortexM33, Way::Im2col) => rate(93, 24),
            (Target::CortexM4 | Target::CortexM7 | Target::CortexM33, Way::Strips) => rate(200, 17),
            (Target::CortexM4 | Target::CortexM7 | Target::CortexM33, Way::Direct) => rate(2000, 34),
            (Target::CortexM3 | Target::Host, Way::Im2col) => rate(694, 58),
            (Target::CortexM3 | Target::Host, Way::Strips) => rate(1000, 70),
            (Target::CortexM3 | Target::Host, Way::Direct) => rate(2000, 35),
            (Target::CortexM0Plus, Way::Im2col) => rate(1163, 122),
            (Target::CortexM0Plus, Way::Strips) => rate(2000, 132),
            (Target::CortexM0Plus, Way::Direct) => rate(3600, 70),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first depthwise layer of VWW that halves its map.
    #[test]
    fn estimates_are_near_what_was_counted() {
        let cost = |way| Cost { macs: 82_944, outputs: 9_216, way };
        let near = |target, way, counted: u64| {
            let estimate = cost(way).instructions(target);
            assert!(estimate.abs_diff(counted) < counted / 4, "{target}, {way:?}: {estimate}, counted {counted}");
        };
        near(Target::CortexM4, Way::Direct, 1_975_440);
        near(Target::CortexM3, Way::Direct, 1_980_640);
        near(Target::CortexM0Plus, Way::Direct, 3_629_760);
        near(Target::CortexM4, Way::Strips, 341_720);
        near(Target::CortexM3, Way::Strips, 1_492_720);
        near(Target::CortexM0Plus, Way::Strips, 2_966_320);
    }
}
