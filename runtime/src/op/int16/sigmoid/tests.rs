use super::*;
use crate::op::testing::config;
use proptest::prelude::*;

fn table() -> [u16; POINTS as usize] {
    core::array::from_fn(|i| (65536.0 / (1.0 + (-(i as f64) / 24.0).exp())).round().min(65535.0) as u16)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn is_near_the_real_function(x_scale in 1e-5f64..1e-2, x: i16, tanh: bool) {
        let mut shift = 0;
        let mut multiplier = x_scale * 4096.0 * 3.0;
        while multiplier <= 32767.0 / 2.0 && shift <= 30 {
            (shift, multiplier) = (shift + 1, multiplier * 2.0);
        }
        let op = SigmoidI16 { x: 0, y: 0, len: 1, tanh, multiplier: multiplier as u32, shift, table: 0 };
        let mut y = [x];
        sigmoid(&op, &table(), &mut y);
        let real = f64::from(x) * x_scale;
        let exact = if tanh { real.tanh() } else { 1.0 / (1.0 + (-real).exp()) };
        prop_assert!((exact * 32768.0 - f64::from(y[0])).abs() <= 10.0, "{} is stored as {}", exact * 32768.0, y[0]);
    }

    #[test]
    fn any_table_is_harmless(seed: u64, multiplier in 0u32..=32767, shift in 0u8..=31, tanh: bool) {
        let mut random = crate::op::testing::Random::new(seed);
        let table = core::array::from_fn(|_| random.next() as u16);
        let mut y: [i16; 50] = core::array::from_fn(|_| random.next() as i16);
        sigmoid(&SigmoidI16 { x: 0, y: 0, len: 50, tanh, multiplier, shift, table: 0 }, &table, &mut y);
    }
}
