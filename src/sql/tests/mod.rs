//! Tests of analyses, normal forms and lints, on SQL written for these tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod hostile_input;
mod insert_forms;
mod kinds;
mod lints;
mod names;
mod normalize;
mod objects;
mod properties;
mod random_search;
mod sql_errors;
mod stateful;

use super::{Analysis, analyze};

/// Returns the objects of a text as `usage kind name`, and checks that each name is where its span says.
fn object_descriptions(text: &str) -> Vec<String> {
    let analysis = analyze(text);
    analysis
        .mentions
        .iter()
        .map(|mention| {
            let written = &text[mention.span.clone()];
            for part in &mention.name {
                assert!(written.replace("``", "`").contains(part.as_str()), "{written} does not contain {part}");
            }
            let role = format!("{:?} {:?} ", mention.usage, mention.kind).to_lowercase();
            role + &mention.name.join("/")
        })
        .collect()
}

/// Returns the tables that a text reads.
fn tables_read(text: &str) -> Vec<String> {
    object_descriptions(text)
        .iter()
        .filter_map(|object| object.strip_prefix("reads table "))
        .map(str::to_owned)
        .collect()
}

/// Returns the description of the construct that keeps state, and the text at its place.
fn stateful_construct(text: &str) -> Option<(String, String)> {
    let Analysis { stateful_construct, .. } = analyze(text);
    stateful_construct.map(|state| (state.description, text[state.span].to_owned()))
}
