//! Time per instruction.

use crate::board::Board;
use crate::report::Report;
use mote_runtime::Observer;
use mote_runtime::format::Instruction;

/// Runs `work` and says how many ticks it took.
pub fn timed<B: Board, T>(board: &mut B, work: impl FnOnce() -> T) -> (u64, T) {
    let start = board.ticks();
    let result = work();
    (board.ticks() - start, result)
}

/// Reports every instruction as `op <index> <ticks>`. Writing the line is not part of anybody's time.
pub struct Profile<'r, 'b, B: Board> {
    report: &'r mut Report<'b, B>,
    started: u64,
}

impl<'r, 'b, B: Board> Profile<'r, 'b, B> {
    /// Nothing is running yet.
    pub fn new(report: &'r mut Report<'b, B>) -> Self {
        Self { report, started: 0 }
    }
}

impl<B: Board> Observer for Profile<'_, '_, B> {
    fn before(&mut self, _index: usize, _instruction: &Instruction) {
        self.started = self.report.board.ticks();
    }

    fn after(&mut self, index: usize, _instruction: &Instruction, _arena: &[u8]) {
        let ticks = self.report.board.ticks() - self.started;
        self.report.line("op", &[index as u64, ticks]);
    }
}
