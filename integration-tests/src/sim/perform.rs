//! What a server machine asks for, performed: the simulated counterpart of a real driver.

use super::disk::Prepared;
use super::host::PASSWORD;
use super::moving::Moving;
use super::place::seen_user_address;
use super::scenario::{Obstacle, Sabotage};
use super::wire::{Caller, Listener, Syn};
use super::world::{Event, World};
use ftp_proto::address::Parity;
use ftp_proto::policy::Foreign;
use ftp_proto::server::ask::{Account, Answer, Ask, Ending, Input, Output, Ticket, TransferTerms, TryEnd};
use ftp_proto::shared::proofs::Verdict;
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Side;
use ftp_proto::wire::Secret;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

impl World {
    /// The control connection stands.
    pub(super) fn greet(&mut self, side: Side) {
        self.server_input(side, Input::Start);
    }

    pub(super) fn server_hears(&mut self, side: Side, piece: Option<Vec<u8>>) {
        match piece {
            Some(bytes) => self.server_input(side, Input::Bytes(&bytes)),
            None => {
                self.server_input(side, Input::Closed);
                // A24: what the session holds is released at once.
                if !self.hosts.at(side).is_gone() {
                    self.goes_on_alone(side);
                }
            }
        }
    }

    /// The server is told to stop.
    pub(super) fn shut_down(&mut self, side: Side) {
        self.links.at_mut(side).harmed = true;
        self.hosts.at_mut(side).stopping = true;
        self.server_input(side, Input::Shutdown);
    }

    pub(super) fn server_timeout(&mut self, side: Side) {
        self.server_input(side, Input::Timeout);
    }

    pub(super) fn server_input(&mut self, side: Side, input: Input<'_>) {
        let now = self.now;
        let host = self.hosts.at_mut(side);
        if host.is_gone() {
            return;
        }
        host.session.input(now, input);
        self.drain_server(side);
    }

    /// The process dies: the kernel closes its connections in order.
    pub(super) fn crash(&mut self, side: Side) {
        self.hosts.at_mut(side).crashed = true;
        self.links.at_mut(side).harmed = true;
        self.close_listeners(side);
        self.end_permits(side);
        self.hosts.at_mut(side).groups.clear();
        // Inside TLS a process that dies says no close_notify: nobody takes its end for that of the file.
        let how = if self.scenario.tls.is_some() { Ending::Reset } else { Ending::Close };
        for (conn, end) in self.wire.open_ends(|owner| owner.is_server(side)) {
            self.close_end(conn, end, how);
        }
        self.server_closes(side);
    }

    /// An answer reaches the machine. One to a question that it has given up may come all the same.
    pub(super) fn answer(&mut self, side: Side, ticket: Ticket, answer: Answer) {
        let host = self.hosts.at_mut(side);
        host.connecting.remove(&ticket);
        if host.cancelled.contains(&ticket) && self.random.once_in(2) {
            return;
        }
        let keeps = matches!(answer, Answer::Moved { kept: true, .. });
        if matches!(answer, Answer::Moved { .. }) {
            host.may_go_on = None;
        }
        let kept = host.keeping.remove(&ticket).filter(|_| keeps);
        host.kept.extend(kept);
        self.server_input(side, Input::Answer(ticket, answer));
        // Its other end may have gone already.
        if let Some((conn, end)) = kept.and_then(|kept| self.hosts.at(side).conns.get(&kept).copied()) {
            self.schedule(self.now, Event::Serve { conn, end });
        }
    }

    /// The listener exists from here on; its machine is told.
    pub(super) fn listening(&mut self, side: Side, ticket: Ticket, port: u16) {
        let host = self.hosts.at_mut(side);
        if host.is_gone() || host.cancelled.contains(&ticket) {
            return;
        }
        let at = SocketAddr::new(host.address, port);
        host.listeners.insert(ticket, at);
        self.wire.listeners.insert(at, Listener::Server(side, ticket));
        self.strangers_notice(at);
        self.server_input(side, Input::Answer(ticket, Answer::Port(Some(port))));
    }

    fn drain_server(&mut self, side: Side) {
        for _ in 0..1_000 {
            match self.hosts.at_mut(side).session.poll() {
                Output::Send(bytes) => self.server_sends(side, bytes),
                Output::Ask(ask) => self.perform(side, ask),
                Output::Event(event) => self.server_tells(side, &event),
                Output::Close => {
                    self.alone_is_over(side);
                    self.hosts.at_mut(side).closed = true;
                    self.server_closes(side);
                    return self.release(side);
                }
                Output::Wait(deadline) => {
                    let late = self.scenario.sabotage == Some(Sabotage::LateClock);
                    let late = Duration::from_millis(if late { 100 } else { 0 });
                    self.hosts.at_mut(side).wake = deadline.map(|deadline| deadline + late);
                    if deadline.is_none() {
                        self.violation("a server session waits without a timer".to_owned());
                    }
                    return;
                }
            }
        }
        self.violation("a server session is never drained".to_owned());
    }

