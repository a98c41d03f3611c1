//! Commands about names: the working directory, making, removing, renaming, and facts of files.

use super::ask::{Ask, FileAsk, FileFailure, Found};
use super::path;
use super::session::Session;
use super::state::{Asked, FileUse};
use crate::command::{DataType, Verb};
use crate::digest::{self, Digest};
use crate::listing::{Entry, Kind, civil, facts_line};
use crate::reply::Meaning;
use crate::wire::PathName;

/// What a failure of the file system is called in the reply to `verb`.
pub(super) const fn meaning(verb: Verb, failure: FileFailure) -> Meaning {
    match failure {
        FileFailure::NotFound => Meaning::NotFound,
        FileFailure::NotDirectory if matches!(verb, Verb::Mlsd) => Meaning::Syntax, // RFC 3659 7.2.1
        FileFailure::Changed if matches!(verb, Verb::Hash) => Meaning::FileBusy,
        FileFailure::Denied
        | FileFailure::ReadOnly
        | FileFailure::IsDirectory
        | FileFailure::NotDirectory
        | FileFailure::NotRegular
        | FileFailure::NotEmpty => Meaning::Denied,
        FileFailure::Exists => Meaning::NameTaken,
        FileFailure::BadName => Meaning::BadName,
        FileFailure::Busy => Meaning::FileBusy,
        FileFailure::BeyondEnd => Meaning::RestTooFar,
        FileFailure::NoSpace => Meaning::NoSpace,
        FileFailure::Changed | FileFailure::Other => Meaning::LocalError,
    }
}

impl Session {
    pub(super) fn size(&mut self, name: &PathName) {
        // In TYPE A the octets of the connection are not those of the file, and nobody counts them.
        if self.parameters.data_type == DataType::Ascii {
            return self.out.reply(Meaning::Denied, "SIZE needs TYPE I");
        }
        self.about(name, FileUse::Size, FileAsk::Facts);
    }

    pub(super) fn mdtm(&mut self, name: &PathName) {
        self.about(name, FileUse::Modified, FileAsk::Facts);
    }

    pub(super) fn mlst(&mut self, name: Option<&PathName>) {
        let path = self.resolve_or_cwd(name);
        if let Some(path) = path {
            self.file(FileUse::Facts(path.clone()), FileAsk::Facts(path));
        }
    }

    pub(super) fn hash(&mut self, name: &PathName) {
        let algorithm = self.parameters.algorithm;
        self.about(name, FileUse::Hash(name.clone()), |path| FileAsk::Hash(path, algorithm));
    }

    pub(super) fn cwd(&mut self, name: &PathName) {
        if let Some(path) = self.resolve(name) {
            self.file(FileUse::Enter(path.clone()), FileAsk::Enter(path));
        }
    }

    pub(super) fn cdup(&mut self) {
        let path = path::parent(&self.parameters.cwd);
        self.file(FileUse::Enter(path.clone()), FileAsk::Enter(path));
    }

    pub(super) fn pwd(&mut self) {
        let text = [self.parameters.cwd.quoted().as_slice(), b" is the working directory"].concat();
        self.out.reply(Meaning::DirectoryName, text);
    }

    pub(super) fn mkd(&mut self, name: &PathName) {
        if self.may_write()
            && let Some(path) = self.resolve(name)
        {
            self.file(FileUse::MakeDirectory(path.clone()), FileAsk::MakeDirectory(path));
        }
    }

    pub(super) fn rmd(&mut self, name: &PathName) {
        if self.may_write() {
            self.about(name, FileUse::RemoveDirectory, FileAsk::RemoveDirectory);
        }
    }

    pub(super) fn dele(&mut self, name: &PathName) {
        if self.may_write() {
            self.about(name, FileUse::Remove, FileAsk::Remove);
        }
    }

    pub(super) fn rnfr(&mut self, name: &PathName) {
        if self.may_write()
            && let Some(path) = self.resolve(name)
        {
            self.file(FileUse::RenameFrom(path.clone()), FileAsk::RenameFrom(path));
        }
    }

    /// E22: only right after RNFR.
    pub(super) fn rnto(&mut self, name: &PathName) {
        let Some(from) = self.parameters.rename.take() else {
            return self.out.reply(Meaning::BadSequence, "RNFR comes right before RNTO");
        };
        self.about(name, FileUse::RenameTo, |to| FileAsk::Rename { from, to });
    }

