//! Networks that came quantized as ONNX: QDQ and QLinear operators, against integer arithmetic by the letter, and files
//! of ONNX Runtime's quantizer against ONNX Runtime without optimisations.

#[path = "support/qdq.rs"]
mod qdq;
#[path = "support/mod.rs"]
mod support;

use mote::data::Dataset;
use mote::import::{ImportOptions, Network, import};
use mote::validate::Session;
use mote::{BuildOptions, Built, build};
use prost::Message;
use qdq::{Net, T, int, ints};
use std::path::Path;
use tract_onnx::pb::tensor_proto::DataType::{self, Float, Int8, Int16, Int32, Uint8, Uint16};

fn convert(bytes: &[u8]) -> Built {
    build(bytes, &BuildOptions::default(), &mut |_| Ok(Dataset::default()), &mut |_| {}).unwrap()
}

fn float_instructions(built: &Built) -> usize {
    use mote::ir::{DType, Op};
    let graph = &built.plan.quant.graph;
    let float = |n: &&mote::ir::Node| graph.value(n.output).dtype == DType::F32 && !matches!(n.op, Op::Dequantize);
    graph.nodes.iter().filter(float).count()
}

/// What the device computes against the reference, in steps of the output: each of `samples` inputs, whose stored
/// integers are drawn. The input is `x` (scale and zero point `x_s`, `x_z`), the output's `y_s`, `y_z`.
struct Checked {
    built: Built,
    worst: f64,
    differing: usize,
    elements: usize,
}

fn check(net: &mut Net) -> Checked {
    let built = convert(&net.model.encode_to_vec());
    assert!(built.came_quantized);
    let session = Session::load(built.emitted.bytes.clone()).unwrap();
    let mut runner = session.runner().unwrap();
    let constant = |net: &Net, name: &str| {
        let graph = net.model.graph.as_ref().unwrap();
        let tensor = graph.initializer.iter().find(|t| t.name == name).unwrap();
        let raw = &tensor.raw_data;
        match DataType::try_from(tensor.data_type).unwrap() {
            Float => f64::from(f32::from_le_bytes(raw[..4].try_into().unwrap())),
            Int8 => f64::from(raw[0] as i8),
            Int16 => f64::from(i16::from_le_bytes([raw[0], raw[1]])),
            Uint16 => f64::from(u16::from_le_bytes([raw[0], raw[1]])),
            _ => f64::from(raw[0]),
        }
    };
    let (x_s, x_z, y_s, y_z) = (constant(net, "x_s"), constant(net, "x_z"), constant(net, "y_s"), constant(net, "y_z"));
    let graph = net.model.graph.clone().unwrap();
    let Some(tract_onnx::pb::type_proto::Value::TensorType(input)) = graph.input[0].r#type.clone().unwrap().value
    else {
        panic!()
    };
    let shape: Vec<usize> = input
        .shape
        .unwrap()
        .dim
        .iter()
        .map(|d| match d.value {
            Some(tract_onnx::pb::tensor_shape_proto::dimension::Value::DimValue(v)) => v as usize,
            _ => panic!(),
        })
        .collect();
    let kind = DataType::try_from(input.elem_type).unwrap();
    let zero_point = graph.initializer.iter().find(|t| t.name == "x_z").unwrap();
    let (low, high) = match DataType::try_from(zero_point.data_type).unwrap() {
        Int8 => (-128, 127),
        Int16 => (-32768, 32767),
        Uint16 => (0, 65535),
        _ => (0, 255),
    };
    let mut checked = Checked { built, worst: 0.0, differing: 0, elements: 0 };
    for _ in 0..8 {
        let stored: Vec<f64> = (0..shape.iter().product()).map(|_| net.draw(low, high) as f64).collect();
        let real: Vec<f64> = stored.iter().map(|q| (q - x_z) * x_s).collect();
        let data = if kind == Float { real.clone() } else { stored };
        let expected = net.reference(&[T { shape: shape.clone(), data, kind }]).swap_remove(0);
        let got = runner.run(&[real.iter().map(|&v| v as f32).collect()]).unwrap().swap_remove(0);
        assert_eq!(got.len(), expected.data.len());
        for (got, expected) in got.iter().zip(&expected.data) {
            let expected = if matches!(graph.node.last().unwrap().op_type.as_str(), "DequantizeLinear") {
                *expected
            } else {
                (expected - y_z) * y_s
            };
            let steps = ((f64::from(*got) - expected) / y_s).abs();
            checked.worst = checked.worst.max(steps);
            // Outputs are read as float32, which has few bits left below a step of 16-bit ones.
            let same = if high - low > 255 { 1e-2 } else { 1e-3 };
            checked.differing += usize::from(steps > same);
            checked.elements += 1;
        }
    }
    checked
}

