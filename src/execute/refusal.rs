//! Notices that the service refuses the key in the middle of a wait.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    context::{InterruptScope, RunContext},
    event::Event,
};
use crate::cloud::Error;

/// How long a wait goes on while the service refuses the key. A key that was just replaced takes a moment to work.
const REFUSAL_GRACE: Duration = Duration::from_secs(60);

/// Since when the service has refused the key, in one wait.
#[derive(Default)]
pub(super) struct Refusal(Option<Instant>);

impl Refusal {
    /// Takes in the result of one read of `name`, and returns whether the key has been refused for so long that the
    /// wait ends. The first refusal is shown to the user at once.
    pub fn has_lasted(
        &mut self,
        error: Option<&Error>,
        name: &str,
        scope: &InterruptScope<'_>,
        context: &RunContext,
    ) -> bool {
        let Some(error) = error.filter(|error| error.refuses_key()) else {
            self.0 = None;
            return false;
        };
        let since = *self.0.get_or_insert_with(|| {
            context.emit(Event::AccessRefused {
                address: scope.address.clone(),
                name: name.to_owned(),
                error: context.redact_error(error.clone()),
            });
            Instant::now()
        });
        since.elapsed() >= REFUSAL_GRACE
    }
}
