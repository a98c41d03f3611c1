//! The programs from outside: what they print, how they start and end, what a process listing shows.

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::binary::{Program, Running};
use integration_tests::or_skip;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{PASSWORD, Site, sample};
use integration_tests::socket::{connect, drain};
use integration_tests::terminal::{at_a_terminal, at_a_terminal_without_colour};
use integration_tests::user::user;
use rustix::process::{Pid, Signal};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Child;

#[test]
fn a_server_that_nobody_can_log_in_to_does_not_start() {
    let root = tempfile::tempdir().unwrap();
    let mut command = Program::Server.command();
    command.args(["--listen", "127.0.0.2:0", "--root"]).arg(root.path());
    let mut server = Running::start("nobody", command);
    let status = server.wait();
    assert!(!status.success());
    assert!(server.said().contains("--user"), "it says what to do: {}", server.said());
}

#[test]
fn a_server_without_a_root_does_not_start() {
    let mut command = Program::Server.command();
    command.args(["--listen", "127.0.0.2:0", "--user", "ann:x"]);
    let mut server = Running::start("rootless", command);
    assert!(!server.wait().success());
    assert!(server.said().contains("--root"), "{}", server.said());
}

#[test]
fn both_programs_tell_their_version_and_their_options() {
    for program in [Program::Server, Program::User] {
        for (option, words) in [("--version", env!("CARGO_PKG_VERSION")), ("--help", "--")] {
            let mut command = program.command();
            command.arg(option);
            let mut run = Running::start("help", command);
            assert_eq!(run.wait().code(), Some(0), "{program:?} {option}");
            assert!(run.said().contains(words), "{program:?} {option}: {}", run.said());
        }
    }
}

#[test]
fn d14_the_wait_for_a_peer_is_a_minute_unless_configured() {
    let mut command = Program::Server.command();
    command.arg("--help");
    let mut run = Running::start("help", command);
    run.wait();
    let said = run.said();
    let option = said.split("--accept-timeout").nth(1).unwrap_or_else(|| panic!("{said}"));
    let option = option.split("\n\n").next().unwrap_or_default();
    let option = option.split(" --").next().unwrap_or_default();
    assert!(option.contains("60s") || option.contains("60 s") || option.contains("1m"), "{option}");
}

#[test]
fn no_password_stands_in_a_process_listing() {
    let listing = |id: u32| std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let shown = |id: u32| String::from_utf8_lossy(&listing(id)).into_owned();
    let server = Site::new("listing").start();
    assert!(!shown(server.running.id()).contains("sesame"));
    let peer = Peer::start("127.0.0.3", "USER: hang", MODERN);
    let run = user().args(["ls".to_owned(), peer.url(""), "--timeout".to_owned(), "60s".to_owned()]).start();
    peer.wait_for("USER");
    assert!(!shown(run.running.id()).contains("sesame"));
    assert!(!shown(run.running.id()).contains(&PASSWORD.replace(':', "%3A")));
    run.end_with(Signal::INT).exits(10);
}

/// A program that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended already; there is nothing left to do then.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_log_that_nobody_reads_stops_no_session_and_says_what_it_lost() {
    const COMMANDS: usize = 10_000;
    let root = tempfile::tempdir().unwrap();
    let (mut log, stderr) = std::io::pipe().unwrap();
    let mut command = Program::Server.command();
    command.args(["--listen", "127.0.0.2:0", "--anonymous", "--log-level", "debug", "--root"]);
    let mut server = Killed(command.arg(root.path()).stderr(stderr).spawn().unwrap());
    drop(command);
    let mut ready = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let at: SocketAddr = ready.split(' ').nth(2).unwrap().parse().unwrap();
    let mut control = TcpStream::connect(at).unwrap();
    let mut replies = BufReader::new(control.try_clone().unwrap()).lines();
    assert!(replies.next().unwrap().unwrap().starts_with("220"));
    // Each command is a line of the log at least: far more than the pipe and the queue hold.
    for _ in 0..COMMANDS {
        control.write_all(b"NOOP\r\n").unwrap();
        assert!(replies.next().unwrap().unwrap().starts_with("200"));
    }
    // Somebody reads again, and the next line says what was lost.
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).unwrap();
        text
    });
    control.write_all(b"QUIT\r\n").unwrap();
    assert!(replies.next().unwrap().unwrap().starts_with("221"));
    let id = Pid::from_raw(i32::try_from(server.0.id()).unwrap()).unwrap();
    rustix::process::kill_process(id, Signal::TERM).unwrap();
    assert_eq!(server.0.wait().unwrap().code(), Some(0));
    let log = reader.join().unwrap();
    let lost: usize = log
        .lines()
        .filter(|line| line.contains("WARN") && line.contains("log lines were lost"))
        .filter_map(|line| line.rsplit_once("lines=")?.1.parse::<usize>().ok())
        .sum();
    let written = log.lines().filter(|line| line.contains("NOOP")).count();
    assert!(written < COMMANDS && lost >= COMMANDS - written, "{written} written, {lost} lost");
}

