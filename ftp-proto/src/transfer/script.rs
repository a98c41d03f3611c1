//! The commands of each end before and including the transfer commands (RFC 438, RFC 478, PORT and PASV,
//! EPRT and EPSV).
//!
//! ```text
//!               passive end            active end
//!               TYPE I                 TYPE I            first, because some servers fix the type at PASV
//!               DGST                   DGST              if it knows the digest; only if it is not in force
//!               SSCN ON|OFF            SSCN ON|OFF       at most one ON; only if it is not in force
//!               PINC leaf              PINC leaf         the other end's certificate; only if not in force
//!               RNDZ S                 RNDZ S
//!               PRET STOR, RETR                           if the server requires it (H34)
//!          X <- LSTN R|S, PASV, EPSV, CPSV
//!                                 Y <- SOCK h,X  PORT  EPRT
//!               SOCK h,Y                                 its filter (RFC 438 d.2, RFC 478 note 3)
//!               REST n                 REST n            directly before the transfer command
//!               STOR, APPE | RETR      RETR | STOR, APPE
//! ```

use super::request::{DataTls, Opening, Party, Roles, Side, Store, Transfer};
use crate::address::{Family, SockTarget};
use crate::command::{Command, DataType, Epsv, Extension};
use crate::dialect::Dialect;
use crate::digest::Algorithm;
use crate::wire::{ByteRange, Fingerprint};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// One command before the transfer commands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Step {
    /// TYPE I: bytes travel unchanged.
    Type,
    /// DGST: the digest that the end computes while the file moves, or none.
    Digest,
    /// ACTV: ends the listener of an earlier attempt, which would take SOCK for its filter.
    Activate,
    /// SSCN: whether the end is TLS client on the data connection.
    Sscn,
    /// PINC: the certificate that the other end must show, or that none is expected any more.
    Pinc,
    /// RNDZ with the secret of this attempt, or without one.
    Rndz,
    /// PRET: tells the passive end which file will follow.
    Announce,
    /// The command after which the end listens and says where.
    Listen,
    /// RSYM: whether the end listens on the port from which it connects.
    Symmetric,
    /// GSOC: asks the end for the port from which it will connect.
    Port,
    /// The command that tells the end where to connect.
    Connect,
    /// SOCK: tells the passive end whom to accept.
    Filter,
    /// REST or RANG, directly before the transfer command (RFC 3659 section 5.3).
    Rest,
}

/// TYPE I: the bytes are transferred as they are.
pub(super) const IMAGE: Command = Command::Type(DataType::Image);

/// Whether both ends prove themselves to each other with RNDZ.
pub(super) fn is_proven(transfer: &Transfer, source: &Party, destination: &Party) -> bool {
    transfer.secret.is_some() && source.capabilities.rndz && destination.capabilities.rndz
}

/// The steps of `side` in a direct transfer, in order. Every attempt opens its own data port (H12). EPSV ALL
/// is never used (H11).
pub(super) fn direct_steps(
    roles: Roles,
    transfer: &Transfer,
    side: Side,
    me: &Party,
    other: &Party,
) -> VecDeque<Step> {
    let symmetric = roles.opening == Opening::Symmetric;
    let listens = side == roles.passive && !symmetric;
    let mut steps = first_steps(transfer, me);
    if symmetric && me.standing.listens {
        steps.push_back(Step::Activate);
    }
    if symmetric || me.standing.symmetric {
        steps.push_back(Step::Symmetric);
    }
    if !listens && me.standing.listens && connects_by_sock(roles, me, other) {
        steps.push_back(Step::Activate);
    }
    steps.extend(security_steps(roles.tls, side, me, other));
    // Before PORT, EPRT and SOCK, whose addresses it permits. Nobody proves what was prepared for another server.
    if is_proven(transfer, me, other) || me.standing.unused.is_some() {
        steps.push_back(Step::Rndz);
    }
    if listens && needs_pret(me) {
        steps.push_back(Step::Announce);
    }
    if symmetric {
        steps.push_back(Step::Port);
    }
    steps.push_back(if listens { Step::Listen } else { Step::Connect });
    if listens && (sets_filter(roles, me) || has_old_filter(roles, me)) {
        steps.push_back(Step::Filter);
    }
    if needs_part_command(transfer, side, me) {
        steps.push_back(Step::Rest);
    }
    steps
}

