//! What the shell knows, shared by the thread that reads lines and the tasks that ask servers. They wait for a short time, say
//! nothing, and ask nobody at the terminal but for the password of a place that a person names ([`Servers::unlock`]).

use super::super::passwords::Passwords;
use super::super::{General, ShellSession, When, program};
use crate::context::{Cancel, Context, ListedDirectory, ListingLimit};
use crate::endpoint::{Host, Pools, files};
use crate::failure::{Failure, Kind, Result};
use crate::place::{self, Location};
use crate::session::Role;
use crate::shell::{Cache, CachedListing, Directory, HostText, MOST_OF_ONE, Occupant, Scope, name_at_server};
use ftp_io::clock::{Clock, since_1970};
use ftp_io::lock::Lock;
use ftp_proto::listing::Kind as EntryKind;
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// What the shell knows. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct SharedKnowledge {
    state: Arc<Mutex<Knowledge>>,
    /// Directories that somebody should list.
    wanted: mpsc::Sender<Directory>,
    clock: Clock,
}

/// What the shell knows.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    /// Names, and the current directory.
    pub(super) scope: Scope,
    /// What directories held.
    pub(super) cache: Cache,
    /// Sites that have not answered a command, and when that was.
    silent: HashMap<String, Moment>,
}

impl SharedKnowledge {
    /// Nothing is known yet. Second, the directories that somebody should list.
    pub(super) fn new(scope: Scope) -> (Self, mpsc::Receiver<Directory>) {
        let (wanted, receiver) = mpsc::channel(MOST_WANTED);
        let cache = Cache::of(scope.sites.clone());
        let known = Knowledge { scope, cache, ..Knowledge::default() };
        let state = Arc::new(Mutex::new(known));
        (Self { state, wanted, clock: Clock::start() }, receiver)
    }

    /// What is known now. Do not hold it across an await.
    pub(super) fn lock(&self) -> MutexGuard<'_, Knowledge> {
        self.state.locked()
    }

    /// Somebody would like to know what is in a directory. If too many are wanted already, this one is not.
    pub(super) fn want(&self, directory: Directory) {
        if directory.host != HostText::This {
            let _ = self.wanted.try_send(directory);
        }
    }

    /// Keeps what a verb has listed at servers.
    pub(super) fn learn(&self, directories: Vec<ListedDirectory>) {
        let mut known = self.lock();
        for ListedDirectory { place, below, names, is_cut } in directories {
            let Ok(mut directory) = Directory::parse(&place, &known.scope.sites) else { continue };
            for name in below.iter().flat_map(|below| below.as_bytes().split(|byte| *byte == b'/')) {
                directory = directory.at(&name_at_server(name));
            }
            let names = names.into_iter().map(|(name, is_directory)| {
                let end = if is_directory { "/" } else { "" };
                format!("{}{end}", name_at_server(name.as_bytes()))
            });
            if !directory.is_local() {
                known
                    .cache
                    .keep(directory, CachedListing::new(names.collect(), since_1970().as_secs(), is_cut));
            }
        }
    }

    /// What is changed is listed anew when somebody wants it.
    pub(super) fn forget_listings(&self, touched: &[String]) {
        let mut known = self.lock();
        for place in touched {
            let Ok(place) = Directory::parse(place, &known.scope.sites) else { continue };
            known.cache.forget(&place);
            if let Some((parent, _)) = place.split_last() {
                known.cache.forget(&parent);
            }
        }
    }

    /// Whether the site of a directory has not answered a moment ago. It is not asked again at once.
    pub(super) fn is_down(&self, directory: &Directory) -> bool {
        let now = self.clock.now();
        site(directory)
            .is_some_and(|site| self.lock().silent.get(&site).is_some_and(|since| now < *since + SILENT))
    }

    /// Notes whether a site has answered a command.
    pub(super) fn note_answer(&self, directory: &Directory, answered: bool) {
        let Some(site) = site(directory) else { return };
        let mut known = self.lock();
        if answered {
            known.silent.remove(&site);
        } else {
            known.silent.insert(site, self.clock.now());
        }
    }
}

