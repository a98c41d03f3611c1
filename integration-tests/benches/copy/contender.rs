//! A server that is compared with others, ours or other people's: where it is, what it spends, and how
//! much memory it has.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ftp_proto::dialect::Dialect;
use integration_tests::binary::Program;
use integration_tests::foreign::{Begin, Foreign, ForeignServer, Hosts, Kind, Skipped, own_address};
use integration_tests::performance::{BASELINE, SERVER};
use integration_tests::raw::Raw;
use integration_tests::site::{PASSWORD, Server, Site, USER};
use integration_tests::socket;
use integration_tests::tls_client::TlsClient;
use tempfile::TempDir;

use crate::plan::Plan;
use crate::process::{self, Cost, cpu_seconds, cpu_seconds_of_family};
use crate::report::Report;

/// A server that runs.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    which: Which,
    /// How many processes it has while nobody is there.
    processes: usize,
}

enum Which {
    Ours {
        server: Box<Server>,
        /// Where its files are; removed with it.
        _directory: TempDir,
    },
    Theirs(Box<ForeignServer>),
}

/// Where a server is entered, and by whom.
pub(crate) struct Door {
    pub(crate) at: SocketAddr,
    pub(crate) user: String,
    pub(crate) password: String,
}

impl From<&Server> for Door {
    fn from(server: &Server) -> Self {
        Self { at: server.address(Dialect::Rfc959), user: USER.to_owned(), password: PASSWORD.to_owned() }
    }
}

impl Door {
    /// The URL of a path.
    pub(crate) fn url(&self, scheme: &str, path: &str) -> String {
        let Self { at, user, password } = self;
        format!("{scheme}://{user}:{}@{at}/{path}", password.replace(':', "%3A"))
    }

    /// A control connection, logged in, inside TLS if there is a client for that.
    pub(crate) fn enter(&self, tls: Option<&TlsClient>) -> Raw {
        let mut control = Raw::connect(Dialect::Rfc959, self.at);
        if let Some(client) = tls {
            control.begin_tls(client);
        }
        control.login(&self.user, &self.password);
        control
    }
}

/// What the servers of a comparison are for.
#[derive(Clone, Copy)]
pub(crate) struct Purpose<'a> {
    /// Other people's servers to compare with.
    pub(crate) kinds: &'a [Kind],
    /// Whether they have certificates; then their logins and data are inside TLS.
    pub(crate) tls: bool,
    /// More options of ours.
    pub(crate) args: &'a [&'a str],
}

/// The usual servers of other people.
pub(crate) const KINDS: [Kind; 4] = [Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd, Kind::Pyftpdlib];
/// TLS of pyftpdlib is not prepared.
pub(crate) const KINDS_WITH_TLS: &[Kind] = KINDS.split_at(3).0;

/// What is usual for [`Purpose::args`]: many sessions of one address are no attack here.
pub(crate) const CROWD: &[&str] = &[
    "--max-sessions",
    "15000",
    "--max-sessions-per-address",
    "15000",
    "--max-sessions-per-account",
    "15000",
    "--max-unauthenticated",
    "15000",
];

/// What the configurations of other people's servers say here and nowhere else: of which server, and whether only
/// inside TLS.
const EXTRA: &[(Kind, bool, &str)] = &[
    // Its second process for each session leaves the first one's time to nobody. It logs files, as is usual, and not each
    // command, as it does in the tests.
    (Kind::Vsftpd, false, "one_process_model=YES\nrequire_ssl_reuse=NO\nlog_ftp_protocol=NO"),
    // No less than the listed directory has.
    (Kind::PureFtpd, false, "-L 10000000:9"),
    // Between two servers there is no session to resume, and none knows the other's certificate.
    (Kind::Proftpd, true, "TLSOptions NoSessionReuseRequired\nTLSVerifyServer off"),
];

/// The authorities that our servers trust. They read the file when they need it.
pub(crate) fn roots(place: &Path) -> PathBuf {
    place.join("roots.pem")
}

impl Contender {
    /// The certificate of a server of ours that has one.
    pub(crate) fn certificate(&self) -> Option<PathBuf> {
        match &self.which {
            Which::Ours { server, .. } => Some(server.certificate()),
            Which::Theirs(_) => None,
        }
    }

    /// Starts this build of ours, the baseline if there is one, and every kind that can be had. Each has
    /// the directories and files that `fill` makes in its root.
    pub(crate) fn all(
        plan: &Plan,
        place: &Path,
        purpose: Purpose<'_>,
        fill: &dyn Fn(&Path),
        report: &mut Report,
    ) -> Vec<Self> {
        // Other people's servers do not run as this user.
        fs::set_permissions(place, Permissions::from_mode(0o755)).unwrap();
        let mut all = vec![Self::ours(SERVER, None, place, purpose, fill)];
        if let Some(programs) = &plan.baseline {
            all.push(Self::ours(BASELINE, Some(programs), place, purpose, fill));
        }
        for kind in purpose.kinds {
            all.extend(report.found(kind.name(), Self::theirs(*kind, place, purpose.tls, fill)));
        }
        all
    }

