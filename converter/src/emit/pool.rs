//! Average and max pooling.

use super::EmitError;
use super::context::NodeContext;
use super::conv2d::window;
use crate::ir::{DType, Pads};
use mote_runtime::format::Instruction;
use mote_runtime::format::instruction::{Pool2d, Pool2dF32, Pool2dI16};

/// The window of a pooling node.
#[derive(Clone, Copy)]
pub struct Shape {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub pads: Pads,
}

pub fn emit_average(n: &mut NodeContext, shape: Shape, count_include_pad: bool) -> Result<(), EmitError> {
    let kinds =
        (Instruction::AveragePool2d as _, Instruction::AveragePool2dI16 as _, Instruction::AveragePool2dF32 as _);
    emit(n, shape, count_include_pad, kinds)
}

pub fn emit_max(n: &mut NodeContext, shape: Shape) -> Result<(), EmitError> {
    let kinds = (Instruction::MaxPool2d as _, Instruction::MaxPool2dI16 as _, Instruction::MaxPool2dF32 as _);
    emit(n, shape, false, kinds)
}

/// The instruction for int8, int16 and float32.
type Kinds = (fn(Pool2d) -> Instruction, fn(Pool2dI16) -> Instruction, fn(Pool2dF32) -> Instruction);

fn emit(
    n: &mut NodeContext,
    shape: Shape,
    count_include_pad: bool,
    (int8, int16, float): Kinds,
) -> Result<(), EmitError> {
    let (x_id, y_id) = (n.input(0)?, n.node.output);
    let (x, y, x_shape, y_shape) = (n.offset(x_id)?, n.offset(y_id)?, n.hwc(x_id)?, n.hwc(y_id)?);
    let window = window(n, shape.kernel, shape.stride, shape.dilation, shape.pads)?;
    let (pad_bottom, pad_right) = match count_include_pad {
        true => (n.size(shape.pads.bottom)?, n.size(shape.pads.right)?),
        false => (0, 0),
    };
    match n.x_dtype()? {
        DType::I8 => {
            let zero_point = n.same_quantization()?.zero_point;
            n.push(int8(Pool2d {
                x,
                y,
                x_shape,
                y_shape,
                window,
                count_include_pad,
                pad_bottom,
                pad_right,
                zero_point,
                min: i8::MIN,
                max: i8::MAX,
            }));
        }
        DType::I16 => {
            n.same_quantization()?;
            let (min, max) = (i16::MIN, i16::MAX);
            n.push(int16(Pool2dI16 {
                x,
                y,
                x_shape,
                y_shape,
                window,
                count_include_pad,
                pad_bottom,
                pad_right,
                min,
                max,
            }));
        }
        DType::F32 => n.push(float(Pool2dF32 {
            x,
            y,
            x_shape,
            y_shape,
            window,
            count_include_pad,
            pad_bottom,
            pad_right,
            min: f32::NEG_INFINITY,
            max: f32::INFINITY,
        })),
        other => return n.unsupported_dtype(other),
    }
    Ok(())
}
