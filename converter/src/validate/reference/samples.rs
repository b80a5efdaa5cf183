//! Where the samples of a validation come from.

use super::ReferenceError;
use crate::data::Dataset;
use crate::ir::{Graph, Port};
use crate::recording::{Chunk, Recording, Task, TensorRecord};
use crate::validate::evaluate::Outputs;

/// What a file is compared with.
pub enum Source<'a> {
    /// Inputs, outputs and layers as they were computed elsewhere.
    Recording(&'a Recording),
    /// Inputs only: the float network itself is the reference.
    Data(&'a Dataset),
}

/// One sample, in the order of the source network.
pub(super) struct Sample<'a> {
    pub inputs: Vec<Vec<f32>>,
    pub outputs: Option<Vec<Vec<f32>>>,
    pub label: Option<usize>,
    /// Where its layers are: a chunk, and the number in it.
    pub recorded: Option<(&'a Chunk, usize)>,
}

impl<'a> Sample<'a> {
    /// Sample `index` of `chunk`.
    pub fn recorded(graph: &Graph, recording: &Recording, chunk: &'a Chunk, index: usize) -> Self {
        let manifest = &recording.manifest;
        let read = |ports: &[Port], records: &[TensorRecord]| -> Vec<Vec<f32>> {
            let of = |(at, port): (usize, &Port)| {
                record_of(port, at, records).map(|r| chunk.sample(&r.tensor, index).to_vec()).unwrap_or_default()
            };
            ports.iter().enumerate().map(of).collect()
        };
        Self {
            inputs: read(&graph.inputs, &manifest.inputs),
            outputs: Some(read(&graph.outputs, &manifest.outputs)),
            label: recording.labels().and_then(|labels| labels.get(chunk.first + index).copied()),
            recorded: Some((chunk, index)),
        }
    }
}

/// The record of a port: that of its name, else the one at its place.
fn record_of<'r>(port: &Port, at: usize, records: &'r [TensorRecord]) -> Option<&'r TensorRecord> {
    records.iter().find(|r| r.name == port.name).or_else(|| records.get(at))
}

impl Source<'_> {
    /// What the outputs are for, if the source says it.
    pub fn task(&self) -> Option<Task> {
        match self {
            Self::Recording(recording) => recording.manifest.task,
            Self::Data(_) => None,
        }
    }

    /// Samples in all.
    pub fn len(&self) -> usize {
        match self {
            Self::Recording(recording) => recording.len(),
            Self::Data(data) => data.len(),
        }
    }

    /// True if there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses a recording of another network.
    pub(super) fn check(&self, graph: &Graph) -> Result<(), ReferenceError> {
        let Self::Recording(recording) = self else { return Ok(()) };
        let manifest = &recording.manifest;
        for (what, single, ports, records) in [
            ("inputs", "input", &graph.inputs, &manifest.inputs),
            ("outputs", "output", &graph.outputs, &manifest.outputs),
        ] {
            if ports.len() != records.len() {
                return Err(ReferenceError::Count { what, expected: ports.len(), found: records.len() });
            }
            for (at, port) in ports.iter().enumerate() {
                let Some(record) = record_of(port, at, records) else { continue };
                let expected: Vec<usize> = port.source_shape.clone();
                let found: usize = record.shape.iter().skip(1).product();
                if expected.iter().product::<usize>() != found {
                    let (name, tensor, found) = (port.name.clone(), record.tensor.clone(), record.shape.clone());
                    return Err(ReferenceError::Shape { what: single, name, expected, tensor, found });
                }
            }
        }
        Ok(())
    }

    /// The inputs of the first `n` samples.
    pub(super) fn first(&self, graph: &Graph, n: usize) -> Result<Vec<Vec<Vec<f32>>>, ReferenceError> {
        let mut first = Vec::new();
        self.each(graph, Some(n), &mut |sample| {
            first.push(sample.inputs);
            Ok(())
        })?;
        Ok(first)
    }

    /// The inputs of `n` samples, spread evenly, as data to calibrate on, and the recorded outputs if there are some.
    pub fn inputs(&self, graph: &Graph, n: usize) -> Result<(Dataset, Option<Outputs>), ReferenceError> {
        let mut data = Dataset { origin: "the reference".into(), ..Dataset::default() };
        let mut outputs = Outputs::new();
        self.each(graph, Some(n), &mut |sample| {
            data.samples.push(sample.inputs);
            outputs.extend(sample.outputs);
            Ok(())
        })?;
        let whole = outputs.len() == data.len();
        Ok((data, whole.then_some(outputs)))
    }

    /// Gives `n` samples, spread evenly, to `take`; all if `n` is `None`.
    pub(super) fn each(
        &self,
        graph: &Graph,
        n: Option<usize>,
        take: &mut dyn FnMut(Sample) -> Result<(), ReferenceError>,
    ) -> Result<(), ReferenceError> {
        let (all, n) = (self.len(), n.unwrap_or(usize::MAX).min(self.len()).max(1));
        let mut wanted = (0..n).map(|i| i * all / n).peekable();
        match self {
            Self::Data(data) => {
                for index in wanted {
                    let label = data.labels.as_ref().and_then(|labels| labels.get(index).copied());
                    let inputs = data.samples[index].clone();
                    take(Sample { inputs, outputs: None, label, recorded: None })?;
                }
            }
            Self::Recording(recording) => {
                for chunk in recording.chunks() {
                    let chunk = chunk?;
                    while let Some(index) = wanted.next_if(|i| *i < chunk.first + chunk.samples) {
                        take(Sample::recorded(graph, recording, &chunk, index - chunk.first))?;
                    }
                }
            }
        }
        Ok(())
    }
}
