//! Problems at their place: drawn for people, listed for programs. The only place that draws with miette.

use std::{fmt, sync::Arc};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity as Weight, SourceCode,
};
use serde_json::{Value, json};

use crate::{
    render::Style,
    resource::{Place, Problem, Source},
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

/// Draws problems one below the other.
pub fn draw(problems: &[(Problem, Rank)], style: Style) -> String {
    let theme = if style.colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(style.width).with_context_lines(1);
    let mut text = String::new();
    for (problem, rank) in problems {
        let drawn = Drawn::of(problem, *rank);
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
    let place = |(place, label): &(Place, String)| {
        let (line, column) = position(&place.source.text, place.span.start);
        json!({
            "file": place.source.path, "line": line, "column": column,
            "span": [place.span.start, place.span.end], "label": label,
        })
    };
    let one = |(problem, rank): &(Problem, Rank)| {
        json!({
            "severity": if rank.is_error { "error" } else { "warning" },
            "code": rank.code,
            "message": problem.message,
            "help": problem.help,
            "places": problem.places.iter().map(place).collect::<Vec<_>>(),
        })
    };
    json!({ "format_version": 1, "problems": problems.iter().map(one).collect::<Vec<_>>() })
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
    (line, column)
}

/// A problem, or the part of it that stands in one file.
#[derive(Debug)]
struct Drawn {
    message: String,
    help: Option<String>,
    rank: Rank,
    source: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
    /// The parts in other files.
    elsewhere: Vec<Drawn>,
}

impl Drawn {
    fn of(problem: &Problem, rank: Rank) -> Self {
        let mut files: Vec<(Arc<Source>, Vec<LabeledSpan>)> = Vec::new();
        for (place, label) in &problem.places {
            let end = place.span.end.min(place.source.text.len());
            let start = place.span.start.min(end);
            let span = LabeledSpan::new(Some(label.clone()), start, end.saturating_sub(start));
            match files.iter_mut().find(|(source, _)| *source == place.source) {
                Some((_, labels)) => labels.push(span),
                None => files.push((Arc::clone(&place.source), vec![span])),
            }
        }
        let named = |source: &Source| NamedSource::new(source.path.to_string_lossy(), source.text.clone());
        let mut files = files.into_iter();
        let (source, labels) =
            files.next().map_or((None, Vec::new()), |(source, labels)| (Some(named(&source)), labels));
        let elsewhere = files
            .map(|(source, labels)| Drawn {
                message: "see also".to_owned(),
                help: None,
                rank: Rank { is_error: rank.is_error, code: None },
                source: Some(named(&source)),
                labels,
                elsewhere: Vec::new(),
            })
            .collect();
        Drawn { message: problem.message.clone(), help: problem.help.clone(), rank, source, labels, elsewhere }
    }
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Drawn {}

impl Diagnostic for Drawn {
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
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty())
            .then(|| Box::new(self.labels.iter().cloned()) as Box<dyn Iterator<Item = LabeledSpan>>)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        (!self.elsewhere.is_empty())
            .then(|| Box::new(self.elsewhere.iter().map(|part| part as &dyn Diagnostic)) as Box<dyn Iterator<Item = _>>)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_from_one_and_files_told_apart() {
        let source = |path: &str, text: &str| Arc::new(Source { path: path.into(), text: text.to_owned() });
        let (one, two) = (source("a.toml", "x = 1\ny = zwölf\n"), source("b.toml", "z = 2\n"));
        let problem = Problem::new("`y` is no number")
            .at(Place { source: one, span: 10..15 }, "here")
            .at(Place { source: two, span: 0..1 }, "and there")
            .help("write one");
        let problems = [(problem, Rank::ERROR)];
        let drawn = draw(&problems, Style::default());
        for part in ["`y` is no number", "a.toml:2:5", "b.toml:1:1", "and there", "write one"] {
            assert!(drawn.contains(part), "{part} is missing in\n{drawn}");
        }
        let listed = json(&problems);
        assert_eq!(listed.pointer("/problems/0/places/0/line"), Some(&json!(2)));
        assert_eq!(listed.pointer("/problems/0/places/0/column"), Some(&json!(5)));
    }
}
