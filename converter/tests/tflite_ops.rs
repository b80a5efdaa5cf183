//! Every operator of TensorFlow Lite files, on small files made by hand: what the device computes must be what the operator
//! means in real numbers, to one step of the output's scale; float files to rounding.

#[path = "tflite_ops/lstm.rs"]
mod lstm;
mod support;

use mote::data::{Dataset, InputSpec};
use mote::execute::Executor;
use mote::import::{ImportOptions, tflite};
use mote::validate::Session;
use mote::{BuildOptions, Built, build, stored_samples};
use mote_runtime::format::Instruction;
use mote_runtime::format::instruction::{Factors, Multiplier};
use support::tflite::{self as fb, Net, Options};

fn convert(bytes: &[u8], keep_float: bool) -> Built {
    let options = BuildOptions { keep_float, ..BuildOptions::default() };
    build(bytes, &options, &mut |_| Ok(Dataset::default()), &mut |_| {}).unwrap_or_else(|e| panic!("{e}"))
}

/// Runs noise through the file and through its meaning in float; at most `steps` of the output's scale apart.
#[track_caller]
fn check(bytes: &[u8], keep_float: bool, steps: f32) {
    let built = convert(bytes, keep_float);
    let session = Session::load(built.emitted.bytes.clone()).unwrap();
    let executor = Executor::new(&built.graph).unwrap();
    let mut runner = session.runner().unwrap();
    let noise = Dataset::random(&InputSpec::of_graph(&built.graph), 6);
    for sample in &noise.samples {
        // What the input means once it is stored.
        let stored = runner.store_inputs(sample).unwrap();
        let ports = runner.inputs().to_vec();
        let meant: Vec<Vec<f32>> = stored.iter().zip(&ports).map(|(bytes, port)| real(bytes, port)).collect();
        let data = Dataset { samples: vec![meant.clone()], ..Dataset::default() };
        let expected = executor.run(&stored_samples(&built.graph, &data).unwrap()[0]).unwrap();
        let got = runner.run(&meant).unwrap();
        assert_eq!(got.len(), expected.len());
        for ((got, expected), port) in got.iter().zip(&expected).zip(runner.outputs()) {
            let expected = expected.as_f32().unwrap();
            let (scale, zero) = if keep_float { (1e-6, 0.0) } else { (port.scale, port.zero_point as f32) };
            for (i, (&got, &want)) in got.iter().zip(expected).enumerate() {
                // Stored values saturate.
                let want = if keep_float { want } else { want.clamp((-128.0 - zero) * scale, (127.0 - zero) * scale) };
                assert!(
                    (got - want).abs() <= steps * scale * 1.001,
                    "element {i}: {got}, exactly {want}, step {scale}"
                );
            }
        }
    }
}

fn real(bytes: &[u8], port: &mote_runtime::format::Port) -> Vec<f32> {
    if port.dtype == mote_runtime::format::DType::F32 {
        return bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    }
    bytes.iter().map(|&b| port.scale * (i32::from(b as i8) - port.zero_point) as f32).collect()
}

/// A file whose last tensor is the output of its one operator, in int8 and in float.
#[track_caller]
fn unary(code: i32, x: (f32, i64), y: (f32, i64), options: Option<Options>, steps: f32) {
    let mut n = Net::new();
    let a = n.i8(&[1, 3, 5, 2], x.0, x.1);
    let b = n.i8(&[1, 3, 5, 2], y.0, y.1);
    n.op(code, &[a], &[b], options.clone());
    check(&n.bytes(&[a], &[b]), false, steps);
    let mut n = Net::new();
    let a = n.tensor(&[1, 3, 5, 2], fb::F32, None);
    let b = n.tensor(&[1, 3, 5, 2], fb::F32, None);
    n.op(code, &[a], &[b], options);
    check(&n.bytes(&[a], &[b]), true, 1.0);
}

const NARROW: (f32, i64) = (1.0 / 128.0, 5);

#[test]
fn functions_of_one_element() {
    unary(14, NARROW, (1.0 / 256.0, -128), None, 1.0);
    unary(28, NARROW, (1.0 / 128.0, 0), None, 1.0);
    unary(19, NARROW, (1.0 / 100.0, -128), None, 1.0);
    unary(20, NARROW, (1.0 / 100.0, 3), None, 1.0);
    unary(21, NARROW, (1.0 / 100.0, -120), None, 1.0);
    unary(117, NARROW, (1.0 / 150.0, -60), None, 1.0);
    unary(47, NARROW, (1.0 / 90.0, -128), None, 1.0);
    unary(111, NARROW, (1.0 / 120.0, 0), None, 1.0);
}

