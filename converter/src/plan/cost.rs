//! How much arithmetic a node does, and how long it takes.

use super::Target;
use super::kernel::Kernel;
use mote_runtime::format::instruction::{Conv2d, Conv2dSparse, Conv2dWinograd, DepthwiseConv2d, Hwc};

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Patches of several pixels from scratch memory, all channels.
    Im2col,
    /// Tiles of 2x2 outputs by Winograd's F(2x2, 3x3), of transformed inputs in scratch memory.
    Winograd,
    /// Patches of several pixels, and the blocks of weights that are stored.
    Sparse,
    /// One pixel where it is, and the blocks of weights that are stored.
    SparseDirect,
    /// One pixel where it is, all weights.
    FullyConnected,
    /// Depthwise, four channels at a time from scratch memory.
    Strips,
    /// Straight from the input.
    Direct,
}

/// Arithmetic of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Products that are computed.
    pub macs: u64,
    /// Results.
    pub outputs: u64,
    /// Elements of transformed inputs, or of patches.
    pub transformed: u64,
    /// Patches of more than one tap, which are found in the input one by one, or a few at a time.
    pub patches: u64,
    /// How.
    pub way: Way,
}

impl Cost {
    /// Of a convolution; `None` for pools, which have nothing to choose from.
    pub fn of(kernel: &Kernel) -> Option<Self> {
        match kernel {
            Kernel::Conv2d(op) => Some(Self::conv2d(op)),
            Kernel::Winograd(op) => Some(Self::conv2d_winograd(op)),
            Kernel::Sparse(op) => Some(Self::conv2d_sparse(op)),
            Kernel::Depthwise(op) => Some(Self::depthwise_conv2d(op)),
            Kernel::Conv2dI16(op) => {
                let per_output = [op.window.kernel_h, op.window.kernel_w, op.x_shape.c / op.groups.max(1)];
                Some(Self::new(op.y_shape, &per_output, Way::Direct))
            }
            Kernel::DepthwiseI16(op) => {
                Some(Self::new(op.y_shape, &[op.window.kernel_h, op.window.kernel_w], Way::Direct))
            }
            Kernel::Pool(_) => None,
        }
    }

    /// Of a convolution over all channels of a group.
    pub fn conv2d(op: &Conv2d) -> Self {
        let per_output = [op.window.kernel_h, op.window.kernel_w, op.x_shape.c / op.groups.max(1)];
        Self::new(op.y_shape, &per_output, Way::Im2col).with_patches(op)
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
        Self { macs, outputs, transformed, patches: 0, way: Way::Winograd }
    }

    /// Of a convolution without blocks of zero weights. The products of a block with all patches count, of pixels that there
    /// are not, too.
    pub fn conv2d_sparse(op: &Conv2dSparse) -> Self {
        let pixels = product(&[op.conv.y_shape.h, op.conv.y_shape.w]);
        let (computed, way) = match op.direct {
            true => (pixels, Way::SparseDirect),
            false => (pixels.next_multiple_of(Conv2d::BLOCK.into()), Way::Sparse),
        };
        let macs = computed.saturating_mul(product(&[op.blocks, Conv2dSparse::BLOCK]));
        let outputs = computed.saturating_mul(op.conv.y_shape.c.into());
        let cost = Self { macs, outputs, transformed: 0, patches: 0, way };
        if op.direct { cost } else { cost.with_patches(&op.conv) }
    }

    /// Of a fully connected layer with the shapes of `op`.
    pub fn fully_connected(op: &Conv2d) -> Self {
        let per_output = [op.window.kernel_h, op.window.kernel_w, op.x_shape.c];
        Self::new(op.y_shape, &per_output, Way::FullyConnected)
    }

    /// Of a convolution channel by channel.
    pub fn depthwise_conv2d(op: &DepthwiseConv2d) -> Self {
        let way = if op.scratch_bytes > 0 { Way::Strips } else { Way::Direct };
        Self::new(op.y_shape, &[op.window.kernel_h, op.window.kernel_w], way)
    }

    fn new(y: Hwc, per_output: &[u32], way: Way) -> Self {
        let outputs = product(&[y.h, y.w, y.c]);
        Self { macs: outputs.saturating_mul(product(per_output)), outputs, transformed: 0, patches: 0, way }
    }

    /// And what it takes to lay out the patches of each pixel and group.
    fn with_patches(self, op: &Conv2d) -> Self {
        let pixels = product(&[op.y_shape.h, op.y_shape.w]);
        let taps = product(&[op.window.kernel_h, op.window.kernel_w]);
        let patches = if op.is_pointwise() { 0 } else { pixels.saturating_mul(op.groups.into()) };
        Self { transformed: pixels.saturating_mul(taps).saturating_mul(op.x_shape.c.into()), patches, ..self }
    }

