//! F: AUTH, PBSZ, PROT, CCC, SSCN, CPSV, PINC, and TLS of the control connection and data connections.

mod candidates;

use super::Harness;
use super::harness::{Config, FOREIGN, OWN, all_networks, config, seconds};
use crate::command::{Direction, Verb};
use crate::server::ask::{Answer, End, Event, Handshake, Input, Intent};
use crate::server::{CloseNotify, Reuse, Tls, TlsStart};
use crate::wire::{ByteRange, Fingerprint};

const EXPLICIT: Tls = Tls {
    begin: TlsStart::Explicit,
    required: false,
    reuse: Reuse::Preferred,
    close_notify: CloseNotify::Required,
};

fn leaf(n: u8) -> Fingerprint {
    Fingerprint::of(&[n])
}

fn shown(leaf: Option<Fingerprint>, resumed: bool) -> Answer {
    Answer::Secured(Handshake { leaf, resumed, exporter: [3; 32] })
}

fn server(tls: Tls) -> Harness {
    let mut h = Harness::new(Config { tls, ..config() });
    h.take();
    h
}

/// AUTH, and a handshake in which the client shows this certificate.
#[track_caller]
fn begin_tls(h: &mut Harness, leaf: Option<Fingerprint>) {
    h.check("AUTH TLS", &["234"]);
    h.handshake(shown(leaf, false));
}

/// A session inside TLS, logged in, with private data connections.
fn private(tls: Tls) -> Harness {
    private_in(Config { tls, ..config() })
}

fn private_in(config: Config) -> Harness {
    let mut h = Harness::new(config);
    h.take();
    begin_tls(&mut h, None);
    h.check("PBSZ 0", &["200"]);
    h.check("PROT P", &["200"]);
    let mut h = h.logged_in();
    h.take();
    h
}

/// The same under `--foreign authenticated` with all networks named.
fn open_to_all() -> Harness {
    private_in(Config { tls: EXPLICIT, rules: all_networks(), ..config() })
}

/// Somebody connects from the user's own host, and the handshake on that connection begins.
fn data(h: &mut Harness, command: &str) {
    let port = h.port("PASV");
    h.did();
    h.arrive(port, &format!("{OWN}:5000"));
    h.say(command);
}

#[test]
fn f01_auth_pbsz_and_prot_come_in_this_order() {
    let mut h = server(EXPLICIT);
    for line in ["PBSZ 0", "PROT P", "CCC"] {
        h.check(line, &["503"]);
    }
    assert_eq!(h.say("AUTH TLS"), ["234 Begin TLS now"]);
    h.handshake(shown(None, false));
    h.check("PROT P", &["503"]);
    assert_eq!(h.say("PBSZ 4096"), ["200 PBSZ=0"]);
    for (line, code) in
        [("PROT P", "200"), ("PROT C", "200"), ("PROT S", "536"), ("PROT E", "536"), ("PROT X", "504")]
    {
        h.check(line, &[code]);
    }
    h.check("AUTH TLS", &["503"]);
    let mut h = server(EXPLICIT).logged_in();
    h.take();
    for line in ["SSCN ON", "SSCN", "PINC OFF", "CPSV"] {
        h.check(line, &["503"]);
    }
}

#[test]
fn f01_other_mechanisms_are_refused_and_without_a_certificate_all_are() {
    let mut h = server(EXPLICIT);
    h.check("AUTH KERBEROS_V4", &["504"]);
    h.check("AUTH", &["501"]);
    let mut h = server(Tls::default());
    for line in ["AUTH TLS", "PBSZ 0", "PROT P", "CCC", "SSCN", "PINC OFF", "CPSV"] {
        h.check(line, &["502"]);
    }
    assert!(!h.say("FEAT").iter().any(|line| line.contains("AUTH")));
}

#[test]
fn f01_auth_ssl_makes_data_connections_private() {
    let mut h = server(EXPLICIT);
    h.check("AUTH SSL", &["234"]);
    h.handshake(shown(None, false));
    let mut h = h.logged_in();
    data(&mut h, "RETR a");
    assert!(h.did().contains(&"secure 1 Server resumes".to_owned()));
}

#[test]
fn the_log_says_what_tls_protects() {
    let told = |h: &Harness| {
        let private = |event: &Event| {
            let (Event::LoggedIn { private, .. } | Event::Transfer { private, .. }) = event else {
                return None;
            };
            Some(*private)
        };
        h.events.iter().filter_map(private).collect::<Vec<_>>()
    };
    let mut clear = server(EXPLICIT).logged_in();
    clear.say("RETR a");
    assert_eq!(told(&clear), [false, false]);
    let mut inside = private(EXPLICIT);
    inside.say("RETR a");
    inside.say("PROT C");
    inside.say("RETR a");
    assert_eq!(told(&inside), [true, true, false]);
}

