//! `${variable}`, `$${` and `${secret.name}` in strings and SQL.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{layer::At, layer::string, near, sql_text::SqlText};
use crate::resource::{Problem, Span, Template};

/// The values of variables as one environment sees them.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables<'a> {
    /// `--var`.
    pub flags: Option<&'a BTreeMap<String, String>>,
    /// `FLOE_VAR_<NAME>`, by `<NAME>`.
    pub process: Option<&'a BTreeMap<String, String>>,
    /// `variables` of the environment.
    pub table: BTreeMap<String, String>,
}

impl Variables<'_> {
    /// A flag over the process's environment over the manifest.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let from_process = || {
            let process = self.process?;
            process.get(name).or_else(|| process.get(&name.to_ascii_uppercase().replace('-', "_")))
        };
        self.flags
            .and_then(|flags| flags.get(name))
            .or_else(from_process)
            .or_else(|| self.table.get(name))
            .map(String::as_str)
    }

    fn names(&self) -> BTreeSet<&str> {
        self.flags.into_iter().flat_map(BTreeMap::keys).chain(self.table.keys()).map(String::as_str).collect()
    }
}

/// Fills in texts and collects what is wrong with them.
pub(super) struct Substitution<'a> {
    pub variables: Variables<'a>,
    /// The names of declared secrets.
    pub secrets: BTreeSet<&'a str>,
    /// The variables that were asked for.
    pub used: BTreeSet<String>,
    pub problems: Vec<Problem>,
}

impl<'a> Substitution<'a> {
    pub(super) fn new(variables: Variables<'a>, secrets: BTreeSet<&'a str>) -> Self {
        Substitution { variables, secrets, used: BTreeSet::new(), problems: Vec::new() }
    }

    /// A string that takes variables and no secrets.
    pub(super) fn plain(&mut self, text: &At<impl AsRef<str>>) -> Option<At<String>> {
        let written = text.value.as_ref();
        if !written.contains("${") {
            return Some(At { value: written.to_owned(), place: text.place.clone() });
        }
        let positions = string::positions(&text.place, written.len());
        let filled = self.fill(written, &positions)?;
        if let Some((name, span)) = filled.secrets.first() {
            let problem = Problem::new(format!("`${{secret.{name}}}` cannot stand here"))
                .at(positions.locate(span), "a secret")
                .help("secrets may stand in properties and in SQL");
            self.problems.push(problem);
            return None;
        }
        Some(At { value: filled.text, place: text.place.clone() })
    }

    /// Several of them; what is wrong is left out.
    pub(super) fn plains(&mut self, texts: &[At<String>]) -> Vec<At<String>> {
        texts.iter().filter_map(|text| self.plain(text)).collect()
    }

    /// A string that takes variables and secrets.
    pub(super) fn template(&mut self, text: &At<Arc<str>>) -> Option<(Template, SqlText)> {
        let positions = string::positions(&text.place, text.value.len());
        self.text(&text.value, positions)
    }

    /// A text that takes variables and secrets, and where it stands.
    pub(super) fn text(&mut self, text: &Arc<str>, positions: SqlText) -> Option<(Template, SqlText)> {
        if !text.contains("${") {
            return Some((Template::new(Arc::clone(text)), positions));
        }
        let filled = self.fill(text, &positions)?;
        Some((Template::new(filled.template), filled.positions))
    }

