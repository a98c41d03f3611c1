//! The judge over random histories of a server: names appear, go and break, disks vanish, sessions end, and evidence is used
//! at once or much later.

use super::*;
use crate::deletion::{Answers, ExistenceQuestion, MissingWords};
use crate::dialect::Dialect;
use crate::reply::{Code, Reply};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What the words of a server tell apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Manner {
    /// A missing name has words of its own (`ftp-server`).
    OwnWords,
    /// The words are those of the error (ProFTPD).
    WordsOfError,
    /// All refusals are alike, and NLST shows broken names (vsftpd).
    AllAlike,
}

/// What happens.
#[derive(Clone, Debug)]
enum Event {
    Create(u8),
    Delete(u8),
    Break(u8),
    Mend(u8),
    Unmount,
    Mount,
    /// The server refuses everything, or stops doing so.
    Refuse(bool),
    LoseSession,
    /// Evidence is gathered for a name.
    Ask(u8),
    /// The last evidence for a name is judged.
    Judge(u8),
}

fn events() -> impl Strategy<Value = Event> {
    let name = 0..6_u8;
    prop_oneof![
        name.clone().prop_map(Event::Create),
        name.clone().prop_map(Event::Delete),
        name.clone().prop_map(Event::Break),
        name.clone().prop_map(Event::Mend),
        Just(Event::Unmount),
        Just(Event::Mount),
        any::<bool>().prop_map(Event::Refuse),
        Just(Event::LoseSession),
        name.clone().prop_map(Event::Ask),
        name.prop_map(Event::Judge),
    ]
}

/// A directory of the source.
#[derive(Clone, Debug)]
struct Directory {
    manner: Manner,
    names: BTreeSet<u8>,
    broken: BTreeSet<u8>,
    is_mounted: bool,
    refuses: bool,
    session: u64,
}

/// Evidence, and whether the source surely lacked the name when it was given.
struct EvidenceCase {
    presence: Presence,
    witness: Witness,
    is_listed_whole: bool,
    session: SessionId,
    is_lacking: bool,
}

impl Directory {
    fn has(&self, name: u8) -> bool {
        self.is_mounted && self.names.contains(&name)
    }

    fn reply(&self, name: u8, text: &str) -> Reply {
        let broken = self.refuses || (self.has(name) && self.broken.contains(&name));
        let (code, words) = match (self.manner, broken, self.has(name)) {
            (_, false, true) => (213, "5".to_owned()),
            (Manner::AllAlike, ..) => (550, "Could not get file size.".to_owned()),
            (Manner::OwnWords | Manner::WordsOfError, false, false) => {
                (550, format!("{text}: No such file or directory"))
            }
            (Manner::OwnWords, true, _) => (451, "Local error".to_owned()),
            (Manner::WordsOfError, true, _) => (550, format!("{text}: Stale file handle")),
        };
        Reply { code: Code(code), lines: vec![words.into_bytes()] }
    }

    fn answers(&self, name: u8, text: &str) -> Answers {
        let mut answers = Answers::default();
        answers.add(ExistenceQuestion::Size, self.reply(name, text));
        answers
    }

    /// What a user agent learns of a name.
    fn ask(&self, name: u8) -> EvidenceCase {
        let path = |text: &str| PathName::from_user(text).unwrap();
        let (called, nothing) = (format!("f{name}"), 99);
        let words = MissingWords::new(Dialect::Rfc959, &path("no-such"), self.answers(nothing, "no-such"));
        let is_shown = self.has(name) && (self.manner == Manner::AllAlike || !self.broken.contains(&name));
        let presence = match is_shown && !self.refuses {
            true => Presence::There,
            false => words.presence(&path(&called), &self.answers(name, &called)),
        };
        let others = self.names.iter().any(|other| *other != name && !self.broken.contains(other));
        // Where nothing else is in it, the directory itself is found.
        let finds = !self.refuses && (others || self.names.is_empty() || !self.is_mounted || self.has(name));
        let witness = match (self.manner, finds) {
            (Manner::OwnWords, _) => Witness::NotNeeded,
            (_, true) => Witness::Found,
            (_, false) => Witness::NotFound,
        };
        EvidenceCase {
            presence,
            witness,
            is_listed_whole: !self.refuses,
            session: SessionId::new(self.session),
            is_lacking: !self.has(name) && !self.refuses,
        }
    }
}

fn judged(given: &EvidenceCase, session: u64) -> Result<DeletePermit, ReasonToKeep> {
    let path = |text: &str| PathName::from_user(text).unwrap();
    let file = Facts::of_kind(Kind::File);
    let evidence = SurplusEvidence {
        is_listed_whole: given.is_listed_whole,
        presence: given.presence,
        witness: given.witness,
        needs_consent: false,
        seen: &file,
        now: &file,
    };
    let learnt = Learnt::new(evidence, given.session);
    DeletePermit::for_surplus(&path("d"), &path("f"), &learnt, SessionId::new(session))
}

proptest! {
    #[test]
    fn no_name_goes_by_evidence_of_another_session_and_what_is_surely_lacking_does_go(
        manner in prop_oneof![Just(Manner::OwnWords), Just(Manner::WordsOfError), Just(Manner::AllAlike)],
        history in prop::collection::vec(events(), 1..60),
    ) {
        let mut directory = Directory {
            manner,
            names: (0..6).collect(),
            broken: BTreeSet::new(),
            is_mounted: true,
            refuses: false,
            session: 1,
        };
        let mut given: Vec<Option<EvidenceCase>> = (0..6).map(|_| None).collect();
        for event in history {
            match event {
                Event::Create(name) => drop(directory.names.insert(name)),
                Event::Delete(name) => drop(directory.names.remove(&name)),
                Event::Break(name) => drop(directory.broken.insert(name)),
                Event::Mend(name) => drop(directory.broken.remove(&name)),
                // A disk comes and goes with the server.
                Event::Unmount => (directory.is_mounted, directory.session) = (false, directory.session + 1),
                Event::Mount => (directory.is_mounted, directory.session) = (true, directory.session + 1),
                Event::Refuse(refuses) => directory.refuses = refuses,
                Event::LoseSession => directory.session += 1,
                Event::Ask(name) => {
                    let learnt = directory.ask(name);
                    let permit = judged(&learnt, directory.session);
                    let can_tell = learnt.witness != Witness::NotFound;
                    prop_assert_eq!(permit.is_ok(), learnt.is_lacking && can_tell);
                    given[usize::from(name)] = Some(learnt);
                }
                Event::Judge(name) => {
                    let Some(learnt) = &given[usize::from(name)] else { continue };
                    let permit = judged(learnt, directory.session);
                    let is_fresh = learnt.session == SessionId::new(directory.session);
                    prop_assert!(permit.is_err() || (is_fresh && learnt.is_lacking));
                }
            }
        }
    }
}
