//! The options that say how data become a model's inputs; shared by all verbs that read data.

use super::{Hinted, Progress};
use crate::data::{DataLayout, LabelColumn, LoadOptions, Normalization};
use anyhow::Context;
use std::path::PathBuf;

/// Options for reading data.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Data")]
pub(super) struct DataArgs {
    /// Labels in a file of their own: .npy, .csv or IDX, one number or class name per sample.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Which column of a CSV file is the label [default: the last, if there is one column more than the model takes].
    #[arg(long, value_name = "COLUMN", value_enum)]
    label_column: Option<LabelColumnArg>,
    /// What the network was trained to see: none, unit (x / 255), signed (x / 127.5 - 1), imagenet, mnist, or
    /// scale=S;mean=A,B,C;std=D,E,F [default: as recorded in the model file, else none].
    #[arg(long, value_name = "NAME", value_parser = parse_normalization, conflicts_with_all = ["scale", "mean", "std"])]
    normalize: Option<Normalization>,
    /// Values become (x * SCALE - MEAN) / STD.
    #[arg(long, value_name = "SCALE", value_parser = parse_number)]
    scale: Option<f64>,
    /// One value, or one per channel separated by commas.
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', allow_negative_numbers = true)]
    mean: Vec<f64>,
    /// One value, or one per channel separated by commas.
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    std: Vec<f64>,
    /// Integers in the file are quantized: x becomes SCALE * (x - ZERO_POINT), before anything else.
    #[arg(long, value_name = "SCALE,ZERO_POINT", value_parser = parse_dequantize, allow_hyphen_values = true)]
    dequantize: Option<(f32, i32)>,
    /// Order of the axes in arrays, if it is not that of the network.
    #[arg(long, value_name = "LAYOUT", value_enum, default_value = "source")]
    data_layout: DataLayoutArg,
    /// Scale pictures to the network's size.
    #[arg(long)]
    resize: bool,
    /// Leave out the first N samples.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub skip: usize,
    /// Take at most N samples.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum LabelColumnArg {
    First,
    Last,
    None,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum DataLayoutArg {
    /// As the network declares its inputs
    #[default]
    Source,
    /// Rows, columns, channels
    Nhwc,
    /// Channels, rows, columns
    Nchw,
}

fn parse_normalization(text: &str) -> Result<Normalization, String> {
    text.parse().map_err(|e: crate::data::NormalizationError| e.to_string())
}

/// `0.0039` or `1/255`.
fn parse_number(text: &str) -> Result<f64, String> {
    let number = |s: &str| s.trim().parse::<f64>().map_err(|_| format!("`{s}` is not a number"));
    match text.split_once('/') {
        Some((a, b)) => Ok(number(a)? / number(b)?),
        None => number(text),
    }
}

fn parse_dequantize(text: &str) -> Result<(f32, i32), String> {
    let wrong = || format!("`{text}` is not SCALE,ZERO_POINT, as in 0.5847,83");
    let (scale, zero_point) = text.split_once(',').ok_or_else(wrong)?;
    let scale: f32 = scale.trim().parse().map_err(|_| wrong())?;
    let zero_point = zero_point.trim().parse().map_err(|_| wrong())?;
    if scale.is_finite() && scale > 0.0 { Ok((scale, zero_point)) } else { Err(wrong()) }
}

impl DataArgs {
    /// What the options say, if they say anything about normalization.
    fn given_normalization(&self) -> anyhow::Result<Option<Normalization>> {
        if let Some(n) = &self.normalize {
            return Ok(Some(n.clone()));
        }
        if self.scale.is_none() && self.mean.is_empty() && self.std.is_empty() {
            return Ok(None);
        }
        let or = |v: &[f64], default: f64| if v.is_empty() { vec![default] } else { v.to_vec() };
        Ok(Some(Normalization::new(self.scale.unwrap_or(1.0), or(&self.mean, 0.0), or(&self.std, 1.0))?))
    }

    /// The options for a network that comes without a record of its normalization.
    pub fn options(&self, class_names: &[String]) -> anyhow::Result<LoadOptions> {
        Ok(LoadOptions {
            normalization: self.given_normalization()?.unwrap_or_default(),
            dequantize: self.dequantize,
            layout: match self.data_layout {
                DataLayoutArg::Source => DataLayout::Source,
                DataLayoutArg::Nhwc => DataLayout::Nhwc,
                DataLayoutArg::Nchw => DataLayout::Nchw,
            },
            resize: self.resize,
            labels: self.labels.clone(),
            label_column: self.label_column.map(|c| match c {
                LabelColumnArg::First => LabelColumn::First,
                LabelColumnArg::Last => LabelColumn::Last,
                LabelColumnArg::None => LabelColumn::None,
            }),
            skip: self.skip,
            limit: self.limit,
            class_names: class_names.to_vec(),
        })
    }

    /// The options for a model file that records how it was calibrated.
    pub fn options_with_record(
        &self,
        recorded: &str,
        class_names: &[String],
        progress: &Progress,
    ) -> anyhow::Result<LoadOptions> {
        let mut options = self.options(class_names)?;
        if self.given_normalization()?.is_none() {
            options.normalization = recorded.parse().with_context(|| {
                Hinted::new("the model file's record of its normalization cannot be read", "give --normalize")
            })?;
            if !options.normalization.is_none() {
                progress.note(format!(
                    "inputs are normalised with `{recorded}` as at conversion; --normalize none turns it off"
                ));
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_and_quantization_parse() {
        assert_eq!(parse_number("1/4"), Ok(0.25));
        assert_eq!(parse_number("0.5"), Ok(0.5));
        assert!(parse_number("x").is_err());
        assert_eq!(parse_dequantize("0.5,-128"), Ok((0.5, -128)));
        assert!(parse_dequantize("0,1").is_err());
        assert!(parse_dequantize("1").is_err());
    }

    #[test]
    fn scale_mean_and_std_make_a_normalization() {
        let args = DataArgs { scale: Some(0.5), mean: vec![1.0, 2.0], ..DataArgs::default() };
        assert_eq!(args.options(&[]).unwrap().normalization.to_string(), "scale=0.5;mean=1,2;std=1");
        assert!(DataArgs::default().options(&[]).unwrap().normalization.is_none());
        assert!(DataArgs { std: vec![0.0], ..DataArgs::default() }.options(&[]).is_err());
    }
}
