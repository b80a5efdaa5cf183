//! Constant folding: the shape arithmetic of exporters, and simple arithmetic on weights.

use super::ImportError;
use super::array::{Array, Data, broadcast_shape, broadcast_strides, for_each_index};
use super::error::{LowerError, unsupported};
use super::lowering::{Item, Lowered, Lowering};
use super::node::Node;
use super::shape::operand_shape;
use super::{reduce, slice, unary};

/// Evaluates `node` if it is an operator that this module knows, on operands that are all constant.
/// Operators that only move elements fold in `shape` and `slice`.
pub(super) fn fold<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Result<Option<Vec<Item>>, LowerError> {
    let known = |item: Item| Ok(Some(vec![item]));
    match node.op() {
        "Constant" => return known(Item::constant(constant(node)?)),
        "Shape" => return known(Item::constant(shape(cx, node)?)),
        "Size" => {
            let elements: usize = operand_shape(cx, node)?.iter().product();
            return known(Item::constant(Array::scalar(elements as i64)));
        }
        _ => {}
    }
    if node.given_inputs().next().is_none() || !node.given_inputs().all(|name| is_constant(cx, name)) {
        return Ok(None);
    }
    let array = match node.op() {
        "ConstantOfShape" => constant_of_shape(cx, node)?,
        "Range" => range(cx, node)?,
        "Cast" => unary::cast_array(node, &*cx.array(node, 0, "values")?)?,
        "Tile" => {
            let array = cx.array(node, 0, "values")?;
            slice::tile_array(cx, node, &array)?
        }
        "NonZero" => slice::non_zero(&*cx.array(node, 0, "values")?),
        "Where" => select(cx, node)?,
        "Add" | "Sub" | "Mul" | "Div" | "Mod" | "Pow" | "Max" | "Min" | "Sum" | "Equal" | "Less" | "Greater"
        | "LessOrEqual" | "GreaterOrEqual" | "And" | "Or" => chain(cx, node)?,
        "Neg" | "Abs" | "Not" | "Sqrt" | "Exp" | "Log" | "Reciprocal" | "Floor" | "Ceil" | "Round" | "Tanh"
        | "Sigmoid" | "Relu" => match map(node.op(), &*cx.array(node, 0, "values")?) {
            Some(array) => array,
            None => return Ok(None),
        },
        "ReduceProd" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceMean" => fold_axes(cx, node)?,
        _ => return Ok(None),
    };
    known(Item::constant(array))
}

fn is_constant(cx: &Lowering<'_>, name: &str) -> bool {
    matches!(cx.lookup(name), Some(Item::Const(_)))
}

fn constant(node: &Node<'_>) -> Result<Array, LowerError> {
    if let Some(tensor) = node.tensor("value")? {
        return Ok(Array::from_proto(tensor, node.output(0))?);
    }
    let floats = |shape: Vec<usize>, data: Vec<f32>| Array { shape, data: Data::Float(data) };
    if let Some(value) = node.float("value_float")? {
        return Ok(floats(Vec::new(), vec![value]));
    }
    if let Some(values) = node.floats("value_floats")? {
        return Ok(floats(vec![values.len()], values.to_vec()));
    }
    if let Some(value) = node.int("value_int")? {
        return Ok(Array::scalar(value));
    }
    if let Some(values) = node.ints("value_ints")? {
        return Ok(Array::ints(values.to_vec()));
    }
    unsupported("it holds no tensor, number or list of numbers", "store the constant as a dense tensor")
}

fn shape<'a>(cx: &Lowering<'a>, node: &Node<'a>) -> Result<Array, LowerError> {
    let shape = operand_shape(cx, node)?;
    let rank = shape.len() as i64;
    let bound = |at: i64| (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize;
    let start = bound(node.int_or("start", 0)?);
    let end = bound(node.int_or("end", rank)?);
    Ok(Array::ints(shape.get(start..end).unwrap_or_default().iter().map(|&d| d as i64).collect()))
}

