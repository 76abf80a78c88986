//! Sends requests for statements: the checks before, the requests themselves, and the reads after a lost response.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    context::{InterruptScope, RunContext},
    event::{RequestAccepted, StepFailure},
    mutation::{Attempt, Mutation, Precheck, applied, confirm_effect, outcome_from, record_rejection},
    read::{fetch, statement_verdict},
};
use crate::{
    cloud::{Error, ErrorKind, FetchedStatement, NewStatement},
    plan::unexpected_copy,
    resource::{
        Intent, Labels, LiveStatement, MissingSecret, Operation, Phase, PhaseClass, Properties, SeenStatement,
        StatementUpdate, Submission, Template, labels,
    },
    settle::{IntentVerdict, update_took_effect},
    state::Outcome,
};

/// The maximum number of attempts for a request that has no effect or conflicts.
const MAX_STATEMENT_ATTEMPTS: u32 = 30;
/// How long to look for a statement whose submission got no response, before it is submitted again under the same
/// name. Names are unique, so it cannot take effect twice.
const SUBMIT_AGAIN_AFTER: Duration = Duration::from_secs(12);
/// How long to wait for a name whose statement is being deleted.
const DELETION_TIMEOUT: Duration = Duration::from_secs(20 * 60);

/// Checks that a statement is still what the plan saw, and returns it.
pub(super) async fn verify_unchanged(
    name: &str,
    seen: &SeenStatement,
    context: &RunContext,
) -> Result<FetchedStatement, StepFailure> {
    let found = fetch(name, context).await?;
    let found = found.ok_or_else(|| changed_since_plan(name, "it no longer exists"))?;
    seen.still_holds(&found.live).map_err(|how| changed_since_plan(name, how))?;
    Ok(found)
}

/// Checks that the last list of this run shows no statement that may be a copy of the job.
pub(super) async fn check_no_copy(submission: &Submission, context: &RunContext) -> Result<(), StepFailure> {
    let listed = context.recent_list.read(&context.inputs.cloud).await;
    let listed = listed.map_err(|error| StepFailure::RequestFailed(context.redact_error(error)))?;
    match unexpected_copy(submission, &context.copy_check, &context.journal.lock_recorded(), &listed) {
        Some(name) => Err(StepFailure::ForeignCopy { name: name.to_owned() }),
        None => Ok(()),
    }
}

/// The submission of a statement under a free name. It is sent again only under the same name, so it can take effect
/// at most once.
pub(super) struct SubmitStatement {
    /// The submission as it is recorded.
    submission: Submission,
    /// The statement as it is sent.
    new_statement: NewStatement,
}

impl SubmitStatement {
    /// Returns the submission with its pool, and with the values of its secrets.
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

    async fn read_back(
        &self,
        intent: &Intent,
        error: Error,
        context: &RunContext,
    ) -> Result<Option<Outcome>, StepFailure> {
        resolve_lost_submission(intent, &self.submission.name, error, context).await
    }

    async fn on_error_response(
        &self,
        intent: &Intent,
        error: Error,
        attempt: &Attempt<'_>,
    ) -> Result<Outcome, StepFailure> {
        match error.kind {
            ErrorKind::Conflict => resolve_name_conflict(intent, &self.submission.name, error, attempt).await,
            _ => confirm_rejection(intent, &self.submission.name, error, attempt.context).await,
        }
    }

    fn accepted(&self, _: Option<String>) -> RequestAccepted {
        RequestAccepted::Submitted(self.submission.name.clone())
    }

    fn attempts_exhausted(&self, attempt: &Attempt<'_>) -> StepFailure {
        // After each rejection, a GET has confirmed that there is no such statement.
        let note = if attempt.may_apply_late { "gave up" } else { "not created, gave up" };
        rejected_too_often(attempt, note).unwrap_or_else(|| StepFailure::Unclear {
            name: self.submission.name.clone(),
            why: "no response was received, and the request may still take effect".to_owned(),
        })
    }
}

/// Returns the outcome of a submission that was rejected. Whoever rejected it, a read decides whether the statement
/// exists, since its predecessor may be resumed next.
async fn confirm_rejection(
    intent: &Intent,
    name: &str,
    error: Error,
    context: &RunContext,
) -> Result<Outcome, StepFailure> {
    // Without an answer the intent stays open, and the next run finds out whether it took effect.
    let failure = StepFailure::RequestFailed(context.redact_error(error.clone()));
    let Ok(found) = fetch(name, context).await else { return Err(failure) };
    match statement_verdict(intent, name, found.map(|found| found.live), context) {
        IntentVerdict::Applied(outcome) => Ok(outcome),
        IntentVerdict::NotSeen(_) | IntentVerdict::NotApplied(_) | IntentVerdict::Unclear(_) => {
            Err(record_rejection(intent, error, context).await)
        }
    }
}

