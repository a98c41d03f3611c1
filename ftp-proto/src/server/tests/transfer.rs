//! E: transfers, files, their replies.

use super::Harness;
use super::harness::{FOREIGN, OWN, both, modern, old, open_to_all, seconds};
use crate::dialect::Dialect;
use crate::listing::Pattern;
use crate::server::Timer;
use crate::server::ask::{End, Event, FileFailure, Intent, ListStyle};
use crate::wire::ByteRange;
use std::time::Duration;

/// The final reply's code for the end of a RETR.
#[track_caller]
fn ends(h: &mut Harness, bytes: u64, end: End) -> String {
    let replies = h.finish(bytes, end);
    assert_eq!(replies.len(), 1, "{replies:?}");
    replies[0][..3].to_owned()
}

#[test]
fn e01_e11_e18_a_transfer_has_a_first_and_a_final_reply() {
    for (command, path) in [("RETR a", "/a"), ("STOR c", "/c"), ("APPE c", "/c"), ("LIST", "/")] {
        for mut h in both() {
            h.own_host_connects();
            h.check(command, &["250/150"]);
            assert_eq!(h.did()[..2], [format!("prepare {path}"), "unlisten 40001".to_owned()]);
            assert_eq!(ends(&mut h, 1000, End::WHOLE_FILE), h.code("257/226"));
        }
    }
}

#[test]
fn e02_e16_e17_files_and_parameters_are_checked_before_any_connection() {
    for mut h in both() {
        h.say("SOCK 40004");
        h.did();
        h.check("RETR missing", &["450/550"]);
        h.check("LIST a", &["451/550"]);
        h.check("MLSD a", &["501"]);
        assert_eq!(h.did(), ["prepare /missing", "prepare /a", "prepare /a"]);
        for line in ["TYPE E", "MODE C", "STRU R", "BYTE 36", "TYPE L 36"] {
            h.check(line, &["506/504"]);
        }
        // Any letter has the form of a value; RFC 959 has 504 for those that are not served.
        for line in ["TYPE Q", "MODE X", "STRU X"] {
            h.check(line, &["506/504"]);
        }
        for line in ["TYPE 1", "MODE 1", "STRU FF"] {
            h.check(line, &["501"]);
        }
        for line in ["TYPE L 8", "MODE S", "STRU F", "BYTE 8"] {
            h.check(line, &["200"]);
        }
    }
}

#[test]
fn e03_a_refused_connection_is_tried_again_until_the_limit() {
    for mut h in both() {
        h.say("SOCK 40004");
        h.say("RETR a");
        let start = h.now;
        let mut attempts = Vec::new();
        while h.take().is_empty() {
            if h.did().iter().any(|did| did.starts_with("connect")) {
                attempts.push(h.now.since(start));
                h.refused();
            }
            h.pass(Duration::from_millis(50));
        }
        let expected: Vec<Duration> =
            [0, 250, 750, 1750, 3750, 5750, 7750, 9750, 11750, 13750].map(Duration::from_millis).into();
        assert_eq!(attempts, expected);
        assert!(h.transcript.last().unwrap().starts_with(h.code("454/425")));
        assert_eq!(h.now.since(start), seconds(15));
        h.check("NOOP", &["200"]);
    }
}

#[test]
fn e03_a_silent_target_ends_with_the_limit_and_its_attempt_is_dropped() {
    let mut h = modern();
    h.say("PORT 192,0,2,7,156,68");
    h.say("STOR c");
    h.pass(seconds(15));
    assert!(h.take()[0].starts_with("425"));
    assert_eq!(h.did(), ["prepare /c", "connect any -> 192.0.2.7:40004", "cancel", "cancel"]);
    assert!(h.events.contains(&Event::TimedOut(Timer::Connect)));
}

#[test]
fn e04_a_listener_that_opens_late_is_reached() {
    let mut h = modern();
    h.say("SOCK 40004");
    h.check("RETR a", &[]);
    for _ in 0..4 {
        h.refused();
        h.pass(seconds(2));
    }
    h.connected();
    assert!(h.take()[0].starts_with("150"));
    assert_eq!(ends(&mut h, 1000, End::WHOLE_FILE), "226");
}

