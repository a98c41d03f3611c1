//! What a server says about one place: MLST, else SIZE and MDTM, else CWD.

use super::answer::Answer;
use super::fact_replies;
use super::session::{Role, Session};
use crate::failure::Failure;
use ftp_proto::command::{Command, DataType};
use ftp_proto::listing::{Entry, Kind, When};
use ftp_proto::reply::Blame;
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
    /// What is at `path`; `None` if nothing is. A server that supports none of these commands is assumed to
    /// have the file, with unknown size.
    pub async fn facts(&mut self, path: &PathName) -> Result<Option<Facts>, Failure> {
        Ok(self.entry(path).await?.map(|entry| Facts::from(&entry)))
    }

    /// The same with everything that MLST says.
    pub async fn entry(&mut self, path: &PathName) -> Result<Option<Entry>, Failure> {
        if self.capabilities.mlst.is_some() {
            let answer = self.ask(Command::Mlst(Some(path.clone()))).await?;
            if answer.is_done()
                && let Some(entry) = fact_replies::entry(&answer.reply)
            {
                self.check_shown_name(path, &entry.name)?;
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
        if answer.is_done() { Ok(fact_replies::size(&answer.reply)) } else { Ok(None) }
    }

    async fn without_mlst(&mut self, path: &PathName) -> Result<Option<Entry>, Failure> {
        self.set_type(DataType::Image).await?;
        let size = self.ask(Command::Size(path.clone())).await?;
        let mut entry = Entry::new(path.clone(), Kind::File);
        if size.is_done() {
            entry.size = fact_replies::size(&size.reply);
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
        Ok(if answer.is_done() { fact_replies::time(&answer.reply) } else { None })
    }

    fn verdict(&self, answer: &Answer) -> Verdict {
        match self.blame(answer) {
            Blame::Missing => Verdict::Absent,
            Blame::Unsupported => Verdict::Unknown,
            // The reply is not recognised. If the file cannot be stored, the transfer fails.
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
