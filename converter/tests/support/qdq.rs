//! Quantized ONNX files made in memory, and what they compute by the letter of the specification.
//!
//! Stored integers are added up as integers; real numbers between the roundings are double precision. Nothing of the
//! converter is used.

use std::collections::HashMap;
use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value};

/// A file under construction, or a tensor of it.
pub struct Net {
    pub model: pb::ModelProto,
    random: u64,
}

#[derive(Clone, Debug)]
pub struct T {
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
    pub kind: DataType,
}

fn type_of(kind: DataType, shape: &[usize]) -> pb::TypeProto {
    let dim = |&n: &usize| Dimension { value: Some(Value::DimValue(n as i64)), ..Default::default() };
    let shape = pb::TensorShapeProto { dim: shape.iter().map(dim).collect() };
    let tensor = pb::type_proto::Tensor { elem_type: kind as i32, shape: Some(shape) };
    pb::TypeProto { value: Some(pb::type_proto::Value::TensorType(tensor)), ..Default::default() }
}

pub fn int(name: &str, i: i64) -> pb::AttributeProto {
    pb::AttributeProto { name: name.into(), r#type: AttributeType::Int as i32, i, ..Default::default() }
}

pub fn ints(name: &str, ints: &[i64]) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.into(),
        r#type: AttributeType::Ints as i32,
        ints: ints.to_vec(),
        ..Default::default()
    }
}

impl Net {
    pub fn new(opset: i64) -> Self {
        let version = |domain: &str, version| pb::OperatorSetIdProto { domain: domain.into(), version };
        let model = pb::ModelProto {
            ir_version: 8,
            opset_import: vec![version("", opset), version("com.microsoft", 1)],
            graph: Some(pb::GraphProto::default()),
            ..Default::default()
        };
        Self { model, random: opset as u64 }
    }

    fn graph(&mut self) -> &mut pb::GraphProto {
        self.model.graph.as_mut().unwrap()
    }

