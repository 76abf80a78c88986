//! One test a rule: the message, and the text at its place.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod environments;
mod files;
mod layers;
mod moves;
mod pools;
mod properties;
mod sql;
mod statements;
mod variables;

use std::{fs, path::Path};

use super::{Flawed, Inputs, Project, load};
use crate::resource::Problem;

/// The least that is a project.
const LEAST: &str = "[project]\nname = \"test\"\n\n[environments.local]\nsimulator = true\n";

/// A project in a folder of its own.
pub(crate) struct World {
    folder: tempfile::TempDir,
    inputs: Inputs,
}

impl World {
    /// The least project, and `more` in its `floe.toml`.
    pub(crate) fn new(more: &str) -> Self {
        World::whole(&format!("{LEAST}\n{more}"))
    }

    /// A project with this `floe.toml`.
    fn whole(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inputs = Inputs { root: folder.path().to_owned(), ..Inputs::default() };
        World { folder, inputs }.file("floe.toml", text)
    }

    pub(crate) fn file(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn environment(mut self, name: &str) -> Self {
        self.inputs.environment = Some(name.to_owned());
        self
    }

    fn flag(mut self, name: &str, value: &str) -> Self {
        self.inputs.var_flags.insert(name.to_owned(), value.to_owned());
        self
    }

    fn process(mut self, name: &str, value: &str) -> Self {
        self.inputs.var_environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn project(&self) -> Project {
        load(&self.inputs).unwrap_or_else(|flawed| panic!("{}", listed(&flawed.problems)))
    }

    pub(crate) fn flawed(&self) -> Flawed {
        load(&self.inputs).expect_err("a problem")
    }

    fn problems(&self) -> Vec<Problem> {
        self.flawed().problems
    }

    /// Asserts that these are all the problems: the message, and the text at each place.
    #[track_caller]
    fn says(&self, expected: &[(&str, &[&str])]) -> Vec<Problem> {
        let problems = self.problems();
        let found: Vec<(String, Vec<String>)> = problems
            .iter()
            .map(|problem| (problem.message.clone(), problem.locations.iter().map(|(place, _)| text(place)).collect()))
            .collect();
        let expected: Vec<(String, Vec<String>)> = expected
            .iter()
            .map(|(message, places)| ((*message).to_owned(), places.iter().map(|place| (*place).to_owned()).collect()))
            .collect();
        assert_eq!(found, expected, "{}", listed(&problems));
        problems
    }

    /// Asserts the one problem, the text at its places and a part of its help.
    #[track_caller]
    fn says_one(&self, message: &str, places: &[&str], help: &str) {
        let problems = self.says(&[(message, places)]);
        let given = problems[0].help.clone().unwrap_or_default();
        assert!(given.contains(help), "{given:?} does not say {help:?}");
    }
}

pub(crate) fn text(place: &crate::resource::SourceLocation) -> String {
    place.source.text[place.span.clone()].to_owned()
}

pub(crate) fn listed(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| {
            let places: Vec<String> = problem
                .locations
                .iter()
                .map(|(place, label)| format!("  {}: {:?} ({label})", place.source.path.display(), text(place)))
                .collect();
            format!("{}\n{}\n  help: {:?}\n", problem.message, places.join("\n"), problem.help)
        })
        .collect()
}
