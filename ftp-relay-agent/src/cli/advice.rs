//! What it means for this host how others see it, which verb to run here, and what is at an address where there is no relay
//! and no hub.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use ftp_io::link::Stranger;
use ftp_io::program::duration;
use ftp_io::socket::Stream;
use ftp_proto::address::unmapped;
use ftp_proto::listing::When;
use ftp_proto::reply::{Beginning, beginning};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::at_hub::HubAddress;

/// What runs at an address that was checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A relay, which servers connect to.
    Relay,
    /// A hub, where agents meet.
    Hub,
}

/// How one other host sees this one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct OutsideView {
    /// The other host, as it was typed.
    pub(super) by: String,
    pub(super) kind: Kind,
    /// The end of the connection here.
    pub(super) local: SocketAddr,
    /// The same end, as the other host sees it.
    pub(super) outside: SocketAddr,
}

/// What lies between this host and those that see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Nat {
    /// They see its own address.
    None,
    /// Another address, and the same port.
    Kept,
    /// Another address and another port; there was one host to ask, so it is not known whether it is the same for all.
    Changed,
    /// Another address and another port, the same one for each host that was asked.
    SameForAll,
    /// Each host sees another port.
    PerDestination,
}

impl Nat {
    /// What those who see this host tell together; `None` if no host was asked.
    pub(super) fn of(seen: &[OutsideView]) -> Option<Self> {
        let first = seen.first()?;
        if seen.iter().all(|seen| unmapped(seen.outside.ip()) == unmapped(seen.local.ip())) {
            return Some(Self::None);
        }
        // Only what came from one port can be compared.
        let comparable: Vec<&OutsideView> = seen.iter().filter(|seen| seen.local == first.local).collect();
        let same = comparable.iter().all(|seen| seen.outside.port() == first.outside.port());
        Some(match (same, first.outside.port() == first.local.port(), comparable.len()) {
            (false, ..) => Self::PerDestination,
            (true, true, _) => Self::Kept,
            (true, false, 0 | 1) => Self::Changed,
            (true, false, _) => Self::SameForAll,
        })
    }
}

impl fmt::Display for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "no NAT: others see the address that this host has",
            Self::Kept => "NAT that keeps ports: others see another address and the same port",
            Self::Changed => {
                "NAT that changes ports; name a second relay or hub to learn whether it is symmetric"
            }
            Self::SameForAll => "NAT that changes ports, in the same way for everybody",
            Self::PerDestination => "symmetric NAT: each host sees another port",
        })
    }
}

/// The line about the clock of a relay or hub, whose date is `theirs` while it is `ours` here. `dated` are the tokens that
/// have an end.
pub(super) fn clocks(what: &str, When(theirs): When, When(ours): When, dated: &[&str]) -> String {
    let apart = theirs.saturating_sub(ours);
    if apart.unsigned_abs() <= CLOCKS_AGREE {
        return format!("ok    the clocks of the {what} and of this host agree");
    }
    let relation = if apart > 0 { "ahead of" } else { "behind" };
    let concerned = match dated {
        [] => "no token here has an end, so nothing depends on it".to_owned(),
        names => format!("it decides when these tokens expire: {}; set both clocks", names.join(", ")),
    };
    format!(
        "warn  the clock of the {what} is {} {relation} that of this host; {concerned}",
        duration::words(Duration::from_secs(apart.unsigned_abs()))
    )
}