#[test]
fn e05_e19_stor_appe_rest_and_nlst_say_how_the_file_is_written() {
    let check = |lines: &[&str], expect: Intent| {
        let mut h = modern();
        h.own_host_connects();
        lines.iter().for_each(|line| drop(h.say(line)));
        assert_eq!(h.intent, Some(expect), "{lines:?}");
    };
    check(&["STOR c"], Intent::Replace);
    check(&["APPE c"], Intent::Append);
    check(&["REST 0", "STOR c"], Intent::Replace);
    check(&["REST 7", "STOR c"], Intent::WriteAt { range: ByteRange::from(7) });
    check(&["REST 7", "RETR a"], Intent::Send { range: ByteRange::from(7) });
    check(&["LIST -la d"], Intent::List(ListStyle::Long));
    check(&["NLST"], Intent::List(ListStyle::Names { prefix: Vec::new() }));
    check(&["NLST d"], Intent::List(ListStyle::Names { prefix: b"d/".to_vec() })); // E19
    check(
        &["OPTS MLST size;type;nonsense;", "MLSD"],
        Intent::List(ListStyle::Facts(Some(vec!["type".into(), "size".into()]))),
    );
}

#[test]
fn e07_abor_while_bytes_move_has_two_replies() {
    for mut h in both() {
        h.own_host_connects_for("STOR c");
        h.check("ABOR", &["452/426", "201/226"]);
        h.check("NOOP", &["200"]);
    }
}

#[test]
fn e07_abor_while_a_connection_is_awaited_has_two_replies() {
    for socket in ["PASV", "SOCK 40004", "LSTN R"] {
        for mut h in both() {
            let port = h.port(socket);
            h.check("STOR c", &[]);
            h.check("ABOR", &["452/426", "201/226"]);
            assert!(h.did().contains(&"cancel".to_owned()));
            let aborted = |event: &Event| {
                let Event::Transfer { failure, .. } = event else { return false };
                failure.as_ref().is_some_and(|failure| failure.why == "aborted by the client")
            };
            assert!(h.events.iter().any(aborted), "{:?}", h.events);
            assert_eq!(h.listens(port), socket == "LSTN R", "{socket}");
            h.pass(seconds(100));
            h.check("NOOP", &["200"]);
        }
    }
}

#[test]
fn e07_abor_that_comes_too_late_leaves_the_whole_file() {
    let mut h = modern();
    h.own_host_connects_for("RETR a");
    h.stops = false;
    h.check("ABOR", &[]);
    h.check("ABOR", &["225"]);
    let replies = h.finish(1000, End::WHOLE_FILE);
    assert!(replies[0].starts_with("226") && replies[1].starts_with("225"), "{replies:?}");
}

#[test]
fn e08_abor_with_nothing_to_end() {
    for mut h in both() {
        h.check("ABOR", &["202/226"]);
    }
}

#[test]
fn e08_abor_ends_a_digest() {
    let mut h = modern();
    h.answers_files = false;
    h.check("HASH a", &[]);
    h.check("NOOP", &[]);
    h.check("ABOR", &["426", "226", "200"]);
}

#[test]
fn e09_stat_answers_while_bytes_move() {
    for mut h in both() {
        h.own_host_connects_for("RETR a");
        h.progress = (700, 300);
        let replies = h.say("STAT");
        assert!(replies.contains(&" Bytes 700".to_owned()), "{replies:?}");
        assert!(replies.iter().any(|line| line.contains("Durable 300")), "{replies:?}");
        assert!(replies.last().unwrap().starts_with(h.code("200 /211 ")));
        h.check("STAT a", &[]);
        let replies = h.finish(1000, End::WHOLE_FILE);
        assert!(replies.len() > 2 && replies[0].starts_with('2'), "{replies:?}");
    }
    let mut h = modern();
    h.port("PASV");
    h.say("RETR a");
    assert!(h.say("STAT").contains(&" waiting".to_owned()));
}

