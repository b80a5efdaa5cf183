//! Every file of `golden/` as a model of one or two instructions: the same bytes as the TensorFlow Lite reference kernels.

mod support;

use mote_runtime::format::instruction::*;
use mote_runtime::format::pack;
use mote_runtime::format::{Port, Rounding};
use mote_runtime::{AlignedBytes, Engine, Model};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use support::{Small, port, small};

/// The fields of one file.
struct Case(BTreeMap<String, String>);

impl Case {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        Self(text.lines().filter_map(|line| line.split_once(' ')).map(|(k, v)| (k.into(), v.into())).collect())
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("the file has no field `{name}`"))
    }

    fn numbers<T: std::str::FromStr>(&self, name: &str) -> Vec<T> {
        let parse = |word: &str| word.parse().unwrap_or_else(|_| panic!("`{name}` holds `{word}`"));
        self.text(name).split(' ').map(parse).collect()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        let (pairs, rest) = self.text(name).as_bytes().as_chunks::<2>();
        assert!(rest.is_empty(), "`{name}` has half a byte");
        let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        pairs.iter().map(byte).collect()
    }

    fn pair(&self, name: &str) -> (u32, u32) {
        let [first, second] = self.numbers(name)[..] else { panic!("`{name}` is not a pair") };
        (first, second)
    }

    fn hwc(&self, name: &str) -> Hwc {
        let [h, w, c] = self.numbers(name)[..] else { panic!("`{name}` is not a feature map") };
        Hwc { h, w, c }
    }

    /// Scale and zero point.
    fn quantization(&self, name: &str) -> (f64, i8) {
        let (scale, zero_point) = self.text(name).split_once(' ').unwrap();
        (scale.parse().unwrap(), zero_point.parse().unwrap())
    }

    fn clamp(&self, name: &str) -> (i8, i8) {
        let [min, max] = self.numbers(name)[..] else { panic!("`{name}` is not a pair") };
        (min, max)
    }

    fn window(&self) -> Window {
        let ((kernel_h, kernel_w), (stride_h, stride_w)) = (self.pair("kernel"), self.pair("stride"));
        let (pad_top, pad_left) = self.pair("pad");
        Window { kernel_h, kernel_w, stride_h, stride_w, dilation_h: 1, dilation_w: 1, pad_top, pad_left }
    }
}

/// The weights section as it grows.
#[derive(Default)]
struct Constants(Vec<u8>);

impl Constants {
    fn push(&mut self, bytes: &[u8]) -> u32 {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        let offset = self.0.len() as u32;
        self.0.extend_from_slice(bytes);
        offset
    }

    /// Biases as given; `x_scale * w_scale / y_scale` in double precision, per channel if the weights have several
    /// scales, in the form that is shortest.
    fn requantize(&mut self, case: &Case, bias: &[u8]) -> Requantize8 {
        let (x_scale, _) = case.quantization("x_quantization");
        let (y_scale, y_zero_point) = case.quantization("y_quantization");
        let w_scales: Vec<f64> = case.numbers("w_scales");
        let factors: Vec<_> = w_scales.iter().map(|w| Multiplier::from_real(x_scale * w / y_scale)).collect();
        let factors = match (&factors[..], pack::packed_factors(&factors)) {
            (&[one], _) => Factors::One(one),
            (_, Some((words, shift))) => {
                let words: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
                Factors::Packed { words: self.push(&words), shift }
            }
            _ => Factors::Each {
                multipliers: self.push(&factors.iter().flat_map(|m| m.multiplier.to_le_bytes()).collect::<Vec<u8>>()),
                shifts: self.push(&factors.iter().map(|m| m.shift as u8).collect::<Vec<u8>>()),
            },
        };
        let (min, max) = case.clamp("clamp");
        Requantize8 { biases: Biases::I32(self.push(bias)), factors, y_zero_point, min, max }
    }

    /// `i8`s.
    fn push_i8(&mut self, values: &[i8]) -> u32 {
        self.push(&values.iter().map(|&v| v as u8).collect::<Vec<u8>>())
    }
}

fn signed(bytes: &[u8]) -> Vec<i8> {
    bytes.iter().map(|&byte| byte as i8).collect()
}

