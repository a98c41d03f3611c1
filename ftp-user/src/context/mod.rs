//! What a job works with: the outside, what is kept between runs, what the user chose, and what this run has learnt.

mod cancel;
mod settled;
#[cfg(test)]
mod tests;

pub use cancel::{Cancel, Interruption};
pub use settled::{SessionPlace, SettledTerms, TypedOptions};

use crate::account::TriedRoutes;
use crate::config::{Consent, Relays};
use crate::failure::{Failure, Kind as FailureKind, Result};
use crate::journal::{JobJournal, Journal, SharedDocuments};
use crate::place::{Names, OnUnknown, Proxy, Site};
use crate::report::{Events, Finding};
use crate::state::{OwnFiles, Pairs, Sites};
use crate::world::{Congestion, World, random_bytes};
use ftp_io::copy::Meter;
use ftp_io::limiter::{Limiter, SharedRate};
use ftp_io::lock::Lock;
use ftp_io::tls::Trust;
use ftp_proto::address::Family;
use ftp_proto::command::{Rate, RateGroup};
use ftp_proto::listing::{Entry, Kind};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Timeouts;
use ftp_proto::wire::{Fingerprint, PathName};
use std::collections::{HashMap, HashSet};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// What a job works with: what the outside gives, what is kept between runs, what the user chose, and what this run has
/// learnt. Clones share everything.
#[derive(Clone, Debug)]
pub struct Context {
    /// What the outside gives.
    pub world: World,
    /// What is kept between runs.
    pub store: Store,
    /// What the user chose.
    pub settings: Settings,
    /// What this run has learnt so far, and who listens to it.
    pub run: Run,
}

/// What is kept between runs. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// The journal of jobs.
    pub journal: Journal,
    /// Which candidates have worked between two servers.
    pub pairs: Pairs,
    /// What is known of servers: that they offer TLS, and certificates that were kept.
    pub sites: Sites,
}

impl Store {
    /// What is kept beside this journal: where several hosts share that, in their `memory`; else in this directory. `None`: nothing
    /// can be kept there.
    pub fn beside(journal: Journal, memory: Option<SharedDocuments>, directory: Option<PathBuf>) -> Self {
        let (pairs, sites) = match memory {
            Some(memory) => (Pairs::shared(memory.clone()), Sites::shared(memory, directory)),
            None => (Pairs::at(directory.clone()), Sites::at(directory)),
        };
        Self { journal, pairs, sites }
    }
}

/// What the user chose, by options and by the file of settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Timeouts, and the number of retries.
    pub patience: Patience,
    /// The only address family to use, if one was chosen.
    pub family: Option<Family>,
    /// The proxy through which this program connects, if it may not do so itself. Then it cannot listen.
    pub proxy: Option<Arc<Proxy>>,
    /// The relays of the settings.
    pub known_relays: Relays,
    /// Which of them may be used, unless the command line says something else.
    pub relay_consent: Consent,
    /// Whether candidates are tried beside each other, each with sessions of its own.
    pub race: bool,
    /// Whether data between two servers may go in clear although a control connection runs TLS.
    pub clear_data: bool,
    /// Whether `ftp://` takes TLS where it is offered.
    pub takes_tls: bool,
    /// Whether it demands TLS, because a certificate was named for one of these servers
    /// ([`demands_tls`](crate::place::demands_tls)).
    pub demands_tls: bool,
    /// Which certificates are accepted.
    pub trust: Trust,
    /// What to do with those that nobody vouches for.
    pub unknown: UnknownCertificates,
    /// The sites of the settings.
    pub named: Names,
    /// What the command line has said itself.
    pub typed: TypedOptions,
    /// How large a listing may be.
    pub listing: ListingLimit,
    /// How fast the job may be.
    pub limit: Option<Arc<RateLimit>>,
    /// What data connections of this host use; `None` means the choice of the system.
    pub congestion: Option<Congestion>,
}

