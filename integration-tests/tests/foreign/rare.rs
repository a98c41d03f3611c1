//! Servers that few people run: each is tried with ours, with itself, and alone.

use super::matrix::{Cell, expect_all, run_all};
use super::{pairs, relayed, through};
use crate::verbs;
use integration_tests::foreign::{Begin, Foreign, Kind, Page, Skipped, Who, tree};
use integration_tests::or_skip;
use integration_tests::site::Site;
use integration_tests::user::user;

/// What is tried with each server; the word is what the table shows.
type Trial = fn(Kind) -> Result<&'static str, Skipped>;

const TRIALS: [(&str, Trial); 6] = [
    ("from ftp-server", |kind| pairs::copies(Who::Ours, Who::Theirs(kind))),
    ("to ftp-server", |kind| pairs::copies(Who::Theirs(kind), Who::Ours)),
    ("to itself", |kind| pairs::copies(Who::Theirs(kind), Who::Theirs(kind))),
    ("through this host", |kind| both_ways(kind, through::arrives)),
    ("through a relay", |kind| both_ways(kind, relayed::arrives)),
    ("verbs", |kind| verbs::work_on(kind).map(|()| "yes")),
];

/// What a server cannot do, and why: docs/interoperability.md says it too.
const LACKS: [(Kind, &str, &str); 4] = [
    (Kind::FtpProxy, "from ftp-server", "a small file is over before it has connected to its own server"),
    (Kind::Zope, "through a relay", "it never ends the transfer of an empty file"),
    (Kind::ThinFtp, "through a relay", "no file gets a name with a blank"),
    (Kind::ThinFtp, "verbs", "it closes the connection if DELE names a directory"),
];

fn both_ways(
    kind: Kind,
    arrives: fn(Who, Who) -> Result<&'static str, Skipped>,
) -> Result<&'static str, Skipped> {
    arrives(Who::Ours, Who::Theirs(kind))?;
    arrives(Who::Theirs(kind), Who::Ours)?;
    Ok("yes")
}

fn cells(kinds: &[Kind]) -> Vec<Cell<'static>> {
    let pairs = kinds.iter().flat_map(|&kind| TRIALS.iter().map(move |trial| (kind, trial)));
    let can = |(kind, (what, _)): &(Kind, &(&str, Trial))| {
        !LACKS.iter().any(|(lacking, column, _)| (lacking, column) == (kind, what))
    };
    pairs
        .map(|pair| {
            let (kind, (what, trial)) = pair;
            let can = can(&pair);
            Cell {
                from: kind.name(),
                to: what,
                work: Box::new(move || if can { trial(kind) } else { Ok("n/a") }),
            }
        })
        .collect()
}

#[test]
fn servers_that_few_people_run() {
    expect_all(&cells(&Kind::rare().collect::<Vec<_>>()));
}

/// A tree goes from aioftp to ours and back, and nothing goes in clear.
fn aioftp_inside_tls() -> Result<(), Skipped> {
    let kind = Kind::Aioftp;
    let files = tree([Who::Theirs(kind), Who::Ours]);
    let server = Foreign::new(kind).tls(Begin::Implicit);
    let theirs = files.iter().fold(server, |server, (path, bytes)| server.file(path, bytes)).start()?;
    let ours = Site::new("rare").tls().args(["--require-tls", "--foreign", "never"]).start();
    let copy = |from: String, to: String| {
        let run = user()
            .args(["copy", "-r", "--json", "--retries", "1", "--timeout", "10s", "--trace", "trace.txt"])
            .args(["--pin", &ours.pin(), "--pin", &theirs.certificate().fingerprint()])
            .args([from, to])
            .run();
        let shown = format!("{run}\n{}\n{}", String::from_utf8_lossy(&run.bytes("trace.txt")), theirs.said());
        assert_eq!(run.code(), Some(0), "{shown}");
        assert_eq!(run.summary()["protection"], "private", "{shown}");
    };
    let at_ours = |path: &str| ours.url(path).replacen("ftp://", "ftpes://", 1);
    copy(theirs.url("tree"), at_ours(""));
    copy(at_ours("tree"), theirs.url("back/"));
    for (path, bytes) in &files {
        assert!(ours.bytes(path) == *bytes && theirs.bytes(&format!("back/{path}")) == *bytes, "{path}");
    }
    Ok(())
}

#[test]
fn i02_aioftp_inside_tls() {
    or_skip!(aioftp_inside_tls());
}

/// `FOREIGN_MATRIX=all` with `FOREIGN_PAGE`: writes their table.
#[test]
fn matrix_of_rare_servers() {
    if std::env::var_os("FOREIGN_MATRIX").is_none_or(|value| value != "all") {
        integration_tests::skip!("FOREIGN_MATRIX is not `all`; `.ci/full matrix-more` runs all pairs");
    }
    let kinds: Vec<Kind> = Kind::rare().collect();
    let page = Page::of_kinds("table of rare servers", kinds.clone(), &TRIALS.map(|(what, _)| what));
    run_all(page, &cells(&kinds));
}