/// The steps that say how the bytes travel: TYPE I, and DGST if what is in force is not what is wanted. A probe moves
/// no bytes.
pub(super) fn first_steps(transfer: &Transfer, me: &Party) -> VecDeque<Step> {
    let differs = !transfer.probes && me.standing.digest != digest(transfer, me);
    [Step::Type].into_iter().chain(differs.then_some(Step::Digest)).collect()
}

/// The digest that `me` is to compute while the file moves.
pub(super) fn digest(transfer: &Transfer, me: &Party) -> Option<Algorithm> {
    transfer.digest.filter(|algorithm| me.capabilities.dgst.contains(algorithm))
}

/// The command for the digest that `me` is to compute.
pub(super) fn compute(transfer: &Transfer, me: &Party) -> Command {
    Command::Extension(Extension::Dgst(digest(transfer, me)))
}

/// The steps after which the end has its part in TLS: none if an earlier attempt has left the right one.
pub(super) fn security_steps(
    tls: DataTls,
    side: Side,
    me: &Party,
    other: &Party,
) -> impl Iterator<Item = Step> {
    let role = (me.standing.sscn != is_client(tls, side)).then_some(Step::Sscn);
    let pin = (me.standing.pin != pin(tls, me, other)).then_some(Step::Pinc);
    role.into_iter().chain(pin)
}

/// The commands of those steps.
pub(super) fn security_commands(
    tls: DataTls,
    side: Side,
    me: &Party,
    other: &Party,
) -> impl Iterator<Item = Command> {
    let of_step = move |step| {
        if step == Step::Pinc {
            Command::Pinc(pin(tls, me, other))
        } else {
            Command::Sscn(Some(is_client(tls, side)))
        }
    };
    security_steps(tls, side, me, other).map(of_step)
}

/// Whether SSCN makes `side` the TLS client.
pub(super) fn is_client(tls: DataTls, side: Side) -> bool {
    tls == DataTls::Sscn(side)
}

/// The certificate that `me` demands of the other end, if it knows PINC.
pub(super) fn pin(tls: DataTls, me: &Party, other: &Party) -> Option<Fingerprint> {
    other.leaf.filter(|_| tls.runs_tls() && me.capabilities.pinc)
}

/// The part of the file that `side` has to be told. APPE appends without it, and after REST it would act as STOR (RFC 3659
/// section 5.2).
fn part_to_name(transfer: &Transfer, side: Side) -> Option<ByteRange> {
    let appends = side == Side::Destination && transfer.store == Store::Append;
    transfer.part.filter(|part| *part != ByteRange::WHOLE && !appends && !transfer.probes)
}

/// The transfer command of `side` if it names the part as well.
fn part_transfer(transfer: &Transfer, side: Side, me: &Party) -> Option<Command> {
    let path = match side {
        Side::Source => &transfer.source_path,
        Side::Destination => &transfer.destination_path,
    };
    me.capabilities.part_transfer(side.direction(), part_to_name(transfer, side)?, path)
}

/// Whether `side` gets REST or RANG.
pub(super) fn needs_part_command(transfer: &Transfer, side: Side, me: &Party) -> bool {
    part_to_name(transfer, side).is_some() && part_transfer(transfer, side, me).is_none()
}

/// REST or RANG: which part of the file moves.
pub(super) fn part_command(transfer: &Transfer) -> Option<Command> {
    transfer.part.map(|part| match part.length {
        None => Command::Rest(part.first),
        Some(_) => Command::Rang(Some(part)),
    })
}

/// Whether a passive end must be told its transfer command before PASV or EPSV (H34). Servers that consist
/// of several hosts choose one of them by it.
pub(super) const fn needs_pret(passive: &Party) -> bool {
    passive.capabilities.pret
}

