//! From a host name to a connection, in bounded time.

use crate::app::App;
use crate::cli::Exit;
use crate::place::Site;
use crate::problem::Problem;
use ftp_io::socket;
use ftp_proto::address::Family;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};

/// Connects to the control port of `site`.
pub(super) async fn dial(app: &App, site: &Site) -> Result<TcpStream, Problem> {
    let name = site.authority();
    let stream = connect(app, &site.host, site.port, &name, "a server").await?;
    socket::control(&stream).map_err(|error| failed(&name, &error, "a server"))?;
    Ok(stream)
}

/// Connects to `what` at a host; `name` is how people know it. Every address gets its share of the time.
pub(crate) async fn connect(
    app: &App,
    host: &str,
    port: u16,
    name: &str,
    what: &str,
) -> Result<TcpStream, Problem> {
    let found = within(app, app.waits.reply, lookup_host((host, port))).await;
    let addresses: Vec<SocketAddr> = match found {
        Some(Ok(addresses)) => {
            addresses.filter(|at| app.family.is_none_or(|family| Family::of(at.ip()) == family)).collect()
        }
        Some(Err(error)) => {
            return Err(Problem::new(Exit::Error, format!("cannot find the host {host}: {error}"))
                .advice("check its name"));
        }
        None if app.stop.is_raised() => return Err(Problem::interrupted()),
        None => {
            return Err(Problem::new(Exit::Temporary, format!("looking up the host {host} took too long")));
        }
    };
    let share = app.waits.reply / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut last = None;
    for address in addresses {
        match within(app, share, socket::connect(anywhere(address.ip()), address)).await {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => last = Some(failed(name, &error, what)),
            None if app.stop.is_raised() => return Err(Problem::interrupted()),
            None => {
                last = Some(
                    Problem::new(Exit::Temporary, format!("cannot connect to {name}: no answer in time"))
                        .advice("check the address, or raise --timeout"),
                );
            }
        }
    }
    Err(last.unwrap_or_else(|| {
        Problem::new(Exit::Error, format!("the host {host} has no address of the family asked for"))
    }))
}

fn failed(name: &str, error: &io::Error, what: &str) -> Problem {
    Problem::new(Exit::Temporary, format!("cannot connect to {name}: {}", words(error)))
        .advice(format!("check that {what} listens there"))
}

/// What an error of the operating system means, without its number.
pub(crate) fn words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.clone(), |(words, _)| words.to_lowercase())
}

/// The result of `work`, or `None` when `limit` passed or somebody wants to stop.
pub(crate) async fn within<T>(app: &App, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let deadline = app.clock.now() + limit;
    tokio::select! {
        biased;
        () = app.stop.raised() => None,
        done = work => Some(done),
        () = app.clock.sleep_until(Some(deadline)) => None,
    }
}

/// Any address of this host in the family of `like`.
pub(crate) const fn anywhere(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}