fn constant_of_shape<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Result<Array, LowerError> {
    let shape = cx.ints(node, 0, "shape")?;
    let shape = cx.charge(node, &shape)?;
    let elements = shape.iter().product();
    let value = node.tensor("value")?.map(|t| Array::from_proto(t, node.output(0))).transpose()?;
    let data = match value.as_ref().map(|v| &v.data) {
        None => Data::Float(vec![0.0; elements]),
        Some(Data::Float(v)) => Data::Float(vec![v.first().copied().unwrap_or(0.0); elements]),
        Some(Data::Int(v)) => Data::Int(vec![v.first().copied().unwrap_or(0); elements]),
    };
    Ok(Array { shape, data })
}

fn range<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Result<Array, LowerError> {
    let mut scalars = Vec::new();
    for (index, role) in ["start", "limit", "step"].into_iter().enumerate() {
        let array = cx.array(node, index, role)?;
        if array.len() != 1 {
            return Err(node.shape_error(format!("a scalar {role}"), &array.shape).into());
        }
        scalars.push(array);
    }
    let numbers: Vec<f64> = scalars.iter().filter_map(|a| first(a)).collect();
    let &[start, limit, step] = numbers.as_slice() else {
        return Err(node.shape_error("start, limit and step", numbers).into());
    };
    let count = ((limit - start) / step).ceil().max(0.0);
    if !count.is_finite() {
        return Err(node.shape_error("a step other than 0", step).into());
    }
    let shape = cx.charge(node, &[count as i64])?;
    let count = shape.first().copied().unwrap_or(0);
    let at = |i: usize| start + i as f64 * step;
    let data = if scalars.iter().any(|a| a.is_float()) {
        Data::Float((0..count).map(|i| at(i) as f32).collect())
    } else {
        Data::Int((0..count).map(|i| at(i) as i64).collect())
    };
    Ok(Array { shape, data })
}

fn first(array: &Array) -> Option<f64> {
    match &array.data {
        Data::Float(v) => v.first().map(|&v| f64::from(v)),
        Data::Int(v) => v.first().map(|&v| v as f64),
    }
}

fn select<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Result<Array, LowerError> {
    let condition = cx.array(node, 0, "condition")?;
    let (a, b) = (cx.array(node, 1, "values")?, cx.array(node, 2, "values")?);
    let shape = broadcast_shape(&condition.shape, &a.shape).and_then(|s| broadcast_shape(&s, &b.shape));
    let Some(shape) = shape else {
        return Err(node.shape_error("shapes that broadcast", (&condition.shape, &a.shape, &b.shape)).into());
    };
    let shape = charge(cx, node, &shape)?;
    let holds = condition.broadcast(&shape).to_floats();
    let (a, b) = (a.broadcast(&shape), b.broadcast(&shape));
    let data = match (&a.data, &b.data) {
        (Data::Float(a), Data::Float(b)) => Data::Float(choose(&holds, a, b)),
        (Data::Int(a), Data::Int(b)) => Data::Int(choose(&holds, a, b)),
        _ => return Err(node.shape_error("values of one element type", "floats and integers").into()),
    };
    Ok(Array { shape, data })
}

fn choose<T: Copy>(holds: &[f32], a: &[T], b: &[T]) -> Vec<T> {
    holds.iter().zip(a.iter().zip(b)).map(|(&c, (&a, &b))| if c != 0.0 { a } else { b }).collect()
}

fn charge<'a>(cx: &mut Lowering<'a>, node: &Node<'a>, shape: &[usize]) -> Result<Vec<usize>, LowerError> {
    cx.charge(node, &shape.iter().map(|&d| d as i64).collect::<Vec<_>>())
}

/// A binary operator over two or more operands, from the left.
fn chain<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Result<Array, LowerError> {
    let mut total = (*cx.array(node, 0, "values")?).clone();
    for index in 1..node.proto.input.len() {
        let next = cx.array(node, index, "values")?;
        let Some(shape) = broadcast_shape(&total.shape, &next.shape) else {
            return Err(node.shape_error("shapes that broadcast", (&total.shape, &next.shape)).into());
        };
        let shape = charge(cx, node, &shape)?;
        total = binary(node, &total, &next, shape)?;
    }
    Ok(total)
}

