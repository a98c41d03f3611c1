//! What a server says about one place: MLST, else SIZE and MDTM, else CWD.

use super::answer::Answer;
use super::session::{Role, Session};
use crate::failure::Failure;
use ftp_proto::command::{Command, DataType};
use ftp_proto::listing::{Entry, Kind, When, parse_facts, when};
use ftp_proto::reply::{Blame, Reply};
use ftp_proto::wire::PathName;

/// What is known of a file or directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// File, directory or something else.
    pub kind: Kind,
    /// The size in bytes, where known.
    pub size: Option<u64>,
    /// Last change, where known exactly.
    pub modified: Option<When>,
    /// The server's own identity of the file, where known.
    pub unique: Option<String>,
}

impl From<&Entry> for Facts {
    fn from(entry: &Entry) -> Self {
        let modified = entry.exactly_modified();
        Self { kind: entry.kind, size: entry.size, modified, unique: entry.unique.clone() }
    }
}

impl Session {
    /// What is at `path`; `None` when nothing is. A server that can say nothing at all about files
    /// gets the benefit of the doubt: a file of unknown size.
    pub async fn facts(&mut self, path: &PathName) -> Result<Option<Facts>, Failure> {
        Ok(self.entry(path).await?.map(|entry| Facts::from(&entry)))
    }

    /// The same with everything that MLST says.
    pub async fn entry(&mut self, path: &PathName) -> Result<Option<Entry>, Failure> {
        if self.capabilities.mlst.is_some() {
            let answer = self.ask(Command::Mlst(Some(path.clone()))).await?;
            if answer.is_done()
                && let Some(entry) = from_reply(&answer.reply)
            {
                self.believe(path, &entry.name)?;
                return Ok(Some(entry));
            }
            match self.verdict(&answer) {
                Verdict::Absent => return Ok(None),
                Verdict::Unknown => {}
                Verdict::Failed => {
                    return Err(self.refusal(format!("cannot look at {}", path.display()), &answer));
                }
            }
        }
        self.without_mlst(path).await
    }

    /// The size of a file, if the server says it.
    pub async fn size(&mut self, path: &PathName) -> Result<Option<u64>, Failure> {
        self.set_type(DataType::Image).await?; // RFC 3659 4: the size in the type in force
        let answer = self.ask(Command::Size(path.clone())).await?;
        if answer.is_done() { Ok(number(&answer.reply)) } else { Ok(None) }
    }

    async fn without_mlst(&mut self, path: &PathName) -> Result<Option<Entry>, Failure> {
        self.set_type(DataType::Image).await?;
        let size = self.ask(Command::Size(path.clone())).await?;
        let mut entry = Entry::new(path.clone(), Kind::File);
        if size.is_done() {
            entry.size = number(&size.reply);
            entry.modified = self.modified(path).await?;
            return Ok(Some(entry));
        }
        if self.blame(&size) == Blame::Busy {
            return Err(self.refusal(format!("cannot look at {}", path.display()), &size));
        }
        if self.is_directory(path).await? {
            entry.kind = Kind::Directory;
            return Ok(Some(entry));
        }
        match self.verdict(&size) {
            Verdict::Absent => Ok(None),
            // It does not know SIZE: the transfer will tell.
            Verdict::Unknown => Ok(Some(entry)),
            Verdict::Failed => Err(self.refusal(format!("cannot look at {}", path.display()), &size)),
        }
    }

    /// CWD there and back. Relative paths need the way back, so that PWD comes first.
    async fn is_directory(&mut self, path: &PathName) -> Result<bool, Failure> {
        let home = self.ask(Command::Pwd).await?;
        let Some(home) = PathName::unquote(home.reply.text()).filter(|_| home.is_done()) else {
            return Ok(false);
        };
        if !self.ask(Command::Cwd(path.clone())).await?.is_done() {
            return Ok(false);
        }
        let back = self.ask(Command::Cwd(home)).await?;
        if back.is_done() {
            Ok(true)
        } else {
            Err(self.refusal("cannot go back to the login directory", &back))
        }
    }

    async fn modified(&mut self, path: &PathName) -> Result<Option<When>, Failure> {
        if !self.capabilities.mdtm {
            return Ok(None);
        }
        let answer = self.ask(Command::Mdtm(path.clone())).await?;
        Ok(if answer.is_done() { time(&answer.reply) } else { None })
    }

    fn verdict(&self, answer: &Answer) -> Verdict {
        match self.blame(answer) {
            Blame::Missing => Verdict::Absent,
            Blame::Unsupported => Verdict::Unknown,
            // Words that nobody knows; storing will tell.
            Blame::File if self.role == Role::Destination => Verdict::Absent,
            Blame::File | Blame::Space | Blame::Login | Blame::Path | Blame::Busy | Blame::Peer => {
                Verdict::Failed
            }
        }
    }
}

enum Verdict {
    Absent,
    Unknown,
    Failed,
}

/// The entry in a reply to MLST: the line that begins with a blank.
pub(super) fn from_reply(reply: &Reply) -> Option<Entry> {
    let mut entry =
        reply.lines.iter().find_map(|line| parse_facts(line.strip_prefix(b" ").unwrap_or(line)))?;
    // Asked for itself, a directory may say that it is the current one (RFC 3659 7.5.1).
    if matches!(entry.kind, Kind::Current | Kind::Parent) {
        entry.kind = Kind::Directory;
    }
    Some(entry)
}

/// The number in a reply to SIZE.
fn number(reply: &Reply) -> Option<u64> {
    let text = str::from_utf8(reply.text()).ok()?;
    text.split_whitespace().next_back()?.parse().ok()
}

/// The moment in a reply to MDTM: `YYYYMMDDHHMMSS[.sss]` in UTC.
fn time(reply: &Reply) -> Option<When> {
    let text = str::from_utf8(reply.text()).ok()?.split_whitespace().next_back()?;
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    when(i64::from(part(0, 4)?), part(4, 6)?, part(6, 8)?, part(8, 10)?, part(10, 12)?, part(12, 14)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::dialect::Dialect;
    use ftp_proto::reply::Meaning;

    fn reply(lines: &[&str]) -> Reply {
        Reply {
            code: Meaning::FileFact.code(Dialect::Rfc959),
            lines: lines.iter().map(|l| l.as_bytes().to_vec()).collect(),
        }
    }

    #[test]
    fn a_place_that_is_the_current_directory_is_a_directory() {
        let check = |line: &str, expect| {
            let found = from_reply(&reply(&["Facts", line, "End"]));
            assert_eq!(found.map(|entry| entry.kind), expect, "{line}");
        };
        check(" type=cdir;sizd=4096; .", Some(Kind::Directory));
        check(" type=dir; /srv", Some(Kind::Directory));
        check(" Type=File;Size=3; a b", Some(Kind::File));
        check("nothing", None);
    }

    #[test]
    fn sizes_and_times_are_read_from_replies() {
        assert_eq!(number(&reply(&["1024"])), Some(1024));
        assert_eq!(number(&reply(&["nothing"])), None);
        assert_eq!(time(&reply(&["19700101000001.123"])), Some(When(1)));
        assert_eq!(time(&reply(&["soon"])), None);
    }
}
