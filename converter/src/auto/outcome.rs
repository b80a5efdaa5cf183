//! What a search is asked for, and what it found.

use crate::quantize::Method;
use crate::validate::evaluate::Evaluation;
use crate::{Built, Event};

/// What is accurate enough, and how far to go for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AutoOptions {
    /// Percentage points of top-1 accuracy that may be lost; without labels, of samples with another class than in float.
    pub max_drop: f64,
    /// Layers whose weights are rounded for the least error of their output.
    pub adaround: usize,
    /// Layers below so many decibel may get int16 activations, and then be kept in float.
    pub floor_db: f64,
}

impl Default for AutoOptions {
    fn default() -> Self {
        Self { max_drop: 0.5, adaround: 8, floor_db: 30.0 }
    }
}

impl AutoOptions {
    /// True if so many points may be lost. A count of samples over their number is not exact, so that a limit that is one of
    /// these ratios has some slack.
    pub(super) fn allows(&self, drop_points: f64) -> bool {
        drop_points <= self.max_drop + 1e-9
    }
}

/// One way to quantize, measured.
#[derive(Clone, Debug)]
pub struct Step {
    /// `ranges`, `equalize`, `adaround`, `int16`, `float`.
    pub technique: &'static str,
    /// What differs from the step that it builds on.
    pub changed: String,
    /// Share of the evaluation samples classified as labelled, if there are labels: float, and quantized.
    pub accuracy: Option<(f64, f64)>,
    /// Share of the evaluation samples that get the same class as in float.
    pub agreement: f64,
    /// Percentage points lost: of accuracy if there are labels, else of agreement.
    pub drop_points: f64,
    /// Signal-to-noise ratio of the first output on calibration samples, in decibel.
    pub output_db: f64,
    /// The layer with the lowest signal-to-noise ratio on calibration samples, and this in decibel.
    pub worst: Option<(String, f64)>,
    /// Bytes of the file.
    pub file_bytes: usize,
    /// Bytes of RAM for a run.
    pub arena_bytes: u32,
    /// Accurate enough.
    pub held: bool,
}

/// What the search found.
#[derive(Debug)]
pub struct Outcome {
    /// The file of the chosen step.
    pub built: Built,
    /// How its ranges were chosen.
    pub method: Method,
    /// Its evaluation.
    pub evaluation: Evaluation,
    /// Where the evaluation samples came from.
    pub evaluated_on: String,
    /// All that was tried, in order.
    pub steps: Vec<Step>,
    /// Which of them was chosen: the first that is accurate enough, else the most accurate.
    pub chosen: usize,
}

impl Outcome {
    /// True if the chosen step is accurate enough.
    pub fn held(&self) -> bool {
        self.steps[self.chosen].held
    }
}

/// What happens during [`search`](super::search()).
#[derive(Debug)]
#[non_exhaustive]
pub enum AutoEvent<'a> {
    /// As in [`crate::build`].
    Build(Event<'a>),
    /// The next step begins.
    Trying(&'a str),
    /// A step was measured.
    Step(&'a Step),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_just_allowed_holds() {
        let options = AutoOptions { max_drop: 2.0, ..AutoOptions::default() };
        let lost = |n: usize| (1.0 - (250 - n) as f64 / 250.0) * 100.0;
        assert!(lost(5) > 2.0, "the ratio is not exact");
        assert!(options.allows(lost(5)) && !options.allows(lost(6)));
    }
}
