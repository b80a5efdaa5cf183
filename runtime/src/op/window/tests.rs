use super::*;
use proptest::prelude::*;

fn axis(size: u32, kernel: u32, stride: u32, dilation: u32, pad: u32) -> Axis {
    let window = Window {
        kernel_h: kernel,
        kernel_w: 1,
        stride_h: stride,
        stride_w: 1,
        dilation_h: dilation,
        dilation_w: 1,
        pad_top: pad,
        pad_left: 0,
    };
    window.axes(Hwc { h: size, w: 1, c: 1 }).expect("dilation is not 0").0
}

/// Every kernel position whose input position is inside, one by one.
fn literal(size: u32, kernel: u32, stride: u32, dilation: u32, pad: u32, index: u32) -> Vec<(usize, usize)> {
    (0..kernel)
        .map(|k| (k, i64::from(index * stride + k * dilation) - i64::from(pad)))
        .filter(|&(_, at)| (0..i64::from(size)).contains(&at))
        .map(|(k, at)| (k as usize, at as usize))
        .collect()
}

extern crate std;
use std::vec::Vec;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 10 } else { 2000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn taps_are_those_inside_the_input(
        size in 1u32..12, kernel in 1u32..6, stride in 1u32..4, dilation in 1u32..5, pad in 0u32..9, index in 0u32..12,
    ) {
        let axis = axis(size, kernel, stride, dilation, pad);
        let taps = axis.taps(index);
        let expected = literal(size, kernel, stride, dilation, pad, index);
        prop_assert_eq!(taps.count, expected.len());
        prop_assert_eq!(axis.is_whole(index), taps.count == kernel as usize);
        for (i, &(k, at)) in expected.iter().enumerate() {
            prop_assert_eq!(taps.first + i, k);
            prop_assert_eq!(taps.start + i * dilation as usize, at);
        }
    }

    #[test]
    fn pools_that_pass_the_check_never_have_an_empty_window(
        size in 1u32..8, kernel in 1u32..5, stride in 1u32..4, dilation in 1u32..5, pad in 0u32..7, windows in 1u32..8,
    ) {
        if check_meets(size, windows, kernel, stride, dilation, pad).is_ok() {
            for index in 0..windows {
                prop_assert!(!literal(size, kernel, stride, dilation, pad, index).is_empty());
            }
        }
    }
}

#[test]
fn counting_padding_stops_at_its_explicit_end() {
    // 5 elements, 1 of padding on either side, windows of 3 every 2: the third covers positions 4..7.
    let axis = axis(5, 3, 2, 1, 1);
    assert_eq!([0, 1, 2].map(|i| axis.padded_count(i, 1)), [3, 3, 3]);
    assert_eq!([0, 1, 2].map(|i| axis.padded_count(i, 0)), [3, 3, 2]);
}

#[test]
fn positions_beyond_i32_are_refused() {
    assert_eq!(check_axis(4, 1 << 20, 1, 1 << 20, 1, 0), Err(Fault::Shape));
    assert_eq!(check_axis(4, 1, u32::MAX, 1, u32::MAX, 0), Err(Fault::Shape));
    assert_eq!(check_axis(4, 4, 1, 0, 1, 0), Err(Fault::Parameter));
    assert_eq!(check_axis(4, 4, 1, 1, 1, 0), Ok(()));
}
