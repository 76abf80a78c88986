//! Checks that an operand or a name is at each place of a query where one must be.
//!
//! The check looks at a token and its neighbors. It does not know the grammar, so it reports only what no query allows.

use super::{
    SqlError,
    functions::is_niladic_function,
    keywords::{is_column_keyword, is_reserved, is_unreserved_keyword},
    lexer::TokenKind,
    names::{missing, reserved_word, unexpected_after_name},
    script::Script,
    word_set::WordSet,
};

/// Returns the errors of the query or expression between two tokens: each reserved word in place of a name, and the
/// first other error.
pub(super) fn operand_errors(script: &Script<'_>, start: usize, end: usize) -> Vec<SqlError> {
    let mut check = OperandCheck { script, start, end, brackets: Vec::new(), errors: Vec::new(), is_incomplete: false };
    check.run();
    check.errors
}

/// What an open bracket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    /// The operand and the type of a cast, whose bracket is at this token.
    Cast {
        /// The index of its opening bracket.
        open: usize,
    },
    /// The arguments of a call.
    Arguments,
    /// A query, a list or an expression.
    Other,
}

/// The state of a check.
struct OperandCheck<'s, 'a> {
    /// The tokens of the text.
    script: &'s Script<'a>,
    /// The first token of the range.
    start: usize,
    /// The token after the range.
    end: usize,
    /// The open brackets, the innermost last.
    brackets: Vec<Bracket>,
    /// The errors found so far.
    errors: Vec<SqlError>,
    /// Whether an error other than a reserved word was found. Others are likely to follow from it.
    is_incomplete: bool,
}

impl OperandCheck<'_, '_> {
    /// Checks every token of the range, and its end.
    fn run(&mut self) {
        let mut at = self.start;
        while at < self.end {
            at = match self.skipped_region(at) {
                Some(next) => next,
                None => {
                    self.check_token(at);
                    at + 1
                }
            };
        }
        self.check_end(self.end);
    }

    /// Returns the index after a region with a grammar of its own that starts at `at`: the type of a cast, the pattern
    /// and the conditions of `MATCH_RECOGNIZE`, a descriptor, the types of `IS OF (…)`, and an escape in braces.
    fn skipped_region(&self, at: usize) -> Option<usize> {
        let script = self.script;
        let is_region =
            script.is_any_word(at, &["PATTERN", "DESCRIPTOR", "MATCH_RECOGNIZE"]) && script.is_symbol(at + 1, "(");
        if is_region {
            return Some(script.closing_bracket(at + 1, self.end) + 1);
        }
        let is_type_list = script.is_symbol(at, "(") && at > self.start && script.is_word(at - 1, "OF");
        if script.is_symbol(at, "{") || is_type_list {
            return Some(script.closing_bracket(at, self.end) + 1);
        }
        match self.brackets.last() {
            Some(Bracket::Cast { open }) if script.is_word(at, "AS") => Some(script.closing_bracket(*open, self.end)),
            _ => None,
        }
    }

    /// Checks the token at `at` against the one before it.
    fn check_token(&mut self, at: usize) {
        let script = self.script;
        match script.token_kind(at) {
            Some(TokenKind::Symbol) => match script.token_text(at) {
                "(" => self.brackets.push(self.bracket(at)),
                ")" => {
                    self.check_end(at);
                    self.brackets.pop();
                }
                symbol @ ("," | "]" | "." | "=" | "<>" | "!=" | "<=" | ">=" | "||" | "/" | "%" | "=>") => {
                    let is_empty_list = symbol == "]" && script.is_symbol(at.saturating_sub(1), "[");
                    if at > self.start && !is_empty_list && self.expects_operand(at - 1) {
                        self.report_incomplete(missing(script, at, self.end, "an expression"));
                    } else if at == self.start || (symbol == "," && self.is_left_open(at - 1)) {
                        self.report_incomplete(unexpected(script, at));
                    }
                }
                _ => {}
            },
            Some(TokenKind::ReservedWord) if !self.follows_dot(at) => self.check_reserved_word(at),
            Some(TokenKind::Word | TokenKind::QuotedIdentifier | TokenKind::Number) => self.check_leftover(at),
            _ => {}
        }
    }

