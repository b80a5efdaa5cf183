//! The node conformance tests of ONNX: each is one operator with its inputs and the outputs of the reference.
//!
//! The material is `onnx/backend/test/data/node` of the Python package `onnx` 1.16.2 (later packages hold no data):
//! `pip download onnx==1.16.2 --no-deps`, unpack, and point `MOTE_ONNX_NODE_TESTS` to that folder.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use mote::execute::Executor;
use mote::import::onnx::{ImportError, ImportOptions, import, supported_operators};
use mote::ir::{DType, Graph, Op, Port, Tensor, ValueId};
use mote::passes;
use prost::Message;
use tract_onnx::pb;
use tract_onnx::pb::tensor_proto::DataType;

/// Largest accepted difference, relative to the largest magnitude of the output.
const TOLERANCE: f32 = 1e-4;

/// Operators and how many of their tests must pass. The others of their tests need what devices do not have: batches,
/// weights that are computed at run time, other element types, empty tensors.
const AT_LEAST: &[(&str, usize)] = &[
    ("Abs", 1),
    ("Add", 3),
    ("And", 8),
    ("AveragePool", 13),
    ("BatchNormalization", 2),
    ("Cast", 12),
    ("Ceil", 2),
    ("Celu", 1),
    ("Clip", 11),
    ("Concat", 12),
    ("Constant", 1),
    ("ConstantOfShape", 2),
    ("Conv", 6),
    ("Cos", 2),
    ("DepthToSpace", 2),
    ("DequantizeLinear", 2),
    ("Div", 4),
    ("Dropout", 4),
    ("Equal", 2),
    ("Erf", 1),
    ("Exp", 2),
    ("Expand", 2),
    ("Flatten", 9),
    ("Floor", 2),
    ("Gather", 4),
    ("Gelu", 4),
    ("Gemm", 11),
    ("Greater", 2),
    ("GreaterOrEqual", 2),
    ("HardSwish", 1),
    ("Identity", 3),
    ("LeakyRelu", 3),
    ("Less", 2),
    ("LessOrEqual", 2),
    ("Log", 2),
    ("MatMul", 1),
    ("Max", 14),
    ("MaxPool", 13),
    ("Mean", 3),
    ("Min", 14),
    ("Mish", 1),
    ("Mod", 13),
    ("Mul", 4),
    ("Neg", 2),
    ("NonZero", 1),
    ("Or", 8),
    ("PRelu", 2),
    ("Pad", 3),
    ("Pow", 10),
    ("QLinearConv", 1),
    ("QLinearMatMul", 2),
    ("QuantizeLinear", 2),
    ("Range", 2),
    ("Reciprocal", 2),
    ("ReduceL2", 8),
    ("ReduceMax", 9),
    ("ReduceMean", 8),
    ("ReduceMin", 9),
    ("ReduceProd", 8),
    ("ReduceSum", 9),
    ("ReduceSumSquare", 8),
    ("Relu", 1),
    ("Reshape", 9),
    ("Round", 1),
    ("Shape", 10),
    ("Sigmoid", 2),
    ("Sign", 1),
    ("Sin", 2),
    ("Size", 2),
    ("Slice", 7),
    ("Softmax", 7),
    ("SpaceToDepth", 1),
    ("Split", 14),
    ("Sqrt", 2),
    ("Squeeze", 2),
    ("Sub", 4),
    ("Sum", 3),
    ("Tanh", 2),
    ("Tile", 2),
    ("Transpose", 7),
    ("Unsqueeze", 7),
    ("Where", 2),
];

/// Tests whose stored outputs are not what the specification says: their int8 results wrapped around where they must
/// saturate (an exact result of -233 is stored as 20).
const WRONG_MATERIAL: [&str; 2] = ["test_qlinearmatmul_2D_int8_float16", "test_qlinearmatmul_2D_int8_float32"];

/// The operand roles that a test is run with: in the tests everything is an input, in networks most of it is constant.
#[derive(Clone, Copy, Debug)]
enum Variant {
    /// All operands are computed.
    Inputs,
    /// The first operand is computed, the others are constants.
    Parameters,
    /// All operands are constants; the result is added to an input that holds zeros.
    Constants,
}

struct Array {
    name: String,
    shape: Vec<usize>,
    values: Vec<f32>,
}

enum Outcome {
    Passed,
    Refused(String),
    Wrong(String),
}

#[derive(Default)]
struct Counts {
    passed: usize,
    refused: usize,
}

