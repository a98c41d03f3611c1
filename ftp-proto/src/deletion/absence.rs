//! Whether a server surely lacks a name. Few servers have words of their own for a name that is not there, and some refuse a
//! broken disk, a full process table and a missing name in the same words. So a name is compared with one that cannot exist.

use crate::command::{Command, Verb};
use crate::dialect::Dialect;
use crate::reply::{Blame, Class, Reply, blame, classify};
use crate::wire::PathName;

/// A question that tells whether a server has a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ExistenceQuestion {
    /// MLST (RFC 3659 section 7).
    Mlst,
    /// SIZE (RFC 3659 section 4).
    Size,
    /// MDTM (RFC 3659 section 3).
    Mdtm,
    /// CWD (RFC 959). Whoever gets in has to go back.
    Cwd,
}

impl ExistenceQuestion {
    /// All questions, in the order in which they are asked. RNFR is none of them: behind a 350, ProFTPD refuses every command
    /// but RNTO.
    pub const ALL: [Self; 4] = [Self::Mlst, Self::Size, Self::Mdtm, Self::Cwd];

    /// The command that asks it.
    pub fn command(self, path: PathName) -> Command {
        match self {
            Self::Mlst => Command::Mlst(Some(path)),
            Self::Size => Command::Size(path),
            Self::Mdtm => Command::Mdtm(path),
            Self::Cwd => Command::Cwd(path),
        }
    }

    /// The verb of that command.
    pub const fn verb(self) -> Verb {
        match self {
            Self::Mlst => Verb::Mlst,
            Self::Size => Verb::Size,
            Self::Mdtm => Verb::Mdtm,
            Self::Cwd => Verb::Cwd,
        }
    }
}

/// What a server has answered to the questions about one name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Answers(Vec<(ExistenceQuestion, Reply)>);

impl Answers {
    /// Adds the reply to a question.
    pub fn add(&mut self, question: ExistenceQuestion, reply: Reply) {
        self.0.push((question, reply));
    }

    /// Whether one of the replies says that the server has the name.
    pub fn found(&self, dialect: Dialect) -> bool {
        self.0.iter().any(|(question, reply)| says_yes(dialect, *question, reply))
    }
}

/// Whether a server has a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Presence {
    /// It surely lacks it.
    Missing,
    /// It has it.
    There,
    /// Nobody can tell: the name is kept.
    Unknown,
}

/// What a server says of a name that cannot exist, in one directory and one session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MissingWords {
    dialect: Dialect,
    name: Vec<u8>,
    answers: Answers,
}

impl MissingWords {
    /// `name` is the last name of the path that was asked for, which cannot exist.
    pub fn new(dialect: Dialect, name: &PathName, answers: Answers) -> Self {
        Self { dialect, name: name.as_bytes().to_vec(), answers }
    }

    /// Whether the server told apart a name that cannot exist from one that does: it refused at least one question, and not
    /// because it does not know the command.
    pub fn tell_something(&self) -> bool {
        self.answers.0.iter().any(|(question, reply)| refuses_the_name(self.dialect, *question, reply))
    }

    /// Whether every reply says in so many words that nothing is there. A server that has such words, and uses them for nothing
    /// else, needs no witness.
    pub fn say_missing(&self) -> bool {
        !self.answers.0.is_empty() && self.answers.0.iter().all(|answer| self.says_missing(answer))
    }

    /// Whether one of the replies says in so many words that nothing is there.
    pub fn one_says_missing(&self) -> bool {
        self.answers.0.iter().any(|answer| self.says_missing(answer))
    }

    fn says_missing(&self, (question, reply): &(ExistenceQuestion, Reply)) -> bool {
        blame(self.dialect, question.verb(), reply) == Blame::Missing
    }

