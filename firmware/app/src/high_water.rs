//! How much of the arena is really written.

/// Two patterns: a byte that happens to be written with one of them differs from the other.
pub const PATTERNS: [u8; 2] = [0x55, 0xaa];

/// One past the last byte of `memory` that is not `pattern`.
pub fn written(memory: &[u8], pattern: u8) -> usize {
    memory.iter().rposition(|&byte| byte != pattern).map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untouched_memory_has_no_high_water() {
        assert_eq!(written(&[0x55; 100], 0x55), 0);
    }

    #[test]
    fn a_last_byte_equal_to_one_pattern_shows_with_the_other() {
        let high_water = PATTERNS.map(|pattern| {
            let mut memory = [pattern; 100];
            memory[..=40].fill(0x55);
            written(&memory, pattern)
        });
        assert_eq!(high_water, [0, 41]);
    }
}
