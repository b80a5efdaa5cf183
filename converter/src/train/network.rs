//! From the layers of a recipe to a graph with first weights.

use super::config::Loss;
use super::layers::{Function, Layer, Padding, PaddingRule, Size};
use super::random::{Purpose, Random};
use crate::ir::{Activation, DType, Graph, Op, Pads, Port, Tensor, Unary, ValueId};

/// Layers that do not fit together.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("layer {} (`{name}`): {reason}", index + 1)]
pub struct LayerError {
    /// Position in the recipe, from 0.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub reason: String,
}

/// How the parameters of a layer lie in the files of PyTorch.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// As here.
    Same,
    /// Convolution: `[out, in, h, w]`, here `[out, h, w, in]`.
    Convolution,
    /// Dense behind a flattened picture: channels, rows, columns; here rows, columns, channels.
    Flattened([usize; 3]),
    /// One of four gates that are stacked along axis 0.
    Gate(usize),
}

/// A parameter, and where PyTorch keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// The constant.
    pub value: ValueId,
    /// Names in a state dict; more than one are added up.
    pub names: Vec<String>,
    /// How the elements lie there.
    pub order: Order,
}

/// A graph to be trained, and the origin of its parameters.
#[derive(Clone, Debug)]
pub struct Network {
    /// The graph, with training ops.
    pub graph: Graph,
    /// Its parameters and running statistics, in order of the layers.
    pub slots: Vec<Slot>,
}

/// Builds the graph for an input of sizes `input` (without batch), and draws first weights.
pub fn build(name: &str, input: &[usize], layers: &[Layer], seed: u64) -> Result<Network, LayerError> {
    let mut graph = Graph { name: name.into(), ..Graph::default() };
    let shape: Vec<usize> = std::iter::once(1).chain(input.iter().copied()).collect();
    let x = graph.add_value("input", shape, DType::F32);
    graph.inputs = vec![port(&graph, x, "input")];
    let mut builder = Builder { graph, slots: Vec::new(), named: Vec::new(), x, seed, flattened: None };
    for (index, layer) in layers.iter().enumerate() {
        let of_kind = layers[..=index].iter().filter(|l| l.op() == layer.op()).count();
        let name = layer.name().map_or_else(|| format!("{}_{of_kind}", layer.op()), Into::into);
        let error = |reason| LayerError { index, name: name.clone(), reason };
        if builder.named.iter().any(|(n, _)| *n == name) {
            return Err(error("another layer has this name".into()));
        }
        // Of a dense layer behind it, He's bound fits where a ReLU cuts half away.
        let rectified = layers[index..].iter().find_map(rectifies).unwrap_or(false);
        builder.layer(&name, layer, rectified).map_err(error)?;
        builder.named.push((name, builder.x));
    }
    let Builder { mut graph, slots, x, .. } = builder;
    if graph.nodes.is_empty() {
        return Err(LayerError { index: 0, name: name.into(), reason: "there are no layers".into() });
    }
    graph.outputs = vec![port(&graph, x, "output")];
    Ok(Network { graph, slots })
}

/// Whether the layer cuts off what is negative; `None` if the next one tells.
fn rectifies(layer: &Layer) -> Option<bool> {
    let cuts = |f: &Function| {
        matches!(
            f,
            Function::Relu
                | Function::Relu6
                | Function::LeakyRelu
                | Function::HardSwish
                | Function::Silu
                | Function::Gelu
        )
    };
    match layer {
        Layer::Conv2d { activation, .. }
        | Layer::DepthwiseConv2d { activation, .. }
        | Layer::Dense { activation, .. }
            if *activation != Function::Linear =>
        {
            Some(cuts(activation))
        }
        Layer::Activation { function } => Some(cuts(function)),
        Layer::Softmax {} => Some(false),
        _ => None,
    }
}

fn port(graph: &Graph, value: ValueId, name: &str) -> Port {
    let shape = graph.value(value).shape.clone();
    let axes = (0..shape.len()).collect();
    Port { value, name: name.into(), source_shape: shape, source_dtype: DType::F32, source_axes: axes }
}

struct Builder {
    graph: Graph,
    slots: Vec<Slot>,
    named: Vec<(String, ValueId)>,
    x: ValueId,
    seed: u64,
    /// Rows, columns and channels of the picture that was flattened, until something mixes its elements.
    flattened: Option<[usize; 3]>,
}

