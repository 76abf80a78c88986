//! The text of each block: why a change is blocked, and what a user can do about it.

use std::collections::BTreeMap;

use super::{
    super::{RunFlags, StatementRole, style::sanitize},
    note::rewritten_rows,
    operation::request_text,
    reason::detail_suffix,
};
use crate::{
    diff::{AfterDeletion, Block, Change, ImportMode, Note, Reason},
    resource::{Address, Consent, ResourceKind},
};

/// Why a change is blocked, and what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct BlockExplanation {
    /// The cause, as a clause in lower case without a final period.
    pub cause: String,
    /// The next steps, one option each, as full sentences. Lines after the first of an option are there to be pasted.
    pub options: Vec<String>,
}

/// What the text of a block depends on besides the change.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct BlockSetting<'a> {
    /// The flags that commands to paste repeat, which name the environment.
    pub flags: &'a RunFlags,
    /// What the blocked statement is.
    pub role: StatementRole,
}

/// Returns the text of a block.
pub(in super::super) fn explain_block(
    block: &Block,
    address: &Address,
    change: &Change,
    setting: BlockSetting<'_>,
) -> BlockExplanation {
    let (cause, choices) = cause_and_options(block, address, change, setting);
    BlockExplanation { cause, options: choices }
}

/// Returns the cause and the options of a block.
fn cause_and_options(
    block: &Block,
    address: &Address,
    change: &Change,
    setting: BlockSetting<'_>,
) -> (String, Vec<String>) {
    let BlockSetting { flags, role } = setting;
    let reasons = change.reasons.as_slice();
    let accept_consequence = |accept: &Consent| accept_consequence(accept, change, role);
    let table = format!("`[{}.{}]`", address.kind.manifest_table(), address.key);
    match block {
        Block::ForeignStatement { name, import } => (
            format!("statement `{name}` exists and is not managed by this project"),
            import_option(address, name, *import, flags).into_iter().chain([another_name_option(*import)]).collect(),
        ),
        Block::AdoptionDiffers { name, import } => (
            format!("`{name}` has this project's labels, but it is not what is declared"),
            import_option(address, name, *import, flags).into_iter().chain([another_name_option(*import)]).collect(),
        ),
        Block::Copy { name, has_same_sql, labeled_as, import, accept } => (
            if *has_same_sql {
                format!("`{name}` runs the same SQL, so every row would be written twice")
            } else {
                format!("`{name}` has this project's labels, is not in the state, and writes to the same table")
            },
            copy_options(address, (name, *import), labeled_as.as_ref(), accept, flags),
        ),
        Block::StateOlderThanCloud { names, import } => (
            format!("the state is older than the cloud: it does not know `{}`", names.join("` and `")),
            std::iter::once(
                "Use the newer state, if there is one: it may be in a backup, on another branch, or on the runner of \
                 a pipeline."
                    .to_owned(),
            )
            .chain([import_of_unknown_generation(address, import.as_ref(), flags)])
            .collect(),
        ),
        Block::AdoptedDefinition => (
            format!(
                "{}, and the current definition was taken over, so floe does not run its `undo`",
                what_changed(reasons)
            ),
            vec![
                "Revert the change and write an `ALTER` as a new statement.".to_owned(),
                "Or drop the object yourself, and declare the new definition under a new key.".to_owned(),
            ],
        ),
        Block::UnexpectedGenerations { names } => (
            format!("more than one generation may be running: `{}`", names.join("` and `")),
            vec!["Stop those that should not run, then plan again.".to_owned()],
        ),
        Block::AdoptionExposesSecret { name } => (
            format!(
                "`{name}` runs SQL that differs from what is declared, and that SQL contains a secret value or \
                 something named like one"
            ),
            vec![
                format!(
                    "Declare the SQL that `{name}` runs, with `${{secret.…}}` in place of the secret. floe then adopts \
                     it without recording the secret, and the plan after that can change it."
                ),
                another_name_option(ImportMode::AsDeclared),
            ],
        ),
        Block::RecordedUnderOtherAddress { name, from, to } => (
            format!("statement `{name}` is declared as {to} but recorded as {from}"),
            vec![
                format!("If it is the same statement, add this (nothing is sent):\n{}", moved_block_toml(from, to)),
                format!("Or, to change only this state: `{}`.", flags.command("state mv").argument(from).argument(to)),
                format!("If it is not, give {to} another name: `name = \"…\"`."),
            ],
        ),
        Block::NameInUse { name, by } => (
            format!("statement `{name}` belongs to {by} until its next generation"),
            vec!["Give this statement another name: `name = \"…\"`.".to_owned()],
        ),
        Block::RecreatedOutside { name, if_deleted, import } => {
            let (cause, options) = recreated_outside(name, if_deleted, address, change, setting);
            let Some(import) = import_option(address, name, *import, flags) else { return (cause, options) };
            let others = options.into_iter().map(|option| match option.strip_prefix("Delete") {
                Some(rest) => format!("Or delete{rest}"),
                None => option.replacen("Leave", "Or leave", 1),
            });
            (cause, std::iter::once(import).chain(others).collect())
        }
        Block::PresenceUnknown { why } => (
            format!("cannot read this resource{}", detail_suffix(why)),
            std::iter::once(
                "Fix access and plan again. floe does not assume that an unreadable resource is absent.".to_owned(),
            )
            .chain((address.kind == ResourceKind::Pool).then(|| {
                format!(
                    "Or, if the pool no longer exists, forget it: `{}`.",
                    flags.command("state rm").argument(address)
                )
            }))
            .collect(),
        ),
        Block::UnclearIntent { why } => (
            format!("the outcome of a request from an interrupted run is unclear{}", detail_suffix(why)),
            vec!["Check the resource in Confluent Cloud, remove what does not belong, and plan again.".to_owned()],
        ),
        Block::RequestInFlight { operation, seconds_left } => (
            format!("{} got no response and may still take effect for up to {seconds_left} s", request_text(operation)),
            vec!["Plan again after that. Apply waits for it.".to_owned()],
        ),
        Block::TwoCopies { predecessor, successor } => (
            format!("it runs twice: `{predecessor}` and its successor `{successor}` are both running"),
            vec![
                format!("Stop `{predecessor}` in Confluent Cloud, then plan again. `{successor}` takes over."),
                format!(
                    "Or stop `{successor}`, revert the change in {table}, then plan again. `{successor}` is deleted."
                ),
            ],
        ),
        Block::UndoNeedsPool { undo, pool, is_declared } => {
            let recreate = is_declared.then(|| {
                let apply = flags.command("apply").option("--target", pool);
                format!("Create the pool again, then repeat this command:\n{apply}")
            });
            let forget = flags.command("state rm").argument(address);
            let keep = format!("Or keep its objects and stop managing it:\n{forget}");
            let keep = if *is_declared { keep } else { keep.replacen("Or keep", "Keep", 1) };
            (
                format!("its `undo` needs {pool}, which no longer exists: {}", sanitize(undo.as_str())),
                recreate.into_iter().chain([keep]).collect(),
            )
        }
        Block::LosesOffsets { stateful_construct, accept } => {
            loses_position(stateful_construct.as_deref(), accept, change, role)
        }
        Block::EvolveIsManual { accept } => (
            format!("{}, and `evolve = \"manual\"` requires consent to each change", what_changed(reasons)),
            vec![accept_consequence(accept)],
        ),
        Block::FailedPredecessor { detail, accept } => (
            format!("it FAILED after it had run{}", detail_suffix(detail)),
            vec![
                accept_consequence(accept),
                format!(
                    "Or fix the cause, revert the change, and run `{}`, which resumes the job where it stopped.",
                    flags.command("apply").argument("--fix-drift")
                ),
            ],
        ),
        Block::FailedSuccessor { name, detail, accept, can_roll_back } => {
            let back = can_roll_back
                .then(|| format!("Or revert the change, which deletes `{name}` and resumes its predecessor."));
            (
                format!("its successor `{name}` FAILED and may have written rows{}", detail_suffix(detail)),
                std::iter::once(accept_consequence(accept)).chain(back).collect(),
            )
        }
        Block::CannotReplaceCreateTableAs => (
            "a second `CREATE TABLE … AS` would fail because its table already exists".to_owned(),
            vec![
                "Split it into a `CREATE TABLE IF NOT EXISTS` and an `INSERT INTO … SELECT` under new keys. The table \
                 remains when this statement is removed."
                    .to_owned(),
                "Or give the new version its own table and key.".to_owned(),
            ],
        ),
        Block::JobCannotBecomeDefinition => (
            "the current statement is a job, but a definition is declared under its key".to_owned(),
            vec![format!("Declare the definition under a new key. The job is deleted when {table} is removed.")],
        ),
        Block::CannotStop => (
            "this kind of statement cannot be stopped or resumed".to_owned(),
            vec![format!("Remove `stopped` from {table}.")],
        ),
        Block::NoUndo => (
            format!("{}, and the current definition has no `undo`", what_changed(reasons)),
            vec![
                format!("Add `undo = \"…\"` to {table}, apply that, then make the change."),
                "Or revert the change and write an `ALTER` as a new statement.".to_owned(),
            ],
        ),
        Block::IfNotExists => (
            format!("{}, but with `IF NOT EXISTS` it would complete and change nothing", what_changed(reasons)),
            vec![
                "Write the change as an `ALTER` in a new statement.".to_owned(),
                format!("Or revert the change, add `undo = \"…\"` to {table}, apply that, then make the change."),
            ],
        ),
        Block::DataLoss { undo } => (
            format!("its `undo` may drop data: {}", sanitize(undo.as_str())),
            vec![format!("`--allow-data-loss --target {address}` runs it. The data cannot be recovered.")],
        ),
        Block::ObjectsInUse { by } => (
            format!("the objects that it defines are in use by {}", by.join(", ")),
            vec![
                "Remove those statements as well, or first apply SQL for them that no longer uses these objects."
                    .to_owned(),
                "Statements that are not managed by this project have to be stopped by their owner.".to_owned(),
            ],
        ),
        Block::PreventDestroy => (
            "`prevent_destroy = true`, but this change would delete, undo or replace it".to_owned(),
            vec![if reasons.contains(&Reason::NotDeclared) {
                format!("Declare {table} again without `prevent_destroy`, apply that, then remove it.")
            } else {
                format!("Remove `prevent_destroy` from {table} and apply that first.")
            }],
        ),
        Block::GoneWithoutOffsets { accept } => (
            "it no longer exists, and its offsets are not known well enough to continue from them".to_owned(),
            vec![accept_consequence(accept), "Or remove it from the manifests.".to_owned()],
        ),
        Block::GoneWithSeveralSources { hints, accept } => (
            "it no longer exists, and it read several sources".to_owned(),
            offset_hints("Set the starting offsets of each source in its SQL", hints, accept_consequence(accept)),
        ),
        Block::GoneWithUnknownSource { source, hints, accept } => (
            format!("it no longer exists, and the project does not say whether rows of its source `{source}` change"),
            offset_hints(
                "If they do not change, set the starting offsets in its SQL",
                hints,
                accept_consequence(accept),
            ),
        ),
        Block::GoneWithUnknownSink { sink, hints, accept } => (
            format!("it no longer exists, and the project does not say whether its sink `{sink}` takes upserts"),
            offset_hints(
                "If it has no primary key, set the starting offsets in its SQL",
                hints,
                accept_consequence(accept),
            ),
        ),
        Block::GoneWithStartupOption { source, hints, accept } => (
            format!("it no longer exists, and the definition of `{source}` sets where its readers start"),
            offset_hints(
                "A hint takes precedence over that option, so set the starting offsets in its SQL",
                hints,
                accept_consequence(accept),
            ),
        ),
        Block::InMotion { phase } => (
            format!("nothing can be decided while the resource is {phase}"),
            vec!["Plan again when that phase has passed. Apply waits for it.".to_owned()],
        ),
        Block::LooksLikeRename { from, to } => {
            let (what, same) = match to.kind {
                ResourceKind::Pool => ("pool", "the same name, size and network"),
                ResourceKind::Statement => ("statement", "the same SQL"),
            };
            (
                format!("{from} is removed and {to} is added with {same}. This looks like a rename"),
                vec![
                    format!("If it is a rename, add this (nothing is sent):\n{}", moved_block_toml(from, to)),
                    format!("If it is not, apply the removal first, then add the new {what}."),
                ],
            )
        }
        Block::MoveTargetRecorded { from } => (
            if from == address {
                "`[[moved]]` moves it to an address that is already recorded".to_owned()
            } else {
                format!("`[[moved]]` moves {from} here, but both addresses are recorded")
            },
            vec![format!(
                "Remove the `[[moved]]` block, or remove one of the two records (the resource stays on Confluent Cloud): \
                 `{}`.",
                flags.command("state rm").argument(from)
            )],
        ),
        Block::RemovesEverything => (
            "this plan would remove everything that is recorded".to_owned(),
            vec![
                "Check that this is the right folder, branch and environment.".to_owned(),
                format!("To remove everything: `{}`.", flags.command("destroy")),
            ],
        ),
        Block::PoolExists { id } => (
            format!("a pool with this name exists that is not in the state: `{id}`"),
            vec![
                format!(
                    "If it belongs to this project, import it:\n{}",
                    flags.command("import").argument(address).argument(id)
                ),
                format!("To use it without managing it, set `id = \"{id}\"` in {table}."),
                "Or choose another `display_name`.".to_owned(),
            ],
        ),
        Block::PoolFieldImmutable { field, live, desired } => (
            format!("its {field} is {live} and cannot be changed to {desired}"),
            vec![format!(
                "Revert the change and declare a new pool under a new key. Move the statements there, then remove \
                 {table}."
            )],
        ),
        Block::PoolElsewhere { id, cloud, region } => (
            format!(
                "pool `{id}` is in {} {}, not in the cloud and region of the environment",
                sanitize(&cloud.to_lowercase()),
                sanitize(region)
            ),
            vec![format!(
                "Set `id` in {table} to a pool in the environment's cloud and region, or correct `cloud` and `region` of \
                 the environment."
            )],
        ),
        Block::PoolInUse { statements, current_cfu } if statements.is_empty() => (
            format!("statements that floe cannot see use {current_cfu} CFU of it"),
            vec!["Find out what uses them, or stop managing the pool: `id = \"lfcp-…\"`.".to_owned()],
        ),
        Block::PoolInUse { statements, .. } => (
            format!("statements that are not managed by this project run on it: `{}`", statements.join("`, `")),
            vec!["Move or stop them first, or stop managing the pool: `id = \"lfcp-…\"`.".to_owned()],
        ),
        Block::PoolHasStatements { statements } => {
            let statements: Vec<String> = statements.iter().map(Address::to_string).collect();
            (
                format!("these statements still use it: {}", statements.join(", ")),
                vec![
                    "Move them to another `pool`, set `stopped = true`, or remove them in the same plan.".to_owned(),
                    format!("Or keep the pool for now: `--exclude {address}`."),
                ],
            )
        }
        Block::PoolMissing { id } => (
            format!("pool `{id}` does not exist"),
            vec!["Correct the `id`, or declare a pool that the project manages.".to_owned()],
        ),
        Block::PoolFailed { id } => (
            format!("the service could not create pool `{id}`"),
            vec!["Delete it in Confluent Cloud. The next plan creates it again.".to_owned()],
        ),
        Block::PoolBlocked { pool } => {
            debug_assert_eq!(pool.kind, ResourceKind::Pool);
            (format!("its pool is blocked: {pool}"), Vec::new())
        }
    }
}

