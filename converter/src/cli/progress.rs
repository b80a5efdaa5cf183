//! Notes and progress bars on stderr.

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};

/// Where progress goes: bars only to a terminal, nothing at all with `--quiet`.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    quiet: bool,
    bars: bool,
}

impl Progress {
    /// Asks the terminal once.
    pub fn new(quiet: bool) -> Self {
        Self { quiet, bars: !quiet && io::stderr().is_terminal() }
    }

    /// A bar of `len` steps. It vanishes when it is dropped.
    pub fn bar(&self, len: usize, what: &str) -> Bar {
        self.bar_with(len, what, "{msg:<22} {bar:32} {pos}/{len} {eta}")
    }

    /// A bar of `len` bytes with rate and time left. It vanishes when it is dropped.
    pub fn bytes(&self, len: usize, what: &str) -> Bar {
        self.bar_with(len, what, "{msg:<22} {bar:32} {bytes}/{total_bytes} {bytes_per_sec} {eta} left")
    }

    fn bar_with(&self, len: usize, what: &str, template: &str) -> Bar {
        let target = if self.bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(len as u64), target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━─"));
        }
        bar.set_message(what.to_string());
        Bar(bar)
    }

    /// Something that takes a while, nobody knows how long. It vanishes when it is dropped.
    pub fn spinner(&self, what: &str) -> Bar {
        let target = if self.bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let spinner = ProgressBar::with_draw_target(None, target);
        spinner.set_message(what.to_string());
        spinner.enable_steady_tick(std::time::Duration::from_millis(100));
        Bar(spinner)
    }

    /// Something the user should know.
    pub fn note(&self, text: impl AsRef<str>) {
        self.line("note", AnsiColor::Cyan.on_default().bold(), text.as_ref());
    }

    /// Something the user should act on.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.line("warning", AnsiColor::Yellow.on_default().bold(), text.as_ref());
    }

    fn line(&self, kind: &str, style: Style, text: &str) {
        if !self.quiet {
            // A closed stderr takes no notes.
            let _ = writeln!(anstream::stderr().lock(), "{style}{kind}{style:#}: {text}");
        }
    }

    /// Text for the reader that is neither result nor warning, as it is.
    pub(crate) fn text(&self, text: &str) {
        let _ = writeln!(anstream::stderr().lock(), "{text}");
    }
}

/// A progress bar, maybe an invisible one.
#[derive(Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// Sets how many steps are done.
    pub fn set(&self, done: usize) {
        self.0.set_position(done as u64);
    }

    /// Says something else beside it.
    pub fn say(&self, what: String) {
        self.0.set_message(what);
    }

    /// Takes it away while something else is printed.
    pub fn apart<R>(&self, print: impl FnOnce() -> R) -> R {
        self.0.suspend(print)
    }

    /// One more step is done.
    pub fn step(&self) {
        self.0.inc(1);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