/// Returns the outcome of a submission whose name is taken: by our own request, by a statement that is being deleted,
/// or by a statement that this project does not manage.
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
            // The name is free now, if that was the conflict.
            None if error.proves_no_effect() => {
                return Ok(Outcome::NotApplied { why: context.redact_text(&error.detail) });
            }
            // Somebody else's 409 proves nothing.
            None => return Err(StepFailure::RequestFailed(context.redact_error(error))),
            Some(found) if found.live.phase == Phase::Deleting && Instant::now() < deadline => {
                if context.must_stop(scope) {
                    return Err(StepFailure::Interrupted);
                }
                sleep(Duration::from_secs(2)).await;
            }
            Some(found) => {
                return match statement_verdict(intent, name, Some(found.live), context) {
                    IntentVerdict::Applied(outcome) => Ok(outcome),
                    IntentVerdict::NotApplied(why) | IntentVerdict::NotSeen(why) => Ok(Outcome::NotApplied { why }),
                    IntentVerdict::Unclear(why) if may_apply_late || !error.proves_no_effect() => {
                        Err(StepFailure::Unclear { name: name.to_owned(), why })
                    }
                    IntentVerdict::Unclear(why) => {
                        // The live statement is not what was sent, so the rejection was for this request, and it had
                        // no effect.
                        let refusal = Outcome::NotApplied { why: context.redact_text(&error.detail) };
                        context.journal.record_outcome(intent, refusal).await?;
                        Err(StepFailure::Unclear { name: name.to_owned(), why })
                    }
                };
            }
        }
    }
}

/// Returns the outcome of a submission whose response was lost, from what is live, or `None` if it has not shown up by
/// the time at which it may be sent again.
async fn resolve_lost_submission(
    intent: &Intent,
    name: &str,
    error: Error,
    context: &RunContext,
) -> Result<Option<Outcome>, StepFailure> {
    let deadline = Instant::now() + SUBMIT_AGAIN_AFTER;
    loop {
        let found =
            fetch(name, context).await.map_err(|_| StepFailure::RequestFailed(context.redact_error(error.clone())))?;
        let is_there = found.is_some();
        match statement_verdict(intent, name, found.map(|found| found.live), context) {
            IntentVerdict::Applied(outcome) => return Ok(Some(outcome)),
            IntentVerdict::NotApplied(_) | IntentVerdict::NotSeen(_) if Instant::now() >= deadline => return Ok(None),
            IntentVerdict::NotApplied(_) | IntentVerdict::NotSeen(_) => sleep(Duration::from_secs(2)).await,
            IntentVerdict::Unclear(why) if is_there => return Err(StepFailure::Unclear { name: name.to_owned(), why }),
            IntentVerdict::Unclear(_) => return Err(StepFailure::RequestFailed(context.redact_error(error))),
        }
    }
}

/// The stop, resume or move of a statement: GET, check, PUT the whole statement, and repeat after a conflict.
pub(super) struct UpdateStatement<'a> {
    /// The cloud name of the statement.
    pub name: &'a str,
    /// The uid of the recorded physical statement.
    pub uid: String,
    /// What the plan saw of the statement.
    pub seen: Option<&'a SeenStatement>,
    /// The fields to change.
    pub to: StatementUpdate,
    /// Whether it is enough that the statement is inactive, however that came about.
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
            return Err(changed_since_plan(self.name, "it no longer exists"));
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

    async fn read_back(
        &self,
        intent: &Intent,
        error: Error,
        context: &RunContext,
    ) -> Result<Option<Outcome>, StepFailure> {
        read_back_statement(intent, self.name, error, context).await
    }

    async fn on_error_response(
        &self,
        intent: &Intent,
        error: Error,
        attempt: &Attempt<'_>,
    ) -> Result<Outcome, StepFailure> {
        match error.kind {
            ErrorKind::Conflict => Ok(Outcome::NotApplied { why: attempt.context.redact_text(&error.detail) }),
            // It is not known how the service handles a stop of a PENDING statement. The stop is sent again, until
            // that phase has passed.
            ErrorKind::Rejected if self.to.stopped && is_pending(self.name, attempt.context).await => {
                Ok(Outcome::NotApplied { why: attempt.context.redact_text(&error.detail) })
            }
            _ => confirm_effect(self, intent, error, attempt.context).await,
        }
    }

    fn accepted(&self, _: Option<String>) -> RequestAccepted {
        let name = self.name.to_owned();
        if self.to.stopped { RequestAccepted::Stopped(name) } else { RequestAccepted::Resumed(name) }
    }

    fn attempts_exhausted(&self, attempt: &Attempt<'_>) -> StepFailure {
        let last_response =
            attempt.last_rejection.as_ref().map(|refusal| format!(", last response: {refusal}")).unwrap_or_default();
        let how = if self.to.stopped {
            "it kept changing, or stayed PENDING and could not be stopped"
        } else {
            "it kept changing between each read and write"
        };
        changed_since_plan(self.name, &format!("{how}{last_response}"))
    }
}

/// Returns whether the statement is PENDING now.
async fn is_pending(name: &str, context: &RunContext) -> bool {
    matches!(fetch(name, context).await, Ok(Some(found)) if found.live.phase == Phase::Pending)
}

