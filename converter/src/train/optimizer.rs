//! Optimizers: gradient descent and its relatives, on tensors wherever they live.

use super::config::{Optimizer, Training};
use crate::execute::RANK;
use burn_tensor::Tensor;

type Full = Tensor<RANK>;

/// What an optimizer remembers of one parameter. Which of the two it uses is its own business.
#[derive(Clone, Debug, Default)]
pub(super) struct Moments {
    pub first: Option<Full>,
    pub second: Option<Full>,
}

/// The penalties on weights, and the decay that is apart from the gradient.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Penalties {
    pub l1: f64,
    pub l2: f64,
    pub decay: f64,
}

impl Penalties {
    pub fn of(training: &Training) -> Self {
        let default = if matches!(training.optimizer, Optimizer::Adamw { .. }) { 0.01 } else { 0.0 };
        let decay = training.weight_decay.map_or(default, f64::from);
        Self { l1: f64::from(training.l1), l2: f64::from(training.l2), decay }
    }
}

impl Optimizer {
    /// The learning rate before any schedule.
    pub fn rate(&self) -> f64 {
        match *self {
            Self::Sgd { rate, .. }
            | Self::GradientDescent { rate, .. }
            | Self::Adagrad { rate, .. }
            | Self::Rmsprop { rate, .. }
            | Self::Adam { rate, .. }
            | Self::Adamw { rate, .. } => rate,
        }
    }

    /// True if one step sees all samples.
    pub fn is_full_batch(&self) -> bool {
        matches!(self, Self::GradientDescent { .. })
    }

    /// The parameter after a step at `rate`. `step` counts from 1; `penalties` are zero for what is no weight.
    pub(super) fn step(
        &self,
        weight: Full,
        gradient: Full,
        moments: &mut Moments,
        rate: f64,
        step: u64,
        penalties: Penalties,
    ) -> Full {
        let mut g = gradient;
        if penalties.l2 != 0.0 {
            g = g.add(weight.clone().mul_scalar(penalties.l2));
        }
        if penalties.l1 != 0.0 {
            g = g.add(weight.clone().sign().mul_scalar(penalties.l1));
        }
        let change = self.direction(g, moments, step).mul_scalar(rate);
        let weight = match penalties.decay {
            0.0 => weight,
            decay => weight.mul_scalar(1.0 - rate * decay),
        };
        weight.sub(change)
    }

    /// What `rate` times is subtracted.
    fn direction(&self, g: Full, moments: &mut Moments, step: u64) -> Full {
        match *self {
            Self::Sgd { momentum, nesterov, .. } => with_momentum(g, moments, momentum, nesterov),
            Self::GradientDescent { momentum, .. } => with_momentum(g, moments, momentum, false),
            Self::Adagrad { epsilon, .. } => {
                let square = g.clone().mul(g.clone());
                let sum = add(moments.second.take(), square);
                moments.second = Some(sum.clone());
                g.div(sum.sqrt().add_scalar(epsilon))
            }
            Self::Rmsprop { decay, epsilon, .. } => {
                let mean = mix(moments.second.take(), g.clone().mul(g.clone()), decay);
                moments.second = Some(mean.clone());
                g.div(mean.sqrt().add_scalar(epsilon))
            }
            Self::Adam { beta1, beta2, epsilon, .. } | Self::Adamw { beta1, beta2, epsilon, .. } => {
                let mean = mix(moments.first.take(), g.clone(), beta1);
                let square = mix(moments.second.take(), g.clone().mul(g), beta2);
                moments.first = Some(mean.clone());
                moments.second = Some(square.clone());
                let unbias = |beta: f64| 1.0 - beta.powf(step as f64);
                let root = square.div_scalar(unbias(beta2)).sqrt().add_scalar(epsilon);
                mean.div_scalar(unbias(beta1)).div(root)
            }
        }
    }
}

fn with_momentum(g: Full, moments: &mut Moments, momentum: f64, nesterov: bool) -> Full {
    if momentum == 0.0 {
        return g;
    }
    let velocity = add(moments.first.take().map(|v| v.mul_scalar(momentum)), g.clone());
    moments.first = Some(velocity.clone());
    if nesterov { g.add(velocity.mul_scalar(momentum)) } else { velocity }
}

fn add(old: Option<Full>, new: Full) -> Full {
    match old {
        Some(old) => old.add(new),
        None => new,
    }
}

