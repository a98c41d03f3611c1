//! Servers of other people that refuse passive mode: they connect to this program.

use integration_tests::foreign::{Begin, Foreign, ForeignServer, Skipped};
use integration_tests::or_skip;
use integration_tests::site::sample;
use integration_tests::user::{User, user};

fn run(verb: &str, servers: &[&ForeignServer]) -> User {
    let user = user().args([verb, "--trace", "trace.txt", "--retries", "0", "--timeout", "10s"]);
    servers
        .iter()
        .filter(|server| server.url("").starts_with("ftpes"))
        .fold(user, |user, server| user.args(["--pin".to_owned(), server.certificate().fingerprint()]))
}

/// A vsftpd with `pasv_enable=NO`: a listing, a file from it, a file to it, and one from one to the other.
fn vsftpd_that_never_listens(tls: bool) -> Result<(), Skipped> {
    let content = sample(300_000);
    let start = |file: bool| {
        let server = Foreign::vsftpd().extra("pasv_enable=NO");
        let server = if tls { server.tls(Begin::Explicit) } else { server };
        if file { server.file("a.bin", &content).start() } else { server.start() }
    };
    let (one, two) = (start(true)?, start(false)?);
    let check = |run: integration_tests::user::Run| {
        let trace = String::from_utf8_lossy(&run.bytes("trace.txt")).into_owned();
        let shown = format!("{run}\n{trace}\n{}\n{}", one.said(), two.said());
        assert_eq!(run.code(), Some(0), "{shown}");
        assert!(trace.contains("> PORT "), "{shown}");
        // TLS: this program is the client, and resumes the session of the control connection.
        assert_eq!(trace.contains(", resumed"), tls, "{shown}");
        (run, shown)
    };
    let (listed, shown) = check(run("ls", &[&one]).args([one.url("")]).run());
    assert_eq!(listed.stdout, ["a.bin"], "{shown}");
    let (down, shown) = check(run("copy", &[&one]).args([one.url("a.bin"), "a.bin".into()]).run());
    assert!(down.bytes("a.bin") == content, "{shown}");
    let up = run("copy", &[&two]).file("u.bin", &content).args(["u.bin".to_owned(), two.url("u.bin")]);
    let (_, shown) = check(up.run());
    assert!(two.bytes("u.bin") == content, "{shown}");
    let through = run("copy", &[&one, &two]).args([one.url("a.bin"), two.url("b.bin")]);
    let (_, shown) = check(through.args(["--path", "user"]).run());
    assert!(two.bytes("b.bin") == content, "{shown}");
    Ok(())
}

#[test]
fn vsftpd_without_passive_mode_connects_to_this_host() {
    or_skip!(vsftpd_that_never_listens(false));
}

#[test]
fn i02_vsftpd_without_passive_mode_connects_to_this_host_and_tls_resumes() {
    or_skip!(vsftpd_that_never_listens(true));
}
