//! Which parameters stay as they are.

use super::config::Training;
use super::network::Network;
use super::{TrainError, state_dict};
use crate::pattern::fits;

/// Per value, whether `freeze` names it.
pub(super) fn frozen(network: &Network, training: &Training) -> Result<Vec<bool>, TrainError> {
    let graph = &network.graph;
    let mut frozen = vec![false; graph.values.len()];
    for pattern in &training.freeze {
        let mut fits_any = false;
        for (index, value) in graph.values.iter().enumerate().filter(|(_, v)| v.constant.is_some()) {
            let slot = network.slots.iter().find(|s| s.value.0 == index);
            let named = match slot {
                Some(slot) => state_dict::names(slot, &value.name).any(|name| fits(pattern, name)),
                None => fits(pattern, &value.name),
            };
            frozen[index] |= named;
            fits_any |= named;
        }
        if !fits_any {
            let names: Vec<&str> =
                graph.values.iter().filter(|v| v.constant.is_some()).map(|v| v.name.as_str()).take(12).collect();
            return Err(TrainError::Freeze { pattern: pattern.clone(), names: names.join(", ") });
        }
    }
    Ok(frozen)
}
