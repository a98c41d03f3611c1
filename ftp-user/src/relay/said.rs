//! What a relay says about a join, in the words of a copy: leg a is the source's, leg b the destination's.

use ftp_proto::relay::message::{Code, End, FromAgent, Id, LegState, Side as Leg};
use ftp_proto::third_party::Side;
use std::net::SocketAddr;

/// What a relay says next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// Both legs listen or are being dialled.
    Ready {
        /// Where the source is to connect, if the relay listens for it.
        source: Option<SocketAddr>,
        /// Where the destination is to connect, if the relay listens for it.
        destination: Option<SocketAddr>,
    },
    /// Both legs stand, bytes flow.
    Flows,
    /// There will be no join.
    Refused {
        /// The end that is to blame, where it is one.
        side: Option<Side>,
        /// Why it was refused.
        why: String,
        /// It may be otherwise in a while, and nothing is wrong with the way.
        for_now: bool,
    },
    /// Somebody else came to a leg and was reset; the wait goes on.
    Stranger {
        /// The leg to which it came.
        side: Side,
        /// The address that it came from.
        peer: SocketAddr,
    },
    /// How far it is.
    Stat {
        /// Bytes from the source to the destination.
        bytes: u64,
    },
    /// What was joined has ended.
    Ended {
        /// Bytes from the source to the destination.
        bytes: u64,
        /// Both ends closed in order; otherwise both were reset.
        in_order: bool,
        /// The end that broke, where it was one.
        side: Option<Side>,
        /// How it has ended.
        why: String,
    },
    /// The session with the relay is over. What flows goes on, but nobody hears of it.
    Lost(String),
}

impl Said {
    /// Whether nothing comes after it.
    pub(super) const fn is_last(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Ended { .. } | Self::Lost(_) => true,
            Self::Ready { .. } | Self::Flows | Self::Stranger { .. } | Self::Stat { .. } => false,
        }
    }

    /// What a message says about the join, whose grant it may be about, too.
    pub(super) fn of(message: FromAgent, join: Id, grant: Id) -> Option<Self> {
        match message {
            FromAgent::Refused { id, code, leg, text } if id == join || id == grant => {
                let for_now = leg.is_none() && passes(code);
                Some(Self::Refused { side: leg.map(side), why: code.with(&text), for_now })
            }
            FromAgent::JoinReady { id, a, b } if id == join => {
                Some(Self::Ready { source: place(a), destination: place(b) })
            }
            FromAgent::Joined { id } if id == join => Some(Self::Flows),
            FromAgent::Stranger { join: id, leg, peer } if id == join => {
                Some(Self::Stranger { side: side(leg), peer })
            }
            FromAgent::Stat { join: id, a_to_b, .. } if id == join => Some(Self::Stat { bytes: a_to_b }),
            FromAgent::Ended { id, a_to_b, how, .. } if id == join => {
                let broke = if let End::Reset(leg) = how { Some(side(leg)) } else { None };
                let why = ended(how).to_owned();
                Some(Self::Ended { bytes: a_to_b, in_order: how == End::Eof, side: broke, why })
            }
            // Of another join, of a tunnel, or nothing that a copy waits for.
            FromAgent::Refused { .. }
            | FromAgent::JoinReady { .. }
            | FromAgent::Joined { .. }
            | FromAgent::Stranger { .. }
            | FromAgent::Stat { .. }
            | FromAgent::Ended { .. }
            | FromAgent::Granted { .. }
            | FromAgent::TunnelReady { .. }
            | FromAgent::LegUp { .. }
            | FromAgent::HalfEof { .. }
            | FromAgent::Pong { .. }
            | FromAgent::Bye { .. }
            | FromAgent::Ext { .. } => None,
        }
    }
}

