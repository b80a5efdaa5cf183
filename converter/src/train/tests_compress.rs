//! Training that makes networks smaller: zeros, integers, a teacher.

use super::batch::Batch;
use super::tests::{NET, bytes, columns, job, recipe};
use super::trainer::Trainer;
use super::*;
use crate::data::Dataset;
use crate::ir::io::{self, Floats};
use crate::ir::{Graph, Op, Tensor};
use crate::prune::weights::{Pattern, Sparsity};
use crate::quantize;
use crate::validate::Session;
use crate::{BuildOptions, build as build_file};

const FAST: &str = "optimizer = { kind = 'adam', rate = 0.01 }\n";

/// Runs a job, and runs it again from every checkpoint on: the results must be the same. Gives the outcome.
fn run_and_resume(job: &Job) -> Outcome {
    let run = |resume: Option<&[u8]>, checkpoints: &mut Vec<Vec<u8>>| {
        let job = Job { resume, ..job.clone() };
        train(&job, &mut |event| {
            if let Event::Checkpoint(state, _) = event {
                checkpoints.push(state.to_vec());
            }
            Ok(())
        })
        .unwrap()
    };
    let mut checkpoints = Vec::new();
    let whole = run(None, &mut checkpoints);
    for checkpoint in &checkpoints {
        let rest = run(Some(checkpoint), &mut Vec::new());
        assert_eq!(bytes(&rest.graph), bytes(&whole.graph));
        assert_eq!(rest.history, whole.history);
    }
    whole
}

fn samples(network: &Network, training: &Training, data: &Dataset) -> Samples {
    Samples::new(&network.graph, data, training).unwrap()
}

fn weights<'g>(graph: &'g Graph, name: &str) -> &'g [f32] {
    let value = graph.values.iter().find(|v| v.name == name).unwrap();
    value.constant.as_ref().and_then(Tensor::as_f32).unwrap()
}

/// The file that the graph becomes, without any data.
fn file(graph: &Graph) -> Session {
    let source = io::save(graph, &Floats::new(), None).unwrap();
    let built = build_file(&source, &BuildOptions::default(), &mut |_| Ok(Dataset::default()), &mut |_| {}).unwrap();
    assert!(built.came_quantized);
    Session::load(built.emitted.bytes).unwrap()
}

#[test]
fn zeros_come_in_their_pattern_and_stay() {
    let (network, training) = recipe(&format!("{NET}epochs = 8\n{FAST}"));
    let data = samples(&network, &training, &columns(48));
    let sparsity = |pattern, sparsity| Sparsity {
        sparsity,
        pattern,
        scope: crate::prune::weights::Scope::Layer,
        ramp: 0.5,
        skip: vec!["conv".into()],
    };
    let patterns =
        [(Pattern::Block4, Some(0.75)), (Pattern::Element, Some(0.5)), (Pattern::OutOf { n: 1, m: 4 }, None)];
    for (at, (pattern, share)) in patterns.into_iter().enumerate() {
        let settings = sparsity(pattern, share);
        let outcome = run_and_resume(&Job { sparsity: Some(&settings), ..job(&network, &training, &data, None) });
        let dense = weights(&outcome.graph, "dense.weight");
        let zeros = dense.iter().filter(|w| **w == 0.0).count();
        // 108 weights; blocks are whole.
        assert_eq!((dense.len(), zeros), (108, [80, 54, 81][at]), "{pattern:?}");
        if pattern == Pattern::Block4 {
            let halves = |block: &[f32]| block.contains(&0.0) && block.iter().any(|w| *w != 0.0);
            assert!(!dense.chunks(4).any(halves));
        }
        assert!(weights(&outcome.graph, "conv.weight").iter().all(|w| *w != 0.0));
        assert!(outcome.history.last().unwrap().train_accuracy.unwrap() > 0.8, "{pattern:?} {:?}", outcome.history);

        // A later step keeps them.
        let network = Network { graph: outcome.graph.clone(), slots: Vec::new() };
        let later = run_and_resume(&Job { keep_zeros: true, ..job(&network, &training, &data, None) });
        let after = weights(&later.graph, "dense.weight");
        assert!(dense.iter().zip(after).all(|(a, b)| (*a == 0.0) == (*b == 0.0)) && dense != after);
    }
    let unknown = Sparsity { skip: vec!["nobody".into()], ..sparsity(Pattern::Element, Some(0.5)) };
    let error = train(&Job { sparsity: Some(&unknown), ..job(&network, &training, &data, None) }, &mut |_| Ok(()));
    assert!(error.unwrap_err().to_string().contains("there are conv, dense"));
}

