//! Where each group of values goes: several heuristics and a bounded search, of which the smallest arena wins.

use super::conflicts::{Conflicts, Placement, size};
use super::overlap::{Overlaps, hand_over};
use super::sharing::Group;

/// Up to this many groups, every placement order is tried.
const EXHAUSTIVE_GROUPS: usize = 7;
/// Work of the random search, in pairs of groups looked at.
const SEARCH_PAIRS: usize = 20_000_000;
/// Most placements that the random search tries.
const SEARCH_TRIES: usize = 4_000;

/// Bytes live at the worst step: no placement can end lower.
pub fn lower_bound(groups: &[Group], overlaps: &Overlaps) -> i64 {
    live(groups, overlaps).into_iter().max().unwrap_or(0)
}

/// The step that needs most, the first one if several do.
pub fn fullest_step(groups: &[Group], overlaps: &Overlaps) -> usize {
    let live = live(groups, overlaps);
    (0..live.len()).max_by_key(|&step| (live[step], std::cmp::Reverse(step))).unwrap_or(0)
}

/// Bytes that each step needs at least.
fn live(groups: &[Group], overlaps: &Overlaps) -> Vec<i64> {
    let steps = groups.iter().flat_map(|g| &g.members).map(|m| m.life.last + 1).max().unwrap_or(0);
    let mut live: Vec<i64> = (0..steps).map(|step| groups.iter().map(|g| live_bytes(g, step)).sum()).collect();
    let life = |value| groups.iter().flat_map(|g| &g.members).find(|m| m.value == value).map(|m| m.life);
    for (&(x, y), overlap) in overlaps {
        if let (Some(x), Some(y)) = (life(x), life(y))
            && hand_over(x, y)
            && let Some(live) = live.get_mut(y.first)
        {
            *live -= overlap.saved_bytes;
        }
    }
    live
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
pub fn place_quickly(groups: &[Group], overlaps: &Overlaps) -> Placement {
    best_heuristic(groups, &Conflicts::of(groups, overlaps)).1
}

/// The best placement that heuristics and search find. Deterministic.
pub fn place(groups: &[Group], overlaps: &Overlaps) -> Placement {
    let bound = lower_bound(groups, overlaps);
    let conflicts = Conflicts::of(groups, overlaps);
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
