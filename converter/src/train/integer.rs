//! The network as the device computes it, for training that rounds.
//!
//! Nothing here imitates integer arithmetic: the weights of the moment are quantized, planned and written as `mote convert`
//! does it, and the engine that runs on the device computes the batch. Training takes over what each rounding gave.

use super::TrainError;
use super::batch::Batch;
use crate::emit::{EmitOptions, emit};
use crate::execute::{Array, Target};
use crate::ir::{DType, Graph, Op, ValueId};
use crate::plan::{PlanOptions, plan_with};
use crate::quantize;
use crate::validate::{Runner, Session, SessionError, real_values};
use rayon::prelude::*;

/// Bytes of the arena that hold what a rounding gives, after an instruction.
struct Watched {
    /// Index of the `FakeQuantize` node.
    node: usize,
    instruction: usize,
    start: usize,
    elements: usize,
    scale: f32,
    zero_point: i32,
    dtype: DType,
}

/// A model file of the present weights.
pub(super) struct Integer {
    session: Session,
    watched: Vec<Watched>,
    /// Weights and biases as real numbers that their integers stand for.
    pub constants: Vec<(ValueId, Array)>,
    graph: Graph,
}

/// What the engine computed for a batch.
pub(super) struct Computed {
    /// By index of the rounding.
    pub roundings: Vec<(usize, Array)>,
    /// The first output, one row a sample.
    pub outputs: Array,
}

/// One sample of a batch.
struct Sample {
    /// What each watched rounding gave.
    roundings: Vec<Vec<f32>>,
    /// The first output.
    output: Vec<f32>,
}

impl Integer {
    /// `graph` holds roundings and the present weights.
    pub fn new(graph: Graph, int4_weights: &[String], target: &Target) -> Result<Self, TrainError> {
        let quant = quantize::stored(&graph, int4_weights)?;
        let constants = quantize::stored_constants(&graph, &quant)
            .into_iter()
            .map(|(id, real, _)| (id, Array::new(real, &graph.value(id).shape, target)))
            .collect();
        // Every value is to be seen complete, and as it was made.
        let plan = plan_with(quant, &PlanOptions { overlap: false, ..PlanOptions::default() })?;
        let emitted = emit(&plan, &EmitOptions { meta: None, ..EmitOptions::default() })?;
        let mut watched = Vec::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            if !matches!(node.op, Op::FakeQuantize { .. }) {
                continue;
            }
            // A rounding that was merged is the value that it rounded.
            for value in [node.output, node.inputs[0]] {
                let made = emitted.sources.iter().position(|s| s.completes == Some(value));
                let q = plan.quant.quantization[value.0].as_ref();
                if let (Some(instruction), Some(q), Some(start)) = (made, q, plan.offset(value)) {
                    let stored = plan.quant.graph.value(value);
                    watched.push(Watched {
                        node: index,
                        instruction,
                        start: start as usize,
                        elements: stored.elements(),
                        scale: q.scale(),
                        zero_point: q.zero_point,
                        dtype: stored.dtype,
                    });
                    break;
                }
            }
        }
        Ok(Self { session: Session::load(emitted.bytes)?, watched, constants, graph })
    }

    /// Runs a batch on all cores.
    pub fn run(&self, batch: &Batch, target: &Target) -> Result<Computed, TrainError> {
        let samples: Vec<usize> = (0..batch.samples).collect();
        let one = |runner: &mut Result<Runner<'_>, SessionError>, &sample: &usize| match runner {
            Ok(runner) => self.run_one(runner, batch, sample),
            Err(_) => self.run_one(&mut self.session.runner()?, batch, sample),
        };
        let all: Vec<Sample> =
            samples.par_iter().map_init(|| self.session.runner(), one).collect::<Result<_, SessionError>>()?;
        let roundings = self.watched.iter().enumerate().map(|(at, watched)| {
            let mut shape = self.graph.value(self.graph.nodes[watched.node].output).shape.clone();
            if batch.samples > 1 {
                shape[0] = batch.samples;
            }
            (
                watched.node,
                Array::new(
                    all.iter().flat_map(|sample| sample.roundings[at].iter().copied()).collect(),
                    &shape,
                    target,
                ),
            )
        });
        let outputs: Vec<f32> = all.iter().flat_map(|sample| sample.output.iter().copied()).collect();
        let columns = outputs.len() / batch.samples.max(1);
        Ok(Computed { roundings: roundings.collect(), outputs: Array::new(outputs, &[batch.samples, columns], target) })
    }

    /// What the roundings and the first output are for one sample.
    fn run_one(&self, runner: &mut Runner<'_>, batch: &Batch, sample: usize) -> Result<Sample, SessionError> {
        let source = |(port, data): (&crate::ir::Port, &Vec<f32>)| {
            let each = data.len() / batch.samples;
            port.to_source(&data[sample * each..(sample + 1) * each])
        };
        let inputs: Vec<Vec<f32>> = self.graph.inputs.iter().zip(&batch.inputs).map(source).collect();
        let mut roundings = vec![Vec::new(); self.watched.len()];
        let outputs = runner.run_observed(&inputs, &mut |instruction, _, arena| {
            for (watched, real) in self.watched.iter().zip(&mut roundings).filter(|(w, _)| w.instruction == instruction)
            {
                *real = watched.read(arena);
            }
        })?;
        let first = outputs.into_iter().next().unwrap_or_default();
        let stored = self.graph.outputs.first().map(|port| port.to_stored(&first));
        Ok(Sample { roundings, output: stored.unwrap_or(first) })
    }
}

impl Watched {
    fn read(&self, arena: &[u8]) -> Vec<f32> {
        let element = if self.dtype == DType::I16 { 2 } else { 1 };
        let bytes = arena.get(self.start..self.start + self.elements * element).unwrap_or_default();
        real_values(self.scale, self.zero_point, element, bytes).collect()
    }
}
