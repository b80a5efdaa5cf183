//! Addition and multiplication, with broadcasting.

use super::EmitError;
use super::context::{Affine, NodeContext};
use crate::ir::{Activation, DType, ValueId};
use mote_runtime::format::instruction::{Add, AddI16, Binary, BinaryF32, BinaryI16, Mul, MulI16, Multiplier, Operand};
use mote_runtime::format::{Instruction, Rounding};

pub fn emit_add(n: &mut NodeContext, activation: Activation) -> Result<(), EmitError> {
    if n.output().dtype == DType::F32 {
        return emit_f32(n, activation, Instruction::AddF32);
    }
    if n.output().dtype == DType::I16 {
        return emit_add16(n, activation, false);
    }
    let pair = Pair::of(n)?;
    let scales = match n.context.options.rounding {
        Rounding::Single => single(n, pair.a_affine, pair.b_affine, pair.y_affine)?,
        Rounding::Tflite => tflite(n, pair.a_affine, pair.b_affine, pair.y_affine)?,
    };
    for binary in pair.binaries(n, activation)? {
        n.push(Instruction::Add(Add { binary, ..scales }));
    }
    Ok(())
}

/// Only with the rounding of the TensorFlow Lite reference kernel: networks that are quantized here add instead.
pub fn emit_sub(n: &mut NodeContext, activation: Activation) -> Result<(), EmitError> {
    if n.output().dtype == DType::I16 {
        return emit_add16(n, activation, true);
    }
    if n.output().dtype != DType::I8 || n.context.options.rounding != Rounding::Tflite {
        return Err(n.error("only networks that came quantized subtract: add the negated operand instead"));
    }
    let pair = Pair::of(n)?;
    if pair.a != n.input(0)? {
        return Err(n.error("the first operand must have the shape of the result: expand it in the network"));
    }
    let scales = tflite(n, pair.a_affine, pair.b_affine, pair.y_affine)?;
    for binary in pair.binaries(n, activation)? {
        n.push(Instruction::Sub(Add { binary, ..scales }));
    }
    Ok(())
}

pub fn emit_mul(n: &mut NodeContext, activation: Activation) -> Result<(), EmitError> {
    if n.output().dtype == DType::F32 {
        return emit_f32(n, activation, Instruction::MulF32);
    }
    if n.output().dtype == DType::I16 {
        return emit_mul16(n, activation);
    }
    let pair = Pair::of(n)?;
    let scale = mul_scale(n, [pair.a_affine, pair.b_affine, pair.y_affine])?;
    for binary in pair.binaries(n, activation)? {
        n.push(Instruction::Mul(Mul { binary, scale }));
    }
    Ok(())
}

/// Both operands shifted left by 15 bits, in units of twice the larger scale.
fn emit_add16(n: &mut NodeContext, activation: Activation, subtract: bool) -> Result<(), EmitError> {
    const LEFT_SHIFT: u8 = 15;
    let pair = Pair::of_type(n, DType::I16)?;
    if subtract && pair.a != n.input(0)? {
        return Err(n.error("the first operand must have the shape of the result: expand it in the network"));
    }
    let [a, b, y] = [pair.a_affine, pair.b_affine, pair.y_affine].map(|x| f64::from(x.scale));
    let twice_max = 2.0 * a.max(b);
    let (a_scale, b_scale) = (n.multiplier(a / twice_max)?, n.multiplier(b / twice_max)?);
    let y_scale = n.multiplier(twice_max / (f64::from(1u32 << LEFT_SHIFT) * y))?;
    if y_scale.shift > 0 {
        return Err(n.error("the scale of the result is too small for those of the operands"));
    }
    for binary in pair.binaries16(n, activation)? {
        n.push(Instruction::AddI16(AddI16 { binary, subtract, left_shift: LEFT_SHIFT, a_scale, b_scale, y_scale }));
    }
    Ok(())
}

fn emit_mul16(n: &mut NodeContext, activation: Activation) -> Result<(), EmitError> {
    let pair = Pair::of_type(n, DType::I16)?;
    let scale = mul_scale(n, [pair.a_affine, pair.b_affine, pair.y_affine])?;
    for binary in pair.binaries16(n, activation)? {
        n.push(Instruction::MulI16(MulI16 { binary, scale }));
    }
    Ok(())
}

