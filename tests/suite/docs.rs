//! Runs the commands of every page, and checks that the reference pages are complete.
//!
//! A `sh` block has to succeed. A `console` block has `$ command` lines, each followed by the output of the command.
//! The output must match exactly, except that `...` stands for any lines, and `? 3` stands for exit code 3. On the line
//! before a block, `<!-- file: PATH -->` writes the block to a file, and `<!-- not run: REASON -->` keeps it from being
//! run. Each page runs from top to bottom in a fresh copy of `examples`, and each command runs in its own shell.
//!
//! `FLOE_WRITE_DOCS=1 cargo test --test suite docs` writes the current output into the `console` blocks.

mod links;
mod page;
mod reference;
mod run;
mod sandbox;
mod transcript;

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use page::Page;
use run::{Mode, run};
use sandbox::Sandbox;

/// Returns the root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the `.md` files in `folder`, relative to the repository.
fn pages_in(folder: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| Path::new(folder).join(entry.unwrap().file_name()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    found.sort();
    found
}

/// Returns every page of the documentation.
fn pages() -> Vec<Page> {
    let mut paths: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "state/README.md"].iter().map(PathBuf::from).collect();
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        paths.push(Path::new("examples").join(entry.unwrap().file_name()).join("README.md"));
    }
    paths.extend(pages_in("docs"));
    paths.iter().map(|path| Page::new(path, &fs::read_to_string(root().join(path)).unwrap())).collect()
}

/// Returns the page with this path, which is relative to the repository.
fn read_page(path: &str) -> Page {
    Page::new(Path::new(path), &fs::read_to_string(root().join(path)).unwrap())
}

/// Panics with these problems, if there are any.
fn assert_no_problems(problems: &[String]) {
    assert!(problems.is_empty(), "{} problems:\n\n{}\n", problems.len(), problems.join("\n\n"));
}

/// The pages use GNU `sed`, so their commands run on Linux only.
#[test]
#[cfg(target_os = "linux")]
fn the_commands_of_every_page_do_what_the_page_shows() {
    let mode = if std::env::var_os("FLOE_WRITE_DOCS").is_some() { Mode::Write } else { Mode::Compare };
    let pages = pages();
    let problems: Vec<String> = thread::scope(|scope| {
        let runs: Vec<_> = pages
            .iter()
            .map(|page| {
                scope.spawn(move || {
                    let outcome = run(page, &Sandbox::new(&root().join("examples")), mode);
                    if outcome.text != page.text {
                        fs::write(root().join(&page.path), &outcome.text).unwrap();
                        println!("wrote {}", page.path.display());
                    }
                    outcome.problems
                })
            })
            .collect();
        runs.into_iter().flat_map(|run| run.join().unwrap()).collect()
    });
    assert_no_problems(&problems);
}

#[test]
fn the_two_commands_of_the_readme_work() {
    let readme = read_page("README.md");
    let lines: Vec<&str> = readme.text.lines().collect();
    assert!(lines.contains(&"cargo test"));
    let command = lines.iter().find_map(|line| line.strip_prefix("cargo run --release -- ")).unwrap();
    assert_eq!(command, "-C examples/clickstream -e local apply --yes");
    let sandbox = Sandbox::new(&root().join("examples"));
    let applied = sandbox.run("sh", &format!("floe {command}"));
    assert_eq!(applied.code, Some(0), "{}", applied.output);
    let planned = sandbox.run("sh", "floe -C examples/clickstream -e local plan --detailed-exitcode");
    assert_eq!(planned.code, Some(0), "{}", planned.output);
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    assert_no_problems(&pages().iter().flat_map(|page| links::broken_links(page, root())).collect::<Vec<_>>());
}

#[test]
fn every_page_is_in_the_index() {
    let index = read_page("docs/README.md").text;
    let missing: Vec<PathBuf> = pages_in("docs")
        .into_iter()
        .filter(|path| !path.ends_with("README.md"))
        .filter(|path| !index.contains(&format!("({})", path.file_name().unwrap().display())))
        .collect();
    assert!(missing.is_empty(), "docs/README.md does not link to {missing:?}");
}

#[test]
fn manifests_md_has_every_key_of_a_manifest() {
    assert_no_problems(&reference::manifest_keys(&read_page("docs/manifests.md"), &root().join("src/manifest")));
}

