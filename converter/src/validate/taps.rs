//! Where the values of a network lie while its model file runs.

use super::evaluate::EvaluateError;
use super::{LayersError, Runner, Session, SessionError};
use crate::inspect::{Facts, Summary};
use crate::ir::{Graph, ValueId};
use mote_runtime::format::Instruction;
use mote_runtime::format::instruction::{Stage, Stages};
use std::collections::HashMap;
use std::ops::Range;

/// A value of the network that an instruction writes, whole or in bands of rows.
#[derive(Clone, Debug)]
pub(crate) struct Tap {
    /// In the network.
    pub value: ValueId,
    /// Index of the node that computes it.
    pub node: usize,
    /// The instruction that completes it.
    pub instruction: usize,
    /// Bytes of the arena; if it comes in bands, those of the value.
    pub range: Range<usize>,
    bands: Option<Bands>,
    /// Of the stored integers; 0 for float32.
    pub scale: f32,
    /// See `scale`.
    pub zero_point: i32,
    /// Bytes of an element.
    pub element: usize,
}

/// How a value comes in bands.
#[derive(Clone, Debug)]
struct Bands {
    /// The rows of each band.
    rows: Vec<Range<u32>>,
    /// Which rows are computed at all: the network may not need the last ones.
    computed: Vec<bool>,
    /// Bytes of a row.
    row: usize,
}

impl Tap {
    /// False for an element that is never computed, because nobody reads it.
    pub fn holds(&self, element: usize) -> bool {
        let row = |bands: &Bands| bands.computed.get(element * self.element / bands.row.max(1)).copied();
        self.bands.as_ref().is_none_or(|bands| row(bands).unwrap_or(false))
    }

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
pub(crate) fn find_taps(graph: &Graph, session: &Session, summary: &Summary) -> Result<Vec<Tap>, LayersError> {
    if summary.instructions.iter().all(|i| i.node.is_empty() || i.scale.is_none()) {
        return Err(LayersError::Stripped);
    }
    let mut banded = bands(session).map_err(EvaluateError::from)?;
    let mut taps: Vec<Tap> = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        // A node can take several instructions, each writing a part: the last one completes it.
        let parts: Vec<_> = summary.instructions.iter().filter(|i| i.node == node.name).collect();
        let Some(last) = parts.last() else { continue };
        let (Some(scale), Some(zero_point)) = (last.scale, last.zero_point) else { continue };
        let bands = banded.remove(&last.index);
        let (start, end) = match &bands {
            Some(bands) => (0, bands.computed.len() * bands.row),
            None => {
                let start = parts.iter().map(|i| i.writes[0]).min().unwrap_or(0) as usize;
                (start, parts.iter().map(|i| i.writes[1]).max().unwrap_or(0) as usize)
            }
        };
        let elements = graph.value(node.output).elements();
        let widths: &[usize] = if scale == 0.0 { &[4] } else { &[1, 2] };
        if let Some(&element) = widths.iter().find(|&width| end.saturating_sub(start) == elements * width) {
            let (value, instruction, range) = (node.output, last.index, start..end);
            taps.push(Tap { value, node: index, instruction, range, bands, scale, zero_point, element });
        }
    }
    taps.sort_by_key(|tap| tap.instruction);
    if taps.is_empty() { Err(LayersError::NothingInCommon) } else { Ok(taps) }
}

/// Of each instruction whose result is never whole in the arena, how it comes.
fn bands(session: &Session) -> Result<HashMap<usize, Bands>, SessionError> {
    let all: Vec<Instruction> = session.model()?.instructions().collect();
    let mut found = HashMap::new();
    for (head, instruction) in all.iter().enumerate() {
        let Instruction::Bands(bands) = instruction else { continue };
        let mut stages = Stages::default();
        let mut chain = all.iter().skip(head + 1).take(bands.count as usize).filter_map(Stage::of);
        let _ = chain.all(|stage| stages.push(stage));
        let mut rows: Vec<Vec<Range<u32>>> = vec![Vec::new(); stages.as_slice().len()];
        stages.walk(|position, stages| {
            if let (Some(rows), Some(stage)) = (rows.get_mut(position), stages.get(position)) {
                rows.push(stage.rows());
            }
        });
        // The last one's result is whole in the end.
        rows.pop();
        for (position, (rows, stage)) in rows.into_iter().zip(stages.as_slice()).enumerate() {
            let mut computed = vec![false; stage.y_shape.h as usize];
            rows.iter().cloned().flatten().for_each(|row| computed[row as usize] = true);
            let row = (stage.y_shape.w * stage.y_shape.c) as usize;
            found.insert(head + 1 + position, Bands { rows, computed, row });
        }
    }
    Ok(found)
}

/// The bytes at each tap.
pub(crate) type Tapped = Vec<Option<Vec<u8>>>;

/// Runs a sample (source order). Gives the outputs, and the bytes at each tap; none if the arena is not as the tap says.
pub(crate) fn read_taps(
    runner: &mut Runner,
    sample: &[Vec<f32>],
    taps: &[Tap],
) -> Result<(Vec<Vec<f32>>, Tapped), SessionError> {
    let mut results: Tapped = vec![None; taps.len()];
    let mut seen = vec![0; taps.len()];
    let mut look = |index: usize, instruction: &Instruction, arena: &[u8]| {
        for (at, tap) in taps.iter().enumerate().filter(|(_, tap)| tap.instruction == index) {
            let Some(bands) = &tap.bands else {
                // Seen after each band of a chain's last instruction: the last time, its result is complete.
                results[at] = arena.get(tap.range.clone()).map(<[u8]>::to_vec);
                continue;
            };
            let Some(rows) = bands.rows.get(seen[at]) else { continue };
            seen[at] += 1;
            let start = Facts::of(instruction).writes[0] as usize;
            let (from, to) = (rows.start as usize * bands.row, rows.end as usize * bands.row);
            let value = results[at].get_or_insert_with(|| vec![0; tap.range.len()]);
            if let (Some(to), Some(from)) = (value.get_mut(from..to), arena.get(start..start + (to - from))) {
                to.copy_from_slice(from);
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
