//! The cores that plans are made for. A file runs on all of them; the choice only tells which kernels are fast.

use std::fmt;
use std::str::FromStr;

/// A processor core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Target {
    CortexM0Plus,
    CortexM3,
    #[default]
    CortexM4,
    CortexM7,
    CortexM33,
    Host,
}

/// No such core.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown core `{name}`; known are {}", Target::ALL.map(|target| target.name()).join(", "))]
pub struct UnknownTarget {
    name: String,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::CortexM0Plus, Self::CortexM3, Self::CortexM4, Self::CortexM7, Self::CortexM33, Self::Host];

    /// As the command line spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CortexM0Plus => "cortex-m0plus",
            Self::CortexM3 => "cortex-m3",
            Self::CortexM4 => "cortex-m4",
            Self::CortexM7 => "cortex-m7",
            Self::CortexM33 => "cortex-m33",
            Self::Host => "host",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Target {
    type Err = UnknownTarget;

    fn from_str(text: &str) -> Result<Self, UnknownTarget> {
        Self::ALL.into_iter().find(|target| target.name() == text).ok_or_else(|| UnknownTarget { name: text.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        assert!(Target::ALL.into_iter().all(|target| target.name().parse() == Ok(target)));
        let error = "z80".parse::<Target>().unwrap_err().to_string();
        assert!(error.starts_with("unknown core `z80`; known are cortex-m0plus, "), "{error}");
    }
}
