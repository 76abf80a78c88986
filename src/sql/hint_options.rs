//! The options in hints: `/*+ OPTIONS('key' = 'value') */`.

use super::{script::Script, statement::OptionPair};

/// The start of a hint.
const HINT_START: &str = "/*+";

/// Returns the options in the hints of a text, in order.
pub(super) fn hint_options(script: &Script<'_>) -> Vec<OptionPair> {
    let mut options = Vec::new();
    for hint in &script.hints {
        let text = hint.text(script.source());
        let inside = Script::new(text.strip_prefix(HINT_START).unwrap_or(text).trim_end_matches("*/"));
        let start = hint.start + HINT_START.len();
        let shifted = |at: usize| {
            let span = inside.token_span(at);
            start + span.start..start + span.end
        };
        for at in 0..inside.len() {
            if let (Some(key), true, Some(value)) =
                (inside.string_literal(at), inside.is_symbol(at + 1, "="), inside.string_literal(at + 2))
            {
                options.push(OptionPair { key, key_span: shifted(at), value, value_span: shifted(at + 2) });
            }
        }
    }
    options
}
