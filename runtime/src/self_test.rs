//! Test vectors inside the model file: proof that this device computes what the converter's host computed.

use crate::error::{LoadError, SelfTestFailure};
use crate::format::{Port, Program};

/// One stored input and the outputs it must give, as raw arena bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelfTestVector<'m> {
    /// The bytes of every input, one after the other.
    pub inputs: &'m [u8],
    /// The bytes of every expected output, one after the other.
    pub outputs: &'m [u8],
}

/// The test vectors of a [`Model`](crate::Model), in order.
#[derive(Clone, Debug)]
pub struct SelfTest<'m> {
    rest: &'m [u8],
    left: u32,
    input_bytes: usize,
    output_bytes: usize,
}

impl<'m> SelfTest<'m> {
    pub(crate) fn new(section: &'m [u8], program: &Program) -> Self {
        let (left, rest) = match section.split_first_chunk() {
            Some((count, rest)) => (u32::from_le_bytes(*count), rest),
            None => (0, section),
        };
        let sizes = |ports: &[Port]| port_bytes(ports).and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        Self { rest, left, input_bytes: sizes(&program.inputs), output_bytes: sizes(&program.outputs) }
    }

    /// `Ok` if the section is empty or as long as its count and the ports say.
    pub(crate) fn check(section: &[u8], program: &Program) -> Result<(), LoadError> {
        let Some((count, rest)) = section.split_first_chunk() else {
            return if section.is_empty() { Ok(()) } else { Err(LoadError::SelfTest) };
        };
        // Vectors of no bytes would let a few bytes of file ask for 2^32 runs.
        let vector = port_bytes(&program.inputs).zip(port_bytes(&program.outputs)).map(|(x, y)| x + y);
        let vector = vector.filter(|&bytes| bytes > 0 || *count == [0; 4]);
        let expected = vector.and_then(|n| n.checked_mul(u32::from_le_bytes(*count).into()));
        if expected == Some(rest.len() as u64) { Ok(()) } else { Err(LoadError::SelfTest) }
    }
}

impl<'m> Iterator for SelfTest<'m> {
    type Item = SelfTestVector<'m>;

    fn next(&mut self) -> Option<SelfTestVector<'m>> {
        self.left = self.left.checked_sub(1)?;
        let (inputs, rest) = self.rest.split_at_checked(self.input_bytes)?;
        let (outputs, rest) = rest.split_at_checked(self.output_bytes)?;
        self.rest = rest;
        Some(SelfTestVector { inputs, outputs })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for SelfTest<'_> {}

/// At most 8 ports of less than 2^33 bytes each: the sum fits.
fn port_bytes(ports: &[Port]) -> Option<u64> {
    ports.iter().try_fold(0u64, |sum, port| Some(sum + u64::from(port.bytes()?)))
}

/// The first byte at which `got` differs from `expected`, if any.
pub(crate) fn first_difference(expected: &[u8], got: &[u8]) -> Option<usize> {
    expected.iter().zip(got).position(|(expected, got)| expected != got)
}

/// Builds the failure that [`crate::Engine::self_test`] reports.
pub(crate) fn failure(vector: usize, output: usize, byte: usize) -> SelfTestFailure {
    SelfTestFailure { vector: vector as u32, output: output as u8, byte: byte as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Rounding;

    #[test]
    fn vectors_of_no_bytes_are_refused_however_many() {
        let program = Program {
            rounding: Rounding::Single,
            inputs: heapless::Vec::new(),
            outputs: heapless::Vec::new(),
            instruction_count: 0,
        };
        assert_eq!(SelfTest::check(&[0; 4], &program), Ok(()));
        assert_eq!(SelfTest::check(&[255; 4], &program), Err(LoadError::SelfTest));
    }
}
