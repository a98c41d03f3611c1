//! ABOR in every state: what is under way ends at once, with a reply of its own before ABOR's.

use crate::reply::Meaning;
use crate::server::ask::{Ask, Event};
use crate::server::session::Session;
use crate::server::state::Work;
use crate::server::transfer::Phase;
use crate::server::transfer::moving::Stop;
use crate::timer::Timer;

impl Session {
    /// ABOR.
    pub(in crate::server) fn abor(&mut self) {
        self.parameters.rest = None; // E14
        match &self.work {
            Work::Idle | Work::Over => self.abort_nothing(),
            Work::Question { ticket, .. } => {
                self.out.ask(Ask::Cancel(*ticket));
                self.timers.disarm(Timer::Question);
                self.work = Work::Idle;
                self.say_aborted();
            }
            Work::Transfer(transfer) => match &transfer.phase {
                Phase::Preparing => {
                    self.sockets.end_passive(&mut self.out); // as if the wait had begun (D13)
                    self.sockets.rendezvous = None;
                    self.abort_before_moving();
                }
                Phase::Dialling(_) | Phase::Accepting(_) => {
                    self.release_attempt();
                    self.use_up();
                    self.abort_before_moving();
                }
                Phase::Moving(moving) if moving.stop == Some(Stop::Abort) => self.abort_nothing(),
                Phase::Moving(_) => {
                    self.sockets.rendezvous = None;
                    self.stop_move(Stop::Abort); // both replies come with its end (E07)
                }
            },
        }
    }

    /// Nothing moves: PASV and EPSV end (RFC 2428 3, D13), LSTN's allocation stays.
    fn abort_nothing(&mut self) {
        self.sockets.end_passive(&mut self.out);
        self.sockets.rendezvous = None;
        self.out.reply(Meaning::NothingToAbort, "There is nothing to abort"); // E08
    }

    fn abort_before_moving(&mut self) {
        self.cancel_prepared();
        if let Work::Transfer(transfer) = &self.work {
            self.out.event(Event::Transfer {
                path: transfer.path.clone(),
                direction: transfer.direction(),
                octets: 0,
                peer: None,
                whole: false,
            });
        }
        self.conclude();
        self.say_aborted();
    }

    fn say_aborted(&mut self) {
        self.out.reply(Meaning::TransferAborted, "Aborted");
        self.out.reply(Meaning::Aborted, "ABOR done");
    }

    /// Gives back what an unfinished connection phase holds.
    pub(in crate::server) fn release_attempt(&mut self) {
        self.release_dial();
        self.release_accept();
    }
}
