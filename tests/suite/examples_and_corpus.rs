//! Loads and applies the examples in every environment, and statements of other projects from the folder that
//! `FLOE_SQL_CORPUS` names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    path::{Path, PathBuf},
};

use floe::{
    diff::PlanOptions,
    graph::{self, Graph},
    manifest::{self, LoadOptions},
    resource::{Evolve, Problem, SourceLocation},
    simulator::{CatalogMode, SimulatorOptions},
    sql::{self, LintContext},
};

use crate::test_project::{TestProject, floe_toml};

/// Returns the folder of this example.
fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// Loads a project for one environment. Panics if it has problems.
fn load_graph(root: &Path, environment: &str) -> Graph {
    let environment = Some(environment.to_owned());
    let inputs = LoadOptions { root: root.to_owned(), environment, ..LoadOptions::default() };
    manifest::load(&inputs)
        .and_then(graph::build)
        .unwrap_or_else(|invalid| panic!("{}", describe_problems(&invalid.problems)))
}

/// Returns the messages of problems with their help and locations.
fn describe_problems(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |mut text, problem| {
        let _ = writeln!(text, "{} ({})", problem.message, problem.help.as_deref().unwrap_or("no help"));
        for (location, label) in &problem.locations {
            let _ = writeln!(text, "  {} at byte {}: {label}", location.source.path.display(), location.span.start);
        }
        text
    })
}

