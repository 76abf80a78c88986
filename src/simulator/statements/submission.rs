//! A new statement: what a POST must hold, and what comes of it.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::{
    super::{
        answer::{Answer, Failure},
        asked::Asked,
        audit::Verb,
        clock::micros,
        options::{Policy, Switches},
        pools,
        reading::Gist,
        scenario::{Fate, seconds},
        world::World,
    },
    life::KEPT,
    record::{Born, Next, Now, Statement, is_dry_run},
    show, shown,
};
use crate::resource::{InternedStr, Phase, SmallMap};

/// The most properties: the OpenAPI document.
const PROPERTIES: usize = 8192;
/// When the version moves by itself after a submission, in microseconds: a real one went from 1 to 5 within 0.4 s.
const BUMPS: [i64; 3] = [120_000, 350_000, 900_000];

/// What a POST asks for.
struct Submission {
    name: String,
    sql: String,
    properties: Option<SmallMap<String>>,
    labels: SmallMap<String>,
    stopped: bool,
    principal: Option<String>,
    pool: Option<String>,
    baseline_cfu: Option<u32>,
}

/// POST of a statement.
pub(super) fn create(
    world: &mut World,
    asked: &Asked,
    organization: &str,
    environment: &str,
) -> Result<Answer, Failure> {
    let body = asked.body()?;
    let switches = world.options.switches.clone();
    for (pointer, ours) in [("/organization_id", organization), ("/environment_id", environment)] {
        if text(&body, pointer)?.is_some_and(|theirs| theirs != ours) {
            return Err(Failure::new(400, format!("{pointer} differs from the path")).at(pointer));
        }
    }
    let submission = read(&body, &switches)?;
    if let Some(existing) = world.named(environment, &submission.name) {
        return Err(taken(&submission.name, shown::url(&asked.origin, existing), &switches));
    }
    if switches.statement_quota.is_some_and(|most| world.count(environment) >= most) {
        let words = format!("The number of statements in environment {environment} is currently limited to its quota.");
        return Err(Failure::new(switches.quota_status, words).coded("quota_exceeded", "Quota Exceeded"));
    }
    let stopped = match (submission.stopped, switches.create_stopped) {
        (true, Policy::Reject) => return Err(Failure::new(400, "A statement cannot be created stopped")),
        (stopped, policy) => stopped && policy == Policy::Apply,
    };
    let principal = submission.principal.unwrap_or_else(|| asked.owner.clone());
    check_principal(world, &principal)?;
    let pool = match submission.pool {
        Some(pool) => check_pool(world, asked, environment, &pool).map(|()| pool)?,
        // What is only judged needs no pool, so none is made for it.
        None if is_dry_run(submission.properties.as_ref()) && !switches.dry_run_stored => {
            pools::known_default(world, asked, environment).unwrap_or_default()
        }
        None => pools::default_pool(world, asked, environment)?,
    };
    let mut born = Born {
        organization: (*organization).into(),
        environment: (*environment).into(),
        name: submission.name,
        uid: String::new(),
        created: world.moment,
        traits: Gist::of(&submission.sql).traits,
        sql: submission.sql,
        properties: submission.properties,
    };
    let now = fresh(world, &born, pool.into(), principal.into(), submission.labels, stopped, submission.baseline_cfu);
    if born.dry_run() && !switches.dry_run_stored {
        return Ok(show_dry_run(world, asked, born, now));
    }
    born.uid = uuid(&mut world.random());
    let serial = begin(world, born, now);
    let Some(statement) = world.statement(serial) else { return Err(Failure::new(500, "Internal Server Error")) };
    let mut answer = show(world, asked, 201, statement, &statement.now);
    answer.headers.push("Location", shown::url(&asked.origin, statement));
    Ok(answer)
}

