//! `floe state …`: looks at the record, and repairs it. Of the manifests it needs the environment alone.

use super::{
    Ambient, Exit, Screen, Trouble,
    arguments::{Format, Global, StateCommand},
    holder::holder,
    project::{self, Begun},
    runtime,
};
use crate::{
    render,
    resource::{Address, ResourceKind},
    state::{self, Entry, Fact, Ledger, Recorded},
};

/// Runs one of the commands.
pub fn run(command: &StateCommand, global: &Global, ambient: &Ambient, screen: &Screen) -> Result<Exit, Trouble> {
    let begun = project::begin(global, ambient)?;
    let work = async {
        match command {
            StateCommand::List => list(&begun, global, screen).await,
            StateCommand::Show { address } => show(&begun, address, screen).await,
            StateCommand::Mv { from, to } => {
                let fact = Fact::Moved { from: from.clone(), to: to.clone() };
                repair("state mv", std::slice::from_ref(from), vec![fact], &begun, global, ambient).await?;
                screen.err(&format!("{from} is {to} now; nothing was sent.\n"));
                Ok(())
            }
            StateCommand::Rm { addresses } => {
                let facts = addresses.iter().map(|address| Fact::Forgotten { address: address.clone() }).collect();
                repair("state rm", addresses, facts, &begun, global, ambient).await?;
                let names: Vec<String> = addresses.iter().map(Address::to_string).collect();
                screen.err(&format!("Forgotten: {}. What is in the cloud stays.\n", names.join(", ")));
                Ok(())
            }
        }
    };
    runtime::block_on(&begun.environment, work)??;
    Ok(Exit::Done)
}

async fn load(ledger: &dyn Ledger, begun: &Begun) -> Result<Recorded, Trouble> {
    let environment = &begun.environment;
    let recorded = ledger.load().await?.ok_or_else(|| {
        Trouble::new(format!("nothing is recorded yet for environment `{}`", environment.name))
            .help("`floe apply` begins a state")
    })?;
    state::check_environment(&recorded, &environment.identity)?;
    Ok(recorded)
}

async fn list(begun: &Begun, global: &Global, screen: &Screen) -> Result<(), Trouble> {
    let recorded = load(&begun.ledger(), begun).await?;
    match global.format {
        Format::Json => screen.out(&render::list_json(&recorded)?),
        _ => screen.out(&render::list(&recorded)),
    }
}

async fn show(begun: &Begun, address: &Address, screen: &Screen) -> Result<(), Trouble> {
    let recorded = load(&begun.ledger(), begun).await?;
    let text = render::show(&recorded, address).ok_or_else(|| not_recorded(address))?;
    screen.out(&text)
}

/// Records facts, as a run of its own.
async fn repair(
    command: &str,
    addresses: &[Address],
    facts: Vec<Fact>,
    begun: &Begun,
    global: &Global,
    ambient: &Ambient,
) -> Result<(), Trouble> {
    let mut ledger = begun.ledger();
    ledger.lock(&holder(command, ambient), global.lock_timeout).await?;
    let mut recorded = load(&ledger, begun).await?;
    for address in addresses {
        let known = match address.kind {
            ResourceKind::Pool => recorded.pools.contains_key(&address.key),
            ResourceKind::Statement => recorded.statements.contains_key(&address.key),
        };
        // What an interrupted run left open can be forgotten or moved like what is recorded.
        let is_open = recorded.open_intents.values().any(|open| open.intent.address == *address);
        if !known && !is_open {
            return Err(not_recorded(address));
        }
    }
    ledger.begin(&recorded).await?;
    let entries: Vec<Entry> = facts.into_iter().map(|fact| Entry::FactRecorded { fact }).collect();
    for entry in &entries {
        recorded.apply(entry).map_err(|error| Trouble::new(error.to_string()))?;
    }
    ledger.append(&entries).await?;
    ledger.compact(&recorded).await?;
    Ok(())
}

fn not_recorded(address: &Address) -> Trouble {
    Trouble::new(format!("{address} is not recorded")).help("`floe state list` says what is")
}
