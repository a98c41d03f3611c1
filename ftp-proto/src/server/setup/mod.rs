//! SOCK, LSTN, PASV, EPSV, ACTV, GSOC, RSYM, PORT, EPRT, RNDZ: the commands that set up a data connection.
//!
//! When the reply is written, the listener exists and the port is reserved (RFC 438 d.1, RFC 478).

pub(crate) mod arrivals;

use super::ask::{Answer, Ask, Event, Ticket};
use super::context::{Context, Question};
use super::detach;
use super::sockets::listener::Reservation;
use super::sockets::{Each, Gender, OwnPort, Target};
use crate::address::{Family, Parity, SockTarget, format_227, format_eprt, unmapped};
use crate::command::{Direction, Epsv};
use crate::dialect::Dialect;
use crate::policy::{self, Cargo, Filter, Grant, RefusalReason};
use crate::rendezvous::RendezvousSecret;
use crate::reply::Meaning;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};

/// What the driver was asked for.
#[derive(Debug)]
pub(crate) enum Request {
    /// A port for the session itself, for SOCK with this target or, without one, for GSOC. With strict
    /// gender there is a second one.
    OwnPort { target: Option<SocketAddr>, sender: Option<Ticket> },
    /// A port to listen on.
    Port(Opening),
    /// A listener on a reserved port.
    Listener(Opening, Reservation),
    /// Something about transfers that outlive their control connection.
    Detach(detach::Request),
}

/// Which command opens a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Opening {
    Lstn(Direction),
    Pasv,
    Cpsv,
    Epsv,
}

/// The question that a command waits for; `None` if its reply has been sent.
type Waits = Option<Question<Request>>;

/// SOCK: a filter for every listener, and the target of a direction without one (B24).
pub(crate) fn sock(cx: &mut Context, target: SockTarget) -> Waits {
    let host = target.host.map_or_else(|| cx.peer_ip(), unmapped); // B04
    let to = socket_of(cx, host, target.port);
    let listens = cx.sockets.newest_for(target.port).is_some();
    if cx.parameters.epsv_only && !listens {
        drop_sock(cx);
        return only_epsv(cx); // D17
    }
    if !listens && target.port != 0 && Family::of(host) != family(cx) {
        drop_sock(cx);
        return bad_family(cx);
    }
    let as_target = decide_target(cx, to);
    let as_filter = cx.decide(&policy::Ask::Filter { host, evidence: cx.sockets.evidence() });
    let judged = if listens || target.port == 0 { as_filter } else { as_target };
    if let Err(why) = judged {
        drop_sock(cx);
        return refuse_address(cx, why, to);
    }
    let Some(port) = cx.sockets.newest_for(target.port).map(|listener| listener.port) else {
        return with_own_port(cx, Some(to));
    };
    let usable = as_target.is_ok() && Family::of(host) == family(cx);
    for direction in cx.sockets.directions(target.port) {
        if cx.sockets.listener(direction).is_some() {
            cx.sockets.set_filter(direction, filter_of(to));
        } else {
            *cx.sockets.targets.of_mut(direction) = if usable { Target::Sock(to) } else { Target::None };
        }
    }
    arrivals::judge_again(cx);
    answer_sock(cx, port) // B21
}

/// The reply to SOCK: the socket of this end, unless that is told with the transfer only.
fn answer_sock(cx: &mut Context, port: u16) -> Waits {
    if defers_socket(cx) {
        return cx.reply_only(Meaning::Okay, "SOCK is noted");
    }
    say_socket(cx, port)
}

/// Whether this listener tells its socket with the transfer only (B20).
fn defers_socket(cx: &Context) -> bool {
    cx.config.defers_socket && cx.config.dialect == Dialect::Rfc354
}

/// A transfer of `direction` looks for its data connection: now the socket is told that SOCK asked for (B20).
pub(crate) fn tell_deferred_socket(cx: &mut Context, direction: Direction) {
    if !defers_socket(cx) {
        return;
    }
    let port = match (cx.sockets.listener(direction), cx.sockets.targets.of(direction)) {
        (Some(listener), _) => {
            let named = matches!(listener.filters.of(direction), Filter::Host(_) | Filter::Socket(_));
            named.then_some(listener.port)
        }
        (None, Target::Sock(_)) => cx.sockets.own.as_ref().map(|own| own.port_of(direction)),
        (None, Target::Port(_) | Target::None) => None,
    };
    if let Some(port) = port {
        say_socket(cx, port);
    }
}