/// Whether the passive end is told its peer.
fn sets_filter(roles: Roles, passive: &Party) -> bool {
    roles.filter && passive.knows_sock()
}

/// Whether the SOCK of an earlier attempt still acts as the filter of the passive end (RFC 478): PASV keeps
/// it, EPSV keeps it on a 1973 server only, LSTN never does (RFC 438).
pub(super) fn has_old_filter(roles: Roles, passive: &Party) -> bool {
    passive.standing.sock
        && roles.tls != DataTls::Cpsv
        && match roles.opening {
            Opening::Lstn | Opening::Symmetric => false,
            Opening::Pasv => true,
            Opening::Epsv => passive.dialect == Dialect::Rfc354,
        }
}

/// The command with which `side` opens a data port. EPSV names the address family of `peer`, if the
/// peer is another server (RFC 2428 section 3).
pub(super) fn open(opening: Opening, side: Side, peer: Option<&Party>) -> Command {
    match opening {
        Opening::Lstn => Command::Lstn(side.direction()),
        Opening::Symmetric => Command::Gsoc,
        Opening::Pasv => Command::Pasv,
        Opening::Epsv => Command::Epsv(match peer.map(|peer| Family::of(peer.address)) {
            None => Epsv::Same,
            Some(Family::V4) => Epsv::V4,
            Some(Family::V6) => Epsv::V6,
        }),
    }
}

/// The command that tells the active end where to connect. It is SOCK if the server knows nothing else, or if
/// its answer (255 Y) is needed for the filter of the passive end.
pub(super) fn connect(roles: Roles, me: &Party, passive: &Party, to: SocketAddr) -> Command {
    match to {
        _ if connects_by_sock(roles, me, passive) => {
            Command::Sock(SockTarget { host: Some(to.ip()), port: to.port() })
        }
        SocketAddr::V4(to) if roles.opening != Opening::Epsv || !me.knows_epsv() => Command::Port(to),
        SocketAddr::V4(_) | SocketAddr::V6(_) => Command::Eprt(to),
    }
}

/// Whether the active end is told by SOCK where to connect.
pub(super) fn connects_by_sock(roles: Roles, me: &Party, passive: &Party) -> bool {
    let useful = roles.opening == Opening::Lstn || sets_filter(roles, passive);
    me.dialect == Dialect::Rfc354 || (me.capabilities.sock && useful)
}

/// The command that tells an active end where a relay listens for it. Every server of today knows PORT.
pub(super) const fn connect_to_relay(me: &Party, to: SocketAddr) -> Command {
    match (me.dialect, to) {
        (Dialect::Rfc354, _) => Command::Sock(SockTarget { host: Some(to.ip()), port: to.port() }),
        (Dialect::Rfc959, SocketAddr::V4(to)) => Command::Port(to),
        (Dialect::Rfc959, SocketAddr::V6(_)) => Command::Eprt(to),
    }
}

/// Whether a server would take a SOCK that says where to connect for the filter of its listener (RFC 438 d.2): a server of
/// 1973 that listens does. ACTV closes the listener first. `listening` is whether it was asked to listen meanwhile.
pub fn takes_sock_for_filter(party: &Party, listening: bool) -> bool {
    party.dialect == Dialect::Rfc354 && (listening || party.standing.listens)
}

/// Whether two socket numbers mean one socket. Their lowest bit tells only who sends (RFC 354), and servers of 1973
/// differ in which of the two they announce.
pub const fn is_same_socket(one: u16, two: u16) -> bool {
    one | 1 == two | 1
}

/// The transfer command of `side`.
pub(super) fn transfer_command(transfer: &Transfer, side: Side, me: &Party) -> Command {
    if let Some(command) = part_transfer(transfer, side, me) {
        return command;
    }
    match (side, transfer.store) {
        _ if transfer.probes => Command::Extension(Extension::Prob(side.direction())),
        (Side::Source, _) => Command::Retr(transfer.source_path.clone()),
        (Side::Destination, Store::Replace) => Command::Stor(transfer.destination_path.clone()),
        (Side::Destination, Store::Append) => Command::Appe(transfer.destination_path.clone()),
    }
}
