//! What is asked about statements: the looks before, the requests, and the readings where the answer is no answer.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    event::{RequestAccepted, StepFailure},
    mutation::{Attempt, Mutation, Precheck, applied, outcome_from, settle_rejected},
    step_group::{InterruptScope, RunContext},
};
use crate::{
    cloud::{Error, ErrorKind, FetchedStatement, NewStatement},
    live::Live,
    resource::{
        Intent, Labels, LiveStatement, MissingSecret, Operation, Phase, PhaseClass, Properties, SeenStatement,
        StatementUpdate, Submission, Template, labels,
    },
    settle::{IntentVerdict, judge_intent, update_took_effect},
    state::Outcome,
};

/// How often one request is tried again after its outcome was settled as nothing, or after a conflict.
const MAX_STATEMENT_ATTEMPTS: u32 = 30;
/// How long a request whose answer was lost is looked for before it counts as never arrived.
const LOST_ANSWER_TIMEOUT: Duration = Duration::from_secs(12);
/// How long a name that is being deleted is waited for.
const DELETION_TIMEOUT: Duration = Duration::from_secs(20 * 60);

/// Whether a statement still is what the plan saw.
pub(super) async fn verify_unchanged(
    name: &str,
    seen: &SeenStatement,
    context: &RunContext,
) -> Result<FetchedStatement, StepFailure> {
    let found = fetch(name, context).await?;
    let found = found.ok_or_else(|| changed_since_plan(name, "it is gone"))?;
    seen.still_holds(&found.live).map_err(|how| changed_since_plan(name, how))?;
    Ok(found)
}

/// A statement to submit under a name that is free. It is sent again only under the same name, so it can take effect
/// once at most.
pub(super) struct SubmitStatement {
    submission: Submission,
    new_statement: NewStatement,
}

impl SubmitStatement {
    /// With its pool, and the secrets in their places.
    pub fn prepare(
        submission: &Submission,
        pool: Option<String>,
        context: &RunContext,
    ) -> Result<SubmitStatement, StepFailure> {
        let submission = Submission { pool, ..submission.clone() };
        let new_statement = reveal_secrets(&submission, context)?;
        Ok(SubmitStatement { submission, new_statement })
    }
}

impl Mutation for SubmitStatement {
    type RequestInput = ();
    const MAX_ATTEMPTS: u32 = MAX_STATEMENT_ATTEMPTS;

    fn operation(&self) -> Operation {
        Operation::Submit(self.submission.clone())
    }

    async fn precheck(&self, _: &Attempt<'_>) -> Result<Precheck<()>, StepFailure> {
        Ok(Precheck::Send(()))
    }

    async fn send(&self, (): (), intent: &Intent, context: &RunContext) -> Result<Outcome, Error> {
        let new_statement = NewStatement { labels: labels_of(intent, context), ..self.new_statement.clone() };
        let live = context.inputs.cloud.submit_statement(&new_statement).await?;
        Ok(Outcome::Applied { id: Some(live.uid), created_at: live.created_at })
    }

    async fn read_back(&self, intent: &Intent, error: Error, context: &RunContext) -> Result<Outcome, StepFailure> {
        resolve_lost_answer(intent, &self.submission.name, error, context).await
    }

    async fn on_refused(&self, intent: &Intent, error: Error, attempt: &Attempt<'_>) -> Result<Outcome, StepFailure> {
        match error.kind {
            ErrorKind::Conflict => resolve_name_conflict(intent, &self.submission.name, error, attempt).await,
            // The intent stays open: the next run finds out.
            _ if attempt.may_apply_late => Err(StepFailure::RequestFailed(attempt.context.redact_error(error))),
            _ => Err(settle_rejected(intent, error, attempt.context).await),
        }
    }

    fn accepted(&self, _: Option<String>) -> RequestAccepted {
        RequestAccepted::Submitted(self.submission.name.clone())
    }

    fn attempts_exhausted(&self, attempt: &Attempt<'_>) -> StepFailure {
        // After each refusal a GET has said that there is no such statement.
        let note = if attempt.may_apply_late { "given up" } else { "not created, and given up" };
        refused_too_often(attempt, note).unwrap_or_else(|| StepFailure::Unclear {
            name: self.submission.name.clone(),
            why: "the service kept losing the request".to_owned(),
        })
    }
}