#[test]
fn single_nodes_match_the_reference() {
    let Some(folder) = std::env::var_os("MOTE_ONNX_NODE_TESTS").map(PathBuf::from) else {
        eprintln!(
            "SKIPPED: the ONNX node tests; set MOTE_ONNX_NODE_TESTS to onnx/backend/test/data/node of onnx 1.16.2"
        );
        return;
    };
    let supported: Vec<&str> = supported_operators().collect();
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in folders(&folder) {
        let model = pb::ModelProto::decode(&std::fs::read(case.join("model.onnx")).unwrap()[..]).unwrap();
        let nodes = &model.graph.as_ref().unwrap().node;
        let [node] = nodes.as_slice() else { continue };
        if WRONG_MATERIAL.contains(&case.file_name().unwrap().to_str().unwrap()) {
            continue;
        }
        let known = supported.contains(&node.op_type.as_str()) || node.op_type.starts_with("QLinear");
        if !known || !matches!(node.domain.as_str(), "" | "ai.onnx") {
            continue;
        }
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let count = counts.entry(node.op_type.clone()).or_default();
        match run_case(&case, &model) {
            Outcome::Passed => count.passed += 1,
            Outcome::Refused(why) => {
                count.refused += 1;
                eprintln!("refused {name}: {why}");
            }
            Outcome::Wrong(why) => wrong.push(format!("{name}: {why}")),
        }
    }
    assert!(!counts.is_empty(), "no node tests in {}", folder.display());
    for (op, count) in &counts {
        eprintln!("{op:24} {:3} passed, {:3} refused", count.passed, count.refused);
    }
    let total = |pick: fn(&Counts) -> usize| counts.values().map(pick).sum::<usize>();
    eprintln!("{} operators, {} passed, {} refused", counts.len(), total(|c| c.passed), total(|c| c.refused));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    for (op, least) in AT_LEAST {
        let passed = counts.get(*op).map_or(0, |c| c.passed);
        assert!(passed >= *least, "{op}: {passed} tests passed, {least} did before");
    }
}

fn folders(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).unwrap_or_else(|e| panic!("{}: {e}", root.display()));
    let mut found: Vec<PathBuf> =
        entries.map(|e| e.unwrap().path()).filter(|p| p.join("model.onnx").is_file()).collect();
    found.sort();
    found
}

/// Runs every variant. Passed if at least one imports and all that do are right.
fn run_case(case: &Path, model: &pb::ModelProto) -> Outcome {
    let graph = model.graph.as_ref().unwrap();
    let Some(inputs) = tensors(case, "input", graph.input.iter().map(|i| i.name.as_str())) else {
        return Outcome::Refused("an input is not a tensor of numbers".into());
    };
    let Some(outputs) = tensors(case, "output", graph.output.iter().map(|o| o.name.as_str())) else {
        return Outcome::Refused("an output is not a tensor of numbers".into());
    };
    let stored_otherwise = inputs.iter().zip(&graph.input).chain(outputs.iter().zip(&graph.output));
    if let Some((array, _)) = stored_otherwise
        .map(|((array, proto), info)| (array, proto.data_type == element_type(info)))
        .find(|(_, same)| !same)
    {
        return Outcome::Refused(format!("`{}` is stored as another type than the graph's", array.name));
    }
    let mut result = None;
    for variant in [Variant::Inputs, Variant::Parameters, Variant::Constants] {
        let run = || run_variant(variant, model, &inputs, &outputs);
        let outcome = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Outcome::Wrong("panicked".into()));
        result = Some(match (result, outcome) {
            (_, Outcome::Wrong(why)) => return Outcome::Wrong(format!("{variant:?}: {why}")),
            (Some(Outcome::Passed), _) | (_, Outcome::Passed) => Outcome::Passed,
            (Some(first), _) => first,
            (None, refused) => refused,
        });
    }
    result.unwrap()
}