#[test]
fn a_terminated_server_lets_its_transfers_end() {
    let content = sample(64 << 20);
    let mut server = Site::new("grace").file("a.bin", &content).start();
    let mut raw = server.login_binary(Rfc959);
    let port = raw.ask("LSTN S", "255").port();
    raw.send("RETR a.bin");
    let data = connect("127.0.0.1:0".parse().unwrap(), SocketAddr::new(server.ip(), port));
    raw.expect("150|125");
    server.running.signal(Signal::TERM);
    assert!(drain(data) == content, "the transfer was cut");
    raw.expect("226|250");
    assert_eq!(server.running.wait().code(), Some(0));
}

#[test]
fn usage_mistakes_are_2() {
    for (args, says) in [
        (&["copy"][..], "missing: SOURCE [DEST]...; see ftp-user copy --help"),
        (&["retry"], "missing: JOB; see ftp-user retry --help; JOB is an id or a name from the list of jobs"),
        (&["copy", "--wait", "a", "b"], "missing: --queue; see ftp-user copy --help; --wait, --priority"),
        (
            &["shell", "one"],
            "unexpected argument 'one' found; see ftp-user shell --help; shell takes no place",
        ),
        (&["-v", "sites", "test"], "see ftp-user sites test --help"),
        (&["copy", "ftp://127.0.0.2/a"], "ftp://127.0.0.2/a is one place, and SOURCE and DEST are two"),
        (&["no-such-verb"], "see ftp-user --help"),
        (&["copy", "--no-such-option", "a", "b"], "unexpected argument '--no-such-option' found; see"),
        (&["cpoy", "a", "b"], "'cpoy'; a similar subcommand exists: 'copy'"),
        (&["sites", "lits"], "sites has no lits; did you mean sites list?"),
        (
            &["sync", "--max-delet", "3", "a", "b"],
            "sync has no option --max-delet; did you mean --max-delete?",
        ),
    ] {
        let run = user().args(args).run().exits(2).says(says);
        assert_eq!(run.said.trim_end().lines().count(), 1, "one line says it: {run}");
    }
}

#[test]
fn what_has_failed_has_the_same_colour_everywhere_unless_it_is_turned_off() {
    let home = tempfile::tempdir().unwrap();
    let red = "\u{1b}[31mftp-user:\u{1b}[0m ";
    for words in
        ["cpoy", "copy a", "ls ./none", "rm ./none", "hash ./none", "copy ./none ./x", "sites show none"]
    {
        let (said, _) = or_skip!(at_a_terminal(home.path(), words, ""));
        assert_eq!(said.matches(red).count(), 1, "{words}: {said:?}");
        let (said, _) = or_skip!(at_a_terminal(home.path(), &format!("--color never {words}"), ""));
        assert!(said.starts_with("ftp-user: ") && !said.contains('\u{1b}'), "{words}: {said:?}");
        let (said, _) = or_skip!(at_a_terminal_without_colour(home.path(), words));
        assert!(said.starts_with("ftp-user: ") && !said.contains('\u{1b}'), "{words}: {said:?}");
    }
    // Nobody sees colour without a terminal.
    user().args(["ls", "./none"]).run().exits(3).never_says("\u{1b}");
}

#[test]
fn a_mistake_in_the_settings_is_2_and_no_server_hears_of_it() {
    let nobody = TcpListener::bind("127.0.0.2:0").unwrap();
    let place = format!("ftp://{}/a", nobody.local_addr().unwrap());
    let check = |text: &str, says: &str| {
        let user = user().file("mine.toml", text).args(["--config", "mine.toml", "copy", "--retries", "0"]);
        let run = user.args([&place, "ftp://127.0.0.3/b"]).run().exits(2).says(says);
        assert_eq!(run.said.trim_end().lines().count(), 1, "one line says it: {run}");
    };
    check("[[relays]]\nname = \"edge\"\n", "mine.toml:1:1: address is missing | 1:1: token-file is missing");
    check("[[relays]\n", "mine.toml:1:");
    check("[sites.-a]\nurl = \"ftp://a/\"\n", "mine.toml:1:8: \"-a\" cannot be the name of a site");
    check("[[relays]]\nname = \"edge\"\naddress = \"127.0.0.9:1\"\ntoken-file = \"no.token\"\n", "no.token");
    user().args(["--config", "none.toml", "ls", &place]).run().exits(2).says("none.toml");
    nobody.set_nonblocking(true).unwrap();
    assert_eq!(nobody.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "a server was asked");
}
