//! The statements API, `sql/v1`: what each request does and what it is answered.

mod life;
mod record;
mod shown;
mod submission;
mod update;

use serde_json::{Value, json};

use super::{
    answer::{Answer, Failure, empty, json_answer},
    asked::{Asked, Page},
    audit::Verb,
    world::World,
};
use crate::{cloud::Method, resource::Phase, simulator::options::Policy};
pub(super) use record::{Alarm, Born, Next, Now, Statement};
pub(super) use submission::{recreate, uuid};

/// Answers a request below `…/environments/{environment}/statements`; `rest` is what follows.
pub(super) fn answer(
    world: &mut World,
    asked: &Asked,
    organization: &str,
    environment: &str,
    rest: &[&str],
) -> Result<Answer, Failure> {
    // An environment belongs to one organization: to the one that has something in it.
    let owner = world.listed(environment, None, "").next().map(|statement| &statement.born.organization);
    if owner.is_some_and(|owner| *owner != *organization) {
        let words = format!("Environment {environment} does not exist in organization {organization}");
        return Err(Failure::new(404, words).coded("not_found", "Not Found"));
    }
    match (asked.method, rest) {
        (Method::Get, []) => list(world, asked, organization, environment),
        (Method::Post, []) => submission::create(world, asked, organization, environment),
        (Method::Get, [name]) => get(world, asked, environment, name),
        (Method::Put, [name]) => update::put(world, asked, environment, name),
        (Method::Patch, [name]) => update::patch(world, asked, environment, name),
        (Method::Delete, [name]) => delete(world, environment, name),
        (Method::Get, [name, "exceptions"]) => {
            Ok(json_answer(200, &shown::exceptions(find(world, environment, name)?, &asked.origin)))
        }
        (Method::Get, [name, "results"]) => results(world, asked, environment, name),
        (_, [] | [_]) => Err(Failure::new(405, "Method Not Allowed")),
        _ => Err(Failure::new(404, "Not Found")),
    }
}

/// The statement of that name, or the service's words that there is none.
fn find<'a>(world: &'a World, environment: &str, name: &str) -> Result<&'a Statement, Failure> {
    let absent = || Failure::new(404, format!("Statement resource={name} does not exist"));
    world.named(environment, name).ok_or_else(absent)
}

/// A statement as it is now.
fn show(world: &World, asked: &Asked, status: u16, statement: &Statement, now: &Now) -> Answer {
    json_answer(status, &shown::shown(statement, now, &asked.origin, world.moment, &world.options.switches))
}

fn get(world: &mut World, asked: &Asked, environment: &str, name: &str) -> Result<Answer, Failure> {
    let statement = find(world, environment, name)?;
    if statement.now.phase == Phase::Deleting && world.options.switches.deleting_reads_empty {
        return Ok(empty(204));
    }
    Ok(show(world, asked, 200, statement, statement.seen(asked.view.stale)))
}

fn list(world: &mut World, asked: &Asked, organization: &str, environment: &str) -> Result<Answer, Failure> {
    let page = Page::of(asked)?;
    let labels = label_selector(asked)?;
    let ordered = asked.query("time_ordered") == Some("true");
    let wanted = asked.query("statement_name_search_query").filter(|_| ordered);
    let switches = &world.options.switches;
    let fresh = asked.view.lag.map(|lag| world.moment.saturating_sub(lag));
    let fits = |statement: &&Statement| {
        (switches.deleting_listed || statement.now.phase != Phase::Deleting)
            && labels.iter().all(|(key, value)| statement.now.labels.get(*key).is_some_and(|held| held == value))
            && wanted.is_none_or(|part| statement.born.name.contains(part))
            && fresh.is_none_or(|fresh| statement.born.created < fresh)
    };
    let pool = asked.query("spec.compute_pool_id").filter(|pool| !pool.is_empty());
    let mut found: Vec<&Statement> =
        world.listed(environment, pool, page.after()).filter(fits).take(page.size.saturating_add(1)).collect();
    let next = page.next(&mut found, |statement| statement.born.name.as_str());
    if let (Some(fresh), true) = (fresh, page.after().is_empty()) {
        let gone = world.departed.iter().filter(|(at, it)| *at >= fresh && it.born.environment == *environment);
        found.extend(gone.map(|(_, statement)| statement));
    }
    let data: Vec<_> = found
        .iter()
        .map(|it| shown::shown(it, it.seen(asked.view.stale), &asked.origin, world.moment, switches))
        .collect();
    let collection = shown::collection(&asked.origin, organization, environment);
    #[derive(serde::Serialize)]
    struct List<'a> {
        api_version: &'static str,
        data: Vec<shown::Shown<'a>>,
        kind: &'static str,
        metadata: Value,
    }
    let next = next.map(|token| asked.next_page(&collection, &token)).unwrap_or_default();
    let metadata = json!({ "self": collection, "first": "", "last": "", "prev": "", "next": next });
    Ok(json_answer(200, &List { api_version: "sql/v1", data, kind: "StatementList", metadata }))
}

