//! Against the literal formula in double precision.

use super::*;
use crate::format::instruction::FloatWeights;
use crate::format::{Instruction, Rounding};
use crate::op::dispatch;
use crate::op::testing::{Random, config};
use crate::ops::AllOps;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// One operator, its constants and its arena: `x`, `y`, `cell`, `hidden`.
struct Case {
    op: LstmF32,
    weights: Vec<f32>,
    arena: Vec<f32>,
}

impl Case {
    fn new([steps, in_n, units]: [u32; 3], cell_clip: f32, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut floats = |n: u32| -> Vec<f32> { (0..n).map(|_| (random.next() % 256) as f32 / 128.0 - 1.0).collect() };
        let gate_len = units * (in_n + units + 1);
        let gate = |index: u32| {
            let first = index * gate_len;
            let at = |floats: u32| FloatWeights { offset: (first + floats) * 4, half: false };
            LstmGateF32 { weights_x: at(0), weights_h: at(units * in_n), bias: (first + units * (in_n + units)) * 4 }
        };
        let (y, cell) = (steps * in_n, steps * (in_n + units));
        let op = LstmF32 {
            x: 0,
            y: y * 4,
            cell: cell * 4,
            hidden: (cell + units) * 4,
            steps,
            in_n,
            units,
            input: gate(0),
            forget: gate(1),
            candidate: gate(2),
            output: gate(3),
            cell_clip,
        };
        let mut arena = floats(steps * in_n);
        // Whatever was there before.
        arena.resize((cell + 2 * units) as usize, 0.75);
        Self { op, weights: floats(4 * gate_len), arena }
    }

    fn on<T>(&mut self, work: impl FnOnce(&Instruction, &mut Memory) -> T) -> T {
        let (arena, weights): (&mut [u8], &[u8]) =
            (bytemuck::cast_slice_mut(&mut self.arena), bytemuck::cast_slice(&self.weights));
        let limits = Limits { arena_bytes: arena.len() as u32, weights, rounding: Rounding::Single };
        let instruction = Instruction::LstmF32(self.op);
        assert_eq!(dispatch::check::<AllOps>(&instruction, &limits), Ok(()));
        assert!(dispatch::has_state::<AllOps>(&instruction));
        work(&instruction, &mut Memory { arena, weights, rounding: Rounding::Single })
    }

    fn reset(&mut self) {
        assert_eq!(self.on(dispatch::reset::<AllOps>), Some(()));
    }

    fn run(&mut self) -> Vec<f32> {
        assert_eq!(self.on(dispatch::run::<AllOps>), Some(()));
        let (y, cell) = (self.op.y as usize / 4, self.op.cell as usize / 4);
        self.arena[y..cell].to_vec()
    }