fn run_variant(
    variant: Variant,
    model: &pb::ModelProto,
    inputs: &[(Array, pb::TensorProto)],
    outputs: &[(Array, pb::TensorProto)],
) -> Outcome {
    let mut model = model.clone();
    // Older opsets are not read, but no operator with a test that old changed until 7.
    model.opset_import.iter_mut().for_each(|opset| opset.version = opset.version.max(7));
    let file = model.graph.as_mut().unwrap();
    let fed = match variant {
        Variant::Inputs => inputs.len(),
        Variant::Parameters => 1.min(inputs.len()),
        Variant::Constants => 0,
    };
    let mut samples: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    for (array, _) in &inputs[..fed] {
        samples.insert(array.name.clone(), array.values.clone());
    }
    for (array, proto) in &inputs[fed..] {
        file.input.retain(|i| i.name != array.name);
        file.initializer.push(pb::TensorProto { name: array.name.clone(), ..proto.clone() });
    }
    if matches!(variant, Variant::Constants) {
        for (output, (array, _)) in file.output.iter_mut().zip(outputs) {
            let zeros = format!("{}.zeros", output.name);
            let sum = format!("{}.sum", output.name);
            file.input.push(value_info(&zeros, &array.shape));
            file.node.push(pb::NodeProto {
                name: sum.clone(),
                op_type: "Add".into(),
                input: vec![output.name.clone(), zeros.clone()],
                output: vec![sum.clone()],
                ..Default::default()
            });
            output.name = sum;
            samples.insert(zeros, vec![0.0; array.values.len()]);
        }
    }
    // What the test knows of its shapes is in the file; nothing here has a batch axis.
    let options = ImportOptions { require_batch_one: false, ..ImportOptions::default() };
    let graph = match import(&model.encode_to_vec(), &options) {
        Ok(imported) => {
            match imported.warnings.into_iter().find(|w| w.contains("quantization of the file is left out")) {
                Some(why) => return Outcome::Refused(why),
                None => imported.graph,
            }
        }
        Err(ImportError::Unsupported(nodes)) => return Outcome::Refused(nodes[0].to_string()),
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    if let Some(why) = difference(&graph, &samples, outputs) {
        return Outcome::Wrong(format!("before the passes: {why}\n{graph}"));
    }
    let mut rewritten = graph;
    if let Err(error) = passes::run_default(&mut rewritten) {
        return Outcome::Wrong(format!("passes: {error}\n{rewritten}"));
    }
    match difference(&rewritten, &samples, outputs) {
        None => Outcome::Passed,
        Some(why) => Outcome::Wrong(format!("after the passes: {why}\n{rewritten}")),
    }
}

/// What is wrong with the graph's outputs, if anything is.
fn difference(
    graph: &Graph,
    samples: &BTreeMap<String, Vec<f32>>,
    expected: &[(Array, pb::TensorProto)],
) -> Option<String> {
    // Ports of quantized tensors take and give their real numbers.
    let input = |port: &Port| {
        let sample = match rounding(graph, port.value) {
            Some((scale, zero)) => samples[&port.name].iter().map(|q| (q - zero - unsigned(port)) * scale).collect(),
            None => samples[&port.name].clone(),
        };
        Tensor::f32(port.stored_shape(), port.to_stored(&sample))
    };
    let inputs: Vec<Tensor> = graph.inputs.iter().map(input).collect();
    let found = match Executor::new(graph).and_then(|e| e.run(&inputs)) {
        Ok(found) => found,
        Err(error) => return Some(error.to_string()),
    };
    if found.len() != expected.len() {
        return Some(format!("{} outputs, expected {}", found.len(), expected.len()));
    }
    graph.outputs.iter().zip(&found).zip(expected).find_map(|((port, tensor), (array, proto))| {
        if port.source_shape != array.shape {
            return Some(format!("`{}` has shape {:?}, expected {:?}", port.name, port.source_shape, array.shape));
        }
        let mut values = port.to_source(tensor.as_f32().unwrap());
        if let Some((scale, zero)) = rounding(graph, port.value).filter(|_| is_quantized(port)) {
            values.iter_mut().for_each(|v| *v = (*v / scale).round() + zero + unsigned(port));
        }
        let largest = array.values.iter().filter(|v| v.is_finite()).fold(1e-3f32, |m, v| m.max(v.abs()));
        // What is float16 on paper is computed in float32.
        let tolerance = if proto.data_type == DataType::Float16 as i32 { 1e-3 } else { TOLERANCE };
        let bad = (0..values.len()).find(|&i| {
            let (ours, theirs) = (values[i], array.values[i]);
            let same = ours == theirs || (ours.is_nan() && theirs.is_nan());
            !same && (ours - theirs).abs().partial_cmp(&(tolerance * largest)) != Some(std::cmp::Ordering::Less)
        })?;
        Some(format!("`{}`[{bad}] is {}, expected {}", port.name, values[bad], array.values[bad]))
    })
}

fn is_quantized(port: &Port) -> bool {
    matches!(port.source_dtype, DType::I8 | DType::U8)
}

/// What an uint8 is more than the int8 that stores it.
fn unsigned(port: &Port) -> f32 {
    if port.source_dtype == DType::U8 { 128.0 } else { 0.0 }
}

/// Scale and zero point of the rounding that makes a port's value, or that reads it: transposes may lie between.
fn rounding(graph: &Graph, port: ValueId) -> Option<(f32, f32)> {
    let asked = |op: &Op| match op {
        Op::FakeQuantize { scale, zero_point, .. } => Some((*scale, *zero_point as f32)),
        _ => None,
    };
    let moves = |op: &Op| matches!(op, Op::Reshape | Op::Transpose { .. });
    let mut id = port;
    while let Some((_, node)) = graph.producing_node(id) {
        match asked(&node.op) {
            None if moves(&node.op) => id = node.inputs[0],
            found => return found,
        }
    }
    // Only an input is left.
    let mut held = vec![id];
    for node in graph.nodes.iter().filter(|_| graph.is_input(id)) {
        if held.contains(&node.inputs[0]) {
            match asked(&node.op) {
                None if moves(&node.op) => held.push(node.output),
                None => {}
                // A float input that is quantized inside is one of real numbers already.
                found => {
                    let port = graph.inputs.iter().find(|p| p.value == id)?;
                    return found.filter(|_| is_quantized(port));
                }
            }
        }
    }
    None
}

/// The tensors of a test's first data set, named after the graph's ports.
fn tensors<'a>(case: &Path, kind: &str, names: impl Iterator<Item = &'a str>) -> Option<Vec<(Array, pb::TensorProto)>> {
    names
        .enumerate()
        .map(|(i, name)| {
            let bytes = std::fs::read(case.join(format!("test_data_set_0/{kind}_{i}.pb"))).ok()?;
            let proto = pb::TensorProto::decode(&bytes[..]).ok()?;
            let shape: Vec<usize> = proto.dims.iter().map(|&d| d as usize).collect();
            let values = numbers(&proto)?;
            (values.len() == shape.iter().product::<usize>())
                .then_some((Array { name: name.into(), shape, values }, proto))
        })
        .collect()
}