/// From the product of two stored values to the stored result.
fn mul_scale(n: &NodeContext, operands: [Affine; 3]) -> Result<Multiplier, EmitError> {
    let [a, b, y] = operands.map(|x| x.scale);
    n.multiplier(match n.context.options.rounding {
        // The reference kernel computes it in single precision.
        Rounding::Tflite => f64::from(a * b / y),
        Rounding::Single => f64::from(a) * f64::from(b) / f64::from(y),
    })
}

/// Largest multiplier of an addition with single rounding: two differences of up to 255 times this, and the rounding
/// term of up to 2^29, stay below 2^31.
const MAX_ADD_MULTIPLIER: f64 = (1 << 21) as f64;

/// Both operands in units of `2^-s` of the output's scale, with the largest `s` that the multipliers allow.
fn single(n: &NodeContext, a: Affine, b: Affine, y: Affine) -> Result<Add, EmitError> {
    let factors = [a, b].map(|x| f64::from(x.scale) / f64::from(y.scale));
    let Some((s, multipliers)) = common_shift(factors) else {
        return Err(n.error(format!("cannot scale the operands by {factors:?}: the scales are too far apart")));
    };
    let [a_scale, b_scale] = multipliers.map(|multiplier| Multiplier { multiplier, shift: 0 });
    let y_scale = Multiplier { multiplier: 0, shift: -s };
    Ok(Add { binary: EMPTY, left_shift: 0, a_scale, b_scale, y_scale })
}

/// The largest `s` for which both factors times `2^s` fit a multiplier, and these multipliers.
fn common_shift(factors: [f64; 2]) -> Option<(i8, [i32; 2])> {
    let scaled = |s: i8| factors.map(|f| (f * 2f64.powi(i32::from(s))).round());
    let s = (1..=30).rev().find(|&s| scaled(s).iter().all(|&m| m <= MAX_ADD_MULTIPLIER))?;
    Some((s, scaled(s).map(|m| m as i32)))
}

/// Parameters of the TensorFlow Lite reference kernel.
fn tflite(n: &NodeContext, a: Affine, b: Affine, y: Affine) -> Result<Add, EmitError> {
    const LEFT_SHIFT: u8 = 20;
    let [a, b, y] = [a, b, y].map(|x| f64::from(x.scale));
    let twice_max = 2.0 * a.max(b);
    Ok(Add {
        binary: EMPTY,
        left_shift: LEFT_SHIFT,
        a_scale: n.multiplier(a / twice_max)?,
        b_scale: n.multiplier(b / twice_max)?,
        y_scale: n.multiplier(twice_max / (f64::from(1u32 << LEFT_SHIFT) * y))?,
    })
}

/// Replaced before use.
const EMPTY: Binary = Binary {
    a: Operand::Arena(0),
    b: Operand::Arena(0),
    y: 0,
    len: 0,
    b_len: 0,
    b_inner: 0,
    a_zero_point: 0,
    b_zero_point: 0,
    y_zero_point: 0,
    min: 0,
    max: 0,
};

fn emit_f32(n: &mut NodeContext, activation: Activation, wrap: fn(BinaryF32) -> Instruction) -> Result<(), EmitError> {
    let (a, b) = operands(n)?;
    let (Activation { min, max }, y) = (activation, n.offset(n.node.output)?);
    for run in broadcast(n, b)? {
        let (a, b) = (n.operand(a)?, n.operand(b)?);
        let (a, b) = (shifted(a, run.a * 4), shifted(b, run.b * 4));
        let Run { len, b_len, b_inner, .. } = run;
        n.push(wrap(BinaryF32 { a, b, y: y + run.a * 4, len, b_len, b_inner, min, max }));
    }
    Ok(())
}

/// The operands of an int8 or int16 node; `a` has the shape of the output.
struct Pair {
    a: ValueId,
    b: ValueId,
    a_affine: Affine,
    b_affine: Affine,
    y_affine: Affine,
}

impl Pair {
    fn of(n: &NodeContext) -> Result<Self, EmitError> {
        Self::of_type(n, DType::I8)
    }

