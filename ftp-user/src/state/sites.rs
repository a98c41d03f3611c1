//! What is known of servers from one run to the next: `sites.json` in the state directory, readable by its user only; or `sites` in the
//! database that has the jobs, so that a server which was trusted by one host cannot show another certificate to the next one.
//!
//! A server is known by its host and port, as they were written. What is known of it never expires: a certificate that
//! was kept must not be forgotten because it was not used for long. `ftp-user sites forget` forgets it.

use super::document::{Document, DocumentRow, of_this_host};
use super::file::{StateFile, now};
use crate::failure::{Failure, FtpUser, Kind, Result};
use crate::journal::{SharedDocuments, as_text};
use ftp_io::lock::Lock;
use ftp_proto::wire::Fingerprint;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// What is known of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct KnownSite {
    /// A session with it has run TLS.
    #[serde(rename = "tls", default, skip_serializing_if = "std::ops::Not::not")]
    pub offers_tls: bool,
    /// The roots of this host have vouched for its certificate.
    #[serde(rename = "verified", default, skip_serializing_if = "std::ops::Not::not")]
    pub was_verified: bool,
    /// The certificate that was kept, because nobody vouched for it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text")]
    pub certificate: Option<Fingerprint>,
}

impl KnownSite {
    /// Nothing is known of the server any more. As long as an entry says so, what the file of a host knows is not taken in its place.
    pub const FORGOTTEN: Self = Self { offers_tls: false, was_verified: false, certificate: None };

    /// Whether anything that is known of the server shows that it has TLS. A certificate was seen inside TLS, too.
    pub const fn has_tls(&self) -> bool {
        self.offers_tls || self.was_verified || self.certificate.is_some()
    }
}

/// How a certificate was kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeptPin {
    /// It is known from now on, also in later runs.
    Now,
    /// It is known for the rest of this run, because there is no state directory.
    ForThisRun,
    /// It is known for the rest of this run, because it cannot be written, for this reason.
    Unwritten(String),
    /// It was known before.
    Before,
    /// Another certificate was kept before, this one.
    Other(Fingerprint),
}

/// What is known of servers. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Sites {
    kept: Document,
    /// The file of this host, if a database keeps what is known: what that does not know yet is taken from it.
    of_host: Option<StateFile>,
    lasts: bool,
    run: Arc<Mutex<Run>>,
}

/// What this run knows.
#[derive(Debug, Default)]
struct Run {
    /// What is kept, once it was read, and what was learnt since.
    known: Option<HashMap<String, KnownSite>>,
    /// Servers that have said that they offer no TLS.
    in_clear: HashSet<String>,
    /// Servers that have greeted.
    greeted: HashSet<String>,
}

/// What is kept of a server. In a database it may be nothing: then it was forgotten, whatever a file of some host says of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Entry {
    /// Its host and port, `host:port`.
    site: String,
    #[serde(flatten)]
    known: KnownSite,
    /// When it was changed last, in seconds since 1970.
    at: u64,
}

impl Sites {
    /// What the state directory knows; without a directory, what this run learns.
    pub fn at(directory: Option<PathBuf>) -> Self {
        let lasts = directory.is_some();
        let kept = Document::File(StateFile::of_trust(directory, FILE));
        Self { kept, of_host: None, lasts, run: Arc::default() }
    }

    /// What several hosts know together, and this one had kept in its state directory before.
    pub fn shared(memory: SharedDocuments, directory: Option<PathBuf>) -> Self {
        let kept = Document::Row(DocumentRow { memory, name: "sites", holds_trust: true });
        let of_host = Some(StateFile::of_trust(directory, FILE));
        Self { kept, of_host, lasts: true, run: Arc::default() }
    }

