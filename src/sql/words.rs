//! Lists of words that are looked up many times in every statement.

/// No word of any list has more bytes.
const LONGEST: usize = 32;

/// A word in upper case as numbers that sort as it does, so that a step of the search is one comparison.
type Key = [u64; LONGEST / 8];

/// Words in upper case, sorted. A list that is not does not compile.
pub(super) struct Words<const N: usize> {
    words: [&'static str; N],
    keys: [Key; N],
}

impl<const N: usize> Words<N> {
    /// The list of `words`.
    #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which stops where an index is wrong")]
    pub const fn new(words: [&'static str; N]) -> Self {
        let mut keys = [[0; LONGEST / 8]; N];
        let mut at = 0;
        while at < N {
            keys[at] = key(words[at].as_bytes());
            assert!(at == 0 || is_less(&keys[at - 1], &keys[at]), "words are sorted, each once");
            at += 1;
        }
        Words { words, keys }
    }

    /// The word of the list that `word` is in any case.
    pub fn find(&self, word: &str) -> Option<&'static str> {
        if word.len() > LONGEST {
            return None;
        }
        let mut upper = [0; LONGEST];
        upper.get_mut(..word.len())?.copy_from_slice(word.as_bytes());
        upper.make_ascii_uppercase();
        let (eights, _) = upper.as_chunks::<8>();
        let mut key = Key::default();
        for (part, eight) in key.iter_mut().zip(eights) {
            *part = u64::from_be_bytes(*eight);
        }
        let found = self.words.get(self.keys.binary_search(&key).ok()?).copied()?;
        // Zeros at the end of a word look like none.
        (found.len() == word.len()).then_some(found)
    }

    /// Whether `word`, in any case, is one of them.
    pub fn holds(&self, word: &str) -> bool {
        self.find(word).is_some()
    }

    /// Every word.
    #[cfg(test)]
    pub fn iter(&self) -> impl Iterator<Item = &'static str> {
        self.words.iter().copied()
    }
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which stops where an index is wrong")]
const fn key(word: &[u8]) -> Key {
    assert!(word.len() <= LONGEST);
    let mut key = [0; LONGEST / 8];
    let mut at = 0;
    while at < word.len() {
        assert!(!word[at].is_ascii_lowercase());
        key[at / 8] |= (word[at] as u64) << (56 - at % 8 * 8);
        at += 1;
    }
    key
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which stops where an index is wrong")]
const fn is_less(one: &Key, other: &Key) -> bool {
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return one[at] < other[at];
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_case_and_nothing_else_is() {
        static LIST: Words<4> = Words::new(["A", "AB", "CURRENT_CATALOG", "CURRENT_TRANSFORM_GROUP_FOR_TYPE"]);
        for word in ["a", "Ab", "current_Catalog", "current_transform_group_for_type"] {
            assert_eq!(LIST.find(word), Some(word.to_ascii_uppercase().as_str()));
        }
        for word in
            ["", "b", "abc", "CURRENT_CATALO", "A\0", "\0A", "ä", &"A".repeat(33), "current_transform_group_for_typeX"]
        {
            assert_eq!(LIST.find(word), None, "{word:?}");
        }
    }
}
