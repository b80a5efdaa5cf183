//! Times of whole runs and of each instruction, exact and in memory that is known beforehand.

use crate::board::Board;
use mote_link::{Bench, Timing};
use mote_runtime::Observer;
use mote_runtime::format::Instruction;

/// Most runs that one request for a bench measures. A host that wants more asks again; it asks for one at a time if it wants every
/// time.
pub const MAX_RUNS: usize = 8;

/// What the last bench has measured. For each instruction there is a row of words: what the current run has taken so far, then
/// one word for each run, from the fastest to the slowest, filled up with the largest number.
#[derive(Debug)]
pub struct Times<'d> {
    words: &'d mut [u32],
    whole: [u64; MAX_RUNS],
    runs: usize,
    instructions: usize,
}

impl<'d> Times<'d> {
    /// Nothing measured.
    pub const fn new(words: &'d mut [u32]) -> Self {
        Self { words, whole: [u64::MAX; MAX_RUNS], runs: 0, instructions: 0 }
    }

    /// Makes room for `repeat` runs, or fewer; returns how many.
    pub fn begin(&mut self, repeat: u16, instructions: usize) -> usize {
        let row = self.words.len() / instructions.max(1);
        self.runs = usize::from(repeat).min(MAX_RUNS).min(row.saturating_sub(1)).max(1);
        self.instructions = instructions.min(self.words.len() / self.runs.saturating_add(1));
        self.words.fill(u32::MAX);
        self.whole.fill(u64::MAX);
        self.runs
    }

    /// A whole run has taken `ticks`.
    pub fn whole_run(&mut self, ticks: u64) {
        insert(&mut self.whole, ticks);
    }

    /// A run is about to be watched.
    pub fn begin_run(&mut self) {
        self.rows().filter_map(<[u32]>::first_mut).for_each(|sum| *sum = 0);
    }

    /// The watched run is over.
    pub fn end_run(&mut self) {
        self.rows().filter_map(<[u32]>::split_first_mut).for_each(|(sum, sorted)| insert(sorted, *sum));
    }

    /// What was measured of whole runs.
    pub fn bench(&self) -> Bench {
        let at = |run: usize| self.whole.get(run).copied().unwrap_or_default();
        Bench {
            runs: self.runs as u16,
            instructions: self.instructions as u16,
            min: at(0),
            median: at(self.runs / 2),
            max: at(self.runs.saturating_sub(1)),
        }
    }

    /// What was measured of an instruction.
    pub fn timing(&mut self, instruction: u16) -> Option<Timing> {
        let middle = self.runs / 2;
        let (_, sorted) = self.rows().nth(instruction.into())?.split_first_mut()?;
        Some(Timing { min: *sorted.first()?, median: *sorted.get(middle)?, max: *sorted.last()? })
    }

    fn rows(&mut self) -> impl Iterator<Item = &mut [u32]> {
        self.words.chunks_exact_mut(self.runs.saturating_add(1)).take(self.instructions)
    }

    /// An instruction in bands runs several times: its time is their sum.
    fn add(&mut self, instruction: usize, ticks: u64) {
        if let Some(sum) = self.rows().nth(instruction).and_then(<[u32]>::first_mut) {
            *sum = sum.saturating_add(u32::try_from(ticks).unwrap_or(u32::MAX));
        }
    }
}

/// Puts `value` in its place; the last one falls off.
fn insert<T: PartialOrd>(sorted: &mut [T], mut value: T) {
    for place in sorted {
        if value < *place {
            core::mem::swap(place, &mut value);
        }
    }
}

/// Takes the time of each instruction of a run. Finding the row of an instruction is not part of anybody's time.
pub struct Watch<'w, 'd, B> {
    board: &'w mut B,
    times: &'w mut Times<'d>,
    started: u64,
}

impl<'w, 'd, B: Board> Watch<'w, 'd, B> {
    /// Nothing is running yet.
    pub fn new(board: &'w mut B, times: &'w mut Times<'d>) -> Self {
        Self { board, times, started: 0 }
    }
}

impl<B: Board> Observer for Watch<'_, '_, B> {
    fn before(&mut self, _index: usize, _instruction: &Instruction) {
        self.started = self.board.ticks();
    }

    fn after(&mut self, index: usize, _instruction: &Instruction, _arena: &[u8]) {
        let ticks = self.board.ticks().wrapping_sub(self.started);
        self.times.add(index, ticks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs of two instructions, the second in two bands.
    fn measure(times: &mut Times<'_>, runs: &[[u64; 2]]) {
        for &[first, second] in runs {
            times.whole_run(first + second);
            times.begin_run();
            times.add(0, first);
            times.add(1, second / 2);
            times.add(1, second - second / 2);
            times.end_run();
        }
    }

    #[test]
    fn min_median_and_max_are_those_of_the_runs() {
        let mut words = [0; 8];
        let mut times = Times::new(&mut words);
        assert_eq!(times.timing(0), None);
        assert_eq!(times.begin(3, 2), 3);
        measure(&mut times, &[[5, 1 << 33], [9, 40], [1, 70]]);
        assert_eq!(times.bench(), Bench { runs: 3, instructions: 2, min: 49, median: 71, max: 5 + (1 << 33) });
        assert_eq!(times.timing(0), Some(Timing { min: 1, median: 5, max: 9 }));
        assert_eq!(times.timing(1), Some(Timing { min: 40, median: 70, max: u32::MAX }));
        assert_eq!(times.timing(2), None);
    }

    #[test]
    fn fewer_words_give_fewer_runs_and_then_fewer_instructions() {
        let mut memory = [0; 100];
        for (words, repeat, instructions, runs, timed) in [
            (100, 1000, 1, MAX_RUNS, 1),
            (100, 1000, 20, 4, 20),
            (100, 3, 20, 3, 20),
            (100, 7, 60, 1, 50),
            (1, 9, 5, 1, 0),
        ] {
            let mut times = Times::new(&mut memory[..words]);
            assert_eq!(times.begin(repeat, instructions), runs, "{words} {repeat} {instructions}");
            times.whole_run(8);
            times.begin_run();
            (0..instructions).for_each(|index| times.add(index, index as u64));
            times.end_run();
            assert_eq!(times.bench().instructions, timed, "{words} {repeat} {instructions}");
            assert_eq!(times.timing(timed), None);
            assert!(timed == 0 || times.timing(timed - 1).unwrap().min == u32::from(timed - 1));
        }
    }
}
