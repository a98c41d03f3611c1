//! The commands before the first file.

use super::line::Task;
use super::settings::BatchTerms;
use crate::address::SockTarget;
use crate::command::{Command, Direction, Extension, Mode};
use crate::dialect::Dialect;
use crate::third_party::roles::{DataTls, Party};
use crate::third_party::script::{self, Step};
use crate::third_party::transfer::Side;
use std::net::SocketAddr;

/// Whether a batch is possible between the two: both are servers of ours of today with this digest, and one can
/// be the TLS client if their data connection runs TLS.
pub(super) fn is_possible(source: &Party, destination: &Party, terms: &BatchTerms) -> bool {
    let party = |side| if side == Side::Source { source } else { destination };
    let can_protect = match terms.tls {
        DataTls::Clear => true,
        DataTls::Sscn(client) => {
            party(client).capabilities.sscn && Side::BOTH.into_iter().all(|side| party(side).leaf.is_some())
        }
        DataTls::Cpsv => false,
    };
    let are_ours = [source, destination].into_iter().all(|party| {
        let known = &party.capabilities;
        let is_ours = known.takes_ahead && known.rndz && known.sock && known.lstn && known.mlst.is_some();
        party.dialect == Dialect::Rfc959
            && is_ours
            && known.dgst.contains(&terms.algorithm)
            && !party.standing.symmetric
    });
    can_protect && are_ours
}

/// The first commands of `side`, which may all be sent at once.
pub(super) fn first(terms: &BatchTerms, side: Side, me: &Party, other: &Party) -> Vec<(Task, Command)> {
    // A listener of an earlier transfer would take SOCK for its filter.
    let activate = (side != terms.passive && me.standing.listens).then_some((Task::Activate, Command::Actv));
    let security = script::security_steps(terms.tls, side, me, other).map(|step| {
        if step == Step::Pinc {
            Command::Pinc(script::pin(terms.tls, me, other))
        } else {
            Command::Sscn(Some(script::is_client(terms.tls, side)))
        }
    });
    let transfer = [
        script::IMAGE,
        Command::Mode(Mode::Block),
        Command::Extension(Extension::Dgst(Some(terms.algorithm))),
    ];
    let proof = Command::Rndz(Some(terms.secret.clone()));
    let settings = transfer.into_iter().chain(security).chain([proof]);
    let mut commands: Vec<(Task, Command)> =
        activate.into_iter().chain(settings.map(|setting| (Task::Setting, setting))).collect();
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
