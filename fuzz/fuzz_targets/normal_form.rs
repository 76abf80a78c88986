//! A normal form is its own normal form, is no longer than twice its text, and is read as its text is.
#![no_main]

use floe::sql::{normal_form, read, same};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let form = normal_form(text);
    assert_eq!(normal_form(&form), form);
    assert!(same(text, &form));
    assert!(form.len() <= 2 * text.len());
    let (before, after) = (read(text), read(&form));
    assert_eq!(before.kind, after.kind);
    assert_eq!(before.state.map(|state| state.construct), after.state.map(|state| state.construct));
    assert_eq!(before.mentions.len(), after.mentions.len());
    for (one, other) in before.mentions.iter().zip(&after.mentions) {
        assert_eq!((one.role, one.object), (other.role, other.object));
    }
});
