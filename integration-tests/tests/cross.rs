//! Every path, family, dialect and protection with files of every critical length (J01), by the real programs.

use ftp_proto::dialect::Dialect::{self, Rfc354, Rfc959};
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{Server, Site, sample};
use integration_tests::user::{Run, user};

const LENGTHS: [usize; 4] = [0, 1, 65_535, 65_536];

/// Two servers, of which the first one has a file of each length in the directory `t`.
fn pair(addresses: [&str; 2], secured: bool) -> [Server; 2] {
    let site = |name, ip| {
        let site = Site::new(name).at(ip);
        if secured { site.tls() } else { site }
    };
    let files = LENGTHS
        .into_iter()
        .fold(site("source", addresses[0]), |site, length| site.file(&format!("t/{length}"), sample(length)));
    [files.start(), site("target", addresses[1]).start()]
}

const FAMILIES: [[&str; 2]; 2] = [["127.0.0.2", "127.0.0.3"], ["::1", "::1"]];

fn copy(servers: &[Server; 2], path: &str, from: String, to: String, more: &[&str]) -> Run {
    let run = user().args(["copy", "-r", "--json", "--retries", "0", "--path", path]).args(more);
    let run = run.args([from, to]).run().exits(0);
    let summary = run.summary();
    assert_eq!((&summary["path"], &summary["files"]), (&path.into(), &LENGTHS.len().into()), "{run}");
    for length in LENGTHS {
        let copy = servers[1].bytes(&format!("{path}/{length}"));
        assert!(copy == sample(length), "{length} bytes differ\n{run}");
    }
    run
}

/// A tree in clear from one dialect to the other, then a file that is appended to another one.
fn in_clear(servers: &[Server; 2], from: Dialect, to: Dialect, path: &str) {
    let [source, target] = servers;
    let (tree, copied) = (source.url_of(from, "t/"), target.url_of(to, &format!("{path}/")));
    let run = copy(servers, path, tree, copied, &["--overwrite", "always"]);
    assert_eq!(run.summary()["verified"], "sha-256", "{from:?} {to:?} {path}\n{run}");
    let appended = format!("{path}/1");
    let append = user().args(["append", "--json", "--retries", "0", "--path", path]);
    append.args([source.url_of(from, "t/65535"), target.url_of(to, &appended)]).run().exits(0);
    assert!(target.bytes(&appended) == [sample(1), sample(65_535)].concat(), "{from:?} {to:?} {path}");
}

#[test]
fn j01_trees_and_appended_files_by_every_path_in_both_families_between_both_dialects() {
    for addresses in FAMILIES {
        let servers = pair(addresses, false);
        for path in ["direct", "symmetric", "user"] {
            in_clear(&servers, Rfc959, Rfc959, path);
        }
        for (from, to) in [(Rfc354, Rfc354), (Rfc354, Rfc959), (Rfc959, Rfc354)] {
            in_clear(&servers, from, to, "direct");
        }
    }
}

#[test]
fn j01_trees_inside_tls_by_every_path_in_both_families() {
    for addresses in FAMILIES {
        let servers = pair(addresses, true);
        let pins: Vec<String> =
            servers.iter().flat_map(|server| ["--pin".to_owned(), server.pin()]).collect();
        let pins: Vec<&str> = pins.iter().map(String::as_str).collect();
        for path in ["direct", "symmetric", "user"] {
            let [source, target] = &servers;
            let (from, to) = (source.explicit_url("t/"), target.explicit_url(&format!("{path}/")));
            let run = copy(&servers, path, from, to, &pins);
            let summary = run.summary();
            assert_eq!(
                (&summary["verified"], &summary["protection"]),
                (&"sha-256".into(), &"private".into()),
                "{run}"
            );
        }
    }
}

