//! What the lowering of single operators shares: tensors as values, constants, new nodes.

use super::error::{ImportError, LowerError, unsupported};
use super::file::{ElementType, File, Operator, TensorInfo};
use crate::ir::{DType, Graph, Node, Op, Tensor, ValueId};
use crate::quantize::{QuantGraph, Quantization};
use std::collections::HashSet;

/// The network under construction.
pub(super) struct Lowering<'f, 'a> {
    pub file: &'f File<'a>,
    pub graph: Graph,
    pub quantization: Vec<Option<Quantization>>,
    /// Per tensor, the value that it became.
    pub values: Vec<Option<ValueId>>,
    /// Per tensor, whether a refused operator makes it.
    pub unknown: Vec<bool>,
    names: HashSet<String>,
    /// Bytes that constants may still take: what a file says twice is stored twice.
    budget: usize,
}

/// How an activation is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stored {
    F32,
    I8 {
        scale: f32,
        zero_point: i32,
    },
    /// Zero point 0.
    I16 {
        scale: f32,
    },
}

impl Stored {
    /// Element type and parameters.
    pub fn parameters(self) -> (DType, Option<Quantization>) {
        match self {
            Self::F32 => (DType::F32, None),
            Self::I8 { scale, zero_point } => (DType::I8, Some(Quantization::per_tensor(scale, zero_point))),
            Self::I16 { scale } => (DType::I16, Some(Quantization::per_tensor(scale, 0))),
        }
    }
}

impl<'f, 'a> Lowering<'f, 'a> {
    pub fn new(file: &'f File<'a>) -> Self {
        Self {
            file,
            graph: Graph { name: file.name.clone(), ..Graph::default() },
            quantization: Vec::new(),
            values: vec![None; file.tensors.len()],
            unknown: vec![false; file.tensors.len()],
            names: HashSet::new(),
            budget: file.bytes.saturating_mul(8).saturating_add(1 << 20),
        }
    }

    /// The quantized graph.
    pub fn finish(self) -> (QuantGraph, Vec<Option<ValueId>>) {
        (QuantGraph { graph: self.graph, quantization: self.quantization }, self.values)
    }

    fn spend(&mut self, bytes: usize) -> Result<(), ImportError> {
        self.budget = self.budget.checked_sub(bytes).ok_or(ImportError::Inflated)?;
        Ok(())
    }

    /// The file's name of a tensor; one made of its number if the name is missing or taken.
    fn unique_name(&mut self, tensor: &TensorInfo) -> String {
        let plain = if tensor.name.is_empty() { format!("tensor {}", tensor.index) } else { tensor.name.clone() };
        if self.names.insert(plain.clone()) {
            return plain;
        }
        let numbered = format!("{plain} #{}", tensor.index);
        self.names.insert(numbered.clone());
        numbered
    }

    /// A tensor that a caller or an operator makes.
    pub fn declare(&mut self, tensor: usize) -> Result<ValueId, LowerError> {
        let info = self.tensor(tensor)?;
        let (dtype, quantization) = self.stored(info)?.parameters();
        self.declare_as(tensor, dtype, quantization)
    }

    /// As [`Self::declare`], for tensors that are no activations.
    pub fn declare_as(
        &mut self,
        tensor: usize,
        dtype: DType,
        quantization: Option<Quantization>,
    ) -> Result<ValueId, LowerError> {
        let info = self.tensor(tensor)?;
        if self.values.get(tensor).is_some_and(Option::is_some) || info.data.is_some() {
            return Err(info.error("is made twice; the file is damaged").into());
        }
        if crate::ir::checked_elements(&info.shape).is_none() {
            return Err(info.error(format!("has the empty shape {:?}", info.shape)).into());
        }
        let name = self.unique_name(info);
        let id = self.graph.add_value(name, info.shape.clone(), dtype);
        self.quantization.push(quantization);
        if let Some(slot) = self.values.get_mut(tensor) {
            *slot = Some(id);
        }
        Ok(id)
    }

