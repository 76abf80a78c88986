//! Edits statements of the corpus in ways whose right analysis follows from that of the original: other layout, quotes,
//! names and literals, and queries inside other queries.

#![allow(clippy::indexing_slicing, reason = "each index comes from the length of what it indexes")]

use std::collections::BTreeSet;

use floe::sql::{Analysis, analyze};

use crate::{
    expected::{CorpusLine, ObjectsByRole, is_kind},
    measure::{CorpusScore, mentioned_objects},
    tokens::{Piece, PieceKind, split_into_pieces},
};

/// Edits a statement. Returns `None` if the edit does not apply to it.
type Edit = fn(&mut fastrand::Rng, &CorpusLine, &Keywords) -> Option<EditedStatement>;

/// Every edit, with its name.
const EDITS: [(&str, Edit); 10] = [
    ("layout and comments", change_layout),
    ("hints", add_hints),
    ("keyword case", change_keyword_case),
    ("needless back-quotes", quote_names),
    ("a name that is a reserved word", rename_to_reserved_word),
    ("a name with a dot, a hyphen or other letters", rename_to_odd_name),
    ("literals that look like SQL", replace_literals),
    ("a query in a common table expression", wrap_in_cte),
    ("a query in a subquery", wrap_in_subquery),
    ("a union with itself", union_with_itself),
];

/// A statement after an edit.
struct EditedStatement {
    /// The edited SQL.
    sql: String,
    /// The objects that it names.
    objects: ObjectsByRole,
}

/// The keywords of Flink, in upper case.
pub struct Keywords {
    /// The words that are names only in back-quotes.
    reserved: Vec<String>,
    /// The reserved words and the words that have a meaning in some places.
    all: BTreeSet<String>,
}

impl Keywords {
    /// Reads the keywords of the corpus.
    pub fn parse(text: &str) -> Self {
        let words = |head: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(head)).unwrap_or_default();
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        let (reserved, unreserved) = (words("RESERVED"), words("NONRES"));
        // Words of Confluent's own statements, and `PI`, which is a function without brackets.
        let more = ["AGENT", "AGENTS", "PROMPT", "TOOL", "TOOLS", "PI"].map(str::to_owned);
        Keywords { all: reserved.iter().chain(&unreserved).cloned().chain(more).collect(), reserved }
    }

    /// Returns whether `word` is a keyword, in any case.
    fn contains(&self, word: &str) -> bool {
        self.all.contains(&word.to_ascii_uppercase())
    }
}

/// Applies `count` random edits to the lines whose analysis is right, and returns how many of the results are right.
pub fn measure_edits(lines: &[CorpusLine], keywords: &Keywords, count: usize, verbose: bool) -> Vec<CorpusScore> {
    let right: Vec<&CorpusLine> = lines.iter().filter(|line| is_right(line)).collect();
    let mut random = fastrand::Rng::with_seed(1);
    let mut scores: Vec<CorpusScore> =
        EDITS.iter().map(|(name, _)| CorpusScore { measurement: name, correct: 0, total: 0 }).collect();
    let mut tried = 0;
    while tried < count && !right.is_empty() {
        let line = right[random.usize(..right.len())];
        let which = random.usize(..EDITS.len());
        let Some(edited) = EDITS[which].1(&mut random, line, keywords) else { continue };
        tried += 1;
        scores[which].total += 1;
        let analysis = analyze(&edited.sql);
        let found = mentioned_objects(&edited.sql, &analysis, false);
        let no_errors = analysis.errors.is_empty() || line.kind == "SqlBeginStatementSet";
        if is_kind(&line.kind, analysis.kind) && found == edited.objects && no_errors {
            scores[which].correct += 1;
        } else if verbose {
            report(EDITS[which].0, line, &edited, &analysis);
        }
    }
    scores
}

/// Returns whether the analysis of the line itself is right.
fn is_right(line: &CorpusLine) -> bool {
    let analysis = analyze(&line.sql);
    is_kind(&line.kind, analysis.kind) && mentioned_objects(&line.sql, &analysis, false) == line.expected_objects()
}

/// Prints an edited statement whose analysis is wrong.
fn report(name: &str, line: &CorpusLine, edited: &EditedStatement, analysis: &Analysis) {
    let found = mentioned_objects(&edited.sql, analysis, false);
    println!(
        "{name}: {} ({})\n{}\n  expected {:?}\n  found    {found:?}",
        line.id, line.kind, edited.sql, edited.objects
    );
    println!("  kind {:?}, errors {:?}\n", analysis.kind, analysis.errors);
}

/// Returns the pieces as a text.
fn join(pieces: &[Piece]) -> String {
    pieces.iter().map(|piece| piece.text.as_str()).collect()
}

/// Returns the line with other text and the same objects.
fn same_objects(line: &CorpusLine, sql: String) -> Option<EditedStatement> {
    (sql != line.sql).then(|| EditedStatement { sql, objects: line.expected_objects() })
}

