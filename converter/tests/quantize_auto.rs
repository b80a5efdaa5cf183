//! Quantization after training: each technique on a network where it should help, and the search over all of them.

mod support;

use assert_cmd::Command;
use mote::auto::{AutoOptions, Improve, search};
use mote::data::{Dataset, InputSpec, LoadOptions, Normalization, load};
use mote::emit::{EmitOptions, emit};
use mote::import::{ImportOptions, import};
use mote::ir::{Graph, Op, Tensor};
use mote::quantize::{Method, PortType, QuantGraph, QuantizeOptions, equalize, observe, quantize};
use mote::validate::Session;
use mote::validate::evaluate::{Evaluation, run_float, run_stored};
use mote::{BuildOptions, Built, build, passes, plan, stored_samples};
use std::path::{Path, PathBuf};
use support::data_root;

fn digits(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits-cnn").join(name)
}

/// Pictures of digits that ship with the project, and their labels.
fn pictures(name: &str, graph: &Graph, samples: usize) -> Dataset {
    let normalization = Normalization::new(1.0 / 16.0, vec![0.0], vec![1.0]).unwrap();
    let options = LoadOptions { normalization, ..LoadOptions::default() };
    let mut data = load(&digits(name), &InputSpec::of_graph(graph), &options).unwrap();
    data.keep_spread(samples);
    data
}

fn against_float(graph: &Graph, file: Vec<u8>, data: &Dataset) -> Evaluation {
    let stored = run_stored(&Session::load(file).unwrap(), &data.samples, &|| {}).unwrap();
    let float = run_float(graph, &data.samples, &mut |_| {}).unwrap();
    Evaluation::of(data.labels.as_deref(), &stored, Some(&float))
}

fn output_db(e: &Evaluation) -> f64 {
    e.output_error.unwrap().sqnr_db
}

fn file(quant: QuantGraph) -> Vec<u8> {
    emit(&plan::plan(quant).unwrap(), &EmitOptions::default()).unwrap().bytes
}

/// The digits network after the passes.
fn digits_graph() -> Graph {
    let source = std::fs::read(digits("model.onnx")).unwrap();
    let mut graph = import(&source, &ImportOptions::default()).unwrap().network.into_float();
    passes::run_default(&mut graph).unwrap();
    graph
}

/// Makes channel `c` of what the first convolution writes `factor(c)` times as large, and takes it back in the next one,
/// which is depthwise: the network computes the same.
fn scale_channels(graph: &mut Graph, factor: impl Fn(usize) -> f32) {
    let is_conv = |at: &usize| matches!(graph.nodes[*at].op, Op::Conv2d { .. });
    let convs: Vec<usize> = (0..graph.nodes.len()).filter(is_conv).collect();
    let pair = convs.windows(2).find(|pair| {
        let y = graph.nodes[pair[0]].output;
        graph.nodes[pair[1]].inputs[0] == y
            && matches!(graph.nodes[pair[1]].op, Op::Conv2d { groups, .. } if groups == *graph.value(y).shape.last().unwrap())
    });
    let (first, second) = pair.map(|pair| (graph.nodes[pair[0]].clone(), graph.nodes[pair[1]].clone())).unwrap();
    let channels = *graph.value(first.output).shape.last().unwrap();
    for (id, up) in [(first.inputs[1], true), (first.inputs[2], true), (second.inputs[1], false)] {
        let Some(Tensor::F32 { data, .. }) = &mut graph.values[id.0].constant else { panic!("not float") };
        let per_channel = data.len() / channels;
        for (at, w) in data.iter_mut().enumerate() {
            let factor = factor(at / per_channel);
            *w = if up { *w * factor } else { *w / factor };
        }
    }
}

#[test]
fn equalization_wins_back_a_network_with_uneven_channels() {
    let graph = digits_graph();
    let (calibration, test) = (pictures("train.csv", &graph, 100), pictures("test.csv", &graph, 200));
    let samples = stored_samples(&graph, &calibration).unwrap();
    let quantized = |graph: &Graph| {
        let ranges = observe(graph, &samples, &mut |_| {}).unwrap().ranges(graph, Method::Mse);
        file(quantize(graph, &ranges, &QuantizeOptions::default()).unwrap())
    };
    let even = against_float(&graph, quantized(&graph), &test);
    let mut hard = graph.clone();
    scale_channels(&mut hard, |c| [1.0, 30.0, 900.0][c % 3]);
    let uneven = against_float(&graph, quantized(&hard), &test);
    let mut won = hard.clone();
    assert!(!equalize(&mut won, &observe(&hard, &samples, &mut |_| {}).unwrap()).is_empty());
    let back = against_float(&graph, quantized(&won), &test);
    for (name, e) in [("even", &even), ("uneven", &uneven), ("equalized", &back)] {
        println!("{name:10} output {:5.1} dB, agreement {:.3}", output_db(e), e.agreement.unwrap());
    }
    assert!(output_db(&uneven) < 12.0, "the network is not hard");
    assert!(output_db(&back) > output_db(&uneven) + 15.0);
    assert!(output_db(&back) > output_db(&even) - 2.0);
    assert!(back.agreement.unwrap() >= 0.99);
}

