//! From a host name to a connection, in bounded time.

use super::connection::Role;
use crate::context::Context;
use crate::failure::{About, Failure, Kind, Result, words};
use crate::place::Site;
use crate::world::{self, HostPort, Stream, look_up, unbound};
use ftp_proto::address::Family;
use std::io;
use std::time::Duration;

/// A connection to a server or a relay.
#[derive(Debug)]
pub(crate) struct Dialed {
    /// Its peer may be a proxy.
    pub(crate) stream: Stream,
    /// Where it leads.
    pub(crate) to: HostPort,
    /// How long the connection took.
    pub(crate) round_trip: Duration,
}

/// Connects to the control port of `site`. See [`connect`].
pub(super) async fn dial(context: &Context, site: &Site, role: Role) -> Result<Dialed> {
    let end = if role == Role::Server { String::new() } else { format!("the {} ", role.name()) };
    let name = end + &site.authority() + if site.port == 21 { " (the default port)" } else { "" };
    let connected = connect(context, &site.host, site.port, &name, "a server").await;
    connected.map_err(|failure| match failure.kind == Kind::Other && may_be_of_login(site) {
        true => {
            let hint = failure.hint.clone().unwrap_or_default();
            failure.hint(format!("{hint}; in a user or a password of a URL, / is written %2F"))
        }
        false => failure,
    })
}

/// Whether the host may be the beginning of a user or a password: `/` ends the host of `ftp://a/b:c@h`.
fn may_be_of_login(site: &Site) -> bool {
    site.user.is_none() && !site.host.contains(['.', ':']) && site.host != "localhost"
}

/// Connects to `what` at a host; `name` is how people know it. Every address gets its share of the time. If there is a
/// proxy, it connects, and looks up a name that this host does not know.
pub(crate) async fn connect(
    context: &Context,
    host: &str,
    port: u16,
    name: &str,
    what: &str,
) -> Result<Dialed> {
    let limit = context.settings.patience.reply
        / if context.settings.proxy.is_some() { PATIENCE_FOR_OWN_LOOKUP } else { 1 };
    let found = within(context, limit, look_up(host, port)).await;
    let targets: Vec<HostPort> = match found {
        Some(Ok(addresses)) => addresses
            .into_iter()
            .filter(|at| context.settings.family.is_none_or(|family| Family::of(at.ip()) == family))
            .map(HostPort::Address)
            .collect(),
        None if context.run.cancel.is_cancelled() => return Err(Failure::interrupted()),
        Some(Err(_)) | None if context.settings.proxy.is_some() => {
            vec![HostPort::Name(host.to_owned(), port)]
        }
        Some(Err(error)) if error.kind() != io::ErrorKind::TimedOut => {
            return Err(Failure::new(Kind::Other, format!("cannot find the host {host}: {}", words(&error)))
                .hint("check its name, and the resolver of this host"));
        }
        found => {
            let hint = match found {
                Some(_) => "check the resolver of this host, and try again later",
                None => "check the resolver of this host, or raise --timeout",
            };
            return Err(Failure::new(
                Kind::Temporary,
                format!("the resolver does not answer about the host {host}"),
            )
            .hint(hint)
            .about(About::NoAnswer));
        }
    };
    let share = context.settings.patience.reply / u32::try_from(targets.len().max(1)).unwrap_or(u32::MAX);
    let mut last = None;
    for to in targets {
        let begun = context.world.clock.now();
        let connecting = world::connect(context.settings.proxy.as_ref(), unbound(&to), to.clone());
        match within(context, share, connecting).await {
            Some(Ok(stream)) => {
                let round_trip = context.world.clock.now().since(begun);
                return Ok(Dialed { stream, to, round_trip });
            }
            Some(Err(error)) => last = Some(failed(context, name, &error, what)),
            None if context.run.cancel.is_cancelled() => return Err(Failure::interrupted()),
            None => {
                last = Some(
                    Failure::new(
                        Kind::Temporary,
                        format!("cannot connect to {name}{}: no answer in time", via(context)),
                    )
                    .hint("check the address, or raise --timeout")
                    .about(About::NoAnswer),
                );
            }
        }
    }
    Err(last.unwrap_or_else(|| {
        Failure::new(Kind::Other, format!("the host {host} has no address of the family asked for"))
    }))
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the kinds of I/O errors are not ours")]
fn failed(context: &Context, name: &str, error: &io::Error, what: &str) -> Failure {
    let told = |kind| Failure::new(kind, format!("cannot connect to {name}: {}", words(error)));
    match (error.kind(), &context.settings.proxy) {
        (io::ErrorKind::PermissionDenied, Some(_)) => {
            told(Kind::Refused).hint("check the user and password of the proxy, and ask its operator")
        }
        (io::ErrorKind::InvalidData, Some(_)) => {
            told(Kind::Other).hint("check the address of the proxy: it must be a SOCKS5 proxy")
        }
        (_, proxy) => {
            let also = if proxy.is_some() { "the proxy, and " } else { "" };
            let hint = format!("check {also}that {what} listens there");
            told(Kind::Temporary).hint(hint).about(About::NoAnswer)
        }
    }
}

/// The proxy, as a part of a sentence.
pub(super) fn via(context: &Context) -> String {
    context.settings.proxy.as_ref().map_or_else(String::new, |proxy| format!(" through the proxy {proxy}"))
}

/// The result of `work`, or `None` when `limit` passed or somebody wants to stop.
pub(crate) async fn within<T>(context: &Context, time: Duration, work: impl Future<Output = T>) -> Option<T> {
    let deadline = context.world.clock.now() + time;
    tokio::select! {
        biased;
        () = context.run.cancel.cancelled() => None,
        done = work => Some(done),
        () = context.world.clock.sleep_until(Some(deadline)) => None,
    }
}

/// The part of the patience after which a name is left to the proxy.
const PATIENCE_FOR_OWN_LOOKUP: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::{Location, Netrc};

    #[test]
    fn a_host_may_be_the_beginning_of_a_user_or_a_password_that_has_a_slash() {
        for (url, expect) in [
            ("ftp://a/b:c@h/", true),
            ("ftp://ann:12/34@h/", true),
            ("ftp://ann@a/b", false),
            ("ftp://a.example/b:c@h", false),
            ("ftp://[::1]/b:c@h", false),
            ("ftp://localhost/b", false),
        ] {
            let place = Location::parse(url.as_bytes(), &Netrc::default()).unwrap();
            assert_eq!(may_be_of_login(place.site().unwrap()), expect, "{url}");
        }
    }
}