    /// An estimate of the instructions that it takes, for comparing choices.
    pub fn instructions(self, target: Target) -> u64 {
        let Rate { per_mac, per_output, per_transformed, per_patch } = Rate::of(target, self.way);
        let hundredths =
            self.macs.saturating_mul(per_mac).saturating_add(self.transformed.saturating_mul(per_transformed));
        let whole = self.outputs.saturating_mul(per_output).saturating_add(self.patches.saturating_mul(per_patch));
        (hundredths / 100).saturating_add(whole)
    }
}

fn product(sizes: &[u32]) -> u64 {
    sizes.iter().fold(1, |n: u64, &size| n.saturating_mul(size.into()))
}

/// Instructions: hundredths for each product and each transformed input, and whole ones for each result and patch.
struct Rate {
    per_mac: u64,
    per_output: u64,
    per_transformed: u64,
    per_patch: u64,
}

impl Rate {
    /// Fitted to what `mote bench` counts for the layers of KWS, VWW and IC (MLPerf Tiny, int8) on emulated Cortex-M4,
    /// M3 and M0+, and for those of mnist-sparse; within a quarter for layers of a thousand results and more. A host counts
    /// as a Cortex-M3, and there patches are part of what a result takes. Winograd's convolution has no kernel of its own on a
    /// Cortex-M0+, that from stored blocks none on M3 either.
    fn of(target: Target, way: Way) -> Self {
        let rate = |per_mac, per_output| Self { per_mac, per_output, per_transformed: 0, per_patch: 0 };
        let winograd = |per_mac, per_output, per_transformed| Self { per_transformed, ..rate(per_mac, per_output) };
        let patches = |per_mac, per_output| Self { per_transformed: 175, per_patch: 170, ..rate(per_mac, per_output) };
        match (target, way) {
            (Target::CortexM4 | Target::CortexM7 | Target::CortexM33, Way::Im2col) => patches(85, 12),
            (Target::CortexM4 | Target::CortexM7 | Target::CortexM33, Way::Winograd) => winograd(71, 32, 131),
            (Target::CortexM4 | Target::CortexM7 | Target::CortexM33, Way::Sparse) => patches(112, 11),
            (Target::CortexM4 | Target::CortexM7 | Target::CortexM33, Way::SparseDirect) => rate(300, 50),
            (Target::CortexM4 | Target::CortexM7 | Target::CortexM33, Way::FullyConnected) => rate(127, 14),
            (Target::CortexM4 | Target::CortexM7 | Target::CortexM33, Way::Strips) => rate(200, 17),
            (Target::CortexM4 | Target::CortexM7 | Target::CortexM33, Way::Direct) => rate(2000, 34),
            (Target::CortexM3 | Target::Host, Way::Im2col) => rate(197, 31),
            (Target::CortexM3 | Target::Host, Way::Winograd) => winograd(189, 35, 333),
            (Target::CortexM3 | Target::Host, Way::Sparse) => rate(370, 90),
            (Target::CortexM3 | Target::Host, Way::SparseDirect) => rate(690, 150),
            (Target::CortexM3 | Target::Host, Way::FullyConnected) => rate(250, 30),
            (Target::CortexM3 | Target::Host, Way::Strips) => rate(430, 18),
            (Target::CortexM3 | Target::Host, Way::Direct) => rate(2000, 35),
            (Target::CortexM0Plus, Way::Im2col) => rate(294, 63),
            (Target::CortexM0Plus, Way::Winograd) => winograd(1270, 235, 5113),
            (Target::CortexM0Plus, Way::Sparse) => rate(810, 180),
            (Target::CortexM0Plus, Way::SparseDirect) => rate(1300, 250),
            (Target::CortexM0Plus, Way::FullyConnected) => rate(410, 60),
            (Target::CortexM0Plus, Way::Strips) => rate(800, 28),
            (Target::CortexM0Plus, Way::Direct) => rate(3600, 70),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(target: Target, cost: Cost, counted: u64) {
        let estimate = cost.instructions(target);
        assert!(estimate.abs_diff(counted) < counted / 4, "{target}, {cost:?}: {estimate}, counted {counted}");
    }

    /// The first depthwise layer of VWW that halves its map.
    #[test]
    fn estimates_are_near_what_was_counted() {
        let near = |target, way, counted| {
            near(target, Cost { macs: 82_944, outputs: 9_216, transformed: 0, patches: 0, way }, counted);
        };
        near(Target::CortexM4, Way::Direct, 1_975_440);
        near(Target::CortexM3, Way::Direct, 1_980_640);
        near(Target::CortexM0Plus, Way::Direct, 3_629_760);
        near(Target::CortexM4, Way::Strips, 296_440);
        near(Target::CortexM3, Way::Strips, 564_840);
        near(Target::CortexM0Plus, Way::Strips, 962_160);
    }

    /// The first and second convolution of mnist-cnn, dense and from a quarter of their blocks.
    #[test]
    fn estimates_of_short_and_long_patches_are_near_what_was_counted() {
        let conv1 = crate::plan::kernel::tests::conv2d_3x3([28, 28, 1], [26, 26, 32], 0);
        let conv2 = crate::plan::kernel::tests::conv2d_3x3([13, 13, 32], [11, 11, 64], 0);
        for (conv, blocks, dense, sparse) in [(conv1, 24, 625_480, 426_840), (conv2, 1140, 2_059_240, 768_000)] {
            near(Target::CortexM4, Cost::conv2d(&conv), dense);
            let stored = Conv2dSparse { conv, blocks, counts: 0, deltas: 0, direct: false };
            near(Target::CortexM4, Cost::conv2d_sparse(&stored), sparse);
            assert!(super::super::sparse::Gain::of(&stored, Target::CortexM4).unwrap().is_worth_it);
        }
    }

    /// The second and third convolution and the first fully connected layer of mnist-sparse, dense and from stored blocks.
    #[test]
    fn estimates_of_stored_blocks_are_near_what_was_counted() {
        let sparse = |conv: Conv2d, blocks: u32, direct: bool| {
            Cost::conv2d_sparse(&Conv2dSparse { conv, blocks, counts: 0, deltas: 0, direct })
        };
        let conv2 = crate::plan::kernel::tests::conv2d_3x3([13, 13, 16], [11, 11, 32], 0);
        let conv3 = crate::plan::kernel::tests::conv2d_3x3([5, 5, 32], [3, 3, 48], 0);
        let pixel = |c: u32| Hwc { h: 1, w: 1, c };
        let Some(window) = crate::plan::kernel::window([1, 1], [1, 1], [1, 1], crate::ir::Pads::default()) else {
            panic!("a window of one tap")
        };
        let Kernel::Conv2d(dense1) = crate::plan::kernel::conv2d(pixel(432), pixel(64), window, 1) else {
            panic!("one group")
        };
        let counted = [
            (sparse(conv2, 288, false), [275_480, 880_160, 1_866_800]),
            (sparse(conv3, 864, false), [61_880, 217_840, 473_440]),
            (sparse(dense1, 1727, true), [24_000, 57_400, 106_040]),
            (Cost::fully_connected(&dense1), [39_120, 65_720, 118_560]),
        ];
        for (cost, counted) in counted {
            for (target, counted) in [Target::CortexM4, Target::CortexM3, Target::CortexM0Plus].into_iter().zip(counted)
            {
                near(target, cost, counted);
            }
        }
    }

    /// 3x3 layers of IC, from the first one of three channels to the last of 64, and of a network for MNIST.
    #[test]
    fn estimates_of_winograd_and_im2col_are_near_what_was_counted() {
        let layers = [
            (32, 3, 32, 16, [979_200, 746_120, 1_569_200, 1_123_120]),
            (32, 16, 32, 16, [2_713_960, 1_356_040, 5_557_360, 2_763_160]),
            (16, 32, 16, 32, [2_357_160, 1_070_840, 4_964_760, 2_395_920]),
            (8, 64, 8, 64, [2_180_960, 922_160, 4_678_400, 2_206_880]),
            (13, 32, 11, 64, [2_139_160, 1_496_160, 4_545_480, 3_420_600]),
        ];
        for (x, in_c, y, out_c, counted) in layers {
            let pad = u32::from(x == y);
            let op = crate::plan::kernel::tests::conv2d_3x3([x, x, in_c], [y, y, out_c], pad);
            let winograd = crate::plan::kernel::winograd(&op).unwrap();
            let [m4_direct, m4, m3_direct, m3] = counted;
            near(Target::CortexM4, Cost::conv2d_winograd(&winograd), m4);
            near(Target::CortexM3, Cost::conv2d_winograd(&winograd), m3);
            // The first layer's patches are short.
            if in_c > 3 {
                near(Target::CortexM4, Cost::conv2d(&op), m4_direct);
                near(Target::CortexM3, Cost::conv2d(&op), m3_direct);
            }
        }
    }

    #[test]
    fn winograd_pays_where_channels_are_many_and_the_core_has_a_kernel() {
        let gains = |x, y, pad, target| {
            let op = crate::plan::kernel::tests::conv2d_3x3(x, y, pad);
            crate::plan::WinogradGain::of(&op, target).unwrap().instructions > 0
        };
        for target in [Target::CortexM3, Target::CortexM4, Target::CortexM7, Target::CortexM33] {
            assert!(gains([8, 8, 64], [8, 8, 64], 1, target), "{target}");
            // Tiles of one pixel.
            assert!(!gains([3, 3, 64], [1, 1, 64], 0, target), "{target}");
        }
        assert!(!gains([8, 8, 64], [8, 8, 64], 1, Target::CortexM0Plus));
    }
}
