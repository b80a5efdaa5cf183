//! What storing the inputs costs, before any layer runs.

use super::layer::Device;
use crate::validate::Similarity;
use crate::validate::compare::Sums;
use serde::Serialize;

/// How far an input of the file is from the reference's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputReport {
    /// Name in the network.
    pub name: String,
    /// Real value of one step of the stored integers.
    pub scale: f32,
    /// The stored values against those given.
    pub similarity: Similarity,
    /// Share of the values that lie outside of what can be stored.
    pub saturated: f64,
}

/// What is added up.
#[derive(Default)]
pub(super) struct Input {
    sums: Sums,
    saturated: u64,
    elements: u64,
}

impl Input {
    /// Adds a sample of input `index`.
    pub fn add(&mut self, index: usize, device: &Device) {
        let given = device.given.get(index).and_then(|tensor| tensor.as_f32());
        let (Some(given), Some(stored), Some(port)) = (given, device.input(index), device.inputs.get(index)) else {
            return;
        };
        for (&given, stored) in given.iter().zip(stored) {
            self.sums.add(given, stored);
            // Rounding alone takes a value half a step at most.
            self.saturated += u64::from((given - stored).abs() > 0.51 * port.scale);
            self.elements += 1;
        }
    }

    pub fn report(self, name: &str, scale: f32) -> InputReport {
        let saturated = self.saturated as f64 / self.elements.max(1) as f64;
        InputReport { name: name.into(), scale, similarity: self.sums.similarity(), saturated }
    }
}