/// A SOCK was refused or not understood: its old value is dropped, and no peer may connect to a listener
/// (B06, B24).
pub(crate) fn drop_sock(cx: &mut Context) {
    cx.sockets.targets = Each::both(Target::None);
    cx.sockets.listeners_mut().for_each(|listener| listener.filters = Each::both(Filter::Nobody));
    arrivals::judge_again(cx);
}

/// GSOC: announces the port that PASV listens on and active connections come from (D20).
pub(crate) fn gsoc(cx: &mut Context) -> Waits {
    with_own_port(cx, None)
}

/// LSTN (RFC 438 a).
pub(crate) fn lstn(cx: &mut Context, direction: Direction) -> Waits {
    if cx.parameters.epsv_only {
        return only_epsv(cx);
    }
    reserve(cx, Opening::Lstn(direction))
}

/// PASV (RFC 478, RFC 959).
pub(crate) fn pasv(cx: &mut Context) -> Waits {
    passive_v4(cx, Opening::Pasv)
}

fn passive_v4(cx: &mut Context, opening: Opening) -> Waits {
    if cx.parameters.epsv_only {
        return only_epsv(cx);
    }
    if cx.config.dialect == Dialect::Rfc959 && announced_v4(cx, 0).is_none() {
        let text = "PASV cannot show an IPv6 address; send EPSV";
        return cx.reply_only(Meaning::CannotConnect, text);
    }
    listen_passively(cx, opening)
}

/// CPSV: PASV whose transfer makes this server the TLS client (F06).
pub(crate) fn cpsv(cx: &mut Context) -> Waits {
    if cx.tls.role(Cargo::File, true).is_none() {
        return cx.reply_only(Meaning::BadSequence, "Send AUTH TLS and PROT P first");
    }
    passive_v4(cx, Opening::Cpsv)
}

/// EPSV (RFC 2428 3).
pub(crate) fn epsv(cx: &mut Context, wanted: Epsv) -> Waits {
    match wanted {
        Epsv::All => {
            cx.parameters.epsv_only = true;
            cx.reply_only(Meaning::Okay, "Only EPSV from now on")
        }
        Epsv::V4 if family(cx) == Family::V6 => bad_family(cx),
        Epsv::V6 if family(cx) == Family::V4 => bad_family(cx), // D18
        Epsv::Unknown(_) => unknown_family(cx),
        Epsv::Same | Epsv::V4 | Epsv::V6 => listen_passively(cx, Opening::Epsv),
    }
}

/// PASV and EPSV listen on the port that was announced, otherwise on a new one (D08).
fn listen_passively(cx: &mut Context, opening: Opening) -> Waits {
    if cx.config.dialect == Dialect::Rfc959 && opening != Opening::Pasv {
        cx.sockets.forget_sock();
    }
    match cx.sockets.own.as_ref().map(|own| own.ticket) {
        Some(own) => {
            cx.sockets.end_passive_on_own(&mut cx.out);
            listen(cx, opening, Reservation::Own(own))
        }
        None => reserve(cx, opening),
    }
}

/// ACTV: undoes PASV and LSTN (RFC 607).
pub(crate) fn actv(cx: &mut Context) {
    let text = match cx.sockets.newest() {
        Some(_) => "Mode changed to active",
        None => "Mode is already active",
    };
    cx.sockets.activate(&mut cx.out);
    cx.out.reply(Meaning::Okay, text);
}

/// PORT and EPRT.
pub(crate) fn port(cx: &mut Context, to: SocketAddr) -> Waits {
    if cx.parameters.epsv_only {
        return only_epsv(cx);
    }
    let to = socket_of(cx, unmapped(to.ip()), to.port());
    if Family::of(to.ip()) != family(cx) {
        cx.sockets.targets = Each::both(Target::None);
        return bad_family(cx);
    }
    if let Err(why) = decide_target(cx, to) {
        cx.sockets.targets = Each::both(Target::None);
        return refuse_address(cx, why, to);
    }
    cx.sockets.activate(&mut cx.out); // C25
    cx.sockets.targets = Each::both(Target::Port(to));
    cx.reply_only(Meaning::Okay, "Data port noted")
}

/// RSYM: whether an active end also listens on the port that SOCK or GSOC has announced (G02).
pub(crate) fn rsym(cx: &mut Context, on: bool) {
    cx.sockets.symmetric = on;
    cx.out.reply(Meaning::Okay, if on { "RSYM is ON" } else { "RSYM is OFF" });
}

/// RNDZ: the secret of the next data connection. It changes who may connect.
pub(crate) fn rndz(cx: &mut Context, secret: Option<RendezvousSecret>) {
    let text = match secret {
        Some(_) => "The next data connection must prove itself",
        None => "No proof for the next data connection",
    };
    cx.sockets.rendezvous = secret;
    arrivals::judge_again(cx);
    cx.out.reply(Meaning::Okay, text);
}

