//! Against literal definitions in double precision.

use crate::format::Rounding;
use crate::format::instruction::*;
use crate::op::testing::{Random, at, config, hwc, positions, taps, window};
use crate::op::{Limits, Memory, dispatch};
use crate::ops::AllOps;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// Multiples of 1/64 in [-2, 2): products and their sums are exact in double precision.
fn floats(random: &mut Random, n: u32) -> Vec<f32> {
    (0..n).map(|_| (random.next() % 256) as f32 / 64.0 - 2.0).collect()
}

/// Checks and runs one instruction; `x` at 0 of the arena and `y_len` outputs behind it.
fn outputs(instruction: Instruction, x: &[f32], weights: &[f32], y_len: u32) -> Vec<f32> {
    let mut arena = [x, &vec![0.0; y_len as usize]].concat();
    let (arena, weights): (&mut [u8], &[u8]) = (bytemuck::cast_slice_mut(&mut arena), bytemuck::cast_slice(weights));
    let limits = Limits { arena_bytes: arena.len() as u32, weights, rounding: Rounding::Single };
    assert_eq!(dispatch::check::<AllOps>(&instruction, &limits), Ok(()));
    let mut memory = Memory { arena, weights, rounding: Rounding::Single };
    assert_eq!(dispatch::run::<AllOps>(&instruction, &mut memory), Some(()));
    bytemuck::cast_slice(&arena[x.len() * 4..]).to_vec()
}

fn close(got: &[f32], expected: &[f64]) -> bool {
    let near = |(&got, &expected): (&f32, &f64)| (f64::from(got) - expected).abs() <= 1e-5 * expected.abs().max(1.0);
    got.len() == expected.len() && got.iter().zip(expected).all(near)
}

const MIN: f32 = -9.5;
const MAX: f32 = 7.25;

fn clamped(x: f64) -> f64 {
    x.clamp(MIN.into(), MAX.into())
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..config() })]

    #[test]
    fn convolution_equals_the_literal_sum(
        x in hwc(6, 5), y in hwc(4, 4), groups in 1u32..4, window in window(), seed: u64,
    ) {
        let (x_shape, y_shape) = (Hwc { c: x.c * groups, ..x }, Hwc { c: y.c * groups, ..y });
        let mut random = Random::new(seed);
        let input = floats(&mut random, x_shape.elements().unwrap());
        let weights_len = y_shape.c * window.kernel_h * window.kernel_w * x.c;
        let weights = floats(&mut random, weights_len + y_shape.c);
        let op = Conv2dF32 {
            x: 0, y: input.len() as u32 * 4, x_shape, y_shape, window, groups,
            weights: FloatWeights { offset: 0, half: false }, bias: weights_len * 4, min: MIN, max: MAX,
        };
        let literal = |(row, column, channel): (u32, u32, u32)| {
            let mut sum = f64::from(weights[(weights_len + channel) as usize]);
            for tap in taps(&window, x_shape, row, column) {
                for c in 0..x.c {
                    let kernel = (channel * window.kernel_h + tap.kernel_row) * window.kernel_w + tap.kernel_column;
                    let from = at(x_shape, tap.row, tap.column, channel / y.c * x.c + c);
                    sum += f64::from(input[from]) * f64::from(weights[(kernel * x.c + c) as usize]);
                }
            }
            clamped(sum)
        };
        let expected: Vec<_> = positions(y_shape).map(literal).collect();
        prop_assert!(close(&outputs(Instruction::Conv2dF32(op), &input, &weights, expected.len() as u32), &expected));
    }

    #[test]
    fn fully_connected_equals_the_literal_sum(rows in 1u32..4, in_n in 1u32..40, out_n in 1u32..9, seed: u64) {
        let mut random = Random::new(seed);
        let (x, weights) = (floats(&mut random, rows * in_n), floats(&mut random, out_n * in_n + out_n));
        let op = FullyConnectedF32 {
            x: 0, y: rows * in_n * 4, rows, in_n, out_n, weights: FloatWeights { offset: 0, half: false },
            bias: out_n * in_n * 4, min: MIN, max: MAX,
        };
        let literal = |(row, o): (u32, u32)| {
            let product = |i| f64::from(x[(row * in_n + i) as usize]) * f64::from(weights[(o * in_n + i) as usize]);
            clamped(f64::from(weights[(out_n * in_n + o) as usize]) + (0..in_n).map(product).sum::<f64>())
        };
        let expected: Vec<_> = (0..rows).flat_map(|row| (0..out_n).map(move |o| (row, o))).map(literal).collect();
        prop_assert!(close(&outputs(Instruction::FullyConnectedF32(op), &x, &weights, rows * out_n), &expected));
    }

    #[test]
    fn pools_equal_the_literal_average_and_maximum(
        x_shape in hwc(7, 5), (y_h, y_w) in (1u32..4, 1u32..4), window in window(), seed: u64,
    ) {
        let y_shape = Hwc { h: y_h, w: y_w, c: x_shape.c };
        prop_assume!(window.check_pool(x_shape, y_shape).is_ok());
        let x = floats(&mut Random::new(seed), x_shape.elements().unwrap());
        let op = Pool2dF32 {
            x: 0, y: x.len() as u32 * 4, x_shape, y_shape, window, count_include_pad: false, pad_bottom: 0, pad_right: 0,
            min: MIN, max: MAX,
        };
        let elements = |(row, column, channel): (u32, u32, u32)| -> Vec<f64> {
            let read = taps(&window, x_shape, row, column);
            read.iter().map(|tap| x[at(x_shape, tap.row, tap.column, channel)].into()).collect()
        };
        let average = |elements: Vec<f64>| clamped(elements.iter().sum::<f64>() / elements.len() as f64);
        let largest = |elements: Vec<f64>| clamped(elements.into_iter().fold(f64::NEG_INFINITY, f64::max));
        let expected: Vec<_> = positions(y_shape).map(elements).map(average).collect();
        prop_assert!(close(&outputs(Instruction::AveragePool2dF32(op), &x, &[], expected.len() as u32), &expected));
        let expected: Vec<_> = positions(y_shape).map(elements).map(largest).collect();
        prop_assert!(close(&outputs(Instruction::MaxPool2dF32(op), &x, &[], expected.len() as u32), &expected));
    }

    #[test]
    fn mean_and_softmax_equal_their_formulas(outer in 1u32..4, n in 1u32..20, inner in 1u32..9, seed: u64) {
        let x = floats(&mut Random::new(seed), outer * n * inner);
        let y = x.len() as u32 * 4;
        let mean = |(o, i): (u32, u32)| {
            (0..n).map(|k| f64::from(x[((o * n + k) * inner + i) as usize])).sum::<f64>() / f64::from(n)
        };
        let expected: Vec<_> = (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))).map(mean).collect();
        let op = MeanF32 { x: 0, y, outer, n, inner, min: MIN, max: MAX };
        prop_assert!(close(&outputs(Instruction::MeanF32(op), &x, &[], outer * inner), &expected));

        let softmax = |row: &[f32]| -> Vec<f64> {
            let exponentials: Vec<_> = row.iter().map(|&x| f64::from(x).exp()).collect();
            exponentials.iter().map(|e| e / exponentials.iter().sum::<f64>()).collect()
        };
        let expected: Vec<_> = x.chunks((n * inner) as usize).flat_map(softmax).collect();
        let op = SoftmaxF32 { x: 0, y, rows: outer, depth: n * inner };
        prop_assert!(close(&outputs(Instruction::SoftmaxF32(op), &x, &[], x.len() as u32), &expected));
    }
}
