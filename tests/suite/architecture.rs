//! Reads `src/` and holds the floor plan: who may use whom, which crate lives where, and what is absent.
//!
//! It looks at the source as text, without comments, literals and test modules. That sees every path written out as
//! `crate::…`, `super::…` or with a crate's name, which is how this house writes them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// Every room in the order of `lib.rs`, and the rooms that it may use. Data flows from the top to the bottom.
const ROOMS: [(&str, &[&str]); 15] = [
    ("resource", &[]),
    ("sql", &["resource"]),
    ("manifest", &["resource", "sql"]),
    ("graph", &["resource", "sql", "manifest"]),
    ("state", &["resource"]),
    ("cloud", &["resource"]),
    ("simulator", &["resource", "sql", "cloud"]),
    ("live", &["resource", "cloud"]),
    ("settle", &["resource", "state", "live"]),
    ("diff", &["resource", "sql", "manifest", "graph", "state", "live", "settle"]),
    ("plan", &["resource", "sql", "manifest", "graph", "state", "live", "settle", "diff"]),
    ("planning", &["resource", "manifest", "graph", "state", "cloud", "live", "settle", "diff", "plan"]),
    ("execute", &["resource", "state", "cloud", "live", "settle", "plan"]),
    (
        "render",
        &["resource", "sql", "manifest", "graph", "state", "cloud", "live", "settle", "diff", "plan", "execute"],
    ),
    (
        "cli",
        &[
            "resource",
            "sql",
            "manifest",
            "graph",
            "state",
            "cloud",
            "simulator",
            "live",
            "settle",
            "diff",
            "plan",
            "planning",
            "execute",
            "render",
        ],
    ),
];

/// Every dependency and the rooms that may name it; `None` for those that are at home everywhere.
const HOMES: [(&str, Option<&[&str]>); 25] = [
    ("axum", Some(&["simulator"])),
    ("base64", Some(&["cloud", "simulator"])),
    ("clap", Some(&["cli"])),
    // The seeded source is made in `cli` and handed on.
    ("fastrand", Some(&["cloud", "simulator", "state", "cli"])),
    ("glob", Some(&["manifest"])),
    ("hmac", Some(&["resource"])),
    ("indicatif", Some(&["cli"])),
    ("jiff", Some(&["cloud", "simulator", "render", "cli"])),
    ("litemap", Some(&["resource"])),
    ("miette", Some(&["cli"])),
    // The program's own, outside all rooms.
    ("mimalloc", Some(&[])),
    ("petgraph", Some(&["graph"])),
    ("reqwest", Some(&["cloud"])),
    ("rustls", Some(&["cloud"])),
    ("serde", None),
    ("serde_json", None),
    ("sha2", Some(&["resource"])),
    ("similar", Some(&["render"])),
    ("strsim", Some(&["manifest"])),
    ("tempfile", Some(&["simulator", "cli"])),
    ("terminal_size", Some(&["cli"])),
    ("thiserror", None),
    ("tokio", Some(&["state", "cloud", "simulator", "live", "execute", "cli"])),
    ("toml", Some(&["manifest"])),
    ("url", Some(&["manifest", "cloud", "simulator", "cli"])),
];

/// What a module is called when a noun is missing.
const HOMELESS: [&str; 11] =
    ["util", "utils", "helper", "helpers", "common", "core", "types", "errors", "manager", "service", "misc"];

/// What the simulator may know of the room cloud: the seam, and none of its JSON.
const SEAM: [&str; 7] =
    ["BoxFuture", "Headers", "TransportError", "Method", "HttpRequest", "HttpResponse", "Transport"];

/// The rooms that are synchronous and pure.
const PURE: [&str; 3] = ["settle", "diff", "plan"];

// ---- the rules

