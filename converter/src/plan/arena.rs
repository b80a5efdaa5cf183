//! Where each group of values goes: several heuristics and a bounded search, of which the smallest arena wins.

use super::sharing::Group;

/// Groups start at multiples of this, which suits float32 and word-wise int8 kernels.
pub const ALIGN: i64 = 4;

/// Up to this many groups, every placement order is tried.
const EXHAUSTIVE_GROUPS: usize = 7;
/// Work of the random search, in pairs of groups looked at.
const SEARCH_PAIRS: usize = 20_000_000;
/// Most placements that the random search tries.
const SEARCH_TRIES: usize = 4_000;

/// A placement of all groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// First byte of each group.
    pub bases: Vec<i64>,
    /// One past the highest byte of any member.
    pub end: i64,
}

/// Bytes live at the worst step: no placement can end lower.
pub fn lower_bound(groups: &[Group]) -> i64 {
    let steps = groups.iter().flat_map(|g| &g.members).map(|m| m.life.last + 1).max().unwrap_or(0);
    (0..steps).map(|step| groups.iter().map(|g| live_bytes(g, step)).sum()).max().unwrap_or(0)
}

/// Bytes of `group` that hold something at `step`.
fn live_bytes(group: &Group, step: usize) -> i64 {
    let live = group.members.iter().filter(|m| m.life.first <= step && step <= m.life.last);
    let mut ranges: Vec<(i64, i64)> = live.map(|m| (m.start, m.start + m.bytes)).collect();
    ranges.sort_unstable();
    let (mut total, mut covered) = (0, i64::MIN);
    for (start, end) in ranges {
        total += (end - start.max(covered)).max(0);
        covered = covered.max(end);
    }
    total
}

/// The best placement that the heuristics find.
pub fn place_quickly(groups: &[Group]) -> Placement {
    best_heuristic(groups, &Conflicts::of(groups)).1
}

/// The best placement that heuristics and search find. Deterministic.
pub fn place(groups: &[Group]) -> Placement {
    let bound = lower_bound(groups);
    let conflicts = Conflicts::of(groups);
    let (mut order, mut best) = best_heuristic(groups, &conflicts);
    if best.end <= bound {
        return best;
    }
    if groups.len() <= EXHAUSTIVE_GROUPS {
        order.sort_unstable();
        loop {
            let placement = conflicts.first_fit(groups, &order);
            if placement.end < best.end {
                best = placement;
            }
            if best.end <= bound || !next_permutation(&mut order) {
                return best;
            }
        }
    }
    // Hill climbing over orders: move one group elsewhere, keep what is not worse.
    let mut random = Lcg(0x9e37_79b9_7f4a_7c15);
    let tries = SEARCH_TRIES.min(SEARCH_PAIRS / (groups.len() * groups.len()).max(1));
    for _ in 0..tries {
        let mut moved = order.clone();
        let group = moved.remove(random.below(moved.len()));
        moved.insert(random.below(moved.len() + 1), group);
        let placement = conflicts.first_fit(groups, &moved);
        if placement.end <= best.end {
            (order, best) = (moved, placement);
        }
        if best.end <= bound {
            break;
        }
    }
    best
}

fn best_heuristic(groups: &[Group], conflicts: &Conflicts) -> (Vec<usize>, Placement) {
    let orders = heuristic_orders(groups).into_iter();
    let placed = orders.map(|order| {
        let placement = conflicts.first_fit(groups, &order);
        (order, placement)
    });
    placed.min_by_key(|(_, placement)| placement.end).unwrap_or_default()
}

fn size(group: &Group) -> i64 {
    group.members.iter().map(|m| m.start + m.bytes).max().unwrap_or(0)
}