#[test]
fn training_that_rounds_computes_what_the_device_computes() {
    let (network, training) = recipe(&format!("{NET}epochs = 8\n{FAST}"));
    let data = samples(&network, &training, &columns(48));
    let float = train(&job(&network, &training, &data, None), &mut |_| Ok(())).unwrap();
    let network = Network { graph: float.graph, slots: Vec::new() };
    for int4 in [vec![], vec!["*".to_string()]] {
        let settings = Rounded { int4: int4.clone(), ..Rounded::default() };
        let job = Job { quantize: Some(&settings), ..job(&network, &training, &data, Some(&data)) };
        let outcome = run_and_resume(&job);
        assert!(outcome.history.last().unwrap().validation_accuracy.unwrap() > 0.9, "{:?}", outcome.history);
        let session = file(&outcome.graph);
        if !int4.is_empty() {
            let conv = outcome.graph.nodes.iter().find(|n| n.name == "conv").unwrap();
            let value = outcome.graph.value(conv.inputs[1]);
            let scales = &value.source_scale.as_ref().unwrap().scales;
            let stored = |(i, w): (usize, &f32)| (w / scales[i / 9]).round().abs();
            let weights = value.constant.as_ref().and_then(Tensor::as_f32).unwrap();
            assert!(weights.iter().enumerate().map(stored).all(|q| q <= 7.0));
        }

        // The weights as they are in the file; and weights in the middle of training, which are no integers.
        let mut latent = outcome.graph.clone();
        for value in latent.values.iter_mut().filter(|v| v.source_scale.is_some()) {
            value.source_scale = None;
            let Some(Tensor::F32 { data, .. }) = &mut value.constant else { panic!() };
            data.iter_mut().enumerate().for_each(|(i, w)| *w *= 1.0 + 0.01 * (i % 7) as f32);
        }
        let stored = file(&quantize::with_stored_weights(&latent, &int4).unwrap());
        let network = Network { graph: outcome.graph.clone(), slots: Vec::new() };
        for (graph, session) in [(outcome.graph.clone(), session), (latent, stored)] {
            let mut trainer = Trainer::new(&job, &Network { graph, slots: Vec::new() }).unwrap();
            let inputs = columns(1000);
            let all = samples(&network, &training, &inputs);
            let which: Vec<usize> = (0..all.len()).collect();
            for chunk in which.chunks(100) {
                let scores = trainer.scores(&Batch::of(&all, chunk, |_, x| x.to_vec())).unwrap();
                for (scores, &i) in scores.chunks_exact(3).zip(chunk) {
                    assert_eq!(scores, session.run(&inputs.samples[i]).unwrap()[0]);
                }
            }
        }
    }
}

/// Roundings in the graph lead to the same file as ranges do.
#[test]
fn a_graph_with_roundings_becomes_the_file_that_its_ranges_make() {
    let (network, training) = recipe(&format!("{NET}epochs = 1\n"));
    let data = samples(&network, &training, &columns(48));
    let mut graph = network.graph.clone();
    crate::passes::run_default(&mut graph).unwrap();
    let ranges = quantize::calibrate(&graph, &data.spread(16), &Default::default(), &mut |_| {}).unwrap();
    let options = quantize::QuantizeOptions { bias_correction: false, ..Default::default() };
    let direct = quantize::quantize(&graph, &ranges, &options).unwrap();
    let plan = crate::plan::plan(direct).unwrap();
    let emit = crate::emit::EmitOptions { meta: None, ..Default::default() };
    let direct = crate::emit::emit(&plan, &emit).unwrap().bytes;
    let rounded = quantize::with_roundings(&graph, &ranges, &options).unwrap();
    let rounded = quantize::with_stored_weights(&rounded, &[]).unwrap();
    assert!(rounded.nodes.iter().any(|n| matches!(n.op, Op::FakeQuantize { .. })));
    let source = io::save(&rounded, &Floats::new(), None).unwrap();
    let options = BuildOptions { emit, self_test_vectors: 0, ..BuildOptions::default() };
    let built = build_file(&source, &options, &mut |_| Ok(Dataset::default()), &mut |_| {}).unwrap();
    assert_eq!(built.emitted.bytes, direct);
}

