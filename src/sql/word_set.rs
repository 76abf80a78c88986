//! Sets of words that are looked up many times in every statement.

/// The length of the longest word of any list, in bytes.
const MAX_WORD_LENGTH: usize = 32;

/// A word in upper case, packed into numbers that sort like the word. One step of a search is one comparison.
type PackedWord = [u64; MAX_WORD_LENGTH / 8];

/// A sorted list of words in upper case. An unsorted list does not compile.
pub(super) struct WordSet<const N: usize> {
    /// The words as they are written.
    words: [&'static str; N],
    /// The words in packed form, in the same order.
    packed_words: [PackedWord; N],
}

impl<const N: usize> WordSet<N> {
    /// Returns the set of `words`.
    #[expect(clippy::indexing_slicing, reason = "evaluated at compile time, where a wrong index is an error")]
    pub const fn new(words: [&'static str; N]) -> Self {
        let mut packed_words = [[0; MAX_WORD_LENGTH / 8]; N];
        let mut at = 0;
        while at < N {
            packed_words[at] = pack(words[at].as_bytes());
            assert!(at == 0 || is_less(&packed_words[at - 1], &packed_words[at]), "words must be sorted and unique");
            at += 1;
        }
        WordSet { words, packed_words }
    }

    /// Returns the word of the list that `word` spells in any case.
    pub fn find_ignoring_case(&self, word: &str) -> Option<&'static str> {
        if word.len() > MAX_WORD_LENGTH {
            return None;
        }
        let mut upper = [0; MAX_WORD_LENGTH];
        upper.get_mut(..word.len())?.copy_from_slice(word.as_bytes());
        upper.make_ascii_uppercase();
        let (chunks, _) = upper.as_chunks::<8>();
        let mut packed = PackedWord::default();
        for (part, chunk) in packed.iter_mut().zip(chunks) {
            *part = u64::from_be_bytes(*chunk);
        }
        let found = self.words.get(self.packed_words.binary_search(&packed).ok()?).copied()?;
        // A word with trailing zero bytes has the same packed form as the word without them.
        (found.len() == word.len()).then_some(found)
    }

    /// Returns whether `word`, in any case, is in the list.
    pub fn contains(&self, word: &str) -> bool {
        self.find_ignoring_case(word).is_some()
    }

    /// Returns every word of the list.
    #[cfg(test)]
    pub fn iter(&self) -> impl Iterator<Item = &'static str> {
        self.words.iter().copied()
    }
}

/// Returns the packed form of a word in upper case.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, where a wrong index is an error")]
const fn pack(word: &[u8]) -> PackedWord {
    assert!(word.len() <= MAX_WORD_LENGTH);
    let mut packed = [0; MAX_WORD_LENGTH / 8];
    let mut at = 0;
    while at < word.len() {
        assert!(!word[at].is_ascii_lowercase());
        packed[at / 8] |= (word[at] as u64) << (56 - at % 8 * 8);
        at += 1;
    }
    packed
}

/// Returns whether `one` sorts before `other`.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, where a wrong index is an error")]
const fn is_less(one: &PackedWord, other: &PackedWord) -> bool {
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
    fn only_listed_words_are_found_in_any_case() {
        static LIST: WordSet<4> = WordSet::new(["A", "AB", "CURRENT_CATALOG", "CURRENT_TRANSFORM_GROUP_FOR_TYPE"]);
        for word in ["a", "Ab", "current_Catalog", "current_transform_group_for_type"] {
            assert_eq!(LIST.find_ignoring_case(word), Some(word.to_ascii_uppercase().as_str()));
        }
        for word in
            ["", "b", "abc", "CURRENT_CATALO", "A\0", "\0A", "ä", &"A".repeat(33), "current_transform_group_for_typeX"]
        {
            assert_eq!(LIST.find_ignoring_case(word), None, "{word:?}");
        }
    }
}
