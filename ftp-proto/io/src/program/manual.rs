//! Shell completions and the manual page, both made of the description that `--help` prints.

use std::io::{self, Write};

use clap::Command;
pub use clap_complete::Shell;
use clap_mangen::Man;

use super::output;

/// Prints the script that completes the options of `command` in `shell`.
///
/// # Errors
///
/// Standard output cannot be written.
pub fn print_completions(command: Command, shell: Shell) -> io::Result<()> {
    output::print(&completions(command, shell))
}

/// Prints the manual page of `command` in the language of man(7), with a section for each verb.
///
/// # Errors
///
/// Standard output cannot be written.
pub fn print_page(command: Command) -> io::Result<()> {
    output::print(&page(command)?)
}

fn completions(mut command: Command, shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name.as_str(), &mut script);
    if shell == Shell::Bash { with_branches(script, &name) } else { script }
}

/// The script for bash of a program with a hyphen in its name. clap_complete spells that hyphen in one way
/// where it sets the state of a verb, and in another way where it looks for the state, so that no verb
/// would have completions.
fn with_branches(script: Vec<u8>, name: &str) -> Vec<u8> {
    let (set, looked_for) = (name.replace('-', "__"), name.replace('-', "__subcmd__"));
    String::from_utf8(script).map_or_else(
        |not_text| not_text.into_bytes(),
        |script| script.replace(&looked_for, &set).into_bytes(),
    )
}

fn page(mut command: Command) -> io::Result<Vec<u8>> {
    command.build();
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        writeln!(page, ".SH \"VERB {}\"", verb.get_name().to_uppercase())?;
        let man = Man::new(verb.clone());
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Arg;

    fn command() -> Command {
        let copy = Command::new("copy").about("Copy files").arg(Arg::new("recursive").short('r'));
        Command::new("program").about("Moves files").subcommand(copy)
    }

    #[test]
    fn completions_know_the_verbs() {
        let script = String::from_utf8(completions(command(), Shell::Bash)).unwrap();
        assert!(script.contains("copy"), "{script}");
    }

    #[test]
    fn every_verb_has_completions_in_bash_also_if_the_program_has_a_hyphen() {
        for name in ["program", "a-program", "a-long-program"] {
            let script = completions(command().name(name), Shell::Bash);
            let script = String::from_utf8(script).unwrap();
            let states: Vec<_> =
                script.lines().filter_map(|line| line.trim().strip_prefix("cmd=\"")).collect();
            let states: Vec<_> = states.iter().map(|state| state.trim_end_matches('"')).collect();
            assert!(states.iter().any(|state| state.ends_with("copy")), "{states:?}");
            for state in states.iter().filter(|state| !state.is_empty()) {
                assert!(script.contains(&format!("\n        {state})\n")), "{name}: no branch for {state}");
            }
        }
    }

    #[test]
    fn the_page_has_a_section_for_each_verb() {
        let page = String::from_utf8(page(command()).unwrap()).unwrap();
        assert!(page.contains(".SH \"VERB COPY\"") && page.contains("Copy files"), "{page}");
        assert!(!page.contains("VERB HELP"), "{page}");
    }
}
