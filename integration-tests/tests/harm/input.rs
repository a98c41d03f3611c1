//! Bad input: the right refusal or a close, and others do not notice.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use ftp_proto::dialect::Dialect::{Rfc354, Rfc959};
use integration_tests::socket::{connect, drain, until};

use super::{Bob, site};
use crate::accounts::user;

/// Files of which far more moves than sockets hold.
const LARGE: u64 = 256 << 20;

#[test]
fn half_lines_wait_for_their_end_and_others_are_served() {
    let server = site("half").start();
    let mut bob = Bob::login(&server);
    let mut halves: Vec<_> = (0..50)
        .map(|number| {
            let mut raw = server.connect(if number % 2 == 0 { Rfc959 } else { Rfc354 });
            raw.send_bytes(b"NOO");
            raw
        })
        .collect();
    bob.goes_on(&server);
    for half in &mut halves {
        half.ask("P", "200");
    }
}

#[test]
fn binary_and_telnet_noise_harms_nobody() {
    let server = site("noise").start();
    let mut bob = Bob::login(&server);
    let noise = integration_tests::site::sample(1 << 20);
    let telnet: Vec<u8> = noise.iter().flat_map(|&byte| [255, 240 | byte & 15, byte]).collect();
    for bytes in [&noise, &telnet] {
        for number in 0..8 {
            let dialect = if number % 2 == 0 { Rfc959 } else { Rfc354 };
            let mut stream = connect("127.0.0.1:0".parse().unwrap(), server.address(dialect));
            // Whoever does not read the answers is not listened to: this may block, so not all is sent.
            stream.set_nonblocking(true).unwrap();
            drop(stream.write_all(&bytes[number..]));
            bob.goes_on_inside();
        }
    }
    bob.goes_on(&server);
    assert_eq!(server.names(), [""; 0]);
}

#[test]
fn connections_that_never_log_in_keep_nobody_out() {
    let server = site("door").start();
    let mut bob = Bob::login(&server);
    let to = server.address(Rfc959);
    let strangers: Vec<TcpStream> = (0..1_200_u16)
        .map(|number| {
            let [_, last] = (number / 100 + 20).to_be_bytes();
            connect(SocketAddr::new([127, 0, 0, last].into(), 0), to)
        })
        .collect();
    bob.goes_on(&server);
    drop(strangers);
}

#[test]
fn others_are_served_while_clients_do_not_read_their_replies() {
    let server = site("unread").start();
    let mut bob = Bob::login(&server);
    let mut unread = Vec::new();
    for _ in 0..20 {
        let mut stream = connect("127.0.0.1:0".parse().unwrap(), server.address(Rfc959));
        stream.set_nonblocking(true).unwrap();
        let commands = "FEAT\r\n".repeat(20_000);
        drop(stream.write_all(commands.as_bytes()));
        unread.push(stream);
    }
    bob.goes_on(&server);
}

/// What a client sends stays in the sockets as long as it does not read the replies.
#[test]
fn what_is_sent_and_not_read_takes_little_memory() {
    const CLIENTS: usize = 90;
    let server = site("memory").start();
    let mut bob = Bob::login(&server);
    bob.goes_on(&server);
    let before = server.running.kernel_says("status", "VmRSS");
    let commands = "FEAT\r\nHELP\r\n".repeat(400_000);
    let mut sent = 0;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = connect("127.0.0.1:0".parse().unwrap(), server.address(Rfc959));
        client.set_nonblocking(true).unwrap();
        let mut rest = commands.as_bytes();
        while let Ok(count @ 1..) = client.write(rest) {
            rest = &rest[count..];
        }
        sent += commands.len() - rest.len();
        clients.push(client);
    }
    bob.goes_on(&server);
    let (after, each) = (server.running.kernel_says("status", "VmRSS"), 256 * CLIENTS as u64);
    assert!(after < before + each, "{before} KiB before, {after} KiB after {sent} bytes");
}

