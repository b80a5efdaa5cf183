//! Arbitrary bytes are refused, or run without harm; with and without a header that makes them plausible.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mote_runtime::format::{FORMAT_VERSION, HEADER_BYTES, MAGIC, SECTION_ALIGN, Section, seal};
use mote_runtime::{AlignedBytes, Engine, Model};

/// Most bytes of arena that an accepted model may ask for here, so that a run stays short.
const ARENA_LIMIT: u32 = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    load_and_run(&AlignedBytes::copy_of(bytes));
    if let Some(file) = plausible(bytes) {
        load_and_run(&file);
    }
});

fn load_and_run(file: &[u8]) {
    let Ok(model) = Model::load(file) else { return };
    if model.arena_bytes() > ARENA_LIMIT {
        return;
    }
    let mut arena = AlignedBytes::zeroed(model.arena_bytes() as usize);
    let mut engine = Engine::new(model, &mut arena).expect("the arena is what the model asks for");
    let _ = engine.self_test();
    engine.run();
}

/// The same bytes with magic, version, lengths, layout and checksums made right: what remains wrong is the contents.
fn plausible(bytes: &[u8]) -> Option<AlignedBytes> {
    let header = bytes.get(..HEADER_BYTES)?;
    let mut file = header.to_vec();
    file[..4].copy_from_slice(&MAGIC);
    file[4..6].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    file[6..8].copy_from_slice(&(HEADER_BYTES as u16).to_le_bytes());
    file[12..16].fill(0);
    // An arena of more than `ARENA_LIMIT` would only be refused.
    file[38..40].fill(0);
    let mut rest = &bytes[HEADER_BYTES..];
    for section in [Section::Program, Section::Meta, Section::Weights, Section::SelfTest] {
        if section == Section::Weights {
            let padding = file.len().next_multiple_of(SECTION_ALIGN) - file.len();
            rest = &rest[padding.min(rest.len())..];
            file.resize(file.len() + padding, 0);
        }
        let at = 40 + 4 * section as usize;
        let length = header[at..at + 4].try_into().map_or(0, u32::from_le_bytes) as usize;
        let (contents, after) = rest.split_at(length.min(rest.len()));
        file[at..at + 4].copy_from_slice(&(contents.len() as u32).to_le_bytes());
        file.extend_from_slice(contents);
        rest = after;
    }
    let total = file.len() as u32;
    file[8..12].copy_from_slice(&total.to_le_bytes());
    seal(&mut file);
    Some(AlignedBytes::copy_of(&file))
}
