//! `--compress` and `--palette`: how few bytes weights take in the file.

use crate::plan::Compression;

/// The options.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
#[command(next_help_heading = "Compression")]
pub(super) struct CompressArgs {
    /// How weights are stored: `none` as the kernels read them; `smallest` packs every layer that gets smaller by it, without
    /// loss, in four bits, indices into a palette, or a Huffman code, and the device unpacks some channels at a time
    /// [default: none; smallest with --palette].
    #[arg(long, value_name = "FORM", value_enum, hide_possible_values = true)]
    compress: Option<Form>,
    /// Give the weights of each layer at most N values, 2 to 256, chosen so that they are as near to the trained ones as
    /// possible. Costs accuracy, which --eval measures; 16 is a good start. Not for depthwise layers.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=256))]
    palette: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    None,
    Smallest,
}

impl CompressArgs {
    pub fn compression(&self) -> Compression {
        match (self.compress, self.palette) {
            (Some(Form::Smallest), _) | (None, Some(_)) => Compression::Smallest,
            (Some(Form::None), _) | (None, None) => Compression::None,
        }
    }

    /// Values that the weights of a layer may have.
    pub fn palette(&self) -> Option<u16> {
        self.palette
    }

    /// The options as the file records them; empty if none were given.
    pub fn recorded(&self) -> String {
        let compress = self.compress.map(|form| match form {
            Form::None => "--compress none".into(),
            Form::Smallest => "--compress smallest".into(),
        });
        let palette = self.palette.map(|n| format!("--palette {n}"));
        [compress, palette].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_palette_is_stored_as_one() {
        let args = |compress, palette| CompressArgs { compress, palette };
        assert_eq!(CompressArgs::default().compression(), Compression::None);
        assert_eq!(args(None, Some(16)).compression(), Compression::Smallest);
        assert_eq!(args(Some(Form::None), Some(16)).compression(), Compression::None);
        assert_eq!(args(Some(Form::Smallest), None).compression(), Compression::Smallest);
        assert_eq!(args(Some(Form::Smallest), Some(16)).recorded(), "--compress smallest --palette 16");
        assert_eq!(CompressArgs::default().recorded(), "");
    }
}
