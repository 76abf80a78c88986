//! What stands in the way of a change, and the choices that a person has.

use std::collections::BTreeMap;

use super::{super::style::sanitize, note::rewritten_rows, reason::detail_suffix};
use crate::{
    diff::{AfterDeletion, Block, Change, Note, Reason},
    resource::{Address, ResourceKind},
};

/// Why floe does not go on, and what can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct BlockExplanation {
    /// What stands in the way.
    pub cause: String,
    /// What can be done, one choice each. A choice may hold lines to paste.
    pub choices: Vec<String>,
}

/// A block in words. Commands that are to be pasted name the environment.
pub(in super::super) fn explain_block(
    block: &Block,
    address: &Address,
    change: &Change,
    environment: &str,
) -> BlockExplanation {
    let (cause, choices) = cause_and_choices(block, address, change, environment);
    BlockExplanation { cause, choices }
}

fn cause_and_choices(block: &Block, address: &Address, change: &Change, environment: &str) -> (String, Vec<String>) {
    let reasons = change.reasons.as_slice();
    let accept_consequence = |accept: &str| accept_consequence(accept, change);
    let table = format!("[{}.{}]", address.kind.manifest_table(), address.key);
    match block {
        Block::ForeignStatement { name } => (
            format!("statement `{name}` exists and is not this project's"),
            vec![
                "Give this one another name: `name = \"…\"`.".to_owned(),
                format!("Or delete `{name}` yourself, if nobody needs it."),
            ],
        ),
        Block::UnexpectedGenerations { names } => (
            format!("{} may run beside what the record knows to be in force", names.join(" and ")),
            vec!["Stop and delete what is not meant to run, then plan again.".to_owned()],
        ),
        Block::AdoptionExposesSecret { name } => (
            format!(
                "`{name}` runs with another text than is declared, and a secret, or what is named like one, is written \
                 out in it"
            ),
            vec![
                format!(
                    "Declare what `{name}` runs, with `${{secret.…}}` where the secret stands: then it is taken over \
                     without writing it down, and changed by the plan after that."
                ),
                format!("Or delete `{name}` yourself: the next plan submits it anew."),
            ],
        ),
        Block::RecordedUnderOtherAddress { name, from, to } => (
            format!("statement `{name}` is declared as {to} and recorded as {from}"),
            vec![
                format!("If it is the same one, add this, and nothing is sent:\n{}", moved_block_toml(from, to)),
                format!("Or, for this state alone: `floe state mv -e {environment} {from} {to}`."),
                format!("If it is not: give {to} another name, `name = \"…\"`."),
            ],
        ),
        Block::NameInUse { name, by } => (
            format!("statement `{name}` is {by}'s, until that has a new generation"),
            vec!["Give this one another name: `name = \"…\"`.".to_owned()],
        ),
        Block::RecreatedOutside { name, if_deleted } => recreated_outside(name, if_deleted, address, change, environment),
        Block::PresenceUnknown { why } => (
            format!("nobody can tell what is there{}", detail_suffix(why)),
            vec!["Mend the access, then plan again; absence is never guessed.".to_owned()],
        ),
        Block::UnclearIntent { why } => (
            format!("what became of an interrupted run's request is unclear{}", detail_suffix(why)),
            vec!["Look at it in the cloud and remove what does not belong, then plan again.".to_owned()],
        ),
        Block::LosesPosition { stateful_construct, accept } => loses_position(stateful_construct.as_deref(), accept, change),
        Block::EvolveIsManual { accept } => (
            format!("{}, and `evolve = \"manual\"`: each change of it is decided by hand", what_changed(reasons)),
            vec![accept_consequence(accept)],
        ),
        Block::FailedPredecessor { detail, accept } => (
            format!("it FAILED after having run{}", detail_suffix(detail)),
            vec![
                accept_consequence(accept),
                format!(
                    "Or mend the cause, put it back to what is in force, then `floe apply -e {environment} --fix-drift`, \
                     which resumes it where it stood."
                ),
            ],
        ),
        Block::FailedSuccessor { name, detail, accept, can_roll_back } => {
            let back = can_roll_back.then(|| {
                format!("Or put it back to what was in force before: that deletes `{name}` and resumes the one before it.")
            });
            (
                format!("its successor `{name}` FAILED and may have written{}", detail_suffix(detail)),
                std::iter::once(accept_consequence(accept)).chain(back).collect(),
            )
        }
        Block::CannotReplaceCreateTableAs => (
            "a new CREATE TABLE … AS would fail on the table that the first one made".to_owned(),
            vec![
                "Split it, under new keys, into a CREATE TABLE IF NOT EXISTS and an INSERT INTO … SELECT: its table stays \
                 when it goes."
                    .to_owned(),
                "Or give the new version its own table and address.".to_owned(),
            ],
        ),
        Block::JobCannotBecomeDefinition => (
            "a job is in force here, and what is declared defines something".to_owned(),
            vec![format!("Declare that under a new key; the job goes when {table} does.")],
        ),
        Block::CannotStop => (
            "a statement of this kind can be neither stopped nor resumed".to_owned(),
            vec![format!("Remove `stopped` from {table}.")],
        ),
        Block::NoUndo => (
            format!("{}, and there is no `undo` for what is in force", what_changed(reasons)),
            vec![
                format!("Add `undo = \"…\"` to {table}, apply that, then make the change."),
                "Or leave it as it was and write an ALTER as a new statement.".to_owned(),
            ],
        ),
        Block::IfNotExists => (
            format!("{}, and it says IF NOT EXISTS: it would complete and change nothing", what_changed(reasons)),
            vec![
                "Write the change as an ALTER in a new statement.".to_owned(),
                format!("Or put it back, add `undo = \"…\"` to {table}, apply that, then make the change."),
            ],
        ),
        Block::DataLoss { undo } => (
            format!("its undo may drop data: {}", sanitize(undo.as_str())),
            vec![format!("`--allow-data-loss --target {address}` runs it. Nothing brings the data back.")],
        ),
        Block::ObjectsInUse { by } => (
            format!("what it defines is in use by {}", by.join(", ")),
            vec![
                "Remove those as well; or apply SQL for them first that does not use it any more.".to_owned(),
                "What is not this project's, its owner has to stop.".to_owned(),
            ],
        ),
        Block::PreventDestroy => (
            "`prevent_destroy = true`, and this would delete, undo or restart it".to_owned(),
            vec![if reasons.contains(&Reason::NotDeclared) {
                format!("Declare {table} again without `prevent_destroy`, apply that, then remove it.")
            } else {
                format!("Take `prevent_destroy` out of {table} and apply that first.")
            }],
        ),
        Block::GoneWithoutOffsets { accept } => (
            "it is gone, and where it stood is not known well enough to go on from there".to_owned(),
            vec![accept_consequence(accept), "Or remove it from the manifests.".to_owned()],
        ),
        Block::GoneWithSeveralSources { hints, accept } => (
            "it is gone, and had several sources".to_owned(),
            offset_hints("Write into its SQL where each source begins", hints, accept_consequence(accept)),
        ),
        Block::GoneWithUnknownSource { source, hints, accept } => (
            format!("it is gone, and the project does not say whether rows of `{source}` change, which it reads"),
            offset_hints("If they do not, write into its SQL where it begins", hints, accept_consequence(accept)),
        ),
        Block::InMotion { phase } => (
            format!("it is {phase}, and what is to change cannot be decided meanwhile"),
            vec!["Plan again when it has settled; apply waits for it.".to_owned()],
        ),
        Block::LooksLikeRename { from, to } => (
            format!("the same SQL goes at {from} and comes at {to}: it looks like a rename"),
            vec![
                format!("If it is one, add this, and nothing is sent:\n{}", moved_block_toml(from, to)),
                "If it is not: remove the one first, then add the other.".to_owned(),
            ],
        ),
        Block::MoveTargetRecorded { from } => (
            if from == address {
                "[[moved]] leads from here to an address with a record of its own".to_owned()
            } else {
                format!("[[moved]] leads here from {from}, and both have a record of their own")
            },
            vec![format!(
                "Remove the [[moved]] block; or drop one of the two, and what it has in the cloud stays: `floe state rm -e \
                 {environment} {from}`."
            )],
        ),
        Block::RemovesEverything => (
            "everything that the state records would be removed".to_owned(),
            vec![
                "See whether this is the right folder, branch and environment.".to_owned(),
                format!("If all of it is to go: `floe destroy -e {environment}`."),
            ],
        ),
        Block::PoolExists { id } => (
            format!("a pool of this name exists that the state does not know: {id}"),
            vec![
                format!("Own it, if it is this project's:\nfloe import -e {environment} {address} {id}"),
                format!("Use it without owning it: `id = \"{id}\"` in {table}."),
                "Or choose another `display_name`.".to_owned(),
            ],
        ),
        Block::PoolFieldImmutable { field, live, desired } => (
            format!("its {field} is {live} and is to be {desired}, which no pool can change"),
            vec![
                format!("Put it back, and declare a new pool under a new key; move the statements there, then remove {table}."),
            ],
        ),
        Block::PoolInUse { statements, current_cfu } if statements.is_empty() => (
            format!("{current_cfu} CFU of it are in use by what cannot be seen here"),
            vec!["Find out whose they are, or stop owning it: `id = \"lfcp-…\"`.".to_owned()],
        ),
        Block::PoolInUse { statements, .. } => (
            format!("statements that are not this project's run on it: {}", statements.join(", ")),
            vec!["Move or stop them first, or stop owning it: `id = \"lfcp-…\"`.".to_owned()],
        ),
        Block::PoolHasStatements { statements } => {
            let statements: Vec<String> = statements.iter().map(Address::to_string).collect();
            (
                format!("it would go from under what this plan leaves on it: {}", statements.join(", ")),
                vec![
                    "Give them another `pool`, or `stopped = true`, or remove them, in the same plan.".to_owned(),
                    format!("Or leave the pool as it is for now: `--exclude {address}`."),
                ],
            )
        }
        Block::PoolMissing { id } => {
            (format!("there is no pool {id}"), vec!["Correct the id, or let the project own a pool.".to_owned()])
        }
        Block::PoolFailed { id } => (
            format!("the service could not create pool {id}"),
            vec!["Delete it in the cloud; the next plan creates it again.".to_owned()],
        ),
        Block::PoolBlocked { pool } => {
            debug_assert_eq!(pool.kind, ResourceKind::Pool);
            (format!("its pool is blocked: {pool}"), Vec::new())
        }
    }
}

