//! What an open session tells beyond names and facts: sessions that were lost, listings with facts, digests of parts of a file, and copies within a server.

use super::host::Host;
use super::pool::Losses;
use crate::context::Context;
use crate::endpoint::files;
use crate::failure::{Failure, Result};
use crate::session::SessionId;
use ftp_proto::command::FileToSend;
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::manners::Manners;
use ftp_proto::wire::{ByteRange, PathName};

impl Host {
    /// The number of its session, if one is open.
    pub fn session_id(&mut self) -> Option<SessionId> {
        if let Self::Server(server) = self { server.open().map(|session| session.id) } else { None }
    }

    /// Says goodbye on the sessions with the server that nobody uses.
    pub async fn quit_idle(&self) {
        if let Self::Server(server) = self {
            server.pool.quit_idle().await;
        }
    }

    /// Whether the session that it has is still open, as far as that is seen without a question. This host always is.
    pub async fn is_alive(&mut self, context: &Context) -> bool {
        match self {
            Self::Server(server) => server.is_connected(context).await,
            Self::Local(_) => true,
        }
    }

    /// Whether its listings tell as much of a file as a question for that file. Files of this host are looked at one by one.
    pub fn lists_facts(&mut self) -> bool {
        self.shows(false, |manners| manners.capabilities.mlst.is_some())
    }

    /// Whether each of these files of a directory is there as it is described. `false` says nothing: it is to be asked for alone,
    /// as all files of this host are.
    pub async fn are_same(
        &mut self,
        context: &Context,
        directory: &PathName,
        files: &[FileToSend],
    ) -> Vec<bool> {
        if let Self::Server(server) = self
            && let Ok(session) = server.session(context).await
        {
            return Box::pin(files::are_same(session, directory, files)).await;
        }
        vec![false; files.len()]
    }

    /// Whether it deletes files of which a command says what they must be, and no others.
    pub fn deletes_if_same(&mut self) -> bool {
        self.shows(false, Manners::deletes_if_same)
    }

    /// Whether it removes no directory that has anything in it. Some servers remove everything.
    pub fn keeps_full_directories(&mut self) -> bool {
        self.shows(true, Manners::is_ours)
    }

    /// The sessions that were lost, if it is a server.
    pub fn losses(&self) -> Option<&Losses> {
        if let Self::Server(server) = self { Some(&server.pool.losses) } else { None }
    }

    /// The digests that it can compute of a part of a file: a server by RANG and HASH, since the older commands have no
    /// common form of a range.
    ///
    /// # Errors
    ///
    /// Fails if the server cannot be asked.
    pub async fn part_algorithms(&mut self, context: &Context) -> Result<Vec<Algorithm>> {
        let here = Algorithm::ALL.to_vec();
        self.learn(context, here, |session| session.manners.capabilities.part_algorithms()).await
    }

    /// The digest of a part of the file at `path`, or why this host does not give it.
    ///
    /// # Errors
    /// Fails if the file cannot be read, or the server cannot be asked.
    pub async fn part_digest(
        &mut self,
        context: &Context,
        algorithm: Algorithm,
        path: &PathName,
        part: ByteRange,
    ) -> Result<Result<Digest>> {
        match self {
            Self::Server(server) => {
                files::hash_part(server.session(context).await?, algorithm, path, part).await
            }
            Self::Local(here) => here.digest(context, algorithm, path, part).await.map(Ok),
        }
    }

    /// The digests of these parts of a file, in their order, or why a server does not compute one of them.
    ///
    /// # Errors
    /// Fails if the server cannot be asked, or this host cannot read the file.
    pub async fn part_digests(
        &mut self,
        context: &Context,
        algorithm: Algorithm,
        path: &PathName,
        parts: &[ByteRange],
    ) -> Result<Result<Vec<Digest>>> {
        match self {
            Self::Server(server) => {
                files::hash_parts(server.session(context).await?, algorithm, path, parts).await
            }
            Self::Local(here) => {
                let mut digests = Vec::with_capacity(parts.len());
                for part in parts {
                    digests.push(here.digest(context, algorithm, path, *part).await?);
                }
                Ok(Ok(digests))
            }
        }
    }

    /// Whether it can copy a file within itself. This host is never asked to.
    ///
    /// # Errors
    /// Fails if the server cannot be asked.
    pub async fn copies_files(&mut self, context: &Context) -> Result<bool> {
        self.learn(context, false, |session| session.manners.capabilities.copies_files()).await
    }

    /// Copies a file of `size` bytes within a server. The inner error is its refusal.
    ///
    /// # Errors
    /// Nobody knows whether it was copied.
    pub async fn copy_within(
        &mut self,
        context: &Context,
        from: &PathName,
        to: &PathName,
        size: u64,
    ) -> Result<Result<()>> {
        match self {
            Self::Server(server) => files::copy_within(server.session(context).await?, from, to, size).await,
            Self::Local(_) => Ok(Err(Failure::usage("this host copies no file within itself"))),
        }
    }
}
