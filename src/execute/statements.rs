//! What is asked about statements: the looks before, the requests, and the readings where the answer is no answer.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    asking::{Asking, Demand, Found, done, evidence, no},
    event::{Asked, Failure},
    walk::{Footing, Tools},
};
use crate::{
    cloud::{Error, ErrorKind, FetchedStatement, NewStatement},
    live::Live,
    resource::{
        Intent, LiveStatement, MissingSecret, Operation, Phase, PhaseClass, SeenStatement, SmallMap, StatementUpdate,
        Submission, Template, labels,
    },
    settle::{IntentVerdict, judge_intent, update_took_effect},
    state::Outcome,
};

/// How often one request is tried again after its outcome was settled as nothing, or after a conflict.
const TRIES: u32 = 30;
/// How long a request whose answer was lost is looked for before it counts as never arrived.
const LANDING: Duration = Duration::from_secs(12);
/// How long a name that is being deleted is waited for.
const TEARDOWN: Duration = Duration::from_secs(20 * 60);

/// Whether a statement still is what the plan saw.
pub(super) async fn look(name: &str, seen: &SeenStatement, tools: &Tools) -> Result<FetchedStatement, Failure> {
    let found = fetch(name, tools).await?;
    let found = found.ok_or_else(|| changed(name, "it is gone"))?;
    seen.still_holds(&found.live).map_err(|how| changed(name, how))?;
    Ok(found)
}

/// A statement to submit under a name that is free. It is sent again only under the same name, so it can take effect
/// once at most.
pub(super) struct Submit {
    submission: Submission,
    new: NewStatement,
}

impl Submit {
    /// With its pool, and the secrets in their places.
    pub fn of(submission: &Submission, pool: Option<String>, tools: &Tools) -> Result<Submit, Failure> {
        let submission = Submission { pool, ..submission.clone() };
        let new = reveal(&submission, tools)?;
        Ok(Submit { submission, new })
    }
}

impl Demand for Submit {
    type Ready = ();
    const TRIES: u32 = TRIES;

    fn operation(&self) -> Operation {
        Operation::Submit(self.submission.clone())
    }

    async fn look(&self, _: &Asking<'_>) -> Result<Found<()>, Failure> {
        Ok(Found::ToAsk(()))
    }

    async fn send(&self, (): (), intent: &Intent, tools: &Tools) -> Result<Outcome, Error> {
        let new = NewStatement { labels: labels_of(intent, tools), ..self.new.clone() };
        let live = tools.setting.cloud.submit_statement(&new).await?;
        Ok(Outcome::Applied { id: Some(live.uid), created_at: live.created_at })
    }

    async fn read_back(&self, intent: &Intent, error: Error, tools: &Tools) -> Result<Outcome, Failure> {
        landed(intent, &self.submission.name, error, tools).await
    }

    async fn refused(&self, intent: &Intent, error: Error, asking: &Asking<'_>) -> Result<Outcome, Failure> {
        match error.kind {
            ErrorKind::Conflict => taken(intent, &self.submission.name, error, asking).await,
            // The intent stays open: the next run finds out.
            _ if asking.may_land => Err(Failure::Call(asking.tools.redact(error))),
            _ => Err(no(intent, error, asking.tools).await),
        }
    }

    fn asked(&self, _: Option<String>) -> Asked {
        Asked::Submitted(self.submission.name.clone())
    }

    fn given_up(&self, asking: &Asking<'_>) -> Failure {
        // After each refusal a GET has said that there is no such statement.
        let note = if asking.may_land { "given up" } else { "not created, and given up" };
        kept_refusing(asking, note).unwrap_or_else(|| Failure::Unclear {
            name: self.submission.name.clone(),
            why: "the service kept losing the request".to_owned(),
        })
    }
}

