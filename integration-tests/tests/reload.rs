//! What SIGHUP reads again: users, policies and tokens. After a mistake everything stays; what is gone is told.

use super::accounts::{Secrets, check_config, user};
use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::site::Site;
use rustix::process::Signal;

#[test]
fn sighup_reads_the_users_again_and_a_mistake_leaves_the_old_ones() {
    let secrets = Secrets::new();
    let users = secrets.file("users", "eve:one\nbob:one\n");
    let server = Site::new("reload").args(["--users", users.to_str().unwrap()]).start();
    let (mut eve, mut bob) = (server.connect(Rfc959), server.connect(Rfc959));
    eve.login("eve", "one");
    bob.login("bob", "one");

    for (text, mistake) in [("no colon\n", ":1:1: a user is"), ("", "it has no user")] {
        secrets.file("users", text);
        server.running.signal(Signal::HUP);
        server.running.logs(mistake);
        bob.ask("PWD", "257");
        server.connect(Rfc959).login("eve", "one");
    }
    assert!(server.running.said().contains("users, limits and certificates stay as they were"));

    secrets.file("users", "eve:two\n");
    server.running.signal(Signal::HUP);
    assert!(bob.expect("421").text().contains("Your account was removed"));
    eve.ask("PWD", "257");
    server.connect(Rfc959).login("eve", "two");
    let told = "gone since the files were read last: users \"bob\"";
    server.running.logs(told);
    let mut old = server.connect(Rfc959);
    old.ask("USER eve", "331");
    old.ask("PASS one", "530");
    server.login(Rfc959);
}

#[test]
fn a_configuration_that_has_lost_users_or_keys_is_told_before_and_after_it_holds() {
    let (secrets, root) = (Secrets::new(), tempfile::tempdir().unwrap());
    let head = format!("root = {:?}\nanonymous = true\n", root.path()) + &user("eve", "x", "");
    let whole = head.clone() + &user("bob", "x", "networks = [\"127.0.0.0/8\"]\nquota-bytes = 1000");
    // Cut off in the middle, and TOML still.
    let cut = whole.split_once("quota-bytes").unwrap().0;
    let (old, new) = (secrets.file("old.toml", &whole), secrets.file("new.toml", cut));
    let (code, said) = check_config(&new, Some(&old));
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("old.toml has quota-bytes of users \"bob\", and "), "{said}");
    assert_eq!(check_config(&old, Some(&new)), (Some(0), format!("{}: ok\n", old.display())));
    assert_eq!(check_config(&new, Some(&std::path::PathBuf::from("/missing"))).0, Some(1));

    let server = Site::new("lost").args(["--config", old.to_str().unwrap()]).start();
    for (text, told) in [
        (cut, "gone since the files were read last: quota-bytes of users \"bob\""),
        (&head, "gone since the files were read last: users \"bob\""),
    ] {
        secrets.file("old.toml", text);
        server.running.signal(Signal::HUP);
        server.running.logs(told);
    }
    server.connect(Rfc959).login("eve", "x");
}