fn built(options: &BuildOptions) -> Built {
    let source = std::fs::read(digits("model.onnx")).unwrap();
    build(&source, options, &mut |graph| Ok(pictures("train.csv", graph, 256)), &mut |_| {}).unwrap()
}

#[test]
fn rounding_for_the_output_beats_rounding_to_nearest_at_four_and_eight_bits() {
    for (bits, least_gain) in [(4, 1.5), (8, 0.0)] {
        let int4_weights = if bits == 4 { vec!["*".to_string()] } else { Vec::new() };
        let quantize = QuantizeOptions { int4_weights, ..QuantizeOptions::default() };
        let options = BuildOptions { quantize, cross_check: false, ..BuildOptions::default() };
        let nearest = built(&options);
        let adaround = BuildOptions { improve: Improve { adaround: 100, ..Improve::default() }, ..options };
        let chosen = built(&adaround);
        assert_eq!(chosen.improved.rounded.len(), 5, "every layer with weights");
        assert!(chosen.improved.rounded.iter().all(|layer| layer.chosen_db >= layer.nearest_db));
        let test = pictures("test.csv", &nearest.graph, 599);
        let (before, after) =
            [&nearest, &chosen].map(|b| against_float(&b.graph, b.emitted.bytes.clone(), &test)).into();
        println!(
            "{bits} bits: nearest {:.2} dB, agreement {:.4}; rounded for the output {:.2} dB, agreement {:.4}",
            output_db(&before),
            before.agreement.unwrap(),
            output_db(&after),
            after.agreement.unwrap()
        );
        assert!(output_db(&after) > output_db(&before) + least_gain);
        assert!(after.agreement.unwrap() >= 0.99);
        assert_eq!(built(&adaround).emitted.bytes, chosen.emitted.bytes, "the same every time");
    }
}

#[test]
fn layers_below_the_floor_get_int16_activations_and_the_output_gains() {
    let options = |int16_below| {
        let improve = Improve { int16_below, ..Improve::default() };
        // An output of 8 bits would hide what is gained.
        let quantize = QuantizeOptions { outputs: PortType::F32, ..QuantizeOptions::default() };
        BuildOptions { improve, quantize, cross_check: false, ..BuildOptions::default() }
    };
    let (narrow, wide) = (built(&options(None)), built(&options(Some(60.0))));
    let test = pictures("test.csv", &narrow.graph, 200);
    let (before, after) = [&narrow, &wide].map(|b| against_float(&b.graph, b.emitted.bytes.clone(), &test)).into();
    println!("int8 {:.1} dB, int16 around layers below the floor {:.1} dB", output_db(&before), output_db(&after));
    assert!(!wide.improved.widened.is_empty() && wide.improved.widened.iter().all(|w| w.gain_db > 0.0));
    assert!(output_db(&after) > output_db(&before) + 3.0);
    let untouched = built(&options(Some(1.0)));
    assert_eq!(untouched.emitted.bytes, narrow.emitted.bytes, "no layer is below 1 dB");
}

/// 250 pictures of `real/cifar10` as the networks of `onnx/` take them, channels first.
fn cifar(root: &Path) -> Vec<Vec<Vec<f32>>> {
    let bytes = std::fs::read(root.join("real/cifar10/images_u8.npy")).unwrap();
    let pixels = &bytes[bytes.len() - 250 * 32 * 32 * 3..];
    let planes = |picture: &[u8]| {
        let channel = |c: usize| picture.iter().skip(c).step_by(3).map(|&p| (f32::from(p) / 255.0 - 0.5) / 0.25);
        vec![(0..3).flat_map(channel).collect()]
    };
    pixels.chunks_exact(32 * 32 * 3).map(planes).collect()
}

fn dataset(samples: impl Iterator<Item = Vec<Vec<f32>>>) -> Dataset {
    Dataset { samples: samples.collect(), origin: "pictures".into(), ..Dataset::default() }
}