/// `label_selector`: `key=value` pairs with commas; more of its grammar is not documented.
fn label_selector<'a>(asked: &'a Asked) -> Result<Vec<(&'a str, &'a str)>, Failure> {
    let selector = asked.query("label_selector").unwrap_or_default();
    let pairs = selector.split(',').filter(|pair| !pair.trim().is_empty());
    let pair = |pair: &'a str| pair.trim().split_once('=').map(|(key, value)| (key, value.trim_start_matches('=')));
    pairs.map(pair).collect::<Option<_>>().ok_or_else(|| {
        Failure::new(400, "label_selector must be a comma-separated list of key=value pairs")
            .coded("invalid_filter", "Invalid Filter")
    })
}

fn delete(world: &mut World, environment: &str, name: &str) -> Result<Answer, Failure> {
    let statement = find(world, environment, name)?;
    let (serial, uid) = (statement.serial, statement.born.uid.clone());
    let status = world.options.switches.delete_status;
    if statement.now.phase == Phase::Deleting {
        return match world.options.switches.delete_again {
            Policy::Apply | Policy::Ignore => Ok(empty(status)),
            Policy::Reject => Err(Failure::new(404, format!("Statement resource={name} does not exist"))),
        };
    }
    remove(world, serial, name, &uid);
    Ok(empty(status))
}

/// A statement is asked to go; one that runs goes on running until it is stopped on the way.
pub(super) fn remove(world: &mut World, serial: u64, name: &str, uid: &str) {
    let due = world.about(world.options.pace.delete);
    world.change(serial, |now| {
        now.phase = Phase::Deleting;
        now.detail.clear();
        now.scaling = None;
        now.waits_for = None;
        now.only(due, Next::Gone);
    });
    world.effect(Verb::Deleted, name, uid);
}

/// A statement is asked to stop, whatever it does.
pub(super) fn stop(world: &mut World, serial: u64) {
    let due = world.about(world.options.pace.stop);
    world.change(serial, |now| {
        now.stopped = true;
        now.phase = Phase::Stopping;
        now.detail.clear();
        now.scaling = None;
        now.waits_for = None;
        now.only(due, Next::Stopped);
    });
}

/// A statement is asked to run again. For a moment it still says STOPPED.
pub(super) fn resume(world: &mut World, serial: u64) {
    let due = world.about(world.options.pace.start.min(std::time::Duration::from_millis(300)));
    world.change(serial, |now| {
        now.stopped = false;
        now.only(due, Next::Begin);
    });
}

fn results(world: &mut World, asked: &Asked, environment: &str, name: &str) -> Result<Answer, Failure> {
    let statement = find(world, environment, name)?;
    if !shown::has_results(&statement.now.phase) {
        return Err(Failure::new(409, format!("Results for Statement={name} not ready")));
    }
    let answer = json_answer(200, &shown::results(statement, &asked.origin));
    let (serial, moment) = (statement.serial, world.moment);
    world.consumed(serial, moment);
    Ok(answer)
}
