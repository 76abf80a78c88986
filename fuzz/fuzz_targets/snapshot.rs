//! See `fuzz_entry_points::snapshot`: any bytes yield a value or an error, never a panic and never a write.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../tests/suite/corrupted_input/fuzz_entry_points.rs"]
mod fuzz_entry_points;

fuzz_target!(|bytes: &[u8]| drop(fuzz_entry_points::snapshot(bytes)));
