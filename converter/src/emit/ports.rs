//! Inputs and outputs as the file describes them.

use super::EmitError;
use crate::ir;
use crate::plan::Plan;
use mote_runtime::format::{DType, MAX_PORTS, MAX_RANK, Port};

pub fn describe(
    plan: &Plan,
    ports: &[ir::Port],
    what: &'static str,
) -> Result<heapless::Vec<Port, MAX_PORTS>, EmitError> {
    let described = ports.iter().map(|port| describe_one(plan, port)).collect::<Result<Vec<Port>, _>>()?;
    let error = |_| EmitError::PortCount { what, limit: MAX_PORTS, got: ports.len() };
    heapless::Vec::from_slice(&described).map_err(error)
}

fn describe_one(plan: &Plan, port: &ir::Port) -> Result<Port, EmitError> {
    let error = |reason: String| EmitError::Port { port: port.name.clone(), reason };
    let value = plan.quant.graph.value(port.value);
    let too_many_axes = || error(format!("shape {:?} has more than {MAX_RANK} axes", value.shape));
    let shape: Vec<u32> = value.shape.iter().map(|&n| n as u32).collect();
    let axes: Vec<u8> = port.source_axes.iter().map(|&axis| axis as u8).collect();
    let (scale, zero_point) = match value.dtype {
        DType::I8 | DType::I16 => {
            let quantization = plan.quant.quantization.get(port.value.0).and_then(Option::as_ref);
            let quantization = quantization.ok_or_else(|| error("has no scale".into()))?;
            let &[scale] = quantization.scales.as_slice() else {
                return Err(error(format!("needs one scale, got {:?}", quantization.scales)));
            };
            (scale, quantization.zero_point)
        }
        DType::F32 => (1.0, 0),
        other => {
            return Err(error(format!("elements of type {other:?} are not supported, only int8, int16 and float32")));
        }
    };
    Ok(Port {
        offset: plan.offset(port.value).ok_or_else(|| error("has no place in the arena".into()))?,
        dtype: value.dtype,
        shape: heapless::Vec::from_slice(&shape).map_err(|_| too_many_axes())?,
        scale,
        zero_point,
        source_dtype: port.source_dtype,
        source_axes: heapless::Vec::from_slice(&axes).map_err(|_| too_many_axes())?,
    })
}