#[test]
fn a_room_uses_only_the_rooms_to_its_left() {
    let mut violations = Vec::new();
    for file in HOUSE.in_rooms() {
        let allowed = ROOMS.iter().find(|(room, _)| *room == file.room).map_or(&[] as &[&str], |(_, allowed)| *allowed);
        for path in file.paths_in_the_crate() {
            let Some(room) = path.first().filter(|name| ROOMS.iter().any(|(room, _)| room == name)) else { continue };
            if *room != file.room && !allowed.contains(&room.as_str()) {
                violations.push(format!("{}: `{}` may not use `{}`", file.path, file.room, path.join("::")));
            }
        }
    }
    none(violations, "see the table of rooms; data flows one way, so a noun may stand in the wrong room");
}

#[test]
fn a_crate_is_named_in_its_home_only() {
    let mut violations = Vec::new();
    let house = &*HOUSE;
    for file in house.in_rooms() {
        for (name, homes) in HOMES {
            let at_home = homes.is_none_or(|homes| homes.contains(&file.room.as_str()));
            if !at_home && names_crate(&file.code, name) {
                violations.push(format!(
                    "{}: the crate `{name}` is at home in {}",
                    file.path,
                    homes.unwrap().join(", ")
                ));
            }
        }
    }
    none(violations, "let the home of the crate do it, or say in the table why it has another");
}

#[test]
fn every_dependency_has_a_home() {
    let toml = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, after) = toml.split_once("[dependencies]").unwrap();
    let table = after.split("\n[").next().unwrap();
    let declared: BTreeSet<&str> = table
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_once('=').map(|(name, _)| name.trim()))
        .collect();
    let homes: BTreeSet<&str> = HOMES.iter().map(|(name, _)| *name).collect();
    let mut violations: Vec<_> =
        declared.difference(&homes).map(|name| format!("Cargo.toml: `{name}` has no home in the table")).collect();
    violations.extend(homes.difference(&declared).map(|name| format!("the table has `{name}`, Cargo.toml has not")));
    let reasonless = table.lines().filter(|line| line.contains('=') && !line.contains('#'));
    // `tokio` has its reason in the line above.
    violations.extend(
        reasonless
            .filter(|line| !line.starts_with("tokio"))
            .map(|line| format!("Cargo.toml: a dependency without a reason: {line}")),
    );
    none(violations, "a new crate needs a strong reason, written in its line");
}

#[test]
fn rooms_are_declared_in_order_and_every_module_belongs_to_one() {
    let lib = blank(&fs::read_to_string(root().join("src/lib.rs")).unwrap());
    let declared: Vec<&str> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let house = &*HOUSE;
    let folders: BTreeSet<&str> =
        house.files.iter().map(|file| file.room.as_str()).filter(|room| !room.is_empty()).collect();
    let planned: Vec<&str> = ROOMS.iter().map(|(room, _)| *room).filter(|room| folders.contains(room)).collect();
    assert_eq!(declared, planned, "src/lib.rs declares the rooms in the order of the table");
    let mut violations: Vec<_> = folders
        .iter()
        .filter(|folder| !planned.contains(folder))
        .map(|folder| format!("src/{folder}: not in the table of rooms"))
        .collect();
    for (room, uses) in ROOMS {
        let before = ROOMS.iter().take_while(|(other, _)| *other != room).map(|(other, _)| *other).collect::<Vec<_>>();
        let back = uses.iter().filter(|used| !before.contains(used));
        violations.extend(back.map(|used| format!("the table lets `{room}` use `{used}`, which stands after it")));
    }
    none(violations, "a room is a folder of src/ that lib.rs declares");
}

#[test]
fn no_module_has_a_meaningless_name() {
    let mut violations = Vec::new();
    for file in &HOUSE.files {
        let parts = Path::new(&file.path).with_extension("");
        for part in parts.iter().filter_map(|part| part.to_str()) {
            if HOMELESS.contains(&part) {
                violations.push(format!("{}: `{part}` says nothing of what it holds", file.path));
            }
        }
    }
    none(violations, "something without a home means that a noun is missing");
}

#[test]
fn every_file_is_a_module_that_says_what_it_is() {
    let house = &*HOUSE;
    let mut violations = Vec::new();
    for file in &house.files {
        if !file.reachable {
            violations.push(format!("{}: no `mod` declares it, so nothing compiles it", file.path));
        }
        if !file.text.starts_with("//! ") {
            violations.push(format!("{}: begins without a module doc (`//! …`)", file.path));
        }
    }
    none(violations, "one to four lines that say what the file holds");
}

