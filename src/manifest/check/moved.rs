//! Validates `[[moved]]` blocks: each address is moved once, and to an address that is declared.

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

/// Checks all moves together and resolves chains of moves to their last address.
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
            problems.push(with_both_places(problem, &from.place, first).help("Keep one of the two."));
        }
        if let Some(first) = targets.insert(to.value.clone(), &to.place) {
            let problem = Problem::new(format!("two addresses are moved to `{}`", to.value));
            problems.push(with_both_places(problem, &to.place, first).help("Keep one of the two."));
        }
        if from.value.kind != to.value.kind {
            problems.push(problem_at(
                to,
                format!("`{}` cannot be moved to `{}`", from.value, to.value),
                "a different kind of resource",
            ));
        }
        if from.value == to.value {
            problems.push(problem_at(to, format!("`{}` is moved to itself", to.value), "the same address"));
        } else if declared.contains(&from.value) {
            problems.push(
                problem_at(from, format!("`{}` is moved but still declared", from.value), "still declared")
                    .help("Rename its declaration, or remove the `[[moved]]` block."),
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
                format!("`{}` is moved to `{}`, which is not declared", from.value, to.value),
                "not declared",
            );
            problem.help = suggest::nearest(&to.value.to_string(), known.iter().map(String::as_str))
                .map(|near| format!("Did you mean `{near}`?"))
                .or_else(|| Some("Declare it, or remove the `[[moved]]` block.".to_owned()));
            problems.push(problem);
        } else if successors.contains_key(end) {
            problems.push(problem_at(
                to,
                format!("the moves of `{}` form a cycle", from.value),
                "leads into the cycle",
            ));
        }
    }
    context.problems.append(&mut problems);
    resolved
}

/// Returns the last address of the chain of moves from `start`. If the chain is a cycle, returns an address in the
/// cycle.
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

/// Parses an address. Reports an invalid one, with a suggestion if only its kind is missing.
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
                guess.map(|(kind, _)| format!("Did you mean `{}.{}`?", kind.manifest_table(), written.value));
            context.problems.push(problem);
            None
        }
    }
}
