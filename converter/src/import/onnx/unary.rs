//! Functions of one element.

use super::array::{Array, Data, broadcast_shape};
use super::elementwise;
use super::error::{LowerError, unsupported};
use super::lowering::{Item, Lowered, Lowering};
use super::node::Node;
use crate::ir::{Activation, Op, Unary};

/// Operators that are one function of one element. Constants are the defaults of the ONNX operator specification.
pub(super) fn unary<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let function = match node.op() {
        "Relu" => Unary::Clamp { min: 0.0, max: f32::INFINITY },
        "LeakyRelu" => Unary::LeakyRelu { alpha: node.float_or("alpha", 0.01)? },
        "Elu" => Unary::Elu { alpha: node.float_or("alpha", 1.0)? },
        "Selu" => {
            Unary::Selu { alpha: node.float_or("alpha", 1.673_263_2)?, gamma: node.float_or("gamma", 1.050_701)? }
        }
        "HardSigmoid" => Unary::HardSigmoid { alpha: node.float_or("alpha", 0.2)?, beta: node.float_or("beta", 0.5)? },
        "Gelu" => match node.string_or("approximate", "none")? {
            "tanh" => Unary::GeluTanh,
            _ => Unary::Gelu,
        },
        "Sigmoid" => Unary::Sigmoid,
        "Tanh" => Unary::Tanh,
        "HardSwish" => Unary::HardSwish,
        "Mish" => Unary::Mish,
        "Softplus" => Unary::Softplus,
        "Softsign" => Unary::Softsign,
        "Erf" => Unary::Erf,
        "Exp" => Unary::Exp,
        "Log" => Unary::Log,
        "Sqrt" => Unary::Sqrt,
        "Reciprocal" => Unary::Reciprocal,
        "Neg" => Unary::Neg,
        "Abs" => Unary::Abs,
        "Floor" => Unary::Floor,
        "Ceil" => Unary::Ceil,
        "Round" => Unary::Round,
        "Sign" => Unary::Sign,
        "Sin" => Unary::Sin,
        "Cos" => Unary::Cos,
        other => return unsupported(format!("`{other}` is not a function of one element"), "report this as a bug"),
    };
    apply(cx, node, function)
}

fn apply<'a>(cx: &mut Lowering<'a>, node: &Node<'a>, function: Unary) -> Lowered {
    let x = cx.value(node, 0)?;
    let shape = cx.shape(x);
    Ok(vec![cx.emit(node, Op::Unary(function), vec![x], shape)?])
}

/// `Clip`: bounds are attributes before opset 11, operands since.
pub(super) fn clip<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let (min, max) = if node.opset < 11 {
        (node.float("min")?, node.float("max")?)
    } else {
        (bound(cx, node, 1, "lower bound")?, bound(cx, node, 2, "upper bound")?)
    };
    let (min, max) = (min.unwrap_or(f32::NEG_INFINITY), max.unwrap_or(f32::INFINITY));
    if min.is_nan() || max.is_nan() {
        return unsupported("a bound is not a number", "replace the bound");
    }
    // ONNX applies the upper bound last, so it wins where the bounds cross.
    apply(cx, node, Unary::Clamp { min: min.min(max), max })
}

fn bound<'a>(cx: &Lowering<'a>, node: &Node<'a>, index: usize, role: &str) -> Result<Option<f32>, LowerError> {
    let Some(array) = cx.optional_array(node, index, role)? else { return Ok(None) };
    match array.to_floats().as_slice() {
        &[value] => Ok(Some(value)),
        _ => Err(node.shape_error(format!("a scalar {role}"), &array.shape).into()),
    }
}

/// `PRelu`: one slope becomes LeakyRelu; several, `max(x, 0) + slope * min(x, 0)`.
pub(super) fn prelu<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let slope = cx.floats(node, 1, "slopes")?;
    if let Some(alpha) = slope.uniform() {
        return apply(cx, node, Unary::LeakyRelu { alpha });
    }
    let x = cx.value(node, 0)?;
    let shape = cx.shape(x);
    if broadcast_shape(&shape, &slope.shape).as_ref() != Some(&shape) {
        return Err(node.shape_error(format!("slopes that broadcast to {shape:?}"), &slope.shape).into());
    }
    let above = Op::Unary(Unary::Clamp { min: 0.0, max: f32::INFINITY });
    let below = Op::Unary(Unary::Clamp { min: f32::NEG_INFINITY, max: 0.0 });
    let above = cx.step(node, "above", above, vec![x], shape.clone())?;
    let below = cx.step(node, "below", below, vec![x], shape.clone())?;
    let slope = cx.add_floats(node.input(1).unwrap_or_default(), slope.shape.clone(), slope.to_floats())?;
    let scaled =
        cx.step(node, "scaled", Op::Mul { activation: Activation::NONE }, vec![below, slope], shape.clone())?;
    Ok(vec![cx.emit(node, Op::Add { activation: Activation::NONE }, vec![above, scaled], shape)?])
}