fn binary(node: &Node<'_>, a: &Array, b: &Array, shape: Vec<usize>) -> Result<Array, ImportError> {
    let mixed = || node.shape_error("operands of one element type", "floats and integers");
    // `Mod` has the sign of the divisor, unless this attribute asks for that of the dividend.
    let op = if node.op() == "Mod" && node.int_or("fmod", 0)? != 0 { "Fmod" } else { node.op() };
    let data = match (&a.data, &b.data) {
        (Data::Int(x), Data::Int(y)) => {
            let mut data = Vec::new();
            let mut fault = false;
            pairs(a, b, &shape, |i, j| match integer(op, x[i], y[j]) {
                Some(v) => data.push(v),
                None => fault = true,
            });
            if fault {
                return Err(node.shape_error("integers without overflow or division by 0", "such a result"));
            }
            Data::Int(data)
        }
        (Data::Float(x), Data::Float(y)) if comparison(node.op(), 0.0, 0.0).is_some() => {
            let mut data = Vec::new();
            pairs(a, b, &shape, |i, j| data.push(i64::from(comparison(node.op(), x[i], y[j]) == Some(true))));
            Data::Int(data)
        }
        (Data::Float(x), Data::Float(y)) => {
            let mut data = Vec::new();
            pairs(a, b, &shape, |i, j| data.push(float(op, x[i], y[j])));
            Data::Float(data)
        }
        (Data::Float(x), Data::Int(y)) if node.op() == "Pow" => {
            let mut data = Vec::new();
            pairs(a, b, &shape, |i, j| data.push(x[i].powf(y[j] as f32)));
            Data::Float(data)
        }
        _ => return Err(mixed()),
    };
    Ok(Array { shape, data })
}

/// Visits the element pairs of two arrays that broadcast to `shape`.
fn pairs(a: &Array, b: &Array, shape: &[usize], mut visit: impl FnMut(usize, usize)) {
    let (a, b) = (broadcast_strides(&a.shape, shape), broadcast_strides(&b.shape, shape));
    let at = |coords: &[usize], strides: &[usize]| coords.iter().zip(strides).map(|(c, s)| c * s).sum();
    for_each_index(shape, |coords| visit(at(coords, &a), at(coords, &b)));
}

fn integer(op: &str, a: i64, b: i64) -> Option<i64> {
    let flag = |holds: bool| Some(i64::from(holds));
    match op {
        "Add" | "Sum" => a.checked_add(b),
        "Sub" => a.checked_sub(b),
        "Mul" => a.checked_mul(b),
        "Div" => a.checked_div(b),
        "Mod" => a.checked_rem_euclid(b.checked_abs()?).map(|r| if b < 0 && r != 0 { r + b } else { r }),
        "Fmod" => a.checked_rem(b),
        "Pow" => a.checked_pow(u32::try_from(b).ok()?),
        "Max" => Some(a.max(b)),
        "Min" => Some(a.min(b)),
        "And" => flag(a != 0 && b != 0),
        "Or" => flag(a != 0 || b != 0),
        "Equal" => flag(a == b),
        "Less" => flag(a < b),
        "Greater" => flag(a > b),
        "LessOrEqual" => flag(a <= b),
        "GreaterOrEqual" => flag(a >= b),
        _ => None,
    }
}

fn comparison(op: &str, a: f32, b: f32) -> Option<bool> {
    match op {
        "Equal" => Some(a == b),
        "Less" => Some(a < b),
        "Greater" => Some(a > b),
        "LessOrEqual" => Some(a <= b),
        "GreaterOrEqual" => Some(a >= b),
        _ => None,
    }
}

