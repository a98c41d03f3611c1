//! The greeting, the login and the features.

use super::*;

#[test]
fn h06_the_greeting_and_the_login_decide_the_dialect() {
    play(LOGIN);
    play(LOGIN_1973);
    play(
        "S: 120 in a moment
          wait 29
          S: 220-several
          S: 220 lines
          C: USER ann
          S: 230 in, without a password
          C: FEAT
          S: 502 no
          = ready Rfc959",
    );
    play(
        "S: 000 TENEX announces
          S: 300
          C: USER ann
          S: 230 in
          C: HELP
          S: 000 commands
          S: 100 USER PASS
          S: 200 that is all
          = ready Rfc354",
    );
}

#[test]
fn without_a_password_the_session_ends_where_one_is_asked_for() {
    Stage::new(Config { password: None, ..config() }).play(
        "S: 220 ready
         C: USER ann
         S: 331 password
         = ended: the server asks for a password: 331 password
         = close",
    );
    Stage::new(Config { password: None, ..config() }).play(
        "S: 220 ready
         C: USER ann
         S: 230 in, without a password
         C: FEAT
         S: 502 no
         = ready Rfc959",
    );
}

#[test]
fn h06_331_asks_for_an_account_in_1973_and_for_a_password_today() {
    play(
        "S: 300 ready
          C: USER ann
          S: 331 account
          = ended: the server asks for an account: 331 account
          = close",
    );
    let account = Some(Secret::new("dept"));
    Stage::new(Config { account: account.clone(), ..config() }).play(
        "S: 300 ready
         C: USER ann
         S: 330 password
         C: PASS secret
         S: 330 Enter account
         C: ACCT dept
         S: 200 TENEX is content
         C: HELP
         S: 500 no
         = ready Rfc354",
    );
    Stage::new(Config { account, ..config() }).play(
        "S: 220 ready
         C: USER ann
         S: 331 password
         C: PASS secret
         S: 332 account
         C: ACCT dept
         S: 332 account
         = ended: the server refused the login: 332 account
         = close",
    );
}

#[test]
fn a_refused_login_and_a_closed_door_end_the_session_by_name() {
    play(
        "S: 220 ready
          C: USER ann
          S: 331 password
          C: PASS secret
          S: 530 Login incorrect
          = ended: the server refused the login: 530 Login incorrect
          = close",
    );
    play(
        "S: 421 too many users
          = ended: the server ended the session: 421 too many users
          = close",
    );
    play(
        "S: 300 ready
          C: USER ann
          S: 401 not now
          = ended: the server ended the session: 401 not now
          = close",
    );
    play(
        "S: SSH-2.0-OpenSSH_9.9
          = ended: the server does not speak FTP: expected a reply code, got \"SSH-2.0-OpenSSH_9.9\"
          = close",
    );
    play(
        "close
          = ended: the server closed the control connection before its greeting
          = close",
    );
    play(
        "S: 220 ready
          C: USER ann
          close
          = ended: the server closed the control connection
          = close",
    );
    play(
        "S: 354 ready
          = ended: the server does not speak FTP: expected a greeting, got \"354 ready\"
          = close",
    );
}

#[test]
fn every_silence_of_the_login_ends_with_the_name_of_its_timer() {
    let silent =
        |timer: &str| format!("wait 30\n= ended: the server did not answer in time ({timer} timer)\n= close");
    play("wait 30\n= ended: the server sent no greeting\n= close");
    play(&format!("S: 120 soon\n{}", silent("greeting")));
    let lines: Vec<&str> = LOGIN.lines().filter(|line| !line.trim().is_empty()).collect();
    for said in (2..=6).step_by(2) {
        play(&(lines[..said].join("\n") + "\n" + &silent("reply")));
    }
}

#[test]
fn a_server_that_asks_for_patience_again_and_again_is_given_up() {
    let mut stage = Stage::new(config());
    for _ in 0..10 {
        stage.play("S: 120 soon\nwait 20");
    }
    stage.play(
        "wait 40
         = ended: the server did not answer in time (greeting timer)
         = close",
    );
    let mut stage = Stage::new(config());
    for _ in 0..11 {
        stage.play("S: 120 soon\nwait 20");
    }
    stage.play(
        "S: 120 soon
         wait 20
         = ended: the server did not answer in time (login timer)
         = close",
    );
}

