//! Small TensorFlow Lite files, made by hand.

use mote::import::tflite::schema::tflite as fb;

pub use fb::BuiltinOptions as Options;

pub const F32: i8 = 0;
pub const I32: i8 = 2;
pub const U8: i8 = 3;
pub const I8: i8 = 9;
pub const I16: i8 = 7;

/// A file under construction. Tensors and operators are numbered as they come.
#[derive(Default)]
pub struct Net {
    pub model: fb::Model,
    pub graph: fb::SubGraph,
}

impl Net {
    pub fn new() -> Self {
        let buffers = Some(vec![fb::Buffer::default()]);
        let model = fb::Model { version: 3, buffers, operator_codes: Some(Vec::new()), ..Default::default() };
        let graph = fb::SubGraph {
            tensors: Some(Vec::new()),
            operators: Some(Vec::new()),
            inputs: Some(Vec::new()),
            outputs: Some(Vec::new()),
            name: Some("net".into()),
        };
        Self { model, graph }
    }

    pub fn tensor(&mut self, shape: &[i32], dtype: i8, scale: Option<(f32, i64)>) -> i32 {
        let tensors = self.graph.tensors.as_mut().unwrap();
        let quantization = scale.map(|(scale, zero_point)| {
            Box::new(fb::QuantizationParameters {
                scale: Some(vec![scale]),
                zero_point: Some(vec![zero_point]),
                ..Default::default()
            })
        });
        let name = Some(format!("t{}", tensors.len()));
        tensors.push(fb::Tensor {
            shape: Some(shape.to_vec()),
            type_: dtype,
            name,
            quantization,
            ..Default::default()
        });
        tensors.len() as i32 - 1
    }

    /// An int8 activation.
    pub fn i8(&mut self, shape: &[i32], scale: f32, zero_point: i64) -> i32 {
        self.tensor(shape, I8, Some((scale, zero_point)))
    }

    pub fn tensor_mut(&mut self, tensor: i32) -> &mut fb::Tensor {
        &mut self.graph.tensors.as_mut().unwrap()[tensor as usize]
    }

    pub fn constant(&mut self, shape: &[i32], dtype: i8, data: Vec<u8>, scale: Option<(f32, i64)>) -> i32 {
        let tensor = self.tensor(shape, dtype, scale);
        let buffers = self.model.buffers.as_mut().unwrap();
        buffers.push(fb::Buffer { data: Some(data), ..Default::default() });
        let buffer = buffers.len() as u32 - 1;
        self.tensor_mut(tensor).buffer = buffer;
        tensor
    }

    pub fn integers(&mut self, values: &[i32]) -> i32 {
        let data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(&[values.len() as i32], I32, data, None)
    }

    pub fn floats(&mut self, shape: &[i32], values: &[f32]) -> i32 {
        self.constant(shape, F32, values.iter().flat_map(|v| v.to_le_bytes()).collect(), None)
    }

    /// int8 weights that look like noise, one scale a slice of `axis`, or one in all.
    pub fn weights(&mut self, shape: &[i32], scales: &[f32], axis: i32) -> i32 {
        let n: i32 = shape.iter().product();
        let data = (0..n).map(|i| ((i * 73 + 11) % 255 - 127) as i8 as u8).collect();
        let tensor = self.constant(shape, I8, data, None);
        let zero_point = Some(vec![0; scales.len()]);
        self.tensor_mut(tensor).quantization = Some(Box::new(fb::QuantizationParameters {
            scale: Some(scales.to_vec()),
            zero_point,
            quantized_dimension: axis,
            ..Default::default()
        }));
        tensor
    }

    pub fn op(&mut self, code: i32, inputs: &[i32], outputs: &[i32], options: Option<Options>) {
        let codes = self.model.operator_codes.as_mut().unwrap();
        codes.push(fb::OperatorCode {
            builtin_code: code,
            deprecated_builtin_code: code.min(127) as i8,
            ..Default::default()
        });
        let opcode_index = codes.len() as u32 - 1;
        self.graph.operators.as_mut().unwrap().push(fb::Operator {
            opcode_index,
            inputs: Some(inputs.to_vec()),
            outputs: Some(outputs.to_vec()),
            builtin_options: options,
            ..Default::default()
        });
    }

