//! Whether a name is not there: words that say so, and the questions that show it.

use super::{Answer, Manners};
use crate::deletion::ExistenceQuestion;
use crate::dialect::Dialect;
use crate::reply::{Blame, Code, Reply};
use crate::wire::PathName;

/// What a server says of a file that is not there. A server that finds other words each time is not remembered: its listings
/// are asked for again.
#[derive(Clone, Debug, Default)]
pub struct AbsentWords(Vec<(Code, Vec<u8>)>);

impl AbsentWords {
    /// The words of a refusal, without the name; `None` if they are too long to be remembered.
    pub fn of(code: Code, lines: &[Vec<u8>], name: &[u8]) -> Option<(Code, Vec<u8>)> {
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
    pub fn has(&self, words: Option<&(Code, Vec<u8>)>) -> bool {
        words.is_some_and(|words| self.0.contains(words))
    }

    /// Remembers the words, up to `MOST_WORDS`.
    pub fn learn(&mut self, words: Option<(Code, Vec<u8>)>) {
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

impl Manners {
    /// Whether its words for a name that is not there stand for nothing else: those of `ftp-server` do.
    pub const fn has_own_words(&self) -> bool {
        self.capabilities.takes_ahead && self.capabilities.mlst.is_some()
    }

    /// The questions about a name that the server has. CWD needs the way back.
    pub fn questions(&self, has_home: bool) -> Vec<ExistenceQuestion> {
        if self.has_own_words() {
            return vec![ExistenceQuestion::Mlst];
        }
        let is_known = |question: &ExistenceQuestion| match question {
            ExistenceQuestion::Mlst => self.capabilities.mlst.is_some(),
            ExistenceQuestion::Size | ExistenceQuestion::Mdtm => self.dialect == Dialect::Rfc959,
            // MLST tells of directories too. Pure-FTPd waits longer after each CWD that fails.
            ExistenceQuestion::Cwd => has_home && self.capabilities.mlst.is_none(),
        };
        ExistenceQuestion::ALL.into_iter().filter(is_known).collect()
    }

    /// How many of these paths are asked for together, with so many questions each. `ftp-server` keeps 64 commands and 16 KiB
    /// of them, others less; most take one at a time.
    pub fn paths_at_once(&self, paths: &[PathName], questions: usize) -> usize {
        match self.capabilities.takes_ahead || self.capabilities.queues_commands {
            true => at_once(paths, questions),
            false => 1,
        }
    }

    /// Whether these refusals of a name say that it is not there. No words of "550 Could not get file size." tell why, so
    /// this counts only where a listing has shown nothing.
    pub fn say_missing<'a>(&self, mut refusals: impl Iterator<Item = &'a Answer>) -> bool {
        refusals.all(|answer| match answer.blame(self.dialect) {
            Blame::Missing => true,
            Blame::File => !speaks_of_rights(&answer.reply),
            Blame::Space | Blame::Login | Blame::Path | Blame::Busy | Blame::Unsupported | Blame::Peer => {
                false
            }
        })
    }
}

/// Whether a refusal says that somebody may not do something.
fn speaks_of_rights(reply: &Reply) -> bool {
    reply.lines.iter().any(|line| {
        let line = line.to_ascii_lowercase();
        [&b"denied"[..], b"permi"].iter().any(|word| line.windows(word.len()).any(|found| found == *word))
    })
}

fn at_once(paths: &[PathName], questions: usize) -> usize {
    let mut bytes = 0;
    let fits = |path: &&PathName| {
        bytes += questions * (2 * path.as_bytes().len() + LINE);
        bytes < MOST_BYTES
    };
    let most = MOST_COMMANDS / questions.max(1);
    paths.iter().take(most).take_while(fits).count().max(1)
}

/// The largest number of questions that are sent together.
const MOST_COMMANDS: usize = 32;
/// The largest number of their bytes.
const MOST_BYTES: usize = 4096;
/// What a line of a question has beside its path, at most.
const LINE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Verb;
    use crate::reply::{Class, Reply};

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

    #[test]
    fn a_refusal_that_speaks_of_rights_does_not_say_that_a_name_is_missing() {
        let check = |texts: &[&str], expect: bool| {
            let answers: Vec<Answer> = texts
                .iter()
                .map(|text| {
                    let reply = Reply { code: Code(550), lines: vec![text.as_bytes().to_vec()] };
                    Answer { reply, class: Class::Refused, verb: Verb::Size }
                })
                .collect();
            assert_eq!(Manners::default().say_missing(answers.iter()), expect, "{texts:?}");
        };
        check(&["Could not get file size."], true);
        check(&["No such file or directory"], true);
        check(&["Could not get file size.", "Permission denied"], false);
        check(&["Operation not permitted"], false);
    }

    #[test]
    fn only_questions_that_a_server_knows_are_asked() {
        use ExistenceQuestion::{Cwd, Mdtm, Mlst, Size};
        let mut manners = Manners::default();
        assert_eq!(manners.questions(true), [Size, Mdtm, Cwd]);
        assert_eq!(manners.questions(false), [Size, Mdtm]);
        manners.capabilities.mlst = Some(Vec::new());
        assert_eq!(manners.questions(true), [Mlst, Size, Mdtm]);
        manners.capabilities.takes_ahead = true;
        assert_eq!(manners.questions(true), [Mlst]);
        let paths = vec![PathName::from_user("a".repeat(100)).unwrap(); 100];
        assert_eq!(manners.paths_at_once(&paths, 1), 19);
        assert_eq!(Manners::default().paths_at_once(&paths, 1), 1);
    }
}
