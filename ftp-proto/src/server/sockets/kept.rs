//! Data connections that MODE B leaves open between two files (RFC 959 3.4.2, E12): which transfer command may
//! use one, and what closes it.
//!
//! A connection serves the direction for which it was opened, and stays proven for that direction. The peer may
//! have begun to send its next file before the command for it has come, so a transfer command that fails closes
//! the connection of its direction: no file may get the bytes of another one.

use super::gender::Each;
use crate::command::{Direction, Verb};
use crate::policy::{Evidence, Grant};
use crate::server::ask::{Ask, ConnId, Ending};
use crate::server::outbox::Outbox;
use crate::timer::Moment;
use std::net::SocketAddr;
use std::time::Duration;

/// A data connection that has carried a whole file, and stays open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::server) struct Kept {
    pub(in crate::server) conn: ConnId,
    pub(in crate::server) address: SocketAddr,
    /// The terms on which policy allowed it.
    pub(in crate::server) grant: Grant,
    /// What has shown that its other end takes part.
    pub(in crate::server) evidence: Evidence,
    /// Since when no file uses it.
    pub(in crate::server) since: Moment,
}

/// The data connections that a session keeps: at most one for each direction.
#[derive(Debug, Default)]
pub(in crate::server) struct KeptConnections(Each<Option<Kept>>);

impl KeptConnections {
    /// Keeps a connection for the next file of `direction`. It takes the place of another one.
    pub(in crate::server) fn keep(&mut self, direction: Direction, kept: Kept, out: &mut Outbox) {
        self.close(direction, out);
        *self.0.of_mut(direction) = Some(kept);
    }

    /// Takes the connection of `direction` out, if `may` says that it may be used.
    pub(in crate::server) fn take(
        &mut self,
        direction: Direction,
        may: impl FnOnce(&Kept) -> bool,
    ) -> Option<Kept> {
        self.0.of_mut(direction).take_if(|kept| may(kept))
    }

    /// The connection of `direction`.
    pub(in crate::server) const fn get(&self, direction: Direction) -> Option<&Kept> {
        self.0.of(direction).as_ref()
    }

    /// Closes the connection of `direction`.
    pub(in crate::server) fn close(&mut self, direction: Direction, out: &mut Outbox) {
        self.close_if(out, |of, _| of == direction);
    }

    /// Closes both connections. Returns whether there was one.
    pub(in crate::server) fn close_all(&mut self, out: &mut Outbox) -> bool {
        self.close_if(out, |_, _| true)
    }

    /// Closes those that no file has used for `limit`.
    pub(in crate::server) fn close_old(&mut self, now: Moment, limit: Duration, out: &mut Outbox) {
        self.close_if(out, |_, kept| now.since(kept.since) >= limit);
    }

    /// The other end of `conn` has ended it. Returns whether that is a connection which is kept.
    pub(in crate::server) fn lost(&mut self, conn: ConnId, out: &mut Outbox) -> bool {
        self.close_if(out, |_, kept| kept.conn == conn)
    }

    /// Since when the one that has waited longest has not been used.
    pub(in crate::server) fn since(&self) -> Option<Moment> {
        self.0.iter().map(|kept| kept.since).min()
    }

    /// The session has ended, and its driver closes what it holds.
    pub(in crate::server) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Closes, in order, those that are meant: between two files, that is never the end of one.
    fn close_if(&mut self, out: &mut Outbox, meant: impl Fn(Direction, &Kept) -> bool) -> bool {
        let mut closed = false;
        for direction in Direction::BOTH {
            if let Some(kept) = self.0.of_mut(direction).take_if(|kept| meant(direction, kept)) {
                out.ask(Ask::Drop { conn: kept.conn, how: Ending::Close });
                closed = true;
            }
        }
        closed
    }
}

/// Whether the command closes what is kept, before its reply (B13, extensions "RNDZ"): it says what the next
/// data connection is, or how its bytes travel.
pub(in crate::server) const fn is_closed_by(verb: Verb) -> bool {
    use Verb::{Auth, Byte, Mode, Pinc, Prob, Prot, Rein, Rndz, Sscn, Stru, User};
    use Verb::{Cpsv, Eprt, Epsv, Lstn, Pasv, Port, Sock};
    matches!(verb, Rndz | Pinc | Prot | Sscn | Sock | Port | Eprt | Pasv | Epsv | Cpsv | Lstn)
        || matches!(verb, Prob | Mode | Stru | Byte | User | Rein | Auth)
}
