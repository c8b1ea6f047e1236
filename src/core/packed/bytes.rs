//! Shared bytes.

use std::sync::Arc;

/// Shared bytes in the packed form, or a range of them.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    all: Arc<String>,
    from: usize,
    to: usize,
}

impl Packed {
    /// Takes bytes; None if they are not UTF-8.
    pub fn new(bytes: Vec<u8>) -> Option<Packed> {
        String::from_utf8(bytes).ok().map(Packed::from)
    }

    /// The bytes as a text.
    pub fn as_str(&self) -> &str {
        self.all.get(self.from..self.to).unwrap_or_default()
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.as_str().as_bytes()
    }

    /// A range of `len` bytes from `from`, which shares the bytes. None if the range ends past the end or splits a
    /// character.
    pub fn part(&self, from: usize, len: usize) -> Option<Packed> {
        let from = self.from.checked_add(from)?;
        let to = from.checked_add(len)?;
        let is_one = to <= self.to && self.all.is_char_boundary(from) && self.all.is_char_boundary(to);
        is_one.then(|| Packed { all: Arc::clone(&self.all), from, to })
    }
}

impl From<String> for Packed {
    fn from(all: String) -> Self {
        Packed { from: 0, to: all.len(), all: Arc::new(all) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_lies_within_and_between_letters() {
        let all = Packed::from("aÄb".to_owned());
        let text = |from, len| all.part(from, len).map(|part| part.as_str().to_owned());
        assert_eq!(text(0, 4).as_deref(), Some("aÄb"));
        assert_eq!((text(1, 2).as_deref(), text(4, 0).as_deref()), (Some("Ä"), Some("")));
        assert_eq!(
            [text(0, 2), text(2, 1), text(2, 0), text(0, 5), text(5, 0), text(1, usize::MAX)],
            [const { None }; 6]
        );
        let part = all.part(1, 3).unwrap();
        assert_eq!(part.part(2, 1).map(|part| part.as_slice().to_vec()), Some(b"b".to_vec()));
        assert!(part.part(2, 2).is_none(), "what lies behind a part is no part of it");
        assert_eq!(Packed::new(vec![0xff]).map(|packed| packed.as_str().to_owned()), None);
    }
}
