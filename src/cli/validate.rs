//! `floe validate`: everything that can be known offline.

use std::{collections::BTreeSet, path::PathBuf};

use super::{
    CommandError, Exit, ProcessEnvironment, Screen,
    arguments::{GlobalOptions, OutputFormat},
    connect, lints,
    problems::{self, ProblemLevel},
    project,
};
use crate::{
    graph::Graph,
    manifest::{InvalidProject, Project},
    planning,
    resource::{Problem, SourceLocation},
};

/// Loads the project and lints its SQL. Without `--env` where there are several, each environment is checked.
pub fn run(global: &GlobalOptions, process: &ProcessEnvironment, screen: &Screen) -> Result<Exit, CommandError> {
    let (mut found, mut checked) = (Vec::new(), Vec::new());
    for environment in environments_to_check(global)? {
        let global = GlobalOptions { environment, ..global.clone() };
        match planning::load_desired(&project::manifest_inputs(&global, process)) {
            Ok(graph) => {
                found.extend(lints::all_lints(&graph.project));
                found.extend(scenario_problem(&graph.project).map(|problem| (problem, ProblemLevel::ERROR)));
                checked.push(graph);
            }
            Err(InvalidProject { problems, partial }) => {
                found.extend(problems.into_iter().map(|problem| (problem, ProblemLevel::ERROR)));
                found.extend(partial.iter().flat_map(|project| lints::all_lints(project)));
                found.extend(
                    partial
                        .iter()
                        .filter_map(|project| scenario_problem(project))
                        .map(|problem| (problem, ProblemLevel::ERROR)),
                );
            }
        }
    }
    // What is wrong in every environment is said once.
    let mut seen = BTreeSet::new();
    let unique_problems: Vec<(Problem, ProblemLevel)> =
        found.into_iter().filter(|one| seen.insert(problem_key(one))).collect();
    print_problems(&unique_problems, &checked, global, screen)?;
    Ok(if unique_problems.iter().any(|(_, rank)| rank.is_error) { Exit::Error } else { Exit::Done })
}

/// What is wrong with the scenario that the environment is simulated with, if it has one. That there is none where it
/// should be is told by the manifest.
fn scenario_problem(project: &Project) -> Option<Problem> {
    let path = project.environment.simulator.as_ref()?.scenario.as_ref()?;
    let file = project.root.join(path);
    let error = connect::read_scenario(&file).err().filter(|_| file.is_file())?;
    error.problems().into_iter().next().map(|(problem, _)| problem)
}

/// What tells two problems apart, without the texts of their files.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ProblemKey {
    is_error: bool,
    code: Option<&'static str>,
    message: String,
    help: Option<String>,
    places: Vec<(PathBuf, usize, usize, String)>,
}

fn problem_key((problem, level): &(Problem, ProblemLevel)) -> ProblemKey {
    let place = |(place, label): &(SourceLocation, String)| {
        (place.source.path.clone(), place.span.start, place.span.end, label.clone())
    };
    ProblemKey {
        is_error: level.is_error,
        code: level.code,
        message: problem.message.clone(),
        help: problem.help.clone(),
        places: problem.locations.iter().map(place).collect(),
    }
}

/// The environments to look at: the one that is named, or all. Where the manifest itself is broken, the default one,
/// which then says so.
fn environments_to_check(global: &GlobalOptions) -> Result<Vec<Option<String>>, CommandError> {
    if global.environment.is_some() {
        return Ok(vec![global.environment.clone()]);
    }
    match crate::manifest::environment_names(&global.folder) {
        Ok(names) if !names.is_empty() => Ok(names.into_iter().map(Some).collect()),
        _ => Ok(vec![None]),
    }
}

fn print_problems(
    unique_problems: &[(Problem, ProblemLevel)],
    checked: &[Graph],
    global: &GlobalOptions,
    screen: &Screen,
) -> Result<(), CommandError> {
    match global.format {
        OutputFormat::Json => {
            screen.print(&format!("{}\n", serde_json::to_string_pretty(&problems::problems_json(unique_problems))?))
        }
        OutputFormat::Text => {
            screen.eprint(&problems::draw_problems(unique_problems, screen.stderr_style));
            let errors = unique_problems.iter().filter(|(_, rank)| rank.is_error).count();
            screen.print(&summary(errors, unique_problems.len().saturating_sub(errors), checked))
        }
        _ => Err(CommandError::new("problems are printed as text or json")),
    }
}

fn summary(errors: usize, warnings: usize, checked: &[Graph]) -> String {
    let plural = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    };
    let warnings_suffix = if warnings > 0 { format!(", {}", plural(warnings, "warning")) } else { String::new() };
    match checked.first() {
        Some(graph) if errors == 0 => {
            let names: Vec<&str> = checked.iter().map(|graph| graph.project.environment.name.as_str()).collect();
            let project = &graph.project;
            format!(
                "{} is valid in {}: {}, {}{warnings_suffix}.\n",
                project.name,
                names.join(", "),
                plural(project.pools.len(), "pool"),
                plural(project.statements.len(), "statement")
            )
        }
        _ => format!("{}{warnings_suffix}.\n", plural(errors, "error")),
    }
}