/// `keep * old + (1 - keep) * new`, `old` being 0 at first.
fn mix(old: Option<Full>, new: Full, keep: f64) -> Full {
    add(old.map(|old| old.mul_scalar(keep)), new.mul_scalar(1.0 - keep))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::{Array, Precision, Target};

    /// Five steps on `f(w) = 3 w^2 / 2` from 2.
    fn descend(optimizer: Optimizer, rates: &[f64], penalties: Penalties) -> Vec<f64> {
        let target = Target::cpu(Precision::Double);
        let mut w = Array::new(vec![2.0], &[1], &target).full();
        let mut moments = Moments::default();
        let walk = rates.iter().enumerate().map(|(i, &rate)| {
            let g = w.clone().mul_scalar(3.0);
            w = optimizer.step(w.clone(), g, &mut moments, rate, i as u64 + 1, penalties);
            w.clone().try_to_vec_as::<f64>().unwrap()[0]
        });
        walk.collect()
    }

    /// The same with numbers: `update` gets weight, gradient, step and rate.
    fn expected(rates: &[f64], mut update: impl FnMut(f64, f64, i32, f64) -> f64) -> Vec<f64> {
        let mut w = 2.0;
        let walk = rates.iter().enumerate().map(|(i, &rate)| {
            w = update(w, 3.0 * w, i as i32 + 1, rate);
            w
        });
        walk.collect()
    }

    const RATES: [f64; 5] = [0.1, 0.1, 0.05, 0.2, 0.01];

    fn same(optimizer: Optimizer, update: impl FnMut(f64, f64, i32, f64) -> f64) {
        let got = descend(optimizer, &RATES, Penalties::default());
        for (g, e) in got.iter().zip(expected(&RATES, update)) {
            assert!((g - e).abs() < 1e-12, "{optimizer:?}: {got:?}, {e}");
        }
    }

    #[test]
    fn momentum_accumulates() {
        same(Optimizer::GradientDescent { rate: 1.0, momentum: 0.0 }, |w, g, _, rate| w - rate * g);
        let mut v = 0.0;
        same(Optimizer::Sgd { rate: 1.0, momentum: 0.9, nesterov: false }, |w, g, _, rate| {
            v = 0.9 * v + g;
            w - rate * v
        });
        let mut v = 0.0;
        same(Optimizer::Sgd { rate: 1.0, momentum: 0.9, nesterov: true }, |w, g, _, rate| {
            v = 0.9 * v + g;
            w - rate * (g + 0.9 * v)
        });
    }

    #[test]
    fn adaptive_rates_divide_by_the_root_of_squares() {
        let mut s = 0.0;
        same(Optimizer::Adagrad { rate: 1.0, epsilon: 1e-3 }, |w, g, _, rate| {
            s += g * g;
            w - rate * g / (s.sqrt() + 1e-3)
        });
        let mut s = 0.0;
        same(Optimizer::Rmsprop { rate: 1.0, decay: 0.8, epsilon: 1e-3 }, |w, g, _, rate| {
            s = 0.8 * s + 0.2 * g * g;
            w - rate * g / (s.sqrt() + 1e-3)
        });
        let (mut m, mut s) = (0.0, 0.0);
        same(Optimizer::Adam { rate: 1.0, beta1: 0.9, beta2: 0.99, epsilon: 1e-3 }, |w, g, step, rate| {
            m = 0.9 * m + 0.1 * g;
            s = 0.99 * s + 0.01 * g * g;
            let (m, s) = (m / (1.0 - 0.9f64.powi(step)), s / (1.0 - 0.99f64.powi(step)));
            w - rate * m / (s.sqrt() + 1e-3)
        });
    }

    #[test]
    fn penalties_join_the_gradient_and_decay_does_not() {
        let sgd = Optimizer::Sgd { rate: 1.0, momentum: 0.0, nesterov: false };
        let penalties = Penalties { l1: 0.25, l2: 0.5, decay: 0.125 };
        let got = descend(sgd, &[0.1], penalties);
        assert!((got[0] - (2.0 * (1.0 - 0.1 * 0.125) - 0.1 * (6.0 + 1.0 + 0.25))).abs() < 1e-12);
        // Adam divides a gradient by its size, decay it leaves alone.
        let adamw = Optimizer::Adamw { rate: 1.0, beta1: 0.9, beta2: 0.99, epsilon: 0.0 };
        let got = descend(adamw, &[0.1], Penalties { decay: 0.5, ..Penalties::default() });
        assert!((got[0] - (2.0 * 0.95 - 0.1)).abs() < 1e-12);
    }
}
