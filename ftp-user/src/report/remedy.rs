//! The commands that messages name, as they have to be typed to work.

use super::Event;
use crate::failure::Failure;
use std::path::Path;
use std::sync::Arc;

/// The options of a command line that say where jobs and sites are kept, with a blank before each; empty if nobody has typed one.
#[derive(Clone, Debug, Default)]
pub struct StateOptions(Arc<str>);

impl StateOptions {
    /// Options, each with the path that was typed behind it.
    pub fn new<'a>(typed: impl Iterator<Item = (&'a str, &'a Path)>) -> Self {
        let words = typed.map(|(option, path)| format!(" {option} {}", for_shell(&path.to_string_lossy())));
        Self(words.collect::<String>().into())
    }

    /// The text with the options in each command that needs them. What was put in is not looked at again.
    pub(super) fn complete(&self, text: &mut String) {
        if self.0.is_empty() || !text.contains(PROGRAM) {
            return;
        }
        let mut parts = text.split(PROGRAM);
        let mut completed = parts.next().unwrap_or_default().to_owned();
        for rest in parts {
            let verb = rest.split_whitespace().next().unwrap_or_default();
            // Behind another letter it is a part of a name.
            let begins = completed.is_empty() || completed.ends_with([' ', '(']);
            let needs = begins
                && rest.starts_with(' ')
                && VERBS.contains(&verb.trim_end_matches([',', ';', ')', '.']));
            completed.extend([PROGRAM, if needs { &self.0 } else { "" }, rest]);
        }
        *text = completed;
    }

    fn hint(&self, hint: &mut Option<String>) {
        hint.iter_mut().for_each(|hint| self.complete(hint));
    }

    /// The failure with the options in the command that its hint names.
    #[must_use]
    pub fn of(&self, mut failure: Failure) -> Failure {
        self.hint(&mut failure.hint);
        failure
    }

    /// The event with the options in the commands that its words name.
    pub(super) fn said(&self, mut event: Event) -> Event {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others name no command")]
        match &mut event {
            Event::Warning { message } | Event::Repeated { message, .. } | Event::Notice { message } => {
                self.complete(message);
            }
            Event::Withheld(withheld) => self.complete(&mut withheld.message),
            Event::Failed(item) => self.hint(&mut item.failure.hint),
            Event::Causes(causes) => {
                let items = causes.iter_mut().flat_map(|cause| &mut cause.first);
                items.for_each(|item| self.hint(&mut item.failure.hint));
            }
            Event::File(file) => {
                if let Err(failure) = &mut file.copy {
                    self.hint(&mut failure.hint);
                }
            }
            Event::Checked(checked) => self.hint(&mut checked.hint),
            _ => {}
        }
        event
    }
}

impl std::fmt::Display for StateOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A word as it has to be typed in a shell, whatever is in it.
fn for_shell(word: &str) -> String {
    let is_plain = |one: char| one.is_alphanumeric() || "_@%+=:,./-".contains(one);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The program, as messages name it.
const PROGRAM: &str = "ftp-user";
/// The verbs of jobs and sites that messages name.
const VERBS: [&str; 6] = ["resume", "retry", "cancel", "jobs", "why", "sites"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        for (path, expect) in [
            ("/var/lib/ftp-user", " --state /var/lib/ftp-user"),
            ("a b", " --state 'a b'"),
            ("e$(touch x)", " --state 'e$(touch x)'"),
            ("~/it's", r" --state '~/it'\''s'"),
            ("", " --state ''"),
        ] {
            let options = StateOptions::new([("--state", Path::new(path))].into_iter());
            assert_eq!(options.to_string(), expect);
        }
    }

    #[test]
    fn options_are_put_into_commands_once() {
        let complete = |options: &str, text: &str| {
            let mut text = text.to_owned();
            StateOptions(options.into()).complete(&mut text);
            text
        };
        let twice = "ftp-user resume 1 goes on, ftp-user why, ftp-user jobs; ftp-user-x why";
        assert_eq!(
            complete(" --state s", twice),
            "ftp-user --state s resume 1 goes on, ftp-user --state s why, ftp-user --state s jobs; ftp-user-x why"
        );
        assert_eq!(
            complete(" --config 'ftp-user sites.toml'", "ftp-user resume 1"),
            "ftp-user --config 'ftp-user sites.toml' resume 1"
        );
        assert_eq!(complete(" --state s", "in ftp-user jobs.txt"), "in ftp-user jobs.txt");
        assert_eq!(complete(" --state s", "t/ftp-user cancel last"), "t/ftp-user cancel last");
        assert_eq!(complete("", twice), twice);
    }
}
