//! What is known of one server in one session, beyond what it announces. [`Manners`] learns from replies, and answers what a
//! reply means and which command is next. It does no I/O and has no clock: who sends the commands passes the replies.

mod dropped;
mod listing;
mod words;

pub use dropped::{DroppedPart, DroppedParts, Keeping};
pub use listing::{
    CertainRows, EntriesInDoubt, Form, KeptNames, NamesByNlst, Shown, ShownName, UnclearNames,
    first_shown_name, has_rights_of_file, is_alike, is_certain_directory, is_split, omitted, with_blanks,
};
pub use words::{AbsentWords, foreign_option, names_a_limit, names_tls};

use crate::command::Rate;
use crate::command::{
    Command, DataType, DigestCommand, Direction, FileToSend, NewFact, Pack, Partial, Practice, Site, Verb,
};
use crate::dialect::Dialect;
use crate::digest::Algorithm;
use crate::feature::Capabilities;
use crate::listing::{Entry, Kind, When, told_facts};
use crate::reply::{Blame, Class, Reply, blame};
use crate::wire::{ByteRange, PathName, escaped_len};

/// A final reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The reply as it came.
    pub reply: Reply,
    /// What it is for its command.
    pub class: Class,
    /// The command that it answers.
    pub verb: Verb,
}

impl Answer {
    /// Whether the command was done.
    pub const fn is_done(&self) -> bool {
        matches!(self.class, Class::Done | Class::More)
    }

    /// Whose fault a refusal is.
    pub fn blame(&self, dialect: Dialect) -> Blame {
        blame(dialect, self.verb, &self.reply)
    }
}

/// What is known of one server in one session.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// What the greeting decided.
    pub dialect: Dialect,
    /// What the server said it can. What it turns out not to know is removed.
    pub capabilities: Capabilities,
    /// What the server has said first, cut short. It is looked at, and not shown.
    pub greeting: Option<String>,
    /// What this program has set.
    pub settings: SessionSettings,
    /// Whether it was seen to keep names beyond ASCII.
    pub names: KeptNames,
    /// What of names the server was seen to drop.
    pub dropped: DroppedParts,
    /// Refusals of SIZE, without the name, that a listing has shown to mean that nothing is there.
    pub absent: AbsentWords,
    /// It does not know MLST, although it did not say so in FEAT.
    refuses_mlst: bool,
    /// Whether SIZE tells the size of a directory too.
    pub sizes_directories: Option<bool>,
    /// Whether CWD accepts a name that does not exist.
    pub enters_anything: Option<bool>,
    /// LIST has shown that it looks at its argument.
    pub lists_arguments: bool,
    /// It does not know RNFR.
    pub cannot_rename: bool,
    /// A file was seen under the name that RNTO had given it.
    pub renames: bool,
    /// A renamed file has another `unique` than before.
    pub changes_unique: bool,
    /// It was said that this server announces addresses that cannot be meant.
    pub has_repaired_address: bool,
}

/// What the answer to MLST tells of a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ToldByMlst {
    /// What it is.
    Entry(Entry),
    /// Nothing is there.
    Missing,
    /// The server refuses to look at it.
    Refused,
    /// Other commands may tell more.
    Nothing,
}

/// What the refusal of a question about a name means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing is there.
    Missing,
    /// The server does not know the question.
    Unknown,
    /// It could not answer.
    Failed,
}

impl Manners {
    /// Whether it is one of our own servers: it says what it has moved.
    pub const fn is_ours(&self) -> bool {
        self.capabilities.rndz && self.capabilities.partial
    }

    /// Whether it is known to take this path for what it is, so that nobody has to ask.
    pub fn keeps(&self, path: &PathName) -> bool {
        self.names.keeps(path) && self.drops_nothing_of(path)
    }

    /// Whether it is known to read the whole path in a command.
    pub fn drops_nothing_of(&self, path: &PathName) -> bool {
        self.is_ours() || self.dropped.keep(path)
    }

    /// Whether its listings tell symbolic links from directories for certain, as those of `ftp-server` do.
    pub const fn shows_links(&self) -> bool {
        self.capabilities.takes_ahead
    }

    /// Whether MLST may have described a symbolic link in place of its file, as ProFTPD does. A link is as large as a path, and its
    /// owner may execute it.
    pub const fn may_describe_a_link(&self, entry: &Entry) -> bool {
        let is_small = matches!(entry.size, Some(size) if size <= LONGEST_LINK);
        let is_executable = matches!(entry.mode, Some(mode) if mode & 0o100 != 0);
        matches!(entry.kind, Kind::File) && is_small && is_executable && !self.shows_links()
    }

