//! One sort for all lists, to keep the wasm small.
//!
//! The standard library's sort is compiled for each type, about eight kilobytes of wasm each time. This sort is
//! compiled once: it sorts positions, then moves the items.

use std::cmp::Ordering;

/// The longest list that is sorted by insertion, which is faster for short lists.
const SHORT: usize = 16;

/// Sorts a list. Equal items keep their order.
///
/// ```
/// let mut list = vec!["b", "a"];
/// mayuse_core::sort_by(&mut list, Ord::cmp);
/// assert_eq!(list, ["a", "b"]);
/// ```
pub fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let n = items.len();
    // What is downloaded has one way for all lengths.
    if cfg!(not(feature = "small")) && n <= SHORT {
        return sort_short(n, &mut |before, now| {
            let is_wrong = is_less(items, now, before, &compare);
            if is_wrong {
                items.swap(before, now);
            }
            is_wrong
        });
    }
    let order = sorted_positions(n, &|a, b| is_less(items, a, b, &compare));
    arrange(items, order);
}

fn is_less<T>(items: &[T], a: usize, b: usize, compare: &impl Fn(&T, &T) -> Ordering) -> bool {
    matches!((items.get(a), items.get(b)), (Some(a), Some(b)) if compare(a, b) == Ordering::Less)
}

/// Insertion sort. `swap` swaps two neighbours that are in the wrong order, and returns whether they were.
#[inline(never)]
fn sort_short(n: usize, swap: &mut dyn FnMut(usize, usize) -> bool) {
    for end in 1..n {
        let mut at = end;
        while let Some(before) = at.checked_sub(1)
            && swap(before, at)
        {
            at = before;
        }
    }
}

/// The positions of `n` items in the order of the items. Equal items keep their order.
///
/// Merges sorted runs whose length doubles in each round.
#[inline(never)]
pub fn sorted_positions(n: usize, is_less: &dyn Fn(usize, usize) -> bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    let mut length = 1_usize;
    while length < n {
        let mut merged = Vec::with_capacity(n);
        for runs in order.chunks(length.saturating_mul(2)) {
            let (mut left, mut right) = runs.split_at(length.min(runs.len()));
            while let (Some((a, after_a)), Some((b, after_b))) = (left.split_first(), right.split_first()) {
                if is_less(*b, *a) {
                    merged.push(*b);
                    right = after_b;
                } else {
                    merged.push(*a);
                    left = after_a;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        order = merged;
        length = length.saturating_mul(2);
    }
    order
}

/// Moves items into an order of their positions.
pub fn arrange<T>(items: &mut [T], order: Vec<usize>) {
    arrange_by(order, &mut |a, b| {
        if let Ok([a, b]) = items.get_disjoint_mut([a, b]) {
            std::mem::swap(a, b);
        }
    });
}

/// Moves item `order[i]` to position `i`, along the cycles of the permutation.
#[inline(never)]
fn arrange_by(mut order: Vec<usize>, swap: &mut dyn FnMut(usize, usize)) {
    for start in 0..order.len() {
        let mut at = start;
        while let Some(from) = order.get_mut(at).map(|from| std::mem::replace(from, at))
            && from != start
        {
            swap(at, from);
            at = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sort_by;

    #[test]
    fn sorts_short_and_long_lists_and_keeps_the_order_of_equals() {
        for n in [0, 1, 2, 15, 16, 17, 1_000] {
            let mut items: Vec<(usize, usize)> = (0..n).map(|i| (i * 7919 % 13, i)).collect();
            let mut expected = items.clone();
            expected.sort_by_key(|item| item.0);
            sort_by(&mut items, |a, b| a.0.cmp(&b.0));
            assert_eq!(items, expected, "{n}");
        }
    }
}