/// Returns what changed, as far as a few words can say it. The reasons below the headline list everything.
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
        ([Reason::ReplaceRequested], _) => "`--replace` was given".to_owned(),
        (_, []) => "it changed".to_owned(),
        (_, [one]) => format!("the value of secret {one} changed"),
        (_, several) => format!("the values of secrets {} changed", several.join(", ")),
    }
}

/// Returns whether the cause of this block starts with what changed.
pub(super) fn mentions_what_changed(block: &Block) -> bool {
    matches!(
        block,
        Block::NoUndo
            | Block::AdoptedDefinition
            | Block::IfNotExists
            | Block::LosesOffsets { .. }
            | Block::EvolveIsManual { .. }
    )
}

/// Returns whether the result of [`what_changed`] includes this one of `reasons`.
pub(super) fn what_changed_covers(reason: &Reason, reasons: &[Reason]) -> bool {
    match reason {
        Reason::SqlChanged { .. } => true,
        Reason::SecretChanged { .. } => !reasons.iter().any(|other| matches!(other, Reason::SqlChanged { .. })),
        Reason::ReplaceRequested => reasons.len() == 1,
        _ => false,
    }
}

/// Returns the text of [`Block::LosesOffsets`].
fn loses_position(
    stateful_construct: Option<&str>,
    accept: &Consent,
    change: &Change,
    role: StatementRole,
) -> (String, Vec<String>) {
    let what = what_changed(&change.reasons);
    let why = match stateful_construct {
        _ if role == StatementRole::WritesConstants => {
            format!("{what}, and the new version would write its rows again")
        }
        Some(keeps) => format!("{what}, and the new version would lose its state ({keeps})"),
        None if starts_as_written(change) => {
            format!("{what}, and the new version would not start from its current offsets")
        }
        None => format!("{what}, and the new version would start over from its sources"),
    };
    (why, vec![accept_consequence(accept, change, role), "Or give the new version its own name and table.".to_owned()])
}

