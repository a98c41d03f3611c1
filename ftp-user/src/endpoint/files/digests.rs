//! Digests of files and of their parts, and copies of files within a server.

use super::look::ask_each_ahead;
use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{Failure, Kind, Result};
use crate::session::{Answer, Session, bytes_of_question};
use ftp_proto::command::{Command, DataType, DigestCommand, Opts, Practice, Site, Verb};
use ftp_proto::digest::{Algorithm, Digest, parse_answer, parse_answered_range};
use ftp_proto::reply::Blame;
use ftp_proto::wire::{ByteRange, PathName};
use std::time::Duration;

/// The digest of a file of `size` bytes, or why a server does not give it although it said
/// that it could: another algorithm, or the size, may have to do.
///
/// # Errors
///
/// The file is missing or cannot be read, the login does not permit it, the server is busy, or no final reply came.
pub async fn digest(
    context: &Context,
    host: &mut Host,
    algorithm: Algorithm,
    path: &PathName,
    size: u64,
) -> Result<Result<Digest>> {
    match host {
        Host::Server(server) => {
            DigestQuery { session: server.session(context).await?, algorithm, path }.ask_whole(size).await
        }
        Host::Local(here) => here.digest(context, algorithm, path, ByteRange::WHOLE).await.map(Ok),
    }
}

/// Asks a server for digests of one of its files.
pub struct DigestQuery<'a> {
    /// The session that asks.
    pub session: &'a mut Session,
    /// Which digests these are.
    pub algorithm: Algorithm,
    /// Where the file is.
    pub path: &'a PathName,
}

impl DigestQuery<'_> {
    /// Its digest, see [`digest`].
    ///
    /// # Errors
    ///
    /// The file is missing, the login does not permit it, the server is busy, or no final reply came.
    pub async fn ask_whole(&mut self, size: u64) -> Result<Result<Digest>> {
        let (algorithm, path) = (self.algorithm, self.path);
        let what = || format!("cannot hash {}", path.display());
        let why = format!("{} does not compute {}", self.session.title, algorithm.name());
        let mut refused = Failure::new(Kind::Unverified, what()).said(why);
        while let Some(command) = self.session.manners.capabilities.digest_command(algorithm) {
            let answer = self.ask(command, size).await?;
            if answer.is_done() {
                return Ok(told_digest(&answer, algorithm, path, size).ok_or_else(|| {
                    Failure::new(Kind::Unverified, what())
                        .said(self.session.quote(&answer.reply))
                        .hint("--verify size compares sizes only")
                }));
            }
            refused = self.session.refusal(what(), &answer);
            match self.session.blame(&answer) {
                // It may be that others know the command better.
                Blame::Unsupported => self.session.manners.strike_digest(command, algorithm),
                Blame::File | Blame::Space | Blame::Path | Blame::Peer => break,
                Blame::Missing | Blame::Login | Blame::Busy => return Err(refused),
            }
        }
        Ok(Err(refused))
    }

    /// The digest of a part, or why this server does not give it. The answer must tell that it is of this part: a server that
    /// knows RANG may ignore it in HASH.
    ///
    /// # Errors
    ///
    /// No final reply came, see [`Session::ask`].
    async fn ask_part(&mut self, part: ByteRange) -> Result<Result<Digest>> {
        let Self { session, algorithm, path } = self;
        let length = part.length.filter(|length| *length > 0);
        let Some(length) =
            length.filter(|_| session.manners.capabilities.part_algorithms().contains(algorithm))
        else {
            let why = format!("{} does not compute {} of parts", session.title, algorithm.name());
            return Ok(Err(Failure::new(Kind::Unverified, no_part(path)).said(why)));
        };
        if let Some(command) = session.manners.capabilities.part_digest(*algorithm, part, path) {
            let answer = session.ask_patiently(command, Some(patience(session, length))).await?;
            return Ok(self.digest_in(answer.is_done(), &answer));
        }
        let restarts = session.manners.settings.restarts;
        let noted = session.ask(Command::Rang(Some(part))).await?;
        if !noted.is_done() {
            session.manners.settings.restarts = restarts;
            return Ok(Err(session.refusal(no_part(path), &noted)));
        }
        let answer = self.ask(DigestCommand::Hash, length).await?;
        if is_of_tree_part(&answer, self.algorithm, part) {
            self.session.manners.settings.restarts = restarts; // it has used the part up
            return Ok(self.digest_in(true, &answer));
        }
        // It may have kept the part for the next transfer. REST makes a server forget it, too (ProFTPD).
        let is_forgotten = self.session.ask(Command::Rang(None)).await?.is_done();
        self.session.manners.settings.restarts = restarts || !is_forgotten;
        if answer.is_done() {
            // It reads whole files: it is not asked again.
            self.session.manners.capabilities.forget_rang();
        }
        Ok(self.digest_in(false, &answer))
    }

    /// Asks for the digests of all of these parts at once. Every reply is taken, also behind one that refuses.
    async fn ask_parts(&mut self, parts: &[ByteRange]) -> Result<Result<Vec<Digest>>> {
        if let [part] = parts {
            return Ok(self.ask_part(*part).await?.map(|digest| vec![digest]));
        }
        let Self { session, path, .. } = self;
        let bytes: u64 = parts.iter().filter_map(|part| part.length).sum();
        let patience = Some(patience(session, bytes));
        let restarts = session.manners.settings.restarts;
        let mut sent = Vec::with_capacity(parts.len());
        for part in parts {
            let noted = session.send(Command::Rang(Some(*part)), patience);
            sent.push((*part, noted, session.send(Command::Hash(path.clone()), patience)));
        }
        let mut digests = Ok(Vec::with_capacity(parts.len()));
        for (part, noted, hashed) in sent {
            let noted = self.session.answer_to(noted, Verb::Rang).await?;
            let answer = self.session.answer_to(hashed, Verb::Hash).await?;
            if let Ok(told) = &mut digests {
                let is_of_it = noted.is_done() && is_of_tree_part(&answer, self.algorithm, part);
                match self.digest_in(is_of_it, &answer) {
                    Ok(digest) => told.push(digest),
                    Err(refused) => digests = Err(refused),
                }
            }
        }
        if digests.is_ok() {
            self.session.manners.settings.restarts = restarts; // all parts are used up
        }
        Ok(digests)
    }

    /// The digest of a part in this answer if it is one, or why there is none.
    fn digest_in(&self, is_of_it: bool, answer: &Answer) -> Result<Digest> {
        let digest = parse_answer(self.algorithm, &answer.reply.lines, self.path).filter(|_| is_of_it);
        digest.ok_or_else(|| match answer.is_done() {
            true => {
                Failure::new(Kind::Unverified, no_part(self.path)).said(self.session.quote(&answer.reply))
            }
            false => self.session.refusal(no_part(self.path), answer),
        })
    }

    /// Asks for a digest by this command, after the algorithm was chosen. `size` is that of what is hashed.
    async fn ask(&mut self, command: DigestCommand, size: u64) -> Result<Answer> {
        match select_digest(self.session, command, self.algorithm).await? {
            Some(refusal) => Ok(refusal),
            None => {
                let patience = Some(patience(self.session, size));
                self.session.ask_patiently(command.with(self.path), patience).await
            }
        }
    }
}

