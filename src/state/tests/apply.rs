//! What each entry makes of a record, and what it is refused for.

use super::{sample::*, *};
