//! The source loses its disk, or its process and its disk, between two listings.

use super::deletions::shown;
use super::source::{SERVERS, Source};
use integration_tests::beside::each_of;
use integration_tests::foreign::{End, Group, Kind};
use integration_tests::or_skip;
use integration_tests::site::{Site, names_below};
use integration_tests::socket::until;
use integration_tests::user::user;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;

#[test]
fn any_server_that_comes_back_with_another_disk_costs_no_mirror_a_name() {
    each_of(&SERVERS, |kind| loses_its_disk(*kind));
}

/// What the disk is after it was lost: nothing, its directories, another disk with one file, or an older copy.
const DISKS: [(&str, &[&str]); 4] = [
    ("nothing", &[]),
    ("its directories", &["s/", "s/a/", "s/m/", "s/z/"]),
    ("another disk", &["s/lost+found/", "s/foreign"]),
    ("an older copy", &["s/a/0", "s/a/1", "s/z/0"]),
];

fn loses_its_disk(kind: Option<Kind>) {
    let mut source = or_skip!(Source::start(kind));
    let mirror = Site::new("mirror").at("127.0.0.3").start();
    let mut wrong = Vec::new();
    for (disk, files) in DISKS {
        for killed in [false, true] {
            let all: Vec<String> =
                ["a", "m", "z"].iter().flat_map(|top| (0..30).map(move |n| format!("{top}/{n}"))).collect();
            source.disk.clear();
            drop(fs::remove_dir_all(mirror.path("s")));
            for file in &all {
                source.disk.file(&format!("s/{file}"), file);
                fs::create_dir_all(mirror.path("s").join(file).parent().unwrap()).unwrap();
                fs::write(mirror.path("s").join(file), file).unwrap();
            }
            let kill = killer(&source, killed);
            source.disk.becomes_when_opened("s/m", files, kill);
            let words =
                ["sync", "--delete", "--json", "--retries", "3", "--timeout", "10s", "--compare", "size"];
            let run = user().args(words).args([source.url("s"), mirror.url("s")]).start();
            if killed {
                until("the disk is lost", || source.disk.has_become());
                if let End::Ours(server) = &mut source.server {
                    server.running.wait();
                    server.start_again();
                }
            }
            let run = run.end();
            let kept = names_below(&mirror.path("s"));
            let lost = all.iter().filter(|&file| !kept.contains(file)).count();
            if lost > 0 || run.code() == Some(0) || !source.disk.has_become() {
                let shown = shown(&run);
                wrong.push(format!(
                    "{disk}, killed: {killed}: {lost} of {} lost, exit {:?}, was lost: {}\n{shown}",
                    all.len(),
                    run.code(),
                    source.disk.has_become()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}: {}", source.name(), wrong.join("\n\n"));
}

/// What kills the sessions of the server (of ours: all of it), if it is to be killed.
fn killer(source: &Source, killed: bool) -> Box<dyn FnOnce() + Send> {
    match &source.server {
        _ if !killed => Box::new(|| {}),
        End::Ours(server) => {
            let id = server.running.id();
            Box::new(move || {
                let id = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
                kill_process(id, Signal::KILL).unwrap();
            })
        }
        End::Theirs(server) => {
            let group = server.group();
            Box::new(move || Group::kill_sessions_of(group))
        }
    }
}
