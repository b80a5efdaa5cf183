//! Into a board's flash by a debug probe: the command `probe-rs` does it, if it is installed.

use crate::bench::Board;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

/// Why a probe cannot do it.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum ProbeError {
    #[error("the board `{board}` has no debug probe{}", if *.emulated { ": it is emulated" } else { "" })]
    NoProbe { board: String, emulated: bool },
    #[error("the file has {needed} bytes, a slot of the board `{board}` {got}: {} bytes too many", needed - got)]
    TooLarge { board: String, needed: u64, got: u64 },
    #[error("cannot run `{program}`: {source}")]
    Start { program: String, source: io::Error },
    #[error("`{command}` failed ({status})")]
    Failed { command: String, status: String },
    #[error("cannot write a temporary file: {0}")]
    Temporary(io::Error),
}

/// What to write where.
#[derive(Clone, Debug)]
pub struct Probe {
    program: OsString,
    chip: String,
    slot_address: u32,
    log_address: u32,
    log_bytes: u32,
}

impl Probe {
    /// The probe of a board, for a file of `bytes` bytes. `MOTE_PROBE_RS` names another program than `probe-rs`.
    ///
    /// # Errors
    /// [`ProbeError::NoProbe`], [`ProbeError::TooLarge`].
    pub fn of(board: &Board, bytes: u64) -> Result<Self, ProbeError> {
        let (Some(probe), Some(store)) = (&board.probe, &board.store) else {
            return Err(ProbeError::NoProbe { board: board.name.clone(), emulated: board.qemu.is_some() });
        };
        let got = u64::from(store.slot_bytes);
        if bytes > got {
            return Err(ProbeError::TooLarge { board: board.name.clone(), needed: bytes, got });
        }
        let program = std::env::var_os("MOTE_PROBE_RS").unwrap_or_else(|| "probe-rs".into());
        Ok(Self {
            program,
            chip: probe.chip.clone(),
            slot_address: store.address,
            log_address: store.log_address(),
            log_bytes: store.log_bytes,
        })
    }

    /// Empties the store's log, writes the file to the first slot and restarts the chip. The firmware then finds a log that was
    /// never used, and takes the slot with the higher version. `say` gets each command before it runs.
    ///
    /// # Errors
    /// [`ProbeError::Start`], [`ProbeError::Failed`], [`ProbeError::Temporary`].
    pub fn flash(&self, file: &[u8], say: &mut dyn FnMut(&str)) -> Result<(), ProbeError> {
        let empty = temporary(&vec![0xff; self.log_bytes as usize])?;
        let file = temporary(file)?;
        // The log first: if the file does not get through, a firmware without log still finds the model in the other slot.
        self.download(empty.path(), self.log_address, say)?;
        self.download(file.path(), self.slot_address, say)?;
        self.command(&["reset".into(), "--chip".into(), self.chip.clone().into()], say)
    }

    fn download(&self, file: &Path, address: u32, say: &mut dyn FnMut(&str)) -> Result<(), ProbeError> {
        let words = ["download", "--chip", &self.chip, "--binary-format", "bin", "--base-address"].map(OsString::from);
        let mut arguments = words.to_vec();
        arguments.extend([format!("{address:#x}").into(), file.into()]);
        self.command(&arguments, say)
    }

    fn command(&self, arguments: &[OsString], say: &mut dyn FnMut(&str)) -> Result<(), ProbeError> {
        let program = self.program.to_string_lossy().into_owned();
        let words = arguments.iter().map(|a| a.to_string_lossy());
        let command = std::iter::once(program.as_str().into()).chain(words).collect::<Vec<_>>().join(" ");
        say(&command);
        // Its progress is for the user; stdout is for the result.
        let status = Command::new(&self.program).args(arguments).stdout(io::stderr()).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(ProbeError::Failed { command, status: status.to_string() }),
            Err(source) => Err(ProbeError::Start { program, source }),
        }
    }
}

/// A file with these bytes that is gone when it is dropped.
fn temporary(bytes: &[u8]) -> Result<tempfile::NamedTempFile, ProbeError> {
    let mut file = tempfile::NamedTempFile::new().map_err(ProbeError::Temporary)?;
    file.write_all(bytes).map_err(ProbeError::Temporary)?;
    Ok(file)
}
