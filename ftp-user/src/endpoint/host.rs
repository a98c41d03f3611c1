//! An end of a copy: what can be asked of a server and of this host alike.

use super::local_end::LocalEnd;
use super::local_root::LocalRoot;
use super::pool::{Pools, Server};
use super::source_tree::{Links, SourceTree};
use crate::context::Context;
use crate::endpoint::files::{self, Replacement};
use crate::failure::{Failure, Kind, Result};
use crate::place::{self, Location, Place, RemotePath, Site};
use crate::report::THIS_HOST;
use crate::session::{Facts, Role, Session, SessionId};
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::listing::{self, When};
use ftp_proto::manners::Manners;
use ftp_proto::wire::{ByteRange, PathName};

/// An end of a copy.
#[derive(Debug)]
pub enum Host {
    /// An FTP server.
    Server(Box<Server>),
    /// The host of this program.
    Local(LocalEnd),
}

impl Host {
    /// The host of a place. Hosts of the same pools share the sessions and the health of a server.
    pub fn at(location: &Location, role: Role, pools: &Pools) -> Self {
        match &location.place {
            Place::Remote(remote) => Self::Server(Box::new(Server::new(pools.of(&remote.site), role))),
            Place::Local(_) => Self::Local(match role {
                Role::Destination => LocalEnd::Destination(LocalRoot::at(pools.files, location.path.clone())),
                Role::Source | Role::Server => LocalEnd::Typed(pools.files),
            }),
        }
    }

    /// The same host without a session, for another use.
    #[must_use]
    pub fn beside(&self) -> Self {
        match self {
            Self::Server(server) => Self::Server(Box::new(server.beside())),
            Self::Local(here) => Self::Local(here.clone()),
        }
    }

    /// The same host without a session, of which the directory at `path` is copied, which looked like `seen`. On this host the
    /// directory stays open, and only such symbolic links are followed below it.
    ///
    /// # Errors
    ///
    /// The directory of this host was replaced since it was looked at, or cannot be opened.
    pub(crate) fn reading(&self, path: &PathName, seen: &Facts, followed: Links) -> Result<Self> {
        match self {
            Self::Server(_) => Ok(self.beside()),
            Self::Local(here) => SourceTree::seen(here.files(), path, seen, followed)
                .map(|tree| Self::Local(LocalEnd::Source(tree))),
        }
    }

    /// Keeps the directory at `path` and the one for `old` files open from now on. The first one must still look like `seen`.
    /// If it was not looked at, it may be missing, as the one for old files may: then the nearest directory above is kept open.
    /// What is written, deleted or renamed below is reached from there, without following a symbolic link. A server has nothing
    /// to hold.
    ///
    /// # Errors
    ///
    /// A directory was replaced since it was looked at, or cannot be opened.
    pub(crate) fn hold(&self, path: &PathName, seen: Option<&Facts>, old: Option<&PathName>) -> Result<()> {
        let Some(root) = self.local_root() else { return Ok(()) };
        let mut open = vec![match seen {
            Some(seen) => root.files.open_seen(path, seen)?,
            None if root.is_held() => return Ok(()),
            None => root.files.open_nearest(path)?,
        }];
        if let Some(old) = old {
            open.push(root.files.open_nearest(old)?);
        }
        root.hold(open);
        Ok(())
    }

    /// This host, if it is that.
    const fn local(&self) -> Option<&LocalEnd> {
        if let Self::Local(here) = self { Some(here) } else { None }
    }

    /// The destination, if it is on this host.
    fn local_root(&self) -> Option<&LocalRoot> {
        self.local().and_then(LocalEnd::destination)
    }

    /// Whether that place is on the same host, by whichever name.
    pub fn is_also(&self, location: &Location) -> bool {
        self.site()
            .map_or(location.is_local(), |site| location.site().is_some_and(|other| other.is_same(site)))
    }

    /// Whether it is the host of that place.
    pub fn is_at(&self, location: &Location) -> bool {
        location.site() == self.site()
    }

    /// The site, if it is a server.
    fn site(&self) -> Option<&Site> {
        if let Self::Server(server) = self { Some(&server.site) } else { None }
    }

    /// Whether it is this host.
    pub const fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// Whether an open session shows that of its server. `here` is what holds of this host.
    pub(super) fn shows(&mut self, here: bool, shows: fn(&Manners) -> bool) -> bool {
        match self {
            Self::Server(server) => server.open().is_some_and(|session| shows(&session.manners)),
            Self::Local(_) => here,
        }
    }

    /// What the session shows of its server, which is opened for that. `here` is what holds of this host.
    pub(super) async fn learn<T>(
        &mut self,
        context: &Context,
        here: T,
        shows: impl FnOnce(&Session) -> T,
    ) -> Result<T> {
        match self {
            Self::Server(server) => server.session(context).await.map(|session| shows(session)),
            Self::Local(_) => Ok(here),
        }
    }

