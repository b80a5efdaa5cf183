//! What the store remembers: one record of the log, as the table in the crate's documentation says.

use crate::log::put;

/// Version of the table above.
const VERSION: u8 = 1;
/// Bytes of a record between sequence number and CRC.
pub(crate) const STATE_BYTES: usize = 40;

/// One of the two places for a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Slot {
    /// The first of [`Layout::slots`](crate::Layout::slots).
    A,
    /// The second.
    B,
}

impl Slot {
    /// Both.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// The one that this is not.
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Its part of a pair.
    pub(crate) fn of<T: Copy>(self, [a, b]: [T; 2]) -> T {
        match self {
            Self::A => a,
            Self::B => b,
        }
    }

    pub(crate) fn of_mut<T>(self, [a, b]: &mut [T; 2]) -> &mut T {
        match self {
            Self::A => a,
            Self::B => b,
        }
    }

    fn from_byte(byte: u8) -> Option<Option<Self>> {
        match byte {
            0 => Some(Some(Self::A)),
            1 => Some(Some(Self::B)),
            255 => Some(None),
            _ => None,
        }
    }

    fn to_byte(slot: Option<Self>) -> u8 {
        match slot {
            Some(Self::A) => 0,
            Some(Self::B) => 1,
            None => 255,
        }
    }
}

/// What the log knows of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Content {
    /// No model that may run; the flash may hold anything.
    #[default]
    Unknown = 0,
    /// Erased from end to end by [`Store::erase`](crate::Store::erase): writing need not erase it again.
    Erased = 1,
    /// A part of a file.
    Receiving = 2,
    /// A whole file that was verified and has not run yet.
    Verified = 3,
    /// A model that was confirmed once.
    Confirmed = 4,
    /// A model that failed its trial, or that no longer is what was verified.
    Failed = 5,
}

impl Content {
    fn from_byte(byte: u8) -> Option<Self> {
        let all = [Self::Unknown, Self::Erased, Self::Receiving, Self::Verified, Self::Confirmed, Self::Failed];
        all.into_iter().find(|&content| content as u8 == byte)
    }
}

/// A model that has to prove itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trial {
    pub slot: Slot,
    /// Boots that have begun.
    pub boots: u8,
}

/// A file on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Download {
    pub slot: Slot,
    pub length: u32,
    /// All before are stored; a multiple of an erase block, or the length.
    pub stored: u32,
    /// Half of the SHA-256 is enough to recognise a file; its header and signature say whether it is right.
    pub id: [u8; 16],
}

/// Everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct State {
    pub floor: u32,
    pub active: Option<Slot>,
    pub trial: Option<Trial>,
    pub contents: [Content; 2],
    pub download: Option<Download>,
}

impl State {
    pub fn to_bytes(self) -> [u8; STATE_BYTES] {
        let [a, b] = self.contents;
        let trial = self.trial.map(|trial| trial.slot);
        let boots = self.trial.map_or(0, |trial| trial.boots);
        let receiving = Slot::to_byte(self.download.map(|download| download.slot));
        let head = [VERSION, Slot::to_byte(self.active), Slot::to_byte(trial), boots, a as u8, b as u8, receiving, 0];
        let Download { length, stored, id, .. } =
            self.download.unwrap_or(Download { slot: Slot::A, length: 0, stored: 0, id: [0; 16] });
        let mut bytes = [0; STATE_BYTES];
        let (start, rest) = bytes.split_at_mut(8);
        put(start, &head);
        let (numbers, rest) = rest.split_at_mut(12);
        for (to, number) in numbers.as_chunks_mut().0.iter_mut().zip([self.floor, length, stored]) {
            *to = number.to_le_bytes();
        }
        put(rest, &id);
        bytes
    }

    pub fn from_bytes(bytes: &[u8; STATE_BYTES]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk()?;
        let &[version, active, trial, boots, a, b, receiving, _] = head;
        let (numbers, rest) = rest.split_first_chunk::<12>()?;
        let (id, _) = rest.split_first_chunk()?;
        let [floor, length, stored] = numbers.as_chunks().0 else { return None };
        if version != VERSION {
            return None;
        }
        let number = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
        let receiving = Slot::from_byte(receiving)?;
        Some(Self {
            floor: number(floor),
            active: Slot::from_byte(active)?,
            trial: Slot::from_byte(trial)?.map(|slot| Trial { slot, boots }),
            contents: [Content::from_byte(a)?, Content::from_byte(b)?],
            download: receiving.map(|slot| Download { slot, length: number(length), stored: number(stored), id: *id }),
        })
    }

    /// True if `slot` is active or on trial.
    pub fn needs(&self, slot: Slot) -> bool {
        self.active == Some(slot) || self.trial.is_some_and(|trial| trial.slot == slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_comes_back() {
        let state = State {
            floor: 0x0102_0304,
            active: Some(Slot::B),
            trial: Some(Trial { slot: Slot::A, boots: 3 }),
            contents: [Content::Verified, Content::Confirmed],
            download: Some(Download { slot: Slot::A, length: 77, stored: 66, id: [9; 16] }),
        };
        assert_eq!(State::from_bytes(&state.to_bytes()), Some(state));
        assert_eq!(State::from_bytes(&State::default().to_bytes()), Some(State::default()));
    }

    #[test]
    fn a_record_of_another_version_is_not_read() {
        let mut bytes = State::default().to_bytes();
        bytes[0] = 2;
        assert_eq!(State::from_bytes(&bytes), None);
    }

    #[test]
    fn erased_flash_is_no_state() {
        assert_eq!(State::from_bytes(&[255; STATE_BYTES]), None);
    }
}
