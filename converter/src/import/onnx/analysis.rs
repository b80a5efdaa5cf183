//! tract's reading of the same file: shapes for values whose maker is not supported, and a second opinion on results.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tract_onnx::pb;
use tract_onnx::prelude::{Datum, Framework, InferenceFact, InferenceModelExt, TractResult, f16};
use tract_onnx::tract_hir::infer::{Factoid, InferenceModel};
use tract_onnx::tract_hir::internal::DimLike;

use super::ports::{self, Input};
use crate::ir::DType;

/// Operators with which a small file can make tract allocate without bound while it infers shapes.
const UNBOUNDED: [&str; 8] = ["ConstantOfShape", "Expand", "Tile", "Range", "OneHot", "EyeLike", "Pad", "Resize"];

/// Shapes by value name: what the file states, and what tract infers beyond that.
pub(super) fn shapes(
    model: &pb::ModelProto,
    file: &pb::GraphProto,
    inputs: &[Input<'_>],
) -> HashMap<String, Vec<usize>> {
    let stated = ports::stated_shapes(file);
    let mut shapes: HashMap<String, Vec<usize>> = stated.into_iter().map(|(name, s)| (name.to_owned(), s)).collect();
    if !file.node.iter().any(|n| UNBOUNDED.contains(&n.op_type.as_str())) {
        let facts: Vec<_> = inputs.iter().map(|i| (i.name, i.shape.as_slice(), i.dtype)).collect();
        // A file that our own checks passed may still trip an assertion in there.
        if let Ok(Ok(inferred)) = catch_unwind(AssertUnwindSafe(|| inferred(model, &facts))) {
            for (name, shape) in inferred {
                shapes.entry(name).or_insert(shape);
            }
        }
    }
    shapes
}

/// Parses the file with tract and fixes its inputs.
pub(super) fn load(model: &pb::ModelProto, inputs: &[(&str, &[usize], DType)]) -> TractResult<InferenceModel> {
    // Shapes that exporters state are often wrong or symbolic; tract finds its own.
    let onnx = tract_onnx::onnx().with_ignore_output_shapes(true).with_ignore_value_info(true);
    let mut parsed = onnx.model_for_proto_model(model)?;
    let sources: Vec<_> = parsed.input_outlets()?.to_vec();
    for (index, outlet) in sources.iter().enumerate() {
        let name = parsed.node(outlet.node).name.clone();
        let Some((_, shape, dtype)) = inputs.iter().find(|(input, ..)| *input == name) else { continue };
        let datum = match dtype {
            DType::F16 => f16::datum_type(),
            DType::I8 => i8::datum_type(),
            DType::U8 => u8::datum_type(),
            DType::I32 => i32::datum_type(),
            DType::I64 => i64::datum_type(),
            _ => f32::datum_type(),
        };
        parsed.set_input_fact(index, InferenceFact::dt_shape(datum, *shape))?;
    }
    Ok(parsed)
}

fn inferred(model: &pb::ModelProto, inputs: &[(&str, &[usize], DType)]) -> TractResult<Vec<(String, Vec<usize>)>> {
    let mut parsed = load(model, inputs)?;
    // Stops at the first operator that tract does not know; what it found before that stays.
    let _ = parsed.analyse(true);
    let mut found = Vec::new();
    for (outlet, name) in &parsed.outlet_labels {
        let shape = parsed.outlet_fact(*outlet)?.shape.concretize();
        let sizes = shape.and_then(|s| s.iter().map(|d| d.to_usize().ok()).collect::<Option<Vec<_>>>());
        if let Some(sizes) = sizes.filter(|s| !s.contains(&0) && s.iter().product::<usize>() < 1 << 28) {
            found.push((name.clone(), sizes));
        }
    }
    Ok(found)
}
