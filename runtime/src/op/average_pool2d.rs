use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::Pool2d;

pub(crate) fn check(_op: &Pool2d, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &Pool2d, _memory: &mut Memory) -> Option<()> {
    None
}
