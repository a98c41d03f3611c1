//! Two servers, each ours or other people's, each letting foreign hosts take part or not: what a copy
//! between them should come to.

use super::{Foreign, ForeignServer, Hosts, Kind, Skipped, own_address};
use crate::site::{Server, Site, sample};
use crate::user::Run;
use ftp_proto::dialect::Dialect;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Whose server it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Who {
    /// Our own `ftp-server`.
    Ours,
    /// A server of other people.
    Theirs(Kind),
}

impl Who {
    /// Every kind, ours first.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        std::iter::once(Self::Ours).chain(Kind::ALL.map(Self::Theirs))
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ftp-server",
            Self::Theirs(kind) => kind.name(),
        }
    }

    /// The option without which the user agent uses none of these servers in clear: Netkit's agrees to begin TLS, and has
    /// no certificate.
    pub fn without_tls(servers: &[Self]) -> Option<&'static str> {
        servers.contains(&Self::Theirs(Kind::Netkit)).then_some("--no-tls")
    }

    /// The most open policy for foreign hosts that it can have.
    pub fn most_open(self) -> Hosts {
        match self {
            Self::Ours => Hosts::Allowed,
            Self::Theirs(kind) => kind.most_open(),
        }
    }

    /// The most closed one.
    pub fn most_closed(self) -> Hosts {
        match self {
            Self::Ours => Hosts::Refused,
            Self::Theirs(kind) => kind.most_closed(),
        }
    }

    /// Starts it with these files. Ours refuses as it does by default: a foreign host without a proof.
    pub fn start(self, hosts: Hosts, files: &[(&str, Vec<u8>)]) -> Result<End, Skipped> {
        self.start_at(own_address(), hosts, files)
    }

    /// The same at another address.
    pub fn start_at(self, ip: IpAddr, hosts: Hosts, files: &[(&str, Vec<u8>)]) -> Result<End, Skipped> {
        match self {
            Self::Ours => {
                let site = Site::new("pair").at(&ip.to_string());
                let site = files.iter().fold(site, |site, (path, bytes)| site.file(path, bytes));
                Ok(End::Ours(Box::new(wider(site, hosts)?.start())))
            }
            Self::Theirs(kind) => {
                let server = Foreign::new(kind).foreign(hosts).at(&ip.to_string());
                let server = files.iter().fold(server, |server, (path, bytes)| server.file(path, bytes));
                Ok(End::Theirs(Box::new(server.start()?)))
            }
        }
    }
}

/// Foreign servers cannot prove that they take part: a site that works with them trusts their networks.
fn wider(site: Site, hosts: Hosts) -> Result<Site, Skipped> {
    let networks = "127.0.0.0/8,10.0.0.0/8,fd00::/8";
    match hosts {
        Hosts::Allowed => Ok(site.args(["--foreign", "authenticated", "--foreign-networks", networks])),
        Hosts::Refused => Ok(site),
        Hosts::OnlyToConnect | Hosts::OnlyToAccept => {
            Err(Skipped("ftp-server has one policy for both directions".into()))
        }
    }
}

/// A server that runs.
#[derive(Debug)]
pub enum End {
    /// Our own `ftp-server`.
    Ours(Box<Server>),
    /// A server of other people.
    Theirs(Box<ForeignServer>),
}

impl End {
    /// Whose server it is.
    pub fn who(&self) -> Who {
        match self {
            Self::Ours(_) => Who::Ours,
            Self::Theirs(server) => Who::Theirs(server.kind()),
        }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        match self {
            Self::Ours(server) => server.url(path),
            Self::Theirs(server) => server.url(path),
        }
    }

    /// The same where it has TLS, after AUTH.
    pub fn private_url(&self, path: &str) -> String {
        self.url(path).replacen("ftp://", "ftpes://", 1)
    }

    /// The fingerprint of its certificate.
    pub fn pin(&self) -> String {
        match self {
            Self::Ours(server) => server.pin(),
            Self::Theirs(server) => server.certificate().fingerprint(),
        }
    }

    /// Where it listens; ours in the dialect of today.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Ours(server) => server.address(Dialect::Rfc959),
            Self::Theirs(server) => server.address(),
        }
    }

    /// The address that it listens at, which its data connections have too.
    pub fn ip(&self) -> IpAddr {
        self.address().ip()
    }

    /// The content of a file.
    pub fn bytes(&self, path: &str) -> Vec<u8> {
        match self {
            Self::Ours(server) => server.bytes(path),
            Self::Theirs(server) => server.bytes(path),
        }
    }

    /// All names below the root.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Ours(server) => server.names(),
            Self::Theirs(server) => server.names(),
        }
    }

    /// The place of a path in the real file system.
    pub fn path(&self, path: &str) -> PathBuf {
        match self {
            Self::Ours(server) => server.path(path),
            Self::Theirs(server) => server.path(path),
        }
    }

    /// All that it has said.
    pub fn said(&self) -> String {
        match self {
            Self::Ours(server) => server.running.said(),
            Self::Theirs(server) => server.said(),
        }
    }
}

