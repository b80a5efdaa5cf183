//! Which step decides the size of the arena.

use super::Plan;
use crate::ir::{NodeId, ValueId};

/// The step that needs most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peak {
    /// The node that runs; `None` while the caller fills the inputs or reads the outputs.
    pub node: Option<NodeId>,
    /// Bytes that hold something.
    pub bytes: u32,
    /// What is in memory, largest first.
    pub live: Vec<(ValueId, u32)>,
}

impl Plan {
    /// The fullest step; the first one, if several are as full.
    pub fn peak(&self) -> Peak {
        let mut peak = Peak { node: None, bytes: 0, live: Vec::new() };
        for step in 0..self.order.len() + 2 {
            let live = self.live(step);
            let bytes = covered(live.iter().map(|&(_, start, bytes)| (start, start + bytes)).collect());
            if bytes > peak.bytes {
                let node = step.checked_sub(1).and_then(|index| self.order.get(index)).copied();
                peak = Peak { node, bytes, live: live.into_iter().map(|(value, _, bytes)| (value, bytes)).collect() };
            }
        }
        peak.live.sort_by_key(|&(value, bytes)| (std::cmp::Reverse(bytes), value));
        peak
    }

    /// Values in memory at `step`, with first byte and length.
    fn live(&self, step: usize) -> Vec<(ValueId, u32, u32)> {
        let lives = self.lifetimes.iter().zip(&self.offsets).enumerate();
        let live = lives.filter_map(|(index, (life, offset))| {
            let life = life.as_ref().filter(|life| life.first <= step && step <= life.last);
            let value = ValueId(index);
            life.and(*offset).map(|start| (value, start, self.bytes(value) as u32))
        });
        live.collect()
    }
}

/// Bytes in at least one of the ranges.
fn covered(mut ranges: Vec<(u32, u32)>) -> u32 {
    ranges.sort_unstable();
    let (mut total, mut end) = (0, 0);
    for (first, last) in ranges {
        total += last.saturating_sub(first.max(end));
        end = end.max(last);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::covered;

    #[test]
    fn common_bytes_count_once() {
        assert_eq!(covered(vec![(10, 20), (0, 5), (15, 30), (16, 18)]), 25);
        assert_eq!(covered(Vec::new()), 0);
    }
}
