//! What people are told: why a job waits, when it begins, and what to type in place of a mistake.

use super::{LARGE, SLOW, id_of, scene};
use ftp_proto::relay::token::Token;
use integration_tests::binary::Program;
use integration_tests::site::sample;
use integration_tests::socket::until;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

#[test]
fn a_job_whose_destination_another_one_has_waits_for_its_end() {
    let scene = scene();
    let _daemon = scene.daemon(&[]);
    let sync = |args: &[&str], dest: &str| {
        let places = [scene.source_url("t"), scene.destination_url(dest)];
        scene.user().args(["sync"]).args(SLOW).args(args).args(places)
    };
    let waits = |id: &str, other: &str, dest: &str| {
        scene.until_state(id, "waiting");
        let cause =
            format!("job {other} stores at {}, too; this one goes on when", scene.destination_url(dest));
        let job = scene.job(id);
        assert!(job["queue"]["cause"].as_str().unwrap().starts_with(&cause), "{job}");
        assert_eq!(job["queue"]["tries"], 0);
        scene.verb("why", id).exits(0).says(&cause);
    };
    // A terminal has claimed the directory, and a file of it.
    let terminal = sync(&[], "d").start();
    scene.until_a_part_has_arrived_in("d");
    let other = scene.user().args(["jobs"]).run().events("job").pop().unwrap();
    let other = other["id"].as_str().unwrap();
    let of_directory = id_of(&sync(&["--queue"], "d").run().exits(0));
    let of_file = scene.submit(&[], "t/large", "d/large");
    waits(&of_directory, other, "d");
    waits(&of_file, other, "d/large");
    sync(&[], "d").run().exits(8);
    terminal.end().exits(0);
    // The end of one job of the queue lets the other one begin.
    scene.verb("retry", &of_directory).exits(0);
    for id in [&of_directory, &of_file] {
        scene.until_state(id, "done");
    }
    // One of the queue is not begun as long as another one of the queue has its destination.
    let first = id_of(&sync(&["--queue"], "e").run().exits(0));
    scene.until_a_part_has_arrived_in("e");
    let second = id_of(&sync(&["--queue"], "e/below").run().exits(0));
    waits(&second, &first, "e/below");
    assert_eq!(scene.job(&second)["queue"]["started"], Value::Null);
    scene.until_state(&first, "done");
    scene.until_state(&second, "done");
    assert_eq!(scene.to.bytes("e/below/large"), sample(LARGE));
}

#[test]
fn a_person_is_told_when_a_job_begins_and_what_to_type_in_place_of_a_mistake() {
    let scene = scene();
    let places = [scene.source_url("t/a"), scene.destination_url("later")];
    let queue =
        |args: &[&str]| scene.person().args(["copy", "--queue"]).args(args).args(&places).run().exits(0);
    let run = queue(&["--at", "2099-11-28T02:30:00Z"]).says("begins 2099-11-28 02:30 UTC");
    assert_eq!(run.stdout.len(), 1, "{run}");
    queue(&["-q", "--at", "+1h"]).never_says("begins");
    queue(&[]).never_says("begins");
    let series = queue(&["--every", "daily@02:30"]).says("02:30 UTC").stdout[0].clone();
    for (every, words) in [("15", "every 15 seconds"), ("120m", "every 2 hours"), ("1d", "every day")] {
        queue(&["--every", every]).says(&format!(", then {words}"));
    }
    for (verb, meant) in [
        ("pause", "series pause"),
        ("resume", "series resume"),
        ("cancel", "series remove"),
        ("retry", "series show"),
        ("why", "series show"),
    ] {
        let run = scene.person().args([verb, &series]).run().exits(3);
        run.says("is a series, and no job").says(&format!("{meant} {series}"));
    }
    scene
        .person()
        .args(["series", "stop", &series])
        .run()
        .exits(2)
        .says("series pause")
        .says("series remove");
    // A source of this host that is not there now may be there later.
    let missing = |args: &[&str]| {
        let words = ["copy", "--queue"].iter().chain(args);
        scene.person().args(words).args(["/nowhere/file", &places[1]]).run()
    };
    missing(&[]).exits(3).says("/nowhere/file does not exist; check the path");
    missing(&["--at", "+1h"]).exits(0);
    let _daemon = scene.daemon(&[]);
    let id = scene.submit(&[], "t/z", "z");
    scene.until_state(&id, "done");
    scene.verb("retry", &id).exits(2).says(&format!("job {id} is done: there is nothing to retry"));
    scene.verb("pause", &id).exits(2).never_says("retry");
}

