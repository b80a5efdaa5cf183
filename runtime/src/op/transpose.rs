use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::Transpose;

pub(crate) fn check(_op: &Transpose, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &Transpose, _memory: &mut Memory) -> Option<()> {
    None
}
