//! What the driver of a transfer owes, and what it says late.

use super::Harness;
use super::harness::{OWN, both, modern, seconds};
use crate::server::Timer;
use crate::server::ask::{Answer, Event, Input};

/// A transfer over a connection of the user's own host, with a driver that does not say how far it is.
fn moving(h: &mut Harness) {
    h.own_host_connects_for("STOR c");
    h.answers_progress = false;
}

fn owes_an_answer(h: &Harness) -> bool {
    h.events.contains(&Event::TimedOut(Timer::Question))
}

#[test]
fn a_driver_that_never_says_how_far_a_transfer_is_loses_the_session() {
    for command in ["STAT", "NOOP"] {
        for mut h in both() {
            moving(&mut h);
            // Without STAT the stall timer asks.
            h.send(&format!("{command}\r\n"));
            h.pass(seconds(3600));
            assert_eq!((h.closed, owes_an_answer(&h)), (command == "STAT", command == "STAT"));
            h.pass(seconds(300));
            assert!(h.closed && owes_an_answer(&h), "{command}");
        }
    }
}

#[test]
fn an_answer_to_stat_does_not_stand_for_the_end_of_a_transfer_that_is_to_stop() {
    let mut h = modern();
    moving(&mut h);
    h.send("STAT\r\n");
    h.stops = false;
    h.send("ABOR\r\n");
    h.say_progress_late();
    assert!(h.take().iter().any(|line| line.contains("Bytes")));
    h.pass(seconds(3600));
    assert!(h.closed && owes_an_answer(&h));
}

#[test]
fn one_of_two_answers_is_not_the_other() {
    let mut h = modern();
    moving(&mut h);
    h.pass(seconds(300));
    // The stall timer has asked. What STAT asks is answered, that of the timer is not.
    h.send("STAT\r\n");
    h.answer_last_progress();
    assert!(h.take().iter().any(|line| line.contains("Bytes")));
    h.pass(seconds(3600));
    assert!(h.closed && owes_an_answer(&h));
}

#[test]
fn a_transfer_whose_progress_is_told_in_time_goes_on() {
    let mut h = modern();
    moving(&mut h);
    for bytes in 1..20 {
        h.progress = (bytes, 0);
        h.send("STAT\r\n");
        h.pass(seconds(299));
        h.say_progress_late();
        assert_eq!(h.take().len(), 4);
    }
    assert!(!h.closed && !owes_an_answer(&h));
}

#[test]
fn a_connection_that_was_given_up_and_comes_late_is_reset() {
    for is_there in [false, true] {
        for mut h in both() {
            h.say("SOCK 40004");
            h.say("RETR a");
            let late = h.connecting_ticket();
            h.say("ABOR");
            let port = h.port("PASV");
            if is_there {
                h.arrive(port, &format!("{OWN}:40004"));
            }
            h.say("RETR a");
            assert_eq!(h.is_moving(), is_there);
            h.did();
            let conn = h.new_conn();
            h.input(Input::Answer(late, Answer::Connected { conn }));
            assert_eq!(h.did(), [format!("drop {}", conn.0)]);
        }
    }
}
