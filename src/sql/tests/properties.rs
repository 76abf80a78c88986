//! Property tests over randomly composed statements.

use proptest::prelude::*;

use crate::sql::{
    analyze, are_equivalent,
    keywords::is_reserved,
    lexer::{TokenKind, lex},
    normal_form,
};

/// Statements that contain most of what a lexer can meet.
const STATEMENTS: [&str; 8] = [
    "INSERT INTO `sink` SELECT a.x, UPPER(a.`Name`) AS n, 'It''s -- no comment' FROM orders AS a WHERE a.x >= 1.5e3 AND a.y <> 'b'",
    "CREATE TABLE IF NOT EXISTS c.d.t (id BIGINT NOT NULL, v ARRAY<ROW<a INT, b STRING>>, PRIMARY KEY (id) NOT ENFORCED) WITH ('k' = 'v')",
    "WITH w AS (SELECT x, COUNT(*) AS c FROM s GROUP BY x) SELECT * FROM w JOIN r ON w.x = r.x || 'z' ORDER BY c",
    "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT p FROM q; INSERT INTO b SELECT E'it\\'s' FROM q; END",
    "SELECT k FROM t /*+ OPTIONS('scan.startup.mode' = 'latest-offset') */ WHERE z IN (1, 2, .5) LIMIT 3",
    "CREATE MODEL m INPUT (t STRING) OUTPUT (l STRING) WITH ('openai.connection' = 'c-1', 'openai.api_key' = '${secret.key}')",
    "SELECT f(x => TABLE tt, y => U&'\\00e9', z => X'0f') FROM `odd``name`, UNNEST(arr[1]) AS u (é)",
    "CREATE AGENT g USING MODEL m USING TOOLS a, b COMMENT 'c' WITH ('max' = '3')",
];

/// Generates white space of any kind, or a comment. A line comment includes the end of its line.
fn arbitrary_layout() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(" ".to_owned()),
        Just("\n".to_owned()),
        Just("\t \r\n".to_owned()),
        "-- [a-z' `(;]{0,12}\n",
        "// [a-z' `(;]{0,12}\n",
        "/\\* [a-z' `(;]{0,12} \\*/",
    ]
}