#[test]
fn f02_auth_resets_the_session() {
    let mut h = server(EXPLICIT).logged_in();
    let port = h.port("PASV");
    h.say("REST 5");
    h.did();
    h.check("AUTH TLS", &["234"]);
    let did =
        [format!("unlisten {port}"), format!("release {port}"), "log out".to_owned(), "secure".to_owned()];
    assert_eq!(h.did(), did);
    h.handshake(shown(None, false));
    h.check("PWD", &["530"]);
    let mut h = h.logged_in();
    h.check("RETR a", &["425"]);
}

#[test]
fn f02_e14_auth_forgets_sock_lstn_the_type_and_the_restart_point() {
    let mut h = server(EXPLICIT).logged_in();
    let listener = h.port("LSTN R");
    h.say("SOCK 40004");
    h.say("GSOC");
    h.say("REST 5");
    h.check("AUTH TLS", &["234"]);
    assert!(!h.listens(listener) && h.has_no_port());
    h.handshake(shown(None, false));
    h.log_in();
    h.take();
    // TYPE A again, of which no size is known.
    h.check("SIZE a", &["550"]);
    h.say("TYPE I");
    h.check("RETR a", &["425"]);
    h.check("STOR c", &["425"]);
    data(&mut h, "RETR a");
    assert_eq!(h.intent, Some(Intent::Send { range: ByteRange::WHOLE }));
}

#[test]
fn f02_nothing_that_was_sent_in_clear_survives_the_handshake() {
    let mut h = server(EXPLICIT);
    h.send("AUTH TLS\r\nUSER u\r\nPASS secret\r\nNOO");
    h.send("P\r\nNOOP\r\n");
    assert_eq!(h.take(), ["234 Begin TLS now"]);
    h.handshake(shown(None, false));
    assert_eq!(h.take(), [""; 0]);
    h.check("PWD", &["530"]);
    h.check("PASS secret", &["503"]);
}

#[test]
fn f01_a_handshake_that_fails_or_takes_too_long_ends_the_session() {
    let mut h = server(EXPLICIT);
    h.say("AUTH TLS");
    h.handshake(Answer::Failed("no".to_owned()));
    assert!(h.closed);
    let mut h = server(EXPLICIT);
    h.say("AUTH TLS");
    h.pass(seconds(9));
    assert!(!h.closed);
    h.pass(seconds(2));
    assert!(h.closed);
}

#[test]
fn f01_implicit_tls_begins_before_the_greeting() {
    let mut h = server(Tls { begin: TlsStart::Implicit, ..EXPLICIT });
    assert_eq!(h.take(), [""; 0]);
    h.handshake(shown(None, false));
    assert_eq!(h.take(), ["220 server ready"]);
    let mut h = h.logged_in();
    data(&mut h, "RETR a");
    assert!(h.did().contains(&"secure 1 Server resumes".to_owned()));
}

#[test]
fn t14_a_greeting_never_denies_tls_that_is_there_or_demanded() {
    for begin in [TlsStart::Never, TlsStart::Explicit] {
        for required in [false, true] {
            let mut h = Harness::new(Config { tls: Tls { begin, required, ..EXPLICIT }, ..config() });
            let denies = begin == TlsStart::Never && !required;
            let expect = if denies { "220 server ready, no TLS" } else { "220 server ready" };
            assert_eq!(h.take(), [expect], "{begin:?} {required}");
        }
    }
}

#[test]
fn f03_feat_shows_what_tls_brings() {
    for mut h in [server(EXPLICIT), private(EXPLICIT)] {
        let lines = h.say("FEAT");
        for feature in [" AUTH TLS", " PBSZ", " PROT", " SSCN", " CPSV", " PINC SHA-256"] {
            assert!(lines.iter().any(|line| line == feature), "{feature}: {lines:?}");
        }
    }
}

#[test]
fn f04_sscn_tells_the_method() {
    let mut h = private(EXPLICIT);
    assert_eq!(h.say("SSCN"), ["200 SSCN:SERVER METHOD"]);
    assert_eq!(h.say("SSCN on"), ["200 SSCN:CLIENT METHOD"]);
    assert_eq!(h.say("SSCN"), ["200 SSCN:CLIENT METHOD"]);
    assert_eq!(h.say("SSCN OFF"), ["200 SSCN:SERVER METHOD"]);
    h.check("SSCN x", &["501"]);
}

