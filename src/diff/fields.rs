//! Compares what is desired with what was sent. No other module compares the two.

use std::collections::BTreeSet;

use super::action::{PlacementChange, Reason};
use crate::{
    live::SecretLocations,
    resource::{
        Consent, ConsentKind, Generation, InternedStr, LiveStatement, Properties, SecretHashes, Statement, Template,
        properties,
    },
    sql,
    state::GenerationRecord,
};

/// The pool that a statement should run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DesiredPool {
    /// The id of an existing pool.
    Id(String),
    /// An owned pool that this plan creates.
    ToCreate,
}

/// The differences between what is desired and what was sent, for one generation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// The SQL that was sent and the SQL that is desired, if they differ in more than layout.
    pub sql: Option<(Template, Template)>,
    /// Whether the SQL differs only in layout.
    pub is_cosmetic: bool,
    /// The properties and secrets that differ.
    pub properties: Vec<Reason>,
    /// Whether the catalog or the database is among the changed properties.
    pub has_namespace_change: bool,
    /// Whether a secret in the SQL itself has another value.
    pub has_sql_secret_change: bool,
    /// The pool and the principal, where they differ.
    pub placement: Vec<Reason>,
    /// The pool and the principal that differ, as what a resume sends.
    pub placement_change: PlacementChange,
    /// The secrets whose values are not available here.
    pub unknown_secrets: BTreeSet<String>,
}

impl Differences {
    /// Returns whether only a new generation can carry out the change.
    pub fn need_replacement(&self) -> bool {
        self.sql.is_some() || !self.properties.is_empty()
    }

    /// Returns whether a definition would define something else.
    pub fn need_redefinition(&self) -> bool {
        self.sql.is_some() || self.has_namespace_change || self.has_sql_secret_change
    }

    /// Returns everything that differs, the SQL first.
    pub fn reasons(&self) -> Vec<Reason> {
        let sql = self.sql.clone().map(|(before, after)| Reason::SqlChanged { before, after });
        sql.into_iter().chain(self.properties.iter().chain(&self.placement).cloned()).collect()
    }

    /// Returns the names of the fields that differ.
    pub fn field_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for reason in self.reasons() {
            let name = match reason {
                Reason::SqlChanged { .. } => "sql".to_owned(),
                Reason::PropertyChanged { key, .. } => format!("properties.{key}"),
                Reason::SecretChanged { name } => format!("secret.{name}"),
                Reason::PoolChanged { .. } => "pool".to_owned(),
                Reason::PrincipalChanged { .. } => "principal".to_owned(),
                _ => continue,
            };
            names.push(name);
        }
        names
    }
}

/// Compares what is desired with what was sent. A pool or principal that the manifest omits is not compared.
pub fn compare(
    desired: &Statement,
    pool: Option<(&str, &DesiredPool)>,
    secrets: &SecretHashes,
    sent: &GenerationRecord,
) -> Differences {
    let mut differences = Differences::default();
    if desired.sql != sent.sent.sql {
        let is_same = sql::are_equivalent(&desired.sql.masked(), &sent.sent.sql.masked());
        differences.is_cosmetic = is_same;
        differences.sql = (!is_same).then(|| (sent.sent.sql.clone(), desired.sql.clone()));
    }
    compare_properties(&desired.properties, &sent.sent.properties, &mut differences);
    compare_secrets(desired, secrets, sent, &mut differences);
    if let Some((key, pool)) = pool {
        let after = match pool {
            DesiredPool::Id(id) => id.clone(),
            DesiredPool::ToCreate => key.to_owned(),
        };
        if *pool == DesiredPool::ToCreate || sent.sent.pool.as_ref() != Some(&after) {
            differences.placement_change.pool = true;
            differences.placement.push(Reason::PoolChanged { before: sent.sent.pool.clone(), after });
        }
    }
    if let Some(after) = &desired.principal
        && sent.sent.principal.as_ref() != Some(after)
    {
        let before = sent.sent.principal.clone();
        differences.placement_change.principal = true;
        differences.placement.push(Reason::PrincipalChanged { before, after: after.clone() });
    }
    differences
}