#[test]
fn h05_help_without_an_end_is_ended_with_noop() {
    play(
        "S: 300 ready
          C: USER ann
          S: 230 in
          C: HELP
          S: 030 commands are USER PASS
          wait 30
          C: NOOP
          S: 200 done
          = ready Rfc354
          >> NOOP
          S: 200 done
          = 0 Done 200",
    );
}

#[test]
fn a_list_of_features_without_its_hyphen_is_not_the_reply_to_the_next_command() {
    const BEGIN: &str = "S: 220 ready\nC: USER ann\nS: 230 in\nC: FEAT\n";
    const END: &str = "= ready Rfc959\n>> SIZE a\nS: 213 5\n= 0 Done 213";
    for (replies, noop) in [
        ("S: 211 -Features.\nC: NOOP\nS:  SIZE\nS: 211 End.", "S: 200 fine"),
        ("S: 211 Features\nC: NOOP\nS: 211 MDTM\nS: 211 SIZE\nS: 211 End", "S: 502 what"),
        ("S: 211 none\nC: NOOP", "S: 200 fine"),
    ] {
        play(&format!("{BEGIN}{replies}\n{noop}\n{END}"));
    }
}

#[test]
fn opts_utf8_follows_a_feat_that_lists_it_and_any_answer_will_do() {
    play(
        "S: 220 ready
          C: USER ann
          S: 230 in
          C: FEAT
          S: 211-Features
          S:  UTF8
          S: 211 End
          C: OPTS UTF8 ON
          S: 501 always on
          = ready Rfc959",
    );
}

#[test]
fn commands_sent_early_wait_for_the_login() {
    let mut stage = Stage::new(config());
    stage.line("> TYPE I");
    stage.play(&(LOGIN.to_owned() + "C: TYPE I\nS: 200 ok\n= 0 Done 200"));
}

#[test]
fn h38_secrets_are_masked_in_events() {
    let mut session =
        Session::new(Config { account: Some(Secret::new("dept")), traces: true, ..config() }, Moment::START);
    session
        .input(Moment::START, Input::Bytes(b"220 hi\r\n331 pass\r\n332 acct\r\n230 in\r\n500 no FEAT\r\n"));
    let secret = crate::rendezvous::RendezvousSecret::new([0xAB; 32]);
    session.send(Moment::START, Command::Rndz(Some(secret)), None);
    let mut told = String::new();
    while let output @ (Output::Send(_) | Output::Event(_)) = session.poll() {
        if let Output::Event(event) = output {
            told += &format!("{event:?}\n");
        }
    }
    for verb in ["PASS", "ACCT", "RNDZ"] {
        assert!(told.contains(verb), "{told}");
    }
    for hidden in ["secret", "dept", "abab", "ABAB"] {
        assert!(!told.contains(hidden), "{told}");
    }
}

#[test]
fn a_server_that_begins_with_tls_is_recognised() {
    // A handshake message, and the alert that a server sends to a client that stays silent.
    for record in [&b"\x16\x03\x01\x02\x00"[..], b"\x15\x03\x03\x00\x02\x02\x50"] {
        let mut stage = Stage::new(config());
        stage.session.input(stage.now, Input::Bytes(record));
        stage.drain();
        stage.play(
            "= ended: the server speaks TLS on this port from the first byte on
             = close",
        );
    }
}

#[test]
fn half_a_greeting_is_not_the_absence_of_one() {
    let mut stage = Stage::new(config());
    stage.session.input(stage.now, Input::Bytes(b"220 rea"));
    stage.drain();
    stage.play(
        "wait 30
         = ended: the server did not answer in time (greeting timer)
         = close",
    );
}

/// The login of our own server, but for the reply to PASS.
const TOGETHER: &str = "
    S: 220 ftp-server 0.1.0 ready
    C: USER ann
    S: 331 password
    C: PASS secret
    C: FEAT
    C: OPTS UTF8 ON
";

#[test]
fn t14_our_own_server_gets_the_commands_of_a_login_together() {
    play(&format!("{TOGETHER}S: 230 in\n{FEATURES}"));
    // A server without UTF8 says so, and its reply to OPTS is of no interest.
    play(&format!(
        "{TOGETHER}
        S: 230 in
        S: 500 what?
        = ready Rfc959
        S: 501 no
        >> NOOP
        S: 200 fine
        = 0 Done 200"
    ));
    play(&format!(
        "{TOGETHER}
        S: 530 no
        = ended: the server refused the login: 530 no
        = close"
    ));
}

