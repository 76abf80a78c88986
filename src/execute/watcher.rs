//! One lister for all waits: it reads what is waited for by single GETs while those are fewer than the pages of a list,
//! and by one list otherwise.

use std::{collections::BTreeMap, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    cloud::{CloudClient, Listing},
    resource::LiveStatement,
};

/// How many statements a page of the list holds.
const PAGE_SIZE: usize = 100;
/// The first pause between two readings; each next is half as long again, up to [`SLOWEST`].
const MIN_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(8);

/// What was read of one statement.
#[derive(Debug, Clone)]
pub(super) enum Observation {
    /// Nothing yet.
    NotYetRead,
    /// This; from a list if not `confirmed` by a GET. `None` for one that is not there.
    Statement { live: Option<Box<LiveStatement>>, confirmed: bool },
    /// It could not be read; the lister tries again.
    Unreadable,
}

/// Asks the lister to watch a name.
#[derive(Clone)]
pub(super) struct Watcher(mpsc::UnboundedSender<(String, watch::Sender<Observation>)>);

impl Watcher {
    /// What is read of `name` from now on, until the receiver is dropped.
    pub fn subscribe(&self, name: &str) -> watch::Receiver<Observation> {
        let (sender, observations) = watch::channel(Observation::NotYetRead);
        // A lister that is gone watches nothing; the wait then ends by its own deadline.
        let _ = self.0.send((name.to_owned(), sender));
        observations
    }
}

/// Starts the lister. It ends when nobody can ask it any more.
pub(super) fn start_watcher(cloud: CloudClient) -> Watcher {
    let (sender, subscriptions) = mpsc::unbounded_channel();
    tokio::spawn(poll_subscriptions(cloud, subscriptions));
    Watcher(sender)
}

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
                // What was just asked is likely to answer soon.
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

type Subscriptions = BTreeMap<String, Vec<watch::Sender<Observation>>>;

fn publish(subscriptions: &Subscriptions, name: &str, observation: &Observation) {
    for sender in subscriptions.get(name).into_iter().flatten() {
        let _ = sender.send(observation.clone());
    }
}

/// One list; what it does not show is reported as not there, unconfirmed. Returns how many pages it had.
async fn read_by_list(cloud: &CloudClient, subscriptions: &Subscriptions) -> Option<usize> {
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
            Some(pages)
        }
        Err(_) => {
            for name in subscriptions.keys() {
                publish(subscriptions, name, &Observation::Unreadable);
            }
            None
        }
    }
}

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
            Err(_) => Observation::Unreadable,
        };
        publish(subscriptions, &name, &observation);
    }
}
