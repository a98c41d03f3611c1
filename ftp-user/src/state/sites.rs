//! What is known of servers from one run to the next: `sites.json` in the state directory, readable by its user only.
//!
//! A server is known by its host and port, as they were written. What is known of it never expires: a certificate that
//! was kept must not be forgotten because it was not used for long. `ftp-user sites forget` forgets it.

use super::file::{StateFile, now};
use crate::failure::FtpUser;
use crate::journal::as_text;
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
    /// Whether anything that is known of the server shows that it has TLS. A certificate was seen inside TLS, too.
    pub const fn has_tls(&self) -> bool {
        self.offers_tls || self.was_verified || self.certificate.is_some()
    }
}

/// How a certificate was kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeptPin {
    /// It is known from now on, also in later runs.
    Now,
    /// It is known for the rest of this run, because there is no state directory.
    ForThisRun,
    /// It was known before.
    Before,
    /// Another certificate was kept before, this one.
    Other(Fingerprint),
}

/// What is known of servers. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Sites {
    file: StateFile,
    lasts: bool,
    run: Arc<Mutex<Run>>,
}

/// What this run knows.
#[derive(Debug, Default)]
struct Run {
    /// The file, once it was read, and what was learnt since.
    known: Option<HashMap<String, KnownSite>>,
    /// Servers that have said that they offer no TLS.
    in_clear: HashSet<String>,
    /// Servers that have greeted.
    greeted: HashSet<String>,
}

