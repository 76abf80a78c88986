//! What a `CREATE TABLE` or an `ALTER TABLE` says about the rows of its table.

use super::script::Script;
use crate::resource::properties;

/// The clauses of a definition that decide what a table does with rows. A clause that is missing says nothing: the
/// table keeps what an earlier definition said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableClauses {
    /// Whether a primary key is added (`true`) or dropped (`false`).
    pub primary_key: Option<bool>,
    /// The changelog mode that an option sets. [`ChangelogMode::Default`] if `RESET` removes the option.
    pub changelog_mode: Option<ChangelogMode>,
    /// Whether an option of the table sets where its readers start (`true`), or `RESET` removes the option (`false`).
    pub startup_option: Option<bool>,
    /// What a `LIKE` clause takes over from the other table.
    pub like: LikeClause,
}

/// How a table takes and returns changes, the value of its option `changelog.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangelogMode {
    /// The option is not set: a table with a primary key takes upserts, any other table appends.
    Default,
    /// Every row is added, also in a table with a primary key.
    Append,
    /// A row replaces the row with the same primary key.
    Upsert,
    /// Rows are added and removed one by one.
    Retract,
    /// A value that floe does not know, for example one that only a secret holds.
    Unknown,
}

/// What a `LIKE` clause takes over from the other table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LikeClause {
    /// Whether the primary key is taken over.
    pub includes_constraints: bool,
    /// Whether the options are taken over.
    pub includes_options: bool,
}

impl Default for LikeClause {
    /// Returns what a `LIKE` without a list takes over, which is everything.
    fn default() -> Self {
        LikeClause { includes_constraints: true, includes_options: true }
    }
}

/// The option that sets the changelog mode.
const CHANGELOG_MODE: &str = "changelog.mode";

/// The option without which no other startup option has an effect.
const STARTUP_MODE: &str = "scan.startup.mode";

impl TableClauses {
    /// Takes in an option of a `WITH (…)` or `SET (…)` clause.
    pub(super) fn set_option(&mut self, key: &str, value: &str) {
        if key == CHANGELOG_MODE {
            self.changelog_mode = Some(match value.trim().to_ascii_lowercase().as_str() {
                "append" => ChangelogMode::Append,
                "upsert" => ChangelogMode::Upsert,
                "retract" => ChangelogMode::Retract,
                _ => ChangelogMode::Unknown,
            });
        } else if key.starts_with(properties::STARTUP_OPTION_PREFIX) {
            self.startup_option = Some(true);
        }
    }

    /// Takes in an option of a `RESET (…)` clause.
    pub(super) fn reset_option(&mut self, key: &str) {
        if key == CHANGELOG_MODE {
            self.changelog_mode = Some(ChangelogMode::Default);
        } else if key == STARTUP_MODE {
            self.startup_option = Some(false);
        }
    }
}

/// Returns what the list between two tokens, `INCLUDING ALL EXCLUDING OPTIONS`, takes over. An item of its own takes
/// precedence over `ALL`.
pub(super) fn parse_like_clause(script: &Script<'_>, start: usize, end: usize) -> LikeClause {
    let included = |feature: &str| {
        let strategy = (start..end.saturating_sub(1)).rev().find(|&at| {
            script.is_any_word(at, &["INCLUDING", "EXCLUDING", "OVERWRITING"]) && script.is_word(at + 1, feature)
        });
        strategy.map(|at| !script.is_word(at, "EXCLUDING"))
    };
    let all = included("ALL").unwrap_or(true);
    LikeClause {
        includes_constraints: included("CONSTRAINTS").unwrap_or(all),
        includes_options: included("OPTIONS").unwrap_or(all),
    }
}
