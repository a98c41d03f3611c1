//! A: lines, login, the session.

use super::Harness;
use super::harness::{Config, FOREIGN, OWN, both, config, modern, old, seconds};
use crate::dialect::Dialect;
use crate::server::ask::{End, Event, Input};

fn fresh(dialect: Dialect) -> Harness {
    Harness::new(Config { dialect, ..config() })
}

#[test]
fn a02_type_a_in_any_case() {
    for mut h in both() {
        h.check("type a", &["200"]);
    }
}

#[test]
fn a06_two_commands_in_one_segment_have_a_reply_each_in_order() {
    let mut h = fresh(Dialect::Rfc959);
    h.take();
    h.send("USER u\r\nPASS secret\r\nPWD\r\nSIZE a\r\nNOOP\r\n");
    let codes: Vec<String> = h.take().iter().map(|line| line[..3].to_owned()).collect();
    assert_eq!(codes, ["331", "230", "257", "550", "200"]);
}

#[test]
fn a10_the_greeting_says_the_dialect() {
    assert!(fresh(Dialect::Rfc354).take()[0].starts_with("300 "));
    assert!(fresh(Dialect::Rfc959).take()[0].starts_with("220 "));
}

#[test]
fn t14_the_greeting_says_that_there_is_no_tls() {
    assert_eq!(fresh(Dialect::Rfc959).take(), ["220 server ready, no TLS"]);
    assert_eq!(fresh(Dialect::Rfc354).take(), ["300 server ready"]);
}

#[test]
fn a12_stat_of_1973_is_a_status_block_and_a_final_200() {
    let mut h = old();
    let replies = h.say("STAT");
    assert!(replies[0].starts_with('1'), "{replies:?}");
    assert!(replies.last().unwrap().starts_with("200 "));
    let mut h = modern();
    let replies = h.say("STAT");
    assert!(replies[0].starts_with("211-") && replies.last().unwrap().starts_with("211 "));
}

#[test]
fn a15_only_255_is_no_code_of_959_on_the_modern_listener() {
    let mut h = modern();
    h.say(&format!("SOCK {OWN},40004"));
    h.say("RETR a");
    h.connected();
    h.finish(1000, End::WHOLE_FILE);
    h.say("LSTN R");
    h.say("GSOC");
    h.say("ACTV");
    h.say("QUIT");
    let strange: Vec<&String> = h
        .transcript
        .iter()
        .filter(|line| !["220", "331", "230", "200", "150", "226", "221"].contains(&&line[..3]))
        .collect();
    assert_eq!(strange.len(), 3, "{strange:?}");
    assert!(strange.iter().all(|line| line.starts_with("255 SOCK ")), "{strange:?}");
}

#[test]
fn a16_unknown_and_unserved_verbs_change_nothing() {
    for mut h in both() {
        let port = h.port("LSTN R");
        h.check("FOO bar", &["500"]);
        h.check("AUTH TLS", &["506/502"]);
        h.check("SMNT x", &["506/502"]);
        assert!(h.listens(port));
        assert_eq!(h.port(&format!("SOCK {OWN},40004")), port);
    }
}

#[test]
fn a17_an_unknown_verb_that_begins_with_x_is_no_reason_to_leave() {
    for mut h in both() {
        h.check("XYZZ", &["500"]);
        h.check("MD5 a", &["506/502"]);
        h.check("NOOP", &["200"]);
    }
}

