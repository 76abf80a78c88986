//! Any text can be analyzed: every span is on character boundaries of the text, and a text with errors never counts
//! as stateless.
#![no_main]

use std::collections::BTreeSet;

use floe::sql::{LintContext, lint, analyze};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let analysis = analyze(text);
    let spans = analysis.mentions.iter().map(|mention| &mention.span);
    let spans = spans.chain(analysis.column_functions.iter().map(|function| &function.span));
    let spans = spans.chain(analysis.stateful_construct.iter().map(|state| &state.span));
    let spans = spans.chain(analysis.errors.iter().map(|error| &error.span)).chain(&analysis.startup_option);
    for span in spans {
        assert!(text.get(span.clone()).is_some(), "{span:?} is not on character boundaries");
    }
    for mention in &analysis.mentions {
        assert!(!mention.name.is_empty() && !mention.span.is_empty());
    }
    assert!(analysis.errors.is_empty() || analysis.stateful_construct.is_some());

    let (properties, allowed) = (floe::resource::Properties::new(), BTreeSet::new());
    let context =
        LintContext { properties: &properties, principal: Some("u-1"), is_protected: true, can_evolve: true, allowed_codes: &allowed };
    for found in lint(&analysis, text, &context) {
        assert!(found.span.is_none_or(|span| text.get(span).is_some()));
    }
});
