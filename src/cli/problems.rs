//! Problems at their place: drawn for people, listed for programs. The only place that draws with miette.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    Severity as Weight, SourceCode, SourceSpan, SpanContents,
};
use serde_json::{Value, json};

use super::quote::window;
use crate::{
    render::{Style, wrap},
    resource::{Problem, SourceFile, SourceLocation},
};

/// How much a problem weighs, and the code under which `floe help` tells more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rank {
    /// Whether it is an error rather than a warning.
    pub is_error: bool,
    /// `FL101`.
    pub code: Option<&'static str>,
}

impl Rank {
    /// An error without a code.
    pub const ERROR: Rank = Rank { is_error: true, code: None };
}

/// What stands before and behind a quoted line, about.
const MARGIN: usize = 12;

/// Draws problems one below the other.
pub fn draw(problems: &[(Problem, Rank)], style: Style) -> String {
    let theme = if style.colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    // The lines are broken here: the drawing crate would break paths and URLs, which then cannot be copied.
    let handler =
        GraphicalReportHandler::new_themed(theme).with_width(style.width).with_wrap_lines(false).with_context_lines(1);
    let files = files(problems);
    let mut text = String::new();
    for (problem, rank) in problems {
        let drawn = Drawn::of(problem, *rank, &files, style.width);
        let before = text.len();
        if handler.render_report(&mut text, &drawn).is_err() {
            text.truncate(before);
            text.push_str(&format!("error: {}\n", problem.message));
        }
    }
    text
}

/// The same as JSON, with lines and columns that begin at 1.
pub fn json(problems: &[(Problem, Rank)]) -> Value {
    let files = files(problems);
    let place = |(place, label): &(SourceLocation, String)| {
        let (line, column) = files.get(&Arc::as_ptr(&place.source)).map_or((0, 0), |file| file.at(place.span.start));
        json!({
            "file": place.source.path, "line": line.saturating_add(1), "column": column.saturating_add(1),
            "span": [place.span.start, place.span.end], "label": label,
        })
    };
    let one = |(problem, rank): &(Problem, Rank)| {
        json!({
            "severity": if rank.is_error { "error" } else { "warning" },
            "code": rank.code,
            "message": problem.message,
            "help": problem.help,
            "places": problem.locations.iter().map(place).collect::<Vec<_>>(),
        })
    };
    json!({ "format_version": 1, "problems": problems.iter().map(one).collect::<Vec<_>>() })
}

/// Every file that problems stand in, each looked through once, however many problems there are.
type Files<'a> = BTreeMap<*const SourceFile, File<'a>>;

fn files(problems: &[(Problem, Rank)]) -> Files<'_> {
    let mut files = Files::new();
    for (place, _) in problems.iter().flat_map(|(problem, _)| &problem.locations) {
        files.entry(Arc::as_ptr(&place.source)).or_insert_with(|| File::of(&place.source));
    }
    files
}

/// A file or a part of one, and where its lines begin.
#[derive(Debug, Clone)]
pub(super) struct File<'a> {
    pub name: String,
    pub text: Cow<'a, str>,
    /// The first is 0. Nothing begins behind a last line end.
    starts: Vec<usize>,
    /// The number of its first line, from 0.
    top: usize,
    /// Line and column of what is meant in a part, where they are not those of its text.
    meant: Option<(usize, usize)>,
}

impl<'a> File<'a> {
    fn of(source: &'a SourceFile) -> Self {
        File::part(source.path.to_string_lossy().into_owned(), Cow::Borrowed(&source.text), 0, None)
    }

    /// A text that begins with the line `top` of a file.
    pub(super) fn part(name: String, text: Cow<'a, str>, top: usize, meant: Option<(usize, usize)>) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at.saturating_add(1)).filter(|start| *start < text.len());
        let starts = std::iter::once(0).chain(ends).collect();
        File { name, text, starts, top, meant }
    }

    /// How many lines it has.
    pub(super) fn lines(&self) -> usize {
        self.starts.len()
    }

    /// The line that an offset lies in, from 0.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// Where a line begins; the end of the text where there is no such line.
    pub(super) fn start(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.text.len())
    }

    /// Line and column of an offset, from 0, in characters.
    pub(super) fn at(&self, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let before = self.text.get(self.start(line)..offset).unwrap_or_default();
        (line, before.chars().count())
    }
}

/// A problem as it is drawn: one heading, and below it its places, whatever files they stand in.
#[derive(Debug)]
struct Drawn<'a> {
    message: String,
    help: Option<String>,
    rank: Rank,
    sheet: Sheet<'a>,
    labels: Vec<LabeledSpan>,
}

