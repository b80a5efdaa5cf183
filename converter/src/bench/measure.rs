//! The whole measurement of one model on one board.

use super::{
    Actions, BenchError, Board, Clock, DeviceReport, Job, StackUsed, build_image_for, first_difference, host_outputs,
    run,
};
use crate::inspect::Summary;
use serde::Serialize;
use std::time::Duration;

/// What one model costs on one board. Serialized as the command's JSON object.
#[derive(Clone, Debug, Serialize)]
pub struct Measurement {
    /// Version of this object's layout.
    pub schema: u32,
    /// Name of the network.
    pub model: String,
    /// Folder name of the board.
    pub board: String,
    /// Machine that was emulated.
    pub machine: String,
    /// Instruction set.
    pub target: String,
    /// Instructions of one `Engine::run`: the median of the timed runs.
    pub instructions: u64,
    /// Instructions of each timed run.
    pub runs: Vec<u64>,
    /// Counts are multiples of this: the clock's period.
    pub resolution: u64,
    /// Multiply-accumulates of one run.
    pub macs: u64,
    /// Per instruction of the program.
    pub per_instruction: Vec<InstructionMeasurement>,
    /// Instructions of `Model::load`.
    pub load_instructions: u64,
    /// Stack that it needs.
    pub load_stack_bytes: u32,
    /// Instructions of `Engine::new`.
    pub new_instructions: u64,
    /// Arena bytes that the planner says.
    pub planned_arena_bytes: u32,
    /// Arena bytes that a run writes: one past the highest.
    pub arena_high_water_bytes: u32,
    /// Depth of the stack.
    pub stack: StackUsed,
    /// Flash bytes of the image with the kernels that the model uses, without the model.
    pub code_bytes: u64,
    /// Flash bytes of the model.
    pub model_bytes: u32,
    /// Self-test vectors that passed.
    pub self_tests: u32,
    /// Given samples that were run.
    pub samples: usize,
    /// Sample and output of the first one that is not, byte for byte, the host's.
    pub first_difference: Option<(usize, usize)>,
}

/// Time of one instruction of the program.
#[derive(Clone, Debug, Serialize)]
pub struct InstructionMeasurement {
    /// Position in the program.
    pub index: usize,
    /// Kernel.
    pub op: String,
    /// Source node; empty if the file is stripped.
    pub node: String,
    /// Machine instructions, the observer's call included.
    pub instructions: u64,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Part of all instructions, 0 to 1.
    pub share: f64,
}

impl Measurement {
    /// True if the device wrote exactly as much of the arena as the planner said.
    pub fn arena_as_planned(&self) -> bool {
        self.arena_high_water_bytes == self.planned_arena_bytes
    }

    /// True if the device did what the host predicts: the arena, and the bytes of every sample.
    pub fn as_predicted(&self) -> bool {
        self.arena_as_planned() && self.first_difference.is_none()
    }
}

/// Builds `board`'s image for the model if needed, runs the model on it `timed_runs` times, and runs every sample (bytes as stored).
pub fn measure(
    board: &Board,
    blob: &[u8],
    samples: &[Vec<u8>],
    timed_runs: u32,
    limit: Duration,
) -> Result<Measurement, BenchError> {
    let summary = Summary::from_blob(blob)?;
    let image = build_image_for(board, blob)?;
    let actions = Actions { self_test: true, measure: true, profile: true, outputs: !samples.is_empty() };
    let job = Job { actions, timed_runs: timed_runs.max(1), samples };
    let report = run(board, &image, blob, job, Clock::Instructions, limit)?;
    let difference = first_difference(&report.outputs, &host_outputs(blob, samples)?);
    Ok(Measurement { first_difference: difference, ..combine(board, &summary, image.code_bytes, report) })
}

fn combine(board: &Board, summary: &Summary, code_bytes: u64, report: DeviceReport) -> Measurement {
    let (machine, resolution) =
        board.qemu.as_ref().map_or((String::new(), 1), |q| (q.machine.clone(), q.instructions_per_tick));
    let runs: Vec<u64> = report.run_ticks.iter().map(|ticks| ticks * resolution).collect();
    let total_ticks: u64 = report.instruction_ticks.iter().sum();
    let per_instruction = report.instruction_ticks.iter().enumerate().map(|(index, ticks)| {
        let known = summary.instructions.get(index);
        InstructionMeasurement {
            index,
            op: known.map_or(String::new(), |i| i.op.clone()),
            node: known.map_or(String::new(), |i| i.node.clone()),
            instructions: ticks * resolution,
            macs: known.map_or(0, |i| i.macs),
            share: *ticks as f64 / total_ticks.max(1) as f64,
        }
    });
    Measurement {
        schema: 1,
        model: summary.name.clone(),
        board: board.name.clone(),
        machine,
        target: board.target.clone(),
        instructions: median(&runs),
        runs,
        resolution,
        macs: summary.macs,
        per_instruction: per_instruction.collect(),
        load_instructions: report.load_ticks * resolution,
        load_stack_bytes: report.load_stack_bytes,
        new_instructions: report.new_ticks * resolution,
        planned_arena_bytes: report.planned_arena_bytes,
        arena_high_water_bytes: report.arena_high_water_bytes.unwrap_or(0),
        stack: report.stack.unwrap_or(StackUsed { run_bytes: 0, total_bytes: 0 }),
        code_bytes,
        model_bytes: report.file_bytes,
        self_tests: report.self_tests.unwrap_or(0),
        samples: report.outputs.len(),
        first_difference: None,
    }
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_not_moved_by_one_slow_run() {
        assert_eq!(median(&[10, 900, 11]), 11);
        assert_eq!(median(&[]), 0);
    }
}