/// The scales here have no common measure: between round ones, every tenth sum would be a tie, which ONNX rounds to even
/// and the kernels up.
///
/// All in int8, and the same integers as the reference; `ties` in a thousand may be one step away.
#[track_caller]
fn exact(net: &mut Net, ties: usize) {
    let Checked { built, worst, differing, elements } = check(net);
    assert_eq!(float_instructions(&built), 0, "{}", built.plan.quant.graph);
    assert!(worst < 1.001, "{worst} steps\n{}", built.plan.quant.graph);
    assert!(differing * 1000 <= ties * elements, "{differing} of {elements} differ\n{}", built.plan.quant.graph);
    eprintln!("{differing} of {elements} differ, at most {worst:.3} steps");
}

/// `x` rounded, something, `real` rounded to `y`.
fn around(opset: i64, kind: DataType, shape: &[usize], middle: impl FnOnce(&mut Net), y: (f64, i64)) -> Net {
    let mut net = Net::new(opset);
    net.input("input", Float, shape);
    net.round("input", "x", kind, 0.051_77, if kind == Uint8 { 110 } else { -7 });
    middle(&mut net);
    net.round("real", "y", kind, y.0, y.1);
    net.output("y");
    net
}

fn bias(net: &mut Net, scales: &[f64]) {
    let n = scales.len();
    net.drawn("b_q", Int32, &[n], -20_000, 20_000);
    let scales: Vec<f64> = scales.iter().map(|s| f64::from((0.051_77f64 as f32) * (*s as f32))).collect();
    net.constant("b_s", Float, &[n], &scales);
    net.node("DequantizeLinear", &["b_q", "b_s"], "b", vec![int("axis", 0)]);
}

const FOUR: [f64; 4] = [0.01, 0.003, 0.02, 0.0071];

#[test]
fn convolution_per_channel_with_uint8_activations() {
    for opset in [13, 19, 21, 22] {
        let middle = |net: &mut Net| {
            net.weights("w", &[4, 3, 3, 3], &FOUR, 0);
            bias(net, &FOUR);
            net.node("Conv", &["x", "w", "b"], "sum", vec![ints("pads", &[1, 1, 1, 1]), ints("strides", &[2, 2])]);
            net.node("Relu", &["sum"], "real", vec![]);
        };
        exact(&mut around(opset, Uint8, &[1, 3, 9, 8], middle, (0.120_83, 3)), 0);
    }
}

#[test]
fn depthwise_convolution_per_tensor_without_an_axis() {
    let middle = |net: &mut Net| {
        net.weights("w", &[4, 1, 3, 3], &[0.013], 0);
        net.node("Conv", &["x", "w"], "real", vec![int("group", 4), ints("pads", &[0, 1, 1, 0])]);
    };
    exact(&mut around(10, Int8, &[1, 4, 7, 7], middle, (0.101_23, -20)), 0);
}

#[test]
fn convolution_along_a_line() {
    let middle = |net: &mut Net| {
        net.weights("w", &[4, 2, 3], &FOUR, 0);
        bias(net, &FOUR);
        net.node("Conv", &["x", "w", "b"], "real", vec![ints("pads", &[1, 1])]);
    };
    exact(&mut around(13, Int8, &[1, 2, 20], middle, (0.090_17, 11)), 0);
}

