//! What the emitters of single nodes share: looking values up, adding constants and instructions.

use super::constant_channels::{Channels, Sums, settle};
use super::fixed_point::{multiplier, stored};
use super::weights::Weights;
use super::{EmitError, EmitOptions, InstructionSource};
use crate::ir::{Activation, DType, Graph, Node, NodeId, Tensor, Value, ValueId};
use crate::plan::Plan;
use mote_runtime::format::Instruction;
use mote_runtime::format::instruction::{Biases, Factors, FloatWeights, Hwc, Multiplier, Operand, Requantize8};
use mote_runtime::format::pack::packed_factors;
use std::ops::RangeInclusive;

/// Everything written so far.
pub struct Context<'p> {
    pub plan: &'p Plan,
    pub options: &'p EmitOptions,
    pub weights: Weights,
    pub instructions: Vec<Instruction>,
    pub sources: Vec<InstructionSource>,
}

/// Scale and zero point of an int8 value; of an int16 one, whose zero point is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    pub scale: f32,
    pub zero_point: i8,
}

impl Affine {
    /// A fused clamp in stored integers: its ends are quantized as any value.
    pub fn clamp(self, activation: Activation) -> (i8, i8) {
        let end = |real| stored(real, self.scale, self.zero_point);
        (end(activation.min), end(activation.max))
    }
}

/// One node on its way to instructions. Emitters are functions of this.
pub struct NodeContext<'c, 'p> {
    pub context: &'c mut Context<'p>,
    pub id: NodeId,
    pub node: &'p Node,
}