#[test]
fn a_student_takes_after_its_teacher() {
    let text = format!("{NET}epochs = 8\n{FAST}");
    let (network, training) = recipe(&text);
    let data = samples(&network, &training, &columns(48));
    let teacher = train(&job(&network, &training, &data, None), &mut |_| Ok(())).unwrap().graph;
    let mut lowered = teacher.clone();
    crate::passes::run_default(&mut lowered).unwrap();

    let student = text.replace("filters = 4", "filters = 2").replace("seed = 3", "seed = 4");
    let with = |more: &str| {
        let text = format!("{student}[train.teacher]\ncheckpoint = 'x'\n{more}");
        recipe(&text)
    };
    // Of nothing but the teacher, the labels play no part.
    let (network, training) = with("weight = 1.0\ntemperature = 2.0");
    let mut wrong = columns(48);
    wrong.labels = Some(vec![0; 48]);
    let data_wrong = samples(&network, &training, &wrong);
    let outcome = run_and_resume(&Job { teacher: Some(&lowered), ..job(&network, &training, &data_wrong, None) });
    let mut student_graph = outcome.graph.clone();
    crate::passes::run_default(&mut student_graph).unwrap();
    let right = columns(48);
    let executor = crate::execute::Executor::new(&student_graph).unwrap();
    let outputs = executor.run_batch(&samples(&network, &training, &right).inputs).unwrap();
    let class = |y: &Vec<Tensor>| crate::validate::accuracy::predicted_class(y[0].as_f32().unwrap());
    let hits = outputs.iter().zip(right.labels.as_ref().unwrap()).filter(|(y, l)| class(y) == **l).count();
    assert!(hits > 40, "{hits} of 48");

    // Stored scores teach the same as the network that made them.
    let scores = crate::execute::Executor::new(&lowered).unwrap().run_batch(&data_wrong.inputs).unwrap();
    let rows: Vec<Vec<f32>> = scores.iter().map(|y| y[0].as_f32().unwrap().to_vec()).collect();
    let stored = data_wrong.clone().with_teacher(rows.clone()).unwrap();
    let mut settings = training.clone();
    if let Some(teacher) = &mut settings.teacher {
        (teacher.checkpoint, teacher.logits) = (None, Some("y.npy".into()));
    }
    let other = train(&job(&network, &settings, &stored, None), &mut |_| Ok(())).unwrap();
    for (a, b) in weights(&outcome.graph, "conv.weight").iter().zip(weights(&other.graph, "conv.weight")) {
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }
    assert!(matches!(data_wrong.with_teacher(rows[1..].to_vec()), Err(TrainError::TeacherScores { .. })));

    // Features pull the student's values towards the teacher's; they must be there and have one shape.
    let loss = |more: &str| {
        let (network, training) = with(more);
        let outcome = train(&Job { teacher: Some(&lowered), ..job(&network, &training, &data, None) }, &mut |_| Ok(()));
        outcome.map(|o| o.history[0].train_loss)
    };
    let plain = loss("weight = 0.5").unwrap();
    let features = loss("weight = 0.5\nfeatures = [{ teacher = 'dense', student = 'dense', weight = 10.0 }]").unwrap();
    assert!(features > plain, "{features} {plain}");
    let error = loss("features = [{ teacher = 'conv', student = 'conv' }]").unwrap_err().to_string();
    assert!(error.contains("[1, 6, 6, 4]") && error.contains("[1, 6, 6, 2]"), "{error}");
    let error = loss("features = [{ teacher = 'dense', student = 'nobody' }]").unwrap_err().to_string();
    assert!(error.contains("the student has no node `nobody`"), "{error}");
}
