//! Substitutes `${variable}`, `$${` and `${secret.name}` in strings and SQL.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{layer::At, layer::toml_string, sql_source_map::SqlSourceMap, suggest};
use crate::{
    resource::{Problem, Span, Template},
    sql,
};

/// The values of variables as one environment sees them.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables<'a> {
    /// The values of `--var`, by name.
    pub flags: Option<&'a BTreeMap<String, String>>,
    /// The `FLOE_VAR_<NAME>` variables of the process, by `<NAME>`.
    pub process_env: Option<&'a BTreeMap<String, String>>,
    /// The `variables` of the environment in the manifest.
    pub manifest: BTreeMap<String, String>,
}

impl Variables<'_> {
    /// Returns the value of the variable `name`. A flag overrides the process's environment, which overrides the
    /// manifest.
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

    /// Returns the names of the variables that flags and the manifest set.
    fn names(&self) -> BTreeSet<&str> {
        self.flags.into_iter().flat_map(BTreeMap::keys).chain(self.manifest.keys()).map(String::as_str).collect()
    }
}

/// Substitutes variables and secrets in texts, and collects the problems.
pub(super) struct Substitution<'a> {
    /// The values of the variables that texts may use.
    pub variables: Variables<'a>,
    /// The names of the declared secrets.
    pub secrets: BTreeSet<&'a str>,
    /// The names of the variables that texts referred to so far.
    pub used_variables: BTreeSet<String>,
    /// The problems found so far.
    pub problems: Vec<Problem>,
}

impl<'a> Substitution<'a> {
    /// Returns a substitution that has not been used yet.
    pub(super) fn new(variables: Variables<'a>, secrets: BTreeSet<&'a str>) -> Self {
        Substitution { variables, secrets, used_variables: BTreeSet::new(), problems: Vec::new() }
    }

    /// Substitutes a string that may use variables but no secrets. Returns `None` if it has a problem.
    pub(super) fn interpolate(&mut self, text: &At<impl AsRef<str>>) -> Option<At<String>> {
        let written = text.value.as_ref();
        if !written.contains("${") {
            return Some(At { value: written.to_owned(), place: text.place.clone() });
        }
        let positions = toml_string::value_source_map(&text.place, written.len());
        let expanded = self.expand(written, &positions, &[])?;
        if let Some((name, span)) = expanded.secrets.first() {
            let problem = Problem::new(format!("the secret `${{secret.{name}}}` is not allowed here"))
                .at(positions.locate(span), "a secret")
                .help("Secrets can be used only in properties and in SQL.");
            self.problems.push(problem);
            return None;
        }
        Some(At { value: expanded.text, place: text.place.clone() })
    }

    /// Substitutes several strings. Leaves out those that have a problem.
    pub(super) fn interpolate_all(&mut self, texts: &[At<String>]) -> Vec<At<String>> {
        texts.iter().filter_map(|text| self.interpolate(text)).collect()
    }

    /// Substitutes a TOML string that may use variables and secrets, and maps the result to the file.
    pub(super) fn interpolate_template(&mut self, text: &At<Arc<str>>) -> Option<(Template, SqlSourceMap)> {
        let positions = toml_string::value_source_map(&text.place, text.value.len());
        self.interpolate_text(&text.value, positions, &[])
    }

    /// Substitutes SQL that may use variables and secrets. Line ends become LF, and comments stay as they are written.
    /// `positions` maps the text to its file.
    pub(super) fn interpolate_sql(
        &mut self,
        text: &Arc<str>,
        positions: SqlSourceMap,
    ) -> Option<(Template, SqlSourceMap)> {
        let (text, positions) = positions.with_unix_line_ends(text);
        let comments = if text.contains("${") { sql::comment_spans(&text) } else { Vec::new() };
        self.interpolate_text(&text, positions, &comments)
    }

    /// Substitutes a text that may use variables and secrets, except for the spans in `verbatim`. `positions` maps the
    /// text to its file.
    fn interpolate_text(
        &mut self,
        text: &Arc<str>,
        positions: SqlSourceMap,
        verbatim: &[Span],
    ) -> Option<(Template, SqlSourceMap)> {
        if !text.contains("${") {
            return Some((Template::new(Arc::clone(text)), positions));
        }
        let expanded = self.expand(text, &positions, verbatim)?;
        Some((Template::new(expanded.template), expanded.positions))
    }

