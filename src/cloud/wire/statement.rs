//! Statements and their exceptions.

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

/// `sql.v1.Statement`, as far as floe looks at it.
#[derive(Deserialize)]
pub(in crate::cloud) struct Statement {
    name: Option<String>,
    metadata: Option<Metadata>,
    spec: Option<Spec>,
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Metadata {
    uid: Option<String>,
    resource_version: Option<String>,
    labels: Option<StringMap>,
    created_at: Option<String>,
    updated_at: Option<String>,
}

#[derive(Deserialize)]
struct Spec {
    statement: Option<String>,
    properties: Option<StringMap>,
    compute_pool_id: Option<String>,
    principal: Option<String>,
    stopped: Option<bool>,
}

#[derive(Deserialize, Default)]
struct Status {
    phase: Option<String>,
    detail: Option<String>,
    traits: Option<Traits>,
    scaling_status: Option<Scaling>,
    warnings: Option<Vec<WireWarning>>,
    latest_offsets: Option<StringMap>,
    latest_offsets_timestamp: Option<String>,
}

#[derive(Deserialize, Default)]
struct Traits {
    sql_kind: Option<String>,
    is_bounded: Option<bool>,
    is_append_only: Option<bool>,
}

#[derive(Deserialize)]
struct Scaling {
    scaling_state: Option<String>,
}

#[derive(Deserialize)]
struct WireWarning {
    severity: Option<String>,
    reason: Option<String>,
    message: Option<String>,
}

/// Texts by name; one that is null counts as absent.
#[derive(Default)]
struct StringMap(SmallMap<String>);

impl<'de> Deserialize<'de> for StringMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringMapVisitor;
        impl<'de> Visitor<'de> for StringMapVisitor {
            type Value = StringMap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
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

    /// Without a name, a uid or the SQL nothing can be decided about a statement; without a phase nothing can be
    /// concluded, which is what a phase never heard of means.
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
            detail: status.detail.unwrap_or_default(),
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
                // While it runs the service writes the first moment of year 1.
                taken_at: non_empty(status.latest_offsets_timestamp).filter(|time| !time.starts_with("0001-")),
            },
        })
    }
}

impl WireWarning {
    fn into_warning(self) -> StatementWarning {
        StatementWarning {
            severity: WarningSeverity::from(self.severity.unwrap_or_default()),
            reason: self.reason.unwrap_or_default(),
            message: self.message.unwrap_or_default(),
        }
    }
}

fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// `sql.v1.StatementException`.
#[derive(Deserialize)]
pub(in crate::cloud) struct Exception {
    timestamp: Option<String>,
    name: Option<String>,
    message: Option<String>,
}

impl WireObject for Exception {
    type Domain = StatementException;
    const ID_FIELD: &'static str = "name";

    fn into_domain(self) -> Result<StatementException, MissingField> {
        Ok(StatementException {
            at: non_empty(self.timestamp),
            name: self.name.unwrap_or_default(),
            message: self.message.unwrap_or_default(),
        })
    }
}

/// The body of a submission.
#[derive(Serialize)]
pub(in crate::cloud) struct NewStatement<'a> {
    name: &'a str,
    organization_id: &'a str,
    environment_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<NewMetadata<'a>>,
    spec: NewSpec<'a>,
}

#[derive(Serialize)]
struct NewMetadata<'a> {
    labels: &'a Labels,
}

#[derive(Serialize)]
struct NewSpec<'a> {
    statement: &'a str,
    #[serde(skip_serializing_if = "Properties::is_empty")]
    properties: &'a Properties<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compute_pool_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<&'a str>,
    /// Left out unless asked for: whether the service honours it at creation is not documented.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stopped: bool,
}

impl<'a> NewStatement<'a> {
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