#[test]
fn only_cli_prints_and_reads_the_environment() {
    let words = [
        "println!",
        "eprintln!",
        "print!",
        "eprint!",
        "dbg!",
        "std::env",
        "env::var",
        "env::args",
        "env::current_dir",
        "process::exit",
        "io::stdin",
        "io::stdout",
        "io::stderr",
        "tokio::signal",
    ];
    let mut violations = Vec::new();
    for file in HOUSE.in_rooms().filter(|file| file.room != "cli") {
        let written = words.iter().filter(|word| holds(&file.code, word)).map(|word| (*word).to_owned());
        let imported = file.paths_from("std").into_iter().map(|path| path.join("::"));
        let imported = imported.filter(|path| path.starts_with("std::env"));
        let found: BTreeSet<String> = written.chain(imported).collect();
        violations.extend(found.into_iter().map(|word| format!("{}: `{word}`", file.path)));
    }
    none(violations, "the library prints nothing and reads no environment variable; hand it in from `cli`");
}

#[test]
fn the_simulator_uses_only_the_transport_seam_of_the_cloud_room() {
    let mut violations = Vec::new();
    for file in HOUSE.in_rooms().filter(|file| file.room == "simulator") {
        for path in file.paths_in_the_crate() {
            if let [room, name, ..] = path.as_slice()
                && room == "cloud"
                && !SEAM.contains(&name.as_str())
            {
                violations.push(format!("{}: `{}`", file.path, path.join("::")));
            }
        }
        if file.code.contains("wire::") {
            violations.push(format!("{}: names `wire`", file.path));
        }
    }
    none(violations, "a misspelt field must not agree with itself: the simulator has its own JSON");
}

#[test]
fn settle_diff_and_plan_are_pure() {
    let words = ["async", "await", "tokio", "fastrand", "Instant", "SystemTime", "HashMap", "HashSet", "thread"];
    let modules = ["fs", "time", "io", "net", "env", "process", "thread"];
    let mut violations = Vec::new();
    for file in HOUSE.in_rooms().filter(|file| PURE.contains(&file.room.as_str())) {
        let written = words.iter().filter(|word| holds(&file.code, word)).map(|word| (*word).to_owned());
        let imported = file
            .paths_from("std")
            .into_iter()
            .filter(|path| path.get(1).is_some_and(|module| modules.contains(&module.as_str())));
        let found: BTreeSet<String> = written.chain(imported.map(|path| path.join("::"))).collect();
        violations.extend(found.into_iter().map(|word| format!("{}: `{word}`", file.path)));
    }
    none(violations, "no IO, no clock, no randomness, no order that changes: equal inputs give byte-equal plans");
}

#[test]
fn notes_and_reasons_are_only_shown() {
    let mut violations = Vec::new();
    let acting = ["plan", "execute", "state"];
    for file in HOUSE.in_rooms().filter(|file| acting.contains(&file.room.as_str())) {
        let named = ["Note", "Reason"].into_iter().filter(|name| holds(&file.code, name));
        violations.extend(named.map(|name| format!("{}: `{name}`", file.path)));
    }
    none(violations, "they exist to be shown: what `plan` needs stands in the `Action`");
}

#[test]
fn main_only_calls_the_command_line() {
    let main = blank(&fs::read_to_string(root().join("src/main.rs")).unwrap());
    assert!(
        !main.contains("mod ") && main.lines().count() <= 40,
        "src/main.rs calls `floe::cli` and holds nothing itself"
    );
}

fn none(violations: Vec<String>, why: &str) {
    assert!(violations.is_empty(), "\n{}\n→ {why}\n", violations.join("\n"));
}

// ---- the source

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

static HOUSE: LazyLock<House> = LazyLock::new(House::read);

struct House {
    files: Vec<File>,
}

