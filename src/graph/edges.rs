//! Finds the dependencies of a project and their reasons.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    Edge, EdgeReason, SqlObject,
    resolver::{UseSite, UseSites},
};
use crate::{
    manifest::Project,
    resource::{Address, Problem, ResourceKind, SourceLocation},
};

/// Returns every edge, sorted, each reason once, and the problems with statements that create, alter and drop the
/// same objects.
pub(super) fn find_edges(project: &Project, uses: &BTreeMap<SqlObject, UseSites>) -> (Vec<Edge>, Vec<Problem>) {
    let (mut edges, mut problems) = certain_edges(project, uses);
    let mut reachability = Reachability::new(&edges);
    for (object, uses) in uses {
        for edge in edges_between_alters(project, object, &uses.altered_by, &reachability) {
            reachability.add(&edge);
            edges.push(edge);
        }
    }
    for (object, uses) in uses {
        report_unordered_alters(project, object, &uses.altered_by, &reachability, &mut problems);
        edges.extend(edges_to_alters(object, uses, &reachability));
        let (drop_edges, drop_problems) = order_drop_after_uses(project, object, uses, &reachability);
        edges.extend(drop_edges);
        problems.extend(drop_problems);
    }
    // Equal edges are the same edge.
    edges.sort_unstable();
    edges.dedup();
    edges.shrink_to_fit();
    (edges, problems)
}

/// Returns the edges that do not depend on other statements, sorted, and the problems that are certain. More
/// statements may put `ALTER` statements in order and may decide what runs later, but they cannot remove any of these.
pub(super) fn edges_of_partial_project(
    project: &Project,
    uses: &BTreeMap<SqlObject, UseSites>,
) -> (Vec<Edge>, Vec<Problem>) {
    let (mut edges, mut problems) = certain_edges(project, uses);
    let reachability = Reachability::new(&edges);
    for (object, uses) in uses {
        problems.extend(order_drop_after_uses(project, object, uses, &reachability).1);
    }
    edges.sort_unstable();
    edges.dedup();
    (edges, problems)
}

/// Returns the declared edges and those from users of an object to its creator.
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

/// Returns the edges that manifests declare: pools and `depends_on`.
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

/// Returns the edge between two uses of an object. `None` if both are in the same statement.
fn inferred_edge(object: &SqlObject, from: &UseSite, to: &UseSite) -> Option<Edge> {
    let reason = EdgeReason::Inferred { object: object.clone(), span: from.1 };
    (from.0 != to.0).then(|| Edge { from: Address::statement(&from.0), to: Address::statement(&to.0), reason })
}

/// Reports each statement that creates an object that another statement already creates.
fn report_duplicate_creators(project: &Project, object: &SqlObject, creators: &[UseSite], problems: &mut Vec<Problem>) {
    let Some((first, others)) = creators.split_first() else { return };
    for other in others {
        problems.push(
            with_use_places(
                Problem::new(format!(
                    "`{object}` is created by both `statements.{}` and `statements.{}`",
                    first.0, other.0
                )),
                project,
                [(other, "also created here"), (first, "created here")],
            )
            .help("Keep one of them. If they create different objects, qualify their names with catalog and database."),
        );
    }
}

/// An `ALTER` statement with the place of its declaration in the manifest, and the statements that it needs.
type PlacedAlter<'a> = (usize, &'a UseSite, BTreeSet<&'a str>);

/// Returns the edges that put the `ALTER` statements of one object that one manifest declares in the order of that
/// manifest, as far as the certain edges do not order them otherwise.
fn edges_between_alters(
    project: &Project,
    object: &SqlObject,
    alters: &[UseSite],
    reachability: &Reachability,
) -> Vec<Edge> {
    let mut by_file: BTreeMap<&Path, Vec<PlacedAlter<'_>>> = BTreeMap::new();
    for user in alters.iter().filter(|_| alters.len() > 1) {
        let Some(place) = project.statements.get(&user.0).map(|statement| &statement.place) else { continue };
        let before = reachability.transitive_dependencies(&user.0);
        by_file.entry(&place.source.path).or_default().push((place.span.start, user, before));
    }
    let mut edges = Vec::new();
    for mut remaining in by_file.into_values() {
        remaining.sort_unstable();
        let mut previous: Option<&UseSite> = None;
        while !remaining.is_empty() {
            // The next statement is the first of the file that needs none of the others. On a cycle, it is the first.
            let needs_none = |(_, user, before): &PlacedAlter<'_>| {
                !remaining.iter().any(|(_, other, _)| other.0 != user.0 && before.contains(other.0.as_str()))
            };
            let (_, next, _) = remaining.remove(remaining.iter().position(needs_none).unwrap_or_default());
            edges.extend(previous.and_then(|previous| inferred_edge(object, next, previous)));
            previous = Some(next);
        }
    }
    edges
}

