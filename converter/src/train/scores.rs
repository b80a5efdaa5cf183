//! The scores that a loss takes: the graph up to them, and a batch through it.

use super::TrainError;
use super::batch::Batch;
use super::config::Loss;
use super::network::before_probabilities;
use crate::execute::{Array, Executor, Target, Training as Mode};
use crate::ir::{Graph, ValueId};
use crate::passes::{FuseActivations, Pass};
use burn_tensor::Tensor as Burn;

/// The graph up to the scores that the loss takes: logits, where probabilities follow from them.
pub(super) fn scores_graph(graph: &Graph, kind: Loss) -> Result<Graph, TrainError> {
    let mut scores = graph.clone();
    scores.outputs.truncate(1);
    let logits = before_probabilities(graph, kind);
    if kind == Loss::BinaryCrossEntropy && logits.is_none() {
        return Err(TrainError::NoSigmoid);
    }
    if let (Some(logits), Some(output)) = (logits, scores.outputs.first_mut()) {
        output.value = logits;
    }
    scores.remove_dead_nodes();
    // Clamps that a convolution applies itself are faster. The pass keeps all ids of values.
    FuseActivations.run(&mut scores)?;
    Ok(scores)
}

/// The first output for a batch, one row a sample. `observe` sees every value, those of one sample after the other if they
/// cannot run at once.
pub(super) fn rows(
    executor: &Executor,
    batch: &Batch,
    target: &Target,
    mut mode: Option<&mut Mode<'_>>,
    observe: &mut dyn FnMut(ValueId, &Array),
) -> Result<Burn<2>, TrainError> {
    let graph = executor.graph();
    let shape = |port: usize, n: usize| {
        let mut shape = graph.value(graph.inputs[port].value).shape.clone();
        if n > 1 {
            shape[0] = n;
        }
        shape
    };
    let mut run = |inputs: Vec<Array>, n: usize| -> Result<Burn<2>, TrainError> {
        let outputs = match mode.as_deref_mut() {
            Some(mode) => executor.forward_training(inputs, n, mode, observe)?,
            None => executor.forward(inputs, n, observe)?,
        };
        let Some(first) = outputs.first() else { return Err(TrainError::NothingToTrain) };
        let elements: usize = first.shape().iter().product();
        Ok(first.full().reshape([n, elements / n]))
    };
    if executor.batches() || batch.samples == 1 {
        let stacked = batch.inputs.iter().enumerate();
        let inputs = stacked.map(|(i, data)| Array::new(data.clone(), &shape(i, batch.samples), target)).collect();
        return run(inputs, batch.samples);
    }
    // Some op mixes the batch axis with others: one sample at a time, and the rows are joined.
    let mut all = Vec::with_capacity(batch.samples);
    for sample in 0..batch.samples {
        let part = |(i, data): (usize, &Vec<f32>)| {
            let each = data.len() / batch.samples;
            Array::new(data[sample * each..(sample + 1) * each].to_vec(), &shape(i, 1), target)
        };
        all.push(run(batch.inputs.iter().enumerate().map(part).collect(), 1)?);
    }
    Ok(Burn::cat(all, 0))
}
