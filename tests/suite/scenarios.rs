//! Transcripts through the real binary: each `tests/scenarios/*.md` in a copy of its folder, edited by `cp` between
//! commands. `TRYCMD=overwrite cargo test --test suite scenarios` writes down what is printed now.

#[test]
fn transcripts_match_the_real_output() {
    let cases = trycmd::TestCases::new();
    cases.register_bin("cp", std::path::Path::new("/bin/cp"));
    cases.register_bin("cat", std::path::Path::new("/bin/cat"));
    cases.env("NO_COLOR", "1").env("COLUMNS", "100");
    cases.case("tests/scenarios/*.md");
}