    /// Returns what the bracket at `open` holds. Arguments follow a name or a reserved word that can be a function.
    fn bracket(&self, open: usize) -> Bracket {
        let Some(before) = open.checked_sub(1).filter(|&before| before >= self.start) else { return Bracket::Other };
        let word = self.script.reserved_word(before);
        if matches!(word, "CAST" | "TRY_CAST" | "SAFE_CAST" | "TREAT") {
            return Bracket::Cast { open };
        }
        let is_call = self.script.is_identifier(before) || (!word.is_empty() && !NO_CALLS.contains(word));
        if is_call { Bracket::Arguments } else { Bracket::Other }
    }

    /// Returns whether the innermost open bracket holds the arguments of a call.
    fn is_in_arguments(&self) -> bool {
        matches!(self.brackets.last(), Some(Bracket::Arguments))
    }

    /// Returns whether the token at `at` is a part of a qualified name.
    fn follows_dot(&self, at: usize) -> bool {
        at > self.start && self.script.is_symbol(at - 1, ".")
    }

    /// Returns whether an operand must follow the token at `at`.
    fn expects_operand(&self, at: usize) -> bool {
        let script = self.script;
        match script.token_kind(at) {
            Some(TokenKind::Symbol) => matches!(
                script.token_text(at),
                "," | "[" | "=" | "<>" | "!=" | "<=" | ">=" | "+" | "-" | "/" | "||" | "%" | "=>"
            ),
            Some(TokenKind::ReservedWord) if !self.follows_dot(at) => {
                let word = script.reserved_word(at);
                // `IS DISTINCT FROM` and `UNION DISTINCT` have no operand there.
                let is_other_distinct = || {
                    let words = ["IS", "NOT", "UNION", "EXCEPT", "INTERSECT", "MINUS"];
                    word == "DISTINCT" && at > self.start && script.is_any_word(at - 1, &words)
                };
                OPERATORS.contains(word) && !is_other_distinct()
            }
            _ => false,
        }
    }

    /// Returns whether something other than an operand must follow the token at `at`: a query, a name or a condition.
    fn is_left_open(&self, at: usize) -> bool {
        self.script.token_kind(at) == Some(TokenKind::ReservedWord)
            && !self.follows_dot(at)
            && LEFT_OPEN.contains(self.script.reserved_word(at))
            && !(at > self.start && self.script.are_words(at - 1, &["LIMIT", "ALL"]))
    }

    /// Checks the token before the end of the range or of a bracket at `end`.
    fn check_end(&mut self, end: usize) {
        if end <= self.start {
            return;
        }
        let last = end - 1;
        if self.expects_operand(last) || self.is_left_open(last) {
            let what = if self.script.is_any_word(last, &["AS", "FROM", "JOIN"]) { "a name" } else { "an expression" };
            self.report_incomplete(missing(self.script, end, end, what));
        }
    }

    /// Checks the reserved word at `at`.
    fn check_reserved_word(&mut self, at: usize) {
        if at == self.start {
            return;
        }
        let (script, before) = (self.script, at - 1);
        let word = script.reserved_word(at);
        if self.expects_operand(before) || (script.is_symbol(before, "(") && !AFTER_BRACKET.contains(word)) {
            if self.can_start_operand(at) {
                return;
            }
            let starts_clause = CLAUSES.contains(word) && !self.ends_before(at + 1) && !script.is_symbol(before, "(");
            if starts_clause {
                self.report_incomplete(missing(script, at, self.end, "an expression"));
            } else {
                self.errors.push(reserved_word(script, at));
            }
        } else if self.is_reserved_alias(at) {
            self.errors.push(reserved_word(script, at));
        }
    }

