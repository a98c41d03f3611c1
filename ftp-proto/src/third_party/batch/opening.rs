//! The commands before the first file.

use super::line::Task;
use super::settings::BatchTerms;
use crate::address::SockTarget;
use crate::command::{Command, Direction, Extension, Mode};
use crate::dialect::Dialect;
use crate::third_party::roles::Party;
use crate::third_party::script;
use crate::third_party::transfer::Side;
use std::net::SocketAddr;

/// Whether a batch is possible between the two: both are servers of ours of today, in clear, with this digest.
pub(super) fn is_possible(source: &Party, destination: &Party, terms: &BatchTerms) -> bool {
    [source, destination].into_iter().all(|party| {
        let known = &party.capabilities;
        let is_ours = known.takes_ahead && known.rndz && known.sock && known.lstn && known.mlst.is_some();
        party.dialect == Dialect::Rfc959
            && is_ours
            && known.dgst.contains(&terms.algorithm)
            && party.leaf.is_none()
            && !party.standing.sscn
            && !party.standing.symmetric
    })
}

/// The first commands of `side`, which may all be sent at once.
pub(super) fn first(terms: &BatchTerms, side: Side, other: &Party, listens: bool) -> Vec<(Task, Command)> {
    // A listener of an earlier transfer would take SOCK for its filter.
    let activate = (side != terms.passive && listens).then_some((Task::Activate, Command::Actv));
    let settings = [
        script::IMAGE,
        Command::Mode(Mode::Block),
        Command::Extension(Extension::Dgst(Some(terms.algorithm))),
        Command::Rndz(Some(terms.secret.clone())),
    ];
    let mut commands: Vec<(Task, Command)> =
        activate.into_iter().chain(settings.into_iter().map(|setting| (Task::Setting, setting))).collect();
    if side == terms.passive {
        let direction = match side {
            Side::Source => Direction::Send,
            Side::Destination => Direction::Receive,
        };
        commands.push((Task::Listen, Command::Lstn(direction)));
        // The proof tells who it is, so the filter names the host alone.
        let filter = Command::Sock(SockTarget { host: Some(other.address), port: 0 });
        commands.push((Task::Connect, filter));
    }
    commands
}

/// The command that tells the active end where to connect.
pub(super) fn connect(to: SocketAddr) -> (Task, Command) {
    (Task::Connect, Command::Sock(SockTarget { host: Some(to.ip()), port: to.port() }))
}
