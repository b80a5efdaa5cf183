//! Files written by earlier versions load and give the same bytes.

mod support;

use mote_runtime::{Arena, Engine, Model, include_model};
use support::small;

static V2: &[u8] = include_model!("data/v2.mote");

#[test]
fn version_2_loads_and_computes_what_it_did() {
    let mut arena = Arena::<288>::new();
    let mut engine = Engine::new(Model::load(V2).unwrap(), arena.as_mut_slice()).unwrap();
    assert_eq!(engine.self_test(), Ok(4));
}

/// Version 2 is what the writer still writes. `MOTE_OVERWRITE=1 cargo test` stores a new file, which is only right as
/// long as no version 2 file has been given to anyone.
#[test]
#[cfg_attr(miri, ignore = "reads the environment")]
fn writer_still_writes_version_2() {
    let bytes = small().with_self_test(4).bytes();
    if std::env::var_os("MOTE_OVERWRITE").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/v2.mote"), &*bytes).unwrap();
        return;
    }
    assert!(V2 == &*bytes, "the writer no longer writes tests/data/v2.mote");
}

#[test]
fn other_versions_are_refused_by_name() {
    let mut file = small().bytes();
    file[4..6].copy_from_slice(&[1, 0]);
    let error = Model::load(&file).unwrap_err();
    assert_eq!(error.to_string(), "the file has format version 1, this runtime reads 2: convert the model again");
}
