//! `floe completions SHELL`: prints a completion script that is generated from the definition of the commands.

use std::fmt::Write;

use clap::{Command, CommandFactory};

use super::{
    CommandError, Exit, Screen,
    arguments::{Arguments, Shell},
};

/// Prints the completion script of `shell`.
pub fn run(shell: Shell, screen: &Screen) -> Result<Exit, CommandError> {
    let mut command = Arguments::command();
    command.build();
    screen.print(&match shell {
        Shell::Bash => bash(&command),
        Shell::Zsh => zsh(&command),
        Shell::Fish => fish(&command),
    })?;
    Ok(Exit::Done)
}

/// Returns the words that may follow a command: its subcommands, the values of its arguments, and its long flags.
fn completion_words(command: &Command) -> Vec<String> {
    let commands = command.get_subcommands().map(|command| command.get_name().to_owned());
    let flags = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let flags = flags.filter_map(|argument| argument.get_long().map(|long| format!("--{long}")));
    let values = command.get_positionals().flat_map(|argument| argument.get_possible_values());
    let values = values.map(|value| value.get_name().to_owned()).collect::<Vec<_>>();
    commands.chain(values).chain(flags).collect()
}

/// Collects every command below `command` with its full path, such as `state list`.
fn collect_subcommands<'c>(command: &'c Command, path: &str, found: &mut Vec<(String, &'c Command)>) {
    for below in command.get_subcommands() {
        let path = if path.is_empty() { below.get_name().to_owned() } else { format!("{path} {}", below.get_name()) };
        found.push((path.clone(), below));
        collect_subcommands(below, &path, found);
    }
}

/// Returns the script for bash. The last command on the line decides what is completed. Anything else is completed with
/// file names.
fn bash(command: &Command) -> String {
    let mut found = Vec::new();
    collect_subcommands(command, "", &mut found);
    let mut cases = String::new();
    for (path, below) in &found {
        let _ = writeln!(cases, "    '{path}') words='{}' ;;", completion_words(below).join(" "));
    }
    let names: Vec<&str> = found.iter().filter_map(|(path, _)| path.rsplit(' ').next()).collect();
    format!(
        "_floe() {{\n  local current=\"${{COMP_WORDS[COMP_CWORD]}}\" path='' words='{}' word\n  \
         for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n    case \" {} \" in\n      \
         *\" $word \"*) path=\"${{path:+$path }}$word\" ;;\n    esac\n  done\n  case \"$path\" in\n{cases}  esac\n  \
         COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n}}\ncomplete -o default -F _floe floe\n",
        completion_words(command).join(" "),
        names.join(" ")
    )
}

/// Returns the script for zsh, which can run the script for bash.
fn zsh(command: &Command) -> String {
    format!("#compdef floe\nautoload -U +X bashcompinit && bashcompinit\n{}", bash(command))
}

/// Returns the script for fish.
fn fish(command: &Command) -> String {
    let mut text = String::new();
    let top: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    let about = |command: &Command| quoted(&command.get_about().map(ToString::to_string).unwrap_or_default());
    for below in command.get_subcommands() {
        let _ = writeln!(
            text,
            "complete -c floe -n 'not __fish_seen_subcommand_from {}' -f -a {} -d {}",
            top.join(" "),
            below.get_name(),
            about(below)
        );
    }
    let mut found = Vec::new();
    collect_subcommands(command, "", &mut found);
    for (path, below) in found {
        let name = path.rsplit(' ').next().unwrap_or_default();
        for argument in below.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let Some(long) = argument.get_long() else { continue };
            let help = quoted(&argument.get_help().map(ToString::to_string).unwrap_or_default());
            let _ = writeln!(text, "complete -c floe -n '__fish_seen_subcommand_from {name}' -l {long} -d {help}");
        }
        for further in below.get_subcommands() {
            let _ = writeln!(
                text,
                "complete -c floe -n '__fish_seen_subcommand_from {name}' -f -a {} -d {}",
                further.get_name(),
                about(further)
            );
        }
    }
    text
}

/// Returns `text` in single quotes, as fish reads it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
