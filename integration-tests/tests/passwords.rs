//! Passwords that are not in the URL: from a file, from the environment, or from the person at the terminal.

use integration_tests::or_skip;
use integration_tests::site::{PASSWORD, Server, Site, USER, sample};
use integration_tests::terminal::answering;
use integration_tests::user::{User, user};

fn site(ip: &str) -> Server {
    Site::new("passwords").at(ip).file("a.bin", sample(1000)).start()
}

/// A place of the site, without the password.
fn place(site: &Server, path: &str) -> String {
    site.url(path).replacen(&format!(":{}@", PASSWORD.replace(':', "%3A")), "@", 1)
}

/// A copy to this host whose trace is kept.
fn copy(from: &str) -> User {
    user().args(["copy", "--json", "--trace", "trace", from, "b.bin"])
}

#[test]
fn the_password_comes_from_a_file_or_from_the_environment() {
    let from = site("127.0.0.2");
    let url = place(&from, "a.bin");
    for run in [
        copy(&url).private_file("secret", format!("{PASSWORD}\n")).args(["--password-file", "secret"]),
        copy(&url).environment("FTP_USER_PASSWORD", PASSWORD),
        // The file is asked first.
        copy(&url)
            .private_file("secret", PASSWORD)
            .args(["--password-file", "secret"])
            .environment("FTP_USER_PASSWORD", "wrong"),
    ] {
        let run = run.run().exits(0).never_says(PASSWORD);
        let trace = String::from_utf8(run.bytes("trace")).unwrap();
        assert!(trace.contains("PASS ***") && !trace.contains(PASSWORD), "{trace}");
        assert_eq!(run.bytes("b.bin"), sample(1000));
    }
}

#[test]
fn a_password_serves_one_server() {
    let (from, to) = (site("127.0.0.2"), site("127.0.0.3"));
    let between = |from: &str, to: &str| {
        user().environment("FTP_USER_PASSWORD", PASSWORD).args(["copy", "--json", from, to]).run()
    };
    between(&place(&from, "a.bin"), &to.url("b.bin")).exits(0);
    between(&from.url("a.bin"), &place(&to, "c.bin")).exits(0);
    between(&place(&from, "a.bin"), &place(&from, "d.bin")).exits(0);
    between(&place(&from, "a.bin"), &place(&to, "e.bin")).exits(2).says("lack theirs").never_says(PASSWORD);
    // A login without a user is anonymous and needs none.
    between(&place(&from, "a.bin"), &format!("ftp://{}/f.bin", to.ip())).fails().never_says("lack theirs");
}

#[test]
fn a_password_file_that_others_may_read_is_refused_before_anything_is_sent() {
    let run =
        copy("ftp://ann@127.0.0.2:1/a.bin").file("secret", "s3cret").args(["--password-file", "secret"]);
    run.run().exits(2).says("others may read or write secret").says("chmod 600").never_says("s3cret");
    let run = copy("ftp://ann@127.0.0.2:1/a.bin").args(["--password-file", "none"]);
    run.run().exits(2).says("there is no file none");
}

#[test]
fn a_person_at_a_terminal_is_asked_for_the_password_which_is_not_shown() {
    let from = site("127.0.0.2");
    let state = tempfile::tempdir().unwrap();
    let question = format!("Password of {USER} at {}: ", from.address(ftp_proto::dialect::Dialect::Rfc959));
    let ls = format!("ls '{}'", place(&from, ""));
    let (said, code) = or_skip!(answering(state.path(), &ls, &question, &format!("{PASSWORD}\n")));
    assert!(said.contains(&question) && said.contains("a.bin") && !said.contains(PASSWORD), "{said}");
    assert_eq!(code, Some(0), "{said}");
    // Whoever types nothing has no password: none is sent.
    let (said, code) = answering(state.path(), &ls, &question, "\n").unwrap();
    assert!(said.contains("no password for ann"), "{said}");
    assert_eq!(code, Some(4), "{said}");
}
