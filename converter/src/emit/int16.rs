//! Layers with weights on int16 activations: their filters as rows, and their requantization of 64-bit sums.

use super::EmitError;
use super::context::NodeContext;
use super::fixed_point::stored16;
use crate::ir::{Activation, Tensor};
use mote_runtime::format::Rounding;
use mote_runtime::format::instruction::{Factors, Multiplier, Requantize16, WideBiases};
use mote_runtime::format::pack::packed_factors;

/// Largest shift of a factor: what the reference kernels take, and what the kernels take.
const MOST_SHIFT: [i8; 2] = [7, 14];

/// A fused clamp in stored integers.
pub fn clamp(n: &NodeContext, activation: Activation) -> Result<(i16, i16), EmitError> {
    let scale = n.affine(n.node.output)?.scale;
    Ok((stored16(activation.min, scale), stored16(activation.max, scale)))
}

/// Requantization of sums over `filters [out, taps]` with scale `x * weights[c]` to the node's output. `product` multiplies
/// the scales of input and weights.
pub fn requantize(
    n: &mut NodeContext,
    filters: &[i8],
    product: fn(f32, f32) -> f64,
    activation: Activation,
) -> Result<Requantize16, EmitError> {
    let weights_id = n.input(1)?;
    let (x, y) = (n.affine(n.input(0)?)?.scale, n.affine(n.node.output)?.scale);
    let channels = n.output().shape.last().copied().unwrap_or(1);
    let scales = n.weight_scales(weights_id, channels)?;
    let factor = |&w: &f32| n.multiplier(product(x, w) / f64::from(y));
    let factors = scales.iter().map(factor).collect::<Result<Vec<_>, _>>()?;
    let (biases, wide) = biases(n, channels)?;
    let rounding = n.context.options.rounding;
    let reduced = rounding == Rounding::Tflite && wide;
    let limit = MOST_SHIFT[usize::from(!reduced)];
    if let Some(channel) = factors.iter().position(|factor| factor.shift > limit) {
        return Err(n.error(format!("channel {channel} needs a factor from sums to outputs of 2^{limit} and more")));
    }
    check_sums(n, filters, &biases, rounding == Rounding::Tflite && !wide)?;
    let (min, max) = clamp(n, activation)?;
    Ok(Requantize16 { biases: add_biases(n, &biases), factors: add_factors(n, &factors), reduced, min, max })
}

/// Biases, and whether the reference kernels would have sums of 64 bits: those of 64-bit biases, and of none.
fn biases(n: &NodeContext, channels: usize) -> Result<(Vec<i64>, bool), EmitError> {
    let Some(&id) = n.node.inputs.get(2) else { return Ok((vec![0; channels], true)) };
    match n.graph().constant(id) {
        Some(Tensor::I64 { data, .. }) if data.len() == channels => Ok((data.clone(), true)),
        Some(Tensor::I32 { data, .. }) if data.len() == channels => {
            Ok((data.iter().map(|&bias| bias.into()).collect(), false))
        }
        _ => Err(n.error(format!("bias `{}` must be {channels} constants of type int32 or int64", n.value(id).name))),
    }
}

/// Sums stay within the bits that are scaled, whatever the input.
fn check_sums(n: &NodeContext, filters: &[i8], biases: &[i64], narrow: bool) -> Result<(), EmitError> {
    let taps = filters.len() / biases.len().max(1);
    let (bits, limit) = if narrow { (32, 1i128 << 31) } else { (47, 1 << 46) };
    for (channel, (row, &bias)) in filters.chunks(taps.max(1)).zip(biases).enumerate() {
        let magnitude: i128 = row.iter().map(|&w| i128::from(w).abs() << 15).sum();
        if magnitude + i128::from(bias).abs() >= limit {
            return Err(n.error(format!(
                "sums of channel {channel} may exceed {bits} bits: convert the network with biases of 64 bits, or with a \
                 larger scale of its weights"
            )));
        }
    }
    Ok(())
}

fn add_biases(n: &mut NodeContext, biases: &[i64]) -> WideBiases {
    let weights = &mut n.context.weights;
    let narrow: Result<Vec<i32>, _> = biases.iter().map(|&bias| i32::try_from(bias)).collect();
    match narrow {
        _ if biases.iter().all(|&bias| bias == 0) => WideBiases::Zero,
        Ok(narrow) => WideBiases::Int32(weights.add_i32(&narrow)),
        Err(_) => WideBiases::Int64(weights.add_i64(biases)),
    }
}

/// The shortest form.
fn add_factors(n: &mut NodeContext, factors: &[Multiplier]) -> Factors {
    let weights = &mut n.context.weights;
    match (factors.first(), packed_factors(factors)) {
        (Some(&first), _) if factors.iter().all(|&factor| factor == first) => Factors::One(first),
        (_, Some((words, shift))) => Factors::Packed { words: weights.add_u32(&words), shift },
        _ => Factors::Each {
            multipliers: weights.add_i32(&factors.iter().map(|f| f.multiplier).collect::<Vec<_>>()),
            shifts: weights.add_i8(&factors.iter().map(|f| f.shift).collect::<Vec<_>>()),
        },
    }
}
