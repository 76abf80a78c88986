//! The naming rules: one meaning per type name, the field's words, doc comments and test names that say something.

use std::collections::BTreeMap;

use super::{
    none,
    source::{SOURCE, SourceFile, is_of_a_name},
};

/// Type names that the code used before it adopted the field's words.
const RETIRED_TYPES: [&str; 49] = [
    "Act",
    "After",
    "Ambient",
    "Asked",
    "Asking",
    "Asks",
    "Begun",
    "Beside",
    "Born",
    "Demand",
    "Desk",
    "Door",
    "Ended",
    "Errand",
    "Fault",
    "Few",
    "Flawed",
    "Footing",
    "Found",
    "Gist",
    "Held",
    "Late",
    "Line",
    "Made",
    "Meddle",
    "Misfortune",
    "Mood",
    "Moved",
    "Name",
    "Now",
    "Opened",
    "Passage",
    "Ready",
    "Recreated",
    "Row",
    "Scene",
    "Setting",
    "Shelf",
    "Sight",
    "Subject",
    "Table",
    "Tools",
    "Trouble",
    "Unplanned",
    "Used",
    "Verdict",
    "Voice",
    "Watch",
    "When",
];

/// Enum variants of the same kind.
const RETIRED_VARIANTS: [&str; 12] =
    ["Already", "Anew", "Buried", "GoOn", "Landed", "Settled", "Still", "Stood", "Stuck", "TakeBack", "ToAsk", "Told"];

/// Functions, fields and modules of the same kind.
const RETIRED_NAMES: [&str; 38] = [
    "answered",
    "ask",
    "asking",
    "begun_by",
    "buried",
    "certainty",
    "desk",
    "evidence",
    "exhume",
    "few",
    "fold",
    "footing",
    "go_back",
    "inter",
    "landed",
    "meddle",
    "misfortunes",
    "nap",
    "near",
    "no",
    "passage",
    "passages",
    "patience",
    "planned",
    "planned_on",
    "quiet",
    "residents",
    "sight",
    "standing_still",
    "strays",
    "taken",
    "taken_out",
    "told",
    "trouble",
    "twice",
    "voice",
    "way_back",
    "went",
];

/// The fewest words of a doc comment. `The key.` repeats the name of the field and says nothing.
const FEWEST_WORDS: usize = 4;

/// The fewest words of a test's name.
const FEWEST_WORDS_OF_A_TEST: usize = 3;

#[test]
fn each_type_name_has_one_meaning() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in &SOURCE.files {
        for declaration in declarations(&file.code_with_tests) {
            if !declaration.is_type() || is_json_shape(file, &declaration) {
                continue;
            }
            places.entry(declaration.name).or_default().push(format!("{}:{}", file.path, declaration.line));
        }
    }
    let violations = places
        .into_iter()
        .filter(|(_, places)| places.len() > 1)
        .map(|(name, places)| format!("`{name}` is declared at {}", places.join(", ")));
    none(violations.collect(), "a reader with grep has no module path: qualify all but one of them");
}

#[test]
fn no_retired_name_is_declared() {
    let mut violations = Vec::new();
    for file in &SOURCE.files {
        for declaration in declarations(&file.code_with_tests) {
            let retired: &[&str] = match declaration.keyword.as_str() {
                "variant" => &RETIRED_VARIANTS,
                "fn" | "mod" | "field" => &RETIRED_NAMES,
                _ => &RETIRED_TYPES,
            };
            if retired.contains(&declaration.name.as_str()) && !is_json_shape(file, &declaration) {
                violations.push(format!("{}:{}: `{}`", file.path, declaration.line, declaration.name));
            }
        }
    }
    none(violations, "use the field's word; the glossary in CONTRIBUTING.md has the words that floe defines itself");
}

#[test]
fn a_doc_comment_says_more_than_the_name() {
    let mut violations = Vec::new();
    for file in &SOURCE.files {
        for (line, doc) in doc_comments(&file.text) {
            let words = doc.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count();
            if words < FEWEST_WORDS {
                violations.push(format!("{}:{line}: `{doc}`", file.path));
            }
        }
    }
    none(violations, "say what the item is or returns, in a phrase of at least four words");
}

#[test]
fn the_name_of_a_test_states_a_behavior() {
    let mut violations = Vec::new();
    for file in SOURCE.files.iter().chain(&SOURCE.suite) {
        for (line, name) in tests(&file.code_with_tests) {
            if name.split('_').filter(|word| !word.is_empty()).count() < FEWEST_WORDS_OF_A_TEST {
                violations.push(format!("{}:{line}: `{name}`", file.path));
            }
        }
    }
    none(violations, "a test that fails should say what does not hold: `a_lost_answer_is_not_a_failure`");
}

/// Something that source code declares.
struct Declaration {
    /// `struct`, `enum`, `trait`, `union`, `type`, `fn`, `mod`, `variant` or `field`.
    keyword: String,
    name: String,
    /// The line it is declared on, from 1.
    line: usize,
    /// Whether it stands at the start of its line, outside any block.
    is_top_level: bool,
}

impl Declaration {
    /// Whether it declares a type of its own. An associated type is none.
    fn is_type(&self) -> bool {
        match self.keyword.as_str() {
            "struct" | "enum" | "trait" | "union" => true,
            "type" => self.is_top_level,
            _ => false,
        }
    }
}

