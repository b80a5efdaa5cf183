//! Folders of pictures: values 0..255, grey or RGB as the model has 1 or 3 channels, in the model's own axis order.

use super::npy::{Window, check_size};
use super::{DataError, InputSpec};
use image::imageops::FilterType;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Pictures and what their folder says about them.
#[derive(Debug)]
pub(crate) struct Pictures {
    pub rows: Vec<Vec<f32>>,
    pub names: Vec<String>,
    pub labels: Option<Vec<usize>>,
    pub class_names: Vec<String>,
    pub total: usize,
}

/// True for the file types that are read.
pub(crate) fn is_picture(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    matches!(extension.as_str(), "png" | "jpg" | "jpeg")
}

/// Entries of a folder that are not hidden, sorted by name: folders and files.
pub(crate) fn entries(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), DataError> {
    let read_error = |source| DataError::Read { path: folder.into(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read_error)? {
        let path = entry.map_err(read_error)?.path();
        if !path.file_name().unwrap_or_default().to_string_lossy().starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths.into_iter().partition(|p| p.is_dir()))
}

/// The pictures of a folder with their classes: one of each class in turn, so that a part of the set is fair.
struct Listing {
    files: Vec<(PathBuf, Option<usize>)>,
    class_names: Vec<String>,
}

fn list(folder: &Path, model_classes: &[String]) -> Result<Listing, DataError> {
    let (folders, files) = entries(folder)?;
    let flat: Vec<PathBuf> = files.into_iter().filter(|p| is_picture(p)).collect();
    if !flat.is_empty() {
        return Ok(Listing { files: flat.into_iter().map(|p| (p, None)).collect(), class_names: Vec::new() });
    }
    let mut classes = Vec::new();
    for class in &folders {
        let pictures: Vec<PathBuf> = entries(class)?.1.into_iter().filter(|p| is_picture(p)).collect();
        classes.push((class.file_name().unwrap_or_default().to_string_lossy().into_owned(), pictures));
    }
    let names: Vec<String> = classes.iter().map(|(name, _)| name.clone()).collect();
    // The model's own names decide where they cover all folders; else the folders count in sorted order.
    let in_model: Option<Vec<usize>> = names.iter().map(|n| model_classes.iter().position(|m| m == n)).collect();
    let label = |class: usize| in_model.as_ref().and_then(|m| m.get(class).copied()).unwrap_or(class);
    let longest = classes.iter().map(|(_, p)| p.len()).max().unwrap_or(0);
    let turn = |i: usize| classes.iter().enumerate().filter_map(move |(c, (_, p))| Some((p.get(i)?, c)));
    let files = (0..longest).flat_map(turn).map(|(p, c)| (p.clone(), Some(label(c)))).collect();
    Ok(Listing { files, class_names: if in_model.is_some() { model_classes.to_vec() } else { names } })
}

/// Reads the pictures that feed `input`.
pub(crate) fn read(
    folder: &Path,
    input: &InputSpec,
    resize: bool,
    model_classes: &[String],
    window: Window,
) -> Result<Pictures, DataError> {
    let Listing { files, class_names } = list(folder, model_classes)?;
    let total = files.len();
    let range = window.range(folder, total)?;
    input.picture()?;
    check_size(folder, range.len(), input.elements())?;
    let files: Vec<_> = files.into_iter().skip(range.start).take(range.len()).collect();
    let rows = files.par_iter().map(|(path, _)| decode(path, input, resize)).collect::<Result<_, _>>()?;
    let relative = |p: &Path| p.strip_prefix(folder).unwrap_or(p).display().to_string();
    Ok(Pictures {
        rows,
        names: files.iter().map(|(p, _)| relative(p)).collect(),
        labels: files.iter().map(|(_, label)| *label).collect(),
        class_names,
        total,
    })
}

fn decode(path: &Path, input: &InputSpec, resize: bool) -> Result<Vec<f32>, DataError> {
    let (height, width, channels) = input.picture()?;
    let reader = image::ImageReader::open(path)
        .and_then(image::ImageReader::with_guessed_format)
        .map_err(|source| DataError::Read { path: path.into(), source })?;
    let mut picture =
        reader.decode().map_err(|e| DataError::Format { path: path.into(), problem: format!("not a picture: {e}") })?;
    let (got_w, got_h) = (picture.width() as usize, picture.height() as usize);
    if (got_w, got_h) != (width, height) {
        let (Ok(w), Ok(h), true) = (u32::try_from(width), u32::try_from(height), resize) else {
            let (path, input) = (path.into(), input.name.clone());
            return Err(DataError::ImageSize { path, input, width, height, got_w, got_h });
        };
        picture = picture.resize_exact(w, h, FilterType::Triangle);
    }
    let pixels = if channels == 1 { picture.to_luma8().into_raw() } else { picture.to_rgb8().into_raw() };
    if !input.is_nchw() {
        return Ok(pixels.into_iter().map(f32::from).collect());
    }
    let plane = |c: usize| pixels.iter().skip(c).step_by(channels).map(|&p| f32::from(p));
    Ok((0..channels).flat_map(plane).collect())
}
