//! The room's tests, over records small enough to read.

mod apply;
mod local;
mod sample;

use super::*;
