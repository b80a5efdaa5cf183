use super::{check_range, limit};
use crate::error::Fault;
use crate::format::instruction::{Unary, UnaryF32};
use crate::op::elementwise::{check_unary, in_place};
use crate::op::{Limits, Memory, parameter};

/// `function(x)`, as its variant in [`Unary`] says. NaN gives NaN.
pub(crate) fn apply(function: Unary, x: f32) -> f32 {
    use core::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};
    match function {
        Unary::Clamp { min, max } => limit(x, min, max),
        Unary::LeakyRelu { alpha } => positive_or(x, || alpha * x),
        Unary::Elu { alpha } => positive_or(x, || alpha * libm::expm1f(x)),
        Unary::Selu { alpha, gamma } => gamma * positive_or(x, || alpha * libm::expm1f(x)),
        Unary::Sigmoid => sigmoid(x),
        Unary::Tanh => libm::tanhf(x),
        Unary::HardSigmoid { alpha, beta } => limit(alpha * x + beta, 0.0, 1.0),
        Unary::HardSwish => x * limit(x / 6.0 + 0.5, 0.0, 1.0),
        Unary::Silu => x * sigmoid(x),
        Unary::Gelu => 0.5 * x * (1.0 + libm::erff(x * FRAC_1_SQRT_2)),
        Unary::GeluTanh => {
            let inner = FRAC_1_SQRT_2 * FRAC_2_SQRT_PI * (x + 0.044_715 * x * x * x);
            0.5 * x * (1.0 + libm::tanhf(inner))
        }
        Unary::Mish => x * libm::tanhf(softplus(x)),
        Unary::Softplus => softplus(x),
        Unary::Softsign => x / (1.0 + x.abs()),
        Unary::Erf => libm::erff(x),
        Unary::Exp => libm::expf(x),
        Unary::Log => libm::logf(x),
        Unary::Sqrt => libm::sqrtf(x),
        Unary::Reciprocal => 1.0 / x,
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Floor => libm::floorf(x),
        Unary::Ceil => libm::ceilf(x),
        Unary::Round => libm::rintf(x),
        Unary::Sign if x > 0.0 => 1.0,
        Unary::Sign if x < 0.0 => -1.0,
        Unary::Sign => x * 0.0,
        Unary::Sin => libm::sinf(x),
        Unary::Cos => libm::cosf(x),
    }
}

fn positive_or(x: f32, negative: impl FnOnce() -> f32) -> f32 {
    if x >= 0.0 { x } else { negative() }
}

pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-x))
}

/// `ln(1 + exp(x))` without overflow.
fn softplus(x: f32) -> f32 {
    let above_zero = if x < 0.0 { 0.0 } else { x };
    above_zero + libm::log1pf(libm::expf(-x.abs()))
}

pub(crate) fn check(op: &UnaryF32, limits: &Limits) -> Result<(), Fault> {
    match op.function {
        Unary::Clamp { min, max } => check_range(min, max)?,
        Unary::LeakyRelu { alpha } | Unary::Elu { alpha } => parameter(alpha.is_finite())?,
        Unary::Selu { alpha, gamma: other } | Unary::HardSigmoid { alpha, beta: other } => {
            parameter(alpha.is_finite() && other.is_finite())?;
        }
        _ => {}
    }
    check_unary::<f32>(op.x, op.y, op.len, limits)
}

pub(crate) fn run(op: &UnaryF32, memory: &mut Memory) -> Option<()> {
    for y in in_place::<f32>(memory, op.x, op.y, op.len)? {
        *y = apply(op.function, *y);
    }
    Some(())
}
