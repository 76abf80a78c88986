//! Lists that come in pages: the whole list, or an error.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::{
    Cloud, ErrorKind, Result,
    call::Call,
    wire::{Page, Shape},
};

/// The largest page the service gives.
const PAGE_SIZE: usize = 100;
/// Pages without anything new that are put up with: the service may give empty pages while more are to come.
const BARREN: u32 = 20;
/// Things of one list, as many as 1,000 pages hold: far more than an environment has.
const MOST: usize = 100_000;

/// What a list held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// What could be read, by name or id. Boxed: a tree that grows at its end is half empty, and such things are large.
    pub found: BTreeMap<String, Box<T>>,
    /// What is there and could not be read, by name or id, and why.
    pub unreadable: BTreeMap<String, String>,
}

impl Cloud {
    /// Every page of the list at `call`, by `key`, which tells its things apart; of a thing that moved onto a second page
    /// while the list was read, the later sight counts.
    pub(super) async fn list<S: Shape>(&self, call: Call, key: impl Fn(&S::Noun) -> String) -> Result<Listed<S::Noun>> {
        let mut listed = Listed { found: BTreeMap::new(), unreadable: BTreeMap::new() };
        let (mut tokens, mut token) = (BTreeSet::new(), None::<String>);
        let (mut size, mut asked, mut barren) = (PAGE_SIZE, 0_usize, 0);
        while asked < MOST {
            let sized = call.clone().query("page_size", &size.to_string());
            let page_call = token.iter().fold(sized, |call, token| call.query("page_token", token));
            let response = match self.make(&page_call).await {
                // Fewer things to a page may fit; a single one that does not is the caller's to hear of.
                Err(error) if error.kind == ErrorKind::TooLarge && size > 1 => {
                    size /= 2;
                    continue;
                }
                answer => answer?,
            };
            asked = asked.saturating_add(size);
            let page: Page<S> = self.page(&call, &response)?;
            let next = page.next.clone();
            let news = listed.take(page, &key);
            let Some(next) = next else { return Ok(listed) };
            let Some(next) = page_token(&call.url, &next) else {
                return Err(self.garbled(&call, &response, "the address of the next page has no `page_token`"));
            };
            barren = if news { 0 } else { barren + 1 };
            if barren >= BARREN || !tokens.insert(next.clone()) {
                let detail = "the list does not end: its pages lead back to pages that were read before, or to nothing";
                return Err(call.error(ErrorKind::Garbled, detail));
            }
            token = Some(next);
        }
        let detail = format!("the list does not end: {MOST} things and more were to come");
        Err(call.error(ErrorKind::Garbled, detail))
    }
}

impl<T> Listed<T> {
    /// Takes a page in; the later sight of a thing counts. Returns whether anything in it is new.
    fn take<S: Shape<Noun = T>>(&mut self, page: Page<S>, key: &impl Fn(&T) -> String) -> bool {
        let known = self.found.len().saturating_add(self.unreadable.len());
        for thing in page.data {
            let name = key(&thing);
            self.unreadable.remove(&name);
            self.found.insert(name, Box::new(thing));
        }
        for (name, why) in page.unreadable {
            self.found.remove(&name);
            self.unreadable.insert(name, why);
        }
        self.found.len().saturating_add(self.unreadable.len()) > known
    }
}

/// The token of the next page. Only it is taken from the link: the key goes where the list was asked for, whatever the
/// link says.
fn page_token(base: &Url, next: &str) -> Option<String> {
    let url = base.join(next).ok()?;
    url.query_pairs()
        .find(|(name, _)| name == "page_token")
        .map(|(_, token)| token.into_owned())
        .filter(|t| !t.is_empty())
}
