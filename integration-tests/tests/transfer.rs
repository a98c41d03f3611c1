//! Chapter E where a fixture would not do: bytes that must have arrived, and a full disk.

use ftp_proto::dialect::Dialect::{Rfc354, Rfc959};
use integration_tests::disk::SmallDisk;
use integration_tests::or_skip;
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket::{accept, connect, drain, is_closed_unused, listen, until};
use std::io::{Read, Write};
use std::net::SocketAddr;

#[test]
fn e06_abor_during_appe_keeps_what_was_appended() {
    for dialect in [Rfc354, Rfc959] {
        let server = Site::new("append").file("a.txt", "old+").start();
        let mut raw = server.login(dialect);
        let port = raw.ask("LSTN R", "255").port();
        raw.send("APPE a.txt");
        let mut data = connect("127.0.0.1:0".parse().unwrap(), SocketAddr::new(server.ip(), port));
        raw.expect("250/150|125");
        data.write_all(b"new").unwrap();
        until("the bytes are in the file", || server.bytes("a.txt").len() > 4);
        raw.ask("ABOR", "452/426");
        raw.expect("201/226");
        assert_eq!(server.bytes("a.txt"), b"old+new");
        assert!(is_closed_unused(&data));
    }
}

#[test]
fn e09_stat_answers_while_a_sender_is_blocked() {
    let server = Site::new("blocked").file("a.bin", sample(64 << 20)).start();
    let mut raw = server.login_binary(Rfc959);
    let listener = listen("127.0.0.1", 0);
    let port = listener.local_addr().unwrap().port();
    raw.ask(&format!("SOCK {port}"), "255");
    raw.send("RETR a.bin");
    let (mut data, _) = accept(&listener);
    raw.expect("150|125");
    // One byte is read, the rest fills the buffers: the transfer cannot end.
    data.read_exact(&mut [0]).unwrap();
    raw.ask("STAT", "211|213");
    raw.ask("ABOR", "426");
    raw.expect("226");
    raw.ask("NOOP", "200");
}

#[test]
fn e10_a_server_that_is_killed_in_mid_file_ends_no_file() {
    let server = Site::new("killed").file("a.bin", sample(64 << 20)).start();
    let mut raw = server.login_binary(Rfc959);
    let port = raw.ask("LSTN S", "255").port();
    raw.send("RETR a.bin");
    let mut sending = connect("127.0.0.1:0".parse().unwrap(), SocketAddr::new(server.ip(), port));
    raw.expect("150|125");
    sending.read_exact(&mut [0]).unwrap();
    // Nothing is read on, so that the kernel still holds bytes when the process dies: what tells
    // the other end is the kernel, not the server.
    server.running.signal(rustix::process::Signal::KILL);
    raw.closed();
    let end = sending.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn a_listing_says_how_many_names_it_left_out_and_the_log_names_them() {
    let server = Site::new("names")
        .file("d/plain", "")
        .file("d/line\nfeed", "")
        .file("d/carriage\rreturn", "")
        .start();
    for dialect in [Rfc354, Rfc959] {
        let mut raw = server.login(dialect);
        for command in ["LIST d", "NLST d", "MLSD d"] {
            let port = raw.ask("PASV", "255/227").port();
            raw.send(command);
            let data = connect("127.0.0.1:0".parse().unwrap(), SocketAddr::new(server.ip(), port));
            let listed = String::from_utf8(drain(data)).unwrap();
            let plain: Vec<&str> = listed.lines().filter(|line| line.ends_with("plain")).collect();
            assert_eq!(plain.len(), 1, "{command}: {listed:?}");
            assert!(!listed.contains("feed") && !listed.contains("return"), "{command}: {listed:?}");
            raw.expect("250/150|125");
            let end = raw.expect("257/226");
            assert!(end.lines[0].starts_with("Omitted 2"), "{command}: {end:?}");
        }
    }
    until("the log names them", || {
        let log = server.running.said();
        log.contains("/d") && log.contains("line%0Afeed") && log.contains("carriage%0Dreturn")
    });
}

#[test]
fn e15_a_full_disk_is_said_and_closes_the_connection() {
    let disk = or_skip!(SmallDisk::mount());
    for dialect in [Rfc354, Rfc959] {
        let old = sample(1000);
        std::fs::write(disk.path().join("old.bin"), &old).unwrap();
        let server = Site::new("full").start_in(disk.path().to_path_buf());
        let mut raw = server.login_binary(dialect);
        let port = raw.ask("LSTN R", "255").port();
        raw.send("STOR old.bin");
        let mut data = connect("127.0.0.1:0".parse().unwrap(), SocketAddr::new(server.ip(), port));
        raw.expect("250/150|125");
        // The server closes in the middle: the rest of the bytes cannot be written.
        drop(data.write_all(&sample(64 << 20)));
        raw.expect("453/452|552");
        assert_eq!(server.bytes("old.bin"), old);
        assert_eq!(server.names(), ["old.bin"]);
        raw.ask("NOOP", "200");
    }
}

/// How many times the server's process has read and written (proc(5)).
fn reads_and_writes(server: &Server) -> u64 {
    server.running.kernel_says("io", "syscr") + server.running.kernel_says("io", "syscw")
}

/// Small buffers between disk and connection make a server several times slower.
#[test]
fn large_pieces_are_moved_at_once() {
    const SIZE: u64 = 64 << 20;
    let server = Site::new("pieces").start();
    std::fs::File::create(server.path("large")).unwrap().set_len(SIZE).unwrap();
    let mut raw = server.login_binary(Rfc959);
    for command in ["RETR large", "STOR copy"] {
        let before = reads_and_writes(&server);
        let mut data = raw.open("EPSV");
        raw.ask(command, "150");
        if command.starts_with("RETR") {
            assert_eq!(drain(data).len() as u64, SIZE);
        } else {
            let piece = vec![0; 1 << 20];
            (0..SIZE >> 20).for_each(|_| data.write_all(&piece).unwrap());
            drop(data);
        }
        raw.expect("226");
        let calls = reads_and_writes(&server) - before;
        // What never enters the process at all (splice) is not counted as a call, which is as good.
        assert!(calls * 16 * 1024 < SIZE, "{command}: {calls} calls for {SIZE} bytes");
    }
}

#[test]
fn e01_a_large_file_keeps_every_byte_in_both_directions() {
    let content = sample(5_000_003);
    for dialect in [Rfc354, Rfc959] {
        let server = Site::new("large").file("a.bin", &content).start();
        let mut raw = server.login_binary(dialect);
        assert!(raw.fetch("LSTN S", "RETR a.bin") == content, "bytes differ");
        raw.store("LSTN R", "STOR b.bin", &content);
        assert!(server.bytes("b.bin") == content, "bytes differ");
    }
}