/// The name is taken: by our own request, by one that is being deleted, or by somebody else's.
async fn taken(intent: &Intent, name: &str, error: Error, asking: &Asking<'_>) -> Result<Outcome, Failure> {
    let Asking { footing, tools, may_land, .. } = *asking;
    let deadline = Instant::now() + TEARDOWN;
    loop {
        match fetch(name, tools).await? {
            // Nothing bears the name by now, if that is what the conflict was about.
            None => return Ok(Outcome::Rejected { why: tools.redacted(&error.detail) }),
            Some(found) if found.live.phase == Phase::Deleting && Instant::now() < deadline => {
                if tools.must_stop(footing) {
                    return Err(Failure::Interrupted);
                }
                sleep(Duration::from_secs(2)).await;
            }
            Some(found) => {
                return match judge(intent, name, Some(found.live), tools) {
                    IntentVerdict::Applied(outcome) => Ok(outcome),
                    IntentVerdict::Rejected(why) => Ok(Outcome::Rejected { why }),
                    IntentVerdict::Unclear(why) if may_land => Err(Failure::Unclear { name: name.to_owned(), why }),
                    IntentVerdict::Unclear(why) => {
                        // What is there is not what was sent, so the refusal was meant for us and nothing came of it.
                        let refusal = Outcome::Rejected { why: tools.redacted(&error.detail) };
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
        let found = fetch(name, tools).await.map_err(|_| Failure::Call(tools.redact(error.clone())))?;
        let is_there = found.is_some();
        match judge(intent, name, found.map(|found| found.live), tools) {
            IntentVerdict::Applied(outcome) => return Ok(outcome),
            IntentVerdict::Rejected(why) if Instant::now() >= deadline => return Ok(Outcome::Rejected { why }),
            IntentVerdict::Rejected(_) => sleep(Duration::from_secs(2)).await,
            IntentVerdict::Unclear(why) if is_there => return Err(Failure::Unclear { name: name.to_owned(), why }),
            IntentVerdict::Unclear(_) => return Err(Failure::Call(tools.redact(error))),
        }
    }
}

/// A statement to stop, resume or move: GET, check, PUT the whole, and again after a conflict.
pub(super) struct Amend<'a> {
    pub name: &'a str,
    /// Which physical statement is meant: the recorded one.
    pub uid: String,
    /// What the plan saw of it.
    pub seen: Option<&'a SeenStatement>,
    pub to: StatementUpdate,
    /// Whether standing still is all that is wanted, however that came about.
    pub to_stand_still: bool,
}

impl Demand for Amend<'_> {
    type Ready = FetchedStatement;
    const TRIES: u32 = TRIES;

    fn operation(&self) -> Operation {
        Operation::Update { name: self.name.to_owned(), uid: self.uid.clone(), to: self.to.clone() }
    }

    async fn look(&self, asking: &Asking<'_>) -> Result<Found<FetchedStatement>, Failure> {
        let Some(found) = fetch(self.name, asking.tools).await? else {
            return Err(changed(self.name, "it is gone"));
        };
        let untouched = !asking.changed && !asking.may_land;
        check(self.name, &self.uid, self.seen.filter(|_| untouched), &found.live)?;
        let stands = self.to.stopped && self.to_stand_still && !found.live.may_run();
        if asking.may_land && update_took_effect(&self.to, &found.live) {
            Ok(Found::Landed)
        } else if stands {
            Ok(Found::Already)
        } else {
            Ok(Found::ToAsk(found))
        }
    }

    async fn send(&self, found: FetchedStatement, _: &Intent, tools: &Tools) -> Result<Outcome, Error> {
        tools.setting.cloud.update_statement(found, &self.to).await.map(|()| done())
    }

    async fn read_back(&self, intent: &Intent, error: Error, tools: &Tools) -> Result<Outcome, Failure> {
        read_back(intent, self.name, error, tools).await
    }

    async fn refused(&self, intent: &Intent, error: Error, asking: &Asking<'_>) -> Result<Outcome, Failure> {
        match error.kind {
            ErrorKind::Conflict => Ok(Outcome::Rejected { why: asking.tools.redacted(&error.detail) }),
            // What the service makes of a stop of what is PENDING is not known. It is asked again when that has passed.
            ErrorKind::Rejected if self.to.stopped && is_pending(self.name, asking.tools).await => {
                Ok(Outcome::Rejected { why: asking.tools.redacted(&error.detail) })
            }
            _ => Err(no(intent, error, asking.tools).await),
        }
    }

    fn asked(&self, _: Option<String>) -> Asked {
        let name = self.name.to_owned();
        if self.to.stopped { Asked::Stopped(name) } else { Asked::Resumed(name) }
    }

    fn given_up(&self, asking: &Asking<'_>) -> Failure {
        let said = asking.refusal.as_ref().map(|refusal| format!(" ({refusal})")).unwrap_or_default();
        let how = if self.to.stopped {
            "it kept changing, or stayed PENDING, unstoppable"
        } else {
            "it kept changing between each reading and writing"
        };
        changed(self.name, &format!("{how}{said}"))
    }
}

async fn is_pending(name: &str, tools: &Tools) -> bool {
    matches!(fetch(name, tools).await, Ok(Some(found)) if found.live.phase == Phase::Pending)
}

/// A statement to delete, if it still is the recorded one.
pub(super) struct Remove<'a> {
    pub name: &'a str,
    /// Which physical statement is meant: the recorded one.
    pub uid: String,
    /// What the plan saw of it.
    pub seen: Option<&'a SeenStatement>,
    /// Whether it stays if it took effect after all.
    pub unless_in_force: bool,
}

impl Demand for Remove<'_> {
    type Ready = ();
    const TRIES: u32 = TRIES;

    fn operation(&self) -> Operation {
        Operation::Delete { name: self.name.to_owned(), uid: self.uid.clone() }
    }

    async fn look(&self, asking: &Asking<'_>) -> Result<Found<()>, Failure> {
        let Some(found) = fetch(self.name, asking.tools).await? else { return Ok(Found::Nothing) };
        // Ours is gone; what bears its name now is somebody else's.
        if !found.live.has_uid(&self.uid) || found.live.phase == Phase::Deleting {
            return Ok(Found::Nothing);
        }
        check(self.name, &self.uid, self.seen.filter(|_| !asking.changed), &found.live)?;
        if self.unless_in_force && matches!(found.live.phase.class(), PhaseClass::Running | PhaseClass::Completed) {
            return Err(changed(self.name, &format!("it is {} by now", found.live.phase)));
        }
        Ok(Found::ToAsk(()))
    }

    async fn send(&self, (): (), _: &Intent, tools: &Tools) -> Result<Outcome, Error> {
        tools.setting.cloud.delete_statement(self.name).await.map(|()| done())
    }

    async fn read_back(&self, intent: &Intent, error: Error, tools: &Tools) -> Result<Outcome, Failure> {
        read_back(intent, self.name, error, tools).await
    }

    async fn refused(&self, intent: &Intent, error: Error, asking: &Asking<'_>) -> Result<Outcome, Failure> {
        match error.kind {
            ErrorKind::Conflict => Ok(Outcome::Rejected { why: asking.tools.redacted(&error.detail) }),
            _ => Err(no(intent, error, asking.tools).await),
        }
    }

    fn asked(&self, _: Option<String>) -> Asked {
        Asked::Removed(self.name.to_owned())
    }

    fn given_up(&self, asking: &Asking<'_>) -> Failure {
        kept_refusing(asking, "not deleted, and given up").unwrap_or_else(|| Failure::Unclear {
            name: self.name.to_owned(),
            why: "the service kept losing the deletion".to_owned(),
        })
    }
}

