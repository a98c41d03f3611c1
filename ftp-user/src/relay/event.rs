//! Events of a join. Leg A belongs to the source, leg B to the destination.

use super::failure::SessionEnd;
use ftp_proto::relay::digest::Digests;
use ftp_proto::relay::message::{Code, End, FromAgent, Id, LegId, LegState};
use ftp_proto::transfer::Side;
use std::net::SocketAddr;

/// An event of a join, or the end of the relay session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JoinEvent {
    /// Each leg listens, or is ready to connect.
    Ready {
        /// Where the source is to connect, if the relay listens for it.
        source: Option<SocketAddr>,
        /// Where the destination is to connect, if the relay listens for it.
        destination: Option<SocketAddr>,
    },
    /// This leg is connected, with this peer.
    Up(Side, SocketAddr),
    /// Both legs are connected; bytes may flow.
    Flows,
    /// The relay refused the join.
    Refused {
        /// The end that is to blame, if it is one of them.
        side: Option<Side>,
        /// The kind of the reason.
        code: Code,
        /// Why the join was refused.
        why: String,
        /// Whether the same join may succeed later.
        for_now: bool,
    },
    /// A stranger connected to a leg and was reset; the relay still waits for the expected peer.
    Stranger {
        /// The end whose leg it was.
        side: Side,
        /// The address of the stranger.
        peer: SocketAddr,
    },
    /// How many bytes the join has carried so far.
    Stat {
        /// Bytes from the source to the destination.
        bytes: u64,
    },
    /// The SHA-256 of the bytes from the source to the destination, 64 lower-case hexadecimal digits. The join has ended
    /// in order.
    Digest {
        /// As the relay has computed it.
        sha256: String,
    },
    /// The join has ended.
    Ended {
        /// Bytes from the source to the destination.
        bytes: u64,
        /// Whether both ends closed in order; otherwise both were reset.
        in_order: bool,
        /// The end whose connection broke, if one did.
        side: Option<Side>,
        /// How the join ended.
        why: String,
    },
    /// The relay session has ended. A join that already carries data continues, but its events are lost.
    Lost(SessionEnd),
}

impl JoinEvent {
    /// Whether no event of the same join follows.
    pub const fn is_last(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Ended { .. } | Self::Lost(_))
    }

    /// The event that a message is for the join that is `wanted`. A refusal of `grant` is a refusal of its join.
    pub(super) fn of(message: FromAgent, wanted: Id, grant: Id) -> Option<Self> {
        let (about, event) = match message {
            FromAgent::Refused { id, code, leg, text } => {
                let for_now = leg.is_none() && passes(code);
                let refused = Self::Refused { side: leg.map(side), code, why: code.with(&text), for_now };
                (if id == grant { wanted } else { id }, refused)
            }
            FromAgent::JoinReady { id, a, b } => {
                (id, Self::Ready { source: place(a), destination: place(b) })
            }
            FromAgent::LegUp { join, leg, peer, .. } => (join, Self::Up(side(leg), peer)),
            FromAgent::Joined { id } => (id, Self::Flows),
            FromAgent::Stranger { join, leg, peer } => (join, Self::Stranger { side: side(leg), peer }),
            FromAgent::Stat { join, a_to_b, .. } => (join, Self::Stat { bytes: a_to_b }),
            FromAgent::Ext { name, body } => {
                let digests = Digests::read(&name, &body)?;
                (digests.join, Self::Digest { sha256: digests.a_to_b.into() })
            }
            FromAgent::Ended { id, a_to_b, how, .. } => {
                let broke = if let End::Reset(leg) = how { Some(side(leg)) } else { None };
                let why = ended(how).to_owned();
                (id, Self::Ended { bytes: a_to_b, in_order: how == End::Eof, side: broke, why })
            }
            // Of a tunnel, or nothing that a copy waits for.
            FromAgent::Granted { .. }
            | FromAgent::TunnelReady { .. }
            | FromAgent::HalfEof { .. }
            | FromAgent::Pong { .. }
            | FromAgent::Bye { .. } => return None,
        };
        (about == wanted).then_some(event)
    }
}