/// The deletion of a statement, if it still is the recorded one.
pub(super) struct DeleteStatement<'a> {
    /// The cloud name of the statement.
    pub name: &'a str,
    /// The uid of the recorded physical statement.
    pub uid: String,
    /// What the plan saw of the statement.
    pub seen: Option<&'a SeenStatement>,
    /// Whether the statement stays if it took effect after all.
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
        // The recorded statement is gone, and another one may have its name now.
        if !found.live.has_uid(&self.uid) || found.live.phase == Phase::Deleting {
            return Ok(Precheck::NothingToChange);
        }
        check_unchanged(self.name, &self.uid, self.seen.filter(|_| !attempt.group_has_changed), &found.live)?;
        if self.unless_in_force && matches!(found.live.phase.class(), PhaseClass::Running | PhaseClass::Completed) {
            return Err(changed_since_plan(self.name, &format!("it is now {}", found.live.phase)));
        }
        Ok(Precheck::Send(()))
    }

    async fn send(&self, (): (), _: &Intent, context: &RunContext) -> Result<Outcome, Error> {
        context.inputs.cloud.delete_statement(self.name).await.map(|()| applied())
    }

    async fn read_back(
        &self,
        intent: &Intent,
        error: Error,
        context: &RunContext,
    ) -> Result<Option<Outcome>, StepFailure> {
        read_back_statement(intent, self.name, error, context).await
    }

    async fn on_error_response(
        &self,
        intent: &Intent,
        error: Error,
        attempt: &Attempt<'_>,
    ) -> Result<Outcome, StepFailure> {
        match error.kind {
            ErrorKind::Conflict => Ok(Outcome::NotApplied { why: attempt.context.redact_text(&error.detail) }),
            _ => confirm_effect(self, intent, error, attempt.context).await,
        }
    }

    fn accepted(&self, _: Option<String>) -> RequestAccepted {
        RequestAccepted::Deleted(self.name.to_owned())
    }

    fn attempts_exhausted(&self, attempt: &Attempt<'_>) -> StepFailure {
        rejected_too_often(attempt, "not deleted, gave up").unwrap_or_else(|| StepFailure::Unclear {
            name: self.name.to_owned(),
            why: "no response was received, and the deletion may still take effect".to_owned(),
        })
    }
}

/// Returns the service's rejection of the last attempt as the failure, if it was rejected.
fn rejected_too_often(attempt: &Attempt<'_>, note: &str) -> Option<StepFailure> {
    let refusal = attempt.last_rejection.clone()?;
    let detail = format!("{} ({note} after {MAX_STATEMENT_ATTEMPTS} attempts)", refusal.detail);
    Some(StepFailure::RequestFailed(Error { detail: detail.into(), ..refusal }))
}

/// Returns the outcome of a change to an existing statement, after its response was lost.
///
/// The change is idempotent, so one read is enough: a change that has not taken effect yet is sent again.
async fn read_back_statement(
    intent: &Intent,
    name: &str,
    error: Error,
    context: &RunContext,
) -> Result<Option<Outcome>, StepFailure> {
    let found =
        fetch(name, context).await.map_err(|_| StepFailure::RequestFailed(context.redact_error(error.clone())))?;
    let verdict = statement_verdict(intent, name, found.map(|found| found.live), context);
    outcome_from(verdict, |_| StepFailure::RequestFailed(context.redact_error(error)))
}

/// Checks that a statement is the recorded one, and still what the plan saw.
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

/// Returns the failure for a statement that changed since the plan.
fn changed_since_plan(name: &str, how: &str) -> StepFailure {
    StepFailure::ChangedSincePlan { name: name.to_owned(), how: how.to_owned() }
}

/// Returns the uid that the record has under a name, or `None` if that statement is known to be gone.
pub(super) fn recorded_uid(name: &str, scope: &InterruptScope, context: &RunContext) -> Option<String> {
    let recorded = context.journal.lock_recorded();
    let record = recorded.statements.get(&scope.address.key);
    record.and_then(|record| record.generation_named(name)).map(|generation| generation.uid.clone())
}

/// Returns the failure for a statement that was gone after an earlier step of the step group waited for it.
pub(super) fn missing_statement(name: &str) -> StepFailure {
    changed_since_plan(name, "it no longer exists")
}

/// Returns the statement as it is sent: with the values of its secrets, and with floe's own properties next to the
/// user's.
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

/// Returns the labels that say who owns a statement, for services that keep labels.
fn labels_of(intent: &Intent, context: &RunContext) -> Labels {
    [
        (labels::PROJECT.to_owned(), context.inputs.project.clone()),
        (labels::ENVIRONMENT.to_owned(), context.inputs.environment.clone()),
        (labels::ADDRESS.to_owned(), intent.address.to_string()),
        (labels::LINEAGE.to_owned(), context.journal.lock_recorded().lineage.clone()),
        (labels::INTENT.to_owned(), intent.id.0.clone()),
    ]
    .into_iter()
    .collect()
}