/// What the service said to the last of all tries, if it said no.
fn kept_refusing(asking: &Asking<'_>, note: &str) -> Option<Failure> {
    let refusal = asking.refusal.clone()?;
    let detail = format!("{} ({note} after {TRIES} attempts)", refusal.detail);
    Some(Failure::Call(Error { detail, ..refusal }))
}

/// One GET with what the service says of it in `live`, redacted.
pub(super) async fn fetch(name: &str, tools: &Tools) -> Result<Option<FetchedStatement>, Failure> {
    tools.setting.cloud.fetch_statement(name).await.map_err(|error| Failure::Call(tools.redact(error)))
}

/// What became of a change to something that exists. It is idempotent, so one look is enough: what did not take
/// effect yet is asked for again.
async fn read_back(intent: &Intent, name: &str, error: Error, tools: &Tools) -> Result<Outcome, Failure> {
    let found = fetch(name, tools).await.map_err(|_| Failure::Call(tools.redact(error.clone())))?;
    let verdict = judge(intent, name, found.map(|found| found.live), tools);
    evidence(verdict, |_| Failure::Call(tools.redact(error)))
}

/// The one judgement that settle makes of interrupted runs, on what a single GET has shown.
fn judge(intent: &Intent, name: &str, found: Option<LiveStatement>, tools: &Tools) -> IntentVerdict {
    let mut live = Live::default();
    live.add_statement_answer(name, Ok(found));
    judge_intent(intent, &tools.record.now(), &live)
}

fn check(name: &str, uid: &str, seen: Option<&SeenStatement>, live: &LiveStatement) -> Result<(), Failure> {
    if !live.has_uid(uid) {
        return Err(changed(name, "it was deleted and created again"));
    }
    seen.map_or(Ok(()), |seen| seen.still_holds(live)).map_err(|how| changed(name, how))
}

fn changed(name: &str, how: &str) -> Failure {
    Failure::Changed { name: name.to_owned(), how: how.to_owned() }
}

/// Which physical statement the record has under a name; none if that is known to be gone.
pub(super) fn recorded_uid(name: &str, footing: &Footing, tools: &Tools) -> Option<String> {
    let recorded = tools.record.now();
    let record = recorded.statements.get(&footing.address.key);
    record.and_then(|record| record.generation_named(name)).map(|generation| generation.uid.clone())
}

/// What was to be changed went while an earlier step of the passage waited for it.
pub(super) fn went(name: &str) -> Failure {
    changed(name, "it is gone")
}

/// The statement as it goes out: secrets in their places, floe's own properties beside the user's.
fn reveal(submission: &Submission, tools: &Tools) -> Result<NewStatement, Failure> {
    let reveal = |template: &Template| match template.reveal(&tools.setting.secrets) {
        Err(MissingSecret(_)) if tools.setting.placeholders => Ok(template.masked().into_owned()),
        revealed => revealed.map_err(Failure::Unset),
    };
    let mut properties = SmallMap::new();
    for (key, template) in &submission.properties {
        properties.insert(key.clone(), reveal(template)?);
    }
    properties.extend(submission.added_properties.clone());
    Ok(NewStatement {
        name: submission.name.clone(),
        sql: reveal(&submission.sql)?,
        properties,
        pool: submission.pool.clone(),
        principal: submission.principal.clone(),
        stopped: false,
        labels: SmallMap::new(),
    })
}

/// Whose it is, where the service keeps labels.
fn labels_of(intent: &Intent, tools: &Tools) -> SmallMap<String> {
    [
        (labels::PROJECT.to_owned(), tools.setting.project.clone()),
        (labels::ADDRESS.to_owned(), intent.address.to_string()),
        (labels::LINEAGE.to_owned(), tools.record.now().lineage.clone()),
        (labels::INTENT.to_owned(), intent.id.0.clone()),
    ]
    .into_iter()
    .collect()
}