impl Builder {
    fn shape(&self) -> Vec<usize> {
        self.graph.value(self.x).shape.clone()
    }

    fn picture(&self) -> Result<[usize; 3], String> {
        match self.shape()[..] {
            [_, h, w, c] => Ok([h, w, c]),
            _ => Err(format!("needs rows, columns and channels, got {:?}", &self.shape()[1..])),
        }
    }

    fn node(&mut self, name: &str, op: Op, operands: &[ValueId], shape: Option<&[usize]>) -> Result<(), String> {
        let inputs = std::iter::once(self.x).chain(operands.iter().copied()).collect();
        let at = self.graph.nodes.len();
        self.x = self.graph.insert_node(at, name, op, inputs, shape).map_err(|e| e.to_string())?;
        Ok(())
    }

    fn function(&mut self, name: &str, function: Function) -> Result<(), String> {
        match function.unary() {
            Some(unary) => self.node(name, Op::Unary(unary), &[], None),
            None => Ok(()),
        }
    }

    /// A constant and its slot. `fill` gets the stream of this parameter.
    fn parameter(
        &mut self,
        names: &[String],
        order: Order,
        shape: &[usize],
        fill: impl Fn(&mut Random) -> f32,
    ) -> Result<ValueId, String> {
        let elements = crate::ir::checked_elements(shape).ok_or(format!("a parameter of shape {shape:?}"))?;
        let [name, ..] = names else { return Err("no name".into()) };
        let mut random = Random::new(self.seed, Purpose::Weights, &[hash(name), self.slots.len() as u64]);
        let data = (0..elements).map(|_| fill(&mut random)).collect();
        let value = self.graph.add_constant(name.clone(), Tensor::f32(shape.to_vec(), data));
        self.slots.push(Slot { value, names: names.to_vec(), order });
        Ok(value)
    }

    fn weights(
        &mut self,
        name: &str,
        order: Order,
        shape: &[usize],
        fan_in: usize,
        rectified: bool,
    ) -> Result<ValueId, String> {
        // Uniform of variance 2 / fan_in (He et al. 2015) or 1 / fan_in.
        let variance = if rectified { 2.0 } else { 1.0 } / fan_in.max(1) as f32;
        let bound = (3.0 * variance).sqrt();
        self.parameter(&[format!("{name}.weight")], order, shape, |r| r.between(-bound, bound))
    }

    fn bias(&mut self, name: &str, wanted: bool, n: usize) -> Result<Option<ValueId>, String> {
        wanted.then(|| self.parameter(&[format!("{name}.bias")], Order::Same, &[n], |_| 0.0)).transpose()
    }