/// Whether a declaration is exempt: the JSON shapes of both ends of the wire carry the API's names.
fn is_json_shape(file: &SourceFile, declaration: &Declaration) -> bool {
    file.path.starts_with("src/cloud/wire/") || file.room == "simulator" && file.derives_serde_before(declaration.line)
}

/// The declarations of `code`, which is without comments and literals. Variants and fields are recognized by
/// their layout: one a line, indented.
fn declarations(code: &str) -> Vec<Declaration> {
    let mut found = Vec::new();
    let mut block: Vec<&str> = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let text = without_visibility(line.trim_start());
        let text =
            ["const ", "async ", "unsafe "].iter().fold(text, |text, word| text.strip_prefix(word).unwrap_or(text));
        let is_top_level = !line.starts_with(' ');
        let keyword = ["struct", "enum", "trait", "union", "type", "fn", "mod"]
            .into_iter()
            .find(|keyword| text.strip_prefix(keyword).is_some_and(|rest| rest.starts_with(' ')));
        let mut push = |keyword: &str, name: &str| {
            let declaration =
                Declaration { keyword: keyword.to_owned(), name: name.to_owned(), line: number + 1, is_top_level };
            found.push(declaration);
        };
        match keyword {
            Some(keyword) => push(keyword, leading_name(text[keyword.len()..].trim_start())),
            None if block.last() == Some(&"enum") && starts_a_variant(text) => push("variant", leading_name(text)),
            None if block.last() == Some(&"struct")
                && text.split_once(':').is_some_and(|(name, _)| is_a_name(name)) =>
            {
                push("field", leading_name(text));
            }
            None => {}
        }
        for letter in line.chars() {
            match letter {
                '{' => block.push(keyword.filter(|keyword| ["enum", "struct"].contains(keyword)).unwrap_or("")),
                '}' => drop(block.pop()),
                _ => {}
            }
        }
    }
    found
}

fn without_visibility(text: &str) -> &str {
    let Some(rest) = text.strip_prefix("pub") else { return text };
    match rest.strip_prefix('(') {
        Some(scope) => scope.split_once(')').map_or(text, |(_, rest)| rest.trim_start()),
        None => rest.strip_prefix(' ').unwrap_or(text),
    }
}

fn leading_name(text: &str) -> &str {
    text.split(|letter| !is_of_a_name(letter)).next().unwrap_or_default()
}

fn is_a_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_of_a_name)
}

fn starts_a_variant(text: &str) -> bool {
    let name = leading_name(text);
    name.starts_with(char::is_uppercase) && ["", ",", "(", " {"].iter().any(|next| text[name.len()..].starts_with(next))
}

/// Every doc comment of an item, with its first line's number. Its first paragraph counts as the whole.
fn doc_comments(text: &str) -> Vec<(usize, String)> {
    let mut docs: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (number, line) in text.lines().enumerate() {
        let doc = line.trim_start().strip_prefix("///").filter(|doc| !doc.starts_with('/'));
        match (doc, is_open) {
            (Some(doc), true) => {
                if let Some((_, whole)) = docs.last_mut() {
                    whole.push_str(doc);
                }
            }
            (Some(doc), false) => docs.push((number + 1, doc.trim_start().to_owned())),
            (None, _) => {}
        }
        is_open = doc.is_some();
    }
    docs
}

/// The test functions of `code`, each with the line of its name.
fn tests(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut is_test = false;
    for (number, line) in code.lines().enumerate() {
        let text = line.trim_start();
        if text.starts_with("#[test]") || text.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, name)) = text.split_once("fn ").filter(|_| is_test) {
            found.push((number + 1, leading_name(name).to_owned()));
            is_test = false;
        }
    }
    found
}

#[test]
fn declarations_are_seen_with_their_kind() {
    let code = "pub(super) struct Bench {\n    pub seat: u8,\n}\nenum Tree {\n    Oak,\n    Elm { height: u8 },\n}\nimpl X for Y {\n    type Item = u8;\n    pub async fn grow(&self) {\n        let leaf: u8 = 1;\n    }\n}\ntype Alias = u8;";
    let seen: Vec<String> = declarations(code)
        .iter()
        .map(|it| format!("{} {} {} {}", it.line, it.keyword, it.name, it.is_type()))
        .collect();
    assert_eq!(
        seen,
        [
            "1 struct Bench true",
            "2 field seat false",
            "4 enum Tree true",
            "5 variant Oak false",
            "6 variant Elm false",
            "9 type Item false",
            "10 fn grow false",
            "14 type Alias true"
        ]
    );
}

#[test]
fn doc_comments_and_test_names_are_seen() {
    let text = "/// One.\n///\n/// Two.\nfn a() {}\n//// no doc\n    /// Three.\n    b: u8,";
    assert_eq!(doc_comments(text), [(1, "One. Two.".to_owned()), (6, "Three.".to_owned())]);
    let code = "#[test]\nfn one_two() {}\nfn three() {}\n#[tokio::test(start_paused = true)]\nasync fn four() {}";
    assert_eq!(tests(code), [(2, "one_two".to_owned()), (5, "four".to_owned())]);
}
