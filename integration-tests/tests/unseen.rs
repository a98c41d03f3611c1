//! Names at which the server cannot look: they are shown all the same, or the listing fails.

use ftp_proto::dialect::Dialect;
use ftp_proto::dialect::Dialect::{Rfc354, Rfc959};
use integration_tests::binary::Program;
use integration_tests::disk::LoopDisk;
use integration_tests::or_skip;
use integration_tests::raw::Raw;
use integration_tests::site::{Server, Site};
use integration_tests::skip::Skipped;
use integration_tests::socket::connect;
use std::fs::{self, Permissions};
use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// A server that runs as a user without privileges, which permissions bind, and its program.
struct Bound {
    server: Server,
    _program: tempfile::TempDir,
}

/// Who the server runs as.
const NOBODY: [&str; 5] = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--"];

impl Bound {
    fn start(root: &Path) -> Result<Self, Skipped> {
        let can = Command::new("setpriv").args(NOBODY).arg("true").output();
        if !can.is_ok_and(|output| output.status.success()) {
            return Err(Skipped("a server that runs as another user needs root and setpriv".into()));
        }
        let place = tempfile::tempdir().unwrap();
        let (program, script) = (place.path().join("ftp-server"), place.path().join("bound"));
        fs::copy(Program::Server.path(), &program).unwrap();
        let text = format!("#!/bin/sh\nexec setpriv {} {} \"$@\"\n", NOBODY.join(" "), program.display());
        fs::write(&script, text).unwrap();
        for path in [place.path(), &program, &script] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
        let server = Site::new("bound").program(script).start_in(root.to_owned());
        Ok(Self { server, _program: place })
    }
}

/// A listing as it comes over the data connection, and the final reply.
fn listing(server: &Server, raw: &mut Raw, command: &str, last: &str) -> Vec<String> {
    let port = raw.ask("LSTN S", "255").port();
    raw.send(command);
    let mut data = connect("127.0.0.1:0".parse().unwrap(), SocketAddr::new(server.ip(), port));
    raw.expect("150|125|250");
    let mut text = String::new();
    data.read_to_string(&mut text).unwrap();
    raw.expect(last);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The final replies of a listing that is whole, and of one that is not.
const fn ends(dialect: Dialect) -> [&'static str; 2] {
    match dialect {
        Rfc354 => ["257", "455"],
        Rfc959 => ["226", "451"],
    }
}

/// A directory `d` of three names that others may read but not enter.
fn half_closed(root: &Path) {
    let inside = root.join("d");
    fs::create_dir(&inside).unwrap();
    fs::create_dir(inside.join("dir")).unwrap();
    fs::write(inside.join("file"), "content").unwrap();
    symlink("file", inside.join("link")).unwrap();
    fs::set_permissions(root, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&inside, Permissions::from_mode(0o744)).unwrap();
}

#[test]
fn a_directory_that_may_be_read_and_not_entered_shows_all_its_names() {
    let root = tempfile::tempdir().unwrap();
    half_closed(root.path());
    let bound = or_skip!(Bound::start(root.path()));
    for dialect in [Rfc959, Rfc354] {
        let mut raw = bound.server.login(dialect);
        let [whole, _] = ends(dialect);
        let empty = "   1 ftp      ftp                 0 Jan  1  1970 ";
        let long = [("-", "file"), ("d", "dir"), ("l", "link")];
        let long = long.map(|(kind, name)| format!("{kind}---------{empty}{name}"));
        assert_eq!(listing(&bound.server, &mut raw, "LIST d", whole), long);
        assert_eq!(listing(&bound.server, &mut raw, "NLST d", whole), ["d/dir", "d/file", "d/link"]);
        let told = raw.ask("STAT d", "213|150").text();
        assert!(long.iter().all(|line| told.contains(line)), "{told}");
    }
    let mut raw = bound.server.login(Rfc959);
    let facts = listing(&bound.server, &mut raw, "MLSD d", "226");
    let names = ["type=OS.unix=slink:; link", "type=dir; dir", "type=file; file"];
    assert!(
        facts[0] == names[0] && facts[1].starts_with("type=cdir;") && facts[2..] == names[1..],
        "{facts:?}"
    );
    for command in
        ["MLST d/file", "SIZE d/file", "MDTM d/file", "CWD d/dir", "RNFR d/file", "DELE d/file", "RMD d/dir"]
    {
        let said = raw.ask(command, "550").text();
        assert!(!said.contains("No such file"), "{command}: {said}");
    }
    assert!(raw.ask("MLST none", "550").text().contains("No such file or directory"));
    bound.server.running.logs("cannot look at names of a directory");
}

#[test]
fn a_listing_ends_with_an_error_where_a_name_has_no_type_either() {
    let disk = or_skip!(LoopDisk::mount_without_types());
    half_closed(&disk.path());
    fs::write(disk.path().join("seen"), "").unwrap();
    let bound = or_skip!(Bound::start(&disk.path()));
    for dialect in [Rfc959, Rfc354] {
        let mut raw = bound.server.login(dialect);
        let [whole, failed] = ends(dialect);
        assert_eq!(listing(&bound.server, &mut raw, "LIST d", failed), [""; 0]);
        assert_eq!(listing(&bound.server, &mut raw, "NLST d", whole), ["d/dir", "d/file", "d/link"]);
        let said = raw.ask("STAT d", failed).text();
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(listing(&bound.server, &mut raw, "NLST", whole).contains(&"seen".to_owned()));
    }
    let mut raw = bound.server.login(Rfc959);
    let facts = listing(&bound.server, &mut raw, "MLSD d", "451");
    assert!(facts.len() == 1 && facts[0].starts_with("type=cdir;"), "{facts:?}");
}