/// Whether a refusal is one of the moment: the relay is full or stops, or a grant has ended, and the next
/// join asks for another one.
const fn passes(code: Code) -> bool {
    match code {
        Code::Busy | Code::Draining | Code::NoGrant | Code::GrantUsed | Code::Expired => true,
        Code::Protocol
        | Code::Denied
        | Code::Unsupported
        | Code::Resolve
        | Code::ConnectionRefused
        | Code::Unreachable
        | Code::LegTimeout
        | Code::Strangers
        | Code::NoAddress
        | Code::Internal => false,
    }
}

const fn place(leg: LegState) -> Option<SocketAddr> {
    match leg {
        LegState::Listening(at) => Some(at),
        LegState::Dialing(_) => None,
    }
}

const fn side(leg: Leg) -> Side {
    match leg {
        Leg::A => Side::Source,
        Leg::B => Side::Destination,
    }
}

const fn ended(how: End) -> &'static str {
    match how {
        End::Eof => "both ends closed in order",
        End::Idle => "no byte came for too long",
        End::Stalled => "the receiver took nothing for too long",
        End::Reset(Leg::A) => "the source's data connection broke",
        End::Reset(Leg::B) => "the destination's data connection broke",
        End::LimitBytes => "the relay's limit of bytes was reached",
        End::LimitTime => "the relay's limit of time was reached",
        End::Revoked => "it was closed from here, or the token was taken away",
        End::Shutdown => "the relay stopped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::relay::message::Text;

    #[test]
    fn only_what_concerns_the_present_join_is_heard() {
        let (join, grant, other) = (Id(7), Id(6), Id(5));
        let check = |message, expect: Option<Said>| {
            assert_eq!(Said::of(message, join, grant), expect);
        };
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (a, b) = (LegState::Listening(at("192.0.2.9:1")), LegState::Dialing(at("192.0.2.2:2")));
        check(
            FromAgent::JoinReady { id: join, a, b },
            Some(Said::Ready { source: Some(at("192.0.2.9:1")), destination: None }),
        );
        check(FromAgent::JoinReady { id: other, a, b }, None);
        check(FromAgent::Joined { id: join }, Some(Said::Flows));
        check(FromAgent::Joined { id: other }, None);
        check(FromAgent::Stat { join, a_to_b: 3, b_to_a: 9 }, Some(Said::Stat { bytes: 3 }));
        check(FromAgent::Stat { join: other, a_to_b: 3, b_to_a: 9 }, None);
        let stranger = |join| FromAgent::Stranger { join, leg: Leg::B, peer: at("192.0.2.3:3") };
        check(stranger(join), Some(Said::Stranger { side: Side::Destination, peer: at("192.0.2.3:3") }));
        check(stranger(other), None);
        let ended = |id, how| FromAgent::Ended { id, a_to_b: 4, b_to_a: 0, how };
        let said =
            |in_order, side, why: &str| Some(Said::Ended { bytes: 4, in_order, side, why: why.to_owned() });
        check(ended(join, End::Eof), said(true, None, "both ends closed in order"));
        let source = Some(Side::Source);
        check(ended(join, End::Reset(Leg::A)), said(false, source, "the source's data connection broke"));
        check(ended(join, End::Shutdown), said(false, None, "the relay stopped"));
        check(ended(other, End::Eof), None);
        let refused = |id| FromAgent::Refused {
            id,
            code: Code::LegTimeout,
            leg: Some(Leg::A),
            text: Text::of("nobody"),
        };
        let why = "no connection came within the wait (nobody)".to_owned();
        let refusal = Some(Said::Refused { side: Some(Side::Source), why, for_now: false });
        check(refused(join), refusal.clone());
        check(refused(grant), refusal);
        check(refused(other), None);
        let refused = |code| FromAgent::Refused { id: join, code, leg: None, text: Text::of("") };
        for (code, for_now) in [(Code::Busy, true), (Code::GrantUsed, true), (Code::Denied, false)] {
            check(refused(code), Some(Said::Refused { side: None, why: code.to_string(), for_now }));
        }
    }
}