/// Integer input and output, as ONNX Runtime's operator-oriented format has them.
fn stored(opset: i64, x: &[usize], middle: impl FnOnce(&mut Net)) -> Net {
    let mut net = Net::new(opset);
    net.input("xq", Uint8, x);
    net.scale("x", Uint8, &[0.051_77], 121);
    net.scale("y", Uint8, &[0.110_39], 99);
    middle(&mut net);
    net.output("yq");
    net
}

#[test]
fn qlinear_conv_with_unsigned_weights_around_a_zero_point() {
    for (zero_point, low, high) in [(128, 1, 255), (120, 0, 240), (0, 0, 127)] {
        let mut net = stored(10, &[1, 3, 8, 8], |net| {
            net.drawn("w", Uint8, &[4, 3, 3, 3], low, high);
            net.scale("w", Uint8, &[0.004], zero_point);
            net.drawn("b", Int32, &[4], -9000, 9000);
            let inputs = ["xq", "x_s", "x_z", "w", "w_s", "w_z", "y_s", "y_z", "b"];
            net.node("QLinearConv", &inputs, "yq", vec![ints("pads", &[1, 1, 1, 1])]);
        });
        exact(&mut net, 0);
    }
}

#[test]
fn qlinear_conv_with_a_scale_per_channel() {
    let mut net = stored(21, &[1, 3, 8, 8], |net| {
        net.drawn("w", Int8, &[4, 3, 1, 1], -127, 127);
        net.scale("w", Int8, &FOUR, 0);
        net.node("QLinearConv", &["xq", "x_s", "x_z", "w", "w_s", "w_z", "y_s", "y_z"], "yq", vec![]);
    });
    exact(&mut net, 0);
}

#[test]
fn qlinear_matmul_with_one_scale_and_one_per_column() {
    for scales in [&[0.009][..], &FOUR] {
        let mut net = stored(13, &[1, 5, 24], |net| {
            net.drawn("w", Int8, &[24, 4], -127, 127);
            net.scale("w", Int8, scales, 0);
            net.node("QLinearMatMul", &["xq", "x_s", "x_z", "w", "w_s", "w_z", "y_s", "y_z"], "yq", vec![]);
        });
        exact(&mut net, 0);
    }
}

#[test]
fn dense_layers_of_both_spellings() {
    for (transposed, shape, axis) in [(1, [4, 32], 0), (0, [32, 4], 1)] {
        let middle = |net: &mut Net| {
            net.weights("w", &shape, &FOUR, axis);
            bias(net, &FOUR);
            net.node("Gemm", &["x", "w", "b"], "real", vec![int("transB", transposed)]);
        };
        exact(&mut around(13, Uint8, &[1, 32], middle, (0.403_1, 140)), 0);
        let mut net = stored(13, &[1, 32], |net| {
            net.drawn("w", Int8, &shape, -127, 127);
            net.scale("w", Int8, &FOUR, 0);
            net.drawn("b", Int32, &[4], -9000, 9000);
            let inputs = ["xq", "x_s", "x_z", "w", "w_s", "w_z", "b", "y_s", "y_z"];
            net.node("QGemm", &inputs, "yq", vec![int("transB", transposed)]);
        });
        exact(&mut net, 0);
    }
    let middle = |net: &mut Net| {
        net.weights("w", &[16, 4], &FOUR, -1);
        net.node("MatMul", &["x", "w"], "real", vec![]);
    };
    exact(&mut around(19, Int8, &[1, 3, 16], middle, (0.200_9, 0)), 0);
}

#[test]
fn sums_and_products_of_two_scales() {
    for op in ["Add", "Mul"] {
        let middle = |net: &mut Net| {
            net.node("HardSwish", &["x"], "h", vec![]);
            net.round("h", "b", Int8, 0.033_71, -50);
            net.node(op, &["x", "b"], "real", vec![]);
        };
        // The kernel of addition rounds its operands to 20 fractional bits first.
        exact(&mut around(19, Int8, &[1, 4, 5, 5], middle, (0.081_13, 5)), 5);
    }
}

