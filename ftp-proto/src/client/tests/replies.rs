//! Which reply answers which command, and what ends a session.

use super::*;

#[test]
fn replies_are_matched_in_order() {
    ready(
        ">> TYPE I
           >> SIZE a
           >> RETR a
           S: 200 ok
           = 0 Done 200
           S: 550 none
           = 1 Refused 550
           S: 150 here it comes
           = 2 Preliminary 150
           S: 226 done
           = 2 Done 226",
    );
}

#[test]
fn h04_a_255_before_250_is_passed_to_the_transfer() {
    ready_1973(
        ">> SOCK 167772161,40004
         S: 200 Socket command accepted.
         = 0 Done 200
         >> RETR a
         S: 255 SOCK 40003
         = 1 Aside 255
         S: 250 ASCII retrieve of a started.
         = 1 Preliminary 250
         S: 252 Transfer completed.
         = 1 Done 252",
    );
}

#[test]
fn h05_a_status_in_between_answers_no_command() {
    ready_1973(
        "S: 030 the system goes down at 5
         = unasked 030
         >> RETR a
         S: 010 thinking
         = 0 Aside 010
         S: 250 started
         = 0 Preliminary 250
         S: 100 halfway
         = 0 Aside 100
         S: 257 done
         = 0 Done 257",
    );
    ready(
        ">> RETR a
         S: 150 opening
         = 0 Preliminary 150
         S: 250 done
         = 0 Done 250",
    );
}

#[test]
fn a_reply_too_many_does_not_slip_into_the_next_command() {
    ready(
        ">> NOOP
         S: 200 ok
         = 0 Done 200
         S: 226 and again
         = unasked 226
         >> PWD
         S: 257 \"/\"
         = 1 Done 257",
    );
}

#[test]
fn a_421_that_answers_nothing_ends_the_session_and_one_that_does_explains_its_end() {
    ready(
        "S: 421 idle for too long
         = ended: the server ended the session: 421 idle for too long
         = close",
    );
    ready(
        ">> RETR a
         S: 421 going down
         = 0 Later 421
         close
         = ended: the server ended the session: 421 going down
         = close",
    );
}

#[test]
fn each_command_has_its_own_time_and_preliminary_replies_renew_it() {
    ready(
        ">> SIZE a
         >> SIZE b
         wait 29
         S: 150 counting
         = 0 Preliminary 150
         wait 29
         S: 213 5
         = 0 Done 213
         wait 29
         S: 213 6
         = 1 Done 213
         wait 1000
         >> SIZE c
         wait 30
         = ended: the server did not answer in time (reply timer)
         = close",
    );
}

#[test]
fn preliminary_replies_do_not_renew_the_wait_for_ever() {
    let mut stage = Stage::new(config());
    stage.play(LOGIN);
    stage.play(">> SIZE a");
    for _ in 0..11 {
        stage.play("S: 150 counting\n= 0 Preliminary 150\nwait 20");
    }
    stage.play(
        "S: 150 counting
         = 0 Preliminary 150
         wait 20
         = ended: the server did not answer in time (reply timer)
         = close",
    );
}

#[test]
fn a_running_transfer_is_timed_only_if_the_driver_gave_it_a_time() {
    let mut stage = Stage::new(config());
    stage.play(LOGIN);
    stage.play(">> RETR a\nwait 59\nS: 150 go\n= 0 Preliminary 150");
    assert_eq!(stage.deadline, None);
    stage.play("S: 226 done\n= 0 Done 226");

    let command = parse(b"RETR a", Dialect::Rfc959).unwrap();
    stage.session.send(stage.now, command, Some(Duration::from_secs(100)));
    stage.drain();
    stage.play(
        "C: RETR a
         wait 99
         S: 150 go
         = 1 Preliminary 150
         wait 99
         wait 1
         = ended: the server did not answer in time (reply timer)
         = close",
    );
}

#[test]
fn stat_during_a_transfer_may_be_answered_before_it() {
    ready(
        ">> RETR a
         >> STAT
         S: 211-Transfer
         S:  waiting
         S: 211 End
         = 1 Done 211
         S: 150 go
         = 0 Preliminary 150
         >> STAT
         S: 213 Bytes 5
         = 2 Done 213
         >> STAT
         S: 503 Not during a transfer
         = 3 Refused 503
         >> STAT
         S: 226 done
         = 0 Done 226
         S: 211 idle
         = 4 Done 211",
    );
    ready_1973(
        ">> RETR a
         S: 250 go
         = 0 Preliminary 250
         >> STAT
         S: 100 Bytes 5
         = 1 Aside 100
         S: 200 End
         = 1 Done 200
         S: 257 done
         = 0 Done 257",
    );
}