#[test]
fn others_are_served_while_files_move_slowly() {
    let server = site("slow").start();
    std::fs::File::create(server.path("large")).unwrap().set_len(LARGE).unwrap();
    let mut bob = Bob::login(&server);
    let mut slow = Vec::new();
    for number in 0..20 {
        let mut ann = server.login_binary(Rfc959);
        let mut data = ann.open("EPSV");
        if number % 2 == 0 {
            ann.ask("RETR large", "150");
            data.read_exact(&mut [0]).unwrap();
        } else {
            ann.ask(&format!("STOR slow-{number}"), "150");
            data.write_all(b"x").unwrap();
        }
        slow.push((ann, data));
    }
    bob.goes_on(&server);
    for (mut ann, data) in slow {
        drop(data);
        ann.expect("226|426");
        ann.ask("NOOP", "200");
    }
}

/// A reader is never told that a part of a file is the whole.
#[test]
fn a_file_that_is_cut_while_it_is_sent_is_not_said_to_be_whole() {
    let server = site("cut").start();
    let file = std::fs::File::create(server.path("large")).unwrap();
    file.set_len(LARGE).unwrap();
    let mut bob = Bob::login(&server);
    let mut ann = server.login_binary(Rfc959);
    let mut data = ann.open("EPSV");
    ann.ask("RETR large", "150");
    data.read_exact(&mut [0]).unwrap();
    file.set_len(1).unwrap();
    drop(data.read_to_end(&mut Vec::new()));
    ann.expect("426|451|551");
    ann.ask("NOOP", "200");
    bob.goes_on(&server);
}

#[test]
fn a_file_that_is_removed_while_it_is_sent_is_sent_to_its_end() {
    let server = site("removed").start();
    std::fs::File::create(server.path("large")).unwrap().set_len(LARGE).unwrap();
    let mut bob = Bob::login(&server);
    let mut ann = server.login_binary(Rfc959);
    let mut data = ann.open("EPSV");
    ann.ask("RETR large", "150");
    data.read_exact(&mut [0]).unwrap();
    bob.0.ask("DELE large", "250");
    assert_eq!(drain(data).len() as u64 + 1, LARGE);
    ann.expect("226");
    bob.goes_on(&server);
}

#[test]
fn a_directory_that_is_removed_under_an_upload_is_told() {
    let server = site("gone").directory("here").start();
    let mut bob = Bob::login(&server);
    let mut ann = server.login_binary(Rfc959);
    let mut data = ann.open("EPSV");
    ann.ask("STOR here/file", "150");
    data.write_all(b"begin").unwrap();
    until("the file under way is there", || !server.names().iter().all(|name| name == "here/"));
    std::fs::remove_dir_all(server.path("here")).unwrap();
    drop(data);
    let code = ann.reply().code;
    assert!((400..600).contains(&code), "{code}");
    bob.goes_on(&server);
    assert_eq!(server.names(), [""; 0]);
}

#[test]
fn a_quota_that_is_reached_is_told_and_others_store_as_before() {
    let own = tempfile::tempdir().unwrap();
    let config = user("eve", "x", &format!("root = {:?}\nquota-bytes = 100000", own.path()));
    let server = site("quota").config(&config).start();
    let mut bob = Bob::login(&server);
    let mut eve = server.login_as("eve", "x");
    for _ in 0..3 {
        let mut data = eve.open("EPSV");
        eve.ask("STOR large", "150");
        drop(data.write_all(&integration_tests::site::sample(8 << 20)));
        drop(data);
        eve.expect("552");
        assert_eq!(std::fs::read_dir(own.path()).unwrap().count(), 0, "nothing is left");
        bob.goes_on(&server);
    }
    eve.ask("NOOP", "200");
}