struct File {
    /// From the package's folder.
    path: String,
    /// Empty for `lib.rs` and `main.rs`.
    room: String,
    /// Its modules from the crate's root.
    module: Vec<String>,
    text: String,
    /// The text without comments, literals and test modules.
    code: String,
    reachable: bool,
    /// Whether it is compiled for tests only.
    test: bool,
}

impl House {
    fn read() -> House {
        let mut files = BTreeMap::new();
        let source = root().join("src");
        let mut folders = vec![source.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else if entry.extension().is_some_and(|extension| extension == "rs") {
                    files.insert(entry.clone(), File::read(&source, &entry));
                }
            }
        }
        for door in ["lib.rs", "main.rs"] {
            walk(&source.join(door), false, &mut files);
        }
        House { files: files.into_values().collect() }
    }

    /// What the rules for rooms are for: all but `lib.rs`, `main.rs` and tests.
    fn in_rooms(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| !file.room.is_empty() && !file.test)
    }
}

/// Marks `path` and the files of the modules that it declares.
fn walk(path: &Path, test: bool, files: &mut BTreeMap<PathBuf, File>) {
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
        walk(&folder.join(format!("{name}.rs")), test, files);
        walk(&folder.join(&name).join("mod.rs"), test, files);
    }
}

/// The names in `mod name;`.
fn modules(code: &str) -> BTreeSet<String> {
    let statements = code.split_inclusive([';', '{', '}', ']']).filter_map(|statement| statement.strip_suffix(';'));
    let names = statements.filter_map(|statement| statement.trim().rsplit_once("mod "));
    names
        .filter(|(before, name)| (before.is_empty() || before.ends_with(' ')) && name.chars().all(is_of_a_name))
        .map(|(_, name)| name.to_owned())
        .collect()
}

impl File {
    fn read(source: &Path, path: &Path) -> File {
        let text = fs::read_to_string(path).unwrap();
        let inside = path.strip_prefix(source).unwrap();
        let mut module: Vec<String> =
            inside.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
            module.pop();
        }
        File {
            path: Path::new("src").join(inside).display().to_string(),
            room: module.first().cloned().unwrap_or_default(),
            code: without_tests(&blank(&text)),
            module,
            text,
            reachable: false,
            test: false,
        }
    }

    /// Every path that begins at the crate's root, `super`s resolved.
    fn paths_in_the_crate(&self) -> Vec<Vec<String>> {
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
    fn paths_from(&self, start: &str) -> Vec<Vec<String>> {
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

fn is_of_a_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Whether `word` stands in `code` by itself.
fn holds(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !(before.is_some_and(is_of_a_name) || word.ends_with(is_of_a_name) && after.is_some_and(is_of_a_name))
    })
}

/// Whether `code` names the crate: at the start of a path, or whole in a `use`.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let starts = !before.ends_with("::") && !before.ends_with('.') && !before.ends_with(is_of_a_name);
        let whole = before.trim_end().ends_with("use") && after.trim_start().starts_with([';', ' ']);
        starts && (after.starts_with("::") || whole)
    })
}

/// `text` with comments and literals left out; line breaks stay.
fn blank(text: &str) -> String {
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
fn without_tests(code: &str) -> String {
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

// ---- that the reading of the source sees what it should

fn file(path: &str, text: &str) -> File {
    let mut module: Vec<String> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    let code = without_tests(&blank(text));
    File {
        path: path.to_owned(),
        room: module[0].clone(),
        module,
        text: text.to_owned(),
        code,
        reachable: true,
        test: false,
    }
}

#[test]
fn paths_are_seen_in_groups_in_line_and_through_super() {
    let text = "use crate::{\n    a::{self, B as C},\n    d,\n};\nfn f() { crate::e::g(super::super::h::I) } // crate::no::one\nconst J: &str = \"crate::no::body\";";
    let paths: Vec<String> =
        file("room/mod.rs", text).paths_in_the_crate().iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["a::self", "a::B", "d", "e::g", "h::I"]);
    let inside = file("room/deep/down.rs", "use super::{near, super::super::far::X};");
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
