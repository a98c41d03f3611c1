//! The data connection of listings by MLSD. The first listing of a session has a connection of its own. Our servers keep the connection
//! of the second one (MODE B), and later listings use it one after the other. Several may be asked for before the first of them has come.

use super::ask::SentCommand;
use super::connection::KEPT_FOR;
use super::drive::arrived;
use ftp_io::connection::Connection;
use ftp_proto::timer::Moment;
use std::collections::VecDeque;
use std::mem;

/// The data connection of listings by MLSD.
#[derive(Debug, Default)]
pub(crate) enum ListingConnection {
    /// Nothing was listed.
    #[default]
    NothingListed,
    /// Something was, and no connection is kept.
    NotKept,
    /// The server keeps that of the last listing. Nothing was sent since that would close it.
    Kept(KeptListingConnection),
    /// A listing uses the connection that was kept. Those of these MLSDs follow on it.
    InUse(VecDeque<SentCommand>),
    /// A listing in blocks was not whole, so those that follow come as they are.
    InStream,
}

/// A data connection that waits for the next listing.
#[derive(Debug)]
pub(crate) struct KeptListingConnection {
    connection: Connection,
    /// When the last listing ended.
    since: Moment,
    /// The MLSDs that were sent ahead. Their listings come one after the other.
    ahead: VecDeque<SentCommand>,
}

impl ListingConnection {
    /// The connection of a listing that ended at `since`.
    pub(super) const fn kept(connection: Connection, since: Moment) -> Self {
        Self::Kept(KeptListingConnection { connection, since, ahead: VecDeque::new() })
    }

    /// Whether one is kept that may be used again at `now`.
    pub(super) fn is_kept(&self, now: Moment) -> bool {
        matches!(self, Self::Kept(kept) if !kept.ahead.is_empty() || now.since(kept.since) < KEPT_FOR)
    }

    /// Whether a listing was asked for ahead and not read yet.
    pub(super) fn awaits(&self) -> bool {
        match self {
            Self::Kept(KeptListingConnection { ahead, .. }) | Self::InUse(ahead) => !ahead.is_empty(),
            Self::NothingListed | Self::NotKept | Self::InStream => false,
        }
    }

    /// Notes an MLSD that was sent ahead over the one that is kept.
    pub(super) fn note_ahead(&mut self, sent: SentCommand) {
        if let Self::Kept(kept) = self {
            kept.ahead.push_back(sent);
        }
    }

    /// Whether nothing has come behind the last listing.
    pub(super) async fn is_over(&mut self) -> bool {
        let Self::Kept(kept) = self else { return true };
        arrived(&mut kept.connection).await.is_none()
    }

    /// Forgets the one that is kept.
    pub(super) fn close(&mut self) {
        if let Self::Kept(_) | Self::InUse(_) = self {
            *self = Self::NotKept;
        }
    }

    /// A listing has ended. With `connection`, it came in blocks and is whole. `is_broken`: it came in blocks and is not whole.
    pub(super) fn end(&mut self, connection: Option<Connection>, is_broken: bool, now: Moment) {
        *self = match (connection, mem::take(self)) {
            (_, Self::InStream) => Self::InStream,
            _ if is_broken => Self::InStream,
            (Some(connection), Self::InUse(ahead)) => {
                Self::Kept(KeptListingConnection { connection, since: now, ahead })
            }
            (Some(connection), Self::NothingListed | Self::NotKept | Self::Kept(_)) => {
                Self::kept(connection, now)
            }
            (None, Self::NothingListed | Self::NotKept | Self::Kept(_) | Self::InUse(_)) => Self::NotKept,
        };
    }

    /// Uses the one that is kept for the next listing, with the MLSD for it if that was sent ahead.
    pub(super) fn begin(&mut self) -> Option<(Connection, Option<SentCommand>)> {
        match mem::replace(self, Self::NotKept) {
            Self::Kept(KeptListingConnection { connection, mut ahead, .. }) => {
                let sent = ahead.pop_front();
                *self = Self::InUse(ahead);
                Some((connection, sent))
            }
            other @ (Self::NothingListed | Self::NotKept | Self::InUse(_) | Self::InStream) => {
                *self = other;
                None
            }
        }
    }

    /// Takes the next MLSD that was sent ahead. After the last one, no connection is kept.
    pub(super) fn take_ahead(&mut self) -> Option<SentCommand> {
        let next = if let Self::InUse(ahead) = self { ahead.pop_front() } else { None };
        if next.is_none() {
            *self = Self::NotKept;
        }
        next
    }
}
