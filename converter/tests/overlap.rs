//! A plan moves bytes, never results: networks planned with overlapping inputs and outputs, and within budgets of RAM,
//! compute what they compute when everything lies apart.

mod support;

use mote::data::Dataset;
use mote::emit::{EmitOptions, emit};
use mote::ir::{Activation, DType, Graph, Node, Op, Pads, Port, Tensor, Unary, ValueId};
use mote::plan::{PlanOptions, Ram, plan_with};
use mote::quantize::{QuantGraph, Quantization};
use mote::validate::Session;
use mote::{BuildOptions, Built, build};
use proptest::prelude::*;
use support::{data_root, npy};

const APART: PlanOptions =
    PlanOptions { ram: Ram::Fastest, overlap: false, extra_flash: 0, sparse: true, target: TARGET };
const FASTEST: PlanOptions = PlanOptions { overlap: true, ..APART };
const SMALLEST: PlanOptions = PlanOptions { ram: Ram::Min, ..FASTEST };
const TARGET: mote::plan::Target = mote::plan::Target::CortexM4;

/// Numbers from a seed (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn i8s(&mut self, n: usize) -> Vec<i8> {
        (0..n).map(|_| (self.next() as i8).max(-127)).collect()
    }
}

/// Builds int8 networks over feature maps.
struct Net {
    graph: Graph,
    quantization: Vec<Option<Quantization>>,
    random: Random,
}

impl Net {
    fn new(seed: u64) -> Self {
        let random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Self { graph: Graph::default(), quantization: Vec::new(), random }
    }

    fn map(&mut self, shape: [usize; 3]) -> ValueId {
        let name = format!("v{}", self.graph.values.len());
        self.quantize(0.05, 7);
        self.graph.add_value(name, [&[1], &shape[..]].concat(), DType::I8)
    }

    fn quantize(&mut self, scale: f32, zero_point: i32) {
        self.quantization.push(Some(Quantization { scales: vec![scale], zero_point, axis: None }));
    }

    fn port(&self, value: ValueId) -> Port {
        let shape = self.graph.value(value).shape.clone();
        let (name, source_dtype) = (self.graph.value(value).name.clone(), DType::I8);
        Port { value, name, source_shape: shape, source_dtype, source_axes: vec![0, 1, 2, 3] }
    }

    fn input(&mut self, shape: [usize; 3]) -> ValueId {
        let value = self.map(shape);
        let port = self.port(value);
        self.graph.inputs.push(port);
        value
    }

    fn shape(&self, value: ValueId) -> [usize; 3] {
        let shape = &self.graph.value(value).shape;
        [shape[1], shape[2], shape[3]]
    }

    fn node(&mut self, op: Op, inputs: Vec<ValueId>, shape: [usize; 3]) -> ValueId {
        let output = self.map(shape);
        let name = format!("n{}", self.graph.nodes.len());
        self.graph.nodes.push(Node { name, op, inputs, output });
        output
    }

    /// `None` if the window does not fit the map.
    fn conv(&mut self, x: ValueId, out_c: usize, window: Window, depthwise: bool) -> Option<ValueId> {
        let [h, w, c] = self.shape(x);
        let out = |n: usize, pads: usize| {
            let reach = (window.kernel - 1) * window.dilation + 1;
            (n + pads).checked_sub(reach).map(|room| room / window.stride + 1)
        };
        let pads = window.pads;
        let shape = [out(h, pads.top + pads.bottom)?, out(w, pads.left + pads.right)?, out_c];
        let group_c = if depthwise { 1 } else { c };
        let taps = window.kernel * window.kernel * group_c;
        let data = self.random.i8s(out_c * taps);
        self.quantize(0.02 / (taps as f32).sqrt(), 0);
        let weights = Tensor::I8 { shape: vec![out_c, window.kernel, window.kernel, group_c], data };
        let weights = self.graph.add_constant("w", weights);
        let data = self.random.i8s(out_c).into_iter().map(|b| i32::from(b) * 8).collect();
        self.quantization.push(None);
        let bias = self.graph.add_constant("b", Tensor::I32 { shape: vec![out_c], data });
        let op = Op::Conv2d {
            stride: [window.stride; 2],
            dilation: [window.dilation; 2],
            pads,
            groups: if depthwise { c } else { 1 },
            activation: Activation::NONE,
        };
        Some(self.node(op, vec![x, weights, bias], shape))
    }

