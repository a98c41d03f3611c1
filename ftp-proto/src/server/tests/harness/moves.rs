//! What becomes of data connections and of the moves over them.

use super::{Harness, OWN};
use crate::server::ask::{Answer, ConnId, End, Ending, FileFailure, Input, Ticket, TransferTerms};

impl Harness {
    /// The user's own host connects to the port of PASV: the next transfer of either direction has its connection.
    #[track_caller]
    pub(in crate::server::tests) fn own_host_connects(&mut self) -> ConnId {
        let port = self.port("PASV");
        let conn = self.arrive(port, &format!("{OWN}:5000"));
        self.did();
        conn
    }

    /// The user's own host connects to the port that this command names, which is returned.
    #[track_caller]
    pub(in crate::server::tests) fn own_host_connects_to(&mut self, command: &str) -> u16 {
        let port = self.port(command);
        self.arrive(port, &format!("{OWN}:5000"));
        port
    }

    /// The user's own host connects to the port of PASV, and the user says `command`.
    #[track_caller]
    pub(in crate::server::tests) fn own_host_connects_for(&mut self, command: &str) {
        self.own_host_connects();
        self.say(command);
    }

    pub(super) fn drop_connection(&mut self, conn: ConnId, how: Ending) {
        let kept = self.kept.contains(&conn);
        assert_eq!(how, if kept { Ending::Close } else { Ending::Reset });
        self.kept.retain(|kept| *kept != conn);
        let index = self.open.iter().position(|open| *open == conn).expect("dropped once");
        self.open.remove(index);
        self.did.push(format!("{} {}", if kept { "close" } else { "drop" }, conn.0));
    }

    pub(super) fn begin_move(&mut self, ticket: Ticket, conn: ConnId, terms: TransferTerms) {
        self.terms = Some(terms);
        let index = self.open.iter().position(|open| *open == conn).expect("moved over an open one");
        self.open.remove(index);
        self.kept.retain(|kept| *kept != conn);
        self.did.push(format!("move {}", conn.0));
        self.moving = Some((ticket, conn));
        match self.opens {
            Ok(()) if self.starts => self.answer(ticket, Answer::Started),
            Ok(()) => {}
            Err(failure) => {
                let end = End::Failed(failure);
                self.answer(ticket, Answer::Moved { bytes: 0, kept: false, end });
            }
        }
    }

    /// Whether the connection of a move that has ended stays open.
    pub(super) fn keep(&mut self, conn: ConnId, end: &End) -> bool {
        let keeps = self.keeps && end.is_whole() && self.terms.is_some_and(|terms| terms.keep);
        if keeps {
            self.open.push(conn);
            self.kept.push(conn);
        }
        keeps
    }

    pub(super) fn ask_progress(&mut self, ticket: Ticket, of: Ticket) {
        assert_eq!(self.moving.map(|(ticket, _)| ticket), Some(of));
        self.asks_progress.push(ticket);
        if self.answers_progress {
            self.say_progress();
        }
    }

    /// The driver answers how far the transfer is.
    fn say_progress(&mut self) {
        let (moved, durable) = self.progress;
        for ticket in std::mem::take(&mut self.asks_progress) {
            self.answer(ticket, Answer::Progress { moved, durable });
        }
    }

    /// The same later, and everything that follows from it.
    pub(in crate::server::tests) fn say_progress_late(&mut self) {
        self.say_progress();
        self.send("");
    }

    /// Answers the last of these questions and leaves the others.
    #[track_caller]
    pub(in crate::server::tests) fn answer_last_progress(&mut self) {
        let ticket = self.asks_progress.pop().expect("nobody asks");
        let (moved, durable) = self.progress;
        self.input(Input::Answer(ticket, Answer::Progress { moved, durable }));
    }

    /// The driver says late that the move has begun.
    #[track_caller]
    pub(in crate::server::tests) fn start_late(&mut self) {
        let (ticket, _) = self.moving.expect("nothing moves");
        self.input(Input::Answer(ticket, Answer::Started));
    }

    pub(super) fn stop_move(&mut self, ticket: Ticket) {
        if let Some((_, found)) = self.unanswered.iter_mut().find(|(asked, _)| *asked == ticket) {
            self.did.push("stop".to_owned());
            *found = Err(FileFailure::Stopped);
            return;
        }
        assert_eq!(self.moving.map(|(ticket, _)| ticket), Some(ticket));
        self.did.push("stop".to_owned());
        if self.stops {
            self.moving = None;
            let (bytes, end) = (self.progress.0, End::Stopped);
            self.answer(ticket, Answer::Moved { bytes, kept: false, end });
        }
    }

    pub(in crate::server::tests) fn is_moving(&self) -> bool {
        self.did.iter().any(|did| did.starts_with("move"))
    }

    /// The move ends; the replies are left where they are.
    pub(in crate::server::tests) fn finish_quietly(&mut self, bytes: u64, end: End) {
        if let Some((ticket, conn)) = self.moving.take() {
            let kept = self.keep(conn, &end);
            self.input(Input::Answer(ticket, Answer::Moved { bytes, kept, end }));
        }
    }
}