/// What a run has learnt so far, and who listens to it. Clones share it.
#[derive(Clone, Debug)]
pub struct Run {
    /// Receives what happens.
    pub events: Events,
    /// How many files the job has, as far as that is known.
    pub finding: Finding,
    /// Whether the work should stop.
    pub cancel: Cancel,
    /// How much time is left if it should.
    pub interruption: Interruption,
    /// The relays that may be used: those for which there is consent.
    pub relays: Relays,
    /// Which of them have answered.
    pub heard: KnownRelays,
    /// The servers with a user whose password nobody has told, each once.
    pub sites_without_password: Vec<Site>,
    /// What is neither deleted nor renamed, because this program needs it.
    pub own_files: OwnFiles,
    /// The journal of the job that runs.
    pub job_journal: JobJournal,
    /// What holds for the sessions with the sites that the run uses.
    pub settled: SettledTerms,
    /// Who wants to know what directories held.
    pub listed: ListedDirectories,
    /// What it has tried between two servers.
    pub routes: TriedRoutes,
    /// The number of the file at hand within its job, from 1; 0 if it is about none.
    pub item: u64,
}

impl Run {
    /// A run that has learnt nothing. `cancel` stops it.
    pub fn new(events: Events, cancel: Cancel) -> Self {
        Self {
            events,
            finding: Finding::default(),
            cancel,
            interruption: Interruption::default(),
            relays: Relays::default(),
            heard: KnownRelays::default(),
            sites_without_password: Vec::new(),
            own_files: OwnFiles::default(),
            job_journal: JobJournal::default(),
            settled: SettledTerms::default(),
            listed: ListedDirectories::default(),
            routes: TriedRoutes::default(),
            item: 0,
        }
    }
}

impl Context {
    /// Settles what holds for the sessions with these sites. Their files of roots are read now.
    ///
    /// # Errors
    ///
    /// A file of roots cannot be read.
    pub fn settle<'a>(&mut self, sites: impl Iterator<Item = &'a Site>) -> Result<()> {
        for site in sites {
            self.run.settled = self.run.settled.with(site, &self.settings)?;
        }
        Ok(())
    }

    /// The context of a session with that site.
    #[must_use]
    pub fn at(&self, site: &Site) -> Self {
        let mut context = self.clone();
        if let Some(terms) = self.run.settled.terms(site) {
            context.settings.trust = terms.trust.clone();
            context.settings.proxy = terms.proxy.clone();
            if let Some(how) = terms.how {
                context.settings.unknown = self.settings.unknown.but(how);
            }
        }
        context
    }

    /// A place for one more session with that site; `None` if their number has no limit.
    ///
    /// # Errors
    ///
    /// All places are taken.
    pub fn session_place(&self, site: &Site) -> Result<Option<SessionPlace>> {
        self.run.settled.terms(site).map_or(Ok(None), |terms| terms.session_place(site))
    }

    /// Checks that the job is still this run's, before a name becomes final or goes.
    ///
    /// # Errors
    ///
    /// Another host may carry the job now: this run ends, and nothing of it is lost.
    pub async fn confirm_job(&self) -> Result<()> {
        let confirmed = self.run.job_journal.confirm_job(self.world.clock).await;
        confirmed.map_err(|why| Failure::new(FailureKind::Interrupted, why.to_string()).hint(why.hint()))
    }

    /// A meter for bytes that pass this host, which are no faster than the job may be. Each meter has its turns.
    pub fn meter(&self) -> Meter {
        Meter::limited(self.settings.limit.iter().map(|limit| limit.limiter()).collect())
    }

    /// The context of a file of the job.
    #[must_use]
    pub fn item(&self, number: u64) -> Self {
        let mut context = self.clone();
        context.run.item = number;
        context
    }

    /// Context for a question whose answer is only shown: it waits for a short time, and asks nobody at the terminal.
    #[must_use]
    pub fn for_inquiry(mut self) -> Self {
        let patience = self.settings.patience;
        let reply = patience.reply.min(INQUIRY);
        self.settings.patience = Patience { reply, retries: 0, first_retries: 0, ..patience };
        self.settings.unknown = UnknownCertificates::unasked(self.settings.unknown.how);
        self
    }

    /// Context for cleanup: it ignores Ctrl-C. With it comes when the cleanup has to end. After an interruption all
    /// cleanups share one end.
    #[must_use]
    pub fn for_cleanup(&self) -> (Self, Moment) {
        let now = self.world.clock.now();
        let end = if self.run.cancel.is_cancelled() || self.run.interruption.is_noticed() {
            self.run.interruption.clean_up(now)
        } else {
            now + self.settings.patience.reply.min(CLEANUP)
        };
        let mut context = self.clone();
        context.run.cancel = Cancel::never();
        context.settings.patience.reply = self.settings.patience.reply.min(end.since(now));
        (context, end)
    }
}

