//! `floe init`: a project that plans and applies at once on the simulator.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use super::{CommandError, Exit, Screen, connect};

const FLOE_TOML: &str = r#"[project]
name = "NAME"

[defaults]                              # for every statement that does not say otherwise
pool       = "main"
properties = { "sql.current-catalog" = "${catalog}", "sql.current-database" = "${database}" }

[environments.local]                    # the embedded simulator: no account, no network
simulator = true
variables = { catalog = "local", database = "shop" }

# A real environment. Keys come from FLINK_API_KEY and FLINK_API_SECRET, for pools from
# CONFLUENT_CLOUD_API_KEY and CONFLUENT_CLOUD_API_SECRET.
#
# [environments.prod]
# organization = "b0b21724-4586-4a07-b787-d0bb5aacbf87"
# id           = "env-z3y2x1"
# cloud        = "aws"
# region       = "us-east-1"
# variables    = { catalog = "prod", database = "shop" }
"#;

const POOLS_TOML: &str = r"[pools.main]
max_cfu = 10
";

const TABLES_TOML: &str = r#"[statements.orders]
sql  = "CREATE TABLE orders (order_id STRING, customer STRING, price DECIMAL(10, 2))"
undo = "DROP TABLE orders"              # runs when it is removed or redefined; without it the table stays

[statements.large-orders]
sql  = "CREATE TABLE large_orders (order_id STRING, customer STRING, price DECIMAL(10, 2))"
undo = "DROP TABLE large_orders"
"#;

const JOB_SQL: &str = r"INSERT INTO large_orders
SELECT order_id, customer, price
FROM orders
WHERE price > 100
";

const GITIGNORE: &str = r"# What the simulator and a run keep beside the state.
state/local.*
state/*.world
state/*.lock
state/*.journal
state/*.plans
# Saved plans hold SQL and settings, and are used once.
*.plan
";

/// Writes the project into `folder`. Overwrites nothing: if one of the files is there, none is written.
pub fn run(folder: &Path, screen: &Screen) -> Result<Exit, CommandError> {
    let files = [
        ("floe.toml", FLOE_TOML.replace("NAME", &project_name(folder))),
        ("pools.toml", POOLS_TOML.to_owned()),
        ("statements/tables.toml", TABLES_TOML.to_owned()),
        ("statements/large-orders-filled.sql", JOB_SQL.to_owned()),
        (".gitignore", GITIGNORE.to_owned()),
    ];
    // A repository has its own list of what to ignore.
    let wanted = |name: &str| name != ".gitignore" || !folder.join(name).exists();
    let existing: Vec<&str> =
        files.iter().map(|(name, _)| *name).filter(|name| wanted(name) && folder.join(name).exists()).collect();
    if !existing.is_empty() {
        return Err(CommandError::new(format!(
            "{} already holds {}; nothing was written",
            folder.display(),
            existing.join(", ")
        ))
        .with_help("choose another folder: `floe init DIR`"));
    }
    for (name, text) in files.iter().filter(|(name, _)| wanted(name)) {
        write_new_file(&folder.join(name), text)?;
    }
    let chdir_flag = if folder == Path::new(".") { String::new() } else { format!(" -C {}", folder.display()) };
    screen.eprint(&format!(
        "A project with a pool, two tables and a job, on the simulator. Next:\n  floe{chdir_flag} plan\n  floe{chdir_flag} apply\n"
    ));
    Ok(Exit::Done)
}

fn write_new_file(path: &Path, text: &str) -> Result<(), CommandError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| connect::file_error("create", folder, &error))?;
    }
    // `create_new`: whoever was quicker is not overwritten either.
    let written = OpenOptions::new().write(true).create_new(true).open(path);
    written
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| connect::file_error("write", path, &error))
}

/// A project's name from its folder's: letters, digits and `-`.
fn project_name(folder: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = whole.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_matches('-').to_owned();
    if name.is_empty() { "my-project".to_owned() } else { name }
}
