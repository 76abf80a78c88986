//! `floe init`: writes a small project that runs on the simulator.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use super::{CommandError, Exit, Screen, connect};
use crate::render::RunFlags;

/// The manifest of the project, with `NAME` in place of the project's name.
const FLOE_TOML: &str = r#"[project]
name = "NAME"

[defaults]                              # for every statement that does not set its own
pool       = "main"
properties = { "sql.current-catalog" = "${catalog}", "sql.current-database" = "${database}" }

[environments.local]                    # the built-in simulator needs no account and no network
simulator = true
variables = { catalog = "local", database = "shop" }

# A real environment. The key for statements comes from FLINK_API_KEY and FLINK_API_SECRET, the key for
# pools from CONFLUENT_CLOUD_API_KEY and CONFLUENT_CLOUD_API_SECRET.
#
# [environments.prod]
# organization = "b0b21724-4586-4a07-b787-d0bb5aacbf87"
# id           = "env-z3y2x1"
# cloud        = "aws"
# region       = "us-east-1"
# variables    = { catalog = "prod", database = "shop" }
"#;

/// The manifest with the compute pool.
const POOLS_TOML: &str = r"[pools.main]
max_cfu = 10
";

/// The manifest with the two tables.
const TABLES_TOML: &str = r#"[statements.orders]
sql  = "CREATE TABLE orders (order_id STRING, customer STRING, price DECIMAL(10, 2))"
undo = "DROP TABLE orders"              # runs when the statement is removed or redefined; without it, the table stays

[statements.large-orders]
sql  = "CREATE TABLE large_orders (order_id STRING, customer STRING, price DECIMAL(10, 2))"
undo = "DROP TABLE large_orders"
"#;

/// The SQL of the job, which is a statement with the name of its file.
const JOB_SQL: &str = r"INSERT INTO large_orders
SELECT order_id, customer, price
FROM orders
WHERE price > 100
";

/// The list of files that do not belong in git.
const GITIGNORE: &str = r"# Files that the simulator and a run keep next to the state.
state/local.*
state/*.world
state/*.lock
state/*.journal
state/*.plans
# Saved plans contain SQL and settings, and each can be applied only once.
*.plan
";

/// Writes the project into `folder`. Overwrites nothing: if one of the files exists, none is written.
pub fn run(folder: &Path, screen: &Screen) -> Result<Exit, CommandError> {
    let files = [
        ("floe.toml", FLOE_TOML.replace("NAME", &project_name(folder))),
        ("pools.toml", POOLS_TOML.to_owned()),
        ("statements/tables.toml", TABLES_TOML.to_owned()),
        ("statements/large-orders-filled.sql", JOB_SQL.to_owned()),
        (".gitignore", GITIGNORE.to_owned()),
    ];
    // An existing `.gitignore` is kept.
    let wanted = |name: &str| name != ".gitignore" || !folder.join(name).exists();
    let existing: Vec<&str> =
        files.iter().map(|(name, _)| *name).filter(|name| wanted(name) && folder.join(name).exists()).collect();
    if !existing.is_empty() {
        return Err(CommandError::new(format!("`{}` already contains {}", folder.display(), existing.join(", ")))
            .with_help("Nothing was written. Choose another folder: `floe init DIR`."));
    }
    for (name, text) in files.iter().filter(|(name, _)| wanted(name)) {
        write_new_file(&folder.join(name), text)?;
    }
    let flags = RunFlags::new(folder, &[]);
    screen.notify("Created a project with a pool, two tables and a job. It runs on the simulator. Next:");
    screen.eprint(&format!("  {}\n  {}\n", flags.command("plan"), flags.command("apply")));
    Ok(Exit::Done)
}

/// Writes a file that must not exist yet, and creates its folder if needed.
fn write_new_file(path: &Path, text: &str) -> Result<(), CommandError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| connect::file_error("create", folder, &error))?;
    }
    // `create_new` does not overwrite a file that was created since the check either.
    let written = OpenOptions::new().write(true).create_new(true).open(path);
    written
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| connect::file_error("write", path, &error))
}

/// Returns a project name made from the name of its folder: letters, digits and `-`.
fn project_name(folder: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = whole.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_matches('-').to_owned();
    if name.is_empty() { "my-project".to_owned() } else { name }
}
