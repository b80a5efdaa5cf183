//! `Graph + Ranges -> QuantGraph`.

use super::float_nodes::{is_named, widths};
use super::groups::{assign, data_operands, shares};
use super::weights::Bits;
use super::width::PerWidth;
use super::{QuantGraph, Quantization, QuantizeError, Range, Ranges, Width, params, verify, weights};
use crate::ir::{DType, Graph, Node, Op, SourceScale, Tensor, ValueId};

/// How the caller sees inputs and outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortType {
    /// int8 in the arena; int16 where that is the width of the network's activations.
    #[default]
    I8,
    /// float32 in the arena, converted on the device.
    F32,
}

/// Options of [`quantize`].
#[derive(Clone, Debug)]
pub struct QuantizeOptions {
    /// Type of the model's inputs.
    pub inputs: PortType,
    /// Type of the model's outputs.
    pub outputs: PortType,
    /// Nodes that stay float: names, `*` matches any text.
    pub float_nodes: Vec<String>,
    /// Width of the activations of all other nodes, and of the ports.
    pub activations: Width,
    /// Nodes that compute on int16 whatever the others do: names as in `float_nodes`, which come first.
    pub int16_nodes: Vec<String>,
    /// Nodes whose weights have four bits: names as in `float_nodes`.
    pub int4_weights: Vec<String>,
    /// Most values that the weights of a layer may have, if it is one whose weights can be packed: a convolution over all
    /// channels or a fully connected layer, on int8.
    pub palette: Option<u16>,
    /// Shift every bias so that rounding the weights does not move the mean of the channel's outputs.
    pub bias_correction: bool,
}

impl Default for QuantizeOptions {
    fn default() -> Self {
        Self {
            inputs: PortType::default(),
            outputs: PortType::default(),
            float_nodes: Vec::new(),
            activations: Width::default(),
            int16_nodes: Vec::new(),
            int4_weights: Vec::new(),
            palette: None,
            bias_correction: true,
        }
    }
}

/// Chooses scales and zero points, quantizes the weights, and inserts conversions where precision changes.
pub fn quantize(graph: &Graph, ranges: &Ranges, options: &QuantizeOptions) -> Result<QuantGraph, QuantizeError> {
    let widths = widths(graph, options)?;
    let of_width = |width| assign(graph, ranges, width, &|node| widths[node] == Some(width));
    let parameters = PerWidth([of_width(Width::I8), of_width(Width::I16)]);
    let ports = options.activations;
    let mut lower = Lower::new(graph, ranges, parameters, options.bias_correction);
    lower.int4_weights = &options.int4_weights;
    lower.palette = options.palette;
    for port in &graph.inputs {
        match options.inputs {
            PortType::I8 => lower.declare_integer(port.value, ports, &port.name, "input")?,
            PortType::F32 => lower.declare_float(port.value),
        }
    }
    for (node, &width) in graph.nodes.iter().zip(&widths) {
        match width {
            None => lower.float_node(node)?,
            Some(width) => lower.integer_node(node, width)?,
        }
    }
    for (i, port) in graph.outputs.iter().enumerate().filter(|(_, p)| graph.constant(p.value).is_none()) {
        lower.out.outputs[i].value = match options.outputs {
            PortType::I8 => lower.as_integer(port.value, ports, &port.name, "output")?,
            PortType::F32 => lower.as_float(port.value),
        };
    }
    let quant = QuantGraph { graph: lower.out, quantization: lower.quantization };
    verify(&quant)?;
    Ok(quant)
}

/// The graph as it is, all values float.
pub fn keep_float(graph: &Graph) -> QuantGraph {
    QuantGraph { graph: graph.clone(), quantization: vec![None; graph.values.len()] }
}

