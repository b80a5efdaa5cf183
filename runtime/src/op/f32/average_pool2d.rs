use crate::error::Fault;
use crate::format::instruction::Pool2dF32;
use crate::op::{Limits, Memory};

pub(crate) fn check(_op: &Pool2dF32, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &Pool2dF32, _memory: &mut Memory) -> Option<()> {
    None
}
