//! An end of a copy: a server, or this host; and what can be asked of either.

use crate::context::{Cancel, Context, Patience};
use crate::control::{Facts, Role, Session};
use crate::failure::{self, Failure};
use crate::place::{RemotePath, Site};
use ftp_io::copy::Meter;
use ftp_io::tls::Versions;
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::listing::{Kind, When};
use ftp_proto::wire::PathName;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// An end of a copy.
#[derive(Debug)]
pub enum Host {
    /// A server.
    Server(Server),
    /// This host.
    Here,
}

/// A server, with a session that is opened when it is needed and again when it was lost.
#[derive(Debug)]
pub struct Server {
    /// Where it is and who logs in.
    pub site: Site,
    role: Role,
    session: Option<Box<Session>>,
    /// How its next session begins.
    tls: Versions,
    /// It has no sessions of TLS 1.2.
    only_new: bool,
}

impl Server {
    /// A server without a session yet.
    pub const fn new(site: Site, role: Role) -> Self {
        Self { site, role, session: None, tls: Versions::All, only_new: false }
    }

    /// The session: the one that is there, or a new one.
    pub async fn session(&mut self, context: &Context) -> Result<&mut Session, Failure> {
        if let Some(session) = &mut self.session {
            session.cancel_by(&context.cancel);
            session.catch_up().await;
        }
        // One that was opened in haste, to tidy up, has no patience for anything else.
        if let Some(hasty) = self.session.take_if(|session| session.patience() < context.patience.reply) {
            hasty.quit().await;
        }
        let kept = self.session.take().filter(|session| !session.is_over());
        let session = match kept {
            Some(session) if session.is_used_up() => self.renewed(context, session).await?,
            Some(session) => session,
            None => Box::new(Session::open_by(context, &self.site, self.role, self.tls).await?),
        };
        Ok(self.session.insert(session))
    }

    /// A session for one whose tickets are used up: with TLS 1.2, whose sessions do not run out, or where
    /// the server has none of that the same again, with new tickets.
    async fn renewed(&mut self, context: &Context, session: Box<Session>) -> Result<Box<Session>, Failure> {
        session.quit().await;
        if self.tls == Versions::All && !self.only_new {
            match Session::open_by(context, &self.site, self.role, Versions::Tls12).await {
                Ok(renewed) => {
                    self.tls = Versions::Tls12;
                    return Ok(Box::new(renewed));
                }
                Err(failure) if failure.kind == failure::Kind::Interrupted => return Err(failure),
                Err(_) => self.only_new = true,
            }
        }
        Session::open_by(context, &self.site, self.role, self.tls).await.map(Box::new)
    }

    /// The session, if there is one that lives.
    pub fn open(&mut self) -> Option<&mut Session> {
        self.session.as_deref_mut().filter(|session| !session.is_over())
    }

    /// Says goodbye.
    pub async fn quit(self) {
        if let Some(session) = self.session {
            session.quit().await;
        }
    }
}

impl Host {
    /// A server at this end.
    pub const fn server(site: Site, role: Role) -> Self {
        Self::Server(Server::new(site, role))
    }

    /// Whether it is this host.
    pub const fn is_here(&self) -> bool {
        matches!(self, Self::Here)
    }

    /// Whether it can be asked something without a new session.
    pub fn is_there(&mut self) -> bool {
        match self {
            Self::Server(server) => server.open().is_some(),
            Self::Here => true,
        }
    }

    /// Whether a transfer can begin in the middle of a file (RFC 3659 5).
    pub async fn restarts(&mut self, context: &Context) -> Result<bool, Failure> {
        match self {
            Self::Server(server) => Ok(server.session(context).await?.capabilities.rest_stream),
            Self::Here => Ok(true),
        }
    }

    /// Whether it gives the digest of the begin of a file. Servers do not: the older commands have no
    /// common form of a range, and what knows RANG does not mind it in HASH (ProFTPD).
    pub const fn knows_prefixes(&self) -> bool {
        self.is_here()
    }

    /// Whether nothing between it and this program is in clear.
    pub const fn is_secured(&self) -> bool {
        match self {
            Self::Server(server) => server.site.security.is_secured(),
            Self::Here => true,
        }
    }

