//! Tables and numbers for people.

use comfy_table::{Cell, CellAlignment, TableStyle};
use comfy_table::{ContentLineStyle, LineStyle};

/// Lines above and below the rows and under the heading, none between columns.
const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none().junction(' '))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .content_lines(ContentLineStyle::none().junction(' '));

/// A table; columns whose heading starts with `>` are aligned to the right.
#[derive(Debug)]
pub struct Table {
    table: comfy_table::Table,
    right: Vec<bool>,
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(STYLE);
        let right: Vec<bool> = headings.iter().map(|h| h.starts_with('>')).collect();
        let heading = |h: &&str| cell(h.strip_prefix('>').unwrap_or(h), h.starts_with('>'));
        table.set_header(headings.iter().map(heading));
        Self { table, right }
    }

    /// Adds a line.
    pub fn row<S: AsRef<str>>(&mut self, cells: &[S]) -> &mut Self {
        let right = self.right.iter().copied().chain(std::iter::repeat(false));
        self.table.add_row(cells.iter().zip(right).map(|(text, right)| cell(text.as_ref(), right)));
        self
    }
}

fn cell(text: &str, right: bool) -> Cell {
    Cell::new(text).set_alignment(if right { CellAlignment::Right } else { CellAlignment::Left })
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<String> = self.table.lines().map(|l| l.trim_end().to_string()).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// Lines of `name  value`, the names padded to the same width.
pub(crate) fn facts(lines: &[(&str, String)]) -> String {
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    lines.iter().map(|(name, value)| format!(" {name:<width$}  {value}")).collect::<Vec<_>>().join("\n")
}

/// `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes with a unit: `812 B`, `12.3 KiB`, `1.2 MiB`.
pub fn kib(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
    }
}

/// `98.83 %`, from a share between 0 and 1.
pub fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// `[1, 28, 28]` as `1x28x28`.
pub(crate) fn sizes<T: ToString>(shape: &[T]) -> String {
    if shape.is_empty() { "scalar".into() } else { shape.iter().map(T::to_string).collect::<Vec<_>>().join("x") }
}

/// A small or large real number in at most eight characters or so.
pub(crate) fn real(v: f64) -> String {
    if v == 0.0 || !v.is_finite() {
        v.to_string()
    } else if (1e-3..1e5).contains(&v.abs()) {
        let digits = (4 - v.abs().log10().floor() as i32).clamp(0, 7) as usize;
        format!("{v:.digits$}")
    } else {
        format!("{v:.3e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators_and_units() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1000), "1,000");
        assert_eq!(count(12_501_632), "12,501,632");
        assert_eq!(kib(1023), "1023 B");
        assert_eq!(kib(1536), "1.5 KiB");
        assert_eq!(kib(3 << 20), "3.0 MiB");
        assert_eq!(percent(0.98834), "98.83 %");
        assert_eq!(real(0.0235), "0.023500");
        assert_eq!(real(-15.68215), "-15.682");
        assert_eq!(real(1e-9), "1.000e-9");
    }

    #[test]
    fn numbers_stand_right_and_lines_have_no_trailing_blanks() {
        let mut table = Table::new(&["op", ">MACs"]);
        table.row(&["conv2d", "1"]).row(&["add", "1,000"]);
        let text = table.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[2].ends_with("    1"), "{text}");
        assert!(lines.iter().all(|l| *l == l.trim_end()), "{text}");
    }
}