    /// Whether the server says the same of a name that cannot exist in another directory. If it does not, the reason of one of
    /// both replies may be another one, such as an input/output error. `here` and `there` are the whole paths that were asked for.
    pub fn are_those_of(&self, here: &PathName, there: &PathName, answers: &Answers) -> bool {
        let moved = |(question, reply): &(ExistenceQuestion, Reply)| {
            let lines =
                reply.lines.iter().map(|line| replaced(line, here.as_bytes(), there.as_bytes())).collect();
            (*question, Reply { code: reply.code, lines })
        };
        self.answers.0.iter().map(moved).eq(answers.0.iter().cloned())
    }

    /// Whether the server has the name whose last part is `name`, by its answers to the same questions.
    ///
    /// It is missing only if every reply is the one for the name that cannot exist, with this name in its place. A reply of a
    /// question that the server answers with yes for any name tells nothing.
    pub fn presence(&self, name: &PathName, answers: &Answers) -> Presence {
        let is_asked_alike = self.answers.0.len() == answers.0.len()
            && self.answers.0.iter().zip(&answers.0).all(|((asked, _), (question, _))| asked == question);
        if !is_asked_alike || !self.tell_something() {
            return Presence::Unknown;
        }
        let pairs = || self.answers.0.iter().zip(&answers.0);
        let is_found = |((_, impossible), (question, reply)): (
            &(ExistenceQuestion, Reply),
            &(ExistenceQuestion, Reply),
        )| {
            says_yes(self.dialect, *question, reply) && !says_yes(self.dialect, *question, impossible)
        };
        if pairs().any(is_found) {
            return Presence::There;
        }
        let is_alike = |((_, impossible), (question, reply)): (
            &(ExistenceQuestion, Reply),
            &(ExistenceQuestion, Reply),
        )| {
            (says_yes(self.dialect, *question, reply) && says_yes(self.dialect, *question, impossible))
                || self.with_name(impossible, name) == *reply
        };
        if pairs().all(is_alike) { Presence::Missing } else { Presence::Unknown }
    }

    /// The reply with another name in the place of the one that cannot exist.
    fn with_name(&self, reply: &Reply, name: &PathName) -> Reply {
        let lines = reply.lines.iter().map(|line| replaced(line, &self.name, name.as_bytes())).collect();
        Reply { code: reply.code, lines }
    }
}

/// Whether a reply says that the server has the name.
fn says_yes(dialect: Dialect, question: ExistenceQuestion, reply: &Reply) -> bool {
    matches!(classify(dialect, question.verb(), reply.code), Class::Done | Class::More)
}

/// Whether a reply refuses the name, and not the command.
fn refuses_the_name(dialect: Dialect, question: ExistenceQuestion, reply: &Reply) -> bool {
    !says_yes(dialect, question, reply)
        && matches!(blame(dialect, question.verb(), reply), Blame::Missing | Blame::File)
}