/// Elements as floats, read without the importer.
fn numbers(tensor: &pb::TensorProto) -> Option<Vec<f32>> {
    fn words<const N: usize>(bytes: &[u8], parse: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        bytes.chunks_exact(N).map(|w| parse(w.try_into().unwrap())).collect()
    }
    let raw = &tensor.raw_data[..];
    let kind = DataType::try_from(tensor.data_type).ok()?;
    if raw.is_empty() {
        return match kind {
            DataType::Float => Some(tensor.float_data.clone()),
            DataType::Int64 => Some(tensor.int64_data.iter().map(|&v| v as f32).collect()),
            DataType::Int32 | DataType::Bool | DataType::Int8 | DataType::Uint8 => {
                Some(tensor.int32_data.iter().map(|&v| v as f32).collect())
            }
            DataType::Double => Some(tensor.double_data.iter().map(|&v| v as f32).collect()),
            _ => None,
        };
    }
    Some(match kind {
        DataType::Float => words(raw, f32::from_le_bytes),
        DataType::Double => words(raw, |b| f64::from_le_bytes(b) as f32),
        DataType::Float16 => words(raw, |b| half::f16::from_le_bytes(b).to_f32()),
        DataType::Int64 => words(raw, |b| i64::from_le_bytes(b) as f32),
        DataType::Int32 => words(raw, |b| i32::from_le_bytes(b) as f32),
        DataType::Int16 => words(raw, |b| f32::from(i16::from_le_bytes(b))),
        DataType::Uint16 => words(raw, |b| f32::from(u16::from_le_bytes(b))),
        DataType::Uint32 => words(raw, |b| u32::from_le_bytes(b) as f32),
        DataType::Uint64 => words(raw, |b| u64::from_le_bytes(b) as f32),
        DataType::Int8 => words(raw, |b| f32::from(i8::from_le_bytes(b))),
        DataType::Uint8 | DataType::Bool => words(raw, |[b]| f32::from(b)),
        _ => return None,
    })
}

fn element_type(info: &pb::ValueInfoProto) -> i32 {
    let Some(pb::type_proto::Value::TensorType(tensor)) = info.r#type.as_ref().and_then(|t| t.value.as_ref()) else {
        return 0;
    };
    tensor.elem_type
}

fn value_info(name: &str, shape: &[usize]) -> pb::ValueInfoProto {
    use pb::tensor_shape_proto::{Dimension, dimension::Value};
    let dim = |&size: &usize| Dimension { value: Some(Value::DimValue(size as i64)), ..Default::default() };
    let tensor = pb::type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(pb::TensorShapeProto { dim: shape.iter().map(dim).collect() }),
    };
    let of_type = pb::TypeProto { value: Some(pb::type_proto::Value::TensorType(tensor)), ..Default::default() };
    pb::ValueInfoProto { name: name.into(), r#type: Some(of_type), ..Default::default() }
}
