//! The dependency graph of a project. Every reference is resolved, and there are no cycles.
//!
//! `resolver` completes names, `edges` finds the dependencies and their reasons, `order` sorts dependencies before
//! their dependents or reports cycles, `table_definitions` combines what the project says about the rows of a table,
//! `views` follows views, `statefulness` judges state that the text alone does not show, and `lineage` shows the graph
//! to people.

mod dependency_graph;
mod edge;
mod edges;
mod equal_jobs;
pub mod lineage;
mod order;
mod resolver;
mod sql_object;
mod statefulness;
mod table_definitions;
mod views;

pub use dependency_graph::Graph;
pub use edge::{Edge, EdgeReason};
pub use order::dependencies_first;
pub use resolver::{resolve, resolve_in};
pub use sql_object::{ObjectUsers, SqlObject, span_bounds};
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    manifest::{InvalidProject, Project, sorted_problems},
    resource::Address,
};

/// Finds every dependency of a project.
///
/// # Errors
///
/// Returns every problem that prevents an order: an object that two statements create or drop, `ALTER` statements of
/// one object without an order, drops before uses, and cycles.
pub fn build(project: Project) -> Result<Graph, InvalidProject> {
    let uses = resolver::use_sites(&project);
    let (edges, mut problems) = edges::find_edges(&project, &uses);
    problems.extend(equal_jobs::equal_job_problems(&project, &uses));
    let order = order::topological_order(&project, &edges);
    match order {
        Ok(order) if problems.is_empty() => {
            let mut dependents: BTreeMap<Address, BTreeSet<Address>> = BTreeMap::new();
            for edge in &edges {
                dependents.entry(edge.to.clone()).or_default().insert(edge.from.clone());
            }
            let objects = users_in_order(uses, &order);
            Ok(Graph { project, edges, objects, order, dependents })
        }
        order => {
            problems.extend(order.err().into_iter().flatten());
            Err(InvalidProject { problems: sorted_problems(problems), partial: Some(Box::new(project)) })
        }
    }
}

/// Returns the users of each object. Statements that alter it are sorted by `order`.
fn users_in_order(
    uses: BTreeMap<SqlObject, resolver::UseSites>,
    order: &[Address],
) -> BTreeMap<SqlObject, ObjectUsers> {
    let mut objects: BTreeMap<_, _> = uses.into_iter().map(|(object, uses)| (object, uses.into_users())).collect();
    let mut altered_repeatedly: Vec<&mut ObjectUsers> =
        objects.values_mut().filter(|users| users.altered_by.len() > 1).collect();
    if !altered_repeatedly.is_empty() {
        let positions: BTreeMap<&Address, usize> = order.iter().enumerate().map(|(at, one)| (one, at)).collect();
        for users in &mut altered_repeatedly {
            users.altered_by.sort_by_cached_key(|key| positions.get(&Address::statement(key)).copied());
        }
    }
    objects
}

/// Adds the problems of the valid statements of an invalid project, if they are certain regardless of the invalid ones.
pub fn add_graph_problems(mut invalid: InvalidProject) -> InvalidProject {
    if let Some(project) = &invalid.partial {
        let uses = resolver::use_sites(project);
        let (edges, problems) = edges::edges_of_partial_project(project, &uses);
        invalid.problems.extend(problems);
        invalid.problems.extend(equal_jobs::equal_job_problems(project, &uses));
        invalid.problems.extend(order::topological_order(project, &edges).err().into_iter().flatten());
        invalid.problems = sorted_problems(invalid.problems);
    }
    invalid
}
