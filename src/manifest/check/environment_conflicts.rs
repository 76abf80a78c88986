//! Finds ids and state files that several environments of one project share.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    manifest::{
        layer::{At, EnvironmentLayer, Field},
        project_folder::normalize_path,
        substitute::Substitution,
    },
    resource::{Problem, SourceLocation},
};

/// Returns a problem for each pair of environments that have the same id and prefix, or that would share a state
/// file.
pub(in crate::manifest) fn find_conflicts(
    root: &Path,
    environments: &BTreeMap<String, At<EnvironmentLayer>>,
    substitution: &mut Substitution<'_>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut ids: BTreeMap<(String, String), (&str, SourceLocation)> = BTreeMap::new();
    let mut states: Vec<DeclaredState<'_>> = Vec::new();
    for (name, at) in environments {
        let mut interpolate = |field: &Field<String>| field.as_ref().and_then(|at| substitution.interpolate(at));
        let prefix = interpolate(&at.value.name_prefix).map_or_else(String::new, |prefix| prefix.value);
        if let Some(id) = interpolate(&at.value.id)
            && let Some((other, place)) = ids.insert((id.value.clone(), prefix), (name, id.place.clone()))
        {
            problems.push(
                Problem::new(format!("`{other}` and `{name}` are the same Confluent environment, `{}`", id.value))
                    .at(id.place.clone(), "used again here")
                    .at(place, "first used here")
                    .help(
                        "Give them different values of `name_prefix`, so that their statements have different names.",
                    ),
            );
        }
        let (state, place) = match interpolate(&at.value.state) {
            Some(state) => (state.value, state.place),
            None => (format!("state/{name}.json"), at.place.clone()),
        };
        let declared = DeclaredState { name, snapshot: resolve_snapshot_path(root, &state), state, place };
        problems.extend(
            states.iter().find(|first| first.shares_a_file_with(&declared)).map(|first| declared.conflict_with(first)),
        );
        states.push(declared);
    }
    problems
}

/// The state file that an environment declares or has by default.
struct DeclaredState<'e> {
    /// The name of the environment.
    name: &'e str,
    /// The path as it is written.
    state: String,
    /// The resolved path of the snapshot.
    snapshot: PathBuf,
    /// The location of `state`, or else of the environment.
    place: SourceLocation,
}

impl DeclaredState<'_> {
    /// Returns whether both would write the same file: the snapshot or one of the files named after it.
    fn shares_a_file_with(&self, other: &DeclaredState<'_>) -> bool {
        let here = self.files();
        other.files().iter().any(|file| here.contains(file))
    }

    /// Returns all files of the environment: those of the room `state`, the simulator's world and the ids of used
    /// plans.
    fn files(&self) -> Vec<PathBuf> {
        let is_json = self.snapshot.extension().is_some_and(|extension| extension == "json");
        let base = if is_json { self.snapshot.with_extension("") } else { self.snapshot.clone() };
        let with_suffix = |path: &Path, ending: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let endings = [".journal", ".lock", ".plans", ".world"];
        let mut files = vec![self.snapshot.clone(), with_suffix(&self.snapshot, ".next")];
        files.extend(endings.iter().map(|ending| with_suffix(&base, ending)));
        files
    }

    /// Returns the problem of this state and the one declared first.
    fn conflict_with(&self, first: &DeclaredState<'_>) -> Problem {
        let (name, other) = (self.name, first.name);
        let message = if self.snapshot == first.snapshot {
            format!("`{other}` and `{name}` would keep their state in the same file, `{}`", self.state)
        } else {
            format!(
                "`{other}` and `{name}` would share a file next to their state files, `{}` and `{}`",
                first.state, self.state
            )
        };
        Problem::new(message).at(self.place.clone(), "used again here").at(first.place.clone(), "first used here").help(
            "Set a different `state` for one of them. The default is `state/<environment>.json`. The journal and the \
             lock are in the same folder and have the same name without `.json`.",
        )
    }
}

/// Returns the path of the snapshot that `state` refers to. Follows symbolic links as far as the path exists.
fn resolve_snapshot_path(root: &Path, state: &str) -> PathBuf {
    let path = root.join(state);
    if let Ok(found) = path.canonicalize() {
        return found;
    }
    let path = normalize_path(&std::path::absolute(&path).unwrap_or(path));
    match (path.parent().and_then(|folder| folder.canonicalize().ok()), path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}