    fn about(&mut self, name: &PathName, purpose: FileUse, ask: impl FnOnce(PathName) -> FileAsk) {
        if let Some(path) = self.resolve(name) {
            self.file(purpose, ask(path));
        }
    }

    pub(super) fn file(&mut self, purpose: FileUse, ask: FileAsk) {
        self.question(Asked::File(purpose), |ticket| Ask::File { ticket, ask });
    }

    /// The file system has answered.
    pub(super) fn found(&mut self, purpose: FileUse, found: Result<Found, FileFailure>) {
        let verb = purpose.verb();
        match found {
            Err(failure) => self.out.reply(meaning(verb, failure), failure.to_string()),
            Ok(Found::Done) => self.done(purpose),
            Ok(Found::Entry(entry)) => self.facts(purpose, entry),
            Ok(Found::Entries(entries, more)) => self.status_of_entries(&entries, more),
            Ok(Found::Digest(digest, size)) => self.digest(purpose, &digest, size),
        }
    }

    fn done(&mut self, purpose: FileUse) {
        match purpose {
            FileUse::RenameFrom(path) => {
                self.parameters.rename = Some(path);
                self.out.reply(Meaning::RenameNoted, "RNTO, please");
            }
            FileUse::RenameTo => self.out.reply(Meaning::Renamed, "Renamed"),
            FileUse::Remove => self.out.reply(Meaning::Deleted, "Deleted"),
            FileUse::MakeDirectory(path) => {
                self.out.reply(Meaning::DirectoryName, [path.quoted().as_slice(), b" made"].concat());
            }
            FileUse::RemoveDirectory => self.out.reply(Meaning::DirectoryDone, "Directory removed"),
            FileUse::Enter(path) => {
                let text = [path.quoted().as_slice(), b" is the working directory"].concat();
                self.parameters.cwd = path;
                self.out.reply(Meaning::DirectoryDone, text);
            }
            FileUse::Size
            | FileUse::Modified
            | FileUse::Facts(_)
            | FileUse::Hash(_)
            | FileUse::Status(_)
            | FileUse::StatusOf(_) => self.out.reply(Meaning::LocalError, "Local error"),
        }
    }

    fn facts(&mut self, purpose: FileUse, mut entry: Entry) {
        match purpose {
            FileUse::Size => match (entry.kind, entry.size) {
                (Kind::File, Some(size)) => self.out.reply(Meaning::FileFact, size.to_string()),
                _ => self.out.reply(Meaning::Denied, FileFailure::NotRegular.to_string()),
            },
            FileUse::Modified => match entry.modified {
                Some(when) => {
                    let (year, month, day, hour, minute, second) = civil(when);
                    let text = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}");
                    self.out.reply(Meaning::FileFact, text);
                }
                None => self.out.reply(Meaning::Denied, "Its time is not known"),
            },
            FileUse::Facts(path) => {
                entry.name = path;
                let line = facts_line(&entry, self.parameters.facts.as_deref());
                self.out.reply_lines(Meaning::FileFacts, &[b"Facts", &line, b"End"]);
            }
            FileUse::Status(path) => self.status_of_entry(path, entry),
            FileUse::Hash(_)
            | FileUse::RenameFrom(_)
            | FileUse::RenameTo
            | FileUse::Remove
            | FileUse::MakeDirectory(_)
            | FileUse::RemoveDirectory
            | FileUse::Enter(_)
            | FileUse::StatusOf(_) => self.out.reply(Meaning::LocalError, "Local error"),
        }
    }

    fn digest(&mut self, purpose: FileUse, digest: &Digest, size: u64) {
        let FileUse::Hash(name) = purpose else {
            return self.out.reply(Meaning::LocalError, "Local error");
        };
        self.out.reply(Meaning::FileFact, digest::format_answer(digest, size, name.as_bytes()));
    }
}

impl FileUse {
    const fn verb(&self) -> Verb {
        match self {
            Self::Size => Verb::Size,
            Self::Modified => Verb::Mdtm,
            Self::Facts(_) => Verb::Mlst,
            Self::Hash(_) => Verb::Hash,
            Self::RenameFrom(_) => Verb::Rnfr,
            Self::RenameTo => Verb::Rnto,
            Self::Remove => Verb::Dele,
            Self::MakeDirectory(_) => Verb::Mkd,
            Self::RemoveDirectory => Verb::Rmd,
            Self::Enter(_) => Verb::Cwd,
            Self::Status(_) | Self::StatusOf(_) => Verb::Stat,
        }
    }
}
