//! What a server machine asks for transfers that may outlive their control connection, performed.

use super::scenario::Sabotage;
use super::world::{Event, World};
use ftp_proto::server::ask::{Answer, Ask, Ticket};
use ftp_proto::transfer::Side;

impl World {
    /// Transfers that may outlive their control connection, as all sessions share them.
    pub(super) fn perform_on_detached(&mut self, side: Side, ask: Ask) {
        let account = self.scenario.account;
        if let Ask::Detach { ticket, id } = ask {
            let place = self.shared.borrow_mut().detached.reserve(side, self.number, account, id);
            let answer = Answer::Detach(place);
            self.schedule_within(self.scenario.delays.answer, Event::Answer(side, ticket, answer));
        } else if let Ask::Detached { ticket, id, stop } = ask {
            let one = self.scenario.sabotage == Some(Sabotage::OneOwner);
            let account = Some(account).filter(|_| !one);
            let found = self.shared.borrow_mut().detached.look(side, account, id, stop);
            let answer = Answer::Detached(found);
            self.schedule_within(self.scenario.delays.answer, Event::Answer(side, ticket, answer));
        }
    }

    /// Another session of the account has ended a move.
    pub(super) fn ended_by_others(&mut self, side: Side, ticket: Ticket) {
        if self.hosts.at(side).moves.contains_key(&ticket) {
            self.hosts.at_mut(side).stopped_by_others = true;
            self.stop(side, ticket);
        }
    }
}
