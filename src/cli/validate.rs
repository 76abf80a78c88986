//! `floe validate`: checks everything that can be checked offline.

use std::{collections::BTreeSet, path::PathBuf};

use super::{
    CommandError, Exit, ProcessEnvironment, Screen,
    arguments::{GlobalOptions, OutputFormat},
    connect, lint_problems,
    problems::{self, ProblemLevel},
    project,
};
use crate::{
    graph::Graph,
    manifest::{InvalidProject, Project},
    planning,
    resource::{Problem, SourceLocation},
};

/// Loads the project, lints its SQL and prints the problems. Without `--env`, every environment is checked.
pub fn run(global: &GlobalOptions, process: &ProcessEnvironment, screen: &Screen) -> Result<Exit, CommandError> {
    let (mut found, mut checked) = (Vec::new(), Vec::new());
    for environment in environments_to_check(global)? {
        let global = GlobalOptions { environment, ..global.clone() };
        match planning::load_desired(&project::manifest_inputs(&global, process)) {
            Ok(graph) => {
                found.extend(lint_problems::all_lints(&graph));
                found.extend(scenario_problem(&graph.project).map(|problem| (problem, ProblemLevel::ERROR)));
                checked.push(graph);
            }
            Err(InvalidProject { problems, partial }) => {
                found.extend(problems.into_iter().map(|problem| (problem, ProblemLevel::ERROR)));
                found.extend(partial.iter().flat_map(|project| lint_problems::lints_of_partial_project(project)));
                found.extend(
                    partial
                        .iter()
                        .filter_map(|project| scenario_problem(project))
                        .map(|problem| (problem, ProblemLevel::ERROR)),
                );
            }
        }
    }
    // A problem that every environment has is reported once.
    let mut seen = BTreeSet::new();
    let unique_problems: Vec<(Problem, ProblemLevel)> =
        found.into_iter().filter(|one| seen.insert(problem_key(one))).collect();
    print_problems(&unique_problems, &checked, global, screen)?;
    Ok(if unique_problems.iter().any(|(_, rank)| rank.is_error) { Exit::Error } else { Exit::Done })
}

/// Returns the problem of the scenario that the environment is simulated with, if it has one. A file that does not
/// exist is not reported here, since loading the manifest reports it.
fn scenario_problem(project: &Project) -> Option<Problem> {
    let path = project.environment.simulator.as_ref()?.scenario.as_ref()?;
    let file = project.root.join(path);
    let error = connect::read_scenario(&file).err().filter(|_| file.is_file())?;
    error.problems().into_iter().next().map(|(problem, _)| problem)
}

/// Identifies a problem, without the texts of its files.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ProblemKey {
    /// Whether the problem is an error.
    is_error: bool,
    /// The code of a lint.
    code: Option<&'static str>,
    /// The headline of the problem.
    message: String,
    /// The help text of the problem.
    help: Option<String>,
    /// The file, start, end and label of each location.
    places: Vec<(PathBuf, usize, usize, String)>,
}

/// Returns the key of a problem.
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

/// Returns the environments to check: the one in `--env`, or all. If the manifest itself is broken, only the default
/// environment is checked, which reports the problem.
fn environments_to_check(global: &GlobalOptions) -> Result<Vec<Option<String>>, CommandError> {
    if global.environment.is_some() {
        return Ok(vec![global.environment.clone()]);
    }
    match crate::manifest::environment_names(&global.folder) {
        Ok(names) if !names.is_empty() => Ok(names.into_iter().map(Some).collect()),
        _ => Ok(vec![None]),
    }
}

/// Prints the problems and a summary in the requested format.
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
        _ => Err(CommandError::new("`floe validate` supports only the formats `text` and `json`")),
    }
}

/// Returns the last line of the output, with the number of errors and warnings or the size of a valid project.
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
