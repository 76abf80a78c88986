//! `floe state …`: shows the state and repairs it. These commands need only the environment from the manifests.

use super::{
    CommandError, Exit, ProcessEnvironment, Screen,
    arguments::{GlobalOptions, OutputFormat, StateCommand},
    lock_holder::lock_holder,
    project::{self, ProjectContext},
    runtime,
};
use crate::{
    render,
    resource::Address,
    state::{self, Entry, Fact, Ledger, Recorded, RunLedger},
};

/// Runs one of the subcommands of `floe state`.
pub fn run(
    command: &StateCommand,
    global: &GlobalOptions,
    process: &ProcessEnvironment,
    screen: &Screen,
) -> Result<Exit, CommandError> {
    let project_context = project::load_context(global, process)?;
    let work = async {
        match command {
            StateCommand::List => print_list(&project_context, global, screen).await,
            StateCommand::Show { address } => print_entry(&project_context, address, screen).await,
            StateCommand::Mv { from, to } => {
                let fact = Fact::Moved { from: from.clone(), to: to.clone() };
                let edit = StateEdit { command: "state mv", addresses: std::slice::from_ref(from), facts: vec![fact] };
                record_facts(edit, &project_context, global, process).await?;
                screen.notify(&format!("Moved `{from}` to `{to}`. Nothing was sent."));
                Ok(())
            }
            StateCommand::Rm { addresses } => {
                let facts = addresses.iter().map(|address| Fact::Forgotten { address: address.clone() }).collect();
                let edit = StateEdit { command: "state rm", addresses, facts };
                record_facts(edit, &project_context, global, process).await?;
                let names: Vec<String> = addresses.iter().map(Address::to_string).collect();
                screen.notify(&format!(
                    "Removed from the state: {}. Nothing was deleted on Confluent Cloud.",
                    names.join(", ")
                ));
                Ok(())
            }
        }
    };
    runtime::block_on(&project_context.environment, work)??;
    Ok(Exit::Done)
}

/// Loads the record and checks that it belongs to the environment. Fails if there is none.
async fn load_recorded(ledger: &dyn Ledger, project_context: &ProjectContext) -> Result<Recorded, CommandError> {
    let environment = &project_context.environment;
    let recorded = ledger.load().await?.ok_or_else(|| {
        CommandError::new(format!("environment `{}` has no state yet", environment.name))
            .with_help("`floe apply` creates it.")
    })?;
    state::check_environment(&recorded, &environment.identity)?;
    Ok(recorded)
}

/// Prints every recorded address, as text or JSON.
async fn print_list(
    project_context: &ProjectContext,
    global: &GlobalOptions,
    screen: &Screen,
) -> Result<(), CommandError> {
    let recorded = load_recorded(&project_context.ledger(), project_context).await?;
    match global.format {
        OutputFormat::Json => screen.print(&render::recorded_json(&recorded)?),
        _ => screen.print(&render::recorded_list_text(&recorded)),
    }
}

/// Prints the record of one address as JSON.
async fn print_entry(project_context: &ProjectContext, address: &Address, screen: &Screen) -> Result<(), CommandError> {
    let recorded = load_recorded(&project_context.ledger(), project_context).await?;
    let text = render::recorded_entry_json(&recorded, address).ok_or_else(|| not_recorded(address))?;
    screen.print(&text)
}

/// Facts that a command records about addresses without changing anything on Confluent Cloud.
struct StateEdit<'a> {
    /// The command as the holder of the lock shows it.
    command: &'a str,
    /// The addresses that must be recorded already.
    addresses: &'a [Address],
    /// The facts to record.
    facts: Vec<Fact>,
}

/// Records facts about recorded addresses. This is a run of its own, with the lock and a journal.
async fn record_facts(
    edit: StateEdit<'_>,
    project_context: &ProjectContext,
    global: &GlobalOptions,
    process: &ProcessEnvironment,
) -> Result<(), CommandError> {
    let mut ledger = project_context.ledger();
    ledger.lock(&lock_holder(edit.command, process), global.lock_timeout).await?;
    let mut recorded = load_recorded(&ledger, project_context).await?;
    for address in edit.addresses {
        // An address with an open request of an interrupted run can be removed or moved like a recorded one.
        if !recorded.contains(address) && !recorded.has_open_intent(address) {
            return Err(not_recorded(address));
        }
    }
    for fact in &edit.facts {
        if let Fact::Moved { from, to } = fact {
            check_can_move(&recorded, from, to)?;
        }
    }
    ledger.begin(&recorded).await?;
    let entries: Vec<Entry> = edit.facts.into_iter().map(|fact| Entry::FactRecorded { fact }).collect();
    for entry in &entries {
        recorded.apply(entry).map_err(|error| CommandError::new(error.to_string()))?;
    }
    ledger.append(&entries).await?;
    ledger.compact(&recorded).await?;
    Ok(())
}

/// Checks that a record can be moved to the address `to`: it is of the same kind, and has no record or open request yet.
fn check_can_move(recorded: &Recorded, from: &Address, to: &Address) -> Result<(), CommandError> {
    if from.kind != to.kind {
        return Err(CommandError::new(format!("`{from}` cannot be moved to `{to}`, which is of another kind"))
            .with_help(format!("Move it to an address in `{}`.", from.kind.manifest_table())));
    }
    if recorded.contains(to) || recorded.has_open_intent(to) {
        return Err(CommandError::new(format!("`{to}` is already recorded, so `{from}` cannot be moved there"))
            .with_help(format!(
                "Choose another address. If the record of `{to}` is wrong, first remove it with `floe state rm {to}`. \
                 The resource stays on Confluent Cloud."
            )));
    }
    Ok(())
}

/// Returns the error for an address that is not in the state.
fn not_recorded(address: &Address) -> CommandError {
    CommandError::new(format!("`{address}` is not recorded"))
        .with_help("`floe state list` lists the recorded addresses.")
}