/// The line with every `old` replaced.
fn replaced(line: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(line.len()), line);
    while let Some(at) = memchr::memmem::find(rest, old).filter(|_| !old.is_empty()) {
        let (before, from) = rest.split_at(at);
        out.extend_from_slice(before);
        out.extend_from_slice(new);
        rest = from.get(old.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::Code;

    fn reply(text: &str) -> Reply {
        let (code, words) = text.split_once(' ').unwrap();
        Reply { code: Code(code.parse().unwrap()), lines: vec![words.as_bytes().to_vec()] }
    }

    fn answers(texts: &[(ExistenceQuestion, &str)]) -> Answers {
        let mut answers = Answers::default();
        texts.iter().for_each(|(question, text)| answers.add(*question, reply(text)));
        answers
    }

    fn presence(impossible: &[(ExistenceQuestion, &str)], name: &[(ExistenceQuestion, &str)]) -> Presence {
        let path = |text: &str| PathName::from_user(text).unwrap();
        MissingWords::new(Dialect::Rfc959, &path("no-such-7f3a"), answers(impossible))
            .presence(&path("o"), &answers(name))
    }

    #[test]
    fn the_words_of_another_directory_show_that_a_whole_directory_fails() {
        let path = |text: &str| PathName::from_user(text).unwrap();
        let (here, there) = (path("d/e/no-such-7f3a"), path("no-such-7f3a"));
        for (text, elsewhere, is_one) in [
            (
                "550 d/e/no-such-7f3a: Input/output error",
                "550 no-such-7f3a: No such file or directory",
                false,
            ),
            ("550 /pub/d/e/no-such-7f3a: denied", "550 /pub/no-such-7f3a: denied", true),
            ("550 Could not get file size.", "550 Could not get file size.", true),
            ("550 Could not get file size.", "450 Could not get file size.", false),
        ] {
            let words =
                MissingWords::new(Dialect::Rfc959, &there, answers(&[(ExistenceQuestion::Size, text)]));
            let answered = |question| answers(&[(question, elsewhere)]);
            assert_eq!(
                words.are_those_of(&here, &there, &answered(ExistenceQuestion::Size)),
                is_one,
                "{text}"
            );
            assert!(!words.are_those_of(&here, &there, &answered(ExistenceQuestion::Mdtm)), "{text}");
        }
    }

    #[test]
    fn a_name_is_missing_only_in_the_words_for_one_that_cannot_exist() {
        use ExistenceQuestion::{Cwd, Mdtm, Mlst, Size};
        use Presence::{Missing, There, Unknown};
        let proftpd = [
            (Mlst, "550 'd/no-such-7f3a' cannot be listed"),
            (Size, "550 d/no-such-7f3a: No such file or directory"),
        ];
        let vsftpd = [(Size, "550 Could not get file size."), (Cwd, "550 Failed to change directory.")];
        for (impossible, name, expect) in [
            (
                &proftpd[..],
                &[(Mlst, "550 'd/o' cannot be listed"), (Size, "550 d/o: No such file or directory")][..],
                Missing,
            ),
            (
                &proftpd,
                &[(Mlst, "550 'd/o' cannot be listed"), (Size, "550 d/o: Stale file handle")],
                Unknown,
            ),
            (
                &proftpd,
                &[(Mlst, "550 'd/o' cannot be listed"), (Size, "550 d/o: Input/output error")],
                Unknown,
            ),
            (&proftpd, &[(Mlst, "550 'd/o' cannot be listed"), (Size, "213 5")], There),
            // Fewer questions were asked, or others.
            (&proftpd, &[(Mlst, "550 'd/o' cannot be listed")], Unknown),
            (
                &proftpd,
                &[(Mlst, "550 'd/o' cannot be listed"), (Mdtm, "550 d/o: No such file or directory")],
                Unknown,
            ),
            (
                &vsftpd,
                &[(Size, "550 Could not get file size."), (Cwd, "550 Failed to change directory.")],
                Missing,
            ),
            (&vsftpd, &[(Size, "550 Could not get file size."), (Cwd, "250 Directory changed.")], There),
            (&vsftpd, &[(Size, "450 Try again."), (Cwd, "550 Failed to change directory.")], Unknown),
            // It enters everything: that question tells nothing, and the other one decides.
            (
                &[(Size, "550 gone"), (Cwd, "250 ok no-such-7f3a")],
                &[(Size, "550 gone"), (Cwd, "250 ok")],
                Missing,
            ),
            (&[(Cwd, "250 ok")], &[(Cwd, "250 ok")], Unknown),
            // It knows none of the commands, or answers nothing about the name.
            (&[(Size, "502 Unknown."), (Mdtm, "500 ?")], &[(Size, "502 Unknown."), (Mdtm, "500 ?")], Unknown),
            (&[(Size, "421 Bye.")], &[(Size, "421 Bye.")], Unknown),
            (&[(Size, "530 Log in.")], &[(Size, "530 Log in.")], Unknown),
            (&[], &[], Unknown),
        ] {
            assert_eq!(presence(impossible, name), expect, "{impossible:?} {name:?}");
        }
    }
}
