//! What is asked about statements: written down before, settled after, and by reading where the answer is no answer.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    event::{Asked, Failure},
    operate::asked,
    walk::{Footing, Tools},
};
use crate::{
    cloud::{Error, ErrorKind, Fetched, NewStatement},
    live::Live,
    resource::{
        Amendment, Few, Intent, LiveStatement, Operation, Phase, PhaseClass, Seen, Submission, Template, Unset, labels,
    },
    settle::{Verdict, amended, verdict},
    state::{Outcome, Reached},
};

/// How often one request is tried again after its outcome was settled as nothing, or after a conflict.
const TRIES: u32 = 30;
/// How long a request whose answer was lost is looked for before it counts as never arrived.
const LANDING: Duration = Duration::from_secs(12);
/// How long a name that is being deleted is waited for.
const TEARDOWN: Duration = Duration::from_secs(20 * 60);

/// Whether a statement still is what the plan saw.
pub(super) async fn look(name: &str, seen: &Seen, tools: &Tools) -> Result<Fetched, Failure> {
    let found = fetch(name, tools).await?;
    let found = found.ok_or_else(|| Failure::Changed { name: name.to_owned(), how: "it is gone".to_owned() })?;
    match seen.still_holds(&found.live) {
        Ok(()) => Ok(found),
        Err(how) => Err(Failure::Changed { name: name.to_owned(), how: how.to_owned() }),
    }
}

/// Submits a statement under a name that is free. An answer that is lost is settled by reading, and the request is
/// sent again only under the same name, so it can take effect once at most.
pub(super) async fn submit(
    submission: &Submission,
    pool: Option<String>,
    footing: &Footing<'_>,
    tools: &Tools,
    changed: &mut bool,
) -> Result<Asked, Failure> {
    let submission = Submission { pool, ..submission.clone() };
    let name = submission.name.clone();
    let mut new = reveal(&submission, tools)?;
    // A request whose answer was lost may land at any later time, so no refusal of a later one says that nothing came.
    let mut may_land = false;
    for attempt in 0..TRIES {
        if attempt > 0 && tools.must_stop(footing) {
            return Err(Failure::Interrupted);
        }
        let operation = Operation::Submit(submission.clone());
        let intent = tools.record.intend(footing.address, operation, &tools.setting.secrets).await?;
        new.labels = labels_of(&intent, tools);
        let outcome = match tools.setting.cloud.submit(&new).await {
            Ok(live) => Outcome::Applied { id: Some(live.uid), created_at: live.created_at },
            Err(error) => match error.kind {
                ErrorKind::Conflict => taken(&intent, &name, may_land, error, footing, tools).await?,
                ErrorKind::Uncertain | ErrorKind::Garbled => {
                    may_land = true;
                    landed(&intent, &name, error, tools).await?
                }
                // The intent stays open: the next run finds out.
                _ if may_land => return Err(Failure::Call(redact(tools, error))),
                _ => return Err(refused(&intent, error, tools).await?),
            },
        };
        let applied = matches!(outcome, Outcome::Applied { .. });
        tools.record.settle(&intent, outcome).await?;
        if applied {
            *changed = true;
            return Ok(Asked::Submitted(name));
        }
        pause(attempt).await;
    }
    Err(Failure::Unclear { name, why: "the service kept losing the request".to_owned() })
}

/// The name is taken: by our own request, by one that is being deleted, or by somebody else's.
async fn taken(
    intent: &Intent,
    name: &str,
    may_land: bool,
    error: Error,
    footing: &Footing<'_>,
    tools: &Tools,
) -> Result<Outcome, Failure> {
    let deadline = Instant::now() + TEARDOWN;
    loop {
        match fetch(name, tools).await? {
            // It is gone by now, so the name is free.
            None => {
                return Ok(Outcome::Rejected { why: "the name was taken by a statement that is gone now".to_owned() });
            }
            Some(found) if found.live.phase == Phase::Deleting && Instant::now() < deadline => {
                if tools.must_stop(footing) {
                    return Err(Failure::Interrupted);
                }
                sleep(Duration::from_secs(2)).await;
            }
            Some(found) => {
                return match judge(intent, name, Some(found.live), tools) {
                    Verdict::Applied(outcome) => Ok(outcome),
                    Verdict::Rejected(why) => Ok(Outcome::Rejected { why }),
                    Verdict::Unclear(why) if may_land => Err(Failure::Unclear { name: name.to_owned(), why }),
                    Verdict::Unclear(why) => {
                        // What is there is not what was sent, so the refusal was meant for us and nothing came of it.
                        let refusal = Outcome::Rejected { why: redacted(tools, &error.detail) };
                        tools.record.settle(intent, refusal).await?;
                        Err(Failure::Unclear { name: name.to_owned(), why })
                    }
                };
            }
        }
    }
}