/// Inputs at the start of the arena, one after the other, the output of the instruction behind them; behind that the
/// sum, if the case is of two instructions.
struct Layout {
    x: u32,
    b: u32,
    y: u32,
    sum: u32,
    /// Behind all of them.
    scratch: u32,
    arena_bytes: u32,
}

/// Enough for the patches and strips of every case.
const SCRATCH_BYTES: u32 = 16 * 1024;

fn layout(case: &Case) -> Layout {
    let bytes = |name: &str| if case.0.contains_key(name) { case.bytes(name).len() as u32 } else { 0 };
    let b = bytes("x");
    let y = b + bytes("b");
    let sum = if case.0.contains_key("sum_clamp") { y + bytes("y") } else { y };
    let scratch = (sum + bytes("y")).next_multiple_of(4);
    Layout { x: 0, b, y, sum, scratch, arena_bytes: scratch + SCRATCH_BYTES }
}

fn conv2d(case: &Case, at: &Layout, constants: &mut Constants) -> Instruction {
    let (window, x_shape) = (case.window(), case.hwc("x_shape"));
    let row = window.kernel_h * window.kernel_w * x_shape.c;
    Instruction::Conv2d(Conv2d {
        x: at.x,
        y: at.y,
        scratch: at.scratch,
        x_shape,
        y_shape: case.hwc("y_shape"),
        window,
        groups: 1,
        weights: constants.push_i8(&pack::filter_rows(&signed(&case.bytes("weights")), row as usize)),
        x_zero_point: case.quantization("x_quantization").1,
        order: RowOrder::TopDown,
        requantize: constants.requantize(case, &case.bytes("bias")),
    })
}

fn depthwise_conv2d(case: &Case, at: &Layout, constants: &mut Constants) -> Instruction {
    let op = DepthwiseConv2d {
        x: at.x,
        y: at.y,
        scratch: at.scratch,
        scratch_bytes: 0,
        x_shape: case.hwc("x_shape"),
        y_shape: case.hwc("y_shape"),
        window: case.window(),
        weights: constants.push(&case.bytes("weights")),
        x_zero_point: case.quantization("x_quantization").1,
        order: RowOrder::BottomUp,
        requantize: constants.requantize(case, &case.bytes("bias")),
    };
    Instruction::DepthwiseConv2d(DepthwiseConv2d { scratch_bytes: op.strip_bytes().unwrap_or(0), ..op })
}

/// The instruction has no input zero point: its part is moved into the bias.
fn fully_connected(case: &Case, at: &Layout, constants: &mut Constants) -> Instruction {
    let (weights, bias) = (case.bytes("weights"), case.bytes("bias"));
    let in_n: u32 = case.numbers("x_shape")[0];
    let x_zero_point = i32::from(case.quantization("x_quantization").1);
    let fold = |(filter, bias): (&[u8], &[u8; 4])| {
        let sum: i32 = filter.iter().map(|&w| i32::from(w as i8)).sum();
        i32::from_le_bytes(*bias) - x_zero_point * sum
    };
    let folded = weights.chunks_exact(in_n as usize).zip(bias.as_chunks().0).map(fold);
    let bias: Vec<u8> = folded.flat_map(i32::to_le_bytes).collect();
    Instruction::FullyConnected(FullyConnected {
        x: at.x,
        y: at.y,
        rows: 1,
        in_n,
        out_n: case.numbers("y_shape")[0],
        weights: constants.push_i8(&pack::quads(&signed(&weights), in_n as usize)),
        requantize: constants.requantize(case, &bias),
    })
}

