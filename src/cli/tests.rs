//! Commands, run as a whole.
