//! Failures of a relay session: which relay, what it said, what to do.

use crate::config::Relay;
use crate::context::Context;
use crate::failure::{About, Failure, Kind, words};
use crate::place::Site;
use ftp_io::link::{LinkFailure, Stranger};
use ftp_proto::relay::conversation;
use ftp_proto::relay::link::LinkError;
use ftp_proto::relay::message::{Code, Leg, Pin, Text};
use ftp_proto::relay::token::Token;
use std::io::{self, ErrorKind};

/// `edge (relay.example.net:2190)`, or the address alone if the relay has no name.
pub(super) fn display_name(relay: &Relay) -> String {
    let address = relay.address.to_string();
    if relay.name == address { address } else { format!("{} ({address})", relay.name) }
}

/// The handshake failed: the token is not the same at both ends, or the connection failed.
pub(super) fn not_proven(
    context: &Context,
    display_name: &str,
    relay: &Relay,
    token: &Token,
    failure: &LinkFailure,
) -> Failure {
    let (name, file) = (token.name(), relay.token_file.display());
    match failure {
        LinkFailure::Proof(LinkError::Denied) => {
            let what = format!("the relay {display_name} does not accept the token {name} of {file}");
            let hint = if token.is_expired(context.world.today()) {
                "it has expired: ask for a new one (ftp-relay-agent token)"
            } else {
                "the relay must have the same line in its token file, a hub the line that token --for-hub prints; its log says why"
            };
            Failure::new(Kind::Untrusted, what).hint(hint)
        }
        LinkFailure::Proof(LinkError::Unproven | LinkError::Unexpected) => {
            let what =
                format!("the relay {display_name} did not prove that it knows the token {name} of {file}");
            Failure::new(Kind::Untrusted, what)
                .said(failure.to_string())
                .hint("check its address; nothing was sent to whoever answered")
        }
        LinkFailure::Proof(LinkError::Versions(..)) => {
            Failure::new(Kind::Other, format!("no session with the relay {display_name}"))
                .said(failure.to_string())
                .hint("bring the older of the two up to date")
        }
        LinkFailure::Io(_) | LinkFailure::Frame(_) => no_link(display_name, failure),
    }
}

/// A relay of this host cannot be connected to.
pub(super) fn no_socket(display_name: &str, error: &io::Error) -> Failure {
    let what = format!("cannot connect to the relay {display_name}: {}", words(error));
    if error.kind() == ErrorKind::PermissionDenied {
        return Failure::new(Kind::Refused, what)
            .hint("its owner lets you in by the permissions of the socket");
    }
    Failure::new(Kind::Temporary, what)
        .hint("check that ftp-relay-agent run --listen has the same path")
        .about(About::NoAnswer)
}

/// The connection failed before the relay proved its token.
pub(super) fn no_link(display_name: &str, failure: &LinkFailure) -> Failure {
    let (kind, said) = match (failure, failure.stranger()) {
        (_, Some(stranger @ (Stranger::NotTls | Stranger::OtherTls))) => {
            (Kind::Other, format!("it does not answer like a relay: {stranger}"))
        }
        (_, Some(Stranger::Closed)) => (Kind::Temporary, Stranger::Closed.to_string()),
        (LinkFailure::Io(error), _) if error.kind() == ErrorKind::InvalidData => {
            (Kind::Other, format!("it does not answer like a relay: {}", words(error)))
        }
        (LinkFailure::Io(error), _) => (Kind::Temporary, words(error)),
        (LinkFailure::Frame(_) | LinkFailure::Proof(_), _) => (Kind::Other, failure.to_string()),
    };
    let failure = Failure::new(kind, format!("no session with the relay {display_name}")).said(said);
    if kind == Kind::Temporary {
        failure.hint("try again later").about(About::Relay)
    } else {
        failure.hint("check that a relay listens there")
    }
}

/// The relay did not answer in time, or is not waited for any more.
pub(super) fn late(context: &Context, display_name: &str, for_what: &str) -> Failure {
    if context.run.cancel.is_cancelled() {
        return Failure::interrupted();
    }
    Failure::new(Kind::Temporary, format!("the relay {display_name} did not answer in time: {for_what}"))
        .hint("try again later, or raise --timeout")
        .about(About::Relay)
}

/// Why a session with a relay or a hub has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionEnd {
    /// The reason, for people.
    pub why: String,
    /// Whether the other end has ended it because no rule names the token.
    pub is_denied: bool,
}

impl SessionEnd {
    /// An end for which the other end gave no code.
    pub(super) fn because(why: &str) -> Self {
        Self { why: why.to_owned(), is_denied: false }
    }
}

impl From<conversation::Failure> for SessionEnd {
    fn from(failure: conversation::Failure) -> Self {
        let is_denied = matches!(failure, conversation::Failure::Bye { code: Code::Denied, .. });
        Self { why: failure.to_string(), is_denied }
    }
}

/// The relay session ended before an answer came. A relay whose policy does not name the token says so in its last message.
pub(super) fn lost(display_name: &str, end: &SessionEnd) -> Failure {
    let why = &end.why;
    if end.is_denied {
        return Failure::new(
            Kind::Untrusted,
            format!("the relay {display_name} does not let this token do anything"),
        )
        .said(why)
        .hint("its operator names the token in the policy file, or gives you another one");
    }
    Failure::new(Kind::Temporary, format!("the session with the relay {display_name} is over"))
        .said(why)
        .hint("try again later")
        .about(About::Relay)
}