#[test]
fn the_search_keeps_98_of_100_pictures_of_an_inverted_residual_network_in_their_class() {
    search_and_compare("mobilenetv2_like");
}

#[test]
fn the_search_keeps_98_of_100_pictures_of_a_squeeze_and_excitation_network_in_their_class() {
    search_and_compare("efficientnet_lite_se");
}

fn search_and_compare(model: &str) {
    let Some(root) = data_root() else { return };
    let pictures = cifar(&root);
    let source = std::fs::read(root.join("onnx").join(model).join("model.onnx")).unwrap();
    let options = BuildOptions { cross_check: false, ..BuildOptions::default() };
    // 100 pictures choose; all measure, so that the figure is that of the whole set.
    let chosen = dataset(pictures.iter().step_by(5).chain(pictures.iter().skip(1).step_by(5)).cloned());
    let mut data = |_: &Graph| Ok((chosen.clone(), dataset(pictures.iter().cloned())));
    let auto = AutoOptions { max_drop: 2.0, ..AutoOptions::default() };
    let outcome = search(&source, &options, &auto, &mut data, &mut |_| {}).unwrap();
    for (at, step) in outcome.steps.iter().enumerate() {
        let chosen = if at == outcome.chosen { "*" } else { " " };
        println!(
            "{chosen} {model}: {} {}: agreement {:.4}, output {:.1} dB, worst {:?}, file {}, arena {}",
            step.technique, step.changed, step.agreement, step.output_db, step.worst, step.file_bytes, step.arena_bytes
        );
    }
    assert!(outcome.held() && outcome.steps[..outcome.chosen].iter().all(|step| !step.held));
    // Those that calibration did not see do not fall behind.
    let unseen = dataset(pictures.iter().enumerate().filter(|(i, _)| i % 5 >= 2).map(|(_, p)| p.clone()));
    let unseen = against_float(&outcome.built.graph, outcome.built.emitted.bytes, &unseen).agreement.unwrap();
    let all = outcome.evaluation.agreement.unwrap();
    println!("  {model}: {all:.4} of all pictures, {unseen:.4} of those that calibration did not see");
    assert!(all >= 0.98 && unseen >= 0.98, "{model}: {all} {unseen}");
}

fn mote(args: &[&str]) -> assert_cmd::assert::Assert {
    Command::new(env!("CARGO_BIN_EXE_mote")).arg("quantize").arg(digits("model.onnx")).args(args).assert()
}

fn json(assert: &assert_cmd::assert::Assert) -> serde_json::Value {
    serde_json::from_slice(&assert.get_output().stdout).expect("one JSON object")
}

#[test]
fn the_command_stops_at_the_first_step_that_holds() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net.mote").display().to_string();
    let (train, test) = (digits("train.csv").display().to_string(), digits("test.csv").display().to_string());
    let data = ["--scale", "1/16", "--calibrate", &train, "--evaluate", &test, "-o", &out];
    let run = mote(&[&data[..], &["--auto", "--max-drop", "0.5", "--json"]].concat()).success();
    let found = json(&run);
    assert_eq!(
        (&found["schema"], &found["held"], found["steps"].as_array().unwrap().len()),
        (&1.into(), &true.into(), 1)
    );
    let step = &found["steps"][0];
    assert!(step["drop_points"].as_f64().unwrap() <= 0.5 && step["top1"].as_f64().unwrap() > 0.97);
    let bytes = std::fs::read(&out).unwrap();
    assert_eq!(step["file_bytes"], bytes.len());
    Session::load(bytes).unwrap().runner().unwrap().self_test().unwrap();
}

#[test]
fn one_set_is_halved() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net.mote").display().to_string();
    let train = digits("train.csv").display().to_string();
    let args = ["--scale", "1/16", "--calibrate", &train, "--limit", "400", "--auto", "-o", &out];
    let run = mote(&args).success();
    let text = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    assert!(text.contains("on 200 of 400 samples") && !text.contains("FAILED"), "{text}");
}

