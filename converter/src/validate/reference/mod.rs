//! A model file against what a network computed in full precision elsewhere.
//!
//! Three runs meet here: the recorded one, the float network of the same weights in the IR executor, and the file in the engine.
//! The float network says which recorded layer is which value (`matching.rs`) and whether it was imported correctly; the file
//! is then compared with the recording layer by layer (`layer.rs`), and as a whole (`whole.rs`).

mod error;
mod input;
mod isolated;
mod layer;
mod matching;
mod samples;
mod scopes;
mod whole;

pub use error::ReferenceError;
pub use input::InputReport;
pub use layer::LayerReport;
pub use matching::How;
pub use samples::Source;
pub use whole::{Scores, Whole};

use super::evaluate::{EvaluateError, Outputs};
use super::layers::factors;
use super::taps::{find_taps, read_taps};
use super::{LayersError, Session};
use crate::data::Dataset;
use crate::execute::Executor;
use crate::inspect::Summary;
use crate::ir::{Graph, Tensor, ValueId};
use crate::recording::{Recording, Task};
use crate::stored_samples;
use input::Input;
use layer::Layer;
use matching::{Matched, match_layers};
use samples::Sample;
use serde::Serialize;
use std::collections::HashMap;

/// Samples that layers are matched on, and that factors of equalized channels are found on.
const FEW: usize = 4;

/// What is to be measured.
#[derive(Clone, Debug, Default)]
pub struct ReferenceOptions {
    /// Pairs of node and recorded layer that are not looked for; an empty layer is none.
    pub given: Vec<(String, String)>,
    /// Use so many samples, spread evenly over the reference; all if it is `None`.
    pub samples: Option<usize>,
    /// Channels of the file may have been rescaled between layers.
    pub equalized: bool,
    /// What the outputs are for, if the recording does not say it or says it wrongly.
    pub task: Option<Task>,
}

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Validation {
    /// In the order of the network.
    pub inputs: Vec<InputReport>,
    /// In the order of the instructions.
    pub layers: Vec<LayerReport>,
    /// Recorded layers that no value of the file was compared with.
    pub unmatched: Vec<String>,
    /// Largest relative difference that a float32 layer may have, for the type that was recorded.
    pub float_tolerance: f64,
    /// Outputs, over all samples.
    pub whole: Whole,
}

impl Validation {
    /// The first layer below `floor_db`.
    pub fn first_below(&self, floor_db: f64) -> Option<&LayerReport> {
        self.layers.iter().find(|layer| layer.similarity.sqnr_db < floor_db)
    }

    /// The first layer whose float32 values are not those of the recording.
    pub fn first_float_difference(&self) -> Option<&LayerReport> {
        let apart =
            |layer: &&LayerReport| layer.float_difference.is_some_and(|d| d > self.float_tolerance || d.is_nan());
        self.layers.iter().find(apart)
    }
}

/// Float32 runs of the same weights differ by the order of sums: so much of a layer's largest value is allowed.
const FLOAT_TOLERANCE: f64 = 1e-4;

