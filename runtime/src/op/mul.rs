use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::Mul;

pub(crate) fn check(_op: &Mul, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &Mul, _memory: &mut Memory) -> Option<()> {
    None
}
