//! What replies say in words: whether a name is not there, whom a server exchanges data with, TLS, the number of sessions.

use super::{Answer, Manners};
use crate::command::{Command, Verb};
use crate::deletion::ExistenceQuestion;
use crate::dialect::Dialect;
use crate::reply::{Blame, Code, Reply};
use crate::wire::PathName;

/// The option with which the operator permits transfers between servers (FXP), if this reply to a command refuses one;
/// `None` if the words are not about whom the server may exchange data with.
pub fn foreign_option(manners: &Manners, verb: Verb, reply: &Reply) -> Option<&'static str> {
    let text = String::from_utf8_lossy(reply.text()).to_ascii_lowercase();
    let names_it = matches!(verb, Verb::Port | Verb::Eprt | Verb::Sock);
    let is_about = names_it || FOREIGN_WORDS.iter().any(|words| text.contains(words));
    is_about.then(|| option(manners.greeting.as_deref().unwrap_or_default(), manners.is_ours()))
}

/// What refusals say if the other server came to a passive data port.
const FOREIGN_WORDS: [&str; 4] = ["bad ip connecting", "foreign", "outside the networks", "peer address"];

/// The option of a server that greets in these words.
fn option(greeting: &str, is_ours: bool) -> &'static str {
    if is_ours {
        return "--foreign authenticated --foreign-networks ADDRESS of the other server";
    }
    let greeting = greeting.to_ascii_lowercase();
    let found = OPTIONS.iter().find(|(name, _)| greeting.contains(name));
    found.map_or("docs/interoperability.md names the options of usual servers", |(_, option)| option)
}

/// Words of greetings, and the options of those servers.
const OPTIONS: [(&str, &str); 4] = [
    ("vsftpd", "port_promiscuous=YES and pasv_promiscuous=YES in vsftpd.conf"),
    ("proftpd", "AllowForeignAddress on in proftpd.conf"),
    ("pure-ftpd", "its option -w (--allowuserfxp)"),
    ("pyftpdlib", "permit_foreign_addresses = True in its handler"),
];

/// Whether the words of a refusal are about TLS, as vsftpd, ProFTPD, Pure-FTPd, FileZilla Server and our own servers say it.
pub fn names_tls(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let mut words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.any(|word| matches!(word, "tls" | "ssl" | "ftps" | "ftpes" | "encryption" | "encrypted"))
}

/// Whether the words of a refusal are about the number of sessions, as ProFTPD (530), vsftpd, Pure-FTPd and pyftpdlib (421) say
/// it. Words about failed logins are none of them: to log in again would make that worse.
pub fn names_a_limit(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    has(&["too many", "maximum", "limit"])
        && has(&["client", "user", "connection", "session", "logged in"])
        && !has(&["attempt", "fail", "tries", "incorrect", "invalid", "password", "wrong", "bad "])
}

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
        match self.is_asked_ahead() {
            true => at_once(paths, questions),
            false => 1,
        }
    }

    /// Whether it does in order what comes before it has answered, so that several commands are sent together.
    pub const fn is_asked_ahead(&self) -> bool {
        self.capabilities.takes_ahead || self.capabilities.queues_commands
    }

    /// The largest number of commands without an answer that are sent to `ftp-server`, a few fewer than [`Command::MAX_WAITING`].
    pub const MOST_AHEAD: usize = Command::MAX_WAITING - 4;

    /// Whether another command is sent while so many wait for their answers, with so many bytes of them.
    pub const fn has_room_behind(&self, commands: usize, bytes: usize) -> bool {
        if self.capabilities.takes_ahead {
            return commands < Self::MOST_AHEAD && bytes < Command::MAX_WAITING_BYTES / 2;
        }
        commands == 0 || self.capabilities.queues_commands && commands < MOST_COMMANDS && bytes < MOST_BYTES
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
    fn a_server_is_known_by_its_greeting() {
        let check = |greeting, ours, expect: &str| {
            let found = option(greeting, ours);
            assert!(found.contains(expect), "{greeting}: {found}");
        };
        check("(vsFTPd 3.0.5)", false, "pasv_promiscuous");
        check("ProFTPD Server (Debian) [::ffff:127.0.0.1]", false, "AllowForeignAddress");
        check("---------- Welcome to Pure-FTPd [privsep] [TLS] ----------", false, "-w");
        check("pyftpdlib 1.5.9 ready.", false, "permit_foreign_addresses");
        check("Service ready", true, "--foreign authenticated");
        check("Service ready", false, "interoperability.md");
    }

    #[test]
    fn words_about_the_number_of_sessions_are_known() {
        for text in [
            "Sorry, the maximum number of clients (2) for this user are already connected.",
            "Sorry, the maximum number of clients (2) from your host are already connected.",
            "Sorry, the maximum number of allowed clients (2) are already connected.",
            "There are too many connections from your internet address.",
            "There are too many connected users, please try later.",
            "50 users (the maximum) are already logged in, sorry",
            "Too many connections (8) from this IP",
            "Too many connections. Service temporarily unavailable.",
            "Session limit reached",
        ] {
            assert!(names_a_limit(text.as_bytes()), "{text}");
        }
        for text in [
            "Login incorrect.",
            "Too many failed logins for this user.",
            "Maximum number of login attempts exceeded by this client",
            "Maximum disk quota limited",
            "User limited cannot log in: wrong password",
            "Service not available, closing control connection.",
        ] {
            assert!(!names_a_limit(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn words_of_tls_are_known_in_refusals_of_a_login() {
        for text in [
            "Send AUTH TLS first",
            "SSL/TLS required on the control channel",
            "Anonymous sessions must use encryption.",
            "Non-anonymous sessions must use encryption.",
            "Please reconnect using TLS security mechanisms.",
        ] {
            assert!(names_tls(text.as_bytes()), "{text}");
        }
        for text in ["Login incorrect.", "Too many users", "User hustler cannot log in"] {
            assert!(!names_tls(text.as_bytes()), "{text}");
        }
    }

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

    #[test]
    fn so_many_commands_wait_as_their_server_is_known_to_take() {
        let [one_by_one, mut queues, mut ours] = [(); 3].map(|()| Manners::default());
        queues.capabilities.queues_commands = true;
        ours.capabilities.takes_ahead = true;
        for (manners, commands, bytes, expect) in [
            (&one_by_one, 0, 0, true),
            (&one_by_one, 1, 10, false),
            (&queues, 31, 4095, true),
            (&queues, 32, 10, false),
            (&queues, 1, 4096, false),
            (&queues, 0, 5000, true),
            (&ours, 59, 8191, true),
            (&ours, 60, 10, false),
            (&ours, 1, 8192, false),
        ] {
            assert_eq!(manners.has_room_behind(commands, bytes), expect, "{commands} {bytes}");
        }
    }
}
