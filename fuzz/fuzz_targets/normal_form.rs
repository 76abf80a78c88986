//! The normal form of a normal form is itself, is at most twice as long as its text, and has the same analysis as its
//! text.
#![no_main]

use floe::sql::{Analysis, analyze, are_equivalent, normal_form};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let form = normal_form(text);
    assert_eq!(normal_form(&form), form);
    assert!(are_equivalent(text, &form));
    assert!(form.len() <= 2 * text.len());
    let (before, after) = (analyze(text), analyze(&form));
    assert_eq!(before.kind, after.kind);
    // A reserved word that is part of a name is described as written, and the normal form writes it in upper case.
    let construct = |analysis: &Analysis| analysis.stateful_construct.as_ref().map(|state| state.description.to_ascii_lowercase());
    assert_eq!(construct(&before), construct(&after));
    assert_eq!(before.mentions.len(), after.mentions.len());
    for (one, other) in before.mentions.iter().zip(&after.mentions) {
        assert_eq!((one.usage, one.kind), (other.usage, other.kind));
    }
});
