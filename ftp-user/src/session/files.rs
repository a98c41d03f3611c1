//! Commands about files of a server: digests, DELE, MKD.

use super::answer::Answer;
use super::connection::Session;
use crate::failure::{self, Failure};
use ftp_proto::command::{Command, DataType, DigestCommand, Opts, Partial, Verb};
use ftp_proto::digest::{Algorithm, Digest, parse_answer, parse_answered_range};
use ftp_proto::listing::Kind;
use ftp_proto::reply::{Blame, Class};
use ftp_proto::wire::{ByteRange, PathName};
use std::time::Duration;

impl Session {
    /// The digest of a file of `size` bytes, or why this server does not give it although it said
    /// that it could: another algorithm, or the size, may have to do.
    ///
    /// # Errors
    ///
    /// The file is missing, the login does not permit it, the server is busy, or no final reply came.
    pub async fn hash(
        &mut self,
        algorithm: Algorithm,
        path: &PathName,
        size: u64,
    ) -> Result<Result<Digest, Failure>, Failure> {
        let what = || format!("cannot hash {}", path.display());
        let mut refused = Failure::new(failure::Kind::Unverified, what()).said(format!(
            "{} does not compute {}",
            self.title,
            algorithm.name()
        ));
        while let Some(command) = self.manners.capabilities.digest_command(algorithm) {
            let answer = self.ask_digest(command, algorithm, path, size).await?;
            if answer.is_done() {
                return Ok(parse_answer(algorithm, &answer.reply.lines, path).ok_or_else(|| {
                    Failure::new(failure::Kind::Unverified, what())
                        .said(self.quote(&answer.reply))
                        .hint("--verify size compares sizes only")
                }));
            }
            refused = self.refusal(what(), &answer);
            match self.blame(&answer) {
                // It may be that others know the command better.
                Blame::Unsupported => self.manners.strike_digest(command, algorithm),
                Blame::File | Blame::Space | Blame::Path | Blame::Peer => break,
                Blame::Missing | Blame::Login | Blame::Busy => return Err(refused),
            }
        }
        Ok(Err(refused))
    }

    /// The digest of a part of a file, or why this server does not give it. The answer must tell that it is of this part:
    /// a server that knows RANG may ignore it in HASH.
    ///
    /// # Errors
    ///
    /// No final reply came, see [`Self::ask`].
    pub async fn hash_part(
        &mut self,
        algorithm: Algorithm,
        path: &PathName,
        part: ByteRange,
    ) -> Result<Result<Digest, Failure>, Failure> {
        let what = format!("cannot hash a part of {}", path.display());
        let length = part.length.filter(|length| *length > 0);
        let Some(length) =
            length.filter(|_| self.manners.capabilities.part_algorithms().contains(&algorithm))
        else {
            let why = format!("{} does not compute {} of parts", self.title, algorithm.name());
            return Ok(Err(Failure::new(failure::Kind::Unverified, what).said(why)));
        };
        let restarts = self.manners.settings.restarts;
        let noted = self.ask(Command::Rang(Some(part))).await?;
        if !noted.is_done() {
            self.manners.settings.restarts = restarts;
            return Ok(Err(self.refusal(what, &noted)));
        }
        let answer = self.ask_digest(DigestCommand::Hash, algorithm, path, length).await?;
        let range = parse_answered_range(algorithm, &answer.reply.lines);
        let is_of_part = range == Some((part.first, part.first.saturating_add(length - 1)));
        if answer.is_done() && is_of_part {
            self.manners.settings.restarts = restarts; // it has used the part up
            let digest = parse_answer(algorithm, &answer.reply.lines, path);
            return Ok(digest.ok_or_else(|| {
                Failure::new(failure::Kind::Unverified, what).said(self.quote(&answer.reply))
            }));
        }
        // It may have kept the part for the next transfer. REST makes a server forget it, too (ProFTPD).
        let is_forgotten = self.ask(Command::Rang(None)).await?.is_done();
        self.manners.settings.restarts = restarts || !is_forgotten;
        if !answer.is_done() {
            return Ok(Err(self.refusal(what, &answer)));
        }
        // It reads whole files: it is not asked again.
        self.manners.capabilities.no_parts();
        Ok(Err(Failure::new(failure::Kind::Unverified, what).said(self.quote(&answer.reply))))
    }

    async fn ask_digest(
        &mut self,
        command: DigestCommand,
        algorithm: Algorithm,
        path: &PathName,
        size: u64,
    ) -> Result<Answer, Failure> {
        if command == DigestCommand::Hash && self.manners.settings.digest != Some(algorithm) {
            let answer = self.ask(Command::Opts(Opts::Hash(Some(algorithm)))).await?;
            if !answer.is_done() {
                return Ok(answer);
            }
            self.manners.settings.digest = Some(algorithm);
        }
        self.set_type(DataType::Image).await?;
        let patience = self.context.settings.patience.reply + Duration::from_secs(size / SLOWEST_HASH);
        self.ask_patiently(command.with(path), Some(patience)).await
    }

    /// Notes that HASH computes this digest now, if the server knows HASH with it.
    pub fn note_digest(&mut self, algorithm: Algorithm) {
        if self.manners.capabilities.hash.contains(&algorithm) {
            self.manners.settings.digest = Some(algorithm);
        }
    }

