//! Tables: one sample per line, its values in the source order, and maybe a column with the label.

use super::npy::{Window, check_size};
use super::{DataError, InputSpec, labels};
use std::path::Path;

/// Which column holds the label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelColumn {
    /// The leftmost.
    First,
    /// The rightmost.
    Last,
    /// No column does.
    None,
}

/// What a table holds.
#[derive(Debug)]
pub(crate) struct Table {
    pub rows: Vec<Vec<f32>>,
    pub total: usize,
    pub labels: Option<Vec<usize>>,
}

fn bad(path: &Path, problem: String) -> DataError {
    DataError::Format { path: path.into(), problem }
}

/// All fields of a file.
pub(crate) struct Fields {
    /// A first line without numbers.
    pub header: Option<Vec<String>>,
    /// The other lines, each with its number.
    pub records: Vec<(u64, csv::StringRecord)>,
}

/// Reads all fields of a file.
pub(crate) fn fields(path: &Path) -> Result<Fields, DataError> {
    let read_error = |source| DataError::Read { path: path.into(), source };
    let bytes = std::fs::metadata(path).map_err(read_error)?.len();
    check_size(path, usize::try_from(bytes).unwrap_or(usize::MAX) / 4, 1)?;
    let text = std::fs::read(path).map_err(read_error)?;
    let first = text.split(|&b| b == b'\n').next().unwrap_or_default();
    let delimiter =
        [b',', b';', b'\t'].into_iter().max_by_key(|d| (first.iter().filter(|b| *b == d).count(), *d == b','));
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or(b','))
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text));
    let mut records = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| bad(path, e.to_string()))?;
        records.push((record.position().map_or(0, csv::Position::line), record));
    }
    let is_header = |r: &csv::StringRecord| r.iter().all(|f| f.parse::<f64>().is_err());
    let header = records.first().filter(|(_, r)| r.len() > 1 && is_header(r));
    let header = header.map(|(_, r)| r.iter().map(str::to_string).collect());
    if header.is_some() {
        records.remove(0);
    }
    Ok(Fields { header, records })
}

/// Reads the table that feeds `input`.
pub(crate) fn read(
    path: &Path,
    input: &InputSpec,
    column: Option<LabelColumn>,
    class_names: &[String],
    window: Window,
) -> Result<Table, DataError> {
    let Fields { header, records } = fields(path)?;
    let expected = input.elements();
    let total = records.len();
    let range = window.range(path, total)?;
    check_size(path, range.len(), expected)?;
    let column = column.unwrap_or_else(|| guess(header.as_deref(), records.first().map_or(0, |r| r.1.len()), expected));
    let mut rows = Vec::new();
    let mut label_fields = Vec::new();
    for (line, record) in records.iter().skip(range.start).take(range.len()) {
        let fields: Vec<&str> = record.iter().collect();
        let (label, values) = match column {
            LabelColumn::None => (None, fields.as_slice()),
            LabelColumn::First => fields.split_first().map_or((None, &[][..]), |(l, v)| (Some(*l), v)),
            LabelColumn::Last => fields.split_last().map_or((None, &[][..]), |(l, v)| (Some(*l), v)),
        };
        if values.len() != expected {
            let (path, input) = (path.into(), input.name.clone());
            return Err(DataError::Columns { path, line: *line, input, expected, got: values.len() });
        }
        let number = |f: &&str| f.parse::<f32>().map_err(|_| bad(path, format!("line {line}: `{f}` is not a number")));
        rows.push(values.iter().map(number).collect::<Result<Vec<f32>, _>>()?);
        label_fields.extend(label.map(str::to_string));
    }
    let labels = match column {
        LabelColumn::None => None,
        _ => Some(labels::parse(path, &label_fields, class_names)?),
    };
    Ok(Table { rows, total, labels })
}

/// One column more than the model takes is the label: where the header says so, else the last.
fn guess(header: Option<&[String]>, columns: usize, expected: usize) -> LabelColumn {
    let is_label = |name: &String| matches!(name.to_lowercase().as_str(), "label" | "class" | "target" | "y");
    if columns != expected + 1 {
        LabelColumn::None
    } else if header.and_then(<[String]>::first).is_some_and(is_label) {
        LabelColumn::First
    } else {
        LabelColumn::Last
    }
}
