use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::StridedCopy;

pub(crate) fn check(_op: &StridedCopy, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &StridedCopy, _memory: &mut Memory) -> Option<()> {
    None
}