/// What a body asks for, if it may be asked.
fn read(body: &Value, switches: &Switches) -> Result<Submission, Failure> {
    let name = text(body, "/name")?.ok_or_else(|| missing("/name", switches))?;
    check_name(&name, switches)?;
    let sql = text(body, "/spec/statement")?.filter(|sql| !sql.is_empty());
    let sql = sql.ok_or_else(|| missing("/spec/statement", switches))?;
    if sql.len() > switches.sql_limit {
        let words = format!("This query is too large to process (exceeds {} bytes).", switches.sql_limit);
        return Err(invalid(switches, words, "/spec/statement"));
    }
    let properties = texts(body, "/spec/properties")?;
    if properties.as_ref().is_some_and(|properties| properties.len() > PROPERTIES) {
        let words = format!("There are more than {PROPERTIES} properties.");
        return Err(invalid(switches, words, "/spec/properties"));
    }
    Ok(Submission {
        name,
        sql,
        properties,
        labels: texts(body, "/metadata/labels")?.unwrap_or_default(),
        stopped: flag(body, "/spec/stopped")?.unwrap_or(false),
        principal: text(body, "/spec/principal")?.filter(|principal| !principal.is_empty()),
        pool: text(body, "/spec/compute_pool_id")?.filter(|pool| !pool.is_empty()),
        baseline_cfu: number(body, "/spec/scaling/baseline_cfu")?,
    })
}

fn taken(name: &str, location: String, switches: &Switches) -> Failure {
    let failure = Failure::new(409, format!("Statement resource={name} already exists"))
        .coded("resource_already_exists", "Resource Already exists");
    if switches.conflict_location { failure.with("Location", location) } else { failure }
}

/// A dry run is judged in the answer and never stored, as Confluent's client for Python (0.7.0) expects.
fn show_dry_run(world: &World, asked: &Asked, born: Born, now: Now) -> Answer {
    let mut statement = Statement { serial: 0, born: Box::new(born), now: Box::new(now), before: None };
    let fate = world.fate(&statement.born.name);
    match world.compile(&statement, fate) {
        Ok(_) => statement.now.phase = Phase::Completed,
        Err(reason) => {
            statement.now.phase = Phase::Failed;
            statement.now.detail = reason;
            statement.now.invalid = true;
        }
    }
    show(world, asked, 201, &statement, &statement.now)
}

/// The condition of a new statement: PENDING, or STOPPED from the first.
fn fresh(
    world: &mut World,
    born: &Born,
    pool: InternedStr,
    principal: InternedStr,
    labels: SmallMap<String>,
    stopped: bool,
    baseline_cfu: Option<u32>,
) -> Now {
    let moment = world.moment;
    let pace = world.options.pace;
    let mut due = world.about(if born.traits.sort.resumes() { pace.start } else { pace.define });
    if let Some(Fate::Slow(after)) = world.fate(&born.name) {
        due = moment.saturating_add(micros(seconds(*after)));
    }
    let bumps: VecDeque<i64> = BUMPS.iter().map(|after| moment.saturating_add(*after)).collect();
    Now {
        pool,
        principal,
        due_move: None,
        labels,
        stopped,
        phase: if stopped { Phase::Stopped } else { Phase::Pending },
        detail: String::new(),
        version: 4,
        bumps: if world.options.switches.early_bumps { bumps } else { VecDeque::new() },
        updated: moment,
        scaling: None,
        baseline_cfu,
        warnings: Vec::new(),
        read: BTreeMap::new(),
        offsets_at: None,
        began: None,
        ended: stopped.then_some(moment),
        alive: false,
        invalid: false,
        carried: false,
        waits_for: None,
        exceptions: VecDeque::new(),
        next: vec![if stopped { (moment.saturating_add(micros(KEPT)), Next::Gone) } else { (due, Next::Start) }],
    }
}

fn begin(world: &mut World, born: Born, now: Now) -> u64 {
    let (name, uid) = (born.name.clone(), born.uid.clone());
    let serial = world.add(born, now);
    world.effect(Verb::Created, &name, &uid);
    serial
}

