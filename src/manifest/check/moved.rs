//! `[[moved]]`: from where to where, each once, and to something that exists.

use std::collections::{BTreeMap, BTreeSet};

use super::{ValidationContext, problem_at, with_both_places};
use crate::{
    manifest::{
        MovedBlock,
        layer::{At, MovedLayer},
        suggest,
    },
    resource::{Address, Problem, ResourceKind},
};

/// Checks all moves together and follows chains of them to their end.
pub(in crate::manifest) fn check_moved_blocks(
    context: &mut ValidationContext<'_>,
    layers: &[At<MovedLayer>],
) -> Vec<MovedBlock> {
    let mut moves: Vec<(At<Address>, At<Address>, &At<MovedLayer>)> = Vec::new();
    for layer in layers {
        let from = parse_address(context, &layer.value.from);
        let to = parse_address(context, &layer.value.to);
        if let (Some(from), Some(to)) = (from, to) {
            moves.push((from, to, layer));
        }
    }
    let declared: BTreeSet<Address> = context
        .pool_keys
        .iter()
        .map(|key| Address::pool(*key))
        .chain(context.statement_keys.iter().map(|key| Address::statement(*key)))
        .collect();
    let mut problems = Vec::new();
    let mut successors: BTreeMap<Address, Address> = BTreeMap::new();
    let (mut sources, mut targets) = (BTreeMap::new(), BTreeMap::new());
    for (from, to, _) in &moves {
        if let Some(first) = sources.insert(from.value.clone(), &from.place) {
            let problem = Problem::new(format!("`{}` is moved twice", from.value));
            problems.push(with_both_places(problem, &from.place, first).help("keep one of the two"));
        }
        if let Some(first) = targets.insert(to.value.clone(), &to.place) {
            let problem = Problem::new(format!("two things are moved to `{}`", to.value));
            problems.push(with_both_places(problem, &to.place, first).help("keep one of the two"));
        }
        if from.value.kind != to.value.kind {
            problems.push(problem_at(to, format!("`{}` cannot become `{}`", from.value, to.value), "of another kind"));
        }
        if from.value == to.value {
            problems.push(problem_at(to, format!("`{}` is moved to itself", to.value), "the same address"));
        } else if declared.contains(&from.value) {
            problems.push(
                problem_at(from, format!("`{}` is moved away and still declared", from.value), "still declared")
                    .help("rename its declaration, or remove the `[[moved]]` block"),
            );
        }
        successors.insert(from.value.clone(), to.value.clone());
    }
    let mut resolved = Vec::new();
    for (from, to, layer) in &moves {
        let end = final_address(&to.value, &successors);
        if declared.contains(end) {
            resolved.push(MovedBlock { from: from.value.clone(), to: end.clone(), place: layer.place.clone() });
        } else if context.is_complete && !successors.contains_key(&to.value) {
            let known: Vec<String> = declared.iter().map(Address::to_string).collect();
            let mut problem = problem_at(
                to,
                format!("`{}` is moved to `{}`, which does not exist", from.value, to.value),
                "not declared",
            );
            problem.help = suggest::nearest(&to.value.to_string(), known.iter().map(String::as_str))
                .map(|near| format!("did you mean `{near}`?"))
                .or_else(|| Some("declare it, or remove the `[[moved]]` block".to_owned()));
            problems.push(problem);
        } else if successors.contains_key(end) {
            problems.push(problem_at(to, format!("`{}` is moved in a circle", from.value), "leads back here"));
        }
    }
    context.problems.append(&mut problems);
    resolved
}

/// The last address of a chain; one within the circle where it is a circle.
fn final_address<'a>(start: &'a Address, successors: &'a BTreeMap<Address, Address>) -> &'a Address {
    let mut end = start;
    for _ in 0..successors.len() {
        match successors.get(end) {
            Some(after) => end = after,
            None => break,
        }
    }
    end
}

/// An address as it is written, with a suggestion where the kind was forgotten.
pub(super) fn parse_address(context: &mut ValidationContext<'_>, written: &At<String>) -> Option<At<Address>> {
    let written = context.substitution.interpolate(written)?;
    match written.value.parse::<Address>() {
        Ok(value) => Some(At { value, place: written.place }),
        Err(error) => {
            let guess = [
                (ResourceKind::Statement, context.statement_keys.contains(&written.value.as_str())),
                (ResourceKind::Pool, context.pool_keys.contains(&written.value.as_str())),
            ];
            let guess = guess.into_iter().find(|(_, exists)| *exists);
            let mut problem = problem_at(&written, error.to_string(), "not an address");
            problem.help =
                guess.map(|(kind, _)| format!("did you mean `{}.{}`?", kind.manifest_table(), written.value));
            context.problems.push(problem);
            None
        }
    }
}
