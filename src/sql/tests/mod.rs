//! What readings, normal forms and lints promise, on SQL made up for the purpose.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod errors;
mod hostile_input;
mod kinds;
mod lints;
mod normalize;
mod objects;
mod properties;
mod random_search;
mod stateful;

use super::{Analysis, analyze};

/// The objects of a text, as `role kind name`, each checked to stand where its span says.
fn object_descriptions(text: &str) -> Vec<String> {
    let analysis = analyze(text);
    analysis
        .mentions
        .iter()
        .map(|mention| {
            let written = &text[mention.span.clone()];
            for part in &mention.name {
                assert!(written.replace("``", "`").contains(part.as_str()), "{part} does not stand in {written}");
            }
            let role = format!("{:?} {:?} ", mention.usage, mention.kind).to_lowercase();
            role + &mention.name.join("/")
        })
        .collect()
}

/// The tables that a text reads.
fn tables_read(text: &str) -> Vec<String> {
    object_descriptions(text)
        .iter()
        .filter_map(|object| object.strip_prefix("reads table "))
        .map(str::to_owned)
        .collect()
}

/// The construct that is said to keep state, and what stands at its place.
fn stateful_construct(text: &str) -> Option<(String, String)> {
    let Analysis { stateful_construct, .. } = analyze(text);
    stateful_construct.map(|state| (state.description, text[state.span].to_owned()))
}
