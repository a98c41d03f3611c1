//! `doctor`: looks at this host and tells in one line each what a copy may trip over, and what to do about it.

use super::long_lines::{self, Line};
use super::places::read_netrc;
use super::{General, passwords, program};
use crate::config::{self, Settings};
use crate::context::Context;
use crate::failure::{Failure, FtpUser, Kind, Result, words};
use crate::job::Status;
use crate::place::PasswordSource;
use crate::report::{Checked, Event, THIS_HOST, Verdict};
use crate::session::within;
use crate::world::look_up;
use clap::Args;
use ftp_io::clock::since_1970;
use ftp_io::simulated;
use ftp_io::socket::{self, TcpSettings};
use ftp_proto::address::{Kind as Address, kind};
use ftp_proto::wire::counted;
use rustix::fs::{Access, access};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Look at this host: names, clock, certificates, settings
///
/// Its addresses, too, its directories, and whether servers can connect to it. Nothing leaves this host but questions for the names of the sites of the settings. Each finding is one line with what
/// to do. The exit status is 0 if nothing is BAD.
#[derive(Args, Debug)]
pub(super) struct DoctorArgs {
    /// A long line to have large enough buffers for: bytes per second, and its round-trip time [default: 12500000,100ms]
    #[arg(long, value_name = "RATE,T")]
    line: Option<Line>,
}

/// Runs the verb. The context ends with it, because the report waits for its last event.
pub(super) async fn run(context: Context, general: &General, args: DoctorArgs) -> Result<Status> {
    let read = settings(general.settings_file().as_deref());
    let known = read.as_ref().map(|(settings, _)| settings.clone()).unwrap_or_default();
    let mut all = names(&context, &known).await;
    all.extend(addresses().await);
    all.extend(long_lines(&known, args.line));
    all.push(clock());
    all.push(certificates());
    all.push(read.map_or_else(|bad| bad, |(_, found)| found));
    all.push(state(&context, general.state_directory().as_deref()));
    all.extend(netrc());
    all.extend(passwords(&known));
    all.extend(relays(&known));
    all.push(keyring());
    if context.run.cancel.is_cancelled() {
        return Err(Failure::interrupted());
    }
    let worst = all.iter().map(|found| found.verdict).max();
    for found in all {
        context.run.events.say(Event::Checked(Checked { of: THIS_HOST.to_owned(), ..found }));
    }
    Ok(if worst == Some(Verdict::Bad) { Status::Failed(Kind::Other) } else { Status::Done })
}

/// The resolver: names of this host, and of the sites of the settings.
async fn names(context: &Context, settings: &Settings) -> Vec<Checked> {
    let mut all = Vec::new();
    let own = within(context, LOOKUP, look_up("localhost", 0)).await;
    all.push(match own {
        Some(Ok(_)) => Checked::good("resolver", "localhost is found"),
        Some(Err(error)) => {
            Checked::bad("resolver", format!("localhost is not found: {error}"), "add it to /etc/hosts")
        }
        None => Checked::bad("resolver", "localhost is not found in time", "look at /etc/resolv.conf"),
    });
    for (name, place) in settings.sites.iter().take(MOST_SITES) {
        let host = place.site.host.as_str();
        if host.parse::<IpAddr>().is_ok() {
            continue;
        }
        let found = within(context, LOOKUP, look_up(host, place.site.port)).await;
        let checked = match found {
            Some(Ok(addresses)) => {
                let all: Vec<String> =
                    addresses.iter().take(MOST_ADDRESSES).map(|at| at.ip().to_string()).collect();
                Checked::good("resolver", format!("{name}: {host} is {}", all.join(", ")))
            }
            Some(Err(error)) if error.kind() != io::ErrorKind::TimedOut => {
                let hint = format!("check the url of [sites.{name}], and /etc/resolv.conf");
                Checked::bad("resolver", format!("{name}: {host} is not found: {error}"), hint)
            }
            Some(Err(_)) | None => {
                let what = format!("{name}: no answer about {host}");
                Checked::bad("resolver", what, "look at /etc/resolv.conf")
            }
        };
        all.push(checked);
    }
    all
}

/// Which addresses this host has towards the world, and whether servers can connect to it.
async fn addresses() -> Vec<Checked> {
    // Nothing is sent: the system chooses a route. Nobody has these addresses (RFC 5737, RFC 3849).
    let v4 = socket::route(Ipv4Addr::new(192, 0, 2, 1).into());
    let v6 = socket::route(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into());
    let route = |family: &'static str, own: Option<IpAddr>, hint: &str| match own {
        Some(own) => Checked::good(family, format!("from {own}")),
        None => Checked::note(family, "there is no route", hint),
    };
    let of_names_with_ipv6 = "if names have IPv6 addresses all the same, -4 saves a try for each connection";
    vec![
        route("ipv4", v4, "servers that have IPv4 alone are not reached"),
        route("ipv6", v6, of_names_with_ipv6),
        listening(v4.or(v6)).await,
    ]
}

