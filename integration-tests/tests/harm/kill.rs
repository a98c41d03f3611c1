//! What a server that was killed leaves, and what its next start does with it.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::site::{Server, sample};
use integration_tests::socket::until;

use super::{Bob, site};

const OTHERS: &str = ".ftp-0123456789abcdef0123456789abcdef.part";

/// Begins to store and has so many bytes arrive at the server.
fn half_stored(server: &Server, name: &str, bytes: &[u8]) -> Vec<std::net::TcpStream> {
    let mut ann = server.login_binary(Rfc959);
    let mut data = ann.open("EPSV");
    ann.ask(&format!("STOR {name}"), "150");
    data.write_all(bytes).unwrap();
    let size = || {
        let all = server.names().into_iter().filter(|name| name != OTHERS);
        all.map(|name| std::fs::metadata(server.path(&name)).map_or(0, |facts| facts.len())).max()
    };
    until("the bytes have arrived", || size() >= Some(bytes.len() as u64));
    std::mem::forget(ann);
    vec![data]
}

#[test]
fn the_next_start_removes_what_a_killed_server_has_left_and_nothing_of_others() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path().join("state");
    let server = site("killed").file("old", "the old content").file(OTHERS, "of another server");
    let mut server = server.args(["--state", state.to_str().unwrap()]).start();
    let _stored = half_stored(&server, "new", &sample(100_000));
    let _replaced = half_stored(&server, "old", &sample(200_000));
    let parts = |server: &Server| server.names().iter().filter(|name| name.ends_with(".part")).count();
    assert_eq!(parts(&server), 3);
    server.die_and_return();
    assert_eq!(server.names(), [OTHERS, "old"]);
    assert_eq!(server.bytes("old"), b"the old content");
    Bob::login(&server).goes_on(&server);
    // Somebody else's name goes when it is older than a day.
    let old = SystemTime::now() - Duration::from_secs(25 * 3_600);
    File::options().write(true).open(server.path(OTHERS)).unwrap().set_modified(old).unwrap();
    server.die_and_return();
    until("the old name is gone", || server.names() == ["old"]);
    Bob::login(&server).goes_on(&server);
}

/// A file with hard links is written in place, so that all its names have the new content. Nothing is cut
/// before the transfer begins, and no name is ever lost.
#[test]
fn a_killed_stor_over_a_file_with_hard_links_keeps_its_names_and_all_that_arrived() {
    let content = sample(300_000);
    let mut server = site("linked").file("a", &content).start();
    std::fs::hard_link(server.path("a"), server.path("b")).unwrap();
    let mut waiting = server.login_binary(Rfc959);
    waiting.ask("EPSV", "229");
    waiting.send("STOR a");
    waiting.send("NOOP");
    Bob::login(&server).goes_on(&server);
    assert!(server.bytes("b") == content, "no data connection, nothing is cut");
    server.die_and_return();
    assert!(server.bytes("a") == content && server.bytes("b") == content);

    let new = sample(400_000).split_off(100_000);
    let mut ann = server.login_binary(Rfc959);
    let mut data = ann.open("EPSV");
    ann.ask("STOR a", "150");
    data.write_all(&new[..50_000]).unwrap();
    until("half has arrived", || server.bytes("b").starts_with(&new[..50_000]));
    server.die_and_return();
    assert_eq!(server.names(), ["a", "b"]);
    assert!(server.bytes("a").starts_with(&new[..50_000]) && server.bytes("a") == server.bytes("b"));
    let facts = std::fs::metadata(server.path("a")).unwrap();
    assert_eq!(facts.nlink(), 2);
    Bob::login(&server).goes_on(&server);
}