/// All that is known of a copy, for a person who has to find out. `more` is what others have said.
pub fn shown(run: &Run, from: &End, to: &End, more: &str) -> String {
    format!(
        "{:?} -> {:?}\n{run}\n-- the trace --\n{}\n-- source --\n{}\n-- destination --\n{}\n{more}",
        from.who(),
        to.who(),
        String::from_utf8_lossy(&run.bytes("trace.txt")),
        from.said(),
        to.said()
    )
}

/// How a file can go from one server to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirectPath {
    /// Straight: the source connects to the destination.
    DestinationListens,
    /// Straight: the destination connects to the source.
    SourceListens,
    /// Not without a third party between them.
    None,
}

impl DirectPath {
    /// What the page shows of it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::DestinationListens => "direct, D",
            Self::SourceListens => "direct, S",
            Self::None => "user",
        }
    }
}

/// The direct path that two configurations leave open; the destination listens when both may.
pub fn direct_path(from: (Who, Hosts), to: (Who, Hosts)) -> DirectPath {
    direct_path_for(from, to, true)
}

/// The same for a user whose control connections come from an address that no server has.
pub fn direct_path_from_afar(from: (Who, Hosts), to: (Who, Hosts)) -> DirectPath {
    direct_path_for(from, to, false)
}

fn direct_path_for(from: (Who, Hosts), to: (Who, Hosts), is_near: bool) -> DirectPath {
    let both_prove = from.0 == Who::Ours && to.0 == Who::Ours;
    if both_prove || connects(from, to, is_near) {
        DirectPath::DestinationListens
    } else if connects(to, from, is_near) {
        DirectPath::SourceListens
    } else {
        DirectPath::None
    }
}

/// Whether a rung is one of an open direct path. The copies of one tree are expected at the first open path, unless the
/// destination is nodeftpd: it loses a data connection that has ended before its transfer command has come, as that of an
/// empty file can have, and then the other path is right, too.
pub fn is_open_rung(rung: &str, from: (Who, Hosts), to: (Who, Hosts)) -> bool {
    let first = direct_path(from, to);
    let other = to.0 == Who::Theirs(Kind::Nodeftpd) && connects(to, from, true);
    (first == DirectPath::DestinationListens && rung.starts_with("dest-listens"))
        || ((first == DirectPath::SourceListens || other) && rung.starts_with("source-listens"))
}

/// Servers that do not bind their side of a connection: here, where every host is this one, they come from 127.0.0.1.
/// If that is the user's own address, nobody takes them for strangers.
const UNBOUND: [Kind; 6] =
    [Kind::Globus, Kind::Twisted, Kind::Nodeftpd, Kind::Rclone, Kind::Tcllib, Kind::Zope];

/// Whether one end may connect to the other. Netkit's server lets nobody in who comes from a privileged port, and
/// Pure-FTPd, which root starts here, comes from port 20.
fn connects((active, at_active): (Who, Hosts), (passive, at_passive): (Who, Hosts), is_near: bool) -> bool {
    let is_privileged = active == Who::Theirs(Kind::PureFtpd) && passive == Who::Theirs(Kind::Netkit);
    at_active.connects()
        && !is_privileged
        && (at_passive.accepts() || is_near && UNBOUND.map(Who::Theirs).contains(&active))
}

/// The exit codes of ftp-user when there is no direct path: 6, but perhaps 5 unless both ends say aloud
/// that they turn strangers away. Pure-FTPd and ftp-server drop them and wait on; what the other end has
/// sent by then is "complete". It could be a server in trouble.
pub fn exits_without_a_path(ends: [Who; 2]) -> &'static [i32] {
    let loud = [Kind::Vsftpd, Kind::Proftpd, Kind::Pyftpdlib].map(Who::Theirs);
    if ends.iter().all(|who| loud.contains(who)) { &[6] } else { &[5, 6] }
}

/// A small tree: an empty file, a name with blanks, more than one block, and a name beyond ASCII, each where both can have one.
/// Globus drops such bytes from command lines, Twisted encodes them twice on its disk, and simple-ftpd lists other ones.
/// thinFTP takes no blank in the new name of a file. Zope's never ends the transfer of an empty file.
/// simple-ftpd refuses one whose data connection ends before it reads from it.
pub fn tree(ends: [Who; 2]) -> Vec<(&'static str, Vec<u8>)> {
    let has = |kinds: &[Kind]| kinds.iter().any(|kind| ends.contains(&Who::Theirs(*kind)));
    let is_plain = has(&[Kind::Globus, Kind::Twisted, Kind::SimpleFtpd]);
    let mut files = vec![
        ("tree/a.bin", sample(300_000)),
        ("tree/empty", Vec::new()),
        ("tree/two words.txt", b"two words\r\nand lines\n".to_vec()),
        (if is_plain { "tree/sub/turtle.txt" } else { "tree/sub/\u{17c}\u{f3}\u{142}w.txt" }, sample(4097)),
        ("tree/sub/deep/b.bin", sample(70_000)),
        ("tree/its own words/d.txt", b"below a name with blanks".to_vec()),
    ];
    files.retain(|(path, bytes)| {
        let takes_no_empty_file = has(&[Kind::Zope, Kind::SimpleFtpd]);
        !(has(&[Kind::ThinFtp]) && path.contains(' ') || takes_no_empty_file && bytes.is_empty())
    });
    files
}
