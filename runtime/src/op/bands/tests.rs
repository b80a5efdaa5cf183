use super::super::testing::{Random, config, no_tables, window};
use super::*;
use crate::format::Rounding;
use crate::format::instruction::{Biases, Conv2d, DepthwiseConv2d, Factors, Requantize8};
use crate::ops::AllOps;
use proptest::prelude::*;
use std::vec::Vec;

/// Weights, biases and factors of every instruction.
#[derive(Default)]
struct Constants(Vec<u8>);

impl Constants {
    fn add(&mut self, bytes: impl IntoIterator<Item = u8>) -> u32 {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        let at = self.0.len();
        self.0.extend(bytes);
        at as u32
    }

    fn requantize(&mut self, random: &mut Random, channels: u32) -> Requantize8 {
        let biases = random.biases(channels);
        let biases = Biases::I32(self.add(biases.iter().flat_map(|bias| bias.to_le_bytes())));
        let factors = Factors::One(random.multiplier());
        Requantize8 { biases, factors, y_zero_point: random.next() as i8, ..no_tables() }
    }
}

/// The shape after `window`, if it fits and every window meets the input.
fn after(window: &Window, x: Hwc, c: u32) -> Option<Hwc> {
    let size = |size: u32, kernel: u32, dilation: u32, stride: u32, pad: u32| {
        (size + 2 * pad).checked_sub((kernel - 1) * dilation + 1).map(|rest| rest / stride + 1)
    };
    let y = Hwc {
        h: size(x.h, window.kernel_h, window.dilation_h, window.stride_h, window.pad_top)?,
        w: size(x.w, window.kernel_w, window.dilation_w, window.stride_w, window.pad_left)?,
        c,
    };
    window.check_pool(x, y).ok().map(|()| y)
}

/// A chain of random instructions, each reading what the one before it writes, all places 0.
fn chain(seed: u64, x: Hwc, kinds: &[(u8, u32)], windows: &[Window]) -> (Vec<Instruction>, Vec<u8>) {
    let (mut random, mut constants, mut shape) = (Random::new(seed), Constants::default(), x);
    let mut instructions = Vec::new();
    for (&(kind, channels), &window) in kinds.iter().zip(windows.iter().cycle()) {
        let c = if kind == 0 { channels } else { shape.c };
        let Some(y_shape) = after(&window, shape, c) else { continue };
        let (taps, order) = (window.kernel_h * window.kernel_w, RowOrder::TopDown);
        let pool = Pool2d {
            x: 0,
            y: 0,
            x_shape: shape,
            y_shape,
            window,
            count_include_pad: false,
            pad_bottom: 0,
            pad_right: 0,
            zero_point: 0,
            min: -128,
            max: 127,
        };
        instructions.push(match kind {
            0 => {
                let row = (taps * shape.c).next_multiple_of(4);
                let weights = constants.add(random.bytes(row * c));
                let requantize = Requantize8 { min: -128, max: 127, ..constants.requantize(&mut random, c) };
                let (x, y, scratch, x_zero_point) = (0, 0, 0, random.next() as i8);
                let op = Conv2d {
                    x,
                    y,
                    scratch,
                    x_shape: shape,
                    y_shape,
                    window,
                    groups: 1,
                    weights,
                    x_zero_point,
                    order,
                    requantize,
                };
                Instruction::Conv2d(op)
            }
            1 => {
                let weights = constants.add(random.bytes(taps * c));
                let requantize = Requantize8 { min: -128, max: 127, ..constants.requantize(&mut random, c) };
                let (x, y, scratch, x_zero_point) = (0, 0, 0, random.next() as i8);
                let op = DepthwiseConv2d {
                    x,
                    y,
                    scratch,
                    scratch_bytes: 0,
                    x_shape: shape,
                    y_shape,
                    window,
                    weights,
                    x_zero_point,
                    order,
                    requantize,
                };
                let strips = if random.next().is_multiple_of(2) { op.strip_bytes().unwrap_or(0) } else { 0 };
                Instruction::DepthwiseConv2d(DepthwiseConv2d { scratch_bytes: strips, ..op })
            }
            2 => Instruction::MaxPool2d(pool),
            _ => Instruction::AveragePool2d(pool),
        });
        shape = y_shape;
    }
    (instructions, constants.0)
}