#[test]
fn a18_x_forms_are_the_plain_verbs() {
    let mut h = modern();
    h.check("XMKD d", &["257"]);
    h.check("XCWD d", &["250"]);
    assert_eq!(h.say("XPWD"), ["257 \"/d\" is the working directory"]);
    h.check("XCUP", &["250"]);
    assert_eq!(h.say("PWD"), ["257 \"/\" is the working directory"]);
    h.check("XRMD d", &["250"]);
    assert_eq!(
        h.did(),
        [r#"MakeDirectory("/d")"#, r#"Enter("/d")"#, r#"Enter("/")"#, r#"RemoveDirectory("/d")"#]
    );
}

#[test]
fn a19_noop_changes_no_parameter() {
    for mut h in both() {
        let port = h.port("LSTN S");
        h.check("NOOP", &["200"]);
        assert!(h.listens(port));
        h.say("SIZE a");
        assert_eq!(h.did().last().map(String::as_str), Some(r#"Facts("/a")"#), "TYPE is still I");
    }
}

#[test]
fn a20_before_the_login_help_and_bye_but_not_retr() {
    for mut h in [fresh(Dialect::Rfc354), fresh(Dialect::Rfc959)] {
        h.take();
        h.check("RETR a", &["332/530"]);
        h.check("LSTN R", &["332/530"]);
        h.check("RETR", &["332/530"]);
        assert!(h.say("HELP")[0].starts_with('2'));
        h.check("BYE", &["231/221"]);
        assert!(h.closed);
    }
}

#[test]
fn a21_bye_during_a_transfer_waits_for_its_result() {
    for mut h in both() {
        h.own_host_connects();
        h.check("RETR a", &["250/150"]);
        h.check("BYE", if h.is_old() { &["232"] } else { &[] });
        assert!(!h.closed);
        let replies = h.finish(1000, End::WHOLE_FILE);
        let codes: Vec<&str> = replies.iter().map(|line| &line[..3]).collect();
        assert_eq!(codes, if h.is_old() { vec!["257"] } else { vec!["226", "221"] });
        assert!(h.closed);
    }
}

#[test]
fn a22_user_again_clears_the_data_sockets() {
    for mut h in both() {
        let listener = h.port("LSTN R");
        h.say(&format!("SOCK {OWN},40004"));
        h.say("USER u");
        assert!(!h.listens(listener));
        h.say("PASS secret");
        h.say("TYPE I");
        h.check("RETR a", &["454/425"]);
        h.check("STOR c", &["454/425"]);
    }
}

#[test]
fn a22_user_again_ends_pasv_and_forgets_rndz() {
    let mut h = modern();
    let port = h.port("PASV");
    h.say(&format!("RNDZ {}", "07".repeat(32)));
    h.say("USER u");
    assert!(!h.listens(port));
    h.say("PASS secret");
    h.check(&format!("SOCK {FOREIGN},40004"), &["504"]);
}

#[test]
fn stat_shows_the_limits_to_those_who_may_see_them() {
    for mut h in both() {
        assert!(!h.say("STAT").iter().any(|line| line.contains("Limit")));
        h.admin = true;
        let mut h = h.logged_in();
        let said = h.say("STAT");
        assert!(said[0].starts_with(h.code("100/211")), "{said:?}");
        assert!(said.iter().any(|line| line.contains("Limit max-sessions 1/10 gives-way")), "{said:?}");
        h.check("NOOP", &["200"]);
    }
}

#[test]
fn a23_rein_sets_everything_to_its_default() {
    for mut h in both() {
        let port = h.port("LSTN R");
        h.say("CWD d");
        h.check("REIN", &["300/220"]);
        assert!(!h.listens(port));
        let did = h.did();
        assert_eq!(did.iter().filter(|did| did.starts_with("release")).count(), 1);
        assert_eq!(did.iter().filter(|did| *did == "log out").count(), 1);
        h.check("REIN", &["300/220"]);
        assert_eq!(h.did(), [""; 0], "nobody is logged in any more");
        h.check("PWD", &["332/530"]);
        h.log_in();
        assert!(h.say("PWD")[0].contains("\"/\""));
        h.check("SIZE a", &["451/550"]); // TYPE A again
    }
}

/// All that a session can set for its transfers, its listings and its digests.
const SETTINGS: [&str; 16] = [
    "TYPE I",
    "MODE B",
    "CWD d",
    "RSYM ON",
    "CEPR ON",
    "DGST SHA-256",
    "RATE 1000",
    "OPTS MLST size;",
    "OPTS HASH CRC32C",
    "OPTS STOR PARTIAL KEEP",
    "RNDZ 0707070707070707070707070707070707070707070707070707070707070707",
    "ALLO 5",
    "DETA 60",
    "GSOC",
    "EPSV ALL",
    "REST 3",
];

#[test]
fn a23_whatever_was_set_before_rein_has_its_default_after_it() {
    let shown = |h: &mut Harness| {
        let said = [h.say("STAT"), h.say("FEAT"), h.say("PWD"), h.say("EPSV"), h.say("ACTV")].concat();
        // The number of a port is another each time.
        said.join("\n").replace(|c: char| c.is_ascii_digit(), "")
    };
    let stored = |h: &mut Harness| {
        h.own_host_connects_to("LSTN R");
        h.check("STOR c", &["150"]);
        let replies = h.finish(7, End::WHOLE_FILE);
        (h.intent.clone(), h.terms, replies)
    };
    let listed = |h: &mut Harness| {
        h.own_host_connects_to("LSTN S");
        h.check("MLSD", &["150"]);
        h.finish(7, End::WHOLE_FILE);
        (h.intent.clone(), h.terms, h.say("OPTS HASH"))
    };
    let mut fresh = modern();
    let mut set = modern();
    for line in SETTINGS {
        let replies = set.say(line);
        assert!(replies[0].starts_with(['2', '3']), "{line}: {replies:?}");
    }
    set.say("RNFR a");
    set.say("REIN");
    let mut again = set.logged_in();
    again.take();
    again.check("RNTO c", &["503"]);
    assert_eq!(shown(&mut again), shown(&mut fresh));
    assert_eq!(stored(&mut again), stored(&mut fresh));
    assert_eq!(listed(&mut again), listed(&mut fresh));
}

#[test]
fn a24_a_lost_control_connection_ends_everything_at_once() {
    let mut h = modern();
    h.say("LSTN R");
    h.input(Input::Closed);
    assert!(h.closed);
    assert_eq!(h.take(), Vec::<String>::new());
    h.pass(seconds(100_000));
    assert_eq!(h.say("NOOP"), Vec::<String>::new());
}

#[test]
fn a_transfer_that_ends_with_its_session_is_told_to_the_log() {
    for moves in [false, true] {
        let mut h = modern();
        let port = h.port("PASV");
        h.say("RETR a");
        if moves {
            h.arrive(port, &format!("{OWN}:5000"));
            assert!(h.is_moving());
        }
        h.input(Input::Closed);
        let mut told = Vec::new();
        for event in &h.events {
            if let Event::Transfer { bytes, failure, .. } = event {
                told.push((*bytes, failure.clone().map(|failure| failure.why)));
            }
        }
        // Only whoever moves the bytes knows how many they were.
        let bytes = if moves { None } else { Some(0) };
        assert_eq!(told, [(bytes, Some("the session ended".to_owned()))]);
    }
}

#[test]
fn a_password_comes_after_its_user_and_five_wrong_ones_end_the_session() {
    for mut h in [fresh(Dialect::Rfc354), fresh(Dialect::Rfc959)] {
        h.take();
        h.check("PASS secret", &["505/503"]);
        for _ in 0..4 {
            h.check("USER nobody", &["330/331"]);
            h.check("PASS wrong", &["431/530"]);
        }
        h.say("USER nobody");
        h.check("PASS wrong", &["430/421"]);
        assert!(h.closed);
    }
}

#[test]
fn secrets_are_in_no_event() {
    let mut h = modern();
    h.log_in();
    h.say("ACCT deep-secret");
    h.say(&format!("RNDZ {}", "5e".repeat(32)));
    h.say("RNDZ 5e5e-nothex-secret");
    h.say("PSAS secret");
    let shown = format!("{:?}", h.events);
    assert!(!shown.contains("secret") && !shown.contains("5e5e"), "{shown}");
}

#[test]
fn whoever_does_not_log_in_and_whoever_does_nothing_is_sent_away() {
    let mut h = fresh(Dialect::Rfc959);
    h.pass(seconds(59));
    h.say("NOOP");
    assert!(!h.closed);
    h.take();
    h.pass(seconds(2));
    assert!(h.take()[0].starts_with("421 ") && h.closed);

    let mut h = old();
    h.pass(seconds(599));
    h.say("NOOP");
    h.pass(seconds(599));
    assert!(!h.closed);
    h.take();
    h.pass(seconds(2));
    assert!(h.take()[0].starts_with("401 ") && h.closed);
}

#[test]
fn a_stopping_server_ends_the_idle_at_once_and_others_soon_after_their_transfer() {
    for mut h in both() {
        h.input(Input::Shutdown);
        assert!(h.take()[0].starts_with(h.code("401 /421 ")) && h.closed);
    }
    for mut h in both() {
        h.own_host_connects_for("RETR a");
        h.input(Input::Shutdown);
        assert!(!h.closed);
        let replies = h.finish(1000, End::WHOLE_FILE);
        assert!(replies.len() == 1 && replies[0].starts_with(h.code("257 /226 ")), "{replies:?}");
        h.pass(seconds(4));
        assert!(!h.closed && h.take().is_empty());
        h.pass(seconds(2));
        assert!(h.take()[0].starts_with(h.code("401 /421 ")) && h.closed);
    }
}

#[test]
fn a_file_that_moved_before_the_server_stopped_can_be_verified_and_renamed() {
    let mut h = modern();
    h.own_host_connects_for("STOR part");
    h.finish(1000, End::WHOLE_FILE);
    h.pass(seconds(3));
    h.input(Input::Shutdown);
    assert!(!h.closed);
    h.check("HASH a", &["213"]);
    h.pass(seconds(4)); // the digest counts again
    h.check("RNFR a", &["350"]);
    h.check("RNTO b", &["250"]);
    assert!(!h.closed);
    h.own_host_connects();
    h.check("STOR next", &["421"]);
    assert!(h.closed);
}

#[test]
fn quit_ends_a_session_of_a_stopping_server_as_always() {
    let mut h = modern();
    h.own_host_connects_for("RETR a");
    h.input(Input::Shutdown);
    h.finish(1000, End::WHOLE_FILE);
    h.check("QUIT", &["221"]);
    assert!(h.closed);
}

#[test]
fn a_session_that_the_driver_ends_is_told_why() {
    for mut h in both() {
        h.own_host_connects_for("RETR a");
        h.input(Input::End("Your account is gone"));
        let replies = h.take();
        assert!(
            replies[0].starts_with(h.code("401 /421 ")) && replies[0].ends_with("Your account is gone"),
            "{replies:?}"
        );
        assert!(h.closed);
    }
}

#[test]
fn commands_during_a_transfer_wait_in_a_bounded_queue() {
    let mut h = modern();
    h.own_host_connects_for("RETR a");
    for _ in 0..1000 {
        h.check("NOOP", &[]);
    }
    let codes = [vec!["426", "226"], vec!["200"; 64], vec!["503"; 936]].concat();
    h.check("ABOR", &codes);
}

#[test]
fn a_transfer_that_has_made_its_file_says_150_also_if_it_is_to_stop() {
    let mut h = modern();
    h.own_host_connects();
    (h.starts, h.stops) = (false, false);
    h.check("STOR a", &[]);
    h.check("ABOR", &[]);
    h.start_late();
    let begun = h.take();
    assert!(begun.len() == 1 && begun[0].starts_with("150 "), "{begun:?}");
    let ended = h.finish(0, End::Stopped);
    let codes: Vec<&str> = ended.iter().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["426", "226"]);
}

#[test]
fn commands_are_all_answered_while_nothing_moves() {
    let mut h = modern();
    h.send(&"NOOP\r\nSIZE nothing\r\n".repeat(5_000));
    let codes: Vec<String> = h.take().iter().map(|line| line[..3].to_owned()).collect();
    assert_eq!(codes, ["200", "550"].repeat(5_000));
}

#[test]
fn while_a_question_is_open_no_more_is_read_than_the_queue_holds() {
    let mut h = modern();
    h.answers_files = false;
    h.send("SIZE a\r\n");
    assert!(!h.session.is_full());
    h.send(&"NOOP\r\n".repeat(100));
    assert!(h.session.is_full());
    assert_eq!(h.take(), [""; 0]);
}

#[test]
fn during_a_transfer_every_line_is_read() {
    let mut h = modern();
    h.own_host_connects();
    h.send(&["RETR a\r\n", &"NOOP\r\n".repeat(1_000), "ABOR\r\n"].concat());
    assert!(!h.session.is_full());
    let codes: Vec<String> = h.take().iter().map(|line| line[..3].to_owned()).collect();
    assert_eq!(codes, [vec!["150"], vec!["426", "226"], vec!["200"; 64], vec!["503"; 936]].concat());
}

#[test]
fn an_unanswered_question_ends_the_session() {
    let mut h = modern();
    h.answers_files = false;
    h.check("SIZE a", &[]);
    h.pass(seconds(3601));
    assert!(h.closed);
    assert!(h.events.iter().any(|event| matches!(event, Event::TimedOut(_))));
}
#[test]
fn features_and_help_tell_the_extensions() {
    let features = modern().say("FEAT");
    assert_eq!(features[0], "211-Features");
    for line in [" SOCK", " LSTN R;S", " GSOC", " ACTV", " RNDZ"] {
        assert!(features.iter().any(|feature| feature == line), "{line} in {features:?}");
    }
    let help = old().say("HELP");
    assert!(help[0].starts_with("200-") && help.iter().any(|line| line == " LSTN R;S"), "{help:?}");
    assert!(modern().say("HELP SOCK")[0].starts_with("214 SOCK "));
    modern().check("HELP NOTHING", &["502"]);
    assert!(modern().say("HELP site utime")[0].starts_with("214 SITE UTIME "));
    modern().check("HELP SITE NOTHING", &["502"]);
    old().check("HELP NOTHING", &["506"]);
    assert!(old().say("FEAT")[0].starts_with("200-"));
}

/// A host that was suspended: its clock jumps by hours, and then everything that was due comes at once.
#[test]
fn a_jump_of_the_clock_by_hours_ends_what_waits_once_and_harms_no_file() {
    const JUMP: u64 = 10 * 3_600;
    let mut idle = modern();
    let port = idle.port("PASV");
    idle.now = idle.now + seconds(JUMP);
    idle.input(Input::Timeout);
    idle.input(Input::Timeout);
    assert!(idle.closed && !idle.listens(port));
    let said = idle.take();
    assert_eq!(said.iter().filter(|line| line.starts_with("421 ")).count(), 1, "{said:?}");

    // A transfer that went on meanwhile has moved something since.
    let mut busy = modern();
    busy.own_host_connects();
    busy.check("RETR a", &["150"]);
    busy.progress = (500, 0);
    busy.now = busy.now + seconds(JUMP);
    busy.input(Input::Timeout);
    assert!(!busy.closed && busy.is_moving());
    let replies = busy.finish(1000, End::WHOLE_FILE);
    assert!(replies.len() == 1 && replies[0].starts_with("226 "), "{replies:?}");
    busy.check("NOOP", &["200"]);
}
