//! Whole runs on small data: learning, repeating, going on, refusing.

use super::*;
use crate::data::Dataset;
use crate::ir::io::{self, Floats};
use crate::ir::{Graph, Op};
use crate::passes;

pub(super) fn recipe(text: &str) -> (Network, Training) {
    let text = format!("name = 'net'\n{text}");
    let recipe: crate::recipe::Recipe = toml::from_str(&text).unwrap_or_else(|e| panic!("{e}"));
    let training = recipe.train.unwrap();
    (build("net", &recipe.input.unwrap(), &recipe.layers, training.seed).unwrap(), training)
}

/// Pictures of 6 x 6 with one bright column: left, middle or right.
pub(super) fn columns(n: usize) -> Dataset {
    let mut random = random::Random::new(11, random::Purpose::Augment, &[]);
    let labels: Vec<usize> = (0..n).map(|i| i % 3).collect();
    let picture = |&label: &usize| {
        let column = 2 * label;
        (0..36).map(|i| f32::from(i % 6 == column) + 0.3 * random.normal()).collect()
    };
    let samples = labels.iter().map(picture).map(|x| vec![x]).collect();
    Dataset { samples, labels: Some(labels), origin: "columns".into(), ..Dataset::default() }
}

pub(super) const NET: &str = "
input = [6, 6, 1]
layers = [
  { op = 'conv2d', name = 'conv', filters = 4, kernel = 3, padding = 'same', bias = false },
  { op = 'batch_norm', name = 'norm' },
  { op = 'activation', function = 'relu' },
  { op = 'max_pool2d', kernel = 2 },
  { op = 'flatten' },
  { op = 'dropout', rate = 0.1 },
  { op = 'dense', name = 'dense', units = 3 },
]
[train]
data = { path = 'x' }
batch = 8
seed = 3
";

/// Trains; gives the outcome, and the checkpoint after every epoch.
fn run(text: &str, data: &Dataset, validation: Option<&Dataset>, resume: Option<&[u8]>) -> (Outcome, Vec<Vec<u8>>) {
    let (network, training) = recipe(text);
    let mut checkpoints = Vec::new();
    let outcome = try_run(&network, &training, data, validation, resume, &mut checkpoints).unwrap();
    (outcome, checkpoints)
}

fn try_run(
    network: &Network,
    training: &Training,
    data: &Dataset,
    validation: Option<&Dataset>,
    resume: Option<&[u8]>,
    checkpoints: &mut Vec<Vec<u8>>,
) -> Result<Outcome, TrainError> {
    let samples = Samples::new(&network.graph, data, training)?;
    let validation = validation.map(|v| Samples::new(&network.graph, v, training)).transpose()?;
    let job = Job { resume, ..job(network, training, &samples, validation.as_ref()) };
    train(&job, &mut |event| {
        if let Event::Checkpoint(state, _) = event {
            checkpoints.push(state.to_vec());
        }
        Ok(())
    })
}

/// Plain training.
pub(super) fn job<'a>(
    network: &'a Network,
    training: &'a Training,
    data: &'a Samples,
    validation: Option<&'a Samples>,
) -> Job<'a> {
    Job {
        network,
        training,
        data,
        validation,
        background: &[0.0],
        teacher: None,
        sparsity: None,
        keep_zeros: false,
        quantize: None,
        calibrate: crate::quantize::CalibrateOptions::default(),
        identity: ["recipe".into(), "data".into()],
        resume: None,
    }
}

pub(super) fn bytes(graph: &Graph) -> Vec<u8> {
    io::save(graph, &Floats::new(), None).unwrap()
}