#[test]
fn f05_sscn_makes_this_server_the_client_where_files_move() {
    let files = ["RETR a", "STOR c", "APPE c", "STOU"].map(|command| (command, "Client"));
    let listings = ["LIST", "NLST", "MLSD"].map(|command| (command, "Server resumes"));
    for (command, role) in files.into_iter().chain(listings) {
        let mut h = private(EXPLICIT);
        h.say("SSCN ON");
        data(&mut h, command);
        assert!(h.did().contains(&format!("secure 1 {role}")), "{command}");
        let mut h = private(EXPLICIT);
        h.say("SSCN ON");
        h.say("PORT 192,0,2,7,20,0");
        h.say(command);
        h.connected();
        assert!(h.did().contains(&format!("secure 1 {role}")), "{command}");
    }
}

#[test]
fn f06_cpsv_is_for_exactly_one_transfer() {
    let mut h = server(EXPLICIT).logged_in();
    h.check("CPSV", &["503"]);
    let mut h = private(EXPLICIT);
    h.say("PROT C");
    h.check("CPSV", &["503"]);
    let mut h = private(EXPLICIT);
    let reply = h.say("CPSV");
    assert!(reply[0].starts_with("227 "), "{reply:?}");
    h.own_host_connects_to("CPSV");
    h.check("RETR a", &["150"]);
    assert!(h.did().contains(&"secure 1 Client".to_owned()));
    h.handshake(shown(None, false));
    h.finish(1000, End::WHOLE_FILE);
    data(&mut h, "RETR a");
    assert!(h.did().contains(&"secure 2 Server resumes".to_owned()));
}

#[test]
fn f01_the_preliminary_reply_comes_before_the_handshake_of_a_data_connection() {
    let mut h = private(EXPLICIT);
    let port = h.port("PASV");
    h.check("RETR a", &[]);
    h.arrive(port, &format!("{OWN}:5000"));
    assert_eq!(h.take(), ["150 Data connection open, sending"]);
    assert!(!h.is_moving());
    h.handshake(shown(None, true));
    assert!(h.is_moving());
    assert_eq!(h.finish(1000, End::WHOLE_FILE), ["226 Transfer complete."]);
}

#[test]
fn f08_a_data_connection_that_resumes_nothing_is_refused_where_it_must() {
    let tls = Tls { reuse: Reuse::Required, ..EXPLICIT };
    for (resumed, code) in [(false, "522"), (true, "226")] {
        let mut h = private(tls);
        data(&mut h, "RETR a");
        h.handshake(shown(None, resumed));
        let replies = if resumed { h.finish(1000, End::WHOLE_FILE) } else { h.take() };
        assert!(replies.iter().any(|line| line.starts_with(code)), "{replies:?}");
        assert!(h.open.is_empty());
    }
    let mut h = private(tls);
    h.say("SSCN ON");
    data(&mut h, "RETR a");
    h.handshake(shown(None, false));
    assert!(h.is_moving(), "never demanded of a TLS server");
}

#[test]
fn f08_without_reuse_nothing_can_be_resumed() {
    let mut h = private(Tls { reuse: Reuse::Off, ..EXPLICIT });
    data(&mut h, "RETR a");
    assert!(h.did().contains(&"secure 1 Server".to_owned()));
}

#[test]
fn f09_ccc_is_refused() {
    let mut h = private(EXPLICIT);
    h.check("CCC", &["534"]);
    h.check("PROT P", &["200"]);
}

#[test]
fn f10_another_certificate_than_the_pinned_one_gets_nothing() {
    let pin = format!("PINC SHA-256 {}", leaf(1).to_hex());
    for (shows, moves) in [(Some(leaf(1)), true), (Some(leaf(2)), false), (None, false)] {
        let mut h = private(EXPLICIT);
        h.check(&pin, &["200"]);
        data(&mut h, "RETR a");
        assert!(h.did().contains(&"secure 1 Server pinned".to_owned()));
        h.take();
        h.handshake(shown(shows, false));
        assert_eq!(h.is_moving(), moves, "{shows:?}");
        if !moves {
            assert!(h.take()[0].starts_with("522"));
            assert!(h.open.is_empty());
        }
    }
}

