//! How far a coordinator of several files is.

use super::Pair;
use super::conversation::Conversation;
use super::scenario::Scenario;
use ftp_proto::transfer::Side;
use ftp_proto::wire::PathName;
use std::collections::{BTreeMap, BTreeSet};

/// How far the coordinator is.
#[derive(Debug, Default)]
pub(super) struct Course {
    pub(super) talks: Pair<Conversation>,
    pub(super) stage: Stage,
    /// The files that are to be copied in this round, in their order.
    pub(super) todo: Vec<usize>,
    /// How many of them each server has been told of.
    pub(super) told: Pair<usize>,
    /// What each server has said of them.
    pub(super) results: BTreeMap<usize, Pair<Option<bool>>>,
    pub(super) ports: Pair<Option<u16>>,
    /// A file of this round has failed, so nothing follows it.
    pub(super) failed: bool,
    pub(super) rounds: usize,
    /// The files that both servers call whole.
    pub(super) copied: BTreeSet<usize>,
}

/// What all lines are for that wait for their replies. When both servers have answered all of them, the next stage
/// begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Stage {
    #[default]
    Login,
    /// The secrets, and the port of the end that listens.
    Meet,
    /// Where each other end is.
    Point,
    /// Who alone may come.
    Filter,
    Files,
    Noop,
    Quit,
}

/// The lines of a login.
pub(super) fn login(scenario: &Scenario, side: Side) -> Vec<String> {
    let mut lines = vec![
        format!("USER {}", scenario.account),
        format!("PASS {}", super::host::PASSWORD_TEXT),
        "TYPE I".to_owned(),
    ];
    if let Some(tls) = scenario.tls {
        lines.extend(["PBSZ 0".to_owned(), "PROT P".to_owned()]);
        if *tls.clients.at(side) {
            lines.push("SSCN ON".to_owned());
        }
    }
    lines
}

/// The name of a file of a batch at that server.
pub(super) fn name(side: Side, number: usize) -> PathName {
    let text = match side {
        Side::Source => format!("/from{number}"),
        Side::Destination => format!("/to{number}"),
    };
    PathName::from_user(text.as_str()).expect("a name")
}