    /// A value between two nodes of one operator.
    pub fn intermediate(&mut self, name: String, shape: Vec<usize>, like: Stored) -> ValueId {
        let (dtype, quantization) = like.parameters();
        self.quantization.push(quantization);
        self.graph.add_value(name, shape, dtype)
    }

    /// Appends a node that makes `output`, named after it.
    pub fn node(&mut self, op: Op, inputs: Vec<ValueId>, output: ValueId) {
        let name = self.graph.value(output).name.clone();
        self.graph.nodes.push(Node { name, op, inputs, output });
    }

    pub fn constant(
        &mut self,
        name: String,
        tensor: Tensor,
        quantization: Option<Quantization>,
    ) -> Result<ValueId, ImportError> {
        self.spend(tensor.len().saturating_mul(tensor.dtype().bytes() as usize))?;
        self.quantization.push(quantization);
        Ok(self.graph.add_constant(name, tensor))
    }

    pub fn tensor(&self, index: usize) -> Result<&'f TensorInfo<'a>, ImportError> {
        let missing = || ImportError::Broken { reason: format!("tensor {index} does not exist") };
        self.file.tensors.get(index).ok_or_else(missing)
    }

    /// Number of an operand that must be there.
    pub fn operand(&self, op: &Operator, position: usize) -> Result<usize, LowerError> {
        match op.inputs.get(position).copied().flatten() {
            Some(tensor) => Ok(tensor),
            None => Err(self.wrong(op, format!("needs operand {position}, which is missing"))),
        }
    }

    /// The only result.
    pub fn result(&self, op: &Operator) -> Result<usize, LowerError> {
        match op.outputs.as_slice() {
            &[one] => Ok(one),
            more => Err(self.wrong(op, format!("has {} outputs instead of one", more.len()))),
        }
    }

    /// An error about an operator that contradicts the format.
    pub fn wrong(&self, op: &Operator, reason: impl Into<String>) -> LowerError {
        let (operator, name) = (op.index, super::operators::name(op.code));
        LowerError::Fatal(ImportError::Operator { operator, op: name, reason: reason.into() })
    }

    /// How activations of this tensor are stored.
    pub fn stored(&self, tensor: &TensorInfo) -> Result<Stored, LowerError> {
        let name = &tensor.name;
        match tensor.dtype {
            ElementType::F32 => Ok(Stored::F32),
            ElementType::I8 | ElementType::I16 => {
                let wide = tensor.dtype == ElementType::I16;
                let type_name = tensor.dtype.name();
                let Some(q) = tensor.quantization else {
                    // Sound and other data that only operators for it read.
                    return match wide {
                        true => unsupported("is int16 without a scale", "a scale says what its integers stand for"),
                        false => Err(tensor.error(format!("is {type_name} but has no scale")).into()),
                    };
                };
                if q.scales.len() != 1 {
                    let reason = format!("is an activation with {} scales, one is needed", q.scales.len());
                    return Err(tensor.error(reason).into());
                }
                let scale = q.scales.get(0).unwrap_or(0.0);
                let zero_point = q.zero_points.and_then(|z| z.get(0)).unwrap_or(0);
                let zero_points = if wide { 0..=0 } else { -128..=127 };
                let zero_point = i32::try_from(zero_point).ok().filter(|z| zero_points.contains(z));
                match zero_point {
                    Some(_) if wide && scale.is_finite() && scale > 0.0 => Ok(Stored::I16 { scale }),
                    Some(zero_point) if scale.is_finite() && scale > 0.0 => Ok(Stored::I8 { scale, zero_point }),
                    _ if wide => Err(tensor.error("needs a positive scale and the zero point 0").into()),
                    _ => Err(tensor.error("needs a positive scale and an int8 zero point").into()),
                }
            }
            ElementType::U8 => unsupported(
                format!("`{name}` is uint8"),
                "convert with int8: `inference_input_type = inference_output_type = tf.int8`, TensorFlow 2 quantizer",
            ),
            other => unsupported(
                format!("`{name}` is {}", other.name()),
                "only int8, int16 and float32 are computed with: convert so, or cut the network before it",
            ),
        }
    }