/// The answer was lost: what is there tells what became of the request. One on its way may still land for a while.
async fn landed(intent: &Intent, name: &str, error: Error, tools: &Tools) -> Result<Outcome, Failure> {
    let deadline = Instant::now() + LANDING;
    loop {
        let found = fetch(name, tools).await.map_err(|_| Failure::Call(redact(tools, error.clone())))?;
        let is_there = found.is_some();
        match judge(intent, name, found.map(|found| found.live), tools) {
            Verdict::Applied(outcome) => return Ok(outcome),
            Verdict::Rejected(why) if Instant::now() >= deadline => return Ok(Outcome::Rejected { why }),
            Verdict::Rejected(_) => sleep(Duration::from_secs(2)).await,
            Verdict::Unclear(why) if is_there => return Err(Failure::Unclear { name: name.to_owned(), why }),
            Verdict::Unclear(_) => return Err(Failure::Call(redact(tools, error))),
        }
    }
}

/// Stops, resumes or moves a statement: GET, check, PUT the whole, and again after a conflict. Returns `None` where
/// there is nothing to ask: it stands still already.
pub(super) async fn amend(
    name: &str,
    seen: Option<&Seen>,
    to: &Amendment,
    to_stand_still: bool,
    footing: &Footing<'_>,
    tools: &Tools,
    changed: &mut bool,
) -> Result<Option<Asked>, Failure> {
    let uid = recorded_uid(name, footing, tools)?;
    // A request whose answer was lost may land at any later time: what it asked for is then our own doing.
    let mut may_land = false;
    for attempt in 0..TRIES {
        let Some(found) = fetch(name, tools).await? else {
            return Err(Failure::Changed { name: name.to_owned(), how: "it is gone".to_owned() });
        };
        check(name, &uid, seen.filter(|_| !*changed && !may_land), &found.live)?;
        let operation = Operation::Amend { name: name.to_owned(), uid: uid.clone(), to: to.clone() };
        let still =
            matches!(found.live.phase.class(), PhaseClass::Stopped | PhaseClass::Completed | PhaseClass::Failed);
        let stands = to.stopped && still && to_stand_still;
        let landed = may_land && amended(to, &found.live);
        if landed || stands && (found.live.stopped || found.live.phase != Phase::Stopped) {
            let intent = tools.record.intend(footing.address, operation, &tools.setting.secrets).await?;
            tools.record.settle(&intent, Outcome::Applied { id: None, created_at: None }).await?;
            *changed |= landed;
            return Ok(landed.then(|| asked(name, to.stopped)));
        }
        let intent = tools.record.intend(footing.address, operation, &tools.setting.secrets).await?;
        let outcome = match tools.setting.cloud.amend(found, to).await {
            Ok(()) => Outcome::Applied { id: None, created_at: None },
            Err(error) => match error.kind {
                ErrorKind::Conflict => Outcome::Rejected { why: "it had changed since it was read".to_owned() },
                ErrorKind::Uncertain | ErrorKind::Garbled => {
                    may_land = true;
                    read_back(&intent, name, error, tools).await?
                }
                _ => return Err(refused(&intent, error, tools).await?),
            },
        };
        let applied = matches!(outcome, Outcome::Applied { .. });
        tools.record.settle(&intent, outcome).await?;
        if applied {
            *changed = true;
            return Ok(Some(asked(name, to.stopped)));
        }
        pause(attempt).await;
    }
    Err(Failure::Changed { name: name.to_owned(), how: "it kept changing between each reading and writing".to_owned() })
}

/// Deletes a statement, if it still is the recorded one. Returns `None` where there is nothing left to delete.
pub(super) async fn remove(
    name: &str,
    seen: Option<&Seen>,
    footing: &Footing<'_>,
    tools: &Tools,
    changed: &mut bool,
) -> Result<Option<Asked>, Failure> {
    let uid = recorded_uid(name, footing, tools)?;
    for attempt in 0..TRIES {
        let Some(found) = fetch(name, tools).await? else { return Ok(None) };
        // Ours is gone; what bears its name now is somebody else's.
        if !found.live.is(&uid) || found.live.phase == Phase::Deleting {
            return Ok(None);
        }
        check(name, &uid, seen.filter(|_| !*changed), &found.live)?;
        if found.live.phase.class() == PhaseClass::Running && never_ran(name, footing, tools) {
            // It ran after all: deleting it would lose where it stands.
            return Err(Failure::Changed { name: name.to_owned(), how: "it runs by now".to_owned() });
        }
        let operation = Operation::Remove { name: name.to_owned(), uid: uid.clone() };
        let intent = tools.record.intend(footing.address, operation, &tools.setting.secrets).await?;
        let outcome = match tools.setting.cloud.remove(name).await {
            Ok(()) => Outcome::Applied { id: None, created_at: None },
            Err(error) => match error.kind {
                ErrorKind::Conflict => Outcome::Rejected { why: redacted(tools, &error.detail) },
                ErrorKind::Uncertain | ErrorKind::Garbled => read_back(&intent, name, error, tools).await?,
                _ => return Err(refused(&intent, error, tools).await?),
            },
        };
        let applied = matches!(outcome, Outcome::Applied { .. });
        tools.record.settle(&intent, outcome).await?;
        if applied {
            *changed = true;
            return Ok(Some(Asked::Removed(name.to_owned())));
        }
        pause(attempt).await;
    }
    Err(Failure::Unclear { name: name.to_owned(), why: "the service kept losing or refusing the deletion".to_owned() })
}