/// Whether a statement may run on a pool.
pub(super) fn check_pool(world: &World, asked: &Asked, environment: &str, id: &str) -> Result<(), Failure> {
    let pool = world.pool(id).filter(|pool| pool.environment == environment && pool.phase.as_str() != "DEPROVISIONING");
    let fits = pool.is_some_and(|pool| {
        asked.place().is_none_or(|(cloud, region)| pool.cloud.eq_ignore_ascii_case(cloud) && pool.region == region)
    });
    if fits { Ok(()) } else { Err(Failure::new(400, format!("logical compute pool={id} not found"))) }
}

/// A user that does not exist is refused at once; a service account makes the statement FAIL later.
pub(super) fn check_principal(world: &World, principal: &str) -> Result<(), Failure> {
    let known = world.options.principals.as_ref().is_none_or(|known| known.contains(principal));
    if known || principal.starts_with("sa-") { Ok(()) } else { Err(Failure::new(400, "Bad Request")) }
}

fn check_name(name: &str, switches: &Switches) -> Result<(), Failure> {
    let limit = if switches.strict_names { 72 } else { 100 };
    let word = |part: &str| {
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        ends(part.chars().next())
            && ends(part.chars().last())
            && part.chars().all(|c| c == '-' || c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    let valid = if switches.strict_names { word(name) } else { name.split('.').all(word) };
    if valid && name.len() <= limit {
        return Ok(());
    }
    let words = format!(
        "The name '{name}' is invalid: it must have at most {limit} characters, only lower-case letters, digits and \
         hyphens, and begin and end with a letter or digit."
    );
    Err(invalid(switches, words, "/name"))
}

fn invalid(switches: &Switches, words: String, pointer: &str) -> Failure {
    Failure::new(switches.invalid_status, words).coded("invalid_configuration", "Validation Failed").at(pointer)
}

fn missing(pointer: &str, switches: &Switches) -> Failure {
    invalid(switches, format!("The property '{pointer}' is required."), pointer)
}

fn wrong(pointer: &str, wanted: &str) -> Failure {
    Failure::new(400, format!("The property '{pointer}' must be {wanted}.")).at(pointer)
}

/// The text at `pointer`; `None` if it is absent or null.
pub(super) fn text(body: &Value, pointer: &str) -> Result<Option<String>, Failure> {
    match body.pointer(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong(pointer, "a string")),
    }
}

/// The flag at `pointer`.
pub(super) fn flag(body: &Value, pointer: &str) -> Result<Option<bool>, Failure> {
    match body.pointer(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(wrong(pointer, "true or false")),
    }
}

/// The count at `pointer`.
pub(super) fn number(body: &Value, pointer: &str) -> Result<Option<u32>, Failure> {
    match body.pointer(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
            number.map(Some).ok_or_else(|| wrong(pointer, "a whole number"))
        }
    }
}

/// The map of texts at `pointer`.
pub(super) fn texts(body: &Value, pointer: &str) -> Result<Option<SmallMap<String>>, Failure> {
    let entries = match body.pointer(pointer) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(entries)) => entries,
        Some(_) => return Err(wrong(pointer, "a map of strings")),
    };
    let entry = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    entries.iter().map(entry).collect::<Option<_>>().map(Some).ok_or_else(|| wrong(pointer, "a map of strings"))
}

/// A random UUID (version 4).
pub(in crate::simulator) fn uuid(random: &mut fastrand::Rng) -> String {
    let (high, low) = (random.u64(..), random.u64(..));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 50),
        low & 0xffff_ffff_ffff
    )
}

/// Somebody deletes a statement and creates it again, at once.
pub(in crate::simulator) fn recreate(world: &mut World, serial: u64, sql: Option<String>) {
    let Some(old) = world.remove(serial) else { return };
    let (name, uid) = (old.born.name.clone(), old.born.uid.clone());
    world.effect(Verb::Deleted, &name, &uid);
    let sql = sql.unwrap_or(old.born.sql);
    let traits = Gist::of(&sql).traits;
    let born = Born { uid: uuid(&mut world.random()), created: world.moment, traits, sql, ..*old.born };
    let old = *old.now;
    let now = fresh(world, &born, old.pool, old.principal, old.labels, false, old.baseline_cfu);
    begin(world, born, now);
}