#[test]
fn a_run_repeats_bit_for_bit_and_goes_on_after_any_epoch() {
    let text = format!("{NET}epochs = 4\naugment = {{ shift = 1, noise = 0.1 }}\n");
    let (data, validation) = (columns(48), columns(21));
    let (whole, checkpoints) = run(&text, &data, Some(&validation), None);
    let (again, same) = run(&text, &data, Some(&validation), None);
    assert_eq!(bytes(&whole.graph), bytes(&again.graph));
    assert_eq!(checkpoints, same);
    for after in 0..checkpoints.len() {
        let (rest, later) = run(&text, &data, Some(&validation), Some(&checkpoints[after]));
        assert_eq!(bytes(&rest.graph), bytes(&whole.graph), "after epoch {}", after + 1);
        assert_eq!(later, checkpoints[after + 1..]);
        assert_eq!(rest.history, whole.history);
    }
    let other = run(&text.replace("seed = 3", "seed = 4"), &data, Some(&validation), None).0;
    assert_ne!(bytes(&whole.graph), bytes(&other.graph));
    // The statistics of the normalization followed the data, and the passes fold it away.
    let named = |name: &str| whole.graph.values.iter().find(|v| v.name == name).unwrap();
    assert!(named("norm.running_mean").constant.as_ref().unwrap().as_f32().unwrap().iter().any(|&v| v != 0.0));
    let mut folded = whole.graph.clone();
    passes::run_default(&mut folded).unwrap();
    assert!(folded.nodes.iter().all(|n| !matches!(n.op, Op::BatchNorm { .. } | Op::ScaleShift | Op::Dropout { .. })));
}

#[test]
fn every_optimizer_learns() {
    let data = columns(48);
    for optimizer in [
        "{ kind = 'sgd', rate = 0.05 }",
        "{ kind = 'sgd', rate = 0.02, momentum = 0.9, nesterov = true }",
        "{ kind = 'gradient_descent', rate = 0.2, momentum = 0.8 }",
        "{ kind = 'adagrad', rate = 0.05 }",
        "{ kind = 'rmsprop', rate = 0.005 }",
        "{ kind = 'adam', rate = 0.01 }",
        "{ kind = 'adamw', rate = 0.01 }",
    ] {
        let epochs = if optimizer.contains("descent") { 30 } else { 8 };
        let text = format!("{NET}epochs = {epochs}\noptimizer = {optimizer}\nl2 = 1e-4\nclip_norm = 10.0\n");
        let history = run(&text, &data, None, None).0.history;
        let last = history.last().unwrap();
        let accuracy = last.train_accuracy.unwrap();
        assert!(accuracy > 0.9 && last.train_loss < 0.5 * history[0].train_loss, "{optimizer}: {last:?}");
    }
}

#[test]
fn one_step_of_full_batch_descent_is_that_of_one_large_batch() {
    let net =
        NET.replace("  { op = 'dropout', rate = 0.1 },\n", "").replace("  { op = 'batch_norm', name = 'norm' },\n", "");
    let data = columns(24);
    let parts = run(&format!("{net}epochs = 1\noptimizer = {{ kind = 'gradient_descent' }}"), &data, None, None).0;
    let whole = net.replace("batch = 8", "batch = 24");
    let whole = run(&format!("{whole}epochs = 1\noptimizer = {{ kind = 'sgd' }}"), &data, None, None).0;
    for (a, b) in parts.graph.values.iter().zip(&whole.graph.values) {
        let floats = |v: &crate::ir::Value| v.constant.as_ref().and_then(|c| c.as_f32()).unwrap_or(&[]).to_vec();
        assert!(floats(a).iter().zip(floats(b)).all(|(a, b)| (a - b).abs() < 1e-6), "{}", a.name);
    }
}

#[test]
fn frozen_parameters_stay_and_others_move() {
    let text = format!("{NET}epochs = 1\nfreeze = ['conv.*', 'norm.*']\n");
    let (before, _) = recipe(&text);
    let after = run(&text, &columns(24), None, None).0.graph;
    for (a, b) in before.graph.values.iter().zip(&after.values).filter(|(a, _)| a.constant.is_some()) {
        assert_eq!(a.constant == b.constant, !a.name.starts_with("dense"), "{}", a.name);
    }
    let (network, training) = recipe(&format!("{NET}epochs = 1\nfreeze = ['convx']\n"));
    let error = try_run(&network, &training, &columns(3), None, None, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("`convx` in `freeze` fits no parameter"), "{error}");
}

#[test]
fn early_stopping_ends_a_run_and_the_best_weights_are_kept() {
    let stop = "early_stopping = { patience = 2, min_delta = 0.001 }\noptimizer = { kind = 'adam', rate = 0.02 }\n";
    let text = format!("{NET}epochs = 60\n{stop}");
    let (outcome, checkpoints) = run(&text, &columns(48), Some(&columns(30)), None);
    assert!(outcome.stopped_early && outcome.history.len() < 60);
    let merit = |e: &Epoch| e.validation_loss.unwrap();
    let best = outcome.history.iter().map(merit).fold(f32::INFINITY, f32::min);
    assert_eq!(merit(&outcome.history[outcome.best_epoch - 1]), best);
    // Going on from the end changes nothing.
    let (again, none) = run(&text, &columns(48), Some(&columns(30)), checkpoints.last().map(Vec::as_slice));
    assert_eq!((bytes(&again.graph), none.len()), (bytes(&outcome.graph), 0));
}

