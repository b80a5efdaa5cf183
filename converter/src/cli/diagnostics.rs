//! Errors as the user sees them: what, then why, then the next thing to try.

use crate::BuildError;
use crate::bench::BenchError;
use crate::boards::BoardError;
use crate::data::DataError;
use crate::import::{ImportError, onnx};
use crate::train::TrainError;
use anstyle::{AnsiColor, Style};
use std::fmt;
use std::io::Write;

/// An error text with the next thing to try.
#[derive(Debug)]
pub struct Hinted {
    what: String,
    hint: String,
}

impl Hinted {
    /// Both parts.
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Hinted {}

/// Writes `error: what: cause: cause`, then `hint: ...`, to stderr.
pub fn report_error(error: &anyhow::Error) {
    let mut stderr = anstream::stderr().lock();
    let red: Style = AnsiColor::Red.on_default().bold();
    let green: Style = AnsiColor::Green.on_default().bold();
    // A closed stderr takes no errors; the exit code still tells.
    let _ = writeln!(stderr, "{red}error{red:#}: {error:#}");
    if let Some(hint) = hint(error) {
        let _ = writeln!(stderr, "{green}hint{green:#}: {hint}");
    }
}

/// The hint of the first error in the chain that has one.
fn hint(error: &anyhow::Error) -> Option<String> {
    // Context added to an `anyhow::Error` is not part of `chain()` as itself.
    let context = error.downcast_ref::<Hinted>().map(|h| h.hint.clone());
    context.or_else(|| error.chain().find_map(cause_hint))
}

fn cause_hint(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(hinted) = cause.downcast_ref::<Hinted>() {
        Some(hinted.hint.clone())
    } else if let Some(error) = cause.downcast_ref::<BuildError>() {
        // A transparent error hides the one that it carries from the chain.
        match error {
            BuildError::Data(e) => e.hint(),
            BuildError::Import(e) => import_hint(e),
            _ => None,
        }
    } else if let Some(error) = cause.downcast_ref::<DataError>() {
        error.hint()
    } else if let Some(error) = cause.downcast_ref::<ImportError>() {
        import_hint(error)
    } else if let Some(error) = cause.downcast_ref::<TrainError>() {
        match error {
            TrainError::Samples(e) => cause_hint(e.as_ref()),
            error => error.hint(),
        }
    } else if let Some(error) = cause.downcast_ref::<BenchError>() {
        error.hint()
    } else if let Some(BoardError::Unknown { .. }) = cause.downcast_ref::<BoardError>() {
        Some("name one of these, or give the path of a board.toml".into())
    } else {
        None
    }
}

fn import_hint(error: &ImportError) -> Option<String> {
    match error {
        _ if error.unsupported().is_some() => Some(
            "change these nodes before export, or cut the network before them; `mote check MODEL` lists what is needed"
                .into(),
        ),
        ImportError::Onnx(onnx::ImportError::NotOnnx { .. }) => {
            Some("give an .onnx file as torch.onnx.export writes it, or a .tflite file".into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn hint_is_found_below_and_above_other_context() {
        let below = anyhow::Error::new(Hinted::new("what", "try")).context("outer");
        assert_eq!(hint(&below).as_deref(), Some("try"));
        assert_eq!(format!("{below:#}"), "outer: what");
        let above =
            Err::<(), _>(std::io::Error::other("disk")).context(Hinted::new("cannot", "free some")).unwrap_err();
        assert_eq!(hint(&above).as_deref(), Some("free some"));
        assert_eq!(format!("{above:#}"), "cannot: disk");
    }

    #[test]
    fn data_errors_bring_their_own_hint() {
        let error = anyhow::Error::new(DataError::Empty { path: "x.npy".into() });
        assert!(hint(&error).is_some());
    }
}