/// `a` and the output: offset, and the names of their quantization; and of the clamp.
fn add(case: &Case, at: &Layout, a: (u32, &str), y: (u32, &str), clamp: &str) -> Instruction {
    // Both operands are taken to twice the larger scale and 20 bits up, the sum down to the output's scale.
    const LEFT_SHIFT: u8 = 20;
    let (a_scale, a_zero_point) = case.quantization(a.1);
    let (b_scale, b_zero_point) = case.quantization("b_quantization");
    let (y_scale, y_zero_point) = case.quantization(y.1);
    let (min, max) = case.clamp(clamp);
    let len = at.y - at.b;
    let twice_max = 2.0 * a_scale.max(b_scale);
    Instruction::Add(Add {
        binary: Binary {
            a: Operand::Arena(a.0),
            b: Operand::Arena(at.b),
            y: y.0,
            len,
            b_len: len,
            b_inner: 1,
            a_zero_point,
            b_zero_point,
            y_zero_point,
            min,
            max,
        },
        left_shift: LEFT_SHIFT,
        a_scale: Multiplier::from_real(a_scale / twice_max),
        b_scale: Multiplier::from_real(b_scale / twice_max),
        y_scale: Multiplier::from_real(twice_max / (f64::from(1u32 << LEFT_SHIFT) * y_scale)),
    })
}

fn average_pool2d(case: &Case, at: &Layout) -> Instruction {
    let (min, max) = case.clamp("clamp");
    Instruction::AveragePool2d(Pool2d {
        x: at.x,
        y: at.y,
        x_shape: case.hwc("x_shape"),
        y_shape: case.hwc("y_shape"),
        window: case.window(),
        count_include_pad: false,
        pad_bottom: 0,
        pad_right: 0,
        zero_point: 0,
        min,
        max,
    })
}

/// Differences with 5 bits before the binary point, and the largest one that does not overflow.
fn softmax(case: &Case, at: &Layout) -> Instruction {
    let (rows, depth) = case.pair("x_shape");
    let scale = Multiplier::from_real(case.quantization("x_quantization").0 * f64::from(1u32 << 26));
    let radius = 31.0 * f64::from(1u32 << 26) / 2f64.powi(scale.shift.into());
    Instruction::Softmax(Softmax { x: at.x, y: at.y, rows, depth, scale, diff_min: -(radius.floor() as i32) })
}

/// The same by Winograd's F(2x2, 3x3), where it has such a form.
fn winograd(instruction: Instruction, case: &Case, constants: &mut Constants) -> Option<Instruction> {
    let Instruction::Conv2d(op) = instruction else { return None };
    let Conv2d { x, y, scratch, x_shape, y_shape, window, x_zero_point, order, requantize, .. } = op;
    let Window { pad_top, pad_left, .. } = window;
    let weights = 0;
    let op =
        Conv2dWinograd { x, y, scratch, x_shape, y_shape, pad_top, pad_left, weights, x_zero_point, order, requantize };
    if window != op.window() {
        return None;
    }
    let filters = pack::winograd_filters(&signed(&case.bytes("weights")), x_shape.c as usize);
    let weights = constants.push(&filters.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>());
    Some(Instruction::Conv2dWinograd(Conv2dWinograd { weights, ..op }))
}

/// The same from stored blocks of weights, where it has such a form.
fn sparse(instruction: Instruction, case: &Case, constants: &mut Constants) -> Option<Instruction> {
    let Instruction::Conv2d(op) = instruction else { return None };
    if op.groups != 1 {
        return None;
    }
    let weights = signed(&case.bytes("weights"));
    let blocks = pack::sparse_blocks(&weights, weights.len() / op.y_shape.c as usize)?;
    let counts = constants.push(&blocks.counts.iter().flat_map(|count| count.to_le_bytes()).collect::<Vec<u8>>());
    let deltas = constants.push(&blocks.deltas);
    let weights = constants.push_i8(&blocks.weights);
    let conv = Conv2d { weights, ..op };
    let (blocks, direct) = (blocks.deltas.len() as u32, false);
    Some(Instruction::Conv2dSparse(Conv2dSparse { conv, blocks, counts, deltas, direct }))
}

/// Another instruction for the same results.
type Form = fn(Instruction, &Case, &mut Constants) -> Option<Instruction>;