/// EPRT or EPSV of another family than the control connection's address (RFC 2428 2).
pub(crate) fn bad_family(cx: &mut Context) -> Waits {
    let list = match family(cx) {
        Family::V4 => "(1)",
        Family::V6 => "(2)",
    };
    cx.reply_only(Meaning::BadFamily, format!("Network protocol not supported, use {list}"))
}

/// EPRT or EPSV with an unknown protocol: the reply lists those that are served.
pub(crate) fn unknown_family(cx: &mut Context) -> Waits {
    cx.reply_only(Meaning::BadFamily, "Network protocol not supported, use (1,2)")
}

fn only_epsv(cx: &mut Context) -> Waits {
    cx.reply_only(Meaning::BadSequence, "EPSV ALL was sent: only EPSV opens data connections")
}

fn refuse_address(cx: &mut Context, why: RefusalReason, address: SocketAddr) -> Waits {
    cx.out.event(Event::Refused { why, address });
    // The usual client whose address is not its own has no other server in mind.
    let hint = match matches!(why, RefusalReason::NeedsProof | RefusalReason::ForeignNever) {
        true => "; a client behind NAT needs passive mode",
        false => "",
    };
    cx.reply_only(Meaning::Refused, format!("Refused: {why}{hint}")) // B17, B18, B19
}

fn decide_target(cx: &Context, to: SocketAddr) -> Result<Grant, RefusalReason> {
    cx.decide(&policy::Ask::Target { to, evidence: cx.sockets.evidence() })
}

/// The address of a host that a command named. No command can name a scope: the client's own
/// link-local address has the scope of the control connection.
fn socket_of(cx: &Context, host: IpAddr, port: u16) -> SocketAddr {
    let peer = cx.connection.peer;
    let mut socket = if peer.ip() == host { peer } else { SocketAddr::new(host, port) };
    socket.set_port(port);
    socket
}

fn family(cx: &Context) -> Family {
    Family::of(cx.local_ip())
}

/// Announces the session's own port, which is reserved first if there is none yet.
fn with_own_port(cx: &mut Context, target: Option<SocketAddr>) -> Waits {
    let now = cx.now;
    match cx.sockets.own.as_mut() {
        Some(own) => {
            own.since = now;
            use_own_port(cx, target)
        }
        None => reserve_own(cx, target),
    }
}

/// The own port is there. The reply shows the one that will be used: GSOC that of the pair which
/// receives.
fn use_own_port(cx: &mut Context, target: Option<SocketAddr>) -> Waits {
    let mut used = None;
    if let Some(to) = target {
        for direction in cx.sockets.directions(to.port()) {
            *cx.sockets.targets.of_mut(direction) = Target::Sock(to);
            used = Some(direction);
        }
    }
    let port = cx.sockets.own.as_ref().map(|own| own.port_of(used.unwrap_or(Direction::Receive)));
    match (port, target) {
        (Some(port), Some(_)) => answer_sock(cx, port),
        (Some(port), None) => say_socket(cx, port),
        (None, _) => no_port(cx),
    }
}

fn say_socket(cx: &mut Context, port: u16) -> Waits {
    cx.reply_only(Meaning::Socket, format!("SOCK {port}"))
}

/// A port to listen on. PASV listens on one that receives, as RFC 478 has it.
fn reserve(cx: &mut Context, opening: Opening) -> Waits {
    let at = cx.local_ip();
    let direction = match opening {
        Opening::Lstn(direction) => direction,
        Opening::Pasv | Opening::Cpsv | Opening::Epsv => Direction::Receive,
    };
    let parity = cx.config.gender.own(direction);
    Some(cx.question(Request::Port(opening), |ticket| Ask::Reserve { ticket, at, parity }))
}

/// A port for the session itself; with strict gender an even one to receive, and the next one to send (G01).
fn reserve_own(cx: &mut Context, target: Option<SocketAddr>) -> Waits {
    let at = cx.local_ip();
    Some(match cx.config.gender {
        Gender::Off => cx.question(Request::OwnPort { target, sender: None }, |ticket| Ask::Reserve {
            ticket,
            at,
            parity: Parity::Any,
        }),
        Gender::Strict => {
            let odd = cx.out.ticket();
            let request = Request::OwnPort { target, sender: Some(odd) };
            cx.question(request, |ticket| Ask::ReservePair { ticket, odd, at })
        }
    })
}

fn listen(cx: &mut Context, opening: Opening, reservation: Reservation) -> Waits {
    let request = Request::Listener(opening, reservation);
    Some(cx.question(request, |ticket| Ask::Listen {
        ticket,
        reservation: reservation.ticket(),
        connects: false,
    }))
}

