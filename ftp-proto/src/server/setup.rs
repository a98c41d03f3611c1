//! SOCK, LSTN, PASV, EPSV, ACTV, GSOC, PORT, EPRT, RNDZ: the commands that change the data sockets.
//!
//! A listener exists, and a port is taken, when the reply is written (RFC 438 d.1, RFC 478).

use super::ask::{Ask, Event, Ticket};
use super::session::Session;
use super::sockets::{OwnPort, Reservation, Target};
use super::state::{Asked, ListenUse, OwnUse, PortUse};
use crate::address::{Family, SockTarget, format_227, unmapped};
use crate::command::{Direction, Epsv};
use crate::dialect::Dialect;
use crate::policy::{self, Filter, Grant, Why};
use crate::rendezvous::RendezvousSecret;
use crate::reply::Meaning;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};

impl Session {
    /// SOCK: a filter for every listener, a target for a direction without one (B24).
    pub(super) fn sock(&mut self, target: SockTarget) {
        let host = target.host.map_or_else(|| self.peer_ip(), unmapped); // B04
        let to = self.socket_of(host, target.port);
        let listens = self.sockets.newest().is_some();
        if self.parameters.epsv_only && !listens {
            self.drop_sock();
            return self.only_epsv(); // D17
        }
        if !listens && target.port != 0 && Family::of(host) != self.family() {
            self.drop_sock();
            return self.bad_family();
        }
        let as_target = self.decide_target(to);
        let as_filter = self.decide(&policy::Ask::Filter { host, proof: self.has_secret() });
        let judged = if listens || target.port == 0 { as_filter } else { as_target };
        if let Err(why) = judged {
            self.drop_sock();
            return self.refuse_address(why, to);
        }
        if let Some(port) = self.sockets.newest().map(|listener| listener.port) {
            let filter = filter_of(to);
            self.sockets.listeners_mut().for_each(|listener| listener.filter = filter);
            if self.sockets.has_active_direction() {
                let usable = as_target.is_ok() && Family::of(host) == self.family();
                self.sockets.target = if usable { Target::Sock(to) } else { Target::None };
            }
            self.judge_held_again();
            return self.say_socket(port); // B21
        }
        self.with_own_port(OwnUse::Sock(to));
    }

    /// A SOCK that was refused or not understood: its old value is dropped, and where somebody is
    /// awaited nobody may come (B06, B24).
    pub(super) fn drop_sock(&mut self) {
        self.sockets.target = Target::None;
        self.sockets.listeners_mut().for_each(|listener| listener.filter = Filter::Nobody);
        self.judge_held_again();
    }

    /// GSOC: the port that PASV listens on and active connections come from (D20).
    pub(super) fn gsoc(&mut self) {
        self.with_own_port(OwnUse::Gsoc);
    }

    /// LSTN (RFC 438 a).
    pub(super) fn lstn(&mut self, direction: Direction) {
        if self.parameters.epsv_only {
            return self.only_epsv();
        }
        self.reserve(PortUse::Listen(ListenUse::Lstn(direction)));
    }

    /// PASV (RFC 478, RFC 959).
    pub(super) fn pasv(&mut self) {
        if self.parameters.epsv_only {
            return self.only_epsv();
        }
        if self.config.dialect == Dialect::Rfc959 && self.announced_v4(0).is_none() {
            let text = "PASV cannot show an IPv6 address; send EPSV";
            return self.out.reply(Meaning::CannotConnect, text);
        }
        self.listen_passively(ListenUse::Pasv);
    }

    /// EPSV (RFC 2428 3).
    pub(super) fn epsv(&mut self, family: Epsv) {
        match family {
            Epsv::All => {
                self.parameters.epsv_only = true;
                self.out.reply(Meaning::Okay, "Only EPSV from now on");
            }
            Epsv::V4 if self.family() == Family::V6 => self.bad_family(),
            Epsv::V6 if self.family() == Family::V4 => self.bad_family(), // D18
            Epsv::Unknown(_) => self.bad_family(),
            Epsv::Same | Epsv::V4 | Epsv::V6 => self.listen_passively(ListenUse::Epsv),
        }
    }

