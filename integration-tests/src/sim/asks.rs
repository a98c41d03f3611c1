//! A user who asks about detached transfers, and may end those of his account.

use super::SIDES;
use super::conduct::{Asks, Conduct};
use super::conversation::{Line, Said};
use super::course::login;
use super::world::{Event, World};
use ftp_proto::server::ask::DetachedState;
use ftp_proto::transfer::Side;
use std::time::Duration;

impl World {
    /// Both sessions log in, and the questions begin.
    pub(super) fn begin_to_ask(&mut self) {
        self.user.phase = super::user::Phase::Over;
        for side in SIDES {
            self.course.talks.at_mut(side).waiting.push_back(Line::Greeting);
            self.greet(side);
            self.schedule_within(Duration::from_secs(20), Event::Script(side));
        }
    }

    /// A server has answered.
    pub(super) fn asker_hears(&mut self, side: Side, said: &Said) {
        match said.to {
            Line::Greeting => {
                for line in login(&self.scenario, side) {
                    self.tell(side, &line, Line::Set);
                }
            }
            Line::Ask { own: false } if said.code < 400 => {
                self.violation(format!("somebody else's transfer is shown: {}", said.text));
            }
            Line::Ask { own: true } if said.code >= 400 => {
                self.violation(format!("the account's own transfer is not found: {}", said.text));
            }
            Line::Set
            | Line::Port
            | Line::Detach(_)
            | Line::Transfer(_)
            | Line::Abort
            | Line::Ask { .. }
            | Line::Noop
            | Line::Quit => {}
        }
    }

    /// The next question, or the end.
    pub(super) fn ask_next(&mut self, side: Side) {
        let Conduct::Asks(Asks { count, ends_one_in }) = self.scenario.conduct else { return };
        if self.hosts.at(side).script >= count {
            self.tell(side, "QUIT", Line::Quit);
            return;
        }
        self.hosts.at_mut(side).script += 1;
        let shared = self.shared.borrow();
        let known = shared.detached.all(side);
        let lot = self.random.length(known.len().saturating_sub(1));
        // What has not begun may be forgotten before the question arrives.
        let entry = known.get(lot).filter(|entry| entry.state != DetachedState::Waiting);
        let asked = entry.map(|entry| (entry.id, entry.account == self.scenario.account));
        drop(shared);
        if let Some((id, own)) = asked {
            let ends = ends_one_in > 0 && self.random.once_in(ends_one_in);
            let verb = if ends { "ABOR" } else { "STAT" };
            self.tell(side, &format!("{verb} #{id}"), Line::Ask { own });
        }
        let pause = self.random.pick([0, 1, 300, 4_000]);
        self.schedule_within(Duration::from_millis(pause), Event::Script(side));
    }
}
