//! Reads lists that come in pages, and returns the whole list or an error.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;
use url::Url;

use super::{
    CloudClient, ErrorKind, Result,
    call::ApiCall,
    wire::{WireObject, WirePage},
};

/// The largest page that the service returns, in items.
const MAX_PAGE_SIZE: usize = 100;
/// The number of pages in a row without new items at which reading stops. The service may return empty pages although
/// more items follow.
const MAX_STALE_PAGES: u32 = 20;
/// The most items of one list, as many as 1,000 pages hold. This is far more than an environment has.
const MAX_ITEMS: usize = 100_000;
/// The most bytes of all pages of one list together, in MiB. 100,000 statements with 2 KiB of SQL each fit.
const MAX_LIST_MIB: usize = 256;
/// The longest time that the pages of one list take together.
const MAX_LIST_DURATION: Duration = Duration::from_secs(15 * 60);

/// The items that a list held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// The items that could be read, by name or id. They are boxed because they are large, and a tree that grows at
    /// its end is half empty.
    pub items: BTreeMap<String, Box<T>>,
    /// The reasons why the other items could not be read, by name or id.
    pub unreadable: BTreeMap<String, String>,
}

impl CloudClient {
    /// Reads every page of the list at `call`. `key` returns the name or id that identifies an item. If an item
    /// appears again on a later page because it moved while the list was read, the later version counts.
    pub(super) async fn list_all<S: WireObject>(
        &self,
        call: ApiCall,
        key: impl Fn(&S::Domain) -> String,
    ) -> Result<Listing<S::Domain>> {
        let mut listed = Listing { items: BTreeMap::new(), unreadable: BTreeMap::new() };
        let (mut seen_tokens, mut token) = (BTreeSet::new(), None::<String>);
        let (mut page_size, mut requested, mut stale_pages) = (MAX_PAGE_SIZE, 0_usize, 0);
        let mut budget = ListBudget::new();
        while requested < MAX_ITEMS {
            let sized = call.clone().with_query("page_size", &page_size.to_string());
            let page_call = token.iter().fold(sized, |call, token| call.with_query("page_token", token));
            let response = match self.send_call(&page_call).await {
                // A smaller page may fit. If a single item does not fit, the caller gets the error.
                Err(error) if error.kind == ErrorKind::TooLarge && page_size > 1 => {
                    page_size /= 2;
                    continue;
                }
                answer => answer?,
            };
            requested = requested.saturating_add(page_size);
            budget.spend(response.body.len()).map_err(|(kind, why)| call.error(kind, why))?;
            let page: WirePage<S> = self.decode_page(&call, &response)?;
            let next = page.next.clone();
            let has_new_items = listed.add_page(page, &key);
            let Some(next) = next else { return Ok(listed) };
            let Some(next) = page_token(&call.url, &next) else {
                return Err(self.invalid_response(&call, &response, "the link to the next page has no `page_token`"));
            };
            stale_pages = if has_new_items { 0 } else { stale_pages + 1 };
            if stale_pages >= MAX_STALE_PAGES || !seen_tokens.insert(next.clone()) {
                let detail = "the list does not end: its pages lead back to earlier pages or contain nothing new";
                return Err(call.error(ErrorKind::InvalidResponse, detail));
            }
            token = Some(next);
        }
        let detail = format!("the list does not end: there are more pages after {MAX_ITEMS} items");
        Err(call.error(ErrorKind::InvalidResponse, detail))
    }
}

/// What the pages of one list have taken so far.
struct ListBudget {
    /// When reading the list began.
    began: Instant,
    /// The bytes of all pages.
    bytes: usize,
}

impl ListBudget {
    /// Returns the budget of a list of which nothing has been read.
    fn new() -> Self {
        ListBudget { began: Instant::now(), bytes: 0 }
    }

    /// Adds a page.
    ///
    /// # Errors
    /// Returns the bound that the pages exceed together.
    fn spend(&mut self, bytes: usize) -> std::result::Result<(), (ErrorKind, String)> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_LIST_MIB << 20 {
            let why = format!("the pages of the list are larger than {MAX_LIST_MIB} MiB together");
            return Err((ErrorKind::TooLarge, why));
        }
        if self.began.elapsed() > MAX_LIST_DURATION {
            let why = format!("the list took longer than {} minutes", MAX_LIST_DURATION.as_secs() / 60);
            return Err((ErrorKind::Unreachable, why));
        }
        Ok(())
    }
}

impl<T> Listing<T> {
    /// Adds a page, in which a later version of an item replaces an earlier one. Returns whether the page had any new
    /// item.
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

/// Returns the token of the next page. Only the token is taken from the link, so that the key is always sent to the
/// URL of the list itself.
fn page_token(base: &Url, next: &str) -> Option<String> {
    let url = base.join(next).ok()?;
    url.query_pairs()
        .find(|(name, _)| name == "page_token")
        .map(|(_, token)| token.into_owned())
        .filter(|t| !t.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_pages_of_a_list_have_a_limit_in_bytes_together() {
        let mut budget = ListBudget::new();
        assert!((0..8).all(|_| budget.spend(32 << 20).is_ok()));
        let why = "the pages of the list are larger than 256 MiB together".to_owned();
        assert_eq!(budget.spend(1), Err((ErrorKind::TooLarge, why)));
    }
}
