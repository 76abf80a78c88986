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
const PAGE: usize = 100;
/// The first pause between two readings; each next is half as long again, up to [`SLOWEST`].
const QUICKEST: Duration = Duration::from_millis(500);
const SLOWEST: Duration = Duration::from_secs(8);

/// What was read of one statement.
#[derive(Debug, Clone)]
pub(super) enum Sight {
    /// Nothing yet.
    Nothing,
    /// This; from a list if not `confirmed` by a GET. `None` for one that is not there.
    Statement { live: Option<Box<LiveStatement>>, confirmed: bool },
    /// It could not be read; the lister tries again.
    Unreadable,
}

/// Asks the lister to watch a name.
#[derive(Clone)]
pub(super) struct Watch(mpsc::UnboundedSender<(String, watch::Sender<Sight>)>);

impl Watch {
    /// What is read of `name` from now on, until the receiver is dropped.
    pub fn on(&self, name: &str) -> watch::Receiver<Sight> {
        let (sender, sights) = watch::channel(Sight::Nothing);
        // A lister that is gone watches nothing; the wait then ends by its own deadline.
        let _ = self.0.send((name.to_owned(), sender));
        sights
    }
}

/// Starts the lister. It ends when nobody can ask it any more.
pub(super) fn start(cloud: CloudClient) -> Watch {
    let (sender, requests) = mpsc::unbounded_channel();
    tokio::spawn(list(cloud, requests));
    Watch(sender)
}

async fn list(cloud: CloudClient, mut requests: mpsc::UnboundedReceiver<(String, watch::Sender<Sight>)>) {
    let mut watched: Watched = BTreeMap::new();
    let (mut pause, mut pages) = (QUICKEST, 1_usize);
    let mut next = Instant::now() + pause;
    loop {
        let idle = watched.is_empty();
        tokio::select! {
            biased;
            () = sleep_until(next), if !idle => {}
            request = requests.recv() => {
                let Some((name, sender)) = request else { return };
                watched.entry(name).or_default().push(sender);
                // What was just asked is likely to answer soon.
                pause = QUICKEST;
                let soon = Instant::now() + pause;
                next = if idle { soon } else { next.min(soon) };
                continue;
            }
        }
        watched.retain(|_, senders| {
            senders.retain(|sender| !sender.is_closed());
            !senders.is_empty()
        });
        if watched.len() > pages.max(1) {
            pages = by_list(&cloud, &watched).await.unwrap_or(pages);
        } else {
            one_by_one(&cloud, &watched).await;
        }
        pause = (pause + pause / 2).min(SLOWEST);
        next = Instant::now() + pause;
    }
}

type Watched = BTreeMap<String, Vec<watch::Sender<Sight>>>;

fn tell(watched: &Watched, name: &str, sight: &Sight) {
    for sender in watched.get(name).into_iter().flatten() {
        let _ = sender.send(sight.clone());
    }
}

/// One list; what it does not show is reported as not there, unconfirmed. Returns how many pages it had.
async fn by_list(cloud: &CloudClient, watched: &Watched) -> Option<usize> {
    match cloud.list_statements(None).await {
        Ok(Listing { items: mut found, unreadable }) => {
            let pages = found.len().saturating_add(unreadable.len()).div_ceil(PAGE);
            for name in watched.keys() {
                if unreadable.contains_key(name) {
                    tell(watched, name, &Sight::Unreadable);
                    continue;
                }
                let live = found.remove(name);
                tell(watched, name, &Sight::Statement { live, confirmed: false });
            }
            Some(pages)
        }
        Err(_) => {
            for name in watched.keys() {
                tell(watched, name, &Sight::Unreadable);
            }
            None
        }
    }
}

async fn one_by_one(cloud: &CloudClient, watched: &Watched) {
    let mut reads = JoinSet::new();
    for name in watched.keys().cloned() {
        let cloud = cloud.clone();
        reads.spawn(async move {
            let read = cloud.fetch_statement(&name).await;
            (name, read)
        });
    }
    for (name, read) in reads.join_all().await {
        let sight = match read {
            Ok(found) => Sight::Statement { live: found.map(|found| Box::new(found.live)), confirmed: true },
            Err(_) => Sight::Unreadable,
        };
        tell(watched, &name, &sight);
    }
}