    /// `None` if the window does not fit the map, or does not meet it everywhere.
    fn pool(&mut self, x: ValueId, window: Window, kind: usize) -> Option<ValueId> {
        let [h, w, c] = self.shape(x);
        let Window { kernel, stride, dilation, pads } = window;
        let reach = (kernel - 1) * dilation;
        let out = |n: usize, before: usize, after: usize| {
            let windows = (n + before + after).checked_sub(reach + 1)? / stride + 1;
            let meets = reach >= before && (windows - 1) * stride < n + before && (before == 0 || dilation <= n);
            meets.then_some(windows)
        };
        let shape = [out(h, pads.top, pads.bottom)?, out(w, pads.left, pads.right)?, c];
        let (kernel, stride, dilation) = ([kernel; 2], [stride; 2], [dilation; 2]);
        let op = match kind {
            0 => Op::AveragePool2d { kernel, stride, dilation, pads, count_include_pad: true },
            1 => Op::AveragePool2d { kernel, stride, dilation, pads, count_include_pad: false },
            _ => Op::MaxPool2d { kernel, stride, dilation, pads },
        };
        Some(self.node(op, vec![x], shape))
    }

    fn quant(mut self, outputs: &[ValueId]) -> QuantGraph {
        for &value in outputs {
            let port = self.port(value);
            self.graph.outputs.push(port);
        }
        QuantGraph { graph: self.graph, quantization: self.quantization }
    }
}

#[derive(Clone, Copy, Debug)]
struct Window {
    kernel: usize,
    stride: usize,
    dilation: usize,
    pads: Pads,
}

/// Kind of node, operands, sizes.
type Step = (u8, usize, usize, usize);

fn random_network(seed: u64, input: [usize; 3], steps: &[Step], window: &[Window], outputs: &[usize]) -> QuantGraph {
    let mut net = Net::new(seed);
    let mut made = vec![net.input(input)];
    for (index, &(kind, i, j, k)) in steps.iter().enumerate() {
        // Mostly the last value, so that memory changes hands.
        let pick = |i: usize| made[made.len() - 1 - (i / 2) % made.len().min(3)];
        let (x, y) = (pick(i), pick(j));
        let ([_, _, c], window) = (net.shape(x), window[index % window.len()]);
        let same = net.shape(x) == net.shape(y);
        let new = match kind % 11 {
            0 | 1 => net.conv(x, 1 + k % 20, window, false),
            2 => net.conv(x, if k % 3 == 0 { c } else { 1 + k % 24 }, POINTWISE, false),
            3 | 4 => net.conv(x, c, window, true),
            5 => net.conv(x, c * (1 + k % 2), window, true),
            8.. => net.pool(x, if k % 2 == 0 { window } else { HALF }, k % 4),
            6 if same => Some(net.node(Op::Add { activation: Activation::NONE }, vec![x, y], net.shape(x))),
            _ => Some(net.node(Op::Unary(Unary::Tanh), vec![x], net.shape(x))),
        };
        made.extend(new.filter(|&v| net.graph.value(v).elements() <= 4000));
    }
    let outputs: Vec<ValueId> = outputs.iter().map(|&o| made[made.len() - 1 - o % made.len()]).collect();
    net.quant(&outputs)
}

const POINTWISE: Window =
    Window { kernel: 1, stride: 1, dilation: 1, pads: Pads { top: 0, left: 0, bottom: 0, right: 0 } };

const HALF: Window = Window { kernel: 2, stride: 2, ..POINTWISE };

fn window() -> impl Strategy<Value = Window> {
    let pads = (0usize..3, 0usize..3, 0usize..3, 0usize..3);
    let pads = pads.prop_map(|(top, left, bottom, right)| Pads { top, left, bottom, right });
    let same = (1usize..4).prop_map(|kernel| {
        let pads = Pads { top: kernel / 2, left: kernel / 2, bottom: kernel / 2, right: kernel / 2 };
        Window { kernel, stride: 1, dilation: 1, pads }
    });
    let any = (1usize..4, 1usize..3, 1usize..3, pads);
    let any = any.prop_map(|(kernel, stride, dilation, pads)| Window { kernel, stride, dilation, pads });
    prop_oneof![same, any]
}

