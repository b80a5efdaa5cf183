use super::*;
use std::vec::Vec;

fn port(shape: &[u32], source_axes: &[u8], dtype: DType, scale: f32, zero_point: i32) -> Port {
    Port {
        offset: 0,
        dtype,
        shape: heapless::Vec::from_slice(shape).unwrap(),
        scale,
        zero_point,
        source_dtype: DType::F32,
        source_axes: heapless::Vec::from_slice(source_axes).unwrap(),
    }
}

#[test]
fn nhwc_port_reads_an_nchw_array() {
    // Source [1, 2, 2, 3] (NCHW), stored [1, 2, 3, 2] (NHWC).
    let port = port(&[1, 2, 3, 2], &[0, 2, 3, 1], DType::I8, 1.0, 0);
    let mut arena = [0u8; 12];
    let source: Vec<i8> = (0..12).collect();
    write_stored(&mut arena, &port, &source);
    assert_eq!(arena, [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]);
    let mut back = [0i8; 12];
    read_stored(&arena, &port, &mut back);
    assert_eq!(back.as_slice(), source);
}

#[test]
fn identity_order_copies() {
    let port = port(&[1, 4], &[0, 1], DType::I8, 0.5, 3);
    let mut arena = [0u8; 4];
    write_f32(&mut arena, &port, &[0.0, 1.0, -1.0, 100.0]);
    assert_eq!(bytemuck::cast_slice::<u8, i8>(&arena), [3, 5, 1, 127]);
    let mut back = [0.0; 4];
    read_f32(&arena, &port, &mut back);
    assert_eq!(back, [0.0, 1.0, -1.0, 62.0]);
}

#[test]
fn scalar_port_has_one_element() {
    let port = port(&[], &[], DType::I8, 1.0, 0);
    let mut arena = [0u8; 1];
    write_f32(&mut arena, &port, &[7.0]);
    assert_eq!(arena, [7]);
}

#[test]
fn float_port_only_permutes() {
    let port = port(&[2, 2], &[1, 0], DType::F32, 1.0, 0);
    let mut arena = crate::Arena::<16>::new();
    write_f32(arena.as_mut_slice(), &port, &[0.25, 1.5, f32::MAX, -0.0]);
    assert_eq!(cast::<f32>(arena.as_mut_slice(), &port), [0.25, f32::MAX, 1.5, -0.0]);
}

#[test]
fn quantize_rounds_half_away_from_zero_and_saturates() {
    for (value, expected) in [(0.5, 1), (-0.5, -1), (1.5, 2), (-1.5, -2), (0.49999997, 0), (-0.49999997, 0)] {
        assert_eq!(quantize_value(value, 1.0, 0), expected, "{value}");
    }
    assert_eq!(quantize_value(f32::INFINITY, 1.0, -128), 127);
    assert_eq!(quantize_value(f32::NEG_INFINITY, 1.0, 127), -128);
    assert_eq!(quantize_value(f32::MAX, f32::MIN_POSITIVE, 0), 127);
    assert_eq!(quantize_value(f32::NAN, 1.0, -7), -7);
}

#[test]
fn int16_port_quantizes_and_saturates() {
    let port = port(&[2, 2], &[1, 0], DType::I16, 0.5, 0);
    let mut arena = crate::Arena::<16>::new();
    write_f32(arena.as_mut_slice(), &port, &[0.25, 1e9, -1e9, f32::NAN]);
    assert_eq!(cast::<i16>(arena.as_mut_slice(), &port), [1, -32768, 32767, 0]);
    let mut back = [0.0; 4];
    read_f32(arena.as_mut_slice(), &port, &mut back);
    assert_eq!(back, [0.5, 16383.5, -16384.0, 0.0]);
}
