//! From a host name to a connection, in bounded time.

use crate::context::Context;
use crate::failure::{About, Failure, Kind, words};
use crate::place::Site;
use ftp_io::socket;
use ftp_proto::address::Family;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};

/// Connects to the control port of `site`.
pub(super) async fn dial(context: &Context, site: &Site) -> Result<TcpStream, Failure> {
    let name = site.authority();
    connect(context, &site.host, site.port, &name, "a server").await
}

/// Connects to `what` at a host; `name` is how people know it. Every address gets its share of the time.
pub(crate) async fn connect(
    context: &Context,
    host: &str,
    port: u16,
    name: &str,
    what: &str,
) -> Result<TcpStream, Failure> {
    let found = within(context, context.patience.reply, lookup_host((host, port))).await;
    let addresses: Vec<SocketAddr> = match found {
        Some(Ok(addresses)) => {
            addresses.filter(|at| context.family.is_none_or(|family| Family::of(at.ip()) == family)).collect()
        }
        Some(Err(error)) => {
            return Err(Failure::new(Kind::Other, format!("cannot find the host {host}: {error}"))
                .hint("check its name"));
        }
        None if context.cancel.is_cancelled() => return Err(Failure::interrupted()),
        None => {
            return Err(Failure::new(Kind::Temporary, format!("looking up the host {host} took too long"))
                .about(About::NoAnswer));
        }
    };
    let share = context.patience.reply / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut last = None;
    for address in addresses {
        match within(context, share, socket::connect(anywhere(address.ip()), address)).await {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => last = Some(failed(name, &error, what)),
            None if context.cancel.is_cancelled() => return Err(Failure::interrupted()),
            None => {
                last = Some(
                    Failure::new(Kind::Temporary, format!("cannot connect to {name}: no answer in time"))
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

fn failed(name: &str, error: &io::Error, what: &str) -> Failure {
    Failure::new(Kind::Temporary, format!("cannot connect to {name}: {}", words(error)))
        .hint(format!("check that {what} listens there"))
        .about(About::NoAnswer)
}

/// The result of `work`, or `None` when `limit` passed or somebody wants to stop.
pub(crate) async fn within<T>(
    context: &Context,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let deadline = context.clock.now() + limit;
    tokio::select! {
        biased;
        () = context.cancel.cancelled() => None,
        done = work => Some(done),
        () = context.clock.sleep_until(Some(deadline)) => None,
    }
}

/// Any address of this host in the family of `like`.
pub(crate) const fn anywhere(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}
