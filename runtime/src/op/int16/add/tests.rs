use super::*;
use crate::format::instruction::{BinaryI16, Operand};
use crate::op::testing::{config, rounding};
use proptest::prelude::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn is_within_one_step_of_the_real_sum(
        a_scale in 1e-5f64..1e-2, b_scale in 1e-5f64..1e-2, y_factor in 0.2f64..50.0, subtract: bool, a: i16, b: i16,
        rounding in rounding(),
    ) {
        let twice_max = 2.0 * a_scale.max(b_scale);
        let y_scale = twice_max * y_factor;
        let binary = BinaryI16 {
            a: Operand::Arena(0), b: Operand::Arena(0), y: 0, len: 1, b_len: 1, b_inner: 1, min: i16::MIN, max: i16::MAX,
        };
        let op = AddI16 {
            binary,
            subtract,
            left_shift: 15,
            a_scale: Multiplier::from_real(a_scale / twice_max),
            b_scale: Multiplier::from_real(b_scale / twice_max),
            y_scale: Multiplier::from_real(twice_max / (f64::from(1 << 15) * y_scale)),
        };
        let mut got = [0];
        add(&op, rounding, &[a], &[b], &mut got);
        let second = f64::from(b) * b_scale;
        let real = f64::from(a) * a_scale + if subtract { -second } else { second };
        let stored = (real / y_scale).clamp(-32768.0, 32767.0);
        prop_assert!((stored - f64::from(got[0])).abs() <= 0.501, "{} is stored as {}", stored, got[0]);
    }
}
