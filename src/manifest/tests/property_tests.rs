//! Property tests with arbitrary texts.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;

use super::*;
use crate::{
    manifest::{
        layer::{self, ManifestRole},
        sql_source_map::SqlSourceMap,
        substitute::{Substitution, Variables},
    },
    resource::{Secrets, SourceFile},
};

/// Pieces from which valid and invalid manifests are built.
const PIECES: [&str; 40] = [
    "[project]\n",
    "[defaults]\n",
    "[environments.local]\n",
    "[environments.local.statements.a]\n",
    "[pools.main]\n",
    "[statements.a]\n",
    "[statements.a.properties]\n",
    "[[moved]]\n",
    "[[moved.x]]\n",
    "[moved]\n",
    "[secrets]\n",
    "name = \"x\"\n",
    "sql = \"CREATE TABLE t (x INT)\"\n",
    "sql = '''\nINSERT INTO ${v} SELECT 1'''\n",
    "sql_file = \"${v}.sql\"\n",
    "pool = \"main\"\n",
    "max_cfu = 10\n",
    "simulator = true\n",
    "properties.x = \"1\"\n",
    "properties = { a = \"${secret.k}\" }\n",
    "variables = { v = \"$\" }\n",
    "k = { env = \"K\" }\n",
    "from = \"statements.a\"\n",
    "to = \"pools.main\"\n",
    "unset = [\"properties.a\", \"pool\"]\n",
    "depends_on = [\"statements.a\"]\n",
    "include = [\"**\"]\n",
    "statements.a = 1\n",
    "x = 1979-05-27\n",
    "y = [1, {}, [[]]]\n",
    "[",
    "]",
    "\"",
    "'''",
    "= ",
    "${",
    "\\",
    "é",
    "\r\n",
    "# c\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// For any `floe.toml`, loading returns a project or a problem, and every location lies within its file.
    #[test]
    fn any_manifest_loads_or_has_problems(pieces in proptest::collection::vec(0..PIECES.len(), 0..14), sql in ".{0,40}") {
        let text: String = pieces.iter().map(|at| PIECES[*at]).collect();
        let fixture = ProjectFixture::from_manifest(&text).with_file("statements/b.sql", &sql);
        if let Err(InvalidProject { problems, .. }) = load(&fixture.options) {
            prop_assert!(!problems.is_empty());
            for (place, _) in problems.iter().flat_map(|problem| &problem.locations) {
                prop_assert!(place.source.text.get(place.span.clone()).is_some(), "{place:?}");
            }
        }
    }

    /// The text that is sent to the service has each reference replaced once, and each character that was written
    /// maps to where it was written.
    #[test]
    fn references_are_interpolated_once_and_the_rest_keeps_its_position(
        parts in proptest::collection::vec((0..4_u8, "[a-z $é{}]{0,6}"), 0..12),
        value in "[a-z${}]{0,6}",
    ) {
        let (mut written, mut expected, mut kept) = (String::new(), String::new(), Vec::new());
        for (form, piece) in parts {
            // A `$` before a reference would make it an escape.
            let mut piece = piece;
            while piece.contains("${") {
                piece = piece.replace("${", "");
            }
            let piece = piece.trim_end_matches('$').to_owned();
            let piece = if written.ends_with('$') { piece.trim_start_matches('{').to_owned() } else { piece };
            match form {
                0 => { written.push_str("${v}"); expected.push_str(&value); }
                1 => { written.push_str("$${"); expected.push_str("${"); }
                2 if !expected.ends_with('$') => { written.push_str("${secret.k}"); expected.push_str("s3cr3t"); }
                _ => {}
            }
            if written.contains("${") {
                kept.push((written.len(), piece.clone()));
            }
            written.push_str(&piece);
            expected.push_str(&piece);
        }
        let source = Arc::new(SourceFile { path: "a.sql".into(), text: written.as_str().into() });
        let manifest = BTreeMap::from([("v".to_owned(), value)]);
        let variables = Variables { manifest, ..Variables::default() };
        let mut substitution = Substitution::new(variables, ["k"].into());
        let filled = substitution.interpolate_sql(&source.text, SqlSourceMap::of_file(Arc::clone(&source)));
        prop_assert!(substitution.problems.is_empty(), "{}", format_problems(&substitution.problems));
        let (template, positions) = filled.unwrap();
        let secrets = Secrets::new(BTreeMap::from([("k".to_owned(), "s3cr3t".to_owned())]));
        prop_assert_eq!(template.reveal(&secrets).unwrap(), expected);
        let masked = template.masked();
        prop_assert_eq!(positions.len(), masked.len());
        for (at, letter) in masked.char_indices() {
            let place = positions.locate(&(at..at + letter.len_utf8()));
            let spelling = text_at(&place);
            prop_assert!(spelling == letter.to_string() || spelling.starts_with('$'), "{letter:?} maps to {spelling:?}");
        }
        for (start, piece) in kept {
            prop_assert_eq!(&written[start..start + piece.len()], piece);
        }
    }

    /// Any text can be read as a manifest without a panic.
    #[test]
    fn any_text_can_be_read_as_a_manifest(text in "\\PC{0,200}") {
        let source = Arc::new(SourceFile { path: "pools.toml".into(), text: text.into() });
        let mut problems = Vec::new();
        layer::read_manifest(&source, ManifestRole::Included, &mut problems);
        for (place, _) in problems.iter().flat_map(|problem| &problem.locations) {
            prop_assert!(source.text.get(place.span.clone()).is_some());
        }
    }
}
