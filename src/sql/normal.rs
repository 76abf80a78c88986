//! The normal form of a text: what is left of it when layout, comments and spelling that means nothing are gone.

use super::{
    keywords::{is_reserved, is_unreserved_keyword},
    lex::{Sort, Token, lex, unquote},
};

/// The normal form of `text`. Texts of equal normal form differ in layout, comments, the case of reserved words, needless
/// back-quotes and semicolons at the end only. Literals and hints are kept to the byte, and a text that is not closed
/// properly keeps its rest as it is.
pub fn normal_form(text: &str) -> String {
    let mut tokens = lex(text);
    while tokens.last().is_some_and(|token| token.sort == Sort::Symbol && token.text(text) == ";") {
        tokens.pop();
    }
    let mut form = String::with_capacity(text.len());
    let mut rest = tokens.iter();
    while let Some(token) = rest.next() {
        if !form.is_empty() {
            form.push(' ');
        }
        let next = rest.as_slice().iter().find(|token| token.sort != Sort::Hint);
        append(&mut form, token, next, text);
    }
    form
}

/// Whether two texts are the same statement in all that matters to Flink.
pub fn same(a: &str, b: &str) -> bool {
    a == b || normal_form(a) == normal_form(b)
}

fn append(form: &mut String, token: &Token, next: Option<&Token>, text: &str) {
    let written = token.text(text);
    match token.sort {
        Sort::Reserved => form.push_str(token.keyword),
        Sort::Quoted => {
            let name = unquote(written);
            form.push_str(if needs_no_quotes(&name, next, text) { &name } else { written });
        }
        _ => form.push_str(written),
    }
}

/// Whether a name means the same without quotes. One that is a keyword in some places may begin syntax there only if an
/// operand or a bracket follows, and keeps its quotes before them.
pub(super) fn needs_no_quotes(name: &str, next: Option<&Token>, text: &str) -> bool {
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins_well
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !is_reserved(name)
        && !(is_unreserved_keyword(name) && next.is_some_and(|next| may_belong_to_syntax(next, text)))
}

/// Whether a keyword before this token may be more than a name.
fn may_belong_to_syntax(next: &Token, text: &str) -> bool {
    match next.sort {
        Sort::Word | Sort::Quoted | Sort::Text | Sort::Number | Sort::Broken => true,
        Sort::Symbol => matches!(next.text(text), "(" | "[" | "{"),
        Sort::Reserved | Sort::Hint => false,
    }
}
