//! Winograd's convolution on the emulated boards: the bytes of a direct one, for shapes and channels that leave rests.

use super::{boards, in_parallel};
use mote::bench;
use mote_runtime::AlignedBytes;
use mote_runtime::format::instruction::{
    Biases, Conv2d, Conv2dWinograd, Factors, Hwc, Multiplier, Requantize8, RowOrder,
};
use mote_runtime::format::pack::{filter_rows, packed_factors, winograd_filters};
use mote_runtime::format::{Contents, DType, Instruction, Port, Program, Rounding, write};
use sha2::{Digest, Sha256};
use std::sync::Mutex;

/// Height, width and channels of input and output, rows and columns of padding before the input, and more.
struct Layer {
    x: [u32; 3],
    y: [u32; 3],
    pads: [u32; 2],
    x_zero_point: i8,
    clamp: (i8, i8),
    rounding: Rounding,
    /// Also factors that only the slow way has.
    any_factor: bool,
}

const FULL: (i8, i8) = (i8::MIN, i8::MAX);

const LAYERS: [Layer; 9] = [
    layer([8, 8, 16], [8, 8, 16], [1, 1], -128, FULL, Rounding::Tflite),
    layer([8, 8, 8], [8, 8, 16], [1, 1], 5, FULL, Rounding::Single),
    layer([9, 13, 20], [9, 13, 7], [1, 1], 127, (-100, 90), Rounding::Tflite),
    layer([7, 19, 3], [5, 17, 5], [0, 0], -128, FULL, Rounding::Single),
    layer([1, 1, 5], [1, 1, 1], [1, 1], 0, FULL, Rounding::Tflite),
    layer([6, 9, 12], [8, 11, 2], [2, 2], -3, (-128, 60), Rounding::Single),
    layer([4, 4, 33], [6, 20, 18], [3, 3], 77, FULL, Rounding::Tflite),
    layer([12, 10, 40], [10, 8, 33], [0, 0], -20, FULL, Rounding::Single),
    Layer { any_factor: true, ..layer([5, 11, 6], [5, 11, 19], [1, 1], 9, FULL, Rounding::Tflite) },
];

const fn layer(x: [u32; 3], y: [u32; 3], pads: [u32; 2], x_zero_point: i8, clamp: (i8, i8), r: Rounding) -> Layer {
    Layer { x, y, pads, x_zero_point, clamp, rounding: r, any_factor: false }
}

/// Bytes without a pattern (xorshift64*).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn bytes(&mut self, n: u32) -> Vec<i8> {
        (0..n).map(|_| self.next() as i8).collect()
    }
}