#[test]
fn e10_a_broken_connection_is_no_whole_file() {
    for mut h in both() {
        h.own_host_connects_for("STOR c");
        assert_eq!(ends(&mut h, 3, End::Broken("reset".to_owned())), h.code("452/426"));
    }
}

/// What the next transfer is to do with its file, after these lines.
fn intent_after(lines: &[&str], transfer: &str) -> Option<Intent> {
    let mut h = modern();
    lines.iter().for_each(|line| drop(h.say(line)));
    h.intent = None;
    h.own_host_connects_for(transfer);
    h.intent
}

#[test]
fn e14_a_restart_point_survives_every_command_but_a_transfer() {
    let rndz = format!("RNDZ {}", "07".repeat(32));
    let between = [
        "TYPE I",
        "MODE S",
        "STRU F",
        "PASV",
        "EPSV",
        "PORT 192,0,2,7,156,68",
        "EPRT |1|192.0.2.7|40004|",
        "SOCK 40004",
        "LSTN S",
        "LSTN R",
        "GSOC",
        "ACTV",
        "ALLO 1000",
        "SIZE a",
        "MDTM a",
        "HASH a",
        "MLST a",
        "CWD /",
        "PWD",
        "STAT",
        "NOOP",
        "OPTS UTF8 ON",
        "FEAT",
        "FOO",
        "AUTH TLS",
        &rndz,
        "RNDZ",
    ];
    for line in between {
        assert_eq!(
            intent_after(&["REST 9", line], "RETR a"),
            Some(Intent::Send { range: ByteRange::from(9) }),
            "{line}"
        );
        assert_eq!(
            intent_after(&["REST 9", line], "STOR c"),
            Some(Intent::WriteAt { range: ByteRange::from(9) }),
            "{line}"
        );
    }
    assert_eq!(intent_after(&["REST 9", "REST 0"], "STOR c"), Some(Intent::Replace));
    old().check("REST 9", &["200"]);
}

#[test]
fn e14_a_transfer_command_uses_the_restart_point_up_even_when_it_fails() {
    let transfers = [
        "RETR a",
        "RETR missing",
        "RETR",
        "STOR c",
        "APPE c",
        "LIST",
        "LIST missing",
        "NLST",
        "MLSD",
        "STOU",
        "MLFL u",
        "PROB S",
    ];
    for line in transfers {
        let mut h = modern();
        h.say("REST 9");
        h.own_host_connects_for(line);
        if h.has_move() {
            h.finish(9, End::WHOLE_FILE);
        }
        h.intent = None;
        h.own_host_connects_for("RETR a");
        assert_eq!(h.intent, Some(Intent::Send { range: ByteRange::from(0) }), "{line}");
    }
    for line in ["ABOR", "REIN", "USER u"] {
        let again = ["REST 9", line, "USER u", "PASS secret", "TYPE I"];
        let again = if line == "ABOR" { &again[..2] } else { &again };
        assert_eq!(intent_after(again, "STOR c"), Some(Intent::Replace), "{line}");
    }
    let mut h = modern();
    h.say("REST 1001");
    h.check("RETR a", &["554"]);
}

#[test]
fn e14_appe_with_a_restart_point_is_refused() {
    for mut h in both() {
        h.say("REST 9");
        h.check("APPE c", &["505/503"]);
        assert_eq!(h.did(), Vec::<String>::new());
        h.say("REST 0");
        h.own_host_connects_for("APPE c");
        assert_eq!(h.intent, Some(Intent::Append));
    }
}

#[test]
fn e14_rest_with_type_a_is_refused() {
    for mut h in both() {
        h.say("TYPE A");
        h.own_host_connects_for("REST 9");
        h.check("RETR a", &["457/504"]);
        assert!(h.listens(40_001), "nothing is used up");
        h.check("RETR a", &["250/150"]);
    }
}

#[test]
fn e15_a_full_disk_has_its_own_code() {
    for mut h in both() {
        h.own_host_connects_for("STOR c");
        let code = ends(&mut h, 3, End::Failed(FileFailure::NoSpace));
        assert_eq!(code, h.code("453/552"));
        h.own_host_connects();
        h.opens = Err(FileFailure::Denied);
        h.take();
        h.check("STOR c", &["451/550"]);
    }
}

