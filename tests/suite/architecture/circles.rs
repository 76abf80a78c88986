//! The rule against circles: no two files of a room use each other, directly or through other files.
//!
//! A file uses another one if it names an item that the other one defines, whatever module re-exports the item, or if
//! it calls a method that the other one adds to a type of a third file. A module uses its submodules because it
//! declares them, so a submodule must not use what its parent defines.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    none,
    source::{SOURCE, SourceFile, holds, is_of_a_name, modules},
};

/// Circles that are allowed, each with its files below `src` and its reason.
const ALLOWED: [(&[&str], &str); 1] = [(
    &["sql/query/clauses.rs", "sql/query/expressions.rs", "sql/query/tables.rs"],
    "SQL is recursive: an expression contains queries, which contain tables and expressions",
)];

#[test]
fn no_files_of_a_room_form_a_circle() {
    let files: Vec<&SourceFile> = SOURCE.in_rooms().collect();
    let found = circles(&files);
    let is_allowed = |circle: &Circle, files: &[&str]| {
        circle.files.iter().map(|path| path.trim_start_matches("src/")).eq(files.iter().copied())
    };
    let mut violations: Vec<String> = found
        .iter()
        .filter(|circle| !ALLOWED.iter().any(|(files, _)| is_allowed(circle, files)))
        .map(|circle| format!("a circle of {} files:\n  {}", circle.files.len(), circle.uses.join("\n  ")))
        .collect();
    let ended = ALLOWED.iter().filter(|(files, _)| !found.iter().any(|circle| is_allowed(circle, files)));
    violations.extend(ended.map(|(files, _)| format!("this circle has ended, so it needs no exception: {files:?}")));
    none(violations, "move what both files need into a file of its own, below both");
}

/// Files that use each other, and what they use.
struct Circle {
    /// The paths of the files, sorted.
    files: Vec<String>,
    /// One line for each file that uses another one of them.
    uses: Vec<String>,
}

/// A module path from the crate's root.
type Module = Vec<String>;

/// Finds the circles among `files`. Each file is in at most one of them.
fn circles(files: &[&SourceFile]) -> Vec<Circle> {
    let source_modules = SourceModules::of(files);
    let uses = source_modules.uses();
    let reachable: BTreeMap<&Module, BTreeSet<&Module>> =
        uses.keys().map(|module| (module, reachable_from(module, &uses))).collect();
    let mut circles = Vec::new();
    let mut seen = BTreeSet::new();
    for (module, targets) in &reachable {
        let members: BTreeSet<&Module> = targets
            .iter()
            .copied()
            .filter(|target| reachable.get(target).is_some_and(|back| back.contains(module)))
            .collect();
        if members.is_empty() || !seen.insert(members.clone()) {
            continue;
        }
        let path = |module: &Module| source_modules.0[module].file.path.clone();
        let inside = members.iter().flat_map(|from| {
            let targets = uses[*from].iter().filter(|(to, _)| members.contains(to));
            targets.map(|(to, names)| {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                format!("{} uses {}: {}", path(from), path(to), names.join(", "))
            })
        });
        let mut files: Vec<String> = members.iter().map(|module| path(module)).collect();
        files.sort();
        circles.push(Circle { files, uses: inside.collect() });
    }
    circles
}

/// The modules that `start` uses, directly or through others. It holds `start` itself only if a circle leads there.
fn reachable_from<'a>(start: &Module, uses: &'a BTreeMap<Module, Uses>) -> BTreeSet<&'a Module> {
    let mut reachable = BTreeSet::new();
    let mut next: Vec<&Module> = uses.get(start).into_iter().flat_map(BTreeMap::keys).collect();
    while let Some(module) = next.pop() {
        if reachable.insert(module) {
            next.extend(uses.get(module).into_iter().flat_map(BTreeMap::keys));
        }
    }
    reachable
}

/// The modules that one module uses, each with what is used.
type Uses = BTreeMap<Module, BTreeSet<String>>;

/// Every file by its module path.
struct SourceModules<'a>(BTreeMap<Module, SourceModule<'a>>);

