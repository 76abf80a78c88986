//! Who needs whom, and why.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Edge, EdgeReason, SqlObject,
    resolver::{UseSite, UseSites},
};
use crate::{
    manifest::Project,
    resource::{Address, Problem, ResourceKind, SourceLocation},
};

/// Every edge, sorted, each reason once; and what is wrong with who creates, alters and drops what.
pub(super) fn find_edges(project: &Project, uses: &BTreeMap<SqlObject, UseSites>) -> (Vec<Edge>, Vec<Problem>) {
    let (mut edges, mut problems) = certain_edges(project, uses);
    let reachability = Reachability::new(&edges);
    for (object, uses) in uses {
        report_unordered_alters(project, object, &uses.altered_by, &reachability, &mut problems);
        edges.extend(edges_to_alters(object, uses, &reachability));
        order_drop_after_uses(project, object, uses, &reachability, &mut edges, &mut problems);
    }
    // Equal edges are the same edge.
    edges.sort_unstable();
    edges.dedup();
    edges.shrink_to_fit();
    (edges, problems)
}

/// The edges that are there whatever other statements say, sorted, and what is wrong for certain: who else there is may
/// put alters in order, and decides what comes after what, but takes nothing of this away.
pub(super) fn edges_of_partial_project(
    project: &Project,
    uses: &BTreeMap<SqlObject, UseSites>,
) -> (Vec<Edge>, Vec<Problem>) {
    let (mut edges, mut problems) = certain_edges(project, uses);
    let reachability = Reachability::new(&edges);
    for (object, uses) in uses {
        order_drop_after_uses(project, object, uses, &reachability, &mut Vec::new(), &mut problems);
    }
    edges.sort_unstable();
    edges.dedup();
    (edges, problems)
}

/// What manifests say and who creates what.
fn certain_edges(project: &Project, uses: &BTreeMap<SqlObject, UseSites>) -> (Vec<Edge>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut edges = declared_edges(project);
    edges.reserve_exact(uses.values().map(UseSites::max_dependents).sum());
    for (object, uses) in uses {
        report_duplicate_creators(project, object, &uses.creators, &mut problems);
        for creator in uses.creators.iter().take(1) {
            let others = [&uses.altered_by, &uses.readers, &uses.writers].into_iter().flatten();
            edges.extend(others.filter_map(|user| inferred_edge(object, user, creator)));
        }
    }
    (edges, problems)
}

/// What manifests say: pools and `depends_on`.
fn declared_edges(project: &Project) -> Vec<Edge> {
    let mut edges = Vec::with_capacity(project.statements.len());
    for (key, statement) in &project.statements {
        let from = Address::statement(key);
        let pool = statement.spec.pool.as_ref().map(|pool| (Address::pool(pool), EdgeReason::Pool));
        let declared = statement.spec.depends_on.iter().map(|to| (to.clone(), EdgeReason::Declared));
        edges.extend(pool.into_iter().chain(declared).map(|(to, reason)| Edge { from: from.clone(), to, reason }));
    }
    edges
}

fn inferred_edge(object: &SqlObject, from: &UseSite, to: &UseSite) -> Option<Edge> {
    let reason = EdgeReason::Inferred { object: object.clone(), span: from.1 };
    (from.0 != to.0).then(|| Edge { from: Address::statement(&from.0), to: Address::statement(&to.0), reason })
}

