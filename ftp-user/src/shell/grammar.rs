//! The grammar of a line, as RSEXEC had it: a verb, which may be short, its arguments, and words in parentheses that only make
//! it easier to read. Pure.

use super::mistake::Mistake;
use super::vocabulary::{Vocabulary, shown};
use super::words::{Line, Word};
use ftp_io::program::completion::{Part, Reader};

/// A line that was understood.
#[derive(Clone, Debug)]
pub struct Command<'a> {
    /// What is done.
    pub verb: &'a clap::Command,
    /// Its arguments: options that stood before the verb, then what stood behind it.
    pub arguments: Vec<Word>,
    /// Whether it is carried out in the background.
    pub is_background: bool,
}

impl<'a> Command<'a> {
    /// Understands a line; `None` if nothing stands in it.
    ///
    /// # Errors
    ///
    /// The verb is not known or means several, or a word in parentheses is none of those that may be left out.
    pub fn read(line: Line, vocabulary: &'a Vocabulary) -> Result<Option<Self>, Mistake> {
        let Line { mut words, is_background } = line;
        if let Some(noise) = words.iter().find(|word| word.is_noise && !is_known_noise(&word.text)) {
            let what = format!(
                "({}) is not one of the words that may be left out, such as (FILE) or (TO)",
                shown(&noise.text)
            );
            return Err(Mistake::at(noise.at, what).hint("write \\( if a name begins with a parenthesis"));
        }
        words.retain(|word| !word.is_noise);
        let Some(place) = verb_place(&words, vocabulary) else {
            return match words.first() {
                Some(first) => Err(Mistake::at(first.at, "a line needs a verb").hint("help lists them")),
                None if is_background => Err(Mistake::at(0, "& needs a command before it")),
                None => Ok(None),
            };
        };
        let word = words.remove(place);
        let verb = vocabulary.find(&word)?;
        Ok(Some(Self { verb, arguments: words, is_background }))
    }

    /// The texts of the arguments.
    pub fn texts(&self) -> Vec<&str> {
        self.arguments.iter().map(|word| word.text.as_str()).collect()
    }
}

/// Where the verb stands: options of every verb may come before it.
fn verb_place(words: &[Word], vocabulary: &Vocabulary) -> Option<usize> {
    let mut reader = Reader::at(vocabulary.root());
    words.iter().position(|word| matches!(reader.read(&word.text), Part::Verb(_) | Part::Operand(_)))
}

/// Whether all of these words may be left out.
fn is_known_noise(text: &str) -> bool {
    text.split_whitespace().all(|word| NOISE.iter().any(|noise| noise.eq_ignore_ascii_case(word)))
}

/// The words that may stand in parentheses. Others may be a name in the wrong place, as in `rm (old) file`.
const NOISE: &[&str] = &[
    "at",
    "command",
    "component",
    "components",
    "directory",
    "file",
    "files",
    "for",
    "from",
    "host",
    "in",
    "is",
    "it",
    "job",
    "jobs",
    "name",
    "of",
    "on",
    "site",
    "sites",
    "the",
    "to",
    "tty",
    "user",
    "with",
];

#[cfg(test)]
mod tests {
    use super::super::vocabulary::tests::vocabulary;
    use super::super::words::split;
    use super::*;

    fn read(line: &str) -> Result<Option<(String, String)>, String> {
        let vocabulary = vocabulary();
        let read = split(line).and_then(|line| Command::read(line, &vocabulary));
        let shown = |command: Command<'_>| (command.verb.get_name().to_owned(), command.texts().join(" "));
        read.map(|found| found.map(shown)).map_err(|mistake| mistake.failure(line).to_string())
    }

    #[test]
    fn h26_noise_words_and_capitals_make_no_difference() {
        for line in [
            "APPEND (FILE) A (TO FILE) B",
            "APPEND A B",
            "append (file) A (to file) B",
            "Append (File) A (To) B",
            "app A B",
            "APP (FILE) A B",
            "  append   ( file )  A   B  # RFC 438",
            "append 'A' \"B\"",
        ] {
            assert_eq!(read(line), Ok(Some(("append".to_owned(), "A B".to_owned()))), "{line}");
        }
    }

    #[test]
    fn h26_every_verb_takes_noise_words() {
        for (line, verb, arguments) in [
            ("DELETE (FILE) lab:x", "rm", "lab:x"),
            ("RENAME (FILE) a (TO) b", "mv", "a b"),
            ("DIRECTORY (OF) lab:", "ls", "lab:"),
            ("TYPE (FILE) lab:x", "cat", "lab:x"),
            ("WHERE (IS) x", "where", "x"),
            ("copy -r (FILES) a (TO) b", "copy", "-r a b"),
            ("--json ls a", "ls", "--json a"),
            ("--state here --json copy -r a b", "copy", "--state here --json -r a b"),
        ] {
            assert_eq!(read(line), Ok(Some((verb.to_owned(), arguments.to_owned()))), "{line}");
        }
    }

    #[test]
    fn nothing_is_no_command() {
        for line in ["", "   ", "# a comment", "(FILE)"] {
            assert_eq!(read(line), Ok(None), "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_is_located() {
        for (line, expect) in [
            ("rm (old) file", "column 4: (old) is not one of the words"),
            ("rm \\(old) file", ""),
            ("  m a b", "column 3: m is short for several verbs"),
            ("&", "& needs a command before it"),
            ("--json", "column 1: a line needs a verb"),
        ] {
            match read(line) {
                Ok(_) => assert_eq!(expect, "", "{line}"),
                Err(said) => assert!(!expect.is_empty() && said.contains(expect), "{line}: {said}"),
            }
        }
    }
}
