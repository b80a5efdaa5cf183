//! Files with right checksums and wrong contents: refused, or run without harm.

mod support;

use mote_runtime::format::{Instruction, Rounding};
use mote_runtime::{AlignedBytes, Engine, LoadError, Model};
use proptest::prelude::*;
use proptest::sample::Index;
use support::{patched, zoo};

/// Loads a file; if that works, runs it on every path a caller has. Any panic fails the test.
fn load_and_run(file: &[u8]) -> Result<(), LoadError> {
    let model = Model::load(file)?;
    if model.arena_bytes() > 1 << 20 {
        return Ok(());
    }
    let mut arena = AlignedBytes::zeroed(model.arena_bytes() as usize);
    let mut engine = Engine::new(model, &mut arena).expect("the arena is what the model asks for");
    for index in 0..engine.model().inputs().len() {
        let elements = engine.model().inputs()[index].elements().expect("checked");
        let values: Vec<f32> = (0..elements).map(|i| i as f32 * 0.37 - 9.0).collect();
        engine.write_f32(index, &values).expect("as long as the port");
    }
    engine.run();
    for index in 0..engine.model().outputs().len() {
        let elements = engine.model().outputs()[index].elements().expect("checked");
        engine.read_f32(index, &mut vec![0.0; elements as usize]).expect("as long as the port");
    }
    Ok(())
}

#[test]
fn every_instruction_of_the_zoo_is_accepted_and_runs() {
    for rounding in [Rounding::Single, Rounding::Tflite] {
        load_and_run(&zoo::zoo(rounding).bytes()).unwrap();
    }
}

/// Numbers at which arithmetic goes wrong.
fn hostile_number() -> impl Strategy<Value = u32> {
    let near = |n: u32| (0u32..5).prop_map(move |d| n.wrapping_add(d).wrapping_sub(2));
    prop_oneof![
        6 => 0u32..70,
        2 => 70u32..1200,
        1 => near(zoo::ARENA_BYTES),
        1 => (0u32..32).prop_flat_map(move |bit| near(1 << bit)),
        1 => near(0),
        1 => any::<u32>(),
    ]
}

fn varint(n: u32) -> Vec<u8> {
    postcard::to_stdvec(&n).unwrap()
}

/// The numbers that an encoded instruction consists of, roughly: floats count as several.
fn tokens(instruction: &Instruction) -> Vec<Vec<u8>> {
    let bytes = postcard::to_stdvec(instruction).unwrap();
    bytes.split_inclusive(|b| b & 0x80 == 0).map(<[u8]>::to_vec).collect()
}

/// A valid instruction with some of its numbers replaced.
fn mutated_instruction(rounding: Rounding) -> impl Strategy<Value = Instruction> {
    let seeds = [zoo::int8(rounding), zoo::int16(rounding), zoo::float()].concat();
    let edits = prop::collection::vec((any::<Index>(), hostile_number()), 1..4);
    (prop::sample::select(seeds), edits).prop_filter_map("does not decode", |(seed, edits)| {
        let mut tokens = tokens(&seed);
        for (at, number) in edits {
            let at = at.index(tokens.len());
            tokens[at] = varint(number);
        }
        postcard::from_bytes(&tokens.concat()).ok()
    })
}

/// An instruction of which nothing is right.
fn random_instruction() -> impl Strategy<Value = Instruction> {
    let numbers = prop::collection::vec(hostile_number(), 30);
    (0u32..49, numbers).prop_filter_map("does not decode", |(kind, numbers)| {
        let bytes: Vec<u8> = std::iter::once(kind).chain(numbers).flat_map(varint).collect();
        postcard::take_from_bytes(&bytes).ok().map(|(instruction, _)| instruction)
    })
}

fn config(cases: u32) -> ProptestConfig {
    let cases = if cfg!(miri) { 30 } else { cases };
    // A failure becomes a test of its own instead.
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(20_000))]

    #[test]
    fn mutated_instructions_are_harmless(
        single in mutated_instruction(Rounding::Single),
        tflite in mutated_instruction(Rounding::Tflite),
    ) {
        for (rounding, instruction) in [(Rounding::Single, single), (Rounding::Tflite, tflite)] {
            let mut zoo = zoo::zoo(rounding);
            zoo.instructions = vec![instruction];
            let _ = load_and_run(&zoo.bytes());
        }
    }

    #[test]
    fn random_instructions_are_harmless(instruction in random_instruction()) {
        let mut zoo = zoo::zoo(Rounding::Single);
        zoo.instructions = vec![instruction];
        let _ = load_and_run(&zoo.bytes());
    }

    #[test]
    fn mutated_bands_are_harmless(
        edits in prop::collection::vec((any::<Index>(), any::<Index>(), hostile_number()), 1..4), rounding in any::<bool>(),
    ) {
        let mut zoo = zoo::zoo(if rounding { Rounding::Single } else { Rounding::Tflite });
        let mut tokens: Vec<_> = zoo::banded().iter().map(tokens).collect();
        for (instruction, at, number) in edits {
            let instruction = instruction.get_mut(&mut tokens);
            let at = at.index(instruction.len());
            instruction[at] = varint(number);
        }
        let decoded: Result<Vec<Instruction>, _> = tokens.iter().map(|t| postcard::from_bytes(&t.concat())).collect();
        if let Ok(instructions) = decoded {
            zoo.instructions = instructions;
            let _ = load_and_run(&zoo.bytes());
        }
    }

    #[test]
    fn random_bytes_in_a_file_are_harmless(at in any::<Index>(), bytes in prop::collection::vec(any::<u8>(), 1..6)) {
        let file = zoo::zoo(Rounding::Single).with_self_test(1).bytes();
        let at = at.index(file.len() - bytes.len());
        let _ = load_and_run(&patched(&file, at, &bytes));
    }

    #[test]
    fn hostile_header_numbers_are_harmless(field in 2usize..14, number in hostile_number()) {
        let file = zoo::zoo(Rounding::Single).with_self_test(1).bytes();
        let _ = load_and_run(&patched(&file, 4 * field, &number.to_le_bytes()));
    }
}
