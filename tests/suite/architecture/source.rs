//! Reads the source as text, without comments, literals and test modules, and resolves the paths that it names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(super) static SOURCE: LazyLock<SourceTree> = LazyLock::new(SourceTree::read);

pub(super) struct SourceTree {
    /// The files of `src`.
    pub files: Vec<SourceFile>,
    /// The files of `tests/suite`.
    pub suite: Vec<SourceFile>,
}

pub(super) struct SourceFile {
    /// From the package's folder.
    pub path: String,
    /// Empty for `lib.rs` and `main.rs`.
    pub room: String,
    /// Its modules from the crate's root.
    pub module: Vec<String>,
    pub text: String,
    /// The text without comments, literals and test modules.
    pub code: String,
    /// The text without comments and literals, test modules included.
    pub code_with_tests: String,
    pub reachable: bool,
    /// Whether it is compiled for tests only.
    pub test: bool,
}

impl SourceTree {
    fn read() -> SourceTree {
        let source = root().join("src");
        let mut files = read_folder(&source, "src");
        for entry_point in ["lib.rs", "main.rs"] {
            mark_modules(&source.join(entry_point), false, &mut files);
        }
        let suite = read_folder(&root().join("tests/suite"), "tests/suite");
        SourceTree { files: files.into_values().collect(), suite: suite.into_values().collect() }
    }

    /// The files that the rules for rooms apply to: all of `src` except `lib.rs`, `main.rs` and tests.
    pub fn in_rooms(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| !file.room.is_empty() && !file.test)
    }
}

/// Reads every Rust file below `folder`. The paths of the files begin with `name`.
fn read_folder(folder: &Path, name: &str) -> BTreeMap<PathBuf, SourceFile> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let inside = entry.strip_prefix(folder).unwrap().to_str().unwrap();
                let file = SourceFile::parse(name, inside, fs::read_to_string(&entry).unwrap());
                files.insert(entry, file);
            }
        }
    }
    files
}

/// Marks `path`, and the files of the modules that it declares, as part of the crate.
fn mark_modules(path: &Path, test: bool, files: &mut BTreeMap<PathBuf, SourceFile>) {
    let Some(file) = files.get_mut(path) else { return };
    file.reachable = true;
    file.test = test;
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let folder = if ["mod", "lib", "main"].contains(&stem) {
        path.parent().unwrap().to_owned()
    } else {
        path.with_extension("")
    };
    let (all, compiled) = (modules(&blank(&file.text)), modules(&file.code));
    for name in all {
        let test = test || !compiled.contains(&name);
        mark_modules(&folder.join(format!("{name}.rs")), test, files);
        mark_modules(&folder.join(&name).join("mod.rs"), test, files);
    }
}

/// The names in `mod name;`.
pub(super) fn modules(code: &str) -> BTreeSet<String> {
    let statements = code.split_inclusive([';', '{', '}', ']']).filter_map(|statement| statement.strip_suffix(';'));
    let names = statements.filter_map(|statement| statement.trim().rsplit_once("mod "));
    names
        .filter(|(before, name)| (before.is_empty() || before.ends_with(' ')) && name.chars().all(is_of_a_name))
        .map(|(_, name)| name.to_owned())
        .collect()
}

impl SourceFile {
    /// A file at `inside` of the folder that is called `folder`.
    pub fn parse(folder: &str, inside: &str, text: String) -> SourceFile {
        let mut module: Vec<String> = inside.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
            module.pop();
        }
        let code_with_tests = blank(&text);
        SourceFile {
            path: format!("{folder}/{inside}"),
            room: module.first().cloned().unwrap_or_default(),
            code: without_tests(&code_with_tests),
            code_with_tests,
            module,
            text,
            reachable: false,
            test: false,
        }
    }

    /// Whether serde is derived in the attributes directly before `line`, which counts from 1.
    pub fn derives_serde_before(&self, line: usize) -> bool {
        let lines: Vec<&str> = self.code_with_tests.lines().collect();
        let attributes = lines.iter().take(line.saturating_sub(1)).rev();
        attributes
            .take_while(|line| line.trim().is_empty() || line.trim_start().starts_with("#["))
            .any(|line| line.contains("Serialize") || line.contains("Deserialize"))
    }

    /// Every path that begins at the crate's root, `super`s resolved.
    pub fn paths_in_the_crate(&self) -> Vec<Vec<String>> {
        let mut paths: Vec<Vec<String>> = self.paths_from("crate").into_iter().map(|path| path[1..].to_vec()).collect();
        for path in self.paths_from("super") {
            let up = path.iter().take_while(|part| *part == "super").count();
            let mut absolute = self.module[..self.module.len().saturating_sub(up)].to_vec();
            absolute.extend(path[up..].iter().cloned());
            paths.push(absolute);
        }
        paths
    }

    /// Every path that begins with `start`, `use` groups spread out.
    pub fn paths_from(&self, start: &str) -> Vec<Vec<String>> {
        let mut paths = Vec::new();
        for (at, _) in self.code.match_indices(&format!("{start}::")) {
            let before = self.code[..at].chars().next_back();
            let inside_a_path = self.code[..at].ends_with("::");
            if !before.is_some_and(is_of_a_name) && !inside_a_path {
                spread(&self.code[at..], &[], &mut paths);
            }
        }
        paths
    }
}