/// The name of the site of a directory; `None` for this host.
fn site(directory: &Directory) -> Option<String> {
    match &directory.host {
        HostText::This => None,
        HostText::Site(name) => Some(format!("{name}:")),
        HostText::Url(url) => Some(format!("{url}/")),
    }
}

/// How long a site that has not answered is not asked by lookups.
const SILENT: Duration = Duration::from_secs(30);
/// Maximum number of directories that wait to be listed.
const MOST_WANTED: usize = 16;

/// Lists what is wanted, a few directories at the same time, and each once.
pub(super) async fn list_wanted(
    known: SharedKnowledge,
    servers: Servers,
    mut wanted: mpsc::Receiver<Directory>,
) {
    let places = Arc::new(Semaphore::new(MOST_LISTINGS));
    let busy: Arc<Mutex<HashSet<Directory>>> = Arc::default();
    while let Some(directory) = wanted.recv().await {
        let is_new = busy.locked().insert(directory.clone());
        if !is_new {
            continue;
        }
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (known, servers, busy) = (known.clone(), servers.clone(), Arc::clone(&busy));
        tokio::spawn(async move {
            if !known.is_down(&directory)
                && let Ok(look) = servers.list(&directory, "", &Cancel::never()).await
            {
                known.lock().cache.keep(directory.clone(), look.listed);
            }
            busy.locked().remove(&directory);
            drop(place);
        });
    }
}

/// The largest number of directories that are listed at the same time.
const MOST_LISTINGS: usize = 4;

/// Asks servers. Clones share the sessions.
#[derive(Clone, Debug)]
pub(super) struct Servers {
    general: General,
    asking: Arc<Mutex<Option<Arc<Asking>>>>,
}

/// What is needed to ask. It is made when it is needed first: the roots of this host take time to read.
#[derive(Debug)]
struct Asking {
    context: Context,
    passwords: Passwords,
    pools: Pools,
}

/// What a directory holds, and what is there under the name that was looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Look {
    pub(super) listed: CachedListing,
    pub(super) held: Occupant,
}

impl Servers {
    /// Asks with these options of the shell.
    pub(super) fn new(general: &General) -> Self {
        let answers = general.hands.answers.clone();
        let hands = ShellSession { cancel: Some(Cancel::never()), answers, ..ShellSession::default() };
        let general = General {
            json: false,
            quiet: true,
            verbose: false,
            trace: None,
            progress: When::Never,
            hands,
            ..general.clone()
        };
        Self { general, asking: Arc::default() }
    }

    /// Forgets the settings: they may have changed.
    pub(super) fn begin_anew(&self) {
        *self.asking.locked() = None;
    }