#[test]
fn divergence_is_told_and_checkpoints_before_it_are_kept() {
    let net = NET.replace("  { op = 'batch_norm', name = 'norm' },\n", "");
    let text = format!(
        "{net}epochs = 50\nloss = 'mse'\noptimizer = {{ kind = 'sgd', rate = 2.0 }}\nschedule = {{ warm_up = 20 }}\n"
    );
    let (network, training) = recipe(&text);
    let mut checkpoints = Vec::new();
    let error = try_run(&network, &training, &columns(24), None, None, &mut checkpoints).unwrap_err();
    assert!(error.is_divergence() && error.hint().is_some(), "{error}");
    assert!(!checkpoints.is_empty());
    let state = checkpoint::State::from_bytes(checkpoints.last().unwrap()).unwrap();
    let finite = |v: &crate::ir::Value| {
        v.constant.as_ref().and_then(|c| c.as_f32()).is_none_or(|d| d.iter().all(|v| v.is_finite()))
    };
    assert!(state.graph.values.iter().all(finite));
}

#[test]
fn checkpoints_of_other_runs_and_damaged_ones_are_refused() {
    let text = format!("{NET}epochs = 1\n");
    let (network, training) = recipe(&text);
    let (_, checkpoints) = run(&text, &columns(6), None, None);
    let resume = |bytes: &[u8], network: &Network| {
        try_run(network, &training, &columns(6), None, Some(bytes), &mut Vec::new())
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    assert!(resume(&checkpoints[0][..200], &network).contains("checkpoint"));
    assert!(resume(&bytes(&network.graph), &network).contains("does not say where it stands"));
    let other = recipe(&format!("{}epochs = 1\n", NET.replace("filters = 4", "filters = 5"))).0;
    assert_eq!(resume(&checkpoints[0], &other), "the checkpoint is of another network");
}

#[test]
fn autoencoders_and_binary_scores_have_their_losses() {
    let autoencoder = "
input = [36]
layers = [{ op = 'dense', units = 6, activation = 'tanh' }, { op = 'dense', units = 36 }]
[train]
data = { path = 'x' }
epochs = 20
batch = 8
loss = 'mse'
target = 'input'
optimizer = { kind = 'adam', rate = 0.01 }
";
    let history = run(autoencoder, &columns(48), None, None).0.history;
    assert!(history.last().unwrap().train_loss < 0.6 * history[0].train_loss && history[0].train_accuracy.is_none());

    let mut two = columns(48);
    two.labels = two.labels.map(|l| l.into_iter().map(|l| usize::from(l > 0)).collect());
    let binary = "
input = [36]
layers = [{ op = 'dense', units = 1, activation = 'sigmoid' }]
[train]
data = { path = 'x' }
epochs = 20
batch = 8
loss = 'binary_cross_entropy'
optimizer = { kind = 'adam', rate = 0.05 }
";
    let outcome = run(binary, &two, None, None).0;
    assert!(outcome.history.last().unwrap().train_accuracy.unwrap() > 0.95);
    let (network, training) = recipe(&binary.replace(", activation = 'sigmoid'", ""));
    let error = try_run(&network, &training, &two, None, None, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, TrainError::NoSigmoid));
    // Labels beyond the scores are refused by name.
    let (network, training) = recipe(&format!("{}epochs = 1\n", NET.replace("units = 3", "units = 2")));
    let error = try_run(&network, &training, &columns(6), None, None, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("sample 2"), "{error}");
}