/// The name is taken: by our own request, by one that is being deleted, or by somebody else's.
async fn resolve_name_conflict(
    intent: &Intent,
    name: &str,
    error: Error,
    attempt: &Attempt<'_>,
) -> Result<Outcome, StepFailure> {
    let Attempt { scope, context, may_apply_late, .. } = *attempt;
    let deadline = Instant::now() + DELETION_TIMEOUT;
    loop {
        match fetch(name, context).await? {
            // Nothing bears the name by now, if that is what the conflict was about.
            None => return Ok(Outcome::Rejected { why: context.redact_text(&error.detail) }),
            Some(found) if found.live.phase == Phase::Deleting && Instant::now() < deadline => {
                if context.must_stop(scope) {
                    return Err(StepFailure::Interrupted);
                }
                sleep(Duration::from_secs(2)).await;
            }
            Some(found) => {
                return match statement_verdict(intent, name, Some(found.live), context) {
                    IntentVerdict::Applied(outcome) => Ok(outcome),
                    IntentVerdict::Rejected(why) => Ok(Outcome::Rejected { why }),
                    IntentVerdict::Unclear(why) if may_apply_late => {
                        Err(StepFailure::Unclear { name: name.to_owned(), why })
                    }
                    IntentVerdict::Unclear(why) => {
                        // What is there is not what was sent, so the refusal was meant for us and nothing came of it.
                        let refusal = Outcome::Rejected { why: context.redact_text(&error.detail) };
                        context.journal.record_outcome(intent, refusal).await?;
                        Err(StepFailure::Unclear { name: name.to_owned(), why })
                    }
                };
            }
        }
    }
}

/// The answer was lost: what is there tells what became of the request. One on its way may still land for a while.
async fn resolve_lost_answer(
    intent: &Intent,
    name: &str,
    error: Error,
    context: &RunContext,
) -> Result<Outcome, StepFailure> {
    let deadline = Instant::now() + LOST_ANSWER_TIMEOUT;
    loop {
        let found =
            fetch(name, context).await.map_err(|_| StepFailure::RequestFailed(context.redact_error(error.clone())))?;
        let is_there = found.is_some();
        match statement_verdict(intent, name, found.map(|found| found.live), context) {
            IntentVerdict::Applied(outcome) => return Ok(outcome),
            IntentVerdict::Rejected(why) if Instant::now() >= deadline => return Ok(Outcome::Rejected { why }),
            IntentVerdict::Rejected(_) => sleep(Duration::from_secs(2)).await,
            IntentVerdict::Unclear(why) if is_there => return Err(StepFailure::Unclear { name: name.to_owned(), why }),
            IntentVerdict::Unclear(_) => return Err(StepFailure::RequestFailed(context.redact_error(error))),
        }
    }
}

/// A statement to stop, resume or move: GET, check, PUT the whole, and again after a conflict.
pub(super) struct UpdateStatement<'a> {
    pub name: &'a str,
    /// Which physical statement is meant: the recorded one.
    pub uid: String,
    /// What the plan saw of it.
    pub seen: Option<&'a SeenStatement>,
    pub to: StatementUpdate,
    /// Whether standing still is all that is wanted, however that came about.
    pub is_satisfied_when_inactive: bool,
}

