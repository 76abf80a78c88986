//! The JSON of statements and their exceptions.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};

use crate::{
    cloud::StatementException,
    resource::{
        InternedStr, Labels, LiveStatement, Offsets, Phase, Properties, SmallMap, StatementWarning, WarningSeverity,
    },
};

use super::{MissingField, WireObject};

/// The fields of `sql.v1.Statement` that floe reads.
#[derive(Deserialize)]
pub(in crate::cloud) struct Statement {
    /// The name of the statement.
    name: Option<String>,
    /// The metadata of the statement.
    metadata: Option<Metadata>,
    /// The specification of the statement.
    spec: Option<Spec>,
    /// The status that the service reports.
    status: Option<Status>,
}

/// The metadata of a statement.
#[derive(Deserialize)]
struct Metadata {
    /// The unique id of the statement.
    uid: Option<String>,
    /// The resource version of the object.
    resource_version: Option<String>,
    /// The labels of the statement.
    labels: Option<StringMap>,
    /// The time of creation (RFC 3339).
    created_at: Option<String>,
    /// The time of the last change (RFC 3339).
    updated_at: Option<String>,
}

/// The specification of a statement.
#[derive(Deserialize)]
struct Spec {
    /// The SQL of the statement.
    statement: Option<String>,
    /// The properties of the statement.
    properties: Option<StringMap>,
    /// The id of the pool.
    compute_pool_id: Option<String>,
    /// The principal that the statement runs as.
    principal: Option<String>,
    /// Whether the statement should be stopped.
    stopped: Option<bool>,
}

/// The status of a statement.
#[derive(Deserialize, Default)]
struct Status {
    /// The phase of the statement.
    phase: Option<String>,
    /// The service's message about the statement.
    detail: Option<String>,
    /// The traits that the service reports.
    traits: Option<Traits>,
    /// The scaling status of the statement.
    scaling_status: Option<Scaling>,
    /// The warnings about the statement.
    warnings: Option<Vec<WireWarning>>,
    /// The latest offsets by topic.
    latest_offsets: Option<StringMap>,
    /// The time of the latest offsets.
    latest_offsets_timestamp: Option<String>,
}

/// The traits of a statement.
#[derive(Deserialize, Default)]
struct Traits {
    /// The kind of SQL, such as `INSERT_INTO`.
    sql_kind: Option<String>,
    /// Whether the statement is bounded.
    is_bounded: Option<bool>,
    /// Whether the statement is append-only.
    is_append_only: Option<bool>,
}

/// The scaling status of the statement.
#[derive(Deserialize)]
struct Scaling {
    /// The state, such as `POOL_EXHAUSTED`.
    scaling_state: Option<String>,
}

/// A warning about a statement.
#[derive(Deserialize)]
struct WireWarning {
    /// The severity, such as `CRITICAL`.
    severity: Option<String>,
    /// The reason for the warning.
    reason: Option<String>,
    /// The warning's message for people.
    message: Option<String>,
}

/// Strings by name. A null value counts as absent.
#[derive(Default)]
struct StringMap(SmallMap<String>);

impl<'de> Deserialize<'de> for StringMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Visits the map and drops null values.
        struct StringMapVisitor;
        impl<'de> Visitor<'de> for StringMapVisitor {
            type Value = StringMap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with string values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<StringMap, A::Error> {
                let mut texts = SmallMap::new();
                while let Some((name, text)) = map.next_entry::<InternedStr, Option<String>>()? {
                    texts.extend(text.map(|text| (name, text)));
                }
                Ok(StringMap(texts.shrunk_to_fit()))
            }
        }
        deserializer.deserialize_map(StringMapVisitor)
    }
}

impl WireObject for Statement {
    type Domain = LiveStatement;
    const ID_FIELD: &'static str = "name";