#[test]
fn the_answers_to_stat_do_not_prolong_the_wait_for_a_transfer() {
    ready(
        ">> RETR a
         wait 30
         >> STAT
         S: 211 waiting
         = 1 Done 211
         wait 30
         = ended: the server did not answer in time (reply timer)
         = close",
    );
}

#[test]
fn quit_ends_with_the_reply_with_the_close_or_with_its_timer() {
    ready("quit\nC: QUIT\nS: 221 bye\n= ended: the session was closed\n= close");
    ready_1973("quit\nC: BYE\nclose\n= ended: the session was closed\n= close");
    ready("quit\nC: QUIT\n> NOOP\nS: 221 bye\n= ended: the session was closed\n= close");
    play("quit\n= ended: the session was closed\n= close");
    ready(
        ">> STOR a
         S: 150 go
         = 0 Preliminary 150
         quit
         C: QUIT
         wait 30
         = ended: the server did not answer in time (closing timer)
         = close",
    );
}

#[test]
fn nothing_comes_after_the_end() {
    let mut stage = Stage::new(config());
    stage.play("close\n= ended: the server closed the control connection before its greeting\n= close");
    stage.play("S: 220 ready\n> NOOP\nabort\nquit\nclose\nwait 1000");
    assert_eq!(stage.deadline, None);
}

#[test]
fn h25_a_name_is_one_argument_whatever_it_contains() {
    let mut stage = Stage::new(config());
    stage.play(LOGIN);
    for (id, name) in [" two  blanks ", "\"quoted\"", "-dash", "größe", "a;b|c"].iter().enumerate() {
        let path = PathName::from_user(name.as_bytes()).unwrap();
        stage.session.send(stage.now, Command::Size(path), None);
        stage.drain();
        assert_eq!(stage.said.pop_front(), Some(format!("C: SIZE {name}").trim_end().to_owned()));
        stage.play(&format!("S: 213 5\n= {id} Done 213"));
    }
}

#[test]
fn replies_may_arrive_in_any_pieces() {
    let bytes = b"220-hi\r\n220 ready\r\n331 password\r\n230 in\r\n500 no\r\n";
    for size in 1..bytes.len() {
        let mut session = Session::new(config(), Moment::START);
        for piece in bytes.chunks(size) {
            session.input(Moment::START, Input::Bytes(piece));
        }
        let mut ready = 0;
        while let output @ (Output::Send(_) | Output::Event(_)) = session.poll() {
            ready += u32::from(matches!(output, Output::Event(Event::Ready { .. })));
        }
        assert_eq!(ready, 1, "pieces of {size}");
    }
}

/// No state waits without a timer: whenever a session waits for the server it has a deadline, and a
/// server that stays silent ends it.
#[test]
fn silence_ends_every_wait() {
    let scripts = [
        LOGIN.to_owned(),
        LOGIN_1973.to_owned(),
        format!("{LOGIN}> RETR a\nC: RETR a"),
        format!("{LOGIN}> RETR a\nC: RETR a\nS: 150 go\n= 0 Preliminary 150\nabort\nC: ABOR"),
        format!("{LOGIN}abort\nC: ABOR"),
        format!("{LOGIN}quit\nC: QUIT"),
    ];
    for script in &scripts {
        let lines: Vec<&str> = script.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        for cut in 0..=lines.len() {
            if lines.get(cut).is_some_and(|line| line.starts_with("C: ") || line.starts_with("= ")) {
                continue;
            }
            let mut stage = Stage::new(config());
            stage.play(&lines[..cut].join("\n"));
            let session = &stage.session;
            let waits = !is_idle(session);
            for _ in 0..9 {
                if let Some(deadline) = stage.deadline {
                    stage.now = deadline;
                    stage.session.input(deadline, Input::Timeout);
                    stage.drain();
                }
            }
            assert_eq!(waits, stage.session.control.is_over(), "{:?}", &lines[..cut]);
            assert_eq!(stage.deadline, None);
        }
    }
}

#[test]
fn replies_without_end_end_the_session() {
    let end = "= ended: the replies of the server cannot be matched with commands\n= close";
    let unasked = "S: 226 again\n= unasked 226\n";
    ready(&format!("{}{end}", unasked.repeat(20_001)));
    // A transfer that has begun has no timer.
    let opening = "S: 150 opening\n= 0 Preliminary 150\n";
    ready(&format!(">> RETR a\n{}{end}", opening.repeat(20_001)));
    // Each command may have as many.
    ready(&format!(
        "{}> NOOP\nC: NOOP\nS: 200 ok\n= 0 Done 200\n{}",
        unasked.repeat(20_000),
        unasked.repeat(20_000)
    ));
}
