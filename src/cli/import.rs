//! `floe import`: takes a pool over that runs already, after a state was lost or where it was made by hand. Nothing is
//! sent; the next plan compares it.

use super::{
    CommandError, Exit, ProcessEnvironment, Screen,
    arguments::GlobalOptions,
    command_error::redact_error,
    connect::{self, WorldAccess},
    lock_holder::lock_holder,
    progress::StatusLine,
    project, runtime,
};
use crate::{
    graph::Graph,
    resource::{Address, LivePool, Pool, PoolDeclaration, PoolPhase, ResourceKind},
    state::{Entry, Fact, Ledger, Recorded},
};

/// Records that `address` is the pool `id`.
pub fn run(
    address: &Address,
    id: &str,
    global: &GlobalOptions,
    process: &ProcessEnvironment,
    screen: &Screen,
) -> Result<Exit, CommandError> {
    let graph = project::desired(&project::manifest_inputs(global, process))?;
    let pool = declared_pool(&graph, address)?;
    let pool_import = PoolImport { address, pool, id };
    let work = import_pool(&graph, pool_import, global, process, screen);
    runtime::block_on(&graph.project.environment, work)??;
    screen.eprint(&format!("{address} is {id} from now on; nothing was sent.\n"));
    Ok(Exit::Done)
}

/// The pool that the project declares and would own.
fn declared_pool<'g>(graph: &'g Graph, address: &Address) -> Result<&'g Pool, CommandError> {
    if address.kind == ResourceKind::Statement {
        return Err(CommandError::new(format!("{address} is a statement, and only pools are imported")).with_help(
            "`floe apply` itself adopts a statement that bears this project's labels. One without them (made by hand, by \
             other tools, or where the service kept no labels) cannot be taken over by this version: give this \
             project's another `name`, or delete that one yourself",
        ));
    }
    match graph.project.pools.get(&address.key).map(|declared| &declared.spec) {
        Some(PoolDeclaration::Owned(pool)) => Ok(pool),
        Some(PoolDeclaration::Borrowed { id }) => {
            Err(CommandError::new(format!("{address} is declared by its id, {id}: somebody else owns it"))
                .with_help(format!("declare it by `max_cfu`, without `id`, in [pools.{}]", address.key)))
        }
        None => Err(CommandError::new(format!("{address} is not declared")).with_help("declare it first")),
    }
}

/// What is taken over.
struct PoolImport<'a> {
    address: &'a Address,
    pool: &'a Pool,
    id: &'a str,
}

async fn import_pool(
    graph: &Graph,
    PoolImport { address, pool, id }: PoolImport<'_>,
    global: &GlobalOptions,
    process: &ProcessEnvironment,
    screen: &Screen,
) -> Result<(), CommandError> {
    let mut ledger = project::ledger(graph);
    ledger.lock(&lock_holder("import", process), global.lock_timeout).await?;
    let mut recorded =
        Recorded::clone(&*project::recorded_or_new(&ledger, &graph.project.environment, process, None).await?);
    check_not_recorded(&recorded, address, id)?;
    let world = connect::open_world(&graph.project.root, &graph.project.environment, &recorded, WorldAccess::ReadOnly)?;
    let connection = connect::connect(&graph.project, &recorded, process, world, &StatusLine::new(*screen)).await?;
    let secrets = process.secrets(&graph.project);
    match connection.cloud.fetch_pool(id).await.map_err(|error| redact_error(error, &secrets))? {
        Some(found) => check_compatible(pool, &found)?,
        None => return Err(CommandError::new(format!("there is no pool {id} in this environment"))),
    }
    let fact = Fact::PoolAdopted { key: address.key.clone(), id: id.to_owned(), declared: pool.clone() };
    let entry = Entry::FactRecorded { fact };
    ledger.begin(&recorded).await?;
    recorded.apply(&entry)?;
    ledger.append(&[entry]).await?;
    Ok(ledger.compact(&recorded).await?)
}

