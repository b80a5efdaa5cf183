//! The whole app on the host, with a board made of a vector and a counter.

#[path = "common/negation.rs"]
mod common;

use common::ELEMENTS;
use mote_firmware_app::job::{HEADER_BYTES, MAGIC, MEASURE, OUTPUTS, PROFILE, SELF_TEST};
use mote_firmware_app::{Board, Failure, Memory, StackUsed, run};
use mote_runtime::format::Crc32;
use mote_runtime::{AlignedBytes, AllOps, EngineError, LoadError};

/// Every look at the clock takes ten ticks.
#[derive(Default)]
struct FakeBoard {
    text: Vec<u8>,
    ticks: u64,
    painted: u32,
}

impl Board for FakeBoard {
    const NAME: &'static str = "fake";

    fn write(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    fn ticks(&mut self) -> u64 {
        self.ticks += 10;
        self.ticks
    }

    fn paint_stack(&mut self) {
        self.painted += 1;
    }

    fn stack_used(&mut self) -> StackUsed {
        StackUsed { below_bytes: 64 * self.painted, total_bytes: 1000 }
    }
}

/// With one self-test vector.
fn negation(expected_first_byte: u8) -> Vec<u8> {
    common::negation(expected_first_byte, 0, common::ARENA_BYTES, |_| [0; 32])
}

fn job(actions: u32, timed_runs: u32, samples: &[Vec<u8>]) -> Vec<u8> {
    let sample_bytes = samples.first().map_or(0, Vec::len) as u32;
    let mut bytes = MAGIC.to_vec();
    for word in [actions, samples.len() as u32, sample_bytes, timed_runs] {
        bytes.extend(word.to_le_bytes());
    }
    let samples = samples.concat();
    let crc = Crc32::of(&[&bytes[..], &samples].concat());
    bytes.extend(crc.to_le_bytes());
    assert_eq!(bytes.len(), HEADER_BYTES);
    bytes.extend(samples);
    bytes
}

fn run_on_fake(model: &[u8], job: &[u8], arena_bytes: usize) -> (Result<(), Failure>, String) {
    let model = AlignedBytes::copy_of(model);
    let mut arena = AlignedBytes::zeroed(arena_bytes);
    let mut board = FakeBoard::default();
    let outcome = run::<_, AllOps>(&mut board, Memory { model: &model, job, arena: &mut arena });
    (outcome, String::from_utf8(board.text).unwrap())
}

#[test]
fn a_whole_job_is_reported_line_by_line() {
    let samples = [vec![0; ELEMENTS as usize], vec![1; ELEMENTS as usize]];
    let model = negation(!7);
    let bytes = model.len();
    let job = job(SELF_TEST | MEASURE | PROFILE | OUTPUTS, 2, &samples);
    let (outcome, text) = run_on_fake(&model, &job, 4096);
    assert_eq!(outcome, Ok(()));
    let body = format!(
        "mote-report 1 fake\nmodel {bytes} 88 1 1 1\nload 10 64\nnew 10\nselftest 1\narena 88 4096\nstack 192 1000\n\
         run 10\nrun 10\nop 0 10\n\
         out 0 0 0 {}\nout 0 0 32 {}\nout 1 0 0 {}\nout 1 0 32 {}\nstatus ok\n",
        "ff".repeat(32),
        "ff".repeat(8),
        "fe".repeat(32),
        "fe".repeat(8),
    );
    assert_eq!(text, format!("{body}end 15 {:08x}\n", Crc32::of(body.as_bytes())));
}

#[test]
fn a_board_without_a_job_checks_and_measures() {
    let (outcome, text) = run_on_fake(&negation(!7), &[0; 64], 4096);
    assert_eq!(outcome, Ok(()));
    assert!(text.contains("\nselftest 1\n") && text.contains("\nrun 10\n") && !text.contains("\nout "), "{text}");
}

#[test]
fn bytes_behind_the_model_are_not_part_of_it() {
    let mut partition = negation(!7);
    partition.resize(partition.len() + 1000, 0xff);
    assert_eq!(run_on_fake(&partition, &[], 4096).0, Ok(()));
}

#[test]
fn a_self_test_that_fails_is_named() {
    let (outcome, text) = run_on_fake(&negation(0), &job(SELF_TEST, 0, &[]), 4096);
    assert!(matches!(outcome, Err(Failure::SelfTest(failure)) if failure.byte == 0), "{outcome:?}");
    assert!(text.contains("\nstatus failed selftest 0 0 0\nend "), "{text}");
}

#[test]
fn a_damaged_model_is_refused_with_numbers() {
    let mut model = negation(!7);
    model[4] = 9;
    let (outcome, text) = run_on_fake(&model, &[], 4096);
    assert_eq!(outcome, Err(Failure::Load(LoadError::Version { found: 9, supported: 2 })));
    assert!(text.contains("\nstatus failed load 2 9 2\nend 2 "), "{text}");
}

#[test]
fn an_arena_that_is_too_small_is_refused_with_both_sizes() {
    let (outcome, text) = run_on_fake(&negation(!7), &[], 64);
    assert_eq!(outcome, Err(Failure::Engine(EngineError::ArenaTooSmall { needed: 88, got: 64 })));
    assert!(text.contains("engine 0 88 64"), "{text}");
}

#[test]
fn samples_of_the_wrong_size_are_refused_with_both_sizes() {
    let (_, text) = run_on_fake(&negation(!7), &job(OUTPUTS, 0, &[vec![0; 39]]), 4096);
    assert!(text.contains("job 2 40 39"), "{text}");
}
