//! What a reply means for the command that it answers. The first digit is not enough: 250 after RETR
//! starts a transfer in 1973 and ends it in RFC 959.

use super::Code;
use crate::command::Verb;
use crate::dialect::Dialect;

/// What a reply means for the command that it answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Class {
    /// It says nothing about the command (0xx, 1xx status in 1973, an unasked 255 or 300).
    Aside,
    /// The command has started, and another reply follows.
    Preliminary,
    /// The command has succeeded.
    Done,
    /// The command has succeeded so far, and the next command of the sequence is expected (331, 350).
    More,
    /// The command has failed but may succeed later.
    Later,
    /// The command has failed, and would fail again.
    Refused,
}

impl Class {
    /// Returns whether this is the last reply to the command.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Aside | Self::Preliminary => false,
            Self::Done | Self::More | Self::Later | Self::Refused => true,
        }
    }
}

/// Returns what a reply with `code` means for the command `verb`.
///
/// ```
/// use ftp_proto::command::Verb;
/// use ftp_proto::dialect::Dialect;
/// use ftp_proto::reply::{Class, Code, classify};
///
/// assert_eq!(classify(Dialect::Rfc354, Verb::Retr, Code(250)), Class::Preliminary);
/// assert_eq!(classify(Dialect::Rfc959, Verb::Retr, Code(250)), Class::Done);
/// ```
pub fn classify(dialect: Dialect, verb: Verb, code: Code) -> Class {
    match dialect {
        Dialect::Rfc354 => classify_354(verb, code),
        Dialect::Rfc959 => classify_959(verb, code),
    }
}

/// The first digit decides (dialect-1973 section 4), except for what may come at any time and for the
/// first replies to transfer commands.
fn classify_354(verb: Verb, code: Code) -> Class {
    match code.0 {
        0..=199 | 251 | 301 => Class::Aside, // 251: MARK; 301: the command is incomplete
        250 if transfers(verb) => Class::Preliminary,
        255 if !names_a_socket(verb) => Class::Aside, // spontaneous, as before 250 (RFC 354, B20)
        232 | 233 if verb == Verb::Rein => Class::Preliminary, // 300 follows
        300 if verb == Verb::Rein => Class::Done,
        300 => Class::Aside,
        332 => Class::Refused, // log in first (RFC 542)
        200..=299 => Class::Done,
        302..=399 => Class::More,
        // Logged out, forced out, broken off, no space, no connection, file system error: not now.
        401 | 434..=436 | 452..=455 | 504 => Class::Later,
        _ => Class::Refused,
    }
}

/// The first digit decides (RFC 959 section 4.2.1, RFC 1123 section 4.1.2.11).
fn classify_959(verb: Verb, code: Code) -> Class {
    match code.0 {
        0..=99 | 110..=112 => Class::Aside, // markers (RFC 959, GridFTP) say nothing of the end
        255 if transfers(verb) => Class::Aside,
        100..=199 => Class::Preliminary,
        200..=299 => Class::Done,
        300..=399 => Class::More,
        400..=499 => Class::Later,
        _ => Class::Refused,
    }
}

/// Whether the verb uses a data connection.
pub(super) fn transfers(verb: Verb) -> bool {
    stores(verb)
        || matches!(verb, Verb::Retr | Verb::List | Verb::Nlst | Verb::Mlsd | Verb::Prob | Verb::Pack)
}

/// Whether the verb creates or writes the name in its argument.
pub(super) fn stores(verb: Verb) -> bool {
    matches!(verb, Verb::Stor | Verb::Appe | Verb::Stou | Verb::Mlfl)
}

