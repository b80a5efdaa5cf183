use super::*;
use crate::AllOps;
use crate::format::Instruction;
use crate::op::dispatch;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::vec::Vec;

/// A value and how many bytes it took.
type Decoded<T> = Option<(T, usize)>;

/// What our decoder and postcard's make of `bytes`.
fn both<'m, T: Decode<'m> + Deserialize<'m>>(bytes: &'m [u8]) -> (Decoded<T>, Decoded<T>) {
    let mut reader = Reader::new(bytes);
    let ours = T::decode(&mut reader);
    let ours = (!reader.failed()).then(|| (ours, bytes.len() - reader.rest().len()));
    let theirs = postcard::take_from_bytes::<T>(bytes).ok();
    (ours, theirs.map(|(value, rest)| (value, bytes.len() - rest.len())))
}

fn same<'m, T: Decode<'m> + Deserialize<'m> + PartialEq + core::fmt::Debug>(bytes: &'m [u8]) {
    let (ours, theirs) = both::<T>(bytes);
    // As text, because NaN is not equal to itself.
    assert_eq!(std::format!("{ours:?}"), std::format!("{theirs:?}"), "{bytes:?}");
}

fn same_instruction(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let ours = dispatch::decode::<AllOps>(&mut reader).filter(|_| !reader.failed());
    let ours = ours.map(|instruction| (instruction, bytes.len() - reader.rest().len()));
    let theirs = postcard::take_from_bytes::<Instruction>(bytes).ok();
    let theirs = theirs.map(|(instruction, rest)| (instruction, bytes.len() - rest.len()));
    assert_eq!(std::format!("{ours:?}"), std::format!("{theirs:?}"), "{bytes:?}");
}

/// Bytes as instructions have them, and others.
fn bytes(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![8 => 0u8..3, 4 => any::<u8>(), 1 => Just(0xff)], 0..longest)
}

#[test]
fn integers_at_their_limits() {
    // Miri takes a thousand times as long.
    let step = if cfg!(miri) { 7 } else { 1 };
    for n in (0..32).step_by(step).flat_map(|bit| [(1u32 << bit) - 1, 1 << bit]).chain([u32::MAX]) {
        same::<u32>(&postcard::to_stdvec(&n).unwrap());
        same::<i32>(&postcard::to_stdvec(&(n as i32)).unwrap());
        same::<i16>(&postcard::to_stdvec(&(n as i16)).unwrap());
    }
    for tail in [0x00, 0x0f, 0x10, 0x7f, 0x80, 0x8f] {
        same::<u32>(&[0xff, 0xff, 0xff, 0xff, tail, 0]);
    }
    same::<u32>(&[0x80, 0x80]);
    same::<u32>(&[0x80, 0x00]);
    // In more bytes than 16 bits need.
    for long in [&[0xff, 0x80, 0x80, 0x00][..], &[0x80, 0x80, 0x00], &[0x80, 0x80, 0x04]] {
        same::<i16>(long);
    }
}

#[test]
fn lists_that_are_too_long_are_refused() {
    let port = |rank: usize| {
        let mut bytes = std::vec![0, 0, rank as u8];
        bytes.extend(std::vec![1; rank]);
        bytes.extend([0, 0, 128, 63, 0, 6, rank as u8]);
        bytes.extend(0..rank as u8);
        bytes
    };
    for rank in 0..8 {
        same::<Port>(&port(rank));
    }
    let (ours, _) = both::<Port>(&[0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(ours, None);
}

#[test]
fn metadata_comes_back() {
    let meta = Meta {
        name: "größer",
        port_names: "x\ny",
        node_names: "a",
        result_params: &[1, 2],
        labels: "",
        normalization: "n",
        converter: "c",
        source_sha256: &[9; 32],
        calibration_sha256: &[],
        accuracy_ppm: Some((1, 70_000)),
    };
    for meta in [meta, Meta { accuracy_ppm: None, ..meta }] {
        let bytes = postcard::to_stdvec(&meta).unwrap();
        assert!(is_meta(&bytes));
        assert_eq!(super::meta(&bytes), meta);
        for end in 0..bytes.len() {
            assert!(!is_meta(&bytes[..end]), "{end}");
        }
    }
    assert_eq!(super::meta(&[]), Meta::default());
}

fn config() -> ProptestConfig {
    // Miri takes a thousand times as long, and there is no unsafe code here.
    let cases = if cfg!(miri) { 1 } else { 20_000 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_kind_of_instruction_decodes_as_postcard_does(kind in 0u8..49, rest in bytes(90)) {
        same_instruction(&[&[kind][..], &rest].concat());
    }

    #[test]
    fn metadata_is_accepted_as_postcard_does(bytes in bytes(40)) {
        let theirs = matches!(postcard::take_from_bytes::<Meta>(&bytes), Ok((_, [])));
        prop_assert_eq!(is_meta(&bytes), theirs);
    }
}

/// Every instruction that can be written comes back; random bytes reach only some of them.
#[test]
fn what_postcard_writes_is_read() {
    #[derive(Serialize)]
    struct Ones(u8);
    let step = if cfg!(miri) { 9 } else { 1 };
    for kind in (0..49u8).step_by(step) {
        for ones in [0u8, 1] {
            let bytes = [&postcard::to_stdvec(&Ones(kind)).unwrap()[..], &[ones; 120]].concat();
            same_instruction(&bytes);
        }
    }
}
