//! Any text is read: every span lies on characters of the text, and a text with faults is never surely free of state.
#![no_main]

use std::collections::BTreeSet;

use floe::sql::{LintContext, lint, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let reading = read(text);
    let spans = reading.mentions.iter().map(|mention| &mention.span);
    let spans = spans.chain(reading.column_functions.iter().map(|function| &function.span));
    let spans = spans.chain(reading.state.iter().map(|state| &state.span));
    let spans = spans.chain(reading.faults.iter().map(|fault| &fault.span)).chain(&reading.startup_option);
    for span in spans {
        assert!(text.get(span.clone()).is_some(), "{span:?} lies on no characters");
    }
    for mention in &reading.mentions {
        assert!(!mention.name.is_empty() && !mention.span.is_empty());
    }
    assert!(reading.faults.is_empty() || reading.state.is_some());

    let (properties, allowed) = (floe::resource::Few::new(), BTreeSet::new());
    let context =
        LintContext { properties: &properties, principal: Some("u-1"), protected: true, evolves: true, allowed: &allowed };
    for found in lint(&reading, text, &context) {
        assert!(found.span.is_none_or(|span| text.get(span).is_some()));
    }
});