/// Replaces white space and comments by others.
fn change_layout(random: &mut fastrand::Rng, line: &CorpusLine, _: &Keywords) -> Option<EditedStatement> {
    const LAYOUTS: [&str; 6] =
        [" ", "\n\t", "\r\n", " /* FROM x; ' */ ", " -- JOIN y ` (\n", "\n// ; INSERT INTO z SELECT '\n"];
    let mut pieces = split_into_pieces(&line.sql);
    for piece in pieces.iter_mut().filter(|piece| piece.kind == PieceKind::Layout) {
        if random.bool() {
            piece.text = LAYOUTS[random.usize(..LAYOUTS.len())].to_owned();
        }
    }
    same_objects(line, join(&pieces))
}

/// Adds hints behind tables that are read.
fn add_hints(random: &mut fastrand::Rng, line: &CorpusLine, _: &Keywords) -> Option<EditedStatement> {
    let analysis = analyze(&line.sql);
    let reads = analysis.mentions.iter().filter(|mention| mention.usage == floe::sql::Usage::Reads);
    let ends: BTreeSet<usize> = reads.map(|mention| mention.span.end).collect();
    let mut sql = line.sql.clone();
    for end in ends.into_iter().rev() {
        if random.bool() {
            sql.insert_str(end, " /*+ OPTIONS('k' = 'FROM x; -- ''') */ ");
        }
    }
    same_objects(line, sql)
}

/// Changes the case of keywords. Calls keep theirs, because the names of functions are among the objects.
fn change_keyword_case(random: &mut fastrand::Rng, line: &CorpusLine, keywords: &Keywords) -> Option<EditedStatement> {
    let mut pieces = split_into_pieces(&line.sql);
    let is_call = calls(&pieces);
    let after_dot = after_dots(&pieces);
    let named: BTreeSet<String> = parts_of_names(line);
    for at in 0..pieces.len() {
        let piece = &mut pieces[at];
        let is_reserved = piece.kind == PieceKind::Word && keywords.reserved.contains(&piece.text.to_ascii_uppercase());
        if is_reserved && !is_call[at] && !after_dot[at] && !named.contains(&piece.text) && random.bool() {
            let upper = piece.text.chars().any(char::is_lowercase);
            piece.text = if upper { piece.text.to_ascii_uppercase() } else { piece.text.to_ascii_lowercase() };
        }
    }
    same_objects(line, join(&pieces))
}

/// Writes names in back-quotes that do not need them.
fn quote_names(random: &mut fastrand::Rng, line: &CorpusLine, keywords: &Keywords) -> Option<EditedStatement> {
    let mut pieces = split_into_pieces(&line.sql);
    let prefixes = before_literals(&pieces);
    for (at, piece) in pieces.iter_mut().enumerate() {
        if is_plain_name(piece, keywords) && !prefixes[at] && random.bool() {
            piece.text = format!("`{}`", piece.text);
        }
    }
    same_objects(line, join(&pieces))
}

/// Renames one table, column or alias to a reserved word in back-quotes, wherever it is used.
fn rename_to_reserved_word(
    random: &mut fastrand::Rng,
    line: &CorpusLine,
    keywords: &Keywords,
) -> Option<EditedStatement> {
    let word = &keywords.reserved[random.usize(..keywords.reserved.len())];
    let name = if random.bool() { word.clone() } else { word.to_ascii_lowercase() };
    rename(random, line, keywords, &name)
}

/// Renames one table, column or alias to a name that needs back-quotes for its characters, or has other letters.
fn rename_to_odd_name(random: &mut fastrand::Rng, line: &CorpusLine, keywords: &Keywords) -> Option<EditedStatement> {
    const NAMES: [&str; 8] =
        ["a.b.c", "my-topic", "two words", "naïve", "注文", "1st", "FROM x", "semi;colon -- no comment"];
    let name = NAMES[random.usize(..NAMES.len())];
    rename(random, line, keywords, name)
}

/// Renames one name of a statement to `name` in back-quotes.
fn rename(random: &mut fastrand::Rng, line: &CorpusLine, keywords: &Keywords, name: &str) -> Option<EditedStatement> {
    let mut pieces = split_into_pieces(&line.sql);
    let (is_call, prefixes) = (calls(&pieces), before_literals(&pieces));
    let candidates: Vec<String> = (0..pieces.len())
        .filter(|&at| is_plain_name(&pieces[at], keywords) && !is_call[at] && !prefixes[at])
        .map(|at| pieces[at].text.clone())
        .collect();
    let from = candidates.get(random.usize(..candidates.len().max(1)))?.clone();
    let is_taken = pieces.iter().any(|piece| piece.text == name || piece.text == format!("`{name}`"));
    if is_taken || (0..pieces.len()).any(|at| is_call[at] && pieces[at].text.trim_matches('`') == from) {
        return None;
    }
    for piece in &mut pieces {
        let is_name = matches!(piece.kind, PieceKind::Word | PieceKind::Quoted);
        if is_name && (piece.text == from || piece.text == format!("`{from}`")) {
            piece.text = format!("`{name}`");
        }
    }
    let renamed = |written: &Vec<String>| {
        let parts = written.iter().map(|part| if *part == from { name.to_owned() } else { part.clone() });
        parts.collect::<Vec<_>>().join(".")
    };
    let roles = line.parts.iter().filter(|(_, names)| !names.is_empty());
    let objects = roles.map(|(role, names)| (role.clone(), names.iter().map(renamed).collect())).collect();
    Some(EditedStatement { sql: join(&pieces), objects })
}

