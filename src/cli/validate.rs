//! `floe validate`: everything that can be known offline.

use std::{collections::BTreeSet, path::PathBuf};

use super::{
    Ambient, Exit, Screen, Trouble,
    arguments::{Format, Global},
    door, lints,
    problems::{self, Rank},
    project,
};
use crate::{
    graph::Graph,
    manifest::{InvalidProject, Project},
    planning,
    resource::{Problem, SourceLocation},
};

/// Loads the project and lints its SQL. Without `--env` where there are several, each environment is checked.
pub fn run(global: &Global, ambient: &Ambient, screen: &Screen) -> Result<Exit, Trouble> {
    let (mut found, mut checked) = (Vec::new(), Vec::new());
    for environment in environments(global)? {
        let global = Global { environment, ..global.clone() };
        match planning::load_desired(&project::inputs(&global, ambient)) {
            Ok(graph) => {
                found.extend(lints::all(&graph.project));
                found.extend(scenario(&graph.project).map(|problem| (problem, Rank::ERROR)));
                checked.push(graph);
            }
            Err(InvalidProject { problems, partial }) => {
                found.extend(problems.into_iter().map(|problem| (problem, Rank::ERROR)));
                found.extend(partial.iter().flat_map(|project| lints::all(project)));
                found.extend(
                    partial.iter().filter_map(|project| scenario(project)).map(|problem| (problem, Rank::ERROR)),
                );
            }
        }
    }
    // What is wrong in every environment is said once.
    let mut known = BTreeSet::new();
    let told: Vec<(Problem, Rank)> = found.into_iter().filter(|one| known.insert(key(one))).collect();
    tell(&told, &checked, global, screen)?;
    Ok(if told.iter().any(|(_, rank)| rank.is_error) { Exit::Error } else { Exit::Done })
}

/// What is wrong with the scenario that the environment is simulated with, if it has one. That there is none where it
/// should be is told by the manifest.
fn scenario(project: &Project) -> Option<Problem> {
    let path = project.environment.simulator.as_ref()?.scenario.as_ref()?;
    let file = project.root.join(path);
    let trouble = door::read_scenario(&file).err().filter(|_| file.is_file())?;
    trouble.problems().into_iter().next().map(|(problem, _)| problem)
}

/// What tells two problems apart, without the texts of their files.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    is_error: bool,
    code: Option<&'static str>,
    message: String,
    help: Option<String>,
    places: Vec<(PathBuf, usize, usize, String)>,
}

fn key((problem, rank): &(Problem, Rank)) -> Key {
    let place = |(place, label): &(SourceLocation, String)| {
        (place.source.path.clone(), place.span.start, place.span.end, label.clone())
    };
    Key {
        is_error: rank.is_error,
        code: rank.code,
        message: problem.message.clone(),
        help: problem.help.clone(),
        places: problem.locations.iter().map(place).collect(),
    }
}

/// The environments to look at: the one that is named, or all. Where the manifest itself is broken, the default one,
/// which then says so.
fn environments(global: &Global) -> Result<Vec<Option<String>>, Trouble> {
    if global.environment.is_some() {
        return Ok(vec![global.environment.clone()]);
    }
    match crate::manifest::environment_names(&global.folder) {
        Ok(names) if !names.is_empty() => Ok(names.into_iter().map(Some).collect()),
        _ => Ok(vec![None]),
    }
}

fn tell(told: &[(Problem, Rank)], checked: &[Graph], global: &Global, screen: &Screen) -> Result<(), Trouble> {
    match global.format {
        Format::Json => screen.out(&format!("{}\n", serde_json::to_string_pretty(&problems::json(told))?)),
        Format::Text => {
            screen.err(&problems::draw(told, screen.err));
            let errors = told.iter().filter(|(_, rank)| rank.is_error).count();
            screen.out(&summary(errors, told.len().saturating_sub(errors), checked))
        }
        _ => Err(Trouble::new("problems are printed as text or json")),
    }
}

fn summary(errors: usize, warnings: usize, checked: &[Graph]) -> String {
    let plural = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    };
    let warned = if warnings > 0 { format!(", {}", plural(warnings, "warning")) } else { String::new() };
    match checked.first() {
        Some(graph) if errors == 0 => {
            let names: Vec<&str> = checked.iter().map(|graph| graph.project.environment.name.as_str()).collect();
            let project = &graph.project;
            format!(
                "{} is valid in {}: {}, {}{warned}.\n",
                project.name,
                names.join(", "),
                plural(project.pools.len(), "pool"),
                plural(project.statements.len(), "statement")
            )
        }
        _ => format!("{}{warned}.\n", plural(errors, "error")),
    }
}