    fn layer(&mut self, name: &str, layer: &Layer, rectified: bool) -> Result<(), String> {
        match layer {
            Layer::Conv2d { filters, kernel, stride, padding, dilation, groups, bias, activation, .. } => {
                let conv = Convolution { kernel: *kernel, stride: *stride, padding: *padding, dilation: *dilation };
                self.convolution(name, &conv, *filters, *groups, *bias, rectified)?;
                self.function(&format!("{name}.activation"), *activation)
            }
            Layer::DepthwiseConv2d { multiplier, kernel, stride, padding, dilation, bias, activation, .. } => {
                let conv = Convolution { kernel: *kernel, stride: *stride, padding: *padding, dilation: *dilation };
                let [_, _, channels] = self.picture()?;
                let filters = channels.saturating_mul(*multiplier);
                self.convolution(name, &conv, filters, channels, *bias, rectified)?;
                self.function(&format!("{name}.activation"), *activation)
            }
            Layer::Dense { units, bias, activation, .. } => {
                let inputs = self.shape().last().copied().unwrap_or(0);
                let order = self.flattened.take().map_or(Order::Same, Order::Flattened);
                let weights = self.weights(name, order, &[*units, inputs], inputs, rectified)?;
                let bias = self.bias(name, *bias, *units)?;
                let operands: Vec<ValueId> = std::iter::once(weights).chain(bias).collect();
                self.node(name, Op::FullyConnected { activation: Activation::NONE }, &operands, None)?;
                self.function(&format!("{name}.activation"), *activation)
            }
            Layer::BatchNorm { epsilon, momentum, .. } => self.batch_norm(name, *epsilon, *momentum),
            Layer::Activation { function } => self.function(name, *function),
            Layer::MaxPool2d { kernel, stride, padding } => {
                let (pads, stride) = self.window(*kernel, stride.unwrap_or(*kernel), *padding, Size::Both(1))?;
                self.node(name, Op::MaxPool2d { kernel: kernel.pair(), stride, dilation: [1, 1], pads }, &[], None)
            }
            Layer::AveragePool2d { kernel, stride, padding } => {
                let (pads, stride) = self.window(*kernel, stride.unwrap_or(*kernel), *padding, Size::Both(1))?;
                let (kernel, dilation) = (kernel.pair(), [1, 1]);
                let op = Op::AveragePool2d { kernel, stride, dilation, pads, count_include_pad: false };
                self.node(name, op, &[], None)
            }
            Layer::GlobalAveragePool {} => {
                self.picture()?;
                self.node(name, Op::Mean { axes: vec![1, 2], keep_dims: false }, &[], None)
            }
            Layer::Flatten {} => {
                self.flattened = self.picture().ok();
                let elements = self.shape().iter().product();
                self.node(name, Op::Reshape, &[], Some(&[1, elements]))
            }
            Layer::Dropout { rate } => {
                if !(0.0..1.0).contains(rate) {
                    return Err(format!("a rate is at least 0 and below 1, not {rate}"));
                }
                self.node(name, Op::Dropout { rate: *rate }, &[], None)
            }
            Layer::Softmax {} => self.node(name, Op::Softmax { axis: self.shape().len() - 1 }, &[], None),
            Layer::Lstm { units, last, .. } => self.lstm(name, *units, *last),
            Layer::Add { with, activation } => {
                let Some(&(_, other)) = self.named.iter().find(|(n, _)| n == with) else {
                    let names: Vec<&str> = self.named.iter().map(|(n, _)| n.as_str()).collect();
                    return Err(format!("there is no layer `{with}` before it, only {}", names.join(", ")));
                };
                if self.graph.value(other).shape != self.shape() {
                    return Err(format!("cannot add {:?} to {:?}", self.graph.value(other).shape, self.shape()));
                }
                self.node(name, Op::Add { activation: Activation::NONE }, &[other], None)?;
                self.function(&format!("{name}.activation"), *activation)
            }
        }
    }

    fn convolution(
        &mut self,
        name: &str,
        conv: &Convolution,
        filters: usize,
        groups: usize,
        bias: bool,
        rectified: bool,
    ) -> Result<(), String> {
        let [_, _, channels] = self.picture()?;
        if groups == 0 || !channels.is_multiple_of(groups) || !filters.is_multiple_of(groups) {
            return Err(format!("{channels} channels and {filters} filters do not divide into {groups} groups"));
        }
        let (pads, stride) = self.window(conv.kernel, conv.stride, conv.padding, conv.dilation)?;
        let [kernel_h, kernel_w] = conv.kernel.pair();
        let fan_in = kernel_h.saturating_mul(kernel_w).saturating_mul(channels / groups);
        let shape = [filters, kernel_h, kernel_w, channels / groups];
        let weights = self.weights(name, Order::Convolution, &shape, fan_in, rectified)?;
        let bias = self.bias(name, bias, filters)?;
        let op = Op::Conv2d { stride, dilation: conv.dilation.pair(), pads, groups, activation: Activation::NONE };
        let operands: Vec<ValueId> = std::iter::once(weights).chain(bias).collect();
        self.node(name, op, &operands, None)
    }

    /// Padding in elements, and the stride.
    fn window(
        &self,
        kernel: Size,
        stride: Size,
        padding: Padding,
        dilation: Size,
    ) -> Result<(Pads, [usize; 2]), String> {
        let [h, w, _] = self.picture()?;
        let (kernel, stride, dilation) = (kernel.pair(), stride.pair(), dilation.pair());
        if kernel.contains(&0) || stride.contains(&0) || dilation.contains(&0) {
            return Err("kernel, stride and dilation are at least 1".into());
        }
        let along = |axis: usize, size: usize| match padding {
            Padding::Size(n) => (n.pair()[axis], n.pair()[axis]),
            Padding::Rule(PaddingRule::Valid) => (0, 0),
            Padding::Rule(PaddingRule::Same) => {
                let reach = (kernel[axis] - 1).saturating_mul(dilation[axis]).saturating_add(1);
                let used = (size.div_ceil(stride[axis]) - 1).saturating_mul(stride[axis]).saturating_add(reach);
                let total = used.saturating_sub(size);
                (total / 2, total - total / 2)
            }
        };
        let ((top, bottom), (left, right)) = (along(0, h), along(1, w));
        Ok((Pads { top, left, bottom, right }, stride))
    }

