//! The content of each file before anything is merged: typed layers with the location of every value.

mod document;
mod duplicates;
mod fields;
mod place;
mod tables;
pub(super) mod toml_string;

pub(super) use document::{ManifestRole, read_manifest};
pub(super) use place::{At, Field, StringEntry};
pub(super) use tables::{
    EnvironmentLayer, Manifest, MovedLayer, PoolLayer, ProjectLayer, RemovedLayer, StatementLayer,
};