    /// What is known of a server.
    ///
    /// # Errors
    ///
    /// The file is damaged, cannot be read or is not this user's alone, or the database is away. Nothing may go on without it: a
    /// server would be taken for one without TLS, and any certificate for a new one.
    pub fn recall(&self, site: &str) -> Result<KnownSite> {
        let known = |run: &Run| Some(run.known.as_ref()?.get(site).copied().unwrap_or_default());
        // A run may last for days, and another host may have learnt meanwhile that the server has TLS.
        let is_lasting = |known: &KnownSite| known.has_tls() || self.of_host.is_none();
        if let Some(known) = known(&self.run.locked()).filter(is_lasting) {
            return Ok(known);
        }
        // Nobody else waits for the disk or the database.
        let all = self.all()?;
        let mut run = self.run.locked();
        let read: HashMap<String, KnownSite> =
            all.into_iter().map(|entry| (entry.site, entry.known)).collect();
        let learnt = run.known.get_or_insert_default();
        for (site, known) in read {
            let own = learnt.entry(site).or_default();
            *own = if own.has_tls() { *own } else { known };
        }
        Ok(known(&run).unwrap_or_default())
    }

    /// All that is kept. What only the file of this host has is written into the database, as far as there is room.
    fn all(&self) -> Result<Vec<Entry>> {
        let mut kept: Vec<Entry> = self.kept.read()?;
        let Some(file) = &self.of_host else { return Ok(kept) };
        let of_host: Vec<Entry> = file.read().map_err(of_this_host)?;
        if !new_of(&of_host, &kept).is_empty() {
            self.kept.update(|all: &mut Vec<Entry>| {
                let new = new_of(&of_host, all);
                all.extend_from_slice(&new);
                kept.clone_from(all);
                !new.is_empty()
            })?;
        }
        // Whoever reads them takes the last entry of a server: that of the database, if it has one.
        Ok(of_host.into_iter().chain(kept).collect())
    }

    /// Notes that a session with a server runs TLS, and whether the roots vouched for its certificate. It is written only if
    /// that is new.
    ///
    /// # Errors
    ///
    /// Why it cannot be read or written. In the latter case the run knows it all the same.
    pub fn note_tls(&self, site: &str, verified: bool) -> Result<()> {
        let known = self.recall(site)?;
        let now = KnownSite { offers_tls: true, was_verified: known.was_verified || verified, ..known };
        if now == known {
            return Ok(());
        }
        self.learn(site, |known| *known = now);
        let change = |known: &mut KnownSite| {
            known.offers_tls = true;
            known.was_verified |= verified;
        };
        if self.change(site, change)? { Err(Failure::new(Kind::Other, full(site))) } else { Ok(()) }
    }

    /// Keeps the certificate of a server, and notes that it has TLS: both at once, so that no crash comes between.
    ///
    /// # Errors
    ///
    /// It cannot be read which certificate is kept. A database that is away may have another one.
    pub fn keep(&self, site: &str, certificate: Fingerprint) -> Result<KeptPin> {
        match self.recall(site)?.certificate {
            Some(kept) if kept == certificate => return Ok(KeptPin::Before),
            Some(kept) => return Ok(KeptPin::Other(kept)),
            None => {}
        }
        // Another run may have kept one meanwhile.
        let (mut kept, mut was_verified) = (None, false);
        let changed = self.change(site, |known| {
            // The roots have vouched for the server to another host, just now.
            was_verified = known.was_verified && known.certificate.is_none();
            if !was_verified {
                known.offers_tls = true;
                kept = Some(*known.certificate.get_or_insert(certificate));
            }
        });
        if was_verified {
            let what = format!("the roots of another host have vouched for another certificate of {site}");
            return Err(Failure::new(Kind::Untrusted, what).hint("connect again"));
        }
        let unwritten = match changed {
            Err(why) if self.of_host.is_some() => return Err(why),
            Err(why) => Some(why.to_string()),
            Ok(is_full) => is_full.then(|| full(site)),
        };
        let first = self.learn(site, |known| {
            known.offers_tls = true;
            known.certificate = kept.or(known.certificate).or(Some(certificate));
        });
        Ok(match (first.certificate, unwritten) {
            (Some(other), _) if other != certificate => KeptPin::Other(other),
            (_, Some(why)) => KeptPin::Unwritten(why),
            _ if self.lasts => KeptPin::Now,
            _ => KeptPin::ForThisRun,
        })
    }