/// Reports `ALTER` statements of one object that have no order between them.
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
    // The number of other `ALTER` statements before each one: 0, 1, 2 … if there is an order.
    ranked.sort();
    for pair in ranked.windows(2) {
        let [(_, first, _), (_, second, before)] = pair else { continue };
        if !before.contains(first.0.as_str()) {
            problems.push(
                with_use_places(
                    Problem::new(format!(
                        "`statements.{}` and `statements.{}` both alter `{object}`, but their order is not declared",
                        first.0, second.0
                    )),
                    project,
                    [(second, "altered here"), (first, "also altered here")],
                )
                .help(format!(
                    "Declare both in one manifest, in the order in which they run, or write `depends_on = \
                     [\"statements.{}\"]` in the other statement.",
                    first.0
                )),
            );
        }
    }
}

/// Returns the edges from users of an object to the statements that alter it, except where such a statement is declared
/// to follow the use.
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

/// Returns the edges that put a drop after every other use of the object, and the problems of uses that must run after
/// the drop.
fn order_drop_after_uses(
    project: &Project,
    object: &SqlObject,
    uses: &UseSites,
    reachability: &Reachability,
) -> (Vec<Edge>, Vec<Problem>) {
    let (mut edges, mut problems) = (Vec::new(), Vec::new());
    let Some((drop, repeated_drops)) = uses.dropped_by.split_first() else { return (edges, problems) };
    for repeated_drop in repeated_drops {
        problems.push(
            with_use_places(
                Problem::new(format!(
                    "`{object}` is dropped by both `statements.{}` and `statements.{}`",
                    drop.0, repeated_drop.0
                )),
                project,
                [(repeated_drop, "also dropped here"), (drop, "dropped here")],
            )
            .help("Keep one of them."),
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
                        "`statements.{}` drops `{object}`, but `statements.{}` uses it later",
                        drop.0, user.0
                    )),
                    project,
                    [(drop, "dropped here"), (user, "used here")],
                )
                .help(format!(
                    "Remove the `DROP`. With `undo = \"DROP …\"` in the statement that creates `{object}`, floe \
                     drops it when that statement is removed."
                )),
            );
        }
    }
    (edges, problems)
}

/// Adds the places of two uses to a problem, with a label for each.
pub(super) fn with_use_places(problem: Problem, project: &Project, users: [(&UseSite, &str); 2]) -> Problem {
    users.into_iter().fold(problem, |problem, (user, label)| match use_site_place(project, user) {
        Some(place) => problem.at(place, label),
        None => problem,
    })
}

/// Returns where the SQL shows an edge, or where the manifest declares it.
pub(super) fn edge_place(project: &Project, edge: &Edge) -> Option<SourceLocation> {
    let statement = project.statements.get(&edge.from.key)?;
    match &edge.reason {
        EdgeReason::Inferred { span, .. } => Some(statement.source_map.locate(&(span.0..span.1))),
        EdgeReason::Pool | EdgeReason::Declared => statement.reference_places.get(&edge.to).cloned(),
    }
}

/// Returns where the SQL of a statement names the object.
fn use_site_place(project: &Project, (key, (start, end)): &UseSite) -> Option<SourceLocation> {
    Some(project.statements.get(key)?.source_map.locate(&(*start..*end)))
}

/// Reachability over the edges that are certain before uses are ordered around statements that alter or drop objects,
/// in both directions.
struct Reachability {
    /// The statements that each statement needs directly.
    dependencies: BTreeMap<String, Vec<String>>,
    /// The statements that need each statement directly.
    dependents: BTreeMap<String, Vec<String>>,
}

impl Reachability {
    /// Returns the reachability over those edges that connect statements.
    fn new(edges: &[Edge]) -> Self {
        let mut reach = Reachability { dependencies: BTreeMap::new(), dependents: BTreeMap::new() };
        edges.iter().filter(|edge| edge.to.kind == ResourceKind::Statement).for_each(|edge| reach.add(edge));
        reach
    }

    /// Takes in an edge between two statements.
    fn add(&mut self, edge: &Edge) {
        self.dependencies.entry(edge.from.key.clone()).or_default().push(edge.to.key.clone());
        self.dependents.entry(edge.to.key.clone()).or_default().push(edge.from.key.clone());
    }

    /// Returns the keys of the statements that `key` needs, directly or indirectly.
    fn transitive_dependencies(&self, key: &str) -> BTreeSet<&str> {
        transitive_closure(&self.dependencies, key)
    }

    /// Returns the keys of the statements that need `key`, directly or indirectly.
    fn transitive_dependents(&self, key: &str) -> BTreeSet<&str> {
        transitive_closure(&self.dependents, key)
    }
}

/// Returns every key that can be reached from `key`.
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