    /// Whether it is a server that mixes up sessions which are busy at the same time.
    pub fn mixes_sessions(&mut self) -> bool {
        self.shows(false, |manners| manners.capabilities.mixes_sessions)
    }

    /// Opens a session, unless one is open.
    ///
    /// # Errors
    ///
    /// Fails if the server refuses or does not answer.
    pub async fn connect(&mut self, context: &Context) -> Result<()> {
        self.learn(context, (), |_| ()).await
    }

    /// The session in which it tells something now, if one is open. This host has one that never ends.
    pub fn evidence_session(&mut self) -> Option<SessionId> {
        match self {
            Self::Server(server) => server.open().map(|session| session.id),
            Self::Local(_) => Some(SessionId::HERE),
        }
    }

    /// Whether it can be asked something without a new session.
    pub fn is_connected(&mut self) -> bool {
        self.shows(true, |_| true)
    }

    /// Whether a transfer can begin in the middle of a file (RFC 3659 section 5).
    ///
    /// # Errors
    ///
    /// Fails if the server cannot be asked.
    pub async fn restarts(&mut self, context: &Context) -> Result<bool> {
        self.learn(context, true, |session| session.manners.capabilities.rest_stream).await
    }

    /// Whether everything between it and this program is protected.
    ///
    /// # Errors
    ///
    /// Fails if the server has to be asked whether it offers TLS, and cannot be.
    pub async fn is_secured(&mut self, context: &Context) -> Result<bool> {
        self.learn(context, true, Session::runs_tls).await
    }

    /// How reports call all of it: the name of a site, a URL without a path and without a password, or this host.
    pub fn name(&self) -> String {
        match self {
            Self::Server(server) => server.site.to_string(),
            Self::Local(_) => THIS_HOST.to_owned(),
        }
    }

    /// How reports call a place here: `SITE:path`, a URL without a password, or a path.
    pub fn show(&self, path: &PathName) -> String {
        match self {
            Self::Server(server) => {
                server.site.show(&RemotePath { name: Some(path.clone()), contents: false, glob: None })
            }
            Self::Local(_) => path.display(),
        }
    }

    /// Tells a server that has no session yet that [`Self::facts`] of `path` will be its first question: some take it
    /// together with the login.
    pub fn will_be_asked(&mut self, path: &PathName) {
        if let Self::Server(server) = self {
            server.will_be_asked(path);
        }
    }

    /// What is at `path`; `None` if nothing is.
    ///
    /// # Errors
    /// Fails if it cannot be determined.
    pub async fn facts(&mut self, context: &Context, path: &PathName) -> Result<Option<Facts>> {
        match self {
            Self::Server(server) => files::facts(server.session(context).await?, path).await,
            Self::Local(here) => here.facts(path),
        }
    }

    /// What is at each of these paths, as [`Self::facts`] tells it. A server that takes commands ahead is asked for many at
    /// once. If the session is lost, these are the first answers only.
    pub async fn facts_of_all(
        &mut self,
        context: &Context,
        paths: &[PathName],
    ) -> Vec<Result<Option<Facts>>> {
        match self {
            Self::Server(server) => match server.session(context).await {
                Ok(session) => Box::pin(files::facts_of_all(session, paths)).await,
                Err(_) => Vec::new(),
            },
            Self::Local(here) => paths.iter().map(|path| here.facts(path)).collect(),
        }
    }

    /// Whether [`Self::facts_of_all`] takes little longer for many paths than for one, as far as that is known.
    pub fn is_asked_at_once(&mut self) -> bool {
        self.shows(true, |manners| manners.capabilities.takes_ahead)
    }

    /// What is known of a file of this host without a question to anybody; `None` at a server, or if it cannot be
    /// determined.
    pub fn facts_here(&self, path: &PathName) -> Option<Facts> {
        self.local()?.facts(path).ok().flatten()
    }

    /// What is at `path`, or where a symbolic link leads that is there; `None` if that is nothing.
    ///
    /// # Errors
    /// Fails if it cannot be determined.
    pub async fn behind(&mut self, context: &Context, path: &PathName) -> Result<Option<Facts>> {
        match self {
            Self::Server(server) => files::behind(server.session(context).await?, path).await,
            Self::Local(here) => here.behind(path),
        }
    }

    /// Whether a name is a symbolic link of this host. Of names at a server only their listing tells it.
    pub(crate) fn is_link_here(&self, path: &PathName) -> bool {
        let found = self.local().and_then(|here| here.files().name(path).entry().ok().flatten());
        found.is_some_and(|found| found.kind == listing::Kind::Link)
    }

