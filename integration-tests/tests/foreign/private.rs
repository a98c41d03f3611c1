//! The matrix inside TLS: servers that demand TLS, with and without the resumption of their own sessions, and servers
//! that have none.

use super::matrix::{Cell, ELSEWHERE, run_all, word};
use integration_tests::foreign::{
    Begin, End, Foreign, Hosts, Kind, Page, Protection, Skipped, ftplib_fetches, own_address, say_skipped,
    shown,
};
use integration_tests::site::{Site, sample};
use integration_tests::user::{Run, user};
use integration_tests::{or_skip, skip};

/// Who it is and what its configuration says.
#[derive(Clone, Copy, Debug)]
enum Server {
    Ours(&'static [&'static str]),
    Theirs(Kind, &'static str),
}

/// One side of the matrix.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    pub(super) name: &'static str,
    server: Server,
    pub(super) tls: bool,
    /// It can be the TLS client on a data connection (SSCN or CPSV).
    is_client: bool,
    /// As TLS server it takes from another server, too, those data connections alone that resume the session of their
    /// control connection.
    demands_own: bool,
}

const fn private(name: &'static str, server: Server, is_client: bool, demands_own: bool) -> Side {
    Side { name, server, tls: true, is_client, demands_own }
}

/// With TLS 1.3 ProFTPD closes after an upload without reading its peer's tickets, and some peers lose the end.
const PROFTPD: &str = "TLSVerifyServer off\nTLSProtocol TLSv1.2";
const PROFTPD_NO_REUSE: &str = "TLSVerifyServer off\nTLSProtocol TLSv1.2\nTLSOptions NoSessionReuseRequired";

pub(super) const SIDES: [Side; 10] = [
    private("ftp-server", Server::Ours(&["--require-tls"]), true, false),
    private(
        "ftp-server reuse",
        // It demands them of its users, not of a server that is pinned or proves itself.
        Server::Ours(&["--require-tls", "--tls-session-reuse", "required"]),
        true,
        false,
    ),
    private("vsftpd reuse", Server::Theirs(Kind::Vsftpd, ""), false, true),
    private("vsftpd", Server::Theirs(Kind::Vsftpd, "require_ssl_reuse=NO"), false, false),
    private("proftpd reuse", Server::Theirs(Kind::Proftpd, PROFTPD), true, true),
    private("proftpd", Server::Theirs(Kind::Proftpd, PROFTPD_NO_REUSE), true, false),
    private("pure-ftpd", Server::Theirs(Kind::PureFtpd, ""), false, false),
    private("pyftpdlib", Server::Theirs(Kind::Pyftpdlib, ""), false, false),
    Side {
        name: "ftp-server in clear",
        server: Server::Ours(&[]),
        tls: false,
        is_client: false,
        demands_own: false,
    },
    Side {
        name: "pure-ftpd in clear",
        server: Server::Theirs(Kind::PureFtpd, ""),
        tls: false,
        is_client: false,
        demands_own: false,
    },
];

impl Side {
    /// Starts it with these files, and returns the options of the user agent that it needs.
    pub(super) fn start_private(
        self,
        hosts: Hosts,
        files: &[(&str, Vec<u8>)],
    ) -> Result<(End, Vec<String>), Skipped> {
        let end = match self.server {
            Server::Ours(args) => {
                let site = Site::new("private").at(&own_address().to_string());
                let site = if self.tls { site.tls() } else { site };
                let foreign: &[&str] = match hosts {
                    Hosts::Allowed => &["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"],
                    Hosts::Refused => &["--foreign", "never"],
                    Hosts::OnlyToConnect | Hosts::OnlyToAccept => panic!("no cell has {hosts:?}"),
                };
                let site = site.args(foreign.iter().copied()).args(args.iter().copied());
                End::Ours(Box::new(
                    files.iter().fold(site, |site, (path, bytes)| site.file(path, bytes)).start(),
                ))
            }
            Server::Theirs(kind, extra) => {
                let server = Foreign::new(kind).foreign(hosts);
                let server = if self.tls { server.tls(Begin::Explicit).extra(extra) } else { server };
                let server = files.iter().fold(server, |server, (path, bytes)| server.file(path, bytes));
                End::Theirs(Box::new(server.start()?))
            }
        };
        let pins = if self.tls { vec!["--pin".to_owned(), end.pin()] } else { Vec::new() };
        Ok((end, pins))
    }

    pub(super) fn url(self, end: &End, path: &str) -> String {
        if self.tls { end.private_url(path) } else { end.url(path) }
    }
}

