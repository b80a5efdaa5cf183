//! Writing the result to stdout.

use anstream::AutoStream;
use std::io::{self, Write};

/// Prints `text` and a line end to stdout; styles are dropped where stdout is not a terminal. A reader that has gone
/// away (`mote inspect … | head`) is not an error: it has seen what it wanted.
pub fn print(text: impl AsRef<str>) -> anyhow::Result<()> {
    let mut stdout = AutoStream::auto(io::stdout().lock());
    let written = stdout.write_all(text.as_ref().as_bytes()).and_then(|()| stdout.write_all(b"\n"));
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write to stdout"))
        }
        _ => Ok(()),
    }
}

/// Prints a value as one JSON object.
pub(crate) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(serde_json::to_string_pretty(value)?)
}