    /// An operand that flows through the arena, or a constant in its place.
    pub fn value(&mut self, tensor: usize) -> Result<ValueId, LowerError> {
        if let Some(Some(id)) = self.values.get(tensor) {
            return Ok(*id);
        }
        let info = self.tensor(tensor)?;
        if info.data.is_none() {
            return Err(info
                .error("is read before anything makes it; operators must be in execution order, without cycles")
                .into());
        }
        let stored = self.stored(info)?;
        let (constant, quantization) = match stored {
            Stored::F32 => (Tensor::f32(info.shape.clone(), self.floats(tensor)?), None),
            Stored::I8 { scale, zero_point } => {
                let tensor = Tensor::I8 { shape: info.shape.clone(), data: self.bytes(tensor)? };
                (tensor, Some(Quantization::per_tensor(scale, zero_point)))
            }
            Stored::I16 { scale } => {
                let tensor = Tensor::I16 { shape: info.shape.clone(), data: self.words(tensor)? };
                (tensor, Some(Quantization::per_tensor(scale, 0)))
            }
        };
        if crate::ir::checked_elements(&info.shape).is_none() {
            return Err(info.error(format!("has the empty shape {:?}", info.shape)).into());
        }
        let name = self.unique_name(info);
        let id = self.constant(name, constant, quantization)?;
        if let Some(slot) = self.values.get_mut(tensor) {
            *slot = Some(id);
        }
        Ok(id)
    }

    /// A result that is known now: float values in the place of what an operator would make of constants.
    pub fn constant_result(
        &mut self,
        op: &Operator,
        tensor: usize,
        values: impl Fn(&Self) -> Result<Vec<f32>, LowerError>,
    ) -> Result<(), LowerError> {
        let info = self.tensor(tensor)?;
        let data = values(self)?;
        if data.len() != info.elements() || crate::ir::checked_elements(&info.shape).is_none() {
            return Err(self.wrong(op, format!("makes {} values of shape {:?}", data.len(), info.shape)));
        }
        if self.values.get(tensor).is_some_and(Option::is_some) {
            return Err(info.error("is made twice; the file is damaged").into());
        }
        let name = self.unique_name(info);
        let id = self.constant(name, Tensor::f32(info.shape.clone(), data), None)?;
        if let Some(slot) = self.values.get_mut(tensor) {
            *slot = Some(id);
        }
        Ok(())
    }

    /// Refuses operands and results of different element types.
    pub fn same_kind(&self, op: &Operator, x: ValueId, y: ValueId) -> Result<(), LowerError> {
        let (x, y) = (self.graph.value(x), self.graph.value(y));
        if x.dtype == y.dtype {
            return Ok(());
        }
        Err(self.wrong(op, format!("reads `{}` as {:?} and makes {:?}", x.name, x.dtype, y.dtype)))
    }

    /// Refuses operands and results that do not mean the same by their integers: the operator only moves them.
    pub fn same_scale(&self, op: &Operator, x: ValueId, y: ValueId) -> Result<(), LowerError> {
        self.same_kind(op, x, y)?;
        let of = |id: ValueId| self.quantization.get(id.0).and_then(Option::as_ref);
        if of(x) == of(y) {
            return Ok(());
        }
        let name = &self.graph.value(x).name;
        let text = |id| of(id).map_or_else(String::new, |q| format!("{} and {}", q.scale(), q.zero_point));
        let reason =
            format!("`{name}` has scale and zero point {}, the result {}; they must be the same", text(x), text(y));
        Err(self.wrong(op, reason))
    }

    /// Refuses a change of shape that loses or adds elements.
    pub fn same_elements(&self, op: &Operator, x: ValueId, y: ValueId) -> Result<(), LowerError> {
        let (x, y) = (self.graph.value(x), self.graph.value(y));
        if x.elements() == y.elements() {
            return Ok(());
        }
        Err(self.wrong(op, format!("turns shape {:?} into {:?}", x.shape, y.shape)))
    }

