//! RFC 2577, section by section, against the default policy: what a server on the open Internet must not
//! be used for.

use std::collections::HashSet;
use std::io::Read;
use std::net::SocketAddr;

use ftp_proto::dialect::Dialect::{Rfc354, Rfc959};
use integration_tests::raw::Raw;
use integration_tests::socket::{connect, free_port, is_quiet, is_turned_away, listen};

use super::site;

/// Somebody else's service, on a host that is not the user's.
const VICTIM: &str = "127.0.0.44";

/// Section 3: nobody is connected to whom the user merely names, and no port below 1024 is ever a target.
#[test]
fn b17_b18_s2577_3_no_command_makes_the_server_connect_to_a_third_host() {
    let server = site("bounce").file("mail", "HELO there").start();
    let victim = listen(VICTIM, 0);
    let port = victim.local_addr().unwrap().port();
    let (high, low) = (port / 256, port % 256);
    let mut ann = server.login(Rfc959);
    let host = VICTIM.replace('.', ",");
    for target in [
        format!("PORT {host},{high},{low}"),
        format!("EPRT |1|{VICTIM}|{port}|"),
        format!("EPRT |2|::ffff:{VICTIM}|{port}|"),
        format!("SOCK {},{port}", u32::from_be_bytes([127, 0, 0, 44])),
        "PORT 127,0,0,1,0,25".to_owned(),
        "EPRT |1|127.0.0.1|1023|".to_owned(),
    ] {
        ann.ask(&target, "501|504|522");
        for transfer in ["RETR mail", "STOR stolen", "LIST", "NLST", "MLSD"] {
            ann.ask(transfer, "425");
        }
    }
    assert!(is_quiet(&victim));
    assert_eq!(server.names(), ["mail"]);
}

/// Section 3, where the user gives a secret for RNDZ but the victim does not know it: one connection, 32
/// bytes that the user has not chosen, and no byte of the file.
#[test]
fn s2577_3_a_victim_of_rndz_hears_nothing_that_the_attacker_chose() {
    let server = site("rndz").args(["--connect-timeout", "2s"]).file("mail", "HELO there").start();
    let victim = listen(VICTIM, 0);
    let mut ann = server.login_binary(Rfc959);
    ann.ask(&format!("RNDZ {}", "07".repeat(32)), "200");
    ann.ask(&format!("EPRT |1|{VICTIM}|{}|", victim.local_addr().unwrap().port()), "200");
    ann.send("RETR mail");
    let (mut heard, mut bytes) = (integration_tests::socket::accept(&victim).0, Vec::new());
    drop(heard.read_to_end(&mut bytes));
    assert_eq!(bytes.len(), 32);
    assert!(bytes.starts_with(b"RNDZ1\r\n\0"));
    ann.expect("425");
    assert!(is_quiet(&victim), "one connection for one command");
}

/// Section 3, from a distance: some attempts that ABOR ends are the limit for an account, whether their target
/// refuses, answers or drops them. Else the one after them would tell which of these it was.
#[test]
fn s2577_3_tries_that_were_given_up_do_not_tell_whether_their_target_answers() {
    let site =
        site("oracle").user("closed:x").user("silent:x").user("open:x").args(["--connect-timeout", "2s"]);
    let server = site.file("mail", "HELO").start();
    let (open, full) = (listen(VICTIM, 0), Full::listen());
    let closed = free_port(VICTIM);
    let targets = [("closed", closed), ("silent", full.port()), ("open", open.local_addr().unwrap().port())];
    for (user, port) in targets {
        let mut mal = server.login_as(user, "x");
        let begin = |mal: &mut Raw, host: &str, port: u16| {
            mal.ask(&format!("RNDZ {}", "07".repeat(32)), "200");
            mal.ask(&format!("EPRT |1|{host}|{port}|"), "200");
            mal.send("RETR mail");
        };
        let give_up = |mal: &mut Raw| {
            mal.ask("ABOR", "426");
            mal.expect("226");
        };
        let own = listen("127.0.0.46", 0);
        let own_port = own.local_addr().unwrap().port();
        begin(&mut mal, "127.0.0.46", own_port);
        drop(integration_tests::socket::accept(&own));
        give_up(&mut mal);
        // Some may be given up before they begin.
        for _ in 0..200 {
            begin(&mut mal, VICTIM, port);
            mal.ask("STAT", "211|213");
            give_up(&mut mal);
        }
        begin(&mut mal, "127.0.0.46", own_port);
        mal.expect("425");
        assert!(is_quiet(&own), "{user}: an attempt after so many");
    }
}

