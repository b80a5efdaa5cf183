//! Class labels: numbers that count from 0, or names that the model knows.

use super::npy::{self, Window};
use super::{DataError, csv, idx};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// All labels of a file of its own; `samples` must be as many.
pub(crate) fn read(path: &Path, samples: usize, class_names: &[String]) -> Result<Vec<usize>, DataError> {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    let labels = if extension == "npy" {
        let file = File::open(path).map_err(|source| DataError::Read { path: path.into(), source })?;
        of_rows(path, npy::read(BufReader::new(file), path, Window::default(), |_, _| Ok(()))?.rows)?
    } else if extension == "csv" || extension == "txt" {
        let csv::Fields { header, records } = csv::fields(path)?;
        let last = |r: &::csv::StringRecord| r.iter().next_back().unwrap_or_default().to_string();
        let mut fields: Vec<String> = records.iter().map(|(_, r)| last(r)).collect();
        // A lone column under a heading: the heading is neither a number nor a class.
        let heading = |f: &String| f.parse::<f64>().is_err() && !class_names.contains(f);
        if header.is_none() && fields.len() == samples + 1 && fields.first().is_some_and(heading) {
            fields.remove(0);
        }
        parse(path, &fields, class_names)?
    } else if idx::is_name(path) {
        of_rows(path, idx::read(path, Window::default(), |_, _| Ok(()))?.rows)?
    } else {
        return Err(DataError::Unknown { path: path.into(), found: "labels are .npy, .csv, .txt or IDX".into() });
    };
    if labels.len() != samples {
        return Err(DataError::LabelCount { path: path.into(), labels: labels.len(), samples });
    }
    Ok(labels)
}

/// Labels out of array rows: one number each.
pub(crate) fn of_rows(path: &Path, rows: Vec<Vec<f32>>) -> Result<Vec<usize>, DataError> {
    let one = |(index, row): (usize, Vec<f32>)| match row.as_slice() {
        [v] => whole(f64::from(*v)).ok_or_else(|| bad(path, index, &v.to_string())),
        more => {
            let problem = format!("labels must be one number each, these are {} numbers", more.len());
            Err(DataError::Format { path: path.into(), problem })
        }
    };
    rows.into_iter().enumerate().map(one).collect()
}

/// Labels out of text: whole numbers, or names of classes.
pub(crate) fn parse(path: &Path, fields: &[String], class_names: &[String]) -> Result<Vec<usize>, DataError> {
    let one = |(index, field): (usize, &String)| {
        let by_name = || class_names.iter().position(|c| c == field);
        let by_number = || field.parse::<f64>().ok().and_then(whole);
        by_name().or_else(by_number).ok_or_else(|| bad(path, index, field))
    };
    fields.iter().enumerate().map(one).collect()
}

fn whole(v: f64) -> Option<usize> {
    (v >= 0.0 && v < f64::from(u32::MAX) && v.fract() == 0.0).then_some(v as usize)
}

fn bad(path: &Path, index: usize, label: &str) -> DataError {
    DataError::Label { path: path.into(), index, label: label.into() }
}