    /// PASV and EPSV listen on the port that was announced, else on one of their own (D08).
    fn listen_passively(&mut self, purpose: ListenUse) {
        if self.config.dialect == Dialect::Rfc959 && purpose == ListenUse::Epsv {
            self.sockets.forget_sock();
        }
        match self.sockets.own.as_ref().map(|own| own.ticket) {
            Some(own) => {
                self.sockets.end_passive_on_own(&mut self.out);
                self.listen(purpose, Reservation::Own(own));
            }
            None => self.reserve(PortUse::Listen(purpose)),
        }
    }

    /// ACTV: PASV and LSTN are undone (RFC 607).
    pub(super) fn actv(&mut self) {
        let text = match self.sockets.newest() {
            Some(_) => "Mode changed to active",
            None => "Mode is already active",
        };
        self.sockets.activate(&mut self.out);
        self.out.reply(Meaning::Okay, text);
    }

    /// PORT, EPRT.
    pub(super) fn port(&mut self, to: SocketAddr) {
        if self.parameters.epsv_only {
            return self.only_epsv();
        }
        let to = self.socket_of(unmapped(to.ip()), to.port());
        if Family::of(to.ip()) != self.family() {
            self.sockets.target = Target::None;
            return self.bad_family();
        }
        if let Err(why) = self.decide_target(to) {
            self.sockets.target = Target::None;
            return self.refuse_address(why, to);
        }
        self.sockets.activate(&mut self.out); // C25
        self.sockets.target = Target::Port(to);
        self.out.reply(Meaning::Okay, "Data port noted");
    }

    /// RNDZ: the secret of the next data connection; who waits is judged again.
    pub(super) fn rndz(&mut self, secret: Option<RendezvousSecret>) {
        let text = match secret {
            Some(_) => "The next data connection must prove itself",
            None => "No proof for the next data connection",
        };
        self.sockets.rendezvous = secret;
        self.judge_held_again();
        self.out.reply(Meaning::Okay, text);
    }

    /// EPRT or EPSV of a family that the control connection's address is not of (RFC 2428 2).
    pub(super) fn bad_family(&mut self) {
        let list = match self.family() {
            Family::V4 => "(1)",
            Family::V6 => "(2)",
        };
        self.out.reply(Meaning::BadFamily, format!("Network protocol not supported, use {list}"));
    }

    fn only_epsv(&mut self) {
        self.out.reply(Meaning::BadSequence, "EPSV ALL was sent: only EPSV opens data connections");
    }

    fn refuse_address(&mut self, why: Why, address: SocketAddr) {
        self.out.event(Event::Refused { why, address });
        self.out.reply(Meaning::Refused, format!("Refused: {why}")); // B17, B18, B19
    }

    fn decide_target(&self, to: SocketAddr) -> Result<Grant, Why> {
        self.decide(&policy::Ask::Target { to, proof: self.has_secret() })
    }

    /// The user's own link-local address has the scope of the control connection; no command names one.
    fn socket_of(&self, host: IpAddr, port: u16) -> SocketAddr {
        let peer = self.connection.peer;
        let mut socket = if peer.ip() == host { peer } else { SocketAddr::new(host, port) };
        socket.set_port(port);
        socket
    }

    const fn has_secret(&self) -> bool {
        self.sockets.rendezvous.is_some()
    }

    fn family(&self) -> Family {
        Family::of(self.local_ip())
    }

    /// Answers with the session's own port; takes it first where it has none.
    fn with_own_port(&mut self, purpose: OwnUse) {
        match self.sockets.own.as_mut() {
            Some(own) => {
                own.since = self.now;
                let port = own.port;
                self.use_own_port(purpose, port);
            }
            None => self.reserve(PortUse::Own(purpose)),
        }
    }

    fn use_own_port(&mut self, purpose: OwnUse, port: u16) {
        if let OwnUse::Sock(to) = purpose {
            self.sockets.target = Target::Sock(to);
        }
        self.say_socket(port);
    }

