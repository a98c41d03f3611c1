//! The machine of the hub, and what it has asked for: who waits for which ticket, and which streams are joined.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use ftp_io::clock::Clock;
use ftp_io::copy::Pipes;
use ftp_io::lock::Lock;
use ftp_io::socket::{self, Congestion, Stream};
use ftp_proto::relay::agent::Withdrawn;
use ftp_proto::relay::date::DateAt;
use ftp_proto::relay::hub::{CallId, End, Event, Hub as Machine, Input, Limits, Output, Refusal, SessionId};
use ftp_proto::relay::link::{Accepted, ticket_id};
use ftp_proto::relay::message::Id;
use ftp_proto::relay::token::{Joins, Secret32};
use ftp_proto::timer::Moment;
use tokio::sync::Notify;

use super::call::{Call, CallStream, Parties};
use super::{Frames, Outlet, log_call, log_event, outlet, record_event, record_timeout};
use crate::operate::audit::{self, Audit, LinkOwner, Record};
use crate::operate::session_log::SessionLog;
use crate::operate::{Orders, Running};
use crate::policy::{Accounts, Kind, Share, Standing};

/// What all sessions of a hub share.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) clock: Clock,
    pub(crate) accounts: Accounts,
    pub(crate) audit: Arc<Audit>,
    state: Mutex<State>,
    /// The deadline of the machine may be another one.
    changed: Notify,
    pipes: Pipes,
    /// What the connections of calls use; `None` means the choice of the system.
    congestion: Option<Congestion>,
}

#[derive(Debug)]
struct State {
    machine: Machine,
    last_session: u64,
    deadline: Option<Moment>,
    sessions: HashMap<SessionId, HeldSession>,
    tickets: HashMap<[u8; 16], Expected>,
    calls: HashMap<CallId, CallStream>,
    /// Held by each stream, so that the hub waits for them; `None` once it stops.
    running: Option<Running>,
}

/// A session whose link stands.
#[derive(Debug)]
struct HeldSession {
    session_log: SessionLog,
    token: Accepted,
    standing: Standing,
    _place: Share,
    /// `None` once the session is over.
    outlet: Option<Outlet>,
    since: Moment,
}

/// A session that the policy allows, and its place.
#[derive(Debug)]
pub(crate) struct Admitted {
    who: LinkOwner,
    pub(crate) token: Accepted,
    standing: Standing,
    _place: Share,
}

/// One end of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallEnd {
    pub(crate) call: CallId,
    pub(crate) end: End,
}

/// Who comes with a ticket.
#[derive(Debug)]
struct Expected {
    call: CallId,
    end: End,
    secret: Secret32,
}

impl Exchange {
    pub(crate) fn new(
        seed: Secret32,
        running: Running,
        audit: Arc<Audit>,
        congestion: Option<Congestion>,
    ) -> Arc<Self> {
        let state = State {
            machine: Machine::new(Limits::USUAL, seed),
            last_session: 0,
            deadline: None,
            sessions: HashMap::new(),
            tickets: HashMap::new(),
            calls: HashMap::new(),
            running: Some(running),
        };
        let clock = Clock::start();
        Arc::new(Self {
            clock,
            accounts: Accounts::new(clock),
            audit,
            state: Mutex::new(state),
            changed: Notify::new(),
            pipes: Pipes::default(),
            congestion,
        })
    }

