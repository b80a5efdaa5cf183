//! The whole file.

use super::context::Context;
use super::weights::Weights;
use super::{EmitError, EmitOptions, Emitted, InstructionSource, MetaOptions, ports};
use crate::plan::Plan;
use mote_runtime::format::{Contents, SelfTestVector, write};
use mote_runtime::format::{Meta, Program};
use mote_runtime::{AlignedBytes, Engine, LoadError, Model};
use sha2::{Digest, Sha256};

/// Writes `plan` as a `.mote` file that `Model::load` accepts. Same plan and options, same bytes.
pub fn emit(plan: &Plan, options: &EmitOptions) -> Result<Emitted, EmitError> {
    let graph = &plan.quant.graph;
    let mut context =
        Context { plan, options, weights: Weights::default(), instructions: Vec::new(), sources: Vec::new() };
    for &node in &plan.order {
        if let Some(chain) = plan.bands_of(node).filter(|chain| chain.nodes.first() == Some(&node)) {
            context.emit_bands(chain);
        }
        context.emit_node(node)?;
    }
    let Context { weights, instructions, sources, .. } = context;

    let program = Program {
        rounding: options.rounding,
        inputs: ports::describe(plan, &graph.inputs, "inputs")?,
        outputs: ports::describe(plan, &graph.outputs, "outputs")?,
        instruction_count: 0,
    };
    let text = options.meta.as_ref().map(|meta| MetaText::of(plan, &sources, meta));
    let meta = options.meta.as_ref().zip(text.as_ref()).map(|(meta, text)| text.meta(meta));
    let mut contents = Contents {
        program: &program,
        instructions: &instructions,
        meta: meta.as_ref(),
        weights: &weights.into_bytes(),
        self_test: &[],
        arena_bytes: plan.arena_bytes,
        model_version: options.model_version,
        sha256: |bytes| Sha256::digest(bytes).into(),
    };
    let untested = AlignedBytes::copy_of(&write(&contents)?);
    let model = Model::load(&untested).map_err(|error| refused(plan, &sources, error))?;
    let vectors = self_test_vectors(plan, model, &options.self_test)?;
    contents.self_test = &vectors;
    let bytes = write(&contents)?;
    Model::load(&AlignedBytes::copy_of(&bytes)).map_err(|error| refused(plan, &sources, error))?;
    Ok(Emitted { bytes, sources })
}

/// Runs the model on each sample; what it gives is what a device must give.
fn self_test_vectors(plan: &Plan, model: Model, samples: &[Vec<Vec<f32>>]) -> Result<Vec<SelfTestVector>, EmitError> {
    let mut arena = AlignedBytes::zeroed(model.arena_bytes() as usize);
    let outputs = model.outputs().len();
    let Ok(mut engine) = Engine::new(model, &mut arena) else { return Ok(Vec::new()) };
    let mut vectors = Vec::new();
    for (sample, arrays) in samples.iter().enumerate() {
        let mut vector = SelfTestVector::default();
        for (index, port) in plan.quant.graph.inputs.iter().enumerate() {
            let values = arrays.get(index).map(Vec::as_slice).unwrap_or_default();
            let expected = port.source_shape.iter().product();
            let size = |_| EmitError::SelfTest { sample, input: port.name.clone(), expected, got: values.len() };
            engine.write_f32(index, values).map_err(size)?;
            vector.inputs.push(engine.input_bytes_mut(index).to_vec());
        }
        engine.run();
        vector.outputs = (0..outputs).map(|index| engine.output_bytes(index).to_vec()).collect();
        vectors.push(vector);
    }
    Ok(vectors)
}

fn refused(plan: &Plan, sources: &[InstructionSource], error: LoadError) -> EmitError {
    let at = match error {
        LoadError::Instruction { index, .. } => match sources.get(usize::from(index)) {
            Some(source) => format!("node `{}`", plan.quant.graph.nodes[source.node.0].name),
            None => format!("instruction {index}"),
        },
        LoadError::Port { index } => format!("port {index}"),
        _ => "its header".into(),
    };
    EmitError::Refused { at, error }
}

/// What [`Meta`] borrows.
struct MetaText {
    name: String,
    port_names: String,
    node_names: String,
    labels: String,
    normalization: String,
    converter: String,
    result_params: Vec<u8>,
}

impl MetaText {
    fn of(plan: &Plan, sources: &[InstructionSource], meta: &MetaOptions) -> Self {
        let graph = &plan.quant.graph;
        let ports = graph.inputs.iter().chain(&graph.outputs).map(|port| port.name.as_str());
        let nodes = sources.iter().map(|source| graph.nodes[source.node.0].name.as_str());
        Self {
            name: one_line(&graph.name),
            port_names: lines(ports),
            node_names: lines(nodes),
            labels: lines(meta.labels.iter().map(String::as_str)),
            normalization: one_line(&meta.normalization),
            converter: one_line(&converter(&meta.planned)),
            result_params: sources.iter().flat_map(|source| result_params(plan, source)).collect(),
        }
    }

    fn meta<'a>(&'a self, options: &'a MetaOptions) -> Meta<'a> {
        Meta {
            name: &self.name,
            port_names: &self.port_names,
            node_names: &self.node_names,
            result_params: &self.result_params,
            labels: &self.labels,
            normalization: &self.normalization,
            converter: &self.converter,
            source_sha256: &options.source_sha256,
            calibration_sha256: &options.calibration_sha256,
            accuracy_ppm: options.accuracy_ppm,
        }
    }
}

/// Scale and zero point of what an instruction leaves in the arena; scale 0 for float32.
fn result_params(plan: &Plan, source: &InstructionSource) -> [u8; 8] {
    let value = plan.quant.graph.nodes[source.node.0].output;
    let quantization = plan.quant.quantization.get(value.0).and_then(Option::as_ref);
    let scale = quantization.and_then(|q| q.scales.first()).copied().unwrap_or(0.0);
    let zero_point = quantization.map_or(0, |q| q.zero_point);
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&scale.to_le_bytes());
    bytes[4..].copy_from_slice(&zero_point.to_le_bytes());
    bytes
}

/// Version, and the planner's options if there are any.
fn converter(planned: &str) -> String {
    let version = concat!("mote ", env!("CARGO_PKG_VERSION"));
    if planned.is_empty() { version.into() } else { format!("{version} ({planned})") }
}

fn lines<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.map(one_line).collect::<Vec<_>>().join("\n")
}

/// Names come from files and may hold anything; lists are separated by line ends.
fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}