/// Returns the text of [`Block::RecreatedOutside`].
fn recreated_outside(
    name: &str,
    deleted: &AfterDeletion,
    address: &Address,
    change: &Change,
    setting: BlockSetting<'_>,
) -> (String, Vec<String>) {
    let BlockSetting { flags, role } = setting;
    let resubmit = match deleted {
        AfterDeletion::Resubmit => Some(format!("Delete `{name}` yourself. The next plan submits it again.")),
        AfterDeletion::ResubmitWithConsent(accept) => Some(format!(
            "Delete `{name}` yourself, then submit it again: {}",
            accept_consequence(accept, change, role)
        )),
        AfterDeletion::Nothing => {
            Some(format!("Delete `{name}` yourself. The definition has already completed and is not submitted again."))
        }
        AfterDeletion::Blocked => None,
    };
    let forget = flags.command("state rm").argument(address);
    let leave = format!("leave it unmanaged: run `{forget}` and remove it from the manifests.");
    let leave = if resubmit.is_some() { format!("Or {leave}") } else { leave.replacen("leave", "Leave", 1) };
    (format!("`{name}` was deleted and created again outside floe"), resubmit.into_iter().chain([leave]).collect())
}

/// Returns the `[[moved]]` block to paste.
fn moved_block_toml(from: &Address, to: &Address) -> String {
    format!("[[moved]]\nfrom = \"{from}\"\nto   = \"{to}\"")
}

