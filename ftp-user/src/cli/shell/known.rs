//! What the shell knows, shared by the thread that reads lines and the tasks that ask servers.

use super::servers::{Servers, seconds};
use crate::context::{Cancel, ListedDirectory};
use crate::shell::{Cache, CachedListing, Directory, HostText, Scope, name_at_server};
use ftp_io::clock::Clock;
use ftp_proto::timer::Moment;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
                known.cache.keep(directory, CachedListing::new(names.collect(), seconds(), is_cut));
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
        let is_new = busy.lock().unwrap_or_else(PoisonError::into_inner).insert(directory.clone());
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
            busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&directory);
            drop(place);
        });
    }
}

/// The largest number of directories that are listed at the same time.
const MOST_LISTINGS: usize = 4;
