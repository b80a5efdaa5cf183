//! Where the values of a network lie while its model file runs.

use super::{LayersError, Runner, SessionError};
use crate::inspect::Summary;
use crate::ir::{Graph, ValueId};
use std::ops::Range;

/// A value of the network that is whole in the arena after some instruction.
#[derive(Clone, Debug)]
pub(crate) struct Tap {
    /// In the network.
    pub value: ValueId,
    /// Index of the node that computes it.
    pub node: usize,
    /// The instruction that completes it.
    pub instruction: usize,
    /// Bytes of the arena.
    pub range: Range<usize>,
    /// Of the stored integers; 0 for float32.
    pub scale: f32,
    /// See `scale`.
    pub zero_point: i32,
    /// Bytes of an element.
    pub element: usize,
}

impl Tap {
    /// Stored bytes as real values.
    pub fn real_values<'b>(&self, bytes: &'b [u8]) -> Box<dyn Iterator<Item = f32> + 'b> {
        real_values(self.scale, self.zero_point, self.element, bytes)
    }

    /// Smallest and largest real value that can be stored.
    pub fn limits(&self) -> (f32, f32) {
        let (low, high) = match self.element {
            1 => (-128, 127),
            2 => (-32768, 32767),
            _ => return (f32::NEG_INFINITY, f32::INFINITY),
        };
        (self.scale * (low - self.zero_point) as f32, self.scale * (high - self.zero_point) as f32)
    }
}

/// Values whose node has a namesake among the instructions, in the order of the instructions that complete them.
pub(crate) fn find_taps(graph: &Graph, summary: &Summary) -> Result<Vec<Tap>, LayersError> {
    if summary.instructions.iter().all(|i| i.node.is_empty() || i.scale.is_none()) {
        return Err(LayersError::Stripped);
    }
    let mut taps: Vec<Tap> = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        // A node can take several instructions, each writing a part: the last one completes it.
        let parts: Vec<_> = summary.instructions.iter().filter(|i| i.node == node.name).collect();
        let Some(last) = parts.last() else { continue };
        let (Some(scale), Some(zero_point)) = (last.scale, last.zero_point) else { continue };
        let start = parts.iter().map(|i| i.writes[0]).min().unwrap_or(0) as usize;
        let end = parts.iter().map(|i| i.writes[1]).max().unwrap_or(0) as usize;
        let elements = graph.value(node.output).elements();
        let widths: &[usize] = if scale == 0.0 { &[4] } else { &[1, 2] };
        if let Some(&element) = widths.iter().find(|&width| end.saturating_sub(start) == elements * width) {
            let (value, instruction, range) = (node.output, last.index, start..end);
            taps.push(Tap { value, node: index, instruction, range, scale, zero_point, element });
        }
    }
    taps.sort_by_key(|tap| tap.instruction);
    if taps.is_empty() { Err(LayersError::NothingInCommon) } else { Ok(taps) }
}

/// Runs a sample (source order). Gives the outputs, and the bytes at each tap; none if the arena is not as the tap says.
pub(crate) fn read_taps(
    runner: &mut Runner,
    sample: &[Vec<f32>],
    taps: &[Tap],
) -> Result<(Vec<Vec<f32>>, Vec<Option<Vec<u8>>>), SessionError> {
    let mut results: Vec<Option<Vec<u8>>> = vec![None; taps.len()];
    // An instruction that runs in bands is seen after each of them: the last time, its result is complete.
    let mut look = |index: usize, _: &_, arena: &[u8]| {
        for (result, tap) in results.iter_mut().zip(taps).filter(|(_, tap)| tap.instruction == index) {
            if let Some(bytes) = arena.get(tap.range.clone()) {
                *result = Some(bytes.to_vec());
            }
        }
    };
    let outputs = runner.run_observed(sample, &mut look)?;
    Ok((outputs, results))
}

/// Stored bytes as real values: float32 if there is no scale, else integers of `element` bytes.
pub(crate) fn real_values(
    scale: f32,
    zero_point: i32,
    element: usize,
    bytes: &[u8],
) -> Box<dyn Iterator<Item = f32> + '_> {
    if scale == 0.0 {
        Box::new(bytes.as_chunks::<4>().0.iter().map(|c| f32::from_le_bytes(*c)))
    } else if element == 2 {
        Box::new(bytes.as_chunks::<2>().0.iter().map(move |c| scale * f32::from(i16::from_le_bytes(*c))))
    } else {
        Box::new(bytes.iter().map(move |&b| scale * (i32::from(b as i8) - zero_point) as f32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_bytes_are_read() {
        assert_eq!(real_values(0.5, -128, 1, &[0x80, 0x7f]).collect::<Vec<_>>(), [0.0, 127.5]);
        assert_eq!(real_values(0.5, 0, 2, &[0x00, 0x80, 0x01, 0x00]).collect::<Vec<_>>(), [-16384.0, 0.5]);
        assert_eq!(real_values(0.0, 0, 4, &1.5f32.to_le_bytes()).collect::<Vec<_>>(), [1.5]);
    }
}
