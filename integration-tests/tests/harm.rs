//! Nobody harms another: whatever one client does, bob's commands go on, and no file is damaged.

mod bounce;
mod clock;
mod crowd;
mod input;
mod kill;
mod operator;
mod private;
mod states;

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::time::Instant;

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::disk::SmallDisk;
use integration_tests::or_skip;
use integration_tests::raw::Raw;
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket::{connect, until};

/// The address that bob comes from.
const BOBS: &str = "127.0.0.9";

fn site(name: &str) -> Site {
    Site::new(name).user("bob:bob")
}

/// The innocent user.
struct Bob(Raw);

impl Bob {
    fn login(server: &Server) -> Self {
        let mut raw = server.connect_from(BOBS.parse().unwrap(), Rfc959);
        raw.login("bob", "bob");
        raw.ask("TYPE I", "200");
        Self(raw)
    }

    /// His commands have the outcome that they always have, and he can log in once more.
    fn goes_on(&mut self, server: &Server) {
        self.goes_on_inside();
        Self::login(server).0.ask("QUIT", "221");
    }

    /// His commands about files, listings and transfers have the outcome that they always have.
    fn goes_on_inside(&mut self) {
        let Self(raw) = self;
        raw.ask("NOOP", "200");
        raw.ask("MKD bobs", "257");
        assert_eq!(self.store("bobs/file", b"content"), 226);
        let Self(raw) = self;
        raw.ask("SIZE bobs/file", "213");
        assert_eq!(self.fetch("RETR bobs/file"), b"content");
        assert_eq!(self.fetch("NLST bobs"), b"bobs/file\r\n");
        let Self(raw) = self;
        raw.ask("DELE bobs/file", "250");
        raw.ask("RMD bobs", "250");
    }

    fn store(&mut self, name: &str, bytes: &[u8]) -> u16 {
        let mut data = self.0.open("EPSV");
        self.0.ask(&format!("STOR {name}"), "150");
        // A server whose disk is full closes in the middle.
        drop(data.write_all(bytes));
        drop(data);
        self.0.reply().code
    }

    fn fetch(&mut self, command: &str) -> Vec<u8> {
        self.0.fetch("EPSV", command)
    }
}

#[test]
fn e15_what_fills_the_disk_is_removed_so_that_others_can_store_again() {
    let disk = or_skip!(SmallDisk::mount());
    let server = site("full").start_in(disk.path().to_path_buf());
    let mut bob = Bob::login(&server);
    let mut ann = server.login_binary(Rfc959);
    let mut data = ann.open("EPSV");
    ann.ask("STOR fill", "150");
    drop(data.write_all(&sample(64 << 20)));
    ann.expect("552");
    assert_eq!(server.names(), [""; 0]);
    bob.goes_on(&server);
}

#[test]
fn a_name_that_no_listing_can_show_cannot_be_made() {
    let server = site("shared").directory("pub").file("pub/ok", "").start();
    let mut ann = server.login(Rfc959);
    // CR travels as CR NUL.
    ann.ask("MKD pub/x\r\0y", "553");
    ann.ask("RNFR pub/ok", "350");
    ann.ask("RNTO pub/x\r\0y", "553");
    ann.ask("EPSV", "229");
    ann.ask("STOR pub/x\r\0y", "553");
    let mut bob = Bob::login(&server);
    assert_eq!(bob.fetch("NLST pub"), b"pub/ok\r\n");
    bob.0.ask("DELE pub/ok", "250");
    bob.0.ask("RMD pub", "250");
}

/// As many free ports in a row at `ip`, which no other test uses.
fn free_ports(ip: &str, count: u16) -> String {
    let free = |port| std::net::TcpListener::bind((ip, port)).is_ok();
    let low = (21_000..60_000).step_by(usize::from(count)).find(|low| (*low..low + count).all(free)).unwrap();
    format!("{low}-{}", low + count - 1)
}

#[test]
fn c06_anonymous_sessions_leave_half_of_the_data_ports() {
    let ports = free_ports("127.0.0.51", 4);
    let server = site("ports").at("127.0.0.51").args(["--anonymous", "--passive-ports", &ports]).start();
    let mut sessions = Vec::new();
    for _ in 0..6 {
        let mut raw = server.connect(Rfc959);
        raw.login("anonymous", "me@example.net");
        raw.send("EPSV");
        let code = raw.reply().code;
        sessions.push((raw, code));
    }
    let got = sessions.iter().filter(|(_, code)| *code == 229).count();
    assert_eq!(got, 2);
    assert!(sessions.iter().all(|(_, code)| [229, 425].contains(code)));
    Bob::login(&server).goes_on(&server);
}