    /// Opens the session, so that both ends can do it at the same time.
    pub async fn ready(&mut self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Server(server) => server.session(context).await.map(drop),
            Self::Here => Ok(()),
        }
    }

    /// How reports call a place here: a URL without password, or a path.
    pub fn show(&self, path: &PathName) -> String {
        match self {
            Self::Server(server) => {
                format!("{}{}", server.site, RemotePath { name: Some(path.clone()), contents: false })
            }
            Self::Here => path.display(),
        }
    }

    /// What is at `path`; `None` when nothing is.
    pub async fn facts(&mut self, context: &Context, path: &PathName) -> Result<Option<Facts>, Failure> {
        match self {
            Self::Server(server) => server.session(context).await?.facts(path).await,
            Self::Here => local_facts(path),
        }
    }

    /// Another file must not answer to the name of one that is to be sent. Who cannot tell is believed.
    pub async fn confirm(&mut self, context: &Context, path: &PathName) -> Result<(), Failure> {
        let Self::Server(server) = self else { return Ok(()) };
        match server.session(context).await?.confirm(path).await {
            Err(failure) if failure.kind == failure::Kind::Unverified => Err(failure),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The size of the file at `path`, where it can be known.
    pub async fn size(&mut self, context: &Context, path: &PathName) -> Result<Option<u64>, Failure> {
        match self {
            Self::Server(server) => {
                let session = server.session(context).await?;
                match session.size(path).await? {
                    Some(size) => Ok(Some(size)),
                    None if session.capabilities.mlst.is_some() => {
                        Ok(session.facts(path).await?.and_then(|facts| facts.size))
                    }
                    None => Ok(None),
                }
            }
            Self::Here => Ok(local_facts(path)?.and_then(|facts| facts.size)),
        }
    }

    /// The digests it can compute.
    pub async fn algorithms(&mut self, context: &Context) -> Result<Vec<Algorithm>, Failure> {
        match self {
            Self::Server(server) => Ok(server.session(context).await?.capabilities.algorithms()),
            Self::Here => Ok(Algorithm::ALL.to_vec()),
        }
    }

    /// The digest of the file at `path`, or why it cannot be had.
    pub async fn digest(
        &mut self,
        context: &Context,
        algorithm: Algorithm,
        path: &PathName,
        size: u64,
    ) -> Result<Result<Digest, Failure>, Failure> {
        match self {
            Self::Server(server) => server.session(context).await?.hash(algorithm, path, size).await,
            Self::Here => local_digest(context, algorithm, path, None).await.map(Ok),
        }
    }

    /// The digest of the first `octets` of the file at `path`, or why it cannot be had.
    pub async fn prefix_digest(
        &mut self,
        context: &Context,
        algorithm: Algorithm,
        path: &PathName,
        octets: u64,
    ) -> Result<Result<Digest, Failure>, Failure> {
        match self {
            Self::Server(server) => Ok(Err(Failure::new(
                failure::Kind::Unverified,
                format!("{} gives no digest of a part of {}", server.site, path.display()),
            ))),
            Self::Here => local_digest(context, algorithm, path, Some(octets)).await.map(Ok),
        }
    }

    /// Gives a file another name, replacing what has it.
    pub async fn rename(&mut self, context: &Context, from: &PathName, to: &PathName) -> Result<(), Failure> {
        match self {
            Self::Server(server) => server.session(context).await?.rename(from, to).await,
            Self::Here => std::fs::rename(local_path(from), local_path(to)).map_err(|error| {
                Failure::of_this_host(format!("cannot rename the finished copy to {}", to.display()), &error)
            }),
        }
    }

    /// Deletes a file; it is no failure when it is not there.
    pub async fn delete(&mut self, context: &Context, path: &PathName) -> Result<(), Failure> {
        match self {
            Self::Server(server) => server.session(context).await?.delete(path).await.map(drop),
            Self::Here => match std::fs::remove_file(local_path(path)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(Failure::of_this_host(format!("cannot delete {}", path.display()), &error))
                }
                Ok(()) | Err(_) => Ok(()),
            },
        }
    }

    /// Makes a directory, unless it is there.
    pub async fn make_directory(&mut self, context: &Context, path: &PathName) -> Result<(), Failure> {
        match self {
            Self::Server(server) => server.session(context).await?.make_directory(path).await,
            Self::Here => match std::fs::create_dir(local_path(path)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && local_path(path).is_dir() => {
                    Ok(())
                }
                made => made.map_err(|error| {
                    Failure::of_this_host(format!("cannot make the directory {}", path.display()), &error)
                }),
            },
        }
    }

    /// Says goodbye.
    pub async fn quit(self) {
        match self {
            Self::Server(server) => server.quit().await,
            Self::Here => {}
        }
    }
}

/// For what must be done although somebody wants to stop: an [`Context`] that nobody interrupts, and how
/// long it may take in all.
pub(crate) fn for_cleanup(context: &Context) -> (Context, Duration) {
    let limit = if context.cancel.is_cancelled() { HASTE } else { context.patience.reply.min(TIDYING) };
    let patience = Patience { reply: context.patience.reply.min(limit), ..context.patience };
    (Context { cancel: Cancel::never(), patience, ..context.clone() }, limit)
}

/// A name as a path of this host.
pub(crate) fn local_path(name: &PathName) -> &Path {
    Path::new(OsStr::from_bytes(name.as_bytes()))
}

fn local_facts(path: &PathName) -> Result<Option<Facts>, Failure> {
    let found = match std::fs::metadata(local_path(path)) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Failure::of_this_host(format!("cannot look at {}", path.display()), &error));
        }
    };
    let kind = if found.is_file() {
        Kind::File
    } else if found.is_dir() {
        Kind::Directory
    } else {
        Kind::Other
    };
    Ok(Some(Facts {
        kind,
        size: found.is_file().then_some(found.len()),
        modified: Some(When(found.mtime())),
        unique: Some(format!("{}-{}", found.dev(), found.ino())),
    }))
}

/// Of the whole file, or of its first `octets`.
async fn local_digest(
    context: &Context,
    algorithm: Algorithm,
    path: &PathName,
    octets: Option<u64>,
) -> Result<Digest, Failure> {
    let what = || format!("cannot hash {}", path.display());
    let file =
        std::fs::File::open(local_path(path)).map_err(|error| Failure::of_this_host(what(), &error))?;
    let meter = Meter::default();
    tokio::select! {
        biased;
        () = context.cancel.cancelled() => {
            meter.stop();
            Err(Failure::interrupted())
        }
        done = ftp_io::hash::digest_of(algorithm, file, octets.unwrap_or(u64::MAX), &meter) => {
            let (hex, _) = done.map_err(|error| Failure::of_this_host(what(), &error))?;
            Ok(Digest { algorithm, hex })
        }
    }
}

/// A server that does not answer now is not worth a long wait for a file to delete.
const TIDYING: Duration = Duration::from_secs(10);
/// Of the two seconds that an interrupted copy has (H33).
const HASTE: Duration = Duration::from_millis(700);