impl Mutation for UpdateStatement<'_> {
    type RequestInput = FetchedStatement;
    const MAX_ATTEMPTS: u32 = MAX_STATEMENT_ATTEMPTS;

    fn operation(&self) -> Operation {
        Operation::Update { name: self.name.to_owned(), uid: self.uid.clone(), to: self.to.clone() }
    }

    async fn precheck(&self, attempt: &Attempt<'_>) -> Result<Precheck<FetchedStatement>, StepFailure> {
        let Some(found) = fetch(self.name, attempt.context).await? else {
            return Err(changed_since_plan(self.name, "it is gone"));
        };
        let is_untouched = !attempt.group_has_changed && !attempt.may_apply_late;
        check_unchanged(self.name, &self.uid, self.seen.filter(|_| is_untouched), &found.live)?;
        let is_inactive_already = self.to.stopped && self.is_satisfied_when_inactive && !found.live.may_run();
        if attempt.may_apply_late && update_took_effect(&self.to, &found.live) {
            Ok(Precheck::EarlierAttemptApplied)
        } else if is_inactive_already {
            Ok(Precheck::AlreadyAsDesired)
        } else {
            Ok(Precheck::Send(found))
        }
    }

    async fn send(&self, found: FetchedStatement, _: &Intent, context: &RunContext) -> Result<Outcome, Error> {
        context.inputs.cloud.update_statement(found, &self.to).await.map(|()| applied())
    }

    async fn read_back(&self, intent: &Intent, error: Error, context: &RunContext) -> Result<Outcome, StepFailure> {
        read_back_statement(intent, self.name, error, context).await
    }

    async fn on_refused(&self, intent: &Intent, error: Error, attempt: &Attempt<'_>) -> Result<Outcome, StepFailure> {
        match error.kind {
            ErrorKind::Conflict => Ok(Outcome::Rejected { why: attempt.context.redact_text(&error.detail) }),
            // What the service makes of a stop of what is PENDING is not known. It is asked again when that has passed.
            ErrorKind::Rejected if self.to.stopped && is_pending(self.name, attempt.context).await => {
                Ok(Outcome::Rejected { why: attempt.context.redact_text(&error.detail) })
            }
            _ => Err(settle_rejected(intent, error, attempt.context).await),
        }
    }

    fn accepted(&self, _: Option<String>) -> RequestAccepted {
        let name = self.name.to_owned();
        if self.to.stopped { RequestAccepted::Stopped(name) } else { RequestAccepted::Resumed(name) }
    }

    fn attempts_exhausted(&self, attempt: &Attempt<'_>) -> StepFailure {
        let said = attempt.last_refusal.as_ref().map(|refusal| format!(" ({refusal})")).unwrap_or_default();
        let how = if self.to.stopped {
            "it kept changing, or stayed PENDING, unstoppable"
        } else {
            "it kept changing between each reading and writing"
        };
        changed_since_plan(self.name, &format!("{how}{said}"))
    }
}

async fn is_pending(name: &str, context: &RunContext) -> bool {
    matches!(fetch(name, context).await, Ok(Some(found)) if found.live.phase == Phase::Pending)
}

/// A statement to delete, if it still is the recorded one.
pub(super) struct DeleteStatement<'a> {
    pub name: &'a str,
    /// Which physical statement is meant: the recorded one.
    pub uid: String,
    /// What the plan saw of it.
    pub seen: Option<&'a SeenStatement>,
    /// Whether it stays if it took effect after all.
    pub unless_in_force: bool,
}

impl Mutation for DeleteStatement<'_> {
    type RequestInput = ();
    const MAX_ATTEMPTS: u32 = MAX_STATEMENT_ATTEMPTS;

    fn operation(&self) -> Operation {
        Operation::Delete { name: self.name.to_owned(), uid: self.uid.clone() }
    }

    async fn precheck(&self, attempt: &Attempt<'_>) -> Result<Precheck<()>, StepFailure> {
        let Some(found) = fetch(self.name, attempt.context).await? else { return Ok(Precheck::NothingToChange) };
        // Ours is gone; what bears its name now is somebody else's.
        if !found.live.has_uid(&self.uid) || found.live.phase == Phase::Deleting {
            return Ok(Precheck::NothingToChange);
        }
        check_unchanged(self.name, &self.uid, self.seen.filter(|_| !attempt.group_has_changed), &found.live)?;
        if self.unless_in_force && matches!(found.live.phase.class(), PhaseClass::Running | PhaseClass::Completed) {
            return Err(changed_since_plan(self.name, &format!("it is {} by now", found.live.phase)));
        }
        Ok(Precheck::Send(()))
    }

    async fn send(&self, (): (), _: &Intent, context: &RunContext) -> Result<Outcome, Error> {
        context.inputs.cloud.delete_statement(self.name).await.map(|()| applied())
    }

    async fn read_back(&self, intent: &Intent, error: Error, context: &RunContext) -> Result<Outcome, StepFailure> {
        read_back_statement(intent, self.name, error, context).await
    }

    async fn on_refused(&self, intent: &Intent, error: Error, attempt: &Attempt<'_>) -> Result<Outcome, StepFailure> {
        match error.kind {
            ErrorKind::Conflict => Ok(Outcome::Rejected { why: attempt.context.redact_text(&error.detail) }),
            _ => Err(settle_rejected(intent, error, attempt.context).await),
        }
    }

    fn accepted(&self, _: Option<String>) -> RequestAccepted {
        RequestAccepted::Deleted(self.name.to_owned())
    }

    fn attempts_exhausted(&self, attempt: &Attempt<'_>) -> StepFailure {
        refused_too_often(attempt, "not deleted, and given up").unwrap_or_else(|| StepFailure::Unclear {
            name: self.name.to_owned(),
            why: "the service kept losing the deletion".to_owned(),
        })
    }
}