#[test]
fn c06_who_holds_most_data_ports_gives_one_back_to_others() {
    let ports = free_ports("127.0.0.52", 4);
    let server = site("ports").at("127.0.0.52").args(["--passive-ports", &ports]).start();
    let mut anns: Vec<Raw> = (0..4).map(|_| server.login(Rfc959)).collect();
    for ann in &mut anns {
        ann.ask("TYPE I", "200");
        ann.ask("EPSV", "229");
    }
    // One of them even waits for its peer.
    anns[0].send("STOR never");
    anns[0].ask("STAT", "211");
    let mut fifth = server.login(Rfc959);
    fifth.ask("EPSV", "425");
    let mut bob = Bob::login(&server);
    assert_eq!(bob.store("bobs", b"content"), 226);
    let refused = anns[0].expect("425");
    assert!(refused.text().contains("Others need this data port"), "{refused:?}");
    for ann in &mut anns {
        ann.ask("NOOP", "200");
    }
    assert_eq!(server.names(), ["bobs"]);
}

/// A browser that was sent here by somebody's page (RFC 2577 gives the same advice for proxies).
#[test]
fn http_is_closed_before_anything_in_it_is_executed() {
    let server = site("http").start();
    let body = "USER ann\r\nPASS open:sesame\r\nMKD browser\r\n";
    for path in ["/".to_owned(), format!("/{}", "x".repeat(10_000))] {
        let mut raw = server.connect(Rfc959);
        raw.send_bytes(format!("POST {path} HTTP/1.1\r\nHost: ftp.example.net\r\n\r\n{body}").as_bytes());
        raw.closed();
    }
    Bob::login(&server).goes_on(&server);
    assert_eq!(server.names(), [""; 0]);
}

#[test]
fn ten_thousand_pipelined_commands_are_all_answered() {
    const COMMANDS: usize = 10_000;
    let server = site("pipeline").file("file", "12345").start();
    let mut bob = Bob::login(&server);
    let mut ann = server.login_binary(Rfc959);
    let text = "NOOP\r\nSIZE file\r\n".repeat(COMMANDS / 2);
    ann.send_bytes(&text.as_bytes()[..text.len() - 2]);
    bob.goes_on(&server);
    ann.send("");
    for _ in 0..COMMANDS / 2 {
        ann.expect("200");
        ann.expect("213");
    }
    assert!(ann.is_quiet());
}

/// A program that starts the server with so few descriptors.
fn with_descriptors(count: u32, directory: &std::path::Path) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let script = directory.join("few-descriptors");
    let server = integration_tests::binary::Program::Server.path();
    let text = format!("#!/bin/sh\nulimit -n {count}\nexec {} \"$@\"\n", server.display());
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    script
}

#[test]
fn out_of_descriptors_those_inside_go_on_and_newcomers_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let server = site("few").program(with_descriptors(128, directory.path())).start();
    until("the operator is told", || {
        server.running.said().contains("the limit of open files is enough for 96 sessions")
    });
    let mut bob = Bob::login(&server);
    let to = server.address(Rfc959);
    let strangers: Vec<_> = (0..200).map(|_| connect("127.0.0.1:0".parse().unwrap(), to)).collect();
    bob.goes_on_inside();
    // Each was greeted or told why not; nobody was left without an answer.
    let mut told = 0;
    for stranger in &strangers {
        let mut code = [0; 3];
        std::io::Read::read_exact(&mut &*stranger, &mut code).unwrap();
        assert!([b"220", b"421"].contains(&&code));
        told += usize::from(&code == b"421");
    }
    assert!(told > 0);
    drop(strangers);
    bob.goes_on(&server);
}

#[test]
fn unused_data_connections_of_one_account_use_up_no_descriptors_of_others() {
    let directory = tempfile::tempdir().unwrap();
    let server = site("few").program(with_descriptors(128, directory.path())).start();
    let mut bob = Bob::login(&server);
    let mut anns: Vec<Raw> = (0..20).map(|_| server.login(Rfc959)).collect();
    let mut unused = Vec::new();
    for ann in &mut anns {
        ann.send("EPSV");
        let reply = ann.reply();
        if reply.code == 229 {
            let to = SocketAddr::new(server.ip(), reply.port());
            // Some are refused or reset: they are too many.
            unused.extend((0..8).map(|_| std::net::TcpStream::connect(to)));
        }
        bob.goes_on_inside();
    }
    until("bob can log in again", || {
        let mut code = [0; 3];
        let stream = connect(SocketAddr::new(BOBS.parse().unwrap(), 0), server.address(Rfc959));
        std::io::Read::read_exact(&mut &stream, &mut code).is_ok() && &code == b"220"
    });
    bob.goes_on(&server);
}