#[test]
fn what_is_not_reached_is_said_and_the_most_accurate_file_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    // Calibration data far paler than the pictures that count: no method of choosing from them can know better.
    let pale = |line: &str| {
        let (pixels, label) = line.rsplit_once(',').unwrap();
        let pixels: Vec<String> = pixels.split(',').map(|p| (p.parse::<u32>().unwrap() / 8).to_string()).collect();
        format!("{},{label}\n", pixels.join(","))
    };
    let train = std::fs::read_to_string(digits("train.csv")).unwrap();
    std::fs::write(path("pale.csv"), train.lines().take(60).map(pale).collect::<String>()).unwrap();
    let (calibration, test, out) = (path("pale.csv"), digits("test.csv").display().to_string(), path("net.mote"));
    let data = ["--scale", "1/16", "--calibrate", &calibration, "--evaluate", &test, "--eval-limit", "100", "-o", &out];
    let search = [&data[..], &["--auto", "--max-drop", "0.1", "--adaround", "2", "--int16-below", "60"]].concat();
    let text = String::from_utf8(mote(&search).code(1).get_output().stdout.clone()).unwrap();
    assert!(
        text.contains("FAILED: ") && text.contains("0.1 are allowed. The most accurate file is that of "),
        "{text}"
    );
    let found = json(&mote(&[&search[..], &["--json"]].concat()).code(1));
    let steps = found["steps"].as_array().unwrap();
    let drop = |step: &serde_json::Value| step["drop_points"].as_f64().unwrap();
    let names: Vec<&str> = steps.iter().map(|step| step["technique"].as_str().unwrap()).collect();
    println!("{}", names.iter().zip(steps).map(|(n, s)| format!("{n} {:.1}", drop(s))).collect::<Vec<_>>().join(", "));
    assert!(["ranges", "equalize", "adaround", "int16", "float"].iter().all(|name| names.contains(name)), "{names:?}");
    let chosen = &steps[found["chosen"].as_u64().unwrap() as usize];
    assert!(found["held"] == false && drop(chosen) > 0.1 && steps.iter().all(|step| drop(step) >= drop(chosen)));
    let bytes = std::fs::read(&out).unwrap();
    assert_eq!(chosen["file_bytes"], bytes.len());
    Session::load(bytes).unwrap();
}

#[test]
fn equalized_files_are_compared_up_to_a_factor_per_channel() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, out) = (folder.path().join("plain.mote"), folder.path().join("net.mote"));
    let (train, test) = (digits("train.csv").display().to_string(), digits("test.csv").display().to_string());
    let data = ["--scale", "1/16", "--calibrate", &train, "--adaround", "2", "--json", "-o"];
    let run = mote(&[&data[..], &[&out.display().to_string(), "--equalize"]].concat()).success();
    let improved = json(&run)["improved"].clone();
    assert!(improved["equalized"][0]["spread"].as_f64().unwrap() > 1.5, "{improved}");
    assert_eq!(improved["rounded"].as_array().unwrap().len(), 2);
    mote(&[&data[..], &[&plain.display().to_string()]].concat()).success();
    let model = digits("model.onnx").display().to_string();
    let layers = |file: &Path| -> Vec<f64> {
        let file = file.display().to_string();
        let args = ["compare", &model, &file, "--data", &test, "--json"];
        let run = Command::new(env!("CARGO_BIN_EXE_mote")).args(args).assert().success();
        json(&run)["layers"].as_array().unwrap().iter().map(|l| l["sqnr_db"].as_f64().unwrap()).collect()
    };
    let (before, after) = (layers(&plain), layers(&out));
    println!("plain {before:.1?}\nequalized {after:.1?}");
    assert_eq!(before.len(), after.len());
    assert!(before.iter().zip(&after).all(|(before, after)| (before - after).abs() < 6.0), "{before:?} {after:?}");
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let train = digits("train.csv").display().to_string();
    for (args, words) in [
        (&["--auto", "-o", "x.mote"][..], "--calibrate DATA"),
        (&["--auto", "--calibrate", "random", "-o", "x.mote"], "noise"),
        (&["--auto", "--calibrate", &train, "--precision", "f32", "-o", "x.mote"], "--precision"),
        (&["--auto", "--calibrate", &train, "--equalize", "-o", "x.mote"], "leave --equalize out"),
        (&["--auto", "--calibrate", &train, "--max-drop", "-1", "-o", "x.mote"], "points between 0 and 100"),
        (&["--calibrate", &train, "--int16-below", "0", "-o", "x.mote"], "decibel"),
        (&["--calibrate", &train, "--adaround", "2", "--palette", "16", "-o", "x.mote"], "--palette"),
        (&["--precision", "f32", "--equalize", "-o", "x.mote"], "--equalize is about quantization"),
    ] {
        let run = mote(args).code(2);
        let text = String::from_utf8(run.get_output().stderr.clone()).unwrap();
        assert!(text.contains(words), "{args:?}:\n{text}");
    }
}