impl<'p> NodeContext<'_, 'p> {
    pub fn graph(&self) -> &'p Graph {
        &self.context.plan.quant.graph
    }

    /// An error about this node.
    pub fn error(&self, reason: impl Into<String>) -> EmitError {
        EmitError::Node { node: self.node.name.clone(), op: self.node.op.name(), reason: reason.into() }
    }

    /// Operand `index`.
    pub fn input(&self, index: usize) -> Result<ValueId, EmitError> {
        self.node.inputs.get(index).copied().ok_or_else(|| self.error(format!("operand {index} is missing")))
    }

    pub fn value(&self, id: ValueId) -> &'p Value {
        self.graph().value(id)
    }

    pub fn output(&self) -> &'p Value {
        self.value(self.node.output)
    }

    /// Element type of the data operand.
    pub fn x_dtype(&self) -> Result<DType, EmitError> {
        Ok(self.value(self.input(0)?).dtype)
    }

    /// Where a value lives in the arena.
    pub fn offset(&self, id: ValueId) -> Result<u32, EmitError> {
        let missing = || self.error(format!("`{}` has no place in the arena", self.value(id).name));
        self.context.plan.offset(id).ok_or_else(missing)
    }

    /// Where an operand lives that may be a constant.
    pub fn operand(&mut self, id: ValueId) -> Result<Operand, EmitError> {
        let Some(constant) = self.graph().constant(id) else { return Ok(Operand::Arena(self.offset(id)?)) };
        let weights = &mut self.context.weights;
        match constant {
            Tensor::F32 { data, .. } => Ok(Operand::Weights(weights.add_f32(data))),
            Tensor::I8 { data, .. } => Ok(Operand::Weights(weights.add_i8(data))),
            Tensor::I16 { data, .. } => Ok(Operand::Weights(weights.add_i16(data))),
            Tensor::I32 { data, .. } => Ok(Operand::Weights(weights.add_i32(data))),
            Tensor::I64 { .. } => Err(self.error("a 64-bit integer constant cannot be computed with on the device")),
        }
    }

    /// Scale and zero point of an int8 or int16 value.
    pub fn affine(&self, id: ValueId) -> Result<Affine, EmitError> {
        let name = &self.value(id).name;
        let quantization = self.context.plan.quant.quantization.get(id.0).and_then(Option::as_ref);
        let Some(q) = quantization else { return Err(self.error(format!("`{name}` has no scale"))) };
        match (q.scales.as_slice(), i8::try_from(q.zero_point)) {
            (&[scale], Ok(zero_point)) if scale.is_finite() && scale > 0.0 => Ok(Affine { scale, zero_point }),
            _ => Err(self.error(format!(
                "`{name}` needs one positive scale and an int8 zero point, got scales {:?}, zero point {}",
                q.scales, q.zero_point
            ))),
        }
    }

    /// Scale per output channel of an int8 weight.
    pub fn weight_scales(&self, id: ValueId, channels: usize) -> Result<Vec<f32>, EmitError> {
        let name = &self.value(id).name;
        let quantization = self.context.plan.quant.quantization.get(id.0).and_then(Option::as_ref);
        let Some(q) = quantization else { return Err(self.error(format!("weights `{name}` have no scale"))) };
        if q.zero_point != 0 {
            return Err(self.error(format!("weights `{name}` need zero point 0, got {}", q.zero_point)));
        }
        match q.scales.len() {
            1 => Ok(vec![q.scales[0]; channels]),
            n if n == channels => Ok(q.scales.clone()),
            n => Err(self.error(format!("weights `{name}` need 1 or {channels} scales, got {n}"))),
        }
    }

    /// An int8 constant.
    pub fn const_i8(&self, id: ValueId) -> Result<&'p [i8], EmitError> {
        match self.graph().constant(id) {
            Some(Tensor::I8 { data, .. }) => Ok(data),
            _ => Err(self.error(format!("`{}` must be a constant of type int8", self.value(id).name))),
        }
    }

    /// A float constant.
    pub fn const_f32(&self, id: ValueId) -> Result<&'p [f32], EmitError> {
        let error = || self.error(format!("`{}` must be a constant of type float32", self.value(id).name));
        self.graph().constant(id).and_then(Tensor::as_f32).ok_or_else(error)
    }

    /// The int32 bias at operand 2, or zeros if there is none.
    pub fn bias_i32(&self, channels: usize) -> Result<Vec<i32>, EmitError> {
        let Some(&id) = self.node.inputs.get(2) else { return Ok(vec![0; channels]) };
        match self.graph().constant(id) {
            Some(Tensor::I32 { data, .. }) if data.len() == channels => Ok(data.clone()),
            _ => Err(self.error(format!("bias `{}` must be {channels} constants of type int32", self.value(id).name))),
        }
    }

    /// The float bias at operand 2, or zeros if there is none.
    pub fn bias_f32(&self, channels: usize) -> Result<Vec<f32>, EmitError> {
        let Some(&id) = self.node.inputs.get(2) else { return Ok(vec![0.0; channels]) };
        let bias = self.const_f32(id)?;
        let expected = || self.error(format!("bias `{}` must hold {channels} elements", self.value(id).name));
        if bias.len() == channels { Ok(bias.to_vec()) } else { Err(expected()) }
    }

    /// Float weights, as binary16 if so asked.
    pub fn add_float_weights(&mut self, values: &[f32]) -> FloatWeights {
        let half = self.context.options.half_weights;
        let weights = &mut self.context.weights;
        FloatWeights { offset: if half { weights.add_f16(values) } else { weights.add_f32(values) }, half }
    }

    /// A real factor as a multiplier.
    pub fn multiplier(&self, real: f64) -> Result<Multiplier, EmitError> {
        multiplier(real).ok_or_else(|| self.error(format!("cannot scale by {real}: the scales are too far apart")))
    }

    /// True if the planner has reserved scratch memory for this node.
    pub fn has_scratch(&self) -> bool {
        self.context.plan.scratch.get(self.id.0).is_some_and(Option::is_some)
    }

    /// True if the planner has chosen Winograd's convolution for this node.
    pub fn is_winograd(&self) -> bool {
        self.context.plan.winograd.get(self.id.0) == Some(&true)
    }

    /// True if the planner has chosen to leave out the node's blocks of zero weights.
    pub fn is_sparse(&self) -> bool {
        self.context.plan.sparse.get(self.id.0) == Some(&true)
    }

    /// Arena offset of the node's scratch memory of `bytes`, which the planner has reserved.
    pub fn scratch(&self, bytes: u32) -> Result<u32, EmitError> {
        let value = self.context.plan.scratch.get(self.id.0).copied().flatten();
        let planned = value.map_or(0, |value| self.value(value).elements());
        match value {
            _ if planned != bytes as usize => {
                Err(self.error(format!("{bytes} bytes of scratch memory are needed, {planned} are planned")))
            }
            Some(value) => self.offset(value),
            None => Ok(0),
        }
    }

    /// Filters `[out, taps]` and requantization of sums with scale `x * weights[c]` to the node's output, tables in their
    /// shortest form. `inputs` are the ends of what a weight is multiplied with, `product` multiplies the scales.
    pub fn requantize(
        &mut self,
        (weights_id, weights): (ValueId, Vec<i8>),
        biases: Vec<i32>,
        inputs: RangeInclusive<i64>,
        product: fn(f32, f32) -> f64,
        activation: Activation,
    ) -> Result<(Vec<i8>, Requantize8), EmitError> {
        let x = self.affine(self.input(0)?)?;
        let y = self.affine(self.node.output)?;
        let out_c = self.output().shape.last().copied().unwrap_or(1);
        let factor = |w: f32| product(x.scale, w) / f64::from(y.scale);
        let scales = self.weight_scales(weights_id, out_c)?;
        let factors = scales.iter().map(|&w| self.multiplier(factor(w))).collect::<Result<Vec<_>, _>>()?;
        let (min, max) = y.clamp(activation);
        let mut channels = Channels { weights, biases, factors };
        let rounding = self.context.options.rounding;
        settle(&mut channels, &Sums { inputs, rounding, zero_point: y.zero_point, outputs: min..=max });
        let Channels { weights: filters, biases, factors } = channels;
        let narrow: Result<Vec<i16>, _> = biases.iter().map(|&bias| i16::try_from(bias)).collect();
        let weights = &mut self.context.weights;
        let biases = match narrow {
            Ok(narrow) => Biases::I16(weights.add_i16(&narrow)),
            Err(_) => Biases::I32(weights.add_i32(&biases)),
        };
        let factors = match (factors.first(), packed_factors(&factors)) {
            (Some(&first), _) if factors.iter().all(|&factor| factor == first) => Factors::One(first),
            (_, Some((words, shift))) => Factors::Packed { words: weights.add_u32(&words), shift },
            _ => Factors::Each {
                multipliers: weights.add_i32(&factors.iter().map(|f| f.multiplier).collect::<Vec<_>>()),
                shifts: weights.add_i8(&factors.iter().map(|f| f.shift).collect::<Vec<_>>()),
            },
        };
        Ok((filters, Requantize8 { biases, factors, y_zero_point: y.zero_point, min, max }))
    }

    /// Fails unless input 0 and the output are quantized alike, which kernels that move stored values rely on.
    pub fn same_quantization(&self) -> Result<Affine, EmitError> {
        let (x, y) = (self.affine(self.input(0)?)?, self.affine(self.node.output)?);
        if x == y {
            Ok(x)
        } else {
            Err(self.error(format!("input and output must share their scale, got {x:?}, {y:?}")))
        }
    }

    /// A feature map `[1, h, w, c]`.
    pub fn hwc(&self, id: ValueId) -> Result<Hwc, EmitError> {
        match self.value(id).shape.as_slice() {
            &[1, h, w, c] => Ok(Hwc { h: self.size(h)?, w: self.size(w)?, c: self.size(c)? }),
            other => Err(self.error(format!("`{}` must be [1, h, w, c], got {other:?}", self.value(id).name))),
        }
    }

    /// A count as the file stores it.
    pub fn size(&self, n: usize) -> Result<u32, EmitError> {
        u32::try_from(n).map_err(|_| self.error(format!("a size of {n} does not fit 32 bits")))
    }

    /// Appends an instruction; the last one of a node completes its output.
    pub fn push(&mut self, instruction: Instruction) {
        self.context.instructions.push(instruction);
        self.context.sources.push(InstructionSource { node: self.id, completes: None });
    }

    /// Fails for element types that no kernel of this op takes.
    pub fn unsupported_dtype<T>(&self, dtype: DType) -> Result<T, EmitError> {
        Err(self.error(format!("elements of type {dtype:?} are not supported, only int8, int16 and float32")))
    }
}