/// What the service said to the last of all tries, if it said no.
fn refused_too_often(attempt: &Attempt<'_>, note: &str) -> Option<StepFailure> {
    let refusal = attempt.last_refusal.clone()?;
    let detail = format!("{} ({note} after {MAX_STATEMENT_ATTEMPTS} attempts)", refusal.detail);
    Some(StepFailure::RequestFailed(Error { detail, ..refusal }))
}

/// One GET with what the service says of it in `live`, redacted.
pub(super) async fn fetch(name: &str, context: &RunContext) -> Result<Option<FetchedStatement>, StepFailure> {
    context
        .inputs
        .cloud
        .fetch_statement(name)
        .await
        .map_err(|error| StepFailure::RequestFailed(context.redact_error(error)))
}

/// What became of a change to something that exists. It is idempotent, so one look is enough: what did not take
/// effect yet is asked for again.
async fn read_back_statement(
    intent: &Intent,
    name: &str,
    error: Error,
    context: &RunContext,
) -> Result<Outcome, StepFailure> {
    let found =
        fetch(name, context).await.map_err(|_| StepFailure::RequestFailed(context.redact_error(error.clone())))?;
    let verdict = statement_verdict(intent, name, found.map(|found| found.live), context);
    outcome_from(verdict, |_| StepFailure::RequestFailed(context.redact_error(error)))
}

/// The one judgement that settle makes of interrupted runs, on what a single GET has shown.
fn statement_verdict(intent: &Intent, name: &str, found: Option<LiveStatement>, context: &RunContext) -> IntentVerdict {
    let mut live = Live::default();
    live.add_statement_answer(name, Ok(found));
    judge_intent(intent, &context.journal.lock_recorded(), &live)
}

fn check_unchanged(
    name: &str,
    uid: &str,
    seen: Option<&SeenStatement>,
    live: &LiveStatement,
) -> Result<(), StepFailure> {
    if !live.has_uid(uid) {
        return Err(changed_since_plan(name, "it was deleted and created again"));
    }
    seen.map_or(Ok(()), |seen| seen.still_holds(live)).map_err(|how| changed_since_plan(name, how))
}

fn changed_since_plan(name: &str, how: &str) -> StepFailure {
    StepFailure::ChangedSincePlan { name: name.to_owned(), how: how.to_owned() }
}

/// Which physical statement the record has under a name; none if that is known to be gone.
pub(super) fn recorded_uid(name: &str, scope: &InterruptScope, context: &RunContext) -> Option<String> {
    let recorded = context.journal.lock_recorded();
    let record = recorded.statements.get(&scope.address.key);
    record.and_then(|record| record.generation_named(name)).map(|generation| generation.uid.clone())
}

/// What was to be changed went while an earlier step of the passage waited for it.
pub(super) fn missing_statement(name: &str) -> StepFailure {
    changed_since_plan(name, "it is gone")
}

/// The statement as it goes out: secrets in their places, floe's own properties beside the user's.
fn reveal_secrets(submission: &Submission, context: &RunContext) -> Result<NewStatement, StepFailure> {
    let reveal_template = |template: &Template| match template.reveal(&context.inputs.secrets) {
        Err(MissingSecret(_)) if context.inputs.use_placeholders => Ok(template.masked().into_owned()),
        revealed => revealed.map_err(StepFailure::SecretUnset),
    };
    let mut properties = Properties::new();
    for (key, template) in &submission.properties {
        properties.insert(key.clone(), reveal_template(template)?);
    }
    properties.extend(submission.added_properties.clone());
    Ok(NewStatement {
        name: submission.name.clone(),
        sql: reveal_template(&submission.sql)?,
        properties,
        pool: submission.pool.clone(),
        principal: submission.principal.clone(),
        stopped: false,
        labels: Labels::new(),
    })
}

/// Whose it is, where the service keeps labels.
fn labels_of(intent: &Intent, context: &RunContext) -> Labels {
    [
        (labels::PROJECT.to_owned(), context.inputs.project.clone()),
        (labels::ADDRESS.to_owned(), intent.address.to_string()),
        (labels::LINEAGE.to_owned(), context.journal.lock_recorded().lineage.clone()),
        (labels::INTENT.to_owned(), intent.id.0.clone()),
    ]
    .into_iter()
    .collect()
}