/// Bytes of arena, and what the network gives for each input.
fn run(quant: &QuantGraph, options: &PlanOptions, inputs: &[Vec<Vec<u8>>]) -> (u32, Vec<Vec<Vec<u8>>>) {
    let plan = plan_with(quant.clone(), options).unwrap();
    assert!(plan.arena_bytes >= plan.lower_bound_bytes, "{} < {}", plan.arena_bytes, plan.lower_bound_bytes);
    assert!(plan.peak().bytes <= plan.arena_bytes);
    let session = Session::load(emit(&plan, &EmitOptions::default()).unwrap().bytes).unwrap();
    let mut runner = session.runner().unwrap();
    let outputs = inputs.iter().map(|sample| {
        let arrays: Vec<&[u8]> = sample.iter().map(Vec::as_slice).collect();
        runner.run_raw(&arrays).unwrap()
    });
    (plan.arena_bytes, outputs.collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_networks_give_the_same_bytes_however_they_are_planned(
        seed: u64,
        input in (1usize..12, 1usize..12, prop_oneof![1usize..9, Just(8), Just(16)]).prop_map(|(h, w, c)| [h, w, c]),
        steps in prop::collection::vec((0u8..11, 0usize..40, 0usize..40, 0usize..40), 1..9),
        windows in prop::collection::vec(window(), 1..4),
        outputs in prop::collection::vec(0usize..3, 1..3),
    ) {
        let quant = random_network(seed, input, &steps, &windows, &outputs);
        let mut random = Random(seed | 1);
        let sample = |random: &mut Random| vec![random.i8s(input.iter().product()).iter().map(|&b| b as u8).collect()];
        let inputs: Vec<Vec<Vec<u8>>> = (0..2).map(|_| sample(&mut random)).collect();

        let (_, expected) = run(&quant, &APART, &inputs);
        let (fastest, got) = run(&quant, &FASTEST, &inputs);
        prop_assert_eq!(&got, &expected);
        let (smallest, got) = run(&quant, &SMALLEST, &inputs);
        prop_assert_eq!(&got, &expected);
        prop_assert!(smallest <= fastest);
        let budget = (smallest + fastest) / 2;
        let (within, got) = run(&quant, &PlanOptions { ram: Ram::Within(budget), ..FASTEST }, &inputs);
        prop_assert_eq!(&got, &expected);
        prop_assert!(within <= budget.max(smallest), "{} of {}, the smallest is {}", within, budget, smallest);
    }
}

#[test]
fn a_residual_block_needs_two_maps_and_some_rows() {
    let mut net = Net::new(3);
    let same = Window { kernel: 3, stride: 1, dilation: 1, pads: Pads { top: 1, left: 1, bottom: 1, right: 1 } };
    let x = net.input([16, 16, 8]);
    let a = net.conv(x, 8, same, false).unwrap();
    let b = net.conv(a, 8, same, false).unwrap();
    let y = net.node(Op::Add { activation: Activation::NONE }, vec![b, x], [16, 16, 8]);
    let quant = net.quant(&[y]);
    let (map, row, scratch) = (16 * 16 * 8, 16 * 8, 9 * 8 * 2 * 4);
    // Two rows, and three pixels because a block of four may reach into a third.
    let planned = plan_with(quant, &FASTEST).unwrap().arena_bytes;
    assert_eq!(planned, 2 * map + 2 * row + 3 * 8 + scratch);
}

#[test]
fn a_convolution_that_is_pooled_keeps_two_rows() {
    let mut net = Net::new(4);
    let x = net.input([28, 28, 1]);
    let a = net.conv(x, 32, Window { kernel: 3, ..POINTWISE }, false).unwrap();
    let y = net.pool(a, HALF, 2).unwrap();
    let quant = net.quant(&[y]);
    let (line, scratch, pooled, pooled_row) = (2 * 26 * 32, 12 * 2 * 4, 13 * 13 * 32, 13 * 32);
    let plan = plan_with(quant.clone(), &FASTEST).unwrap();
    assert_eq!(plan.bands.len(), 1);
    assert_eq!(plan.bands[0].line_bytes, [line]);
    // The result lies over what was read of the input: all but what is written before the last rows are read.
    let before = 12 * pooled_row - 24 * 28;
    let planned = (line + scratch + pooled.max(before + 28 * 28)) as u32;
    assert!(planned.abs_diff(plan.arena_bytes) <= 4, "{} bytes, expected {planned}", plan.arena_bytes);
    let whole = plan_with(quant, &APART).unwrap().arena_bytes;
    assert!(whole > 27_000 && plan.arena_bytes < 8_000, "{} of {whole} bytes", plan.arena_bytes);
}

#[test]
fn depthwise_convolutions_run_in_bands_only_where_memory_is_asked_for() {
    let mut net = Net::new(5);
    let same = Window { kernel: 3, stride: 1, dilation: 1, pads: Pads { top: 1, left: 1, bottom: 1, right: 1 } };
    let x = net.input([24, 24, 4]);
    let a = net.conv(x, 32, POINTWISE, false).unwrap();
    let b = net.conv(a, 32, Window { stride: 2, ..same }, true).unwrap();
    let y = net.conv(b, 8, POINTWISE, false).unwrap();
    let quant = net.quant(&[y]);
    assert!(plan_with(quant.clone(), &FASTEST).unwrap().bands.is_empty());
    let smallest = plan_with(quant, &SMALLEST).unwrap();
    assert!(!smallest.bands.is_empty() && smallest.arena_bytes < 12_000, "{}", smallest.arena_bytes);
}

fn convert(name: &str, plan: PlanOptions) -> Option<(Built, Vec<Vec<u8>>)> {
    let folder = data_root()?.join("tflite").join(name);
    let source = std::fs::read(folder.join("model.tflite")).unwrap();
    let options = BuildOptions { plan, ..BuildOptions::default() };
    let built = build(&source, &options, &mut |_| Ok(Dataset::default()), &mut |_| {}).unwrap();
    let inputs = npy::read(&folder.join("inputs.npy"));
    Some((built, (0..inputs.samples()).map(|i| inputs.sample(i).to_vec()).collect()))
}

/// Arena bytes by default and with `--ram min` at most; what they give is what plans without overlap give.
fn network(name: &str, fastest_bound: u32, smallest_bound: u32) {
    let Some((apart, inputs)) = convert(name, APART) else { return };
    let results = |built: &Built| {
        let session = Session::load(built.emitted.bytes.clone()).unwrap();
        let mut runner = session.runner().unwrap();
        inputs.iter().map(|input| runner.run_raw(&[input]).unwrap()).collect::<Vec<_>>()
    };
    let expected = results(&apart);
    for (options, bound) in [(FASTEST, fastest_bound), (SMALLEST, smallest_bound)] {
        let Some((built, _)) = convert(name, options) else { return };
        let bytes = built.plan.arena_bytes;
        println!("{name}: {bytes} with {:?}, {} apart", options.ram, apart.plan.arena_bytes);
        assert_eq!(results(&built), expected, "{name}: {options:?}");
        assert!(bytes <= bound, "{name}: {options:?}: {bytes} bytes, known {bound}");
        let mark = Session::load(built.emitted.bytes.clone()).unwrap();
        let zeros: Vec<Vec<f32>> =
            mark.runner().unwrap().inputs().iter().map(|port| vec![0.0; port.elements().unwrap() as usize]).collect();
        assert_eq!(mark.runner().unwrap().high_water_mark(&zeros).unwrap(), bytes as usize, "{name}");
    }
}

#[test]
fn keyword_spotting() {
    network("kws_dscnn_int8", 9_000, 9_000);
}

#[test]
fn visual_wake_words() {
    network("vww_96_int8", 38_400, 28_400);
}

#[test]
fn image_classification() {
    network("ic_resnet8_int8", 35_000, 35_000);
}

#[test]
fn anomaly_detection() {
    network("ad01_int8", 768, 768);
}

#[test]
fn streaming_wake_word() {
    network("sww_int8", 4_608, 4_608);
}