/// The relay refused a tunnel to `site`.
pub(super) fn no_tunnel(display_name: &str, site: &Site, code: Code, text: &Text) -> Failure {
    let what = format!("the relay {display_name} does not connect to {}", site.authority());
    let failure = Failure::new(kind_of(code), what).said(format!("it said \"{}\"", code.with(text)));
    match code {
        Code::Denied => failure.hint(format!("start the relay with --allow {}", site.authority())),
        Code::Resolve => failure.hint("name the server by an address, or by a name that the relay knows"),
        Code::ConnectionRefused | Code::Unreachable => {
            failure.hint("check that a server listens there and that the relay can reach it")
        }
        Code::NoGreeting => failure.hint(
            "check that an FTP server listens there; where TLS begins at once, the relay's --allow must say PORT/tls",
        ),
        Code::Unwelcome => failure.hint("try again later: the server refuses all clients now"),
        Code::Busy | Code::Draining | Code::Expired | Code::LegTimeout | Code::GrantUsed => {
            failure.hint("try again later").about(About::Relay)
        }
        Code::Protocol
        | Code::NoGrant
        | Code::Unsupported
        | Code::Strangers
        | Code::NoAddress
        | Code::NoAgent
        | Code::NotPaired
        | Code::Replaced
        | Code::Internal => failure,
    }
}

/// There is no data connection with a server that only the relay reaches.
pub(super) fn no_data(display_name: &str, leg: Leg, code: Code, why: &str) -> Failure {
    let is_too_old = matches!(code, Code::Unsupported | Code::Protocol | Code::Internal);
    let what = match leg {
        Leg::Dial(to) => format!("the relay {display_name} does not connect to {to}"),
        Leg::Listen(Pin { ip, .. }) => format!("the relay {display_name} has no connection from {ip}"),
    };
    let hint = match leg {
        _ if is_too_old => Some("check that the relay is as new as this program"),
        Leg::Dial(_) if code == Code::Denied => Some(
            "ask its operator to name the data ports of the server (--data-ports), or give the server ports that are named",
        ),
        Leg::Dial(_) if code == Code::ConnectionRefused => {
            Some("the server has told a port at which nobody listens, or a firewall refuses the relay")
        }
        Leg::Dial(_) => Some("check that the relay can reach the data ports of the server"),
        Leg::Listen(_) if code == Code::NoAddress => {
            Some("ask its operator to name the address at which servers reach it (--listen, --address)")
        }
        Leg::Listen(_) if code == Code::LegTimeout => {
            Some("check that the server can connect to the relay (a firewall may be between)")
        }
        Leg::Listen(_) => None,
    };
    Failure::new(Kind::NoPath, what).said(format!("the relay said \"{why}\"")).hint_if(hint)
}

/// A join with this host is not made now.
pub(super) fn no_data_now(display_name: &str, why: &str) -> Failure {
    let what = format!("the relay {display_name} makes no data connection now");
    let failure = Failure::new(Kind::Temporary, what).said(format!("it said \"{why}\""));
    failure.hint("try again later").about(About::Relay)
}

/// The hub refused a call to an agent.
pub(super) fn no_call(display_name: &str, agent: &str, code: Code, text: &Text) -> Failure {
    Failure::new(kind_of(code), format!("the hub {display_name} does not reach the agent {agent}"))
        .said(format!("it said \"{}\"", code.with(text)))
        .hint("try again later, or look whether ftp-relay-agent join still runs there")
        .about(About::Relay)
}

/// No agent has joined the hub.
pub(super) fn nobody(display_name: &str) -> Failure {
    Failure::new(
        Kind::NoPath,
        format!("no agent of the group of this token has joined the hub {display_name}"),
    )
    .hint("run ftp-relay-agent join near each server, with a token of the same --group")
}

/// No agent of a hub reaches a server. `said` is what the last of them has said, and how many the others are.
pub(super) fn out_of_reach(display_name: &str, site: &Site, said: &[String]) -> Failure {
    Failure::new(Kind::NoPath, format!("no agent at the hub {display_name} reaches {}", site.authority()))
        .said(said.join("; "))
        .hint(format!("join the hub from a host that reaches it, with --allow {}", site.authority()))
}

/// The agent that has reached a server does not now. It has gone, or is there and says `why` not.
pub(super) fn away(display_name: &str, site: &Site, agent: &str, why: Option<&str>) -> Failure {
    let nobody = format!("no agent at the hub {display_name} reaches {} now", site.authority());
    let failure = match why {
        None => Failure::new(Kind::Temporary, format!("{nobody}: the agent {agent} has left"))
            .hint("look whether ftp-relay-agent join still runs there, or try again later"),
        Some(why) => Failure::new(Kind::Temporary, format!("{nobody}, and the agent {agent} has reached it"))
            .said(why)
            .hint("try again later"),
    };
    failure.about(About::Relay)
}

/// The kind of failure that a refused tunnel is.
const fn kind_of(code: Code) -> Kind {
    match code {
        Code::Denied | Code::NoAddress | Code::NoGreeting | Code::Unsupported => Kind::NoPath,
        Code::ConnectionRefused
        | Code::Unreachable
        | Code::Busy
        | Code::Draining
        | Code::Expired
        | Code::LegTimeout
        | Code::GrantUsed
        | Code::Unwelcome
        | Code::NoAgent
        | Code::NotPaired
        | Code::Replaced
        | Code::Strangers => Kind::Temporary,
        Code::Resolve | Code::Protocol | Code::NoGrant | Code::Internal => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r28_a_token_that_the_policy_does_not_name_is_told_as_one_that_is_wrong() {
        let lost = |code| {
            let bye = conversation::Failure::Bye { code, text: Text::default(), retry_after: None };
            lost("edge", &bye.into())
        };
        assert_eq!(lost(Code::Denied).kind, Kind::Untrusted);
        let stops = lost(Code::Draining);
        assert_eq!((stops.kind, stops.about), (Kind::Temporary, About::Relay));
    }
}
