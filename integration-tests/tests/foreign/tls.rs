//! TLS with other people's servers: nothing in clear, and every data connection resumes the session of
//! its control connection.

use integration_tests::foreign::{Begin, Foreign, Kind};
use integration_tests::or_skip;
use integration_tests::site::octets;
use integration_tests::user::{Run, user};

/// The handshakes that the trace tells of: new sessions, and resumed ones.
fn handshakes(run: &Run) -> (usize, usize) {
    let trace = String::from_utf8(run.bytes("trace.txt")).unwrap();
    let count =
        |what: &str| trace.lines().filter(|line| line.contains("* TLS") && line.contains(what)).count();
    (count("new session"), count("resumed"))
}

fn lists(kind: Kind, begin: Begin) {
    let server = or_skip!(Foreign::new(kind).tls(begin).file("a.bin", octets(70_000)).start());
    let pin = server.certificate().fingerprint();
    let run = user().args(["ls", "--trace", "trace.txt", "--pin", &pin, &server.url("")]).run();
    let shown = format!("{run}\n{}\n{}", String::from_utf8_lossy(&run.bytes("trace.txt")), server.said());
    assert_eq!(run.code(), Some(0), "{shown}");
    assert_eq!(run.stdout, ["a.bin"], "{shown}");
    let (new, resumed) = handshakes(&run);
    // Pure-FTPd keeps no sessions, and demands none.
    let resumes = usize::from(kind != Kind::PureFtpd);
    assert_eq!((new, resumed), (2 - resumes, resumes), "{shown}");
}

#[test]
fn i02_vsftpd_lists_inside_tls() {
    lists(Kind::Vsftpd, Begin::Explicit);
    lists(Kind::Vsftpd, Begin::Implicit);
}

#[test]
fn i02_proftpd_lists_inside_tls() {
    lists(Kind::Proftpd, Begin::Explicit);
    lists(Kind::Proftpd, Begin::Implicit);
}

#[test]
fn i02_pure_ftpd_lists_inside_tls() {
    lists(Kind::PureFtpd, Begin::Explicit);
}
