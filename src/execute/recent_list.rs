//! The last list of statements that a run has read. Submissions of jobs look for copies in it.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::Instant};

use crate::{
    cloud::{self, CloudClient},
    live::Live,
};

/// How long a list counts as the last one. A list of many statements takes many requests.
const MAX_AGE: Duration = Duration::from_secs(120);

/// The last list of a run, shared by its steps.
#[derive(Clone, Default)]
pub(super) struct RecentList(Arc<Mutex<Option<ReadList>>>);

/// A list, and when it was read.
struct ReadList {
    /// The moment at which reading it began.
    read_at: Instant,
    /// The statements of the list.
    listed: Arc<Live>,
}

impl RecentList {
    /// Returns the last list, and reads it if it is missing or too old. Steps that ask at the same time share one list.
    pub async fn read(&self, cloud: &CloudClient) -> cloud::Result<Arc<Live>> {
        let mut last = self.0.lock().await;
        if let Some(last) = last.as_ref().filter(|last| last.read_at.elapsed() < MAX_AGE) {
            return Ok(Arc::clone(&last.listed));
        }
        let read_at = Instant::now();
        let listed = Arc::new(Live::from_lists(cloud.list_statements(None).await?, None));
        *last = Some(ReadList { read_at, listed: Arc::clone(&listed) });
        Ok(listed)
    }
}
