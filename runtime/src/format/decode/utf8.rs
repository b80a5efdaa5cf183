//! Is it UTF-8? Smaller than `core::str::from_utf8`, which is made for speed and tells where the error is.

/// True if `bytes` are valid UTF-8.
pub(super) fn is_utf8(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        // Names are mostly ASCII: four bytes at a time.
        while let Some((&four, tail)) = rest.split_first_chunk()
            && u32::from_le_bytes(four) & 0x8080_8080 == 0
        {
            rest = tail;
        }
        let Some((&lead, mut tail)) = rest.split_first() else { return true };
        if lead >= 0x80 {
            // How many bytes follow, and the range of the first of them; all others are 0x80..=0xbf.
            let (mut more, mut low, mut high) = match lead {
                0xc2..=0xdf => (1, 0x80, 0xbf),
                0xe0 => (2, 0xa0, 0xbf),
                0xed => (2, 0x80, 0x9f),
                0xe1..=0xef => (2, 0x80, 0xbf),
                0xf0 => (3, 0x90, 0xbf),
                0xf4 => (3, 0x80, 0x8f),
                0xf1..=0xf3 => (3, 0x80, 0xbf),
                _ => return false,
            };
            while more > 0 {
                match tail.split_first() {
                    Some((&byte, after)) if (low..=high).contains(&byte) => tail = after,
                    _ => return false,
                }
                (low, high) = (0x80, 0xbf);
                more -= 1;
            }
        }
        rest = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::is_utf8;

    fn same(bytes: &[u8]) {
        assert_eq!(is_utf8(bytes), core::str::from_utf8(bytes).is_ok(), "{bytes:x?}");
    }

    #[test]
    fn same_verdict_as_the_standard_library() {
        let edges = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec];
        let edges = edges.into_iter().chain([0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff]);
        // Miri takes a thousand times as long.
        let edges = edges.step_by(if cfg!(miri) { 6 } else { 1 });
        same(&[]);
        for a in edges.clone() {
            same(&[a]);
            for b in edges.clone() {
                same(&[a, b]);
                for c in [0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xe2] {
                    same(&[a, b, c]);
                    for d in [0x00, 0x7f, 0x80, 0xbf, 0xc0] {
                        same(&[a, b, c, d]);
                    }
                }
            }
        }
        same("größer ≥ 日本 🙂".as_bytes());
    }
}
