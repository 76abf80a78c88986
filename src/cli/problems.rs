//! Draws problems at their locations for people and lists them as JSON for programs. Only this file uses miette.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    Severity as Weight, SourceCode, SourceSpan, SpanContents,
};
use serde_json::{Value, json};

use super::{excerpt::excerpt, quoted_file::QuotedFile};
use crate::{
    render::{Style, wrap},
    resource::{Problem, SourceFile, SourceLocation, visible},
};

/// The severity of a problem, and the code that `floe help` explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemLevel {
    /// Whether the problem is an error rather than a warning.
    pub is_error: bool,
    /// The code of a lint, such as `FL101`.
    pub code: Option<&'static str>,
}

impl ProblemLevel {
    /// An error without a code.
    pub const ERROR: ProblemLevel = ProblemLevel { is_error: true, code: None };
}

/// The approximate number of columns that the frame takes before and after a quoted line.
const MARGIN: usize = 12;

/// The most columns of a source line that are quoted, even if lines may have any width.
const MAX_QUOTED_WIDTH: usize = 120;

/// Draws problems, each below the previous one.
pub fn draw_problems(problems: &[(Problem, ProblemLevel)], style: Style) -> String {
    let theme = if style.color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    // Lines are wrapped in this file. The drawing crate would break paths and URLs, which could then not be copied.
    let handler =
        GraphicalReportHandler::new_themed(theme).with_width(style.width).with_wrap_lines(false).with_context_lines(1);
    let files = quoted_files(problems);
    let mut text = String::new();
    for (problem, level) in problems {
        let report = ProblemReport::of(problem, *level, &files, style.width);
        let before = text.len();
        if handler.render_report(&mut text, &report).is_err() {
            text.truncate(before);
            text.push_str(&format!("error: {}\n", problem.message));
        }
    }
    text
}

/// Returns problems as JSON. Lines and columns start at 1.
pub fn problems_json(problems: &[(Problem, ProblemLevel)]) -> Value {
    let files = quoted_files(problems);
    let place = |(place, label): &(SourceLocation, String)| {
        let (line, column) =
            files.get(&Arc::as_ptr(&place.source)).map_or((0, 0), |file| file.position(place.span.start));
        json!({
            "file": place.source.path, "line": line.saturating_add(1), "column": column.saturating_add(1),
            "span": [place.span.start, place.span.end], "label": label,
        })
    };
    let one = |(problem, level): &(Problem, ProblemLevel)| {
        json!({
            "severity": if level.is_error { "error" } else { "warning" },
            "code": level.code,
            "message": problem.message,
            "help": problem.help,
            "places": problem.locations.iter().map(place).collect::<Vec<_>>(),
        })
    };
    json!({ "format_version": 1, "problems": problems.iter().map(one).collect::<Vec<_>>() })
}

/// The files that problems refer to, by the address of their source. Each file is scanned once, regardless of the
/// number of problems.
type QuotedFiles<'a> = BTreeMap<*const SourceFile, QuotedFile<'a>>;

/// Returns the files that `problems` refer to.
fn quoted_files(problems: &[(Problem, ProblemLevel)]) -> QuotedFiles<'_> {
    let mut files = QuotedFiles::new();
    for (place, _) in problems.iter().flat_map(|(problem, _)| &problem.locations) {
        files.entry(Arc::as_ptr(&place.source)).or_insert_with(|| QuotedFile::of(&place.source));
    }
    files
}

/// A problem as it is drawn: one heading, and below it all locations, which may be in different files.
#[derive(Debug)]
struct ProblemReport<'a> {
    /// The headline, wrapped to the width of the screen.
    message: String,
    /// The help text, wrapped to the width of the screen.
    help: Option<String>,
    /// The severity and the code of the problem.
    level: ProblemLevel,
    /// The quoted files and excerpts.
    sources: CombinedSource<'a>,
    /// The labeled locations, as offsets in `sources`.
    labels: Vec<LabeledSpan>,
}

