//! The rule for parameters: a function takes at most five. Values that travel together are a struct with a name.

use super::{
    none,
    source::{SOURCE, is_of_a_name},
};

/// The most parameters of a function, `self` not counted.
const MOST_PARAMETERS: usize = 5;

#[test]
fn no_function_takes_more_than_five_parameters() {
    let mut violations = Vec::new();
    for file in &SOURCE.files {
        for (line, name, count) in functions(&file.code_with_tests) {
            if count > MOST_PARAMETERS {
                violations.push(format!("{}:{line}: `{name}` takes {count}", file.path));
            }
        }
    }
    none(violations, "values that travel together are a struct with a good name");
}

/// The functions that `code` declares: the line, the name, and the number of parameters without `self`.
fn functions(code: &str) -> Vec<(usize, String, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if code[..at].ends_with(is_of_a_name) {
            continue;
        }
        let rest = code[at + "fn ".len()..].trim_start();
        let length = rest.find(|letter| !is_of_a_name(letter)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(length);
        let generics = if rest.starts_with('<') { bracketed(rest).len() + 2 } else { 0 };
        let parameters = rest[generics..].trim_start();
        if name.is_empty() || !parameters.starts_with('(') {
            continue;
        }
        let count = split_at_commas(bracketed(parameters)).filter(|parameter| !is_self(parameter)).count();
        found.push((code[..at].matches('\n').count() + 1, name.to_owned(), count));
    }
    found
}

/// The text between the bracket at the start of `code` and its partner.
fn bracketed(code: &str) -> &str {
    let mut depth = 0;
    let end = code.char_indices().find(|(at, letter)| {
        match letter {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '>' if !code[..*at].ends_with(['-', '=']) => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    end.map_or("", |(at, _)| &code[1..at])
}

/// The parts of `list` between the commas outside all brackets, without the empty part after a trailing comma.
fn split_at_commas(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    let mut previous = ' ';
    let parts = list.split(move |letter: char| {
        match letter {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '>' if previous != '-' && previous != '=' => depth -= 1,
            _ => {}
        }
        previous = letter;
        depth == 0 && letter == ','
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

fn is_self(parameter: &str) -> bool {
    let name = parameter.split(':').next().unwrap_or_default();
    name.split(|letter| !is_of_a_name(letter)).next_back() == Some("self")
}

#[test]
fn parameters_are_counted_without_self_and_inside_no_bracket() {
    let code = "fn none() {}\nfn one<F: Fn(u8, u8) -> u8>(\n    call: F,\n) {}\nimpl X {\n    pub async fn two(&'a mut self, (a, b): (u8, u8), map: BTreeMap<u8, Vec<u8>>) {}\n    fn six(self, a: u8, b: fn(u8, u8) -> u8, c: [u8; 2], d: u8, e: u8, f: u8);\n}\n";
    let seen: Vec<String> =
        functions(code).iter().map(|(line, name, count)| format!("{line} {name} {count}")).collect();
    assert_eq!(seen, ["1 none 0", "2 one 1", "6 two 2", "7 six 6"]);
}