/// Transfers that nobody reads, until there are no descriptors for newcomers: who logs in gets one from whoever
/// holds most.
#[test]
fn transfers_of_one_account_that_use_up_the_descriptors_give_way_to_newcomers() {
    let directory = tempfile::tempdir().unwrap();
    let server = site("few").file("big", vec![0; 64 << 20]).program(with_descriptors(128, directory.path()));
    let server = server.start();
    let mut bob = Bob::login(&server);
    let mut held = Vec::new();
    for _ in 0..60 {
        let mut ann = server.connect(Rfc959);
        ann.send("USER ann");
        if ann.reply().code != 331 {
            break;
        }
        ann.send("PASS open:sesame");
        if ann.reply().code != 230 {
            break;
        }
        ann.send("EPSV");
        let reply = ann.reply();
        if reply.code == 229 {
            let data = std::net::TcpStream::connect(SocketAddr::new(server.ip(), reply.port()));
            ann.send("RETR big");
            held.push((ann, data));
        }
    }
    assert!(held.len() > 10, "{}", held.len());
    for _ in 0..3 {
        bob.goes_on(&server);
    }
}

/// Stores a group of one small file, which waits for its name.
fn hold_group(raw: &mut Raw, number: usize) {
    let mut data = raw.open("EPSV");
    raw.send(&format!("PACK STORE {number} d//3,-,{number}"));
    let stream = [&[1][..], &3_u64.to_be_bytes(), b"abc"].concat();
    data.write_all(&stream).unwrap();
    drop(data);
    raw.expect("150");
    raw.expect("226");
}

#[test]
fn groups_that_one_account_holds_give_way_before_the_sessions_of_others() {
    let directory = tempfile::tempdir().unwrap();
    let server = site("few").user("dan:dan").directory("d").program(with_descriptors(128, directory.path()));
    let server = server.start();
    let mut bobs: Vec<Bob> = (0..10).map(|_| Bob::login(&server)).collect();
    let mut anns: Vec<Raw> = (0..5).map(|_| server.login(Rfc959)).collect();
    for ann in &mut anns {
        ann.ask("TYPE I", "200");
        ann.ask("DGST SHA-256", "200");
        for number in 1..=4 {
            hold_group(ann, number);
        }
    }
    let (mut newcomers, mut hosts) = (Vec::new(), (1..=255).cycle());
    let mut from = || SocketAddr::from(([127, 0, 1, hosts.next().unwrap()], 0));
    until("a group has given way", || {
        newcomers.push(connect(from(), server.address(Rfc959)));
        server.running.said().contains("held-groups")
    });
    // Who logs in then needs no session of bob's, who has most of them.
    let mut dans = Vec::new();
    for _ in 0..6 {
        newcomers.push(connect(from(), server.address(Rfc959)));
        let mut dan = BufReader::new(connect(from(), server.address(Rfc959)));
        let said = ["", "USER dan\r\n", "PASS dan\r\n"].map(|line| {
            let (mut said, _) = (String::new(), dan.get_mut().write_all(line.as_bytes()));
            drop(dan.read_line(&mut said));
            said
        });
        assert!(said[0].starts_with("421") || said[2].starts_with("230"), "{said:?}");
        dans.push(dan);
    }
    for bob in &mut bobs {
        bob.goes_on_inside();
    }
}

