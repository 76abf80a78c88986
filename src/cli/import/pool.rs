//! Imports a pool: checks that the existing one is compatible with what is declared.

use super::CommandError;
use crate::{
    cloud::CloudClient,
    graph::Graph,
    render::RunFlags,
    resource::{Address, LivePool, Pool, PoolDeclaration, PoolPhase, Secrets},
    state::{Entry, Fact, Recorded},
};

/// Returns the declared pool, which the project must own.
pub(super) fn declared_pool<'g>(graph: &'g Graph, address: &Address) -> Result<&'g Pool, CommandError> {
    match graph.project.pools.get(&address.key).map(|declared| &declared.spec) {
        Some(PoolDeclaration::Owned(pool)) => Ok(pool),
        Some(PoolDeclaration::Borrowed { id }) => {
            Err(CommandError::new(format!("`{address}` is declared by its id `{id}`, so this project does not own it"))
                .with_help(format!("Declare it with `max_cfu` and without `id` in `[pools.{}]`.", address.key)))
        }
        None => Err(CommandError::new(format!("`{address}` is not declared in the manifests"))
            .with_help("Declare the pool first.")),
    }
}

/// Reads the existing pool, checks that it is compatible, and returns the entry that records it.
pub(super) async fn import_entry(
    graph: &Graph,
    address: &Address,
    id: &str,
    (cloud, secrets): (&CloudClient, &Secrets),
) -> Result<Entry, CommandError> {
    let pool = declared_pool(graph, address)?;
    match cloud.fetch_pool(id).await.map_err(|error| error.redacted(secrets))? {
        Some(found) => check_compatible(pool, &found)?,
        None => return Err(CommandError::new(format!("pool `{id}` does not exist in this environment"))),
    }
    let fact = Fact::PoolAdopted { key: address.key.clone(), id: id.to_owned(), declared: pool.clone() };
    Ok(Entry::FactRecorded { fact })
}

/// Checks that neither the address nor the pool is recorded, and that the address has no open request of an interrupted
/// run.
pub(super) fn check_not_recorded(
    recorded: &Recorded,
    address: &Address,
    id: &str,
    flags: &RunFlags,
) -> Result<(), CommandError> {
    if let Some(record) = recorded.pools.get(&address.key) {
        return Err(CommandError::new(format!("`{address}` is already recorded as `{}`", record.id)).with_help(
            format!(
                "To import another pool, first remove that record: `{}`.",
                flags.command("state rm").argument(address)
            ),
        ));
    }
    if let Some((key, _)) = recorded.pools.iter().find(|(_, record)| record.id == id) {
        return Err(CommandError::new(format!("pool `{id}` is already recorded as `pools.{key}`")));
    }
    if recorded.open_intents.values().any(|open| open.intent.address == *address) {
        return Err(CommandError::new(format!("`{address}` has an unresolved request from an interrupted run"))
            .with_help("Run `floe apply` first. It resolves the request."));
    }
    Ok(())
}

/// Checks that the live pool is usable and that what cannot be changed agrees with the declaration. Otherwise every
/// later plan would be blocked. The next plan compares the rest.
fn check_compatible(pool: &Pool, found: &LivePool) -> Result<(), CommandError> {
    let id = &found.id;
    match &found.phase {
        PoolPhase::Failed => {
            return Err(CommandError::new(format!("pool `{id}` has failed, so nothing runs on it"))
                .with_help("Delete it yourself. `floe apply` then creates a new pool."));
        }
        PoolPhase::Deprovisioning => {
            return Err(CommandError::new(format!("pool `{id}` is being deleted"))
                .with_help("Once it no longer exists, `floe apply` creates a new pool."));
        }
        PoolPhase::Provisioning | PoolPhase::Provisioned | PoolPhase::Other(_) => {}
    }
    let place = |cloud: &str, region: &str| format!("{cloud} {region}");
    if (&found.cloud, &found.region) != (&pool.cloud, &pool.region) {
        return Err(CommandError::new(format!(
            "pool `{id}` is in {}, but this environment is in {}",
            place(&found.cloud, &found.region),
            place(&pool.cloud, &pool.region)
        )));
    }
    // As in a plan, networks are compared only if both sides name one.
    match (&found.network, &pool.network) {
        (Some(live), Some(declared)) if live != declared => {
            Err(CommandError::new(format!("pool `{id}` is in network `{live}`, but `{declared}` is declared"))
                .with_help(
                    "A pool cannot change its network. Declare the network that it is in, or import another pool.",
                ))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::resource::tests::{live_pool, pool};

    #[test]
    fn import_refuses_a_pool_that_would_block_the_next_plan() {
        let text = str::to_owned;
        let pool = Pool { network: Some(text("n-1")), ..pool("main") };
        let found = LivePool { display_name: text("another"), max_cfu: 50, ..live_pool("lfcp-1", &pool) };
        assert!(check_compatible(&pool, &found).is_ok());
        assert!(check_compatible(&pool, &LivePool { network: None, ..found.clone() }).is_ok());
        assert!(check_compatible(&Pool { network: None, ..pool.clone() }, &found).is_ok());
        assert!(check_compatible(&pool, &LivePool { phase: PoolPhase::Provisioning, ..found.clone() }).is_ok());
        for (wrong, why) in [
            (LivePool { network: Some(text("n-2")), ..found.clone() }, "network `n-2`"),
            (LivePool { region: text("eu-west-1"), ..found.clone() }, "eu-west-1"),
            (LivePool { phase: PoolPhase::Failed, ..found.clone() }, "failed"),
            (LivePool { phase: PoolPhase::Deprovisioning, ..found.clone() }, "being deleted"),
        ] {
            let said = format!("{:?}", check_compatible(&pool, &wrong).unwrap_err());
            assert!(said.contains(why), "{said}");
        }
    }
}
