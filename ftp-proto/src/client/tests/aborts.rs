//! ABOR: each sequence of replies ends in step, or the session ends.

use super::*;

#[test]
fn abor_is_sent_with_interrupt_process_and_data_mark() {
    let mut stage = Stage::new(config());
    stage.play(LOGIN);
    stage.session.input(stage.now, Input::Abort);
    let mut sent = Vec::new();
    while let output @ (Output::Send(_) | Output::Event(_)) = stage.session.poll() {
        if let Output::Send(bytes) = output {
            sent.push(bytes);
        }
    }
    assert_eq!(sent, [b"\xFF\xF4\xFF\xF2ABOR\r\n"]);
    assert_eq!(sent[0].strip_prefix(SYNCH), Some(&b"\xF2ABOR\r\n"[..]));
}

/// A transfer, ABOR and these replies, after which the session is in step, as the next command shows.
fn aborts(dialect: Dialect, begun: bool, replies: &str) {
    let (login, started) = match dialect {
        Dialect::Rfc354 => (LOGIN_1973, "S: 250 go\n= 0 Preliminary 250\n"),
        Dialect::Rfc959 => (LOGIN, "S: 150 go\n= 0 Preliminary 150\n"),
    };
    let started = if begun { started } else { "" };
    let script = format!(
        "{login}> RETR a\nC: RETR a\n{started}abort\nC: ABOR\n{replies}\n= abort done
         > TYPE I\nC: TYPE I\nS: 200 ok\n= 1 Done 200"
    );
    play(&script);
}

#[test]
fn h19_every_known_sequence_of_replies_to_abor_ends_in_step() {
    let today = |begun, replies| aborts(Dialect::Rfc959, begun, replies);
    today(true, "S: 426 broken off\n= 0 Later 426\nS: 226 aborted");
    today(true, "S: 226 it was done\n= 0 Done 226\nS: 226 aborted");
    today(true, "S: 226 it was done\n= 0 Done 226\nS: 225 nothing to abort");
    today(true, "S: 426 broken off\n= 0 Later 426\nwait 5\nC: NOOP\nS: 200 ok");
    today(true, "S: 426 broken off\n= 0 Later 426\nwait 5\nC: NOOP\nS: 226 aborted\nS: 200 ok");
    today(true, "S: 225 forgotten\nC: NOOP\nS: 200 ok");
    today(true, "S: 225 first\nC: NOOP\nS: 426 then this\n= 0 Later 426\nS: 200 ok");
    today(true, "S: 226 Transfer aborted\n= 0 Done 226\nwait 5\nC: NOOP\nS: 200 ok");
    today(false, "S: 425 never came\n= 0 Later 425\nS: 226 aborted");
    today(
        false,
        "S: 225 nothing\nC: NOOP\nS: 150 late\n= 0 Preliminary 150\nS: 426 off\n= 0 Later 426\nS: 200 ok",
    );
    today(false, "S: 226 aborted\n= 0 Done 226\nS: 150 late\nS: 426 off\nwait 5\nC: NOOP\nS: 200 ok");
    today(true, "S: 500 ABOR not understood\nC: NOOP\nS: 226 done\n= 0 Done 226\nS: 200 ok");
    today(true, "S: 426 off\n= 0 Later 426\nwait 5\nC: NOOP\nS: 500 NOOP not understood");
    today(true, "S: 426 off\n= 0 Later 426\nS: 502 no ABOR\nC: NOOP\nS: 200 ok");
    today(true, "S: 426 off\n= 0 Later 426\nS: 500 Invalid UTF8\nC: NOOP\nS: 500 Invalid UTF8\nS: 200 ok");
    today(true, "S: 426 off\n= 0 Later 426\nS: 451 Pure-FTPd says it twice");
    today(true, "S: 150 Pure-FTPd fails\n= 0 Preliminary 150\nwait 5\nC: NOOP\nS: 200 Zzz...");

    let old = |begun, replies| aborts(Dialect::Rfc354, begun, replies);
    old(true, "S: 452 broken off\n= 0 Later 452\nS: 201 aborted");
    old(true, "S: 257 it was done\n= 0 Done 257\nS: 202 nothing to abort");
    old(true, "S: 202 forgotten\nC: NOOP\nS: 200 ok");
    old(true, "S: 452 broken off\n= 0 Later 452\nS: 200 Abort request noted.");
    old(true, "S: 200 Abort request noted.\nC: NOOP\nS: 452 off\n= 0 Later 452\nS: 200 ok");
    old(true, "S: 452 broken off\n= 0 Later 452\nwait 5\nC: NOOP\nS: 200 ok\nwait 5");
    old(
        false,
        "S: 202 nothing\nC: NOOP\nS: 250 late\n= 0 Preliminary 250\nS: 452 off\n= 0 Later 452\nS: 200 ok",
    );
}