/// An entry of the file.
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
        Self { file: StateFile::of_trust(directory, "sites.json"), lasts, run: Arc::default() }
    }

    /// What is known of a server.
    ///
    /// # Errors
    ///
    /// The file is damaged, cannot be read or is not this user's alone, in words. Nothing may go on without it: a server
    /// would be taken for one without TLS, and any certificate for a new one.
    pub fn recall(&self, site: &str) -> Result<KnownSite, String> {
        let mut run = self.run.locked();
        if let Some(known) = &run.known {
            return Ok(known.get(site).copied().unwrap_or_default());
        }
        let entries = self.file.read::<Vec<Entry>>()?;
        let known: HashMap<String, KnownSite> =
            entries.into_iter().map(|entry| (entry.site, entry.known)).collect();
        let found = known.get(site).copied().unwrap_or_default();
        run.known = Some(known);
        Ok(found)
    }

    /// Notes that a session with a server runs TLS, and whether the roots vouched for its certificate. The file is written only if
    /// that is new.
    ///
    /// # Errors
    ///
    /// Why the file cannot be read or written, in words. In the latter case the run knows it all the same.
    pub fn note_tls(&self, site: &str, verified: bool) -> Result<(), String> {
        let known = self.recall(site)?;
        let now = KnownSite { offers_tls: true, was_verified: known.was_verified || verified, ..known };
        if now == known {
            return Ok(());
        }
        self.learn(site, now);
        self.change(site, |known| {
            known.offers_tls = true;
            known.was_verified |= verified;
        })
    }

    /// Keeps the certificate of a server, and notes that it has TLS: both at once, so that no crash comes between.
    ///
    /// # Errors
    ///
    /// Why the file cannot be read or written, in words. In the latter case the run knows the certificate all the same.
    pub fn keep(&self, site: &str, certificate: Fingerprint) -> Result<KeptPin, String> {
        let known = self.recall(site)?;
        match known.certificate {
            Some(kept) if kept == certificate => return Ok(KeptPin::Before),
            Some(kept) => return Ok(KeptPin::Other(kept)),
            None => {
                self.learn(site, KnownSite { offers_tls: true, certificate: Some(certificate), ..known });
            }
        }
        // Another run may have kept one meanwhile.
        let mut kept = None;
        self.change(site, |known| {
            known.offers_tls = true;
            kept = Some(*known.certificate.get_or_insert(certificate));
        })?;
        Ok(match kept {
            Some(other) if other != certificate => {
                self.learn(site, KnownSite { offers_tls: true, certificate: Some(other), ..known });
                KeptPin::Other(other)
            }
            Some(_) | None if self.lasts => KeptPin::Now,
            Some(_) | None => KeptPin::ForThisRun,
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

    /// Forgets a server. Returns what was known of it.
    ///
    /// # Errors
    ///
    /// Why the file cannot be read or written, in words.
    pub fn forget(&self, site: &str) -> Result<Option<KnownSite>, String> {
        let mut forgotten = None;
        self.file.update(|all: &mut Vec<Entry>| {
            forgotten = all.iter().find(|entry| entry.site == site).map(|entry| entry.known);
            all.retain(|entry| entry.site != site);
            forgotten.is_some()
        })?;
        if let Some(known) = &mut self.run.locked().known {
            known.remove(site);
        }
        Ok(forgotten)
    }

    fn learn(&self, site: &str, known: KnownSite) {
        self.run.locked().known.get_or_insert_default().insert(site.to_owned(), known);
    }

    /// Changes the entry of a server in the file. There are never more than [`MOST`]: none is forgotten for another.
    fn change(&self, site: &str, change: impl FnOnce(&mut KnownSite)) -> Result<(), String> {
        let mut is_full = false;
        self.file.update(|all: &mut Vec<Entry>| {
            let found = all.iter().position(|entry| entry.site == site);
            let index = found.unwrap_or(all.len());
            is_full = index == MOST;
            if is_full {
                return false;
            }
            if found.is_none() {
                all.push(Entry { site: site.to_owned(), known: KnownSite::default(), at: 0 });
            }
            let Some(entry) = all.get_mut(index) else { return false };
            let before = entry.known;
            change(&mut entry.known);
            entry.at = now();
            entry.known != before
        })?;
        if is_full {
            return Err(format!(
                "{MOST} servers are known already, so {site} is not kept; {FtpUser} sites forget PLACE makes room"
            ));
        }
        Ok(())
    }
}

/// The largest number of servers.
const MOST: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Fingerprint {
        Fingerprint::of(b"one")
    }

    fn nothing() -> Result<KnownSite, String> {
        Ok(KnownSite::default())
    }

    fn two() -> Fingerprint {
        Fingerprint::of(b"two")
    }

    #[test]
    fn what_one_run_has_learnt_the_next_one_knows() {
        let home = tempfile::tempdir().unwrap();
        let run = || Sites::at(Some(home.path().join("state")));
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
        assert_eq!(second.forget("a:21"), Ok(None));
        assert_eq!([second.recall("a:21"), run().recall("a:21")], [nothing(), nothing()]);
        assert_eq!(run().recall("b:21"), Ok(b));
    }

    #[test]
    fn the_first_of_two_runs_at_the_same_time_decides_which_certificate_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let [first, second] = [(); 2].map(|()| Sites::at(Some(home.path().to_path_buf())));
        assert_eq!([first.recall("a:21"), second.recall("a:21")], [nothing(), nothing()]);
        assert_eq!(first.keep("a:21", one()), Ok(KeptPin::Now));
        assert_eq!(second.keep("a:21", two()), Ok(KeptPin::Other(one())));
        assert_eq!(second.recall("a:21").map(|known| known.certificate), Ok(Some(one())));
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

    #[test]
    fn nothing_is_known_or_learnt_while_the_file_is_damaged() {
        for text in ["", "[{", "[{\"site\":\"a:21\",\"certificate\":\"SHA256:x\",\"at\":1}]", "{}"] {
            let home = tempfile::tempdir().unwrap();
            std::fs::write(home.path().join("sites.json"), text).unwrap();
            let sites = Sites::at(Some(home.path().to_path_buf()));
            let all = [
                sites.recall("a:21").map(drop),
                sites.recall("a:21").map(drop),
                sites.keep("a:21", one()).map(drop),
                sites.note_tls("a:21", true),
                sites.forget("a:21").map(drop),
            ];
            for said in all.map(Result::unwrap_err) {
                assert!(said.contains("sites.json is damaged"), "{said}");
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
        let said = sites.keep("new:21", one()).unwrap_err();
        assert!(said.contains("new:21 is not kept"), "{said}");
        assert_eq!(sites.keep("new:21", two()), Ok(KeptPin::Other(one())), "the run knows it");
        assert_eq!(sites.keep("h7:21", one()), Ok(KeptPin::Now));
    }
}