impl<'a> ProblemReport<'a> {
    /// Prepares `problem` for a screen of `width` columns.
    fn of(problem: &Problem, level: ProblemLevel, files: &'a QuotedFiles<'a>, width: usize) -> Self {
        let mut sources = CombinedSource::default();
        let mut labels = Vec::new();
        for (place, label) in &problem.locations {
            let Some(file) = files.get(&Arc::as_ptr(&place.source)) else { continue };
            let end = place.span.end.min(file.text.len());
            let span = place.span.start.min(end)..end;
            // The frame takes a few columns. A narrower excerpt would not be useful.
            let room = width.min(MAX_QUOTED_WIDTH).saturating_sub(MARGIN).max(MARGIN);
            let (file, span) = match excerpt(file, &span, room) {
                Some((part, span)) => (Cow::Owned(part), span),
                None => (Cow::Borrowed(file), span),
            };
            let start = sources.offset_of(file).saturating_add(span.start);
            labels.push(LabeledSpan::new(Some(visible(label).into_owned()), start, span.len()));
        }
        ProblemReport {
            message: wrap_lines(&problem.message, width.saturating_sub(6)),
            help: problem.help.as_ref().map(|help| wrap_lines(help, width.saturating_sub(10))),
            level,
            sources,
            labels,
        }
    }
}

/// Wraps `text` to `width` columns, as one text.
fn wrap_lines(text: &str, width: usize) -> String {
    wrap(&visible(text), width).join("\n")
}

/// Several files as one source, so that one drawing can quote all of them. Each file is stored with the offset at which
/// it starts.
#[derive(Debug, Default)]
struct CombinedSource<'a>(Vec<(usize, Cow<'a, QuotedFile<'a>>)>);

impl<'a> CombinedSource<'a> {
    /// Returns the offset at which `file` starts, and adds the file if it is missing.
    fn offset_of(&mut self, file: Cow<'a, QuotedFile<'a>>) -> usize {
        if let Some((base, _)) = self.0.iter().find(|(_, laid)| std::ptr::eq(&**laid, &*file)) {
            return *base;
        }
        // A gap of one byte, so that the end of a file is not the start of the next.
        let base = self.0.last().map_or(0, |(base, last)| base.saturating_add(last.text.len()).saturating_add(1));
        self.0.push((base, file));
        base
    }
}

impl SourceCode for CombinedSource<'_> {
    fn read_span<'s>(
        &'s self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'s> + 's>, MietteError> {
        let out_of_bounds = || MietteError::OutOfBounds;
        let (base, file) = self.0.iter().rfind(|(base, _)| *base <= span.offset()).ok_or_else(out_of_bounds)?;
        let start = span.offset().saturating_sub(*base);
        let end = start.saturating_add(span.len());
        // Text of two files is never quoted as one snippet.
        let (first, last) = (file.line_at(start), file.line_at(end.saturating_sub(1).max(start)));
        let (from, to, line, column) = match (before, after) {
            (0, 0) => (start, end, first, file.target_position.unwrap_or_else(|| file.position(start)).1),
            _ => {
                let top = first.saturating_sub(before);
                (file.line_start(top), file.line_start(last.saturating_add(after).saturating_add(1)), top, 0)
            }
        };
        let data = file.text.get(from..to.max(end)).ok_or_else(out_of_bounds)?;
        let quoted = SourceSpan::new(base.saturating_add(from).into(), data.len());
        let lines = data.matches('\n').count();
        let contents = MietteSpanContents::new_named(
            file.name.clone(),
            data.as_bytes(),
            quoted,
            line.saturating_add(file.first_line),
            column,
            lines,
        );
        Ok(Box::new(contents))
    }
}

impl fmt::Display for ProblemReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ProblemReport<'_> {}