#[test]
fn what_a_client_is_refused_again_and_again_has_few_lines_and_a_count() {
    const REFUSED: usize = 500;
    const IN_A_MINUTE: usize = 120;
    let server = site("refused").directory("d").start();
    let start = Instant::now();
    let mut ann = server.login(Rfc959);
    ann.send_bytes("MKD d\r\n".repeat(REFUSED).as_bytes());
    for _ in 0..REFUSED {
        ann.expect("550");
    }
    ann.ask("QUIT", "221");
    let said = || server.running.said();
    let [mut lines, mut counted] = [0, 0];
    until("each refusal has a line or is counted", || {
        let said = said();
        let (untold, told): (Vec<_>, Vec<_>) = said
            .lines()
            .filter(|line| line.contains("change failed"))
            .partition(|line| line.contains("refusals without a line"));
        let count =
            |line: &&str| line.split("count=").nth(1)?.split_whitespace().next()?.parse::<usize>().ok();
        lines = told.len();
        counted = untold.iter().filter_map(count).sum();
        lines + counted == REFUSED
    });
    // Each minute that has ended on the way brings as many lines again.
    let minutes = usize::try_from(start.elapsed().as_secs() / 60).unwrap() + 1;
    assert!((1..=IN_A_MINUTE * minutes).contains(&lines), "{lines} lines, and {counted} without");
    // A directory that is there, or a parent that is not, is no reason to worry an operator.
    ann = server.login(Rfc959);
    ann.ask("MKD no/such", "550");
    ann.ask("QUIT", "221");
    // Its lines stand before the one of its end.
    until("both sessions have ended", || said().matches("session ended").count() == 2);
    assert!(!said().lines().any(|line| line.contains("WARN") && line.contains("MKD")), "{}", said());
}

#[test]
fn a_server_with_hardly_any_descriptor_tells_newcomers_so() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let server = site("none").start();
    let pid = server.running.id();
    let highest = || {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        open.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u64>().ok()).max()
    };
    let (mut last, mut same) = (None, 0);
    until("it has opened all that it opens at its start", || {
        let before = std::mem::replace(&mut last, highest());
        same = if last == before { same + 1 } else { 0 };
        same == 40
    });
    let limit = last.map(|number| number + 1);
    let id = Pid::from_raw(i32::try_from(pid).unwrap());
    prlimit(id, Resource::Nofile, Rlimit { current: limit, maximum: limit }).unwrap();
    // The first newcomers take the numbers that were free below the limit. Each has an address of its own.
    let (mut inside, mut refused, mut newcomers) = (Vec::new(), 0, (1..=255).cycle());
    until("three newcomers one after the other are told that no descriptor is left", || {
        let from = SocketAddr::from(([127, 0, 1, newcomers.next().unwrap()], 0));
        let mut newcomer = BufReader::new(connect(from, server.address(Rfc959)));
        let mut greeting = String::new();
        newcomer.read_line(&mut greeting).unwrap();
        if greeting.starts_with("421 ") {
            assert!(greeting.contains("descriptors"), "{greeting}");
            refused += 1;
        } else {
            inside.push(newcomer);
            refused = 0;
        }
        refused == 3
    });
}

/// In a full server, whoever holds most gives up sessions to who logs in and holds less: first those that have
/// done nothing for longest, then those that work.
#[test]
fn a_full_server_makes_room_for_who_holds_less() {
    let server = site("sessions").user("dan:dan").args(["--max-sessions", "6"]).file("a", "").start();
    let mut bob = Bob::login(&server);
    let mut anns: Vec<Raw> = (0..5).map(|_| server.login(Rfc959)).collect();
    // The first of them works: it waits for its peer.
    anns[0].ask("TYPE I", "200");
    anns[0].ask("EPSV", "229");
    anns[0].send("RETR a");
    anns[0].ask("STAT", "211|213");
    // Strangers take nothing from those inside. The second and the third one have been idle longest.
    let strangers: Vec<Raw> = (0..10).map(|_| server.connect(Rfc959)).collect();
    for ann in &mut anns[3..] {
        ann.ask("NOOP", "200");
    }
    let log_in = |name: &str| {
        let mut raw = server.connect(Rfc959);
        raw.ask(&format!("USER {name}"), "331");
        raw.send(&format!("PASS {name}"));
        let reply = raw.reply();
        (raw, reply)
    };
    let dans = [log_in("dan"), log_in("dan")];
    assert!(dans.iter().all(|(_, reply)| reply.code == 230), "{dans:?}");
    for ann in &mut anns[1..3] {
        assert!(ann.expect("421").text().contains("max-sessions"));
        ann.closed();
    }
    let (_, refused) = log_in("dan");
    assert!(
        refused.code == 421 && refused.text().contains("max-sessions"),
        "dan would hold most: {refused:?}"
    );
    for ann in &mut anns[3..] {
        ann.ask("NOOP", "200");
    }
    drop(strangers);
    anns[0].send("ABOR");
    while anns[0].reply().code != 226 {}
    bob.goes_on_inside();
}
