//! See `each::entries`: a whole journal with any entries gives a record or an error, never a panic, never a write.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../tests/suite/bytes/each.rs"]
mod each;

fuzz_target!(|bytes: &[u8]| drop(each::entries(bytes)));