    /// Requires the name, the uid and the SQL, because nothing can be decided about a statement without them. Nothing
    /// can be concluded from a missing phase, so it is read as an unknown one.
    fn into_domain(self) -> Result<LiveStatement, MissingField> {
        let name = non_empty(self.name).ok_or(MissingField("name"))?;
        let metadata = self.metadata.ok_or(MissingField("metadata"))?;
        let spec = self.spec.ok_or(MissingField("spec"))?;
        let status = self.status.unwrap_or_default();
        let traits = status.traits.unwrap_or_default();
        Ok(LiveStatement {
            name,
            uid: non_empty(metadata.uid).ok_or(MissingField("metadata.uid"))?,
            resource_version: metadata.resource_version.unwrap_or_default(),
            labels: metadata.labels.unwrap_or_default().0.into(),
            created_at: non_empty(metadata.created_at),
            updated_at: non_empty(metadata.updated_at),
            sql: spec.statement.ok_or(MissingField("spec.statement"))?,
            properties: spec.properties.unwrap_or_default().0.into(),
            pool: non_empty(spec.compute_pool_id),
            principal: non_empty(spec.principal),
            stopped: spec.stopped.unwrap_or_default(),
            phase: Phase::from(non_empty(status.phase).unwrap_or_else(|| "UNKNOWN".to_owned())),
            detail: status.detail.unwrap_or_default().into(),
            sql_kind: non_empty(traits.sql_kind),
            bounded: traits.is_bounded,
            append_only: traits.is_append_only,
            scaling_state: status.scaling_status.and_then(|scaling| non_empty(scaling.scaling_state)),
            warnings: status.warnings.unwrap_or_default().into_iter().map(WireWarning::into_warning).collect(),
            offsets: Offsets {
                topics: status
                    .latest_offsets
                    .unwrap_or_default()
                    .0
                    .into_iter()
                    .map(|(topic, at)| (topic.to_string(), at))
                    .collect(),
                // While the statement runs, the service writes the first moment of year 1.
                taken_at: non_empty(status.latest_offsets_timestamp).filter(|time| !time.starts_with("0001-")),
            },
        })
    }
}

impl WireWarning {
    /// Converts the warning to the domain type.
    fn into_warning(self) -> StatementWarning {
        StatementWarning {
            severity: WarningSeverity::from(self.severity.unwrap_or_default()),
            reason: self.reason.unwrap_or_default().into(),
            message: self.message.unwrap_or_default().into(),
        }
    }
}

/// Returns `text` if it is present and not empty.
fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// The fields of `sql.v1.StatementException` that floe reads.
#[derive(Deserialize)]
pub(in crate::cloud) struct Exception {
    /// The time of the failure (RFC 3339).
    timestamp: Option<String>,
    /// The class of the exception.
    name: Option<String>,
    /// The message of the exception.
    message: Option<String>,
}

impl WireObject for Exception {
    type Domain = StatementException;
    const ID_FIELD: &'static str = "name";

    fn into_domain(self) -> Result<StatementException, MissingField> {
        Ok(StatementException {
            at: non_empty(self.timestamp),
            name: self.name.unwrap_or_default().into(),
            message: self.message.unwrap_or_default().into(),
        })
    }
}

/// The body of a request that submits a statement.
#[derive(Serialize)]
pub(in crate::cloud) struct NewStatement<'a> {
    /// The name of the statement.
    name: &'a str,
    /// The id of the organization.
    organization_id: &'a str,
    /// The id of the environment.
    environment_id: &'a str,
    /// The metadata, which is left out without labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<NewMetadata<'a>>,
    /// The specification of the statement.
    spec: NewSpec<'a>,
}

/// The metadata of a new statement.
#[derive(Serialize)]
struct NewMetadata<'a> {
    /// The labels of the statement.
    labels: &'a Labels,
}

/// The specification of a new statement.
#[derive(Serialize)]
struct NewSpec<'a> {
    /// The SQL of the statement.
    statement: &'a str,
    /// The properties, which are left out if empty.
    #[serde(skip_serializing_if = "Properties::is_empty")]
    properties: &'a Properties<String>,
    /// The id of the pool, if one is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    compute_pool_id: Option<&'a str>,
    /// The principal that the statement runs as, if one is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<&'a str>,
    /// Whether to create the statement stopped. It is left out if false, because it is not documented whether the
    /// service honors it at creation.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stopped: bool,
}

impl<'a> NewStatement<'a> {
    /// Returns the body that submits `new` to the environment of `endpoints`.
    pub(in crate::cloud) fn of(new: &'a crate::cloud::NewStatement, endpoints: &'a crate::cloud::Endpoints) -> Self {
        NewStatement {
            name: &new.name,
            organization_id: &endpoints.identity().organization,
            environment_id: &endpoints.identity().environment,
            metadata: (!new.labels.is_empty()).then_some(NewMetadata { labels: &new.labels }),
            spec: NewSpec {
                statement: &new.sql,
                properties: &new.properties,
                compute_pool_id: new.pool.as_deref(),
                principal: new.principal.as_deref(),
                stopped: new.stopped,
            },
        }
    }
}
