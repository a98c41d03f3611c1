//! PACK: groups of small files.

use super::*;
use crate::accounts::user as account;
use integration_tests::socket::until;
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::time::{Duration, SystemTime};

/// What a final reply says of a file that has moved.
fn moved(number: usize, content: &str) -> String {
    let digest: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{number} {} {digest}", content.len())
}

/// The lines of a reply that are about files.
fn files(lines: &[String]) -> Vec<&str> {
    let lines = lines.iter().map(|line| {
        line.split_once('-').filter(|(code, _)| code.len() == 3).map_or(line.as_str(), |(_, rest)| rest)
    });
    lines.filter(|line| line.starts_with(|first: char| first.is_ascii_digit())).collect()
}

/// The stream of a group; `None` is a file that is left out.
fn stream(files: &[Option<&str>]) -> Vec<u8> {
    let mut stream = Vec::new();
    for file in files {
        match file {
            Some(content) => {
                stream.push(1);
                stream.extend((content.len() as u64).to_be_bytes());
                stream.extend(content.as_bytes());
            }
            None => stream.push(0),
        }
    }
    stream
}

fn ready(server: &Server) -> Raw {
    let mut raw = server.login(Rfc959);
    for command in ["TYPE I", "DGST SHA-256"] {
        raw.ask(command, "200");
    }
    raw
}

/// Everything that stands under temporary names.
fn temporary(server: &Server) -> Vec<String> {
    server.names().into_iter().filter(|name| name.contains(".ftp-")).collect()
}

/// Stores a group over a connection of its own. Returns the lines of the final reply about files.
fn store(raw: &mut Raw, command: &str, (stream, code): (&[u8], &str)) -> Vec<String> {
    let mut connection = raw.open("LSTN R");
    raw.send(command);
    // A server that has seen enough resets the connection.
    let _ = connection.write_all(stream);
    drop(connection);
    raw.expect("150");
    let reply = raw.expect(code);
    files(&reply.lines).into_iter().map(str::to_owned).collect()
}

#[test]
fn a_group_gets_its_names_with_keep_and_replaces_nothing() {
    let server = Site::new("pack-keep").file("d/taken", "old").start();
    let mut raw = ready(&server);
    raw.ask("MODE B", "200");
    let mut connection = raw.open("LSTN R");
    let looked = raw.ask("PACK LOOK /d//a/taken/b", "250");
    assert_eq!(files(&looked.lines), ["2 left taken"]);
    let block = |stream: &[u8]| {
        let count = u16::try_from(stream.len()).unwrap().to_be_bytes();
        [&[0][..], &count, stream, &[64, 0, 0]].concat()
    };
    let first = stream(&[Some("first"), Some("new"), None, Some("not kept")]);
    connection.write_all(&block(&first)).unwrap();
    raw.ask("PACK STORE 1 /d//5,20010203040506,a/3,-,taken/7,-,none/8,-,b", "150");
    let reply = raw.expect("250");
    let expect = [moved(1, "first"), moved(2, "new"), "3 left unsent".to_owned(), moved(4, "not kept")];
    assert_eq!(files(&reply.lines), expect);
    // Nobody sees anything of it, or may use it.
    let hidden = temporary(&server);
    assert_eq!(hidden.len(), 4, "{hidden:?}");
    let directory = hidden[0].trim_end_matches('/');
    raw.ask(&format!("MLST /{directory}"), "553");
    raw.ask(&format!("PACK SEND /{directory}//5,-,-,1"), "553");
    // Its number is taken until it has its names.
    drop(connection);
    raw.ask("PACK STORE 1 /d//1,-,x", "503");
    let kept = raw.ask("PACK KEEP 1 1-3", "250");
    assert_eq!(files(&kept.lines), ["2 left taken", "3 left unsent"]);
    assert_eq!(server.names(), ["d/", "d/a", "d/taken"]);
    assert_eq!([server.bytes("d/a"), server.bytes("d/taken")], [b"first".as_slice(), b"old"]);
    assert_eq!(fs::metadata(server.path("d/a")).unwrap().mtime(), 981_173_106);
    raw.ask("PACK KEEP 1 1", "503");
    raw.ask("PACK DROP 1", "503");
}