/// A listener whose queue is full, so that the system drops all further attempts to connect.
struct Full {
    listener: socket2::Socket,
    _queued: Vec<socket2::Socket>,
}

impl Full {
    fn listen() -> Self {
        let socket = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let listener = socket();
        listener.bind(&SocketAddr::new(VICTIM.parse().unwrap(), 0).into()).unwrap();
        listener.listen(0).unwrap();
        let at = listener.local_addr().unwrap();
        let queued = (0..8).map(|_| {
            let one = socket();
            one.set_nonblocking(true).unwrap();
            // It is under way.
            let _ = one.connect(&at);
            one
        });
        let _queued = queued.collect();
        Self { listener, _queued }
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().as_socket().unwrap().port()
    }
}

/// Sections 4 and 8: the port of a transfer cannot be guessed, and whoever takes it gets nothing.
#[test]
fn c26_s2577_8_data_ports_are_not_guessed_and_strangers_get_nothing_there() {
    let server = site("steal").file("secret", "for ann").start();
    let mut ann = server.login_binary(Rfc959);
    let ports: Vec<u16> = (0..50).map(|_| ann.ask("EPSV", "229").port()).collect();
    let steps: HashSet<i32> = ports.windows(2).map(|two| i32::from(two[1]) - i32::from(two[0])).collect();
    assert!(steps.len() > 25, "{ports:?}");
    let at = SocketAddr::new(server.ip(), *ports.last().unwrap());
    let thief = SocketAddr::new(VICTIM.parse().unwrap(), 0);
    assert!(is_turned_away(thief, at));
    ann.send("RETR secret");
    assert!(is_turned_away(thief, at));
    let data = connect("127.0.0.1:0".parse().unwrap(), at);
    ann.expect("150");
    assert_eq!(integration_tests::socket::drain(data), b"for ann");
    ann.expect("226");
}

/// Section 7: a name that exists is answered as one that does not, before and after the password.
#[test]
fn s2577_7_names_of_users_are_not_told() {
    let server = site("names").start();
    for dialect in [Rfc959, Rfc354] {
        // Each thief has an address of its own: a host waits the longer for a refusal the more it has failed.
        let mut last = if dialect == Rfc959 { 20 } else { 30 };
        let thieves = ["ann", "nobody", "root", "anonymous"].map(|name| {
            last += 1;
            let mut thief = server.connect_from([127, 0, 0, last].into(), dialect);
            thief.send(&format!("USER {name}"));
            let user = thief.reply();
            thief.send("PASS wrong");
            (user.code, user.text().replace(name, "NAME"), thief)
        });
        let answers = thieves.map(|(code, text, mut thief)| (code, text, thief.reply()));
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }
}

/// Section 9: the anonymous user changes nothing and names no other host, and no command runs a program.
#[test]
fn s2577_9_anonymous_users_change_nothing_and_nobody_runs_programs() {
    let server = site("public").args(["--anonymous"]).file("pub/file", "content").start();
    let mut anyone = server.login_as("anonymous", "me@example.net");
    for change in
        ["STOR new", "APPE pub/file", "STOU", "DELE pub/file", "MKD new", "RMD pub", "RNFR pub/file"]
    {
        anyone.ask("EPSV", "229");
        anyone.send(change);
        let code = anyone.reply().code;
        assert!((500..600).contains(&code), "{change}: {code}");
    }
    for program in ["SITE EXEC id", "SITE CPFR pub/file", "SITE CHMOD 777 pub/file", "SITE CPTO new"] {
        anyone.send(program);
        let code = anyone.reply().code;
        assert!((500..600).contains(&code), "{program}: {code}");
    }
    assert_eq!(server.names(), ["pub/", "pub/file"]);
    let data = anyone.open("EPSV");
    anyone.ask("RETR pub/file", "150");
    assert_eq!(integration_tests::socket::drain(data), b"content");
    anyone.expect("226");
}