    /// Returns whether the reserved word at `at` can start an operand.
    fn can_start_operand(&self, at: usize) -> bool {
        let script = self.script;
        let (before, next) = (at - 1, at + 1);
        let word = script.reserved_word(at);
        if script.is_symbol(next, "(") && next < self.end {
            return true;
        }
        let ends = self.ends_before(next);
        match word {
            _ if is_complete_operand(word) => true,
            "YEAR" | "MONTH" | "DAY" | "HOUR" | "MINUTE" | "SECOND" => self.is_in_arguments(),
            "DEFAULT" => !self.brackets.is_empty(),
            "EMPTY" | "CONFLICT" => script.is_word(before, "ON"),
            "DATE" | "TIME" | "TIMESTAMP" | "DATETIME" | "TIMESTAMP_LTZ" => {
                script.token_kind(next) == Some(TokenKind::StringLiteral)
                    || script.is_any_word(next, &["WITH", "WITHOUT"])
            }
            "CURRENT" => script.is_any_word(next, &["ROW", "VALUE"]),
            "NEXT" => script.is_word(next, "VALUE"),
            "ALL" if script.is_word(before, "LIMIT") => true,
            _ => PREFIXES.contains(word) && !ends,
        }
    }

    /// Returns whether an operand ends before the token at `next`, if it has not ended already.
    fn ends_before(&self, next: usize) -> bool {
        let script = self.script;
        let is_operator = || {
            let operators = [",", ")", "=", "<>", "!=", "<=", ">=", ">", "||", "/", "%", ".", "=>"];
            script.token_kind(next) == Some(TokenKind::Symbol) && operators.contains(&script.token_text(next))
        };
        next >= self.end || is_operator() || script.is_any_word(next, &["FROM", "AS", "WHERE"])
    }

    /// Returns whether the reserved word at `at` is in the place of an alias: after `AS`, or between a complete operand
    /// and the end of an item.
    fn is_reserved_alias(&self, at: usize) -> bool {
        let (script, before, next) = (self.script, at - 1, at + 1);
        let word = script.reserved_word(at);
        if script.is_word(before, "AS") && !self.follows_dot(before) {
            let is_time_travel = at >= 2 && script.is_word(at - 2, "SYSTEM_TIME");
            return !(word == "OF" && is_time_travel);
        }
        let ends = next >= self.end
            || script.is_symbol(next, ",")
            || script.is_symbol(next, ")")
            || script.is_any_word(next, &["FROM", "WHERE", "ON"]);
        ends && self.is_complete_operand(before)
            && !is_complete_operand(word)
            && !POSTFIXES.contains(word)
            && !LEFT_OPEN.contains(word)
            && !OPERATORS.contains(word)
    }

    /// Returns whether the token at `at` ends an operand for certain.
    fn is_complete_operand(&self, at: usize) -> bool {
        self.is_plain_name(at)
            || matches!(self.script.token_kind(at), Some(TokenKind::Number | TokenKind::StringLiteral))
            || self.script.is_symbol(at, ")")
            || self.script.is_symbol(at, "]")
    }

    /// Returns whether the token at `at` is a name that is no keyword.
    fn is_plain_name(&self, at: usize) -> bool {
        match self.script.token_kind(at) {
            Some(TokenKind::QuotedIdentifier) => true,
            Some(TokenKind::Word) => {
                let word = self.script.token_text(at);
                !is_unreserved_keyword(word) || is_column_keyword(word)
            }
            _ => false,
        }
    }

    /// Checks for a third operand or name in a row, which nothing separates from the two before it.
    fn check_leftover(&mut self, at: usize) {
        if at < self.start + 2 || !(self.is_plain_name(at) || self.script.token_kind(at) == Some(TokenKind::Number)) {
            return;
        }
        let (alias, before) = (at - 1, at - 2);
        let is_alias = self.is_plain_name(alias)
            && !self.script.is_symbol(before, ".")
            && (self.is_complete_operand(before) || self.script.is_word(before, "AS"));
        if is_alias {
            self.report_incomplete(unexpected_after_name(self.script, alias, at));
        }
    }

    /// Adds an error that is not about a reserved word, if it is the first one.
    fn report_incomplete(&mut self, error: SqlError) {
        if !self.is_incomplete {
            self.errors.push(error);
        }
        self.is_incomplete = true;
    }
}

/// Returns the error of an operator without an operand before it.
fn unexpected(script: &Script<'_>, at: usize) -> SqlError {
    SqlError {
        message: format!("an expression is missing before this `{}`", script.token_text(at)),
        span: script.token_span(at),
        help: None,
    }
}

