//! What else may be at an address where a relay or a hub was expected.

use std::fmt;
use std::io::{self, ErrorKind};

use rustls::{AlertDescription, Error, InvalidMessage};

/// Something that does not answer like a relay or a hub.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stranger {
    /// It answers with something else than TLS, as FTP servers, SSH servers and web servers without TLS do.
    NotTls,
    /// It speaks TLS, and not this protocol: a web server with TLS, or a relay where a hub was expected.
    OtherTls,
    /// It accepts the connection and says nothing.
    Silent,
    /// It closes the connection.
    Closed,
}

impl Stranger {
    /// What it is, if this error of a handshake says so.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => return Some(Self::NotTls),
            Some(
                Error::AlertReceived(
                    AlertDescription::NoApplicationProtocol
                    | AlertDescription::ProtocolVersion
                    | AlertDescription::HandshakeFailure,
                )
                | Error::PeerIncompatible(_)
                | Error::NoApplicationProtocol,
            ) => return Some(Self::OtherTls),
            Some(_) | None => {}
        }
        let silent = error.kind() == ErrorKind::TimedOut;
        let closed = matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset);
        if error.kind() == ErrorKind::InvalidData
            && error.get_ref().is_some_and(|inner| inner.is::<NoRelay>())
        {
            return Some(Self::OtherTls);
        }
        if silent { Some(Self::Silent) } else { closed.then_some(Self::Closed) }
    }
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotTls => "what it says is not TLS",
            Self::OtherTls => "it speaks TLS, and another protocol inside",
            Self::Silent => "it accepts the connection and says nothing",
            Self::Closed => "it closed the connection in the handshake",
        })
    }
}

/// The peer has not chosen the protocol of relays.
#[derive(Debug, thiserror::Error)]
#[error("the peer does not speak ftp-relay/1")]
pub(super) struct NoRelay;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_relay_is_told_by_how_it_answers() {
        let of = |error: io::Error| Stranger::of(&error);
        let tls = |error: Error| of(io::Error::new(ErrorKind::InvalidData, error));
        assert_eq!(tls(Error::InvalidMessage(InvalidMessage::InvalidContentType)), Some(Stranger::NotTls));
        let alert = AlertDescription::NoApplicationProtocol;
        assert_eq!(tls(Error::AlertReceived(alert)), Some(Stranger::OtherTls));
        assert_eq!(of(io::Error::new(ErrorKind::InvalidData, NoRelay)), Some(Stranger::OtherTls));
        assert_eq!(of(ErrorKind::TimedOut.into()), Some(Stranger::Silent));
        assert_eq!(of(ErrorKind::UnexpectedEof.into()), Some(Stranger::Closed));
        assert_eq!(of(ErrorKind::NetworkUnreachable.into()), None);
    }
}