fn float(op: &str, a: f32, b: f32) -> f32 {
    match op {
        "Add" | "Sum" => a + b,
        "Sub" => a - b,
        "Mul" => a * b,
        "Div" => a / b,
        "Fmod" => a % b,
        "Mod" => a - b * (a / b).floor(),
        "Pow" => a.powf(b),
        "Max" => a.max(b),
        "Min" => a.min(b),
        _ => f32::NAN,
    }
}

fn map(op: &str, array: &Array) -> Option<Array> {
    let data = match &array.data {
        Data::Int(v) => {
            let function = match op {
                "Neg" => |v: i64| v.wrapping_neg(),
                "Abs" => |v: i64| v.wrapping_abs(),
                "Not" => |v: i64| i64::from(v == 0),
                _ => return None,
            };
            Data::Int(v.iter().map(|&v| function(v)).collect())
        }
        Data::Float(v) => {
            let function = match op {
                "Neg" => |v: f32| -v,
                "Abs" => f32::abs,
                "Sqrt" => f32::sqrt,
                "Exp" => f32::exp,
                "Log" => f32::ln,
                "Reciprocal" => f32::recip,
                "Floor" => f32::floor,
                "Ceil" => f32::ceil,
                "Round" => f32::round_ties_even,
                "Tanh" => f32::tanh,
                "Sigmoid" => |v: f32| 1.0 / (1.0 + (-v).exp()),
                "Relu" => |v: f32| v.max(0.0),
                _ => return None,
            };
            Data::Float(v.iter().map(|&v| function(v)).collect())
        }
    };
    Some(Array { shape: array.shape.clone(), data })
}

fn fold_axes<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Result<Array, LowerError> {
    let array = cx.array(node, 0, "values")?;
    let Some((axes, keep_dims)) = reduce::axes(cx, node, array.shape.len())? else { return Ok((*array).clone()) };
    let rest = (0..array.shape.len()).filter(|a| !axes.contains(a));
    let perm: Vec<usize> = rest.chain(axes.iter().copied()).collect();
    let sorted = array.transposed(&perm);
    let run = axes.iter().map(|&a| array.shape[a]).product::<usize>();
    if run == 0 {
        return Err(node.shape_error("at least one element to reduce", &array.shape).into());
    }
    let data = match &sorted.data {
        Data::Int(v) => {
            let reduced = v.chunks(run).map(|chunk| reduce_ints(node.op(), chunk)).collect::<Option<Vec<_>>>();
            Data::Int(reduced.ok_or_else(|| node.shape_error("integers without overflow", "such a result"))?)
        }
        Data::Float(v) => Data::Float(v.chunks(run).map(|chunk| reduce_floats(node.op(), chunk)).collect()),
    };
    Ok(Array { shape: reduce::reduced(&array.shape, &axes, keep_dims), data })
}

fn reduce_ints(op: &str, chunk: &[i64]) -> Option<i64> {
    let mut all = chunk.iter().copied();
    match op {
        "ReduceProd" => all.try_fold(1i64, i64::checked_mul),
        "ReduceSum" => all.try_fold(0i64, i64::checked_add),
        "ReduceMax" => all.max(),
        "ReduceMin" => all.min(),
        _ => all.try_fold(0i64, i64::checked_add).map(|sum| sum / chunk.len() as i64),
    }
}

fn reduce_floats(op: &str, chunk: &[f32]) -> f32 {
    let all = chunk.iter().copied();
    match op {
        "ReduceProd" => all.product(),
        "ReduceSum" => all.sum(),
        "ReduceMax" => all.fold(f32::NEG_INFINITY, f32::max),
        "ReduceMin" => all.fold(f32::INFINITY, f32::min),
        _ => all.sum::<f32>() / chunk.len() as f32,
    }
}

/// For operators that only exist to be folded.
pub(super) fn constants_only<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Lowered {
    let computed = node.given_inputs().find(|name| !is_constant(cx, name)).unwrap_or_default();
    unsupported(
        format!("it is supported on constants only, `{computed}` is computed at run time"),
        "keep this part on the host, or rewrite it with supported operators",
    )
}