    /// Notes that a server has said in this run that it offers no TLS. Returns whether that is new.
    pub fn note_in_clear(&self, site: &str) -> bool {
        self.run.locked().in_clear.insert(site.to_owned())
    }

    /// Whether a server has said in this run that it offers no TLS.
    pub fn is_in_clear(&self, site: &str) -> bool {
        self.run.locked().in_clear.contains(site)
    }

    /// Notes that a server has greeted in this run.
    pub fn note_greeted(&self, site: &str) {
        self.run.locked().greeted.insert(site.to_owned());
    }

    /// Whether a server has greeted in this run.
    pub fn has_greeted(&self, site: &str) -> bool {
        self.run.locked().greeted.contains(site)
    }

    /// Forgets a server. Returns what was known of it. A database notes that it was forgotten: other hosts may have a file that
    /// knows the server.
    ///
    /// # Errors
    ///
    /// Why what is kept cannot be read or written.
    pub fn forget(&self, site: &str) -> Result<Option<KnownSite>> {
        let mut known = None;
        self.kept.update(|all: &mut Vec<Entry>| {
            known = known_of(all, site);
            if self.of_host.is_some() {
                return known != Some(KnownSite::FORGOTTEN) && set(all, site, KnownSite::FORGOTTEN);
            }
            all.retain(|entry| entry.site != site);
            known.is_some()
        })?;
        if let Some(file) = &self.of_host {
            let mut of_host = None;
            let forgotten = file.update(|all: &mut Vec<Entry>| {
                of_host = known_of(all, site);
                all.retain(|entry| entry.site != site);
                of_host.is_some()
            });
            forgotten.map_err(of_this_host)?;
            known = known.filter(|known| *known != KnownSite::FORGOTTEN).or(of_host);
        }
        if let Some(run) = &mut self.run.locked().known {
            run.remove(site);
        }
        Ok(known)
    }

    /// What the run knows of a server from now on.
    fn learn(&self, site: &str, change: impl FnOnce(&mut KnownSite)) -> KnownSite {
        let mut run = self.run.locked();
        let known = run.known.get_or_insert_default().entry(site.to_owned()).or_default();
        change(known);
        *known
    }

    /// Changes what is kept of a server. There are never more than [`MOST`]: none is forgotten for another. Returns whether there is
    /// no room for this one.
    fn change(&self, site: &str, mut change: impl FnMut(&mut KnownSite)) -> Result<bool> {
        let mut is_full = false;
        self.kept.update(|all: &mut Vec<Entry>| {
            let before = known_of(all, site).unwrap_or_default();
            let mut after = before;
            change(&mut after);
            is_full = !set(all, site, after);
            after != before && !is_full
        })?;
        Ok(is_full)
    }
}

fn known_of(all: &[Entry], site: &str) -> Option<KnownSite> {
    all.iter().find(|entry| entry.site == site).map(|entry| entry.known)
}

/// Writes down what is known of a server. Returns whether there was room.
fn set(all: &mut Vec<Entry>, site: &str, known: KnownSite) -> bool {
    if let Some(entry) = all.iter_mut().find(|entry| entry.site == site) {
        (entry.known, entry.at) = (known, now());
        return true;
    }
    if all.len() >= MOST {
        // Those that were forgotten make room.
        all.retain(|entry| entry.known != KnownSite::FORGOTTEN);
    }
    let has_room = all.len() < MOST;
    if has_room {
        all.push(Entry { site: site.to_owned(), known, at: now() });
    }
    has_room
}

/// What a file has of servers that are not among `all`, as far as there is room.
fn new_of(file: &[Entry], all: &[Entry]) -> Vec<Entry> {
    let known: HashSet<&str> = all.iter().map(|entry| &*entry.site).collect();
    let new = file.iter().filter(|entry| !known.contains(&*entry.site));
    new.take(MOST.saturating_sub(all.len())).cloned().collect()
}