    /// Whether MLST is asked: the server knows it, or has told nothing of what it knows and has not refused it.
    pub fn takes_mlst(&self) -> bool {
        let is_untried = !self.capabilities.known && !self.refuses_mlst;
        self.capabilities.mlst.is_some() || (is_untried && self.dialect == Dialect::Rfc959)
    }

    /// Whether MLST tells the identity of a file, and it stays when the file is renamed.
    pub fn tells_unique(&self) -> bool {
        let is_unique = |fact: &String| fact.trim_end_matches('*').eq_ignore_ascii_case("unique");
        let names = |facts: &Vec<String>| facts.is_empty() || facts.iter().any(is_unique);
        self.capabilities.mlst.as_ref().is_some_and(names) && !self.changes_unique
    }

    /// Whether the next file that is renamed is looked for: the first one of the session, where one question tells whether
    /// it is there (MLST, or SIZE of servers that are known). Later ones are not looked for.
    pub const fn looks_for_names(&self) -> bool {
        !self.renames && (self.capabilities.mlst.is_some() || self.capabilities.queues_commands)
    }

    /// What an answer to MLST tells of the name. `is_destination` is whether the server receives files: then a refusal that
    /// is not recognised stops nothing, because the transfer fails if the file cannot be stored.
    pub fn told_by_mlst(&mut self, answer: &Answer, is_destination: bool) -> ToldByMlst {
        if let Some(entry) = entry_in(answer) {
            self.capabilities.mlst.get_or_insert_default();
            return ToldByMlst::Entry(entry);
        }
        let is_announced = self.capabilities.mlst.is_some();
        match self.verdict(answer, is_destination) {
            Verdict::Missing => ToldByMlst::Missing,
            // It says so of a file that is not there as well (ProFTPD): SIZE and CWD tell more.
            Verdict::Failed if is_announced && is_vague(answer) => ToldByMlst::Nothing,
            Verdict::Failed if is_announced => ToldByMlst::Refused,
            Verdict::Unknown | Verdict::Failed => {
                self.refuses_mlst = true;
                ToldByMlst::Nothing
            }
        }
    }

    /// Whether a name is there, by the answer to MLST; `None` if that does not tell it.
    pub fn has_by_mlst(&self, answer: &Answer) -> Option<bool> {
        match answer.is_done() {
            true => Some(true),
            false => (answer.blame(self.dialect) == Blame::Missing && !is_vague(answer)).then_some(false),
        }
    }

    /// What the refusal of a question about a name means. See [`Self::told_by_mlst`] for `is_destination`.
    pub fn verdict(&self, answer: &Answer, is_destination: bool) -> Verdict {
        match answer.blame(self.dialect) {
            Blame::Missing => Verdict::Missing,
            Blame::Unsupported => Verdict::Unknown,
            Blame::File if is_destination => Verdict::Missing,
            Blame::File | Blame::Space | Blame::Login | Blame::Path | Blame::Busy | Blame::Peer => {
                Verdict::Failed
            }
        }
    }
}

/// The entry in a positive answer to MLST: the line that begins with a blank.
pub fn entry_in(answer: &Answer) -> Option<Entry> {
    let mut entry = told_facts(&answer.reply.lines).filter(|_| answer.is_done())?;
    // Asked for itself, a directory may say that it is the current one (RFC 3659 7.5.1).
    if matches!(entry.kind, Kind::Current | Kind::Parent) {
        entry.kind = Kind::Directory;
    }
    Some(entry)
}

/// Whether a refusal of MLST does not tell whether the file is there.
fn is_vague(answer: &Answer) -> bool {
    let is_vague = |line: &Vec<u8>| VAGUE_WORDS.iter().any(|words| line.ends_with(words));
    answer.reply.lines.iter().any(is_vague)
}

/// The largest number of bytes of the path that a symbolic link holds.
const LONGEST_LINK: u64 = 4096;
/// What ProFTPD and libunftp say of a file that is not there, and of others.
const VAGUE_WORDS: [&[u8]; 2] = [b" cannot be listed", b" Permanent file not available"];

/// What this program has set in a session, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct SessionSettings {
    /// The TYPE in force.
    pub data_type: Option<DataType>,
    /// The algorithm in force for HASH.
    pub digest: Option<Algorithm>,
    /// REST or RANG has named a byte at which the next transfer may begin.
    pub restarts: bool,
    /// What RATE has said.
    pub rate: Option<Rate>,
    /// What OPTS STOR PARTIAL has said.
    pub partial: Option<Partial>,
    /// PROT C is in force.
    pub is_clear: bool,
    /// The server was given a secret for its next data connection, and nothing shows that it has used it up.
    pub demands_proof: bool,
}

