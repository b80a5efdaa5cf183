//! Gradients of every op against finite differences, in double precision, two samples at once where the graph allows it.

use super::*;
use burn_tensor::Tensor as Burn;

/// Step of the central difference: its square is far below, and the rounding of `loss / STEP` at, the tolerance.
const STEP: f64 = 1e-5;
const TOLERANCE: f64 = 1e-6;

type Full = Burn<RANK>;

fn number(t: Burn<1>) -> f64 {
    t.try_to_vec_as::<f64>().unwrap()[0]
}

/// The same random array for the same seed, each element in -1..1.
fn direction(shape: &[usize], seed: u64, target: &Target) -> Full {
    Array::new(random(shape, seed).data, shape, target).full()
}

/// A weighted sum of all outputs, so that every element of every output counts differently.
fn loss(outputs: &[Array], target: &Target) -> Burn<1> {
    let part = |(i, y): (usize, &Array)| y.full().mul(direction(&y.shape(), 1000 + i as u64, target)).sum();
    outputs.iter().enumerate().map(part).reduce(|a, b| a.add(b)).unwrap()
}

/// `run` gives outputs from an input and the constants; compares its gradients to differences, for the input and each
/// constant that `differentiable` names.
fn compare(
    graph: &Graph,
    x: &[f32],
    batch: usize,
    differentiable: &dyn Fn(usize) -> bool,
    run: &dyn Fn(&Executor, Array, usize) -> Vec<Array>,
) {
    let recording = Target::cpu(Precision::Double).recording();
    let mut executor = Executor::on(graph, recording.clone()).unwrap();
    let mut shape = graph.value(graph.inputs[0].value).shape.clone();
    if batch > 1 {
        shape[0] = batch;
    }
    let input = Array::new(x.to_vec(), &shape, &recording).as_parameter();
    for (_, constant) in executor.constants_mut().iter_mut().enumerate().filter(|(i, _)| differentiable(*i)) {
        *constant = constant.as_ref().map(Array::as_parameter);
    }
    let gradients = loss(&run(&executor, input.clone(), batch), &recording).backward();

    let plain = Target::cpu(Precision::Double);
    let at = |moved: Option<usize>, by: f64| {
        let mut executor = Executor::on(graph, plain.clone()).unwrap();
        let step = |a: &Array| a.map(|t| t.add(direction(&a.shape(), 77, &plain).mul_scalar(by)));
        let mut x = Array::new(x.to_vec(), &shape, &plain);
        match moved {
            None => x = step(&x),
            Some(i) => executor.constants_mut()[i] = executor.constants_mut()[i].as_ref().map(step),
        }
        number(loss(&run(&executor, x, batch), &plain))
    };
    let constants = executor.constants_mut().iter().enumerate();
    let leaves =
        constants.filter(|(i, c)| c.is_some() && differentiable(*i)).map(|(i, c)| (Some(i), c.clone().unwrap()));
    for (which, leaf) in std::iter::once((None, input)).chain(leaves.collect::<Vec<_>>()) {
        let along = direction(&leaf.shape(), 77, &plain);
        let exact = leaf.full().grad(&gradients).map_or(0.0, |g| number(g.mul(along).sum()));
        let numeric = (at(which, STEP) - at(which, -STEP)) / (2.0 * STEP);
        let near = (exact - numeric).abs() <= TOLERANCE * numeric.abs().max(1.0);
        assert!(near, "{:?}, operand {which:?}: gradient {exact}, difference {numeric}", graph.nodes[0].op);
    }
}

fn forward(executor: &Executor, x: Array, batch: usize) -> Vec<Array> {
    executor.forward(vec![x], batch, &mut |_, _| {}).unwrap()
}

/// The gradients of a graph's outputs with respect to its input and all constants.
pub(super) fn check(graph: &Graph, x: &[f32]) {
    compare(graph, x, 1, &|_| true, &forward);
    if Executor::new(graph).unwrap().batches() {
        let two: Vec<f32> = x.iter().copied().chain(x.iter().map(|v| v * 1.75 - 0.125)).collect();
        compare(graph, &two, 2, &|_| true, &forward);
    }
}

#[test]
fn unary_functions_have_their_derivatives() {
    // Between the corners of all piecewise functions below, and where logarithm and root exist.
    let anywhere = Nd { shape: vec![1, 8], data: vec![-3.7, -1.3, -0.6, -0.2, 0.3, 0.7, 1.4, 6.4] };
    let positive = Nd { shape: vec![1, 4], data: vec![0.2, 0.7, 1.4, 3.1] };
    let everywhere = [
        Unary::Clamp { min: 0.0, max: 6.0 },
        Unary::Clamp { min: -1.0, max: f32::INFINITY },
        Unary::LeakyRelu { alpha: 0.125 },
        Unary::Elu { alpha: 0.5 },
        Unary::Selu { alpha: 1.5, gamma: 1.05 },
        Unary::Sigmoid,
        Unary::Tanh,
        Unary::HardSigmoid { alpha: 0.25, beta: 0.5 },
        Unary::HardSwish,
        Unary::Silu,
        Unary::Gelu,
        Unary::GeluTanh,
        Unary::Mish,
        Unary::Softplus,
        Unary::Softsign,
        Unary::Erf,
        Unary::Exp,
        Unary::Reciprocal,
        Unary::Neg,
        Unary::Abs,
        Unary::Floor,
        Unary::Ceil,
        Unary::Round,
        Unary::Sign,
        Unary::Sin,
        Unary::Cos,
    ];
    for function in everywhere {
        check(&one_node(Op::Unary(function), &[&anywhere], &anywhere.shape), &anywhere.data);
    }
    for function in [Unary::Log, Unary::Sqrt] {
        compare(&one_node(Op::Unary(function), &[&positive], &[1, 4]), &positive.data, 1, &|_| true, &forward);
    }
}