/// Whether the bytes can go from server to server: one end is the TLS client, and the other one takes its connection
/// although it resumes nothing. Nothing goes in clear while a control connection has TLS.
pub(super) fn is_direct(from: Side, to: Side) -> bool {
    let fits = |client: Side, server: Side| client.is_client && !server.demands_own;
    from.tls && to.tls && (fits(from, to) || fits(to, from))
}

/// What every cell copies.
pub(super) fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("a.bin", sample(300_000)),
        ("empty", Vec::new()),
        ("two words.txt", b"two words\r\nand lines\n".to_vec()),
    ]
}

/// Checks that the files have arrived, verified, and that nothing went in clear where a server has TLS. Returns what everybody
/// has said; `more` is what others have.
pub(super) fn arrived(
    run: &Run,
    (from, to): (Side, Side),
    (source, target): (&End, &End),
    more: &str,
) -> String {
    let files = files();
    let shown = format!("{} -> {}\n{}", from.name, to.name, shown(run, source, target, more));
    assert_eq!(run.code(), Some(0), "{shown}");
    for (path, bytes) in &files {
        assert!(target.bytes(path) == *bytes, "{path} differs\n{shown}");
    }
    assert_eq!(target.names().len(), files.len(), "{shown}");
    let summary = run.summary();
    assert_ne!(summary["verified"], "none", "{shown}");
    assert!(!run.text("trace.txt").contains("> PROT C"), "{shown}");
    assert_eq!(summary["protection"], if from.tls && to.tls { "private" } else { "clear" }, "{shown}");
    shown
}

/// The files arrive, verified, and ftplib fetches the same; they go directly where the two configurations permit it,
/// and inside TLS where both ends have it.
fn cell(from: Side, to: Side) -> Result<&'static str, Skipped> {
    let files = files();
    let (source, source_pin) = from.start_private(Hosts::Allowed, &files)?;
    let (target, target_pin) = to.start_private(Hosts::Allowed, &[])?;
    let urls: Vec<String> =
        files.iter().map(|(name, _)| from.url(&source, &name.replace(' ', "%20"))).collect();
    let run = user().args(["copy", "--json", "--trace", "trace.txt", "--retries", "1", "--timeout", "10s"]);
    let run = run.args(source_pin).args(target_pin).args(urls).args([to.url(&target, "")]).run();
    let shown = arrived(&run, (from, to), (&source, &target), "");
    let summary = run.summary();
    assert_eq!(summary["path"], if is_direct(from, to) { "direct" } else { "user" }, "{shown}");
    let judged = if to.tls { Protection::InsideTls } else { Protection::InClear };
    if let Err(skipped) = ftplib_fetches(&target, &files, judged) {
        say_skipped(skipped.0);
    }
    Ok(word(&run))
}

pub(super) fn named(name: &str) -> Side {
    SIDES.into_iter().find(|side| side.name == name).unwrap()
}

/// For every change: pyftpdlib, which no other test has inside TLS, and the ends that do not fit together.
#[test]
fn j02_pyftpdlib_inside_tls() {
    let (ours, theirs) = (named("ftp-server"), named("pyftpdlib"));
    for (from, to) in [(ours, theirs), (theirs, ours)] {
        assert_eq!(or_skip!(cell(from, to)).split(',').next(), Some("direct"));
    }
    assert_eq!(or_skip!(cell(theirs, theirs)), "user");
}

#[test]
fn h24_a_server_in_clear_gets_files_of_one_that_demands_tls_through_this_host() {
    assert_eq!(or_skip!(cell(named("vsftpd"), named("ftp-server in clear"))), "user");
}

#[test]
fn j02_a_server_of_ours_that_demands_its_own_session_is_the_tls_client_of_the_other_one() {
    or_skip!(cell(named("ftp-server reuse"), named("vsftpd")));
}

/// `FOREIGN_MATRIX=all`: every ordered pair with TLS at one end at least.
pub(super) fn matrix(
    name: &'static str,
    cell: impl Fn(Side, Side) -> Result<&'static str, Skipped> + Copy + Send + Sync,
) {
    if std::env::var_os("FOREIGN_MATRIX").is_none_or(|value| value != "all") {
        skip!("FOREIGN_MATRIX is not `all`; `.ci/full matrix-more` runs all pairs");
    }
    let pairs = SIDES.into_iter().flat_map(|from| SIDES.map(|to| (from, to)));
    let cells: Vec<Cell<'_>> = pairs
        .map(|(from, to)| Cell {
            from: from.name,
            to: to.name,
            work: Box::new(move || if from.tls || to.tls { cell(from, to) } else { Ok(ELSEWHERE) }),
        })
        .collect();
    let sides = SIDES.iter().map(|side| side.name.to_owned()).collect();
    run_all(Page::named(name, sides), &cells);
}

#[test]
fn matrix_inside_tls() {
    matrix("matrix inside tls", cell);
}
