//! The `mote` command: parse, call, map to an exit code.

use clap::Parser;
use mote::cli::{self, Cli, Verdict};
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run(Cli::parse()) {
        Ok(Verdict::Pass) => ExitCode::SUCCESS,
        Ok(Verdict::Fail) => ExitCode::from(1),
        Err(error) => {
            cli::report_error(&error);
            ExitCode::from(2)
        }
    }
}