fn heuristic_orders(groups: &[Group]) -> Vec<Vec<usize>> {
    let first = |g: &Group| g.members.iter().map(|m| m.life.first).min().unwrap_or(0);
    let last = |g: &Group| g.members.iter().map(|m| m.life.last).max().unwrap_or(0);
    let duration = |g: &Group| (last(g) - first(g) + 1) as i64;
    let by = |key: &dyn Fn(&Group) -> (i64, i64)| {
        let mut order: Vec<usize> = (0..groups.len()).collect();
        order.sort_by_key(|&i| key(&groups[i]));
        order
    };
    vec![
        by(&|g| (-size(g), first(g) as i64)),
        by(&|g| (-size(g) * duration(g), first(g) as i64)),
        by(&|g| (-duration(g), -size(g))),
        by(&|g| (first(g) as i64, -size(g))),
        by(&|g| (-(last(g) as i64), -size(g))),
        by_pressure(groups),
    ]
}

/// Groups that live at the fullest steps first, larger ones before smaller ones.
fn by_pressure(groups: &[Group]) -> Vec<usize> {
    let steps = groups.iter().flat_map(|g| &g.members).map(|m| m.life.last + 1).max().unwrap_or(0);
    let mut fullest: Vec<usize> = (0..steps).collect();
    let pressure: Vec<i64> = fullest.iter().map(|&s| groups.iter().map(|g| live_bytes(g, s)).sum()).collect();
    fullest.sort_by_key(|&s| -pressure[s]);
    let mut order = Vec::with_capacity(groups.len());
    let mut taken = vec![false; groups.len()];
    for step in fullest {
        let mut live: Vec<usize> =
            (0..groups.len()).filter(|&i| !taken[i] && live_bytes(&groups[i], step) > 0).collect();
        live.sort_by_key(|&i| -size(&groups[i]));
        live.iter().for_each(|&i| taken[i] = true);
        order.extend(live);
    }
    order.extend((0..groups.len()).filter(|&i| !taken[i]));
    order
}

/// For each pair of groups, the distances between their bases at which live members would overlap.
struct Conflicts {
    /// `[i][j]`: open intervals of `base[j] - base[i]`.
    forbidden: Vec<Vec<Vec<(i64, i64)>>>,
}

impl Conflicts {
    fn of(groups: &[Group]) -> Self {
        let between = |a: &Group, b: &Group| {
            let mut intervals = Vec::new();
            for x in &a.members {
                for y in b.members.iter().filter(|y| y.life.overlaps(x.life)) {
                    intervals.push((x.start - y.start - y.bytes, x.start + x.bytes - y.start));
                }
            }
            intervals
        };
        Self { forbidden: groups.iter().map(|a| groups.iter().map(|b| between(a, b)).collect()).collect() }
    }

    /// Places groups in `order`, each at the lowest base that collides with none placed before.
    fn first_fit(&self, groups: &[Group], order: &[usize]) -> Placement {
        let mut bases = vec![0; groups.len()];
        let mut end = 0;
        let mut taken: Vec<(i64, i64)> = Vec::new();
        for (position, &j) in order.iter().enumerate() {
            taken.clear();
            for &i in &order[..position] {
                taken.extend(self.forbidden[i][j].iter().map(|&(low, high)| (low + bases[i], high + bases[i])));
            }
            taken.sort_unstable();
            let mut base = 0;
            for &(low, high) in &taken {
                if low < base && base < high {
                    base = (high + ALIGN - 1).div_euclid(ALIGN) * ALIGN;
                } else if low >= base {
                    break;
                }
            }
            bases[j] = base;
            end = end.max(base + size(&groups[j]));
        }
        Placement { bases, end }
    }
}

/// Advances to the next permutation in lexicographic order; false after the last.
fn next_permutation(order: &mut [usize]) -> bool {
    let Some(pivot) = order.windows(2).rposition(|w| w[0] < w[1]) else { return false };
    let Some(successor) = order.iter().rposition(|&v| v > order[pivot]) else { return false };
    order.swap(pivot, successor);
    order[pivot + 1..].reverse();
    true
}

/// Knuth's MMIX generator: the search must not depend on anything but the graph.
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n.max(1)
    }
}