/// What one file declares and imports.
struct SourceModule<'a> {
    file: &'a SourceFile,
    submodules: BTreeSet<String>,
    /// The names of its top-level items.
    items: BTreeSet<String>,
    /// What each imported name stands for, as the path is written.
    imports: BTreeMap<String, Vec<String>>,
    /// The modules from which everything is imported.
    globs: Vec<Vec<String>>,
    /// The code without its imports.
    body: String,
    /// The methods that it defines, each with its type.
    methods: Vec<(String, String)>,
}

/// A method that a file adds to a type of another file.
struct AddedMethod<'a> {
    name: &'a str,
    of_type: &'a str,
    /// The module whose file defines the method.
    target: &'a Module,
}

impl<'a> SourceModules<'a> {
    fn of(files: &[&'a SourceFile]) -> Self {
        SourceModules(files.iter().map(|file| (file.module.clone(), SourceModule::of(file))).collect())
    }

    /// What each module uses of the other modules of its room.
    fn uses(&self) -> BTreeMap<Module, Uses> {
        let added_methods = self.added_methods();
        let mut uses: BTreeMap<Module, Uses> = BTreeMap::new();
        for (module, source) in &self.0 {
            let mut used = Uses::new();
            let mut add = |target: Module, name: String| {
                if target != *module && target.first() == module.first() {
                    used.entry(target).or_default().insert(name);
                }
            };
            for submodule in &source.submodules {
                let submodule = child(module, submodule);
                if self.0.contains_key(&submodule) {
                    add(submodule, "mod".to_owned());
                }
            }
            for path in source.imports.values().cloned().chain(paths(&source.body)) {
                if let Some(target) = self.definition(module, &path) {
                    add(target, path.join("::"));
                }
            }
            for glob in source.globs.iter().filter_map(|path| self.absolute(module, path)) {
                let items = self.0.get(&glob).into_iter().flat_map(|source| &source.items);
                items.filter(|item| holds(&source.body, item)).for_each(|item| add(glob.clone(), item.clone()));
            }
            for AddedMethod { name, of_type, target } in &added_methods {
                let is_called = || {
                    source.body.contains(&format!(".{name}(")) || source.body.contains(&format!("{of_type}::{name}"))
                };
                if target.first() == module.first() && is_called() {
                    add((*target).clone(), format!(".{name}()"));
                }
            }
            uses.insert(module.clone(), used);
        }
        uses
    }

    /// The methods that a file adds to a type of another file. A name that several files of a room define is left out,
    /// because the text of a call does not show its type.
    fn added_methods(&self) -> Vec<AddedMethod<'_>> {
        let mut owners: BTreeMap<(&str, &str), BTreeSet<(&str, &Module)>> = BTreeMap::new();
        for (module, source) in &self.0 {
            for (of_type, name) in &source.methods {
                owners.entry((&source.file.room, name)).or_default().insert((of_type, module));
            }
        }
        let mut added = Vec::new();
        for ((_, name), owners) in owners {
            if let [(of_type, target)] = owners.into_iter().collect::<Vec<_>>()[..]
                && !self.0[target].items.contains(of_type)
            {
                added.push(AddedMethod { name, of_type, target });
            }
        }
        added
    }

    /// The module whose file defines what `path` names in `module`.
    fn definition(&self, module: &Module, path: &[String]) -> Option<Module> {
        let absolute = self.absolute(module, path)?;
        let mut at = Module::new();
        for (number, name) in absolute.iter().enumerate() {
            let submodule = child(&at, name);
            if self.0.contains_key(&submodule) {
                at = submodule;
                continue;
            }
            let source = self.0.get(&at)?;
            if source.items.contains(name) {
                return Some(at);
            }
            if let Some(import) = source.imports.get(name) {
                let re_exported: Vec<String> = import.iter().chain(&absolute[number + 1..]).cloned().collect();
                return if re_exported[0] == *name { None } else { self.definition(&at, &re_exported) };
            }
            return source.globs.iter().find_map(|glob| {
                let path: Vec<String> = glob.iter().chain(&absolute[number..]).cloned().collect();
                self.definition(&at, &path)
            });
        }
        None
    }

