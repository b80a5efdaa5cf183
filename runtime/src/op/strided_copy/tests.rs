use super::super::testing::{Random, config};
use super::*;
use proptest::prelude::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn copies_the_rows_and_nothing_else(
        rows in 1u32..6, row_bytes in 1u32..20, (x_extra, y_extra) in (0u32..9, 0u32..9), overlap: bool, seed: u64,
    ) {
        // Rows of the input may overlap: a stride of 0 repeats one.
        let x_stride = if overlap { x_extra } else { row_bytes + x_extra };
        let op = StridedCopy { x: Operand::Arena(0), y: 0, rows, row_bytes, x_stride, y_stride: row_bytes + y_extra };
        let mut random = Random::new(seed);
        let x = random.bytes(extent(&op, op.x_stride).unwrap());
        let before = random.bytes(extent(&op, op.y_stride).unwrap());
        let mut got = before.clone();
        prop_assert!(strided_copy(&op, &x, &mut got).is_some());
        for (i, (&got, &before)) in got.iter().zip(&before).enumerate() {
            let (row, column) = (i as u32 / op.y_stride, i as u32 % op.y_stride);
            let expected = if column < row_bytes { x[(row * x_stride + column) as usize] } else { before };
            prop_assert_eq!(got, expected, "byte {}", i);
        }
    }
}
