//! Inner loops in plain Rust, for every target.
//!
//! Slices are read up to the shortest of them. Sums wrap; `check` keeps them inside `i32`.

/// `acc + sum((x[i] - x_zero_point) * w[i])`.
#[inline]
pub(crate) fn dot_offset_i8(x: &[i8], w: &[i8], x_zero_point: i8, acc: i32) -> i32 {
    let zero = i32::from(x_zero_point);
    x.iter().zip(w).fold(acc, |acc, (&x, &w)| multiply_add(acc, i32::from(x) - zero, w))
}

/// [`dot_offset_i8`] of one `x` with four rows of weights: each element of `x` is loaded once for four products.
#[inline]
pub(crate) fn dot_offset_i8x4(x: &[i8], w: [&[i8]; 4], x_zero_point: i8, acc: [i32; 4]) -> [i32; 4] {
    let zero = i32::from(x_zero_point);
    let [w0, w1, w2, w3] = w;
    let [mut a0, mut a1, mut a2, mut a3] = acc;
    for ((((&x, &w0), &w1), &w2), &w3) in x.iter().zip(w0).zip(w1).zip(w2).zip(w3) {
        let x = i32::from(x) - zero;
        a0 = multiply_add(a0, x, w0);
        a1 = multiply_add(a1, x, w1);
        a2 = multiply_add(a2, x, w2);
        a3 = multiply_add(a3, x, w3);
    }
    [a0, a1, a2, a3]
}

/// `acc[c] += (x[c] - x_zero_point) * w[c]`.
#[inline]
pub(crate) fn multiply_add_offset_i8(acc: &mut [i32], x: &[i8], w: &[i8], x_zero_point: i8) {
    let zero = i32::from(x_zero_point);
    for ((acc, &x), &w) in acc.iter_mut().zip(x).zip(w) {
        *acc = multiply_add(*acc, i32::from(x) - zero, w);
    }
}

#[inline(always)]
fn multiply_add(acc: i32, x: i32, w: i8) -> i32 {
    acc.wrapping_add(x * i32::from(w))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_subtracted_before_multiplying() {
        assert_eq!(dot_offset_i8(&[-128, 127], &[127, -128], 127, 5), 5 - 255 * 127);
        assert_eq!(dot_offset_i8(&[], &[], 0, 7), 7);
    }

    #[test]
    fn four_rows_equal_one_row_at_a_time() {
        let x: [i8; 23] = core::array::from_fn(|i| (i * 37) as i8);
        let w: [[i8; 23]; 4] = core::array::from_fn(|r| core::array::from_fn(|i| (i * 53 + r * 101) as i8));
        let acc = [1, -2, 3, -4];
        let expected: [i32; 4] = core::array::from_fn(|r| dot_offset_i8(&x, &w[r], -9, acc[r]));
        assert_eq!(dot_offset_i8x4(&x, [&w[0], &w[1], &w[2], &w[3]], -9, acc), expected);
    }

    #[test]
    fn each_channel_has_its_own_sum() {
        let mut acc = [10, 20, 30];
        multiply_add_offset_i8(&mut acc, &[1, 2, 3], &[4, -5, 6], 1);
        assert_eq!(acc, [10, 15, 42]);
    }
}
