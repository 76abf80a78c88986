//! `${variable}`, `$${` and `${secret.name}` in strings and SQL.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{layer::At, layer::toml_string, sql_source_map::SqlSourceMap, suggest};
use crate::resource::{Problem, Span, Template};

/// The values of variables as one environment sees them.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables<'a> {
    /// `--var`.
    pub flags: Option<&'a BTreeMap<String, String>>,
    /// `FLOE_VAR_<NAME>`, by `<NAME>`.
    pub process_env: Option<&'a BTreeMap<String, String>>,
    /// `variables` of the environment.
    pub manifest: BTreeMap<String, String>,
}

impl Variables<'_> {
    /// A flag over the process's environment over the manifest.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let from_process = || {
            let process = self.process_env?;
            process.get(name).or_else(|| process.get(&name.to_ascii_uppercase().replace('-', "_")))
        };
        self.flags
            .and_then(|flags| flags.get(name))
            .or_else(from_process)
            .or_else(|| self.manifest.get(name))
            .map(String::as_str)
    }

    fn names(&self) -> BTreeSet<&str> {
        self.flags.into_iter().flat_map(BTreeMap::keys).chain(self.manifest.keys()).map(String::as_str).collect()
    }
}

/// Fills in texts and collects what is wrong with them.
pub(super) struct Substitution<'a> {
    pub variables: Variables<'a>,
    /// The names of declared secrets.
    pub secrets: BTreeSet<&'a str>,
    /// The variables that were asked for.
    pub used_variables: BTreeSet<String>,
    pub problems: Vec<Problem>,
}

impl<'a> Substitution<'a> {
    pub(super) fn new(variables: Variables<'a>, secrets: BTreeSet<&'a str>) -> Self {
        Substitution { variables, secrets, used_variables: BTreeSet::new(), problems: Vec::new() }
    }

    /// A string that takes variables and no secrets.
    pub(super) fn interpolate(&mut self, text: &At<impl AsRef<str>>) -> Option<At<String>> {
        let written = text.value.as_ref();
        if !written.contains("${") {
            return Some(At { value: written.to_owned(), place: text.place.clone() });
        }
        let positions = toml_string::value_source_map(&text.place, written.len());
        let expanded = self.expand(written, &positions)?;
        if let Some((name, span)) = expanded.secrets.first() {
            let problem = Problem::new(format!("`${{secret.{name}}}` cannot stand here"))
                .at(positions.locate(span), "a secret")
                .help("secrets may stand in properties and in SQL");
            self.problems.push(problem);
            return None;
        }
        Some(At { value: expanded.text, place: text.place.clone() })
    }

    /// Several of them; what is wrong is left out.
    pub(super) fn interpolate_all(&mut self, texts: &[At<String>]) -> Vec<At<String>> {
        texts.iter().filter_map(|text| self.interpolate(text)).collect()
    }

    /// A string that takes variables and secrets.
    pub(super) fn interpolate_template(&mut self, text: &At<Arc<str>>) -> Option<(Template, SqlSourceMap)> {
        let positions = toml_string::value_source_map(&text.place, text.value.len());
        self.interpolate_text(&text.value, positions)
    }

    /// A text that takes variables and secrets, and where it stands.
    pub(super) fn interpolate_text(
        &mut self,
        text: &Arc<str>,
        positions: SqlSourceMap,
    ) -> Option<(Template, SqlSourceMap)> {
        if !text.contains("${") {
            return Some((Template::new(Arc::clone(text)), positions));
        }
        let expanded = self.expand(text, &positions)?;
        Some((Template::new(expanded.template), expanded.positions))
    }

