//! Reads the labels that say which project, environment and address a statement belongs to. They are evidence where
//! they are, and their absence proves nothing.

use super::inputs::DeclaredNames;
use crate::resource::{LiveStatement, labels};

/// The labels of a live statement that name its owner.
#[derive(Debug, Clone, Copy)]
pub(super) struct OwnerLabels<'a> {
    /// The name of the project.
    project: Option<&'a str>,
    /// The key of the environment. floe 0.1.0 did not send it.
    environment: Option<&'a str>,
    /// The address in the project.
    address: Option<&'a str>,
    /// The lineage of the state that submitted the statement.
    lineage: Option<&'a str>,
}

impl<'a> OwnerLabels<'a> {
    /// Returns the labels of a live statement.
    pub fn of(live: &'a LiveStatement) -> Self {
        let label = |name: &str| live.labels.get(name).map(String::as_str);
        OwnerLabels {
            project: label(labels::PROJECT),
            environment: label(labels::ENVIRONMENT),
            address: label(labels::ADDRESS),
            lineage: label(labels::LINEAGE),
        }
    }

    /// Returns the address in the labels, if they are those of this project and environment. Two environments of a
    /// project may share one on Confluent Cloud. Without a label of the environment, the statement is counted as this
    /// environment's.
    pub fn address_in(self, declared: &DeclaredNames, lineage: &str) -> Option<&'a str> {
        let is_here = self.environment.is_none_or(|name| name == declared.environment || self.is_from(lineage));
        self.address.filter(|_| self.project == Some(declared.project) && is_here)
    }

    /// Returns whether the state with this lineage submitted the statement.
    pub fn is_from(self, lineage: &str) -> bool {
        self.lineage == Some(lineage)
    }
}
