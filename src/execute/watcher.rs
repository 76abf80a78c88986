//! Reads statements on behalf of all waits: by single GETs while they are no more than the pages of a list, and by
//! one list otherwise.

use std::{collections::BTreeMap, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    cloud::{CloudClient, Error, ErrorKind, Listing},
    resource::LiveStatement,
};

/// The number of statements on a page of the list.
const PAGE_SIZE: usize = 100;
/// The first pause between two reads. Each next pause is half as long again, up to [`MAX_PAUSE`].
const MIN_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause between two reads.
const MAX_PAUSE: Duration = Duration::from_secs(8);

/// What was read of one statement.
#[derive(Debug, Clone)]
pub(super) enum Observation {
    /// Nothing has been read yet.
    NotYetRead,
    /// The statement, or `None` if it does not exist. Unless `confirmed` by a GET, it comes from a list.
    Statement { live: Option<Box<LiveStatement>>, confirmed: bool },
    /// The statement could not be read. The watcher tries again.
    Unreadable,
    /// The service denies access to the statement, which seldom passes. The watcher tries again.
    Denied(Box<Error>),
}

/// How long access may be denied before a wait ends. A new key takes a moment to become valid.
pub(super) const DENIAL_TIMEOUT: Duration = Duration::from_secs(60);

/// A handle to watch statements by name.
#[derive(Clone)]
pub(super) struct Watcher(mpsc::UnboundedSender<(String, watch::Sender<Observation>)>);

impl Watcher {
    /// Returns what is read of `name` from now on, until the receiver is dropped.
    pub fn subscribe(&self, name: &str) -> watch::Receiver<Observation> {
        let (sender, observations) = watch::channel(Observation::NotYetRead);
        // If the watcher's task is gone, nothing is read, and the wait ends at its own deadline.
        let _ = self.0.send((name.to_owned(), sender));
        observations
    }
}

/// Starts the watcher. It ends when its last handle is dropped.
pub(super) fn start_watcher(cloud: CloudClient) -> Watcher {
    let (sender, subscriptions) = mpsc::unbounded_channel();
    tokio::spawn(poll_subscriptions(cloud, subscriptions));
    Watcher(sender)
}

/// Reads all subscribed statements in a loop, and publishes what it finds.
async fn poll_subscriptions(
    cloud: CloudClient,
    mut new_subscriptions: mpsc::UnboundedReceiver<(String, watch::Sender<Observation>)>,
) {
    let mut subscriptions: Subscriptions = BTreeMap::new();
    let (mut pause, mut pages, mut was_denied) = (MIN_PAUSE, 1_usize, false);
    let mut next = Instant::now() + pause;
    loop {
        let is_idle = subscriptions.is_empty();
        tokio::select! {
            biased;
            () = sleep_until(next), if !is_idle => {}
            subscription = new_subscriptions.recv() => {
                let Some((name, sender)) = subscription else { return };
                subscriptions.entry(name).or_default().push(sender);
                // A statement that was just requested is likely to change soon.
                pause = MIN_PAUSE;
                let soon = Instant::now() + pause;
                next = if is_idle { soon } else { next.min(soon) };
                continue;
            }
        }
        subscriptions.retain(|_, senders| {
            senders.retain(|sender| !sender.is_closed());
            !senders.is_empty()
        });
        let denial = if subscriptions.len() > pages.max(1) {
            match read_by_list(&cloud, &subscriptions).await {
                Ok(found) => {
                    pages = found;
                    None
                }
                Err(denial) => denial,
            }
        } else {
            read_one_by_one(&cloud, &subscriptions).await
        };
        if let Some(denial) = denial.as_ref().filter(|_| !was_denied) {
            cloud.notify_still_rejected(denial, DENIAL_TIMEOUT);
        }
        was_denied = denial.is_some();
        pause = (pause + pause / 2).min(MAX_PAUSE);
        next = Instant::now() + pause;
    }
}

/// The receivers of each statement's observations, by cloud name.
type Subscriptions = BTreeMap<String, Vec<watch::Sender<Observation>>>;

/// Sends an observation to all receivers of a statement.
fn publish(subscriptions: &Subscriptions, name: &str, observation: &Observation) {
    for sender in subscriptions.get(name).into_iter().flatten() {
        let _ = sender.send(observation.clone());
    }
}

/// Reads all subscribed statements from one list. A statement that the list lacks is published as absent,
/// unconfirmed. Returns the number of pages of the list.
///
/// # Errors
/// When the list could not be read. The error is returned if the service denied access.
async fn read_by_list(cloud: &CloudClient, subscriptions: &Subscriptions) -> Result<usize, Option<Error>> {
    match cloud.list_statements(None).await {
        Ok(Listing { items: mut found, unreadable }) => {
            let pages = found.len().saturating_add(unreadable.len()).div_ceil(PAGE_SIZE);
            for name in subscriptions.keys() {
                if unreadable.contains_key(name) {
                    publish(subscriptions, name, &Observation::Unreadable);
                    continue;
                }
                let live = found.remove(name);
                publish(subscriptions, name, &Observation::Statement { live, confirmed: false });
            }
            Ok(pages)
        }
        Err(error) => {
            let observation = failed_read(&error);
            for name in subscriptions.keys() {
                publish(subscriptions, name, &observation);
            }
            Err(Some(error).filter(is_denial))
        }
    }
}

/// Returns whether the service rejected the key, or a role is missing.
fn is_denial(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Unauthorized | ErrorKind::Forbidden)
}

/// Returns what a failed read says about a statement.
fn failed_read(error: &Error) -> Observation {
    if is_denial(error) { Observation::Denied(Box::new(error.clone())) } else { Observation::Unreadable }
}

/// Reads each subscribed statement with its own GET. Returns an error if the service denied access to one.
async fn read_one_by_one(cloud: &CloudClient, subscriptions: &Subscriptions) -> Option<Error> {
    let mut denial = None;
    let mut reads = JoinSet::new();
    for name in subscriptions.keys().cloned() {
        let cloud = cloud.clone();
        reads.spawn(async move {
            let read = cloud.fetch_statement(&name).await;
            (name, read)
        });
    }
    for (name, read) in reads.join_all().await {
        let observation = match read {
            Ok(found) => Observation::Statement { live: found.map(|found| Box::new(found.live)), confirmed: true },
            Err(error) => {
                let observation = failed_read(&error);
                denial = denial.or(Some(error).filter(is_denial));
                observation
            }
        };
        publish(subscriptions, &name, &observation);
    }
    denial
}
