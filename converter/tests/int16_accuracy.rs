//! Networks that are quantized here to int16 activations: nearer to float than with int8, as a whole and in named layers.

mod support;

use mote::data::Dataset;
use mote::execute::Executor;
use mote::quantize::{QuantizeOptions, Width};
use mote::validate::Session;
use mote::{BuildOptions, Built, build, stored_samples};
use std::path::{Path, PathBuf};
use support::data_root;

/// Decibels that int16 gains at least. The steps of activations are 256 times finer, which is 48; what remains is the error of
/// the weights, which stay int8.
const LEAST_GAIN: f64 = 2.0;

struct Net {
    name: &'static str,
    model: PathBuf,
    samples: Vec<Vec<f32>>,
    node: &'static str,
}

fn convert(net: &Net, quantize: QuantizeOptions) -> Built {
    let source = std::fs::read(&net.model).unwrap();
    let data =
        || Dataset { samples: net.samples.iter().take(50).map(|x| vec![x.clone()]).collect(), ..Dataset::default() };
    let options = BuildOptions { quantize, ..BuildOptions::default() };
    build(&source, &options, &mut |_| Ok(data()), &mut |_| {}).unwrap_or_else(|error| panic!("{}: {error}", net.name))
}

/// Power of what the float graph computes over that of the difference, in decibel, over samples that calibration has not
/// seen.
fn sqnr_db(net: &Net, built: &Built) -> f64 {
    let executor = Executor::new(&built.graph).unwrap();
    let session = Session::load(built.emitted.bytes.clone()).unwrap();
    let mut runner = session.runner().unwrap();
    let (mut signal, mut noise) = (0.0, 0.0);
    for sample in net.samples.iter().skip(50) {
        let dataset = Dataset { samples: vec![vec![sample.clone()]], ..Dataset::default() };
        let stored = stored_samples(&built.graph, &dataset).unwrap();
        let float = executor.run(&stored[0]).unwrap();
        let got = runner.run(std::slice::from_ref(sample)).unwrap();
        for (float, got) in float[0].as_f32().unwrap().iter().zip(&got[0]) {
            signal += f64::from(*float).powi(2);
            noise += f64::from(float - got).powi(2);
        }
    }
    10.0 * (signal / noise).log10()
}

fn nets() -> Vec<Net> {
    let digits = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits-cnn");
    // Pixels of 0 to 16, and the class behind them.
    let text = std::fs::read_to_string(digits.join("test.csv")).unwrap();
    let pixel = |cell: &str| cell.parse::<f32>().unwrap() * 0.0625;
    let samples = text.lines().take(150).map(|line| line.split(',').take(64).map(pixel).collect()).collect();
    let mut nets = vec![Net { name: "digits-cnn", model: digits.join("model.onnx"), samples, node: "*" }];
    if let Some(data) = data_root() {
        let file = std::fs::read(data.join("real/kws/features_int8.npy")).unwrap();
        let header = npyz::NpyHeader::from_reader(&file[..]).unwrap();
        let elements: u64 = header.shape().iter().product();
        let stored = &file[file.len() - elements as usize..];
        let real = |&q: &u8| (f32::from(q as i8) - 83.0) * 0.584_702_9;
        let samples = stored.chunks(490).take(150).map(|sample| sample.iter().map(real).collect()).collect();
        nets.push(Net {
            name: "kws_dscnn",
            model: data.join("onnx_mlperf/kws_dscnn_fp32/model.onnx"),
            samples,
            node: "*onv*",
        });
    }
    nets
}

#[test]
fn int16_is_nearer_to_float_than_int8() {
    for net in nets() {
        let whole = QuantizeOptions { activations: Width::I16, ..QuantizeOptions::default() };
        let named = QuantizeOptions { int16_nodes: vec![net.node.into()], ..QuantizeOptions::default() };
        let [int8, int16, layers] =
            [QuantizeOptions::default(), whole, named].map(|options| sqnr_db(&net, &convert(&net, options)));
        eprintln!("{}: int8 {int8:.1} dB, int16 {int16:.1} dB, layers `{}` {layers:.1} dB", net.name, net.node);
        assert!(int16 > int8 + LEAST_GAIN, "{}: {int16} dB with int16, {int8} dB with int8", net.name);
        assert!(layers > int8 - 1.0, "{}: {layers} dB with some int16, {int8} dB with int8", net.name);
    }
}
