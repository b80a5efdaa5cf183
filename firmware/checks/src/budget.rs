//! Sizes that may not grow unnoticed: lines of a name and a number of bytes.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Growth beyond this needs a decision: the new number in the file.
const ALLOWED_GROWTH_PERCENT: u64 = 3;

/// The checked-in sizes, and what was measured against them.
pub struct Budgets {
    path: PathBuf,
    header: String,
    bytes: BTreeMap<String, u64>,
    measured: BTreeMap<String, u64>,
}

impl Budgets {
    /// Reads the file; lines that start with `#` are for people.
    pub fn read(path: PathBuf) -> Result<Self, String> {
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(path, &text)
    }

    fn parse(path: PathBuf, text: &str) -> Result<Self, String> {
        let header: String = text.lines().filter(|l| l.starts_with('#')).map(|l| format!("{l}\n")).collect();
        let entry = |line: &str| {
            let (name, bytes) = line.split_once(' ')?;
            Some((name.to_owned(), bytes.trim().parse().ok()?))
        };
        let lines = text.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty());
        let bytes = lines.map(|l| entry(l).ok_or_else(|| format!("{}: cannot read `{l}`", path.display())));
        Ok(Self { header, bytes: bytes.collect::<Result<_, _>>()?, measured: BTreeMap::new(), path })
    }

    /// Notes what something is now.
    pub fn measured(&mut self, name: &str, bytes: u64) {
        self.measured.insert(name.to_owned(), bytes);
    }

    /// What grew too much or is not in the file. With `accept` the file gets the new numbers
    /// instead.
    pub fn verdict(&self, accept: bool) -> Result<(), String> {
        if accept {
            let lines: String = self.measured.iter().map(|(name, bytes)| format!("{name} {bytes}\n")).collect();
            return std::fs::write(&self.path, format!("{}{lines}", self.header)).map_err(|e| e.to_string());
        }
        let wrong: Vec<String> = self.measured.iter().filter_map(|(name, &now)| self.complaint(name, now)).collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
    }

    fn complaint(&self, name: &str, now: u64) -> Option<String> {
        let Some(&budget) = self.bytes.get(name) else { return Some(format!("{name}: {now} bytes, no budget yet")) };
        let limit = budget + budget * ALLOWED_GROWTH_PERCENT / 100;
        (now > limit).then(|| format!("{name}: {now} bytes, more than {ALLOWED_GROWTH_PERCENT} % above {budget}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(now: u64) -> Result<(), String> {
        let mut budgets = Budgets::parse(PathBuf::new(), "# bytes\nimage 1000\n").unwrap();
        budgets.measured("image", now);
        budgets.verdict(false)
    }

    #[test]
    fn three_percent_pass_and_more_does_not() {
        assert_eq!(verdict(1030), Ok(()));
        assert!(verdict(1031).unwrap_err().contains("1031"));
    }

    #[test]
    fn something_new_needs_a_number() {
        let mut budgets = Budgets::parse(PathBuf::new(), "").unwrap();
        budgets.measured("image", 5);
        assert!(budgets.verdict(false).is_err());
    }
}