#[test]
fn constants_that_are_added_keep_their_integers() {
    let middle = |net: &mut Net| {
        net.drawn("c_q", Uint8, &[1, 6], 0, 255);
        net.scale("c", Uint8, &[0.021_37], 77);
        net.node("DequantizeLinear", &["c_q", "c_s", "c_z"], "c", vec![]);
        net.node("Add", &["x", "c"], "real", vec![]);
    };
    exact(&mut around(13, Uint8, &[1, 6], middle, (0.070_91, 120)), 5);
}

#[test]
fn operators_of_the_runtime_domain() {
    let two = |op: &'static str| {
        move |net: &mut Net| {
            net.scale("h", Uint8, &[1.0 / 256.0], 0);
            net.node("QLinearSigmoid", &["xq", "x_s", "x_z", "h_s", "h_z"], "hq", vec![]);
            net.node(op, &["xq", "x_s", "x_z", "hq", "h_s", "h_z", "y_s", "y_z"], "yq", vec![]);
        }
    };
    exact(&mut stored(13, &[1, 40], two("QLinearAdd")), 5);
    exact(&mut stored(13, &[1, 40], two("QLinearMul")), 5);
    let joined = |net: &mut Net| {
        two("QLinearAdd")(net);
        let node = net.model.graph.as_mut().unwrap().node.pop().unwrap();
        let [x, h] = [&node.input[..3], &node.input[3..6]];
        let names: Vec<&str> = ["y_s", "y_z"].into_iter().chain(x.iter().chain(h).map(String::as_str)).collect();
        net.node("QLinearConcat", &names, "yq", vec![int("axis", 1)]);
    };
    exact(&mut stored(13, &[1, 40], joined), 0);
    let pool = |op: &'static str, attributes: Vec<tract_onnx::pb::AttributeProto>| {
        move |net: &mut Net| net.node(op, &["xq", "x_s", "x_z", "y_s", "y_z"], "yq", attributes)
    };
    exact(&mut stored(13, &[1, 4, 5, 5], pool("QLinearGlobalAveragePool", vec![])), 5);
    // Rounds once as an average and once more to the scale of the result.
    let window = vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])];
    exact(&mut stored(13, &[1, 4, 6, 6], pool("QLinearAveragePool", window)), 250);
}

#[test]
fn softmax_with_the_scale_that_every_exporter_writes() {
    let mut net = Net::new(13);
    net.input("xq", Uint8, &[1, 10]);
    net.scale("x", Uint8, &[0.051_77], 121);
    net.scale("y", Uint8, &[1.0 / 256.0], 0);
    net.node("QLinearSoftmax", &["xq", "x_s", "x_z", "y_s", "y_z"], "yq", vec![int("axis", -1)]);
    net.output("yq");
    // The kernel's exponential is that of the TensorFlow Lite reference.
    exact(&mut net, 50);
}

#[test]
fn elements_move_between_quantized_tensors_without_a_change() {
    let middle = |net: &mut Net| {
        net.node("MaxPool", &["x"], "m", vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])]);
        net.node("Sigmoid", &["m"], "s", vec![]);
        net.round("s", "b", Uint8, 1.0 / 255.0, 0);
        net.node("Concat", &["m", "b"], "c", vec![int("axis", 1)]);
        net.node("Flatten", &["c"], "real", vec![]);
    };
    exact(&mut around(13, Uint8, &[1, 3, 6, 6], middle, (0.070_91, 77)), 0);
    // On the stored integers, as optimisers leave it.
    let mut net = stored(13, &[1, 3, 8, 8], |net| {
        net.node("DequantizeLinear", &["xq", "x_s", "x_z"], "x", vec![]);
        net.node("QuantizeLinear", &["x", "x_s", "x_z"], "x2", vec![]);
        net.node("MaxPool", &["x2"], "mq", vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])]);
        net.node("Flatten", &["mq"], "fq", vec![]);
        net.weights("w", &[48, 4], &FOUR, 1);
        net.node("DequantizeLinear", &["fq", "x_s", "x_z"], "f", vec![]);
        net.node("MatMul", &["f", "w"], "real", vec![]);
        net.node("QuantizeLinear", &["real", "y_s", "y_z"], "yq", vec![]);
    });
    exact(&mut net, 0);
}