#[test]
fn a_job_waits_while_the_settings_lack_its_relay() {
    let scene = scene();
    let token = scene.place.path().join("token");
    let line = Token::new("ann", None, [7; 32]).unwrap().line();
    fs::write(&token, line.as_str()).unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let relay = format!(
        "[[relays]]\nname = \"edge\"\naddress = \"127.0.0.9:1\"\ntoken-file = \"{}\"\n",
        token.display()
    );
    fs::write(scene.settings_file(), &relay).unwrap();
    let id = scene.submit(&["--path", "relay", "--retries", "0"], "t/a", "a");
    fs::write(scene.settings_file(), "").unwrap();
    scene.verb("why", &id).exits(0).says("no relay is known");
    let _daemon = scene.daemon(&[]);
    scene.until_state(&id, "waiting");
    let job = scene.job(&id);
    assert!(job["queue"]["cause"].as_str().unwrap().contains("lack a relay that the job can use"), "{job}");
    assert_eq!((&job["queue"]["tries"], &job["queue"]["exit"]), (&0.into(), &Value::Null));
    // The settings are right again: it goes on, and meets the relay.
    fs::write(scene.settings_file(), &relay).unwrap();
    scene.verb("retry", &id).exits(0);
    until("it was tried", || scene.job(&id)["queue"]["cause"].to_string().contains("127.0.0.9"));
}

#[test]
fn jobs_of_the_queue_are_steered_beside_settings_with_mistakes() {
    let scene = scene();
    let id = scene.submit(&[], "t/a", "a");
    let series = scene.copy(&["--every", "1d"], "t/a", "b").exits(0).events("series").pop().unwrap();
    let series = series["id"].as_str().unwrap();
    let person = |words: &[&str]| scene.person().args(words).run();
    fs::write(scene.settings_file(), "[deamon]\n").unwrap();
    let why = person(&["why", &id]).exits(0);
    assert_eq!(why.to_string().matches("deamon").count(), 1, "{why}");
    for verb in ["pause", "resume", "retry"] {
        let run = person(&[verb, &id]);
        if verb == "retry" {
            run.exits(2).says("has not ended")
        } else {
            run.exits(0).says("carries no job")
        };
    }
    person(&["series", "pause", series]).exits(0).says("paused").says("deamon");
    person(&["cancel", &id]).exits(0).says("cancelled");
    person(&["copy", "--queue", "./a", "./b"]).exits(2).says("deamon");
    fs::write(scene.settings_file(), "[daemon]\nstore = 5\n").unwrap();
    person(&["pause", &id]).exits(2).says("--store URL names the store of the jobs");
}

#[test]
fn what_a_paused_run_has_left_is_no_failure() {
    let scene = scene();
    let _daemon = scene.daemon(&[]);
    let id = scene.submit(&SLOW, "t/large", "large");
    scene.until_a_part_has_arrived();
    scene.verb("pause", &id).exits(0);
    scene.until_state(&id, "paused");
    let why = scene.person().args(["why", &id]).run().exits(0).says(&format!("{id} paused"));
    why.says("0 failed, 1 interrupted").never_says("failed: ");
}

#[test]
fn jobs_are_followed_until_their_reader_goes() {
    let scene = scene();
    let _daemon = scene.daemon(&[]);
    let mut program = Command::new(Program::User.path());
    program.args(["--state", scene.state.to_str().unwrap(), "jobs", "--follow"]);
    let mut running = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = running.stdout.take().unwrap();
    // It follows once it has told of a job: one that was submitted before is none of its own.
    let reader = std::thread::spawn(move || stdout.read(&mut [0; 1]).unwrap());
    until("it follows", || {
        scene.submit(&[], "t/a", "a");
        reader.is_finished()
    });
    assert_eq!(reader.join().unwrap(), 1);
    until("it ends", || {
        scene.submit(&[], "t/a", "a");
        running.try_wait().unwrap().is_some()
    });
    let ended = running.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr), (Some(0), Vec::new()));
}