/// Returns whether the SQL or the properties set where the sources start.
pub fn sets_start_position(desired: &Statement) -> bool {
    desired.sql.as_str().contains(properties::STARTUP_OPTION_PREFIX) || desired.properties.has_start_position()
}

/// Returns the secrets that a submission contains and whose values are not available here.
pub fn secrets_without_value(desired: &Statement, secrets: &SecretHashes) -> BTreeSet<String> {
    let templates = std::iter::once(&desired.sql).chain(desired.properties.values());
    templates.flat_map(Template::secret_names).filter(|name| !secrets.contains(name)).map(str::to_owned).collect()
}

/// Adds the properties that differ to `differences`.
fn compare_properties(desired: &Properties<Template>, sent: &Properties<Template>, differences: &mut Differences) {
    if desired == sent {
        return;
    }
    let keys: BTreeSet<_> = desired.keys().chain(sent.keys()).collect();
    for key in keys {
        let (before, after) = (sent.get(key), desired.get(key));
        if before != after {
            differences.has_namespace_change |= properties::is_namespace_key(key);
            let (before, after) = (before.cloned(), after.cloned());
            differences.properties.push(Reason::PropertyChanged { key: key.to_string(), before, after });
        }
    }
}

/// Adds the secrets that are used as before but have other values than those that were sent.
fn compare_secrets(
    desired: &Statement,
    secrets: &SecretHashes,
    sent: &GenerationRecord,
    differences: &mut Differences,
) {
    let templates = std::iter::once(&desired.sql).chain(desired.properties.values());
    let names: BTreeSet<&str> = templates.flat_map(Template::secret_names).collect();
    for name in names {
        if !secrets.contains(name) {
            differences.unknown_secrets.insert(name.to_owned());
            continue;
        }
        // A secret that was not sent at all shows up as a change of its template.
        if sent.secrets.get(name).and_then(|then| secrets.matches(name, then)) == Some(false) {
            differences.has_sql_secret_change |= desired.sql.secret_names().any(|used| used == name);
            differences.properties.push(Reason::SecretChanged { name: name.to_owned() });
        }
    }
}

/// Returns whether adopting `live` would record a secret's value.
///
/// A text that fits its declaration is recorded as declared. Any other text is recorded as it is, so it must not
/// contain a secret. It counts as containing one if the declared text has a secret (it cannot be determined which
/// part of the live text is the value), if a value that is known here occurs in it (`locations`), or if something
/// named like a secret is written out. No value is recorded of properties under `sql.secrets.`.
pub fn adoption_exposes_secret(desired: &Statement, live: &LiveStatement, locations: Option<&SecretLocations>) -> bool {
    let sql_exposes = !sql::matches_template(&desired.sql, &live.sql)
        && (desired.sql.has_secrets()
            || locations.is_some_and(|found| found.sql)
            || sql::has_plaintext_secret(&live.sql));
    let property_exposes = |(key, value): (&InternedStr, &String)| {
        let declared = desired.properties.get(key);
        let is_as_declared = declared.is_some_and(|template| template.matches(value));
        let is_never_recorded = properties::is_secret_key(key);
        let may_hold_secret = declared.is_some_and(Template::has_secrets)
            || locations.is_some_and(|found| found.properties.contains(&**key))
            || (sql::is_sensitive_key(key) && !value.is_empty())
            || sql::plaintext_secret_form(key, value).is_some();
        !is_as_declared && !is_never_recorded && may_hold_secret
    };
    sql_exposes || live.properties.iter().any(property_exposes)
}

/// Returns the consent token that a person copies into `accept` to allow one change.
///
/// It digests both sides of the change, the statement that is replaced and the number of the next generation. So it
/// lapses with the next change, and when the generation that it allowed has failed.
pub fn restart_consent(address: &str, desired: &Statement, sent: &GenerationRecord, next: Generation) -> Consent {
    let before = sql::normal_form(&sent.sent.sql.masked());
    let after = sql::normal_form(&desired.sql.masked());
    let next = next.to_string();
    let properties = desired.properties.iter().flat_map(|(key, value)| [&**key, value.as_str()]);
    let head = [address, sent.sent.name.as_str(), sent.uid.as_str(), next.as_str(), before.as_str(), after.as_str()];
    Consent::to_change(ConsentKind::Restart, head.into_iter().chain(properties))
}