    /// Passes the time to the machine, for as long as the hub runs.
    pub(crate) async fn tick(self: Arc<Self>) {
        loop {
            let deadline = self.state.locked().deadline;
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = self.clock.sleep_until(deadline) => self.input(Input::Timeout),
            }
        }
    }

    /// How many agents have joined.
    pub(crate) fn agents(&self) -> usize {
        self.state.locked().machine.agents()
    }

    /// How many sessions, tickets, calls and places of calls are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> [usize; 4] {
        let places = self.accounts.uses(&[Kind::Call]).iter().map(|used| used.used).sum();
        let state = self.state.locked();
        [state.sessions.len(), state.tickets.len(), state.calls.len(), places]
    }

    /// A place for a session of this token.
    ///
    /// # Errors
    ///
    /// The operator wants no such session, or a limit is reached: the frame that tells the other end.
    pub(crate) fn admit(
        &self,
        who: LinkOwner,
        token: Accepted,
        orders: &Orders,
    ) -> Result<Admitted, Option<Vec<u8>>> {
        let placed = orders.terms(&token).map_err(audit::Refusal::Rule).and_then(|terms| {
            let standing = self.accounts.standing(terms);
            let place = standing.take(Kind::Session)?;
            Ok((standing, place))
        });
        match placed {
            Ok((standing, _place)) => Ok(Admitted { who, token, standing, _place }),
            Err(refused) => {
                let now = self.clock.now();
                self.audit.session_refused(&who, &refused, now);
                Err(refusal_frame(&refused, now))
            }
        }
    }

    /// A session begins. Returns its id, and the frames that go to it; when they end, so does the session. `orders` says
    /// what the operator wants: since the place was taken it may be something else.
    pub(super) fn open(
        self: &Arc<Self>,
        Admitted { who, token: accepted, standing, _place }: Admitted,
        expires: Option<Moment>,
        orders: impl FnOnce() -> Orders,
    ) -> (SessionId, Frames) {
        let (outlet, frames) = outlet();
        let (token, group, joins) = (accepted.name.clone(), accepted.group.clone(), accepted.joins);
        let since = self.clock.now();
        let session_log = SessionLog::open(&self.audit, who, since);
        let (session, withdrawn) = {
            let mut state = self.state.locked();
            state.last_session += 1;
            let session = SessionId(state.last_session);
            // Under the lock: a later change finds the session.
            let withdrawn = orders().terms(&accepted).err();
            let held =
                HeldSession { session_log, token: accepted, standing, _place, outlet: Some(outlet), since };
            state.sessions.insert(session, held);
            (session, withdrawn)
        };
        let date = Some(DateAt { moment: self.clock.now(), date: Clock::today() });
        self.input(Input::Opened { session, token, group, joins, expires, date });
        if let Some(why) = withdrawn {
            self.input(Input::Refused(session, Refusal::Withdrawn(why)));
        }
        (session, frames)
    }

    /// The link of a session is gone.
    pub(super) fn close(&self, session: SessionId) {
        let held = self.state.locked().sessions.remove(&session);
        if let Some(HeldSession { session_log, since, .. }) = held {
            let took = self.clock.now().since(since);
            session_log.ended(&self.audit, took, |untold| {
                tracing::info!(session = session.0, untold, "session ended");
            });
        }
    }

    /// The operator wants something else: what a token may not do any more ends, and the rest holds from now on.
    /// `withdrawn` are the tokens that may do nothing, and why.
    pub(crate) fn renew(self: &Arc<Self>, orders: &Orders, withdrawn: &[(String, Withdrawn)]) {
        for held in self.state.locked().sessions.values_mut() {
            let HeldSession { session_log, token, standing, .. } = held;
            match orders.terms(token) {
                Ok(terms) if *standing.terms() != terms => {
                    *standing = self.accounts.standing(terms);
                    self.audit.record(session_log.who(), &Record::RulesChanged);
                }
                // The machine ends those that may do nothing any more.
                Ok(_) | Err(_) => {}
            }
        }
        self.accounts.forget(&orders.policy);
        for (token, why) in withdrawn {
            self.input(Input::Revoked { token, why: *why });
        }
    }

    /// Tells the machine what happened, and performs what it asks for.
    pub(super) fn input(self: &Arc<Self>, input: Input<'_>) {
        // Only what a session says can leave more to be heard.
        let _: bool = self.hear(input);
    }

    /// The same for what a session says. Returns whether it has said more than the one message that was heard: that
    /// waits for [`Input::Next`].
    pub(super) fn hear(self: &Arc<Self>, input: Input<'_>) -> bool {
        let mut more = false;
        let mut state = self.state.locked();
        let now = self.clock.now();
        state.machine.input(now, input);
        loop {
            match state.machine.poll() {
                Output::Send(session, frame) => state.send(session, frame),
                Output::More(_) => more = true,
                Output::Close(session) => state.cut(session),
                Output::Place { call, by, to, id: Id(id), agent } => {
                    let placed = state.place(call, id, Parties { from: by, to, agent });
                    let place = placed.as_ref().copied().map_err(String::as_str);
                    state.machine.input(now, Input::Placed { call, place });
                }
                Output::Expect { call, end, ticket } => {
                    let id = ticket_id(&ticket);
                    state.tickets.insert(id, Expected { call, end, secret: ticket });
                }
                Output::Join(call) => self.join(&mut state, call),
                Output::Drop(call, cause) => {
                    state.tickets.retain(|_, expected| expected.call != call);
                    if let Some(stream) = state.calls.remove(&call) {
                        stream.give_up(cause);
                    }
                }
                Output::Event(event) => state.report(&self.audit, &event, now),
                Output::Wait(deadline) => {
                    state.deadline = deadline;
                    break;
                }
            }
        }
        drop(state);
        self.changed.notify_one();
        more
    }

    /// The call and the end that wait for the ticket `id`. Only a right proof uses the ticket up.
    pub(crate) fn claim(
        &self,
        id: &[u8; 16],
        judge: impl FnOnce(&Secret32) -> Option<Accepted>,
    ) -> Option<(Accepted, CallEnd)> {
        let mut state = self.state.locked();
        let accepted = judge(&state.tickets.get(id)?.secret)?;
        let Expected { call, end, .. } = state.tickets.remove(id)?;
        Some((accepted, CallEnd { call, end }))
    }

    /// One end of a call has come.
    pub(crate) fn attach(self: &Arc<Self>, at: CallEnd, stream: Stream, from: SocketAddr) {
        let CallEnd { call, end } = at;
        socket::end_by_reset(&stream);
        match self.state.locked().calls.get_mut(&call) {
            Some(waiting) => waiting.attach(end, stream),
            // It was given up meanwhile.
            None => return,
        }
        self.input(Input::Attached(call, end, from));
    }

    /// Ends all sessions. Streams continue.
    pub(crate) fn stop(self: &Arc<Self>) {
        self.input(Input::Drain);
        self.state.locked().running = None;
    }

    /// Both ends of a call are there. Here, once, is decided whether it has lines: then its sessions have theirs, too.
    fn join(self: &Arc<Self>, state: &mut State, id: CallId) {
        let Some(CallStream::Waiting(call, [Some(caller), Some(agent)])) = state.calls.remove(&id) else {
            return;
        };
        for end in [&caller, &agent] {
            self.congestion.iter().for_each(|congestion| congestion.apply(end));
        }
        let since = self.clock.now();
        let opened = Record::CallOpened { id: call.id, agent: &call.parties.agent };
        let lines = self.audit.call_begins(&call.who, &opened, since, |untold| {
            state.list(&self.audit, &call.parties);
            log_call(id, &call.parties, untold);
        });
        let flowing = call.flowing(&self.pipes);
        state.calls.insert(id, CallStream::Flowing(flowing.clone()));
        let (exchange, running) = (Arc::clone(self), state.running.clone());
        tokio::spawn(async move {
            let (end, carried) = call.carry(flowing, [caller, agent], exchange.clock, since).await;
            let ended = Record::CallEnded { id: call.id, agent: &call.parties.agent, carried };
            exchange.audit.call_ends(&call.who, lines, (&ended, &carried), || {
                exchange.state.locked().list(&exchange.audit, &call.parties);
                call.log_end(id, &carried, &end);
            });
            exchange.state.locked().calls.remove(&id);
            exchange.input(Input::Ended(id));
            drop(running);
        });
    }
}

