//! Names with wildcards, and the nearest of several names.

/// True if `name` is `pattern`, where `*` stands for any text. Remembers the last `*` only, which is enough and takes no
/// exponential time.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match &mut star {
                Some((at, from)) => {
                    *from += 1;
                    (p, n) = (*at + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// The one of `names` that is spelled most like `name`, if one is near enough to be a slip.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let best = names.into_iter().map(|n| (distance(name, n), n)).min_by_key(|(d, _)| *d)?;
    (best.0 <= name.chars().count().max(best.1.chars().count()) / 2).then_some(best.1)
}

/// Letters to insert, drop or change.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, name, expected) in [
            ("conv1.*", "conv1.weight", true),
            ("conv1.*", "conv10.weight", false),
            ("*.bias", "dense.bias", true),
            ("*", "", true),
            ("a*b*c", "aXbbYc", true),
            ("a*b*c", "aXYc", false),
            ("dense", "dense.bias", false),
            ("", "a", false),
            ("a**", "a", true),
            ("*b*", "abc", true),
            ("*b", "abc", false),
            ("b*", "abc", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        assert!(!fits(&"*a".repeat(40), &"a".repeat(39)));
        assert!(!fits(&format!("{}b", "*a".repeat(40)), &"a".repeat(4000)));
        assert!(fits(&"*a".repeat(40), &"a".repeat(4000)));
    }

    #[test]
    fn slips_find_their_word() {
        let keys = ["epochs", "batch", "optimizer", "learning"];
        assert_eq!(nearest("epoch", keys), Some("epochs"));
        assert_eq!(nearest("optimiser", keys), Some("optimizer"));
        assert_eq!(nearest("zzzzzz", keys), None);
    }
}