    pub fn bytes(&self, inputs: &[i32], outputs: &[i32]) -> Vec<u8> {
        let mut graph = self.graph.clone();
        (graph.inputs, graph.outputs) = (Some(inputs.to_vec()), Some(outputs.to_vec()));
        let model = fb::Model { subgraphs: Some(vec![graph]), ..self.model.clone() };
        // The builder puts identifier and root in each other's place.
        let mut bytes = planus::Builder::new().finish(&model, Some(*b"TFL3")).to_vec();
        let root = u32::from_le_bytes(*bytes[4..].first_chunk().unwrap()) + 4;
        bytes[..4].copy_from_slice(&root.to_le_bytes());
        bytes[4..8].copy_from_slice(b"TFL3");
        bytes
    }
}

pub fn conv(stride: i32, padding: i8, activation: i8) -> Option<Options> {
    Some(Options::Conv2DOptions(Box::new(fb::Conv2DOptions {
        padding,
        stride_w: stride,
        stride_h: stride,
        fused_activation_function: activation,
        ..Default::default()
    })))
}

pub fn depthwise(stride: i32, padding: i8, activation: i8) -> Option<Options> {
    Some(Options::DepthwiseConv2DOptions(Box::new(fb::DepthwiseConv2DOptions {
        padding,
        stride_w: stride,
        stride_h: stride,
        depth_multiplier: 1,
        fused_activation_function: activation,
        ..Default::default()
    })))
}

pub fn pool(size: i32, activation: i8) -> Option<Options> {
    Some(Options::Pool2DOptions(Box::new(fb::Pool2DOptions {
        padding: 1,
        stride_w: size,
        stride_h: size,
        filter_width: size,
        filter_height: size,
        fused_activation_function: activation,
    })))
}

/// A network with one operator of most kinds, as a subject for damage.
pub fn zoo() -> Vec<u8> {
    let mut n = Net::new();
    let x = n.i8(&[1, 8, 8, 2], 0.05, 3);
    let w = n.weights(&[4, 3, 3, 2], &[0.01, 0.02, 0.015, 0.01], 0);
    let b = n.integers(&[100, -200, 300, 5]);
    let c = n.i8(&[1, 8, 8, 4], 0.1, -128);
    n.op(3, &[x, w, b], &[c], conv(1, 0, 1));
    let dw = n.weights(&[1, 3, 3, 4], &[0.02; 4], 3);
    let db = n.integers(&[1, 2, 3, 4]);
    let d = n.i8(&[1, 8, 8, 4], 0.1, -10);
    n.op(4, &[c, dw, db], &[d], depthwise(1, 0, 3));
    let a = n.i8(&[1, 8, 8, 4], 0.2, 5);
    n.op(0, &[c, d], &[a], Some(Options::AddOptions(Box::default())));
    let p = n.i8(&[1, 4, 4, 4], 0.2, 5);
    n.op(1, &[a], &[p], pool(2, 0));
    let t = n.i8(&[1, 4, 4, 4], 1.0 / 128.0, 0);
    n.op(28, &[p], &[t], None);
    let axes = n.integers(&[1, 2]);
    let m = n.i8(&[1, 4], 0.01, 0);
    n.op(40, &[t, axes], &[m], None);
    let shape = n.integers(&[1, 2, 2]);
    let r = n.i8(&[1, 2, 2], 0.01, 0);
    n.op(22, &[m, shape], &[r], None);
    let (begin, end, strides) = (n.integers(&[0, 0, 0]), n.integers(&[1, 2, 2]), n.integers(&[1, 1, 1]));
    let s = n.i8(&[1, 2, 2], 0.01, 0);
    n.op(45, &[r, begin, end, strides], &[s], Some(Options::StridedSliceOptions(Box::default())));
    let flat = n.i8(&[1, 4], 0.01, 0);
    n.op(22, &[s, shape], &[flat], None);
    let fw = n.weights(&[3, 4], &[0.01], 0);
    let fb = n.integers(&[10, 20, 30]);
    let f = n.i8(&[1, 3], 0.1, 0);
    n.op(9, &[flat, fw, fb], &[f], None);
    let y = n.i8(&[1, 3], 1.0 / 256.0, -128);
    n.op(25, &[f], &[y], Some(Options::SoftmaxOptions(Box::new(fb::SoftmaxOptions { beta: 1.0 }))));
    n.bytes(&[x], &[y])
}