/// What it is that changed, in so far as that can be said in a few words; all of it stands below.
fn what_changed(reasons: &[Reason]) -> String {
    let secrets = reasons.iter().filter_map(|reason| match reason {
        Reason::SecretChanged { name } => Some(format!("`{name}`")),
        _ => None,
    });
    let secrets: Vec<String> = secrets.collect();
    match (reasons, secrets.as_slice()) {
        (reasons, _) if reasons.iter().any(|reason| matches!(reason, Reason::SqlChanged { .. })) => {
            "its SQL changed".to_owned()
        }
        ([Reason::ReplaceRequested], _) => "`--replace` names it".to_owned(),
        (_, []) => "it changed".to_owned(),
        (_, [one]) => format!("the value of secret {one} changed"),
        (_, several) => format!("the values of secrets {} changed", several.join(", ")),
    }
}

/// Whether what stands in the way is said together with what changed.
pub(super) fn mentions_what_changed(block: &Block) -> bool {
    matches!(block, Block::NoUndo | Block::IfNotExists | Block::LosesPosition { .. } | Block::EvolveIsManual { .. })
}

/// Whether [`what_changed`] says this one of `reasons`.
pub(super) fn what_changed_covers(reason: &Reason, reasons: &[Reason]) -> bool {
    match reason {
        Reason::SqlChanged { .. } => true,
        Reason::SecretChanged { .. } => !reasons.iter().any(|other| matches!(other, Reason::SqlChanged { .. })),
        Reason::ReplaceRequested => reasons.len() == 1,
        _ => false,
    }
}

