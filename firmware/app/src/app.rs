//! The order of things.

use crate::board::{Board, Memory, StackUsed};
use crate::failure::Failure;
use crate::high_water::{PATTERNS, written};
use crate::job::{self, Job};
use crate::profile::{Profile, timed};
use crate::report::Report;
use mote_runtime::format::Port;
use mote_runtime::{Engine, Model, Ops};

/// Does what the job asks for and reports it.
///
/// | line | when |
/// |---|---|
/// | `mote-report 1 <board>` | first |
/// | `model <file bytes> <planned arena bytes> <instructions> <inputs> <outputs>` | the model is accepted |
/// | `load <ticks> <stack bytes>` | cost of `Model::load` |
/// | `new <ticks>` | cost of `Engine::new` |
/// | `selftest <vectors>` | all self-test vectors gave the expected bytes |
/// | `arena <bytes written> <bytes available>` | measured |
/// | `stack <bytes below the app> <bytes in all>` | measured |
/// | `run <ticks>` | per timed run |
/// | `op <index> <ticks>` | per instruction |
/// | `out <sample> <output> <offset> <hex>` | 32 bytes of an output |
/// | `status ok` or `status failed <part> <three numbers>` | last but one; see [`Failure::numbers`] |
/// | `end <lines> <crc32>` | last |
///
/// # Errors
/// What is wrong with the model or the job; it is also in the report.
pub fn run<B: Board, O: Ops>(board: &mut B, memory: Memory<'_>) -> Result<(), Failure> {
    let mut report = Report::begin(board);
    let outcome = work::<B, O>(&mut report, memory);
    match outcome {
        Ok(()) => report.line("status ok", &[]),
        Err(failure) => report.failure(failure),
    }
    report.end();
    outcome
}

fn work<B: Board, O: Ops>(report: &mut Report<'_, B>, memory: Memory<'_>) -> Result<(), Failure> {
    let Memory { model, job, arena } = memory;
    report.board.paint_stack();
    let (load_ticks, model) = timed(report.board, || Model::<O>::load_for(model));
    let load_stack = report.board.stack_used();
    let model = model?;
    let sizes = [model.as_bytes().len(), model.arena_bytes() as usize, model.instructions().len()];
    let [file_bytes, arena_bytes, instructions] = sizes.map(|n| n as u64);
    let ports = [model.inputs().len(), model.outputs().len()].map(|n| n as u64);
    report.line("model", &[file_bytes, arena_bytes, instructions, ports[0], ports[1]]);
    report.line("load", &[load_ticks, load_stack.below_bytes.into()]);

    let job = Job::read(job)?;
    job.expect_sample_bytes(model.inputs().iter().map(port_bytes).sum())?;

    let available = arena.len();
    let (new_ticks, engine) = timed(report.board, || Engine::new(model, arena));
    let mut engine = engine?;
    report.line("new", &[new_ticks]);
    if job.wants(job::SELF_TEST) {
        let vectors = engine.self_test()?;
        report.line("selftest", &[vectors.into()]);
    }
    if job.wants(job::MEASURE) {
        measure(report, &mut engine, &job, available);
    }
    if job.wants(job::PROFILE) {
        profile(report, &mut engine, &job);
    }
    if job.wants(job::OUTPUTS) {
        engine.reset();
        outputs(report, &mut engine, &job);
    }
    Ok(())
}

/// How much of the arena and of the stack a run touches. The engine can reach no more of the arena than it was given.
fn measure<B: Board, O: Ops>(
    report: &mut Report<'_, B>,
    engine: &mut Engine<'_, '_, O>,
    job: &Job<'_>,
    available_bytes: usize,
) {
    let mut high_water = 0;
    let mut stack = StackUsed::default();
    for pattern in PATTERNS {
        engine.arena_mut().fill(pattern);
        engine.reset();
        write_inputs(engine, job.samples().next());
        report.board.paint_stack();
        engine.run();
        stack = report.board.stack_used();
        high_water = written(engine.arena_mut(), pattern).max(high_water);
    }
    engine.reset();
    report.line("arena", &[high_water as u64, available_bytes as u64]);
    report.line("stack", &[stack.below_bytes.into(), stack.total_bytes.into()]);
}

fn profile<B: Board, O: Ops>(report: &mut Report<'_, B>, engine: &mut Engine<'_, '_, O>, job: &Job<'_>) {
    for _ in 0..job.timed_runs {
        write_inputs(engine, job.samples().next());
        let (ticks, ()) = timed(report.board, || engine.run());
        report.line("run", &[ticks]);
    }
    write_inputs(engine, job.samples().next());
    engine.run_with(&mut Profile::new(report));
}

fn outputs<B: Board, O: Ops>(report: &mut Report<'_, B>, engine: &mut Engine<'_, '_, O>, job: &Job<'_>) {
    for (index, sample) in job.samples().enumerate() {
        write_inputs(engine, Some(sample));
        engine.run();
        for output in 0..engine.model().outputs().len() {
            report.hex("out", &[index as u64, output as u64], engine.output_bytes(output));
        }
    }
}

/// Fills every input from `sample`, in order; with zeros if there is none.
fn write_inputs<O: Ops>(engine: &mut Engine<'_, '_, O>, sample: Option<&[u8]>) {
    let mut rest = sample.unwrap_or_default();
    for input in 0..engine.model().inputs().len() {
        let stored = engine.input_bytes_mut(input);
        match rest.split_at_checked(stored.len()) {
            Some((given, behind)) => {
                stored.copy_from_slice(given);
                rest = behind;
            }
            None => stored.fill(0),
        }
    }
}

fn port_bytes(port: &Port) -> usize {
    port.bytes().unwrap_or(0) as usize
}