impl SessionSettings {
    /// Takes note of a command that is sent.
    pub const fn note_sent(&mut self, command: &Command) {
        if let Command::Rest(offset) = command {
            self.restarts = *offset > 0;
        }
        if let Command::Rang(part) = command {
            self.restarts = part.is_some();
        }
        if let Command::Rndz(secret) = command {
            self.demands_proof = secret.is_some();
        }
    }
}

impl Manners {
    /// The command that sets the time of a file at this server, if there is one.
    pub fn time_command(&self, path: &PathName, time: When) -> Option<Command> {
        if self.dialect == Dialect::Rfc959 { self.capabilities.time_command(path, time) } else { None }
    }

    /// The command that sets the permission bits of a file or directory. Servers do not announce SITE CHMOD, so that it is
    /// tried.
    pub fn mode_command(&self, path: &PathName, mode: u32) -> Command {
        let is_mff = |line: &String| {
            let line = line.to_ascii_uppercase();
            line.starts_with("MFF ") && line.contains("UNIX.MODE")
        };
        Command::Practice(match self.capabilities.others.iter().any(is_mff) {
            true => Practice::Mff(vec![NewFact::Mode(mode)], path.clone()),
            false => Practice::Site(Site::Chmod(mode, path.clone())),
        })
    }

    /// The command that moves only this part of the file of another one, if the server knows such a command.
    pub fn part_transfer(&self, whole: &Command, part: ByteRange) -> Option<Command> {
        if let Command::Retr(path) = whole {
            return self.capabilities.part_transfer(Direction::Send, part, path);
        }
        let Command::Stor(path) = whole else { return None };
        self.capabilities.part_transfer(Direction::Receive, part, path)
    }

    /// Remembers that the server does not know a command that computes this digest.
    pub fn strike_digest(&mut self, command: DigestCommand, algorithm: Algorithm) {
        match command {
            DigestCommand::Hash => self.capabilities.hash.retain(|known| *known != algorithm),
            DigestCommand::Cksm(_) => self.capabilities.cksm.retain(|known| *known != algorithm),
            DigestCommand::X(digest) => self.capabilities.x_digests.retain(|known| *known != digest),
        }
    }

    /// How many parts of this file the server is asked for at the same time: all of it has room in its queue.
    pub fn parts_ahead(&self, path: &PathName) -> usize {
        if !self.capabilities.takes_ahead {
            return 1;
        }
        // A byte of a name may be written as two.
        let bytes = 2 * path.as_bytes().len() + LINES;
        (Command::MAX_WAITING_BYTES / bytes).clamp(1, PARTS_AHEAD)
    }

    /// Whether the server deletes files if they are what a command says of them.
    pub const fn deletes_if_same(&self) -> bool {
        self.capabilities.pack_delete && self.capabilities.takes_ahead
    }
}

/// How many parts a server is asked for at the same time.
const PARTS_AHEAD: usize = 16;
/// Bytes of RANG and HASH beside a path.
const LINES: usize = 64;

/// The files of each command, and the bytes of its line at most.
pub fn files_of_packs<'a>(directory: &PathName, files: &'a [FileToSend]) -> Vec<(&'a [FileToSend], usize)> {
    let empty = COMMAND + escaped_len(directory.as_bytes());
    let (mut groups, mut rest) = (Vec::new(), files);
    while !rest.is_empty() {
        let (mut count, mut bytes) = (0, empty);
        for file in rest.iter().take(Pack::MAX_FILES) {
            let next =
                FACTS + file.unique.as_ref().map_or(1, String::len) + escaped_len(file.name.as_bytes());
            if count > 0 && bytes + next > Command::MAX_LINE {
                break;
            }
            (count, bytes) = (count + 1, bytes + next);
        }
        let (group, others) = rest.split_at(count);
        groups.push((group, bytes));
        rest = others;
    }
    groups
}

