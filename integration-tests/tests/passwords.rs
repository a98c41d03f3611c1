//! Passwords that are not in the URL: from a file, from the environment, or from the person at the terminal.

use integration_tests::or_skip;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{PASSWORD, Server, Site, USER, sample};
use integration_tests::terminal::{Person, answering};
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
        let trace = run.text("trace");
        assert!(trace.contains("PASS ***") && !trace.contains(PASSWORD), "{trace}");
        assert_eq!(run.bytes("b.bin"), sample(1000));
    }
}

#[test]
fn a_password_comes_from_the_url_the_site_netrc_the_file_or_the_environment_in_this_order() {
    let all = ["url", "site", "netrc", "file", "environment"];
    for (first, expect) in all.iter().enumerate() {
        let peer = Peer::start("127.0.0.2", "", MODERN);
        let has = |name: &str| all[first..].contains(&name);
        let url = |password: &str| {
            peer.url("").replacen(&format!(":{}@", PASSWORD.replace(':', "%3A")), password, 1)
        };
        let command = if has("site") { "password-command = [\"echo\", \"site\"]" } else { "" };
        let mut user = user()
            .private_file("config.toml", format!("[sites.lab]\nurl = \"{}\"\n{command}\n", url("@")))
            .private_file("secret", "file")
            .args(["--config", "config.toml", "--retries", "0", "--timeout", "5s"]);
        if has("netrc") {
            user = user.private_file(".netrc", format!("machine 127.0.0.2 login {USER} password netrc\n"));
        }
        if has("file") {
            user = user.args(["--password-file", "secret"]);
        }
        if has("environment") {
            user = user.environment("FTP_USER_PASSWORD", "environment");
        }
        let place = if has("url") { url(":url@") } else { "lab:".to_owned() };
        let run = user.args(["ls", &place]).run();
        assert_eq!(peer.seen_of(&["PASS"]), [format!("PASS {expect}")], "{run}");
        // A file that was typed for nothing is told.
        let is_unused = has("file") && *expect != "file";
        assert_eq!(run.said.contains("the password of secret is not used"), is_unused, "{run}");
    }
}

#[test]
fn a_password_file_that_was_typed_and_cannot_be_used_is_a_mistake_although_nobody_needs_it() {
    for words in [["ls", "ftp://ann:own@127.0.0.2:1/"], ["ls", "ftp://127.0.0.2:1/"]] {
        let run = user().args(words).args(["--retries", "0", "--password-file", "none"]).run();
        run.exits(2).says("there is no file none");
        let run = user().args(words).file("secret", "s3cret").args(["--password-file", "secret"]).run();
        run.exits(2).says("others may read or write secret").never_says("s3cret");
    }
}

#[test]
fn a_person_is_asked_for_the_password_of_one_server_after_the_other() {
    let (from, to) = (site("127.0.0.2"), site("127.0.0.3"));
    let home = tempfile::tempdir().unwrap();
    let words = format!("copy '{}' '{}'", place(&from, "a.bin"), place(&to, "b.bin"));
    let mut person = or_skip!(Person::start(home.path(), &words));
    let question = |site: &Server| {
        format!("Password of {USER} at {}: ", site.address(ftp_proto::dialect::Dialect::Rfc959))
    };
    person.sees(&question(&from), 1);
    assert!(!person.screen().contains(&question(&to)), "{}", person.screen());
    person.types(&format!("{PASSWORD}\n"));
    person.sees(&question(&to), 1);
    person.types(&format!("{PASSWORD}\n"));
    person.sees("copied 1 file", 1);
    assert!(!person.screen().contains(PASSWORD), "{}", person.screen());
    assert_eq!(person.end(), Some(0));
    assert_eq!(to.bytes("b.bin"), sample(1000));
}

#[test]
fn a_url_where_none_is_expected_does_not_show_its_password() {
    for url in ["ftp://ann:s3c ret@h/x", "ftp://ann:s3c\nret@h/x", "ftp://ann:s3cret", "ann:s3c ret@h"] {
        for words in [
            &["jobs", url][..],
            &["why", "last", url],
            &["sites", "list", url],
            &[url],
            &["copy", "--jobs", url, "a", "b"],
            &["ls", "a", "--color", url],
            &["doctor", url],
            &["resume", "a", url],
        ] {
            user().args(words).run().exits(2).never_says("s3c").never_says("ret@");
        }
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
