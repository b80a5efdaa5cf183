use super::super::testing::{Random, config};
use super::*;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// The bytes of element `i` of `y`: from `x` if its position on all axes is inside, else the value's.
fn literal(op: &Pad, x: &[u8]) -> Vec<u8> {
    let bytes = usize::from(op.element_bytes);
    let shape: [u32; 4] = core::array::from_fn(|a| op.before[a] + op.x_shape[a] + op.after[a]);
    let mut y = Vec::new();
    for mut i in 0..shape.iter().product() {
        let mut index = [0; 4];
        for axis in (0..4).rev() {
            index[axis] = i % shape[axis];
            i /= shape[axis];
        }
        let inside = (0..4).all(|a| index[a] >= op.before[a] && index[a] < op.before[a] + op.x_shape[a]);
        if inside {
            let from = (0..4).fold(0, |at, a| at * op.x_shape[a] + index[a] - op.before[a]) as usize * bytes;
            y.extend_from_slice(&x[from..from + bytes]);
        } else {
            y.extend_from_slice(&op.value.to_le_bytes()[..bytes]);
        }
    }
    y
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn equals_the_literal_placement(
        element_bytes in prop_oneof![Just(1u8), Just(2), Just(4)], x_shape in [1u32..3, 1u32..4, 1u32..4, 1u32..6],
        before in [0u32..2, 0u32..3, 0u32..3, 0u32..4], after in [0u32..2, 0u32..3, 0u32..3, 0u32..4], value: u32, seed: u64,
    ) {
        let op = Pad { x: 0, y: 0, element_bytes, x_shape, before, after, value };
        let x = Random::new(seed).bytes(x_shape.iter().product::<u32>() * u32::from(element_bytes));
        let expected = literal(&op, &x);
        let mut got = vec![0; expected.len()];
        prop_assert!(pad(&op, &x, &mut got).is_some());
        prop_assert_eq!(got, expected);
    }
}