impl Diagnostic for ProblemReport<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.level.code.map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<Weight> {
        Some(if self.level.is_error { Weight::Error } else { Weight::Warning })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.sources)
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
    use crate::render::display_width;

    /// Returns a source file that was never on disk.
    fn source(path: &str, text: &str) -> Arc<SourceFile> {
        Arc::new(SourceFile { path: path.into(), text: text.into() })
    }

    #[test]
    fn places_of_a_problem_are_drawn_under_one_heading_and_counted_from_one() {
        let (one, two) = (source("a.toml", "x = 1\ny = zwölf\n"), source("b.toml", "z = 2\n"));
        let problem = Problem::new("`y` is not a number")
            .at(SourceLocation { source: one, span: 10..16 }, "here")
            .at(SourceLocation { source: two, span: 0..1 }, "and there")
            .help("Write a number.");
        let problems = [(problem, ProblemLevel::ERROR)];
        let expected = "  × `y` is not a number
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
  help: Write a number.
";
        assert_eq!(draw_problems(&problems, Style::default()), expected);
        let listed = problems_json(&problems);
        assert_eq!(listed.pointer("/problems/0/places/0/line"), Some(&json!(2)));
        assert_eq!(listed.pointer("/problems/0/places/0/column"), Some(&json!(5)));
    }

    #[test]
    fn nearby_places_share_a_snippet_and_distant_ones_do_not() {
        let text: String = (1..=60).map(|number| format!("k{number:02} = 1\n")).collect();
        let source = source("a.toml", &text);
        let lines_drawn = |one: usize, other: usize| {
            let at =
                |line: usize| SourceLocation { source: Arc::clone(&source), span: (line - 1) * 8..(line - 1) * 8 + 3 };
            let problem = Problem::new("twice").at(at(other), "again here").at(at(one), "first here");
            let drawn = draw_problems(&[(problem, ProblemLevel::ERROR)], Style::default());
            assert!(drawn.contains("first here") && drawn.contains("again here"), "{drawn}");
            (drawn.matches("╭─[").count(), drawn.matches(" = 1").count())
        };
        assert_eq!(lines_drawn(5, 7), (1, 5));
        assert_eq!(lines_drawn(30, 55), (2, 6));
    }

    #[test]
    fn only_an_excerpt_of_a_long_line_is_quoted() {
        let long = "x".repeat(3_000_000);
        let text = format!("short = 1\nlong = [\"ä{long}\", bad, \"{long}\"]\nlast = 2\n");
        let start = text.find("bad").unwrap();
        let problem =
            Problem::new("no").at(SourceLocation { source: source("a.toml", &text), span: start..start + 3 }, "here");
        let problems = [(problem, ProblemLevel::ERROR)];
        let drawn = draw_problems(&problems, Style::default());
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
        // A span that is too long itself is cut, and so is a span of several lines.
        for span in [8..text.len() - 12, start..text.len()] {
            let problem = Problem::new("no").at(SourceLocation { source: source("a.toml", &text), span }, "here");
            assert!(draw_problems(&[(problem, ProblemLevel::ERROR)], Style::default()).len() < 2_000);
        }
    }

    #[test]
    fn an_excerpt_of_wide_characters_fits_the_width() {
        let text = format!("x = [\"{0}\", bad, \"{0}\"]\n", "東京".repeat(80));
        let start = text.find("bad").unwrap();
        let problem =
            Problem::new("no").at(SourceLocation { source: source("a.toml", &text), span: start..start + 3 }, "here");
        let drawn = draw_problems(&[(problem, ProblemLevel::ERROR)], Style::default());
        let widest = drawn.lines().map(display_width).max().unwrap();
        assert!((70..=80).contains(&widest) && drawn.contains("bad"), "{widest}:\n{drawn}");
    }

    #[test]
    fn a_place_at_the_end_of_a_file_or_in_an_empty_file_is_drawn() {
        for (text, span) in [("", 0..0), ("", 0..7), ("x", 1..1), ("x\n", 2..2), ("x\r\ny", 4..4), ("ä", 0..2)] {
            let problem =
                Problem::new("no").at(SourceLocation { source: source("a.toml", text), span: span.clone() }, "here");
            let drawn = draw_problems(&[(problem, ProblemLevel::ERROR)], Style::default());
            assert!(drawn.contains("× no\n") && drawn.contains("[a.toml:"), "{text:?} {span:?}: {drawn}");
            assert!(!drawn.contains("Failed"), "{text:?} {span:?}: {drawn}");
        }
    }

    #[test]
    fn urls_and_paths_are_never_wrapped() {
        let url =
            "https://flink.us-east-1.aws.confluent.cloud/sql/v1/organizations/b0b21724-4586-4a07-b787-d0bb5aacbf87/x";
        let path = "statements/a-folder/of-some-length/idle-timeout.and/more-of_it/with.a.name/orders-enriched.sql";
        let problem =
            Problem::new(format!("GET {url}: refused")).help(format!("See `{path}` and\n\n[statements.x]\n  y"));
        let drawn = draw_problems(&[(problem, ProblemLevel::ERROR)], Style { width: 60, color: false });
        assert!(drawn.contains(url) && drawn.contains(path), "{drawn}");
        assert!(drawn.contains("\n        [statements.x]\n          y\n"), "{drawn}");
    }

    #[test]
    fn a_file_is_scanned_once_for_many_problems() {
        let text = "k = 1\n".repeat(40_000);
        let source = source("a.toml", &text);
        let at = |line: usize| SourceLocation { source: Arc::clone(&source), span: line * 6..line * 6 + 1 };
        let problems: Vec<_> =
            (0..10_000).map(|line| (Problem::new("no").at(at(line * 4), "here"), ProblemLevel::ERROR)).collect();
        let began = std::time::Instant::now();
        let drawn = draw_problems(&problems, Style::default());
        // Scanning the file once for each problem takes minutes in a test build.
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
        assert!(drawn.contains("[a.toml:39997:1]"));
        assert_eq!(problems_json(&problems)["problems"].as_array().unwrap().len(), 10_000);
    }
}
