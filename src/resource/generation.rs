//! Cloud names of a statement's generations (`name`, `name-g2`, `name-g3`, …) and of its undo statements
//! (`name-undo-1`).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The maximum length of a statement's cloud name. The API's specification says 100 and Confluent's documentation
/// says 72. The smaller value is safe under both.
pub const MAX_STATEMENT_NAME_LENGTH: usize = 72;

/// The number of one physical statement behind an address. Numbers start at 1 and are never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u32);

impl Generation {
    /// The first generation, which has the plain name.
    pub const FIRST: Generation = Generation(1);

    /// Returns the number after this one.
    pub fn next(self) -> Generation {
        Generation(self.0.saturating_add(1))
    }

    /// Returns the cloud name of this generation of `base`.
    pub fn name(self, base: &str) -> String {
        if self.0 <= 1 { base.to_owned() } else { format!("{base}-g{}", self.0) }
    }

    /// Returns the number of a statement that is taken over under `base`: that of its name, or that at its end.
    pub fn of(base: &str, name: &str) -> Generation {
        Generation::from_name(base, name).unwrap_or(Generation::at_end_of(name))
    }

    /// Returns the number at the end of a cloud name, or the first if there is none. A statement that was taken over
    /// may have any name.
    pub fn at_end_of(name: &str) -> Generation {
        let numbered = name.rsplit_once("-g").and_then(|(base, _)| Generation::from_name(base, name));
        numbered.unwrap_or(Generation::FIRST)
    }

    /// Returns the base that `name` is this generation of, if there is one.
    pub fn base_of(self, name: &str) -> Option<&str> {
        if self.0 <= 1 { Some(name) } else { name.strip_suffix(&format!("-g{}", self.0)) }
    }

    /// Returns the generation of `base` that has the cloud name `name`, if there is one.
    pub fn from_name(base: &str, name: &str) -> Option<Generation> {
        let rest = name.strip_prefix(base)?;
        if rest.is_empty() {
            return Some(Generation::FIRST);
        }
        let number: u32 = rest.strip_prefix("-g")?.parse().ok()?;
        // `-g1` and `-g02` are not generation names. Only the canonical form counts.
        (number >= 2 && Generation(number).name(base) == name).then_some(Generation(number))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "g{}", self.0)
    }
}

/// Returns the cloud name of the `count`-th statement that undoes `base`.
pub fn undo_name(base: &str, count: u32) -> String {
    format!("{base}-undo-{count}")
}

/// Returns whether `name` is the name of an undo statement. Manifests cannot use such a name.
pub fn is_undo_name(name: &str) -> bool {
    has_reserved_suffix(name) && name.rsplit_once('-').is_some_and(|(head, _)| head.ends_with("-undo"))
}

/// Returns the default cloud name of a manifest key without a `name`: the prefix, then the key with each `_` replaced
/// by `-`.
pub fn default_cloud_name(prefix: &str, key: &str) -> String {
    format!("{prefix}{}", key.replace('_', "-"))
}

/// Returns whether `name` ends like the name of a generation or an undo statement (`-g3`, `-undo-1`). These suffixes
/// are reserved.
pub fn has_reserved_suffix(name: &str) -> bool {
    let Some((head, digits)) = name.rsplit_once(|c: char| !c.is_ascii_digit()).map(|(h, d)| {
        let cut = name.len() - d.len();
        (name.get(..cut).unwrap_or(h), d)
    }) else {
        return false;
    };
    !digits.is_empty() && (head.ends_with("-g") || head.ends_with("-undo-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_names_round_trip_and_other_names_are_not_recognized() {
        for number in [1, 2, 3, 10, 4_000_000] {
            let name = Generation(number).name("orders");
            assert_eq!(Generation::from_name("orders", &name), Some(Generation(number)));
        }
        for other_name in ["orders-g1", "orders-g02", "orders-g", "orders2", "order", "orders-g2x", "orders-undo-1"] {
            assert_eq!(Generation::from_name("orders", other_name), None, "{other_name}");
        }
    }

    #[test]
    fn undo_statements_are_recognized_by_name() {
        assert!(is_undo_name(&undo_name("orders", 12)));
        for name in ["orders", "orders-g2", "undo-1", "orders-undo", "orders-undo-x", "orders-undo-1-g2"] {
            assert!(!is_undo_name(name), "{name}");
        }
    }

    #[test]
    fn generation_and_undo_suffixes_are_reserved() {
        for name in ["a-g3", "a-undo-1", "x-g10"] {
            assert!(has_reserved_suffix(name), "{name}");
        }
        for name in ["a", "a-3", "ag3", "a-g", "g3", "undo-1x", "a-go"] {
            assert!(!has_reserved_suffix(name), "{name}");
        }
    }
}
