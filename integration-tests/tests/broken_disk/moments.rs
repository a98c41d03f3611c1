//! A server that refuses everything for a moment, and whose listing has just lacked what it has; directories that it refuses to list.

use super::source::Source;
use integration_tests::broken_disk::{Fault, Part};
use integration_tests::liar::{Liar, Lie};
use integration_tests::or_skip;
use integration_tests::site::{Site, target};
use integration_tests::user::user;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn a_server_that_refuses_everything_for_a_moment_costs_no_mirror_a_name() {
    let source =
        Site::new("source").file("s/a", "a").file("s/d/1", "1").file("s/d/2", "2").directory("s/none");
    let source = source.start();
    let mut wrong = Vec::new();
    for refusal in
        ["550 Requested action not taken", "550 Permission denied", "553 Name not allowed", "451 Local error"]
    {
        for refused in [1, 2, 3, 5, 8, 100] {
            let mirror =
                Site::new("mirror").at("127.0.0.3").file("s/a", "a").file("s/d/1", "1").file("s/d/2", "2");
            let mirror = mirror.file("s/d/gone", "gone").start();
            let count = Arc::new(AtomicUsize::new(0));
            // Listings of `d` are those of an empty directory. From the first question for one of its names on, so many
            // questions are refused.
            let hears = |line: &str| {
                line.ends_with("s/d").then(|| match line.split(' ').next() {
                    Some(verb @ ("MLSD" | "LIST" | "NLST")) => format!("{verb} s/none"),
                    _ => line.to_owned(),
                })
            };
            let says = move |command: &str, _: &str| {
                let starts = command.contains("s/d/") || count.load(Ordering::SeqCst) > 0;
                if starts && count.fetch_add(1, Ordering::SeqCst) < refused {
                    Lie::Says(refusal.to_owned())
                } else {
                    Lie::None
                }
            };
            let liar = Liar::between(source.address(ftp_proto::dialect::Dialect::Rfc959), hears, says);
            let words =
                ["sync", "--delete", "--json", "--retries", "0", "--timeout", "10s", "--compare", "size"];
            let run = user().args(words).args([&liar.url("s"), &mirror.url("s")]).run();
            let names = mirror.names();
            if ["s/d/1", "s/d/2"].iter().any(|&name| !names.contains(&name.to_owned())) {
                wrong.push(format!("{refusal}, {refused} times: {names:?}\n{run}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases\n{}", wrong.len(), wrong.join("\n\n"));
}

/// The directories beside it are listed together, so the refusal comes between their listings.
#[test]
fn a_directory_that_cannot_be_listed_fails_alone_among_many() {
    let source = or_skip!(Source::start(None));
    source.disk.directory("t");
    for number in 0..40 {
        source.disk.directory(&format!("t/{number}"));
        source.disk.file(&format!("t/{number}/f"), "f");
    }
    for broken in [&["3"][..], &["0", "39"], &["7", "8", "9", "20"]] {
        let fault = |name: &&str| Fault::new(&format!("t/{name}"), Part::Opening, "EACCES");
        source.disk.fails(&broken.iter().map(fault).collect::<Vec<_>>());
        let to = target();
        for verb in ["copy", "sync"] {
            let options: &[&str] = if verb == "copy" { &["-r"] } else { &[] };
            let run = user().args([verb, "--retries", "0"]).args(options);
            run.args([source.url("t/"), to.url(verb)]).run().exits(9).says("Permission denied");
            let copied = to.names().into_iter().filter(|name| name.starts_with(verb) && name.ends_with("/f"));
            assert_eq!(copied.count(), 40 - broken.len(), "{verb} {broken:?}");
        }
    }
}
