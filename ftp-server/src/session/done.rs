//! Work of a session that has ended.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use ftp_io::connection::Connection;
use ftp_proto::server::ask::{Answer, ConnId, FileFailure, Handshake, Ticket, TransferTerms};
use tokio::net::TcpStream;

use super::hook_room::HookedCommand;
use crate::auth::Entry;
use crate::data::{Begun, Pumped};
use crate::limits::DataPort;
use crate::vfs::Prepared;

/// Work that has ended, with its result.
#[derive(Debug)]
pub(super) enum Done {
    /// The work has made the answer itself.
    Answer(Ticket, Answer),
    /// A login was checked: the user, or none if name or password is wrong.
    Login(Ticket, Option<Arc<Entry>>),
    /// A data port was reserved, or none is free.
    Reserved(Ticket, io::Result<DataPort>),
    /// Two data ports were reserved under these two names, or there are none.
    ReservedPair([Ticket; 2], io::Result<[DataPort; 2]>),
    /// The session must release its data ports.
    PortsNeeded,
    /// The session must close the data connections that it keeps between two files.
    ConnectionsNeeded,
    /// A group of the session has lost its place.
    GroupsNeeded,
    /// The peer has closed a connection that is kept between two files.
    Ended(ConnId),
    /// There is room for the hooks after the uploads of a command.
    Room(Ticket, Box<HookedCommand>),
    /// A file was prepared for a transfer, or could not be.
    Prepared(Ticket, Result<(Prepared, Option<u64>), FileFailure>),
    /// An outgoing connection was made, or failed.
    Connected(Ticket, io::Result<TcpStream>),
    /// A listener has accepted a connection.
    Arrived(Ticket, TcpStream, SocketAddr),
    /// The bytes that [`ftp_proto::server::ask::Ask::Read`] asked for.
    Read(ConnId, io::Result<Vec<u8>>),
    /// TLS has begun on a data connection, or could not.
    Secured(Ticket, ConnId, io::Result<(Connection, Handshake)>),
    /// The file of a transfer is open, or could not be opened.
    Begun(Ticket, Result<Box<Begun>, FileFailure>, ConnId, TransferTerms),
    /// A transfer has ended; this was the name of its connection.
    Moved(Ticket, ConnId, Pumped),
}

impl Done {
    /// The question that this answers, if it is work for one.
    pub(super) const fn ticket(&self) -> Option<Ticket> {
        match self {
            Self::Answer(ticket, _)
            | Self::Login(ticket, _)
            | Self::Reserved(ticket, _)
            | Self::ReservedPair([ticket, _], _)
            | Self::Room(ticket, _)
            | Self::Prepared(ticket, _)
            | Self::Connected(ticket, _)
            | Self::Begun(ticket, ..) => Some(*ticket),
            Self::PortsNeeded
            | Self::ConnectionsNeeded
            | Self::GroupsNeeded
            | Self::Ended(_)
            | Self::Moved(..)
            | Self::Read(..)
            | Self::Secured(..)
            | Self::Arrived(..) => None,
        }
    }
}
