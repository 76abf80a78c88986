//! PUT and PATCH of a statement: stop, resume, and a new pool or principal between the two.

use serde_json::Value;

use super::{
    super::{
        answer::{Answer, Failure, empty},
        asked::Asked,
        audit::Verb,
        clock::micros,
        options::Policy,
        world::World,
    },
    Next, Statement, find,
    life::KEPT,
    resume, show, stop,
    submission::{check_pool, check_principal, flag, number, text, texts},
};
use crate::resource::{InternedStr, Phase, SmallMap};

/// What an update wants of a statement.
struct Wanted {
    stopped: bool,
    pool: InternedStr,
    principal: InternedStr,
    labels: Option<SmallMap<String>>,
    baseline_cfu: Option<u32>,
}

/// PUT: the whole object, with the version that was read.
pub(super) fn put(world: &mut World, asked: &Asked, environment: &str, name: &str) -> Result<Answer, Failure> {
    let body = asked.body()?;
    let statement = find(world, environment, name)?;
    let whole = ["/name", "/organization_id", "/environment_id", "/spec/statement", "/spec/compute_pool_id"];
    for pointer in whole.into_iter().chain(["/metadata/resource_version", "/spec/stopped"]) {
        if body.pointer(pointer).is_none_or(Value::is_null) {
            return Err(Failure::new(400, format!("The property '{pointer}' is required.")).at(pointer));
        }
    }
    let version = text(&body, "/metadata/resource_version")?.unwrap_or_default();
    if version != statement.now.version_at(world.moment).0.to_string() {
        return Err(conflict(name));
    }
    let switches = &world.options.switches;
    let renamed = text(&body, "/name")?.is_some_and(|theirs| theirs != name);
    let rewritten = text(&body, "/spec/statement")?.is_some_and(|theirs| theirs != statement.born.sql);
    if (renamed || rewritten) && switches.immutable_change == Policy::Reject {
        let pointer = if renamed { "/name" } else { "/spec/statement" };
        return Err(Failure::new(400, format!("The property '{pointer}' cannot be changed.")).at(pointer));
    }
    let wanted = Wanted {
        stopped: flag(&body, "/spec/stopped")?.unwrap_or(statement.now.stopped),
        pool: text(&body, "/spec/compute_pool_id")?.map_or_else(|| statement.now.pool.clone(), InternedStr::from),
        principal: text(&body, "/spec/principal")?
            .filter(|principal| !principal.is_empty())
            .map_or_else(|| statement.now.principal.clone(), InternedStr::from),
        labels: texts(&body, "/metadata/labels")?,
        baseline_cfu: number(&body, "/spec/scaling/baseline_cfu")?.or(statement.now.baseline_cfu),
    };
    let serial = statement.serial;
    update(world, asked, serial, wanted)?;
    match world.statement(serial).filter(|_| world.options.switches.put_answers_statement) {
        Some(statement) => Ok(show(world, asked, 200, statement, &statement.now)),
        None => Ok(empty(202)),
    }
}

/// PATCH: RFC 6902, without a version.
pub(super) fn patch(world: &mut World, asked: &Asked, environment: &str, name: &str) -> Result<Answer, Failure> {
    if !world.options.switches.patch {
        return Err(Failure::new(403, "Patch feature is currently disabled"));
    }
    let body = asked.body()?;
    let statement = find(world, environment, name)?;
    let (serial, before) = (statement.serial, statement.clone());
    let now = &statement.now;
    let mut wanted = Wanted {
        stopped: now.stopped,
        pool: now.pool.clone(),
        principal: now.principal.clone(),
        labels: None,
        baseline_cfu: now.baseline_cfu,
    };
    let operations = body.as_array().ok_or_else(|| Failure::new(400, "The body must be a list of operations."))?;
    for operation in operations {
        let field = |name| operation.get(name).and_then(Value::as_str).unwrap_or_default();
        let value = operation.get("value");
        let path = field("path");
        match (field("op").to_ascii_lowercase().as_str(), path, value) {
            ("add" | "replace", "/spec/stopped", Some(Value::Bool(stopped))) => wanted.stopped = *stopped,
            ("add" | "replace", "/spec/compute_pool_id", Some(Value::String(pool))) => {
                wanted.pool = pool.as_str().into()
            }
            ("add" | "replace", "/spec/principal", Some(Value::String(id))) => wanted.principal = id.as_str().into(),
            ("test", "/metadata/resource_version", Some(Value::String(version))) => {
                if *version != now.version_at(world.moment).0.to_string() {
                    return Err(conflict(name));
                }
            }
            ("test", "/spec/stopped", Some(Value::Bool(stopped))) if *stopped == now.stopped => {}
            ("test", ..) => return Err(Failure::new(409, format!("The test of '{path}' failed."))),
            (op, ..) => {
                return Err(Failure::new(400, format!("The operation '{op}' on '{path}' is not supported.")));
            }
        }
    }
    update(world, asked, serial, wanted)?;
    // As seen from the service: `spec.stopped` is new at once, the phase may still be the old one.
    let Some(after) = world.statement(serial) else { return Err(Failure::new(500, "Internal Server Error")) };
    let mut shown = after.now.clone();
    if shown.phase == Phase::Stopping {
        shown.phase = before.now.phase;
    }
    Ok(show(world, asked, 200, after, &shown))
}

fn conflict(name: &str) -> Failure {
    Failure::new(409, format!("Statement resource={name} has changed since it was fetched"))
        .coded("resource_version_mismatch", "Conflict")
}