/// Whether a 255 answers the verb in the dialect of 1973.
fn names_a_socket(verb: Verb) -> bool {
    matches!(verb, Verb::Sock | Verb::Lstn | Verb::Pasv | Verb::Gsoc | Verb::Epsv | Verb::Cpsv)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{Rfc354, Rfc959};

    fn check(dialect: Dialect, verb: Verb, codes: &[u16], expect: Class) {
        for code in codes {
            assert_eq!(classify(dialect, verb, Code(*code)), expect, "{code} to {verb:?} in {dialect:?}");
        }
    }

    #[test]
    fn h05_in_1973_a_status_answers_no_command_and_250_starts_a_transfer() {
        check(Rfc354, Verb::Retr, &[0, 20, 30, 50, 100, 110, 150, 151, 251, 300], Class::Aside);
        for verb in [Verb::Retr, Verb::Stor, Verb::Appe, Verb::List, Verb::Nlst, Verb::Mlsd] {
            check(Rfc354, verb, &[250], Class::Preliminary);
            check(Rfc354, verb, &[252, 257], Class::Done);
            check(Rfc959, verb, &[125, 150], Class::Preliminary);
            check(Rfc959, verb, &[226, 250], Class::Done);
        }
    }

    #[test]
    fn only_the_first_replies_of_some_verbs_are_preliminary() {
        check(Rfc354, Verb::Type, &[250], Class::Done);
        check(Rfc354, Verb::User, &[232, 233], Class::Done);
        check(Rfc959, Verb::Retr, &[0, 99, 110, 112], Class::Aside);
        check(Rfc959, Verb::Retr, &[100, 109, 113, 199], Class::Preliminary);
        for class in [Class::Aside, Class::Preliminary] {
            assert!(!class.is_final(), "{class:?}");
        }
        for class in [Class::Done, Class::More, Class::Later, Class::Refused] {
            assert!(class.is_final(), "{class:?}");
        }
    }

    #[test]
    fn a_255_answers_only_what_asks_for_a_socket() {
        for verb in [Verb::Sock, Verb::Lstn, Verb::Pasv, Verb::Gsoc] {
            check(Rfc354, verb, &[255, 200], Class::Done);
            check(Rfc959, verb, &[255, 200, 227], Class::Done);
        }
        for verb in [Verb::Retr, Verb::Stor] {
            check(Rfc354, verb, &[255], Class::Aside);
            check(Rfc959, verb, &[255], Class::Aside);
        }
        check(Rfc354, Verb::Type, &[255], Class::Aside);
    }

    #[test]
    fn more_is_asked_by_330_331_332_and_350_of_their_dialects() {
        check(Rfc354, Verb::User, &[330, 331], Class::More);
        check(Rfc354, Verb::Sock, &[331], Class::More); // B23
        check(Rfc354, Verb::Retr, &[332], Class::Refused);
        check(Rfc354, Verb::Mail, &[350], Class::More);
        check(Rfc959, Verb::User, &[331, 332], Class::More);
        check(Rfc959, Verb::Rnfr, &[350], Class::More);
        check(Rfc354, Verb::Rnfr, &[200], Class::Done);
        check(Rfc959, Verb::Noop, &[120], Class::Preliminary);
        check(Rfc354, Verb::Rein, &[232, 233], Class::Preliminary);
        check(Rfc354, Verb::Rein, &[300], Class::Done);
    }

    #[test]
    fn refusals_are_for_now_or_for_good() {
        check(Rfc354, Verb::Retr, &[401, 452, 453, 454, 455, 504], Class::Later);
        check(Rfc354, Verb::Retr, &[450, 451, 456, 457, 500, 501, 505, 506, 550], Class::Refused);
        check(Rfc354, Verb::Pass, &[430, 431, 432, 433], Class::Refused);
        check(Rfc959, Verb::Retr, &[421, 425, 426, 450], Class::Later);
        check(Rfc959, Verb::Retr, &[500, 530, 550, 600, 999], Class::Refused);
    }

    #[test]
    fn every_meaning_is_read_as_it_was_written() {
        use super::super::Meaning;
        for dialect in [Rfc354, Rfc959] {
            let class = |verb, meaning: Meaning| classify(dialect, verb, meaning.code(dialect));
            assert_eq!(class(Verb::Retr, Meaning::Started), Class::Preliminary);
            assert_eq!(class(Verb::Stor, Meaning::Transferred), Class::Done);
            assert_eq!(class(Verb::Lstn, Meaning::Socket), Class::Done);
            assert_eq!(class(Verb::Epsv, Meaning::ExtendedPassive), Class::Done);
            assert_eq!(class(Verb::Rein, Meaning::Reinitialized), Class::Done);
            assert_eq!(class(Verb::Feat, Meaning::Features), Class::Done);
            assert_eq!(class(Verb::Retr, Meaning::CannotConnect), Class::Later);
            assert_eq!(class(Verb::Retr, Meaning::NotFound), Class::Refused);
            assert_eq!(class(Verb::Retr, Meaning::NotLoggedIn), Class::Refused);
        }
    }
}
