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
    clap_complete::generate(shell, &mut command, name, &mut script);
    script
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
    fn the_page_has_a_section_for_each_verb() {
        let page = String::from_utf8(page(command()).unwrap()).unwrap();
        assert!(page.contains(".SH \"VERB COPY\"") && page.contains("Copy files"), "{page}");
        assert!(!page.contains("VERB HELP"), "{page}");
    }
}
