//! `floe help TOPIC`: a command's help, or what a lint means.

use clap::CommandFactory;

use super::{Exit, Screen, Trouble, arguments::Arguments};
use crate::sql;

/// Explains a command or a lint's code.
pub fn run(topic: &[String], screen: &Screen) -> Result<Exit, Trouble> {
    if let [code] = topic
        && let Some(lint) = sql::explain_lint(code)
    {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        screen.out(&format!(
            "{}: {}\n\n{}\n\nFix: {}\n\nAllow it, per statement or project: allow = [\"{}\"]\nSource: {}\n",
            lint.code,
            lint.title,
            words(lint.reason),
            words(lint.fix),
            lint.code,
            lint.source
        ))?;
        return Ok(Exit::Done);
    }
    let mut command = Arguments::command();
    command.build();
    let mut found = &mut command;
    for name in topic {
        found = found.find_subcommand_mut(name).ok_or_else(|| {
            let codes: Vec<&str> = sql::lint_codes().collect();
            Trouble::new(format!("there is neither a command nor a lint `{name}`"))
                .help(format!("`floe help` lists commands; lints are {}", codes.join(", ")))
        })?;
    }
    let text = found.render_long_help();
    screen.out(&if screen.out.colour { text.ansi().to_string() } else { text.to_string() })?;
    Ok(Exit::Done)
}