/// What fails if a part has no digest.
fn no_part(path: &PathName) -> String {
    format!("cannot hash a part of {}", path.display())
}

/// The digest of a file of `size` bytes in a positive answer, if it is one: that of nothing is no digest of more.
fn told_digest(answer: &Answer, algorithm: Algorithm, path: &PathName, size: u64) -> Option<Digest> {
    let digest = parse_answer(algorithm, &answer.reply.lines, path).filter(|_| answer.is_done());
    digest.filter(|digest| size == 0 || !digest.is_of_nothing())
}

/// The digests of these small files, each with its size in bytes; `None` for one that is not told. A server is sent the questions
/// ahead of its answers, if it takes that. If the session is lost, these are the first ones only, and none if the server does not
/// know or refuses the algorithm.
pub async fn digests_of_all(
    context: &Context,
    host: &mut Host,
    algorithm: Algorithm,
    files: &[(&PathName, u64)],
) -> Vec<Option<Digest>> {
    match host {
        Host::Server(server) => match server.session(context).await {
            Ok(session) => hash_all_at_server(session, algorithm, files).await,
            Err(_) => Vec::new(),
        },
        Host::Local(here) => {
            let mut digests = Vec::with_capacity(files.len());
            for (path, _) in files {
                digests.push(here.digest(context, algorithm, path, ByteRange::WHOLE).await.ok());
            }
            digests
        }
    }
}

async fn hash_all_at_server(
    session: &mut Session,
    algorithm: Algorithm,
    files: &[(&PathName, u64)],
) -> Vec<Option<Digest>> {
    let Some(command) = session.manners.capabilities.digest_command(algorithm) else { return Vec::new() };
    if !matches!(select_digest(session, command, algorithm).await, Ok(None)) {
        return Vec::new();
    }
    let question = |(path, _): &(&PathName, u64)| (command.with(path), bytes_of_question(path));
    let answers = ask_each_ahead(session, files.iter().map(question)).await;
    let told = answers.iter().zip(files);
    told.map(|(answer, (path, size))| told_digest(answer, algorithm, path, *size)).collect()
}