    /// Returns a problem for each `--var` flag that is not used and looks like a typo of a variable that exists.
    /// Without this check the value that the flag should have replaced would be used. `tables` are the declared
    /// variables.
    pub(super) fn unused_flag_problems<'t>(
        &'t self,
        declared_variables: impl Iterator<Item = &'t str>,
    ) -> Vec<Problem> {
        let known: BTreeSet<&str> = declared_variables.chain(self.used_variables.iter().map(String::as_str)).collect();
        let flags = self.variables.flags.into_iter().flat_map(BTreeMap::keys);
        let unused = flags.filter(|flag| !known.contains(flag.as_str()));
        unused
            .filter_map(|flag| {
                let near = suggest::nearest(flag, known.iter().copied())?;
                let problem = Problem::new(format!("`--var {flag}=…` sets a variable that is not used"));
                Some(problem.help(format!("Did you mean `{near}`?")))
            })
            .collect()
    }

    /// Expands every reference and escape in `text` outside the spans in `verbatim`. Returns `None` if one of them has a
    /// problem.
    fn expand(&mut self, text: &str, positions: &SqlSourceMap, verbatim: &[Span]) -> Option<ExpandedText> {
        let mut expanded = ExpandedText {
            text: String::new(),
            template: String::new(),
            pending_literal: String::new(),
            secrets: Vec::new(),
            positions: SqlSourceMap::empty(std::sync::Arc::clone(&positions.source)),
        };
        let mut is_valid = true;
        for (part, span) in split_outside(text, verbatim) {
            match self.resolve_part(&part) {
                Ok(PartValue::Verbatim(piece)) => expanded.push_verbatim(piece, positions, &span),
                Ok(PartValue::Literal(value)) => expanded.push_literal(&value, positions, &span),
                Ok(PartValue::Secret(name)) if expanded.pending_literal.ends_with('$') => {
                    // In the template, `$` followed by `${secret.x}` would read as an escape.
                    let problem = Problem::new("a secret cannot directly follow a `$`")
                        .at(positions.locate(&span), format!("`${{secret.{name}}}` follows a `$`"))
                        .help("Make the `$` a part of the secret's value.");
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

    /// Returns the text or the secret that one part of a text stands for.
    fn resolve_part<'t>(&mut self, part: &TextPart<'t>) -> Result<PartValue<'t>, SubstitutionError> {
        /// The help for a `${` that may be meant literally.
        const ESCAPE: &str = "Write `$${` for a literal `${`.";
        match *part {
            TextPart::Text(piece) => Ok(PartValue::Verbatim(piece)),
            TextPart::Escape => Ok(PartValue::Literal("${".to_owned())),
            TextPart::Unclosed => Err(SubstitutionError::new(
                "`${` is never closed",
                "no `}` follows on this line",
                Some(ESCAPE.to_owned()),
            )),
            TextPart::Reference(name) if name.starts_with("secret.") => self.resolve_secret(name),
            TextPart::Reference(name) if !is_variable_name(name) => Err(SubstitutionError::new(
                format!("`${{{name}}}` is not a valid variable reference"),
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
                            "Set it in the environment's `variables`, with `--var {name}=…`, or with `FLOE_VAR_{}`.",
                            name.to_ascii_uppercase().replace('-', "_")
                        )
                    },
                    |near| format!("Did you mean `${{{near}}}`?"),
                );
                Err(SubstitutionError::new(format!("variable `{name}` is not defined"), "not defined", Some(help)))
            }
        }
    }

    /// Returns the secret that `reference` names, such as `secret.openai`, if it is declared.
    fn resolve_secret<'t>(&self, reference: &'t str) -> Result<PartValue<'t>, SubstitutionError> {
        let name = reference.strip_prefix("secret.").unwrap_or(reference);
        if self.secrets.contains(name) {
            return Ok(PartValue::Secret(name));
        }
        let help = suggest::nearest(name, self.secrets.iter().copied()).map_or_else(
            || format!("Declare it under `[secrets]` in `floe.toml`: `{name} = {{ env = \"NAME_OF_A_VARIABLE\" }}`."),
            |near| format!("Did you mean `${{secret.{near}}}`?"),
        );
        Err(SubstitutionError::new(format!("secret `{name}` is not declared"), "not in `[secrets]`", Some(help)))
    }
}