/// The graph under construction. Values keep their ids; a value that is needed in both precisions gets a second one.
pub(super) struct Lower<'a> {
    source: &'a Graph,
    ranges: &'a Ranges,
    /// Per source value, its quantization wherever it is stored in a width.
    parameters: PerWidth<Vec<Option<Quantization>>>,
    bias_correction: bool,
    pub int4_weights: &'a [String],
    palette: Option<u16>,
    pub out: Graph,
    pub quantization: Vec<Option<Quantization>>,
    /// Per source value, its form in `out`.
    integer: PerWidth<Vec<Option<ValueId>>>,
    float: Vec<Option<ValueId>>,
    /// Per source constant, whether its id in `out` is in use already.
    taken: Vec<bool>,
}

impl<'a> Lower<'a> {
    pub fn new(
        source: &'a Graph,
        ranges: &'a Ranges,
        parameters: PerWidth<Vec<Option<Quantization>>>,
        bias_correction: bool,
    ) -> Self {
        let n = source.values.len();
        let mut float = vec![None; n];
        source.state.iter().for_each(|&state| float[state.0] = Some(state));
        let out = Graph {
            name: source.name.clone(),
            values: source.values.clone(),
            nodes: Vec::with_capacity(source.nodes.len()),
            inputs: source.inputs.clone(),
            outputs: source.outputs.clone(),
            state: source.state.clone(),
        };
        Self {
            source,
            ranges,
            parameters,
            bias_correction,
            int4_weights: &[],
            palette: None,
            out,
            quantization: vec![None; n],
            integer: PerWidth([vec![None; n], vec![None; n]]),
            float,
            taken: vec![false; n],
        }
    }

    fn parameters(
        &self,
        value: ValueId,
        width: Width,
        node: &str,
        op: &'static str,
    ) -> Result<Quantization, QuantizeError> {
        self.parameters[width][value.0].clone().ok_or_else(|| QuantizeError::Node {
            node: node.into(),
            op,
            reason: format!("no range is known for `{}`: it was not computed in float", self.source.value(value).name),
        })
    }

    /// `value` is computed in `width`.
    pub fn declare_integer(
        &mut self,
        value: ValueId,
        width: Width,
        node: &str,
        op: &'static str,
    ) -> Result<(), QuantizeError> {
        self.quantization[value.0] = Some(self.parameters(value, width, node, op)?);
        self.out.values[value.0].dtype = width.dtype();
        self.integer[width][value.0] = Some(value);
        Ok(())
    }

    /// `value` is computed in float.
    pub fn declare_float(&mut self, value: ValueId) {
        self.out.values[value.0].dtype = DType::F32;
        self.float[value.0] = Some(value);
    }

    fn convert(&mut self, from: ValueId, op: Op, dtype: DType, quantization: Option<Quantization>) -> ValueId {
        let (name, shape) = (self.out.value(from).name.clone(), self.out.value(from).shape.clone());
        let suffix = Width::of(dtype).map_or("float", Width::name);
        let to = self.out.add_value(format!("{name}/{suffix}"), shape, dtype);
        self.quantization.push(quantization);
        self.out.nodes.push(Node { name: format!("{name}/{}", op.name()), op, inputs: vec![from], output: to });
        to
    }

    /// The form of a computed value in `width`. Values keep their ids, so that the first form is under the value's own.
    pub fn as_integer(
        &mut self,
        value: ValueId,
        width: Width,
        node: &str,
        op: &'static str,
    ) -> Result<ValueId, QuantizeError> {
        if let Some(id) = self.integer[width][value.0] {
            return Ok(id);
        }
        let parameters = self.parameters(value, width, node, op)?;
        let conversion = match self.out.value(value).dtype {
            DType::F32 => Op::Quantize,
            _ => Op::Requantize,
        };
        let id = self.convert(value, conversion, width.dtype(), Some(parameters));
        self.integer[width][value.0] = Some(id);
        Ok(id)
    }

    /// The float form of a computed value.
    pub fn as_float(&mut self, value: ValueId) -> ValueId {
        if let Some(id) = self.float[value.0] {
            return id;
        }
        let id = self.convert(value, Op::Dequantize, DType::F32, None);
        self.float[value.0] = Some(id);
        id
    }

