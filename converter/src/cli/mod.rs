//! The command line: one file per verb. stdout is the result, stderr is progress and notes.
//!
//! Exit codes: 0 done and every check held; 1 ran, but a check failed; 2 usage or any error.

mod bench;
mod bench_chart;
mod bench_device;
mod bench_markdown;
mod bench_model;
mod bench_table;
mod budget;
mod build;
mod check;
mod compare;
mod compare_golden;
mod completions;
mod compress_args;
mod convert;
mod convert_args;
mod convert_report;
mod data_args;
mod device;
mod diagnostics;
mod eval;
mod flash;
mod improve_args;
mod inspect;
mod keygen;
mod keys;
mod model_file;
mod monitor;
mod on_device;
mod out;
mod port_args;
mod progress;
mod prune;
mod quantize;
mod quantize_report;
mod report;
mod run;
mod run_raw;
mod sign;
mod table;
mod train;
mod train_setup;
mod train_steps;
mod validate;
mod validate_fix;
mod validate_text;
mod verify;
mod whole_file;

pub use diagnostics::{Hinted, report_error};
pub use out::print;
pub use progress::Progress;
pub use table::{Table, count, kib, percent};

use clap::{Parser, Subcommand};

/// Turns trained networks into int8 model files for microcontrollers, and checks, runs and measures them.
#[derive(Debug, Parser)]
#[command(name = "mote", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    /// No progress and no notes on stderr; errors still show.
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  mote check model.onnx                                      is the network supported, and where does it fit?
  mote convert model.onnx --calibrate train.npy -o net.mote  quantize to int8
  mote quantize model.onnx --calibrate train/ --evaluate test/ --auto --max-drop 0.5 -o net.mote
                                                             the least that keeps it as accurate as that
  mote eval net.mote --data test/ --float model.onnx         accuracy, int8 beside float
  mote validate net.mote --reference run.safetensors         against the full-precision run, layer by layer
  mote report net.mote --data test/ -o net.html              a page to show to others
  mote inspect net.mote                                      what is in the file, and what it needs
  mote train models/digits-scratch                           train a recipe's layers, then convert them
  mote flash net.mote --port /dev/ttyACM0                    put it on a device and try it out there
  mote bench net.mote --port /dev/ttyACM0                    how long it takes there, layer by layer

Exit codes: 0 done, and every check held; 1 ran, but a check failed; 2 usage or any other error.";

/// One verb each.
#[derive(Debug, Subcommand)]
enum Command {
    Build(build::Args),
    Convert(convert::Args),
    #[command(after_help = quantize::EXAMPLES)]
    Quantize(quantize::Args),
    Inspect(inspect::Args),
    Run(run::Args),
    Eval(eval::Args),
    Compare(compare::Args),
    Validate(validate::Args),
    Report(report::Args),
    Check(check::Args),
    Bench(bench::Args),
    Train(train::Args),
    Prune(prune::Args),
    Keygen(keygen::Args),
    Sign(sign::Args),
    Verify(verify::Args),
    Flash(flash::Args),
    Device(device::Args),
    Monitor(monitor::Args),
    Completions(completions::Args),
}

/// How a verb that ran to its end came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Done, and what was to be checked held.
    Pass,
    /// Done, but a check failed.
    Fail,
}

impl Verdict {
    /// `Pass` if the check held.
    pub fn of(held: bool) -> Self {
        if held { Self::Pass } else { Self::Fail }
    }
}

/// Runs the verb.
pub fn run(cli: Cli) -> anyhow::Result<Verdict> {
    let progress = Progress::new(cli.quiet);
    match cli.command {
        Command::Build(args) => build::run(args, &progress),
        Command::Convert(args) => convert::run(args, &progress),
        Command::Quantize(args) => quantize::run(args, &progress),
        Command::Inspect(args) => inspect::run(args),
        Command::Run(args) => run::run(args, &progress),
        Command::Eval(args) => eval::run(args, &progress),
        Command::Compare(args) => compare::run(args, &progress),
        Command::Validate(args) => validate::run(args, &progress),
        Command::Report(args) => report::run(args, &progress),
        Command::Check(args) => check::run(args, &progress),
        Command::Bench(args) => bench::run(args, &progress),
        Command::Train(args) => train::run(args, &progress),
        Command::Prune(args) => prune::run(args, &progress),
        Command::Keygen(args) => keygen::run(args),
        Command::Sign(args) => sign::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Flash(args) => flash::run(args, &progress),
        Command::Device(args) => device::run(args, &progress),
        Command::Monitor(args) => monitor::run(args, &progress),
        Command::Completions(args) => completions::run(args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn options_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_has_examples() {
        for verb in Cli::command().get_subcommands() {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            let call = format!("mote {} ", verb.get_name());
            assert!(help.contains("Examples:") && help.contains(&call), "{}", verb.get_name());
        }
    }
}