/// What to run on this host, in lines. `reaches` says whether it reaches an FTP server, if one was named.
pub(super) fn advice(seen: &[OutsideView], reaches: Option<bool>) -> Vec<String> {
    if reaches == Some(false) {
        let other = "if the server has another address in this network, check that one (--server LOCAL) and let an agent serve \
             both (--allow PUBLIC=LOCAL); otherwise choose a host that reaches the server";
        return vec![other.to_owned()];
    }
    let (Some(nat), Some(first)) = (Nat::of(seen), seen.first()) else { return Vec::new() };
    let mut lines = Vec::new();
    if nat == Nat::None {
        let at = SocketAddr::new(unmapped(first.local.ip()), PORT);
        lines.push(format!(
            "hosts that can connect to {} can use a relay here, if no firewall keeps them out: ftp-relay-agent run \
             --listen {at} --token-file FILE --allow SERVER",
            at.ip()
        ));
    } else {
        lines.push(
            "nobody can connect to this host unless its router forwards a port: let it join a hub".to_owned(),
        );
    }
    let hub = seen.iter().find(|seen| seen.kind == Kind::Hub);
    match (hub, nat) {
        (Some(hub), _) => lines.push(format!(
            "this host can join the hub: ftp-relay-agent join {} --name NAME --token-file FILE --allow SERVER",
            hub.by
        )),
        (None, Nat::None) => {}
        (None, _) => lines.push(
            "no hub was named: run ftp-relay-agent hub on a host that everybody can connect to, for example a small \
             rented one"
                .to_owned(),
        ),
    }
    match nat {
        Nat::None | Nat::Kept | Nat::SameForAll => {}
        Nat::PerDestination => lines.push(
            "between this host and another one behind NAT there is no direct path: the hub carries the bytes"
                .to_owned(),
        ),
        Nat::Changed => {}
    }
    lines
}

/// Clocks that differ by so many seconds agree: an answer takes its time, too.
const CLOCKS_AGREE: u64 = 30;
/// The port of relays in examples.
const PORT: u16 = 2190;

/// What is at an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum There {
    Ftp,
    Web,
    Ssh,
    /// Something that answered the handshake like this.
    Other(Stranger),
}

/// One line: what is there, and what to do.
pub(super) async fn what_is_there(address: &HubAddress, how: Stranger) -> String {
    let there = match how {
        Stranger::NotTls | Stranger::Closed => listen_to(address).await.unwrap_or(There::Other(how)),
        Stranger::OtherTls | Stranger::Silent => There::Other(how),
    };
    format!("{address} is no relay and no hub: {there}; name the port of ftp-relay-agent run or hub")
}

impl fmt::Display for There {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ftp => f.write_str("it is an FTP server, which check --server tries"),
            Self::Web => f.write_str("it is a web server"),
            Self::Ssh => f.write_str("it is an SSH server"),
            Self::Other(how) => how.fmt(f),
        }
    }
}

/// Connects once more and looks at what comes, first without a word of this end.
async fn listen_to(address: &HubAddress) -> Option<There> {
    let mut stream = timeout(PATIENCE, address.connect()).await.ok()?.ok()?;
    if let Some(there) = hear(&mut stream).await {
        return Some(there);
    }
    stream.write_all(b"HEAD / HTTP/1.0\r\n\r\n").await.ok()?;
    hear(&mut stream).await
}

/// What the first bytes are, if they come in time.
async fn hear(stream: &mut Stream) -> Option<There> {
    let mut said = Vec::new();
    let heard = async {
        let mut room = [0; 512];
        loop {
            let count = stream.read(&mut room).await.ok()?;
            said.extend_from_slice(room.get(..count).unwrap_or_default());
            if let Some(there) = of(&said) {
                return Some(there);
            }
            if count == 0 || said.len() >= room.len() {
                return None;
            }
        }
    };
    timeout(PATIENCE, heard).await.ok().flatten()
}

/// What says this first, as soon as it shows.
fn of(said: &[u8]) -> Option<There> {
    if said.starts_with(b"HTTP/") {
        return Some(There::Web);
    }
    if said.starts_with(b"SSH-") {
        return Some(There::Ssh);
    }
    match beginning(said) {
        Beginning::Greets | Beginning::Refuses(_) => Some(There::Ftp),
        Beginning::NotFtp | Beginning::Incomplete => None,
    }
}