/// What to tell if there is no room for a server.
fn full(site: &str) -> String {
    format!(
        "{MOST} servers are known already, so {site} is not kept; {FtpUser} sites forget PLACE makes room"
    )
}

/// The name of the file in the state directory.
const FILE: &str = "sites.json";
/// The largest number of servers.
const MOST: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn one() -> Fingerprint {
        Fingerprint::of(b"one")
    }

    fn nothing() -> Result<KnownSite> {
        Ok(KnownSite::default())
    }

    fn two() -> Fingerprint {
        Fingerprint::of(b"two")
    }

    /// Runs of one host with a file, and of a host for each run where a database has what is known.
    fn places(home: &Path) -> [Box<dyn Fn() -> Sites>; 2] {
        let (file, memory) = (home.join("state"), SharedDocuments::for_tests(&home.join("database")));
        [
            Box::new(move || Sites::at(Some(file.clone()))),
            Box::new(move || Sites::shared(memory.clone(), None)),
        ]
    }

    #[test]
    fn what_one_run_has_learnt_the_next_one_knows() {
        let home = tempfile::tempdir().unwrap();
        for run in places(home.path()) {
            learns_and_forgets(run);
        }
    }

    fn learns_and_forgets(run: impl Fn() -> Sites) {
        let first = run();
        assert_eq!(first.recall("a:21"), Ok(KnownSite::default()));
        assert_eq!(first.keep("a:21", one()), Ok(KeptPin::Now));
        assert_eq!(first.keep("a:21", one()), Ok(KeptPin::Before));
        first.note_tls("b:21", true).unwrap();
        let a = KnownSite { offers_tls: true, was_verified: false, certificate: Some(one()) };
        assert_eq!(first.recall("a:21"), Ok(a));
        let second = run();
        assert_eq!(second.recall("a:21"), Ok(a));
        assert_eq!(second.keep("a:21", two()), Ok(KeptPin::Other(one())));
        let b = KnownSite { offers_tls: true, was_verified: true, certificate: None };
        assert_eq!(second.recall("b:21"), Ok(b));
        assert_eq!(second.recall("a:990"), Ok(KnownSite::default()));
        assert_eq!(second.forget("a:21"), Ok(Some(a)));
        assert_eq!(second.forget("none:21"), Ok(None));
        assert_eq!([second.recall("a:21"), run().recall("a:21")], [nothing(), nothing()]);
        assert_eq!(run().recall("b:21"), Ok(b));
    }

    #[test]
    fn the_first_of_two_runs_at_the_same_time_decides_which_certificate_is_kept() {
        let home = tempfile::tempdir().unwrap();
        for run in places(home.path()) {
            let [first, second] = [(); 2].map(|()| run());
            assert_eq!([first.recall("a:21"), second.recall("a:21")], [nothing(), nothing()]);
            assert_eq!(first.keep("a:21", one()), Ok(KeptPin::Now));
            assert_eq!(second.keep("a:21", two()), Ok(KeptPin::Other(one())));
            assert_eq!(second.recall("a:21").map(|known| known.certificate), Ok(Some(one())));
        }
    }

    #[test]
    fn all_that_is_known_of_a_server_shows_that_it_has_tls() {
        let has = |offers_tls, was_verified, certificate| {
            KnownSite { offers_tls, was_verified, certificate }.has_tls()
        };
        assert!(has(true, false, None) && has(false, true, None) && has(false, false, Some(one())));
        assert!(!KnownSite::default().has_tls());
    }

    #[test]
    fn without_a_state_directory_the_run_alone_knows_it() {
        let sites = Sites::at(None);
        assert_eq!(sites.keep("a:21", one()), Ok(KeptPin::ForThisRun));
        assert_eq!(sites.clone().keep("a:21", two()), Ok(KeptPin::Other(one())));
        assert_eq!([sites.is_in_clear("a:21"), sites.note_in_clear("a:21")], [false, true]);
        assert_eq!([sites.is_in_clear("a:21"), sites.note_in_clear("a:21")], [true, false]);
    }

    /// Why nothing is known or learnt.
    fn failures(sites: &Sites) -> [Failure; 4] {
        let all = [
            sites.recall("a:21").map(drop),
            sites.keep("a:21", one()).map(drop),
            sites.note_tls("a:21", true),
            sites.forget("a:21").map(drop),
        ];
        all.map(Result::unwrap_err)
    }

    #[test]
    fn nothing_is_known_or_learnt_while_the_file_is_damaged() {
        for text in ["", "[{", "[{\"site\":\"a:21\",\"certificate\":\"SHA256:x\",\"at\":1}]", "{}"] {
            let home = tempfile::tempdir().unwrap();
            std::fs::write(home.path().join("sites.json"), text).unwrap();
            let sites = Sites::at(Some(home.path().to_path_buf()));
            for said in [failures(&sites), failures(&sites)].concat() {
                assert!(said.what.contains("sites.json is damaged"), "{said}");
            }
            assert_eq!(std::fs::read_to_string(home.path().join("sites.json")).unwrap(), text);
        }
    }

    #[test]
    fn a_full_file_forgets_no_certificate_for_another() {
        let home = tempfile::tempdir().unwrap();
        let known = KnownSite { offers_tls: true, ..KnownSite::default() };
        let entry = |number| Entry { site: format!("h{number}:21"), known, at: 1 };
        let all: Vec<Entry> = (0..MOST).map(entry).collect();
        std::fs::write(home.path().join("sites.json"), serde_json::to_vec(&all).unwrap()).unwrap();
        let sites = Sites::at(Some(home.path().to_path_buf()));
        let Ok(KeptPin::Unwritten(said)) = sites.keep("new:21", one()) else { panic!("it was kept") };
        assert!(said.contains("new:21 is not kept"), "{said}");
        assert_eq!(sites.keep("new:21", two()), Ok(KeptPin::Other(one())), "the run knows it");
        assert_eq!(sites.keep("h7:21", one()), Ok(KeptPin::Now));
    }

    /// A database, and a state directory with a file in which one certificate was kept before there was a database.
    fn upgraded(home: &Path) -> (SharedDocuments, PathBuf) {
        let state = home.join("state");
        assert_eq!(Sites::at(Some(state.clone())).keep("a:21", one()), Ok(KeptPin::Now));
        (SharedDocuments::for_tests(&home.join("database")), state)
    }

    #[test]
    fn what_the_file_of_a_host_knows_is_taken_into_the_database_and_what_that_knows_holds() {
        let home = tempfile::tempdir().unwrap();
        let (memory, state) = upgraded(home.path());
        Sites::at(Some(state.clone())).keep("b:21", one()).unwrap();
        let elsewhere = || Sites::shared(memory.clone(), None);
        assert_eq!(elsewhere().keep("b:21", two()), Ok(KeptPin::Now));
        let here = || Sites::shared(memory.clone(), Some(state.clone()));
        // A certificate that has changed is not trusted anew, on this host and then on every other one.
        for sites in [here(), elsewhere()] {
            assert_eq!(sites.keep("a:21", two()), Ok(KeptPin::Other(one())));
            assert_eq!(sites.keep("b:21", one()), Ok(KeptPin::Other(two())));
        }
        // Without the database the host knows what it knew.
        assert_eq!(Sites::at(Some(state)).keep("b:21", two()), Ok(KeptPin::Other(one())));
    }

    #[test]
    fn a_server_is_forgotten_in_the_database_and_by_the_file_of_each_host() {
        let home = tempfile::tempdir().unwrap();
        let (memory, state) = upgraded(home.path());
        let here = || Sites::shared(memory.clone(), Some(state.clone()));
        let elsewhere = || Sites::shared(memory.clone(), None);
        // Another host forgets it, before this one has used the database and after that.
        assert_eq!(elsewhere().forget("a:21"), Ok(None));
        assert_eq!(here().recall("a:21"), nothing());
        assert_eq!(here().keep("a:21", two()), Ok(KeptPin::Now));
        assert_eq!(elsewhere().forget("a:21").unwrap().unwrap().certificate, Some(two()));
        assert_eq!(here().recall("a:21"), nothing());
        // This one forgets what its file has, too.
        assert_eq!(here().forget("a:21").unwrap().unwrap().certificate, Some(one()));
        assert_eq!(Sites::at(Some(state.clone())).recall("a:21"), nothing());
        assert_eq!(here().forget("a:21"), Ok(None));
    }

    #[test]
    fn two_daemons_that_keep_certificates_at_once_lose_none_of_each_other() {
        let home = tempfile::tempdir().unwrap();
        let database = home.path().join("database");
        drop(SharedDocuments::for_tests(&database));
        let kept: Vec<(usize, KeptPin)> = std::thread::scope(|scope| {
            let keeps = |daemon: usize| {
                // Each has a connection of its own.
                let memory = SharedDocuments::for_tests(&database);
                let own = Fingerprint::of(&[u8::try_from(daemon).unwrap()]);
                let keep = move |number| {
                    let sites = Sites::shared(memory.clone(), None);
                    sites.keep(&format!("own{daemon}-{number}:21"), own).unwrap();
                    sites.keep(&format!("all-{number}:21"), own).unwrap()
                };
                (0..10).map(|number| (number, keep(number))).collect::<Vec<_>>()
            };
            let daemons = [0, 1, 2].map(|daemon| scope.spawn(move || keeps(daemon)));
            daemons.into_iter().flat_map(|daemon| daemon.join().unwrap()).collect()
        });
        let sites = Sites::shared(SharedDocuments::for_tests(&database), None);
        assert_eq!(sites.all().unwrap().len(), 40);
        for number in 0..10 {
            let of = kept.iter().filter(|(other, _)| *other == number);
            let first = of.clone().filter(|(_, kept)| *kept == KeptPin::Now).count();
            let known = sites.recall(&format!("all-{number}:21")).unwrap().certificate.unwrap();
            let told = of.filter(|(_, kept)| *kept == KeptPin::Other(known)).count();
            assert_eq!((first, told), (1, 2), "the first one holds, and the others are told");
        }
    }

    #[test]
    fn a_database_that_is_away_or_damaged_knows_nothing_and_lets_nothing_go_on() {
        let home = tempfile::tempdir().unwrap();
        let damaged = SharedDocuments::for_tests(home.path());
        damaged.damage_for_tests("sites", "[{");
        for memory in [SharedDocuments::away_for_tests(), damaged] {
            for said in failures(&Sites::shared(memory, None)) {
                assert!(said.hint.is_some(), "{said}");
            }
        }
    }

    #[test]
    fn a_certificate_is_not_new_if_the_database_goes_away_meanwhile() {
        let home = tempfile::tempdir().unwrap();
        let memory = SharedDocuments::for_tests(home.path());
        let sites = Sites::shared(memory.clone(), None);
        assert_eq!(sites.recall("a:21"), nothing());
        memory.damage_for_tests("sites", "[{");
        for _ in 0..2 {
            sites.keep("a:21", one()).unwrap_err();
        }
        sites.recall("a:21").unwrap_err();
    }

    #[test]
    fn what_another_host_learns_is_known_in_the_middle_of_a_run() {
        let home = tempfile::tempdir().unwrap();
        let memory = SharedDocuments::for_tests(home.path());
        let [one_run, other] = [(); 2].map(|()| Sites::shared(memory.clone(), None));
        assert_eq!(one_run.recall("a:21"), nothing());
        other.note_tls("a:21", true).unwrap();
        let known = KnownSite { offers_tls: true, was_verified: true, certificate: None };
        assert_eq!(one_run.recall("a:21"), Ok(known), "its TLS cannot be taken away");
        // Whoever has asked a moment before that puts no certificate in the place of the roots.
        let late = Sites::shared(memory, None);
        assert_eq!(late.recall("b:21"), nothing());
        other.note_tls("b:21", true).unwrap();
        assert_eq!(late.keep("b:21", one()).unwrap_err().kind, Kind::Untrusted);
        assert_eq!(other.recall("b:21").map(|known| known.certificate), Ok(None));
    }
}
