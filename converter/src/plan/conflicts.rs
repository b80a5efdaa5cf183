//! Which groups must not lie where, seen from one another; placing groups in a given order.

use super::overlap::{Overlaps, hand_over};
use super::sharing::{Group, Member};

/// Groups start at multiples of this, which suits float32 and word-wise int8 kernels.
pub const ALIGN: i64 = 4;

/// A placement of all groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// First byte of each group.
    pub bases: Vec<i64>,
    /// One past the highest byte of any member.
    pub end: i64,
}

/// Bytes from the start of a group to the end of its highest member.
pub fn size(group: &Group) -> i64 {
    group.members.iter().map(|m| m.start + m.bytes).max().unwrap_or(0)
}

/// Distances `base[j] - base[i]` of two groups at which live members overlap as they must not.
#[derive(Clone, Copy, Debug)]
struct Forbidden {
    /// Members overlap in the open interval from here …
    low: i64,
    /// … to here.
    high: i64,
    /// They may at distances up to this, …
    up_to: i64,
    /// … and from this on, …
    from: i64,
    /// … if these are multiples of `step` …
    step: i64,
    /// … seen from here.
    origin: i64,
}

impl Forbidden {
    /// Members that both hold something.
    fn always(a: &Member, b: &Member) -> Self {
        let (low, high) = (a.start - b.start - b.bytes, a.start + a.bytes - b.start);
        Self { low, high, up_to: i64::MIN, from: i64::MAX, step: 1, origin: 0 }
    }

    fn between(a: &Member, b: &Member, overlaps: &Overlaps) -> Self {
        let forbidden = Self::always(a, b);
        // Distance of the groups at which `a` and `b` start together.
        let origin = a.start - b.start;
        if let Some(overlap) = overlaps.get(&(a.value, b.value)).filter(|_| hand_over(a.life, b.life)) {
            let d = overlap.distances;
            Self { up_to: origin - d.below, from: origin + d.above, step: d.step, origin, ..forbidden }
        } else if let Some(overlap) = overlaps.get(&(b.value, a.value)).filter(|_| hand_over(b.life, a.life)) {
            let d = overlap.distances;
            Self { up_to: origin - d.above, from: origin + d.below, step: d.step, origin, ..forbidden }
        } else {
            forbidden
        }
    }

    /// The smallest distance from `distance` on that is allowed, as far as these two members go.
    fn next_allowed(&self, distance: i64) -> i64 {
        if distance <= self.low || self.high <= distance {
            return distance;
        }
        let up = |n: i64| n + (self.origin - n).rem_euclid(self.step);
        let in_step = up(distance);
        let allowed =
            if in_step <= self.up_to || self.from <= in_step { in_step } else { up(self.from.min(self.high)) };
        allowed.min(self.high)
    }
}

/// For each pair of groups, the distances between their bases that are forbidden.
pub struct Conflicts {
    /// `[i][j]`: of `base[j] - base[i]`.
    forbidden: Vec<Vec<Vec<Forbidden>>>,
}

impl Conflicts {
    pub fn of(groups: &[Group], overlaps: &Overlaps) -> Self {
        let between = |a: &Group, b: &Group| {
            let pairs = a.members.iter().flat_map(|x| b.members.iter().map(move |y| (x, y)));
            let live = pairs.filter(|(x, y)| x.life.overlaps(y.life));
            live.map(|(x, y)| Forbidden::between(x, y, overlaps)).collect()
        };
        Self { forbidden: groups.iter().map(|a| groups.iter().map(|b| between(a, b)).collect()).collect() }
    }

    /// Places groups in `order`, each at the lowest base that collides with none placed before.
    pub fn first_fit(&self, groups: &[Group], order: &[usize]) -> Placement {
        let mut bases = vec![0; groups.len()];
        let mut end = 0;
        let mut taken: Vec<(i64, &Forbidden)> = Vec::new();
        for (position, &j) in order.iter().enumerate() {
            taken.clear();
            for &i in &order[..position] {
                taken.extend(self.forbidden[i][j].iter().map(|forbidden| (bases[i], forbidden)));
            }
            taken.sort_unstable_by_key(|(base, forbidden)| base + forbidden.low);
            let mut base = 0;
            // What moves the group past one member may move it into another that was passed already.
            loop {
                let before = base;
                for &(other, forbidden) in &taken {
                    base = align(other + forbidden.next_allowed(base - other));
                }
                if base == before {
                    break;
                }
            }
            bases[j] = base;
            end = end.max(base + size(&groups[j]));
        }
        Placement { bases, end }
    }
}

fn align(base: i64) -> i64 {
    (base + ALIGN - 1).div_euclid(ALIGN) * ALIGN
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 bytes each; output 8 or more below the input or 12 or more above it, in steps of 4.
    const SOFT: Forbidden = Forbidden { low: -100, high: 100, up_to: -8, from: 12, step: 4, origin: 0 };

    #[test]
    fn allowed_distances_are_found_in_order() {
        let next: Vec<i64> = [-100, -99, -9, -8, -7, 0, 12, 13, 97, 100, 105].map(|d| SOFT.next_allowed(d)).into();
        assert_eq!(next, [-100, -96, -8, -8, 12, 12, 12, 16, 100, 100, 105]);
    }

    #[test]
    fn without_exception_only_the_ends_are_left() {
        let hard = Forbidden { up_to: i64::MIN, from: i64::MAX, step: 1, ..SOFT };
        assert_eq!([-100, -99, 0, 99, 100].map(|d| hard.next_allowed(d)), [-100, 100, 100, 100, 100]);
    }
}
