//! How many round trips a copy between two of our servers takes: commands that are sent together need one.

use integration_tests::site::{Server, Site, sample};
use integration_tests::user::user;

/// A command, and the round trip in which it is sent, from 1.
type Sent = (String, usize);

/// The dialogue with one server: in which round trip each command is sent. Replies come in the order of the commands, so
/// each command is one round trip behind the last one that was answered before it. What happens to be heard a moment
/// earlier or later changes nothing.
fn round_trips(trace: &str, column: usize) -> Vec<Sent> {
    let mut sent: Vec<Sent> = Vec::new();
    let mut answered = 0_usize;
    for line in trace.lines() {
        let (left, right) = line.split_once(" |").unwrap_or((line, ""));
        let text = if column == 0 { left.get(10..).unwrap_or_default() } else { right };
        match text.trim().split_at_checked(2) {
            Some(("> ", command)) => {
                let before = answered.checked_sub(1).map_or(0, |last| sent[last].1);
                sent.push((command.split(' ').next().unwrap().to_owned(), before + 1));
            }
            Some(("< ", reply)) if is_final(reply) && !sent.is_empty() => answered += 1,
            _ => {}
        }
    }
    sent
}

/// Whether this line of a reply is the last one of the last reply to a command.
fn is_final(line: &str) -> bool {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    digits == 3 && line.as_bytes().get(3) == Some(&b' ') && !line.starts_with('1')
}

/// The commands of one round trip.
fn of(sent: &[Sent], number: usize) -> Vec<&str> {
    sent.iter().filter(|(_, at)| *at == number).map(|(command, _)| command.as_str()).collect()
}

/// The round trip in which a command is sent, and that of the last command before QUIT.
fn place(sent: &[Sent], verb: &str) -> (usize, usize) {
    let of = |wanted: &str| sent.iter().find(|(command, _)| command == wanted).unwrap().1;
    assert!(sent.iter().all(|(_, at)| *at <= of("QUIT")));
    (of(verb), of("QUIT") - 1)
}

/// The dialogues of two copies between two such servers, the second one with what the first has left: `login` is what is
/// sent in the first round trips, `transfer` the one of the transfer commands, and `all` that of the last command before QUIT.
fn check(
    with: fn(Site) -> Site,
    places: fn(&Server, &str) -> String,
    login: &[&[&str]],
    (transfer, all): (usize, usize),
) {
    let state = tempfile::tempdir().unwrap();
    let state = state.path().to_str().unwrap();
    let source = with(Site::new("source").at("127.0.0.2")).file("a.bin", sample(100_000)).start();
    let target = with(Site::new("target").at("127.0.0.3")).start();
    for name in ["cold.bin", "remembered.bin"] {
        let run = user().args(["copy", "--state", state, "--trace", "trace.txt", "--trust", "new"]);
        let run = run.args([places(&source, "a.bin"), places(&target, name)]).run().exits(0);
        let trace = String::from_utf8(run.bytes("trace.txt")).unwrap();
        for (column, verb) in [(0, "RETR"), (1, "STOR")] {
            let sent = round_trips(&trace, column);
            let shown = format!("{name}: {sent:?}\n{trace}");
            for (number, commands) in login.iter().enumerate() {
                assert_eq!(of(&sent, number + 1), *commands, "{shown}");
            }
            assert_eq!(place(&sent, verb), (transfer, all), "{shown}");
        }
    }
}

#[test]
fn t14_in_clear_the_transfer_commands_are_in_the_fourth_round_trip_after_the_greeting() {
    let login: &[&[&str]] = &[&["USER", "PASS", "FEAT", "OPTS"]];
    check(|site| site, |site, name| site.url(name), login, (4, 5));
}

#[test]
fn t14_inside_tls_the_transfer_commands_are_in_the_fourth_round_trip_after_the_handshake() {
    let login: &[&[&str]] = &[&["USER", "PASS", "PBSZ", "PROT", "FEAT", "OPTS"]];
    check(|site| site.tls(), |site, name| site.implicit_url(name), login, (4, 5));
}

#[test]
fn t14_tls_that_is_offered_takes_one_round_trip_more() {
    let login: &[&[&str]] = &[&["AUTH"], &["USER", "PASS", "PBSZ", "PROT", "FEAT", "OPTS"]];
    check(|site| site.tls(), |site, name| site.url(name), login, (5, 6));
}
