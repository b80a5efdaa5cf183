//! Random changes of training samples, each a function of the sample and a stream of random numbers.

use super::config::{Augment, Flip};
use super::random::Random;

/// A sample as the graph stores it: `[h, w, c]` for pictures; anything else has only a first axis.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// Rows, columns, channels; one row and column if it is no picture.
    pub picture: Option<[usize; 3]>,
    /// Size of the first axis after the batch.
    pub steps: usize,
    /// What a pixel of background is, per channel (per element of the last axis).
    pub background: Vec<f32>,
}

impl Augment {
    /// True if samples stay as they are.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What needs rows and columns.
    pub(super) fn needs_picture(&self) -> Option<&'static str> {
        let wants = [
            (self.rotate != 0.0, "rotate"),
            (self.crop.is_some(), "crop"),
            (self.shift != 0, "shift"),
            (self.flip.is_some(), "flip"),
            (self.cutout != 0, "cutout"),
        ];
        wants.into_iter().find(|w| w.0).map(|w| w.1)
    }

    /// A changed copy of `sample`.
    pub(super) fn apply(&self, sample: &[f32], layout: &Layout, random: &mut Random) -> Vec<f32> {
        let mut x = sample.to_vec();
        if let Some(shape) = layout.picture {
            if self.rotate != 0.0 || self.crop.is_some() {
                x = resample(&x, shape, &layout.background, &self.frame(shape, random));
            }
            if self.shift > 0 {
                let (rows, columns) = (random.around_zero(self.shift), random.around_zero(self.shift));
                x = moved(&x, shape, rows, columns, &layout.background);
            }
            let mirrored = |way: Flip, random: &mut Random| {
                matches!(self.flip, Some(f) if f == way || f == Flip::Both) && random.below(2) == 1
            };
            if mirrored(Flip::Horizontal, random) {
                x = picked(&x, shape, |r, c| (r, shape[1] - 1 - c));
            }
            if mirrored(Flip::Vertical, random) {
                x = picked(&x, shape, |r, c| (shape[0] - 1 - r, c));
            }
        }
        if self.time_shift > 0 {
            let by = random.around_zero(self.time_shift);
            let row = x.len() / layout.steps.max(1);
            // A sequence is a picture of one column.
            x = moved(&x, [layout.steps, 1, row], by, 0, &layout.background);
        }
        if self.noise > 0.0 {
            x.iter_mut().for_each(|v| *v += self.noise * random.normal());
        }
        if let (true, Some([h, w, c])) = (self.cutout > 0, layout.picture) {
            let centre = [random.below(h), random.below(w)];
            let covers = |at: usize, centre: usize| {
                at + self.cutout / 2 >= centre && at + self.cutout / 2 < centre + self.cutout
            };
            for (pixel, values) in x.chunks_exact_mut(c).enumerate() {
                if covers(pixel / w, centre[0]) && covers(pixel % w, centre[1]) {
                    fill(values, &layout.background);
                }
            }
        }
        x
    }

    /// Where the corners of the result lie in the sample: a random part, turned by a random angle around its centre.
    fn frame(&self, [h, w, _]: [usize; 3], random: &mut Random) -> Frame {
        let angle = match self.rotate {
            0.0 => 0.0,
            most => random.between(-most, most).to_radians(),
        };
        let least = self.crop.unwrap_or(1.0);
        let scale = random.between(least, 1.0).min(1.0);
        let room = [(1.0 - scale) * h as f32, (1.0 - scale) * w as f32];
        let offset = room.map(|r| random.between(-r / 2.0, r / 2.0));
        Frame { sin: angle.sin() * scale, cos: angle.cos() * scale, offset }
    }
}

/// A rotation, a scale and a shift of coordinates around the centre.
struct Frame {
    sin: f32,
    cos: f32,
    offset: [f32; 2],
}

/// Samples the picture along `frame`, with bilinear interpolation; outside is background.
fn resample(x: &[f32], [h, w, c]: [usize; 3], background: &[f32], frame: &Frame) -> Vec<f32> {
    let mut out = Vec::with_capacity(x.len());
    let centre = [(h as f32 - 1.0) / 2.0, (w as f32 - 1.0) / 2.0];
    for row in 0..h {
        for column in 0..w {
            let (dr, dc) = (row as f32 - centre[0], column as f32 - centre[1]);
            let r = frame.cos * dr - frame.sin * dc + centre[0] + frame.offset[0];
            let k = frame.sin * dr + frame.cos * dc + centre[1] + frame.offset[1];
            let (r0, k0) = (r.floor(), k.floor());
            let (fr, fk) = (r - r0, k - k0);
            for channel in 0..c {
                let at = |r: f32, k: f32| {
                    let inside = r >= 0.0 && k >= 0.0 && r < h as f32 && k < w as f32;
                    match inside {
                        true => x.get((r as usize * w + k as usize) * c + channel).copied().unwrap_or(0.0),
                        false => value(background, channel),
                    }
                };
                let above = at(r0, k0) * (1.0 - fk) + at(r0, k0 + 1.0) * fk;
                let below = at(r0 + 1.0, k0) * (1.0 - fk) + at(r0 + 1.0, k0 + 1.0) * fk;
                out.push(above * (1.0 - fr) + below * fr);
            }
        }
    }
    out
}