    fn asking(&self) -> Result<Arc<Asking>> {
        let mut asking = self.asking.locked();
        if let Some(asking) = &*asking {
            return Ok(Arc::clone(asking));
        }
        let general = &self.general;
        let settings = program::settings(general.job.config.as_deref())?;
        let (mut context, _) = general.start(settings, false)?;
        context.settings.listing = LISTING;
        let passwords = Passwords { asks: false, ..general.passwords(Cancel::never(), false) };
        let pools = Pools::default();
        let made = Arc::new(Asking { context: context.for_inquiry(), passwords, pools });
        *asking = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Asks the person who names a place for the password of its server, if nothing tells it and nobody was asked before.
    pub(super) async fn unlock(&self, directory: &Directory, cancel: &Cancel) -> Result<()> {
        let asking = self.asking()?;
        let passwords = Passwords { asks: true, cancel: cancel.clone(), ..asking.passwords.clone() };
        asking.at(&passwords, directory, cancel).await.map(drop)
    }

    /// Lists a directory, and says what it holds under `name`.
    pub(super) async fn list(&self, directory: &Directory, name: &str, cancel: &Cancel) -> Result<Look> {
        let asking = self.asking()?;
        let (context, location) = asking.at(&asking.passwords, directory, cancel).await?;
        match asking.list(&context, &location, name).await {
            // A session that nobody used for long may be gone.
            Err(failure) if failure.kind == Kind::Temporary => asking.list(&context, &location, name).await,
            listed => listed,
        }
    }

    /// What is at a place: nothing, a directory or something else.
    pub(super) async fn held(&self, directory: &Directory, cancel: &Cancel) -> Result<Occupant> {
        let asking = self.asking()?;
        let (context, location) = asking.at(&asking.passwords, directory, cancel).await?;
        match asking.held(&context, &location).await {
            Err(failure) if failure.kind == Kind::Temporary => asking.held(&context, &location).await,
            held => held,
        }
    }

    /// The path of a directory without symbolic links; `None` if the server does not tell it.
    pub(super) async fn real(&self, directory: &Directory, cancel: &Cancel) -> Result<Option<PathName>> {
        let asked = async {
            let asking = self.asking()?;
            let (context, location) = asking.at(&asking.passwords, directory, cancel).await?;
            let mut host = Host::at(&location, Role::Server, &asking.pools);
            let path = files::real_directory(&context, &mut host, &location.path).await;
            host.release();
            path
        };
        match asked.await {
            Ok(path) => Ok(path),
            Err(failure) if failure.kind == Kind::Interrupted => Err(failure),
            Err(_) => Ok(None),
        }
    }

    pub(super) async fn quit(&self) {
        let asking = self.asking.locked().take();
        if let Some(asking) = asking {
            asking.pools.quit().await;
        }
    }
}

impl Asking {
    async fn at(
        &self,
        passwords: &Passwords,
        directory: &Directory,
        cancel: &Cancel,
    ) -> Result<(Context, Location)> {
        let mut context = self.context.clone();
        context.run.cancel = cancel.clone();
        let places = [OsString::from(directory.place(false))];
        let mut locations = passwords.locations(&mut context, &places).await?;
        let location = locations.pop().ok_or_else(|| Failure::usage("a directory is a place"))?;
        Ok((context, location))
    }

    async fn list(&self, context: &Context, location: &Location, name: &str) -> Result<Look> {
        let mut host = Host::at(location, Role::Server, &self.pools);
        let (mut names, mut is_cut, mut held) = (Vec::new(), false, Occupant::Nothing);
        let mut each = |entry: ftp_proto::listing::Entry| {
            let is_directory = matches!(entry.kind, EntryKind::Directory);
            let typed = name_at_server(entry.name.as_bytes());
            if typed == name {
                held = if is_directory { Occupant::Directory } else { Occupant::Other };
            }
            is_cut |= names.len() >= MOST_OF_ONE;
            if !is_cut {
                names.push(if is_directory { format!("{typed}/") } else { typed });
            }
        };
        let listing = files::list_each(context, &mut host, &location.path, &mut each).await;
        host.release();
        is_cut |= listing?.is_incomplete();
        Ok(Look { listed: CachedListing::new(names, since_1970().as_secs(), is_cut), held })
    }

    async fn held(&self, context: &Context, location: &Location) -> Result<Occupant> {
        let mut host = Host::at(location, Role::Server, &self.pools);
        let facts = files::behind(context, &mut host, &location.path).await;
        host.release();
        Ok(match facts? {
            None => Occupant::Nothing,
            Some(facts) if facts.kind.is_directory() => Occupant::Directory,
            Some(_) => Occupant::Other,
        })
    }
}

/// The one form of a name that was typed, however that was.
pub(super) fn canonical(name: &str) -> Result<String> {
    place::decode(name.as_bytes()).map(|name| name_at_server(&name))
}

/// How large a listing may be that the shell wants for itself.
const LISTING: ListingLimit = ListingLimit { entries: 200_000, bytes: 64 << 20, names: 200_000 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_typed_in_one_form() {
        for (name, expect) in
            [("a b", "a%20b"), ("a%20b", "a%20b"), ("x*[1]?", "x%2A%5B1]%3F"), ("\u{fc}", "\u{fc}")]
        {
            assert_eq!(canonical(name).as_deref(), Ok(expect), "{name}");
        }
        assert!(canonical("%zz").is_err());
        assert_eq!(name_at_server(b"\x1b[31m\xff"), "%1B%5B31m%FF");
    }
}
