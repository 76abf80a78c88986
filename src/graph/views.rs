//! The views that a statement reads, directly or through other views.

use std::collections::BTreeSet;

use super::Graph;
use crate::sql::Usage;

impl Graph {
    /// Returns the keys of the statements that define views which the statement `key` reads, directly or through other
    /// views.
    pub fn views_read_by<'g>(&'g self, key: &'g str) -> BTreeSet<&'g str> {
        let (mut views, mut open) = (BTreeSet::new(), vec![key]);
        while let Some(key) = open.pop() {
            for object in self.tables_of(key, Usage::Reads) {
                open.extend(self.views_of(&object).into_iter().filter(|view| views.insert(*view)));
            }
        }
        views
    }

    /// Returns the views with windows that the statement `key` reads, as it names them.
    pub fn windowed_views(&self, key: &str) -> BTreeSet<Vec<String>> {
        let has_window = |view: &str| self.analysis(view).is_some_and(|analysis| analysis.has_window);
        let mentions = self.analysis(key).into_iter().flat_map(|analysis| &analysis.mentions);
        let reads = mentions.filter(|mention| mention.usage == Usage::Reads);
        let is_windowed = |object| {
            let views = self.views_of(&object);
            views.iter().any(|view| has_window(view) || self.views_read_by(view).into_iter().any(has_window))
        };
        reads
            .filter(|mention| self.object_of(key, mention).is_some_and(is_windowed))
            .map(|mention| mention.name.clone())
            .collect()
    }
}
