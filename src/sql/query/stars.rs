//! Remembers which `*` reads which tables, through common table expressions, so that a table that many of them read is
//! counted once.

use crate::{resource::Span, sql::work::count_steps};

/// The number of a common table expression, in order of definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CteId(usize);

/// A number of sources, which later sources can be separated from.
#[derive(Debug, Clone, Copy)]
pub(super) struct StarMark(usize);

/// Where the columns of a `*` come from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum StarSource {
    /// A table. The span is that of the `*`.
    Table(Span),
    /// The stars of a common table expression.
    Cte(CteId),
}

/// The stars of the queries that were walked so far.
#[derive(Debug, Default)]
pub(super) struct Stars {
    /// The sources of the query that is being walked.
    sources: Vec<StarSource>,
    /// The sources of each common table expression. An expression refers to others by number and holds no copy of
    /// their stars, which would grow exponentially along a chain of expressions.
    sources_by_cte: Vec<Vec<StarSource>>,
}

impl Stars {
    /// Adds a common table expression without stars and returns its number.
    pub fn add_cte(&mut self) -> CteId {
        self.sources_by_cte.push(Vec::new());
        CteId(self.sources_by_cte.len() - 1)
    }

    /// Returns a mark at the current number of sources.
    pub fn mark(&self) -> StarMark {
        StarMark(self.sources.len())
    }

    /// Forgets the sources that were added after `mark`.
    pub fn forget_after(&mut self, mark: StarMark) {
        self.sources.truncate(mark.0);
    }

    /// Makes the sources that were added after `mark` those of `cte`.
    pub fn move_to_cte(&mut self, mark: StarMark, cte: CteId) {
        let moved = self.sources.split_off(mark.0.min(self.sources.len()));
        if let Some(sources) = self.sources_by_cte.get_mut(cte.0) {
            *sources = moved;
        }
    }

    /// Records that the `*` at `star` reads a table.
    pub fn add_table(&mut self, star: Span) {
        self.add(StarSource::Table(star));
    }

    /// Records that a `*` reads a common table expression.
    pub fn add_cte_read(&mut self, cte: CteId) {
        self.add(StarSource::Cte(cte));
    }

    /// Adds a source, unless it was the last one added.
    fn add(&mut self, source: StarSource) {
        if self.sources.last() != Some(&source) {
            self.sources.push(source);
        }
    }

    /// Returns the span of each star that reads a table, in order and without duplicates. Each expression is visited
    /// once, however many others read it.
    pub fn reaching_result(&self) -> Vec<Span> {
        let mut is_visited = vec![false; self.sources_by_cte.len()];
        let mut pending: Vec<&[StarSource]> = vec![&self.sources];
        let mut stars = Vec::new();
        while let Some(sources) = pending.pop() {
            count_steps(sources.len());
            for source in sources {
                match source {
                    StarSource::Table(star) => stars.push(star.clone()),
                    StarSource::Cte(cte) => {
                        if let (Some(is_visited @ false), Some(sources)) =
                            (is_visited.get_mut(cte.0), self.sources_by_cte.get(cte.0))
                        {
                            *is_visited = true;
                            pending.push(sources);
                        }
                    }
                }
            }
        }
        stars.sort_by_key(|star| star.start);
        stars.dedup();
        stars
    }
}
