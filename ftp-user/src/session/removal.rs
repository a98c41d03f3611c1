//! What changes names because somebody has asked for it: DELE, PACK DELETE, RMD, and RNFR with RNTO.

use super::connection::Session;
use crate::failure::{Failure, Kind};
use ftp_proto::command::{Command, FileToSend, Pack, Verb};
use ftp_proto::deletion::{DeletePermit, RemovalKind, SameFile, StableStorage};
use ftp_proto::manners::files_of_packs;
use ftp_proto::reply::{LeftOut, Meaning, deleted_files};
use ftp_proto::wire::PathName;
use std::time::Duration;

impl Session {
    /// The login directory, if PWD tells it. A session is always there between two questions.
    ///
    /// # Errors
    ///
    /// No final reply came, see [`Self::ask`].
    pub async fn login_directory(&mut self) -> Result<Option<PathName>, Failure> {
        self.current().await
    }

    /// Deletes what the permit is for. `Ok(false)` if it was not there.
    ///
    /// # Errors
    ///
    /// The server refuses to delete it, or no final reply came.
    pub async fn delete(&mut self, permit: &DeletePermit) -> Result<bool, Failure> {
        if let Some(same) = permit.only_if() {
            let lost = || Err(Failure::interrupted());
            return self.delete_if_same(&[(permit, same)]).await.pop().unwrap_or_else(lost);
        }
        let path = permit.path().clone();
        let command = match permit.kind() {
            RemovalKind::File => Command::Dele(path),
            RemovalKind::Directory => Command::Rmd(path),
        };
        let answer = self.ask(command).await?;
        self.has_removed(&answer, || cannot_delete(permit))
    }

    /// Renames a file or directory. Whoever asks has seen that nothing has the new name; a server may replace what has
    /// got it since.
    ///
    /// # Errors
    ///
    /// The server refuses it, or has stored it under another name; then it is renamed back.
    pub async fn rename_free(&mut self, from: &PathName, to: &PathName) -> Result<(), Failure> {
        self.ask_rename(from, to).await?;
        let named = self.check_stored_name(to).await;
        if named.is_err() && !self.is_over() {
            self.ask_rename(to, from).await?;
        }
        named
    }

    /// Deletes files. A server that takes commands ahead is sent those for the next files before it has answered the first
    /// ones. Returns what came of each, as [`Self::delete`] does; of the first ones only if the session is lost.
    pub async fn delete_all(&mut self, permits: &[&DeletePermit]) -> Vec<Result<bool, Failure>> {
        let same = permits.iter().map(|permit| Some((*permit, permit.only_if()?)));
        if let Some(same) = same.collect::<Option<Vec<_>>>() {
            return self.delete_if_same(&same).await;
        }
        let are_files =
            permits.iter().all(|permit| permit.kind() == RemovalKind::File && permit.only_if().is_none());
        if !self.manners.capabilities.takes_ahead || !are_files {
            let mut all = Vec::with_capacity(permits.len());
            for permit in permits {
                let deleted = self.delete(permit).await;
                if deleted.is_err() && self.is_over() {
                    break;
                }
                all.push(deleted);
            }
            return all;
        }
        self.gather(true);
        let paths: Vec<PathName> = permits.iter().map(|permit| permit.path().clone()).collect();
        let answers = self.ask_ahead(&paths, Verb::Dele, Command::Dele).await;
        self.gather(false);
        let read =
            |(permit, answer): (&&DeletePermit, _)| self.has_removed(&answer, || cannot_delete(permit));
        permits.iter().zip(answers).map(read).collect()
    }

