use super::super::testing::{Random, config};
use super::*;
use proptest::prelude::*;
use std::vec;

fn axes() -> impl Strategy<Value = [u8; MAX_RANK]> {
    Just([0u8, 1, 2, 3, 4, 5]).prop_shuffle()
}

/// Takes element `i` of `y` apart into one index per axis, and puts it together in the order of `x`.
fn literal<T: Copy>(op: &Transpose, x: &[T], mut i: u32) -> T {
    let mut x_index = [0; MAX_RANK];
    for &axis in op.axes.iter().rev() {
        let size = op.x_shape[usize::from(axis)];
        x_index[usize::from(axis)] = i % size;
        i /= size;
    }
    x[x_index.iter().zip(op.x_shape).fold(0, |at, (index, size)| at * size + index) as usize]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn equals_the_literal_permutation(
        x_shape in [1u32..3, 1u32..4, 1u32..4, 1u32..5, 1u32..4, 1u32..4], axes in axes(), seed: u64,
    ) {
        let op = Transpose { x: 0, y: 0, element_bytes: 4, x_shape, axes };
        let n = x_shape.iter().product::<u32>();
        let mut random = Random::new(seed);
        let words: std::vec::Vec<u32> = (0..n).map(|_| random.next() as u32).collect();
        let mut got = vec![0u32; n as usize];
        prop_assert!(transpose(&op, &words, &mut got).is_some());
        prop_assert!((0..n).all(|i| got[i as usize] == literal(&op, &words, i)));
        let bytes = random.bytes(n);
        let mut got = vec![0u8; n as usize];
        prop_assert!(transpose(&op, &bytes, &mut got).is_some());
        prop_assert!((0..n).all(|i| got[i as usize] == literal(&op, &bytes, i)));
    }
}