impl<'a> Drawn<'a> {
    fn of(problem: &Problem, rank: Rank, files: &'a Files<'a>, width: usize) -> Self {
        let mut sheet = Sheet::default();
        let mut labels = Vec::new();
        for (place, label) in &problem.locations {
            let Some(file) = files.get(&Arc::as_ptr(&place.source)) else { continue };
            let end = place.span.end.min(file.text.len());
            let span = place.span.start.min(end)..end;
            // The frame takes a few columns, and narrower than this nothing is told.
            let (file, span) = match window(file, &span, width.saturating_sub(MARGIN).max(MARGIN)) {
                Some((part, span)) => (Cow::Owned(part), span),
                None => (Cow::Borrowed(file), span),
            };
            let start = sheet.lay(file).saturating_add(span.start);
            labels.push(LabeledSpan::new(Some(label.clone()), start, span.len()));
        }
        Drawn {
            message: broken(&problem.message, width.saturating_sub(6)),
            help: problem.help.as_ref().map(|help| broken(help, width.saturating_sub(10))),
            rank,
            sheet,
            labels,
        }
    }
}

/// `text` on lines of at most `width` columns, broken between words only. What fits stays as it is: it may be there to
/// be pasted.
fn broken(text: &str, width: usize) -> String {
    let fit = |line: &str| match line.chars().count() <= width {
        true => vec![line.to_owned()],
        false => wrap(line, width),
    };
    text.lines().flat_map(fit).collect::<Vec<_>>().join("\n")
}

/// Files laid one behind the other, so that one drawing can quote several: each begins at an offset of its own.
#[derive(Debug, Default)]
struct Sheet<'a>(Vec<(usize, Cow<'a, File<'a>>)>);

impl<'a> Sheet<'a> {
    /// Where `file` begins, which is laid down if it does not lie there yet.
    fn lay(&mut self, file: Cow<'a, File<'a>>) -> usize {
        if let Some((base, _)) = self.0.iter().find(|(_, laid)| std::ptr::eq(&**laid, &*file)) {
            return *base;
        }
        // A gap of one, so that the end of a file is not the beginning of the next.
        let base = self.0.last().map_or(0, |(base, last)| base.saturating_add(last.text.len()).saturating_add(1));
        self.0.push((base, file));
        base
    }
}

impl SourceCode for Sheet<'_> {
    fn read_span<'s>(
        &'s self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'s> + 's>, MietteError> {
        let beyond = || MietteError::OutOfBounds;
        let (base, file) = self.0.iter().rfind(|(base, _)| *base <= span.offset()).ok_or_else(beyond)?;
        let start = span.offset().saturating_sub(*base);
        let end = start.saturating_add(span.len());
        // What stands in two files is never quoted as one.
        let (first, last) = (file.line(start), file.line(end.saturating_sub(1).max(start)));
        let (from, to, line, column) = match (before, after) {
            (0, 0) => (start, end, first, file.meant.unwrap_or_else(|| file.at(start)).1),
            _ => {
                let top = first.saturating_sub(before);
                (file.start(top), file.start(last.saturating_add(after).saturating_add(1)), top, 0)
            }
        };
        let data = file.text.get(from..to.max(end)).ok_or_else(beyond)?;
        let quoted = SourceSpan::new(base.saturating_add(from).into(), data.len());
        let lines = data.matches('\n').count();
        let contents = MietteSpanContents::new_named(
            file.name.clone(),
            data.as_bytes(),
            quoted,
            line.saturating_add(file.top),
            column,
            lines,
        );
        Ok(Box::new(contents))
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Drawn<'_> {}

