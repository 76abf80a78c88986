//! Suggests the known name that is closest to a misspelled one.

/// Returns the known name that is nearest to `written`, if it is near enough for `written` to be a typo of it.
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

/// Returns help for an unknown name: the nearest known name, or else the list of known names. Returns `None` if no
/// names are known.
pub(super) fn suggestion<'a>(written: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(name) = nearest(written, known.clone()) {
        return Some(format!("Did you mean `{name}`?"));
    }
    let names: Vec<String> = known.into_iter().map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => None,
        1..=12 => Some(format!("Choose from: {}.", names.join(", "))),
        more => Some(format!(
            "Choose from: {} and {} more.",
            names.iter().take(10).cloned().collect::<Vec<_>>().join(", "),
            more.saturating_sub(10)
        )),
    }
}

/// Returns `name` in lower case with `-` for `_`, since these are the most common mistakes.
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
        assert_eq!(suggestion("zzz", ["a", "b"]).as_deref(), Some("Choose from: `a`, `b`."));
        assert_eq!(suggestion("zzz", []), None);
    }
}
