//! How much arithmetic a node does, and how long it takes.

use super::Target;
use super::kernel::Kernel;
use crate::ir::{Graph, Node, Op};
use mote_runtime::format::instruction::{Conv2d, Conv2dWinograd, DepthwiseConv2d, Hwc};

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
    /// Tiles of 2x2 outputs by Winograd's F(2x2, 3x3), of transformed inputs in scratch memory.
    Winograd,
    /// Depthwise, four channels at a time from scratch memory.
    Strips,
    /// Depthwise, straight from the input.
    Direct,
}

/// Arithmetic of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Products that are computed.
    pub macs: u64,
    /// Results.
    pub outputs: u64,
    /// Elements of transformed inputs.
    pub transformed: u64,
    /// How.
    pub way: Way,
}

impl Cost {
    /// Of a convolution.
    pub fn of(kernel: &Kernel) -> Self {
        match kernel {
            Kernel::Conv2d(op) => Self::conv2d(op),
            Kernel::Winograd(op) => Self::conv2d_winograd(op),
            Kernel::Depthwise(op) => Self::depthwise_conv2d(op),
        }
    }

    /// Of a convolution over all channels of a group.
    pub fn conv2d(op: &Conv2d) -> Self {
        let per_output = [op.window.kernel_h, op.window.kernel_w, op.x_shape.c / op.groups.max(1)];
        Self::new(op.y_shape, &per_output, Way::Im2col)
    }

    /// Of a convolution by Winograd's F(2x2, 3x3): what is computed for tiles that stick out counts.
    pub fn conv2d_winograd(op: &Conv2dWinograd) -> Self {
        let positions = Conv2dWinograd::POSITIONS;
        let groups = [op.y_shape.h.div_ceil(2), op.y_shape.w.div_ceil(2 * Conv2dWinograd::TILES)];
        let tiles = product(&groups).saturating_mul(Conv2dWinograd::TILES.into());
        let transformed = product(&[op.x_shape.c.next_multiple_of(4), positions]).saturating_mul(tiles);
        let out_c = op.y_shape.c.next_multiple_of(2);
        let outputs = tiles.saturating_mul(product(&[4, out_c]));
        let macs = transformed.saturating_mul(out_c.into());
        Self { macs, outputs, transformed, way: Way::Winograd }
    }

    /// Of a convolution channel by channel.
    pub fn depthwise_conv2d(op: &DepthwiseConv2d) -> Self {
        let way = if op.scratch_bytes > 0 { Way::Strips } else { Way::Direct };
        Self::new(op.y_shape, &[op.window.kernel_h, op.window.kernel_w], way)
    }

    fn new(y: Hwc, per_output: &[u32], way: Way) -> Self {
        let outputs = product(&[y.h, y.w, y.c]);
        Self { macs: outputs.saturating_mul(product(per_output)), outputs, transformed: 0, way }
    }

    /// An estimate of the instructions that it takes, for comparing choices.
    pub fn instructions(self, target: Target) -> u64 {
        let Rate { per_mac, per_output, per_transformed } = Rate::of(target, self.way);
        let hundredths =
            self.macs.saturating_mul(per_mac).saturating_add(self.transformed.saturating_mul(per_transformed));
        (hundredths / 100).saturating_add(self.outputs.saturating_mul(per_output))
    }
}

fn product(sizes: &[u32]) -> u64 {
    sizes.iter().fold(1, |n: u64, &size| n.saturating_mul(size.into()))
}

/// Instructions: hundredths for each product and each transformed input, and whole ones for each result.
struct Rate {
    per_mac: u64,
    per_output: u64,
    per_transformed: u64,
}

impl Rate {
    /// Fitted to what `mote bench` counts for the layers of KWS, VWW and IC (MLPerf Tiny, int8) on emulated Cortex-M4,
    /// M3 and M0+; within a quarter for layers of a thousand results and more. A host counts as a Cortex-M3.
    fn of(target: Target, way: Way) -> Self {
        let rate = |per_mac, per_output| Self { per_mac, per_output, per_transformed: 0 };
        let winograd = |per_mac, per_output, per_transformed| Self { per_mac, per_output, per_transformed };
        match (target, way) {
            (Target::CortexM4 | Target::CortexM7 | Target::CortexM33, Way::Im2col) => rate(93, 24),
            (Target::CortexM4 | Target::CortexM7 | Target::CortexM33, Way::Winograd) => winograd(70, 26, 260),
            (Target::CortexM3 | Target::Host, Way::Winograd) => winograd(200, 50, 1000),
            (Target::CortexM0Plus, Way::Winograd) => winograd(400, 100, 2000),
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
        let cost = |way| Cost { macs: 82_944, outputs: 9_216, transformed: 0, way };
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
