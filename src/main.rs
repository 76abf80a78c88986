//! floe
fn main() {}