    /// Stores a constant under the id of the source constant that it comes from, or a new one if that is in use.
    fn constant(
        &mut self,
        source: Option<ValueId>,
        name: String,
        tensor: Tensor,
        quantization: Option<Quantization>,
    ) -> ValueId {
        match source {
            Some(id) if !self.taken[id.0] => {
                self.taken[id.0] = true;
                let value = &mut self.out.values[id.0];
                (value.shape, value.dtype) = (tensor.shape().to_vec(), tensor.dtype());
                value.constant = Some(tensor);
                self.quantization[id.0] = quantization;
                id
            }
            _ => {
                self.quantization.push(quantization);
                self.out.add_constant(name, tensor)
            }
        }
    }

    pub fn float_node(&mut self, node: &Node) -> Result<(), QuantizeError> {
        reject_left_over(node)?;
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for &value in &node.inputs {
            inputs.push(match self.source.constant(value) {
                Some(tensor) => {
                    let name = self.source.value(value).name.clone();
                    self.constant(Some(value), name, tensor.clone(), None)
                }
                None => self.as_float(value),
            });
        }
        self.declare_float(node.output);
        self.out.nodes.push(Node { inputs, ..node.clone() });
        Ok(())
    }

    pub fn integer_node(&mut self, node: &Node, width: Width) -> Result<(), QuantizeError> {
        reject_left_over(node)?;
        let op = node.op.name();
        let y = self.parameters(node.output, width, &node.name, op)?;
        let mut inputs = Vec::with_capacity(3);
        for &value in data_operands(node) {
            inputs.push(match self.source.constant(value) {
                Some(tensor) => self.integer_constant(node, value, tensor, &y, width)?,
                None => {
                    let x = self.as_integer(value, width, &node.name, op)?;
                    let differs = self.quantization[x.0].as_ref() != Some(&y);
                    match shares(&node.op) && differs {
                        true => self.convert(x, Op::Requantize, width.dtype(), Some(y.clone())),
                        false => x,
                    }
                }
            });
        }
        if matches!(node.op, Op::Conv2d { .. } | Op::FullyConnected { .. }) {
            let x = inputs.first().and_then(|x| self.quantization[x.0].clone());
            let x = x.ok_or_else(|| node_error(node, "has no operands".into()))?;
            inputs.extend(self.int8_weights(node, &x, &y, width)?);
        }
        self.declare_integer(node.output, width, &node.name, op)?;
        self.out.nodes.push(Node { inputs, ..node.clone() });
        Ok(())
    }

    /// A constant operand of an elementwise op or a concatenation.
    fn integer_constant(
        &mut self,
        node: &Node,
        value: ValueId,
        tensor: &Tensor,
        y: &Quantization,
        width: Width,
    ) -> Result<ValueId, QuantizeError> {
        let name = self.source.value(value).name.clone();
        let data = tensor.as_f32().filter(|d| d.iter().all(|x| x.is_finite()));
        let data = data.ok_or_else(|| node_error(node, format!("constant `{name}` is not finite float32")))?;
        let q = match &self.source.value(value).source_scale {
            _ if shares(&node.op) => y.clone(),
            Some(SourceScale { scales, zero_point })
                if scales.len() == 1 && (width == Width::I8 || *zero_point == 0) =>
            {
                Quantization { scales: scales.clone(), zero_point: *zero_point, axis: None }
            }
            _ => params::of_width(Range::of(data), width),
        };
        let shape = tensor.shape().to_vec();
        let tensor = match width {
            Width::I8 => Tensor::I8 { shape, data: data.iter().map(|&x| params::quantize(x, &q)).collect() },
            Width::I16 => Tensor::I16 { shape, data: data.iter().map(|&x| params::quantize16(x, &q)).collect() },
        };
        Ok(self.constant(Some(value), name, tensor, Some(q)))
    }

