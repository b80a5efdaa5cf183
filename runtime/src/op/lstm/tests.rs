use super::*;
use crate::format::instruction::Multiplier;
use std::vec::Vec;

const UNIT: Multiplier = Multiplier { multiplier: 1 << 30, shift: 1 };

fn gate() -> LstmGate {
    LstmGate { weights_x: 0, weights_h: 0, bias_x: 0, bias_h: 0, scale_x: UNIT, scale_h: UNIT }
}

fn op(steps: u32) -> Lstm {
    Lstm {
        x: 0,
        y: 16,
        cell: 32,
        hidden: 40,
        steps,
        in_n: 1,
        units: 2,
        input: gate(),
        forget: gate(),
        candidate: gate(),
        output: gate(),
        cell_integer_bits: 3,
        cell_clip: 0,
        // 2^-30 / (1 / 128)
        hidden_scale: Multiplier { multiplier: 1 << 30, shift: -22 },
        hidden_zero_point: 0,
    }
}

/// Gates that see only their biases.
fn biased(op: &Lstm, biases: [i32; 4], x: &[i8], cell: &mut [i16], hidden: &mut [i8]) -> Vec<i8> {
    let bias = biases.map(|b| [b; 2]);
    let zero = [0; 2];
    let gate = |b| Gate { weights_x: &[0; 2], weights_h: &[0; 4], bias_x: b, bias_h: &zero, scales: gate() };
    let gates = [gate(&bias[0]), gate(&bias[1]), gate(&bias[2]), gate(&bias[3])];
    let mut y = std::vec![0; op.steps as usize * 2];
    lstm(op, &gates, x, &mut y, cell, hidden).unwrap();
    y
}

/// Far on either side of the functions.
const OPEN: i32 = 32_767;
const SHUT: i32 = -32_768;

#[test]
fn open_gates_add_up_in_the_cell() {
    let (mut cell, mut hidden) = ([0i16; 2], [0i8; 2]);
    let y = biased(&op(2), [OPEN, OPEN, OPEN, OPEN], &[0, 0], &mut cell, &mut hidden);
    // One a step, with 12 fraction bits: tanh(1) = 0.76, tanh(2) = 0.96 in units of 1/128.
    assert!(cell.iter().all(|c| (8180..=8192).contains(c)), "{cell:?}");
    assert!((96..=98).contains(&y[0]) && (122..=124).contains(&y[2]), "{y:?}");
    assert_eq!(hidden, [y[2], y[3]]);
}

#[test]
fn a_shut_forget_gate_loses_the_cell_and_a_shut_output_gate_hides_it() {
    let (mut cell, mut hidden) = ([4096i16; 2], [5i8; 2]);
    let y = biased(&op(1), [SHUT, SHUT, OPEN, OPEN], &[0], &mut cell, &mut hidden);
    assert!(cell.iter().all(|c| c.abs() <= 4), "{cell:?}");
    assert!(y.iter().all(|y| y.abs() <= 1));
    let (mut cell, mut hidden) = ([4096i16; 2], [5i8; 2]);
    let y = biased(&op(1), [SHUT, OPEN, OPEN, SHUT], &[0], &mut cell, &mut hidden);
    assert!(cell.iter().all(|c| *c > 4080) && y == [0, 0], "{cell:?} {y:?}");
}

#[test]
fn the_cell_is_clipped() {
    let (mut cell, mut hidden) = ([0i16; 2], [0i8; 2]);
    let clipped = Lstm { cell_clip: 1000, ..op(3) };
    biased(&clipped, [OPEN, OPEN, SHUT, OPEN], &[0; 3], &mut cell, &mut hidden);
    assert_eq!(cell, [-1000; 2]);
}

#[test]
fn state_may_not_be_shared_and_parameters_are_bounded() {
    let weights = [0u32; 64];
    let limits = Limits { arena_bytes: 64, weights: bytemuck::cast_slice(&weights), rounding: Rounding::Tflite };
    assert_eq!(check(&op(4), &limits), Ok(()));
    assert_eq!(check(&Lstm { hidden: 34, ..op(4) }, &limits), Err(Fault::Overlap));
    assert_eq!(check(&Lstm { cell: 33, ..op(4) }, &limits), Err(Fault::Alignment));
    assert_eq!(check(&Lstm { cell_integer_bits: 7, ..op(4) }, &limits), Err(Fault::Parameter));
    assert_eq!(check(&Lstm { y: 60, ..op(4) }, &limits), Err(Fault::ArenaBounds));
    let far = LstmGate { weights_h: 255, ..gate() };
    assert_eq!(check(&Lstm { output: far, ..op(4) }, &limits), Err(Fault::WeightsBounds));
}
