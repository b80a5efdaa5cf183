use crate::error::Fault;
use crate::format::instruction::BinaryF32;
use crate::op::{Limits, Memory};

pub(crate) fn check(_op: &BinaryF32, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &BinaryF32, _memory: &mut Memory) -> Option<()> {
    None
}
