//! Tests of whole runs of floe against the simulated cloud, in one test binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
// Some tests print figures, or that they were skipped.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod architecture;
mod cli_commands;
mod cli_process;
mod concurrent_projects;
mod conditions;
mod convergence;
mod corrupted_input;
mod crash;
mod docs;
mod examples_and_corpus;
mod false_answers;
mod faults;
mod formats;
mod hostile_text;
mod identity;
mod interrupt;
mod late_effects;
mod late_landings;
mod lifecycle;
mod lock;
mod next_steps;
mod plan_check;
mod private_endpoint;
mod program_harness;
mod sample_statements;
mod saved_plans;
mod scenarios;
mod secret_values;
mod test_project;
mod transitional_phases;
mod uncertain_live_state;
mod untrusted_manifests;
mod wire;
