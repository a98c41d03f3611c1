//! AUTH, PBSZ, PROT: nothing about the user is sent in clear, and nothing that arrives in clear is trusted.

use super::*;

const SECURED: &str = "
    S: 220 ready
    C: AUTH TLS
    S: 234 go ahead
    = start tls
    secured
    C: USER ann
";

const PROTECTED: &str = "
    S: 331 password
    C: PASS secret
    S: 230 in
    C: PBSZ 0
    S: 200 no buffer
    C: PROT P
    S: 200 private
    C: FEAT
    S: 500 what?
    = ready Rfc959
";

#[test]
fn tls_begins_before_the_user_is_named_and_data_are_private_after_the_login() {
    let mut stage = Stage::with(Security::Explicit);
    stage.play(SECURED);
    stage.play(PROTECTED);
    let mut stage = Stage::with(Security::Implicit);
    stage.play("S: 220 ready\nC: USER ann");
    stage.play(PROTECTED);
}

#[test]
fn a_server_that_refuses_auth_hears_no_user() {
    for refusal in ["500 what?", "502 not here", "504 not TLS", "534 policy", "431 not now", "334 go on"] {
        Stage::with(Security::Explicit).play(&format!(
            "S: 220 ready
             C: AUTH TLS
             S: {refusal}
             = ended: the server does not offer TLS: {refusal}
             = close"
        ));
    }
    Stage::with(Security::Explicit).play(
        "S: 220 ready
         C: AUTH TLS
         S: 421 no
         = ended: the server ended the session: 421 no
         = close",
    );
}

#[test]
fn tls_that_is_offered_begins_before_the_user_is_named() {
    let mut stage = Stage::with(Security::Offered);
    stage.play(SECURED);
    stage.play(PROTECTED);
    stage.session.input(stage.now, Input::Abort);
    stage.drain();
    assert_eq!(stage.said.pop_front().as_deref(), Some("C: ABOR"));
}

#[test]
fn a_server_that_offers_no_tls_is_told_and_used_in_clear() {
    for refusal in ["500 what?", "502 not here", "504 not TLS", "530 log in first", "534 policy"] {
        Stage::with(Security::Offered).play(&format!(
            "S: 220 ready
             C: AUTH TLS
             S: {refusal}
             = no tls
             C: USER ann
             S: 230 in
             C: FEAT
             S: 500 what?
             = ready Rfc959"
        ));
    }
    // The servers of 1973 are older than AUTH.
    Stage::with(Security::Offered).play(
        "S: 300 ready
         = no tls
         C: USER ann
         S: 230 in
         C: HELP
         S: 200 no help
         = ready Rfc354",
    );
}

#[test]
fn a_server_that_has_tls_and_not_now_is_not_used_in_clear() {
    for answer in ["431 not now", "334 go on", "600 what?", "999 no"] {
        Stage::with(Security::Offered).play(&format!(
            "S: 220 ready
             C: AUTH TLS
             S: {answer}
             = ended: the server does not offer TLS: {answer}
             = close"
        ));
    }
    Stage::with(Security::Offered).play(
        "S: 220 ready
         C: AUTH TLS
         S: 421 no
         = ended: the server ended the session: 421 no
         = close",
    );
    Stage::with(Security::Offered).play(
        "S: 220 ready\nC: AUTH TLS\nwait 30\n= ended: the server did not answer in time (reply timer)\n= close",
    );
}

#[test]
fn a_server_of_1973_is_asked_for_tls_too() {
    Stage::with(Security::Explicit).play(
        "S: 300 ready
         C: AUTH TLS
         S: 500 no
         = ended: the server does not offer TLS: 500 no
         = close",
    );
}

#[test]
fn clear_text_behind_the_answer_to_auth_ends_the_session() {
    const WORDS: &str =
        "= ended: the server, or somebody in between, sent data in clear after its answer to AUTH";
    for more in ["230 in already\r\n", "2", "\r\n", "331 a\r\n230 b\r\n"] {
        let mut stage = Stage::with(Security::Explicit);
        stage.play("S: 220 ready\nC: AUTH TLS");
        stage.session.input(stage.now, Input::Bytes(format!("234 go\r\n{more}").as_bytes()));
        stage.drain();
        stage.play(&format!("{WORDS}\n= close"));
        // The same in a separate segment, before TLS is complete.
        let mut stage = Stage::with(Security::Explicit);
        stage.play("S: 220 ready\nC: AUTH TLS\nS: 234 go\n= start tls");
        stage.session.input(stage.now, Input::Bytes(more.as_bytes()));
        stage.drain();
        stage.play(&format!("{WORDS}\n= close"));
    }
}

#[test]
fn a_handshake_that_does_not_end_is_given_up_in_time() {
    let mut stage = Stage::with(Security::Explicit);
    stage.play("S: 220 ready\nC: AUTH TLS\nS: 234 go\n= start tls");
    stage.play("wait 30\n= ended: the server did not answer in time (reply timer)\n= close");
    // A handshake that is completed too late has no effect.
    stage.play("secured");
}

#[test]
fn commands_wait_for_tls_and_the_login() {
    let mut stage = Stage::with(Security::Explicit);
    stage.play("S: 220 ready\nC: AUTH TLS\n> NOOP\nS: 234 go\n= start tls\n> NOOP\nsecured\nC: USER ann");
    let held = "C: NOOP\nC: NOOP\nS: 200 yes\n= 0 Done 200\nS: 200 yes\n= 1 Done 200";
    stage.play(&format!("{PROTECTED}\n{held}"));
}

#[test]
fn a_server_that_refuses_prot_p_is_not_used() {
    let mut stage = Stage::with(Security::Explicit);
    stage.play(SECURED);
    stage.play(
        "S: 232 known by its certificate
         C: PBSZ 0
         S: 500 what?
         C: PROT P
         S: 534 never
         = ended: the server does not protect data connections: 534 never
         = close",
    );
}

#[test]
fn f12_inside_tls_abor_is_sent_without_telnet_signals() {
    let sent = |security| {
        let mut stage = Stage::with(security);
        stage.play("S: 220 ready\nC: USER ann");
        let private = if security.is_secured() { "C: PBSZ 0\nS: 200\nC: PROT P\nS: 200\n" } else { "" };
        stage.play(&format!("S: 230 in\n{private}C: FEAT\nS: 500\n= ready Rfc959"));
        stage.session.input(stage.now, Input::Abort);
        std::iter::from_fn(|| Some(stage.session.poll()))
            .find_map(|output| if let Output::Send(bytes) = output { Some(bytes) } else { None })
    };
    assert_eq!(sent(Security::Implicit).as_deref(), Some(&b"ABOR\r\n"[..]));
    assert_eq!(sent(Security::Clear).as_deref(), Some(&b"\xFF\xF4\xFF\xF2ABOR\r\n"[..]));
}
