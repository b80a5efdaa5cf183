//! The obvious loops.

use crate::ir::{Activation, Pads};

/// A row-major array.
#[derive(Clone, Debug)]
pub struct Nd {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

/// Values in -2..2 from a small generator.
pub fn random(shape: &[usize], seed: u64) -> Nd {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32 * 4.0 - 2.0
    };
    Nd { shape: shape.to_vec(), data: std::iter::repeat_with(next).take(shape.iter().product()).collect() }
}

impl Nd {
    fn offset(&self, index: &[usize]) -> usize {
        self.shape.iter().zip(index).fold(0, |o, (s, i)| o * s + i)
    }

    fn at(&self, index: &[usize]) -> f32 {
        self.data[self.offset(index)]
    }

    /// An array whose elements are `f(index)`.
    fn build(shape: &[usize], mut f: impl FnMut(&[usize]) -> f32) -> Self {
        let n: usize = shape.iter().product();
        let mut index = vec![0; shape.len()];
        let mut data = Vec::with_capacity(n);
        for _ in 0..n {
            data.push(f(&index));
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Self { shape: shape.to_vec(), data }
    }

    /// The element at `[0, y, x, c]`, or `None` outside.
    fn pixel(&self, y: isize, x: isize, c: usize) -> Option<f32> {
        let inside = y >= 0 && x >= 0 && (y as usize) < self.shape[1] && (x as usize) < self.shape[2];
        inside.then(|| self.at(&[0, y as usize, x as usize, c]))
    }
}

#[allow(clippy::too_many_arguments, reason = "the parameters of a convolution")]
pub fn conv2d(
    x: &Nd,
    w: &Nd,
    b: Option<&Nd>,
    stride: [usize; 2],
    dilation: [usize; 2],
    pads: Pads,
    groups: usize,
    activation: Activation,
) -> Nd {
    let [out_c, kh, kw, group_c] = w.shape[..] else { panic!() };
    let oh = (x.shape[1] + pads.top + pads.bottom - (kh - 1) * dilation[0] - 1) / stride[0] + 1;
    let ow = (x.shape[2] + pads.left + pads.right - (kw - 1) * dilation[1] - 1) / stride[1] + 1;
    Nd::build(&[1, oh, ow, out_c], |i| {
        let mut sum = b.map_or(0.0, |b| f64::from(b.data[i[3]]));
        let first = i[3] / (out_c / groups) * group_c;
        for ky in 0..kh {
            for kx in 0..kw {
                let y = (i[1] * stride[0] + ky * dilation[0]) as isize - pads.top as isize;
                let xx = (i[2] * stride[1] + kx * dilation[1]) as isize - pads.left as isize;
                for c in 0..group_c {
                    let value = x.pixel(y, xx, first + c).unwrap_or(0.0);
                    sum += f64::from(value) * f64::from(w.at(&[i[3], ky, kx, c]));
                }
            }
        }
        (sum as f32).clamp(activation.min, activation.max)
    })
}

pub fn fully_connected(x: &Nd, w: &Nd, b: Option<&Nd>, activation: Activation) -> Nd {
    let mut shape = x.shape.clone();
    let inputs = w.shape[1];
    *shape.last_mut().unwrap() = w.shape[0];
    let mut flat = 0;
    Nd::build(&shape, |i| {
        let o = *i.last().unwrap();
        let row = flat / w.shape[0];
        flat += 1;
        let dot: f32 = (0..inputs).map(|k| x.data[row * inputs + k] * w.at(&[o, k])).sum();
        (dot + b.map_or(0.0, |b| b.data[o])).clamp(activation.min, activation.max)
    })
}

/// The taps of one window: element if inside, `None` in padding; nothing beyond the padding.
#[allow(clippy::too_many_arguments, reason = "the parameters of a window")]
fn window(
    x: &Nd,
    i: &[usize],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    pads: Pads,
) -> Vec<Option<f32>> {
    let mut taps = Vec::new();
    for ky in 0..kernel[0] {
        for kx in 0..kernel[1] {
            let y = (i[1] * stride[0] + ky * dilation[0]) as isize - pads.top as isize;
            let xx = (i[2] * stride[1] + kx * dilation[1]) as isize - pads.left as isize;
            if y < (x.shape[1] + pads.bottom) as isize && xx < (x.shape[2] + pads.right) as isize {
                taps.push(x.pixel(y, xx, i[3]));
            }
        }
    }
    taps
}

pub fn max_pool2d(
    x: &Nd,
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    pads: Pads,
    out: [usize; 2],
) -> Nd {
    Nd::build(&[1, out[0], out[1], x.shape[3]], |i| {
        window(x, i, kernel, stride, dilation, pads).into_iter().flatten().fold(f32::NEG_INFINITY, f32::max)
    })
}

#[allow(clippy::too_many_arguments, reason = "the parameters of a window")]
pub fn average_pool2d(
    x: &Nd,
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    pads: Pads,
    out: [usize; 2],
    count_include_pad: bool,
) -> Nd {
    Nd::build(&[1, out[0], out[1], x.shape[3]], |i| {
        let taps = window(x, i, kernel, stride, dilation, pads);
        let n = if count_include_pad { taps.len() } else { taps.iter().flatten().count() };
        taps.into_iter().flatten().sum::<f32>() / n as f32
    })
}

pub fn broadcast(a: &Nd, b: &Nd, f: impl Fn(f32, f32) -> f32) -> Nd {
    let rank = a.shape.len().max(b.shape.len());
    let size = |nd: &Nd, axis: usize| {
        let missing = rank - nd.shape.len();
        if axis < missing { 1 } else { nd.shape[axis - missing] }
    };
    let shape: Vec<usize> = (0..rank).map(|axis| size(a, axis).max(size(b, axis))).collect();
    let at = |nd: &Nd, i: &[usize]| {
        let index: Vec<usize> =
            i[rank - nd.shape.len()..].iter().zip(&nd.shape).map(|(&i, &s)| if s == 1 { 0 } else { i }).collect();
        nd.at(&index)
    };
    Nd::build(&shape, |i| f(at(a, i), at(b, i)))
}

pub fn mean(x: &Nd, axes: &[usize], keep_dims: bool) -> Nd {
    let kept: Vec<usize> = x.shape.iter().enumerate().map(|(a, &s)| if axes.contains(&a) { 1 } else { s }).collect();
    let n: usize = axes.iter().map(|&a| x.shape[a]).product();
    let mut y = Nd { shape: kept.clone(), data: vec![0.0; kept.iter().product()] };
    Nd::build(&x.shape, |i| {
        let index: Vec<usize> = i.iter().enumerate().map(|(a, &i)| if axes.contains(&a) { 0 } else { i }).collect();
        let offset = y.offset(&index);
        y.data[offset] += x.at(i) / n as f32;
        0.0
    });
    if !keep_dims {
        y.shape = x.shape.iter().enumerate().filter(|(a, _)| !axes.contains(a)).map(|(_, &s)| s).collect();
    }
    y
}

pub fn softmax(x: &Nd, axis: usize) -> Nd {
    Nd::build(&x.shape, |i| {
        let along = |k: usize| {
            let mut j = i.to_vec();
            j[axis] = k;
            f64::from(x.at(&j)).exp()
        };
        (along(i[axis]) / (0..x.shape[axis]).map(along).sum::<f64>()) as f32
    })
}

pub fn pad(x: &Nd, before: &[usize], after: &[usize], value: f32) -> Nd {
    let shape: Vec<usize> = (0..x.shape.len()).map(|a| before[a] + x.shape[a] + after[a]).collect();
    Nd::build(&shape, |i| {
        let inside = (0..i.len()).all(|a| i[a] >= before[a] && i[a] < before[a] + x.shape[a]);
        let index: Vec<usize> = (0..i.len()).map(|a| i[a].wrapping_sub(before[a])).collect();
        if inside { x.at(&index) } else { value }
    })
}

pub fn slice(x: &Nd, start: &[usize], end: &[usize], step: &[usize]) -> Nd {
    let shape: Vec<usize> = (0..start.len()).map(|a| (end[a] - start[a]).div_ceil(step[a])).collect();
    Nd::build(&shape, |i| {
        let index: Vec<usize> = (0..i.len()).map(|a| start[a] + i[a] * step[a]).collect();
        x.at(&index)
    })
}

pub fn transpose(x: &Nd, perm: &[usize]) -> Nd {
    let shape: Vec<usize> = perm.iter().map(|&p| x.shape[p]).collect();
    Nd::build(&shape, |i| {
        let mut index = vec![0; i.len()];
        for (a, &p) in perm.iter().enumerate() {
            index[p] = i[a];
        }
        x.at(&index)
    })
}

pub fn concat(parts: &[&Nd], axis: usize) -> Nd {
    let mut shape = parts[0].shape.clone();
    shape[axis] = parts.iter().map(|p| p.shape[axis]).sum();
    Nd::build(&shape, |i| {
        let mut index = i.to_vec();
        for part in parts {
            if index[axis] < part.shape[axis] {
                return part.at(&index);
            }
            index[axis] -= part.shape[axis];
        }
        unreachable!()
    })
}
