//! `floe import`: takes a pool over that runs already, after a state was lost or where it was made by hand. Nothing is
//! sent; the next plan compares it.

use super::{
    Ambient, Exit, Screen, Trouble,
    arguments::Global,
    door::{self, Access},
    holder::holder,
    progress::Voice,
    project, runtime,
    trouble::redacted,
};
use crate::{
    graph::Graph,
    resource::{Address, LivePool, Pool, PoolDeclaration, PoolPhase, ResourceKind},
    state::{Entry, Fact, Ledger, Recorded},
};

/// Records that `address` is the pool `id`.
pub fn run(address: &Address, id: &str, global: &Global, ambient: &Ambient, screen: &Screen) -> Result<Exit, Trouble> {
    let graph = project::desired(&project::inputs(global, ambient))?;
    let pool = declared(&graph, address)?;
    let taken = Taken { address, pool, id };
    let work = import(&graph, taken, global, ambient, screen);
    runtime::block_on(&graph.project.environment, work)??;
    screen.err(&format!("{address} is {id} from now on; nothing was sent.\n"));
    Ok(Exit::Done)
}

/// The pool that the project declares and would own.
fn declared<'g>(graph: &'g Graph, address: &Address) -> Result<&'g Pool, Trouble> {
    if address.kind == ResourceKind::Statement {
        return Err(Trouble::new(format!("{address} is a statement, and only pools are imported")).help(
            "`floe apply` itself adopts a statement that bears this project's labels. One without them (made by hand, by \
             other tools, or where the service kept no labels) cannot be taken over by this version: give this \
             project's another `name`, or delete that one yourself",
        ));
    }
    match graph.project.pools.get(&address.key).map(|declared| &declared.spec) {
        Some(PoolDeclaration::Owned(pool)) => Ok(pool),
        Some(PoolDeclaration::Borrowed { id }) => {
            Err(Trouble::new(format!("{address} is declared by its id, {id}: somebody else owns it"))
                .help(format!("declare it by `max_cfu`, without `id`, in [pools.{}]", address.key)))
        }
        None => Err(Trouble::new(format!("{address} is not declared")).help("declare it first")),
    }
}

/// What is taken over.
struct Taken<'a> {
    address: &'a Address,
    pool: &'a Pool,
    id: &'a str,
}

async fn import(
    graph: &Graph,
    Taken { address, pool, id }: Taken<'_>,
    global: &Global,
    ambient: &Ambient,
    screen: &Screen,
) -> Result<(), Trouble> {
    let mut ledger = project::ledger(graph);
    ledger.lock(&holder("import", ambient), global.lock_timeout).await?;
    let mut recorded = Recorded::clone(&*project::recorded(&ledger, &graph.project.environment, ambient, None).await?);
    is_free(&recorded, address, id)?;
    let world = door::world(&graph.project.root, &graph.project.environment, &recorded, Access::Reads)?;
    let door = door::open(&graph.project, &recorded, ambient, world, &Voice::new(*screen)).await?;
    let secrets = ambient.secrets(&graph.project);
    match door.cloud.fetch_pool(id).await.map_err(|error| redacted(error, &secrets))? {
        Some(found) => may_be(pool, &found)?,
        None => return Err(Trouble::new(format!("there is no pool {id} in this environment"))),
    }
    let fact = Fact::PoolAdopted { key: address.key.clone(), id: id.to_owned(), declared: pool.clone() };
    let entry = Entry::FactRecorded { fact };
    ledger.begin(&recorded).await?;
    recorded.apply(&entry)?;
    ledger.append(&[entry]).await?;
    Ok(ledger.compact(&recorded).await?)
}

/// One address has one pool, and one pool one address; and what an interrupted run has asked for comes first.
fn is_free(recorded: &Recorded, address: &Address, id: &str) -> Result<(), Trouble> {
    if let Some(record) = recorded.pools.get(&address.key) {
        return Err(Trouble::new(format!("{address} is {} already", record.id))
            .help(format!("`floe state rm {address}` forgets that first")));
    }
    if let Some((key, _)) = recorded.pools.iter().find(|(_, record)| record.id == id) {
        return Err(Trouble::new(format!("{id} is pools.{key} already")));
    }
    if recorded.open_intents.values().any(|open| open.intent.address == *address) {
        return Err(Trouble::new(format!("an interrupted run has asked for {address}"))
            .help("`floe apply` finds out what became of that first"));
    }
    Ok(())
}

/// What cannot be changed has to fit, and it has to be there to stay: else every plan from then on would be blocked. The
/// rest is the next plan's.
fn may_be(pool: &Pool, found: &LivePool) -> Result<(), Trouble> {
    let id = &found.id;
    match &found.phase {
        PoolPhase::Failed => {
            return Err(Trouble::new(format!("{id} has failed, and nothing runs on it"))
                .help("delete it yourself; `floe apply` makes a new one"));
        }
        PoolPhase::Deprovisioning => {
            return Err(
                Trouble::new(format!("{id} is being deleted")).help("once it is gone, `floe apply` makes a new one")
            );
        }
        PoolPhase::Provisioning | PoolPhase::Provisioned | PoolPhase::Other(_) => {}
    }
    let place = |cloud: &str, region: &str| format!("{cloud} {region}");
    if (&found.cloud, &found.region) != (&pool.cloud, &pool.region) {
        return Err(Trouble::new(format!(
            "{id} is in {}, and this environment in {}",
            place(&found.cloud, &found.region),
            place(&pool.cloud, &pool.region)
        )));
    }
    // The same judgement that a plan makes: a network that either side leaves out says nothing.
    match (&found.network, &pool.network) {
        (Some(live), Some(declared)) if live != declared => {
            Err(Trouble::new(format!("{id} is in network {live}, and {declared} is declared"))
                .help("a pool never changes its network: declare the one that it is in, or import another pool"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pool_that_the_next_plan_can_work_with_is_taken_over() {
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
        assert!(may_be(&pool, &found).is_ok());
        assert!(may_be(&pool, &LivePool { network: None, ..found.clone() }).is_ok());
        assert!(may_be(&Pool { network: None, ..pool.clone() }, &found).is_ok());
        assert!(may_be(&pool, &LivePool { phase: PoolPhase::Provisioning, ..found.clone() }).is_ok());
        for (wrong, why) in [
            (LivePool { network: Some(text("n-2")), ..found.clone() }, "network n-2"),
            (LivePool { region: text("eu-west-1"), ..found.clone() }, "eu-west-1"),
            (LivePool { phase: PoolPhase::Failed, ..found.clone() }, "failed"),
            (LivePool { phase: PoolPhase::Deprovisioning, ..found.clone() }, "being deleted"),
        ] {
            let said = format!("{:?}", may_be(&pool, &wrong).unwrap_err());
            assert!(said.contains(why), "{said}");
        }
    }
}
