//! Who needs whom, and why.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Edge, Object, Why,
    names::{User, Uses},
};
use crate::{
    manifest::Project,
    resource::{Address, Problem, ResourceKind, SourceLocation},
};

/// Every edge, sorted, each reason once; and what is wrong with who creates, alters and drops what.
pub(super) fn edges(project: &Project, uses: &BTreeMap<Object, Uses>) -> (Vec<Edge>, Vec<Problem>) {
    let (mut edges, mut problems) = certain(project, uses);
    let known = Reach::of(&edges);
    for (object, uses) in uses {
        in_order(project, object, &uses.alters, &known, &mut problems);
        edges.extend(after_alters(object, uses, &known));
        after_uses(project, object, uses, &known, &mut edges, &mut problems);
    }
    // Equal edges are the same edge.
    edges.sort_unstable();
    edges.dedup();
    edges.shrink_to_fit();
    (edges, problems)
}

/// The edges that are there whatever other statements say, sorted, and what is wrong for certain: who else there is may
/// put alters in order, and decides what comes after what, but takes nothing of this away.
pub(super) fn of_part(project: &Project, uses: &BTreeMap<Object, Uses>) -> (Vec<Edge>, Vec<Problem>) {
    let (mut edges, mut problems) = certain(project, uses);
    let known = Reach::of(&edges);
    for (object, uses) in uses {
        after_uses(project, object, uses, &known, &mut Vec::new(), &mut problems);
    }
    edges.sort_unstable();
    edges.dedup();
    (edges, problems)
}

/// What manifests say and who creates what.
fn certain(project: &Project, uses: &BTreeMap<Object, Uses>) -> (Vec<Edge>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut edges = said(project);
    edges.reserve_exact(uses.values().map(Uses::most_needs).sum());
    for (object, uses) in uses {
        only_one_creator(project, object, &uses.creators, &mut problems);
        for creator in uses.creators.iter().take(1) {
            let others = [&uses.alters, &uses.readers, &uses.writers].into_iter().flatten();
            edges.extend(others.filter_map(|user| inferred(object, user, creator)));
        }
    }
    (edges, problems)
}

/// What manifests say: pools and `depends_on`.
fn said(project: &Project) -> Vec<Edge> {
    let mut edges = Vec::with_capacity(project.statements.len());
    for (key, statement) in &project.statements {
        let from = Address::statement(key);
        let pool = statement.spec.pool.as_ref().map(|pool| (Address::pool(pool), Why::Pool));
        let declared = statement.spec.depends_on.iter().map(|to| (to.clone(), Why::Declared));
        edges.extend(pool.into_iter().chain(declared).map(|(to, why)| Edge { from: from.clone(), to, why }));
    }
    edges
}

fn inferred(object: &Object, from: &User, to: &User) -> Option<Edge> {
    let why = Why::Inferred { object: object.clone(), span: from.1 };
    (from.0 != to.0).then(|| Edge { from: Address::statement(&from.0), to: Address::statement(&to.0), why })
}

fn only_one_creator(project: &Project, object: &Object, creators: &[User], problems: &mut Vec<Problem>) {
    let Some((first, others)) = creators.split_first() else { return };
    for other in others {
        problems.push(
            shown(
                Problem::new(format!(
                    "`{object}` is created by `statements.{}` and by `statements.{}`",
                    first.0, other.0
                )),
                project,
                [(other, "created again here"), (first, "created here")],
            )
            .help("keep one of them; or name the catalog and database, if they mean two objects"),
        );
    }
}

/// Alters of one object have to come one after the other.
fn in_order(project: &Project, object: &Object, alters: &[User], known: &Reach, problems: &mut Vec<Problem>) {
    if alters.len() < 2 {
        return;
    }
    let keys: BTreeSet<&str> = alters.iter().map(|(key, _)| key.as_str()).collect();
    let mut ranked: Vec<(usize, &User, BTreeSet<&str>)> = alters
        .iter()
        .map(|user| {
            let before: BTreeSet<&str> = known.before(&user.0).intersection(&keys).copied().collect();
            (before.len(), user, before)
        })
        .collect();
    // How many of the others come before each: 0, 1, 2 … if there is an order.
    ranked.sort();
    for pair in ranked.windows(2) {
        let [(_, first, _), (_, second, before)] = pair else { continue };
        if !before.contains(first.0.as_str()) {
            problems.push(
                shown(
                    Problem::new(format!(
                        "`statements.{}` and `statements.{}` alter `{object}` in no order",
                        first.0, second.0
                    )),
                    project,
                    [(second, "altered here"), (first, "and here")],
                )
                .help(format!("let the later one say `depends_on = [\"statements.{}\"]`", first.0)),
            );
        }
    }
}