/// Places one after the other, with whole maps or line buffers between instructions; returns the arena's size.
fn place(instructions: &mut [Instruction], lines: Option<[u32; MAX_BANDED]>) -> u32 {
    let (mut free, mut before) = (0, None);
    let count = instructions.len();
    for (index, instruction) in instructions.iter_mut().enumerate() {
        let Operands { x, y, x_shape, y_shape, scratch, .. } = Operands::of(instruction).unwrap();
        let mut take = |bytes: u32| {
            let at = free;
            free = (free + bytes).next_multiple_of(4);
            at
        };
        *x = before.unwrap_or_else(|| take(x_shape.elements().unwrap()));
        let rows = lines.filter(|_| index + 1 < count).map_or(y_shape.h, |lines| lines[index]);
        *y = take(rows * y_shape.w * y_shape.c);
        if let Some((scratch, bytes)) = scratch {
            *scratch = take(bytes);
        }
        before = Some(*y);
    }
    free
}

fn stages(instructions: &[Instruction]) -> Stages {
    let mut stages = Stages::default();
    assert!(instructions.iter().all(|instruction| stages.push(Stage::of(instruction).unwrap())));
    stages
}

/// Checks the chain as a file's, runs it in bands over `x`, and returns the bytes at the last output.
fn run_checked(instructions: &[Instruction], weights: &[u8], arena_bytes: u32, x: &[u8]) -> Result<Vec<u8>, Fault> {
    let bands = Bands { count: instructions.len() as u32 };
    let limits = Limits { arena_bytes, weights, rounding: Rounding::Single };
    let mut open = Chain::new(&bands);
    for instruction in instructions {
        open.push::<AllOps>(instruction, &limits)?;
    }
    assert!(!open.is_open());
    let mut words = std::vec![0x5a5a_5a5au32; arena_bytes.div_ceil(4) as usize];
    let arena = &mut bytemuck::cast_slice_mut(&mut words)[..arena_bytes as usize];
    let (mut first, mut last) = (instructions[0], *instructions.last().unwrap());
    let at = *Operands::of(&mut first).unwrap().x as usize;
    arena[at..at + x.len()].copy_from_slice(x);
    let mut memory = Memory { arena, weights, rounding: Rounding::Single };
    run::<AllOps>(&bands, 0, instructions.iter().copied(), &mut memory, &mut ()).unwrap();
    let y = Operands::of(&mut last).unwrap();
    let at = *y.y as usize;
    Ok(memory.arena[at..at + y.y_shape.elements().unwrap() as usize].to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..config() })]

    #[test]
    fn bands_give_what_whole_maps_give(
        seed: u64, x in (1u32..14, 1u32..6, 1u32..6).prop_map(|(h, w, c)| Hwc { h, w, c }),
        kinds in prop::collection::vec((0u8..4, 1u32..6), 2..=MAX_BANDED), windows in prop::collection::vec(window(), 1..4),
    ) {
        let (mut instructions, weights) = chain(seed, x, &kinds, &windows);
        prop_assume!(instructions.len() >= 2);
        let mut words = std::vec![0u32; weights.len().div_ceil(4)];
        bytemuck::cast_slice_mut(&mut words)[..weights.len()].copy_from_slice(&weights);
        let weights = &bytemuck::cast_slice(&words)[..weights.len()];
        let input = Random::new(seed ^ 1).bytes(x.elements().unwrap());

        let arena_bytes = place(&mut instructions, None);
        let mut words = std::vec![0u32; arena_bytes.div_ceil(4) as usize];
        let arena: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
        arena[..input.len()].copy_from_slice(&input);
        let mut memory = Memory { arena, weights, rounding: Rounding::Single };
        for instruction in &instructions {
            dispatch::run_decoded::<AllOps>(instruction, &mut memory).unwrap();
        }
        let y = Operands::of(instructions.last_mut().unwrap()).unwrap();
        let (at, len) = (*y.y as usize, y.y_shape.elements().unwrap() as usize);
        let expected = memory.arena[at..at + len].to_vec();

        let stages = stages(&instructions);
        let arena_bytes = place(&mut instructions, Some(stages.line_rows()));
        let got = run_checked(&instructions, weights, arena_bytes, &input);
        prop_assert_eq!(got.as_ref(), Ok(&expected));

        // As near to the input as the distances allow, all else moved out of the way.
        let below = stages.distances().below.max(-i64::from(x.elements().unwrap()));
        let moved = (below.max(0) as u32 + len as u32).next_multiple_of(4);
        let count = instructions.len();
        for (index, instruction) in instructions.iter_mut().enumerate() {
            let Operands { x, y, scratch, .. } = Operands::of(instruction).unwrap();
            *x += if index == 0 { moved } else { 2 * moved };
            *y = if index + 1 == count { (i64::from(moved) - below) as u32 } else { *y + 2 * moved };
            if let Some((scratch, _)) = scratch {
                *scratch += 2 * moved;
            }
        }
        let arena_bytes = arena_bytes + 2 * moved;
        prop_assert_eq!(run_checked(&instructions, weights, arena_bytes, &input), Ok(expected));

        // One byte nearer, and it is refused, unless there is only one step.
        if let Some(Operands { y, .. }) = Operands::of(instructions.last_mut().unwrap())
            && below > -i64::from(x.elements().unwrap())
        {
            *y += 1;
            prop_assert_eq!(run_checked(&instructions, weights, arena_bytes, &input), Err(Fault::Overlap));
        }
    }
}

