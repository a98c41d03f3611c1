//! Digests of parts of a file, and copies of files within a server.

use super::host::Host;
use crate::context::Context;
use crate::failure::Failure;
use crate::remote;
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::wire::{ByteRange, PathName};

impl Host {
    /// The digests that it can compute of a part of a file: a server by RANG and HASH, since the older commands have no
    /// common form of a range.
    ///
    /// # Errors
    ///
    /// Fails if the server cannot be asked.
    pub async fn part_algorithms(&mut self, context: &Context) -> Result<Vec<Algorithm>, Failure> {
        match self {
            Self::Server(server) => Ok(server.session(context).await?.manners.capabilities.part_algorithms()),
            Self::Local(_) => Ok(Algorithm::ALL.to_vec()),
        }
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
    ) -> Result<Result<Digest, Failure>, Failure> {
        match self {
            Self::Server(server) => {
                remote::hash_part(server.session(context).await?, algorithm, path, part).await
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
    ) -> Result<Result<Vec<Digest>, Failure>, Failure> {
        match self {
            Self::Server(server) => {
                remote::hash_parts(server.session(context).await?, algorithm, path, parts).await
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
    pub async fn copies_files(&mut self, context: &Context) -> Result<bool, Failure> {
        match self {
            Self::Server(server) => Ok(server.session(context).await?.manners.capabilities.copies_files()),
            Self::Local(_) => Ok(false),
        }
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
    ) -> Result<Result<(), Failure>, Failure> {
        match self {
            Self::Server(server) => remote::copy_within(server.session(context).await?, from, to, size).await,
            Self::Local(_) => Ok(Err(Failure::usage("this host copies no file within itself"))),
        }
    }
}
