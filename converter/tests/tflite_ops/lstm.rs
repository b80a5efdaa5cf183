//! UNIDIRECTIONAL_SEQUENCE_LSTM in each of its types.

use super::support::tflite::{Net, Options};
use super::{check, fb, refused};
use mote::data::{Dataset, InputSpec};
use mote::execute::Executor;
use mote::import::tflite::schema::tflite::UnidirectionalSequenceLstmOptions;
use mote::validate::Session;
use mote::{BuildOptions, build, stored_samples};

const CODE: i32 = 44;
const STEPS: i32 = 4;
const IN_N: i32 = 3;
const UNITS: i32 = 5;

fn options(time_major: bool, cell_clip: f32) -> Option<Options> {
    let o =
        UnidirectionalSequenceLstmOptions { fused_activation_function: 4, cell_clip, time_major, ..Default::default() };
    Some(Options::UnidirectionalSequenceLstmOptions(Box::new(o)))
}

fn variable(n: &mut Net, dtype: i8, scale: Option<(f32, i64)>) -> i32 {
    let tensor = n.tensor(&[1, UNITS], dtype, scale);
    n.tensor_mut(tensor).is_variable = true;
    tensor
}

/// Operands and the output of an LSTM between float tensors, whose input may come reshaped from another.
struct Float {
    net: Net,
    input: i32,
    inputs: Vec<i32>,
    y: i32,
}

/// `weights` makes a matrix.
fn float(time_major: bool, weights: fn(&mut Net, [i32; 2]) -> i32) -> Float {
    let mut n = Net::new();
    let rows = |of: i32| if time_major { [STEPS, 1, of] } else { [1, STEPS, of] };
    let input = n.tensor(&[1, STEPS, IN_N], fb::F32, None);
    let x = if time_major { n.tensor(&rows(IN_N), fb::F32, None) } else { input };
    if time_major {
        n.op(22, &[input], &[x], None);
    }
    let mut inputs = vec![x];
    inputs.extend((0..4).map(|_| weights(&mut n, [UNITS, IN_N])));
    inputs.extend((0..4).map(|_| weights(&mut n, [UNITS, UNITS])));
    inputs.extend([-1; 3]);
    inputs.extend((0..4).map(|gate| n.floats(&[UNITS], &[0.1 * gate as f32, -0.2, 0.3, 0.0, 0.05])));
    inputs.extend([-1; 2]);
    inputs.extend([variable(&mut n, fb::F32, None), variable(&mut n, fb::F32, None)]);
    inputs.extend([-1; 4]);
    let y = n.tensor(&rows(UNITS), fb::F32, None);
    Float { net: n, input, inputs, y }
}

impl Float {
    fn bytes(mut self, options: Option<Options>) -> Vec<u8> {
        self.net.op(CODE, &self.inputs, &[self.y], options);
        self.net.bytes(&[self.input], &[self.y])
    }
}

fn float_matrix(n: &mut Net, shape: [i32; 2]) -> i32 {
    let noise = |i: i32| ((i * 37 + 5) % 64) as f32 / 32.0 - 1.0;
    let values: Vec<f32> = (0..shape[0] * shape[1]).map(noise).collect();
    n.floats(&shape, &values)
}

#[test]
fn float_in_either_order_of_batch_and_time() {
    for time_major in [false, true] {
        for clip in [0.0, 0.25] {
            check(&float(time_major, float_matrix).bytes(options(time_major, clip)), true, 1.0);
        }
    }
}

#[test]
fn int8_weights_beside_float_rows_become_float() {
    check(&float(false, |n, shape| n.weights(&shape, &[0.01], 0)).bytes(options(false, 0.0)), true, 1.0);
}

#[test]
fn int8_with_an_int16_cell() {
    let mut n = Net::new();
    let x = n.i8(&[1, STEPS, IN_N], 1.0 / 127.0, 3);
    let mut inputs = vec![x];
    inputs.extend((0..4).map(|_| n.weights(&[UNITS, IN_N], &[0.01], 0)));
    inputs.extend((0..4).map(|_| n.weights(&[UNITS, UNITS], &[0.008], 0)));
    inputs.extend([-1; 3]);
    inputs.extend((0..4).map(|gate| n.integers(&[1000 * gate, -2000, 3000, 0, 500])));
    inputs.extend([-1; 2]);
    let hidden = (1.0 / 128.0, 2);
    inputs.extend([variable(&mut n, fb::I8, Some(hidden)), variable(&mut n, fb::I16, Some((1.0 / 4096.0, 0)))]);
    inputs.extend([-1; 4]);
    let y = n.i8(&[1, STEPS, UNITS], hidden.0, hidden.1);
    n.op(CODE, &inputs, &[y], options(false, 0.0));
    check(&n.bytes(&[x], &[y]), false, 2.0);
}

#[test]
fn a_float_one_stays_float_in_an_int8_network() {
    let Float { mut net, input, inputs, y } = float(false, float_matrix);
    net.op(CODE, &inputs, &[y], options(false, 0.0));
    let (w, b) = (float_matrix(&mut net, [2, UNITS]), net.floats(&[2], &[0.5, -0.5]));
    let out = net.tensor(&[1, STEPS, 2], fb::F32, None);
    net.op(9, &[y, w, b], &[out], None);
    let bytes = net.bytes(&[input], &[out]);
    let mut noise = |graph: &_| Ok(Dataset::random(&InputSpec::of_graph(graph), 32));
    let built = build(&bytes, &BuildOptions::default(), &mut noise, &mut |_| {}).unwrap();
    let kinds: Vec<_> = built.plan.quant.graph.nodes.iter().map(|n| n.op.name()).collect();
    assert_eq!(kinds, ["dequantize", "lstm", "quantize", "fully_connected"]);
    let samples = stored_samples(&built.graph, &built.calibration).unwrap();
    let executor = Executor::new(&built.graph).unwrap();
    let session = Session::load(built.emitted.bytes).unwrap();
    for (given, stored) in built.calibration.samples.iter().zip(&samples) {
        let (got, expected) = (session.run(given).unwrap(), executor.run(stored).unwrap());
        for (got, expected) in got[0].iter().zip(expected[0].as_f32().unwrap()) {
            assert!((got - expected).abs() < 0.06, "{got}, in float {expected}");
        }
    }
}

#[test]
fn what_a_plain_one_does_not_have_is_named() {
    for (position, what) in [(9, "peepholes"), (16, "projection"), (20, "layer normalization")] {
        let mut lstm = float(false, float_matrix);
        lstm.inputs[position] = lstm.inputs[12];
        refused(&lstm.bytes(options(false, 0.0)), &[what, "plain LSTM"]);
    }
    let mut coupled = float(false, float_matrix);
    coupled.inputs[1] = -1;
    refused(&coupled.bytes(options(false, 0.0)), &["coupled"]);
    let mut stateless = float(false, float_matrix);
    let cell = stateless.inputs[19];
    stateless.net.tensor_mut(cell).is_variable = false;
    refused(&stateless.bytes(options(false, 0.0)), &["must be a variable"]);
}
