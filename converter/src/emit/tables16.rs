//! Tables of functions on int16, with the points that the TensorFlow Lite reference kernels choose.

use std::ops::Range;

/// Points of a table that kernels interpolate.
const POINTS: usize = 513;

/// 513 points of `f` over `input`, scaled so that `output` fills 16 bits. A point is moved by half of what the middle of the
/// line to the next one misses, which halves the largest error.
///
/// `round_to` is the precision of the arithmetic: that of a double, or [`single`].
pub fn interpolated(
    f: impl Fn(f64) -> f64,
    input: Range<f64>,
    output: Range<f64>,
    round_to: fn(f64) -> f64,
) -> Vec<i16> {
    let r = round_to;
    let steps = (POINTS - 1) as f64;
    let step = r(r(input.end - input.start) / steps);
    let half = step / 2.0;
    let scale = r(65536.0 / r(output.end - output.start));
    let value = |x: f64| r(r(f(x)) * scale);
    let at = |i: usize| r(input.start + r(i as f64 * step));
    let stored = |value: f64| if value.is_nan() { 0 } else { value.clamp(-32768.0, 32767.0) as i16 };
    let mut points: Vec<i16> = (0..POINTS - 1)
        .map(|i| {
            let sample = value(at(i)).round();
            let line = r(r(value(at(i + 1)) + sample) / 2.0).round();
            let miss = r(line - value(r(at(i) + half)).round());
            stored(r(sample - (miss / 2.0).round()))
        })
        .collect();
    points.push(stored(value(input.end).round()));
    points
}

/// As a float32 would hold it.
pub fn single(x: f64) -> f64 {
    f64::from(x as f32)
}

/// As a double holds it.
pub fn double(x: f64) -> f64 {
    x
}

/// `exp` over `[-10, 0]`, and `1 / (1 + x)` over `[0, 1]`, both in Q15.
pub fn softmax() -> [Vec<i16>; 2] {
    // The ends of 16 bits at scale `length / 65535` with the zero point at one of them.
    let ends = |length: f64, from: f64, to: f64| (length / 65535.0) * from..(length / 65535.0) * to;
    let output = || ends(2.0, -32768.0, 32767.0);
    [
        interpolated(f64::exp, ends(10.0, -65535.0, 0.0), output(), double),
        interpolated(|x| 1.0 / (1.0 + x), ends(1.0, 0.0, 65535.0), output(), double),
    ]
}

/// The sigmoid of `i / 24` in units of `2^-16`, each point raised by half of what the middle of the line to the next one
/// misses. These are the numbers of the reference kernels.
pub fn sigmoid() -> Vec<u16> {
    let exact = |i: f64| 65536.0 / (1.0 + (-i / 24.0).exp());
    let point = |i: u32| {
        let i = f64::from(i);
        let miss = exact(i + 0.5) - (exact(i) + exact(i + 1.0)) / 2.0;
        (exact(i) + miss / 2.0).round().min(65535.0) as u16
    };
    (0..256).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_near_the_function() {
        let [exp, reciprocal] = softmax();
        assert_eq!((exp.len(), exp[512], reciprocal[512]), (513, 32767, 16384));
        for (i, (&exp, &reciprocal)) in exp.iter().zip(&reciprocal).enumerate() {
            let x = i as f64 / 512.0;
            let near = |stored: i16, real: f64| (f64::from(stored) - (real * 32768.0).min(32767.0)).abs() < 3.0;
            assert!(near(exp, (10.0 * x - 10.0).exp()) && near(reciprocal, 1.0 / (1.0 + x)), "point {i}");
        }
    }

    #[test]
    fn the_sigmoid_starts_at_a_half_and_ends_at_one() {
        let table = sigmoid();
        assert_eq!((table.len(), table[0], table[1], table[28], table[255]), (256, 32768, 33451, 49975, 65534));
    }
}