/// Runs the reference's samples through `graph`, the float network of the file, and through the file. `progress` gets the
/// number of samples done.
pub fn validate(
    graph: &Graph,
    session: &Session,
    source: &Source,
    options: &ReferenceOptions,
    progress: &mut dyn FnMut(usize),
) -> Result<Validation, ReferenceError> {
    let summary = Summary::from_blob(session.blob()).map_err(LayersError::from)?;
    let taps = find_taps(graph, session, &summary)?;
    source.check(graph)?;
    let executor = Executor::new(graph).map_err(EvaluateError::from)?;
    let matches = match source {
        Source::Recording(recording) => find_layers(&executor, recording, options)?,
        Source::Data(_) => vec![None; graph.nodes.len()],
    };
    let factors = match options.equalized {
        true => factors(graph, session, &source.first(graph, FEW)?)?,
        false => HashMap::new(),
    };
    let mut layers: Vec<Layer> =
        taps.iter().map(|tap| Layer::new(graph, tap, &taps, &matches, &factors, options.equalized)).collect();
    let mut runner = session.runner().map_err(EvaluateError::from)?;
    let ports = runner.inputs().to_vec();
    let mut inputs_of: Vec<Input> = ports.iter().map(|_| Input::default()).collect();
    let mut outputs = OutputsOf::default();
    let mut done = 0;
    source.each(graph, options.samples, &mut |sample| {
        let inputs = stored(graph, &sample)?;
        let mut float: HashMap<ValueId, Vec<f32>> = HashMap::new();
        let mut keep = |value: ValueId, values: &[f32]| drop(float.insert(value, values.to_vec()));
        let results = executor.run_observed(&inputs, &mut keep).map_err(EvaluateError::from)?;
        let (stored, bytes) = read_taps(&mut runner, &sample.inputs, &taps).map_err(EvaluateError::from)?;
        let device = layer::Device { taps: &taps, bytes: &bytes, inputs: &ports, given: &inputs };
        inputs_of.iter_mut().enumerate().for_each(|(index, input)| input.add(index, &device));
        for (index, layer) in layers.iter_mut().enumerate() {
            layer.add(index, &sample, source, &float, &device);
        }
        let in_source_order =
            |(port, tensor): (&crate::ir::Port, &Tensor)| port.to_source(tensor.as_f32().unwrap_or(&[]));
        let float: Vec<Vec<f32>> = graph.outputs.iter().zip(&results).map(in_source_order).collect();
        outputs.reference.push(sample.outputs.clone().unwrap_or_else(|| float.clone()));
        outputs.float.push(float);
        outputs.int8.push(stored);
        outputs.inputs.push(sample.inputs.first().cloned().unwrap_or_default());
        outputs.labels.extend(sample.label);
        done += 1;
        progress(done);
        Ok(())
    })?;
    let task = options.task.or(source.task());
    let whole = Whole::of(graph, task, &outputs)?;
    let layers: Vec<LayerReport> =
        layers.into_iter().zip(&taps).map(|(layer, tap)| layer.report(&summary, tap, source)).collect();
    let (unmatched, float_tolerance) = match source {
        Source::Recording(recording) => {
            let found = |label: &String| layers.iter().any(|l| l.layer.as_ref() == Some(label));
            let labels = recording.manifest.layers.iter().map(|l| l.label());
            (labels.filter(|l| !found(l)).collect(), FLOAT_TOLERANCE.max(8.0 * recording.epsilon()))
        }
        Source::Data(_) => (Vec::new(), FLOAT_TOLERANCE),
    };
    let names = graph.inputs.iter().zip(&ports);
    let inputs = names.zip(inputs_of).map(|((port, stored), input)| input.report(&port.name, stored.scale)).collect();
    Ok(Validation { inputs, layers, unmatched, float_tolerance, whole })
}

/// The first outputs and inputs of every sample.
#[derive(Default)]
struct OutputsOf {
    reference: Outputs,
    float: Outputs,
    int8: Outputs,
    inputs: Vec<Vec<f32>>,
    labels: Vec<usize>,
}

/// The recorded layer of every node.
fn find_layers(
    executor: &Executor,
    recording: &Recording,
    options: &ReferenceOptions,
) -> Result<Vec<Option<Matched>>, ReferenceError> {
    let graph = executor.graph();
    let Some(chunk) = recording.chunks().next() else { return Ok(vec![None; graph.nodes.len()]) };
    let chunk = chunk?;
    let mut runs = Vec::new();
    for index in 0..chunk.samples.min(FEW) {
        let sample = Sample::recorded(graph, recording, &chunk, index);
        let mut run = HashMap::new();
        let mut keep = |value: ValueId, values: &[f32]| drop(run.insert(value, values.to_vec()));
        executor.run_observed(&stored(graph, &sample)?, &mut keep).map_err(EvaluateError::from)?;
        runs.push(run);
    }
    match_layers(graph, &recording.manifest, recording.epsilon(), &chunk, &runs, &options.given)
}

/// The inputs of a sample in the order of the graph.
fn stored(graph: &Graph, sample: &Sample) -> Result<Vec<Tensor>, ReferenceError> {
    let data = Dataset { samples: vec![sample.inputs.clone()], origin: "the reference".into(), ..Dataset::default() };
    let stored = stored_samples(graph, &data).map_err(|e| EvaluateError::Samples(Box::new(e)))?;
    Ok(stored.into_iter().next().unwrap_or_default())
}
