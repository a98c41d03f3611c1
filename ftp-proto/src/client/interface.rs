//! What goes into a session and what comes out of it.

use super::Failure;
use crate::dialect::Dialect;
use crate::feature::Capabilities;
use crate::reply::{Class, Reply};
use crate::timer::Moment;

/// Identifies one command of one session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CommandId(pub u64);

/// What the driver tells the session. Commands have a method of their own,
/// [`Session::send`](super::Session::send), because each one has an id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input<'a> {
    /// Bytes arrived on the control connection; inside TLS, what was decrypted.
    Bytes(&'a [u8]),
    /// The TLS handshake that [`Output::StartTls`] asked for is complete. Bytes in and out travel
    /// inside TLS from now on.
    Secured,
    /// The control connection was closed or broke, at either end.
    Closed,
    /// The deadline of the last [`Output::Wait`] has passed.
    Timeout,
    /// Abort the transfer that is under way: send ABOR, with Telnet IP and Synch unless TLS is used,
    /// and count the replies until the session is in step again. It ends with [`Event::AbortDone`] or
    /// [`Event::Ended`].
    ///
    /// If the server still sends the final reply to the aborted command, it comes as
    /// [`Event::Reply`]. If nothing is under way, ABOR frees a listener (RFC 2428 section 4). Commands
    /// that are sent during the abort wait for its end.
    Abort,
    /// Send QUIT (BYE in 1973) and end with its reply, with the end of the connection, or with
    /// [`Timer::Closing`](super::Timer::Closing), whichever comes first. Before the greeting nothing
    /// is sent and the session ends at once.
    Quit,
}

/// What the driver has to do.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes on the control connection. A driver that can send urgent data treats bytes
    /// that begin with [`SYNCH`](super::SYNCH) differently.
    Send(Vec<u8>),
    /// Something happened that the user of the session may want to know.
    Event(Event),
    /// Start TLS on the control connection, and pass [`Input::Secured`] when the handshake is
    /// complete.
    StartTls,
    /// Close the control connection. This is the last output apart from [`Output::Wait`].
    Close,
    /// Wait for the next input, or until this moment, and then pass [`Input::Timeout`]. With `None`
    /// there is no deadline.
    Wait(Option<Moment>),
}

/// What happened in a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A line was sent. Secrets in it are masked, so that it may stand in a trace.
    Sent(String),
    /// A reply was received; for traces. If it answers a command, [`Event::Reply`] follows.
    Received {
        /// The reply as it was understood.
        reply: Reply,
        /// The lines as they were received, with their codes.
        lines: Vec<Vec<u8>>,
    },
    /// The login is complete and commands may be sent.
    Ready {
        /// The dialect that the greeting decided.
        dialect: Dialect,
        /// What the server can do, according to its greeting and to FEAT (HELP in 1973).
        capabilities: Capabilities,
    },
    /// The server offers no TLS, and [`Security::Offered`](super::Security::Offered) lets the login go on in clear.
    TlsAbsent,
    /// The commands of the login are on their way, and the server takes more behind them: from now on
    /// [`Session::send`](super::Session::send) does not wait for [`Event::Ready`].
    TakesMore,
    /// A reply to a command. The command is complete when `class` is final.
    Reply {
        /// The command that the reply answers.
        to: CommandId,
        /// The reply as it was understood.
        reply: Reply,
        /// What the reply means for that command.
        class: Class,
    },
    /// A reply that answers no command. A server that listens for a data connection may report one
    /// that it has refused.
    Unasked(Reply),
    /// [`Input::Abort`] is complete: the next reply answers the next command (conformance H19).
    AbortDone,
    /// The session has ended.
    Ended(Failure),
}