    /// A server of ours; `None` is the build of this tree.
    pub(crate) fn ours(
        name: &'static str,
        programs: Option<&Path>,
        place: &Path,
        purpose: Purpose<'_>,
        fill: &dyn Fn(&Path),
    ) -> Self {
        let program = programs.map_or_else(|| Program::Server.path(), |at| Program::Server.path_in(at));
        let directory = tempfile::Builder::new().prefix(name).tempdir_in(place).unwrap();
        fill(directory.path());
        let site = Site::new(name)
            .at(&own_address().to_string())
            .program(program)
            .environment("SSL_CERT_FILE", &roots(place))
            .args(purpose.args.iter().copied());
        let site = if purpose.tls { site.tls() } else { site };
        let server = Box::new(site.start_in(directory.path().to_path_buf()));
        Self { name, which: Which::Ours { server, _directory: directory }, processes: 1 }
    }

    fn theirs(kind: Kind, place: &Path, tls: bool, fill: &dyn Fn(&Path)) -> Result<Self, Skipped> {
        let extra = EXTRA.iter().find(|(of, only_tls, _)| *of == kind && (tls || !only_tls));
        let extra = extra.map_or("", |(.., lines)| lines);
        let server = Foreign::new(kind).below(place).foreign(Hosts::Allowed);
        let server = if tls { server.tls(Begin::Explicit) } else { server };
        let server = server.extra(extra).start()?;
        fill(&server.path(""));
        fs::set_permissions(server.path(""), Permissions::from_mode(0o777)).unwrap();
        let mut running = Self { name: kind.name(), which: Which::Theirs(Box::new(server)), processes: 0 };
        running.processes = running.at_rest();
        Ok(running)
    }

    /// Where it is entered.
    pub(crate) fn door(&self) -> Door {
        let (at, (user, password)) = match &self.which {
            Which::Ours { server, .. } => (server.address(Dialect::Rfc959), (USER, PASSWORD)),
            Which::Theirs(server) => (server.address(), server.user()),
        };
        Door { at, user: user.to_owned(), password: password.to_owned() }
    }

    /// A path of the user's own directory, as its commands name it.
    pub(crate) fn named(&self, path: &str) -> String {
        match &self.which {
            Which::Ours { .. } => path.to_owned(),
            Which::Theirs(server) => format!("{}{path}", server.prefix()),
        }
    }

    /// The place of a path in the real file system.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        match &self.which {
            Which::Ours { server, .. } => server.path(path),
            Which::Theirs(server) => server.path(path),
        }
    }

    /// What it has spent so far. Waits until no session is left: the time of a session that has a process
    /// of its own is its parent's when it has ended.
    pub(crate) fn cpu(&self) -> Cost {
        match &self.which {
            Which::Ours { server, .. } => cpu_seconds(server.running.id()),
            Which::Theirs(server) => {
                let mut spent = Cost::default();
                socket::until("the end of the sessions", || {
                    let (cost, count) = cpu_seconds_of_family(server.group());
                    spent = cost;
                    count <= self.processes
                });
                spent
            }
        }
    }

    /// All its processes.
    pub(crate) fn ids(&self) -> Vec<u32> {
        match &self.which {
            Which::Ours { server, .. } => vec![server.running.id()],
            Which::Theirs(server) => process::family(server.group()),
        }
    }

    /// What its processes have resident, each page divided among those who share it, in KiB.
    pub(crate) fn pss_kib(&self) -> f64 {
        self.ids().into_iter().map(process::pss_kib).sum()
    }

    /// How many processes it has when nobody is there; its start has left one for a moment.
    fn at_rest(&self) -> usize {
        let mut last = self.ids().len();
        let mut same = 0;
        socket::until("its rest", || {
            let now = self.ids().len();
            same = if now == last { same + 1 } else { 0 };
            last = now;
            same == 50
        });
        last
    }
}

/// Two servers of a kind.
pub(crate) struct Pair {
    /// The source and the destination.
    pub(crate) ends: [Contender; 2],
}

impl Pair {
    /// A pair of ours, of the baseline and of every kind that can be had twice. Each source has what `fill` makes.
    pub(crate) fn all(
        plan: &Plan,
        place: &Path,
        purpose: Purpose<'_>,
        fill: &dyn Fn(&Path),
        report: &mut Report,
    ) -> Vec<Self> {
        let sources = Contender::all(plan, place, purpose, fill, report);
        let mut destinations = Contender::all(plan, place, purpose, &|_| {}, report);
        let mut pairs = Vec::new();
        for source in sources {
            if let Some(at) = destinations.iter().position(|to| to.name == source.name) {
                pairs.push(Self { ends: [source, destinations.remove(at)] });
            }
        }
        pairs
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.ends[0].name
    }

    /// What both have spent so far.
    pub(crate) fn cpu(&self) -> f64 {
        self.ends.iter().map(|server| server.cpu().total()).sum()
    }
}
