//! A float network and its calibration data, to be quantized in several ways.

use crate::data::Dataset;
use crate::ir::{Graph, Tensor, ValueId};
use crate::quantize::{
    Equalized, Method, Moments, Observed, QuantizeOptions, Ranges, RoundedLayer, equalize, gather_moments, observe,
    round_worst,
};
use crate::{BuildError, Event, stored_samples};
use std::collections::HashMap;
use std::sync::Arc;

/// A network, and everything that calibration saw of it. What takes long is done once.
pub struct Working {
    graph: Graph,
    samples: Arc<Vec<Vec<Tensor>>>,
    observed: Observed,
    changed: Vec<Equalized>,
    moments: Option<HashMap<ValueId, Arc<Moments>>>,
}

impl Working {
    /// Observes `graph` on the calibration samples.
    pub fn new(graph: &Graph, data: &Dataset, events: &mut dyn FnMut(Event)) -> Result<Self, BuildError> {
        let samples = Arc::new(stored_samples(graph, data)?);
        Self::of(graph.clone(), samples, Vec::new(), events)
    }

    fn of(
        graph: Graph,
        samples: Arc<Vec<Vec<Tensor>>>,
        changed: Vec<Equalized>,
        events: &mut dyn FnMut(Event),
    ) -> Result<Self, BuildError> {
        let total = samples.len();
        let observed = observe(&graph, &samples, &mut |done| events(Event::Calibrating { done, total }))?;
        Ok(Self { graph, samples, observed, changed, moments: None })
    }

    /// The network with like ranges in all channels, observed again; `None` if that changes nothing.
    pub fn equalized(&self, events: &mut dyn FnMut(Event)) -> Result<Option<Self>, BuildError> {
        let mut graph = self.graph.clone();
        let changed = equalize(&mut graph, &self.observed);
        if changed.is_empty() { Ok(None) } else { Self::of(graph, self.samples.clone(), changed, events).map(Some) }
    }

    /// The network as it is quantized.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The pairs of layers that differ from the network that came.
    pub fn changed(&self) -> &[Equalized] {
        &self.changed
    }

    /// Ranges by `method`, and the weights of the `adaround` layers that lose most by rounding to nearest, rounded otherwise.
    pub fn ranges(
        &mut self,
        method: Method,
        adaround: usize,
        options: &QuantizeOptions,
        events: &mut dyn FnMut(Event),
    ) -> Result<(Ranges, Vec<RoundedLayer>), BuildError> {
        let mut ranges = self.observed.ranges(&self.graph, method);
        if adaround == 0 {
            return Ok((ranges, Vec::new()));
        }
        let moments = match &self.moments {
            Some(moments) => moments,
            None => {
                let total = self.samples.len();
                let mut progress = |done| events(Event::Watching { done, total });
                let centered = options.bias_correction;
                self.moments.insert(gather_moments(&self.graph, &self.samples, centered, &mut progress)?)
            }
        };
        let rounded = round_worst(&self.graph, moments, &mut ranges, options, adaround)?;
        Ok((ranges, rounded))
    }
}