impl State {
    fn send(&mut self, session: SessionId, frame: Vec<u8>) {
        let outlet = self.sessions.get(&session).and_then(|held| held.outlet.as_ref());
        // One that takes nothing for long is ended: its task sees that nothing more comes.
        if outlet.is_some_and(|outlet| !outlet.send(frame)) {
            tracing::warn!(session = session.0, "cut off: it asks faster than it takes the answers");
            self.cut(session);
        }
    }

    /// Nothing more goes to a session.
    fn cut(&mut self, session: SessionId) {
        if let Some(held) = self.sessions.get_mut(&session) {
            held.outlet = None;
        }
    }

    /// Tells the log and the audit what has happened.
    fn report(&mut self, audit: &Audit, event: &Event, now: Moment) {
        match event {
            // It has its lines once both ends are there.
            Event::Called { .. } => log_event(event, None),
            Event::TimedOut(timer) => record_timeout(audit, *timer, now),
            Event::User { session, .. }
            | Event::Joined { session, .. }
            | Event::Refused { session, .. }
            | Event::Withdrawn { session, .. }
            | Event::Ended { session, .. } => {
                if let Some(held) = self.sessions.get_mut(session) {
                    record_event(audit, &mut held.session_log, event, now);
                }
            }
        }
    }

    /// The sessions of a call have lines from now on, if they are still there.
    fn list(&mut self, audit: &Audit, call: &Parties) {
        for (session, agent) in [(call.to, Some(call.agent.as_str())), (call.from, None)] {
            if let Some(held) = self.sessions.get_mut(&session) {
                held.session_log.list(audit, agent);
            }
        }
    }

    /// Takes a place for a call, and returns how long its stream may live.
    fn place(
        &mut self,
        call: CallId,
        id: u32,
        parties: Parties,
    ) -> Result<Option<std::time::Duration>, String> {
        let gone = || "its session has ended".to_owned();
        let HeldSession { session_log, standing, .. } = self.sessions.get(&parties.from).ok_or_else(gone)?;
        let place = standing.take(Kind::Call).map_err(|full| full.to_string())?;
        let (who, standing) = (session_log.who().clone(), standing.clone());
        let life = standing.terms().each_time;
        let waiting = Call { who, id, parties, standing, _place: place };
        self.calls.insert(call, CallStream::Waiting(Box::new(waiting), [None, None]));
        Ok(life)
    }
}

/// The frame that tells the other end why it has no session.
fn refusal_frame(refused: &audit::Refusal, now: Moment) -> Option<Vec<u8>> {
    let mut machine = Machine::new(Limits::USUAL, Secret32::new([0; 32]));
    let session = SessionId(0);
    let (token, group, joins) = (String::new(), String::new(), Joins::Never);
    machine.input(now, Input::Opened { session, token, group, joins, expires: None, date: None });
    let full = refused.to_string();
    let refusal = match refused {
        audit::Refusal::Full(_) => Refusal::Full(&full),
        audit::Refusal::Rule(why) => Refusal::Withdrawn(*why),
    };
    machine.input(now, Input::Refused(session, refusal));
    if let Output::Send(_, frame) = machine.poll() { Some(frame) } else { None }
}