/// Returns the options for a job that no longer exists: the hints that make it continue where it stopped, or the
/// consent to start it over.
fn offset_hints(advice: &str, hints: &BTreeMap<String, String>, accept: String) -> Vec<String> {
    if hints.is_empty() {
        return vec![accept];
    }
    let mut paste = format!("{advice}, then plan again for a new `accept`. It stopped at these offsets:");
    for (topic, offsets) in hints {
        paste.push_str(&format!(
            "\n{} /*+ OPTIONS('scan.startup.mode'='specific-offsets', 'scan.startup.specific-offsets'='{}') */",
            sanitize(topic),
            sanitize(offsets)
        ));
    }
    vec![paste, format!("Or {accept}")]
}

/// Returns whether the SQL or the properties say where the new generation starts.
fn starts_as_written(change: &Change) -> bool {
    change.notes.contains(&Note::StartsWhereSqlSays)
}

/// Returns the line to paste for consent, and its consequence. The consent is for this change only and
/// lapses with the next.
fn accept_consequence(accept: &Consent, change: &Change, role: StatementRole) -> String {
    if starts_as_written(change) {
        return format!("`accept = \"{accept}\"` starts it where its SQL or properties say.");
    }
    let keyed = change.notes.iter().find_map(|note| match note {
        Note::OutputRepeated { keyed } => *keyed,
        _ => None,
    });
    if role == StatementRole::WritesConstants {
        return format!("`accept = \"{accept}\"` writes its rows again: {}.", rewritten_rows(keyed));
    }
    format!("`accept = \"{accept}\"` restarts it from the beginning of its sources: {}.", rewritten_rows(keyed))
}

