//! Lists that come in pages: the whole list, or an error.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::{
    Cloud, ErrorKind, Result,
    call::Call,
    wire::{Page, Shape},
};

/// The largest page the service gives.
pub(super) const PAGE_SIZE: &str = "100";
/// Pages without anything new that are put up with: the service may give empty pages while more are to come.
const BARREN: u32 = 20;
/// Pages of one list: a million things.
const MOST: u32 = 10_000;

impl Cloud {
    /// Every page of the list at `call`, by `key`, which tells its things apart; of a thing that moved onto a second page
    /// while the list was read, the later sight counts.
    pub(super) async fn list<S: Shape>(
        &self,
        call: Call,
        key: impl Fn(&S::Noun) -> String,
    ) -> Result<BTreeMap<String, S::Noun>> {
        let call = call.query("page_size", PAGE_SIZE);
        let mut things = BTreeMap::new();
        let mut tokens = BTreeSet::new();
        let mut barren = 0;
        let mut page_call = call.clone();
        for _ in 0..MOST {
            let response = self.make(&page_call).await?;
            let page: Page<S> = self.decode(&call, &response)?;
            let known = things.len();
            things.extend(page.data.into_iter().map(|thing| (key(&thing), thing)));
            let Some(next) = page.next else { return Ok(things) };
            let Some(token) = page_token(&call.url, &next) else {
                return Err(self.garbled(&call, &response, "the address of the next page has no `page_token`"));
            };
            barren = if things.len() > known { 0 } else { barren + 1 };
            if barren >= BARREN || !tokens.insert(token.clone()) {
                break;
            }
            page_call = call.clone().query("page_token", &token);
        }
        let detail = "the list does not end: its pages lead back to pages that were read before, or to nothing";
        Err(call.error(ErrorKind::Garbled, detail))
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
