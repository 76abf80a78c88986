//! Lists that come in pages: the whole list, or an error.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::{
    CloudClient, ErrorKind, Result,
    call::ApiCall,
    wire::{WireObject, WirePage},
};

/// The largest page the service gives.
const MAX_PAGE_SIZE: usize = 100;
/// Pages without anything new that are put up with: the service may give empty pages while more are to come.
const MAX_STALE_PAGES: u32 = 20;
/// Things of one list, as many as 1,000 pages hold: far more than an environment has.
const MAX_ITEMS: usize = 100_000;

/// What a list held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// What could be read, by name or id. Boxed: a tree that grows at its end is half empty, and such things are large.
    pub items: BTreeMap<String, Box<T>>,
    /// What is there and could not be read, by name or id, and why.
    pub unreadable: BTreeMap<String, String>,
}

impl CloudClient {
    /// Every page of the list at `call`, by `key`, which tells its things apart; of a thing that moved onto a second page
    /// while the list was read, the later sight counts.
    pub(super) async fn list_all<S: WireObject>(
        &self,
        call: ApiCall,
        key: impl Fn(&S::Domain) -> String,
    ) -> Result<Listing<S::Domain>> {
        let mut listed = Listing { items: BTreeMap::new(), unreadable: BTreeMap::new() };
        let (mut seen_tokens, mut token) = (BTreeSet::new(), None::<String>);
        let (mut page_size, mut requested, mut stale_pages) = (MAX_PAGE_SIZE, 0_usize, 0);
        while requested < MAX_ITEMS {
            let sized = call.clone().with_query("page_size", &page_size.to_string());
            let page_call = token.iter().fold(sized, |call, token| call.with_query("page_token", token));
            let response = match self.send_call(&page_call).await {
                // Fewer things to a page may fit; a single one that does not is the caller's to hear of.
                Err(error) if error.kind == ErrorKind::TooLarge && page_size > 1 => {
                    page_size /= 2;
                    continue;
                }
                answer => answer?,
            };
            requested = requested.saturating_add(page_size);
            let page: WirePage<S> = self.decode_page(&call, &response)?;
            let next = page.next.clone();
            let has_new_items = listed.add_page(page, &key);
            let Some(next) = next else { return Ok(listed) };
            let Some(next) = page_token(&call.url, &next) else {
                return Err(self.invalid_response(
                    &call,
                    &response,
                    "the address of the next page has no `page_token`",
                ));
            };
            stale_pages = if has_new_items { 0 } else { stale_pages + 1 };
            if stale_pages >= MAX_STALE_PAGES || !seen_tokens.insert(next.clone()) {
                let detail = "the list does not end: its pages lead back to pages that were read before, or to nothing";
                return Err(call.error(ErrorKind::InvalidResponse, detail));
            }
            token = Some(next);
        }
        let detail = format!("the list does not end: {MAX_ITEMS} things and more were to come");
        Err(call.error(ErrorKind::InvalidResponse, detail))
    }
}

impl<T> Listing<T> {
    /// Takes a page in; the later sight of a thing counts. Returns whether anything in it is new.
    fn add_page<S: WireObject<Domain = T>>(&mut self, page: WirePage<S>, key: &impl Fn(&T) -> String) -> bool {
        let known = self.items.len().saturating_add(self.unreadable.len());
        for item in page.data {
            let name = key(&item);
            self.unreadable.remove(&name);
            self.items.insert(name, Box::new(item));
        }
        for (name, why) in page.unreadable {
            self.items.remove(&name);
            self.unreadable.insert(name, why);
        }
        self.items.len().saturating_add(self.unreadable.len()) > known
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
