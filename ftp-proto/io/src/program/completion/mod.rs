//! Completion of command lines: the scripts that shells load, and what these ask the program at each press of Tab.
//!
//! A script contains no word of the program. It passes the line up to the cursor to `PROGRAM completions SHELL --words`,
//! on standard input, because a line may hold a password and arguments are seen by everybody. So all shells complete
//! the same words, and a new version of the program needs no new script.

mod candidates;
mod kind;
mod reader;

pub use candidates::{Candidate, Candidates, Files, KnownValues, complete};
use clap::{Args, Command};
use clap_complete::Shell;
use clap_complete::shells::{Elvish, PowerShell};
pub use kind::ValueKind;
pub use reader::{Part, Reader, Value, values};
use std::io::{self, Read};

use super::output;

/// What the verb `completions` of a program takes.
#[derive(Args, Clone, Copy, Debug)]
pub struct Completions {
    /// The shell to complete for
    #[arg(value_enum)]
    shell: Shell,
    /// Complete the words on standard input, each with a NUL behind it; the last one is at the cursor
    #[arg(long, hide = true)]
    words: bool,
}

impl Completions {
    /// Prints the script, or what completes the words on standard input. `known` gets the words before the cursor, and
    /// returns what knows what a value can be, by the name that the help gives to it, `PLACE`, and what is typed of it.
    ///
    /// # Errors
    ///
    /// Standard input cannot be read, or standard output not be written.
    pub fn print<K: Fn(&str, &str) -> KnownValues>(
        self,
        mut command: Command,
        known: impl FnOnce(&Command, &[String]) -> K,
    ) -> io::Result<()> {
        if !self.words {
            return output::print(&script(command, self.shell));
        }
        let mut typed = Vec::new();
        io::stdin().lock().take(LONGEST).read_to_end(&mut typed)?;
        let words = words(&typed);
        command.build();
        let known = known(&command, &words);
        let found = complete(&command, &words, known);
        output::print(lines(&found).as_bytes())
    }
}

/// The words of a line, each with a NUL behind it.
fn words(typed: &[u8]) -> Vec<String> {
    let typed = typed.strip_suffix(b"\0").unwrap_or(typed);
    typed.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// What the scripts read: the kind of files to add, or that the words are ids; then a line for each candidate, a tab before its help.
fn lines(found: &Candidates) -> String {
    let kind = match found.files {
        Files::None if found.are_ids => "ids",
        Files::None => "none",
        Files::All => "files",
        Files::Directories => "directories",
    };
    let mut lines = format!("{kind}\n");
    for Candidate { text, help } in &found.words {
        // A name with a control character is nothing that a person can choose from a list.
        if !text.chars().any(char::is_control) {
            lines.push_str(&format!("{text}\t{}\n", help.replace(char::is_control, " ")));
        }
    }
    lines
}

fn script(mut command: Command, shell: Shell) -> Vec<u8> {
    let name = command.get_name().to_owned();
    let Some(template) = template(shell) else {
        let mut script = Vec::new();
        // Named one by one: the generators of the other shells need not be linked.
        if shell == Shell::PowerShell {
            clap_complete::generate(PowerShell, &mut command, name.as_str(), &mut script);
        } else {
            clap_complete::generate(Elvish, &mut command, name.as_str(), &mut script);
        }
        return script;
    };
    template
        .replace("PROGRAM", &name)
        .replace("FUNCTION", &format!("_{}", name.replace('-', "_")))
        .into_bytes()
}

/// The script for a shell of which this module has one.
fn template(shell: Shell) -> Option<&'static str> {
    if shell == Shell::Bash {
        Some(include_str!("completion.bash"))
    } else if shell == Shell::Zsh {
        Some(include_str!("completion.zsh"))
    } else if shell == Shell::Fish {
        Some(include_str!("completion.fish"))
    } else {
        None
    }
}

/// The longest line that is completed.
const LONGEST: u64 = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_have_the_names_of_their_program() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(script(Command::new("a-program"), shell)).unwrap();
            assert!(script.contains(" a-program"), "{script}");
            assert!(!script.contains("PROGRAM") && !script.contains("FUNCTION"), "{script}");
        }
        for (shell, word) in
            [(Shell::Elvish, "edit:completion"), (Shell::PowerShell, "Register-ArgumentCompleter")]
        {
            let script = String::from_utf8(script(Command::new("a-program"), shell)).unwrap();
            assert!(script.contains("a-program") && script.contains(word), "{script}");
        }
    }

    #[test]
    fn words_come_with_a_nul_behind_each() {
        assert_eq!(words(b"copy\0--ov\0"), ["copy", "--ov"]);
        assert_eq!(words(b"copy\0\0"), ["copy", ""]);
        assert_eq!(words(b"\0"), [""]);
        assert_eq!(words(b""), [""]);
    }

    #[test]
    fn no_name_breaks_the_lines() {
        let word = |text: &str, help: &str| Candidate { text: text.to_owned(), help: help.to_owned() };
        let words = vec![word("a:", "one\ntwo"), word("b\tc", ""), word("d\n", "")];
        assert_eq!(lines(&Candidates { words, files: Files::All, are_ids: false }), "files\na:\tone two\n");
    }
}