#[test]
fn no_command_overtakes_one_that_was_sent_before_the_greeting() {
    play(&format!(
        "> NOOP
        {WITHOUT_TLS}
        > SIZE a
        S: 331 password
        S: 230 in
        {FEATURES}
        C: NOOP
        C: SIZE a
        S: 200 fine
        = 0 Done 200
        S: 213 5
        = 1 Done 213"
    ));
}

#[test]
fn a_password_in_clear_waits_until_it_is_asked_for() {
    play(
        "
        S: 220 ftp-server 0.1.0 ready
        C: USER ann
        S: 530 TLS is required
        = ended: the server refused the login: 530 TLS is required
        = close",
    );
}

#[test]
fn t14_a_server_that_has_no_tls_gets_the_whole_login_at_once() {
    for security in [Security::Offered, Security::Clear] {
        let told = if security == Security::Offered { "= no tls" } else { "" };
        Stage::with(security).play(&format!(
            "
            S: 220 ftp-server 0.1.0 ready, no TLS
            {told}
            C: USER ann
            C: PASS secret
            C: FEAT
            C: OPTS UTF8 ON
            S: 331 password
            S: 230 in
            {FEATURES}"
        ));
    }
}

#[test]
fn t14_a_command_of_the_caller_goes_with_the_whole_login() {
    play(&format!(
        "{WITHOUT_TLS}
        >> NOOP
        S: 331 password
        S: 230 in
        S: 500 no FEAT
        = ready Rfc959
        S: 501 no
        S: 200 fine
        = 0 Done 200"
    ));
    // ACCT would come too late, and without the usual course nobody knows what comes next.
    let refused = "> NOOP\nS: 530 no\n= ended: the server refused the login: 530 no\n= close";
    let mut stage = Stage::new(Config { account: Some(Secret::new("a")), ..config() });
    stage.play(&format!("{WITHOUT_TLS}{refused}"));
    play(&format!("S: 220 ftp-server 0.1.0 ready\nC: USER ann\n{refused}"));
}

#[test]
fn t14_where_tls_is_demanded_a_greeting_that_denies_it_changes_nothing() {
    Stage::with(Security::Explicit).play(
        "
        S: 220 ftp-server 0.1.0 ready, no TLS
        C: AUTH TLS
        S: 502 not here
        = ended: the server does not offer TLS: 502 not here
        = close",
    );
    // It is not believed against itself either: the server has TLS after all.
    Stage::with(Security::Explicit).play(
        "
        S: 220 ftp-server 0.1.0 ready, no TLS
        C: AUTH TLS
        S: 234 begin
        = start tls",
    );
    // Nobody else's greeting is taken for such a word.
    Stage::with(Security::Offered).play(
        "
        S: 220 example ready, no TLS
        C: AUTH TLS",
    );
}

#[test]
fn t14_what_a_reply_makes_needless_is_skipped() {
    // A certificate has logged in: nobody needs the answer to PASS.
    Stage::with(Security::Implicit).play(&format!(
        "S: 220 ftp-server 0.1.0 ready
        C: USER ann
        C: PASS secret
        C: PBSZ 0
        C: PROT P
        C: FEAT
        C: OPTS UTF8 ON
        S: 232 in
        S: 503 logged in already
        S: 200 PBSZ=0
        S: 200 private
        {FEATURES}"
    ));
    // An account is wanted before the rest, which is asked once more.
    let mut stage = Stage::new(Config { account: Some(Secret::new("a")), ..config() });
    stage.play(&format!(
        "{TOGETHER}
        S: 332 account
        C: ACCT a
        S: 530 log in
        S: 530 log in
        S: 230 in
        C: FEAT
        S: 500 what?
        = ready Rfc959"
    ));
}

#[test]
fn t14_inside_tls_the_protection_of_data_comes_with_the_login() {
    for security in [Security::Explicit, Security::Offered] {
        Stage::with(security).play(&format!(
            "S: 220 ftp-server 0.1.0 ready
            C: AUTH TLS
            S: 234 begin
            = start tls
            secured
            C: USER ann
            C: PASS secret
            C: PBSZ 0
            C: PROT P
            C: FEAT
            C: OPTS UTF8 ON
            S: 331 password
            S: 230 in
            S: 200 PBSZ=0
            S: 200 private
            {FEATURES}"
        ));
    }
}