#[test]
fn e21_a_second_connection_is_no_part_of_the_transfer() {
    let mut h = modern();
    let port = h.own_host_connects_to("PASV");
    h.arrive(port, &format!("{OWN}:5001"));
    h.say("RETR a");
    let did = h.did();
    assert!(did.contains(&"drop 2".to_owned()) && did.contains(&"move 1".to_owned()), "{did:?}");
    assert!(h.written.is_empty());
}

#[test]
fn e22_rnto_comes_right_after_rnfr() {
    for mut h in both() {
        h.check("RNTO c", &["505/503"]);
        h.check("RNFR a", &["200/350"]);
        h.check("RNTO c", &["253/250"]);
        let seen = "Some(FileIdentity { device: 1, number: 7 })";
        assert_eq!(h.did().last().unwrap(), &format!(r#"Rename {{ from: "/a", is: {seen}, to: "/c" }}"#));
        h.check("RNTO c", &["505/503"]);
        h.say("RNFR a");
        h.say("NOOP");
        h.check("RNTO c", &["505/503"]);
        h.check("RNFR missing", &["450/550"]);
        h.check("RNTO c", &["505/503"]);
    }
}

#[test]
fn a_stalled_transfer_is_ended_and_a_slow_one_is_not() {
    for mut h in both() {
        h.own_host_connects_for("STOR c");
        for bytes in 1..5 {
            h.progress = (bytes, 0);
            h.pass(seconds(300));
            assert_eq!(h.take(), Vec::<String>::new());
        }
        h.pass(seconds(300));
        let replies = h.take();
        assert!(replies[0].starts_with(h.code("452/426")), "{replies:?}");
        h.check("NOOP", &["200"]);
    }
}

#[test]
fn the_final_reply_has_facts_only_for_foreign_peers_and_only_today() {
    let mut h = open_to_all(Dialect::Rfc959);
    let port = h.port("LSTN R");
    h.arrive(port, &format!("{FOREIGN}:40127"));
    h.say("STOR c");
    assert_eq!(
        h.finish(7, End::WHOLE_FILE),
        [
            "226-Peer 198.51.100.9:40127 proven-by=foreign-networks",
            "226-Strangers-refused 0",
            "226-Bytes 7",
            "226 Transfer complete."
        ]
    );
    h.arrive(port, &format!("{FOREIGN}:40128"));
    h.say("STOR c");
    assert_eq!(h.finish(3, End::Broken("reset".to_owned())).len(), 1);
    h.arrive(port, &format!("{OWN}:40128"));
    h.say("STOR c");
    assert_eq!(h.finish(3, End::WHOLE_FILE).len(), 1);
    let mut h = open_to_all(Dialect::Rfc354);
    let port = h.port("LSTN R");
    h.arrive(port, &format!("{FOREIGN}:40127"));
    h.say("STOR c");
    assert_eq!(h.finish(7, End::WHOLE_FILE).len(), 1);
}

#[test]
fn a_listing_that_left_out_names_says_how_many() {
    for command in ["LIST", "NLST", "MLSD"] {
        for mut h in both() {
            let whole: &[&str] = if h.is_old() {
                &["257 Omitted 2 names, transfer complete."]
            } else {
                &["226-Omitted 2", "226 Transfer complete."]
            };
            h.own_host_connects_for(command);
            assert_eq!(h.finish_listing(100, 2), whole, "{command}");
            h.own_host_connects_for(command);
            assert_eq!(h.finish_listing(100, 0).len(), 1, "{command}");
            h.own_host_connects_for(command);
            let broken = h.finish(50, End::Broken("reset".to_owned()));
            assert!(broken.len() == 1 && broken[0].starts_with('4'), "{command}: {broken:?}");
        }
    }
}

#[test]
fn facts_of_files() {
    let mut h = modern();
    assert_eq!(h.say("SIZE a"), ["213 1000"]);
    assert_eq!(h.say("MDTM a"), ["213 19700102000000"]);
    assert_eq!(h.say("HASH b"), [format!("213 SHA-256 0-4 {} b", "ab".repeat(32))]);
    let facts = h.say("MLST a");
    assert!(
        facts[0].starts_with("250-") && facts[1].ends_with(" /a") && facts[2].starts_with("250 "),
        "{facts:?}"
    );
    h.check("SIZE missing", &["550"]);
    h.check("DELE a", &["250"]);
    h.check("MKD d", &["257"]);
    h.check("RMD d", &["250"]);
    h.check("OPTS HASH SHA-256", &["200"]);
    h.check("OPTS HASH CRC-37", &["501"]);
    assert_eq!(h.say("OPTS MLST size;TYPE;x;"), ["200 MLST OPTS type;size;"]);
    let facts = " MLST type*;size*;modify;perm;unique;X.version;UNIX.mode;UNIX.owner;UNIX.group;";
    assert!(h.say("FEAT").contains(&facts.to_owned()));
    assert_eq!(h.say("OPTS MLST unix.Owner;type;"), ["200 MLST OPTS type;unix.owner;"]);
    h.say("TYPE A");
    h.check("SIZE a", &["550"]);
    let status = h.say("STAT /");
    assert!(status[0].starts_with("213-") && status.len() == 4, "{status:?}");
    let mut h = old();
    assert_eq!(h.say("SIZE a"), ["200 1000"]);
    h.check("DELE a", &["254"]);
    let status = h.say("STAT a");
    assert!(status[0].starts_with("150") && status.last().unwrap().starts_with("200 "), "{status:?}");
}

#[test]
fn names_of_partial_files_are_refused_by_every_command() {
    let name = ".ftp-0123456789abcdef0123456789abcdef.part";
    for mut h in both() {
        h.own_host_connects();
        for verb in [
            "RETR", "STOR", "APPE", "DELE", "SIZE", "MDTM", "MLST", "RNFR", "MKD", "CWD", "HASH", "STAT",
            "LIST",
        ] {
            h.check(&format!("{verb} {name}"), &["550/553"]);
        }
        assert_eq!(h.did(), Vec::<String>::new());
        h.say("RNFR a");
        h.check(&format!("RNTO {name}"), &["550/553"]);
    }
}

#[test]
fn names_cannot_leave_the_root() {
    let mut h = modern();
    h.say("CWD ../../x/./y//");
    h.say("SIZE ../../../etc/passwd");
    assert_eq!(h.did(), [r#"Enter("/x/y")"#, r#"Facts("/etc/passwd")"#]);
}

#[test]
fn nlst_and_list_of_a_pattern_list_the_directory_before_it() {
    for (command, path, style) in [
        ("NLST *.txt", "/", ListStyle::Names { prefix: Vec::new() }),
        ("NLST d/*.txt", "/d", ListStyle::Names { prefix: b"d/".to_vec() }),
        ("NLST /d/e/*.txt", "/d/e", ListStyle::Names { prefix: b"/d/e/".to_vec() }),
        ("LIST -la *.txt", "/", ListStyle::Long),
        ("LIST d/*.txt", "/d", ListStyle::Long),
    ] {
        let mut h = modern();
        h.own_host_connects();
        h.lists_nothing = true;
        h.say(command);
        let pattern = Pattern::parse(b"*.txt").unwrap();
        let expected = Intent::List(ListStyle::Matching { pattern, style: Box::new(style) });
        assert_eq!(h.intent, Some(expected), "{command}");
        let did = h.did();
        assert!(did.contains(&format!("prepare {path}")), "{command}");
        assert!(did.iter().any(|did| did.starts_with("move")), "{command}");
    }
}

#[test]
fn a_name_that_exists_is_no_pattern_and_mlsd_has_none() {
    let mut h = modern();
    h.own_host_connects_for("NLST a[1]");
    assert_eq!(h.intent, Some(Intent::List(ListStyle::Names { prefix: b"a[1]/".to_vec() })));
    let mut h = modern();
    h.port("PASV");
    h.lists_nothing = true;
    h.check("MLSD *.txt", &["550"]);
    h.check("NLST nothing", &["550"]);
}
