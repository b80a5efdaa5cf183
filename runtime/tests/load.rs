//! `Model::load` refuses every damaged file, and each kind of damage by its own name.

mod support;

use mote_runtime::format::instruction::{
    Biases, Conv2d, Conv2dSparse, Conv2dWinograd, Factors, Hwc, Requantize8, RowOrder, WeightCode, Window,
};
use mote_runtime::format::{DType, HEADER_BYTES, Instruction, MAX_INSTRUCTIONS, Section, with_signature};
use mote_runtime::{AlignedBytes, Arena, Engine, EngineError, Fault, IoError, Kernel, LoadError, Model, Observer};
use support::{Small, patched, small};

/// As [`patched`], with wrong checksums: for what is refused before they are looked at.
fn damaged(file: &AlignedBytes, at: usize, bytes: &[u8]) -> AlignedBytes {
    let mut file = file.clone();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

/// Where a section starts.
fn section(file: &AlignedBytes, section: Section) -> usize {
    Model::load(file).unwrap().section(section).as_ptr().addr() - file.as_ptr().addr()
}

fn error_of(bytes: &[u8]) -> LoadError {
    Model::load(bytes).expect_err("the file must be refused")
}

fn error_of_edit(edit: impl FnOnce(&mut Small)) -> LoadError {
    let mut small = small();
    edit(&mut small);
    error_of(&small.bytes())
}

#[test]
fn small_model_loads_and_tells_about_itself() {
    let bytes = small().with_self_test(2).bytes();
    let model = Model::load(&bytes).unwrap();
    assert_eq!(model.arena_bytes(), 288);
    assert_eq!(model.model_version(), 7);
    assert_eq!(model.inputs()[0].shape.as_slice(), [1, 6, 6, 2]);
    assert_eq!(model.inputs()[0].source_shape().as_slice(), [1, 2, 6, 6]);
    assert_eq!(model.outputs()[0].elements(), Some(3));
    assert_eq!(model.instructions().len(), 5);
    assert_eq!(model.instructions().map(|i| i.name()).last(), Some("softmax"));
    assert_eq!(model.meta().labels.lines().nth(2), Some("three"));
    assert_eq!(model.self_test().len(), 2);
    assert_eq!(*model.sha256(), support::sha256(&bytes[HEADER_BYTES..]));
    assert_eq!(model.signature(), None);
}

#[test]
fn self_test_passes_and_names_the_byte_that_differs() {
    let mut small = small().with_self_test(3);
    let mut arena = Arena::<288>::new();
    let bytes = small.bytes();
    assert_eq!(Engine::new(Model::load(&bytes).unwrap(), arena.as_mut_slice()).unwrap().self_test(), Ok(3));
    small.self_test[1].outputs[0][2] ^= 1;
    let bytes = small.bytes();
    let failure = Engine::new(Model::load(&bytes).unwrap(), arena.as_mut_slice()).unwrap().self_test().unwrap_err();
    assert_eq!((failure.vector, failure.output, failure.byte), (1, 0, 2));
}

#[test]
fn every_truncation_is_refused() {
    let bytes = small().with_self_test(1).bytes();
    for length in 0..bytes.len() {
        assert!(matches!(error_of(&bytes[..length]), LoadError::Truncated { .. }), "{length} bytes");
    }
}

#[test]
fn every_single_bit_flip_is_refused() {
    let mut bytes = small().with_self_test(1).bytes();
    let step = if cfg!(miri) { 97 } else { 1 };
    for bit in (0..bytes.len() * 8).step_by(step) {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Model::load(&bytes).is_err(), "bit {} of byte {}", bit % 8, bit / 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(Model::load(&bytes).is_ok());
}

#[test]
fn bytes_after_the_file_are_ignored() {
    let file = small().bytes();
    let mut partition = AlignedBytes::zeroed(file.len() + 100);
    partition.fill(0xff);
    partition[..file.len()].copy_from_slice(&file);
    assert_eq!(Model::load(&partition).unwrap().as_bytes(), &*file);
}

#[test]
fn header_damage_has_its_own_errors() {
    let file = small().bytes();
    assert_eq!(error_of(&damaged(&file, 0, b"TOME")), LoadError::Magic);
    assert_eq!(error_of(&damaged(&file, 4, &[1, 0])), LoadError::Version { found: 1, supported: 2 });
    assert_eq!(error_of(&damaged(&file, 6, &[89])), LoadError::Header);
    assert_eq!(error_of(&damaged(&file, 12, &[2])), LoadError::Header, "reserved");
    let total = file.len() as u32;
    let longer = damaged(&file, 8, &(total + 1).to_le_bytes());
    assert_eq!(error_of(&longer), LoadError::Truncated { needed: total + 1, got: total });
    assert_eq!(error_of(&damaged(&file, 8, &(total - 1).to_le_bytes())), LoadError::Section { index: 2 });
    let mut with_tail = AlignedBytes::zeroed(file.len() + 16);
    with_tail[..file.len()].copy_from_slice(&file);
    assert_eq!(error_of(&damaged(&with_tail, 8, &(total + 16).to_le_bytes())), LoadError::Section { index: 3 });
}

#[test]
fn signature_is_kept_and_replaced() {
    let file = small().with_self_test(1).bytes();
    let once = AlignedBytes::copy_of(&with_signature(&file, &[0xab; 64]).unwrap());
    let twice = AlignedBytes::copy_of(&with_signature(&once, &[0xcd; 64]).unwrap());
    for (signed, byte) in [(&once, 0xab), (&twice, 0xcd)] {
        let model = Model::load(signed).unwrap();
        assert_eq!(model.signature(), Some(&[byte; 64]));
        assert_eq!(*model.sha256(), support::sha256(&signed[HEADER_BYTES + 64..]));
        assert_eq!(model.sha256(), Model::load(&file).unwrap().sha256());
        assert_eq!(signed.len(), file.len() + 64);
    }
    assert!(with_signature(&file[..80], &[0; 64]).is_err());
}

#[test]
fn sections_that_do_not_fill_the_file_are_named() {
    let file = small().with_self_test(1).bytes();
    for index in 0..4u8 {
        let at = 40 + 4 * usize::from(index);
        let mut file = file.clone();
        file[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(error_of(&file), LoadError::Section { index }, "length overflows");
        file[at..at + 4].copy_from_slice(&(1u32 << 20).to_le_bytes());
        assert_eq!(error_of(&file), LoadError::Section { index }, "past the end");
        file[at..at + 4].fill(0);
        assert!(Model::load(&file).is_err(), "too short");
    }
}

#[test]
fn padding_before_the_weights_must_be_zero() {
    let file = small().bytes();
    let [program, meta] = [40, 44].map(|at| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()));
    let end = HEADER_BYTES + (program + meta) as usize;
    assert_ne!(end % 16, 0, "the test needs padding");
    assert_eq!(error_of(&damaged(&file, end, &[1])), LoadError::Section { index: 2 });
}

#[test]
fn misplaced_file_is_refused() {
    let file = small().bytes();
    let mut shifted = AlignedBytes::zeroed(file.len() + 8);
    shifted[8..].copy_from_slice(&file);
    assert_eq!(error_of(&shifted[8..]), LoadError::Misaligned { needed: 16 });
}

#[test]
fn damage_is_told_apart_by_checksum() {
    let file = small().with_self_test(1).bytes();
    let mut control = file.clone();
    control[HEADER_BYTES + 4] ^= 0x10;
    assert_eq!(error_of(&control), LoadError::Checksum { data: false });
    let mut data = file.clone();
    *data.last_mut().unwrap() ^= 0x10;
    assert_eq!(error_of(&data), LoadError::Checksum { data: true });
}

#[test]
fn undecodable_program_is_refused() {
    let file = small().bytes();
    let rounding = HEADER_BYTES;
    assert_eq!(error_of(&patched(&file, rounding, &[9])), LoadError::Encoding);
    // One instruction fewer than there are leaves bytes that mean nothing.
    let count = (HEADER_BYTES..file.len() - 1).find(|&at| file[at..at + 2] == [5, 0]).unwrap();
    assert_eq!(error_of(&patched(&file, count, &[4])), LoadError::Encoding);
    let missing = LoadError::Instruction { index: 5, fault: Fault::Encoding };
    assert_eq!(error_of(&patched(&file, count, &[6])), missing);
    assert_eq!(
        error_of(&patched(&file, count + 1, &[99])),
        LoadError::Instruction { index: 0, fault: Fault::Encoding }
    );
}

#[test]
fn instruction_limit_is_the_formats() {
    let lookup = small().instructions[2];
    let at_limit = |count: u32| {
        let mut small = small();
        small.instructions = vec![lookup; count as usize];
        small.bytes()
    };
    assert!(Model::load(&at_limit(MAX_INSTRUCTIONS)).is_ok());
}

#[test]
fn undecodable_metadata_is_refused() {
    let file = small().bytes();
    let offset = section(&file, Section::Meta);
    assert_eq!(error_of(&patched(&file, offset, &[0x7f])), LoadError::Encoding, "name longer than the section");
    assert_eq!(error_of(&patched(&file, offset + 1, &[0xff])), LoadError::Encoding, "not UTF-8");
    assert_eq!(error_of(&patched(&file, offset, &[4])), LoadError::Encoding, "bytes left over");
}

#[test]
fn bad_ports_are_refused() {
    let port = |index| LoadError::Port { index };
    assert_eq!(error_of_edit(|s| s.program.inputs[0].offset = 217), port(0), "past the arena");
    assert_eq!(error_of_edit(|s| s.program.inputs[0].offset = u32::MAX), port(0), "overflows");
    assert_eq!(error_of_edit(|s| s.program.outputs[0].shape[1] = 0), port(1), "empty");
    assert_eq!(error_of_edit(|s| s.program.outputs[0].shape.fill(1 << 16)), port(1), "product overflows");
    assert_eq!(error_of_edit(|s| s.program.outputs[0].scale = f32::NAN), port(1));
    assert_eq!(error_of_edit(|s| s.program.outputs[0].scale = 0.0), port(1));
    assert_eq!(error_of_edit(|s| s.program.outputs[0].scale = f32::INFINITY), port(1));
    assert_eq!(error_of_edit(|s| s.program.outputs[0].zero_point = 128), port(1));
    assert_eq!(error_of_edit(|s| s.program.inputs[0].source_axes = [0, 1, 1, 3].into()), port(0));
    assert_eq!(error_of_edit(|s| s.program.inputs[0].source_axes = [0, 1, 2, 200].into()), port(0));
    assert_eq!(error_of_edit(|s| s.program.inputs[0].source_axes = [0, 1, 2].into()), port(0));
    assert_eq!(error_of_edit(|s| s.program.outputs[0].dtype = DType::I32), port(1), "unsupported type");
    assert_eq!(error_of_edit(|s| s.program.outputs[0].dtype = DType::F32), port(1), "float with a scale");
    let misaligned = |s: &mut Small| {
        s.program.outputs[0].dtype = DType::F32;
        s.program.outputs[0].scale = 1.0;
        s.program.outputs[0].zero_point = 0;
        s.program.outputs[0].offset = 82;
    };
    assert_eq!(error_of_edit(misaligned), port(1));
    let twice = |s: &mut Small| s.program.inputs.push(s.program.inputs[0].clone()).unwrap();
    assert_eq!(error_of_edit(twice), port(1), "two inputs in one place");
}

#[test]
fn bad_instructions_are_refused_by_rule() {
    let conv = |edit: fn(&mut mote_runtime::format::instruction::Conv2d)| {
        error_of_edit(|small| match &mut small.instructions[0] {
            Instruction::Conv2d(conv) => edit(conv),
            _ => unreachable!(),
        })
    };
    let refused = |fault| LoadError::Instruction { index: 0, fault };
    assert_eq!(conv(|c| c.x = 260), refused(Fault::ArenaBounds));
    assert_eq!(conv(|c| c.y = u32::MAX), refused(Fault::ArenaBounds));
    assert_eq!(conv(|c| c.y = 71), refused(Fault::Overlap));
    assert_eq!(conv(|c| c.weights = 1 << 20), refused(Fault::WeightsBounds));
    assert_eq!(conv(|c| c.requantize.biases = Biases::I32(146)), refused(Fault::Alignment));
    assert_eq!(conv(|c| c.x_shape.h = 0), refused(Fault::Shape));
    assert_eq!(conv(|c| (c.requantize.min, c.requantize.max) = (1, 0)), refused(Fault::Parameter));
}

#[test]
fn winograd_convolutions_are_refused_by_rule() {
    let good = Conv2dWinograd {
        x: 0,
        y: 72,
        scratch: 144,
        x_shape: Hwc { h: 6, w: 6, c: 2 },
        y_shape: Hwc { h: 4, w: 4, c: 2 },
        pad_top: 0,
        pad_left: 0,
        weights: 0,
        x_zero_point: 5,
        order: RowOrder::TopDown,
        requantize: Requantize8 {
            biases: Biases::I32(144),
            factors: Factors::Each { multipliers: 172, shifts: 192 },
            y_zero_point: 0,
            min: -128,
            max: 127,
        },
    };
    let file = |edit: fn(&mut Conv2dWinograd)| {
        let (mut small, mut op) = (small(), good);
        edit(&mut op);
        // The weights of two filters of four channels, and the scratch memory of four channels.
        small.weights.resize(256, 0);
        small.arena_bytes = 144 + 512;
        small.instructions = vec![Instruction::Conv2dWinograd(op)];
        small.bytes()
    };
    assert!(Model::load(&file(|_| ())).is_ok());
    let refused = |edit, fault| assert_eq!(error_of(&file(edit)), LoadError::Instruction { index: 0, fault });
    refused(|c| c.x = 600, Fault::ArenaBounds);
    refused(|c| c.y = u32::MAX, Fault::ArenaBounds);
    refused(|c| c.scratch = 148, Fault::ArenaBounds);
    refused(|c| c.scratch = 142, Fault::Alignment);
    refused(|c| c.scratch = 100, Fault::Overlap);
    refused(|c| c.y = 48, Fault::Overlap);
    refused(|c| c.weights = 4, Fault::WeightsBounds);
    refused(|c| c.weights = 2, Fault::Alignment);
    refused(|c| c.y_shape.h = 0, Fault::Shape);
    refused(|c| c.pad_left = u32::MAX, Fault::Shape);
    refused(|c| (c.x_shape, c.y_shape) = (Hwc { h: 1, w: 1, c: 1821 }, Hwc { h: 1, w: 1, c: 1 }), Fault::Parameter);
    refused(|c| c.x_shape.c = u32::MAX, Fault::Parameter);
    refused(|c| c.y_shape.c = u32::MAX, Fault::Shape);
    refused(|c| (c.requantize.min, c.requantize.max) = (1, 0), Fault::Parameter);
}

/// The first packed convolution of the zoo, edited, alone in a file.
fn packed(edit: impl FnOnce(&mut mote_runtime::format::instruction::Conv2dPacked, &mut Vec<u8>)) -> AlignedBytes {
    let mut zoo = support::zoo::zoo(mote_runtime::format::Rounding::Single);
    let of = |instruction: &Instruction| match instruction {
        Instruction::Conv2dPacked(op) => Some(*op),
        _ => None,
    };
    let mut op = zoo.instructions.iter().find_map(of).unwrap();
    edit(&mut op, &mut zoo.weights);
    zoo.instructions = vec![Instruction::Conv2dPacked(op)];
    zoo.bytes()
}

#[test]
fn packed_weights_are_refused_by_rule() {
    assert!(Model::load(&packed(|_, _| ())).is_ok());
    let refused = |file: AlignedBytes, fault| {
        assert_eq!(error_of(&file), LoadError::Instruction { index: 0, fault });
    };
    refused(packed(|op, _| op.conv.weights = 1), Fault::Alignment);
    refused(packed(|op, _| op.packing.words = 1 << 20), Fault::WeightsBounds);
    refused(packed(|op, _| op.packing.tile_channels = 7), Fault::Parameter);
    refused(packed(|op, _| op.conv.scratch = 2048 - 288 - 140), Fault::ArenaBounds);
    refused(packed(|op, _| op.conv.y = 120), Fault::Overlap);
    let table = |op: &mut mote_runtime::format::instruction::Conv2dPacked| match op.packing.code {
        WeightCode::Huffman { table, .. } => table as usize,
        other => panic!("{other:?}"),
    };
    refused(packed(|op, weights| weights[table(op) + 11] = 1), Fault::Parameter);
    refused(packed(|op, weights| weights[table(op)] = 255), Fault::Parameter);
    refused(packed(|op, weights| weights.truncate(table(op) + 17)), Fault::WeightsBounds);
    refused(packed(|op, _| op.packing.code = WeightCode::Huffman { table: 4, count: 6 }), Fault::Parameter);
    refused(packed(|op, _| op.packing.code = WeightCode::Palette { bits: 2, values: 0, count: 5 }), Fault::Parameter);
}

/// Words that end too early, and codes that nobody wrote, give some weights and end.
#[test]
fn damaged_packed_weights_are_harmless() {
    let run = |file: &[u8]| {
        let model = Model::load(file).unwrap();
        let mut arena = AlignedBytes::zeroed(model.arena_bytes() as usize);
        Engine::new(model, &mut arena).unwrap().run();
    };
    for words in [0, 1, 2, 19] {
        run(&packed(|op, _| op.packing.words = words));
    }
    for byte in [0x00, 0xff, 0x55, 0x81] {
        run(&packed(|_, weights| weights[..256].fill(byte)));
    }
}

#[test]
fn sparse_convolutions_are_refused_by_rule() {
    let conv = Conv2d {
        x: 0,
        y: 72,
        scratch: 144,
        x_shape: Hwc { h: 6, w: 6, c: 2 },
        y_shape: Hwc { h: 4, w: 4, c: 2 },
        window: Window {
            kernel_h: 3,
            kernel_w: 3,
            stride_h: 1,
            stride_w: 1,
            dilation_h: 1,
            dilation_w: 1,
            pad_top: 0,
            pad_left: 0,
        },
        groups: 1,
        weights: 0,
        x_zero_point: 5,
        order: RowOrder::TopDown,
        requantize: Requantize8 {
            biases: Biases::I32(144),
            factors: Factors::Each { multipliers: 172, shifts: 192 },
            y_zero_point: 0,
            min: -128,
            max: 127,
        },
    };
    let good = Conv2dSparse { conv, blocks: 6, counts: 200, deltas: 204, direct: false };
    let with = |edit: &dyn Fn(&mut Conv2dSparse), counts: [u16; 2], deltas: [u8; 6]| {
        let (mut small, mut op) = (small(), good);
        edit(&mut op);
        small.weights.resize(200, 0);
        small.weights.extend(counts.iter().flat_map(|count| count.to_le_bytes()));
        small.weights.extend(deltas);
        small.arena_bytes = 144 + 160;
        small.instructions = vec![Instruction::Conv2dSparse(op)];
        small.bytes()
    };
    // A row has 18 weights, five blocks.
    let (counts, deltas) = ([4, 2], [0, 2, 1, 1, 0, 4]);
    let loaded = Model::load(&with(&|_| (), counts, deltas)).map(|model| model.kernels());
    assert!(loaded.is_ok_and(|kernels| kernels.contains(Kernel::Conv2dSparse)));
    let refused = |edit: &dyn Fn(&mut Conv2dSparse), fault| {
        assert_eq!(error_of(&with(edit, counts, deltas)), LoadError::Instruction { index: 0, fault });
    };
    refused(&|c| c.conv.x = 400, Fault::ArenaBounds);
    refused(&|c| c.conv.scratch = 148, Fault::ArenaBounds);
    refused(&|c| c.conv.scratch = 142, Fault::Alignment);
    refused(&|c| c.conv.scratch = 100, Fault::Overlap);
    refused(&|c| c.conv.y = 60, Fault::Overlap);
    refused(&|c| c.conv.weights = 188, Fault::WeightsBounds);
    refused(&|c| c.conv.weights = 2, Fault::Alignment);
    refused(&|c| c.counts = 201, Fault::Alignment);
    refused(&|c| c.counts = 208, Fault::WeightsBounds);
    refused(&|c| c.deltas = 205, Fault::WeightsBounds);
    refused(&|c| c.blocks = u32::MAX / 4 + 2, Fault::WeightsBounds);
    refused(&|c| c.blocks = 5, Fault::Parameter);
    refused(&|c| c.conv.groups = 2, Fault::Parameter);
    refused(&|c| c.direct = true, Fault::Parameter);
    refused(&|c| c.conv.y_shape.h = 0, Fault::Shape);
    refused(&|c| c.conv.x_shape.c = 8000, Fault::Shape);
    refused(&|c| (c.conv.requantize.min, c.conv.requantize.max) = (1, 0), Fault::Parameter);
    let parameter = LoadError::Instruction { index: 0, fault: Fault::Parameter };
    for (counts, deltas, why) in [
        ([4, 1], deltas, "a block that no filter has"),
        ([4, 3], deltas, "a block too few"),
        ([5, 1], deltas, "the first filter's fifth block is where its fourth is"),
        (counts, [0, 2, 1, 2, 0, 4], "the fourth block lies behind the row"),
        (counts, [0, 2, 1, 1, 1, 4], "so does the last"),
        (counts, [0, 2, 0, 1, 0, 4], "two blocks in the same place"),
        ([0, 0], [0; 6], "none that a filter has"),
        ([u16::MAX, u16::MAX], [0; 6], "more than there are"),
    ] {
        assert_eq!(error_of(&with(&|_| (), counts, deltas)), parameter, "{why}");
    }
}

#[test]
fn bands_that_do_not_end_are_refused() {
    let mut zoo = support::zoo::zoo(mote_runtime::format::Rounding::Single);
    zoo.instructions = support::zoo::banded();
    assert!(Model::load(&zoo.bytes()).is_ok());
    zoo.instructions.pop();
    assert_eq!(error_of(&zoo.bytes()), LoadError::Encoding);
    let mut zoo = support::zoo::zoo(mote_runtime::format::Rounding::Single);
    zoo.instructions = support::zoo::banded();
    let softmax = small().instructions[4];
    zoo.instructions[2] = softmax;
    assert_eq!(error_of(&zoo.bytes()), LoadError::Instruction { index: 2, fault: Fault::Parameter });
}

/// What each kind of instruction left behind, in the order of the calls.
#[derive(Default)]
struct Calls(Vec<usize>);

impl Observer for Calls {
    fn after(&mut self, index: usize, _: &Instruction, _: &[u8]) {
        self.0.push(index);
    }
}

#[test]
fn instructions_in_bands_are_observed_band_by_band() {
    let mut zoo = support::zoo::zoo(mote_runtime::format::Rounding::Single);
    zoo.instructions = support::zoo::banded();
    zoo.instructions.push(small().instructions[4]);
    let bytes = zoo.bytes();
    let mut arena = AlignedBytes::zeroed(zoo.arena_bytes as usize);
    let mut calls = Calls::default();
    Engine::new(Model::load(&bytes).unwrap(), &mut arena).unwrap().run_with(&mut calls);
    // Two rows of the depthwise convolution for one of the pool, each as soon as the rows are there that it reads.
    let of_a_row = [1, 2, 1, 2, 3];
    assert_eq!(calls.0, [&[0][..], &of_a_row, &of_a_row, &of_a_row, &of_a_row, &[4]].concat());
}

#[test]
fn self_test_of_the_wrong_length_is_refused() {
    let file = small().with_self_test(2).bytes();
    let offset = section(&file, Section::SelfTest);
    for count in [0u32, 1, 3, u32::MAX] {
        assert_eq!(error_of(&patched(&file, offset, &count.to_le_bytes())), LoadError::SelfTest);
    }
}

#[test]
fn unfit_arena_is_refused() {
    let file = small().bytes();
    let model = Model::load(&file).unwrap();
    let mut arena = Arena::<304>::new();
    let too_small = Engine::new(model.clone(), &mut arena.as_mut_slice()[..287]).err();
    assert_eq!(too_small, Some(EngineError::ArenaTooSmall { needed: 288, got: 287 }));
    let shifted = Engine::new(model, &mut arena.as_mut_slice()[8..]).err();
    assert_eq!(shifted, Some(EngineError::ArenaMisaligned { needed: 16 }));
}

#[test]
fn ports_that_do_not_exist_are_empty() {
    let file = small().bytes();
    let mut arena = Arena::<288>::new();
    let mut engine = Engine::new(Model::load(&file).unwrap(), arena.as_mut_slice()).unwrap();
    assert!(engine.input_mut(1).is_empty() && engine.output(usize::MAX).is_empty());
    assert!(engine.input_f32_mut(0).is_empty() && engine.output_f32(0).is_empty());
    assert_eq!(engine.write_f32(1, &[]), Err(IoError::NoSuchPort { ports: 1 }));
    assert_eq!(engine.write_f32(0, &[0.0; 71]), Err(IoError::Length { needed: 72, got: 71 }));
    assert_eq!(engine.read_i8(0, &mut [0; 4]), Err(IoError::Length { needed: 3, got: 4 }));
}