/// Whether a refused join may succeed later: the relay is full or stops, or a grant has ended, and the next
/// join asks for another one.
const fn passes(code: Code) -> bool {
    match code {
        Code::Busy
        | Code::Draining
        | Code::NoGrant
        | Code::GrantUsed
        | Code::Expired
        | Code::NoAgent
        | Code::NotPaired
        | Code::Replaced => true,
        Code::Protocol
        | Code::Denied
        | Code::Unsupported
        | Code::Resolve
        | Code::ConnectionRefused
        | Code::Unreachable
        | Code::LegTimeout
        | Code::Strangers
        | Code::NoAddress
        | Code::NoGreeting
        | Code::Unwelcome
        | Code::Internal => false,
    }
}

const fn place(leg: LegState) -> Option<SocketAddr> {
    if let LegState::Listening(at) = leg { Some(at) } else { None }
}

const fn side(leg: LegId) -> Side {
    match leg {
        LegId::A => Side::Source,
        LegId::B => Side::Destination,
    }
}

const fn ended(how: End) -> &'static str {
    match how {
        End::Eof => "both ends closed in order",
        End::Idle => "no byte came for too long",
        End::Stalled => "the receiver took nothing for too long",
        End::Reset(LegId::A) => "the source's data connection broke",
        End::Reset(LegId::B) => "the destination's data connection broke",
        End::LimitBytes => "the relay's limit of bytes was reached, for one connection or within a day",
        End::LimitTime => "the relay's limit of time was reached",
        End::Revoked => "it was closed from here, or the token was taken away",
        End::Shutdown => "the relay stopped",
        End::NoGreeting => "no FTP server greeted there",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::relay::message::Text;

    #[test]
    fn only_messages_about_the_current_join_are_events() {
        let (join, grant, other) = (Id(7), Id(6), Id(5));
        let check = |message, expect: Option<JoinEvent>| {
            assert_eq!(JoinEvent::of(message, join, grant), expect);
        };
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (a, b) = (LegState::Listening(at("192.0.2.9:1")), LegState::Dialing(at("192.0.2.2:2")));
        check(
            FromAgent::JoinReady { id: join, a, b },
            Some(JoinEvent::Ready { source: Some(at("192.0.2.9:1")), destination: None }),
        );
        check(FromAgent::JoinReady { id: other, a, b }, None);
        let up = |join| FromAgent::LegUp {
            join,
            leg: LegId::B,
            local: at("192.0.2.9:1"),
            peer: at("192.0.2.2:2"),
            strangers: 0,
        };
        check(up(join), Some(JoinEvent::Up(Side::Destination, at("192.0.2.2:2"))));
        check(up(other), None);
        check(FromAgent::Joined { id: join }, Some(JoinEvent::Flows));
        check(FromAgent::Joined { id: other }, None);
        check(FromAgent::Stat { join, a_to_b: 3, b_to_a: 9 }, Some(JoinEvent::Stat { bytes: 3 }));
        check(FromAgent::Stat { join: other, a_to_b: 3, b_to_a: 9 }, None);
        let stranger = |join| FromAgent::Stranger { join, leg: LegId::B, peer: at("192.0.2.3:3") };
        check(stranger(join), Some(JoinEvent::Stranger { side: Side::Destination, peer: at("192.0.2.3:3") }));
        check(stranger(other), None);
        let ended = |id, how| FromAgent::Ended { id, a_to_b: 4, b_to_a: 0, how };
        let event = |in_order, side, why: &str| {
            Some(JoinEvent::Ended { bytes: 4, in_order, side, why: why.to_owned() })
        };
        check(ended(join, End::Eof), event(true, None, "both ends closed in order"));
        let source = Some(Side::Source);
        check(ended(join, End::Reset(LegId::A)), event(false, source, "the source's data connection broke"));
        check(ended(join, End::Shutdown), event(false, None, "the relay stopped"));
        check(ended(other, End::Eof), None);
        let refused = |id| FromAgent::Refused {
            id,
            code: Code::LegTimeout,
            leg: Some(LegId::A),
            text: Text::of("nobody"),
        };
        let why = "no connection came within the wait (nobody)".to_owned();
        let (side, code) = (Some(Side::Source), Code::LegTimeout);
        let refusal = Some(JoinEvent::Refused { side, code, why, for_now: false });
        check(refused(join), refusal.clone());
        check(refused(grant), refusal);
        check(refused(other), None);
        let refused = |code| FromAgent::Refused { id: join, code, leg: None, text: Text::of("") };
        for (code, for_now) in [(Code::Busy, true), (Code::GrantUsed, true), (Code::Denied, false)] {
            let why = code.to_string();
            check(refused(code), Some(JoinEvent::Refused { side: None, code, why, for_now }));
        }
    }
}
