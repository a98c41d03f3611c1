//! The outputs of a session in order, and the owners of its questions.

use super::{Answer, Ask, ConnId, Event, Output, Ticket};
use crate::policy::RefusalReason;
use crate::relay::frame::Numbered;
use crate::relay::message::{Code, End, FromAgent, Id, LegId, Text};
use crate::timer::Moment;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

/// The queue of outputs to the driver.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// When the input came that is being handled.
    pub(super) now: Moment,
    pub(super) queue: VecDeque<Output>,
    sent: Numbered,
    /// The link is gone, so messages are dropped.
    pub(super) mute: bool,
    last_ticket: u64,
    /// The tunnel or join that asked each question. Questions that are not here were cancelled.
    owners: BTreeMap<Ticket, Id>,
}

/// Why something is refused, for the user agent and for the log.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) leg: Option<LegId>,
    pub(super) why: Option<RefusalReason>,
    pub(super) address: Option<SocketAddr>,
    pub(super) text: String,
}

impl Refusal {
    pub(super) fn of(code: Code) -> Self {
        Self { code, leg: None, why: None, address: None, text: code.to_string() }
    }

    /// A refusal by the policy. The user agent learns nothing but that.
    pub(super) fn denied(why: RefusalReason, address: SocketAddr) -> Self {
        Self { why: Some(why), address: Some(address), ..Self::of(Code::Denied) }
    }

    pub(super) fn at(self, leg: LegId) -> Self {
        Self { leg: Some(leg), ..self }
    }

    pub(super) fn with_text(self, text: String) -> Self {
        Self { text, ..self }
    }
}

impl Outbox {
    pub(super) fn send(&mut self, message: FromAgent) {
        if !self.mute
            && let Some(bytes) = self.sent.encode(message)
        {
            self.queue.push_back(Output::Send(bytes));
        }
    }

    pub(super) fn event(&mut self, event: Event) {
        self.queue.push_back(Output::Event(event));
    }

    pub(super) fn ask(&mut self, ask: Ask) {
        self.queue.push_back(Output::Ask(ask));
    }

    /// Creates a ticket for a question of `owner`.
    pub(super) fn ticket(&mut self, owner: Id) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.owners.insert(ticket, owner);
        ticket
    }

    pub(super) fn owner(&self, ticket: Ticket) -> Option<Id> {
        self.owners.get(&ticket).copied()
    }

    /// Removes a question that has its last answer or was cancelled.
    pub(super) fn forget(&mut self, ticket: Ticket) {
        self.owners.remove(&ticket);
    }

    /// Disposes of what an answer brings that is not expected any more.
    pub(super) fn unwanted(&mut self, answer: &Answer) {
        if let Answer::Connected { conn, .. } | Answer::Called { conn, .. } = answer {
            self.reset(*conn);
        }
    }

    pub(super) fn reset(&mut self, conn: ConnId) {
        self.ask(Ask::Reset(conn));
    }

    /// Tells that a tunnel or join has ended, and how many bytes it has passed: from A to B, and from B to A.
    pub(super) fn ended(&mut self, id: Id, [a_to_b, b_to_a]: [u64; 2], how: End) {
        self.send(FromAgent::Ended { id, a_to_b, b_to_a, how });
        self.event(Event::Ended { id, a_to_b, b_to_a, how });
    }

    pub(super) fn refuse(&mut self, id: Id, refusal: Refusal) {
        let Refusal { code, leg, why, address, text } = refusal;
        // The text of a refusal by the policy is only for the log, unless the user can ask the operator for what is missing
        // and hears nothing about hosts.
        let heard = match why {
            Some(why @ RefusalReason::DataPortNotNamed) => Text::of(&why.to_string()),
            _ if code == Code::Denied => Text::default(),
            _ => Text::of(&text),
        };
        self.send(FromAgent::Refused { id, code, leg, text: heard });
        self.event(Event::Refused { id, code, why, address, text });
    }
}
