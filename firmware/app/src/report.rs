//! The text that goes to the host: lines of a key and values, counted and summed so that a cut or damaged text is
//! noticed. Written without `core::fmt`, which would be as large as the kernels of a small network.

use crate::board::Board;
use crate::failure::Failure;
use mote_runtime::format::Crc32;

/// Writes lines to a board and ends them with a count and a CRC-32 (ISO-HDLC) of everything before.
pub struct Report<'b, B: Board> {
    /// Where the text goes.
    pub board: &'b mut B,
    crc: Crc32,
    lines: u32,
}

impl<'b, B: Board> Report<'b, B> {
    /// Starts a report; the first line names the format and the board.
    pub fn begin(board: &'b mut B) -> Self {
        let mut report = Self { board, crc: Crc32::new(), lines: 0 };
        report.text("mote-report 1 ");
        report.text(B::NAME);
        report.end_line();
        report
    }

    /// Writes one line: `key`, and each value after a space.
    pub fn line(&mut self, key: &str, values: &[u64]) {
        self.text(key);
        values.iter().for_each(|&value| self.value(value));
        self.end_line();
    }

    /// Writes the line that ends a report of something that went wrong.
    pub fn failure(&mut self, failure: Failure) {
        let (part, numbers) = failure.numbers();
        self.text("status failed ");
        self.line(part, &numbers.map(u64::from));
    }

    /// Writes lines of `key`, the values, an offset and 32 bytes in hexadecimal; one for each 32 bytes.
    pub fn hex(&mut self, key: &str, values: &[u64], bytes: &[u8]) {
        for (row, chunk) in bytes.chunks(32).enumerate() {
            self.text(key);
            values.iter().for_each(|&value| self.value(value));
            self.value(row as u64 * 32);
            self.text(" ");
            chunk.iter().for_each(|&byte| self.hex_byte(byte));
            self.end_line();
        }
    }

    /// Writes the last line, which is not part of its own checksum.
    pub fn end(mut self) {
        let (lines, crc) = (self.lines, self.crc.finish());
        self.text("end");
        self.value(lines.into());
        self.text(" ");
        for byte in crc.to_be_bytes() {
            self.hex_byte(byte);
        }
        self.end_line();
    }

    fn end_line(&mut self) {
        self.text("\n");
        self.lines += 1;
    }

    /// A space and a number in decimal.
    #[inline(never)]
    fn value(&mut self, value: u64) {
        let mut digits = [0u8; 20];
        for bit in (0..64).rev() {
            // Doubling decimal digits needs no division, which is large for 64 bits.
            let mut carry = (value >> bit) as u8 & 1;
            for digit in digits.iter_mut().rev() {
                let double = *digit * 2 + carry;
                (*digit, carry) = if double >= 10 { (double - 10, 1) } else { (double, 0) };
            }
        }
        let zeros = digits.iter().take(19).take_while(|&&digit| digit == 0).count();
        self.text(" ");
        for digit in digits.iter().skip(zeros) {
            self.bytes(&[b'0' + digit]);
        }
    }

    #[inline(never)]
    fn hex_byte(&mut self, byte: u8) {
        let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' - 10 + value };
        self.bytes(&[digit(byte >> 4), digit(byte & 15)]);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    #[inline(never)]
    fn bytes(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        self.board.write(bytes);
    }
}
