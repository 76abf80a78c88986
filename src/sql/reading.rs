//! From a text to what is known of it.

use super::{Fault, Kind, Reading, StateKept, WrittenSecret, lints, script::Script, statement::Statement};

/// How many of the faults of one text are told.
const MOST_FAULTS: usize = 20;

/// How many tokens may stand before the statement set in `COMPILE AND EXECUTE PLAN '…' IF NOT EXISTS FOR STATEMENT SET`, or
/// behind `EXPLAIN`.
const LONGEST_PREFIX: usize = 12;

/// Reads `text`, whatever it is. Never fails: what speaks against the text is among the reading's faults, and what is not
/// understood is left out, but for state, of which `None` is said only where all is understood.
pub fn read(text: &str) -> Reading {
    let script = Script::new(text);
    let (mut statement, kind, mut faults) = understand(&script);
    faults.extend(script.faults.iter().cloned());
    faults.append(&mut statement.faults);
    faults.append(&mut statement.query.faults);
    faults.sort_by_key(|fault| fault.span.start);
    faults.truncate(MOST_FAULTS);

    let mut state = statement.first_state();
    if state.is_none() && (kind == Kind::Other || !faults.is_empty()) {
        let span = faults.first().map_or(script.span_of(0, script.len().saturating_sub(1)), |fault| fault.span.clone());
        state = Some(StateKept { construct: "a text that is not understood".to_owned(), span });
    }
    let startup_option = statement.startup_option();
    let bounded = statement.is_bounded();
    let mut mentions = std::mem::take(&mut statement.query.mentions);
    mentions.shrink_to_fit();
    mentions.sort_by_key(|mention| (mention.span.start, mention.span.end));
    Reading {
        kind,
        mentions,
        state,
        faults,
        if_not_exists: statement.if_not_exists,
        startup_option,
        bounded,
        primary_key: statement.primary_key || statement.is_said_to_take_upserts(),
        written_secrets: written_secrets(&statement),
        column_functions: std::mem::take(&mut statement.column_functions),
        renamed_to: statement.renamed_to.take(),
    }
}

/// The options that hold a secret itself.
pub(super) fn written_secrets(statement: &Statement<'_, '_>) -> Vec<WrittenSecret> {
    let written = statement.options.iter().filter(|pair| lints::is_written_secret(&pair.key, &pair.value));
    written.map(|pair| WrittenSecret { option: pair.key.clone(), span: pair.value_span.clone() }).collect()
}

/// Recognises the one statement of a text; with it, what is wrong with the others if there are more.
pub(super) fn understand<'s, 'a>(script: &'s Script<'a>) -> (Statement<'s, 'a>, Kind, Vec<Fault>) {
    let mut statement = Statement::new(script);
    let (chosen, faults) = choose(script);
    let kind = chosen.map_or(Kind::Other, |(start, end)| {
        // Where brackets nest too deep, only the first words are looked at.
        let first_bracket = || (start..end).find(|&at| script.opens(at));
        let end = if script.too_deep { first_bracket().unwrap_or(end) } else { end };
        statement.recognise(start, end)
    });
    (statement, kind, faults)
}

/// The tokens of the one statement of a text, and what is wrong with the others if there are more.
fn choose(script: &Script<'_>) -> (Option<(usize, usize)>, Vec<Fault>) {
    let statements = split(script);
    let is_setting = |&(start, _): &(usize, usize)| script.is_any(start, &["SET", "RESET", "USE"]);
    let chosen = statements.iter().copied().find(|range| !is_setting(range)).or(statements.first().copied());
    let mut faults = Vec::new();
    if statements.is_empty() && script.faults.is_empty() {
        let message = "there is no statement in this text".to_owned();
        faults.push(Fault { message, span: 0..script.source().len() });
    }
    let mut earlier = false;
    for range in &statements {
        let message = if is_setting(range) && statements.len() > 1 {
            "a statement can't be sent along with SET or USE; set the option in the statement's `properties`"
        } else if earlier {
            "a second statement begins here; one text holds one statement, so give it an entry of its own"
        } else {
            earlier = true;
            continue;
        };
        faults.push(Fault { message: message.to_owned(), span: script.span(range.0) });
    }
    (chosen, faults)
}

/// The statements of a text between its semicolons. A statement set is one, semicolons included, and takes the rest.
fn split(script: &Script<'_>) -> Vec<(usize, usize)> {
    let end = script.len();
    let mut statements = Vec::new();
    let mut start = 0;
    while start < end {
        if script.symbol(start, ";") {
            start += 1;
            continue;
        }
        let next = if begins_set(script, start) {
            end
        } else {
            script.find(start, end, |script, at| script.symbol(at, ";")).unwrap_or(end)
        };
        statements.push((start, next));
        start = next + 1;
    }
    statements
}

/// Whether the statement that begins at `start` is a statement set, or explains or compiles one.
fn begins_set(script: &Script<'_>, start: usize) -> bool {
    let is_set = |at: usize| {
        script.are(at, &["EXECUTE", "STATEMENT", "SET"])
            || script.are(at, &["BEGIN", "STATEMENT", "SET"])
            || script.are(at, &["STATEMENT", "SET"])
    };
    let prefixed = script.is_any(start, &["EXPLAIN", "COMPILE"]);
    is_set(start) || (prefixed && (start..start + LONGEST_PREFIX).any(is_set))
}