/// A foreign host begins TLS by itself, so it is known before 150 whether it has shown the right certificate.
/// Where this end connects, 150 comes first: the passive end may be told its command only after it.
#[test]
fn f10_a_foreign_host_that_shows_another_certificate_is_refused_before_150() {
    for (shows, moves) in [(leaf(1), true), (leaf(2), false)] {
        let mut h = open_to_all();
        h.check(&format!("PINC SHA-256 {}", leaf(1).to_hex()), &["200"]);
        let port = h.port("EPSV");
        h.arrive(port, &format!("{FOREIGN}:5000"));
        h.check("STOR c", &[]);
        h.handshake(shown(Some(shows), false));
        assert_eq!(h.is_moving(), moves);
        if !moves {
            assert_eq!((h.open.len(), h.strangers(), h.take()), (0, 1, vec![]), "the wait goes on");
            h.pass(seconds(60));
        }
        let said = h.take();
        assert!(said.len() == 1 && said[0].starts_with(if moves { "150" } else { "425" }), "{said:?}");
    }
}

#[test]
fn f10_the_pin_is_forgotten() {
    for line in ["PINC OFF", "USER u"] {
        let mut h = private(EXPLICIT);
        h.say(&format!("PINC SHA-256 {}", leaf(1).to_hex()));
        h.say(line);
        let mut h = h.logged_in();
        data(&mut h, "RETR a");
        assert!(h.did().contains(&"secure 1 Server resumes".to_owned()), "{line}");
    }
    let mut h = private(EXPLICIT);
    for line in ["PINC", "PINC SHA-256", "PINC SHA-256 00", "PINC MD5 00", "PINC ON"] {
        h.check(line, &["501"]);
    }
}

#[test]
fn f11_only_the_users_own_host_may_end_a_file_without_close_notify_and_only_where_it_is_optional() {
    for close_notify in [CloseNotify::Required, CloseNotify::Optional] {
        let tls = Tls { close_notify, ..EXPLICIT };
        let mut h = private(tls);
        data(&mut h, "STOR c");
        h.handshake(shown(None, false));
        assert_eq!(h.terms.unwrap().close_notify, close_notify);
        let mut h = private(tls);
        h.check(&format!("RNDZ {}", "07".repeat(32)), &["200"]);
        let port = h.port("PASV");
        h.say("STOR c");
        let conn = h.arrive(port, &format!("{FOREIGN}:5000"));
        h.handshake(shown(None, false));
        h.prove_inside(conn, [7; 32], Direction::Send, &[3; 32]);
        assert_eq!(h.terms.unwrap().close_notify, CloseNotify::Required);
    }
}

#[test]
fn f12_abor_during_the_handshake_of_a_data_connection() {
    let mut h = private(EXPLICIT);
    data(&mut h, "RETR a");
    h.take();
    h.check("ABOR", &["426", "226"]);
    assert!(h.open.is_empty());
    h.check("NOOP", &["200"]);
}

#[test]
fn f07_a_handshake_that_fails_or_takes_too_long_is_no_data_connection() {
    let mut h = private(EXPLICIT);
    data(&mut h, "RETR a");
    h.take();
    h.handshake(Answer::Failed("alert".to_owned()));
    assert!(h.take()[0].starts_with("522"));
    data(&mut h, "RETR a");
    h.take();
    h.pass(seconds(11));
    assert!(h.take()[0].starts_with("522"));
    assert!(h.open.is_empty() && h.has_no_port());
    h.check("NOOP", &["200"]);
}

#[test]
fn where_tls_is_required_nothing_goes_in_clear() {
    let tls = Tls { required: true, ..EXPLICIT };
    let mut h = server(tls);
    h.check("USER u", &["530"]);
    h.check("PASS secret", &["530"]);
    h.check("USER u", &["530"]);
    let tries = h.events.iter().filter(|event| matches!(event, Event::LoginInClear { .. })).count();
    assert_eq!(tries, 1, "the log has one line, however often it is tried");
    begin_tls(&mut h, None);
    let mut h = h.logged_in();
    h.own_host_connects();
    h.check("LIST", &["521"]);
    assert!(h.events.contains(&Event::DataInClear { verb: Verb::List }), "{:?}", h.events);
    h.check("PBSZ 0", &["200"]);
    h.check("PROT C", &["534"]);
    h.check("PROT P", &["200"]);
    h.check("LIST", &["150"]);
}

#[test]
fn a_certificate_logs_in_its_own_user_alone() {
    let mut h = server(EXPLICIT);
    h.recognises = Some(leaf(1));
    h.check("AUTH TLS", &["234"]);
    h.handshake(shown(Some(leaf(1)), false));
    assert_eq!(h.say("USER other"), ["331 Password, please"]);
    assert_eq!(h.say("USER u"), ["232 Logged in by certificate"]);
    h.check("PWD", &["257"]);
    // A client that sends PASS without waiting has logged in all the same.
    h.check("PASS any", &["202"]);
    h.check("PWD", &["257"]);
    h.check("USER other", &["331"]);
    h.check("PWD", &["530"]);
    h.check("PASS secret", &["230"]);
    h.check("PASS secret", &["503"]);
}