    /// A number in `low..=high`.
    pub fn draw(&mut self, low: i64, high: i64) -> i64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + ((self.random >> 33) % (high - low + 1) as u64) as i64
    }

    pub fn input(&mut self, name: &str, kind: DataType, shape: &[usize]) {
        let r#type = Some(type_of(kind, shape));
        self.graph().input.push(pb::ValueInfoProto { name: name.into(), r#type, ..Default::default() });
    }

    pub fn output(&mut self, name: &str) {
        self.graph().output.push(pb::ValueInfoProto { name: name.into(), ..Default::default() });
    }

    pub fn constant(&mut self, name: &str, kind: DataType, shape: &[usize], values: &[f64]) {
        let bytes = |&v: &f64| match kind {
            DataType::Float => (v as f32).to_le_bytes().to_vec(),
            DataType::Int8 => (v as i8).to_le_bytes().to_vec(),
            DataType::Uint8 => vec![v as u8],
            DataType::Int16 => (v as i16).to_le_bytes().to_vec(),
            DataType::Uint16 => (v as u16).to_le_bytes().to_vec(),
            DataType::Int32 => (v as i32).to_le_bytes().to_vec(),
            other => panic!("{other:?}"),
        };
        self.graph().initializer.push(pb::TensorProto {
            name: name.into(),
            dims: shape.iter().map(|&d| d as i64).collect(),
            data_type: kind as i32,
            raw_data: values.iter().flat_map(bytes).collect(),
            ..Default::default()
        });
    }

    /// A constant of integers drawn from `low..=high`.
    pub fn drawn(&mut self, name: &str, kind: DataType, shape: &[usize], low: i64, high: i64) {
        let values: Vec<f64> = (0..shape.iter().product()).map(|_| self.draw(low, high) as f64).collect();
        self.constant(name, kind, shape, &values);
    }

    /// Constants `NAME_s` and `NAME_z`.
    pub fn scale(&mut self, name: &str, kind: DataType, scales: &[f64], zero_point: i64) {
        let shape: &[usize] = if scales.len() == 1 { &[] } else { &[scales.len()] };
        self.constant(&format!("{name}_s"), DataType::Float, shape, scales);
        self.constant(&format!("{name}_z"), kind, shape, &vec![zero_point as f64; scales.len()]);
    }

    pub fn node(&mut self, op: &str, inputs: &[&str], output: &str, attribute: Vec<pb::AttributeProto>) {
        let microsoft = op.starts_with("QLinear") && !matches!(op, "QLinearConv" | "QLinearMatMul") || op == "QGemm";
        self.graph().node.push(pb::NodeProto {
            op_type: op.into(),
            domain: if microsoft { "com.microsoft".into() } else { String::new() },
            name: format!("node_{output}"),
            input: inputs.iter().map(|s| s.to_string()).collect(),
            output: vec![output.into()],
            attribute,
            ..Default::default()
        });
    }

    /// QuantizeLinear and DequantizeLinear of `x`: gives `NAME_q` and `NAME`.
    pub fn round(&mut self, x: &str, name: &str, kind: DataType, scale: f64, zero_point: i64) {
        self.scale(name, kind, &[scale], zero_point);
        let (s, z, q) = (format!("{name}_s"), format!("{name}_z"), format!("{name}_q"));
        self.node("QuantizeLinear", &[x, &s, &z], &q, vec![]);
        self.node("DequantizeLinear", &[&q, &s, &z], name, vec![]);
    }

    /// DequantizeLinear of a constant of drawn integers, with the scales along `axis`.
    pub fn weights(&mut self, name: &str, shape: &[usize], scales: &[f64], axis: i64) {
        self.drawn(&format!("{name}_q"), DataType::Int8, shape, -127, 127);
        self.scale(name, DataType::Int8, scales, 0);
        let (q, s, z) = (format!("{name}_q"), format!("{name}_s"), format!("{name}_z"));
        let axis = if scales.len() > 1 { vec![int("axis", axis)] } else { vec![] };
        self.node("DequantizeLinear", &[&q, &s, &z], name, axis);
    }

    /// The outputs for `inputs`, in order: real numbers or stored integers, as the file has them.
    pub fn reference(&self, inputs: &[T]) -> Vec<T> {
        let graph = self.model.graph.as_ref().unwrap();
        let mut values: HashMap<String, T> =
            graph.initializer.iter().map(|tensor| (tensor.name.clone(), read(tensor))).collect();
        values.extend(graph.input.iter().zip(inputs).map(|(port, t)| (port.name.clone(), t.clone())));
        for node in &graph.node {
            let given: Vec<&T> = node.input.iter().filter_map(|name| values.get(name)).collect();
            let result = evaluate(node, &given);
            values.insert(node.output[0].clone(), result);
        }
        graph.output.iter().map(|port| values[&port.name].clone()).collect()
    }
}

fn read(tensor: &pb::TensorProto) -> T {
    let kind = DataType::try_from(tensor.data_type).unwrap();
    let raw = &tensor.raw_data;
    let data = match kind {
        DataType::Float => raw.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b).into()).collect(),
        DataType::Int32 => raw.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b).into()).collect(),
        DataType::Int16 => raw.as_chunks().0.iter().map(|b| i16::from_le_bytes(*b).into()).collect(),
        DataType::Uint16 => raw.as_chunks().0.iter().map(|b| u16::from_le_bytes(*b).into()).collect(),
        DataType::Int8 => raw.iter().map(|&b| (b as i8).into()).collect(),
        _ => raw.iter().map(|&b| b.into()).collect(),
    };
    T { shape: tensor.dims.iter().map(|&d| d as usize).collect(), data, kind }
}

fn attribute<'a>(node: &'a pb::NodeProto, name: &str) -> Option<&'a pb::AttributeProto> {
    node.attribute.iter().find(|a| a.name == name)
}

fn list(node: &pb::NodeProto, name: &str, default: &[i64]) -> Vec<usize> {
    attribute(node, name).map_or(default, |a| &a.ints).iter().map(|&i| i as usize).collect()
}

fn real(shape: Vec<usize>, data: Vec<f64>) -> T {
    T { shape, data, kind: DataType::Float }
}

fn quantize(x: &T, s: &T, z: &T) -> T {
    let (low, high) = match z.kind {
        DataType::Uint8 => (0.0, 255.0),
        DataType::Int16 => (-32768.0, 32767.0),
        DataType::Uint16 => (0.0, 65535.0),
        _ => (-128.0, 127.0),
    };
    let store = |&v: &f64| ((v / s.data[0]).round_ties_even() + z.data[0]).clamp(low, high);
    T { shape: x.shape.clone(), data: x.data.iter().map(store).collect(), kind: z.kind }
}

fn dequantize(x: &T, s: &T, z: Option<&T>, axis: usize) -> T {
    let inner: usize = x.shape.iter().skip(axis + 1).product();
    let c = |i: usize| if s.data.len() == 1 { 0 } else { i / inner % s.data.len() };
    let at = |(i, v): (usize, &f64)| (v - z.map_or(0.0, |z| z.data[c(i) % z.data.len()])) * s.data[c(i)];
    real(x.shape.clone(), x.data.iter().enumerate().map(at).collect())
}