    fn of_type(n: &NodeContext, dtype: DType) -> Result<Self, EmitError> {
        let (a, b) = operands(n)?;
        for id in [a, b, n.node.output] {
            if n.value(id).dtype != dtype {
                return n.unsupported_dtype(n.value(id).dtype);
            }
        }
        let (a_affine, b_affine, y_affine) = (n.affine(a)?, n.affine(b)?, n.affine(n.node.output)?);
        Ok(Self { a, b, a_affine, b_affine, y_affine })
    }

    fn binaries(&self, n: &mut NodeContext, activation: Activation) -> Result<Vec<Binary>, EmitError> {
        let (a, b, y) = (n.operand(self.a)?, n.operand(self.b)?, n.offset(n.node.output)?);
        let (min, max) = self.y_affine.clamp(activation);
        let binary = |run: Run| Binary {
            a: shifted(a, run.a),
            b: shifted(b, run.b),
            y: y + run.a,
            len: run.len,
            b_len: run.b_len,
            b_inner: run.b_inner,
            a_zero_point: self.a_affine.zero_point,
            b_zero_point: self.b_affine.zero_point,
            y_zero_point: self.y_affine.zero_point,
            min,
            max,
        };
        Ok(broadcast(n, self.b)?.into_iter().map(binary).collect())
    }

    fn binaries16(&self, n: &mut NodeContext, activation: Activation) -> Result<Vec<BinaryI16>, EmitError> {
        let (a, b, y) = (n.operand(self.a)?, n.operand(self.b)?, n.offset(n.node.output)?);
        let (min, max) = super::int16::clamp(n, activation)?;
        let binary = |run: Run| BinaryI16 {
            a: shifted(a, run.a * 2),
            b: shifted(b, run.b * 2),
            y: y + run.a * 2,
            len: run.len,
            b_len: run.b_len,
            b_inner: run.b_inner,
            min,
            max,
        };
        Ok(broadcast(n, self.b)?.into_iter().map(binary).collect())
    }
}

fn shifted(operand: Operand, bytes: u32) -> Operand {
    match operand {
        Operand::Arena(offset) => Operand::Arena(offset + bytes),
        Operand::Weights(offset) => Operand::Weights(offset + bytes),
    }
}

/// The operand with the shape of the output first; both ops commute.
fn operands(n: &NodeContext) -> Result<(ValueId, ValueId), EmitError> {
    let (a, b) = (n.input(0)?, n.input(1)?);
    let whole = n.output().elements();
    if n.value(a).elements() == whole {
        Ok((a, b))
    } else if n.value(b).elements() == whole {
        Ok((b, a))
    } else {
        Err(n.error(format!(
            "one operand must have the shape of the result {:?}, got {:?} and {:?}: expand one of them in the network",
            n.output().shape,
            n.value(a).shape,
            n.value(b).shape
        )))
    }
}

/// One instruction's share of a broadcast: elements from `a` on meet elements from `b` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    a: u32,
    b: u32,
    len: u32,
    b_len: u32,
    b_inner: u32,
}

/// More instructions than this for one node are not worth their flash.
const MOST_RUNS: usize = 256;

fn broadcast(n: &NodeContext, b: ValueId) -> Result<Vec<Run>, EmitError> {
    let (y, b) = (&n.output().shape, &n.value(b).shape);
    let total: usize = y.iter().product();
    n.size(total)?;
    let runs = runs(y, b).ok_or_else(|| n.error(format!("{b:?} does not broadcast to {y:?}")))?;
    if runs.len() > MOST_RUNS {
        return Err(n.error(format!(
            "broadcasting {b:?} to {y:?} needs {} instructions: expand it in the network",
            runs.len()
        )));
    }
    Ok(runs)
}

/// Splits the broadcast of `b` to `y` along outer axes until what remains of `b` is one block, repeated and stretched.
fn runs(y: &[usize], b: &[usize]) -> Option<Vec<Run>> {
    let missing = y.len().checked_sub(b.len())?;
    let b: Vec<usize> = std::iter::repeat_n(1, missing).chain(b.iter().copied()).collect();
    if y.iter().zip(&b).any(|(&y, &b)| b != y && b != 1) {
        return None;
    }
    let split = (0..=y.len()).find(|&axis| block(&y[axis..], &b[axis..]).is_some())?;
    let (b_len, b_inner) = block(&y[split..], &b[split..])?;
    let len: usize = y[split..].iter().product();
    let outer: usize = y[..split].iter().product();
    let run = |index: usize| {
        // Where the outer index falls in `b`.
        let (mut rest, mut stride, mut start) = (index, b_len, 0);
        for axis in (0..split).rev() {
            if b[axis] != 1 {
                start += rest % y[axis] * stride;
                stride *= b[axis];
            }
            rest /= y[axis];
        }
        Run { a: (index * len) as u32, b: start as u32, len: len as u32, b_len: b_len as u32, b_inner: b_inner as u32 }
    };
    Some((0..outer).map(run).collect())
}

