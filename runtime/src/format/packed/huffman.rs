//! Lengths of Huffman codes with a limit.

use std::vec::Vec;

/// Code lengths, 1 to `limit`, that take the fewest bits for symbols of these frequencies. `None` for fewer than two symbols
/// or more than `2^limit`.
///
/// Coins of the values `1/2`, `1/4`, … `2^-limit`, one of each value for each symbol, are bought as cheaply as possible (a
/// symbol's coin costs its frequency); as many as a symbol has, so long is its code. Package-merge: L. L. Larmore, D. S.
/// Hirschberg, "A fast algorithm for optimal length-limited Huffman codes", 1990.
pub fn lengths(frequencies: &[u64], limit: u32) -> Option<Vec<u32>> {
    let symbols = frequencies.len();
    if symbols < 2 || symbols > 1usize.checked_shl(limit)? {
        return None;
    }
    let coins = || frequencies.iter().enumerate().map(|(symbol, &cost)| (cost, std::vec![symbol]));
    let mut packages: Vec<(u64, Vec<usize>)> = Vec::new();
    for _ in 0..limit {
        // Two coins of this value are as much as one of the next.
        let pairs = packages.chunks_exact(2).map(|pair| (pair[0].0 + pair[1].0, [&pair[0].1[..], &pair[1].1].concat()));
        let mut next: Vec<_> = coins().chain(pairs).collect();
        // Stable, so that the same frequencies give the same lengths.
        next.sort_by_key(|&(cost, _)| cost);
        packages = next;
    }
    let mut lengths = std::vec![0; symbols];
    for (_, bought) in packages.iter().take(2 * symbols - 2) {
        bought.iter().for_each(|&symbol| lengths[symbol] += 1);
    }
    Some(lengths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_follow_frequencies_up_to_the_limit() {
        assert_eq!(lengths(&[1, 1, 2, 4], 12), Some([3, 3, 2, 1].into()));
        assert_eq!(lengths(&[1, 1, 2, 4], 2), Some([2, 2, 2, 2].into()));
        assert_eq!(lengths(&[0, 9], 12), Some([1, 1].into()));
        assert_eq!((lengths(&[3], 12), lengths(&[1; 5], 2)), (None, None));
    }

    /// Fibonacci's numbers make the longest codes.
    #[test]
    fn codes_are_complete_whatever_the_limit() {
        let mut frequencies = std::vec![1u64, 1];
        (2..40).for_each(|i| frequencies.push(frequencies[i - 1] + frequencies[i - 2]));
        for limit in 6..16 {
            let lengths = lengths(&frequencies, limit).unwrap();
            assert!(lengths.iter().all(|length| (1..=limit).contains(length)));
            assert_eq!(lengths.iter().map(|length| 1 << (limit - length)).sum::<u64>(), 1 << limit);
        }
        assert_eq!(lengths(&frequencies, 39).unwrap()[..3], [39, 39, 38]);
    }
}
