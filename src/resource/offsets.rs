//! The offsets where a job stopped in its sources.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The value that the service writes for a partition without an offset: one more than the largest Kafka offset.
pub const UNSET_OFFSET: u64 = 9_223_372_036_854_775_808;

/// The service's `latest_offsets`: for each topic, a text such as `partition:0,offset:100;partition:1,offset:200`.
/// The service fills it in only once a statement is STOPPED. It is empty while the statement runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offsets {
    /// The offsets of each topic, as the service wrote them.
    pub topics: BTreeMap<String, String>,
    /// When the service took the offsets (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<String>,
}

impl Offsets {
    /// Returns whether the service has reported no offsets.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Returns the value for `sql.tables.scan.startup.specific-offsets` if there is exactly one topic. Partitions
    /// without an offset are dropped. Returns `None` for no topic, several topics, or a text that cannot be parsed.
    pub fn specific_offsets(&self) -> Option<String> {
        let mut topics = self.topics.values();
        let (Some(text), None) = (topics.next(), topics.next()) else { return None };
        normalize_offsets(text)
    }

    /// Returns for each topic what [`Offsets::specific_offsets`] would return for that topic alone. Topics without a
    /// usable value are left out.
    pub fn by_topic(&self) -> BTreeMap<String, String> {
        self.topics.iter().filter_map(|(topic, text)| Some((topic.clone(), normalize_offsets(text)?))).collect()
    }
}

/// Returns the offsets that are set, sorted by partition.
fn normalize_offsets(text: &str) -> Option<String> {
    let mut partitions = Vec::new();
    for part in text.split(';').filter(|part| !part.trim().is_empty()) {
        let (partition, offset) = part.trim().split_once(',')?;
        let partition: u32 = partition.strip_prefix("partition:")?.parse().ok()?;
        let offset: u64 = offset.strip_prefix("offset:")?.parse().ok()?;
        if offset < UNSET_OFFSET {
            partitions.push((partition, offset));
        }
    }
    partitions.sort_unstable();
    (!partitions.is_empty()).then(|| {
        let parts: Vec<_> = partitions.iter().map(|(p, o)| format!("partition:{p},offset:{o}")).collect();
        parts.join(";")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(text: &str) -> Offsets {
        Offsets { topics: BTreeMap::from([("orders".to_owned(), text.to_owned())]), taken_at: None }
    }

    #[test]
    fn unset_partitions_are_dropped_and_the_rest_is_sorted() {
        let given = offsets("partition:1,offset:200;partition:0,offset:100;partition:2,offset:9223372036854775808");
        assert_eq!(given.specific_offsets().as_deref(), Some("partition:0,offset:100;partition:1,offset:200"));
    }

    #[test]
    fn each_topic_is_normalized_separately() {
        let mut given = offsets("partition:0,offset:100;partition:1,offset:9223372036854775808");
        given.topics.insert("users".to_owned(), "partition:0,offset:9223372036854775808".to_owned());
        assert_eq!(given.specific_offsets(), None);
        assert_eq!(given.by_topic(), BTreeMap::from([("orders".to_owned(), "partition:0,offset:100".to_owned())]));
    }

    #[test]
    fn unreadable_or_unset_offsets_yield_none() {
        assert_eq!(offsets("garbage").specific_offsets(), None);
        assert_eq!(offsets("partition:0,offset:9223372036854775808").specific_offsets(), None);
        assert_eq!(Offsets::default().specific_offsets(), None);
    }
}