/// A text while its references are expanded.
struct ExpandedText {
    /// The text with every escape resolved and secrets left as references. It is final if there are no secrets.
    text: String,
    /// The template form of the text, which the state keeps.
    template: String,
    /// Literal text that is not in the template yet. Two adjacent pieces may form a `${` that must be escaped.
    pending_literal: String,
    /// The secrets that the text refers to, each with the span of its reference in the unexpanded text.
    secrets: Vec<(String, Span)>,
    /// The map from the expanded text to the file.
    positions: SqlSourceMap,
}

impl ExpandedText {
    /// Appends a piece of the unexpanded text as it is.
    fn push_verbatim(&mut self, piece: &str, positions: &SqlSourceMap, span: &Span) {
        self.text.push_str(piece);
        self.pending_literal.push_str(piece);
        self.positions.push_range(positions, span);
    }

    /// Appends the value of the reference or escape at `span`.
    fn push_literal(&mut self, value: &str, positions: &SqlSourceMap, span: &Span) {
        self.text.push_str(value);
        self.pending_literal.push_str(value);
        self.positions.push(value.len(), positions.locate(span).span, false);
    }

    /// Appends a reference to the secret `name`.
    fn push_secret(&mut self, name: &str, positions: &SqlSourceMap, span: &Span) {
        self.flush_literal();
        let reference = format!("${{secret.{name}}}");
        self.text.push_str(&reference);
        self.template.push_str(&reference);
        self.positions.push(reference.len(), positions.locate(span).span, false);
        self.secrets.push((name.to_owned(), span.clone()));
    }

    /// Moves the pending literal text into the template.
    fn flush_literal(&mut self) {
        let literal = std::mem::take(&mut self.pending_literal);
        self.template.push_str(Template::literal(&literal).as_str());
    }
}

/// What one part of a text expands to.
enum PartValue<'t> {
    /// Text that stays as it is written.
    Verbatim(&'t str),
    /// The value of a variable or of an escape.
    Literal(String),
    /// The name of a declared secret.
    Secret(&'t str),
}

/// The reason why a reference cannot be resolved.
struct SubstitutionError {
    /// The headline of the problem.
    message: String,
    /// The label at the reference.
    label: &'static str,
    /// The next step, if there is one.
    help: Option<String>,
}

impl SubstitutionError {
    /// Returns an error with these texts.
    fn new(message: impl Into<String>, label: &'static str, help: Option<String>) -> Self {
        SubstitutionError { message: message.into(), label, help }
    }
}

/// One part of a text as it is written.
enum TextPart<'t> {
    /// Text without references and escapes.
    Text(&'t str),
    /// The escape `$${`, which stands for a literal `${`.
    Escape,
    /// A reference `${name}`, by its name.
    Reference(&'t str),
    /// A `${` that is not closed.
    Unclosed,
}

/// Returns the parts of a text with their spans. The spans in `verbatim`, which are in order, are text.
fn split_outside<'t>(text: &'t str, verbatim: &[Span]) -> Vec<(TextPart<'t>, Span)> {
    let mut parts = Vec::new();
    let mut at: usize = 0;
    for span in verbatim.iter().chain(std::iter::once(&(text.len()..text.len()))) {
        let start = at;
        let before = text.get(start..span.start).unwrap_or_default();
        let shifted = |part: Span| start.saturating_add(part.start)..start.saturating_add(part.end);
        parts.extend(split_into_parts(before).map(|(part, place)| (part, shifted(place))));
        let inside = text.get(span.clone()).unwrap_or_default();
        if !inside.is_empty() {
            parts.push((TextPart::Text(inside), span.clone()));
        }
        at = span.end;
    }
    parts
}

/// Returns the parts of a text with their spans.
fn split_into_parts(text: &str) -> impl Iterator<Item = (TextPart<'_>, Span)> {
    let mut at: usize = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let (part, length) = if rest.starts_with("$${") {
            (TextPart::Escape, 3)
        } else if let Some(after) = rest.strip_prefix("${") {
            // A name has no line breaks, so a reference must be closed on the same line.
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

/// Returns whether `name` is a valid name of a variable.
pub(super) fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-')
}
