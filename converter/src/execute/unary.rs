//! Functions of one element.

use super::array::RANK;
use super::elementwise::clamp;
use super::{Array, Precision, Target};
use crate::ir::{Activation, Unary};
use burn_tensor::{Tensor, activation};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

/// `function` of each element, computed in double precision.
pub fn unary(function: Unary, x: &[f32]) -> Vec<f32> {
    let x = Array::new(x.to_vec(), &[x.len()], &Target::cpu(Precision::Double));
    apply(function, &x).to_vec()
}

/// `function` of each element of an array.
pub(super) fn apply(function: Unary, x: &Array) -> Array {
    x.map(|x| evaluate(function, x))
}

type Full = Tensor<RANK>;

fn evaluate(function: Unary, x: Full) -> Full {
    match function {
        Unary::Clamp { min, max } => clamp(x, Activation { min, max }),
        Unary::LeakyRelu { alpha } => split(x, |negative| negative.mul_scalar(alpha)),
        Unary::Elu { alpha } => elu(x, alpha),
        Unary::Selu { alpha, gamma } => elu(x, alpha).mul_scalar(gamma),
        Unary::Sigmoid => activation::sigmoid(x),
        Unary::Tanh => x.tanh(),
        Unary::HardSigmoid { alpha, beta } => x.mul_scalar(alpha).add_scalar(beta).clamp(0.0, 1.0),
        Unary::HardSwish => x.clone().mul(x.div_scalar(6.0).add_scalar(0.5).clamp(0.0, 1.0)),
        Unary::Silu => x.clone().mul(activation::sigmoid(x)),
        Unary::Gelu => x.clone().mul(x.mul_scalar(FRAC_1_SQRT_2).erf().add_scalar(1.0).mul_scalar(0.5)),
        Unary::GeluTanh => {
            let cubic = x.clone().mul(x.clone()).mul(x.clone()).mul_scalar(0.044715).add(x.clone());
            x.mul(cubic.mul_scalar(FRAC_2_PI.sqrt()).tanh().add_scalar(1.0).mul_scalar(0.5))
        }
        Unary::Mish => x.clone().mul(softplus(x).tanh()),
        Unary::Softplus => softplus(x),
        Unary::Softsign => x.clone().div(x.abs().add_scalar(1.0)),
        Unary::Erf => x.erf(),
        Unary::Exp => x.exp(),
        Unary::Log => x.log(),
        Unary::Sqrt => x.sqrt(),
        Unary::Reciprocal => x.recip(),
        Unary::Neg => x.neg(),
        Unary::Abs => x.abs(),
        Unary::Floor => x.floor(),
        Unary::Ceil => x.ceil(),
        Unary::Round => x.round(),
        Unary::Sign => x.sign(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
    }
}

/// `x >= 0 ? x : below(x)`, where `below` sees only elements up to 0 and maps 0 to 0.
fn split(x: Full, below: impl FnOnce(Full) -> Full) -> Full {
    x.clone().clamp_min(0.0).add(below(x.clamp_max(0.0)))
}

fn elu(x: Full, alpha: f32) -> Full {
    split(x, |negative| expm1(negative).mul_scalar(alpha))
}

/// `exp(x) - 1` for `x <= 0`, as `2 tanh(x / 2) / (1 - tanh(x / 2))`, which loses no digits near 0.
fn expm1(x: Full) -> Full {
    let t = x.div_scalar(2.0).tanh();
    t.clone().mul_scalar(2.0).div(t.neg().add_scalar(1.0))
}

/// `ln(1 + exp(x))` as `max(x, 0) + ln(1 + exp(-|x|))`, which cannot overflow.
fn softplus(x: Full) -> Full {
    x.clone().clamp_min(0.0).add(x.abs().neg().exp().log1p())
}
