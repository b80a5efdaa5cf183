//! QuantizeLinear and DequantizeLinear: where a network that came quantized rounds, and the scales of its constants.

use tract_onnx::pb::tensor_proto::DataType;

use super::array::{Array, Data};
use super::error::{LowerError, unsupported};
use super::lowering::{Item, Lowered, Lowering};
use super::node::Node;
use crate::ir::{DType, Graph, Op, SourceScale, Unary, ValueId};

/// The quantization of a computed tensor of the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quantized {
    pub scale: f32,
    /// As the file states it, of `kind`.
    pub zero_point: i64,
    pub kind: DataType,
}

impl Quantized {
    /// The element type that the caller sees.
    pub fn dtype(self) -> DType {
        match self.kind {
            DataType::Uint8 => DType::U8,
            DataType::Int8 => DType::I8,
            DataType::Int16 => DType::I16,
            _ => DType::F32,
        }
    }
}

/// Scales of a constant, as the file stores it.
#[derive(Clone, Debug)]
pub(super) struct ConstantScale {
    scales: Vec<f32>,
    axis: usize,
    zero_point: i32,
}

impl ConstantScale {
    /// Scales along `axis` of the stored constant, which becomes axis 0 of the graph's.
    pub fn along(&self, axis: usize) -> Option<SourceScale> {
        let fits = self.scales.len() == 1 || self.axis == axis;
        fits.then(|| SourceScale { scales: self.scales.clone(), zero_point: self.zero_point })
    }

    /// For a constant that is added or multiplied.
    pub fn per_tensor(&self) -> Option<SourceScale> {
        (self.scales.len() == 1).then(|| SourceScale { scales: self.scales.clone(), zero_point: self.zero_point })
    }
}

/// Scale and zero point of one of the two operators.
struct Parameters {
    scales: Vec<f32>,
    zero_points: Vec<i64>,
    kind: Option<DataType>,
}

fn parameters<'a>(cx: &Lowering<'a>, node: &Node<'a>) -> Result<Parameters, LowerError> {
    if node.int_or("block_size", 0)? != 0 {
        return unsupported(
            "block-wise quantization (one scale for every block of an axis) is not supported",
            "quantize per tensor or per channel",
        );
    }
    let scales = cx.floats(node, 1, "scales")?;
    if scales.shape.len() > 1 {
        return unsupported(
            format!("its scales have shape {:?}: block-wise quantization is not supported", scales.shape),
            "quantize per tensor or per channel",
        );
    }
    let scales = scales.to_floats();
    if scales.is_empty() || scales.iter().any(|s| !s.is_finite() || *s <= 0.0) {
        return Err(node.shape_error("positive scales", scales).into());
    }
    let zero_points = match cx.optional_array(node, 2, "zero points")? {
        Some(array) => match &array.data {
            Data::Int(v) if v.len() == scales.len() => v.clone(),
            Data::Int(v) => {
                return Err(node.shape_error(format!("{} zero points", scales.len()), v.len()).into());
            }
            Data::Float(_) => {
                return unsupported("its zero point is a float (an 8-bit float type)", "quantize to int8 or uint8");
            }
        },
        None => vec![0; scales.len()],
    };
    let stated = node.input(2).and_then(|name| cx.element_type(name));
    Ok(Parameters { scales, zero_points, kind: stated })
}

/// `QuantizeLinear`.
pub(super) fn quantize<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let Parameters { scales, zero_points, kind } = parameters(cx, node)?;
    let stated = i32::try_from(node.int_or("output_dtype", 0)?).ok().and_then(|n| DataType::try_from(n).ok());
    let stated = stated.filter(|t| *t != DataType::Undefined);
    let kind = kind.or(stated).unwrap_or(DataType::Uint8);
    let Some((low, high)) = bounds(kind) else {
        return unsupported(
            format!("quantizes to {}", kind.as_str_name().to_lowercase()),
            "quantize to int8 or uint8, or export the float network and let mote quantize it",
        );
    };
    if let Some(bad) = zero_points.iter().find(|z| !(low..=high).contains(*z)) {
        return Err(node.shape_error(format!("zero points in {low}..={high}"), bad).into());
    }
    if let Item::Const(array) = cx.required(node, 0)? {
        let axis = axis(node, &array.shape, scales.len())?;
        cx.set_element_type(node.output(0), kind);
        return Ok(vec![Item::constant(rounded(&array, axis, &scales, &zero_points, low, high))]);
    }
    let (&[scale], &[zero_point]) = (scales.as_slice(), zero_points.as_slice()) else {
        return unsupported(
            format!("a computed tensor has {} scales", scales.len()),
            "quantize activations per tensor; only constants may have a scale per channel",
        );
    };
    let x = cx.value(node, 0)?;
    let how = Quantized { scale, zero_point, kind };
    let Some((dtype, stored)) = stored_as(how) else {
        // Without the rounding: the whole network is then imported as a float one.
        cx.not_int8.push((node.label(), kind));
        let end = |stored: i64| ((stored - zero_point) as f64 * f64::from(scale)) as f32;
        let (op, shape) = (Op::Unary(Unary::Clamp { min: end(low), max: end(high) }), cx.shape(x));
        let id = cx.emit_result(node, 0, op, vec![x], shape)?;
        return Ok(vec![Item::Quantized { id, how }]);
    };
    let shape = cx.shape(x);
    let op = Op::FakeQuantize { scale, zero_point: stored, dtype };
    let id = cx.emit_result(node, 0, op, vec![x], shape)?;
    Ok(vec![Item::Quantized { id, how }])
}

