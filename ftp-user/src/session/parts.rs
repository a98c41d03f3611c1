//! Digests of many parts of a file, and copies of files within a server.

use super::connection::Session;
use crate::failure::{Failure, Kind};
use ftp_proto::command::{Command, Practice, Site, Verb};
use ftp_proto::digest::{Algorithm, Digest, parse_answer, parse_answered_range};
use ftp_proto::wire::{ByteRange, PathName};
use std::time::Duration;

impl Session {
    /// The digests of these parts of a file, in their order, or why this server does not give them. A server that takes
    /// commands ahead is asked for several at a time.
    ///
    /// # Errors
    ///
    /// No final reply came, see [`Self::ask`].
    pub async fn hash_parts(
        &mut self,
        algorithm: Algorithm,
        path: &PathName,
        parts: &[ByteRange],
    ) -> Result<Result<Vec<Digest>, Failure>, Failure> {
        let mut digests = Vec::with_capacity(parts.len());
        // The first one settles the algorithm and the type, and shows whether the server minds RANG.
        let Some((first, mut rest)) = parts.split_first() else { return Ok(Ok(digests)) };
        match self.hash_part(algorithm, path, *first).await? {
            Ok(digest) => digests.push(digest),
            Err(refused) => return Ok(Err(refused)),
        }
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(self.manners.parts_ahead(path)));
            match self.hash_ahead(algorithm, path, now).await? {
                Ok(found) => digests.extend(found),
                Err(refused) => return Ok(Err(refused)),
            }
            rest = later;
        }
        Ok(Ok(digests))
    }

    /// Asks for all of these at once. Every reply is taken, also behind one that refuses.
    async fn hash_ahead(
        &mut self,
        algorithm: Algorithm,
        path: &PathName,
        parts: &[ByteRange],
    ) -> Result<Result<Vec<Digest>, Failure>, Failure> {
        if let [part] = parts {
            return Ok(self.hash_part(algorithm, path, *part).await?.map(|digest| vec![digest]));
        }
        let bytes: u64 = parts.iter().filter_map(|part| part.length).sum();
        let patience = Some(self.context.settings.patience.reply + Duration::from_secs(bytes / SLOWEST_HASH));
        let restarts = self.manners.settings.restarts;
        let mut sent = Vec::with_capacity(parts.len());
        for part in parts {
            let noted = self.send(Command::Rang(Some(*part)), patience);
            sent.push((*part, noted, self.send(Command::Hash(path.clone()), patience)));
        }
        let mut digests = Ok(Vec::with_capacity(parts.len()));
        for (part, noted, hashed) in sent {
            let noted = self.answer_to(noted, Verb::Rang).await?;
            let answer = self.answer_to(hashed, Verb::Hash).await?;
            let last = part.first.saturating_add(part.length.unwrap_or(0)).saturating_sub(1);
            let is_of_part = parse_answered_range(algorithm, &answer.reply.lines) == Some((part.first, last));
            let digest = parse_answer(algorithm, &answer.reply.lines, path)
                .filter(|_| noted.is_done() && answer.is_done() && is_of_part);
            match (&mut digests, digest) {
                (Ok(digests), Some(digest)) => digests.push(digest),
                (Ok(_), None) => {
                    let what = format!("cannot hash a part of {}", path.display());
                    digests = Err(if answer.is_done() {
                        Failure::new(Kind::Unverified, what).said(self.quote(&answer.reply))
                    } else {
                        self.refusal(what, &answer)
                    });
                }
                (Err(_), _) => {}
            }
        }
        if digests.is_ok() {
            self.manners.settings.restarts = restarts; // all parts are used up
        }
        Ok(digests)
    }

    /// Copies a file of `size` bytes within the server (SITE CPFR, SITE CPTO). A file that has the new name is replaced.
    /// The inner error is the refusal.
    ///
    /// # Errors
    ///
    /// No final reply came, see [`Self::ask`].
    pub async fn copy_within(
        &mut self,
        from: &PathName,
        to: &PathName,
        size: u64,
    ) -> Result<Result<(), Failure>, Failure> {
        let what = format!("cannot copy {} within {}", from.display(), self.title);
        let site = |site| Command::Practice(Practice::Site(site));
        let first = self.ask(site(Site::CopyFrom(from.clone()))).await?;
        if !first.is_done() {
            return Ok(Err(self.refusal(what, &first)));
        }
        let patience = self.context.settings.patience.reply + Duration::from_secs(size / SLOWEST_HASH);
        let second = self.ask_patiently(site(Site::CopyTo(to.clone())), Some(patience)).await?;
        Ok(if second.is_done() { Ok(()) } else { Err(self.refusal(what, &second)) })
    }
}

/// Bytes per second that the slowest server hashes or copies.
const SLOWEST_HASH: u64 = 10_000_000;