    /// Constant data, present.
    fn data(&self, tensor: usize) -> Result<&'a [u8], LowerError> {
        let info = self.tensor(tensor)?;
        if let Some(data) = info.data {
            return Ok(data);
        }
        if self.values.get(tensor).is_some_and(Option::is_some) {
            let name = &info.name;
            return unsupported(
                format!("`{name}` is computed, not constant"),
                "give the operator constants, or cut the network",
            );
        }
        Err(info.error("must be constant but has no data").into())
    }

    /// Integers of a constant int8 tensor.
    pub fn bytes(&self, tensor: usize) -> Result<Vec<i8>, LowerError> {
        Ok(self.data(tensor)?.iter().map(|&b| b as i8).collect())
    }

    /// Integers of a constant int16 tensor.
    pub fn words(&self, tensor: usize) -> Result<Vec<i16>, LowerError> {
        Ok(self.data(tensor)?.as_chunks().0.iter().map(|b| i16::from_le_bytes(*b)).collect())
    }

    /// Small integers of a constant: axes, shapes, biases.
    pub fn integers(&self, tensor: usize) -> Result<Vec<i64>, LowerError> {
        let data = self.data(tensor)?;
        let info = self.tensor(tensor)?;
        match info.dtype {
            ElementType::I32 => Ok(data.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b).into()).collect()),
            ElementType::I64 => Ok(data.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect()),
            other => Err(info.error(format!("must hold int32 or int64, not {}", other.name())).into()),
        }
    }

    /// Real values of a constant; integers by their scales.
    pub fn floats(&self, tensor: usize) -> Result<Vec<f32>, LowerError> {
        let info = self.tensor(tensor)?;
        let made = self.values.get(tensor).copied().flatten().and_then(|id| self.graph.constant(id));
        if let Some(values) = made.and_then(Tensor::as_f32) {
            return Ok(values.to_vec());
        }
        let data = self.data(tensor)?;
        match info.dtype {
            ElementType::F32 => Ok(data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
            ElementType::F16 => Ok(data.as_chunks().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect()),
            ElementType::I8 => {
                let axis = self.scale_axis(info);
                let channels = axis.and_then(|a| info.shape.get(a).copied()).unwrap_or(1);
                let scales = self.scales(info, channels)?;
                let inner: usize = axis.map_or(info.elements(), |a| info.shape.iter().skip(a + 1).product());
                let scale = |i: usize| scales.get(i / inner.max(1) % channels.max(1)).copied().unwrap_or(1.0);
                Ok(data.iter().enumerate().map(|(i, &b)| scale(i) * f32::from(b as i8)).collect())
            }
            other => Err(info.error(format!("must hold float32, float16 or int8, not {}", other.name())).into()),
        }
    }

    /// The axis that several scales run along.
    pub fn scale_axis(&self, tensor: &TensorInfo) -> Option<usize> {
        let q = tensor.quantization.filter(|q| q.scales.len() > 1)?;
        usize::try_from(q.axis).ok().filter(|&axis| axis < tensor.shape.len())
    }

    /// Scales of weights: one, or one a channel, zero points 0.
    pub fn scales(&self, tensor: &TensorInfo, channels: usize) -> Result<Vec<f32>, LowerError> {
        let q = tensor.quantization.ok_or_else(|| tensor.error("holds int8 weights but has no scale"))?;
        if q.scales.len() != 1 && q.scales.len() != channels {
            let reason = format!("has {} scales, 1 or {channels} are needed", q.scales.len());
            return Err(tensor.error(reason).into());
        }
        if q.zero_points.is_some_and(|z| z.iter().any(|z| z != 0)) {
            return unsupported(
                format!("weights `{}` have a zero point other than 0", tensor.name),
                "convert with TensorFlow 2's quantizer, whose int8 weights are symmetric",
            );
        }
        let scales: Vec<f32> = q.scales.iter().collect();
        match scales.iter().find(|s| !(s.is_finite() && **s >= 0.0)) {
            Some(scale) => Err(tensor.error(format!("has the scale {scale}, which is not a positive number")).into()),
            None => Ok(scales),
        }
    }

    /// Weights and bias of a node as its element type wants them: int8 with int32 (or int64 beside int16), or float.
    ///
    /// `axis` is the output channel; `arrange` turns a flat array in the file's order into `shape`.
    pub fn weights(&mut self, spec: Weights<'_>, stored: Stored) -> Result<Vec<ValueId>, LowerError> {
        let Weights { weights, bias, shape, axis, shape_axis, arrange, channels } = spec;
        let info = self.tensor(weights)?;
        let name = info.name.clone();
        let bias_info = bias.map(|b| self.tensor(b)).transpose()?;
        if let Some(b) = bias_info
            && b.elements() != channels
        {
            let reason = format!("is a bias of shape {:?} for {channels} channels", b.shape);
            return Err(b.error(reason).into());
        }
        let mut ids = Vec::with_capacity(2);
        match stored {
            Stored::F32 => {
                let data = arrange.apply(&self.floats(weights)?);
                ids.push(self.constant(name, Tensor::f32(shape, data), None)?);
                if let (Some(bias), Some(b)) = (bias, bias_info) {
                    let data = self.floats(bias)?;
                    ids.push(self.constant(b.name.clone(), Tensor::f32([channels], data), None)?);
                }
            }
            Stored::I8 { scale: x_scale, .. } | Stored::I16 { scale: x_scale } => {
                let wide = matches!(stored, Stored::I16 { .. });
                if info.dtype != ElementType::I8 {
                    return unsupported(
                        format!("weights `{name}` are {} beside integer activations", info.dtype.name()),
                        "convert with int8 weights",
                    );
                }
                if let Some(found) = self.scale_axis(info).filter(|&found| found != axis) {
                    return Err(info.error(format!("has scales along axis {found}, expected axis {axis}")).into());
                }
                let scales = self.scales(info, channels)?;
                // Rounding of the factors is done in double precision from these, as the reference kernels do.
                let q = Quantization {
                    axis: (scales.len() > 1).then_some(shape_axis),
                    scales: scales.clone(),
                    zero_point: 0,
                };
                let data = arrange.apply(&self.bytes(weights)?);
                ids.push(self.constant(name.clone(), Tensor::I8 { shape, data }, Some(q))?);
                let shape = vec![channels];
                let (bias_name, tensor) = match (bias, bias_info) {
                    (Some(bias), Some(b)) => {
                        let data = self.integers(bias)?;
                        let tensor = match b.dtype {
                            ElementType::I32 => {
                                Tensor::I32 { shape, data: data.into_iter().map(|v| v as i32).collect() }
                            }
                            ElementType::I64 if wide => Tensor::I64 { shape, data },
                            other => {
                                let needed = if wide { "int32 or int64" } else { "int32" };
                                let reason = format!("is a bias of type {}, {needed} is needed", other.name());
                                return Err(b.error(reason).into());
                            }
                        };
                        (b.name.clone(), tensor)
                    }
                    // Without a bias the reference kernels add up 64 bits, as with one of 64 bits.
                    _ if wide => (format!("{name}/no bias"), Tensor::I64 { shape, data: vec![0; channels] }),
                    _ => (format!("{name}/no bias"), Tensor::I32 { shape, data: vec![0; channels] }),
                };
                let scales: Vec<f32> = scales.iter().map(|w| x_scale * w).collect();
                let q = Quantization { axis: (scales.len() > 1).then_some(0), scales, zero_point: 0 };
                ids.push(self.constant(bias_name, tensor, Some(q))?);
            }
        }
        Ok(ids)
    }
}

/// Weights and bias of one operator.
pub(super) struct Weights<'s> {
    pub weights: usize,
    pub bias: Option<usize>,
    /// As the graph wants them.
    pub shape: Vec<usize>,
    /// Output channel in the file.
    pub axis: usize,
    /// Output channel in `shape`.
    pub shape_axis: usize,
    pub arrange: Arrange<'s>,
    /// Output channels.
    pub channels: usize,
}

/// How weights are reordered.
pub(super) enum Arrange<'s> {
    AsIs,
    /// Shape in the file, and a permutation of its axes.
    Permute(&'s [usize], &'s [usize]),
}

impl Arrange<'_> {
    fn apply<T: Copy>(&self, data: &[T]) -> Vec<T> {
        match self {
            Self::AsIs => data.to_vec(),
            Self::Permute(shape, perm) => crate::ir::permute(data, shape, perm),
        }
    }
}