    /// Deletes a file that this program has made. `Ok(false)` when it was not there.
    ///
    /// # Errors
    ///
    /// The server refuses to delete it, or no final reply came.
    pub async fn delete_own(&mut self, path: &PathName) -> Result<bool, Failure> {
        let answer = self.ask(Command::Dele(path.clone())).await?;
        self.has_removed(&answer, || format!("cannot delete {}", path.display()))
    }

    /// Deletes a regular file that this program may have stored. `Ok(false)` when it was not there: where a refusal does not say why
    /// (vsftpd), other questions about the name tell.
    ///
    /// # Errors
    ///
    /// See [`Self::delete_own`].
    pub async fn delete_stored(&mut self, path: &PathName) -> Result<bool, Failure> {
        let answer = self.ask(Command::Dele(path.clone())).await?;
        let is_unclear = !answer.is_done() && self.blame(&answer) == Blame::File;
        let is_lacking =
            is_unclear && self.have(std::slice::from_ref(path)).await?.first() == Some(&Some(false));
        if is_lacking {
            return Ok(false);
        }
        self.has_removed(&answer, || format!("cannot delete {}", path.display()))
    }

    /// Reads the answer to a command that removes a name. `Ok(false)` when the name was not there.
    pub(super) fn has_removed(
        &self,
        answer: &Answer,
        what: impl FnOnce() -> String,
    ) -> Result<bool, Failure> {
        if answer.is_done() {
            return Ok(true);
        }
        match self.blame(answer) {
            Blame::Missing => Ok(false),
            Blame::File
            | Blame::Space
            | Blame::Login
            | Blame::Path
            | Blame::Busy
            | Blame::Unsupported
            | Blame::Peer => Err(self.refusal(what(), answer)),
        }
    }

    /// Makes a directory, unless it is there. Returns whether the server has made it, so that nothing is in it.
    ///
    /// # Errors
    ///
    /// The server refuses to make it and shows no directory there, has given it another name, or gives no final reply.
    pub async fn make_directory(&mut self, path: &PathName) -> Result<bool, Failure> {
        let answer = self.ask(Command::Mkd(path.clone())).await?;
        if answer.is_done() {
            let named = self.check_stored_name(path).await;
            if named.is_err() && !self.is_over() {
                self.ask(Command::Rmd(path.clone())).await?;
            }
            return named.map(|()| true);
        }
        if answer.class == Class::Refused
            && let Some(found) = self.facts(path).await?
        {
            return match found.kind {
                Kind::Directory | Kind::Current | Kind::Parent => Ok(false),
                Kind::File | Kind::Link | Kind::Other => Err(Failure::new(
                    failure::Kind::Exists,
                    format!("{} at {} exists and is not a directory", path.display(), self.title),
                )
                .hint("choose another DEST for a tree")),
            };
        }
        let failure = self.refusal(format!("cannot make the directory {}", path.display()), &answer);
        Err(if failure.kind == failure::Kind::Missing {
            failure.as_kind(failure::Kind::Refused)
        } else {
            failure
        })
    }

    /// Makes directories, with all commands ahead of the replies to those before them. Returns which of them the server has
    /// made, so that nothing is in them: none where it takes no commands ahead, and none whose name has to be checked. If the
    /// session is lost, these are the first ones only.
    pub async fn make_new_directories(&mut self, paths: &[PathName]) -> Vec<bool> {
        self.gather(true);
        let may_be_sent =
            |session: &Self, path| session.manners.capabilities.takes_ahead && session.keeps_name(path);
        let sent: Vec<_> = paths
            .iter()
            .map(|path| may_be_sent(self, path).then(|| self.send(Command::Mkd(path.clone()), None)))
            .collect();
        let mut made = Vec::with_capacity(sent.len());
        for id in sent {
            made.push(match id {
                None => false,
                Some(id) => match self.answer_to(id, Verb::Mkd).await {
                    Ok(answer) => answer.is_done(),
                    // Whoever uses the session next finds out why.
                    Err(_) => break,
                },
            });
        }
        self.gather(false);
        made
    }

    /// Sets what `ftp-server` does with the first part of a broken STOR (OPTS STOR PARTIAL). Sent only if the
    /// setting changes; the reply does not matter.
    ///
    /// # Errors
    ///
    /// No final reply came, see [`Self::ask`].
    pub async fn partials(&mut self, wanted: Partial) -> Result<(), Failure> {
        if self.manners.capabilities.partial && self.manners.settings.partial != Some(wanted) {
            let command = Command::Opts(Opts::Partial(wanted));
            if self.manners.capabilities.takes_ahead {
                self.unawaited = Some(self.send(command, None));
            } else {
                self.ask(command).await?;
            }
            self.manners.settings.partial = Some(wanted);
        }
        Ok(())
    }

    /// Before a transfer of a whole file: a server may have kept the byte of a transfer that was never
    /// begun, and would send or store a part (ProFTPD). Any answer will do, since the copy is verified.
    ///
    /// # Errors
    ///
    /// No final reply came, see [`Self::ask`].
    pub async fn forget_restart(&mut self) -> Result<(), Failure> {
        if self.manners.settings.restarts {
            self.ask(Command::Rest(0)).await?;
        }
        Ok(())
    }
}

/// Bytes per second that the slowest server hashes.
const SLOWEST_HASH: u64 = 10_000_000;
