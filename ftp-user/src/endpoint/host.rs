//! An end of a copy: a server or this host, and what its session shows of it.

use super::local_end::LocalEnd;
use super::local_root::LocalRoot;
use super::pool::{Losses, Pool, Pools, Server};
use super::source_tree::{Links, SourceTree};
use crate::context::Context;
use crate::failure::Result;
use crate::place::{Location, Place, RemotePath, Site};
use crate::report::THIS_HOST;
use crate::session::{Facts, Role, Session, SessionId};
use crate::world::{LocalName, OpenDirectory};
use ftp_proto::digest::Algorithm;
use ftp_proto::listing;
use ftp_proto::manners::Manners;
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;
use std::sync::Arc;

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
                Role::Destination => LocalEnd::Destination(LocalRoot::at(location.path.clone())),
                Role::Source | Role::Server => LocalEnd::Typed,
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
            Self::Local(_) => {
                SourceTree::seen(path, seen, followed).map(|tree| Self::Local(LocalEnd::Source(tree)))
            }
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
            Some(seen) => OpenDirectory::open_seen(path, seen)?,
            None if root.is_held() => return Ok(()),
            None => OpenDirectory::open_nearest(path)?,
        }];
        if let Some(old) = old {
            open.push(OpenDirectory::open_nearest(old)?);
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

    /// The server, if it is one.
    fn server(&self) -> Option<&Server> {
        if let Self::Server(server) = self { Some(server) } else { None }
    }

    /// The session with the server, if one is open.
    pub(super) fn open_session(&mut self) -> Option<&mut Session> {
        if let Self::Server(server) = self { server.open() } else { None }
    }

    /// The site, if it is a server.
    pub fn site(&self) -> Option<&Site> {
        self.server().map(|server| &server.site)
    }

    /// Whether it is this host.
    pub const fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// Whether an open session shows that of its server. `here` is what holds of this host.
    pub(super) fn shows(&mut self, here: bool, shows: impl FnOnce(&Manners) -> bool) -> bool {
        if self.is_local() {
            here
        } else {
            self.open_session().is_some_and(|session| shows(&session.manners))
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

    /// Whether it is a server whose FEAT has that line.
    pub fn has_line(&mut self, line: &'static str) -> bool {
        self.shows(false, |manners| manners.capabilities.has_line(line))
    }

    /// How many sessions there are with the server, for whatever use.
    pub(crate) fn sessions(&self) -> usize {
        self.pool().map_or(0, |pool| pool.sessions())
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
        if self.is_local() { Some(SessionId::HERE) } else { self.session_id() }
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
        self.site().map_or_else(|| THIS_HOST.to_owned(), Site::to_string)
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

    /// Tells a server that has no session yet that [`files::facts`](super::files::facts) of `path` will be its first question: some take it
    /// together with the login.
    pub fn will_be_asked(&mut self, path: &PathName) {
        if let Self::Server(server) = self {
            server.will_be_asked(path);
        }
    }

    /// Tells a server that has no session yet that another server will send it a file.
    pub fn will_receive(&mut self) {
        if let Self::Server(server) = self {
            server.will_receive();
        }
    }

    /// Whether [`files::facts_of_all`](super::files::facts_of_all) takes little longer for many paths than for one, as far as that is known.
    pub fn is_asked_at_once(&mut self) -> bool {
        self.shows(true, Manners::is_asked_ahead)
    }

    /// Whether several directories are listed at once: a server of ours keeps the connection of the last listing for them.
    pub(crate) fn lists_at_once(&mut self) -> bool {
        self.open_session().is_some_and(|session| session.keeps_listing_connection())
    }

    /// Whether it is such a server, which has not listed enough yet.
    pub(crate) fn may_list_at_once(&mut self) -> bool {
        self.open_session().is_some_and(|session| session.may_list_in_blocks())
    }

    /// How many of these paths are looked at and deleted together, as far as that is known: the time between a look and the
    /// deletion must be short.
    pub(crate) fn deleted_at_once(&mut self, paths: &[PathName]) -> usize {
        if self.is_local() {
            return paths.len();
        }
        self.open_session().map_or(1, |session| session.manners.paths_at_once(paths, 2))
    }

    /// What is known of a file of this host without a question to anybody; `None` at a server, or if it cannot be
    /// determined.
    pub fn facts_here(&self, path: &PathName) -> Option<Facts> {
        self.local()?.facts(path).ok().flatten()
    }

    /// Whether a name is a symbolic link of this host. Of names at a server only their listing tells it.
    pub(crate) fn is_link_here(&self, path: &PathName) -> bool {
        let found = || LocalName::typed(path).entry().ok().flatten();
        self.is_local() && found().is_some_and(|found| found.kind == listing::Kind::Link)
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

    /// Whether it is a server that is known to be ours.
    pub fn is_ours(&mut self) -> bool {
        self.shows(false, Manners::is_ours)
    }

    /// Whether it is a server that is known not to rename.
    pub fn cannot_rename(&mut self) -> bool {
        self.shows(false, |manners| manners.cannot_rename)
    }

    /// The number of its session, if one is open.
    pub fn session_id(&mut self) -> Option<SessionId> {
        self.open_session().map(|session| session.id)
    }

    /// Whether the next data connection with this host may use the last ticket of TLS, so that another session takes the place of this one.
    pub fn may_need_another_session(&mut self) -> bool {
        self.open_session().and_then(|session| session.tickets_left()).is_some_and(|left| left <= 1)
    }

    /// Says goodbye on the sessions with the server that nobody uses.
    pub async fn quit_idle(&self) {
        if let Some(pool) = self.pool() {
            pool.quit_idle().await;
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
        self.pool().map(|pool| &pool.losses)
    }

    /// Whether it has lost a session: a server that was restarted may have another disk.
    pub fn has_lost_session(&self) -> bool {
        self.losses().is_some_and(|losses| losses.number() > 0)
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

    /// Whether several sessions may write ranges of a part there at the same time.
    ///
    /// # Errors
    /// Fails if the server cannot be asked.
    pub async fn stores_ranges(&mut self, context: &Context) -> Result<bool> {
        self.learn(context, true, |session| session.manners.capabilities.stores_ranges()).await
    }

    /// Whether it can copy a file within itself. This host is never asked to.
    ///
    /// # Errors
    /// Fails if the server cannot be asked.
    pub async fn copies_files(&mut self, context: &Context) -> Result<bool> {
        self.learn(context, false, |session| session.manners.capabilities.copies_files()).await
    }

    /// Says goodbye to a server.
    pub async fn quit(self) {
        if let Self::Server(server) = self {
            server.quit().await;
        }
    }

    /// The moment from which its session counts as long idle; `None` without a session.
    pub fn long_idle_at(&self) -> Option<Moment> {
        self.server()?.long_idle_at()
    }

    /// The sessions with the server.
    pub fn pool(&self) -> Option<&Arc<Pool>> {
        self.server().map(|server| &server.pool)
    }

    /// Leaves the session to whoever needs one next.
    pub fn release(self) {
        if let Self::Server(server) = self {
            server.release();
        }
    }
}
