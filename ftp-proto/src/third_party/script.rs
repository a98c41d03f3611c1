//! The script of each end: a [`Plan`] becomes the exact commands of RFC 438, 478, PORT/PASV and
//! EPRT/EPSV.
//!
//! ```text
//!               listening end          connecting end
//!               TYPE I                 TYPE I            before anything with data (some servers fix
//!               RNDZ S                 RNDZ S            the type at PASV)
//!               PRET STOR, RETR                           where it asks for that (H34)
//!          X <- LSTN R|S, PASV, EPSV
//!                                 Y <- SOCK h,X  PORT  EPRT
//!               SOCK h,Y                                 its filter (RFC 438 d.2, RFC 478 note 3)
//!               REST n                 REST n            nothing may come between it and the next
//!               STOR, APPE | RETR      RETR | STOR, APPE
//! ```

use super::{Job, Opening, Party, Plan, Side, Store};
use crate::address::{Family, SockTarget};
use crate::command::{Command, DataType, Direction, Epsv};
use crate::dialect::Dialect;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// One command before the transfer commands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Step {
    /// TYPE I.
    Type,
    /// ACTV: an earlier attempt's listener would take SOCK for its filter.
    Activate,
    /// RNDZ with the secret of this connection.
    Rndz,
    /// PRET: the listening end learns which file it will be, where it wants to know.
    Announce,
    /// The end listens and says where.
    Listen,
    /// The end learns where to connect to.
    Connect,
    /// The listening end learns whom to accept.
    Filter,
    /// REST, directly before the transfer command (RFC 3659 5.3).
    Rest,
}

/// Whether both ends prove themselves to each other.
pub(super) fn proven(job: &Job, source: &Party, destination: &Party) -> bool {
    job.secret.is_some() && source.capabilities.rndz && destination.capabilities.rndz
}

/// The steps of `side`, in order. H12: an opening for each attempt. H11: never EPSV ALL.
pub(super) fn steps(plan: Plan, job: &Job, side: Side, me: &Party, other: &Party) -> VecDeque<Step> {
    let listens = side == plan.listener;
    let mut steps = VecDeque::from([Step::Type]);
    if !listens && me.standing.listens && connects_by_sock(plan, me, other) {
        steps.push_back(Step::Activate);
    }
    if proven(job, me, other) {
        steps.push_back(Step::Rndz); // before PORT, EPRT and SOCK, which are judged by it
    }
    if listens && announces(me) {
        steps.push_back(Step::Announce);
    }
    steps.push_back(if listens { Step::Listen } else { Step::Connect });
    if listens && (filters(plan, me) || has_old_filter(plan, me)) {
        steps.push_back(Step::Filter);
    }
    if restarts(job, side) {
        steps.push_back(Step::Rest);
    }
    steps
}

/// Whether `side` is told where to begin. APPE appends by itself; after REST it would be a STOR
/// (RFC 3659 5.2).
pub(super) fn restarts(job: &Job, side: Side) -> bool {
    let appends = side == Side::Destination && job.store == Store::Append;
    job.restart.is_some_and(|octets| octets > 0) && !appends
}

/// Whether a listening end must be told its transfer command before PASV or EPSV (H34): servers that
/// are made of several hosts choose one of them by it.
pub(super) const fn announces(listener: &Party) -> bool {
    listener.capabilities.pret
}

/// PRET for `side`.
pub(super) fn announce(job: &Job, side: Side) -> Command {
    Command::Pret(Box::new(transfer(job, side)))
}

/// Whether the listening end is told its peer.
fn filters(plan: Plan, listener: &Party) -> bool {
    plan.filter && listener.knows_sock()
}

/// Whether the SOCK of an earlier attempt would be the listener's filter (RFC 478): PASV keeps it,
/// EPSV only on a 1973 server, LSTN never (RFC 438).
pub(super) fn has_old_filter(plan: Plan, listener: &Party) -> bool {
    listener.standing.sock
        && match plan.opening {
            Opening::Lstn => false,
            Opening::Pasv => true,
            Opening::Epsv => listener.dialect == Dialect::Rfc354,
        }
}

/// How the listening end listens. EPSV names the family of the other end's address (RFC 2428 3).
pub(super) fn listen(plan: Plan, other: &Party) -> Command {
    match plan.opening {
        Opening::Lstn => Command::Lstn(match plan.listener {
            Side::Source => Direction::Send,
            Side::Destination => Direction::Receive,
        }),
        Opening::Pasv => Command::Pasv,
        Opening::Epsv => Command::Epsv(match Family::of(other.address) {
            Family::V4 => Epsv::V4,
            Family::V6 => Epsv::V6,
        }),
    }
}

/// How the connecting end is told where to. SOCK where nothing else is known or where its answer
/// (255 Y) serves the other end's filter; else what belongs to the opening.
pub(super) fn connect(plan: Plan, me: &Party, listener: &Party, to: SocketAddr) -> Command {
    match to {
        _ if connects_by_sock(plan, me, listener) => {
            Command::Sock(SockTarget { host: Some(to.ip()), port: to.port() })
        }
        SocketAddr::V4(to) if plan.opening != Opening::Epsv || !me.capabilities.epsv => Command::Port(to),
        SocketAddr::V4(_) | SocketAddr::V6(_) => Command::Eprt(to),
    }
}

fn connects_by_sock(plan: Plan, me: &Party, listener: &Party) -> bool {
    let useful = plan.opening == Opening::Lstn || filters(plan, listener);
    me.dialect == Dialect::Rfc354 || (me.capabilities.sock && useful)
}

/// How an end is told where a relay listens for it. Every server of today knows PORT.
pub(super) const fn connect_to_relay(me: &Party, to: SocketAddr) -> Command {
    match (me.dialect, to) {
        (Dialect::Rfc354, _) => Command::Sock(SockTarget { host: Some(to.ip()), port: to.port() }),
        (Dialect::Rfc959, SocketAddr::V4(to)) => Command::Port(to),
        (Dialect::Rfc959, SocketAddr::V6(_)) => Command::Eprt(to),
    }
}

/// The transfer command of `side`.
pub(super) fn transfer(job: &Job, side: Side) -> Command {
    match (side, job.store) {
        (Side::Source, _) => Command::Retr(job.source_path.clone()),
        (Side::Destination, Store::Replace) => Command::Stor(job.destination_path.clone()),
        (Side::Destination, Store::Append) => Command::Appe(job.destination_path.clone()),
    }
}

/// TYPE I: the octets as they are.
pub(super) const IMAGE: Command = Command::Type(DataType::Image);
