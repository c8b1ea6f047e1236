//! One sort for all lists.
//!
//! Each use of the standard library's sort is compiled anew, some eight kilobytes of wasm at a
//! time. This one is compiled once, on positions, and then moves the items.

use std::cmp::Ordering;

/// Up to here, moving items one by one is faster than anything else.
const SHORT: usize = 16;

/// Sorts a list; equal items keep their order.
///
/// ```
/// let mut list = vec!["b", "a"];
/// mayuse_core::sort_by(&mut list, Ord::cmp);
/// assert_eq!(list, ["a", "b"]);
/// ```
pub fn sort_by<T>(items: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    if items.len() <= SHORT {
        for end in 1..items.len() {
            let mut at = end;
            while let Some((before, now)) = pair(items, at)
                && compare(now, before) == Ordering::Less
            {
                items.swap(at, at.saturating_sub(1));
                at = at.saturating_sub(1);
            }
        }
        return;
    }
    let mut order: Vec<usize> = (0..items.len()).collect();
    sort_positions(&mut order, &|a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
    let mut taken: Vec<Option<T>> = std::mem::take(items).into_iter().map(Some).collect();
    items.extend(order.into_iter().filter_map(|at| taken.get_mut(at)?.take()));
}

fn pair<T>(items: &[T], at: usize) -> Option<(&T, &T)> {
    Some((items.get(at.checked_sub(1)?)?, items.get(at)?))
}

#[inline(never)]
fn sort_positions(order: &mut [usize], compare: &dyn Fn(usize, usize) -> Ordering) {
    order.sort_by(|a, b| compare(*a, *b));
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