impl Diagnostic for Drawn<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.rank.code.map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<Weight> {
        Some(if self.rank.is_error { Weight::Error } else { Weight::Warning })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.sheet)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty())
            .then(|| Box::new(self.labels.iter().cloned()) as Box<dyn Iterator<Item = LabeledSpan>>)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Arc<SourceFile> {
        Arc::new(SourceFile { path: path.into(), text: text.into() })
    }

    #[test]
    fn places_are_counted_from_one_and_stand_under_one_heading() {
        let (one, two) = (source("a.toml", "x = 1\ny = zwölf\n"), source("b.toml", "z = 2\n"));
        let problem = Problem::new("`y` is no number")
            .at(SourceLocation { source: one, span: 10..16 }, "here")
            .at(SourceLocation { source: two, span: 0..1 }, "and there")
            .help("write one");
        let problems = [(problem, Rank::ERROR)];
        let expected = "  × `y` is no number
   ╭─[a.toml:2:5]
 1 │ x = 1
 2 │ y = zwölf
   ·     ──┬──
   ·       ╰── here
   ╰────
   ╭─[b.toml:1:1]
 1 │ z = 2
   · ┬
   · ╰── and there
   ╰────
  help: write one
";
        assert_eq!(draw(&problems, Style::default()), expected);
        let listed = json(&problems);
        assert_eq!(listed.pointer("/problems/0/places/0/line"), Some(&json!(2)));
        assert_eq!(listed.pointer("/problems/0/places/0/column"), Some(&json!(5)));
    }

    #[test]
    fn two_places_of_a_file_are_drawn_together_if_they_are_near_and_apart_if_they_are_far() {
        let text: String = (1..=60).map(|number| format!("k{number:02} = 1\n")).collect();
        let source = source("a.toml", &text);
        let lines_drawn = |one: usize, other: usize| {
            let at =
                |line: usize| SourceLocation { source: Arc::clone(&source), span: (line - 1) * 8..(line - 1) * 8 + 3 };
            let problem = Problem::new("twice").at(at(other), "again here").at(at(one), "first here");
            let drawn = draw(&[(problem, Rank::ERROR)], Style::default());
            assert!(drawn.contains("first here") && drawn.contains("again here"), "{drawn}");
            (drawn.matches("╭─[").count(), drawn.matches(" = 1").count())
        };
        assert_eq!(lines_drawn(5, 7), (1, 5));
        assert_eq!(lines_drawn(30, 55), (2, 6));
    }

    #[test]
    fn of_a_long_line_a_window_is_quoted() {
        let long = "x".repeat(3_000_000);
        let text = format!("short = 1\nlong = [\"ä{long}\", bad, \"{long}\"]\nlast = 2\n");
        let start = text.find("bad").unwrap();
        let problem =
            Problem::new("no").at(SourceLocation { source: source("a.toml", &text), span: start..start + 3 }, "here");
        let problems = [(problem, Rank::ERROR)];
        let drawn = draw(&problems, Style::default());
        assert!(drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
        assert!(
            drawn.contains("[a.toml:2:3000014]") && drawn.contains("last = 2") && drawn.contains("short = 1"),
            "{drawn}"
        );
        let lines: Vec<&str> = drawn.lines().collect();
        let at = lines.iter().position(|line| line.contains("bad")).unwrap();
        let column = |line: &str, what: &str| line.split_once(what).unwrap().0.chars().count();
        assert_eq!(column(lines[at], "bad"), column(lines[at + 1], "─┬─"), "{drawn}");
        assert_eq!(lines[at].matches('…').count(), 2, "{drawn}");
        // A span that is longer itself is cut, and so is one of several lines.
        for span in [8..text.len() - 12, start..text.len()] {
            let problem = Problem::new("no").at(SourceLocation { source: source("a.toml", &text), span }, "here");
            assert!(draw(&[(problem, Rank::ERROR)], Style::default()).len() < 2_000);
        }
    }

    #[test]
    fn the_end_of_a_file_and_an_empty_file_can_be_pointed_at() {
        for (text, span) in [("", 0..0), ("", 0..7), ("x", 1..1), ("x\n", 2..2), ("x\r\ny", 4..4), ("ä", 0..2)] {
            let problem =
                Problem::new("no").at(SourceLocation { source: source("a.toml", text), span: span.clone() }, "here");
            let drawn = draw(&[(problem, Rank::ERROR)], Style::default());
            assert!(drawn.contains("× no\n") && drawn.contains("[a.toml:"), "{text:?} {span:?}: {drawn}");
            assert!(!drawn.contains("Failed"), "{text:?} {span:?}: {drawn}");
        }
    }

    #[test]
    fn a_word_is_never_broken() {
        let url =
            "https://flink.us-east-1.aws.confluent.cloud/sql/v1/organizations/b0b21724-4586-4a07-b787-d0bb5aacbf87/x";
        let path = "statements/a-folder/of-some-length/idle-timeout.and/more-of_it/with.a.name/orders-enriched.sql";
        let problem =
            Problem::new(format!("GET {url}: refused")).help(format!("see `{path}` and\n\n[statements.x]\n  y"));
        let drawn = draw(&[(problem, Rank::ERROR)], Style { width: 60, colour: false });
        assert!(drawn.contains(url) && drawn.contains(path), "{drawn}");
        assert!(drawn.contains("\n        [statements.x]\n          y\n"), "{drawn}");
    }

    #[test]
    fn a_file_of_many_problems_is_looked_through_once() {
        let text = "k = 1\n".repeat(40_000);
        let source = source("a.toml", &text);
        let at = |line: usize| SourceLocation { source: Arc::clone(&source), span: line * 6..line * 6 + 1 };
        let problems: Vec<_> =
            (0..10_000).map(|line| (Problem::new("no").at(at(line * 4), "here"), Rank::ERROR)).collect();
        let began = std::time::Instant::now();
        let drawn = draw(&problems, Style::default());
        // Looking through the file once a problem takes minutes in a build for tests.
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
        assert!(drawn.contains("[a.toml:39997:1]"));
        assert_eq!(json(&problems)["problems"].as_array().unwrap().len(), 10_000);
    }
}