    /// The session is over: everything that it holds is released. Data connections are reset, so that
    /// nobody takes their end for the end of a file.
    fn release(&mut self, side: Side) {
        self.close_listeners(side);
        self.end_permits(side);
        self.shared.borrow_mut().detached.forget(side, self.number);
        self.close_kept(side);
        self.hosts.at_mut(side).groups.clear();
        let moves: Vec<_> = self.hosts.at(side).moves.keys().copied().collect();
        for ticket in moves {
            self.stop(side, ticket);
        }
        for (conn, end) in self.wire.open_ends(|owner| owner.is_server(side)) {
            self.close_end(conn, end, Ending::Reset);
        }
    }

    fn perform(&mut self, side: Side, ask: Ask) {
        let (now, soon) = (self.now, self.scenario.delays.answer);
        let host = self.hosts.at_mut(side);
        match ask {
            Ask::Login { ticket, user, password, .. } => {
                let known = user == self.scenario.account.as_bytes();
                let right = known && password == Secret::new(PASSWORD);
                let foreign = host.policy;
                let account = Account { foreign, ..Account::new(user) };
                self.answer_soon(side, ticket, Answer::Login(right.then_some(account)));
            }
            Ask::Recognise { ticket, .. } => self.answer_soon(side, ticket, Answer::Login(None)),
            Ask::DropGroup(group) => host.groups.remove(group),
            Ask::LogOut => host.groups.clear(),
            Ask::Limits(ticket) => self.answer_soon(side, ticket, Answer::Limits(Vec::new())),
            Ask::Reserve { ticket, parity, .. } => self.perform_reserve(side, ticket, parity, None),
            Ask::ReservePair { ticket, odd, .. } => {
                self.perform_reserve(side, ticket, Parity::Even, Some(odd));
            }
            Ask::Listen { ticket, reservation, .. } => match host.reservations.get(&reservation).copied() {
                Some(port) => self.schedule_within(soon, Event::Listen(side, ticket, port)),
                None => self.violation("a server listens on a port that it has not reserved".to_owned()),
            },
            Ask::Unlisten(ticket) => self.unlisten(side, ticket),
            Ask::Release(ticket) => {
                host.reservations.remove(&ticket);
            }
            Ask::Connect { ticket, from, local, to } => self.perform_connect(side, ticket, from, local, to),
            Ask::Cancel(ticket) => {
                host.cancelled.insert(ticket);
                host.connecting.remove(&ticket);
                host.prepared.remove(&ticket);
                host.reservations.remove(&ticket);
                host.deeds.cancelled(now, ticket);
                self.end_permit(side, ticket, TryEnd::GivenUp);
            }
            Ask::Drop { .. } | Ask::Write { .. } | Ask::Read { .. } => self.perform_on_connection(side, ask),
            Ask::Secure { .. } | Ask::Clear { .. } | Ask::SecureData { .. } => {
                self.perform_on_tls(side, ask);
            }
            Ask::Permit { ticket, account, target } => {
                host.deeds.hides();
                self.perform_permit(side, ticket, &account, target);
            }
            Ask::PermitDone { ticket, end } => self.end_permit(side, ticket, end),
            Ask::PeerProven { account, peer } => {
                self.shared.borrow_mut().proved(now, side, &account, peer);
            }
            Ask::Doubt { of, unless } => {
                if let Some(moving) = host.moves.get_mut(&of) {
                    moving.doubt = Some(unless);
                }
            }
            Ask::Detach { .. } | Ask::Detached { .. } => self.perform_on_detached(side, ask),
            Ask::Room { ticket, .. } => self.answer_soon(side, ticket, Answer::Room),
            Ask::Prepare { .. }
            | Ask::Move { .. }
            | Ask::Progress { .. }
            | Ask::Stop(_)
            | Ask::File { .. } => {
                self.perform_on_files(side, ask);
            }
        }
    }