    fn batch_norm(&mut self, name: &str, epsilon: f32, momentum: f32) -> Result<(), String> {
        if !(epsilon > 0.0 && (0.0..=1.0).contains(&momentum)) {
            return Err("epsilon is above 0, momentum between 0 and 1".into());
        }
        let channels = self.shape().last().copied().unwrap_or(0);
        let mut operands = Vec::new();
        for (kind, first) in [("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)] {
            operands.push(self.parameter(&[format!("{name}.{kind}")], Order::Same, &[channels], |_| first)?);
        }
        self.node(name, Op::BatchNorm { epsilon, momentum }, &operands, None)
    }

    fn lstm(&mut self, name: &str, units: usize, last: bool) -> Result<(), String> {
        let [_, steps, inputs] = self.shape()[..] else {
            return Err(format!("needs steps and elements, got {:?}", &self.shape()[1..]));
        };
        let mut operands = Vec::new();
        for kind in ["cell", "hidden"] {
            let state = self.graph.add_value(format!("{name}.{kind}"), vec![1, units], DType::F32);
            self.graph.state.push(state);
            operands.push(state);
        }
        let bound = 1.0 / (units.max(1) as f32).sqrt();
        let uniform = |r: &mut Random| r.between(-bound, bound);
        // PyTorch stacks the gates in the order that the op has them: input, forget, candidate, output.
        for gate in 0..4 {
            let names = |parts: &[&str]| parts.iter().map(|p| format!("{name}.{p}_l0")).collect::<Vec<_>>();
            // An open forget gate lets gradients through from the first step on.
            let bias = if gate == 1 { 1.0 } else { 0.0 };
            operands.push(self.parameter(&names(&["weight_ih"]), Order::Gate(gate), &[units, inputs], uniform)?);
            operands.push(self.parameter(&names(&["weight_hh"]), Order::Gate(gate), &[units, units], uniform)?);
            operands.push(self.parameter(&names(&["bias_ih", "bias_hh"]), Order::Gate(gate), &[units], |_| bias)?);
        }
        for (index, &operand) in operands.iter().skip(2).enumerate() {
            let gate = ["input", "forget", "candidate", "output"][index / 3];
            let kind = ["weight_ih", "weight_hh", "bias"][index % 3];
            self.graph.values[operand.0].name = format!("{name}.{gate}.{kind}");
        }
        self.node(name, Op::Lstm { cell_clip: 0.0 }, &operands, None)?;
        if last {
            let (start, end) = (vec![0, steps - 1, 0], vec![1, steps, units]);
            self.node(&format!("{name}.last"), Op::Slice { start, end, step: vec![1; 3] }, &[], None)?;
            self.node(&format!("{name}.row"), Op::Reshape, &[], Some(&[1, units]))?;
        }
        Ok(())
    }
}

struct Convolution {
    kernel: Size,
    stride: Size,
    padding: Padding,
    dilation: Size,
}

/// FNV-1a: a number for a name, the same every time.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// The scores that a loss wants, if the output is probabilities that follow from them.
pub(super) fn before_probabilities(graph: &Graph, kind: Loss) -> Option<ValueId> {
    let output = graph.outputs.first()?.value;
    let node = match graph.producing_node(output)?.1 {
        // A rounding of probabilities.
        rounding if matches!(rounding.op, Op::FakeQuantize { .. }) => graph.producing_node(rounding.inputs[0])?.1,
        node => node,
    };
    let fits = matches!(
        (&node.op, kind),
        (Op::Softmax { .. }, Loss::CrossEntropy) | (Op::Unary(Unary::Sigmoid), Loss::BinaryCrossEntropy)
    );
    fits.then(|| node.inputs.first().copied()).flatten()
}
