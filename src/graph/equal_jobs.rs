//! Reports declared jobs that would write the same rows twice.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    SqlObject,
    edges::with_use_places,
    resolver::{NameResolver, UseSite, UseSites},
};
use crate::{
    manifest::{DeclaredStatement, Project},
    resource::{Address, Consent, ConsentKind, Problem, Template, properties},
    sql::{self, Namespace, StatementClass, Usage},
};

/// The catalog of Confluent's example tables, which only generate rows.
const EXAMPLES_CATALOG: &str = "examples";

/// Returns a problem for each job with an `INSERT` that another job has too, unless one of them consents to it. Only
/// jobs with a common sink are compared, because equal ones have one. One that is stopped does not run.
pub(super) fn equal_job_problems(project: &Project, uses: &BTreeMap<SqlObject, UseSites>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut reported: BTreeSet<(&str, &str)> = BTreeSet::new();
    for sites in uses.values().filter(|sites| sites.writers.len() > 1) {
        let mut first_by_form: BTreeMap<String, &UseSite> = BTreeMap::new();
        for site in &sites.writers {
            let Some(declared) = project.statements.get(&site.0) else { continue };
            let is_running_job = declared.analysis.kind.class() == StatementClass::Job && !declared.spec.stopped;
            if !is_running_job || only_generates_rows(project, declared, uses) {
                continue;
            }
            for form in insert_forms(project, declared) {
                let first = *first_by_form.entry(form).or_insert(site);
                let is_new = first.0 != site.0 && reported.insert((&first.0, &site.0));
                problems.extend(is_new.then(|| equal_job_problem(project, first, site)).flatten());
            }
        }
    }
    problems
}

/// Returns the problem with two equal jobs, or `None` if the manifests consent to it.
fn equal_job_problem(project: &Project, first: &UseSite, second: &UseSite) -> Option<Problem> {
    let [one, other] = [first, second].map(|site| Address::statement(&site.0));
    let [of_one, of_other] = [(&one, &other), (&other, &one)].map(|(address, copied)| {
        Consent::to_change(ConsentKind::Copy, [address.to_string().as_str(), copied.to_string().as_str()])
    });
    if project.has_consent(&one, &of_one) || project.has_consent(&other, &of_other) {
        return None;
    }
    let problem = Problem::new(format!("`{other}` runs the same SQL as `{one}`, so every row would be written twice"));
    Some(with_use_places(problem, project, [(second, "written here"), (first, "also written here")]).help(format!(
        "Remove one of them. To run both, add `accept = \"{of_other}\"` to `[{}.{}]`.",
        other.kind.manifest_table(),
        other.key
    )))
}

/// Returns the forms of the `INSERT` statements of a job.
fn insert_forms(project: &Project, declared: &DeclaredStatement) -> BTreeSet<String> {
    let property = |name: &str| declared.spec.properties.get(name).map(Template::masked);
    let (catalog, database) = (property(properties::CURRENT_CATALOG), property(properties::CURRENT_DATABASE));
    let aliases = Some(&project.environment.aliases);
    let namespace = Namespace { catalog: catalog.as_deref(), database: database.as_deref(), aliases };
    sql::insert_forms(&declared.spec.sql.masked(), namespace)
}

/// Returns whether a job reads nothing but tables that only generate rows.
fn only_generates_rows(project: &Project, declared: &DeclaredStatement, uses: &BTreeMap<SqlObject, UseSites>) -> bool {
    let resolver = NameResolver::for_statement(&declared.spec, &project.environment.aliases);
    let is_table = |mention: &&sql::Mention| mention.kind == sql::ObjectKind::Table;
    let sources = declared.analysis.mentions.iter().filter(|mention| mention.usage == Usage::Reads).filter(is_table);
    sources.map(|mention| resolver.resolve(mention)).all(|source| {
        let creators = uses.get(&source).map(|sites| sites.creators.as_slice()).unwrap_or_default();
        let creator = creators.first().and_then(|(key, _)| project.statements.get(key));
        source.name.first().is_some_and(|catalog| source.name.len() == 3 && **catalog == *EXAMPLES_CATALOG)
            || creator.is_some_and(|creator| sql::generates_rows(&creator.spec.sql.masked()))
    })
}
