//! `floe completions SHELL`: a script made from the commands as they are defined.

use std::fmt::Write;

use clap::{Command, CommandFactory};

use super::{
    CommandError, Exit, Screen,
    arguments::{Arguments, Shell},
};

/// Prints the script.
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

/// The words that may follow a command: its subcommands, then its long flags.
fn completion_words(command: &Command) -> Vec<String> {
    let commands = command.get_subcommands().map(|command| command.get_name().to_owned());
    let flags = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let flags = flags.filter_map(|argument| argument.get_long().map(|long| format!("--{long}")));
    let values = command.get_positionals().flat_map(|argument| argument.get_possible_values());
    let values = values.map(|value| value.get_name().to_owned()).collect::<Vec<_>>();
    commands.chain(values).chain(flags).collect()
}

/// Every command with the words before it: `state list`.
fn collect_subcommands<'c>(command: &'c Command, path: &str, found: &mut Vec<(String, &'c Command)>) {
    for below in command.get_subcommands() {
        let path = if path.is_empty() { below.get_name().to_owned() } else { format!("{path} {}", below.get_name()) };
        found.push((path.clone(), below));
        collect_subcommands(below, &path, found);
    }
}

/// The last command word on the line decides; what it does not know, files complete.
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

/// Zsh understands bash's functions.
fn zsh(command: &Command) -> String {
    format!("#compdef floe\nautoload -U +X bashcompinit && bashcompinit\n{}", bash(command))
}

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

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
