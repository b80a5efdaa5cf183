//! Weights that become zero while training goes on, and stay it.

use super::TrainError;
use super::trainer::Trainer;
use crate::execute::{Array, Precision, RANK, Target};
use crate::ir::ValueId;
use crate::prune::weights::{Layer, Sparsity, masks, without_skipped};
use burn_tensor::Tensor;
use std::collections::HashMap;

/// Choices of weights in the steps in which sparsity grows; more would only take time.
const UPDATES: u64 = 20;

/// Per value, 1 where a weight may be something else than 0.
#[derive(Clone, Default)]
pub(super) struct Sparse(HashMap<ValueId, Tensor<RANK>>);

impl Sparse {
    /// The mask of a value, if it has one.
    pub fn mask(&self, value: ValueId) -> Option<Tensor<RANK>> {
        self.0.get(&value).cloned()
    }

    /// What is zero now stays zero.
    pub fn of_zeros(trainer: &mut Trainer<'_>) -> Self {
        let mut masks = HashMap::new();
        for (value, _, _) in trainer.sparse_layers() {
            let mask: Vec<f32> = trainer.elements(value).iter().map(|&w| f32::from(w != 0.0)).collect();
            if mask.contains(&0.0) {
                let target = Target::accelerator(Precision::Single);
                masks.insert(value, Array::new(mask, trainer.shape(value), &target).full());
            }
        }
        Self(masks)
    }
}

/// The step from which on sparsity grows no more.
pub(super) fn settled(settings: &Sparsity, steps: u64) -> u64 {
    (settings.ramp * steps as f64).ceil() as u64
}

impl Trainer<'_> {
    /// Chooses the weights that are zero from step [`Trainer::step`] of `steps` on, if it is time for a new choice.
    pub fn choose_zeros(&mut self, settings: &Sparsity, steps: u64) -> Result<(), TrainError> {
        let length = settled(settings, steps);
        let every = (length / UPDATES).max(1);
        if self.step > length || (!self.step.is_multiple_of(every) && self.step != length) {
            return Ok(());
        }
        let layers = without_skipped(self.sparse_layers(), &settings.skip)?;
        let elements: Vec<Vec<f32>> = layers.iter().map(|l| self.elements(l.0)).collect();
        let slices: Vec<Layer> = layers.iter().zip(&elements).map(|(l, weights)| Layer { weights, row: l.2 }).collect();
        let chosen = masks(&slices, settings.pattern, settings.scope, settings.at(self.step, steps));
        for ((value, _, _), keep) in layers.iter().zip(&chosen) {
            self.zero(*value, keep);
        }
        let sparse = Sparse::of_zeros(self);
        self.set_sparse(sparse);
        Ok(())
    }
}