#[test]
fn an_lstm_and_a_sum_of_layers_learn() {
    let lstm = "
input = [6, 6]
layers = [{ op = 'lstm', name = 'rnn', units = 6, last = true }, { op = 'dense', units = 3 }]
[train]
data = { path = 'x' }
epochs = 12
batch = 8
optimizer = { kind = 'adam', rate = 0.03 }
";
    assert!(run(lstm, &columns(48), None, None).0.history.last().unwrap().train_accuracy.unwrap() > 0.8);
    let residual = "
input = [6, 6, 1]
layers = [
  { op = 'conv2d', name = 'a', filters = 4, kernel = 3, padding = 'same', activation = 'relu' },
  { op = 'depthwise_conv2d', kernel = 3, padding = 1, activation = 'relu' },
  { op = 'add', with = 'a' },
  { op = 'average_pool2d', kernel = [2, 1] },
  { op = 'flatten' },
  { op = 'dense', units = 3 },
  { op = 'softmax' },
]
[train]
data = { path = 'x' }
epochs = 10
batch = 8
optimizer = { kind = 'adam', rate = 0.01 }
";
    assert!(run(residual, &columns(48), None, None).0.history.last().unwrap().train_accuracy.unwrap() > 0.9);
}

#[test]
fn weights_of_pytorch_go_to_their_layers_and_others_are_named() {
    use safetensors::{Dtype, tensor::TensorView};
    let text = "
input = [2, 3, 2]
layers = [
  { op = 'conv2d', name = 'c', filters = 2, kernel = [1, 2] },
  { op = 'flatten' },
  { op = 'dense', name = 'd', units = 1, bias = false },
]
[train]
data = { path = 'x' }
epochs = 1
";
    let mut network = recipe(text).0;
    let numbers = |n: usize| (0..n).map(|i| i as f32).collect::<Vec<f32>>();
    let file = |tensors: &[(&str, Vec<usize>)]| {
        let data: Vec<(String, Vec<usize>, Vec<f32>)> =
            tensors.iter().map(|(n, s)| (n.to_string(), s.clone(), numbers(s.iter().product()))).collect();
        let views =
            data.iter().map(|(n, s, d)| (n, TensorView::new(Dtype::F32, s.clone(), bytemuck::cast_slice(d)).unwrap()));
        safetensors::serialize(views, None).unwrap()
    };
    let all = [("c.weight", vec![2, 2, 1, 2]), ("c.bias", vec![2]), ("d.weight", vec![1, 8])];
    let report = load_weights(&mut network, &file(&all)).unwrap();
    assert_eq!((report.loaded, report.is_complete(), report.unexpected.len()), (3, true, 0));
    let constant = |network: &Network, name: &str| {
        network
            .graph
            .values
            .iter()
            .find(|v| v.name == name)
            .unwrap()
            .constant
            .clone()
            .unwrap()
            .as_f32()
            .unwrap()
            .to_vec()
    };
    // [out, in, h, w] to [out, h, w, in]; channels, rows, columns to rows, columns, channels.
    assert_eq!(constant(&network, "c.weight"), [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
    assert_eq!(constant(&network, "d.weight"), [0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0]);

    let wrong = [("c.weight", vec![2, 2, 1, 2]), ("d.weight", vec![1, 9]), ("head.weight", vec![1])];
    let report = load_weights(&mut network, &file(&wrong)).unwrap();
    assert!(!report.is_complete());
    assert_eq!(
        report.lines(),
        ["missing: `c.bias`", "`d.weight` has shape [1, 9], needed [1, 8]", "not used: `head.weight`"]
    );
}

#[test]
fn layers_that_do_not_fit_are_named() {
    let build = |layers: &str| {
        let text = format!("name = 'n'\ninput = [6, 6, 1]\nlayers = [{layers}]");
        let recipe: crate::recipe::Recipe = toml::from_str(&text).unwrap();
        super::build("n", &recipe.input.unwrap(), &recipe.layers, 0).unwrap_err().to_string()
    };
    assert_eq!(build(""), "layer 1 (`n`): there are no layers");
    let large = build("{ op = 'conv2d', filters = 1, kernel = 7 }");
    assert!(large.starts_with("layer 1 (`conv2d_1`): conv2d: window"), "{large}");
    let twice = "{ op = 'dense', name = 'a', units = 1 }";
    assert_eq!(build(&format!("{twice}, {twice}")), "layer 2 (`a`): another layer has this name");
    let add = build("{ op = 'flatten' }, { op = 'add', with = 'x' }");
    assert_eq!(add, "layer 2 (`add_1`): there is no layer `x` before it, only flatten_1");
    assert!(build("{ op = 'dropout', rate = 1.0 }").contains("below 1"));
}
