//! Tests of the rules for manifests. Each checks the message and the text at its location.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod environments;
mod files;
mod layers;
mod moves;
mod pools;
mod property_tests;
mod sql;
mod statements;
mod variables;

use std::{fs, path::Path};

use super::{InvalidProject, LoadOptions, Project, load};
use crate::resource::Problem;

/// The smallest valid `floe.toml`.
const MINIMAL_MANIFEST: &str = "[project]\nname = \"test\"\n\n[environments.local]\nsimulator = true\n";

/// A project in a temporary folder.
pub(crate) struct ProjectFixture {
    /// The folder that holds `floe.toml`.
    folder: tempfile::TempDir,
    /// The options to load the project with.
    options: LoadOptions,
}

impl ProjectFixture {
    /// Returns the smallest project with `more` appended to its `floe.toml`.
    pub(crate) fn new(more: &str) -> Self {
        ProjectFixture::from_manifest(&format!("{MINIMAL_MANIFEST}\n{more}"))
    }

    /// Returns a project with this `floe.toml`.
    fn from_manifest(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = LoadOptions { root: folder.path().to_owned(), ..LoadOptions::default() };
        ProjectFixture { folder, options }.with_file("floe.toml", text)
    }

    /// Writes a file of the project.
    pub(crate) fn with_file(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Returns the folder of the project.
    fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Sets the environment to load, as `--env` does.
    fn with_environment(mut self, name: &str) -> Self {
        self.options.environment = Some(name.to_owned());
        self
    }

    /// Sets a variable as `--var` does.
    fn with_flag(mut self, name: &str, value: &str) -> Self {
        self.options.var_flags.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets a variable as `FLOE_VAR_<NAME>` does.
    fn with_env_variable(mut self, name: &str, value: &str) -> Self {
        self.options.env_variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Loads the project. Panics with the problems if it has any.
    pub(crate) fn load(&self) -> Project {
        load(&self.options).unwrap_or_else(|invalid| panic!("{}", format_problems(&invalid.problems)))
    }

    /// Loads a project that must have problems.
    pub(crate) fn load_invalid(&self) -> InvalidProject {
        load(&self.options).expect_err("the project must have a problem")
    }

    /// Returns the problems of a project that must have some.
    fn problems(&self) -> Vec<Problem> {
        self.load_invalid().problems
    }

    /// Asserts that the project has exactly these problems: each message, and the text at each of its locations.
    #[track_caller]
    fn assert_problems(&self, expected: &[(&str, &[&str])]) -> Vec<Problem> {
        let problems = self.problems();
        let found: Vec<(String, Vec<String>)> = problems
            .iter()
            .map(|problem| {
                (problem.message.clone(), problem.locations.iter().map(|(place, _)| text_at(place)).collect())
            })
            .collect();
        let expected: Vec<(String, Vec<String>)> = expected
            .iter()
            .map(|(message, places)| ((*message).to_owned(), places.iter().map(|place| (*place).to_owned()).collect()))
            .collect();
        assert_eq!(found, expected, "{}", format_problems(&problems));
        problems
    }

    /// Asserts that the project has exactly one problem: its message, the text at its locations and a part of its
    /// help.
    #[track_caller]
    fn assert_one_problem(&self, message: &str, places: &[&str], help: &str) {
        let problems = self.assert_problems(&[(message, places)]);
        let given = problems[0].help.clone().unwrap_or_default();
        assert!(given.contains(help), "the help {given:?} does not contain {help:?}");
    }
}

/// Returns the text of the file at `place`.
pub(crate) fn text_at(place: &crate::resource::SourceLocation) -> String {
    place.source.text[place.span.clone()].to_owned()
}

/// Formats problems for the message of a failed test.
pub(crate) fn format_problems(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| {
            let places: Vec<String> = problem
                .locations
                .iter()
                .map(|(place, label)| format!("  {}: {:?} ({label})", place.source.path.display(), text_at(place)))
                .collect();
            format!("{}\n{}\n  help: {:?}\n", problem.message, places.join("\n"), problem.help)
        })
        .collect()
}