#[test]
fn commands_md_has_every_command_and_flag() {
    assert_no_problems(&reference::commands(&read_page("docs/commands.md")));
}

#[test]
fn lints_md_has_every_lint() {
    assert_no_problems(&reference::lints(&read_page("docs/lints.md")));
}

#[test]
fn exit_codes_md_has_every_exit_code() {
    assert_no_problems(&reference::exit_codes(&read_page("docs/exit-codes.md")));
}

#[test]
fn changes_md_has_every_action_strategy_and_block() {
    assert_no_problems(&reference::changes(&read_page("docs/changes.md")));
}

#[test]
fn simulator_md_has_everything_that_a_scenario_may_hold() {
    assert_no_problems(&reference::scenario(&read_page("docs/simulator.md")));
}

/// A check that returns the problems of a page.
type Check<'c> = &'c dyn Fn(&Page) -> Vec<String>;

#[test]
fn a_key_flag_lint_or_code_without_a_description_is_reported() {
    let keys = |page: &Page| reference::manifest_keys(page, &root().join("src/manifest"));
    let checks: [(&str, &str, Check<'_>); 8] = [
        ("docs/manifests.md", "| `on_failed` |", &keys),
        ("docs/manifests.md", "| `prevent_destroy` |", &keys),
        ("docs/commands.md", "| `--out` FILE |", &reference::commands),
        ("docs/commands.md", "## `floe drift`", &reference::commands),
        ("docs/lints.md", "## FL109: ", &reference::lints),
        ("docs/exit-codes.md", "| `4` |", &reference::exit_codes),
        ("docs/changes.md", "| `no-undo` |", &reference::changes),
        ("docs/simulator.md", "| `cut-body` |", &reference::scenario),
    ];
    for (path, line, check) in checks {
        let page = read_page(path);
        let without: Vec<&str> = page.text.lines().filter(|found| !found.starts_with(line)).collect();
        assert!(without.len() < page.text.lines().count(), "{path} has no line `{line}`");
        assert!(!check(&Page::new(Path::new(path), &without.join("\n"))).is_empty(), "{path}: {line}");
    }
    let commands = read_page("docs/commands.md");
    let invented = Page::new(&commands.path, &format!("{}\nA flag `--invented`.\n", commands.text));
    assert_eq!(reference::commands(&invented).len(), 1);
}

/// Returns the problems of a page with this text, which is run without any examples.
fn problems_of(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    run(&Page::new(Path::new("page.md"), text), &Sandbox::new(folder.path()), Mode::Compare).problems
}

#[test]
fn a_shell_block_that_is_neither_run_nor_marked_is_reported() {
    for block in [
        "```zsh\nfloe plan\n```",
        "```text\n$ floe plan\n```",
        "```\n$ floe plan\n```",
        "```console\nfloe plan\n```",
        "```sh\n# only a comment\n```",
        "- in a list\n\n  ```shell-session\n  $ floe plan\n  ```",
        "```sh\nfloe plan",
        "    $ floe plan",
    ] {
        let problems = problems_of(&format!("# Page\n\n{block}\n"));
        assert_eq!(problems.len(), 1, "{block}: {problems:?}");
        assert!(problems[0].starts_with("page.md:3: ") || problems[0].starts_with("page.md:5: "), "{problems:?}");
    }
}

#[test]
fn a_mark_needs_a_reason_and_a_shell_block() {
    for mark in ["<!-- not run -->", "<!-- not run: -->", "<!-- not run:   -->"] {
        let problems = problems_of(&format!("{mark}\n```sh\nfalse\n```\n"));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("page.md:2: ") && problems[0].contains("reason"), "{problems:?}");
    }
    assert_eq!(problems_of("<!-- not run: it fails -->\n```sh\nfalse\n```\n"), Vec::<String>::new());
    assert_eq!(problems_of("<!-- not run: it is not a command -->\n```toml\na = 1\n```\n").len(), 1);
    // After a blank line the mark does not belong to the block, so the block is run.
    assert_eq!(problems_of("<!-- not run: it fails -->\n\n```sh\nfalse\n```\n").len(), 1);
}

