//! A map and a set in the order of their keys, to keep the wasm small.
//!
//! The standard library's are compiled for each type of key, about four kilobytes of wasm each time. The search of
//! these is compiled once, on positions.

use std::borrow::Borrow;
use std::cmp::Ordering;

/// Values by key. A look-up is a binary search; an insertion moves the positions of the greater keys.
#[derive(Clone, Debug)]
pub struct SortedMap<K, V> {
    /// The items in the order of insertion.
    items: Vec<(K, V)>,
    /// The positions of the items, in the order of the keys.
    order: Vec<usize>,
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        SortedMap { items: Vec::new(), order: Vec::new() }
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// The index in `order` that a key has (Ok) or would have (Err).
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        search(&self.order, &|at| self.items.get(at).map_or(Ordering::Equal, |(found, _)| found.borrow().cmp(key)))
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key).ok()?;
        self.items.get(*self.order.get(place)?).map(|(_, value)| value)
    }

    /// Whether the map has this key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).is_ok()
    }

    /// Inserts a value, and returns the previous value of the key.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(place) => {
                let (_, before) = self.items.get_mut(*self.order.get(place)?)?;
                Some(std::mem::replace(before, value))
            }
            Err(place) => {
                self.order.insert(place, self.items.len());
                self.items.push((key, value));
                None
            }
        }
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// All keys and values, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.order.iter().filter_map(|at| self.items.get(*at)).map(|(key, value)| (key, value))
    }
}

#[inline(never)]
fn search(order: &[usize], compare: &dyn Fn(usize) -> Ordering) -> Result<usize, usize> {
    order.binary_search_by(|at| compare(*at))
}

/// A set of keys.
#[derive(Clone, Debug)]
pub struct SortedSet<K>(SortedMap<K, ()>);

impl<K> Default for SortedSet<K> {
    fn default() -> Self {
        SortedSet(SortedMap::default())
    }
}

impl<K: Ord> SortedSet<K> {
    /// Whether the set has this key.
    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Inserts a key. Returns whether it is new.
    pub fn insert(&mut self, key: K) -> bool {
        self.0.insert(key, ()).is_none()
    }

    /// All keys, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, ())| key)
    }
}

impl<K: Ord> Extend<K> for SortedSet<K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        keys.into_iter().for_each(|key| {
            self.insert(key);
        });
    }
}

impl<K: Ord> FromIterator<K> for SortedSet<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut set = SortedSet::default();
        set.extend(keys);
        set
    }
}

#[cfg(test)]
mod tests {
    use super::{SortedMap, SortedSet};

    #[test]
    fn keeps_the_last_value_of_each_key_in_the_order_of_the_keys() {
        let mut map: SortedMap<String, usize> = SortedMap::default();
        let mut expected = std::collections::BTreeMap::new();
        for n in 0..1_000_usize {
            let key = (n * 7919 % 613).to_string();
            assert_eq!(map.get(key.as_str()), expected.get(key.as_str()));
            assert_eq!(map.insert(key.clone(), n), expected.insert(key, n));
        }
        assert!(map.iter().eq(expected.iter()));
        assert_eq!((map.len(), map.is_empty()), (expected.len(), false));
        assert_eq!((map.get("613"), map.contains_key("612")), (None, true));
    }

    #[test]
    fn a_set_has_each_key_once() {
        let set: SortedSet<&str> = ["b", "a", "b"].into_iter().collect();
        assert_eq!(set.iter().copied().collect::<Vec<_>>(), ["a", "b"]);
        assert!(set.contains("a") && !set.contains("c") && SortedSet::<&str>::default().is_empty());
    }
}
