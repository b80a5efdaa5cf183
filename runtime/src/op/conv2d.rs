use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::Conv2d;

pub(crate) fn check(_op: &Conv2d, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &Conv2d, _memory: &mut Memory) -> Option<()> {
    None
}