/// Returns whether a reserved word is a whole operand: a literal, or a function without brackets.
pub(super) fn is_complete_operand(word: &str) -> bool {
    matches!(word, "FALSE" | "NULL" | "TRUE" | "UNKNOWN") || (is_niladic_function(word) && is_reserved(word))
}

/// Returns whether an operand ends after this reserved word, so that a name that follows is an alias.
pub(super) fn ends_operand(word: &str) -> bool {
    is_complete_operand(word)
        || matches!(word, "YEAR" | "MONTH" | "DAY" | "HOUR" | "MINUTE" | "SECOND" | "END" | "EMPTY" | "SET")
}

/// Reserved words that an operand must follow.
#[rustfmt::skip]
static OPERATORS: WordSet<19> = WordSet::new([
    "AND", "BETWEEN", "BY", "DISTINCT", "ELSE", "HAVING", "ILIKE", "LIKE", "LIMIT", "OFFSET", "ON", "OR", "QUALIFY",
    "RLIKE", "SELECT", "THEN", "UESCAPE", "WHEN", "WHERE",
]);

/// Reserved words that cannot end a query or a bracket, in addition to the operators.
#[rustfmt::skip]
static LEFT_OPEN: WordSet<12> = WordSet::new([
    "ALL", "AS", "CASE", "CROSS", "EXCEPT", "FROM", "INTERSECT", "JOIN", "MINUS", "NATURAL", "UNION", "WITH",
]);

/// Reserved words that start an operand, which goes on after them.
#[rustfmt::skip]
static PREFIXES: WordSet<25> = WordSet::new([
    "ALL", "ANY", "ARRAY", "ASYMMETRIC", "CASE", "CAST", "CURSOR", "DISTINCT", "EXISTS", "GROUPING", "INTERVAL",
    "LATERAL", "MULTISET", "NEW", "NOT", "PERIOD", "ROW", "RUNNING", "SOME", "SPECIFIC", "STREAM", "SYMMETRIC", "TABLE",
    "UNIQUE", "UNNEST",
]);

/// Reserved words that can follow an opening bracket, in addition to those that start an operand.
#[rustfmt::skip]
static AFTER_BRACKET: WordSet<27> = WordSet::new([
    "ALL", "BOTH", "CROSS", "DAY", "DEFINE", "DISTINCT", "FROM", "GROUPS", "HOUR", "LEADING", "MEASURES", "MINUTE",
    "MONTH", "ONE", "ORDER", "PARTITION", "PATTERN", "RANGE", "ROWS", "SECOND", "SELECT", "SUBSET", "TABLE", "TRAILING",
    "VALUES", "WHERE", "WITH",
]);

/// Reserved words that start the next clause, so that the one before lacks its operand.
#[rustfmt::skip]
static CLAUSES: WordSet<27> = WordSet::new([
    "AND", "CROSS", "ELSE", "END", "EXCEPT", "FETCH", "FOR", "FROM", "FULL", "GROUP", "HAVING", "INNER", "INTERSECT",
    "JOIN", "LEFT", "LIMIT", "MINUS", "NATURAL", "OFFSET", "ON", "OR", "ORDER", "RIGHT", "THEN", "UNION", "WHEN",
    "WHERE",
]);

/// Reserved words that can end an operand or a clause.
#[rustfmt::skip]
static POSTFIXES: WordSet<18> = WordSet::new([
    "DAY", "DEFAULT", "EMPTY", "END", "HOUR", "INTERVAL", "MATCH", "MINUTE", "MONTH", "ONLY", "PERCENT", "PRECISION",
    "ROW", "ROWS", "SECOND", "SET", "WITHOUT", "YEAR",
]);

/// Reserved words whose brackets hold no arguments.
#[rustfmt::skip]
static NO_CALLS: WordSet<28> = WordSet::new([
    "ALL", "AND", "AS", "BETWEEN", "BY", "ELSE", "EXCEPT", "EXISTS", "FROM", "HAVING", "IN", "INTERSECT", "JOIN",
    "LATERAL", "LIKE", "MINUS", "NOT", "ON", "OR", "OVER", "SELECT", "THEN", "UNION", "USING", "VALUES", "WHEN", "WHERE",
    "WITH",
]);