#[test]
fn an_integer_input_may_change_its_shape_first() {
    let mut net = stored(13, &[1, 4, 6], |net| {
        net.node("Flatten", &["xq"], "fq", vec![]);
        net.node("DequantizeLinear", &["fq", "x_s", "x_z"], "f", vec![]);
        net.weights("w", &[24, 4], &FOUR, 1);
        net.node("MatMul", &["f", "w"], "real", vec![]);
        net.node("QuantizeLinear", &["real", "y_s", "y_z"], "yq", vec![]);
    });
    exact(&mut net, 0);
    let port = &convert(&net.model.encode_to_vec()).plan.quant.graph.inputs[0];
    assert_eq!(port.source_dtype, mote::ir::DType::U8);
}

#[test]
fn what_is_not_quantized_all_around_is_computed_in_float() {
    let middle = |net: &mut Net| {
        net.weights("w", &[4, 3, 3, 3], &FOUR, 0);
        net.node("Conv", &["x", "w"], "c", vec![ints("pads", &[1, 1, 1, 1])]);
        net.node("HardSwish", &["c"], "real", vec![]);
    };
    let Checked { built, worst, .. } = check(&mut around(14, Uint8, &[1, 3, 6, 6], middle, (0.1, 30)));
    assert_eq!(float_instructions(&built), 2, "{}", built.plan.quant.graph);
    assert!(worst < 1.001);
}

fn error(net: &Net) -> String {
    import(&net.model.encode_to_vec(), &ImportOptions::default()).expect_err("must be refused").to_string()
}

#[track_caller]
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
}

#[test]
fn what_cannot_be_taken_over_names_node_and_way_out() {
    let mut net = Net::new(21);
    net.input("x", Float, &[1, 8]);
    net.scale("s", Int8, &[0.1], 0);
    net.node("QuantizeLinear", &["x", "s_s", "s_z"], "y", vec![int("block_size", 4)]);
    net.output("y");
    says(&error(&net), &["node_y", "block-wise", "per tensor or per channel"]);

    let mut net = Net::new(13);
    net.input("x", Float, &[1, 2]);
    net.scale("s", Int8, &[0.1, 0.2], 0);
    net.node("QuantizeLinear", &["x", "s_s", "s_z"], "y", vec![int("axis", 1)]);
    net.output("y");
    says(&error(&net), &["node_y", "2 scales", "per tensor"]);

    let mut net = Net::new(13);
    net.input("x", Float, &[1, 2]);
    net.scale("a", Int8, &[0.1], 0);
    net.scale("b", Int8, &[0.2], 0);
    net.node("QuantizeLinear", &["x", "a_s", "a_z"], "q", vec![]);
    net.node("DequantizeLinear", &["q", "b_s", "b_z"], "y", vec![]);
    net.output("y");
    says(&error(&net), &["node_y", "0.2", "0.1", "re-export"]);

    let mut net = Net::new(13);
    net.input("x", Float, &[1, 2]);
    net.node("DynamicQuantizeLinear", &["x"], "y", vec![]);
    net.output("y");
    says(&error(&net), &["node_y", "statically"]);

    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let mut net = Net::new(13);
        net.input("x", Float, &[1, 2]);
        net.scale("a", Int8, &[scale], 0);
        net.node("QuantizeLinear", &["x", "a_s", "a_z"], "y", vec![]);
        net.output("y");
        says(&error(&net), &["node_y", "positive scales"]);
    }
}

#[test]
fn weights_that_do_not_fit_after_their_zero_point_are_refused() {
    let mut net = stored(10, &[1, 3, 8, 8], |net| {
        net.constant("w", Uint8, &[1, 3, 1, 1], &[0.0, 100.0, 255.0]);
        net.scale("w", Uint8, &[0.004], 117);
        net.node("QLinearConv", &["xq", "x_s", "x_z", "w", "w_s", "w_z", "y_s", "y_z"], "yq", vec![]);
    });
    let bytes = net.model.encode_to_vec();
    let failed = build(&bytes, &BuildOptions::default(), &mut |_| Ok(Dataset::default()), &mut |_| {}).unwrap_err();
    says(&failed.to_string(), &["node_yq", "138", "symmetrically"]);
    // The way out that always works: real numbers.
    let options = BuildOptions { keep_float: true, ..BuildOptions::default() };
    build(&bytes, &options, &mut |_| Ok(Dataset::default()), &mut |_| {}).unwrap();
    net.draw(0, 1);
}

