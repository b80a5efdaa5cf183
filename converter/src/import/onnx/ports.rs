//! Inputs of the file: names, types and shapes with the batch made 1.

use std::collections::{BTreeMap, HashMap};

use tract_onnx::pb;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Size;
use tract_onnx::pb::type_proto::Value as Type;

use super::array::checked_shape;
use super::{ImportError, ImportOptions};
use crate::ir::DType;

/// An input that the caller gives.
pub(super) struct Input<'a> {
    pub name: &'a str,
    pub shape: Vec<usize>,
    pub dtype: DType,
}

/// One size as the file states it.
enum Axis<'a> {
    Fixed(usize),
    /// Named, or empty if the file says nothing.
    Symbolic(&'a str),
}

/// Reads the inputs that are not initializers.
pub(super) fn inputs<'a>(graph: &'a pb::GraphProto, options: &ImportOptions) -> Result<Vec<Input<'a>>, ImportError> {
    let initialized = |name: &str| graph.initializer.iter().any(|t| t.name == name);
    let given: Vec<&pb::ValueInfoProto> = graph.input.iter().filter(|i| !initialized(&i.name)).collect();
    if let Some(name) = options.input_shapes.keys().find(|name| !given.iter().any(|i| i.name == **name)) {
        let inputs: Vec<String> = given.iter().map(|i| format!("`{}`", i.name)).collect();
        return Err(ImportError::NoSuchInput { name: name.clone(), inputs: inputs.join(", ") });
    }
    let mut symbols = HashMap::new();
    let named = given.iter().map(|info| Ok((*info, axes(info)?))).collect::<Result<Vec<_>, ImportError>>()?;
    for (info, axes) in &named {
        bind_symbols(info, axes.as_deref(), options, &mut symbols)?;
    }
    named.iter().map(|(info, axes)| input(info, axes.as_deref(), options, &symbols)).collect()
}

/// What the file says about a value's shape, batch made 1: for values that no lowering knows.
pub(super) fn stated_shapes(graph: &pb::GraphProto) -> BTreeMap<&str, Vec<usize>> {
    let shape = |info: &pb::ValueInfoProto| {
        let dims = axes(info).ok()??;
        let sizes = dims.iter().enumerate().map(|(i, axis)| match axis {
            Axis::Fixed(size) => Some(*size),
            Axis::Symbolic(_) => (i == 0).then_some(1),
        });
        sizes.collect::<Option<Vec<usize>>>()
    };
    graph.value_info.iter().chain(&graph.output).filter_map(|i| Some((i.name.as_str(), shape(i)?))).collect()
}

fn tensor_type(info: &pb::ValueInfoProto) -> Option<&pb::type_proto::Tensor> {
    info.r#type.as_ref()?.value.as_ref().map(|Type::TensorType(tensor)| tensor)
}

/// The stated sizes, `None` if the file states no shape.
fn axes(info: &pb::ValueInfoProto) -> Result<Option<Vec<Axis<'_>>>, ImportError> {
    let Some(shape) = tensor_type(info).and_then(|t| t.shape.as_ref()) else { return Ok(None) };
    let size = |dim: &'_ pb::tensor_shape_proto::Dimension| match &dim.value {
        Some(Size::DimValue(v)) if *v > 0 => *v,
        _ => 1,
    };
    let bound: Vec<i64> = shape.dim.iter().map(size).collect();
    let (sizes, _) = checked_shape(&bound, &format!("input `{}`", info.name))?;
    let axes = shape.dim.iter().zip(sizes).map(|(dim, size)| match &dim.value {
        Some(Size::DimValue(v)) if *v > 0 => Axis::Fixed(size),
        Some(Size::DimParam(name)) => Axis::Symbolic(name),
        // tf2onnx writes 0 or -1 for a size it does not know.
        _ => Axis::Symbolic(""),
    });
    Ok(Some(axes.collect()))
}

/// Learns named sizes from the shapes that the caller gives, and that a named batch is 1.
fn bind_symbols<'a>(
    info: &pb::ValueInfoProto,
    axes: Option<&[Axis<'a>]>,
    options: &ImportOptions,
    symbols: &mut HashMap<&'a str, usize>,
) -> Result<(), ImportError> {
    let axes = axes.unwrap_or_default();
    match options.input_shapes.get(&info.name) {
        Some(given) => {
            for (axis, &size) in axes.iter().zip(given) {
                if let Axis::Symbolic(name) = axis
                    && !name.is_empty()
                {
                    symbols.insert(name, size);
                }
            }
        }
        None => {
            if let Some(Axis::Symbolic(name)) = axes.first()
                && !name.is_empty()
            {
                symbols.entry(name).or_insert(1);
            }
        }
    }
    Ok(())
}

