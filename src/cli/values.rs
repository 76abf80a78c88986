//! The values of secrets before they are sent: each is set, and none changes the SQL around it.

use std::collections::BTreeMap;

use super::Trouble;
use crate::{
    graph::Graph,
    plan::{Plan, StepRequest},
    resource::{Address, Secrets, Submission, Template},
    sql,
};

/// Every secret that goes out has a value here.
pub(super) fn are_set(plan: &Plan, graph: &Graph, secrets: &Secrets) -> Result<(), Trouble> {
    let mut missing = Vec::new();
    for (address, submission) in submissions(plan) {
        let texts = std::iter::once(&submission.sql).chain(submission.properties.values());
        for name in texts.flat_map(|text| text.secrets()).filter(|name| secrets.value(name).is_none()) {
            let line = format!("- {address}: secret `{name}` comes from {}, which is not set", variable(graph, name));
            if !missing.contains(&line) {
                missing.push(line);
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Trouble::new(format!("secrets without a value; nothing was done\n{}", missing.join("\n")))
        .help("set these environment variables where floe runs"))
}

/// No value ends the string that it is put into: what follows would be SQL that nobody wrote.
pub(super) fn fit(plan: &Plan, graph: &Graph, secrets: &Secrets) -> Result<(), Trouble> {
    let mut broken = Vec::new();
    for (address, submission) in submissions(plan) {
        for name in in_strings(&submission.sql) {
            let line = format!("- {address}: secret `{name}`, from {}", variable(graph, name));
            if secrets.value(name).is_some_and(ends_a_string) && !broken.contains(&line) {
                broken.push(line);
            }
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    let message =
        "the value of a secret holds a single quote and stands in a string, which would end there; nothing was done";
    Err(Trouble::new(format!("{message}\n{}", broken.join("\n"))).help(
        "double each single quote in the value, as SQL wants it; or hand the value over in `properties`, as it is",
    ))
}

fn submissions(plan: &Plan) -> impl Iterator<Item = (&Address, &Submission)> {
    plan.groups.iter().flat_map(|passage| {
        let steps = passage.forward.iter().chain(&passage.rollback);
        steps.filter_map(|step| match &step.request {
            StepRequest::Submit { submission, .. } => Some((&passage.address, submission)),
            _ => None,
        })
    })
}

fn variable<'g>(graph: &'g Graph, name: &str) -> &'g str {
    graph.project.secrets.get(name).map_or("(not declared)", String::as_str)
}

/// The secrets of `text` that stand in one of its strings.
fn in_strings(text: &Template) -> Vec<&str> {
    // No text of anybody's holds these.
    let mark = |name: &str| format!("\u{1}{name}\u{1}");
    let marks: BTreeMap<String, String> = text.secrets().map(|name| (name.to_owned(), mark(name))).collect();
    let Ok(marked) = text.reveal(&Secrets::new(marks)) else { return Vec::new() };
    let strings = sql::strings(&marked);
    text.secrets().filter(|name| strings.iter().any(|string| string.contains(&mark(name)))).collect()
}

/// Whether a single quote stands in it alone: two of them are one that belongs to the string.
fn ends_a_string(value: &str) -> bool {
    value.split(|letter| letter != '\'').any(|quotes| quotes.len() % 2 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_strings_and_hints_only() {
        let found = |text: &str| in_strings(&Template::new(text)).join(" ");
        assert_eq!(
            found("SELECT f('${secret.a}', '-- ${secret.b}', ${secret.c}) /* '${secret.d}' */ FROM `${secret.e}`"),
            "a b"
        );
        assert_eq!(found("SELECT x FROM t /*+ OPTIONS('k' = '${secret.a}') */"), "a");
        assert_eq!(found("SELECT '$${secret.a}', 'it''s ${secret.b}'"), "b");
    }

    #[test]
    fn two_quotes_are_one() {
        for (value, ends) in
            [("it's", true), ("it''s", false), ("'''", true), ("''''", false), ("", false), ("\"`", false)]
        {
            assert_eq!(ends_a_string(value), ends, "{value}");
        }
    }
}