    /// What the machine asks of one data connection.
    fn perform_on_connection(&mut self, side: Side, ask: Ask) {
        let host = self.hosts.at_mut(side);
        let place = |id| host.conns.get(&id).copied();
        if let Ask::Drop { conn: id, how } = ask {
            let place = place(id);
            host.kept.remove(&id);
            if let Some((conn, end)) = place {
                self.close_end(conn, end, how);
            }
        } else if let Ask::Write { conn: id, bytes } = ask {
            if let Some((conn, end)) = place(id) {
                self.send_data(conn, end, bytes);
            }
        } else if let Ask::Read { conn: id, limit } = ask
            && let Some((conn, end)) = place(id)
        {
            self.wire.end_mut(conn, end).reading = Some(limit);
            self.schedule(self.now, Event::Serve { conn, end });
        }
    }

    /// What is kept between two files ends in order.
    fn close_kept(&mut self, side: Side) {
        let host = self.hosts.at_mut(side);
        let kept = std::mem::take(&mut host.kept);
        let places: Vec<_> = kept.iter().filter_map(|conn| host.conns.get(conn).copied()).collect();
        for (conn, end) in places {
            self.close_end(conn, end, Ending::Close);
        }
    }

    /// The server's limits let a SYN leave, at once or late, or they do not.
    fn perform_permit(&mut self, side: Side, ticket: Ticket, account: &[u8], target: SocketAddr) {
        let one = self.scenario.sabotage == Some(Sabotage::OneAccount);
        let account = if one { b"all".as_slice() } else { account };
        let permit = (self.number, ticket);
        let verdict = if self.has(Obstacle::NoPermit) {
            Verdict::Never
        } else {
            self.shared.borrow_mut().ask(self.now, side, permit, account, target)
        };
        let host = self.hosts.at_mut(side);
        let allowed = match verdict {
            Verdict::Now => host.permits.insert(ticket, target).is_none(),
            Verdict::Later => {
                host.queued.insert(ticket, target);
                return;
            }
            Verdict::Never => false,
        };
        let late =
            self.scenario.obstacles.iter().find_map(|obstacle| {
                if let Obstacle::LatePermit(late) = obstacle { Some(*late) } else { None }
            });
        let at = self.now + late.unwrap_or_default();
        self.schedule(at, Event::Answer(side, ticket, Answer::Permit(allowed)));
    }

    /// A permit that had to wait is answered.
    pub(super) fn permit_comes(&mut self, now: Moment, side: Side, ticket: Ticket, may: bool) {
        let host = self.hosts.at_mut(side);
        let Some(target) = host.queued.remove(&ticket) else { return };
        if may {
            host.permits.insert(ticket, target);
        }
        self.schedule(now, Event::Answer(side, ticket, Answer::Permit(may)));
    }

    /// The machine needs a permit no more, or the question for it.
    fn end_permit(&mut self, side: Side, ticket: Ticket, end: TryEnd) {
        let host = self.hosts.at_mut(side);
        if host.permits.remove(&ticket).is_some() || host.queued.remove(&ticket).is_some() {
            self.shared.borrow_mut().done(self.now, side, (self.number, ticket), end);
        }
    }

    /// The session holds no permit any more.
    fn end_permits(&mut self, side: Side) {
        let host = self.hosts.at(side);
        let permits: Vec<Ticket> = host.permits.keys().chain(host.queued.keys()).copied().collect();
        for ticket in permits {
            self.end_permit(side, ticket, TryEnd::Failed);
        }
    }