/// Returns the command that takes a statement over, or `None` if it cannot be.
fn import_command(address: &Address, name: &str, mode: ImportMode, flags: &RunFlags) -> Option<String> {
    let command = flags.command("import").argument(address).argument(name);
    match mode {
        ImportMode::AsDeclared => Some(command.to_string()),
        ImportMode::AsIs => Some(command.argument("--as-is").to_string()),
        ImportMode::Refused => None,
    }
}

/// Returns the option to make a generation the recorded one that the state does not know.
fn import_of_unknown_generation(address: &Address, import: Option<&(String, ImportMode)>, flags: &RunFlags) -> String {
    let command = import.and_then(|(name, mode)| Some((name, import_command(address, name, *mode, flags)?)));
    match command {
        Some((name, command)) => {
            format!("Or make `{name}` the recorded generation (nothing is sent):\n{command}")
        }
        None => format!(
            "Or declare in `[{}.{}]` what runs. The plan then says how to make it the recorded generation.",
            address.kind.manifest_table(),
            address.key
        ),
    }
}

/// Returns the option to take a statement over, if it can be.
fn import_option(address: &Address, name: &str, mode: ImportMode, flags: &RunFlags) -> Option<String> {
    let command = import_command(address, name, mode, flags)?;
    Some(match mode {
        ImportMode::AsIs => {
            format!("To take over what runs (nothing is sent; the next plan shows the change):\n{command}")
        }
        ImportMode::AsDeclared | ImportMode::Refused => format!("To take it over (nothing is sent):\n{command}"),
    })
}

/// Returns the option to use another name, which is the only one if the statement cannot be imported.
fn another_name_option(import: ImportMode) -> String {
    let or = if import.is_refused() { "Give" } else { "Or give" };
    format!("{or} this statement another name: `name = \"…\"`.")
}

/// Returns the options for a job of which a copy may run.
fn copy_options(
    address: &Address,
    (name, import): (&str, ImportMode),
    labeled_as: Option<&Address>,
    accept: &Consent,
    flags: &RunFlags,
) -> Vec<String> {
    let moved = labeled_as.map(|from| format!("If {from} was renamed, add this:\n{}", moved_block_toml(from, address)));
    let accept = format!("Or, to run both, `accept = \"{accept}\"` starts this job as well.");
    import_option(address, name, import, flags).into_iter().chain(moved).chain([accept]).collect()
}