    /// Deletes files if they are what their permits say. Returns what came of each; of the first ones only if the session is lost.
    /// `Ok(false)` if no regular file was there.
    async fn delete_if_same(&mut self, all: &[(&DeletePermit, &SameFile)]) -> Vec<Result<bool, Failure>> {
        let files: Vec<FileToSend> = all.iter().map(|(_, same)| same.file.clone()).collect();
        let (mut commands, mut rest) = (Vec::new(), files.as_slice());
        for beside in all.chunk_by(|(_, one), (_, other)| one.directory == other.directory) {
            let Some((_, SameFile { directory, .. })) = beside.first() else { continue };
            let (here, others) = rest.split_at(beside.len());
            commands.extend(files_of_packs(directory, here).into_iter().map(|group| (directory, group)));
            rest = others;
        }
        let command = |(directory, (group, bytes)): &(&PathName, (&[FileToSend], usize))| {
            (Pack::Delete((*directory).clone(), group.to_vec()), *bytes)
        };
        let answers = self.ask_packs(commands.iter().map(command)).await;
        let (mut deleted, mut permits) =
            (Vec::with_capacity(all.len()), all.iter().map(|(permit, _)| *permit));
        for ((_, (group, _)), answer) in commands.iter().zip(answers) {
            let told = deleted_files(&answer.reply.lines, group.len());
            let each = permits.by_ref().take(group.len()).enumerate();
            deleted.extend(each.map(|(place, permit)| match &told {
                _ if !answer.is_done() => Err(self.refusal(cannot_delete(permit), &answer)),
                Some(told) => what_became(permit, told.get(place).copied().flatten()),
                None => {
                    let what = format!("{}: the reply cannot be read", cannot_delete(permit));
                    Err(Failure::new(Kind::Temporary, what).said(self.quote(&answer.reply)))
                }
            }));
        }
        deleted
    }

    /// Has `ftp-server` put everything on stable storage that this account has stored, renamed or made there (SITE SYNC). Other
    /// servers are not asked.
    ///
    /// # Errors
    ///
    /// No final reply came, see [`Self::ask`].
    pub async fn make_stable(&mut self) -> Result<StableStorage, Failure> {
        if !self.is_ours() {
            return Ok(StableStorage::Unasked);
        }
        let command = Command::Other(Verb::Site, b"SYNC".to_vec());
        let answer = self.ask_patiently(command, Some(self.patience().max(SYNCED))).await?;
        Ok(match answer.reply.code == Meaning::Okay.code(self.manners.dialect) {
            true => StableStorage::Stable,
            false => StableStorage::Refused(self.quote(&answer.reply)),
        })
    }

    async fn ask_rename(&mut self, from: &PathName, to: &PathName) -> Result<(), Failure> {
        let what = || format!("cannot rename {} to {}", from.display(), to.display());
        let first = self.ask(Command::Rnfr(from.clone())).await?;
        if !first.is_done() {
            return Err(self.refusal(what(), &first));
        }
        let second = self.ask(Command::Rnto(to.clone())).await?;
        if second.is_done() {
            return Ok(());
        }
        let failure = self.refusal(what(), &second);
        // What is missing now is the directory of the new name.
        Err(if failure.kind == Kind::Missing { failure.as_kind(Kind::Refused) } else { failure })
    }
}

/// What became of a file that was to be deleted, and that was left for that reason.
fn what_became(permit: &DeletePermit, left: Option<LeftOut>) -> Result<bool, Failure> {
    let why = |kind, why| Err(Failure::new(kind, format!("{}: {why}", cannot_delete(permit))));
    match left {
        None => Ok(true),
        Some(LeftOut::Refused) => why(Kind::Refused, "the server may not do that"),
        // A symbolic link is gone, too.
        Some(LeftOut::Gone) => Ok(false),
        // What it is now is found out by a question for it alone.
        Some(LeftOut::Changed | LeftOut::Taken | LeftOut::Unsent | LeftOut::Failed) => {
            why(Kind::Temporary, "it is not what it was")
        }
    }
}

/// What cannot be done, in words.
pub(crate) fn cannot_delete(permit: &DeletePermit) -> String {
    let what = match permit.kind() {
        RemovalKind::File => "delete",
        RemovalKind::Directory => "remove the directory",
    };
    format!("cannot {what} {}", permit.path().display())
}

/// How long a server may take to write to its disk what it has in memory.
const SYNCED: Duration = Duration::from_secs(600);