fn report_duplicate_creators(project: &Project, object: &SqlObject, creators: &[UseSite], problems: &mut Vec<Problem>) {
    let Some((first, others)) = creators.split_first() else { return };
    for other in others {
        problems.push(
            with_use_places(
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
fn report_unordered_alters(
    project: &Project,
    object: &SqlObject,
    alters: &[UseSite],
    reachability: &Reachability,
    problems: &mut Vec<Problem>,
) {
    if alters.len() < 2 {
        return;
    }
    let keys: BTreeSet<&str> = alters.iter().map(|(key, _)| key.as_str()).collect();
    let mut ranked: Vec<(usize, &UseSite, BTreeSet<&str>)> = alters
        .iter()
        .map(|user| {
            let before: BTreeSet<&str> =
                reachability.transitive_dependencies(&user.0).intersection(&keys).copied().collect();
            (before.len(), user, before)
        })
        .collect();
    // How many of the others come before each: 0, 1, 2 … if there is an order.
    ranked.sort();
    for pair in ranked.windows(2) {
        let [(_, first, _), (_, second, before)] = pair else { continue };
        if !before.contains(first.0.as_str()) {
            problems.push(
                with_use_places(
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
fn edges_to_alters(object: &SqlObject, uses: &UseSites, reachability: &Reachability) -> Vec<Edge> {
    let mut edges = Vec::new();
    for alter in &uses.altered_by {
        let before = reachability.transitive_dependencies(&alter.0);
        let users = uses.readers.iter().chain(&uses.writers);
        edges.extend(
            users
                .filter(|user| !before.contains(user.0.as_str()))
                .filter_map(|user| inferred_edge(object, user, alter)),
        );
    }
    edges
}

/// A drop comes after every other use, or is an error where that cannot be.
fn order_drop_after_uses(
    project: &Project,
    object: &SqlObject,
    uses: &UseSites,
    reachability: &Reachability,
    edges: &mut Vec<Edge>,
    problems: &mut Vec<Problem>,
) {
    let Some((drop, repeated_drops)) = uses.dropped_by.split_first() else { return };
    for repeated_drop in repeated_drops {
        problems.push(
            with_use_places(
                Problem::new(format!(
                    "`{object}` is dropped by `statements.{}` and by `statements.{}`",
                    drop.0, repeated_drop.0
                )),
                project,
                [(repeated_drop, "dropped again here"), (drop, "dropped here")],
            )
            .help("keep one of them"),
        );
    }
    let later = reachability.transitive_dependents(&drop.0);
    let mut reported = BTreeSet::new();
    for user in [&uses.creators, &uses.altered_by, &uses.readers, &uses.writers].into_iter().flatten() {
        if user.0 == drop.0 {
            continue;
        }
        if !later.contains(user.0.as_str()) {
            edges.extend(inferred_edge(object, drop, user));
        } else if reported.insert(&user.0) {
            problems.push(
                with_use_places(
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
fn with_use_places(problem: Problem, project: &Project, users: [(&UseSite, &str); 2]) -> Problem {
    users.into_iter().fold(problem, |problem, (user, label)| match use_site_place(project, user) {
        Some(place) => problem.at(place, label),
        None => problem,
    })
}

/// Where the SQL shows an edge, or the manifest says it.
pub(super) fn edge_place(project: &Project, edge: &Edge) -> Option<SourceLocation> {
    let statement = project.statements.get(&edge.from.key)?;
    match &edge.reason {
        EdgeReason::Inferred { span, .. } => Some(statement.source_map.locate(&(span.0..span.1))),
        EdgeReason::Pool | EdgeReason::Declared => statement.reference_places.get(&edge.to).cloned(),
    }
}

fn use_site_place(project: &Project, (key, (start, end)): &UseSite) -> Option<SourceLocation> {
    Some(project.statements.get(key)?.source_map.locate(&(*start..*end)))
}

/// The edges that are certain before alters and drops are placed, in both directions.
struct Reachability {
    dependencies: BTreeMap<String, Vec<String>>,
    dependents: BTreeMap<String, Vec<String>>,
}

impl Reachability {
    fn new(edges: &[Edge]) -> Self {
        let mut reach = Reachability { dependencies: BTreeMap::new(), dependents: BTreeMap::new() };
        for Edge { from, to, .. } in edges.iter().filter(|edge| edge.to.kind == ResourceKind::Statement) {
            reach.dependencies.entry(from.key.clone()).or_default().push(to.key.clone());
            reach.dependents.entry(to.key.clone()).or_default().push(from.key.clone());
        }
        reach
    }

    /// The keys of the statements that `key` needs, directly or not.
    fn transitive_dependencies(&self, key: &str) -> BTreeSet<&str> {
        transitive_closure(&self.dependencies, key)
    }

    /// The keys of the statements that need `key`, directly or not.
    fn transitive_dependents(&self, key: &str) -> BTreeSet<&str> {
        transitive_closure(&self.dependents, key)
    }
}

fn transitive_closure<'r>(next: &'r BTreeMap<String, Vec<String>>, key: &str) -> BTreeSet<&'r str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&'r str> = next.get(key).into_iter().flatten().map(String::as_str).collect();
    while let Some(key) = open.pop() {
        if found.insert(key) {
            open.extend(next.get(key).into_iter().flatten().map(String::as_str));
        }
    }
    found
}