    /// Flags that nothing has used and that look like a slip for a variable that exists: the value that was meant to be
    /// replaced would have stood.
    pub(super) fn unused_flag_problems<'t>(&'t self, tables: impl Iterator<Item = &'t str>) -> Vec<Problem> {
        let known: BTreeSet<&str> = tables.chain(self.used_variables.iter().map(String::as_str)).collect();
        let flags = self.variables.flags.into_iter().flat_map(BTreeMap::keys);
        let unused = flags.filter(|flag| !known.contains(flag.as_str()));
        unused
            .filter_map(|flag| {
                let near = suggest::nearest(flag, known.iter().copied())?;
                let problem = Problem::new(format!("`--var {flag}=…` sets a variable that nothing uses"));
                Some(problem.help(format!("did you mean `{near}`?")))
            })
            .collect()
    }

    fn expand(&mut self, text: &str, positions: &SqlSourceMap) -> Option<ExpandedText> {
        let mut expanded = ExpandedText {
            text: String::new(),
            template: String::new(),
            pending_literal: String::new(),
            secrets: Vec::new(),
            positions: SqlSourceMap::empty(std::sync::Arc::clone(&positions.source)),
        };
        let mut is_valid = true;
        for (part, span) in split_into_parts(text) {
            match self.resolve_part(&part) {
                Ok(PartValue::Verbatim(piece)) => expanded.push_verbatim(piece, positions, &span),
                Ok(PartValue::Literal(value)) => expanded.push_literal(&value, positions, &span),
                Ok(PartValue::Secret(name)) if expanded.pending_literal.ends_with('$') => {
                    // `$` and `${secret.x}` in a row read as an escape.
                    let problem = Problem::new("a `$` cannot stand right before a secret")
                        .at(positions.locate(&span), format!("`${{secret.{name}}}` follows a `$`"))
                        .help("put the `$` into the secret's value");
                    self.problems.push(problem);
                    is_valid = false;
                }
                Ok(PartValue::Secret(name)) => expanded.push_secret(name, positions, &span),
                Err(error) => {
                    let mut problem = Problem::new(error.message).at(positions.locate(&span), error.label);
                    problem.help = error.help;
                    self.problems.push(problem);
                    is_valid = false;
                }
            }
        }
        expanded.flush_literal();
        is_valid.then_some(expanded)
    }

    fn resolve_part<'t>(&mut self, part: &TextPart<'t>) -> Result<PartValue<'t>, SubstitutionError> {
        const ESCAPE: &str = "write `$${` for a literal `${`";
        match *part {
            TextPart::Text(piece) => Ok(PartValue::Verbatim(piece)),
            TextPart::Escape => Ok(PartValue::Literal("${".to_owned())),
            TextPart::Unclosed => {
                Err(SubstitutionError::new("`${` is never closed", "no `}` follows", Some(ESCAPE.to_owned())))
            }
            TextPart::Reference(name) if name.starts_with("secret.") => self.resolve_secret(name),
            TextPart::Reference(name) if !is_variable_name(name) => Err(SubstitutionError::new(
                format!("`${{{name}}}` names no variable"),
                "letters, digits, `_` and `-` only",
                Some(ESCAPE.to_owned()),
            )),
            TextPart::Reference(name) => {
                self.used_variables.insert(name.to_owned());
                if let Some(value) = self.variables.get(name) {
                    return Ok(PartValue::Literal(value.to_owned()));
                }
                let known = self.variables.names();
                let help = suggest::nearest(name, known.iter().copied()).map_or_else(
                    || {
                        format!(
                            "give it in the environment's `variables`, by `--var {name}=…` or as `FLOE_VAR_{}`",
                            name.to_ascii_uppercase().replace('-', "_")
                        )
                    },
                    |near| format!("did you mean `${{{near}}}`?"),
                );
                Err(SubstitutionError::new(format!("variable `{name}` is not defined"), "undefined", Some(help)))
            }
        }
    }

    fn resolve_secret<'t>(&self, reference: &'t str) -> Result<PartValue<'t>, SubstitutionError> {
        let name = reference.strip_prefix("secret.").unwrap_or(reference);
        if self.secrets.contains(name) {
            return Ok(PartValue::Secret(name));
        }
        let help = suggest::nearest(name, self.secrets.iter().copied()).map_or_else(
            || format!("in `floe.toml`: `[secrets]`, then `{name} = {{ env = \"NAME_OF_A_VARIABLE\" }}`"),
            |near| format!("did you mean `${{secret.{near}}}`?"),
        );
        Err(SubstitutionError::new(format!("secret `{name}` is not declared"), "not in `[secrets]`", Some(help)))
    }
}

/// A text as it is filled in.
struct ExpandedText {
    /// With every escape resolved; secrets by reference. Good as it is where there are no secrets.
    text: String,
    /// The written form that state keeps.
    template: String,
    /// Literal text that is not yet in the template: an escape may arise where two pieces meet.
    pending_literal: String,
    secrets: Vec<(String, Span)>,
    positions: SqlSourceMap,
}

impl ExpandedText {
    fn push_verbatim(&mut self, piece: &str, positions: &SqlSourceMap, span: &Span) {
        self.text.push_str(piece);
        self.pending_literal.push_str(piece);
        self.positions.push_range(positions, span);
    }

    fn push_literal(&mut self, value: &str, positions: &SqlSourceMap, span: &Span) {
        self.text.push_str(value);
        self.pending_literal.push_str(value);
        self.positions.push(value.len(), positions.locate(span).span, false);
    }

    fn push_secret(&mut self, name: &str, positions: &SqlSourceMap, span: &Span) {
        self.flush_literal();
        let reference = format!("${{secret.{name}}}");
        self.text.push_str(&reference);
        self.template.push_str(&reference);
        self.positions.push(reference.len(), positions.locate(span).span, false);
        self.secrets.push((name.to_owned(), span.clone()));
    }

    fn flush_literal(&mut self) {
        let literal = std::mem::take(&mut self.pending_literal);
        self.template.push_str(Template::literal(&literal).as_str());
    }
}

enum PartValue<'t> {
    Verbatim(&'t str),
    Literal(String),
    Secret(&'t str),
}

struct SubstitutionError {
    message: String,
    label: &'static str,
    help: Option<String>,
}

impl SubstitutionError {
    fn new(message: impl Into<String>, label: &'static str, help: Option<String>) -> Self {
        SubstitutionError { message: message.into(), label, help }
    }
}

enum TextPart<'t> {
    Text(&'t str),
    /// `$${`
    Escape,
    /// `${name}`
    Reference(&'t str),
    /// `${` without an end.
    Unclosed,
}

/// The parts of a text with their spans.
fn split_into_parts(text: &str) -> impl Iterator<Item = (TextPart<'_>, Span)> {
    let mut at: usize = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let (part, length) = if rest.starts_with("$${") {
            (TextPart::Escape, 3)
        } else if let Some(after) = rest.strip_prefix("${") {
            // A name has no line breaks: what is not closed on its line is not closed.
            let line = after.split(['\n', '{']).next().unwrap_or_default();
            match line.split_once('}') {
                Some((name, _)) => (TextPart::Reference(name), name.len().saturating_add(3)),
                None => (TextPart::Unclosed, 2),
            }
        } else {
            let opening = rest.find("${").unwrap_or(rest.len());
            let escaped = rest.get(..opening).is_some_and(|before| opening < rest.len() && before.ends_with('$'));
            let next = opening.saturating_sub(usize::from(escaped));
            (TextPart::Text(rest.get(..next).unwrap_or(rest)), next)
        };
        let span = at..at.saturating_add(length);
        at = span.end;
        Some((part, span))
    })
}

/// Whether a variable may be called so.
pub(super) fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-')
}
