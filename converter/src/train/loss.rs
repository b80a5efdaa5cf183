//! Losses: from the outputs of a batch to one number.

use super::config::Loss;
use burn_tensor::{Tensor, activation};

/// The mean over the batch; outputs `y` and targets `t` hold one row a sample.
pub(super) fn loss(kind: Loss, y: Tensor<2>, t: Tensor<2>) -> Tensor<1> {
    match kind {
        Loss::CrossEntropy => activation::log_softmax(y, 1).mul(t).sum_dim(1).mean().neg(),
        // On logits: max(y, 0) - y t + ln(1 + exp(-|y|)), which cannot overflow.
        Loss::BinaryCrossEntropy => {
            y.clone().clamp_min(0.0).sub(y.clone().mul(t)).add(y.abs().neg().exp().log1p()).mean()
        }
        Loss::Mse => y.sub(t).powi_scalar(2).mean(),
    }
}

/// How far the student's scores `y` are from the teacher's `t`, both divided by `temperature`: the Kullback-Leibler
/// divergence of the probabilities, times the square of the temperature, so that gradients keep their size.
pub(super) fn distillation(kind: Loss, y: Tensor<2>, t: Tensor<2>, temperature: f64) -> Tensor<1> {
    let (y, t) = (y.div_scalar(temperature), t.div_scalar(temperature));
    let divergence = match kind {
        Loss::BinaryCrossEntropy => {
            let p = activation::sigmoid(t.clone());
            loss(kind, y, p.clone()).sub(loss(kind, t, p))
        }
        _ => {
            let (y, t) = (activation::log_softmax(y, 1), activation::log_softmax(t, 1));
            t.clone().exp().mul(t.sub(y)).sum_dim(1).mean()
        }
    };
    divergence.mul_scalar(temperature * temperature)
}

/// What the scores of a sample with this label should be.
pub(super) fn target_row(kind: Loss, label: usize, scores: usize, smoothing: f32) -> Vec<f32> {
    if scores == 1 {
        return vec![label as f32];
    }
    let smoothing = if kind == Loss::CrossEntropy { smoothing } else { 0.0 };
    let one = |class| if class == label { 1.0 - smoothing } else { 0.0 };
    (0..scores).map(|class| one(class) + smoothing / scores as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::{Array, Precision, Target};

    fn value(kind: Loss, y: &[f32], t: &[f32], batch: usize) -> f64 {
        let target = Target::cpu(Precision::Double);
        let array = |data: &[f32]| {
            let columns = data.len() / batch;
            Array::new(data.to_vec(), &[batch, columns], &target).full().reshape([batch, columns])
        };
        loss(kind, array(y), array(t)).try_to_vec_as::<f64>().unwrap()[0]
    }

    #[test]
    fn values_follow_the_formulas() {
        let close = |got: f64, expected: f64| assert!((got - expected).abs() < 1e-9, "{got} {expected}");
        let ln_sum = |a: f64, b: f64| (a.exp() + b.exp()).ln();
        let expected = ((ln_sum(1.0, -2.0) - 1.0) + (ln_sum(0.5, 0.25) - 0.25)) / 2.0;
        close(value(Loss::CrossEntropy, &[1.0, -2.0, 0.5, 0.25], &[1.0, 0.0, 0.0, 1.0], 2), expected);
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let expected = -(sigmoid(2.0).ln() + (1.0 - sigmoid(-0.5)).ln()) / 2.0;
        close(value(Loss::BinaryCrossEntropy, &[2.0, -0.5], &[1.0, 0.0], 2), expected);
        close(value(Loss::BinaryCrossEntropy, &[200.0], &[0.0], 1), 200.0);
        close(value(Loss::Mse, &[1.0, 2.0, 3.0, 4.0], &[1.0, 0.0, 3.0, 3.0], 2), 1.25);
    }

    #[test]
    fn distillation_is_zero_for_a_student_that_agrees() {
        let target = Target::cpu(Precision::Double);
        let rows = |data: [f32; 4]| Array::new(data.to_vec(), &[2, 2], &target).full().reshape([2, 2]);
        let value = |kind, y, t, temperature| {
            distillation(kind, rows(y), rows(t), temperature).try_to_vec_as::<f64>().unwrap()[0]
        };
        let scores = [1.0, -2.0, 0.5, 0.25];
        for kind in [Loss::CrossEntropy, Loss::BinaryCrossEntropy] {
            assert!(value(kind, scores, scores, 3.0).abs() < 1e-12);
            assert!(value(kind, [0.0; 4], scores, 3.0) > 0.01);
        }
        // Softmax of (ln 3, 0) at temperature 1 is (3/4, 1/4); against one half each.
        let expected = 0.75 * 1.5f64.ln() + 0.25 * 0.5f64.ln();
        let teacher = [3f32.ln(), 0.0, 3f32.ln(), 0.0];
        assert!((value(Loss::CrossEntropy, [0.0; 4], teacher, 1.0) - expected).abs() < 1e-7);
    }

    #[test]
    fn smoothing_keeps_the_sum() {
        assert_eq!(target_row(Loss::CrossEntropy, 1, 4, 0.0), [0.0, 1.0, 0.0, 0.0]);
        let smooth = target_row(Loss::CrossEntropy, 1, 4, 0.2);
        assert!((smooth.iter().sum::<f32>() - 1.0).abs() < 1e-6 && (smooth[1] - 0.85).abs() < 1e-6);
        assert_eq!(target_row(Loss::BinaryCrossEntropy, 1, 1, 0.2), [1.0]);
    }
}