#[test]
fn files_are_compared_with_what_is_said_of_them() {
    let server =
        Site::new("pack-same").file("d/a", "first").file("d/b,c", "12345678").directory("d/dir").start();
    symlink("a", server.path("d/link")).unwrap();
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(981_173_106);
    fs::File::open(server.path("d/a")).unwrap().set_modified(at).unwrap();
    let mut raw = ready(&server);
    let facts = raw.ask("MLST d/a", "250");
    let unique = facts.lines[1].split(';').find_map(|fact| fact.strip_prefix("unique=")).unwrap();
    let (own, time) = (format!("5,20010203040506,{unique},a"), "20010203040506");
    for (said, left) in [
        (format!("{own}/8,-,-,b,c"), vec![]),
        (format!("5,-,-,a/6,-,-,a/5,{time},8g0,a"), vec!["2 left changed", "3 left changed"]),
        ("5,20010203040507,-,a/0,-,-,none".to_owned(), vec!["1 left changed", "2 left gone"]),
        (format!("{own}/5,-,-,link/0,-,-,dir"), vec!["2 left gone", "3 left gone"]),
    ] {
        let count = said.split('/').count();
        let reply = raw.ask(&format!("PACK SAME /d//{said}"), "250");
        assert_eq!(files(&reply.lines), left, "{said}");
        assert_eq!(*reply.lines.last().unwrap(), format!("Same: {}", count - left.len()), "{said}");
    }
}

#[test]
fn only_files_that_are_what_is_said_of_them_are_deleted() {
    let own = tempfile::tempdir().unwrap();
    let at = |name: &str| own.path().join(name);
    fs::create_dir_all(at("d/dir")).unwrap();
    for (name, content) in [("a", "first"), ("b", "second"), ("c", "third")] {
        fs::write(at("d").join(name), content).unwrap();
    }
    symlink("a", at("d/link")).unwrap();
    let more = format!("root = {:?}\nquota-files = 7", own.path());
    let server = Site::new("pack-delete").config(&account("eve", "x", &more)).start();
    let mut raw = server.connect(Rfc959);
    raw.login("eve", "x");
    raw.ask("MKD d/e", "257");
    raw.ask("MKD d/full", "552");
    let said = "5,-,-,a/5,-,-,b/0,-,-,dir/5,-,-,link/1,-,-,none/5,-,-,c/5,-,-,c";
    let reply = raw.ask(&format!("PACK DELETE /d//{said}"), "250");
    let left = ["2 left changed", "3 left gone", "4 left gone", "5 left gone", "7 left gone"];
    assert_eq!(files(&reply.lines), left);
    assert_eq!(reply.lines.last().unwrap(), "Deleted: 2");
    let is_there = |name: &str| at("d").join(name).symlink_metadata().is_ok();
    assert!(["b", "dir", "link", "e"].into_iter().all(is_there) && !is_there("a") && !is_there("c"));
    // The quota has their places again.
    raw.ask("MKD d/f", "257");
    raw.ask("MKD d/g", "257");
    raw.ask("MKD d/full", "552");
}

#[test]
fn groups_are_few_and_die_with_their_session_and_with_their_server() {
    let state = tempfile::tempdir().unwrap();
    let site = Site::new("pack-dies").directory("d");
    let mut server = site.args(["--state", state.path().to_str().unwrap()]).start();
    let mut raw = ready(&server);
    let whole = stream(&[Some("first")]);
    for number in 1..=4 {
        store(&mut raw, &format!("PACK STORE {number} d//5,-,a"), (&whole, "226"));
    }
    let connection = raw.open("LSTN R");
    raw.ask("PACK STORE 5 d//5,-,a", "450");
    drop(connection);
    raw.ask("PACK DROP 3", "250");
    store(&mut raw, "PACK STORE 5 d//5,-,a", (&whole, "226"));
    // The directory of group 1 is another one now.
    fs::rename(server.path("d"), server.path("e")).unwrap();
    fs::create_dir(server.path("d")).unwrap();
    raw.ask("PACK KEEP 1 1", "451");
    fs::remove_dir(server.path("d")).unwrap();
    symlink("e", server.path("d")).unwrap();
    raw.ask("PACK KEEP 2 1", "250");
    assert_eq!(server.bytes("e/a"), b"first");
    raw.ask("REIN", "220");
    until("the groups are removed", || temporary(&server).is_empty());

    let mut raw = ready(&server);
    store(&mut raw, "PACK STORE 1 e//5,-,b", (&whole, "226"));
    assert_eq!(temporary(&server).len(), 2);
    server.die_and_return();
    until("the next start removes them", || temporary(&server).is_empty());
    assert_eq!(server.bytes("e/a"), b"first");
}