    fn int8_weights(
        &mut self,
        node: &Node,
        x: &Quantization,
        y: &Quantization,
        width: Width,
    ) -> Result<[ValueId; 2], QuantizeError> {
        let float = |i: usize| self.source.constant(*node.inputs.get(i)?)?.as_f32();
        let hint = "must be a float32 constant; keep the node float with `--float-nodes`";
        let data = float(1).ok_or_else(|| node_error(node, format!("its weights {hint}")))?;
        if node.inputs.len() > 2 && float(2).is_none() {
            return Err(node_error(node, format!("its bias {hint}")));
        }
        let bias = float(2).unwrap_or_default();
        let weights_id = node.inputs[1];
        let shape = self.source.value(weights_id).shape.clone();
        let channels = shape.first().copied().unwrap_or(0);
        let rounded = self.ranges.rounded.get(&node.output).map(|r| &**r);
        let means = self.ranges.means[node.inputs[0].0].as_deref();
        let expected = means.map(|means| expected_input(node, &shape, means));
        let met = rounded.map(|r| move |c: usize, k: usize| r.moments.mean(c, channels).get(k).copied().unwrap_or(0.0));
        let mean = match (&met, &expected) {
            (Some(met), _) => Some(met as &dyn Fn(usize, usize) -> f64),
            (None, expected) => expected.as_ref().map(|f| f as &dyn Fn(usize, usize) -> f64),
        };
        let mean = mean.filter(|_| self.bias_correction);
        let source = self.source.value(weights_id).source_scale.as_ref();
        let bits = if is_named(self.int4_weights, node) { Bits::Four } else { Bits::Eight };
        let palette = self.palette.filter(|_| takes_palette(&node.op) && width == Width::I8).map(usize::from);
        let inputs = weights::Inputs { weights: data, bias, channels, x, y, width, bits, palette, mean, rounded };
        let quantized = match source {
            Some(source) => weights::adopt(&inputs, source),
            None => weights::quantize(&inputs),
        };
        let quantized = quantized.map_err(|reason| node_error(node, reason))?;

        let axis = Some(0);
        let tensor = Tensor::I8 { shape, data: quantized.weights };
        let q = Quantization { scales: quantized.scales, zero_point: 0, axis };
        let weights = self.constant(Some(weights_id), format!("{}/weights", node.name), tensor, Some(q));
        let tensor = Tensor::I32 { shape: vec![channels], data: quantized.bias };
        let q = Quantization { scales: quantized.bias_scales, zero_point: 0, axis };
        let bias = self.constant(node.inputs.get(2).copied(), format!("{}/bias", node.name), tensor, Some(q));
        Ok([weights, bias])
    }
}

/// For output channel `c` and weight `k` of that channel, the mean of the inputs that the weight meets.
fn expected_input<'m>(node: &Node, shape: &[usize], means: &'m [f64]) -> impl Fn(usize, usize) -> f64 + use<'m> {
    let groups = if let Op::Conv2d { groups, .. } = node.op { groups.max(1) } else { 1 };
    let per_group_in = shape.last().copied().unwrap_or(1).max(1);
    let per_group_out = (shape.first().copied().unwrap_or(1) / groups).max(1);
    move |c, k| means.get(c / per_group_out * per_group_in + k % per_group_in).copied().unwrap_or(0.0)
}

fn node_error(node: &Node, reason: String) -> QuantizeError {
    QuantizeError::Node { node: node.name.clone(), op: node.op.name(), reason }
}

/// What must not reach quantization.
fn reject_left_over(node: &Node) -> Result<(), QuantizeError> {
    match node.op {
        Op::ScaleShift | Op::BatchNorm { .. } | Op::Dropout { .. } => {
            Err(node_error(node, "internal error: the passes must turn this into simpler ops; please report".into()))
        }
        Op::FakeQuantize { .. }
        | Op::Quantize
        | Op::Dequantize
        | Op::Requantize
        | Op::Table { .. }
        | Op::Sub { .. } => Err(node_error(node, "the graph is quantized already".into())),
        _ => Ok(()),
    }
}

/// True if kernels of the operator read packed weights, so that few values for them save something.
pub(super) fn takes_palette(op: &Op) -> bool {
    match op {
        Op::Conv2d { groups, .. } => *groups == 1,
        Op::FullyConnected { .. } => true,
        _ => false,
    }
}