#[test]
fn a_certificate_of_nobody_and_none_at_all_need_a_password() {
    for shows in [Some(leaf(2)), None] {
        let mut h = server(EXPLICIT);
        h.recognises = Some(leaf(1));
        begin_tls(&mut h, shows);
        assert_eq!(h.say("USER u"), ["331 Password, please"]);
        h.check("PASS wrong", &["530"]);
    }
}

#[test]
fn a24_a_private_upload_that_outlives_its_control_connection_shows_its_own_end() {
    let lenient = Tls { close_notify: CloseNotify::Optional, ..EXPLICIT };
    for (tls, protection, doubted) in
        [(EXPLICIT, "PROT P", false), (EXPLICIT, "PROT C", true), (lenient, "PROT P", true)]
    {
        let mut h = private(tls);
        h.check(protection, &["200"]);
        data(&mut h, "STOR a");
        if protection == "PROT P" {
            h.handshake(shown(None, false));
        }
        assert!(h.is_moving());
        h.did();
        h.input(Input::HungUp);
        assert!(!h.closed);
        assert_eq!(h.did().contains(&"doubt None".to_owned()), doubted, "{protection}");
        h.finish(7, End::WHOLE_FILE);
        assert!(h.closed);
    }
}

#[test]
fn f13_rein_ends_tls_after_its_reply() {
    let mut h = private(EXPLICIT);
    h.did();
    h.send("REIN\r\nNOOP\r\n");
    assert_eq!(h.take().len(), 1);
    assert_eq!(h.did(), ["log out", "clear"]);
    h.check("NOOP", &[]);
    h.handshake(Answer::Cleared);
    h.check("PROT P", &["503"]);
    h.check("AUTH TLS", &["234"]);
    let mut h = private(Tls { required: true, ..EXPLICIT });
    h.say("REIN");
    h.handshake(Answer::Cleared);
    h.check("USER u", &["530"]);
}

#[test]
fn f13_rein_on_a_listener_for_implicit_tls_goes_back_to_its_start() {
    let mut h = server(Tls { begin: TlsStart::Implicit, ..EXPLICIT });
    h.handshake(shown(None, false));
    let mut h = h.logged_in();
    h.say("PROT C");
    h.take();
    h.check("REIN", &["220"]);
    h.check("PWD", &["530"]);
    let mut h = h.logged_in();
    data(&mut h, "RETR a");
    assert!(h.did().contains(&"secure 1 Server resumes".to_owned()));
}

#[test]
fn f13_rein_forgets_what_was_said_about_data_connections() {
    let mut h = private(EXPLICIT);
    h.say("SSCN ON");
    h.say("REIN");
    h.handshake(Answer::Cleared);
    let mut h = h.logged_in();
    data(&mut h, "RETR a");
    assert!(h.is_moving(), "in clear: PROT P has gone with TLS");
    h.finish(1000, End::WHOLE_FILE);
    // Inside TLS again, nothing of the first time is left.
    begin_tls(&mut h, None);
    h.check("PROT P", &["503"]);
    h.check("PBSZ 0", &["200"]);
    let mut h = h.logged_in();
    assert_eq!(h.say("SSCN"), ["200 SSCN:SERVER METHOD"]);
}

#[test]
fn f08_whoever_comes_from_elsewhere_and_resumes_nothing_is_a_stranger_and_the_wait_goes_on() {
    let mut h = private(EXPLICIT);
    let port = h.port("LSTN R");
    h.say("STOR c");
    let stranger = h.arrive(port, &format!("{FOREIGN}:5000"));
    h.handshake_of(stranger, shown(None, false));
    assert!(h.take().iter().all(|reply| !reply.starts_with('5')), "the wait goes on");
    assert_eq!(h.strangers(), 1);
    let peer = h.arrive(port, &format!("{FOREIGN}:5001"));
    h.handshake_of(peer, shown(None, true));
    assert!(h.is_moving());
}

#[test]
fn the_log_is_told_why_a_handshake_has_failed() {
    let mut h = private(EXPLICIT);
    data(&mut h, "RETR a");
    h.handshake(Answer::Failed("no common cipher".to_owned()));
    let told = h
        .events
        .iter()
        .any(|event| matches!(event, Event::NotPrivate { why, .. } if why == "no common cipher"));
    assert!(told, "{:?}", h.events);
}