/// As [`around`], on int16, or on uint16 whose zero is in the middle.
fn around16(opset: i64, kind: DataType, shape: &[usize], middle: impl FnOnce(&mut Net), y_scale: f64) -> Net {
    let zero_point = if kind == Uint16 { 32768 } else { 0 };
    let mut net = Net::new(opset);
    net.input("input", Float, shape);
    net.round("input", "x", kind, 0.000_210_7, zero_point);
    middle(&mut net);
    net.round("real", "y", kind, y_scale, zero_point);
    net.output("y");
    net
}

fn bias16(net: &mut Net, scales: &[f64]) {
    let n = scales.len();
    net.drawn("b_q", Int32, &[n], -20_000_000, 20_000_000);
    let scales: Vec<f64> = scales.iter().map(|s| f64::from((0.000_210_7f64 as f32) * (*s as f32))).collect();
    net.constant("b_s", Float, &[n], &scales);
    net.node("DequantizeLinear", &["b_q", "b_s"], "b", vec![int("axis", 0)]);
}

fn int16_instructions(net: &Net) -> Vec<&'static str> {
    let built = convert(&net.model.encode_to_vec());
    let session = Session::load(built.emitted.bytes).unwrap();
    let model = session.model().unwrap();
    model.instructions().map(|i| i.name()).filter(|name| name.ends_with("_i16")).collect()
}

#[test]
fn convolutions_on_int16_and_on_uint16_around_its_middle() {
    for kind in [Int16, Uint16] {
        let middle = |net: &mut Net| {
            net.weights("w", &[4, 3, 3, 3], &FOUR, 0);
            bias16(net, &FOUR);
            net.node("Conv", &["x", "w", "b"], "sum", vec![ints("pads", &[1, 1, 1, 1]), ints("strides", &[2, 2])]);
            net.node("Relu", &["sum"], "real", vec![]);
        };
        let mut net = around16(21, kind, &[1, 3, 9, 8], middle, 0.000_493_1);
        exact(&mut net, 0);
        assert_eq!(int16_instructions(&net), ["conv2d_i16"]);
    }
    let middle = |net: &mut Net| {
        net.weights("w", &[4, 1, 3, 3], &[0.013], 0);
        net.node("Conv", &["x", "w"], "real", vec![int("group", 4), ints("pads", &[0, 1, 1, 0])]);
    };
    exact(&mut around16(22, Int16, &[1, 4, 7, 7], middle, 0.000_403_1), 0);
}

#[test]
fn int16_rounding_of_the_runtime_domain() {
    let middle = |net: &mut Net| {
        net.weights("w", &[600, 4], &FOUR, 1);
        net.node("MatMul", &["x", "w"], "real", vec![]);
    };
    let mut net = around16(13, Int16, &[1, 600], middle, 0.003_301);
    for node in &mut net.model.graph.as_mut().unwrap().node {
        if node.op_type.ends_with("QuantizeLinear") || node.op_type == "DequantizeLinear" {
            node.domain = "com.microsoft".into();
        }
    }
    exact(&mut net, 0);
    assert_eq!(int16_instructions(&net), ["fully_connected_i16"]);
}

#[test]
fn sums_products_and_pools_on_int16() {
    for op in ["Add", "Mul"] {
        let middle = |net: &mut Net| {
            net.round("x", "b", Int16, 0.000_357_1, 0);
            net.node(op, &["x", "b"], "real", vec![]);
        };
        // The kernel of addition rounds its operands to 15 fractional bits first.
        exact(&mut around16(21, Int16, &[1, 4, 5, 5], middle, 0.000_901_3), 10);
    }
    let middle = |net: &mut Net| {
        net.drawn("c_q", Int16, &[1, 4, 1, 1], -30_000, 30_000);
        net.scale("c", Int16, &[0.000_113_7], 0);
        net.node("DequantizeLinear", &["c_q", "c_s", "c_z"], "c", vec![]);
        net.node("MaxPool", &["x"], "p", vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])]);
        net.round("p", "r", Int16, 0.000_210_7, 0);
        net.node("GlobalAveragePool", &["r"], "g", vec![]);
        net.round("g", "h", Int16, 0.000_150_3, 0);
        net.node("Add", &["h", "c"], "real", vec![]);
    };
    exact(&mut around16(21, Int16, &[1, 4, 6, 6], middle, 0.000_301_3), 10);
}