/// Habits of servers of today: what it is, and the rules of one that sends (`RETR`, `data 1000`) and of one that stores.
const HABITS: [(&str, &str, &str); 12] = [
    ("nothing special", "", ""),
    ("no FEAT, no SIZE", "FEAT: 500 what\nSIZE: 500 what", "FEAT: 500 what\nSIZE: 500 what"),
    ("one byte in a segment", "style bytes", "style bytes"),
    ("bare line feeds", "style bare", "style bare"),
    (
        "150 after the connection stands",
        "RETR: connection ; 150 opening ; data 1000 ; end ; 226 sent",
        "STOR: connection ; 150 opening ; drain ; 226 stored",
    ),
    (
        "no preliminary reply",
        "RETR: connection ; data 1000 ; end ; 226 sent",
        "STOR: connection ; drain ; 226 stored",
    ),
    (
        "125, and 250 at the end",
        "RETR: 125 open already ; connection ; data 1000 ; end ; 250 sent",
        "STOR: 125 open already ; connection ; drain ; 250 stored",
    ),
    (
        "many lines at the end",
        "RETR: 150 opening ; connection ; data 1000 ; end ; 226-first\\r\\n 150 no reply\\r\\n226 last",
        "STOR: 150 opening ; connection ; drain ; 226-first\\r\\n 150 no reply\\r\\n226 last",
    ),
    ("blanks in 227", "PASV: listen ; 227 here ({blanks})", "PASV: listen ; 227 here ({blanks})"),
    ("no host in 227", "PASV: listen ; 227 here ({nowhere})", "PASV: listen ; 227 here ({nowhere})"),
    ("no PASV", "PASV: 502 no", "PASV: 502 no"),
    ("no PORT for others", "PORT: 500 Illegal PORT command.", "PORT: 500 Illegal PORT command."),
];

/// Our server of 1973, which lets foreign hosts of this machine in.
fn of_1973() -> Server {
    let open = ["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"];
    Site::new("old").at("127.0.0.3").file("a.bin", sample(1000)).args(open).start()
}

fn with_habit(from: &str, to: &str) -> Run {
    let patience = ["--retries", "0", "--timeout", "10s", "--stall", "10s", "--path", "direct"];
    user().args(["copy", "--no-race", "--json"]).args(patience).args([from, to]).run().exits(0)
}

#[test]
fn j01_a_server_of_1973_sends_to_servers_of_today_with_all_their_habits() {
    for (what, _, rules) in HABITS {
        let old = of_1973();
        let absent = "SIZE *.bin: 550 no such file\nMLST: 550 none\nCWD: 550 no directory";
        let modern = Peer::start("127.0.0.2", &format!("{rules}\n{absent}"), MODERN);
        let run = with_habit(&old.url_of(Rfc354, "a.bin"), &modern.url("b.bin"));
        assert_eq!(run.summary()["path"], "direct", "{what}\n{run}");
        assert_eq!(modern.seen_of(&["RNTO"]).len(), 1, "{what}\n{run}");
        modern.wait_for_the_end_of_all();
    }
}

#[test]
fn j01_a_server_of_1973_gets_files_of_servers_of_today_with_all_their_habits() {
    for (what, rules, _) in HABITS {
        let old = of_1973();
        let there = "SIZE a.bin: 213 1000\nCWD: 550 no directory";
        let modern = Peer::start("127.0.0.2", &format!("{rules}\n{there}"), MODERN);
        let run = with_habit(&modern.url("a.bin"), &old.url_of(Rfc354, "b.bin"));
        assert_eq!(run.summary()["path"], "direct", "{what}\n{run}");
        assert!(old.bytes("b.bin") == sample(1000), "{what}: the bytes differ\n{run}");
        modern.wait_for_the_end_of_all();
    }
}

#[test]
fn h14_h16_what_fails_at_a_server_of_today_is_never_whole_at_one_of_1973() {
    for rules in [
        "RETR: 550 a.bin: Permission denied",
        "RETR: 150 opening ; connection ; data 500 ; end ; 426 the disk failed",
        "RETR: 150 opening ; connection ; data 500 ; end ; 226 sent",
        "RETR: 150 opening ; connection ; data 500 ; reset-data ; 226 sent",
        "RETR: 150 opening ; connection ; data 500 ; close",
    ] {
        let old = of_1973();
        let modern = Peer::start("127.0.0.2", &format!("{rules}\nSIZE a.bin: 213 1000\nCWD: 550 no"), MODERN);
        let patience = ["--retries", "0", "--timeout", "5s", "--stall", "5s", "--path", "direct"];
        let run = user().args(["copy", "--no-race", "--json", "--no-resume"]).args(patience);
        let run = run.args([modern.url("a.bin"), old.url_of(Rfc354, "b.bin")]).run().fails();
        assert_eq!(old.names(), ["a.bin"], "{rules}\n{run}");
        modern.wait_for_the_end_of_all();
    }
}