/// Replaces literals by others that look like SQL.
fn replace_literals(random: &mut fastrand::Rng, line: &CorpusLine, _: &Keywords) -> Option<EditedStatement> {
    const LITERALS: [&str; 5] = ["'; DROP TABLE x'", "'-- FROM x'", "'FROM x, (y'", "'it''s /* '", "'`'"];
    let mut pieces = split_into_pieces(&line.sql);
    for piece in pieces.iter_mut().filter(|piece| piece.kind == PieceKind::Literal) {
        if random.bool() {
            piece.text = LITERALS[random.usize(..LITERALS.len())].to_owned();
        }
    }
    same_objects(line, join(&pieces))
}

/// Makes a query a common table expression and reads it.
fn wrap_in_cte(_: &mut fastrand::Rng, line: &CorpusLine, _: &Keywords) -> Option<EditedStatement> {
    let (head, query) = split_at_query(line)?;
    same_objects(line, format!("{head}WITH floe_w AS (\n{query}\n) SELECT * FROM floe_w"))
}

/// Makes a query a subquery in `FROM`.
fn wrap_in_subquery(_: &mut fastrand::Rng, line: &CorpusLine, _: &Keywords) -> Option<EditedStatement> {
    let (head, query) = split_at_query(line)?;
    same_objects(line, format!("{head}SELECT floe_w.* FROM (\n{query}\n) AS floe_w"))
}

/// Combines a query with itself.
fn union_with_itself(_: &mut fastrand::Rng, line: &CorpusLine, _: &Keywords) -> Option<EditedStatement> {
    let (head, query) = split_at_query(line)?;
    same_objects(line, format!("{head}(\n{query}\n) UNION ALL (\n{query}\n)"))
}

/// Returns the text before the query of a `SELECT` or an `INSERT`, and the query.
fn split_at_query(line: &CorpusLine) -> Option<(String, String)> {
    let is_insert = line.kind == "RichSqlInsert";
    let pieces = split_into_pieces(line.sql.trim_end().trim_end_matches(';'));
    let is_word = |at: usize, words: &[&str]| {
        pieces.get(at).is_some_and(|piece| {
            piece.kind == PieceKind::Word && words.iter().any(|word| piece.text.eq_ignore_ascii_case(word))
        })
    };
    let first = (0..pieces.len()).find(|&at| !matches!(pieces[at].kind, PieceKind::Layout | PieceKind::Hint))?;
    let starts_right = if is_insert { is_word(first, &["INSERT"]) } else { line.kind == "Query" };
    let has_conflict = (0..pieces.len()).any(|at| is_word(at, &["CONFLICT"]));
    let start =
        if is_insert { (0..pieces.len()).find(|&at| is_word(at, &["SELECT", "WITH", "VALUES"]))? } else { first };
    // A query in brackets would be split in the middle.
    let depth = pieces[..start].iter().fold(0_i32, |depth, piece| depth + bracket_step(piece));
    (starts_right && !has_conflict && depth == 0).then(|| (join(&pieces[..start]), join(&pieces[start..])))
}

/// Returns how a piece changes the depth of round brackets.
fn bracket_step(piece: &Piece) -> i32 {
    match piece.text.as_str() {
        "(" => 1,
        ")" => -1,
        _ => 0,
    }
}

/// Returns for each piece whether the next one that is no layout is `what`.
fn followed_by(pieces: &[Piece], what: impl Fn(&Piece) -> bool) -> Vec<bool> {
    let next = |at: usize| pieces[at + 1..].iter().find(|piece| piece.kind != PieceKind::Layout);
    (0..pieces.len()).map(|at| next(at).is_some_and(&what)).collect()
}

/// Returns for each piece whether a round bracket follows it.
fn calls(pieces: &[Piece]) -> Vec<bool> {
    followed_by(pieces, |piece| piece.text == "(")
}

/// Returns for each piece whether a literal follows it, whose prefix it may be.
fn before_literals(pieces: &[Piece]) -> Vec<bool> {
    followed_by(pieces, |piece| piece.text.starts_with('\''))
}

/// Returns for each piece whether a dot is before it.
fn after_dots(pieces: &[Piece]) -> Vec<bool> {
    let before = |at: usize| pieces[..at].iter().rev().find(|piece| piece.kind != PieceKind::Layout);
    (0..pieces.len()).map(|at| before(at).is_some_and(|piece| piece.text == ".")).collect()
}

/// Returns the parts of all names of a line.
fn parts_of_names(line: &CorpusLine) -> BTreeSet<String> {
    line.parts.values().flatten().flatten().cloned().collect()
}

/// Returns whether a piece is a name without quotes that is no keyword.
fn is_plain_name(piece: &Piece, keywords: &Keywords) -> bool {
    let is_ascii_name = piece.text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    piece.kind == PieceKind::Word && is_ascii_name && !keywords.contains(&piece.text)
}