/// Files of one instruction each: the direct convolution, and Winograd's.
fn files(layer: &Layer, seed: u64) -> [Vec<u8>; 2] {
    let mut noise = Noise(seed);
    let [x_shape, y_shape] = [layer.x, layer.y].map(|[h, w, c]| Hwc { h, w, c });
    let filter = 9 * x_shape.c;
    let filters = noise.bytes(y_shape.c * filter);
    let biases: Vec<i32> = (0..y_shape.c).map(|_| (noise.next() % 60_001) as i32 - 30_000).collect();
    let factors: Vec<Multiplier> = (0..y_shape.c)
        .map(|_| {
            let shift =
                if layer.any_factor && noise.next().is_multiple_of(4) { 1 } else { -8 - (noise.next() % 3) as i8 };
            Multiplier { multiplier: (1 << 30) | (noise.next() & 0x3fff_ffff) as i32, shift }
        })
        .collect();
    let mut weights: Vec<u8> = biases.iter().flat_map(|b| b.to_le_bytes()).collect();
    let at = weights.len() as u32;
    let factors = match packed_factors(&factors) {
        Some((words, shift)) => {
            weights.extend(words.iter().flat_map(|w| w.to_le_bytes()));
            Factors::Packed { words: at, shift }
        }
        None => {
            weights.extend(factors.iter().flat_map(|f| f.multiplier.to_le_bytes()));
            let shifts = weights.len() as u32;
            weights.extend(factors.iter().map(|f| f.shift as u8));
            Factors::Each { multipliers: at, shifts }
        }
    };
    weights.resize(weights.len().next_multiple_of(4), 0);
    let (min, max) = layer.clamp;
    let requantize = Requantize8 { biases: Biases::I32(0), factors, y_zero_point: -7, min, max };
    let [pad_top, pad_left] = layer.pads;
    let (x_len, y_len) = (x_shape.elements().unwrap(), y_shape.elements().unwrap());
    let (x, y, scratch) = (0, x_len, (x_len + y_len).next_multiple_of(4));
    let (order, x_zero_point, offset) = (RowOrder::TopDown, layer.x_zero_point, weights.len() as u32);
    let winograd = Conv2dWinograd {
        x,
        y,
        scratch,
        x_shape,
        y_shape,
        pad_top,
        pad_left,
        weights: offset,
        x_zero_point,
        order,
        requantize,
    };
    let window = winograd.window();
    let direct =
        Conv2d { x, y, scratch, x_shape, y_shape, window, groups: 1, weights: offset, x_zero_point, order, requantize };
    let port = |offset: u32, bytes: u32| Port {
        offset,
        dtype: DType::I8,
        shape: heapless::Vec::from_slice(&[1, bytes]).unwrap(),
        scale: 1.0,
        zero_point: 0,
        source_dtype: DType::F32,
        source_axes: heapless::Vec::from_slice(&[0, 1]).unwrap(),
    };
    let program = Program {
        rounding: layer.rounding,
        inputs: heapless::Vec::from_slice(&[port(x, x_len)]).unwrap(),
        outputs: heapless::Vec::from_slice(&[port(y, y_len)]).unwrap(),
        instruction_count: 0,
    };
    let file = |instruction: Instruction, filters: Vec<u8>, scratch_bytes: Option<u32>| {
        let contents = Contents {
            program: &program,
            instructions: &[instruction],
            meta: None,
            weights: &[&weights[..], &filters].concat(),
            self_test: &[],
            arena_bytes: scratch + scratch_bytes.unwrap(),
            model_version: 0,
            sha256: |bytes| Sha256::digest(bytes).into(),
        };
        AlignedBytes::copy_of(&write(&contents).unwrap()).to_vec()
    };
    let rows = filter_rows(&filters, filter as usize).iter().map(|&w| w as u8).collect();
    let transformed = winograd_filters(&filters, x_shape.c as usize).iter().flat_map(|w| w.to_le_bytes()).collect();
    [
        file(Instruction::Conv2d(direct), rows, direct.scratch_bytes()),
        file(Instruction::Conv2dWinograd(winograd), transformed, winograd.scratch_bytes()),
    ]
}

#[test]
fn winograd_layers_give_the_bytes_of_direct_ones() {
    let boards = boards(None);
    let mut cases = Vec::new();
    for (index, layer) in LAYERS.iter().enumerate() {
        let [direct, winograd] = files(layer, 77 + index as u64);
        let bytes: u32 = layer.x.iter().product();
        let mut noise = Noise(5 + index as u64);
        let sample = |noise: &mut Noise| noise.bytes(bytes).iter().map(|&x| x as u8).collect();
        // The ends of the range, and noise.
        let samples =
            vec![vec![0x80; bytes as usize], vec![0x7f; bytes as usize], sample(&mut noise), sample(&mut noise)];
        let expected = bench::host_outputs(&direct, &samples).unwrap();
        assert_eq!(bench::host_outputs(&winograd, &samples).unwrap(), expected, "layer {index} on the host");
        cases.push((index, winograd, samples, expected));
    }
    let pairs: Vec<_> = boards.iter().flat_map(|board| cases.iter().map(move |case| (board, case))).collect();
    let failures = Mutex::new(Vec::new());
    in_parallel(&pairs, |(board, (index, file, samples, expected))| {
        let what = match bench::run_inputs(board, file, samples) {
            Ok(report) => {
                bench::first_difference(&report.outputs, expected).map(|(sample, at)| format!("{sample} {at:?}"))
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(what) = what {
            failures.lock().unwrap().push(format!("layer {index} on {}: {what}", board.name));
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), pairs.len(), failures.join("\n"));
}