fn evaluate(node: &pb::NodeProto, x: &[&T]) -> T {
    let axis = |rank: usize, default: i64| {
        let axis = attribute(node, "axis").map_or(default, |a| a.i);
        if axis < 0 { (axis + rank as i64) as usize } else { axis as usize }
    };
    let triple = |first: usize| dequantize(x[first], x[first + 1], Some(x[first + 2]), 0);
    let each = |x: &T, f: &dyn Fn(f64) -> f64| real(x.shape.clone(), x.data.iter().map(|&v| f(v)).collect());
    let sigmoid = |v: f64| 1.0 / (1.0 + (-v).exp());
    match node.op_type.as_str() {
        "QuantizeLinear" => quantize(x[0], x[1], x[2]),
        "DequantizeLinear" => dequantize(x[0], x[1], x.get(2).copied(), axis(x[0].shape.len(), 1)),
        "Conv" => conv(node, x[0], x[1], x.get(2).copied()),
        "QLinearConv" => {
            let bias = x.get(8).map(|b| {
                let scales: Vec<f64> = x[4].data.iter().map(|w| w * x[1].data[0]).collect();
                dequantize(b, &real(vec![scales.len()], scales), None, 0)
            });
            quantize(&conv(node, &triple(0), &triple(3), bias.as_ref()), x[6], x[7])
        }
        "MatMul" => matmul(x[0], x[1]),
        "QLinearMatMul" => {
            let b = dequantize(x[3], x[4], Some(x[5]), x[3].shape.len() - 1);
            quantize(&matmul(&triple(0), &b), x[6], x[7])
        }
        "Gemm" => gemm(node, x[0], x[1], x.get(2).copied()),
        "QGemm" => {
            let transposed = attribute(node, "transB").is_some_and(|a| a.i != 0);
            let b = dequantize(x[3], x[4], Some(x[5]), usize::from(!transposed));
            let scales: Vec<f64> = x[4].data.iter().map(|w| w * x[1].data[0]).collect();
            let bias = dequantize(x[6], &real(vec![scales.len()], scales), None, 0);
            quantize(&gemm(node, &triple(0), &b, Some(&bias)), x[7], x[8])
        }
        "Add" => binary(x[0], x[1], |a, b| a + b),
        "Mul" => binary(x[0], x[1], |a, b| a * b),
        "QLinearAdd" => quantize(&binary(&triple(0), &triple(3), |a, b| a + b), x[6], x[7]),
        "QLinearMul" => quantize(&binary(&triple(0), &triple(3), |a, b| a * b), x[6], x[7]),
        "Relu" => each(x[0], &|v| v.max(0.0)),
        "Sigmoid" => each(x[0], &sigmoid),
        "HardSwish" => each(x[0], &|v| v * (v / 6.0 + 0.5).clamp(0.0, 1.0)),
        "QLinearSigmoid" => quantize(&each(&triple(0), &sigmoid), x[3], x[4]),
        "Softmax" => softmax(x[0]),
        "QLinearSoftmax" => quantize(&softmax(&triple(0)), x[3], x[4]),
        "MaxPool" => pool(node, x[0], f64::NEG_INFINITY, f64::max, |sum, _| sum),
        "AveragePool" => pool(node, x[0], 0.0, |a, b| a + b, |sum, n| sum / n as f64),
        "GlobalAveragePool" => global(x[0]),
        "QLinearGlobalAveragePool" => quantize(&global(&triple(0)), x[3], x[4]),
        "QLinearAveragePool" => {
            quantize(&pool(node, &triple(0), 0.0, |a, b| a + b, |sum, n| sum / n as f64), x[3], x[4])
        }
        "Concat" => concat(&x.iter().map(|t| (*t).clone()).collect::<Vec<_>>(), axis(x[0].shape.len(), 0)),
        "QLinearConcat" => {
            let parts: Vec<T> = (2..x.len()).step_by(3).map(triple).collect();
            quantize(&concat(&parts, axis(parts[0].shape.len(), 0)), x[0], x[1])
        }
        "Flatten" => T { shape: vec![1, x[0].data.len()], ..x[0].clone() },
        other => panic!("the reference has no {other}"),
    }
}