/// Returns the tokens of a statement as they are written.
fn tokens(text: &str) -> Vec<(TokenKind, String)> {
    lex(text).iter().map(|token| (token.kind, token.text(text).to_owned())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn layout_comments_case_and_quotes_keep_the_normal_form(
        which in 0..STATEMENTS.len(),
        blanks in prop::collection::vec(arbitrary_layout(), 64),
        upper in prop::collection::vec(any::<bool>(), 64),
        end in "[; \n]{0,4}",
    ) {
        let text = STATEMENTS[which];
        let mut other = String::new();
        for (index, (kind, token)) in tokens(text).into_iter().enumerate() {
            let flip = upper[index % upper.len()];
            match kind {
                TokenKind::ReservedWord if flip => other += &token.to_lowercase(),
                // A plain name may be quoted. A name that is a keyword in some places may not.
                TokenKind::Word if flip && token.len() < 7 && token.is_ascii() && !crate::sql::keywords::is_unreserved_keyword(&token) => {
                    other += &format!("`{token}`");
                }
                _ => other += &token,
            }
            other += &blanks[index % blanks.len()];
        }
        other += &end;
        prop_assert!(are_equivalent(text, &other), "{}\n{}", normal_form(text), normal_form(&other));
        let (analysis, other_analysis) = (analyze(text), analyze(&other));
        prop_assert_eq!(analysis.kind, other_analysis.kind);
        let names = |analysis: &crate::sql::Analysis| analysis.mentions.iter().map(|m| (m.usage, m.kind, m.name.join("\n").to_lowercase())).collect::<Vec<_>>();
        prop_assert_eq!(names(&analysis), names(&other_analysis));
        prop_assert_eq!(analysis.stateful_construct.map(|state| state.description), other_analysis.stateful_construct.map(|state| state.description));
    }

    #[test]
    fn a_change_of_a_significant_token_changes_the_normal_form(which in 0..STATEMENTS.len(), at in 0usize..64, digit in 0u8..10) {
        let text = STATEMENTS[which];
        let lexed = lex(text);
        let token = lexed[at % lexed.len()];
        let written = token.text(text);
        let changed = match token.kind {
            TokenKind::StringLiteral => format!("{}{digit}'", &written[..written.len() - 1]),
            TokenKind::Hint => format!("{} {digit} */", &written[..written.len() - 2]),
            TokenKind::Number => format!("{written}{digit}"),
            TokenKind::Word => {
                let flipped: String = written.chars().map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect();
                prop_assume!(!is_reserved(&flipped) && flipped != written);
                flipped
            }
            TokenKind::QuotedIdentifier => format!("`x{}", &written[1..]),
            TokenKind::Symbol => match written { "=" => "<>", ">=" => ">", "," => ".", "(" => "[", "||" => "+", "<>" => "=", _ => "%" }.to_owned(),
            TokenKind::ReservedWord => format!("{written}_x"),
            TokenKind::Invalid => unreachable!("the statements are valid"),
        };
        let other = format!("{}{changed}{}", &text[..token.start], &text[token.end..]);
        prop_assert!(!are_equivalent(text, &other), "{text}\n{other}");
    }

    #[test]
    fn any_text_holds_the_invariants(text in "\\PC{0,80}|[-/*+'`\"(){};.a-zE$&_\\\\ \n0-9]{0,80}") {
        check_invariants(&text)?;
    }

    #[test]
    fn any_sequence_of_words_holds_the_invariants(words in prop::collection::vec(prop_oneof![
        prop::sample::select(vec![
            "SELECT", "FROM", "JOIN", "WITH", "AS", "(", ")", ",", "TABLE", "INSERT", "INTO", "VALUES", "UNION", "ALL", "LATERAL", "UNNEST", "GROUP",
            "BY", "CREATE", "ALTER", "DROP", "MODEL", "AGENT", "USING", "SET", "BEGIN", "END", "STATEMENT", "EXECUTE", ";", ".", "*", "=>", "[", "]",
            "FOR", "SYSTEM_TIME", "OF", "ON", "MATCH_RECOGNIZE", "PATTERN", "'x'", "`y`", "1", "/*+ h */", "LIKE", "IF", "NOT", "EXISTS", "TO", "RENAME",
            "EXPLAIN", "COMPILE", "PLAN", "CAST", "TUMBLE", "ML_PREDICT", "RECURSIVE", "CONFLICT", "PRIMARY", "KEY", "'a.connection'", "=",
        ]).prop_map(str::to_owned),
        "[a-d]",
    ], 0..60)) {
        check_invariants(&words.join(" "))?;
    }
}

/// Checks what is true of every text: spans are on character boundaries and cover what they name, the normal form of
/// a normal form is itself, and a text with an error never counts as stateless.
pub(super) fn check_invariants(text: &str) -> Result<(), TestCaseError> {
    let mut end = 0;
    for token in lex(text) {
        prop_assert!(token.start >= end && token.end > token.start && text.get(token.start..token.end).is_some());
        end = token.end;
    }
    let form = normal_form(text);
    prop_assert_eq!(normal_form(&form), form);
    let analysis = analyze(text);
    let mut start = 0;
    for mention in &analysis.mentions {
        let written = text.get(mention.span.clone());
        prop_assert!(written.is_some_and(|written| !written.is_empty() && written.trim() == written), "{:?}", mention);
        prop_assert!(mention.span.start >= start, "mentions are in order of appearance");
        start = mention.span.start;
        prop_assert!(!mention.name.is_empty());
        if let Some(first) = mention.name.first()
            && !written.unwrap_or_default().contains(['`', '\''])
        {
            prop_assert!(written.unwrap_or_default().starts_with(first.as_str()));
        }
    }
    for span in analysis
        .stateful_construct
        .iter()
        .map(|state| &state.span)
        .chain(analysis.errors.iter().map(|error| &error.span))
    {
        prop_assert!(text.get(span.clone()).is_some());
    }
    prop_assert!(analysis.errors.is_empty() || analysis.stateful_construct.is_some());
    super::lints::lints_with_defaults(text);
    Ok(())
}