/// Length of `b`'s block and how far each of its elements is stretched: `b` is `[1.., block.., 1..]` against `y`.
fn block(y: &[usize], b: &[usize]) -> Option<(usize, usize)> {
    let axes = || y.iter().zip(b).filter(|(y, _)| **y != 1);
    let stretched: Vec<bool> = axes().map(|(_, &b)| b == 1).collect();
    let block = stretched.iter().skip_while(|s| **s).skip_while(|s| !**s);
    if block.clone().any(|s| !s) {
        return None;
    }
    let inner = axes().rev().take_while(|(_, b)| **b == 1).map(|(y, _)| y).product();
    Some((b.iter().product(), inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(y: &[usize], b: &[usize]) -> Option<Vec<usize>> {
        let total: usize = y.iter().product();
        let mut source = vec![usize::MAX; total];
        for run in runs(y, b)? {
            for i in 0..run.len {
                source[(run.a + i) as usize] = (run.b + i / run.b_inner % run.b_len) as usize;
            }
        }
        Some(source)
    }

    #[test]
    fn common_broadcasts_are_one_instruction() {
        for (b, len, inner) in [
            (&[1, 4, 5, 3][..], 60, 1),
            (&[1, 1, 1, 3], 3, 1),
            (&[3], 3, 1),
            (&[1, 4, 5, 1], 20, 3),
            (&[], 1, 60),
            (&[1, 4, 1, 1], 4, 15),
            (&[1, 1, 5, 1], 5, 3),
            (&[5, 3], 15, 1),
        ] {
            let runs = runs(&[1, 4, 5, 3], b).unwrap();
            assert_eq!(runs, [Run { a: 0, b: 0, len: 60, b_len: len, b_inner: inner }], "{b:?}");
        }
    }

    #[test]
    fn every_broadcast_meets_the_right_elements() {
        let y = [2, 3, 4, 5];
        for mask in 0..16 {
            let b: Vec<usize> = (0..4).map(|axis| if mask >> axis & 1 == 1 { y[axis] } else { 1 }).collect();
            let got = expand(&y, &b).unwrap();
            for (i, &got) in got.iter().enumerate() {
                let index = [i / 60, i / 20 % 3, i / 5 % 4, i % 5];
                let wanted = (0..4).fold(0, |at, axis| at * b[axis] + index[axis] % b[axis]);
                assert_eq!(got, wanted, "{b:?} at {index:?}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn single_rounding_sums_are_within_half_a_step(
            exponents in (-6f64..3.0, -6f64..3.0),
            a in -255i32..=255,
            b in -255i32..=255,
        ) {
            let factors = [2f64.powf(exponents.0), 2f64.powf(exponents.1)];
            let (s, [ma, mb]) = common_shift(factors).unwrap();
            let products = a.checked_mul(ma).zip(b.checked_mul(mb)).and_then(|(a, b)| a.checked_add(b));
            let sum = products.and_then(|p| p.checked_add(1 << (s - 1))).expect("no overflow") >> s;
            let exact = factors[0] * f64::from(a) + factors[1] * f64::from(b);
            proptest::prop_assert!((f64::from(sum) - exact).abs() < 0.5 + 1e-3 * (1.0 + factors[0].max(factors[1])));
        }
    }

    #[test]
    fn factors_beyond_the_multipliers_are_refused() {
        assert!(common_shift([2f64.powi(20), 1.0]).is_some());
        assert_eq!(common_shift([2f64.powi(21), 1.0]), None);
    }

    #[test]
    fn shapes_that_do_not_broadcast_are_refused() {
        assert_eq!(runs(&[1, 4], &[3]), None);
        assert_eq!(runs(&[4], &[1, 4]), None);
    }
}
