//! What was learnt about a server from its replies, beyond what it announces.

use crate::failure::Failure;
use ftp_proto::reply::Code;

/// What was learnt about a server from its replies. A session begins with none of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Manners {
    /// It does not know MLST, although it did not say so in FEAT.
    pub(super) refuses_mlst: bool,
    /// Whether SIZE tells the size of a directory too.
    pub(super) sizes_directories: Option<bool>,
    /// Whether CWD accepts a name that does not exist.
    pub(super) enters_anything: Option<bool>,
    /// It does not know RNFR.
    pub(super) cannot_rename: bool,
    /// A file was seen under the name that RNTO had given it.
    pub(super) renames: bool,
    /// A renamed file has another `unique` than before.
    pub(super) changes_unique: bool,
    /// Why it lists nothing: it knows no command that lists.
    pub(super) no_listings: Option<Failure>,
    /// Refusals of SIZE, without the name, that a listing has shown to mean that nothing is there.
    pub(super) absent: AbsentWords,
}

/// What a server says of a file that is not there. A server that finds other words each time is not remembered: its listings
/// are asked for again.
#[derive(Clone, Debug, Default)]
pub(super) struct AbsentWords(Vec<(Code, Vec<u8>)>);

impl AbsentWords {
    /// The words of a refusal, without the name; `None` if they are too long to be remembered.
    pub(super) fn of(code: Code, lines: &[Vec<u8>], name: &[u8]) -> Option<(Code, Vec<u8>)> {
        let length: usize = lines.iter().map(|line| line.len() + 1).sum();
        if length > LONGEST_WORDS + name.len() {
            return None;
        }
        let words = lines.join(&b' ');
        let rest = |at: usize| words.get(at..).and_then(|rest| rest.strip_prefix(name));
        let without = match (0..words.len()).find_map(|at| Some((words.get(..at)?, rest(at)?))) {
            Some((before, after)) => [before, after].concat(),
            None => words,
        };
        Some((code, without))
    }

    /// Whether the words are known to mean that nothing is there.
    pub(super) fn has(&self, words: Option<&(Code, Vec<u8>)>) -> bool {
        words.is_some_and(|words| self.0.contains(words))
    }

    /// Remembers the words, up to [`MOST_WORDS`].
    pub(super) fn learn(&mut self, words: Option<(Code, Vec<u8>)>) {
        if let Some(words) = words
            && self.0.len() < MOST_WORDS
            && !self.0.contains(&words)
        {
            self.0.push(words);
        }
    }
}

/// The length of the longest refusal that is remembered, in bytes, beside the name in it.
const LONGEST_WORDS: usize = 1024;
/// How many different refusals are remembered.
const MOST_WORDS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_absence_are_known_again_and_few_are_kept() {
        let words = |text: &str, name: &str| AbsentWords::of(Code(550), &[text.into()], name.as_bytes());
        let mut known = AbsentWords::default();
        known.learn(words("no file d/a here", "d/a"));
        assert!(known.has(words("no file x/y.z here", "x/y.z").as_ref()));
        assert!(!known.has(words("no right to d/a", "d/a").as_ref()));
        for number in 0..1000 {
            known.learn(words(&format!("{number}: no file a"), "a"));
        }
        assert_eq!(known.0.len(), MOST_WORDS);
        let long = words(&"x".repeat(900_000), "a");
        assert!(long.is_none() && !known.has(long.as_ref()));
    }
}
