//! What a way to quantize does to calibration samples: error of the output, and of every layer.

use crate::BuildError;
use crate::data::Dataset;
use crate::emit::{EmitOptions, emit};
use crate::ir::Graph;
use crate::plan::{PlanOptions, plan_with};
use crate::quantize::QuantGraph;
use crate::validate::evaluate::{Evaluation, Outputs, run_float, run_stored};
use crate::validate::{LayerError, LayersError, Session, compare_file};

/// Calibration samples on which the output is compared, …
const OUTPUT_SAMPLES: usize = 32;
/// … and on which every layer is.
const LAYER_SAMPLES: usize = 16;

/// Some calibration samples, and what the float network makes of them.
pub struct Probe {
    samples: Vec<Vec<Vec<f32>>>,
    layer_samples: Vec<Vec<Vec<f32>>>,
    float: Outputs,
}

/// The error of every layer that could be measured, in execution order.
pub type Layers = Vec<LayerError>;

impl Probe {
    /// Runs the float network on samples spread over `data`.
    pub fn new(graph: &Graph, data: &Dataset) -> Result<Self, BuildError> {
        let spread = |n| data.spread(n).into_iter().cloned().collect::<Vec<_>>();
        let (samples, layer_samples) = (spread(OUTPUT_SAMPLES), spread(LAYER_SAMPLES));
        let float = run_float(graph, &samples, &mut |_| {}).map_err(LayersError::from)?;
        Ok(Self { samples, layer_samples, float })
    }

    /// Power of the first output over that of its error, in decibel.
    pub fn output_db(&self, quant: &QuantGraph) -> Result<f64, BuildError> {
        self.output_db_of(&session(quant)?)
    }

    /// The same of a finished file.
    fn output_db_of(&self, session: &Session) -> Result<f64, BuildError> {
        let stored = run_stored(session, &self.samples, &|| {}).map_err(evaluate_error)?;
        let error = Evaluation::of(None, &stored, Some(&self.float)).output_error;
        Ok(error.map_or(f64::INFINITY, |e| e.sqnr_db))
    }

    /// The error of every layer of `quant` against `graph`, from which it was quantized, and that of the output.
    pub fn layers(&self, graph: &Graph, quant: &QuantGraph) -> Result<(Layers, f64), BuildError> {
        let session = session(quant)?;
        let layers = compare_file(graph, &session, &self.layer_samples, false, &mut |_| {})?;
        Ok((layers, self.output_db_of(&session)?))
    }
}

fn evaluate_error(error: crate::validate::SessionError) -> BuildError {
    LayersError::from(crate::validate::evaluate::EvaluateError::from(error)).into()
}

/// A file with the names and scales that a comparison needs, and with every value complete in memory.
pub(super) fn session(quant: &QuantGraph) -> Result<Session, BuildError> {
    let plan = plan_with(quant.clone(), &PlanOptions { overlap: false, ..PlanOptions::default() })?;
    let emitted = emit(&plan, &EmitOptions::default())?;
    Session::load(emitted.bytes).map_err(evaluate_error)
}