/// Bytes of a command beside its directory and its files, with the end of the line.
const COMMAND: usize = 16;
/// Bytes of the size and the time of a file, with three commas and the slash before them.
const FACTS: usize = 1 + 10 + 1 + 14 + 1 + 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::{Code, classify};
    use crate::wire::FileName;

    fn answer(code: u16, lines: &[&str]) -> Answer {
        let reply =
            Reply { code: Code(code), lines: lines.iter().map(|line| line.as_bytes().to_vec()).collect() };
        Answer { class: classify(Dialect::Rfc959, Verb::Mlst, reply.code), reply, verb: Verb::Mlst }
    }

    #[test]
    fn a_place_that_is_the_current_directory_is_a_directory() {
        let check = |line: &str, expect| {
            let found = entry_in(&answer(250, &["Facts", line, "End"]));
            assert_eq!(found.map(|entry| entry.kind), expect, "{line}");
        };
        check(" type=cdir;sizd=4096; .", Some(Kind::Directory));
        check(" type=dir; /srv", Some(Kind::Directory));
        check(" Type=File;Size=3; a b", Some(Kind::File));
        check("nothing", None);
        assert_eq!(entry_in(&answer(550, &[" type=file; a"])), None);
    }

    #[test]
    fn what_may_be_the_size_of_a_link_is_that_of_a_path() {
        let check = |line: &str, is_ours, expect| {
            let mut manners = Manners::default();
            manners.capabilities.takes_ahead = is_ours;
            let entry = entry_in(&answer(250, &["Facts", line, "End"])).unwrap();
            assert_eq!(manners.may_describe_a_link(&entry), expect, "{line}");
        };
        check(" type=file;size=8;UNIX.mode=0777; link", false, true);
        check(" type=file;size=4096;UNIX.mode=0700; link", false, true);
        check(" type=file;size=8;UNIX.mode=0777; ours", true, false);
        check(" type=file;size=4097;UNIX.mode=0777; large", false, false);
        check(" type=file;size=8;UNIX.mode=0644; document", false, false);
        check(" type=file;size=8; unknown", false, false);
        check(" type=dir;size=8;UNIX.mode=0777; directory", false, false);
    }

    #[test]
    fn what_a_refusal_of_mlst_means_depends_on_whether_it_was_announced() {
        let told = |is_announced: bool, code, text: &str| {
            let mut manners = Manners::default();
            manners.capabilities.mlst = is_announced.then(Vec::new);
            let told = manners.told_by_mlst(&answer(code, &[text]), false);
            (told, manners.takes_mlst())
        };
        assert_eq!(told(true, 550, "No such file"), (ToldByMlst::Missing, true));
        assert_eq!(told(true, 550, "Permission denied"), (ToldByMlst::Refused, true));
        assert_eq!(told(true, 550, "'a' cannot be listed"), (ToldByMlst::Nothing, true));
        let libunftp = "storage error: 550 Permanent file not available";
        assert_eq!(told(true, 550, libunftp), (ToldByMlst::Nothing, true));
        assert_eq!(told(false, 550, "Permission denied"), (ToldByMlst::Nothing, false));
        assert_eq!(told(false, 502, "not implemented"), (ToldByMlst::Nothing, false));
        let mut manners = Manners::default();
        let there = manners.told_by_mlst(&answer(250, &["Facts", " type=file;size=3; a", "End"]), false);
        assert!(matches!(there, ToldByMlst::Entry(_)) && manners.capabilities.mlst.is_some());
    }

    #[test]
    fn at_a_destination_a_refusal_that_is_not_recognised_stops_nothing() {
        let refused = answer(550, &["Permission denied"]);
        assert_eq!(Manners::default().verdict(&refused, true), Verdict::Missing);
        assert_eq!(Manners::default().verdict(&refused, false), Verdict::Failed);
    }

    #[test]
    fn every_file_is_in_a_command_that_a_server_takes() {
        let directory = PathName::from_user("a/directory").unwrap();
        let file = |number: usize| FileToSend {
            size: u32::MAX,
            modified: Some(When(1_000_000_000)),
            unique: Some(format!("8g{number}")),
            name: FileName::from_wire(format!("{number:\u{ff}<40}").as_bytes()).unwrap(),
        };
        let files: Vec<FileToSend> = (0..1000).map(file).collect();
        let groups = files_of_packs(&directory, &files);
        let all: Vec<FileToSend> = groups.iter().flat_map(|(group, _)| group.to_vec()).collect();
        assert_eq!(all, files);
        assert!(groups.len() > 10 && groups.len() < 100, "{}", groups.len());
        for (group, bytes) in groups {
            let command = Command::Pack(Box::new(Pack::Same(directory.clone(), group.to_vec())));
            let line = command.to_line(Dialect::Rfc959);
            assert!(line.len() <= bytes && bytes <= Command::MAX_LINE, "{} {bytes}", line.len());
        }
        assert_eq!(files_of_packs(&directory, &[]).len(), 0);
    }

    #[test]
    fn rights_are_set_by_mff_where_that_is_announced() {
        let path = PathName::from_user("a").unwrap();
        let mut manners = Manners::default();
        let line = |manners: &Manners| {
            String::from_utf8_lossy(&manners.mode_command(&path, 0o640).to_line(Dialect::Rfc959))
                .trim_end()
                .to_owned()
        };
        assert_eq!(line(&manners), "SITE CHMOD 640 a");
        manners.capabilities.others = vec!["MFF modify;unix.mode;".to_owned()];
        assert!(line(&manners).starts_with("MFF UNIX.mode=0640; a"), "{}", line(&manners));
    }
}