#[test]
fn both_widths_in_one_network() {
    let middle = |net: &mut Net| {
        net.round("x", "wide", Int16, 0.000_311_9, 0);
        net.weights("w", &[4, 3, 3, 3], &FOUR, 0);
        net.node("Conv", &["wide", "w"], "sum", vec![]);
        net.round("sum", "s", Int16, 0.000_577_1, 0);
        net.node("Relu", &["s"], "r", vec![]);
        net.round("r", "real", Int16, 0.000_577_1, 0);
    };
    let mut net = around(21, Int8, &[1, 3, 6, 6], middle, (0.090_11, -3));
    assert_eq!(int16_instructions(&net), ["conv2d_i16", "rescale_i16", "narrow_i16"]);
    let checked = check(&mut net);
    assert_eq!(float_instructions(&checked.built), 0, "{}", checked.built.plan.quant.graph);
    assert!(checked.worst < 1.001, "{}", checked.worst);
}

#[test]
fn sixteen_bit_activations_around_another_zero_give_a_float_network_and_say_so() {
    let mut net = Net::new(21);
    net.input("x", Float, &[1, 4]);
    net.scale("a", Int16, &[0.001], 7);
    net.node("QuantizeLinear", &["x", "a_s", "a_z"], "q", vec![]);
    net.node("DequantizeLinear", &["q", "a_s", "a_z"], "r", vec![]);
    net.constant("c_q", Int16, &[4], &[-30_000.0, 0.0, 12_345.0, 32_767.0]);
    net.scale("c", Int16, &[0.25], 0);
    net.node("DequantizeLinear", &["c_q", "c_s", "c_z"], "c", vec![]);
    net.node("Mul", &["r", "c"], "y", vec![]);
    net.output("y");
    let imported = import(&net.model.encode_to_vec(), &ImportOptions::default()).unwrap();
    says(&imported.info.warnings.join("\n"), &["node_q", "int16", "float"]);
    let Network::Float(graph) = imported.network else { panic!("a float network") };
    let constant = graph.values.iter().find_map(|v| v.constant.as_ref()?.as_f32()).unwrap();
    assert_eq!(constant, [-7500.0, 0.0, 3086.25, 8191.75]);
}

#[test]
fn other_ways_to_use_a_quantized_file() {
    let middle = |net: &mut Net| {
        net.weights("w", &[4, 3, 3, 3], &FOUR, 0);
        net.node("Conv", &["x", "w"], "real", vec![]);
    };
    let bytes = around(13, Int8, &[1, 3, 6, 6], middle, (0.1, 3)).model.encode_to_vec();
    let float = BuildOptions { keep_float: true, ..BuildOptions::default() };
    let built = build(&bytes, &float, &mut |_| Ok(Dataset::default()), &mut |_| {}).unwrap();
    assert!(!built.came_quantized && built.plan.quant.quantization.iter().all(Option::is_none));
    let again = convert(&bytes);
    assert_eq!(again.emitted.bytes, convert(&bytes).emitted.bytes);
}