#[test]
fn a_wrong_output_is_reported_with_its_file_and_line() {
    let page = "# Page\n\n```console\n$ echo one\none\n\n$ printf 'two\\nthree\\n'\ntwo\n```\n";
    let problems = problems_of(page);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("page.md:7: ") && problems[0].contains("three"), "{problems:?}");
    assert_eq!(problems_of(&page.replace("\ntwo\n```", "\ntwo\nthree\n```")), Vec::<String>::new());
    for elided in ["\n...\nthree\n```", "\n...\n```", "\ntwo\n...\nthree\n...\n```"] {
        assert_eq!(problems_of(&page.replace("\ntwo\n```", elided)), Vec::<String>::new(), "{elided}");
    }
    assert_eq!(problems_of(&page.replace("\ntwo\n```", "\n...\nfour\n```")).len(), 1);
    // Standard error counts as well, and so does output where none is expected.
    assert_eq!(problems_of("```console\n$ echo one >&2\n```\n").len(), 1);
}

#[test]
fn a_wrong_exit_code_is_reported() {
    assert_eq!(problems_of("```console\n$ exit 3\n```\n").len(), 1);
    assert_eq!(problems_of("```console\n$ exit 3\n? 3\n```\n"), Vec::<String>::new());
    assert_eq!(problems_of("```console\n$ true\n? 3\n```\n").len(), 1);
    let problems = problems_of("text\n\n```sh\nfalse\ntrue\n```\n");
    assert!(problems.len() == 1 && problems[0].starts_with("page.md:3: "), "{problems:?}");
}

#[test]
fn a_page_runs_from_top_to_bottom_in_one_folder_without_credentials() {
    let page = "<!-- file: a/b.toml -->\n```toml\nx = 1\n```\n\n```sh\ncp a/b.toml c\n```\n\n\
                ```console\n$ cat <<END c -\n> y = 2\n> END\nx = 1\ny = 2\n\n$ floe -V | cut -d ' ' -f 1\nfloe\n\n\
                $ env | grep -c -e API_KEY -e FLOE_\n? 1\n0\n```\n";
    assert_eq!(problems_of(page), Vec::<String>::new());
}

#[test]
fn write_mode_writes_the_current_output() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| {
        let outcome = run(&Page::new(Path::new("page.md"), text), &Sandbox::new(folder.path()), Mode::Write);
        assert_eq!(outcome.problems, Vec::<String>::new());
        outcome.text
    };
    assert_eq!(
        write("a\n```console\n$ echo x; exit 4\nold\n$ echo z\n? 1\n\n$ seq 5\n1\n...\n9\n```\nb\n"),
        "a\n```console\n$ echo x; exit 4\n? 4\nx\n\n$ echo z\nz\n\n$ seq 5\n1\n...\n5\n```\nb\n"
    );
    let fenced = "````console\n$ printf '```\\n'\n````\n";
    assert_eq!(write(fenced), "````console\n$ printf '```\\n'\n```\n````\n");
    let page = Page::new(Path::new("page.md"), &fenced.replace("````", "```"));
    assert_eq!(run(&page, &Sandbox::new(folder.path()), Mode::Write).problems.len(), 1);
    let unchanged = "```console\n$ seq 5\n...\n3\n...\n$ true\n```\n";
    assert_eq!(write(unchanged), unchanged);
}

#[test]
fn a_broken_link_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("docs")).unwrap();
    fs::write(folder.path().join("docs/b.md"), "# A `b` page: here\n\n## Twice\n\n## Twice\n\n```sh\n# Not one\n```\n")
        .unwrap();
    let broken = |text: &str| links::broken_links(&Page::new(Path::new("docs/a.md"), text), folder.path()).len();
    let valid = "# Top\n[1](b.md) [2](b.md#a-b-page-here) [3](#top) [4](b.md#twice-1) [5](../docs/b.md) \
                 [6](https://example.com/x#y) `[7](none.md)` [8](..)\n\n```text\n[9](none.md)\n```\n\n[10]: b.md\n";
    assert_eq!(broken(valid), 0);
    for text in ["[1](c.md)", "[2](b.md#not-one)", "[3](#top)", "[4](b.md#twice-2)", "[5](../b.md)", "[6]: c.md"] {
        assert_eq!(broken(text), 1, "{text}");
    }
}
