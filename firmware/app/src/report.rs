//! The text that goes to the host: lines of a key and values, counted and summed so that a cut or damaged text is
//! noticed.

use crate::board::Board;
use core::fmt::{self, Write};
use mote_runtime::format::CRC;

/// Writes lines to a board and ends them with a count and a CRC-32 (ISO-HDLC) of everything before.
pub struct Report<'b, B: Board> {
    /// Where the text goes.
    pub board: &'b mut B,
    digest: crc::Digest<'static, u32, crc::Table<1>>,
    lines: u32,
}

impl<'b, B: Board> Report<'b, B> {
    /// Starts a report; the first line names the format and the board.
    pub fn begin(board: &'b mut B) -> Self {
        let mut report = Self { board, digest: CRC.digest(), lines: 0 };
        report.line(format_args!("mote-report 1 {}", B::NAME));
        report
    }

    /// Writes one line.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a board has no error to return.
        let _ = self.write_fmt(text);
        let _ = self.write_str("\n");
        self.lines += 1;
    }

    /// Writes lines of `key offset hex`, 32 bytes each; one line with nothing after the offset if `bytes` is empty.
    pub fn hex(&mut self, key: fmt::Arguments<'_>, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for (row, chunk) in bytes.chunks(32).enumerate() {
            let mut text = [0u8; 64];
            for (pair, byte) in text.chunks_exact_mut(2).zip(chunk) {
                pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
            }
            let text = text.get(..chunk.len() * 2).unwrap_or_default();
            self.line(format_args!("{key} {} {}", row * 32, core::str::from_utf8(text).unwrap_or_default()));
        }
    }

    /// Writes the last line.
    pub fn end(self) {
        let Self { board, digest, lines } = self;
        let mut tail = Tail(board);
        let _ = writeln!(tail, "end {lines} {:08x}", digest.finalize());
    }
}

impl<B: Board> Write for Report<'_, B> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.digest.update(text.as_bytes());
        self.board.write(text.as_bytes());
        Ok(())
    }
}

/// The last line is not part of its own checksum.
struct Tail<'b, B: Board>(&'b mut B);

impl<B: Board> Write for Tail<'_, B> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}