/// `None` if there is no such form.
fn model(case: &Case, form: Option<Form>) -> Option<Small> {
    let at = layout(case);
    let mut constants = Constants::default();
    let instruction = match case.text("op") {
        "conv2d" => conv2d(case, &at, &mut constants),
        "depthwise_conv2d" => depthwise_conv2d(case, &at, &mut constants),
        "fully_connected" => fully_connected(case, &at, &mut constants),
        "add" => add(case, &at, (at.x, "x_quantization"), (at.y, "y_quantization"), "clamp"),
        "average_pool2d" => average_pool2d(case, &at),
        "softmax" => softmax(case, &at),
        other => panic!("unknown op `{other}`"),
    };
    let instruction = match form {
        Some(form) => form(instruction, case, &mut constants)?,
        None => instruction,
    };
    let mut instructions = vec![instruction];
    if at.sum != at.y {
        instructions.push(add(case, &at, (at.y, "y_quantization"), (at.sum, "sum_quantization"), "sum_clamp"));
    }
    let flat = |offset: u32, end: u32| port(offset, &[1, end - offset], &[0, 1], 1.0, 0);
    let mut inputs = vec![flat(at.x, at.b)];
    if at.b < at.y {
        inputs.push(flat(at.b, at.y));
    }
    let ports = |ports: &[Port]| heapless::Vec::from_slice(ports).unwrap();
    let mut model = small();
    model.program.rounding = Rounding::Tflite;
    model.program.inputs = ports(&inputs);
    model.program.outputs = ports(&[flat(at.sum, at.sum + case.bytes("y").len() as u32)]);
    Some(Small { instructions, weights: constants.0, arena_bytes: at.arena_bytes, ..model })
}

/// How many output bytes differ from the file's, and the first of them.
fn differences(case: &Case, model: &Small) -> (usize, Option<(usize, i8, i8)>) {
    let bytes = model.bytes();
    let model = Model::load(&bytes).unwrap_or_else(|e| panic!("{}: {e:?}", case.text("source")));
    let mut arena = AlignedBytes::zeroed(model.arena_bytes() as usize);
    let mut engine = Engine::new(model, &mut arena).unwrap();
    engine.input_bytes_mut(0).copy_from_slice(&case.bytes("x"));
    if case.0.contains_key("b") {
        engine.input_bytes_mut(1).copy_from_slice(&case.bytes("b"));
    }
    engine.run();
    let expected = case.bytes("y");
    assert_eq!(engine.output(0).len(), expected.len());
    let pairs = engine.output(0).iter().zip(&expected).enumerate();
    let mut wrong = pairs.map(|(i, (&got, &want))| (i, got, want as i8)).filter(|(_, got, want)| got != want);
    let first = wrong.next();
    (usize::from(first.is_some()) + wrong.count(), first)
}

/// The stored cases, or those of the folder that `MOTE_GOLDENS` names.
fn files() -> Vec<PathBuf> {
    let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folder = std::env::var_os("MOTE_GOLDENS").map_or(stored, PathBuf::from);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "golden"));
    files.sort();
    files
}

#[test]
fn every_case_gives_the_reference_kernels_bytes() {
    let files = files();
    assert!(!files.is_empty(), "no .golden file");
    let (mut failures, mut winograds, mut sparses) = (Vec::new(), 0, 0);
    for file in &files {
        let case = Case::read(file);
        let ways = [None, Some(winograd as Form), Some(sparse)].map(|form| model(&case, form));
        winograds += usize::from(ways[1].is_some());
        sparses += usize::from(ways[2].is_some());
        for model in ways.iter().flatten() {
            let (count, first) = differences(&case, model);
            if let Some((i, got, want)) = first {
                let name = model.instructions[0].name();
                failures
                    .push(format!("{}: {name}: {count} bytes differ, byte {i} is {got}, not {want}", file.display()));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), files.len(), failures.join("\n"));
    assert!(winograds > 0, "no case has a form for Winograd's convolution");
    assert!(sparses > 0, "no case has a form with stored blocks of weights");
    println!(
        "{} cases, {winograds} also by Winograd's convolution, {sparses} from stored blocks, no byte differs",
        files.len()
    );
}

#[test]
fn every_kernel_with_a_reference_has_a_case() {
    let stored: Vec<_> = files().iter().map(|file| Case::read(file).text("op").to_owned()).collect();
    for op in ["conv2d", "depthwise_conv2d", "fully_connected", "add", "average_pool2d", "softmax"] {
        assert!(stored.iter().any(|stored| stored == op), "no case for {op}");
    }
}