fn loses_position(keeps: Option<&str>, accept: &str, change: &Change) -> (String, Vec<String>) {
    let what = what_changed(&change.reasons);
    let why = match keeps {
        Some(keeps) => format!("{what} and it keeps state ({keeps}); floe will not guess"),
        None if starts_as_written(change) => format!("{what}, and the new version would not begin where it stands"),
        None => format!("{what}, and the new version would begin again from its sources"),
    };
    (why, vec![accept_consequence(accept, change), "Or give the new version its own name and table.".to_owned()])
}

fn recreated_outside(
    name: &str,
    deleted: &AfterDeletion,
    address: &Address,
    change: &Change,
    environment: &str,
) -> (String, Vec<String>) {
    let resubmit = match deleted {
        AfterDeletion::Resubmit => Some(format!("Delete `{name}` yourself: the next plan submits it anew.")),
        AfterDeletion::ResubmitWithConsent(accept) => {
            Some(format!("Delete `{name}` yourself, then submit it anew: {}", accept_consequence(accept, change)))
        }
        AfterDeletion::Nothing => {
            Some(format!("Delete `{name}` yourself: ours has done its work, and is not submitted again."))
        }
        AfterDeletion::Blocked => None,
    };
    let leave =
        format!("leave it to them: `floe state rm -e {environment} {address}`, and take it out of the manifests.");
    let leave = if resubmit.is_some() { format!("Or {leave}") } else { leave.replacen("leave", "Leave", 1) };
    (format!("`{name}` was deleted and created again by somebody else"), resubmit.into_iter().chain([leave]).collect())
}

fn moved_block_toml(from: &Address, to: &Address) -> String {
    format!("[[moved]]\nfrom = \"{from}\"\nto   = \"{to}\"")
}

/// The hints that make a job go on where it stood, or else the consent to its beginning.
fn offset_hints(advice: &str, hints: &BTreeMap<String, String>, accept: String) -> Vec<String> {
    if hints.is_empty() {
        return vec![accept];
    }
    let mut paste = format!("{advice}, then plan again for the `accept` of that; it stood here:");
    for (topic, offsets) in hints {
        paste.push_str(&format!(
            "\n{} /*+ OPTIONS('scan.startup.mode'='specific-offsets', 'scan.startup.specific-offsets'='{}') */",
            sanitize(topic),
            sanitize(offsets)
        ));
    }
    vec![paste, format!("Or {accept}")]
}

fn starts_as_written(change: &Change) -> bool {
    change.notes.contains(&Note::StartsWhereSqlSays)
}

/// The consent to one change: lapses with the next.
fn accept_consequence(accept: &str, change: &Change) -> String {
    if starts_as_written(change) {
        return format!("`accept = \"{accept}\"` starts it where its SQL or properties say.");
    }
    let keyed = change.notes.iter().find_map(|note| match note {
        Note::OutputRepeated { keyed } => *keyed,
        _ => None,
    });
    format!("`accept = \"{accept}\"` begins again from its sources: {}.", rewritten_rows(keyed))
}