#[test]
fn an_upload_that_stands_still_ends_when_its_file_is_deleted_and_its_bytes_come_back() {
    let own = tempfile::tempdir().unwrap();
    let config = user("eve", "x", &format!("root = {:?}\nquota-bytes = 1000000", own.path()));
    let server = site("deleted").config(&config).start();
    let eve = || server.login_as("eve", "x");
    let names = || integration_tests::site::names_below(own.path());
    let (mut first, mut second) = (eve(), eve());
    // Appended to, so that it has its name from the first byte.
    for _ in 0..4 {
        let mut data = first.open("EPSV");
        first.ask("APPE file", "150");
        data.write_all(&integration_tests::site::sample(600_000)).unwrap();
        until("the file under way is there", || names() == ["file"]);
        second.ask("DELE file", "250");
        let reply = first.reply();
        assert!((400..600).contains(&reply.code), "{reply:?}");
    }
    let mut data = second.open("EPSV");
    second.ask("STOR all", "150");
    data.write_all(&integration_tests::site::sample(1_000_000)).unwrap();
    drop(data);
    second.expect("226");
    assert_eq!(names(), ["all"]);
}

/// A source that never ends, for example in a transfer from another server.
#[test]
fn a_source_without_an_end_fills_no_disk() {
    let keeps = "[limits]\nkeep-free = \"1000TiB\"\n".to_owned();
    let bounds = user("eve", "x", "max-file-size = \"1MiB\"");
    for (config, name) in [(keeps, "ann"), (bounds, "eve")] {
        let server = site("endless").config(&config).start();
        let password = if name == "eve" { "x" } else { integration_tests::site::PASSWORD };
        let mut raw = server.login_as(name, password);
        let mut data = raw.open("EPSV");
        raw.ask("STOR endless", "150");
        let piece = vec![b'x'; 1 << 20];
        while data.write_all(&piece).is_ok() {}
        raw.expect("552");
        assert_eq!(server.names(), [""; 0]);
        let mut bob = Bob::login(&server);
        bob.0.ask("NOOP", "200");
        if name == "eve" {
            bob.goes_on(&server);
        }
    }
}

#[test]
fn others_are_served_while_commands_come_byte_by_byte() {
    let server = site("bytes").start();
    let mut bob = Bob::login(&server);
    let mut slow: Vec<_> = (0..20).map(|_| server.login(Rfc959)).collect();
    for byte in b"MKD slow\rNOOP\r\n".chunks(1) {
        for ann in &mut slow {
            ann.send_bytes(byte);
        }
        bob.0.ask("NOOP", "200");
    }
    bob.goes_on(&server);
    for ann in &mut slow {
        // CR without LF or NUL is no end of a line.
        assert!((500..=553).contains(&ann.reply().code));
        ann.ask("NOOP", "200");
    }
    assert_eq!(server.names(), [""; 0]);
}

/// Patterns can take exponential time (CVE-2011-0762). NLST alone has them; elsewhere `*` is a letter.
#[test]
fn a_pattern_costs_nothing_and_is_a_name_but_for_nlst() {
    let name = "a".repeat(200);
    let server = site("patterns").file(&name, "").file("*a*", "").start();
    let mut bob = Bob::login(&server);
    let mut ann = server.login(Rfc959);
    let pattern = "{*,a*}*a".repeat(100);
    for command in ["LIST", "MLSD", "STAT", "MLST", "SIZE", "RETR", "DELE", "CWD"] {
        ann.ask("EPSV", "229");
        ann.ask(&format!("{command} {pattern}"), "450|550|501|553");
    }
    let data = ann.open("EPSV");
    ann.send(&format!("NLST {}b", "*a".repeat(60)));
    if ann.reply().code == 150 {
        assert_eq!(drain(data), b"");
        ann.expect("226");
    }
    ann.ask("DELE *a*", "250");
    assert_eq!(server.names(), [name]);
    bob.goes_on(&server);
}

#[test]
fn a13_a_line_of_a_mebibyte_is_refused_and_the_session_stays_in_step() {
    let server = site("long").start();
    let mut bob = Bob::login(&server);
    let mut ann = server.login(Rfc959);
    let line = [b"MKD ".as_slice(), &vec![b'x'; 1 << 20]].concat();
    ann.send_bytes(&line);
    bob.goes_on(&server);
    ann.ask("", "500");
    ann.ask("NOOP", "200");
    assert_eq!(server.names(), [""; 0]);
}