#[test]
fn h19_abor_after_the_end_and_with_nothing_under_way_is_answered_once() {
    for answer in ["S: 225 nothing", "S: 226 closed the listener", "S: 426 off\nS: 226 aborted"] {
        ready(&format!(
            ">> EPSV
             S: 229 (|||40002|)
             = 0 Done 229
             abort
             C: ABOR
             {answer}
             = abort done"
        ));
    }
    ready_1973("abort\nC: ABOR\nS: 202 ABOR request ignored.\n= abort done");
    // ftp-srv takes the Telnet signals for a command of its own.
    ready("abort\nC: ABOR\nS: 502 no IAC\nC: NOOP\nS: 502 no ABOR\nS: 200 ok\n= abort done");
    // One that knows neither ABOR nor NOOP cannot be told from that.
    ready(
        "abort\nC: ABOR\nS: 502 no ABOR\nC: NOOP\nS: 502 no NOOP\nwait 10
         = ended: the replies of the server cannot be matched with commands\n= close",
    );
    // Pure-FTPd does not answer it at all.
    ready("abort\nC: ABOR\nwait 2\nwait 1\nC: NOOP\nS: 200 Zzz...\n= abort done");
}

#[test]
fn h19_replies_that_are_still_owed_to_the_set_up_are_counted() {
    ready(">> TYPE I\nabort\nC: ABOR\nS: 200 ok\n= 0 Done 200\nS: 225 nothing\n= abort done");
    ready_1973(">> TYPE I\nabort\nC: ABOR\nS: 200 ok\n= 0 Done 200\nS: 202 nothing\n= abort done");
}

#[test]
fn h19_a_stat_that_is_answered_after_the_transfer_is_not_taken_for_the_answer_to_abor() {
    ready_1973(
        ">> RETR a
         S: 250 go
         = 0 Preliminary 250
         >> STAT
         abort
         C: ABOR
         S: 452 broken off
         = 0 Later 452
         wait 5
         C: NOOP
         S: 100 no data socket
         = 1 Aside 100
         S: 200 End
         = 1 Done 200
         S: 202 nothing to abort
         S: 200 ok
         = abort done
         >> TYPE I
         S: 200 ok
         = 2 Done 200",
    );
}

#[test]
fn h19_a_stat_under_way_is_counted_or_forgotten() {
    let begun = ">> RETR a\nS: 150 go\n= 0 Preliminary 150\n>> STAT\nabort\nC: ABOR\n";
    for replies in [
        "S: 211 5\n= 1 Done 211\nS: 426 off\n= 0 Later 426\nS: 226 aborted",
        "S: 426 off\n= 0 Later 426\nS: 211 idle\n= 1 Done 211\nS: 226 aborted",
        "S: 225 nothing\nC: NOOP\nS: 200 ok",
    ] {
        ready(&format!("{begun}{replies}\n= abort done\n>> PWD\nS: 257 /\n= 2 Done 257"));
    }
    ready_1973(
        ">> RETR a
         S: 250 go
         = 0 Preliminary 250
         >> STAT
         abort
         C: ABOR
         S: 100 Bytes 5
         = 1 Aside 100
         S: 200 End
         = 1 Done 200
         S: 452 off
         = 0 Later 452
         S: 201 aborted
         = abort done",
    );
}

#[test]
fn h19_commands_sent_during_an_abort_wait_for_its_end() {
    ready(
        ">> RETR a
         abort
         C: ABOR
         > RNFR b
         quit
         S: 426 off
         = 0 Later 426
         S: 226 aborted
         = abort done
         C: RNFR b
         C: QUIT
         S: 350 to?
         = 1 More 350
         S: 221 bye
         = ended: the session was closed
         = close",
    );
}

#[test]
fn h20_a_server_that_ignores_abor_ends_the_session_in_time() {
    ready(
        ">> STOR a
         abort
         C: ABOR
         wait 5
         C: NOOP
         wait 5
         = ended: the server did not answer in time (abort timer)
         = close",
    );
    ready(
        ">> STOR a
         S: 150 go
         = 0 Preliminary 150
         abort
         C: ABOR
         S: 426 off
         = 0 Later 426
         wait 5
         C: NOOP
         wait 5
         = ended: the replies of the server cannot be matched with commands
         = close",
    );
}

/// The simulator found that NOOP's 200 was taken for the answer to the next command: 202 answered
/// ABOR, so the 200 was still to come, even if it had not come in time.
#[test]
fn h19_a_slow_1973_server_that_owes_the_reply_to_noop_is_not_in_step() {
    let script = "
        >> PASV
        abort
        C: ABOR
        S: 255 SOCK 40002
        = 0 Done 255
        wait 5
        C: NOOP
        S: 202 nothing to abort
        wait 5
        = ended: the replies of the server cannot be matched with commands
        = close";
    play(&format!("{LOGIN_1973}{script}"));
}
