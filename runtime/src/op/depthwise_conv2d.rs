use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::DepthwiseConv2d;

pub(crate) fn check(_op: &DepthwiseConv2d, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &DepthwiseConv2d, _memory: &mut Memory) -> Option<()> {
    None
}
