use super::super::{Channel, Store};
use super::isa;

// The assembly reads channels by LDM.
const _: () = assert!(size_of::<Channel>() == 16);

/// A function that is called from assembly only.
pub(super) type Function = unsafe extern "C" fn();

/// What the outputs of all channels have in common, as assembly reads it.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Limits {
    min: i32,
    max: i32,
    scale: Function,
}

impl Limits {
    /// Writes sums one after the other instead, as many as there is room for.
    pub fn keep(sums: &mut [i32]) -> Self {
        Self { min: sums.as_mut_ptr().expose_provenance() as i32, max: 0, scale: isa::keep }
    }
}

impl From<Store> for Limits {
    fn from(store: Store) -> Self {
        let scale = isa::scale(store.rounding, (store.min, store.max) == (i8::MIN, i8::MAX));
        Self { min: store.min.into(), max: store.max.into(), scale }
    }
}
