//! The page of the timers: the enums of the state machines, with the defaults of their configurations.

use super::super::source;
use super::page::Page;
use ftp_proto::relay::message::Waits;
use ftp_proto::{client, relay, server, transfer};
use ftp_user::{route, session};
use std::time::Duration;

/// The machines that have timers: the folder or file below ftp-proto/src, and what people call the machine.
const MACHINES: [(&str, &str); 9] = [
    ("server", "ftp-server: a control connection and its transfers"),
    ("client", "ftp-user: a control connection"),
    ("transfer", "ftp-user: an attempt at a copy between two servers"),
    ("transfer/race", "ftp-user: the race of candidates for one file"),
    (
        "transfer/race/scouts.rs",
        "ftp-user: the probes of more direct candidates while a file passes a third host",
    ),
    ("transfer/batch", "ftp-user: a batch of small files between two servers"),
    ("relay/agent", "ftp-relay-agent: a session with its tunnels and joins"),
    ("relay/hub", "ftp-relay-agent: a hub"),
    ("relay/punch", "ftp-relay-agent: two agents that try to connect directly"),
];

/// The page.
pub(super) fn page() -> Page {
    let mut page = Page::new("timers.md", "Timers");
    page.paragraph(
        "Every wait of a state machine has a name, which stands in messages and logs when the wait ends \
         without success. No state waits without a timer, with one exception: while bytes move, the stall \
         time of the program that moves them (`--stall` of ftp-user) takes their place.",
    );
    for (machine, title) in MACHINES {
        let timers = timers(machine);
        page.heading(title);
        page.table(
            ["timer", "meaning", "default"],
            timers.into_iter().map(|timer| {
                let default = default(machine, &timer.variant);
                let default = default.unwrap_or_else(|| panic!("{machine} {}: no default", timer.variant));
                [timer.name, timer.meaning, default]
            }),
        );
    }
    page.heading("ftp-user: while bytes move");
    let long_idle = words(session::LONG_IDLE);
    let (usual, longest) = (words(route::USUAL_UNSEEN), words(route::LONGEST_UNSEEN));
    let unseen = format!(
        "as long as the size takes at 16 KiB a second, or at a sixteenth of the slowest rate of the run; at most {usual}, more for \
         files above 84 GiB, and no more than {longest} (`--unseen` takes its place)"
    );
    let rows = [
        ["stall", "The transfer moves no byte.", "60 s (`--stall`)"],
        [
            "last reply",
            "The data connection of a server with this host has ended, and its final reply is due.",
            "60 s (`--timeout` or `--stall`, whichever is longer)",
        ],
        [
            "standstill",
            "A file whose control connection was lost while it moved must grow, as a new session with its server shows.",
            "10 s, or `--stall` if that is shorter",
        ],
        [
            "unseen",
            "In addition to the stall time, for the first byte between two servers of other people of which neither shows any.",
            &unseen,
        ],
        [
            "long idle",
            "A session that nobody uses while files are copied is ended with QUIT, before its server ends it.",
            &long_idle,
        ],
    ];
    page.table(["timer", "meaning", "default"], rows.into_iter().map(|row| row.map(str::to_owned)));
    page
}

/// A variant of an enum `Timer`.
#[derive(PartialEq, Eq, Debug)]
struct Timer {
    variant: String,
    name: String,
    meaning: String,
}

/// The timers of the machine in a folder or file, as its source has them.
fn timers(machine: &str) -> Vec<Timer> {
    let file = format!("ftp-proto/src/{machine}");
    let folder = format!("{file}/");
    let text = source::texts()
        .into_iter()
        .filter(|(path, _)| {
            *path == file || path.strip_prefix(&folder).is_some_and(|file| !file.contains('/'))
        })
        .map(|(_, text)| text)
        .find(|text| {
            text.contains("pub enum Timer {") || (machine.ends_with(".rs") && text.contains("Timer {"))
        })
        .unwrap_or_else(|| panic!("{folder} has no enum Timer"));
    read(&text)
}

/// The variants of the enum of timers in a source file: their comments, and their names for people.
fn read(text: &str) -> Vec<Timer> {
    let body = text.split("Timer {").nth(1).unwrap_or_default();
    let body = body.split("\n}").next().unwrap_or_default();
    let mut comment = Vec::new();
    let mut timers = Vec::new();
    for line in body.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("///") {
            comment.push(words.trim());
        } else if let Some(variant) = line.strip_suffix(',') {
            let name = text.split(&format!("Self::{variant} => \"")).nth(1).unwrap_or_default();
            timers.push(Timer {
                variant: variant.to_owned(),
                name: name.split('"').next().unwrap_or_default().to_owned(),
                meaning: comment.join(" "),
            });
            comment.clear();
        }
    }
    timers
}

/// The default of a timer, with the option that changes it.
fn default(machine: &str, timer: &str) -> Option<String> {
    match machine {
        "server" => of_the_server(timer),
        "client" => of_the_client(timer),
        "transfer" => of_an_attempt(timer),
        "transfer/race" => of_a_race(timer),
        "transfer/race/scouts.rs" => of_the_scouts(timer),
        "transfer/batch" => (timer == "Silence").then(|| "60 s (`--stall`)".to_owned()),
        "relay/hub" => of_a_hub(timer),
        "relay/punch" => of_a_direct_connection(timer),
        _ => of_the_relay(timer),
    }
}

fn of_a_direct_connection(timer: &str) -> Option<String> {
    use relay::punch::Timer;
    let all = [Timer::Seen, Timer::Offer, Timer::Punch, Timer::Again, Timer::Verdict];
    all.into_iter().find(|known| format!("{known:?}") == timer).map(|known| words(known.wait()))
}