/// `DequantizeLinear`.
pub(super) fn dequantize<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let Parameters { scales, zero_points, .. } = parameters(cx, node)?;
    match cx.required(node, 0)? {
        Item::Const(array) => constant(cx, node, &array, &scales, &zero_points),
        Item::Quantized { id, how } => {
            same(node, how, &scales, &zero_points)?;
            Ok(vec![Item::float(id)])
        }
        Item::Value { id, float: false } => input(cx, node, id, &scales, &zero_points),
        Item::Value { .. } => unsupported("its operand is a float tensor", "quantize the tensor before it"),
        Item::Unknown => unsupported("an operand has no known shape", "resolve the nodes before it first"),
    }
}

/// The real numbers of a constant; remembers the scale.
fn constant<'a>(cx: &mut Lowering<'a>, node: &Node<'a>, array: &Array, scales: &[f32], zero_points: &[i64]) -> Lowered {
    let Some(stored) = array.as_ints() else {
        return unsupported("its operand holds floats (an 8-bit float type)", "quantize to int8 or uint8");
    };
    let axis = axis(node, &array.shape, scales.len())?;
    let channel = channels(&array.shape, axis, scales.len());
    let real: Vec<f32> = stored
        .iter()
        .enumerate()
        .map(|(i, &q)| {
            let c = channel(i);
            (q.saturating_sub(zero_points[c]) as f64 * f64::from(scales[c])) as f32
        })
        .collect();
    // An unsigned constant is a signed one whose values and zero points are less by 128.
    let zero_point = if let &[zero_point] = zero_points {
        let within = |low: i64, high: i64| stored.iter().chain(zero_points).all(|q| (low..=high).contains(q));
        let wide = zero_point == 0 && within(i16::MIN.into(), i16::MAX.into());
        match (within(-128, 127), within(0, 255)) {
            (true, _) => Some(zero_point as i32),
            (_, true) => Some(zero_point as i32 - 128),
            // Beside int16 activations.
            _ => wide.then_some(0),
        }
    } else {
        // Per channel these are weights, whose zero points vanish.
        stored.iter().all(|q| (-255..=255).contains(q)).then_some(0)
    };
    if let Some(zero_point) = zero_point {
        let scale = ConstantScale { scales: scales.to_vec(), axis, zero_point };
        cx.constant_scales.insert(node.output(0), scale);
    }
    Ok(vec![Item::constant(Array { shape: array.shape.clone(), data: Data::Float(real) })])
}

/// An integer input of the network: its real numbers are what the graph computes with.
fn input<'a>(cx: &mut Lowering<'a>, node: &Node<'a>, id: ValueId, scales: &[f32], zero_points: &[i64]) -> Lowered {
    let name = node.input(0).unwrap_or_default();
    let source = moved_from(&cx.graph, id);
    let port = cx.graph.inputs.iter().find(|p| p.value == source);
    let kind = match port.map(|p| p.source_dtype) {
        Some(DType::U8) => DataType::Uint8,
        Some(DType::I8) => DataType::Int8,
        Some(DType::I16) => DataType::Int16,
        _ => {
            return unsupported(
                format!("`{name}` is a wide integer tensor, computed at run time"),
                "dequantize int8, uint8 or int16 tensors only",
            );
        }
    };
    if cx.read_as_numbers.contains(&id) || cx.read_as_numbers.contains(&source) {
        return unsupported(
            format!("the integer input `{name}` is also read by a Cast"),
            "read it with DequantizeLinear everywhere",
        );
    }
    let (&[scale], &[zero_point]) = (scales, zero_points) else {
        return unsupported(format!("an input has {} scales", scales.len()), "quantize inputs per tensor");
    };
    let how = Quantized { scale, zero_point, kind };
    let Some((dtype, stored)) = stored_as(how) else {
        let wanted = match kind {
            DataType::Int16 => "the zero point 0, as int16 activations have it".into(),
            _ => format!("a zero point of type {}", kind.as_str_name()),
        };
        return Err(node.shape_error(wanted, zero_point).into());
    };
    let shape = cx.shape(id);
    let op = Op::FakeQuantize { scale, zero_point: stored, dtype };
    let real = cx.emit_result(node, 0, op, vec![id], shape)?;
    // Whoever reads the input from here on reads the same quantized tensor.
    cx.bind(name, Item::Quantized { id: real, how });
    Ok(vec![Item::float(real)])
}