/// NCHW or NCW with a square stride.
fn conv(node: &pb::NodeProto, x: &T, w: &T, bias: Option<&T>) -> T {
    let flat = x.shape.len() == 3;
    let map = |s: &[usize]| if flat { [s[0], s[1], 1, s[2]] } else { [s[0], s[1], s[2], s[3]] };
    let ([_, c, h, width], [out, per_group, kh, kw]) = (map(&x.shape), map(&w.shape));
    let pads = list(node, "pads", if flat { &[0, 0] } else { &[0, 0, 0, 0] });
    let (top, left, bottom, right) = if flat { (0, pads[0], 0, pads[1]) } else { (pads[0], pads[1], pads[2], pads[3]) };
    let stride = list(node, "strides", &[1])[0];
    let (oh, ow) =
        ((h + top + bottom - kh) / if flat { 1 } else { stride } + 1, (width + left + right - kw) / stride + 1);
    let groups = c / per_group;
    let mut data = Vec::new();
    for o in 0..out {
        for (i, j) in (0..oh * ow).map(|p| (p / ow, p % ow)) {
            let mut sum = bias.map_or(0.0, |b| b.data[o]);
            for k in 0..per_group * kh * kw {
                let (ci, ki, kj) = (k / (kh * kw), k / kw % kh, k % kw);
                let (r, s) = ((i * stride + ki).wrapping_sub(top), (j * stride + kj).wrapping_sub(left));
                if r < h && s < width {
                    let channel = o / (out / groups) * per_group + ci;
                    sum += x.data[(channel * h + r) * width + s] * w.data[o * per_group * kh * kw + k];
                }
            }
            data.push(sum);
        }
    }
    real(if flat { vec![1, out, ow] } else { vec![1, out, oh, ow] }, data)
}

fn matmul(a: &T, b: &T) -> T {
    let (depth, columns) = (b.shape[0], b.shape[1]);
    let rows = a.data.len() / depth;
    let at = |p: usize| {
        let (i, j) = (p / columns, p % columns);
        (0..depth).map(|k| a.data[i * depth + k] * b.data[k * columns + j]).sum()
    };
    let shape = [&a.shape[..a.shape.len() - 1], &[columns]].concat();
    real(shape, (0..rows * columns).map(at).collect())
}

fn gemm(node: &pb::NodeProto, a: &T, b: &T, bias: Option<&T>) -> T {
    let b = if attribute(node, "transB").is_some_and(|t| t.i != 0) {
        let (n, k) = (b.shape[0], b.shape[1]);
        real(vec![k, n], (0..n * k).map(|p| b.data[p % n * k + p / n]).collect())
    } else {
        b.clone()
    };
    let product = matmul(a, &b);
    bias.map_or(product.clone(), |bias| binary(&product, bias, |a, b| a + b))
}

/// The second operand is as large as the first, or one row, or one element.
fn binary(a: &T, b: &T, f: impl Fn(f64, f64) -> f64) -> T {
    let n = b.data.len();
    real(a.shape.clone(), a.data.iter().enumerate().map(|(i, &v)| f(v, b.data[i % n])).collect())
}

fn softmax(x: &T) -> T {
    let n = *x.shape.last().unwrap();
    let row = |row: &[f64]| {
        let e: Vec<f64> = row.iter().map(|v| v.exp()).collect();
        let sum: f64 = e.iter().sum();
        e.into_iter().map(move |v| v / sum).collect::<Vec<_>>()
    };
    real(x.shape.clone(), x.data.chunks(n).flat_map(row).collect())
}

fn global(x: &T) -> T {
    let size: usize = x.shape[2..].iter().product();
    let data = x.data.chunks(size).map(|c| c.iter().sum::<f64>() / size as f64).collect();
    real(vec![1, x.shape[1], 1, 1], data)
}

fn pool(node: &pb::NodeProto, x: &T, start: f64, join: impl Fn(f64, f64) -> f64, end: impl Fn(f64, usize) -> f64) -> T {
    let (k, stride) = (list(node, "kernel_shape", &[])[0], list(node, "strides", &[1, 1])[0]);
    let [_, c, h, w] = x.shape[..] else { panic!() };
    let (oh, ow) = ((h - k) / stride + 1, (w - k) / stride + 1);
    let at = |p: usize| {
        let (c, i, j) = (p / (oh * ow), p / ow % oh, p % ow);
        let window = (0..k * k).map(|q| x.data[(c * h + i * stride + q / k) * w + j * stride + q % k]);
        end(window.fold(start, &join), k * k)
    };
    T { shape: vec![1, c, oh, ow], data: (0..c * oh * ow).map(at).collect(), kind: x.kind }
}

fn concat(parts: &[T], axis: usize) -> T {
    let outer: usize = parts[0].shape[..axis].iter().product();
    let mut shape = parts[0].shape.clone();
    shape[axis] = parts.iter().map(|p| p.shape[axis]).sum();
    let row = |p: &T, o: usize| {
        let n = p.data.len() / outer;
        p.data[o * n..(o + 1) * n].to_vec()
    };
    T { shape, data: (0..outer).flat_map(|o| parts.iter().flat_map(move |p| row(p, o))).collect(), kind: parts[0].kind }
}
