//! Parses the options of a statement and what they and its hints say.

use super::parsed_statement::{OptionPair, ParsedStatement};
use crate::{
    resource::{Span, properties},
    sql::{
        ObjectKind, Usage,
        lexer::TokenKind,
        names::missing,
        script::{Script, parse_qualified_name},
    },
};

impl ParsedStatement<'_, '_> {
    /// Parses the options between two tokens, and records the connections that they name.
    pub(super) fn parse_options(&mut self, start: usize, end: usize) {
        let script = self.script;
        self.check_option_list(start, end);
        for at in start..end {
            let (Some(key), Some(value)) = (script.string_literal(at), script.string_literal(at + 2)) else { continue };
            if !script.is_symbol(at + 1, "=") || at + 2 >= end {
                continue;
            }
            if key.to_ascii_lowercase().ends_with(".connection") && !value.trim().is_empty() {
                self.query.add_mention(
                    Usage::Calls,
                    ObjectKind::Connection,
                    parse_qualified_name(&value),
                    script.token_span(at + 2),
                );
            }
            let (key_span, value_span) = (script.token_span(at), script.token_span(at + 2));
            self.table.set_option(&key, &value);
            self.options.push(OptionPair { key, key_span, value, value_span });
        }
    }

    /// Reports a comma in a list of options that separates nothing, or one that is missing.
    fn check_option_list(&mut self, start: usize, end: usize) {
        let script = self.script;
        let is_string = |at: usize| at < end && script.token_kind(at) == Some(TokenKind::StringLiteral);
        for at in start..end {
            let is_comma = script.is_symbol(at, ",");
            if is_comma && !is_string(at + 1) {
                self.errors.push(missing(script, at + 1, end, "an option"));
                return;
            }
            let ends_pair = at >= start + 2 && is_string(at) && script.is_symbol(at - 1, "=") && is_string(at - 2);
            if ends_pair && at + 1 < end && !script.is_symbol(at + 1, ",") {
                self.errors.push(missing(script, at + 1, end, "a comma"));
                return;
            }
        }
    }

    /// Returns whether its queries come to an end: each table that is read has a hint that bounds it, or no table is
    /// read at all, so that every row is a constant.
    pub fn is_bounded(&self) -> bool {
        let reads = self.query.mentions.iter().filter(|mention| mention.usage == Usage::Reads).count();
        let ends = self.script.hints.iter().filter(|hint| {
            let text = hint.text(self.script.source());
            let inside = text.strip_prefix("/*+").unwrap_or(text);
            let inside = Script::new(inside.strip_suffix("*/").unwrap_or(inside));
            (0..inside.len()).any(|at| {
                inside.string_literal(at).is_some_and(|key| key == "scan.bounded.mode")
                    && inside.is_symbol(at + 1, "=")
                    && inside.string_literal(at + 2).is_some_and(|mode| mode != "unbounded")
            })
        });
        !self.query_ranges.is_empty() && ends.count() >= reads
    }

    /// Returns where an option or a hint sets the position where a source starts.
    pub fn startup_option(&self) -> Option<Span> {
        const KEY: &str = properties::STARTUP_OPTION_PREFIX;
        let in_options = self.options.iter().find(|pair| pair.key.contains(KEY)).map(|pair| pair.key_span.clone());
        let in_hints = self.script.hints.iter().find_map(|hint| {
            let inside = hint.text(self.script.source());
            let start = hint.start + inside.find(KEY)?;
            let length = inside.get(start - hint.start..)?.find(['\'', ' ', '=']).unwrap_or(KEY.len());
            Some(start..start + length)
        });
        in_options.into_iter().chain(in_hints).min_by_key(|span| span.start)
    }
}
