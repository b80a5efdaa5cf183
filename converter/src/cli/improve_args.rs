//! `--equalize`, `--adaround` and `--int16-below`: what is done about the error of quantization.

use crate::auto::Improve;

/// The options.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
#[command(next_help_heading = "Accuracy")]
pub(super) struct ImproveArgs {
    /// Give channels like ranges first, by rescaling the weights of the layers before and after them (cross-layer
    /// equalization). The network computes the same; small channels lose less.
    #[arg(long)]
    equalize: bool,
    /// Round the weights of the K layers that lose most by it up or down so that their outputs change least (the objective
    /// of AdaRound), not to nearest [default: 0, or 8 with --auto].
    #[arg(long, value_name = "K")]
    pub adaround: Option<usize>,
    /// Compute on int16 around layers whose signal-to-noise ratio is below DB decibel on calibration samples, those that gain
    /// most first. With --auto, the floor below which layers may get int16 or float [default: none, or 30 with --auto].
    #[arg(long, value_name = "DB", value_parser = parse_decibel)]
    pub int16_below: Option<f64>,
}

fn parse_decibel(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|db| db.is_finite() && *db > 0.0);
    number.ok_or_else(|| format!("`{text}` is not a positive number of decibel, such as 20"))
}

impl ImproveArgs {
    pub fn options(self) -> Improve {
        Improve { equalize: self.equalize, adaround: self.adaround.unwrap_or(0), int16_below: self.int16_below }
    }

    /// What the options ask for, as a user wrote them; `None` if for nothing.
    pub fn asked(self) -> Option<&'static str> {
        match self {
            Self { equalize: true, .. } => Some("--equalize"),
            Self { adaround: Some(1..), .. } => Some("--adaround"),
            Self { int16_below: Some(_), .. } => Some("--int16-below"),
            _ => None,
        }
    }

    pub fn equalize(self) -> bool {
        self.equalize
    }
}
