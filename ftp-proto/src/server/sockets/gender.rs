//! The gender of sockets (RFC 354 III.A): in 1973 odd ones sent and even ones received.

use crate::address::Parity;
use crate::command::Direction;

/// Whether the number of a socket says in which direction it is used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Gender {
    /// It does not: one SOCK serves both directions. Nothing on TCP depends on it.
    #[default]
    Off,
    /// It does, as RFC 354 has it: odd sockets send, even ones receive, and SOCK has two values.
    Strict,
}

impl Gender {
    /// The directions, seen from this server, in which a foreign socket can be used. Port 0 is every port of
    /// its host.
    pub(in crate::server) fn directions(self, foreign: u16) -> impl Iterator<Item = Direction> {
        Direction::BOTH.into_iter().filter(move |direction| match (self, direction) {
            (Self::Off, _) => true,
            (Self::Strict, _) if foreign == 0 => true,
            (Self::Strict, Direction::Send) => Parity::Even.allows(foreign),
            (Self::Strict, Direction::Receive) => Parity::Odd.allows(foreign),
        })
    }

    /// The numbers that a socket of this server may have.
    pub(in crate::server) const fn own(self, direction: Direction) -> Parity {
        match (self, direction) {
            (Self::Off, _) => Parity::Any,
            (Self::Strict, Direction::Send) => Parity::Odd,
            (Self::Strict, Direction::Receive) => Parity::Even,
        }
    }
}

/// A value for each direction of the data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::server) struct Each<T> {
    pub(super) send: T,
    pub(super) receive: T,
}

impl<T> Each<T> {
    /// The value for `direction`.
    pub(in crate::server) const fn of(&self, direction: Direction) -> &T {
        match direction {
            Direction::Send => &self.send,
            Direction::Receive => &self.receive,
        }
    }

    /// The value for `direction`, to change it.
    pub(in crate::server) const fn of_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::Send => &mut self.send,
            Direction::Receive => &mut self.receive,
        }
    }
}

impl<T: Copy> Each<T> {
    /// The same value for both directions.
    pub(in crate::server) const fn both(value: T) -> Self {
        Self { send: value, receive: value }
    }
}

impl<T> Each<Option<T>> {
    /// What there is.
    pub(in crate::server) fn iter(&self) -> impl Iterator<Item = &T> {
        self.send.iter().chain(&self.receive)
    }

    /// What there is, to change it.
    pub(in crate::server) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.send.iter_mut().chain(&mut self.receive)
    }
}