/// How long a server may take for an answer that is only shown.
const INQUIRY: Duration = Duration::from_secs(5);
/// Deleting a file is not worth a longer wait.
const CLEANUP: Duration = Duration::from_secs(10);

/// What to do with certificates that nobody vouches for. Clones share what a person has answered.
#[derive(Clone, Debug, Default)]
pub struct UnknownCertificates {
    /// What to do.
    pub how: OnUnknown,
    /// The servers (by `host:port`) and certificates that a person has refused in this run. Whoever asks a question
    /// holds the lock, so there is one question at a time.
    pub refused: Arc<Mutex<HashSet<(String, Fingerprint)>>>,
    /// Whether nobody may be asked, for no site either: then what would be a question is a refusal.
    is_unasked: bool,
}

impl UnknownCertificates {
    /// What to do; nothing was asked yet.
    pub fn new(how: OnUnknown) -> Self {
        Self { how, refused: Arc::default(), is_unasked: false }
    }

    /// What to do where nobody may be asked.
    pub(crate) fn unasked(how: OnUnknown) -> Self {
        Self { is_unasked: true, ..Self::new(how) }.but(how)
    }

    /// The same for a site that says what to do itself.
    fn but(&self, how: OnUnknown) -> Self {
        let how = match how {
            OnUnknown::Ask if self.is_unasked => OnUnknown::Refuse,
            OnUnknown::Ask | OnUnknown::Keep | OnUnknown::Refuse => how,
        };
        Self { how, ..self.clone() }
    }
}

/// How fast a job may be.
#[derive(Debug)]
pub struct RateLimit {
    /// The rate of all that passes this host.
    passing: SharedRate,
    /// How many copies have had a part of it.
    copies: AtomicU64,
    /// The rate that all sessions with a server share.
    pub shared: Rate,
    /// The rate of each session with a server that has no shared rates.
    pub per_session: Rate,
    /// Whether it was said that files pass this host because of it.
    pub told: AtomicBool,
}

impl RateLimit {
    /// At most `rate` bytes per second in all, where `most` sessions may move files at the same time.
    ///
    /// # Errors
    ///
    /// This host has no random numbers, which tell this run from others.
    pub fn new(rate: NonZeroU64, most: NonZeroUsize, world: World) -> Result<Self> {
        let share = rate.get() / u64::try_from(most.get()).unwrap_or(u64::MAX);
        let passing = SharedRate::new(world.clock);
        passing.set(Some(rate));
        Ok(Self {
            passing,
            copies: AtomicU64::new(0),
            shared: Rate { bytes: rate, group: Some(RateGroup::new(random_bytes()?)) },
            per_session: Rate { bytes: NonZeroU64::new(share).unwrap_or(NonZeroU64::MIN), group: None },
            told: AtomicBool::new(false),
        })
    }

    /// A limiter for one more copy. Copies take turns, so a small file does not wait for a large one.
    fn limiter(&self) -> Limiter {
        // There is a record for each key, so keys come again. One copy in 256 may share the turns of another.
        self.passing.limiter(self.copies.fetch_add(1, Ordering::Relaxed) % 256)
    }
}

/// How large the listing of one directory, and a tree, may be. What is larger may have no end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListingLimit {
    /// The number of entries.
    pub entries: usize,
    /// The number of bytes.
    pub bytes: u64,
    /// The number of names in a tree.
    pub names: u64,
}

impl Default for ListingLimit {
    fn default() -> Self {
        Self { entries: 2_000_000, bytes: 512 << 20, names: 50_000_000 }
    }
}

/// The relays that have answered in this run, by their addresses, and the servers that agents have reached at hubs.
/// Clones share it.
#[derive(Clone, Debug, Default)]
pub struct KnownRelays(Arc<std::sync::Mutex<RelayFacts>>);

/// What is known of relays.
#[derive(Debug, Default)]
struct RelayFacts {
    /// What was found at the address of a relay that was asked.
    found: HashMap<String, FoundAt>,
    /// The agent that has reached a server at a hub the last time.
    reached: HashMap<(String, String), String>,
    has_given_up: bool,
}

/// What was found at the address of a relay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FoundAt {
    /// A relay answers there.
    Relay,
    /// A hub answers there.
    Hub,
    /// There is no answer.
    Nobody,
}

impl KnownRelays {
    /// Whether this relay has answered.
    pub fn has(&self, relay: &str) -> bool {
        matches!(self.found_at(relay), Some(FoundAt::Relay | FoundAt::Hub))
    }