    /// Flags that nothing has used and that look like a slip for a variable that exists: the value that was meant to be
    /// replaced would have stood.
    pub(super) fn stray_flags<'t>(&'t self, tables: impl Iterator<Item = &'t str>) -> Vec<Problem> {
        let known: BTreeSet<&str> = tables.chain(self.used.iter().map(String::as_str)).collect();
        let flags = self.variables.flags.into_iter().flat_map(BTreeMap::keys);
        let stray = flags.filter(|flag| !known.contains(flag.as_str()));
        stray
            .filter_map(|flag| {
                let near = near::nearest(flag, known.iter().copied())?;
                let problem = Problem::new(format!("`--var {flag}=…` sets a variable that nothing uses"));
                Some(problem.help(format!("did you mean `{near}`?")))
            })
            .collect()
    }

    fn fill(&mut self, text: &str, positions: &SqlText) -> Option<Filled> {
        let mut filled = Filled {
            text: String::new(),
            template: String::new(),
            literal: String::new(),
            secrets: Vec::new(),
            positions: SqlText::empty(std::sync::Arc::clone(&positions.source)),
        };
        let mut sound = true;
        for (part, span) in parts(text) {
            match self.resolve(&part) {
                Ok(Value::Verbatim(piece)) => filled.verbatim(piece, positions, &span),
                Ok(Value::Literal(value)) => filled.literal(&value, positions, &span),
                Ok(Value::Secret(name)) if filled.literal.ends_with('$') => {
                    // `$` and `${secret.x}` in a row read as an escape.
                    let problem = Problem::new("a `$` cannot stand right before a secret")
                        .at(positions.locate(&span), format!("`${{secret.{name}}}` follows a `$`"))
                        .help("put the `$` into the secret's value");
                    self.problems.push(problem);
                    sound = false;
                }
                Ok(Value::Secret(name)) => filled.secret(name, positions, &span),
                Err(fault) => {
                    let mut problem = Problem::new(fault.message).at(positions.locate(&span), fault.label);
                    problem.help = fault.help;
                    self.problems.push(problem);
                    sound = false;
                }
            }
        }
        filled.close();
        sound.then_some(filled)
    }

    fn resolve<'t>(&mut self, part: &Part<'t>) -> Result<Value<'t>, Fault> {
        const ESCAPE: &str = "write `$${` for a literal `${`";
        match *part {
            Part::Text(piece) => Ok(Value::Verbatim(piece)),
            Part::Escape => Ok(Value::Literal("${".to_owned())),
            Part::Open => Err(Fault::new("`${` is never closed", "no `}` follows", Some(ESCAPE.to_owned()))),
            Part::Reference(name) if name.starts_with("secret.") => self.secret(name),
            Part::Reference(name) if !is_name(name) => Err(Fault::new(
                format!("`${{{name}}}` names no variable"),
                "letters, digits, `_` and `-` only",
                Some(ESCAPE.to_owned()),
            )),
            Part::Reference(name) => {
                self.used.insert(name.to_owned());
                if let Some(value) = self.variables.get(name) {
                    return Ok(Value::Literal(value.to_owned()));
                }
                let known = self.variables.names();
                let next = near::nearest(name, known.iter().copied()).map_or_else(
                    || {
                        format!(
                            "give it in the environment's `variables`, by `--var {name}=…` or as `FLOE_VAR_{}`",
                            name.to_ascii_uppercase().replace('-', "_")
                        )
                    },
                    |near| format!("did you mean `${{{near}}}`?"),
                );
                Err(Fault::new(format!("variable `{name}` is not defined"), "undefined", Some(next)))
            }
        }
    }

    fn secret<'t>(&self, reference: &'t str) -> Result<Value<'t>, Fault> {
        let name = reference.strip_prefix("secret.").unwrap_or(reference);
        if self.secrets.contains(name) {
            return Ok(Value::Secret(name));
        }
        let help = near::nearest(name, self.secrets.iter().copied()).map_or_else(
            || format!("in `floe.toml`: `[secrets]`, then `{name} = {{ env = \"NAME_OF_A_VARIABLE\" }}`"),
            |near| format!("did you mean `${{secret.{near}}}`?"),
        );
        Err(Fault::new(format!("secret `{name}` is not declared"), "not in `[secrets]`", Some(help)))
    }
}

/// A text as it is filled in.
struct Filled {
    /// With every escape resolved; secrets by reference. Good as it is where there are no secrets.
    text: String,
    /// The written form that state keeps.
    template: String,
    /// Literal text that is not yet in the template: an escape may arise where two pieces meet.
    literal: String,
    secrets: Vec<(String, Span)>,
    positions: SqlText,
}

impl Filled {
    fn verbatim(&mut self, piece: &str, positions: &SqlText, span: &Span) {
        self.text.push_str(piece);
        self.literal.push_str(piece);
        self.positions.push_part(positions, span);
    }

    fn literal(&mut self, value: &str, positions: &SqlText, span: &Span) {
        self.text.push_str(value);
        self.literal.push_str(value);
        self.positions.push(value.len(), positions.locate(span).span, false);
    }

    fn secret(&mut self, name: &str, positions: &SqlText, span: &Span) {
        self.close();
        let reference = format!("${{secret.{name}}}");
        self.text.push_str(&reference);
        self.template.push_str(&reference);
        self.positions.push(reference.len(), positions.locate(span).span, false);
        self.secrets.push((name.to_owned(), span.clone()));
    }

    fn close(&mut self) {
        let literal = std::mem::take(&mut self.literal);
        self.template.push_str(Template::literal(&literal).as_str());
    }
}

enum Value<'t> {
    Verbatim(&'t str),
    Literal(String),
    Secret(&'t str),
}

struct Fault {
    message: String,
    label: &'static str,
    help: Option<String>,
}

impl Fault {
    fn new(message: impl Into<String>, label: &'static str, help: Option<String>) -> Self {
        Fault { message: message.into(), label, help }
    }
}

enum Part<'t> {
    Text(&'t str),
    /// `$${`
    Escape,
    /// `${name}`
    Reference(&'t str),
    /// `${` without an end.
    Open,
}

/// The parts of a text with their spans.
fn parts(text: &str) -> impl Iterator<Item = (Part<'_>, Span)> {
    let mut at: usize = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let (part, length) = if rest.starts_with("$${") {
            (Part::Escape, 3)
        } else if let Some(after) = rest.strip_prefix("${") {
            // A name has no line breaks: what is not closed on its line is not closed.
            let line = after.split(['\n', '{']).next().unwrap_or_default();
            match line.split_once('}') {
                Some((name, _)) => (Part::Reference(name), name.len().saturating_add(3)),
                None => (Part::Open, 2),
            }
        } else {
            let opening = rest.find("${").unwrap_or(rest.len());
            let escaped = rest.get(..opening).is_some_and(|before| opening < rest.len() && before.ends_with('$'));
            let next = opening.saturating_sub(usize::from(escaped));
            (Part::Text(rest.get(..next).unwrap_or(rest)), next)
        };
        let span = at..at.saturating_add(length);
        at = span.end;
        Some((part, span))
    })
}

/// Whether a variable may be called so.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-')
}
