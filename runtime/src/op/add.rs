use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::Add;

pub(crate) fn check(_op: &Add, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &Add, _memory: &mut Memory) -> Option<()> {
    None
}