/// `Celu`: `alpha * elu(x / alpha)`.
pub(super) fn celu<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let alpha = node.float_or("alpha", 1.0)?;
    if alpha == 1.0 {
        return apply(cx, node, Unary::Elu { alpha });
    }
    let x = cx.value(node, 0)?;
    let shape = cx.shape(x);
    let inner = elementwise::times(cx, node, "inner", x, 1.0 / alpha)?;
    let elu = cx.step(node, "elu", Op::Unary(Unary::Elu { alpha: 1.0 }), vec![inner], shape.clone())?;
    let alpha = cx.add_floats(&format!("{}.alpha", node.name()), Vec::new(), vec![alpha])?;
    Ok(vec![cx.emit(node, Op::Mul { activation: Activation::NONE }, vec![elu, alpha], shape)?])
}

/// `Cast`: float types are one here, and an integer input becomes float by being read as such.
pub(super) fn cast<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let (id, was_float) = cx.any_value(node, 0)?;
    match (was_float, is_float_type(node.int_or("to", 0)?)) {
        (_, true) => {
            if !was_float {
                cx.read_as_numbers.insert(id);
            }
            Ok(vec![Item::float(id)])
        }
        (false, false) => Ok(vec![Item::Value { id, float: false }]),
        (true, false) => unsupported("casts a computed float value to integers", "keep this part on the host"),
    }
}

/// `Identity` and what is one at inference; result 0 is operand 0.
pub(super) fn identity<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    Ok(vec![cx.required(node, 0)?])
}

/// `Cast` of a constant.
pub(super) fn cast_array(node: &Node<'_>, array: &Array) -> Result<Array, LowerError> {
    use tract_onnx::pb::tensor_proto::DataType as T;
    let to = node.int_or("to", 0)?;
    let kind = i32::try_from(to).ok().and_then(|t| T::try_from(t).ok());
    let int = |v: i64| match kind {
        Some(T::Int32) => Some(i64::from(v as i32)),
        Some(T::Int16) => Some(i64::from(v as i16)),
        Some(T::Int8) => Some(i64::from(v as i8)),
        Some(T::Uint32) => Some(i64::from(v as u32)),
        Some(T::Uint16) => Some(i64::from(v as u16)),
        Some(T::Uint8) => Some(i64::from(v as u8)),
        Some(T::Int64 | T::Uint64) => Some(v),
        _ => None,
    };
    let data = match (&array.data, kind) {
        (_, Some(T::Float16)) => {
            Data::Float(array.to_floats().iter().map(|&v| half::f16::from_f32(v).to_f32()).collect())
        }
        (_, Some(T::Bfloat16)) => {
            Data::Float(array.to_floats().iter().map(|&v| half::bf16::from_f32(v).to_f32()).collect())
        }
        (_, _) if is_float_type(to) => Data::Float(array.to_floats()),
        (Data::Float(v), Some(T::Bool)) => Data::Int(v.iter().map(|&v| i64::from(v != 0.0)).collect()),
        (Data::Int(v), Some(T::Bool)) => Data::Int(v.iter().map(|&v| i64::from(v != 0)).collect()),
        (Data::Float(v), Some(_)) if int(0).is_some() => Data::Int(v.iter().filter_map(|&v| int(v as i64)).collect()),
        (Data::Int(v), Some(_)) if int(0).is_some() => Data::Int(v.iter().filter_map(|&v| int(v)).collect()),
        _ => return unsupported(format!("casts to element type number {to}"), "use float32 or an integer type"),
    };
    Ok(Array { shape: array.shape.clone(), data })
}

fn is_float_type(to: i64) -> bool {
    use tract_onnx::pb::tensor_proto::DataType as T;
    [T::Float, T::Float16, T::Double, T::Bfloat16].iter().any(|&t| t as i64 == to)
}