fn input<'a>(
    info: &'a pb::ValueInfoProto,
    axes: Option<&[Axis<'_>]>,
    options: &ImportOptions,
    symbols: &HashMap<&str, usize>,
) -> Result<Input<'a>, ImportError> {
    let shape = match (options.input_shapes.get(&info.name), axes) {
        (Some(given), axes) => {
            fits(info, axes, given)?;
            given.clone()
        }
        (None, None) => return Err(ImportError::NoShape { input: info.name.clone() }),
        (None, Some(axes)) => resolve(info, axes, symbols)?,
    };
    if let Some(&batch) = shape.first()
        && batch != 1
        && shape.len() > 1
        && options.require_batch_one
    {
        return Err(ImportError::Batch { input: info.name.clone(), batch });
    }
    Ok(Input { name: &info.name, shape, dtype: element_type(info)? })
}

/// Checks a shape that the caller gives against the file's fixed sizes.
fn fits(info: &pb::ValueInfoProto, axes: Option<&[Axis<'_>]>, given: &[usize]) -> Result<(), ImportError> {
    let sizes: Vec<i64> = given.iter().map(|&d| i64::try_from(d).unwrap_or(i64::MAX)).collect();
    let (_, elements) = checked_shape(&sizes, &format!("input `{}`", info.name))?;
    let same = |axes: &[Axis<'_>]| {
        let fixed = |(axis, &size): (&Axis<'_>, &usize)| {
            matches!(axis, Axis::Symbolic(_)) || matches!(axis, Axis::Fixed(s) if *s == size)
        };
        axes.len() == given.len() && axes.iter().zip(given).all(fixed)
    };
    if elements > 0 && axes.is_none_or(same) {
        return Ok(());
    }
    let file = axes.map_or_else(|| "?".into(), describe);
    Err(ImportError::InputShape { input: info.name.clone(), file, given: given.to_vec() })
}

fn describe(axes: &[Axis<'_>]) -> String {
    let name = |axis: &Axis<'_>| match axis {
        Axis::Fixed(size) => size.to_string(),
        Axis::Symbolic("") => "?".into(),
        Axis::Symbolic(name) => (*name).to_owned(),
    };
    format!("[{}]", axes.iter().map(name).collect::<Vec<_>>().join(", "))
}

fn resolve(
    info: &pb::ValueInfoProto,
    axes: &[Axis<'_>],
    symbols: &HashMap<&str, usize>,
) -> Result<Vec<usize>, ImportError> {
    let size = |(i, axis): (usize, &Axis<'_>)| match axis {
        Axis::Fixed(size) => Ok(*size),
        Axis::Symbolic(name) if symbols.contains_key(name) => Ok(symbols[name]),
        Axis::Symbolic(_) if i == 0 => Ok(1),
        Axis::Symbolic(name) => Err(ImportError::SymbolicDim {
            input: info.name.clone(),
            axis: i,
            dim: if name.is_empty() { "?".into() } else { (*name).to_owned() },
            example: example(axes),
        }),
    };
    axes.iter().enumerate().map(size).collect()
}

/// A shape for the hint: what is fixed, 1 for the batch, 32 for what is open.
fn example(axes: &[Axis<'_>]) -> String {
    let size = |(i, axis): (usize, &Axis<'_>)| match axis {
        Axis::Fixed(size) => size.to_string(),
        Axis::Symbolic(_) if i == 0 => "1".into(),
        Axis::Symbolic(_) => "32".into(),
    };
    axes.iter().enumerate().map(size).collect::<Vec<_>>().join(",")
}

fn element_type(info: &pb::ValueInfoProto) -> Result<DType, ImportError> {
    let number = tensor_type(info).map_or(0, |t| t.elem_type);
    match DataType::try_from(number) {
        Ok(DataType::Float) => Ok(DType::F32),
        Ok(DataType::Float16) => Ok(DType::F16),
        Ok(DataType::Int8) => Ok(DType::I8),
        Ok(DataType::Uint8) => Ok(DType::U8),
        Ok(DataType::Int16) => Ok(DType::I16),
        Ok(DataType::Int32) => Ok(DType::I32),
        Ok(DataType::Int64) => Ok(DType::I64),
        Ok(other) => {
            Err(ImportError::InputType { input: info.name.clone(), found: other.as_str_name().to_lowercase() })
        }
        Err(_) => Err(ImportError::InputType { input: info.name.clone(), found: format!("number {number}") }),
    }
}