    /// Row after row, unit after unit, in double precision.
    fn literal(&self) -> Vec<f64> {
        let [steps, in_n, units] = [self.op.steps, self.op.in_n, self.op.units].map(|n| n as usize);
        let real = |from: &[f32], at: usize| f64::from(from[at]);
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let (mut cell, mut hidden) = (vec![0.0; units], vec![0.0; units]);
        let mut y = Vec::new();
        for step in 0..steps {
            let sum = |gate: LstmGateF32, unit: usize| {
                let (w_x, w_h) = (gate.weights_x.offset as usize / 4, gate.weights_h.offset as usize / 4);
                let from_x =
                    (0..in_n).map(|i| real(&self.arena, step * in_n + i) * real(&self.weights, w_x + unit * in_n + i));
                let from_h = (0..units).map(|i| hidden[i] * real(&self.weights, w_h + unit * units + i));
                from_x.sum::<f64>() + from_h.sum::<f64>() + real(&self.weights, gate.bias as usize / 4 + unit)
            };
            let row: Vec<f64> = (0..units)
                .map(|unit| {
                    let added = sigmoid(sum(self.op.input, unit)) * sum(self.op.candidate, unit).tanh();
                    let kept = sigmoid(sum(self.op.forget, unit)) * cell[unit];
                    let clip = f64::from(self.op.cell_clip);
                    cell[unit] = (kept + added).clamp(-clip, clip);
                    sigmoid(sum(self.op.output, unit)) * cell[unit].tanh()
                })
                .collect();
            y.extend(&row);
            hidden = row;
        }
        y
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn lstm_equals_the_literal_formula(
        (steps, in_n, units) in (1u32..6, 1u32..20, 1u32..12), clip in prop::bool::ANY, seed: u64,
    ) {
        let mut case = Case::new([steps, in_n, units], if clip { 0.25 } else { f32::INFINITY }, seed);
        case.reset();
        let expected = case.literal();
        let got = case.run();
        let near = |(&got, &expected): (&f32, &f64)| (f64::from(got) - expected).abs() <= 1e-5;
        prop_assert!(got.len() == expected.len() && got.iter().zip(&expected).all(near), "{got:?} {expected:?}");
    }

    /// Runs without a reset between them are one long run.
    #[test]
    fn state_lives_from_run_to_run(steps in 1u32..4, seed: u64) {
        let mut long = Case::new([2 * steps, 5, 4], f32::INFINITY, seed);
        long.reset();
        let (whole, x) = (long.run(), (2 * steps * 5) as usize);
        let mut short = Case::new([steps, 5, 4], f32::INFINITY, seed);
        short.weights = long.weights.clone();
        short.reset();
        let mut parts = Vec::new();
        for part in long.arena[..x].chunks(x / 2) {
            short.arena[..x / 2].copy_from_slice(part);
            parts.extend(short.run());
        }
        prop_assert_eq!(&parts, &whole);
        short.reset();
        short.arena[..x / 2].copy_from_slice(&long.arena[..x / 2]);
        prop_assert_eq!(&short.run()[..], &whole[..whole.len() / 2]);
    }
}

#[test]
fn state_may_not_be_shared_and_parameters_are_bounded() {
    let Case { op, weights, arena } = Case::new([3, 2, 2], 1.0, 1);
    let limits = Limits {
        arena_bytes: arena.len() as u32 * 4,
        weights: bytemuck::cast_slice(&weights),
        rounding: Rounding::Single,
    };
    assert_eq!(check(&op, &limits), Ok(()));
    assert_eq!(check(&LstmF32 { hidden: op.cell + 4, ..op }, &limits), Err(Fault::Overlap));
    assert_eq!(check(&LstmF32 { cell: op.cell + 2, ..op }, &limits), Err(Fault::Alignment));
    assert_eq!(check(&LstmF32 { hidden: op.hidden + 4, ..op }, &limits), Err(Fault::ArenaBounds));
    for cell_clip in [0.0, -1.0, f32::NAN] {
        assert_eq!(check(&LstmF32 { cell_clip, ..op }, &limits), Err(Fault::Parameter));
    }
    let far = LstmGateF32 { bias: weights.len() as u32 * 4, ..op.output };
    assert_eq!(check(&LstmF32 { output: far, ..op }, &limits), Err(Fault::WeightsBounds));
}

#[cfg(feature = "half")]
#[test]
fn weights_may_be_halves() {
    // Four halves of 0.5 behind which nothing lies, and biases of 0.
    let half = FloatWeights { offset: 16, half: true };
    let gate = LstmGateF32 { weights_x: half, weights_h: half, bias: 0 };
    let mut case = Case::new([1, 2, 2], f32::INFINITY, 1);
    case.op = LstmF32 { input: gate, forget: gate, candidate: gate, output: gate, ..case.op };
    case.weights = [vec![0.0; 4], vec![f32::from_bits(0x3800_3800); 2]].concat();
    case.reset();
    case.arena[..2].fill(1.0);
    let (open, new) = (1.0 / (1.0 + (-1f32).exp()), 1f32.tanh());
    let expected = open * (open * new).tanh();
    assert!(case.run().iter().all(|y| (y - expected).abs() < 1e-6));
}