/// The paths of a use tree or an expression, from its start on; says how long it is.
fn spread(code: &str, prefix: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    let mut at = code.len() - code.trim_start().len();
    loop {
        let rest = &code[at..];
        if rest.starts_with('{') {
            at += 1;
            loop {
                at += spread(&code[at..], &path, paths);
                at += code[at..].len() - code[at..].trim_start().len();
                match code[at..].chars().next() {
                    Some(',') => at += 1,
                    Some('}') | None => return (at + 1).min(code.len()),
                    // `as name`, or something that is no use tree.
                    Some(_) => match code[at..].find([',', '}']) {
                        Some(end) => at += end,
                        None => return code.len(),
                    },
                }
            }
        }
        let name = rest.find(|letter| !is_of_a_name(letter)).unwrap_or(rest.len());
        if name == 0 {
            break;
        }
        path.push(rest[..name].to_owned());
        at += name;
        if !code[at..].starts_with("::") {
            break;
        }
        at += 2;
    }
    if path.len() > prefix.len() {
        paths.push(path);
    }
    at
}

pub(super) fn is_of_a_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Whether `word` stands in `code` by itself.
pub(super) fn holds(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !(before.is_some_and(is_of_a_name) || word.ends_with(is_of_a_name) && after.is_some_and(is_of_a_name))
    })
}

/// Whether `code` names the crate: at the start of a path, or whole in a `use`.
pub(super) fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let starts = !before.ends_with("::") && !before.ends_with('.') && !before.ends_with(is_of_a_name);
        let whole = before.trim_end().ends_with("use") && after.trim_start().starts_with([';', ' ']);
        starts && (after.starts_with("::") || whole)
    })
}

/// `text` with comments and literals left out; line breaks stay.
pub(super) fn blank(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    let next = |at: usize| letters.get(at).copied().unwrap_or_default();
    while at < letters.len() {
        let end = match (next(at), next(at + 1)) {
            ('/', '/') => (at..letters.len()).find(|at| next(*at) == '\n').unwrap_or(letters.len()),
            ('/', '*') => {
                let mut depth = 1;
                let mut end = at + 2;
                while end < letters.len() && depth > 0 {
                    match (next(end), next(end + 1)) {
                        ('*', '/') => (depth, end) = (depth - 1, end + 2),
                        ('/', '*') => (depth, end) = (depth + 1, end + 2),
                        _ => end += 1,
                    }
                }
                end
            }
            ('r', '"' | '#') if at == 0 || !is_of_a_name(next(at - 1)) || next(at - 1) == 'b' => {
                let hashes = (at + 1..letters.len()).take_while(|at| next(*at) == '#').count();
                if next(at + 1 + hashes) == '"' {
                    let mut end = at + 2 + hashes;
                    let closes = |end: usize| next(end) == '"' && (1..=hashes).all(|more| next(end + more) == '#');
                    while end < letters.len() && !closes(end) {
                        end += 1;
                    }
                    end + 1 + hashes
                } else {
                    at // a raw name
                }
            }
            ('"', _) => quoted(&letters, at, '"'),
            ('\'', '\\') => quoted(&letters, at, '\''),
            ('\'', _) if next(at + 2) == '\'' => at + 3,
            _ => at,
        };
        if end == at {
            code.push(next(at));
            at += 1;
        } else {
            let lines = letters[at..end.min(letters.len())].iter().filter(|letter| **letter == '\n').count();
            code.push_str(if lines == 0 { " " } else { "" });
            code.extend(std::iter::repeat_n('\n', lines));
            at = end;
        }
    }
    code
}

fn quoted(letters: &[char], start: usize, quote: char) -> usize {
    let mut at = start + 1;
    while let Some(letter) = letters.get(at) {
        match letter {
            '\\' => at += 2,
            letter if *letter == quote => return at + 1,
            _ => at += 1,
        }
    }
    letters.len()
}

/// `code` without the items that `#[cfg(test)]` stands before.
pub(super) fn without_tests(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some((before, item)) = rest.split_once("#[cfg(test)]") {
        kept.push_str(before);
        let mut depth = 0_i32;
        let end = item.char_indices().find(|(_, letter)| {
            match letter {
                '{' | '(' | '[' => depth += 1,
                '}' | ')' | ']' => depth -= 1,
                _ => {}
            }
            depth == 0 && (*letter == ';' || *letter == '}')
        });
        rest = end.map_or("", |(at, _)| &item[at + 1..]);
    }
    kept.push_str(rest);
    kept
}

#[test]
fn paths_are_seen_in_groups_in_line_and_through_super() {
    let text = "use crate::{\n    a::{self, B as C},\n    d,\n};\nfn f() { crate::e::g(super::super::h::I) } // crate::no::one\nconst J: &str = \"crate::no::body\";";
    let paths: Vec<String> = SourceFile::parse("src", "room/mod.rs", text.to_owned())
        .paths_in_the_crate()
        .iter()
        .map(|path| path.join("::"))
        .collect();
    assert_eq!(paths, ["a::self", "a::B", "d", "e::g", "h::I"]);
    let inside = SourceFile::parse("src", "room/deep/down.rs", "use super::{near, super::super::far::X};".to_owned());
    assert_eq!(inside.paths_in_the_crate()[0], ["room", "deep", "near"]);
}

#[test]
fn tests_comments_and_literals_are_not_looked_at() {
    let text = "fn a<'a>(x: &'a str) -> char { '\"' }\n#[cfg(test)]\nmod tests { use tokio::x; }\n/* toml:: /* */ */ fn b() { r#\"reqwest::\"#; }";
    let code = without_tests(&blank(text));
    for name in ["tokio", "toml", "reqwest"] {
        assert!(!names_crate(&code, name), "{name} in {code}");
    }
    assert!(code.contains("fn b()"), "{code}");
    assert!(names_crate("use toml;", "toml") && names_crate("#[derive(clap::Parser)]", "clap"));
    assert!(!names_crate("self::toml::x", "toml") && !names_crate("retoml::x", "toml"));
    assert_eq!(
        modules("#[x] pub(crate) mod a; mod b; mod c { mod d; }"),
        BTreeSet::from(["a", "b", "d"].map(str::to_owned))
    );
}