/// Whether the record says that this generation never was RUNNING.
fn never_ran(name: &str, footing: &Footing, tools: &Tools) -> bool {
    let recorded = tools.record.now();
    let record = recorded.statements.get(&footing.address.key);
    record.and_then(|record| record.named(name)).is_some_and(|generation| generation.reached == Reached::Submitted)
}

/// One GET with what the service says of it in `live`, redacted.
pub(super) async fn fetch(name: &str, tools: &Tools) -> Result<Option<Fetched>, Failure> {
    tools.setting.cloud.statement(name).await.map_err(|error| Failure::Call(redact(tools, error)))
}

/// What became of a change to something that exists. It is idempotent, so one look is enough: what did not take
/// effect yet is asked for again.
async fn read_back(intent: &Intent, name: &str, error: Error, tools: &Tools) -> Result<Outcome, Failure> {
    let found = fetch(name, tools).await.map_err(|_| Failure::Call(redact(tools, error.clone())))?;
    match judge(intent, name, found.map(|found| found.live), tools) {
        Verdict::Applied(outcome) => Ok(outcome),
        Verdict::Rejected(why) => Ok(Outcome::Rejected { why }),
        Verdict::Unclear(_) => Err(Failure::Call(redact(tools, error))),
    }
}

/// The one judgement that settle makes of interrupted runs, on what a single GET has shown.
fn judge(intent: &Intent, name: &str, found: Option<LiveStatement>, tools: &Tools) -> Verdict {
    let mut live = Live::default();
    live.learn_statement(name, Ok(found));
    verdict(intent, &tools.record.now(), &live)
}

/// A refusal that excludes an effect: settled as nothing, and the reason for stopping here.
pub(super) async fn refused(intent: &Intent, error: Error, tools: &Tools) -> Result<Failure, Failure> {
    let error = redact(tools, error);
    tools.record.settle(intent, Outcome::Rejected { why: error.to_string() }).await?;
    Ok(Failure::Call(error))
}

fn check(name: &str, uid: &str, seen: Option<&Seen>, live: &LiveStatement) -> Result<(), Failure> {
    let changed = |how: &str| Failure::Changed { name: name.to_owned(), how: how.to_owned() };
    if !live.is(uid) {
        return Err(changed("it was deleted and created again"));
    }
    seen.map_or(Ok(()), |seen| seen.still_holds(live)).map_err(changed)
}

fn recorded_uid(name: &str, footing: &Footing, tools: &Tools) -> Result<String, Failure> {
    let recorded = tools.record.now();
    let record = recorded.statements.get(&footing.address.key);
    match record.and_then(|record| record.named(name)) {
        Some(generation) => Ok(generation.uid.clone()),
        None => Err(Failure::Incoherent(format!("`{name}` is not recorded for {}", footing.address))),
    }
}

/// The statement as it goes out: secrets in their places, floe's own properties beside the user's.
fn reveal(submission: &Submission, tools: &Tools) -> Result<NewStatement, Failure> {
    let reveal = |template: &Template| match template.reveal(&tools.setting.secrets) {
        Err(Unset(_)) if tools.setting.placeholders => Ok(template.masked()),
        revealed => revealed.map_err(Failure::Unset),
    };
    let mut properties = Few::new();
    for (key, template) in &submission.properties {
        properties.insert(key.clone(), reveal(template)?);
    }
    properties.extend(submission.added.clone());
    Ok(NewStatement {
        name: submission.name.clone(),
        sql: reveal(&submission.sql)?,
        properties,
        pool: submission.pool.clone(),
        principal: submission.principal.clone(),
        stopped: false,
        labels: Few::new(),
    })
}

/// Whose it is, where the service keeps labels.
fn labels_of(intent: &Intent, tools: &Tools) -> Few<String> {
    [
        (labels::PROJECT.to_owned(), tools.setting.project.clone()),
        (labels::ADDRESS.to_owned(), intent.address.to_string()),
        (labels::LINEAGE.to_owned(), tools.record.now().lineage.clone()),
        (labels::INTENT.to_owned(), intent.id.0.clone()),
    ]
    .into_iter()
    .collect()
}

/// What the service says may quote SQL with a secret in it.
pub(super) fn redact(tools: &Tools, mut error: Error) -> Error {
    error.detail = redacted(tools, &error.detail);
    error
}

pub(super) fn redacted(tools: &Tools, text: &str) -> String {
    tools.setting.secrets.redact(text)
}

/// Longer after each attempt, up to three seconds.
pub(super) async fn pause(attempt: u32) {
    sleep(Duration::from_millis(u64::from(attempt.saturating_add(1)).saturating_mul(300).min(3_000))).await;
}