fn of_a_hub(timer: &str) -> Option<String> {
    let limits = relay::hub::Limits::USUAL;
    match timer {
        "Link" => Some(words(limits.dead)),
        "Token" => Some("the time of the token".to_owned()),
        "Pair" => Some(words(limits.pair)),
        "Life" => Some("no limit (`max-time`)".to_owned()),
        _ => None,
    }
}

fn of_the_server(timer: &str) -> Option<String> {
    let times = server::Timeouts::default();
    let set_by = |time, option: &str| Some(format!("{} (`{option}`)", words(time)));
    match timer {
        "Login" => Some(words(times.login)),
        "Idle" => Some(words(times.idle)),
        "ListenIdle" => set_by(times.listen_idle, "--listen-idle"),
        "PeerArrival" => set_by(times.accept, "--accept-timeout"),
        "Connect" => set_by(times.connect, "--connect-timeout"),
        "Retry" => Some("250 ms, doubling to 2 s".to_owned()),
        "Held" => Some(words(times.held)),
        "Kept" => Some(words(times.kept)),
        "Group" => Some(words(times.group)),
        "Room" => Some(words(times.room)),
        "Handshake" => Some(words(times.handshake)),
        "Hello" => Some(words(times.hello)),
        "Proof" => Some(words(times.proof)),
        "Stall" => Some(words(times.stall)),
        "Detached" => Some("as DETA says, at most 1 h".to_owned()),
        "Question" => Some(words(times.question)),
        "Stopping" => Some(words(times.stopping)),
        "KeepAlive" => Some(words(times.keep_alive)),
        _ => None,
    }
}

fn of_the_client(timer: &str) -> Option<String> {
    let config = client::Config::default();
    let reply = words(config.reply_timeout);
    match timer {
        "Greeting" | "Closing" => Some(format!("{reply} (`--timeout`)")),
        "Reply" => Some(format!("{reply} (`--timeout`); for a transfer command twice as long")),
        "Login" => Some("eight times `--timeout`".to_owned()),
        "Abort" => Some(words(session::ABORT_TIMEOUT)),
        _ => None,
    }
}

fn of_an_attempt(timer: &str) -> Option<String> {
    let reply = client::Config::default().reply_timeout;
    let times = route::timeouts(reply, Some(0));
    match timer {
        "Reply" | "Relay" => Some(format!("{} (`--timeout`)", words(times.reply))),
        "Connect" => Some(format!(
            "{} or `--timeout`, whichever is shorter; also for local files and listings",
            words(times.connect)
        )),
        "Preliminary" => Some(words(times.preliminary)),
        "HalfDone" => Some(format!(
            "{} or more, by the size of the file, up to `--timeout`; {} for the source",
            words(times.half_done),
            words(times.stored)
        )),
        "Abort" => Some(words(times.abort)),
        _ => None,
    }
}

fn of_a_race(timer: &str) -> Option<String> {
    let settings = transfer::race::Settings::default();
    match timer {
        "Setup" => Some(format!("{}, or ten round trips", words(settings.setup))),
        "HeadStart" => Some("250 ms, or four round trips (six inside TLS); 100 ms if nothing arrived on its rung in an earlier run; longer before the first path through a third host, and for a candidate that has worked before".to_owned()),
        "Patience" => Some(words(settings.patience)),
        "Claim" => Some(words(settings.claim)),
        _ => None,
    }
}

fn of_the_scouts(timer: &str) -> Option<String> {
    let settings = transfer::race::Settings::default();
    (timer == "Start").then(|| words(settings.scout))
}

fn of_the_relay(timer: &str) -> Option<String> {
    let limits = relay::agent::Limits::USUAL;
    let waits = Waits::default();
    let asked = |usual: u32, longest: Duration| {
        let usual = words(Duration::from_millis(u64::from(usual)));
        Some(format!("{usual}, or what the user agent asks for, up to {}", words(longest)))
    };
    match timer {
        "Link" => Some(words(limits.dead)),
        "Token" => Some("the time of the token".to_owned()),
        "Connect" => Some(words(limits.connect)),
        "Greeting" => Some(words(limits.greeting)),
        "Refusal" => Some("the next multiple of 2 s after the question".to_owned()),
        "Ticket" => Some(words(limits.ticket)),
        "Leg" => asked(waits.leg_ms, limits.leg),
        "Grant" => Some(format!("the time of the grant, up to {}", words(limits.life))),
        "Progress" => Some("a fraction of the shortest other time".to_owned()),
        "Idle" => asked(waits.idle_ms, limits.idle),
        "Stall" => asked(waits.stall_ms, limits.idle),
        _ => None,
    }
}

/// `15 s`, `5 min`, `24 h`.
fn words(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        seconds if seconds % 3_600 == 0 => format!("{} h", seconds / 3_600),
        seconds if seconds > 120 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

#[test]
fn timers_are_read_with_their_comments_and_names() {
    let text = "/// Waits.\npub enum Timer {\n    /// The first\n    /// of two.\n    One,\n    /// The other.\n    Two,\n}\n\
                impl Timer { fn name(self) { match self {\n Self::One => \"the one\",\n Self::Two => \"two\",\n}}}";
    let timer = |variant: &str, name: &str, meaning: &str| Timer {
        variant: variant.into(),
        name: name.into(),
        meaning: meaning.into(),
    };
    assert_eq!(read(text), [timer("One", "the one", "The first of two."), timer("Two", "two", "The other.")]);
}
