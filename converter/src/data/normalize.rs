//! `(x * scale - mean) / std`, as the network was trained to see its inputs.

use super::{DataError, InputSpec};
use std::fmt;
use std::str::FromStr;

/// What is done to every value before it reaches the model: `(x * scale - mean) / std`, `mean` and `std` one value or
/// one per channel. Its text form is what a model file records.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalization {
    /// First factor.
    pub scale: f64,
    /// Subtracted after scaling.
    pub mean: Vec<f64>,
    /// Divides last.
    pub std: Vec<f64>,
}

/// A normalization that cannot be read or used.
#[derive(Debug, thiserror::Error, PartialEq)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum NormalizationError {
    #[error("unknown normalization `{0}`: use none, unit, signed, imagenet, mnist, or scale=S;mean=A,B;std=C,D")]
    Unknown(String),
    #[error("`{0}` is not a number")]
    Number(String),
    #[error("scale and std must be finite and not 0, mean must be finite")]
    Range,
}

/// Name, scale, mean, std, and what the name means.
type Preset = (&'static str, f64, &'static [f64], &'static [f64]);
const PRESETS: [Preset; 5] = [
    ("none", 1.0, &[0.0], &[1.0]),
    ("unit", 1.0 / 255.0, &[0.0], &[1.0]),
    ("signed", 1.0 / 127.5, &[1.0], &[1.0]),
    ("imagenet", 1.0 / 255.0, &[0.485, 0.456, 0.406], &[0.229, 0.224, 0.225]),
    ("mnist", 1.0 / 255.0, &[0.1307], &[0.3081]),
];

impl Default for Normalization {
    fn default() -> Self {
        Self { scale: 1.0, mean: vec![0.0], std: vec![1.0] }
    }
}

impl Normalization {
    /// Checks the numbers.
    pub fn new(scale: f64, mean: Vec<f64>, std: Vec<f64>) -> Result<Self, NormalizationError> {
        let divides = |v: &f64| v.is_finite() && *v != 0.0;
        let ok = divides(&scale) && std.iter().all(divides) && mean.iter().all(|v| v.is_finite());
        if !ok || mean.is_empty() || std.is_empty() {
            return Err(NormalizationError::Range);
        }
        Ok(Self { scale, mean, std })
    }

    /// True if values pass unchanged.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Normalises one sample of `input` in place. Call [`Self::check`] first.
    pub fn apply(&self, input: &InputSpec, values: &mut [f32]) {
        if self.is_none() {
            return;
        }
        let (channels, inner) = input.channels();
        let pick =
            |v: &[f64], c: usize, default: f64| v.get(if v.len() == 1 { 0 } else { c }).copied().unwrap_or(default);
        for (i, x) in values.iter_mut().enumerate() {
            let c = (i / inner.max(1)) % channels.max(1);
            *x = ((f64::from(*x) * self.scale - pick(&self.mean, c, 0.0)) / pick(&self.std, c, 1.0)) as f32;
        }
    }

    /// Refuses per-channel values that do not fit the channels of `input`.
    pub fn check(&self, input: &InputSpec) -> Result<(), DataError> {
        let (channels, _) = input.channels();
        for (option, values) in [("mean", &self.mean), ("std", &self.std)] {
            if values.len() != 1 && values.len() != channels {
                return Err(DataError::Channels { input: input.name.clone(), channels, option, given: values.len() });
            }
        }
        Ok(())
    }
}

impl fmt::Display for Normalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let preset = |p: &&Preset| p.1 == self.scale && p.2 == self.mean && p.3 == self.std;
        if let Some((name, ..)) = PRESETS.iter().find(preset) {
            return f.write_str(name);
        }
        let list = |v: &[f64]| v.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
        write!(f, "scale={};mean={};std={}", self.scale, list(&self.mean), list(&self.std))
    }
}

impl FromStr for Normalization {
    type Err = NormalizationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        if let Some((_, scale, mean, std)) = PRESETS.iter().find(|p| p.0 == text) {
            return Self::new(*scale, mean.to_vec(), std.to_vec());
        }
        let number = |s: &str| s.trim().parse::<f64>().map_err(|_| NormalizationError::Number(s.trim().to_string()));
        let mut parsed = Self::default();
        for part in text.split(';') {
            let (key, value) = part.split_once('=').ok_or_else(|| NormalizationError::Unknown(text.to_string()))?;
            let list = || value.split(',').map(number).collect::<Result<Vec<_>, _>>();
            match key.trim() {
                "scale" => parsed.scale = number(value)?,
                "mean" => parsed.mean = list()?,
                "std" => parsed.std = list()?,
                _ => return Err(NormalizationError::Unknown(text.to_string())),
            }
        }
        Self::new(parsed.scale, parsed.mean, parsed.std)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips() {
        for text in ["none", "unit", "signed", "imagenet", "mnist", "scale=0.1;mean=1,2,3;std=4"] {
            let parsed: Normalization = text.parse().expect(text);
            assert_eq!(parsed.to_string(), text);
        }
        assert_eq!("".parse::<Normalization>(), Ok(Normalization::default()));
    }

    #[test]
    fn bad_text_is_refused() {
        assert!("tanh".parse::<Normalization>().is_err());
        assert!("scale=0".parse::<Normalization>().is_err());
        assert!("mean=a".parse::<Normalization>().is_err());
        assert!("std=1,nan".parse::<Normalization>().is_err());
    }

    #[test]
    fn channels_first_and_last_use_their_own_axis() {
        let n = Normalization::new(1.0, vec![1.0, 2.0], vec![1.0]).unwrap();
        let nchw = InputSpec { name: "x".into(), shape: vec![1, 2, 1, 2], channel_axis: Some(1) };
        let nhwc = InputSpec { name: "x".into(), shape: vec![1, 1, 2, 2], channel_axis: Some(3) };
        let mut a = [10.0, 20.0, 30.0, 40.0];
        n.apply(&nchw, &mut a);
        assert_eq!(a, [9.0, 19.0, 28.0, 38.0]);
        let mut b = [10.0, 20.0, 30.0, 40.0];
        n.apply(&nhwc, &mut b);
        assert_eq!(b, [9.0, 18.0, 29.0, 38.0]);
    }

    #[test]
    fn unit_of_a_pixel_is_the_nearest_float_to_the_quotient() {
        let n: Normalization = "unit".parse().unwrap();
        let spec = InputSpec { name: "x".into(), shape: vec![1, 256], channel_axis: None };
        let mut values: Vec<f32> = (0..=255u8).map(f32::from).collect();
        n.apply(&spec, &mut values);
        assert!(values.iter().enumerate().all(|(i, &v)| v == (i as f64 / 255.0) as f32));
    }
}
