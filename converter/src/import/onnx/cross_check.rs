//! The same input through tract and through our executor.

mod for_tract;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tract_onnx::pb;
use tract_onnx::prelude::{
    DatumType, InferenceModelExt, IntoRunnable, IntoTValue, TVec, Tensor as TractTensor, TractResult,
};

use super::{ImportError, analysis, decode};
use crate::execute::Executor;
use crate::ir::{DType, Graph, Port, Tensor};

/// How far the importer's graph and tract are apart on one output.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputDifference {
    /// Output name.
    pub output: String,
    /// Largest absolute difference.
    pub max_abs: f32,
    /// `max_abs` over the largest magnitude of tract's output.
    pub max_rel: f32,
}

/// Result of running the same file through tract and the same graph through the executor.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossCheck {
    /// One entry an output; empty if tract did not run.
    pub outputs: Vec<OutputDifference>,
    /// All outputs agree within [`CrossCheck::TOLERANCE`]. False if tract did not run.
    pub agrees: bool,
    /// Why there was nothing to compare with.
    pub not_checked: Option<String>,
    /// Where tract got the same function in another spelling, because of a known fault or its precision.
    pub adjusted: Vec<String>,
}

impl CrossCheck {
    /// Largest accepted difference, relative to the largest magnitude of an output.
    pub const TOLERANCE: f32 = 1e-4;
}

/// Runs `bytes` through tract and `graph`, imported from them, through the executor on one seeded pseudo-random
/// input, and compares. `graph` may have gone through passes: arrays are compared in the order of the source.
pub fn cross_check(bytes: &[u8], graph: &Graph, seed: u64) -> Result<CrossCheck, ImportError> {
    let (model, _) = decode::decode(bytes)?;
    let mut random = SplitMix(seed);
    let samples: Vec<Vec<f32>> = graph.inputs.iter().map(|port| random_sample(port, &mut random)).collect();

    let ours = execute(graph, &samples)?;
    // tract is not ours to make robust: whatever goes wrong in there leaves the import standing, unchecked.
    let (for_tract, adjusted) = for_tract::for_tract(&model)?;
    let theirs = match catch_unwind(AssertUnwindSafe(|| run_tract(&for_tract, graph, &samples))) {
        Ok(Ok(outputs)) => outputs,
        Ok(Err(error)) => return Ok(not_checked(format!("{error:#}"))),
        Err(_) => return Ok(not_checked("tract panicked".into())),
    };
    let shapes_differ = |(port, (shape, _)): (&Port, &(Vec<usize>, Vec<f32>))| port.source_shape != *shape;
    if theirs.len() != ours.len() || graph.outputs.iter().zip(&theirs).any(shapes_differ) {
        let stated: Vec<_> = graph.outputs.iter().map(|p| &p.source_shape).collect();
        let found: Vec<_> = theirs.iter().map(|(shape, _)| shape).collect();
        return Ok(not_checked(format!("tract finds output shapes {found:?}, this importer {stated:?}")));
    }
    let pairs = graph.outputs.iter().zip(ours.iter().zip(&theirs));
    let outputs: Vec<_> = pairs.map(|(port, (ours, (_, theirs)))| difference(&port.name, ours, theirs)).collect();
    let agrees = outputs.iter().all(|o| o.max_rel <= CrossCheck::TOLERANCE);
    Ok(CrossCheck { outputs, agrees, not_checked: None, adjusted })
}

fn not_checked(why: String) -> CrossCheck {
    CrossCheck { outputs: Vec::new(), agrees: false, not_checked: Some(why), adjusted: Vec::new() }
}

/// Source-order outputs of our executor.
fn execute(graph: &Graph, samples: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, ImportError> {
    let failed = |e: crate::execute::ExecuteError| ImportError::Execute { reason: e.to_string() };
    let inputs: Vec<Tensor> = graph
        .inputs
        .iter()
        .zip(samples)
        .map(|(port, sample)| Tensor::f32(port.stored_shape(), port.to_stored(sample)))
        .collect();
    let outputs = Executor::new(graph).map_err(failed)?.run(&inputs).map_err(failed)?;
    let in_order = graph.outputs.iter().zip(&outputs);
    Ok(in_order.map(|(port, tensor)| port.to_source(tensor.as_f32().unwrap_or_default())).collect())
}

/// tract's outputs with their shapes.
fn run_tract(model: &pb::ModelProto, graph: &Graph, samples: &[Vec<f32>]) -> TractResult<Vec<(Vec<usize>, Vec<f32>)>> {
    let facts: Vec<_> =
        graph.inputs.iter().map(|p| (p.name.as_str(), p.source_shape.as_slice(), fed(p.source_dtype))).collect();
    let loaded = analysis::load(model, &facts)?;
    let names: Vec<String> = loaded.input_outlets()?.iter().map(|o| loaded.node(o.node).name.clone()).collect();
    let runnable = loaded.into_optimized()?.into_runnable()?;
    let mut inputs = TVec::new();
    for name in &names {
        let Some((port, sample)) = graph.inputs.iter().zip(samples).find(|(port, _)| port.name == *name) else {
            return Err(tract_onnx::prelude::TractError::msg(format!(
                "input `{name}` is not one of the imported graph"
            )));
        };
        let tensor = TractTensor::from_shape(&port.source_shape, sample)?;
        inputs.push(tensor.cast_to_dt(datum_type(fed(port.source_dtype)))?.into_owned().into_tvalue());
    }
    let read = |output: &TractTensor| {
        let floats = output.cast_to::<f32>()?;
        let view = floats.to_plain_array_view::<f32>()?;
        Ok((view.shape().to_vec(), view.iter().copied().collect()))
    };
    runnable.run(inputs)?.iter().map(|output| read(output)).collect()
}

/// The type of an input in the model that tract gets.
fn fed(dtype: DType) -> DType {
    if dtype == DType::F16 { DType::F32 } else { dtype }
}

fn datum_type(dtype: DType) -> DatumType {
    match dtype {
        DType::I8 => DatumType::I8,
        DType::U8 => DatumType::U8,
        DType::I32 => DatumType::I32,
        DType::I64 => DatumType::I64,
        _ => DatumType::F32,
    }
}

fn difference(output: &str, ours: &[f32], theirs: &[f32]) -> OutputDifference {
    let gap = |(a, b): (&f32, &f32)| match (a.is_nan(), b.is_nan()) {
        (true, true) => 0.0,
        (false, false) if a == b => 0.0,
        (false, false) => (a - b).abs(),
        _ => f32::INFINITY,
    };
    let max_abs = ours.iter().zip(theirs).map(gap).fold(0.0, f32::max);
    let largest = theirs.iter().filter(|v| v.is_finite()).fold(0.0f32, |m, v| m.max(v.abs()));
    let max_rel = if max_abs == 0.0 { 0.0 } else { max_abs / largest.max(f32::MIN_POSITIVE) };
    OutputDifference { output: output.to_owned(), max_abs, max_rel }
}

/// Floats in [-1, 1); small integers for integer inputs.
fn random_sample(port: &Port, random: &mut SplitMix) -> Vec<f32> {
    let elements = port.source_shape.iter().product();
    let integer = !matches!(port.source_dtype, DType::F32 | DType::F16);
    let draw = |bits: u64| {
        if integer { (bits % 100) as f32 } else { (bits >> 40) as f32 / (1u64 << 23) as f32 - 1.0 }
    };
    let sample = (0..elements).map(|_| draw(random.next()));
    if port.source_dtype == DType::F16 {
        return sample.map(|v| half::f16::from_f32(v).to_f32()).collect();
    }
    sample.collect()
}

struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
