//! What `floe import` is asked to take over.

use crate::resource::Address;

/// The resources to import, by kind.
#[derive(Clone, Copy)]
pub(super) struct ImportTargets<'a> {
    /// The addresses of pools, each with the id of an existing pool.
    pub pools: &'a [(Address, String)],
    /// The addresses of statements, each with the cloud name of an existing statement.
    pub statements: &'a [(Address, String)],
    /// Whether to record statements that differ from what is declared.
    pub as_is: bool,
}