fn pool(x: Hwc, kernel: u32, stride: u32) -> Instruction {
    let window = Window {
        kernel_h: kernel,
        kernel_w: kernel,
        stride_h: stride,
        stride_w: stride,
        dilation_h: 1,
        dilation_w: 1,
        pad_top: 0,
        pad_left: 0,
    };
    let y_shape = after(&window, x, x.c).unwrap();
    Instruction::MaxPool2d(Pool2d {
        x: 0,
        y: 0,
        x_shape: x,
        y_shape,
        window,
        count_include_pad: false,
        pad_bottom: 0,
        pad_right: 0,
        zero_point: 0,
        min: -128,
        max: 127,
    })
}

#[test]
fn line_buffers_hold_what_a_window_reads() {
    let (wide, narrow) = (Hwc { h: 12, w: 12, c: 1 }, Hwc { h: 10, w: 10, c: 1 });
    let rows = |first: Instruction, second: Instruction| stages(&[first, second]).line_rows()[0];
    assert_eq!(rows(pool(wide, 3, 1), pool(narrow, 2, 2)), 2);
    assert_eq!(rows(pool(wide, 3, 1), pool(narrow, 3, 1)), 3);
    assert_eq!(rows(pool(wide, 3, 1), pool(narrow, 1, 3)), 1);
}

#[test]
fn what_cannot_run_in_bands_is_refused() {
    let x = Hwc { h: 6, w: 6, c: 1 };
    let mut good = [pool(x, 3, 1), pool(Hwc { h: 4, w: 4, c: 1 }, 2, 2)];
    let lines = stages(&good).line_rows();
    let arena_bytes = place(&mut good, Some(lines));
    let run =
        |instructions: &[Instruction], arena_bytes| run_checked(instructions, &[], arena_bytes, &[0; 36]).map(drop);
    assert_eq!(run(&good, arena_bytes), Ok(()));
    assert_eq!(run(&good, arena_bytes - 1), Err(Fault::ArenaBounds));
    let refused = |edit: fn(&mut [Instruction; 2]), fault| {
        let mut bad = good;
        edit(&mut bad);
        assert_eq!(run(&bad, arena_bytes), Err(fault), "{bad:?}");
    };
    refused(|bad| *Operands::of(&mut bad[1]).unwrap().x += 4, Fault::Parameter);
    refused(|bad| Operands::of(&mut bad[1]).unwrap().x_shape.w -= 1, Fault::Parameter);
    refused(|bad| *Operands::of(&mut bad[1]).unwrap().y = 36, Fault::Overlap);
    refused(
        |bad| (*Operands::of(&mut bad[0]).unwrap().y, *Operands::of(&mut bad[1]).unwrap().x) = (32, 32),
        Fault::Overlap,
    );
    refused(|bad| Operands::of(&mut bad[1]).unwrap().window.stride_h = 0, Fault::Parameter);
    refused(|bad| bad[1] = Instruction::Bands(Bands { count: 2 }), Fault::Parameter);
    let with_padding = |bad: &mut [Instruction; 2]| {
        let Instruction::MaxPool2d(op) = bad[1] else { unreachable!() };
        bad[1] = Instruction::AveragePool2d(Pool2d { count_include_pad: true, ..op });
    };
    refused(with_padding, Fault::Parameter);
    let limits = Limits { arena_bytes, weights: &[], rounding: Rounding::Single };
    for count in [0, 1, MAX_BANDED as u32 + 1, u32::MAX] {
        assert_eq!(header::check(&Bands { count }, &limits), Err(Fault::Parameter));
    }
}
