//! How many round trips a copy between two of our servers takes: commands that are sent together need one.

use integration_tests::delay::Delayed;
use integration_tests::site::{Server, Site, sample, target};
use integration_tests::user::user;
use std::time::Duration;

/// A command, and the round trip in which it is sent, from 1.
pub(crate) type Sent = (String, usize);

/// The dialogue with one server: in which round trip each command is sent. Replies come in the order of the commands, so
/// each command is one round trip behind the last one that was answered before it. What happens to be heard a moment
/// earlier or later changes nothing. The greeting of another session, opened where the machine is slow, answers no command.
pub(crate) fn round_trips(trace: &str, column: usize) -> Vec<Sent> {
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
            Some(("< ", reply)) if is_final(reply) => answered = sent.len().min(answered + 1),
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

#[test]
fn a_reply_without_a_command_is_no_round_trip() {
    let trace = [" | < 220 Hello", " | > USER ann", " | < 230 In", " | < 220 Hello", " | > QUIT"].join("\n");
    assert_eq!(round_trips(&trace, 1), [("USER".to_owned(), 1), ("QUIT".to_owned(), 2)]);
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

/// What two dialogues must be like.
struct Expected {
    /// The commands of the first round trips.
    login: &'static [&'static [&'static str]],
    /// Those that the destination gets together with the last of them.
    listener: &'static [&'static str],
    /// The round trip of the transfer commands.
    transfer: usize,
}

/// Copies a file between two such servers twice, the second time with what the first copy has left. Returns a dialogue
/// that is not as expected.
fn differs(
    source: &Server,
    target: &Server,
    places: fn(&Server, &str) -> String,
    expected: &Expected,
) -> Option<String> {
    let state = tempfile::tempdir().unwrap();
    let state = state.path().to_str().unwrap();
    ["cold.bin", "remembered.bin"].into_iter().find_map(|name| {
        let run = user().args([
            "copy",
            "--overwrite",
            "always",
            "--state",
            state,
            "--trace",
            "trace.txt",
            "--trust",
            "new",
        ]);
        let run = run.args([places(source, "a.bin"), places(target, name)]).run().exits(0);
        let trace = run.text("trace.txt");
        // The source is looked at behind its transfer command; the destination gives the name once all is verified.
        let last = [expected.transfer, expected.transfer + 1];
        [(0, "RETR"), (1, "STOR")].into_iter().find_map(|(column, verb)| {
            let sent = round_trips(&trace, column);
            let logs_in = |(number, commands): (usize, &&[&str])| {
                let mut commands = commands.to_vec();
                if column == 1 && number + 1 == expected.login.len() {
                    commands.extend(expected.listener);
                }
                of(&sent, number + 1) == commands
            };
            let is_expected = expected.login.iter().enumerate().all(logs_in)
                && place(&sent, verb) == (expected.transfer, last[column]);
            (!is_expected).then(|| format!("{name}: {sent:?}\n{trace}"))
        })
    })
}

/// Checks copies between two such servers. A machine under load can let a command wait although no reply is needed, and
/// then a copy seems to take more round trips; none takes fewer than it needs.
fn check(with: fn(Site) -> Site, places: fn(&Server, &str) -> String, expected: &Expected) {
    let source = with(Site::new("source").at("127.0.0.2")).file("a.bin", sample(100_000)).start();
    let target = with(Site::new("target").at("127.0.0.3")).start();
    let mut shown = None;
    for _ in 0..8 {
        shown = differs(&source, &target, places, expected);
        if shown.is_none() {
            return;
        }
    }
    panic!("{}", shown.unwrap());
}

#[test]
fn t14_in_clear_the_transfer_commands_are_in_the_second_round_trip_after_the_greeting() {
    let login: &'static [&'static [&'static str]] = &[&["USER", "PASS", "FEAT", "OPTS", "MLST"]];
    let expected = Expected { login, listener: &["RNDZ", "LSTN"], transfer: 2 };
    check(|site| site, |site, name| site.url(name), &expected);
}

#[test]
fn t14_inside_tls_the_transfer_commands_are_in_the_third_round_trip_after_the_handshake() {
    let login: &'static [&'static [&'static str]] =
        &[&["USER", "PASS", "PBSZ", "PROT", "FEAT", "OPTS", "MLST"]];
    let expected = Expected { login, listener: &[], transfer: 3 };
    check(|site| site.tls(), |site, name| site.implicit_url(name), &expected);
}

#[test]
fn t14_tls_that_is_offered_takes_one_round_trip_more() {
    let login: &'static [&'static [&'static str]] =
        &[&["AUTH"], &["USER", "PASS", "PBSZ", "PROT", "FEAT", "OPTS", "MLST"]];
    let expected = Expected { login, listener: &[], transfer: 4 };
    check(|site| site.tls(), |site, name| site.url(name), &expected);
}

/// How the files of a directory are named.
#[derive(Clone, Copy, Debug)]
enum Named {
    ByTree,
    ByPattern,
    ByList,
    OneByOne,
}

/// How many round trips at the destination so many small files take, with a delay before both servers.
fn of_files(named: Named, count: usize) -> usize {
    let files: Vec<String> = (0..count).map(|number| format!("tree/{number}")).collect();
    let source = files.iter().fold(Site::new("source"), |site, name| site.file(name, sample(300))).start();
    let target = target();
    let delayed = |server: &Server| Delayed::url(&server.url(""), Duration::from_millis(40));
    let (from, to) = (delayed(&source), delayed(&target));
    let line = |name: &String| format!("{from}{name}\t{to}new/{name}\n");
    let list: String = files.iter().map(line).collect();
    let run = user().file("list", list).args(["--trace", "trace.txt", "copy", "-j", "1"]);
    let run = match named {
        Named::ByTree => run.args(["-r", &format!("{from}tree"), &to]),
        Named::ByPattern => run.args([format!("{from}tree/*"), format!("{to}to/")]),
        Named::ByList => run.args(["--from-file", "list"]),
        Named::OneByOne => {
            let sources = files.iter().map(|name| format!("{from}{name}"));
            run.args(sources.chain([format!("{to}to/")]))
        }
    };
    let run = run.run().exits(0);
    assert_eq!(target.names().iter().filter(|name| !name.ends_with('/')).count(), count, "{run}");
    let trace = run.text("trace.txt");
    round_trips(&trace, 1).iter().map(|(_, at)| *at).max().unwrap()
}

/// Start-up is what one such file takes: the login, the directory, the listing, the file, the time of the directory, and QUIT.
/// The connection that the other files share is not start-up. A machine under load hears replies later than they come, and
/// then a command seems to take a round trip more.
fn takes_less_than_a_tenth_of_a_round_trip(named: Named) {
    const FILES: usize = 200;
    let mut shown = 0;
    for _ in 0..4 {
        shown = of_files(named, FILES).saturating_sub(of_files(named, 1));
        if shown <= FILES / 10 {
            return;
        }
    }
    panic!("{named:?}: {shown} round trips for {FILES} files");
}

#[test]
fn t7_a_small_file_between_our_servers_takes_less_than_a_tenth_of_a_round_trip() {
    for named in [Named::ByTree, Named::ByPattern, Named::ByList, Named::OneByOne] {
        takes_less_than_a_tenth_of_a_round_trip(named);
    }
}