/// One address has one pool, and one pool one address; and what an interrupted run has asked for comes first.
fn check_not_recorded(recorded: &Recorded, address: &Address, id: &str) -> Result<(), CommandError> {
    if let Some(record) = recorded.pools.get(&address.key) {
        return Err(CommandError::new(format!("{address} is {} already", record.id))
            .with_help(format!("`floe state rm {address}` forgets that first")));
    }
    if let Some((key, _)) = recorded.pools.iter().find(|(_, record)| record.id == id) {
        return Err(CommandError::new(format!("{id} is pools.{key} already")));
    }
    if recorded.open_intents.values().any(|open| open.intent.address == *address) {
        return Err(CommandError::new(format!("an interrupted run has asked for {address}"))
            .with_help("`floe apply` finds out what became of that first"));
    }
    Ok(())
}

/// What cannot be changed has to fit, and it has to be there to stay: else every plan from then on would be blocked. The
/// rest is the next plan's.
fn check_compatible(pool: &Pool, found: &LivePool) -> Result<(), CommandError> {
    let id = &found.id;
    match &found.phase {
        PoolPhase::Failed => {
            return Err(CommandError::new(format!("{id} has failed, and nothing runs on it"))
                .with_help("delete it yourself; `floe apply` makes a new one"));
        }
        PoolPhase::Deprovisioning => {
            return Err(CommandError::new(format!("{id} is being deleted"))
                .with_help("once it is gone, `floe apply` makes a new one"));
        }
        PoolPhase::Provisioning | PoolPhase::Provisioned | PoolPhase::Other(_) => {}
    }
    let place = |cloud: &str, region: &str| format!("{cloud} {region}");
    if (&found.cloud, &found.region) != (&pool.cloud, &pool.region) {
        return Err(CommandError::new(format!(
            "{id} is in {}, and this environment in {}",
            place(&found.cloud, &found.region),
            place(&pool.cloud, &pool.region)
        )));
    }
    // The same judgement that a plan makes: a network that either side leaves out says nothing.
    match (&found.network, &pool.network) {
        (Some(live), Some(declared)) if live != declared => {
            Err(CommandError::new(format!("{id} is in network {live}, and {declared} is declared"))
                .with_help("a pool never changes its network: declare the one that it is in, or import another pool"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn import_refuses_a_pool_that_would_block_the_next_plan() {
        let text = str::to_owned;
        let pool = Pool {
            display_name: text("main"),
            max_cfu: 5,
            network: Some(text("n-1")),
            cloud: text("aws"),
            region: text("us-east-1"),
            prevent_destroy: false,
        };
        let found = LivePool {
            id: text("lfcp-1"),
            display_name: text("another"),
            cloud: text("aws"),
            region: text("us-east-1"),
            max_cfu: 50,
            network: Some(text("n-1")),
            phase: PoolPhase::Provisioned,
            current_cfu: 0,
            created_at: None,
        };
        assert!(check_compatible(&pool, &found).is_ok());
        assert!(check_compatible(&pool, &LivePool { network: None, ..found.clone() }).is_ok());
        assert!(check_compatible(&Pool { network: None, ..pool.clone() }, &found).is_ok());
        assert!(check_compatible(&pool, &LivePool { phase: PoolPhase::Provisioning, ..found.clone() }).is_ok());
        for (wrong, why) in [
            (LivePool { network: Some(text("n-2")), ..found.clone() }, "network n-2"),
            (LivePool { region: text("eu-west-1"), ..found.clone() }, "eu-west-1"),
            (LivePool { phase: PoolPhase::Failed, ..found.clone() }, "failed"),
            (LivePool { phase: PoolPhase::Deprovisioning, ..found.clone() }, "being deleted"),
        ] {
            let said = format!("{:?}", check_compatible(&pool, &wrong).unwrap_err());
            assert!(said.contains(why), "{said}");
        }
    }
}