/// Whether a port can be listened on, and who may reach it.
async fn listening(own: Option<IpAddr>) -> Checked {
    let at = own.unwrap_or(Ipv4Addr::LOCALHOST.into());
    let connected = async {
        let listener = socket::listen(SocketAddr::new(at, 0))?;
        let to = listener.local()?;
        let (connected, accepted) = tokio::join!(socket::connect(at, to), listener.accept());
        connected.and(accepted.map(drop)).map(drop)
    };
    let passive = "copies still work where servers listen (passive mode)";
    let why = match tokio::time::timeout(LOOKUP, connected).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("this host cannot listen at {at}: {error}")),
        Err(_) => Some(format!("a firewall drops connections to {at}")),
    };
    if let Some(why) = why {
        return Checked::note("listening", why, passive);
    }
    match kind(at) {
        Address::Public => Checked::good(
            "listening",
            format!("{at} can be listened on; a firewall before this host may forbid it"),
        ),
        Address::Private | Address::LinkLocal => Checked::note(
            "listening",
            format!("{at} can be listened on, and is private: servers elsewhere cannot connect to it (NAT)"),
            format!("{passive}; --path direct between two servers does not need it"),
        ),
        Address::Loopback | Address::Unspecified | Address::Multicast | Address::Broadcast => {
            Checked::note("listening", "only this host can connect to this host", passive)
        }
    }
}

/// What is there for long lines.
fn long_lines(settings: &Settings, line: Option<Line>) -> Vec<Checked> {
    let chosen = settings.congestion.as_ref().map(|chosen| (chosen.to_string(), chosen.check().err()));
    let chosen = chosen.as_ref().map(|(name, refused)| (name.as_str(), refused.clone()));
    long_lines::findings(&TcpSettings::of_host(), chosen, line.unwrap_or_default())
}

/// Whether the clock can be right.
fn clock() -> Checked {
    let now = since_1970().as_secs();
    if !(EARLIEST..LATEST).contains(&now) {
        let what = format!("it is {now} s after 1970, which cannot be");
        return Checked::bad("clock", what, "set it: certificates and --overwrite newer depend on it");
    }
    let marks =
        ["/run/systemd/timesync/synchronized", "/run/chrony", "/run/chrony/chronyd.pid", "/run/ntpd.pid"];
    if marks.iter().any(|mark| Path::new(mark).exists()) {
        return Checked::good("clock", "a service keeps it right (NTP)");
    }
    let hint = format!("{FtpUser} sites test NAME compares it with a server's");
    Checked::note("clock", "no service was found that keeps it right", hint)
}

/// The authorities that this host trusts.
fn certificates() -> Checked {
    let (count, errors) = ftp_io::tls::roots_of_host();
    if count > 0 {
        return Checked::good("authorities", format!("this host trusts {count}"));
    }
    let why = errors.first().map_or_else(String::new, |why| format!(": {why}"));
    let hint = "install ca-certificates, or set SSL_CERT_FILE; --ca and --pin name certificates";
    Checked::bad("authorities", format!("this host trusts no authority{why}"), hint)
}

/// The settings, and what is wrong with them.
fn settings(file: Option<&Path>) -> Result<(Settings, Checked), Checked> {
    let Some(file) = file else {
        let hint = "set HOME, or name a file with --config";
        return Err(Checked::note("settings", "there is no home directory", hint));
    };
    let shown = file.display();
    if !file.exists() {
        let found = Checked::good("settings", format!("there is no {shown} yet"));
        return Ok((Settings::default(), found));
    }
    let settings =
        program::settings(Some(file)).map_err(|failure| failed("settings", failure, "repair the file"))?;
    let sites = counted(settings.sites.iter().count() as u64, "site");
    let what = format!("{shown} has {sites}{}", defaults_of(&settings));
    Ok((settings, Checked::good("settings", what)))
}

/// What options mean where they are not typed, for people. A proxy is shown without its login.
fn defaults_of(settings: &Settings) -> String {
    let trust = settings.trust.map(|trust| format!("--trust {}", trust.name()));
    let proxy = settings.proxy.as_ref().map(|proxy| format!("--proxy socks5://{proxy}"));
    let others = settings.defaults.iter().map(|(name, value)| format!("--{name} {value}"));
    let mut all: Vec<String> = others.chain(trust).chain(proxy).collect();
    all.sort();
    if all.is_empty() { String::new() } else { format!("; where nothing is typed: {}", all.join(" ")) }
}