#[test]
fn leaky_relu() {
    use mote::import::tflite::schema::tflite::LeakyReluOptions;
    let options = || Some(Options::LeakyReluOptions(Box::new(LeakyReluOptions { alpha: 0.1 })));
    unary(98, NARROW, (1.0 / 100.0, -20), options(), 1.0);
}

/// Scales of the three tensors of a binary operator.
#[track_caller]
fn binary(code: i32, b_shape: &[i32]) {
    let mut n = Net::new();
    let a = n.i8(&[1, 4, 3, 2], 1.0 / 120.0, 3);
    let b = n.i8(b_shape, 1.0 / 110.0, -6);
    let y = n.i8(&[1, 4, 3, 2], 1.0 / 60.0, 1);
    n.op(code, &[a, b], &[y], None);
    check(&n.bytes(&[a, b], &[y]), false, 1.0);
    let mut n = Net::new();
    let a = n.tensor(&[1, 4, 3, 2], fb::F32, None);
    let b = n.tensor(b_shape, fb::F32, None);
    let y = n.tensor(&[1, 4, 3, 2], fb::F32, None);
    n.op(code, &[a, b], &[y], None);
    check(&n.bytes(&[a, b], &[y]), true, 1.0);
}

#[test]
fn addition_subtraction_and_multiplication() {
    for code in [0, 18, 41] {
        binary(code, &[1, 4, 3, 2]);
        binary(code, &[1, 1, 1, 2]);
    }
}

#[test]
fn convolutions() {
    for (stride, padding, size) in [(1, 0, 7), (2, 0, 4), (1, 1, 5), (2, 1, 3)] {
        let mut n = Net::new();
        let x = n.i8(&[1, 7, 7, 2], 1.0 / 127.0, 2);
        let w = n.weights(&[3, 3, 3, 2], &[0.002, 0.003, 0.001], 0);
        let b = n.integers(&[1000, -3000, 500]);
        let y = n.i8(&[1, size, size, 3], 0.02, -5);
        n.op(3, &[x, w, b], &[y], fb::conv(stride, padding, 3));
        check(&n.bytes(&[x], &[y]), false, 1.0);
        let mut n = Net::new();
        let x = n.i8(&[1, 7, 7, 2], 1.0 / 127.0, 2);
        let w = n.weights(&[1, 3, 3, 4], &[0.002], 0);
        let b = n.integers(&[1000, -3000, 500, 0]);
        let y = n.i8(&[1, size, size, 4], 0.02, -5);
        n.op(4, &[x, w, b], &[y], fb::depthwise(stride, padding, 1));
        check(&n.bytes(&[x], &[y]), false, 1.0);
    }
}

#[test]
fn fully_connected_of_rows_and_of_a_picture() {
    for (x_shape, y_shape) in
        [(vec![1, 12], vec![1, 5]), (vec![1, 3, 4, 1], vec![1, 5]), (vec![1, 2, 12], vec![1, 2, 5])]
    {
        let mut n = Net::new();
        let x = n.i8(&x_shape, 1.0 / 127.0, 2);
        let w = n.weights(&[5, 12], &[0.004], 0);
        let y = n.i8(&y_shape, 0.02, -5);
        n.op(9, &[x, w, -1], &[y], None);
        check(&n.bytes(&[x], &[y]), false, 1.0);
    }
}

