//! Models of one instruction, for timing one kernel at a time through the same engine that runs whole networks.

use mote_runtime::AlignedBytes;
use mote_runtime::format::instruction::{
    Biases, Conv2d, DepthwiseConv2d, Factors, FullyConnected, Hwc, Instruction, Multiplier, Requantize8, RowOrder,
    Window,
};
use mote_runtime::format::{Contents, DType, Port, Program, Rounding, write};

/// Height, width and channels.
pub const fn hwc(h: u32, w: u32, c: u32) -> Hwc {
    Hwc { h, w, c }
}

/// What a convolution is timed on. Padding is half the kernel, so outputs are the inputs divided by the stride.
#[derive(Clone, Copy, Debug)]
pub struct Convolution {
    /// Input.
    pub x: Hwc,
    /// Output channels.
    pub out_c: u32,
    /// Rows and columns of the kernel.
    pub kernel: u32,
    /// Rows and columns between outputs.
    pub stride: u32,
}

impl Convolution {
    /// Shape of the output.
    pub const fn y(&self) -> Hwc {
        hwc(self.x.h.div_ceil(self.stride), self.x.w.div_ceil(self.stride), self.out_c)
    }

    const fn window(&self) -> Window {
        let (kernel, stride, pad) = (self.kernel, self.stride, self.kernel / 2);
        Window {
            kernel_h: kernel,
            kernel_w: kernel,
            stride_h: stride,
            stride_w: stride,
            dilation_h: 1,
            dilation_w: 1,
            pad_top: pad,
            pad_left: pad,
        }
    }

    /// Products per run if every output reads `in_c` channels, padding included.
    const fn products(&self, in_c: u32) -> u64 {
        let y = self.y();
        y.h as u64 * y.w as u64 * self.out_c as u64 * self.kernel as u64 * self.kernel as u64 * in_c as u64
    }
}

/// A model file of one instruction, and how many products it computes.
#[derive(Clone, Debug)]
pub struct OneInstruction {
    /// For `Model::load`.
    pub file: AlignedBytes,
    /// Multiply-accumulates per run.
    pub products: u64,
}

/// A convolution over all input channels.
pub fn conv2d(shape: Convolution) -> OneInstruction {
    let (x, y) = (shape.x, shape.y());
    let row = shape.kernel * shape.kernel * x.c;
    let mut constants = Constants::new(y.c * row.next_multiple_of(4), y.c);
    let instruction = Instruction::Conv2d(Conv2d {
        x: 0,
        y: constants.y(elements(x)),
        scratch: constants.scratch(elements(y), row.next_multiple_of(4) * 2 * Conv2d::BLOCK),
        x_shape: x,
        y_shape: y,
        window: shape.window(),
        groups: 1,
        weights: 0,
        x_zero_point: -5,
        order: RowOrder::TopDown,
        requantize: constants.requantize,
    });
    constants.model(instruction, elements(x), elements(y), shape.products(x.c))
}

/// A depthwise convolution: as many output channels as input channels.
pub fn depthwise_conv2d(shape: Convolution) -> OneInstruction {
    let (x, y) = (shape.x, shape.y());
    let mut constants = Constants::new(y.c * shape.kernel * shape.kernel, y.c);
    let op = DepthwiseConv2d {
        x: 0,
        y: constants.y(elements(x)),
        scratch: 0,
        scratch_bytes: 0,
        x_shape: x,
        y_shape: y,
        window: shape.window(),
        weights: 0,
        x_zero_point: -5,
        order: RowOrder::TopDown,
        requantize: constants.requantize,
    };
    let scratch_bytes = op.strip_bytes().unwrap_or(0);
    let scratch = constants.scratch(elements(y), scratch_bytes);
    let instruction = Instruction::DepthwiseConv2d(DepthwiseConv2d { scratch, scratch_bytes, ..op });
    constants.model(instruction, elements(x), elements(y), shape.products(1))
}

/// One row of a fully connected layer.
pub fn fully_connected(in_n: u32, out_n: u32) -> OneInstruction {
    let mut constants = Constants::new(out_n.next_multiple_of(4) * in_n.next_multiple_of(4), out_n);
    let instruction = Instruction::FullyConnected(FullyConnected {
        x: 0,
        y: constants.y(in_n),
        rows: 1,
        in_n,
        out_n,
        weights: 0,
        requantize: constants.requantize,
    });
    constants.model(instruction, in_n, out_n, u64::from(in_n) * u64::from(out_n))
}

fn elements(shape: Hwc) -> u32 {
    shape.h * shape.w * shape.c
}

/// The weights section: weights, bias, multipliers and shifts of every output channel, all arbitrary but fixed.
struct Constants {
    bytes: Vec<u8>,
    requantize: Requantize8,
    y_offset: u32,
    /// One past the last byte that the instruction uses.
    arena_bytes: u32,
}

impl Constants {
    fn new(weights: u32, channels: u32) -> Self {
        let mut bytes: Vec<u8> = (0..weights).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let bias = bytes.len() as u32;
        (0..channels as i32).for_each(|c| bytes.extend((c * 37 - 500).to_le_bytes()));
        let multipliers = bytes.len() as u32;
        let scale = |c: u32| Multiplier::from_real(0.001 + f64::from(c % 16) * 0.000_2);
        (0..channels).for_each(|c| bytes.extend(scale(c).multiplier.to_le_bytes()));
        let shifts = bytes.len() as u32;
        bytes.extend((0..channels).map(|c| scale(c).shift as u8));
        let (biases, factors) = (Biases::I32(bias), Factors::Each { multipliers, shifts });
        let requantize = Requantize8 { biases, factors, y_zero_point: 3, min: -128, max: 127 };
        Self { bytes, requantize, y_offset: 0, arena_bytes: 0 }
    }

    /// The output lies behind `x_len` bytes of input.
    fn y(&mut self, x_len: u32) -> u32 {
        self.y_offset = x_len.next_multiple_of(16);
        self.y_offset
    }

    /// Scratch memory lies behind `y_len` bytes of output.
    fn scratch(&mut self, y_len: u32, bytes: u32) -> u32 {
        let offset = (self.y_offset + y_len).next_multiple_of(4);
        self.arena_bytes = offset + bytes;
        offset
    }

    fn model(self, instruction: Instruction, x_len: u32, y_len: u32, products: u64) -> OneInstruction {
        let port = |offset, len| Port {
            offset,
            dtype: DType::I8,
            shape: [1, len].into_iter().collect(),
            scale: 0.05,
            zero_point: 0,
            source_dtype: DType::I8,
            source_axes: [0, 1].into_iter().collect(),
        };
        let program = Program {
            rounding: Rounding::Single,
            inputs: [port(0, x_len)].into_iter().collect(),
            outputs: [port(self.y_offset, y_len)].into_iter().collect(),
            instruction_count: 1,
        };
        let contents = Contents {
            program: &program,
            instructions: &[instruction],
            meta: None,
            weights: &self.bytes,
            self_test: &[],
            arena_bytes: self.arena_bytes.max(self.y_offset + y_len),
            model_version: 0,
            // Nothing here verifies the hash.
            sha256: |_| [0; 32],
        };
        let file = write(&contents).expect("one instruction fits a file");
        OneInstruction { file: AlignedBytes::copy_of(&file), products }
    }
}