    /// The path of a directory without symbolic links, if the server tells it. A directory of this host has an
    /// identity, so that nobody need compare its path.
    ///
    /// # Errors
    /// Fails if the session is lost.
    pub async fn real_directory(&mut self, context: &Context, path: &PathName) -> Result<Option<PathName>> {
        let Self::Server(server) = self else { return Ok(None) };
        files::real_directory(server.session(context).await?, path).await
    }

    /// Checks that a file to be sent is the one that `path` names, and not another one that the server takes
    /// for it. A server that cannot tell is believed.
    ///
    /// # Errors
    ///
    /// The server shows the file under another name.
    pub async fn check_stored_name(&mut self, context: &Context, path: &PathName) -> Result<()> {
        let Self::Server(server) = self else { return Ok(()) };
        match files::check_stored_name(server.session(context).await?, path).await {
            Err(failure) if failure.kind == Kind::Unverified => Err(failure),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// When the file at `path` was modified last, if that is known.
    ///
    /// # Errors
    /// Fails if the server cannot be asked.
    pub async fn modified(&mut self, context: &Context, path: &PathName) -> Result<Option<When>> {
        match self {
            Self::Server(server) => files::modified(server.session(context).await?, path).await,
            Self::Local(here) => Ok(here.facts(path)?.and_then(|facts| facts.modified)),
        }
    }

    /// Sets when the file at `path` was modified last. Whether that was refused is told by [`Self::time_refusal`].
    ///
    /// # Errors
    /// Fails if the server cannot be asked, or this host refuses.
    pub async fn set_modified(&mut self, context: &Context, path: &PathName, time: When) -> Result<()> {
        match self {
            Self::Server(server) => files::set_modified(server.session(context).await?, path, time).await,
            Self::Local(here) => here.set_modified(path, time),
        }
    }

    /// Sets when these were modified last. Returns the first refusal of a server, which may have been asked for those that
    /// follow it as well.
    ///
    /// # Errors
    /// Fails if the server cannot be asked, or this host refuses.
    pub async fn set_modified_all(
        &mut self,
        context: &Context,
        times: &[(PathName, When)],
    ) -> Result<Option<Failure>> {
        match self {
            Self::Server(_) if times.is_empty() => Ok(None),
            Self::Server(server) => files::set_modified_all(server.session(context).await?, times).await,
            Self::Local(here) => {
                let mut set = times.iter().map(|(path, time)| here.set_modified(path, *time));
                set.try_for_each(|set| set).map(|()| None)
            }
        }
    }

    /// Sets the permission bits of the file or directory at `path`. Returns why a server has not done so.
    ///
    /// # Errors
    /// Fails if the server cannot be asked, or this host refuses.
    pub async fn set_mode(
        &mut self,
        context: &Context,
        path: &PathName,
        mode: u32,
    ) -> Result<Option<Failure>> {
        match self {
            Self::Server(server) => files::set_mode(server.session(context).await?, path, mode).await,
            Self::Local(here) => here.set_mode(path, mode).map(|()| None),
        }
    }

    /// Why a server has not taken the last time that was set.
    ///
    /// # Errors
    /// Fails if the session is lost.
    pub async fn time_refusal(&mut self) -> Result<Option<Failure>> {
        let Self::Server(server) = self else { return Ok(None) };
        let Some(session) = server.open() else { return Ok(None) };
        files::time_refusal(session).await
    }

    /// The size of the file at `path` in bytes, if it is known.
    ///
    /// # Errors
    /// Fails if the server cannot be asked.
    pub async fn size(&mut self, context: &Context, path: &PathName) -> Result<Option<u64>> {
        match self {
            Self::Server(server) => files::any_size(server.session(context).await?, path).await,
            Self::Local(here) => Ok(here.facts(path)?.and_then(|facts| facts.size)),
        }
    }

    /// Whether it has no word for the size of a file, although the file may be there.
    ///
    /// # Errors
    ///
    /// Fails if the server cannot be asked.
    pub async fn tells_no_size(&mut self, context: &Context, path: &PathName) -> Result<bool> {
        let Self::Server(server) = self else { return Ok(false) };
        files::tells_no_size(server.session(context).await?, path).await
    }

    /// The digests that it can compute.
    ///
    /// # Errors
    ///
    /// Fails if the server cannot be asked.
    pub async fn algorithms(&mut self, context: &Context) -> Result<Vec<Algorithm>> {
        let here = Algorithm::ALL.to_vec();
        self.learn(context, here, |session| session.manners.capabilities.algorithms()).await
    }

    /// The digest of the file at `path`, which has `size` bytes. The inner error says why this host does not
    /// give it: another digest, or the size, may serve instead.
    ///
    /// # Errors
    /// Fails if the server cannot be asked.
    pub async fn digest(
        &mut self,
        context: &Context,
        algorithm: Algorithm,
        path: &PathName,
        size: u64,
    ) -> Result<Result<Digest>> {
        match self {
            Self::Server(server) => files::hash(server.session(context).await?, algorithm, path, size).await,
            Self::Local(here) => here.digest(context, algorithm, path, ByteRange::WHOLE).await.map(Ok),
        }
    }

    /// Whether it is a server that is known not to rename.
    pub fn cannot_rename(&mut self) -> bool {
        self.shows(false, |manners| manners.cannot_rename)
    }

    /// Renames a file. A file that has the new name is replaced: `replaced` says where it is.
    ///
    /// # Errors
    /// Fails if the file was not renamed.
    pub async fn rename(
        &mut self,
        context: &Context,
        (from, to): (&PathName, &PathName),
        replaced: &mut Replacement,
    ) -> Result<()> {
        match self {
            Self::Server(server) => files::rename(server.session(context).await?, from, to, replaced).await,
            Self::Local(here) => here.rename(from, to),
        }
    }

    /// Gives an old file its name back that was renamed aside, unless a new one has the name. Returns whether it still has
    /// the other one.
    ///
    /// # Errors
    /// Fails if it cannot be determined, or the old file did not get its name back.
    pub async fn put_back(&mut self, context: &Context, aside: &PathName, target: &PathName) -> Result<bool> {
        let Self::Server(server) = self else { return Ok(false) };
        files::put_back(server.session(context).await?, aside, target).await
    }

    /// Deletes a file that this program may have stored. Returns whether it was there.
    ///
    /// # Errors
    /// Fails if the file may still be there.
    pub async fn delete_own(&mut self, context: &Context, path: &PathName) -> Result<bool> {
        match self {
            Self::Server(server) => files::delete_stored(server.session(context).await?, path).await,
            Self::Local(here) => here.delete(path),
        }
    }

    /// Makes a directory, unless it is there. Returns whether a server has made it, so that nothing is in it.
    ///
    /// # Errors
    /// Fails if the directory could not be made.
    pub async fn make_directory(&mut self, context: &Context, path: &PathName) -> Result<bool> {
        match self {
            Self::Server(server) => {
                let made = files::make_directory(server.session(context).await?, path).await?;
                if made {
                    context.run.job_journal.note_change();
                }
                Ok(made)
            }
            Self::Local(here) => {
                if !here.files().name(path).is_directory() {
                    context.run.job_journal.note_change();
                }
                here.make_directory(path)?;
                Ok(false)
            }
        }
    }

    /// Makes directories that are not there, as many as a server makes without a word between them. Returns which of them it
    /// has made, so that nothing is in them. The others are made one by one: those that it has not made, those of which it has
    /// not said so before its session was lost, and those of this host.
    pub async fn make_new_directories(&mut self, context: &Context, paths: &[PathName]) -> Vec<bool> {
        let Self::Server(server) = self else { return Vec::new() };
        let Ok(session) = server.session(context).await else { return Vec::new() };
        let made = files::make_new_directories(session, paths).await;
        if made.contains(&true) {
            context.run.job_journal.note_change();
        }
        made
    }

    /// Makes a directory, and the directories above it that are missing. Returns whether a server has made it, so that
    /// nothing is in it.
    ///
    /// # Errors
    /// Fails if one of them could not be made.
    pub async fn make_directories(&mut self, context: &Context, path: &PathName) -> Result<bool> {
        let (mut directory, mut below) = (path.clone(), Vec::new());
        let mut is_new = loop {
            let failure = match self.make_directory(context, &directory).await {
                Ok(is_new) => break is_new,
                Err(failure) => failure,
            };
            let may_lack_parent = matches!(failure.kind, Kind::Refused | Kind::Missing);
            let parent = place::parent(&directory).filter(|parent| parent.as_bytes() != b"/");
            let Some(parent) = parent.filter(|_| may_lack_parent) else { return Err(failure) };
            if self.facts(context, &parent).await?.is_some() {
                return Err(failure);
            }
            below.push(std::mem::replace(&mut directory, parent));
        };
        while let Some(directory) = below.pop() {
            is_new = self.make_directory(context, &directory).await?;
        }
        Ok(is_new)
    }

    /// Makes the missing directories above `path`. `Ok(false)` if none is missing.
    ///
    /// # Errors
    /// Fails if one of them could not be made.
    pub async fn make_parents(&mut self, context: &Context, path: &PathName) -> Result<bool> {
        let Some(parent) = place::parent(path) else { return Ok(false) };
        let is_there = self.facts(context, &parent).await?.is_some();
        Ok(!is_there && self.make_directories(context, &parent).await.map(|_| true)?)
    }

    /// Says goodbye to a server.
    pub async fn quit(self) {
        if let Self::Server(server) = self {
            server.quit().await;
        }
    }

    /// Leaves the session to whoever needs one next.
    pub fn release(self) {
        if let Self::Server(server) = self {
            server.release();
        }
    }
}
