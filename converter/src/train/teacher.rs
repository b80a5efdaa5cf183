//! Distillation: a second network, or its stored scores, as a part of the loss.

use super::TrainError;
use super::batch::Batch;
use super::compress::Teacher as Settings;
use super::config::Loss;
use super::loss::{distillation, loss};
use super::network::before_probabilities;
use super::scores::rows;
use crate::execute::{Array, Executor, Target};
use crate::ir::{Graph, ValueId};
use burn_tensor::Tensor;

/// What the student learns from besides the labels.
pub(super) struct Teacher<'a> {
    settings: &'a Settings,
    kind: Loss,
    /// `None` if its scores come with the samples.
    executor: Option<Executor>,
    /// Values in the teacher and in the student, and their weight.
    features: Vec<(ValueId, ValueId, f32)>,
}

impl<'a> Teacher<'a> {
    /// `graph` is the teacher's, if it is asked during training; `student` the graph up to its scores.
    pub fn new(
        settings: &'a Settings,
        graph: Option<&Graph>,
        student: &Executor,
        kind: Loss,
        target: &Target,
    ) -> Result<Self, TrainError> {
        settings.check()?;
        let Some(graph) = graph else { return Ok(Self { settings, kind, executor: None, features: Vec::new() }) };
        let mut scores = graph.clone();
        scores.outputs.truncate(1);
        let logits = before_probabilities(graph, kind);
        if let (Some(logits), Some(output)) = (logits, scores.outputs.first_mut()) {
            output.value = logits;
        }
        scores.remove_dead_nodes();
        let shapes = |graph: &Graph| -> Vec<Vec<usize>> {
            let ports = graph.inputs.iter().chain(&graph.outputs[..graph.outputs.len().min(1)]);
            ports.map(|p| graph.value(p.value).shape.iter().copied().filter(|&n| n != 1).collect()).collect()
        };
        if shapes(&scores) != shapes(student.graph()) {
            let [teacher, student] = [&scores, student.graph()].map(|g| format!("{:?}", shapes(g)));
            return Err(TrainError::OtherShape { teacher, student });
        }
        let mut features = Vec::new();
        for feature in &settings.features {
            let find = |graph: &Graph, name: &str, whose| {
                let found = graph.nodes.iter().find(|n| n.name == name).map(|n| n.output);
                found.ok_or_else(|| TrainError::NoFeature {
                    whose,
                    name: name.into(),
                    names: graph.nodes.iter().map(|n| n.name.as_str()).collect::<Vec<_>>().join(", "),
                })
            };
            let [a, b] =
                [find(&scores, &feature.teacher, "teacher")?, find(student.graph(), &feature.student, "student")?];
            let (shape_a, shape_b) = (&scores.value(a).shape, &student.graph().value(b).shape);
            if shape_a != shape_b {
                return Err(TrainError::OtherShape {
                    teacher: format!("{shape_a:?} in `{}`", feature.teacher),
                    student: format!("{shape_b:?} in `{}`", feature.student),
                });
            }
            features.push((a, b, feature.weight));
        }
        let executor = Executor::on(&scores, target.clone())?;
        let at_once = executor.batches() && student.batches();
        if !features.is_empty() && !at_once {
            return Err(TrainError::Setting {
                key: "features",
                value: "given".into(),
                expected: "they need networks that several samples can run through at once",
            });
        }
        Ok(Self { settings, kind, executor: Some(executor), features })
    }

    /// Student values that [`Self::join`] wants to see.
    pub fn watches(&self, value: ValueId) -> bool {
        self.features.iter().any(|f| f.1 == value)
    }

    /// The loss with the teacher's part. `y` are the student's scores, `seen` the values that it watches, `target` where the
    /// student computes.
    pub fn join(
        &self,
        hard: Tensor<1>,
        y: Tensor<2>,
        batch: &Batch,
        seen: &[(ValueId, Array)],
        target: &Target,
    ) -> Result<Tensor<1>, TrainError> {
        let mut features: Vec<(ValueId, Array)> = Vec::new();
        let scores = match &self.executor {
            Some(executor) => {
                let mut observe = |value: ValueId, array: &Array| {
                    if self.features.iter().any(|f| f.0 == value) {
                        features.push((value, array.with_record()));
                    }
                };
                let plain = executor.target().clone();
                Tensor::from_inner(rows(executor, batch, &plain, None, &mut observe)?)
            }
            None => {
                let Some(stored) = &batch.teacher else { return Err(TrainError::NoTeacher) };
                let columns = stored.len() / batch.samples.max(1);
                Array::new(stored.clone(), &[batch.samples, columns], target).full().reshape([batch.samples, columns])
            }
        };
        let weight = f64::from(self.settings.weight);
        let soft = match self.kind {
            Loss::Mse => loss(Loss::Mse, y, scores),
            kind => distillation(kind, y, scores, f64::from(self.settings.temperature)),
        };
        let mut sum = hard.mul_scalar(1.0 - weight).add(soft.mul_scalar(weight));
        for (teacher, student, weight) in &self.features {
            let find =
                |all: &[(ValueId, Array)], value: &ValueId| all.iter().find(|a| a.0 == *value).map(|a| a.1.full());
            if let (Some(a), Some(b)) = (find(&features, teacher), find(seen, student)) {
                sum = sum.add(b.sub(a).powi_scalar(2).mean().mul_scalar(*weight));
            }
        }
        Ok(sum)
    }
}
