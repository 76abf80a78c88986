//! The pools of a world, and the ends of their phases.

use super::{
    log::WorldChange,
    pool::SimulatedPool,
    state::{AgendaItem, SimulatedWorld},
};

impl SimulatedWorld {
    /// Returns the pool with this id.
    pub(in crate::simulator) fn pool(&self, id: &str) -> Option<&SimulatedPool> {
        self.pools.get(id)
    }

    /// Returns all pools, sorted by id.
    pub(in crate::simulator) fn pools(&self) -> impl Iterator<Item = &SimulatedPool> {
        self.pools.values()
    }

    /// Adds a pool, or replaces the one with the same id.
    pub(in crate::simulator) fn put_pool(&mut self, pool: SimulatedPool) {
        self.log_change(|| WorldChange::PoolStored(Box::new(pool.clone())));
        self.insert_pool(pool);
    }

    /// Removes the pool with this id.
    pub(in crate::simulator) fn remove_pool(&mut self, id: &str) {
        self.log_change(|| WorldChange::PoolRemoved(id.to_owned()));
        self.forget_pool(id);
    }

    /// Adds or replaces a pool and its event, without logging.
    pub(super) fn insert_pool(&mut self, pool: SimulatedPool) {
        self.forget_pool(&pool.id);
        if let Some(due) = pool.phase_ends_at {
            self.agenda.insert((due, AgendaItem::Pool(pool.id.clone())));
        }
        self.pools.insert(pool.id.clone(), pool);
    }

    /// Removes a pool and its event, without logging.
    pub(super) fn forget_pool(&mut self, id: &str) {
        if let Some(SimulatedPool { phase_ends_at: Some(due), .. }) = self.pools.remove(id) {
            self.agenda.remove(&(due, AgendaItem::Pool(id.to_owned())));
        }
    }
}
