//! Wrong logins: whether a right one from another address notices a thousand of them.

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use ftp_proto::dialect::Dialect;
use integration_tests::binary::Program;
use integration_tests::performance::SERVER;
use integration_tests::raw::Raw;
use integration_tests::socket;

use crate::contender::{CROWD, Contender, Purpose};
use crate::plan::Plan;
use crate::report::Report;

const NAME: &str = "eve";
const WORD: &str = "right";
/// Wrong logins at the same time.
const WRONG: usize = 1_000;
/// The password of the account as the server keeps it, slow to check.
fn hash() -> String {
    let mut command = Program::Server.command();
    command.arg("hash-password").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{WORD}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Connections of one address, each with a wrong password under way.
fn guess(from: IpAddr, to: SocketAddr) -> Vec<TcpStream> {
    let one = |number| {
        let mut stream = socket::connect(SocketAddr::new(from, 0), to);
        stream.write_all(format!("USER {NAME}\r\nPASS wrong-{number}\r\n").as_bytes()).unwrap();
        stream
    };
    (0..WRONG).map(one).collect()
}

/// Milliseconds from the connection to the end of a right login.
fn right(to: SocketAddr) -> f64 {
    let start = Instant::now();
    let mut session = Raw::connect_from(Dialect::Rfc959, Ipv4Addr::new(127, 0, 3, 1).into(), to);
    session.login(NAME, WORD);
    let taken = start.elapsed();
    session.ask("QUIT", "221");
    taken.as_secs_f64() * 1000.0
}

/// Part `guesses`.
pub(crate) fn table(plan: &Plan, place: &Path, report: &mut Report) {
    let users = place.join("users");
    fs::write(&users, format!("{NAME}:{}\n", hash())).unwrap();
    fs::set_permissions(&users, Permissions::from_mode(0o600)).unwrap();
    let args = [&["--users", users.to_str().unwrap()], CROWD].concat();
    let purpose = Purpose { kinds: &[], tls: false, args: &args };
    let server = Contender::ours("guesses", None, place, purpose, &|_| {});
    let to = server.door().at;
    for round in 0..plan.rounds {
        report.add("right login beside 1000 wrong ones", "ms", "alone", right(to));
        let from = Ipv4Addr::new(127, 0, 4, u8::try_from(round % 250 + 1).unwrap());
        let _guesses = guess(from.into(), to);
        report.add("right login beside 1000 wrong ones", "ms", SERVER, right(to));
    }
}