/// The reference kernels multiply the scales of a fully connected layer with one weight scale, and those of MUL, in single
/// precision; of other layers in double.
#[test]
fn scales_are_multiplied_as_precisely_as_the_reference_does() {
    let (x_s, w_s, y_s) = (0.031_f32, 0.007_f32, 0.013_f32);
    let double = f64::from(x_s) * f64::from(w_s);
    let exact = Multiplier::from_real(double / f64::from(y_s));
    let one_scale = Multiplier::from_real(f64::from(x_s * w_s) / f64::from(y_s));
    let mul = Multiplier::from_real(f64::from(x_s * w_s / y_s));
    assert!(exact != one_scale && one_scale != mul && exact != mul, "scales that show no difference");

    let factor = |net: &Net, x: i32, y: i32| {
        let session = Session::load(convert(&net.bytes(&[x], &[y]), false).emitted.bytes).unwrap();
        let first = session.model().unwrap().instructions().next().unwrap();
        match first {
            Instruction::FullyConnected(op) => op.requantize.factors,
            Instruction::Conv2d(op) => op.requantize.factors,
            Instruction::Mul(op) => Factors::One(op.scale),
            other => panic!("{other:?}"),
        }
    };
    let mut n = Net::new();
    let (x, w, y) = (n.i8(&[1, 12], x_s, 2), n.weights(&[5, 12], &[w_s], 0), n.i8(&[1, 5], y_s, -5));
    n.op(9, &[x, w, -1], &[y], None);
    assert_eq!(factor(&n, x, y), Factors::One(one_scale));

    let mut n = Net::new();
    let (x, w, y) = (n.i8(&[1, 12], x_s, 2), n.weights(&[5, 12], &[w_s; 5], 0), n.i8(&[1, 5], y_s, -5));
    n.op(9, &[x, w, -1], &[y], None);
    assert_eq!(factor(&n, x, y), Factors::One(exact));

    let mut n = Net::new();
    let c = n.constant(&[4], fb::I8, vec![3, 250, 77, 130], Some((w_s, 0)));
    let (x, y) = (n.i8(&[1, 4], x_s, 2), n.i8(&[1, 4], y_s, -5));
    n.op(18, &[x, c], &[y], None);
    assert_eq!(factor(&n, x, y), Factors::One(mul));
}

#[test]
fn pooling() {
    for code in [1, 17] {
        let mut n = Net::new();
        let x = n.i8(&[1, 6, 4, 3], 1.0 / 100.0, 4);
        let y = n.i8(&[1, 3, 2, 3], 1.0 / 100.0, 4);
        n.op(code, &[x], &[y], fb::pool(2, 1));
        check(&n.bytes(&[x], &[y]), false, 1.0);
    }
}

#[test]
fn mean_with_and_without_axes() {
    use mote::import::tflite::schema::tflite::ReducerOptions;
    for (keep_dims, shape) in [(false, vec![1, 3]), (true, vec![1, 1, 1, 3])] {
        let mut n = Net::new();
        let x = n.i8(&[1, 6, 4, 3], 1.0 / 100.0, 4);
        let axes = n.integers(&[1, -2]);
        let y = n.i8(&shape, 1.0 / 300.0, 7);
        n.op(40, &[x, axes], &[y], Some(Options::ReducerOptions(Box::new(ReducerOptions { keep_dims }))));
        check(&n.bytes(&[x], &[y]), false, 1.0);
    }
}

/// Operators that move elements keep them exactly.
#[track_caller]
fn moves(build: impl Fn(&mut Net, i32) -> Vec<i32>) {
    let mut n = Net::new();
    let x = n.i8(&[1, 4, 6, 2], 0.01, 3);
    let y = build(&mut n, x);
    check(&n.bytes(&[x], &y), false, 0.0);
}

#[test]
fn shapes_change() {
    moves(|n, x| {
        let y = n.i8(&[1, 48], 0.01, 3);
        n.op(22, &[x], &[y], None);
        let z = n.i8(&[1, 1, 48], 0.01, 3);
        n.op(70, &[y], &[z], None);
        let w = n.i8(&[1, 48], 0.01, 3);
        n.op(43, &[z], &[w], None);
        vec![w]
    });
    moves(|n, x| {
        let perm = n.integers(&[0, 3, 1, 2]);
        let y = n.i8(&[1, 2, 4, 6], 0.01, 3);
        n.op(39, &[x, perm], &[y], None);
        vec![y]
    });
}