/// The value whose elements `id` holds in another order: exporters transpose an integer input before they dequantize it.
fn moved_from(graph: &Graph, mut id: ValueId) -> ValueId {
    // Nodes are in execution order, so that one walk back finds all.
    for node in graph.nodes.iter().rev() {
        match node.op {
            Op::Reshape | Op::Transpose { .. } if node.output == id => id = node.inputs[0],
            _ => {}
        }
    }
    id
}

/// Reading stored integers with other parameters than they were written with would scale them.
fn same(node: &Node<'_>, how: Quantized, scales: &[f32], zero_points: &[i64]) -> Result<(), LowerError> {
    if scales == [how.scale] && zero_points == [how.zero_point] {
        return Ok(());
    }
    unsupported(
        format!(
            "reads `{}` with scales {scales:?} and zero points {zero_points:?}, which was quantized with scale {} and \
             zero point {}",
            node.input(0).unwrap_or_default(),
            how.scale,
            how.zero_point
        ),
        "re-export: both must be the same",
    )
}

/// The type that stores it, and the zero point in that type: int8 for 8 bits; int16 for 16 bits where zero is in the middle of
/// the range, because the kernels know no other. None for the rest, and for a zero point outside of its type.
fn stored_as(how: Quantized) -> Option<(DType, i32)> {
    let zero_point = i32::try_from(how.zero_point).ok()?;
    let narrow = |stored: i32| (-128..=127).contains(&stored).then_some((DType::I8, stored));
    match how.kind {
        DataType::Int8 => narrow(zero_point),
        DataType::Uint8 => narrow(zero_point.checked_sub(128)?),
        DataType::Int16 => (zero_point == 0).then_some((DType::I16, 0)),
        DataType::Uint16 => (zero_point == 1 << 15).then_some((DType::I16, 0)),
        _ => None,
    }
}

/// Smallest and largest stored value of the types that are understood.
fn bounds(kind: DataType) -> Option<(i64, i64)> {
    match kind {
        DataType::Int8 => Some((-128, 127)),
        DataType::Uint8 => Some((0, 255)),
        DataType::Int16 => Some((i64::from(i16::MIN), i64::from(i16::MAX))),
        DataType::Uint16 => Some((0, i64::from(u16::MAX))),
        _ => None,
    }
}

/// The axis of the scales; 0 if there is only one.
fn axis(node: &Node<'_>, shape: &[usize], scales: usize) -> Result<usize, LowerError> {
    if scales == 1 {
        return Ok(0);
    }
    let axis = node.axis(node.int_or("axis", 1)?, shape.len())?;
    if shape.get(axis) == Some(&scales) {
        return Ok(axis);
    }
    Err(node.shape_error(format!("{scales} elements along axis {axis}, one a scale"), shape).into())
}

/// Which scale element `i` has.
fn channels(shape: &[usize], axis: usize, scales: usize) -> impl Fn(usize) -> usize {
    let inner: usize = shape.iter().skip(axis + 1).product();
    move |i| if scales == 1 { 0 } else { i / inner.max(1) % scales }
}

/// Nearest stored values, halves to even, as ONNX says.
fn rounded(array: &Array, axis: usize, scales: &[f32], zero_points: &[i64], low: i64, high: i64) -> Array {
    let channel = channels(&array.shape, axis, scales.len());
    let store = |(i, x): (usize, f32)| {
        let c = channel(i);
        let q = (x / scales[c]).round_ties_even();
        (q as i64).saturating_add(zero_points[c]).clamp(low, high)
    };
    let data = array.to_floats().into_iter().enumerate().map(store).collect();
    Array { shape: array.shape.clone(), data: Data::Int(data) }
}

/// Operators that only move or select elements, and so mean the same on stored integers.
const MOVES: [&str; 12] = [
    "Concat",
    "DepthToSpace",
    "Expand",
    "Flatten",
    "Gather",
    "Identity",
    "MaxPool",
    "Reshape",
    "Slice",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

/// If `node` moves elements of quantized tensors that all have the same quantization: their names, and that one.
pub(super) fn moved<'a>(cx: &Lowering<'a>, node: &Node<'a>) -> Result<Option<(Vec<&'a str>, Quantized)>, LowerError> {
    if !MOVES.contains(&node.op()) || !super::decode::is_default_domain(&node.proto.domain) {
        return Ok(None);
    }
    let mut names = Vec::new();
    let mut common = None;
    for name in node.given_inputs() {
        if let Some(Item::Quantized { how, .. }) = cx.lookup(name) {
            if common.is_some_and(|c| c != *how) {
                return unsupported(
                    "joins tensors that are quantized differently",
                    "dequantize them before, or quantize all alike",
                );
            }
            common = Some(*how);
            names.push(name);
        }
    }
    Ok(common.map(|how| (names, how)))
}
