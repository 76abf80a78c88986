//! "Did you mean": the known name that a misspelt one is closest to.

/// The known name nearest to `written`, if one is near enough to be a slip of the finger.
pub(super) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (written.chars().count() / 3).max(1);
    let normalized = normalize(written);
    known
        .into_iter()
        .filter(|name| *name != written && name.len().abs_diff(written.len()) <= limit.saturating_mul(4))
        .map(|name| (strsim::damerau_levenshtein(&normalized, &normalize(name)), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// "did you mean `x`?", or what there is to choose from, or nothing where there is nothing.
pub(super) fn suggestion<'a>(written: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(name) = nearest(written, known.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let names: Vec<String> = known.into_iter().map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => None,
        1..=12 => Some(format!("known here: {}", names.join(", "))),
        more => Some(format!(
            "known here: {} and {} more",
            names.iter().take(10).cloned().collect::<Vec<_>>().join(", "),
            more.saturating_sub(10)
        )),
    }
}

/// Case and the choice between `-` and `_` are the commonest slips.
fn normalize(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_get_a_suggestion_and_unrelated_names_do_not() {
        let known = ["principal", "properties", "pool", "sql_file"];
        assert_eq!(nearest("principle", known), Some("principal"));
        assert_eq!(nearest("sql-file", known), Some("sql_file"));
        assert_eq!(nearest("poll", known), Some("pool"));
        assert_eq!(nearest("parallelism", known), None);
        assert_eq!(suggestion("zzz", ["a", "b"]).as_deref(), Some("known here: `a`, `b`"));
        assert_eq!(suggestion("zzz", []), None);
    }
}
