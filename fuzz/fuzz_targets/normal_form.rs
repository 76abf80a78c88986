//! A normal form is its own normal form, is no longer than twice its text, and is read as its text is.
#![no_main]

use floe::sql::{Reading, normal_form, read, same};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let form = normal_form(text);
    assert_eq!(normal_form(&form), form);
    assert!(same(text, &form));
    assert!(form.len() <= 2 * text.len());
    let (before, after) = (read(text), read(&form));
    assert_eq!(before.kind, after.kind);
    // A reserved word as a part of a name is written as it was found, and is in upper case in the form.
    let construct = |reading: &Reading| reading.state.as_ref().map(|state| state.construct.to_ascii_lowercase());
    assert_eq!(construct(&before), construct(&after));
    assert_eq!(before.mentions.len(), after.mentions.len());
    for (one, other) in before.mentions.iter().zip(&after.mentions) {
        assert_eq!((one.role, one.object), (other.role, other.object));
    }
});