fn batch_norm(x: &Nd) -> Graph {
    let channels = x.shape.last().copied().unwrap();
    let parameter = |seed| random(&[channels], seed);
    let variance = Nd { shape: vec![channels], data: (0..channels).map(|c| 0.5 + c as f32).collect() };
    let op = Op::BatchNorm { epsilon: 1e-3, momentum: 0.1 };
    one_node(op, &[x, &parameter(2), &parameter(3), &parameter(4), &variance], &x.shape)
}

#[test]
fn batch_normalization_is_differentiable_in_both_modes() {
    for shape in [vec![1, 3, 2, 4], vec![1, 5]] {
        let x = random(&shape, 1);
        check(&batch_norm(&x), &x.data);
        // Scale and shift only: the other constants take no part.
        let train = |executor: &Executor, x: Array, batch: usize| {
            let mut training =
                Training { random: &mut |_| unreachable!(), fixed: &[], stored: &|_| None, statistics: Vec::new() };
            executor.forward_training(vec![x], batch, &mut training, &mut |_, _| {}).unwrap()
        };
        let samples = random(&[3, x.data.len()], 9);
        compare(&batch_norm(&x), &samples.data, 3, &|i| i < 3, &train);
    }
}

#[test]
fn training_normalizes_with_the_batch_and_tells_its_statistics() {
    let x = random(&[1, 2, 2, 3], 1);
    let executor = Executor::new(&batch_norm(&x)).unwrap();
    let batch = random(&[4, 2, 2, 3], 5);
    let input = Array::new(batch.data.clone(), &batch.shape, executor.target());
    let mut training =
        Training { random: &mut |_| unreachable!(), fixed: &[], stored: &|_| None, statistics: Vec::new() };
    let y = executor.forward_training(vec![input], 4, &mut training, &mut |_, _| {}).unwrap()[0].to_vec();
    let [scale, shift] = [random(&[3], 2), random(&[3], 3)];
    let [Statistics { node: 0, mean, variance }] = &training.statistics[..] else { panic!() };
    for c in 0..3 {
        let column: Vec<f64> = batch.data.iter().skip(c).step_by(3).map(|&v| f64::from(v)).collect();
        let n = column.len() as f64;
        let m = column.iter().sum::<f64>() / n;
        let squares = column.iter().map(|v| (v - m).powi(2)).sum::<f64>();
        assert!((f64::from(mean.to_vec()[c]) - m).abs() < 1e-6);
        assert!((f64::from(variance.to_vec()[c]) - squares / (n - 1.0)).abs() < 1e-6);
        for (i, v) in column.iter().enumerate() {
            let normal = (v - m) / (squares / n + 1e-3).sqrt();
            let expected = normal * f64::from(scale.data[c]) + f64::from(shift.data[c]);
            assert!((f64::from(y[i * 3 + c]) - expected).abs() < 1e-5);
        }
    }
}

#[test]
fn dropout_drops_while_training_only() {
    let x = random(&[1, 6], 3);
    let graph = one_node(Op::Dropout { rate: 0.25 }, &[&x], &x.shape);
    let executor = Executor::new(&graph).unwrap();
    let input = || Array::new(x.data.clone(), &x.shape, executor.target());
    assert_eq!(executor.forward(vec![input()], 1, &mut |_, _| {}).unwrap()[0].to_vec(), x.data);
    let numbers = [0.9, 0.2, 0.25, 0.0, 0.5, 0.24];
    let draw = &mut |n: usize| numbers[..n].to_vec();
    let mut training = Training { random: draw, fixed: &[], stored: &|_| None, statistics: Vec::new() };
    let y = executor.forward_training(vec![input()], 1, &mut training, &mut |_, _| {}).unwrap()[0].to_vec();
    let kept = [true, false, true, false, true, false];
    for ((y, x), kept) in y.iter().zip(&x.data).zip(kept) {
        assert!((y - if kept { x / 0.75 } else { 0.0 }).abs() < 1e-6);
    }
    let train = |executor: &Executor, x: Array, batch: usize| {
        let mut training =
            Training { random: &mut |n| numbers[..n].to_vec(), fixed: &[], stored: &|_| None, statistics: Vec::new() };
        executor.forward_training(vec![x], batch, &mut training, &mut |_, _| {}).unwrap()
    };
    compare(&graph, &x.data, 1, &|_| true, &train);
}
