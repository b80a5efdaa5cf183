//! `mote completions`: a script for the user's shell.

use super::{Cli, Verdict, print};
use clap::CommandFactory;
use clap_complete::Shell;

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote completions bash > ~/.local/share/bash-completion/completions/mote
  mote completions zsh  > ~/.zfunc/_mote
  mote completions fish > ~/.config/fish/completions/mote.fish")]
pub(super) struct Args {
    /// Which shell.
    shell: Shell,
}

pub(super) fn run(args: Args) -> anyhow::Result<Verdict> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "mote", &mut script);
    print(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Verdict::Pass)
}
