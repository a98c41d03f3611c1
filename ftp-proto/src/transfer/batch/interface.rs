//! What the machine of a batch is told, and what it asks for.

use super::file::BatchEnd;
use crate::command::Command;
use crate::reply::{Class, Reply};
use crate::timer::Moment;
use crate::transfer::junction::Junction;
use crate::transfer::request::Side;
use std::net::SocketAddr;

/// What has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BatchInput {
    /// A server has replied to the command that is due next there.
    Reply {
        /// The side of the server.
        side: Side,
        /// What it has said.
        reply: Reply,
        /// What the reply is for that command.
        class: Class,
    },
    /// The session of that side has ended.
    Ended(Side),
    /// The host in the middle answers [`BatchOutput::Join`]. It listens at these addresses for the servers that connect.
    Joined {
        /// For the source.
        source: Option<SocketAddr>,
        /// For the destination.
        destination: Option<SocketAddr>,
    },
    /// The host in the middle cannot join the two, or a data connection has broken there.
    Broken,
    /// Bytes of files were seen to move.
    Moving,
    /// The deadline of [`BatchOutput::Wait`] has passed.
    Timeout,
    /// The caller gives up.
    Cancel,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BatchOutput {
    /// Send this command to that side.
    Command(Side, Command),
    /// Have the host in the middle join the data connections of both servers. [`BatchInput::Joined`] or
    /// [`BatchInput::Broken`] follows.
    Join {
        /// What it does for the source.
        source: Junction,
        /// What it does for the destination.
        destination: Junction,
    },
    /// Both servers are told to move a file, named by its index. As far as the destination has been asked, nothing has its
    /// name. From now on it may get it.
    Begins(usize),
    /// A file has ended, named by its index.
    Ended(usize, BatchEnd),
    /// Close the session of that side: its replies cannot be told apart any more, or are not awaited.
    Close(Side),
    /// The batch is over. Every file has ended, and each session is closed or idle in MODE S.
    Done,
    /// Nothing, until the next input or this deadline.
    Wait(Option<Moment>),
}
