//! The text that goes to the host: lines of a key and values, counted and summed so that a cut or damaged text is
//! noticed. Written without `core::fmt`, which would be as large as the kernels of a small network.

use crate::board::Board;
use crate::failure::Failure;
use mote_runtime::format::Crc32;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

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
            for byte in chunk {
                self.bytes(&[byte >> 4, byte & 15].map(|digit| hex_digit(digit.into())));
            }
            self.end_line();
        }
    }

    /// Writes the last line, which is not part of its own checksum.
    pub fn end(mut self) {
        let (lines, crc) = (self.lines, self.crc.finish());
        self.text("end");
        self.value(lines.into());
        self.text(" ");
        for shift in (0..32).step_by(4).rev() {
            self.bytes(&[hex_digit(crc >> shift)]);
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

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    #[inline(never)]
    fn bytes(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        self.board.write(bytes);
    }
}

/// The last hexadecimal digit of `value`.
fn hex_digit(value: u32) -> u8 {
    DIGITS.get(value as usize & 15).copied().unwrap_or(b'?')
}