impl Request {
    /// The driver has answered: there is a port, or there is none.
    pub(crate) fn answered(self, cx: &mut Context, ticket: Ticket, answer: Answer) -> Waits {
        if let Self::Detach(request) = self {
            request.answered(cx, answer);
            return None;
        }
        let Answer::Port(port) = answer else {
            cx.unexpected(answer);
            return None;
        };
        match (self, port) {
            (Self::Detach(_), _) => None,
            (Self::OwnPort { target, sender }, Some(port)) => {
                cx.sockets.own = Some(OwnPort { ticket, port, sender, since: cx.now });
                use_own_port(cx, target)
            }
            (Self::OwnPort { target: Some(_), .. }, None) => {
                drop_sock(cx);
                no_port(cx)
            }
            (Self::OwnPort { target: None, .. } | Self::Port(_), None) => no_port(cx),
            (Self::Port(opening), Some(_)) => listen(cx, opening, Reservation::Apart(ticket)),
            (Self::Listener(_, reservation), None) => {
                if let Reservation::Apart(reserved) = reservation {
                    cx.out.ask(Ask::Release(reserved));
                }
                no_port(cx)
            }
            (Self::Listener(opening, reservation), Some(port)) => {
                listening(cx, opening, reservation, (ticket, port))
            }
        }
    }
}

fn no_port(cx: &mut Context) -> Waits {
    cx.reply_only(Meaning::NoPort, "No data port is free now (passive-ports)") // C06
}

/// The listener exists: only now comes the reply.
fn listening(
    cx: &mut Context,
    opening: Opening,
    reservation: Reservation,
    (ticket, port): (Ticket, u16),
) -> Waits {
    let mut filters = Each::both(Filter::Open);
    for direction in Direction::BOTH {
        // RFC 438 d.2: only a SOCK after LSTN is a filter (C20). RFC 478: PASV keeps it (D05).
        if let Target::Sock(to) = cx.sockets.targets.of(direction)
            && !matches!(opening, Opening::Lstn(_))
        {
            *filters.of_mut(direction) = filter_of(*to);
        }
    }
    let mut listener = cx.sockets.new_listener((ticket, port), reservation, filters, cx.now);
    listener.tls_client = opening == Opening::Cpsv;
    match opening {
        Opening::Lstn(direction) => {
            cx.sockets.listen(direction, listener, &mut cx.out);
            say_socket(cx, port)
        }
        Opening::Pasv | Opening::Cpsv | Opening::Epsv => {
            cx.sockets.passive(listener, &mut cx.out);
            if let Target::Port(_) = cx.sockets.targets.of(Direction::Send) {
                cx.sockets.targets = Each::both(Target::None);
            }
            say_passive(cx, opening, port)
        }
    }
}

fn say_passive(cx: &mut Context, opening: Opening, port: u16) -> Waits {
    match (cx.config.dialect, announced_v4(cx, port)) {
        (Dialect::Rfc959, _) if opening == Opening::Epsv => {
            let text = match cx.parameters.names_address {
                true => format!("Entering Extended Passive Mode ({})", announced(cx, port)),
                false => format!("Entering Extended Passive Mode (|||{port}|)"),
            };
            cx.out.reply(Meaning::ExtendedPassive, text);
        }
        (Dialect::Rfc959, Some(address)) => cx.out.reply(Meaning::Passive, format_227(address)),
        (Dialect::Rfc959 | Dialect::Rfc354, _) => return say_socket(cx, port),
    }
    None
}

/// The configured address if it is of the same family, otherwise the control connection's local one.
fn announced_ip(cx: &Context) -> IpAddr {
    let local = cx.local_ip();
    let public = cx.connection.public_address.map(unmapped).filter(|ip| Family::of(*ip) == Family::of(local));
    public.unwrap_or(local)
}

/// The address and port as EPRT writes them (RFC 2428 2), for CEPR.
fn announced(cx: &Context, port: u16) -> String {
    format_eprt(SocketAddr::new(announced_ip(cx), port))
}

/// The address that 227 announces (D11).
fn announced_v4(cx: &Context, port: u16) -> Option<SocketAddrV4> {
    match announced_ip(cx) {
        IpAddr::V4(ip) => Some(SocketAddrV4::new(ip, port)),
        IpAddr::V6(_) => None,
    }
}

/// What SOCK's value accepts as a filter: port 0 is any port of the host (C15).
const fn filter_of(to: SocketAddr) -> Filter {
    if to.port() == 0 { Filter::Host(to.ip()) } else { Filter::Socket(to) }
}
