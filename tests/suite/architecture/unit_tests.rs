//! The rule for the tests inside `src`: those of one file are in `mod tests` at its end, and those of a folder are in its
//! `tests/mod.rs`.

use super::{
    none,
    source::{SOURCE, SourceFile},
};

#[test]
fn unit_tests_are_at_the_end_of_their_file_or_in_the_tests_of_their_folder() {
    let violations = SOURCE.files.iter().filter_map(|file| Some(format!("{}: {}", file.path, misplaced(file)?)));
    none(
        violations.collect(),
        "tests of one file are in `mod tests` at its end; tests of a folder are in its `tests/mod.rs` and files next to it",
    );
}

/// Returns what is wrong with the place of the tests of this file, if anything is.
fn misplaced(file: &SourceFile) -> Option<&'static str> {
    let (folders, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let is_in_tests = folders.split('/').any(|folder| folder == "tests");
    if name == "tests.rs" {
        Some("it belongs into `tests/mod.rs`")
    } else if is_in_tests != file.test {
        Some("only and all files of a folder `tests` are compiled for tests alone")
    } else if !file.test && ["#[test]", "#[tokio::test"].iter().any(|attribute| file.code.contains(attribute)) {
        Some("a test is outside `mod tests`")
    } else if !file.test && !ends_with_tests(&file.code_with_tests) {
        Some("something follows `mod tests`")
    } else {
        None
    }
}

/// Returns whether nothing follows the inline `mod tests`, if there is one.
fn ends_with_tests(code: &str) -> bool {
    let Some((_, after)) = code.split_once("\nmod tests {") else { return true };
    // A line of a string may begin with a quote.
    !after.lines().any(|line| line.starts_with(|first: char| first.is_alphabetic() || first == '#'))
}

#[test]
fn the_rule_sees_tests_in_the_wrong_place() {
    let parse = |path: &str, text: &str| SourceFile::parse("src", path, text.to_owned());
    let inline = "fn a() {}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn b() {}\n}\n";
    assert_eq!(misplaced(&parse("room/a.rs", inline)), None);
    assert!(misplaced(&parse("room/a.rs", &format!("{inline}fn late() {{}}\n"))).is_some());
    assert!(misplaced(&parse("room/a.rs", "#[test]\nfn b() {}\n")).is_some());
    assert!(misplaced(&parse("room/tests.rs", "")).is_some());
    assert!(misplaced(&parse("room/tests/mod.rs", "")).is_some(), "it is not declared as a module for tests");
    let declared = SourceFile { test: true, ..parse("room/tests/mod.rs", "#[test]\nfn b() {}\n") };
    assert_eq!(misplaced(&declared), None);
    assert!(misplaced(&SourceFile { test: true, ..parse("room/fixtures.rs", "") }).is_some());
}