/// Who uses an object needs those that alter it too, unless an alter is said to come after that use.
fn after_alters(object: &Object, uses: &Uses, known: &Reach) -> Vec<Edge> {
    let mut edges = Vec::new();
    for alter in &uses.alters {
        let before = known.before(&alter.0);
        let users = uses.readers.iter().chain(&uses.writers);
        edges.extend(
            users.filter(|user| !before.contains(user.0.as_str())).filter_map(|user| inferred(object, user, alter)),
        );
    }
    edges
}

/// A drop comes after every other use, or is an error where that cannot be.
fn after_uses(
    project: &Project,
    object: &Object,
    uses: &Uses,
    known: &Reach,
    edges: &mut Vec<Edge>,
    problems: &mut Vec<Problem>,
) {
    let Some((drop, again)) = uses.drops.split_first() else { return };
    for again in again {
        problems.push(
            shown(
                Problem::new(format!(
                    "`{object}` is dropped by `statements.{}` and by `statements.{}`",
                    drop.0, again.0
                )),
                project,
                [(again, "dropped again here"), (drop, "dropped here")],
            )
            .help("keep one of them"),
        );
    }
    let later = known.after(&drop.0);
    let mut told = BTreeSet::new();
    for user in [&uses.creators, &uses.alters, &uses.readers, &uses.writers].into_iter().flatten() {
        if user.0 == drop.0 {
            continue;
        }
        if !later.contains(user.0.as_str()) {
            edges.extend(inferred(object, drop, user));
        } else if told.insert(&user.0) {
            problems.push(
                shown(
                    Problem::new(format!(
                        "`statements.{}` drops `{object}`, and `statements.{}`, which comes after it, uses it",
                        drop.0, user.0
                    )),
                    project,
                    [(drop, "dropped here"), (user, "used here")],
                )
                .help(format!(
                    "remove the `DROP`; `undo = \"DROP …\"` in the statement that creates `{object}` drops it when that is removed"
                )),
            );
        }
    }
}

/// The places of two uses, with a label each.
fn shown(problem: Problem, project: &Project, users: [(&User, &str); 2]) -> Problem {
    users.into_iter().fold(problem, |problem, (user, label)| match place(project, user) {
        Some(place) => problem.at(place, label),
        None => problem,
    })
}

/// Where the SQL shows an edge, or the manifest says it.
pub(super) fn place_of(project: &Project, edge: &Edge) -> Option<SourceLocation> {
    let statement = project.statements.get(&edge.from.key)?;
    match &edge.why {
        Why::Inferred { span, .. } => Some(statement.sql.locate(&(span.0..span.1))),
        Why::Pool | Why::Declared => statement.reference_places.get(&edge.to).cloned(),
    }
}

fn place(project: &Project, (key, (start, end)): &User) -> Option<SourceLocation> {
    Some(project.statements.get(key)?.sql.locate(&(*start..*end)))
}

/// The edges that are certain before alters and drops are placed, in both directions.
struct Reach {
    needs: BTreeMap<String, Vec<String>>,
    needed_by: BTreeMap<String, Vec<String>>,
}

impl Reach {
    fn of(edges: &[Edge]) -> Self {
        let mut reach = Reach { needs: BTreeMap::new(), needed_by: BTreeMap::new() };
        for Edge { from, to, .. } in edges.iter().filter(|edge| edge.to.kind == ResourceKind::Statement) {
            reach.needs.entry(from.key.clone()).or_default().push(to.key.clone());
            reach.needed_by.entry(to.key.clone()).or_default().push(from.key.clone());
        }
        reach
    }

    /// The keys of the statements that `key` needs, directly or not.
    fn before(&self, key: &str) -> BTreeSet<&str> {
        closure(&self.needs, key)
    }

    /// The keys of the statements that need `key`, directly or not.
    fn after(&self, key: &str) -> BTreeSet<&str> {
        closure(&self.needed_by, key)
    }
}

fn closure<'r>(next: &'r BTreeMap<String, Vec<String>>, key: &str) -> BTreeSet<&'r str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&'r str> = next.get(key).into_iter().flatten().map(String::as_str).collect();
    while let Some(key) = open.pop() {
        if found.insert(key) {
            open.extend(next.get(key).into_iter().flatten().map(String::as_str));
        }
    }
    found
}
