//! Errors as three numbers: for devices that have no room for words, and hosts that turn them back.

use super::{EngineError, Fault, LoadError, SelfTestFailure};

macro_rules! faults {
    ($($fault:ident = $number:literal,)*) => {
        impl Fault {
            const fn number(self) -> u32 {
                match self { $(Self::$fault => $number,)* }
            }

            #[cfg(feature = "std")]
            fn from_number(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$fault),)*
                    _ => None,
                }
            }
        }
    };
}

faults! {
    Encoding = 0,
    Unsupported = 1,
    ArenaBounds = 2,
    WeightsBounds = 3,
    Alignment = 4,
    Overlap = 5,
    Shape = 6,
    Parameter = 7,
}

impl LoadError {
    /// Which error, and its fields, 0 where it has fewer than two. Numbers of released versions keep their meaning.
    pub const fn numbers(self) -> [u32; 3] {
        match self {
            Self::Truncated { needed, got } => [0, needed, got],
            Self::Magic => [1, 0, 0],
            Self::Version { found, supported } => [2, found as u32, supported as u32],
            Self::Header => [3, 0, 0],
            Self::Section { index } => [4, index as u32, 0],
            Self::Checksum { data } => [5, data as u32, 0],
            Self::Misaligned { needed } => [6, needed as u32, 0],
            Self::Encoding => [7, 0, 0],
            Self::Port { index } => [8, index as u32, 0],
            Self::Instruction { index, fault } => [9, index as u32, fault.number()],
            Self::SelfTest => [10, 0, 0],
        }
    }

    /// The error that has these [`numbers`](Self::numbers).
    #[cfg(feature = "std")]
    pub fn from_numbers(numbers: [u32; 3]) -> Option<Self> {
        let [kind, a, b] = numbers;
        let (small, medium) = (a as u8, a as u16);
        let error = match kind {
            0 => Self::Truncated { needed: a, got: b },
            1 => Self::Magic,
            2 => Self::Version { found: medium, supported: b as u16 },
            3 => Self::Header,
            4 => Self::Section { index: small },
            5 => Self::Checksum { data: a != 0 },
            6 => Self::Misaligned { needed: small },
            7 => Self::Encoding,
            8 => Self::Port { index: small },
            9 => Self::Instruction { index: medium, fault: Fault::from_number(b)? },
            10 => Self::SelfTest,
            _ => return None,
        };
        (error.numbers() == numbers).then_some(error)
    }
}

impl EngineError {
    /// As [`LoadError::numbers`].
    pub const fn numbers(self) -> [u32; 3] {
        match self {
            Self::ArenaTooSmall { needed, got } => [0, needed, got],
            Self::ArenaMisaligned { needed } => [1, needed as u32, 0],
        }
    }

    /// The error that has these [`numbers`](Self::numbers).
    #[cfg(feature = "std")]
    pub fn from_numbers(numbers: [u32; 3]) -> Option<Self> {
        let [kind, a, b] = numbers;
        let error = match kind {
            0 => Self::ArenaTooSmall { needed: a, got: b },
            1 => Self::ArenaMisaligned { needed: a as u8 },
            _ => return None,
        };
        (error.numbers() == numbers).then_some(error)
    }
}

impl SelfTestFailure {
    /// Vector, output, byte.
    pub const fn numbers(self) -> [u32; 3] {
        [self.vector, self.output as u32, self.byte]
    }

    /// The failure that has these [`numbers`](Self::numbers).
    #[cfg(feature = "std")]
    pub fn from_numbers([vector, output, byte]: [u32; 3]) -> Option<Self> {
        Some(Self { vector, output: u8::try_from(output).ok()?, byte })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_comes_back_from_its_numbers() {
        let load = (0..11).flat_map(|kind| (0..8).map(move |b| [kind, 3 * b % 7, b]));
        let known = load.clone().filter_map(|numbers| Some((numbers, LoadError::from_numbers(numbers)?)));
        let mut kinds = std::collections::BTreeSet::new();
        for (numbers, error) in known {
            assert_eq!(error.numbers(), numbers);
            kinds.insert(numbers[0]);
        }
        assert_eq!(kinds.len(), 11);
        assert_eq!(LoadError::from_numbers([11, 0, 0]), None);
        assert_eq!(LoadError::from_numbers([1, 1, 0]), None, "a field that the error does not have");
        for error in [EngineError::ArenaTooSmall { needed: 9, got: 8 }, EngineError::ArenaMisaligned { needed: 16 }] {
            assert_eq!(EngineError::from_numbers(error.numbers()), Some(error));
        }
        let failure = SelfTestFailure { vector: 3, output: 1, byte: 70_000 };
        assert_eq!(SelfTestFailure::from_numbers(failure.numbers()), Some(failure));
    }
}
