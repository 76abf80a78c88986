//! Checks the values of secrets before they are sent: each is set, and none changes the SQL around it.

use std::collections::BTreeMap;

use super::CommandError;
use crate::{
    graph::Graph,
    plan::{Plan, StepRequest},
    resource::{Address, Secrets, Submission, Template},
    sql,
};

/// Checks that every secret that the plan would send has a value.
pub(super) fn check_all_set(plan: &Plan, graph: &Graph, secrets: &Secrets) -> Result<(), CommandError> {
    let mut missing = Vec::new();
    for (address, submission) in submissions(plan) {
        let texts = std::iter::once(&submission.sql).chain(submission.properties.values());
        for name in texts.flat_map(|text| text.secret_names()).filter(|name| secrets.value(name).is_none()) {
            let line =
                format!("- {address}: secret `{name}` comes from {}, which is not set", secret_variable(graph, name));
            if !missing.contains(&line) {
                missing.push(line);
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(CommandError::new(format!("some secrets have no value\n{}", missing.join("\n")))
        .with_help("No changes were made. Set these environment variables where floe runs."))
}

/// Checks that no value ends the SQL string that it is inserted into. The rest of the value would become SQL that is
/// not in git.
pub(super) fn check_quotes(plan: &Plan, graph: &Graph, secrets: &Secrets) -> Result<(), CommandError> {
    let mut offending = Vec::new();
    for (address, submission) in submissions(plan) {
        for name in secrets_in_strings(&submission.sql) {
            let line = format!("- {address}: secret `{name}`, from {}", secret_variable(graph, name));
            if secrets.value(name).is_some_and(has_unpaired_quote) && !offending.contains(&line) {
                offending.push(line);
            }
        }
    }
    if offending.is_empty() {
        return Ok(());
    }
    let message =
        "the value of a secret contains a single quote, which would end the SQL string that it is inserted into";
    Err(CommandError::new(format!("{message}\n{}", offending.join("\n"))).with_help(
        "No changes were made. Double each single quote in the value, as SQL requires. Or pass the value unchanged in \
         `properties`.",
    ))
}

/// Returns every submission of a plan with its address, those of rollbacks included.
fn submissions(plan: &Plan) -> impl Iterator<Item = (&Address, &Submission)> {
    plan.groups.iter().flat_map(|group| {
        let steps = group.forward.iter().chain(&group.rollback);
        steps.filter_map(|step| match &step.request {
            StepRequest::Submit { submission, .. } => Some((&group.address, submission)),
            _ => None,
        })
    })
}

/// Returns the environment variable that a secret comes from.
fn secret_variable<'g>(graph: &'g Graph, name: &str) -> &'g str {
    graph.project.secrets.get(name).map_or("(not declared)", String::as_str)
}

/// Returns the names of the secrets that are inside a string literal or a hint of `text`.
fn secrets_in_strings(text: &Template) -> Vec<&str> {
    // SQL text does not contain these characters.
    let mark = |name: &str| format!("\u{1}{name}\u{1}");
    let marks: BTreeMap<String, String> = text.secret_names().map(|name| (name.to_owned(), mark(name))).collect();
    let Ok(marked) = text.reveal(&Secrets::new(marks)) else { return Vec::new() };
    let strings = sql::string_literals_and_hints(&marked);
    text.secret_names().filter(|name| strings.iter().any(|string| string.contains(&mark(name)))).collect()
}

/// Returns whether `value` has a single quote that is not doubled. A doubled quote is part of the string.
fn has_unpaired_quote(value: &str) -> bool {
    value.split(|letter| letter != '\'').any(|quotes| quotes.len() % 2 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_only_in_strings_and_hints() {
        let found = |text: &str| secrets_in_strings(&Template::new(text)).join(" ");
        assert_eq!(
            found("SELECT f('${secret.a}', '-- ${secret.b}', ${secret.c}) /* '${secret.d}' */ FROM `${secret.e}`"),
            "a b"
        );
        assert_eq!(found("SELECT x FROM t /*+ OPTIONS('k' = '${secret.a}') */"), "a");
        assert_eq!(found("SELECT '$${secret.a}', 'it''s ${secret.b}'"), "b");
    }

    #[test]
    fn doubled_quotes_do_not_end_a_string() {
        for (value, ends) in
            [("it's", true), ("it''s", false), ("'''", true), ("''''", false), ("", false), ("\"`", false)]
        {
            assert_eq!(has_unpaired_quote(value), ends, "{value}");
        }
    }
}
