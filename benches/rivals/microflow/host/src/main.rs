//! Prints, for each network, how many output bytes differ from TensorFlow Lite's reference kernels: microflow's and
//! Mote's. One JSON object a line.

use microflow_host::{mote_file, read_npy};
use microflow_nets::{Net, Visitor, each};
use mote_runtime::{AlignedBytes, Engine, Model};
use serde_json::{Value, json};

struct Compare;

impl Visitor for Compare {
    fn visit<N: Net>(&mut self) {
        let (inputs, samples) = read_npy(&format!("{}/inputs.npy", N::FOLDER));
        let (expected, _) = read_npy(&format!("{}/outputs.npy", N::FOLDER));
        let (x, y) = (inputs.len() / samples, expected.len() / samples);
        let manifest =
            std::fs::read(format!("{}/manifest.json", N::FOLDER)).expect("a manifest lies beside the network");
        let manifest: Value = serde_json::from_slice(&manifest).expect("it is JSON");
        let quant = &manifest["outputs"][0]["quant"];
        let scale = quant["scale"][0].as_f64().expect("outputs have a scale") as f32;
        let zero_point = quant["zero_point"][0].as_i64().expect("and a zero point") as f32;

        let file = mote_file::<N>();
        let model = Model::load(&file).expect("mote convert made it");
        let mut arena = AlignedBytes::zeroed(model.arena_bytes() as usize);
        let mut engine = Engine::new(model, &mut arena).expect("the arena is as large as the model asks");
        let (mut microflow, mut mote) = (Difference::default(), Difference::default());
        let mut real = vec![0.0; y];
        for (input, expected) in inputs.chunks(x).zip(expected.chunks(y)) {
            N::run(input, &mut real);
            // microflow's reals are exactly (q - zero point) * scale.
            let stored: Vec<i8> = real.iter().map(|v| (v / scale + zero_point).round() as i8).collect();
            microflow.add(&stored, expected);
            engine.input_mut(0).copy_from_slice(input);
            engine.run();
            mote.add(engine.output(0), expected);
        }
        let line = json!({
            "model": N::NAME, "samples": samples, "outputs": expected.len(),
            "microflow": microflow.json(), "mote": mote.json(),
        });
        println!("{line}");
    }
}

#[derive(Default)]
struct Difference {
    bytes: usize,
    most: u32,
    /// Samples whose largest output is another one.
    decisions: usize,
}

impl Difference {
    fn add(&mut self, got: &[i8], expected: &[i8]) {
        for (&got, &expected) in got.iter().zip(expected) {
            let by = i32::from(got).abs_diff(i32::from(expected));
            self.bytes += usize::from(by != 0);
            self.most = self.most.max(by);
        }
        self.decisions += usize::from(largest(got) != largest(expected));
    }

    fn json(&self) -> Value {
        json!({ "different": self.bytes, "by_at_most": self.most, "other_decisions": self.decisions })
    }
}

fn largest(values: &[i8]) -> Option<usize> {
    (0..values.len()).rev().max_by_key(|&index| values[index])
}

fn main() {
    // Its buffers are on the stack.
    let worker =
        std::thread::Builder::new().stack_size(64 << 20).spawn(|| each(&mut Compare)).expect("a thread starts");
    worker.join().expect("no network panics");
}