/// How long something may take to say its first word.
const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(by: &str, kind: Kind, local: &str, outside: &str) -> OutsideView {
        let at = |text: &str| text.parse().unwrap();
        OutsideView { by: by.to_owned(), kind, local: at(local), outside: at(outside) }
    }

    fn check(seen: &[OutsideView], nat: Nat, expected: &[&str]) {
        assert_eq!(Nat::of(seen), Some(nat), "{seen:?}");
        let lines = advice(seen, None);
        let right = lines.len() == expected.len()
            && lines.iter().zip(expected).all(|(line, part)| line.contains(part));
        assert!(right, "{seen:?}: {lines:?}");
    }

    #[test]
    fn r51_the_advice_fits_what_lies_between_this_host_and_the_others() {
        let (relay, hub) = (Kind::Relay, Kind::Hub);
        let open = seen("192.0.2.5:2190", relay, "198.51.100.7:40000", "198.51.100.7:40000");
        check(std::slice::from_ref(&open), Nat::None, &["run --listen 198.51.100.7:2190"]);
        let at_hub = OutsideView { by: "hub:443".to_owned(), kind: hub, ..open };
        check(&[at_hub], Nat::None, &["run --listen 198.51.100.7:2190", "join hub:443"]);
        let kept = seen("hub:443", hub, "10.0.0.2:40000", "203.0.113.1:40000");
        check(std::slice::from_ref(&kept), Nat::Kept, &["forwards a port", "join hub:443"]);
        let other = seen("b:1", relay, "10.0.0.2:40000", "203.0.113.1:40001");
        check(
            &[kept.clone(), other.clone()],
            Nat::PerDestination,
            &["forwards a port", "join hub:443", "no direct path"],
        );
        check(std::slice::from_ref(&other), Nat::Changed, &["forwards a port", "no hub was named"]);
        let same = OutsideView { by: "c:1".to_owned(), ..other.clone() };
        check(&[other.clone(), same], Nat::SameForAll, &["forwards a port", "no hub was named"]);
        let elsewhere = seen("c:1", relay, "10.0.0.2:50000", "203.0.113.1:7");
        check(&[other, elsewhere], Nat::Changed, &["forwards a port", "no hub was named"]);
        assert_eq!(Nat::of(&[]), None);
    }

    #[test]
    fn a_host_that_does_not_reach_the_server_is_the_wrong_one() {
        let kept = seen("hub:443", Kind::Hub, "10.0.0.2:40000", "203.0.113.1:40000");
        for seen in [&[kept][..], &[]] {
            let lines = advice(seen, Some(false));
            assert!(lines.len() == 1 && lines[0].contains("choose a host"), "{lines:?}");
            assert!(lines[0].contains("--allow PUBLIC=LOCAL"), "{lines:?}");
        }
    }

    #[test]
    fn r54_check_says_how_far_the_clocks_are_apart_and_whom_that_concerns() {
        let at = |theirs| clocks("hub", When(theirs), When(1_000_000), &["ann"]);
        assert_eq!(at(1_000_030), "ok    the clocks of the hub and of this host agree");
        let ahead = at(1_000_600);
        assert!(
            ahead.starts_with("warn  the clock of the hub is 10 min ahead of that of this host; "),
            "{ahead}"
        );
        assert!(ahead.contains("expire: ann;"), "{ahead}");
        let behind = clocks("relay", When(900_000), When(1_000_000), &[]);
        assert!(behind.contains("is 28 h behind") && behind.contains("nothing depends on it"), "{behind}");
    }

    #[test]
    fn servers_are_known_by_their_first_words() {
        assert_eq!(of(b"220 welcome\r\n"), Some(There::Ftp));
        assert_eq!(of(b"SSH-2.0-x\r\n"), Some(There::Ssh));
        assert_eq!(of(b"HTTP/1.1 400 Bad Request\r\n"), Some(There::Web));
        assert_eq!(of(b"* OK IMAP4rev1\r\n"), None);
    }
}