    fn say_socket(&mut self, port: u16) {
        self.out.reply(Meaning::Socket, format!("SOCK {port}"));
    }

    fn reserve(&mut self, purpose: PortUse) {
        let at = self.local_ip();
        self.question(Asked::Reserve(purpose), |ticket| Ask::Reserve { ticket, at });
    }

    /// The driver has a port, or none.
    pub(super) fn reserved(&mut self, purpose: PortUse, ticket: Ticket, port: Option<u16>) {
        match (port, purpose) {
            (None, PortUse::Own(OwnUse::Sock(_))) => {
                self.drop_sock();
                self.no_port();
            }
            (None, PortUse::Own(OwnUse::Gsoc) | PortUse::Listen(_)) => self.no_port(),
            (Some(_), PortUse::Listen(purpose)) => self.listen(purpose, Reservation::Apart(ticket)),
            (Some(port), PortUse::Own(purpose)) => {
                self.sockets.own = Some(OwnPort { ticket, port, since: self.now });
                self.use_own_port(purpose, port);
            }
        }
    }

    fn no_port(&mut self) {
        self.out.reply(Meaning::NoPort, "No data port is free now"); // C06
    }

    fn listen(&mut self, purpose: ListenUse, reservation: Reservation) {
        let asked = Asked::Listen(purpose, reservation);
        self.question(asked, |ticket| Ask::Listen { ticket, reservation: reservation.ticket() });
    }

    /// The listener is there, or not; only now the reply.
    pub(super) fn listening(
        &mut self,
        purpose: ListenUse,
        reservation: Reservation,
        ticket: Ticket,
        port: Option<u16>,
    ) {
        let Some(port) = port else {
            if let Reservation::Apart(reserved) = reservation {
                self.out.ask(Ask::Release(reserved));
            }
            return self.no_port();
        };
        let filter = match (purpose, self.sockets.target) {
            // RFC 438 d.2: only a SOCK after LSTN is a filter (C20). RFC 478: PASV keeps it (D05).
            (ListenUse::Lstn(_), _) | (_, Target::None | Target::Port(_)) => Filter::Open,
            (ListenUse::Pasv | ListenUse::Epsv, Target::Sock(to)) => filter_of(to),
        };
        let listener = self.sockets.new_listener(ticket, port, reservation, filter, self.now);
        match purpose {
            ListenUse::Lstn(direction) => {
                self.sockets.listen(direction, listener, &mut self.out);
                self.say_socket(port);
            }
            ListenUse::Pasv | ListenUse::Epsv => {
                self.sockets.passive(listener, &mut self.out);
                if let Target::Port(_) = self.sockets.target {
                    self.sockets.target = Target::None;
                }
                self.say_passive(purpose, port);
            }
        }
    }

    fn say_passive(&mut self, purpose: ListenUse, port: u16) {
        let epsv = purpose == ListenUse::Epsv;
        match (self.config.dialect, self.announced_v4(port)) {
            (Dialect::Rfc959, _) if epsv => {
                let text = format!("Entering Extended Passive Mode (|||{port}|)");
                self.out.reply(Meaning::ExtendedPassive, text);
            }
            (Dialect::Rfc959, Some(address)) => self.out.reply(Meaning::Passive, format_227(address)),
            (Dialect::Rfc959 | Dialect::Rfc354, _) => self.say_socket(port),
        }
    }

    /// What 227 announces: the configured address, else the control connection's local one (D11).
    fn announced_v4(&self, port: u16) -> Option<SocketAddrV4> {
        let local = self.local_ip();
        let public =
            self.config.public_address.map(unmapped).filter(|ip| Family::of(*ip) == Family::of(local));
        match public.unwrap_or(local) {
            IpAddr::V4(ip) => Some(SocketAddrV4::new(ip, port)),
            IpAddr::V6(_) => None,
        }
    }
}

/// What SOCK's value accepts as a filter: port 0 is any port of the host (C15).
const fn filter_of(to: SocketAddr) -> Filter {
    if to.port() == 0 { Filter::Host(to.ip()) } else { Filter::Socket(to) }
}
