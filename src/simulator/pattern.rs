//! Matches names and paths with patterns in which `*` stands for any text.

/// Returns whether `text` matches `pattern`, in which `*` stands for any text.
pub(super) fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.find(piece).and_then(|start| rest.get(start.saturating_add(piece.len())..)) {
            Some(tail) => rest = tail,
            None => return false,
        }
    }
    true
}