/// Shifts by whole rows and columns; what comes in is background.
fn moved(x: &[f32], [h, w, c]: [usize; 3], rows: isize, columns: isize, background: &[f32]) -> Vec<f32> {
    let mut out = Vec::with_capacity(x.len());
    for row in 0..h as isize {
        for column in 0..w as isize {
            let (r, k) = (row - rows, column - columns);
            let from =
                (r >= 0 && k >= 0 && r < h as isize && k < w as isize).then(|| (r as usize * w + k as usize) * c);
            match from.and_then(|from| x.get(from..from + c)) {
                Some(pixel) => out.extend_from_slice(pixel),
                None => out.extend((0..c).map(|channel| value(background, channel))),
            }
        }
    }
    out
}

/// Each pixel from the place that `from` says.
fn picked(x: &[f32], [h, w, c]: [usize; 3], from: impl Fn(usize, usize) -> (usize, usize)) -> Vec<f32> {
    let pixel = |row: usize, column: usize| {
        let (r, k) = from(row, column);
        x.get((r * w + k) * c..(r * w + k) * c + c).unwrap_or_default()
    };
    (0..h * w).flat_map(|at| pixel(at / w, at % w).to_vec()).collect()
}

fn fill(pixel: &mut [f32], background: &[f32]) {
    pixel.iter_mut().enumerate().for_each(|(channel, v)| *v = value(background, channel));
}

/// Of one channel; one value stands for all.
fn value(background: &[f32], channel: usize) -> f32 {
    background.get(channel).or(background.first()).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::random::Purpose;

    const SHAPE: [usize; 3] = [3, 4, 2];

    fn layout() -> Layout {
        Layout { picture: Some(SHAPE), steps: 3, background: vec![-1.0, -2.0] }
    }

    fn sample() -> Vec<f32> {
        (0..24).map(|i| i as f32).collect()
    }

    fn many(augment: &Augment) -> Vec<Vec<f32>> {
        (0..64).map(|i| augment.apply(&sample(), &layout(), &mut Random::new(1, Purpose::Augment, &[i]))).collect()
    }

    #[test]
    fn nothing_changes_by_default_and_the_same_stream_gives_the_same() {
        assert!(many(&Augment::default()).iter().all(|x| *x == sample()));
        let noise = Augment { noise: 0.5, shift: 1, ..Augment::default() };
        assert_eq!(many(&noise), many(&noise));
        assert_ne!(many(&noise)[0], many(&noise)[1]);
    }

    #[test]
    fn shifts_fill_with_background_and_reach_every_place() {
        let all = many(&Augment { shift: 1, ..Augment::default() });
        let right = moved(&sample(), SHAPE, 0, 1, &[-1.0, -2.0]);
        assert_eq!(right[..6], [-1.0, -2.0, 0.0, 1.0, 2.0, 3.0]);
        assert!(all.contains(&right) && all.contains(&sample()));
        let later = many(&Augment { time_shift: 2, ..Augment::default() });
        let expected: Vec<f32> = (0..4).flat_map(|_| [-1.0, -2.0]).chain((0..16).map(|i| i as f32)).collect();
        // Each row of a sequence is one step of eight values: its background is that of the first ones.
        assert!(later.iter().any(|x| x[8..] == expected[8..]));
    }

    #[test]
    fn flips_mirror_half() {
        let all = many(&Augment { flip: Some(Flip::Both), ..Augment::default() });
        let mirrored = picked(&sample(), SHAPE, |r, c| (r, 3 - c));
        assert_eq!(mirrored[..4], [6.0, 7.0, 4.0, 5.0]);
        let upside_down = picked(&sample(), SHAPE, |r, c| (2 - r, c));
        assert_eq!(upside_down[..2], [16.0, 17.0]);
        for expected in [&sample(), &mirrored, &upside_down] {
            let n = all.iter().filter(|x| *x == expected).count();
            assert!((6..28).contains(&n), "{n}");
        }
    }

    #[test]
    fn rotation_by_a_quarter_moves_corners_and_a_crop_scales_up() {
        let x: Vec<f32> = (0..9).map(|i| i as f32).collect();
        let frame = Frame { sin: 1.0, cos: 0.0, offset: [0.0; 2] };
        let turned = resample(&x, [3, 3, 1], &[0.0], &frame);
        let expected = [6.0, 3.0, 0.0, 7.0, 4.0, 1.0, 8.0, 5.0, 2.0];
        let mirrored = [2.0, 5.0, 8.0, 1.0, 4.0, 7.0, 0.0, 3.0, 6.0];
        let near = |to: &[f32]| turned.iter().zip(to).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(near(&expected) || near(&mirrored), "{turned:?}");
        let half = resample(&x, [3, 3, 1], &[0.0], &Frame { sin: 0.0, cos: 0.5, offset: [0.0; 2] });
        assert_eq!(half, [2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0]);
        // Rotated or cropped pictures stay within the range of their values and background.
        let all = many(&Augment { rotate: 20.0, crop: Some(0.7), ..Augment::default() });
        assert!(all.iter().flatten().all(|v| (-2.0..=23.0).contains(v)));
        assert!(all.iter().any(|x| *x != sample()));
    }

    #[test]
    fn cutout_covers_a_square() {
        let all = many(&Augment { cutout: 2, ..Augment::default() });
        let covered = |x: &Vec<f32>| x.chunks_exact(2).filter(|p| *p == [-1.0, -2.0]).count();
        assert!(all.iter().all(|x| (1..=4).contains(&covered(x))) && all.iter().any(|x| covered(x) == 4));
    }
}
