//! Inputs as pictures in the page itself.

use super::ReportError;
use super::chart::{Curve, lines};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use serde::Serialize;

/// A sample, and what a file makes of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Sample {
    pub picture: Picture,
    pub name: String,
    pub predicted: String,
    pub score: String,
    pub label: Option<String>,
    pub wrong: bool,
}

/// How an input is shown.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", content = "data", rename_all = "lowercase")]
pub(super) enum Picture {
    /// Rows and columns of pixels, as a PNG in base64, with what it is of.
    Image { base64: String, width: usize, height: usize },
    /// A curve, as SVG.
    Curve { svg: String },
}

/// More elements than this are no curve that one can see.
const LONGEST: usize = 2000;

/// A map of one, three or four channels is a picture, of others that of the means over the channels; a row of numbers is a curve.
/// Values are stretched from their smallest to their largest.
pub(super) fn picture(values: &[f32], shape: &[usize], channel_axis: Option<usize>) -> Result<Picture, ReportError> {
    let sizes = shape.get(1..).unwrap_or_default();
    let (height, width, channels, first) = match (sizes, channel_axis) {
        ([c, h, w], Some(1)) => (*h, *w, *c, true),
        ([h, w, c], _) => (*h, *w, *c, false),
        ([h, w], _) => (*h, *w, 1, false),
        _ => return curve(values),
    };
    if height < 2 || width < 2 || values.len() != height * width * channels {
        return curve(values);
    }
    let at =
        |pixel: usize, c: usize| if first { values[c * height * width + pixel] } else { values[pixel * channels + c] };
    let (low, high) = values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let byte = |v: f32| ((v - low) / (high - low).max(f32::MIN_POSITIVE) * 255.0).round().clamp(0.0, 255.0) as u8;
    let is_colour = channels == 3 || channels == 4;
    let mut pixels = Vec::new();
    for pixel in 0..height * width {
        if is_colour {
            pixels.extend((0..3).map(|c| byte(at(pixel, c))));
        } else {
            let mean = (0..channels).map(|c| at(pixel, c)).sum::<f32>() / channels as f32;
            pixels.push(byte(mean));
        }
    }
    let colour = if is_colour { ExtendedColorType::Rgb8 } else { ExtendedColorType::L8 };
    let mut png = Vec::new();
    PngEncoder::new(&mut png).write_image(&pixels, width as u32, height as u32, colour)?;
    Ok(Picture::Image { base64: STANDARD.encode(png), width, height })
}

fn curve(values: &[f32]) -> Result<Picture, ReportError> {
    let step = values.len().div_ceil(LONGEST).max(1);
    let points = values.iter().step_by(step).enumerate().map(|(i, &v)| ((i * step) as f64, f64::from(v))).collect();
    let svg = lines("element", "value", &[Curve { name: "input".into(), points, marks: false }])?;
    Ok(Picture::Curve { svg })
}
