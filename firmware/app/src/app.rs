//! The order of things.

use crate::board::{Board, Memory, StackUsed};
use crate::failure::Failure;
use crate::high_water::{PATTERNS, written};
use crate::job::{self, Job};
use crate::profile::{Profile, timed};
use crate::report::Report;
use mote_runtime::format::Port;
use mote_runtime::{Engine, EngineError, Model};

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
/// | `op <index> <ticks> <name>` | per instruction |
/// | `out <sample> <output> <offset> <hex>` | 32 bytes of an output |
/// | `status ok` or `status failed <why>` | last but one |
/// | `end <lines> <crc32>` | last |
///
/// # Errors
/// What is wrong with the model or the job; it is also in the report.
pub fn run<B: Board>(board: &mut B, memory: Memory<'_>) -> Result<(), Failure> {
    let mut report = Report::begin(board);
    let outcome = work(&mut report, memory);
    match &outcome {
        Ok(()) => report.line(format_args!("status ok")),
        Err(failure) => report.line(format_args!("status failed {failure}")),
    }
    report.end();
    outcome
}

fn work<B: Board>(report: &mut Report<'_, B>, memory: Memory<'_>) -> Result<(), Failure> {
    let Memory { model, job, arena } = memory;
    report.board.paint_stack();
    let (load_ticks, model) = timed(report.board, || Model::load(model));
    let load_stack = report.board.stack_used();
    let model = model?;
    report.line(format_args!(
        "model {} {} {} {} {}",
        model.as_bytes().len(),
        model.arena_bytes(),
        model.instructions().len(),
        model.inputs().len(),
        model.outputs().len()
    ));
    report.line(format_args!("load {load_ticks} {}", load_stack.below_bytes));

    let job = Job::read(job)?;
    job.expect_sample_bytes(model.inputs().iter().map(port_bytes).sum())?;

    let (new_ticks, engine) = timed(report.board, || Engine::new(model.clone(), arena));
    let mut engine = engine?;
    report.line(format_args!("new {new_ticks}"));
    if job.wants(job::SELF_TEST) {
        let vectors = engine.self_test()?;
        report.line(format_args!("selftest {vectors}"));
    }
    if job.wants(job::MEASURE) {
        measure(report, &model, &job, arena)?;
    }
    let mut engine = Engine::new(model, arena)?;
    if job.wants(job::PROFILE) {
        profile(report, &mut engine, &job);
    }
    if job.wants(job::OUTPUTS) {
        outputs(report, &mut engine, &job);
    }
    Ok(())
}

/// How much of the arena and of the stack a run touches.
fn measure<B: Board>(
    report: &mut Report<'_, B>,
    model: &Model<'_>,
    job: &Job<'_>,
    arena: &mut [u8],
) -> Result<(), EngineError> {
    let mut high_water = 0;
    let mut stack = StackUsed::default();
    for pattern in PATTERNS {
        arena.fill(pattern);
        let mut engine = Engine::new(model.clone(), arena)?;
        write_inputs(&mut engine, job.samples().next());
        report.board.paint_stack();
        engine.run();
        stack = report.board.stack_used();
        high_water = written(arena, pattern).max(high_water);
    }
    report.line(format_args!("arena {high_water} {}", arena.len()));
    report.line(format_args!("stack {} {}", stack.below_bytes, stack.total_bytes));
    Ok(())
}

fn profile<B: Board>(report: &mut Report<'_, B>, engine: &mut Engine<'_, '_>, job: &Job<'_>) {
    for _ in 0..job.timed_runs {
        write_inputs(engine, job.samples().next());
        let (ticks, ()) = timed(report.board, || engine.run());
        report.line(format_args!("run {ticks}"));
    }
    write_inputs(engine, job.samples().next());
    engine.run_with(&mut Profile::new(report));
}

fn outputs<B: Board>(report: &mut Report<'_, B>, engine: &mut Engine<'_, '_>, job: &Job<'_>) {
    for (index, sample) in job.samples().enumerate() {
        write_inputs(engine, Some(sample));
        engine.run();
        for output in 0..engine.model().outputs().len() {
            report.hex(format_args!("out {index} {output}"), engine.output_bytes(output));
        }
    }
}

/// Fills every input from `sample`, in order; with zeros if there is none.
fn write_inputs(engine: &mut Engine<'_, '_>, sample: Option<&[u8]>) {
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