/// ONNX Runtime's quantizer drops a ReLU behind which the zero point is the smallest value: storing does its work.
#[test]
fn real_numbers_keep_the_limits_of_what_is_stored() {
    use mote::execute::Executor;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(folder.join("../models/digits-cnn/test.csv")).unwrap();
    let rows: Vec<Vec<f32>> =
        text.lines().take(200).map(|line| line.split(',').map(|v| v.parse().unwrap()).collect()).collect();
    let (built, _) = goldens("digits_qdq_u8");
    let float = BuildOptions { keep_float: true, ..BuildOptions::default() };
    let file = std::fs::read(folder.join("tests/quantized_onnx/digits_qdq_u8.onnx")).unwrap();
    let kept = build(&file, &float, &mut |_| Ok(Dataset::default()), &mut |_| {}).unwrap();
    for graph in [&built.graph, &kept.graph] {
        let executor = Executor::new(graph).unwrap();
        let right = |row: &&Vec<f32>| {
            let x: Vec<f32> = row[..64].iter().map(|v| v * 0.0625).collect();
            let port = &graph.inputs[0];
            let y = executor.run(&[mote::ir::Tensor::f32(port.stored_shape(), port.to_stored(&x))]).unwrap();
            let y = y[0].as_f32().unwrap();
            (0..10).max_by(|&a, &b| y[a].total_cmp(&y[b])).unwrap() == row[64] as usize
        };
        let right = rows.iter().filter(right).count();
        assert!(right >= 195, "{right} of 200");
    }
}

/// Outputs of ONNX Runtime beside the file, `[samples, scores]`.
fn goldens(name: &str) -> (Built, Vec<f32>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/quantized_onnx");
    let built = convert(&std::fs::read(folder.join(format!("{name}.onnx"))).unwrap());
    let npy = std::fs::read(folder.join(format!("{name}.npy"))).unwrap();
    (built, npyz::NpyFile::new(&npy[..]).unwrap().into_vec().unwrap())
}

/// At most `away` steps away; `share` in a hundred must be equal.
fn matches_onnx_runtime(name: &str, samples: &[Vec<f32>], away: f32, share: usize) {
    let (built, goldens) = goldens(name);
    assert_eq!(float_instructions(&built), 0, "{name}");
    let output = built.plan.quant.graph.outputs[0].value;
    let step = built.plan.quant.quantization[output.0].as_ref().unwrap().scale();
    let session = Session::load(built.emitted.bytes.clone()).unwrap();
    let mut runner = session.runner().unwrap();
    let scores = goldens.len() / samples.len();
    let (mut equal, mut worst) = (0, 0.0f32);
    for (sample, golden) in samples.iter().zip(goldens.chunks(scores)) {
        let got = runner.run(std::slice::from_ref(sample)).unwrap().swap_remove(0);
        for (a, b) in got.iter().zip(golden) {
            let steps = (a - b).abs() / step;
            worst = worst.max(steps);
            equal += usize::from(steps < 0.01);
        }
    }
    eprintln!("{name}: {equal} of {} scores equal, the others at most {worst:.2} steps away", goldens.len());
    assert!(worst < away + 0.01, "{name}: {worst} steps");
    assert!(equal * 100 >= share * goldens.len(), "{name}: {equal} of {}", goldens.len());
}

#[test]
fn files_of_the_onnx_runtime_quantizer_give_its_outputs() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits-cnn/test.csv"));
    let row = |line: &str| line.split(',').take(64).map(|v| v.parse::<f32>().unwrap() * 0.0625).collect();
    let samples: Vec<Vec<f32>> = text.unwrap().lines().take(100).map(row).collect();
    for name in ["digits_qdq_u8", "digits_qdq_i8_per_tensor", "digits_qlinear_u8"] {
        matches_onnx_runtime(name, &samples, 1.0, 98);
    }
}

#[test]
fn a_quantized_resnet_gives_the_outputs_of_onnx_runtime() {
    let Some(root) = support::data_root() else { return };
    let file = std::fs::read(root.join("real/cifar10/images_u8.npy")).unwrap();
    let pixels: Vec<u8> = npyz::NpyFile::new(&file[..]).unwrap().into_vec().unwrap();
    let image = |i: usize| pixels[i * 3072..(i + 1) * 3072].iter().map(|&p| f32::from(p)).collect();
    let samples: Vec<Vec<f32>> = (50..70).map(image).collect();
    // A tie in a sum of a middle layer, rounded up here and to even there, may move a logit by a step, which softmax makes
    // up to a twentieth of a score.
    matches_onnx_runtime("ic_resnet8_qdq_i8", &samples, 13.0, 90);
}