#[test]
fn parts_are_taken_and_joined() {
    use mote::import::tflite::schema::tflite as s;
    moves(|n, x| {
        let (begin, size) = (n.integers(&[0, 1, 2, 0]), n.integers(&[1, 2, -1, 1]));
        let y = n.i8(&[1, 2, 4, 1], 0.01, 3);
        n.op(65, &[x, begin, size], &[y], None);
        vec![y]
    });
    moves(|n, x| {
        let (begin, end, by) = (n.integers(&[0, 1, -1, 0]), n.integers(&[1, 4, 0, 2]), n.integers(&[1, 2, 1, 1]));
        let options = s::StridedSliceOptions { shrink_axis_mask: 4, end_mask: 8, ..Default::default() };
        let y = n.i8(&[1, 2, 2], 0.01, 3);
        // The third axis is one column, the one before the last counted from the end.
        n.op(45, &[x, begin, end, by], &[y], Some(Options::StridedSliceOptions(Box::new(options))));
        vec![y]
    });
    moves(|n, x| {
        let axis = n.constant(&[], fb::I32, 2i32.to_le_bytes().to_vec(), None);
        let parts: Vec<i32> = (0..3).map(|_| n.i8(&[1, 4, 2, 2], 0.01, 3)).collect();
        n.op(49, &[axis, x], &parts, Some(Options::SplitOptions(Box::new(s::SplitOptions { num_splits: 3 }))));
        let y = n.i8(&[1, 4, 6, 2], 0.01, 3);
        let options = s::ConcatenationOptions { axis: -2, ..Default::default() };
        n.op(2, &[parts[2], parts[0], parts[1]], &[y], Some(Options::ConcatenationOptions(Box::new(options))));
        vec![y]
    });
    moves(|n, x| {
        let parts: Vec<i32> = (0..2).map(|_| n.i8(&[1, 4, 6], 0.01, 3)).collect();
        n.op(88, &[x], &parts, Some(Options::UnpackOptions(Box::new(s::UnpackOptions { num: 2, axis: 3 }))));
        let y = n.i8(&[1, 2, 4, 6], 0.01, 3);
        let options = s::PackOptions { values_count: 2, axis: 1 };
        n.op(83, &parts, &[y], Some(Options::PackOptions(Box::new(options))));
        vec![y]
    });
    moves(|n, x| {
        let paddings = n.constant(
            &[4, 2],
            fb::I32,
            [0, 0, 1, 2, 0, 1, 0, 0].iter().flat_map(|v: &i32| v.to_le_bytes()).collect(),
            None,
        );
        let y = n.i8(&[1, 7, 7, 2], 0.01, 3);
        n.op(34, &[x, paddings], &[y], None);
        vec![y]
    });
}

#[test]
fn float_islands_are_quantized_where_the_file_says() {
    let mut n = Net::new();
    let x = n.tensor(&[1, 8], fb::F32, None);
    let q = n.i8(&[1, 8], 0.01, 0);
    n.op(114, &[x], &[q], None);
    let s = n.i8(&[1, 8], 1.0 / 256.0, -128);
    n.op(25, &[q], &[s], None);
    let y = n.tensor(&[1, 8], fb::F32, None);
    n.op(6, &[s], &[y], None);
    let built = convert(&n.bytes(&[x], &[y]), false);
    let mut out = Session::load(built.emitted.bytes).unwrap().run(&[vec![0.5; 8]]).unwrap();
    let out = out.remove(0);
    assert!(out.iter().all(|p| (p - 0.125).abs() <= 1.0 / 256.0), "{out:?}");
}

#[test]
fn weights_in_float16_become_float() {
    let mut n = Net::new();
    let x = n.tensor(&[1, 2], fb::F32, None);
    let half = n.constant(&[2, 2], 1, [0x3c00u16, 0, 0, 0x4000].iter().flat_map(|h| h.to_le_bytes()).collect(), None);
    let w = n.tensor(&[2, 2], fb::F32, None);
    n.op(6, &[half], &[w], None);
    let y = n.tensor(&[1, 2], fb::F32, None);
    n.op(9, &[x, w, -1], &[y], None);
    let built = convert(&n.bytes(&[x], &[y]), true);
    let out = Session::load(built.emitted.bytes).unwrap().run(&[vec![3.0, 5.0]]).unwrap();
    assert_eq!(out, [[3.0, 10.0]]);
}

#[test]
fn the_zoo_converts() {
    convert(&fb::zoo(), false);
}

