//! Small models, built by hand.
#![allow(dead_code, reason = "each test binary uses a part")]

pub mod zoo;

use mote_runtime::format::instruction::{
    Biases, Conv2d, Factors, FullyConnected, Hwc, Instruction, Lookup, Multiplier, Pool2d, Requantize8, RowOrder,
    Softmax, Window,
};
use mote_runtime::format::pack;
use mote_runtime::format::{Contents, DType, Meta, Port, Program, Rounding, SelfTestVector, seal, write};
use mote_runtime::{AlignedBytes, Engine, Model};
use sha2::{Digest, Sha256};

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub fn port(offset: u32, shape: &[u32], source_axes: &[u8], scale: f32, zero_point: i32) -> Port {
    Port {
        offset,
        dtype: DType::I8,
        shape: heapless::Vec::from_slice(shape).unwrap(),
        scale,
        zero_point,
        source_dtype: DType::F32,
        source_axes: heapless::Vec::from_slice(source_axes).unwrap(),
    }
}

/// A classifier in five instructions, and everything a file says about it; edit a field, then `bytes`.
#[derive(Clone)]
pub struct Small {
    pub program: Program,
    pub instructions: Vec<Instruction>,
    pub meta: Meta<'static>,
    pub weights: Vec<u8>,
    pub self_test: Vec<SelfTestVector>,
    pub arena_bytes: u32,
}

/// `[1, 6, 6, 2]` (source `[1, 2, 6, 6]`) - conv 3x3, 4 channels, 3x3 out - max pool 2x2 - table - dense 3 - softmax.
pub fn small() -> Small {
    let conv: Vec<i8> = (0..72u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as i8).collect();
    let dense: Vec<i8> = (0..48u32).map(|i| ((i * 40_503) >> 8) as i8).collect();
    let packed = [pack::filter_rows(&conv, 18), pack::quads(&dense, 16)].concat(); // 0: conv, 80: dense
    let mut weights: Vec<u8> = packed.iter().map(|&w| w as u8).collect();
    for bias in [100i32, -200, 300, -400, 50, 0, -50] {
        weights.extend(bias.to_le_bytes()); // 144: conv, 160: dense
    }
    for multiplier in [0x5000_0000i32, 0x4000_0000, 0x7fff_ffff, 0x6000_0001, 0x4abc_def0] {
        weights.extend(multiplier.to_le_bytes()); // 172: conv, 188: dense
    }
    weights.extend([0xf9, 0xf8, 0xf8, 0xf9, 0xf8, 0, 0, 0]); // 192: conv's shifts, 196: dense's
    weights.extend((0..=255u8).map(|i| i.wrapping_sub(128).max(200).wrapping_mul(3))); // 200: table
    let requantize = |biases, factors| Requantize8 { biases, factors, y_zero_point: -3, min: -128, max: 127 };
    let window = |kernel, stride, pad| Window {
        kernel_h: kernel,
        kernel_w: kernel,
        stride_h: stride,
        stride_w: stride,
        dilation_h: 1,
        dilation_w: 1,
        pad_top: pad,
        pad_left: pad,
    };
    let instructions = vec![
        Instruction::Conv2d(Conv2d {
            x: 0,
            y: 80,
            scratch: 128,
            x_shape: Hwc { h: 6, w: 6, c: 2 },
            y_shape: Hwc { h: 3, w: 3, c: 4 },
            window: window(3, 2, 1),
            groups: 1,
            weights: 0,
            x_zero_point: 5,
            order: RowOrder::TopDown,
            requantize: requantize(Biases::I32(144), Factors::Each { multipliers: 172, shifts: 192 }),
        }),
        Instruction::MaxPool2d(Pool2d {
            x: 80,
            y: 0,
            x_shape: Hwc { h: 3, w: 3, c: 4 },
            y_shape: Hwc { h: 2, w: 2, c: 4 },
            window: window(2, 1, 0),
            count_include_pad: false,
            pad_bottom: 0,
            pad_right: 0,
            zero_point: 0,
            min: -128,
            max: 127,
        }),
        Instruction::Lookup(Lookup { x: 0, y: 0, len: 16, table: 200 }),
        Instruction::FullyConnected(FullyConnected {
            x: 0,
            y: 80,
            rows: 1,
            in_n: 16,
            out_n: 3,
            weights: 80,
            requantize: requantize(Biases::I32(160), Factors::One(Multiplier { multiplier: 0x4abc_def0, shift: -8 })),
        }),
        Instruction::Softmax(Softmax {
            x: 80,
            y: 80,
            rows: 1,
            depth: 3,
            scale: Multiplier { multiplier: 0x4000_0000, shift: 23 },
            diff_min: -248,
        }),
    ];
    Small {
        program: Program {
            rounding: Rounding::Single,
            inputs: heapless::Vec::from_slice(&[port(0, &[1, 6, 6, 2], &[0, 2, 3, 1], 0.05, 5)]).unwrap(),
            outputs: heapless::Vec::from_slice(&[port(80, &[1, 3], &[0, 1], 1.0 / 256.0, -128)]).unwrap(),
            instruction_count: 0,
        },
        instructions,
        meta: Meta {
            name: "small",
            port_names: "x\ny",
            node_names: "conv\npool\ntable\ndense\nsoftmax",
            labels: "one\ntwo\nthree",
            converter: "hand",
            ..Meta::default()
        },
        weights,
        self_test: Vec::new(),
        arena_bytes: 288,
    }
}

impl Small {
    pub fn bytes(&self) -> AlignedBytes {
        let contents = Contents {
            program: &self.program,
            instructions: &self.instructions,
            meta: Some(&self.meta),
            weights: &self.weights,
            self_test: &self.self_test,
            arena_bytes: self.arena_bytes,
            model_version: 7,
            sha256,
        };
        AlignedBytes::copy_of(&write(&contents).unwrap())
    }

    /// Adds `count` test vectors with the outputs that this runtime computes.
    pub fn with_self_test(mut self, count: u8) -> Self {
        let bytes = self.bytes();
        let mut arena = AlignedBytes::zeroed(self.arena_bytes as usize);
        let mut engine = Engine::new(Model::load(&bytes).unwrap(), &mut arena).unwrap();
        for seed in 0..count {
            let byte = |i: usize| (i * i * 7 + usize::from(seed) * 31) as u8;
            let ports = 0..self.program.inputs.len();
            let inputs: Vec<Vec<u8>> =
                ports.map(|port| (0..engine.input_bytes_mut(port).len()).map(byte).collect()).collect();
            for (port, input) in inputs.iter().enumerate() {
                engine.input_bytes_mut(port).copy_from_slice(input);
            }
            engine.run();
            let outputs = (0..self.program.outputs.len()).map(|port| engine.output_bytes(port).to_vec()).collect();
            self.self_test.push(SelfTestVector { inputs, outputs });
        }
        self
    }
}

/// Overwrites bytes of a file and makes its checksums right again.
pub fn patched(file: &AlignedBytes, at: usize, bytes: &[u8]) -> AlignedBytes {
    let mut file = file.clone();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    seal(&mut file);
    file
}