    /// The path from the crate's root that `path` stands for in `module`. `None` if it leads out of the crate.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        let source = self.0.get(module)?;
        let (mut absolute, rest) = match first.as_str() {
            "crate" => (Module::new(), rest),
            "self" => (module.clone(), rest),
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                (module[..module.len().checked_sub(up)?].to_vec(), &path[up..])
            }
            name if source.submodules.contains(name) => (module.clone(), path),
            name => {
                let import = source.imports.get(name).filter(|import| import[0] != name)?;
                (self.absolute(module, import)?, rest)
            }
        };
        absolute.extend(rest.iter().cloned());
        Some(absolute)
    }
}

impl<'a> SourceModule<'a> {
    fn of(file: &'a SourceFile) -> Self {
        let (imported, body) = split_imports(&file.code);
        let mut module = SourceModule {
            file,
            submodules: modules(&file.code),
            items: body.lines().filter_map(item_name).map(str::to_owned).collect(),
            imports: BTreeMap::new(),
            globs: Vec::new(),
            methods: methods(&body),
            body,
        };
        for tree in imported {
            module.add_imports(&tree, &[]);
        }
        module
    }

    /// Adds the names of a use tree: `a::{b, c as d, e::*}`.
    fn add_imports(&mut self, tree: &str, prefix: &[String]) {
        let tree = tree.trim();
        if let Some(group) = tree.strip_prefix('{').and_then(|group| group.strip_suffix('}')) {
            split_at_commas(group).into_iter().for_each(|tree| self.add_imports(tree, prefix));
        } else if let Some((name, rest)) = tree.split_once("::").filter(|(name, _)| name.chars().all(is_of_a_name)) {
            self.add_imports(rest, &[prefix, &[name.to_owned()]].concat());
        } else if tree == "*" {
            self.globs.push(prefix.to_vec());
        } else if !tree.is_empty() {
            let (name, alias) = tree.split_once(" as ").map_or((tree, tree), |(name, alias)| (name, alias.trim()));
            let path = if name == "self" { prefix.to_vec() } else { [prefix, &[name.to_owned()]].concat() };
            let bound = if alias == "self" { path.last().cloned().unwrap_or_default() } else { alias.to_owned() };
            // `use Trait as _` binds nothing, but uses the trait.
            let bound = if bound == "_" { format!("_{}", path.join("_")) } else { bound };
            self.imports.insert(bound, path);
        }
    }
}

fn child(module: &Module, name: &str) -> Module {
    [module.as_slice(), &[name.to_owned()]].concat()
}

/// The trees of all `use` statements, and the code without these statements.
fn split_imports(code: &str) -> (Vec<String>, String) {
    let (mut trees, mut body) = (Vec::new(), String::with_capacity(code.len()));
    let mut open: Option<String> = None;
    for line in code.lines() {
        let starts = || without_visibility(line.trim_start()).strip_prefix("use ").map(str::to_owned);
        let tree = match open.take() {
            Some(tree) => Some(format!("{tree} {}", line.trim())),
            None => starts(),
        };
        match tree {
            Some(tree) => match tree.trim_end().strip_suffix(';') {
                Some(whole) => trees.push(whole.to_owned()),
                None => open = Some(tree),
            },
            None => body.push_str(line),
        }
        body.push('\n');
    }
    (trees, body)
}

/// The name of the item that a line declares at the top level of its file.
fn item_name(line: &str) -> Option<&str> {
    let text = without_visibility(line);
    let modifiers = ["const ", "async ", "unsafe "];
    let function = modifiers.iter().fold(text, |text, word| text.strip_prefix(word).unwrap_or(text));
    let text = if function.starts_with("fn ") { function } else { text };
    let keywords = ["struct ", "enum ", "trait ", "union ", "type ", "fn ", "const ", "static "];
    let name = keywords.iter().find_map(|keyword| text.strip_prefix(keyword))?;
    name.split(|letter| !is_of_a_name(letter)).next().filter(|name| !name.is_empty())
}

