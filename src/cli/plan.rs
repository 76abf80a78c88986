//! `floe plan`: what an apply would do.

use std::{fs, io::Write, path::Path};

use super::{
    Ambient, Exit, Screen, Trouble,
    arguments::{Format, Global, PlanArguments},
    beside::{beside, interrupted},
    door, moved,
    project::{self, Begun, Check, Opened},
    runtime,
};
use crate::{
    diff::PlanOptions,
    graph::Graph,
    plan::Plan,
    planning::{self, Planned},
    render::{self, Beside, PlanView},
    state::Ledger,
};

/// Makes a plan, shows it, and saves it where that is asked for.
pub fn run(arguments: &PlanArguments, global: &Global, ambient: &Ambient, screen: &Screen) -> Result<Exit, Trouble> {
    let begun = project::begin(global, ambient)?;
    let environment = begun.environment.clone();
    let inputs = begun.inputs.clone();
    let work = async {
        let made = make(begun, project::to_be_sent, ambient, &arguments.request(), screen).await?;
        let settled = moved::settled(&made.graph.project, &inputs).await;
        Ok::<_, Trouble>((made, settled))
    };
    let (made, settled) = runtime::block_on(&environment, work)??;
    let Made { graph, planned, beside } = &made;
    show(&planned.plan, graph, beside, "plan", global, screen)?;
    if let Some(path) = &arguments.out {
        let id = format!("{:016x}", ambient.seed);
        save(path, &render::kept(&planned.plan, graph, beside, &id)?)?;
        screen.err(&saved(&path.display().to_string(), &planned.plan));
    }
    settled.iter().for_each(|line| screen.err(line));
    let exit = exit(&planned.plan, arguments.detailed_exitcode);
    // The process ends here; giving a large project's memory back piece by piece would only take time.
    std::mem::forget(made);
    Ok(exit)
}

/// What a saved plan is good for.
fn saved(path: &str, plan: &Plan) -> String {
    let blocked: Vec<String> = plan.blocked_addresses().map(ToString::to_string).collect();
    match blocked.as_slice() {
        [] => format!("Saved to {path}; `floe apply {path}` carries out exactly this.\n"),
        names => {
            let are = if names.len() == 1 { "is" } else { "are" };
            format!(
                "Saved to {path}, to be looked at: `floe apply {path}` is refused, since {} {are} blocked. Decide, then \
                 plan again.\n",
                names.join(", ")
            )
        }
    }
}

/// How the exit code of a plan is judged before anything is done about it.
fn exit(plan: &Plan, detailed: bool) -> Exit {
    let blocked = if plan.is_blocked() { Exit::Blocked } else { Exit::Done };
    let pending = if detailed && plan.has_changes() { Exit::Pending } else { Exit::Done };
    blocked.or(pending)
}

/// A plan, what it is of, and what stands beside it.
pub(super) struct Made {
    pub graph: Graph,
    pub planned: Planned,
    pub beside: Beside,
}

/// Makes a plan without a lock: a run that holds it may go on meanwhile, and is named.
pub(super) async fn make(
    begun: Begun,
    check: Check,
    ambient: &Ambient,
    request: &PlanOptions,
    screen: &Screen,
) -> Result<Made, Trouble> {
    let Opened { graph, ledger, recorded, door, live } = begun.open(check, ambient, screen).await?;
    if let Some(holder) = ledger.held_by().await? {
        screen.err(&format!(
            "A run is in progress: `{}` of {} since {}. What follows is as of now.\n",
            holder.command, holder.who, holder.since
        ));
    }
    let secrets = ambient.secrets(&graph.project);
    let planned = planning::planned_on(live, &graph, &secrets, &recorded, &door.cloud, request).await?;
    let beside = beside(&graph, &planned, interrupted(&ledger, false).await?);
    // The simulated world is not taken apart either.
    std::mem::forget(door);
    Ok(Made { graph, planned, beside })
}

/// Prints a plan in the format that was asked for.
pub(super) fn show(
    plan: &Plan,
    graph: &Graph,
    beside: &Beside,
    command: &str,
    global: &Global,
    screen: &Screen,
) -> Result<(), Trouble> {
    let given = given(global);
    let view = PlanView { plan, beside, command, given: &given, verbose: global.verbose, style: screen.out };
    match global.format {
        Format::Text => screen.out(&render::plan(&view)),
        Format::Markdown => screen.out(&render::markdown(&view)),
        Format::Json => screen.out(&render::plan_json(plan, graph, beside)?),
        Format::Dot | Format::Mermaid | Format::Svg => Err(Trouble::new("a plan is printed as text, markdown or json")
            .help("dot, mermaid and svg are for `floe graph`")),
    }
}

/// The flags that a plan does not know, as they would be typed again. Those of variables stay where they are set.
fn given(global: &Global) -> String {
    let mut flags = Vec::new();
    if global.folder != Path::new(".") {
        flags.push(format!("-C {}", quoted(&global.folder.to_string_lossy())));
    }
    flags.extend(global.variables.iter().map(|(name, value)| format!("--var {}", quoted(&format!("{name}={value}")))));
    flags.join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./=:,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Writes a plan into a file, whole or not at all. Only its owner may read it.
fn save(path: &Path, text: &str) -> Result<(), Trouble> {
    let refused = |error: &std::io::Error| door::unwritable("write", path, error);
    if path.is_dir() {
        return Err(Trouble::new(format!("cannot write {}: it is a folder", path.display())));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A device or a pipe is written in place.
    if path.exists() && !path.is_file() {
        return fs::write(path, text).map_err(|error| refused(&error));
    }
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| refused(&error))?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(|error| refused(&error))?;
    file.persist(path).map_err(|error| refused(&error.error)).map(drop)
}
