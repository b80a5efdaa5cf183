//! The last things that happened, as lines of text. Written without `core::fmt`, as the report is.

/// Bytes of the log that are kept.
pub const LOG_BYTES: usize = 512;
// A position is the place in the ring also where positions go around.
const _: () = assert!(LOG_BYTES.is_power_of_two());

/// A ring of bytes. Positions count all bytes ever written and go around.
#[derive(Debug)]
pub struct Log {
    bytes: [u8; LOG_BYTES],
    /// Position of the byte that comes next.
    next: u32,
    /// Bytes that are there, up to [`LOG_BYTES`].
    held: u32,
}

impl Log {
    /// Empty.
    pub const fn new() -> Self {
        Self { bytes: [0; LOG_BYTES], next: 0, held: 0 }
    }

    /// Writes a line: `key`, and each number after a space.
    pub fn line(&mut self, key: &str, numbers: &[u32]) {
        self.text(key.as_bytes());
        for &number in numbers {
            self.push(b' ');
            self.number(number);
        }
        self.push(b'\n');
    }

    /// Position of the first byte, and bytes that follow each other. A position that is not held, earlier or from before a
    /// restart, gives the oldest byte.
    pub fn read(&self, after: u32) -> (u32, &[u8]) {
        let oldest = self.next.wrapping_sub(self.held);
        let at = if after.wrapping_sub(oldest) <= self.held { after } else { oldest };
        let left = self.next.wrapping_sub(at) as usize;
        let to_the_end = self.bytes.get(at as usize % LOG_BYTES..).unwrap_or_default();
        (at, to_the_end.get(..left).unwrap_or(to_the_end))
    }

    fn text(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.push(byte));
    }

    fn number(&mut self, mut number: u32) {
        let mut digits = [b'0'; 10];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
        let zeros = digits.iter().take(9).take_while(|&&digit| digit == b'0').count();
        self.text(digits.get(zeros..).unwrap_or_default());
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.next as usize % LOG_BYTES) {
            *place = byte;
        }
        self.next = self.next.wrapping_add(1);
        self.held = self.held.saturating_add(1).min(LOG_BYTES as u32);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn all(log: &Log, mut after: u32) -> (u32, Vec<u8>) {
        let first = log.read(after).0;
        let mut bytes = Vec::new();
        loop {
            let (at, part) = log.read(after);
            if part.is_empty() {
                return (first, bytes);
            }
            bytes.extend_from_slice(part);
            after = at.wrapping_add(part.len() as u32);
        }
    }

    #[test]
    fn lines_come_back_with_their_numbers() {
        let mut log = Log::new();
        log.line("boot", &[0, 10, u32::MAX]);
        log.line("end", &[]);
        assert_eq!(all(&log, 0), (0, b"boot 0 10 4294967295\nend\n".to_vec()));
        assert_eq!(all(&log, 21), (21, b"end\n".to_vec()));
        assert_eq!(log.read(25), (25, &[][..]), "nothing new");
        assert_eq!(log.read(26).0, 0, "a position of another life gives everything");
    }

    #[test]
    fn the_oldest_bytes_are_lost_also_where_positions_go_around() {
        for start in [0, u32::MAX - 700] {
            let mut log = Log { next: start, ..Log::new() };
            for byte in 0..1000u32 {
                log.push(byte as u8);
            }
            let (at, bytes) = all(&log, start);
            assert_eq!((at, bytes.len()), (start.wrapping_add(1000 - LOG_BYTES as u32), LOG_BYTES));
            assert!(bytes.iter().zip(1000 - LOG_BYTES as u32..).all(|(&byte, sent)| byte == sent as u8));
        }
    }
}
