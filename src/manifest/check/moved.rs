//! `[[moved]]`: from where to where, each once, and to something that exists.

use std::collections::{BTreeMap, BTreeSet};

use super::{Desk, both, wrong};
use crate::{
    manifest::{
        Moved,
        layer::{At, MovedLayer},
        near,
    },
    resource::{Address, Problem, ResourceKind},
};

/// Checks all moves together and follows chains of them to their end.
pub(in crate::manifest) fn moved(desk: &mut Desk<'_>, layers: &[At<MovedLayer>]) -> Vec<Moved> {
    let mut moves: Vec<(At<Address>, At<Address>, &At<MovedLayer>)> = Vec::new();
    for layer in layers {
        let from = address(desk, &layer.value.from);
        let to = address(desk, &layer.value.to);
        if let (Some(from), Some(to)) = (from, to) {
            moves.push((from, to, layer));
        }
    }
    let declared: BTreeSet<Address> = desk
        .pool_keys
        .iter()
        .map(|key| Address::pool(*key))
        .chain(desk.statement_keys.iter().map(|key| Address::statement(*key)))
        .collect();
    let mut problems = Vec::new();
    let mut next: BTreeMap<Address, Address> = BTreeMap::new();
    let (mut froms, mut tos) = (BTreeMap::new(), BTreeMap::new());
    for (from, to, _) in &moves {
        if let Some(first) = froms.insert(from.value.clone(), &from.place) {
            let problem = Problem::new(format!("`{}` is moved twice", from.value));
            problems.push(both(problem, &from.place, first).help("keep one of the two"));
        }
        if let Some(first) = tos.insert(to.value.clone(), &to.place) {
            let problem = Problem::new(format!("two things are moved to `{}`", to.value));
            problems.push(both(problem, &to.place, first).help("keep one of the two"));
        }
        if from.value.kind != to.value.kind {
            problems.push(wrong(to, format!("`{}` cannot become `{}`", from.value, to.value), "of another kind"));
        }
        if from.value == to.value {
            problems.push(wrong(to, format!("`{}` is moved to itself", to.value), "the same address"));
        } else if declared.contains(&from.value) {
            problems.push(
                wrong(from, format!("`{}` is moved away and still declared", from.value), "still declared")
                    .help("rename its declaration, or remove the `[[moved]]` block"),
            );
        }
        next.insert(from.value.clone(), to.value.clone());
    }
    let mut done = Vec::new();
    for (from, to, layer) in &moves {
        let end = end_of(&to.value, &next);
        if declared.contains(end) {
            done.push(Moved { from: from.value.clone(), to: end.clone(), place: layer.place.clone() });
        } else if desk.complete && !next.contains_key(&to.value) {
            let known: Vec<String> = declared.iter().map(Address::to_string).collect();
            let mut problem =
                wrong(to, format!("`{}` is moved to `{}`, which does not exist", from.value, to.value), "not declared");
            problem.help = near::nearest(&to.value.to_string(), known.iter().map(String::as_str))
                .map(|near| format!("did you mean `{near}`?"))
                .or_else(|| Some("declare it, or remove the `[[moved]]` block".to_owned()));
            problems.push(problem);
        } else if next.contains_key(end) {
            problems.push(wrong(to, format!("`{}` is moved in a circle", from.value), "leads back here"));
        }
    }
    desk.problems.append(&mut problems);
    done
}

/// The last address of a chain; one within the circle where it is a circle.
fn end_of<'a>(start: &'a Address, next: &'a BTreeMap<Address, Address>) -> &'a Address {
    let mut end = start;
    for _ in 0..next.len() {
        match next.get(end) {
            Some(after) => end = after,
            None => break,
        }
    }
    end
}

/// An address as it is written, with a suggestion where the kind was forgotten.
pub(super) fn address(desk: &mut Desk<'_>, written: &At<String>) -> Option<At<Address>> {
    let written = desk.substitution.plain(written)?;
    match written.value.parse::<Address>() {
        Ok(value) => Some(At { value, place: written.place }),
        Err(error) => {
            let guess = [
                (ResourceKind::Statement, desk.statement_keys.contains(&written.value.as_str())),
                (ResourceKind::Pool, desk.pool_keys.contains(&written.value.as_str())),
            ];
            let guess = guess.into_iter().find(|(_, exists)| *exists);
            let mut problem = wrong(&written, error.to_string(), "not an address");
            problem.help =
                guess.map(|(kind, _)| format!("did you mean `{}.{}`?", kind.manifest_table(), written.value));
            desk.problems.push(problem);
            None
        }
    }
}