    /// Notes that this agent of the hub has reached this server.
    pub fn note_reached(&self, hub: &str, server: &str, agent: &str) {
        let key = (hub.to_owned(), server.to_owned());
        self.0.locked().reached.insert(key, agent.to_owned());
    }

    /// The agent of the hub that has reached this server the last time.
    pub fn reached_by(&self, hub: &str, server: &str) -> Option<String> {
        let key = (hub.to_owned(), server.to_owned());
        self.0.locked().reached.get(&key).cloned()
    }

    /// Notes what was found at the address of a relay.
    pub fn note_found(&self, relay: &str, found: FoundAt) {
        self.0.locked().found.insert(relay.to_owned(), found);
    }

    /// What was found at the address of a relay; `None` if nobody has asked yet.
    pub fn found_at(&self, relay: &str) -> Option<FoundAt> {
        self.0.locked().found.get(relay).copied()
    }

    /// A file has used up its retries because of a relay. Others are tried once each, until one of them moves.
    pub fn give_up(&self) {
        self.0.locked().has_given_up = true;
    }

    /// A file has moved through a relay.
    pub fn moved(&self) {
        self.0.locked().has_given_up = false;
    }

    /// Whether a file has used up its retries because of a relay, and none has moved through one since.
    pub fn has_given_up(&self) -> bool {
        self.0.locked().has_given_up
    }
}

/// Timeouts, and the number of retries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// For a connection, and for each reply.
    pub reply: Duration,
    /// For the next byte of a transfer.
    pub stall: Duration,
    /// For the first sign of a transfer that nobody may see move, beside `stall`; `None`: by the size of the file.
    pub unseen: Option<Duration>,
    /// How often a temporary failure is tried again.
    pub retries: u32,
    /// The same for a server or a relay that has not answered in this run: it may not exist.
    pub first_retries: u32,
}

impl Patience {
    /// For a data connection to stand.
    pub fn connect(self) -> Duration {
        connect_limit(self.reply)
    }
}

/// How long a data connection may take to stand, if a reply may take `reply`. Our own servers give up after 15 s (RFC 614
/// section 3), and should have the time to say so.
pub fn connect_limit(reply: Duration) -> Duration {
    reply.min(Timeouts::default().connect)
}

/// Keeps what directories of servers held that a verb has listed, if somebody wants it. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ListedDirectories(Option<Arc<std::sync::Mutex<Vec<ListedDirectory>>>>);

/// What a directory of a server held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedDirectory {
    /// The place that was asked for.
    pub place: String,
    /// The path of the directory below it; `None` is the place itself.
    pub below: Option<PathName>,
    /// Names, and whether each is that of a directory.
    pub names: Vec<(PathName, bool)>,
    /// Whether there may be more.
    pub is_cut: bool,
}

impl ListedDirectories {
    /// Keeps them until they are taken.
    pub fn wanted() -> Self {
        Self(Some(Arc::default()))
    }

    /// Notes what a directory held. What does not fit any more is left out.
    pub fn note(&self, place: &str, below: Option<&PathName>, entries: &[Entry], is_incomplete: bool) {
        let Some(kept) = &self.0 else { return };
        let mut kept = kept.locked();
        let held: usize = kept.iter().map(|listed| listed.names.len()).sum();
        if kept.len() >= MOST_DIRECTORIES || held >= MOST_NAMES {
            return;
        }
        let room = MOST_OF_ONE.min(MOST_NAMES - held);
        let names = entries.iter().take(room);
        kept.push(ListedDirectory {
            place: place.to_owned(),
            below: below.cloned(),
            names: names.map(|entry| (entry.name.clone(), matches!(entry.kind, Kind::Directory))).collect(),
            is_cut: is_incomplete || entries.len() > room,
        });
    }

    /// Takes what was noted.
    pub fn take(&self) -> Vec<ListedDirectory> {
        let kept = self.0.as_ref().map(|kept| kept.locked());
        kept.map(|mut kept| std::mem::take(&mut *kept)).unwrap_or_default()
    }
}

/// The largest number of directories that one verb notes.
const MOST_DIRECTORIES: usize = 256;
/// The largest number of names of all of them.
const MOST_NAMES: usize = 20_000;
/// The largest number of names of one directory.
const MOST_OF_ONE: usize = 10_000;