/// What an update means in the statement's present condition.
enum Meaning {
    Stop,
    /// Only `spec.stopped` changes.
    Flag,
    Resume,
    /// Another pool or principal, now or at the next start.
    Move,
    Nothing,
}

fn update(world: &mut World, asked: &Asked, serial: u64, wanted: Wanted) -> Result<(), Failure> {
    let Some(statement) = world.statement(serial).cloned() else { return Ok(()) };
    let now = &statement.now;
    let moved = wanted.pool != now.pool || wanted.principal != now.principal;
    let meaning = meaning(world, &statement, &wanted, moved)?;
    if matches!(meaning, Meaning::Resume | Meaning::Move) {
        check_pool(world, asked, &statement.born.environment, &wanted.pool)?;
        check_principal(world, &wanted.principal)?;
    }
    let labels = wanted.labels.filter(|labels| *labels != now.labels);
    let labels = match (labels, world.options.switches.label_change) {
        (Some(_), Policy::Reject) => return Err(Failure::new(400, "Labels cannot be changed.").at("/metadata/labels")),
        (labels, policy) => labels.filter(|_| policy == Policy::Apply),
    };
    let aside = labels.is_some() || wanted.baseline_cfu != now.baseline_cfu;
    if aside {
        world.change(serial, |now| {
            now.labels = labels.unwrap_or_else(|| std::mem::take(&mut now.labels));
            now.baseline_cfu = wanted.baseline_cfu;
        });
    }
    let (name, uid) = (&statement.born.name, &statement.born.uid);
    match meaning {
        Meaning::Stop => {
            stop(world, serial);
            world.effect(Verb::Stopped, name, uid);
        }
        Meaning::Flag => {
            let purge = world.moment.saturating_add(micros(KEPT));
            world.change(serial, |now| {
                now.stopped = wanted.stopped;
                if wanted.stopped && now.next.iter().any(|(_, next)| *next == Next::Begin) {
                    now.only(purge, Next::Gone); // It had been asked to run again, and had not yet begun.
                }
            });
            world.effect(if wanted.stopped { Verb::Stopped } else { Verb::Resumed }, name, uid);
        }
        Meaning::Resume => {
            if moved {
                world.change(serial, |now| {
                    now.pool = wanted.pool;
                    now.principal = wanted.principal;
                    now.due_move = None;
                });
            }
            resume(world, serial);
            world.effect(Verb::Resumed, name, uid);
        }
        Meaning::Move => {
            let at_rest = now.phase == Phase::Stopped;
            world.change(serial, |now| {
                if at_rest {
                    now.pool = wanted.pool;
                    now.principal = wanted.principal;
                } else {
                    now.due_move = Some(Box::new((wanted.pool, wanted.principal)));
                }
            });
            world.effect(Verb::Updated, name, uid);
        }
        Meaning::Nothing if aside => world.effect(Verb::Updated, name, uid),
        // The version moves even so: the service cannot be known to compare.
        Meaning::Nothing => world.change(serial, |_| {}),
    }
    Ok(())
}

fn meaning(world: &World, statement: &Statement, wanted: &Wanted, moved: bool) -> Result<Meaning, Failure> {
    let switches = &world.options.switches;
    let now = &statement.now;
    let name = &statement.born.name;
    let refused = |words: String| Err(Failure::new(400, words));
    let decided = |policy: Policy, apply: Meaning, words: String| match policy {
        Policy::Apply => Ok(apply),
        Policy::Ignore => Ok(Meaning::Nothing),
        Policy::Reject => refused(words),
    };
    let resumable = statement.born.traits.sort.resumes();
    if now.phase == Phase::Deleting {
        return Err(Failure::new(409, format!("Statement resource={name} is being deleted")));
    }
    let move_words = || format!("Statement {name} must be stopped before its compute pool or principal is changed.");
    match (now.stopped, wanted.stopped, &now.phase) {
        (_, true, _) if moved && now.phase != Phase::Stopped => {
            decided(switches.move_running, Meaning::Move, move_words())
        }
        (false, true, Phase::Pending) => {
            decided(switches.stop_pending, Meaning::Stop, format!("Statement {name} is PENDING and cannot be stopped."))
        }
        (false, true, Phase::Completed | Phase::Failed) => {
            let words = format!("Statement {name} is {} and cannot be stopped.", now.phase);
            decided(switches.stop_ended, Meaning::Flag, words)
        }
        (false, true, Phase::Failing | Phase::Stopping | Phase::Stopped) => Ok(Meaning::Flag),
        (false, true, _) => Ok(Meaning::Stop),
        (true, false, Phase::Stopping) => {
            Err(Failure::new(409, format!("Statement resource={name} is being stopped; resume it when it is STOPPED")))
        }
        (true, false, Phase::Completed) => Ok(Meaning::Flag),
        (true, false, _) if !resumable => {
            let kind = &statement.born.traits.kind;
            decided(
                switches.resume_other_kind,
                Meaning::Resume,
                format!("A statement of kind {kind} cannot be resumed."),
            )
        }
        (_, false, Phase::Failed) if resumable && switches.failed_resumable => Ok(Meaning::Resume),
        (_, false, Phase::Failed) => refused(format!("Statement {name} is FAILED and cannot be resumed.")),
        (true, false, _) => Ok(Meaning::Resume),
        (true, true, Phase::Stopped) if moved => decided(switches.move_stopped, Meaning::Move, move_words()),
        (false, false, _) if moved => decided(switches.move_running, Meaning::Move, move_words()),
        _ => Ok(Meaning::Nothing),
    }
}
