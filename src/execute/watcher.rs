//! Reads statements on behalf of all waits: by single GETs while they are no more than the pages of a list, and by
//! one list otherwise.

use std::{collections::BTreeMap, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    cloud::{CloudClient, Error, Listing},
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
    /// The statement could not be read, with the error if a request failed. The watcher tries again.
    Unreadable(Option<Error>),
}

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
    let (mut pause, mut pages) = (MIN_PAUSE, 1_usize);
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
        if subscriptions.len() > pages.max(1) {
            pages = read_by_list(&cloud, &subscriptions).await.unwrap_or(pages);
        } else {
            read_one_by_one(&cloud, &subscriptions).await;
        }
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
async fn read_by_list(cloud: &CloudClient, subscriptions: &Subscriptions) -> Option<usize> {
    match cloud.list_statements(None).await {
        Ok(Listing { items: mut found, unreadable }) => {
            let pages = found.len().saturating_add(unreadable.len()).div_ceil(PAGE_SIZE);
            for name in subscriptions.keys() {
                if unreadable.contains_key(name) {
                    publish(subscriptions, name, &Observation::Unreadable(None));
                    continue;
                }
                let live = found.remove(name);
                publish(subscriptions, name, &Observation::Statement { live, confirmed: false });
            }
            Some(pages)
        }
        Err(error) => {
            for name in subscriptions.keys() {
                publish(subscriptions, name, &Observation::Unreadable(Some(error.clone())));
            }
            None
        }
    }
}

/// Reads each subscribed statement with its own GET.
async fn read_one_by_one(cloud: &CloudClient, subscriptions: &Subscriptions) {
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
            Err(error) => Observation::Unreadable(Some(error)),
        };
        publish(subscriptions, &name, &observation);
    }
}