/// Copies an example without the state folders of earlier runs.
fn copy_example(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() && entry.file_name() != "state" {
            copy_example(&path, &target);
        } else if path.is_file() {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Returns a copy of the example with a simulator, or `None` if the environment is not simulated.
fn example_project(name: &str, environment: &str) -> Option<TestProject> {
    let simulated = load_graph(&example(name), environment).project.environment.simulator?;
    let catalog = if simulated.strict_catalog { CatalogMode::Strict } else { CatalogMode::Lenient };
    let mut project = TestProject::with_options(&[], SimulatorOptions { catalog, ..SimulatorOptions::default() });
    copy_example(&example(name), project.folder.path());
    project.environment = Some(environment.to_owned());
    Some(project)
}

/// Returns the options to load an example with.
fn options(name: &str) -> LoadOptions {
    LoadOptions { root: example(name), ..LoadOptions::default() }
}

/// Applies the example in each simulated environment. Returns the projects by environment.
async fn converge_in_every_environment(name: &str) -> BTreeMap<String, TestProject> {
    let mut projects = BTreeMap::new();
    for environment in manifest::environment_names(&options(name)).unwrap() {
        if let Some(mut project) = example_project(name, &environment) {
            project.converge().await;
            projects.insert(environment, project);
        }
    }
    projects
}

#[tokio::test(start_paused = true)]
async fn the_first_pool_example_converges() {
    let projects = converge_in_every_environment("first-pool").await;
    assert_eq!(projects["local"].phases(), BTreeMap::from([("orders".to_owned(), "COMPLETED".to_owned())]));
}

#[tokio::test(start_paused = true)]
async fn the_clickstream_example_converges_in_every_simulated_environment() {
    let projects = converge_in_every_environment("clickstream").await;
    assert_eq!(projects.keys().collect::<Vec<_>>(), ["dev", "local"]);
    let local = projects["local"].phases();
    assert!(local.len() >= 15, "{local:#?}");
    for (name, phase) in &local {
        assert!(["COMPLETED", "RUNNING"].contains(&phase.as_str()), "{name} is {phase}");
    }
    // A statement that dev declares with `stopped = true` was never submitted there.
    let dev = projects["dev"].phases();
    let prefixed: BTreeSet<String> = local.keys().map(|name| format!("dev-{name}")).collect();
    let stopped = ["dev-classify-comments".to_owned(), "dev-revenue-per-day".to_owned()];
    assert_eq!(prefixed.difference(&dev.into_keys().collect()).cloned().collect::<Vec<_>>(), stopped);
}

#[tokio::test(start_paused = true)]
async fn destroy_empties_the_clickstream_example() {
    let mut project = example_project("clickstream", "local").unwrap();
    project.converge().await;
    let run = project
        .apply_with_options(PlanOptions { destroy: true, allow_data_loss: true, ..PlanOptions::default() })
        .await;
    let report = run.report.unwrap_or_else(|| panic!("the plan is blocked: {:#?}", run.plan.changes));
    assert!(report.is_complete(), "{:#?}", report.failed);
    assert!(project.simulator.world_view().pools.is_empty());
}

#[test]
fn the_examples_load_without_lints_in_every_environment() {
    for name in ["first-pool", "clickstream"] {
        for environment in manifest::environment_names(&options(name)).unwrap() {
            let graph = load_graph(&example(name), &environment);
            for (key, statement) in &graph.project.statements {
                let spec = &statement.spec;
                let text = spec.sql.masked();
                let context = LintContext {
                    properties: &spec.properties,
                    principal: spec.principal.as_deref(),
                    is_protected: graph.project.environment.protected,
                    can_evolve: spec.evolve != Evolve::Manual,
                    allowed_codes: &statement.allow,
                };
                let lints = sql::lint(graph.analysis(key).unwrap(), &text, &context);
                assert_eq!(lints, [], "{name}, {environment}, {key}");
            }
        }
    }
}

/// Returns a manifest that declares each of `texts`, except for the keys in `refused`.
fn statements_toml(texts: &[String], left_out: &BTreeSet<String>) -> String {
    let mut toml = String::new();
    for (index, text) in texts.iter().enumerate() {
        let key = format!("s{index}");
        if !left_out.contains(&key) {
            // These texts do not use floe's variables, so `${` is escaped.
            let text = text.replace("${", "$${");
            let _ = write!(toml, "[statements.{key}]\nsql = {}\n", serde_json::Value::String(text));
        }
    }
    toml
}

/// Returns the keys of the statements to leave out so that the others can be declared. If two statements conflict, it
/// is the later one. The key is read from the table header above the location of a problem.
fn statements_with_problems(problems: &[Problem]) -> BTreeSet<String> {
    let places = problems.iter().filter_map(|problem| problem.locations.first()).map(|(place, _)| place);
    let header = |place: &SourceLocation| {
        let before = place.source.text.get(..place.span.start.saturating_add(1).min(place.source.text.len()))?;
        let (_, after) = before.rsplit_once("\n[statements.").or_else(|| before.rsplit_once("[statements."))?;
        let rest = place.source.text.get(before.len() - after.len()..)?;
        rest.split_once(']').map(|(key, _)| key.to_owned())
    };
    places.filter_map(header).collect()
}

/// Loads, plans and applies those of `texts` that can be declared together. Returns their number.
async fn load_plan_and_apply(texts: &[String]) -> usize {
    let mut project =
        TestProject::new(&[("floe.toml", &floe_toml("")), ("pools.toml", "[pools.main]\nmax_cfu = 50\n")]);
    let mut left_out = BTreeSet::new();
    loop {
        project.declare(&statements_toml(texts, &left_out));
        let inputs = LoadOptions { root: project.folder.path().to_owned(), ..LoadOptions::default() };
        let problems = match manifest::load(&inputs).and_then(graph::build) {
            Ok(_) => break,
            Err(invalid) => invalid.problems,
        };
        let more = statements_with_problems(&problems);
        assert!(!more.is_subset(&left_out), "no statement belongs to a problem: {}", describe_problems(&problems));
        left_out.extend(more);
    }
    if left_out.len() < texts.len() {
        project.apply().await;
        project.plan().await;
    }
    texts.len() - left_out.len()
}

#[tokio::test(start_paused = true)]
async fn statements_of_other_projects_are_loaded_planned_and_applied() {
    let Some(folder) = std::env::var_os("FLOE_SQL_CORPUS") else {
        println!("skipped because FLOE_SQL_CORPUS is not set");
        return;
    };
    let text = std::fs::read_to_string(Path::new(&folder).join("valid.jsonl")).unwrap();
    let texts: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["sql"].as_str().unwrap().to_owned())
        .collect();
    let mut applied = 0;
    for batch in texts.chunks(200) {
        applied += load_plan_and_apply(batch).await;
    }
    println!("{applied} of {} statements were applied; the others cannot be declared or conflict", texts.len());
    assert!(applied > texts.len() / 3, "only {applied} of {} statements were applied", texts.len());
}