/// The methods in `impl Type` blocks, each with its type.
fn methods(code: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut of_type: Option<&str> = None;
    for line in code.lines() {
        if let Some(header) = line.strip_prefix("impl").filter(|header| !header.contains(" for ")) {
            let target =
                if header.starts_with('<') { header.split_once("> ").map(|(_, rest)| rest) } else { Some(header) };
            of_type = target.and_then(|target| target.trim_start().split(|letter| !is_of_a_name(letter)).next());
        } else if line == "}" {
            of_type = None;
        } else if let (Some(of_type), Some((before, rest))) = (of_type, line.split_once("fn "))
            && before.starts_with("    ")
            && !before.starts_with("     ")
        {
            let name = rest.split(|letter| !is_of_a_name(letter)).next().unwrap_or_default();
            found.push((of_type.to_owned(), name.to_owned()));
        }
    }
    found
}

/// Every path of at least two names that the code writes out.
fn paths(code: &str) -> Vec<Vec<String>> {
    let words = code.split(|letter: char| !is_of_a_name(letter) && letter != ':');
    let paths = words.filter(|word| word.contains("::") && !word.starts_with(':'));
    let paths =
        paths.map(|path| path.split("::").map(str::to_owned).filter(|name| !name.is_empty()).collect::<Vec<_>>());
    let unique: BTreeSet<Vec<String>> = paths.filter(|path| path.len() > 1).collect();
    unique.into_iter().collect()
}

fn split_at_commas(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&group[start..]);
    parts
}

fn without_visibility(text: &str) -> &str {
    let Some(rest) = text.strip_prefix("pub") else { return text };
    match rest.strip_prefix('(') {
        Some(scope) => scope.split_once(')').map_or(text, |(_, rest)| rest.trim_start()),
        None => rest.strip_prefix(' ').unwrap_or(text),
    }
}

/// The circles of a made-up room, each as the names of its files.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<SourceFile> =
        files.iter().map(|(path, text)| SourceFile::parse("src", path, (*text).to_owned())).collect();
    let found = circles(&files.iter().collect::<Vec<_>>());
    found.into_iter().map(|circle| circle.files.join(" ").replace("src/room/", "")).collect()
}

#[test]
fn a_submodule_may_use_what_its_parent_re_exports_but_not_what_it_defines() {
    let child = ("room/leaf.rs", "use super::Root;\nfn grow(root: Root) {}\n");
    let root = ("room/root.rs", "pub struct Root;\n");
    let re_exporting = "mod leaf;\nmod root;\npub use leaf::grow;\npub use root::Root;\n";
    assert_eq!(circles_of(&[("room/mod.rs", re_exporting), child, root]), [""; 0]);
    let defining = "mod leaf;\npub struct Root;\n";
    assert_eq!(circles_of(&[("room/mod.rs", defining), child]), ["leaf.rs mod.rs"]);
}

#[test]
fn a_circle_is_found_through_aliases_groups_and_other_files() {
    let room = ("room/mod.rs", "mod a;\nmod b;\nmod c;\n");
    let a = ("room/a.rs", "use super::{\n    b::{self as bee},\n};\npub fn a() { bee::b() }\n");
    let b = ("room/b.rs", "pub fn b() { super::c::C::new(); }\n");
    let c = ("room/c.rs", "use crate::room::a::a;\npub struct C;\n");
    assert_eq!(circles_of(&[room, a, b, c]), ["a.rs b.rs c.rs"]);
    let without_a = ("room/c.rs", "// use crate::room::a::a;\npub struct C;\n");
    assert_eq!(circles_of(&[room, a, b, without_a]), [""; 0]);
}

#[test]
fn a_method_that_another_file_adds_to_a_type_closes_a_circle() {
    let room = ("room/mod.rs", "mod rules;\nmod world;\n");
    let rules = ("room/rules.rs", "use super::world::World;\nimpl World {\n    pub fn advance(&mut self) {}\n}\n");
    let world = ("room/world.rs", "pub struct World;\nimpl World {\n    fn run(&mut self) { self.advance() }\n}\n");
    assert_eq!(circles_of(&[room, rules, world]), ["rules.rs world.rs"]);
    let data = ("room/world.rs", "pub struct World;\nimpl World {\n    fn run(&mut self) {}\n}\n");
    assert_eq!(circles_of(&[room, rules, data]), [""; 0]);
}
