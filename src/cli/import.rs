//! `floe import`: takes a pool over that runs already, after a state was lost or where it was made by hand. Nothing is
//! sent; the next plan compares it.

use super::{
    Ambient, Exit, Screen, Trouble,
    arguments::Global,
    door::{self, Access},
    holder::holder,
    progress::Voice,
    project, runtime,
};
use crate::{
    graph::Graph,
    resource::{Address, Kind, LivePool, Pool, PoolDeclaration},
    state::{Entry, Fact, Ledger, Recorded},
};

/// Records that `address` is the pool `id`.
pub fn run(address: &Address, id: &str, global: &Global, ambient: &Ambient, screen: &Screen) -> Result<Exit, Trouble> {
    let graph = project::desired(global, ambient)?;
    let pool = declared(&graph, address)?;
    let taken = Taken { address, pool, id };
    let work = import(&graph, taken, global, ambient, screen);
    runtime::block_on(&graph.project.environment, work)??;
    screen.err(&format!("{address} is {id} from now on; nothing was sent.\n"));
    Ok(Exit::Done)
}

/// The pool that the project declares and would own.
fn declared<'g>(graph: &'g Graph, address: &Address) -> Result<&'g Pool, Trouble> {
    if address.kind == Kind::Statement {
        return Err(Trouble::new(format!("{address} is a statement, and only pools are imported")).help(
            "a statement that bears this project's labels is adopted by `floe apply` itself; any other one is somebody \
             else's",
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
    match door.cloud.pool(id).await? {
        Some(found) => may_be(pool, &found)?,
        None => return Err(Trouble::new(format!("there is no pool {id} in this environment"))),
    }
    let fact = Fact::PoolAdopted { key: address.key.clone(), id: id.to_owned(), declared: pool.clone() };
    let entry = Entry::Record { fact };
    ledger.begin(&recorded).await?;
    recorded.apply(&entry)?;
    ledger.append(&[entry]).await?;
    Ok(ledger.fold(&recorded).await?)
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
    if recorded.open.values().any(|open| open.intent.address == *address) {
        return Err(Trouble::new(format!("an interrupted run has asked for {address}"))
            .help("`floe apply` finds out what became of that first"));
    }
    Ok(())
}

/// What cannot be changed has to fit; the rest is the next plan's.
fn may_be(pool: &Pool, found: &LivePool) -> Result<(), Trouble> {
    let place = |cloud: &str, region: &str| format!("{cloud} {region}");
    if (&found.cloud, &found.region) == (&pool.cloud, &pool.region) {
        return Ok(());
    }
    Err(Trouble::new(format!(
        "{} is in {}, and this environment in {}",
        found.id,
        place(&found.cloud, &found.region),
        place(&pool.cloud, &pool.region)
    )))
}
