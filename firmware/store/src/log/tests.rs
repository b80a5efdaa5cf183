//! The log against the simplest log: a variable.

#[allow(dead_code, reason = "the log needs a part of it")]
#[path = "../../tests/support/flash.rs"]
mod flash;

use super::*;
use crate::state::{Content, Download, Slot, Trial};
use flash::SimFlash;
use proptest::prelude::*;
use std::vec::Vec;

const BLOCKS: u32 = 3;

#[derive(Clone, Debug)]
enum Step {
    Append(u32),
    Reopen,
    /// The power goes after so many words or erased blocks of an append.
    Cut(u32, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => any::<u32>().prop_map(Step::Append),
        1 => Just(Step::Reopen),
        2 => (any::<u32>(), 0u64..16).prop_map(|(number, steps)| Step::Cut(number, steps)),
    ];
    prop::collection::vec(step, 1..80)
}

/// A state that uses all fields.
fn state(number: u32) -> State {
    let slot = |bit: u32| if number >> bit & 1 == 0 { Slot::A } else { Slot::B };
    let some = |bit: u32| number >> bit & 1 == 1;
    State {
        floor: number,
        active: some(0).then_some(slot(1)),
        trial: some(2).then_some(Trial { slot: slot(3), boots: number as u8 }),
        contents: [Content::Confirmed, Content::Receiving],
        download: some(4).then_some(Download {
            slot: slot(5),
            length: number,
            stored: !number,
            id: [number as u8; 16],
        }),
    }
}

fn holds<const W: usize, const E: usize>(steps: Vec<Step>, seed: u64) -> Result<(), TestCaseError> {
    let region = Region { start: E as u32, len: BLOCKS * E as u32 };
    let mut flash = SimFlash::<W, E>::new((BLOCKS as usize + 1) * E, seed);
    let (mut log, mut expected) = Log::open(&mut flash, region).unwrap();
    prop_assert_eq!(expected, None);
    for step in steps {
        match step {
            Step::Append(number) => {
                log.append(&mut flash, &state(number)).unwrap();
                expected = Some(state(number));
            }
            Step::Reopen => {}
            Step::Cut(number, steps) => {
                flash.power_on(Some(steps));
                let done = log.append(&mut flash, &state(number)).is_ok();
                flash.power_on(None);
                let (opened, newest) = Log::open(&mut flash, region).unwrap();
                let before_or_after = if done { newest == Some(state(number)) } else { newest == expected };
                prop_assert!(before_or_after || newest == Some(state(number)));
                (log, expected) = (opened, newest);
            }
        }
        if matches!(step, Step::Reopen) {
            log = Log::open(&mut flash, region).unwrap().0;
        }
        let (_, newest) = Log::open(&mut flash, region).unwrap();
        prop_assert_eq!(newest, expected);
    }
    prop_assert_eq!(flash.violations, 0);
    prop_assert_eq!(flash.erases[0], 0, "outside the region");
    Ok(())
}

proptest! {
    #[test]
    fn newest_record_is_what_was_appended_last(steps in steps(), seed: u64) {
        holds::<1, 512>(steps.clone(), seed)?;
        holds::<8, 256>(steps.clone(), seed)?;
        holds::<64, 256>(steps, seed)?;
    }
}

#[test]
fn blocks_wear_evenly() {
    let mut flash = SimFlash::<4, 512>::new(4 * 512, 5);
    let region = Region { start: 0, len: 4 * 512 };
    let (mut log, _) = Log::open(&mut flash, region).unwrap();
    for number in 0..10_000 {
        log.append(&mut flash, &state(number)).unwrap();
        if number % 7 == 0 {
            log = Log::open(&mut flash, region).unwrap().0;
        }
    }
    let (least, most) = (flash.erases.iter().min().unwrap(), flash.erases.iter().max().unwrap());
    assert!(most - least <= 1, "{:?}", flash.erases);
    assert_eq!(flash.erases.iter().sum::<u32>(), 1_430, "one block a session, of up to 7 records");
}

#[test]
fn a_flipped_bit_makes_the_record_before_count() {
    let mut flash = SimFlash::<4, 512>::new(1024, 5);
    let region = Region { start: 0, len: 1024 };
    let (mut log, _) = Log::open(&mut flash, region).unwrap();
    log.append(&mut flash, &state(1)).unwrap();
    log.append(&mut flash, &state(2)).unwrap();
    for bit in 0..RECORD_BYTES * 8 {
        let mut damaged = flash.clone();
        let at = RECORD_BYTES + bit / 8;
        damaged.damage(at, &[flash.bytes()[at] ^ 1 << (bit % 8)]);
        let (_, newest) = Log::open(&mut damaged, region).unwrap();
        assert_eq!(newest, Some(state(1)), "bit {bit}");
    }
}
