//! Runs the transcripts in `tests/scenarios/*.md` with the real binary. Each runs in a copy of its folder, and its
//! `cp` commands edit the project. `TRYCMD=overwrite cargo test --test suite scenarios` writes the current output.

#[test]
fn transcripts_match_the_real_output() {
    let cases = trycmd::TestCases::new();
    cases.register_bin("cp", std::path::Path::new("/bin/cp"));
    cases.register_bin("cat", std::path::Path::new("/bin/cat"));
    cases.env("NO_COLOR", "1").env("COLUMNS", "100");
    cases.case("tests/scenarios/*.md");
}