/// The state directory.
fn state(context: &Context, directory: Option<&Path>) -> Checked {
    let Some(directory) = directory else {
        let hint = "set HOME, or name a directory with --state";
        return Checked::bad("state", "there is no home directory", hint);
    };
    let shown = directory.display();
    if !directory.exists() {
        let above = directory.ancestors().find(|above| above.is_dir()).unwrap_or(Path::new("."));
        return if may_write(above) {
            Checked::good("state", format!("{shown} is made at the first copy"))
        } else {
            let what = format!("{shown} cannot be made: {} cannot be written", above.display());
            Checked::bad("state", what, STATE_ELSEWHERE)
        };
    }
    if let Err(why) = crate::journal::check_directory(directory) {
        return Checked::bad(
            "state",
            why,
            "it holds the certificates of servers: chmod 700 it if it is yours",
        );
    }
    if !may_write(directory) {
        return Checked::bad("state", format!("{shown} cannot be written"), STATE_ELSEWHERE);
    }
    let probe = tempfile::NamedTempFile::new_in(directory);
    if let Err(error) = probe.and_then(|mut file| file.write_all(&[b'.'; 4096])) {
        let what = format!("{shown} takes no new file: {}", words(&error));
        return Checked::bad("state", what, "make room, or name another with --state");
    }
    if let Err(failure) = context.store.sites.recall("localhost:21") {
        return failed("state", failure, "repair or remove that file");
    }
    match context.store.journal.known_jobs() {
        Ok(known) => match known.unreadable.first() {
            Some(row) => Checked::bad("state", row.failure.to_string(), row.hint()),
            None => {
                let jobs = counted(known.readable.len() as u64, "job");
                Checked::good("state", format!("{shown} has {jobs}"))
            }
        },
        Err(why) => Checked::bad("state", why.to_string(), "name another directory with --state"),
    }
}

/// What has failed. The hint holds if the failure has none.
fn failed(check: &'static str, failure: Failure, hint: &str) -> Checked {
    Checked::bad(check, failure.what, failure.hint.as_deref().unwrap_or(hint))
}

fn may_write(directory: &Path) -> bool {
    access(directory, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// `~/.netrc`, if it is there.
fn netrc() -> Option<Checked> {
    let file = PathBuf::from(simulated::variable("HOME")?).join(".netrc");
    if !file.exists() {
        return None;
    }
    Some(match read_netrc(&file) {
        Ok(_) => Checked::good("netrc", format!("{} is yours alone", file.display())),
        Err(failure) => failed("netrc", failure, ""),
    })
}

/// The password files of sites. A pipe is not read: what it gives is for the verb that uses it.
fn passwords(settings: &Settings) -> Vec<Checked> {
    let is_pipe = |file: &Path| std::fs::metadata(file).is_ok_and(|facts| facts.file_type().is_fifo());
    let (mut good, mut all) = (0, Vec::new());
    for (name, place) in settings.sites.iter() {
        let Some(PasswordSource::File(file)) = place.site.password_source() else { continue };
        if is_pipe(file) {
            continue;
        }
        match passwords::of_file(file, &format!("password-file of [sites.{name}]")) {
            Ok(_) => good += 1,
            Err(failure) => {
                let hint = format!("{FtpUser} sites edit {name} --help tells how to change it");
                all.push(failed("password", failure.during(name), &hint));
            }
        }
    }
    if good > 0 {
        let words = counted(good, "password file");
        all.insert(0, Checked::good("password", format!("{words} of sites: nobody else may read them")));
    }
    all
}

/// The token files of relays.
fn relays(settings: &Settings) -> Vec<Checked> {
    let check = |relay: &config::Relay| match relay.token() {
        Ok(_) => Checked::good("relay", format!("{} has its token", relay.name)),
        Err(failure) => {
            Checked::bad("relay", failure.what, "put the token of the relay into that file, mode 0600")
        }
    };
    settings.relays.iter().map(check).collect()
}

/// Whether passwords can be kept in a keyring.
fn keyring() -> Checked {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&paths).any(|directory| directory.join("secret-tool").is_file());
    let what = match is_there {
        true => "secret-tool is there: sites add --keyring",
        false => "there is no secret-tool: passwords of sites are kept in files of mode 0600",
    };
    Checked::good("keyring", what)
}

/// How long a name may take.
const LOOKUP: Duration = Duration::from_secs(5);
/// So many addresses of a name are shown at most.
const MOST_ADDRESSES: usize = 4;
/// So many sites are looked up at most.
const MOST_SITES: usize = 16;
/// 2026-01-01 and 2100-01-01, in seconds since 1970: a clock that shows another time is wrong.
const EARLIEST: u64 = 1_767_225_600;
const LATEST: u64 = 4_102_444_800;
/// What helps where the state directory cannot be written.
const STATE_ELSEWHERE: &str = "make it yours, or name another with --state";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_and_proxy_are_told_with_the_other_defaults_and_no_password_is() {
        let proxy = "socks5://ann:s3cret@h:1080".parse().ok();
        let settings = Settings { trust: "known".parse().ok(), proxy, ..Settings::default() };
        assert_eq!(defaults_of(&settings), "; where nothing is typed: --proxy socks5://h:1080 --trust known");
        assert_eq!(defaults_of(&Settings::default()), "");
    }
}