    /// What the machine asks of the disk, and of files on their way.
    fn perform_on_files(&mut self, side: Side, ask: Ask) {
        let host = self.hosts.at_mut(side);
        match ask {
            Ask::Prepare { ticket, path, intent } => {
                host.deeds.begins(self.now, ticket);
                let answer = match host.disk.prepare(&path, &intent) {
                    Ok(size) => {
                        host.prepared.insert(ticket, Prepared { path, intent });
                        Answer::Prepared { size }
                    }
                    Err(failure) => Answer::File(Err(failure)),
                };
                self.answer_soon(side, ticket, answer);
            }
            Ask::Move { ticket, prepared, conn, terms } => {
                let TransferTerms { data_type, .. } = terms;
                let again = host.kept.remove(&conn);
                let (Some(prepared), Some(conn)) =
                    (host.prepared.remove(&prepared), host.conns.get(&conn).copied())
                else {
                    return self.violation("a server moves what it has not prepared".to_owned());
                };
                if again {
                    self.say(side, "   uses the connection that it has kept".to_owned());
                }
                self.begin_move(side, ticket, Moving::new(prepared, conn, terms), data_type);
            }
            Ask::Progress { ticket, of } => {
                let moved = host.moves.get(&of).map_or(0, |moving| moving.moved);
                let answer = Answer::Progress { moved, durable: moved };
                self.schedule(self.now, Event::Answer(side, ticket, answer));
            }
            Ask::Stop(ticket) => self.stop(side, ticket),
            Ask::File { ticket, ask } => {
                let found = host.groups.answer(&mut host.disk, &ask);
                let answer = Answer::File(found.unwrap_or_else(|| host.disk.answer(&ask)));
                self.answer_soon(side, ticket, answer);
            }
            Ask::Login { .. }
            | Ask::Recognise { .. }
            | Ask::LogOut
            | Ask::DropGroup(_)
            | Ask::Limits(_)
            | Ask::Room { .. }
            | Ask::Detach { .. }
            | Ask::Detached { .. }
            | Ask::Secure { .. }
            | Ask::Clear { .. }
            | Ask::SecureData { .. }
            | Ask::Doubt { .. }
            | Ask::Reserve { .. }
            | Ask::ReservePair { .. }
            | Ask::Listen { .. }
            | Ask::Unlisten(_)
            | Ask::Release(_)
            | Ask::Connect { .. }
            | Ask::Cancel(_)
            | Ask::Drop { .. }
            | Ask::Write { .. }
            | Ask::Read { .. }
            | Ask::Permit { .. }
            | Ask::PermitDone { .. }
            | Ask::PeerProven { .. } => unreachable!("not about files"),
        }
    }

    fn perform_connect(
        &mut self,
        side: Side,
        ticket: Ticket,
        from: Option<Ticket>,
        local: IpAddr,
        to: SocketAddr,
    ) {
        let host = self.hosts.at_mut(side);
        let reserved = from.map(|reservation| host.reservations.get(&reservation).copied());
        let permitted = host.permits.values().any(|target| *target == to);
        let proven = *self.scenario.foreign.at(side) == Foreign::Proven;
        let own = to.ip() == seen_user_address(&self.scenario);
        if proven && !own && !permitted {
            self.violation(format!("a SYN for {to} leaves without permit"));
        }
        let port = match reserved {
            Some(Some(port)) => port,
            Some(None) => {
                return self.violation("a server connects from a port that it has not reserved".to_owned());
            }
            None => self.free_port(side, Parity::Any).unwrap_or(1_024),
        };
        let host = self.hosts.at_mut(side);
        host.connecting.insert(ticket);
        host.deeds.connects(ticket);
        let from = SocketAddr::new(local, port);
        // TIME_WAIT on the announced port, now and then: the same port again, later (extensions).
        if self.random.once_in(12) {
            let answer = Answer::Failed("address in use".to_owned());
            return self.schedule(self.now, Event::Answer(side, ticket, answer));
        }
        self.connect(Syn { by: Caller::Server(side, ticket), from, to });
    }

    /// A port is reserved, with the next one if that has a name too.
    fn perform_reserve(&mut self, side: Side, ticket: Ticket, parity: Parity, next: Option<Ticket>) {
        let port = if self.has(Obstacle::NoPort(side)) { None } else { self.free_port(side, parity) };
        if let Some(port) = port {
            let host = self.hosts.at_mut(side);
            host.reservations.insert(ticket, port);
            host.reservations.extend(next.map(|next| (next, port + 1)));
        }
        self.answer_soon(side, ticket, Answer::Port(port));
    }

    fn answer_soon(&mut self, side: Side, ticket: Ticket, answer: Answer) {
        self.schedule_within(self.scenario.delays.answer, Event::Answer(side, ticket, answer));
    }

    fn unlisten(&mut self, side: Side, ticket: Ticket) {
        // The question itself may still be under way.
        let host = self.hosts.at_mut(side);
        host.cancelled.insert(ticket);
        if let Some(at) = host.listeners.remove(&ticket)
            && self.wire.listeners.get(&at) == Some(&Listener::Server(side, ticket))
        {
            self.wire.listeners.remove(&at);
        }
    }

    fn close_listeners(&mut self, side: Side) {
        self.wire.stop_listening(|listener| matches!(listener, Listener::Server(owner, _) if owner == side));
    }

    fn free_port(&mut self, side: Side, parity: Parity) -> Option<u16> {
        let taken: BTreeSet<u16> = self.hosts.at(side).reservations.values().copied().collect();
        let some: [u64; 8] = std::array::from_fn(|_| 40_000 + self.random.below(20_000));
        let ports = some.into_iter().filter_map(|port| u16::try_from(port).ok());
        let mut fitting = ports.map(|port| if parity.allows(port) { port } else { port ^ 1 });
        fitting.find(|port| !taken.contains(port))
    }
}