/// The digest of a part of a file, or why a server does not give it.
///
/// # Errors
///
/// The file cannot be read, or no final reply came.
pub async fn part_digest(
    context: &Context,
    host: &mut Host,
    algorithm: Algorithm,
    path: &PathName,
    part: ByteRange,
) -> Result<Result<Digest>> {
    match host {
        Host::Server(server) => {
            DigestQuery { session: server.session(context).await?, algorithm, path }.ask_part(part).await
        }
        Host::Local(here) => here.digest(context, algorithm, path, part).await.map(Ok),
    }
}

/// Whether a positive answer to HASH is about this part.
fn is_of_tree_part(answer: &Answer, algorithm: Algorithm, part: ByteRange) -> bool {
    let last = part.first.saturating_add(part.length.unwrap_or(0)).saturating_sub(1);
    answer.is_done() && parse_answered_range(algorithm, &answer.reply.lines) == Some((part.first, last))
}

/// Makes a session ready for a command that asks for a digest. The refusal of its server, if it refuses the algorithm.
async fn select_digest(
    session: &mut Session,
    command: DigestCommand,
    algorithm: Algorithm,
) -> Result<Option<Answer>> {
    if command == DigestCommand::Hash && session.manners.settings.digest != Some(algorithm) {
        let answer = session.ask(Command::Opts(Opts::Hash(Some(algorithm)))).await?;
        if !answer.is_done() {
            return Ok(Some(answer));
        }
        session.manners.settings.digest = Some(algorithm);
    }
    session.set_type(DataType::Image).await?;
    Ok(None)
}

/// How long a server may take to hash or to copy so many bytes.
fn patience(session: &Session, bytes: u64) -> Duration {
    session.context.settings.patience.reply + Duration::from_secs(bytes / SLOWEST_HASH)
}

/// Bytes per second that the slowest server hashes.
const SLOWEST_HASH: u64 = 10_000_000;

/// The digests of these parts of a file, in their order, or why a server does not give them. A server that takes
/// commands ahead is asked for several at a time.
///
/// # Errors
///
/// The file cannot be read, or no final reply came, see [`Session::ask`].
pub async fn part_digests(
    context: &Context,
    host: &mut Host,
    algorithm: Algorithm,
    path: &PathName,
    parts: &[ByteRange],
) -> Result<Result<Vec<Digest>>> {
    let (mut digests, mut rest) = (Vec::with_capacity(parts.len()), parts);
    let session = match host {
        Host::Server(server) => server.session(context).await?,
        Host::Local(here) => {
            for part in parts {
                digests.push(here.digest(context, algorithm, path, *part).await?);
            }
            return Ok(Ok(digests));
        }
    };
    let mut file = DigestQuery { session, algorithm, path };
    while !rest.is_empty() {
        // The first one settles the algorithm and the type, and shows whether the server minds RANG.
        let count = if digests.is_empty() { 1 } else { file.session.manners.parts_ahead(path) };
        let (now, later) = rest.split_at(rest.len().min(count));
        match file.ask_parts(now).await? {
            Ok(found) => digests.extend(found),
            Err(refused) => return Ok(Err(refused)),
        }
        rest = later;
    }
    Ok(Ok(digests))
}

/// Copies a file of `size` bytes within the server (SITE CPFR, SITE CPTO). A file that has the new name is replaced.
/// The inner error is the refusal. This host is never asked to.
///
/// # Errors
///
/// No final reply came, see [`Session::ask`]: nobody knows whether it was copied.
pub async fn copy_within(
    context: &Context,
    host: &mut Host,
    from: &PathName,
    to: &PathName,
    size: u64,
) -> Result<Result<()>> {
    let Host::Server(server) = host else {
        return Ok(Err(Failure::usage("this host copies no file within itself")));
    };
    let session = server.session(context).await?;
    let what = format!("cannot copy {} within {}", from.display(), session.title);
    let site = |site| Command::Practice(Practice::Site(site));
    let first = session.ask(site(Site::CopyFrom(from.clone()))).await?;
    if !first.is_done() {
        return Ok(Err(session.refusal(what, &first)));
    }
    let patience = Some(patience(session, size));
    let second = session.ask_patiently(site(Site::CopyTo(to.clone())), patience).await?;
    Ok(session.check_done(&second, what))
}