#[track_caller]
fn refused(bytes: &[u8], parts: &[&str]) {
    let error = tflite::import(bytes, &ImportOptions::default()).expect_err("it imports").to_string();
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

#[test]
fn unsupported_operators_are_named_all_at_once_with_a_way_out() {
    let mut n = Net::new();
    let x = n.i8(&[1, 4], 0.1, 0);
    let a = n.i8(&[1, 4], 0.1, 0);
    n.op(76, &[x], &[a], None);
    let b = n.i8(&[1, 4], 0.1, 0);
    n.op(100, &[x], &[b], None);
    let y = n.i8(&[1, 4], 0.1, 0);
    n.op(0, &[a, b], &[y], None);
    refused(&n.bytes(&[x], &[y]), &["2 nodes", "`t1` (RSQRT)", "`t2` (MIRROR_PAD)", "cut the network"]);
}

#[test]
fn other_integer_types_are_named() {
    for (dtype, name) in [(fb::U8, "uint8"), (fb::I32, "int32")] {
        let mut n = Net::new();
        let x = n.tensor(&[1, 4], dtype, Some((0.1, 0)));
        let y = n.tensor(&[1, 4], dtype, Some((0.1, 0)));
        n.op(19, &[x], &[y], None);
        refused(&n.bytes(&[x], &[y]), &["`t0`", name, "convert"]);
    }
}

#[test]
fn what_the_reference_has_no_int16_kernel_for_is_refused() {
    let net = |op: i32, y_scale: f32, zero_point: i64| {
        let mut n = Net::new();
        let x = n.tensor(&[1, 4], fb::I16, Some((0.1, zero_point)));
        let y = n.tensor(&[1, 4], fb::I16, Some((y_scale, 0)));
        n.op(op, &[x], &[y], None);
        n.bytes(&[x], &[y])
    };
    // RELU_N1_TO_1, ELU and HARD_SWISH.
    for op in [20, 111, 117] {
        refused(&net(op, 0.1, 0), &["`t1`", "int16", "int8"]);
    }
    refused(&net(19, 0.1, 5), &["`t0`", "zero point 0"]);
    refused(&net(14, 0.1, 0), &["LOGISTIC", "1/32768"]);
    refused(&net(25, 0.1, 0), &["softmax", "1/32768"]);
    assert!(tflite::import(&net(19, 0.2, 0), &ImportOptions::default()).is_ok());
}

#[test]
fn int16_sums_of_powers_of_two_are_refused() {
    let net = |scales: [f32; 3]| {
        let mut n = Net::new();
        let [a, b, y] = scales.map(|scale| n.tensor(&[1, 4], fb::I16, Some((scale, 0))));
        n.op(0, &[a, b], &[y], None);
        n.bytes(&[a, b], &[y])
    };
    refused(&net([0.25, 0.5, 0.5]), &["power-of-two", "general scales"]);
    assert!(tflite::import(&net([0.25, 0.5, 0.3]), &ImportOptions::default()).is_ok());
}

#[test]
fn int16_depthwise_convolutions_have_wide_biases() {
    let mut n = Net::new();
    let x = n.tensor(&[1, 4, 4, 2], fb::I16, Some((0.1, 0)));
    let y = n.tensor(&[1, 4, 4, 2], fb::I16, Some((0.1, 0)));
    let w = n.weights(&[1, 1, 1, 2], &[0.1], 0);
    let b = n.constant(&[2], fb::I32, vec![0; 8], Some((0.01, 0)));
    n.op(4, &[x, w, b], &[y], fb::depthwise(1, 0, 0));
    refused(&n.bytes(&[x], &[y]), &["bias", "int64"]);
}

#[test]
fn files_that_contradict_themselves_name_the_place() {
    let base = || {
        let mut n = Net::new();
        let x = n.i8(&[1, 4], 0.1, 0);
        let y = n.i8(&[1, 3], 0.1, 0);
        let w = n.weights(&[3, 4], &[0.1], 0);
        (n, x, w, y)
    };
    let (mut n, x, w, y) = base();
    n.op(9, &[x, 99], &[y], None);
    refused(&n.bytes(&[x], &[y]), &["operator 0", "FULLY_CONNECTED", "tensor 99"]);
    let (mut n, x, w2, y) = base();
    n.op(9, &[x, w2], &[y], None);
    n.tensor_mut(w).shape = Some(vec![3, 5]);
    refused(&n.bytes(&[x], &[y]), &["`t2`", "12 bytes"]);
    let (mut n, x, w, y) = base();
    n.op(9, &[x, w], &[y], None);
    n.tensor_mut(y).shape = Some(vec![1, 7]);
    refused(&n.bytes(&[x], &[y]), &["[3, 4]", "[1, 7]"]);
    let (mut n, x, w, y) = base();
    n.op(9, &[y, w], &[y], None);
    refused(&n.bytes(&[x], &[y]), &["FULLY_CONNECTED"]);
    let (mut n, x, w, y) = base();
    n.op(9, &[x, w], &[y], None);
    n.tensor_mut(x).quantization = None;
    refused(&n.bytes(&[x], &[y]), &["`t0`", "no scale"]);
    let (n, x, _, y) = base();
    refused(&n.bytes(&[x], &[y]), &["`t1`", "nothing makes"]);
    refused(b"\x10\0\0\0TFL3", &["damaged"]);
}

#[test]
fn batches_are_refused() {
    let mut n = Net::new();
    let x = n.i8(&[4, 4], 0.1, 0);
    let y = n.i8(&[4, 4], 0.1, 0);
    n.op(19, &[x], &[y], None);
    refused(&n.bytes(&[x], &[y]), &["batch of 4"]);
}
