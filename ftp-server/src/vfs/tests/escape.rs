//! Nobody leaves the root.

use super::*;
use ftp_proto::listing::Kind;
use ftp_proto::server::ask::ListStyle;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ways out, as names in the root.
fn holes(site: &Site) {
    site.dir("dir/sub");
    site.file("inside", "inside");
    site.link("up", "..");
    site.link("dir/up", "../..");
    site.link("parent-secret", "../secret");
    site.link("dir/deep-secret", "../../secret");
    site.link("absolute", "/etc");
    site.link("absolute-file", "/etc/passwd");
    site.link("twice", "up");
    site.link("loop", "loop");
    site.link("magic", "/proc/self/root");
    site.link("dir/roundabout", "sub/../../../secret");
}

const WAYS_OUT: &[&str] = &[
    "/../secret",
    "/dir/../../secret",
    "/up/secret",
    "/dir/up/secret",
    "/parent-secret",
    "/dir/deep-secret",
    "/absolute/passwd",
    "/absolute-file",
    "/twice/secret",
    "/loop",
    "/magic/etc/passwd",
    "/dir/roundabout",
];

#[test]
fn no_name_leads_out_for_reading() {
    for site in Site::both() {
        holes(&site);
        for way in WAYS_OUT {
            assert_eq!(site.fetch(way).err(), Some(FileFailure::BadName), "RETR {way}");
            let facts = site.view().answer(&FileAsk::Facts(name(way)));
            assert_eq!(facts, Err(FileFailure::BadName), "MLST {way}");
            assert!(site.view().subject(&name(way)).is_err(), "HASH {way}");
        }
        for way in ["/up", "/twice", "/dir/up", "/absolute", "/magic"] {
            assert_eq!(
                site.view().answer(&FileAsk::Enter(name(way))),
                Err(FileFailure::BadName),
                "CWD {way}"
            );
            assert!(site.prepare(way, Intent::List(ListStyle::Long)).is_err(), "LIST {way}");
        }
    }
}

#[test]
fn no_name_leads_out_for_writing() {
    for site in Site::both() {
        holes(&site);
        for way in WAYS_OUT {
            for intent in [Intent::Replace, Intent::Append, write_at(1)] {
                let stored = site.store(way, intent, Partial::Publish, "overwritten", Completeness::Whole);
                assert_eq!(stored, Err(FileFailure::BadName), "STOR {way}");
            }
        }
        for way in ["/up/new", "/../new", "/dir/up/new", "/twice/new", "/dir/roundabout/../new"] {
            let check =
                |ask: FileAsk| assert_eq!(site.view().answer(&ask), Err(FileFailure::BadName), "{ask:?}");
            check(FileAsk::MakeDirectory(name(way)));
            check(FileAsk::Remove(name(way)));
            check(FileAsk::RemoveDirectory(name(way)));
            check(FileAsk::RenameFrom(name(way)));
            check(rename("/inside", way));
            check(rename(way, "/inside"));
        }
        assert_eq!(fs::read_to_string(site.top.path().join("secret")).unwrap(), "secret");
        assert_eq!(fs::read_dir(site.top.path()).unwrap().count(), 2, "nothing new beside the root");
    }
}

#[test]
fn links_that_stay_inside_work() {
    for site in Site::both() {
        site.dir("dir/sub");
        site.file("dir/file", "content");
        site.link("short", "dir/sub/../file");
        site.link("dir/sub/back", "../../dir");
        assert_eq!(site.fetch("/short").unwrap(), "content");
        assert_eq!(site.fetch("/dir/sub/back/file").unwrap(), "content");
        assert_eq!(site.view().answer(&FileAsk::Enter(name("/dir/sub/back/sub"))), DONE);
    }
}

#[test]
fn a_link_is_listed_as_a_link_and_tells_nothing_about_the_host() {
    for site in Site::both() {
        holes(&site);
        let entries = entries(&site.view(), "/");
        let kind = |wanted: &str| entries.iter().find(|entry| entry.name.display() == wanted).unwrap().kind;
        assert_eq!(kind("inside"), Kind::File);
        assert_eq!(kind("dir"), Kind::Directory);
        for hole in ["up", "parent-secret", "absolute", "absolute-file", "loop", "magic"] {
            assert_eq!(kind(hole), Kind::Link, "{hole}");
        }
        let target = |wanted: &str| {
            let found = entries.iter().find(|entry| entry.name.display() == wanted).unwrap();
            found.target.clone().map(|target| String::from_utf8(target).unwrap())
        };
        assert_eq!(target("parent-secret").as_deref(), Some("../secret"));
        assert_eq!(target("absolute-file"), None);
        assert_eq!(target("inside"), None);
    }
}

/// A directory is exchanged for a link that leads out, again and again, while its file is opened.
#[test]
fn a_link_that_is_exchanged_meanwhile_leads_nowhere() {
    for site in Site::both() {
        site.dir("door");
        site.file("door/secret", "harmless");
        site.link("hole", "..");
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (door, hole) = (site.path("door"), site.path("hole"));
                while !done.load(Ordering::Relaxed) {
                    rustix::fs::renameat_with(
                        rustix::fs::CWD,
                        &door,
                        rustix::fs::CWD,
                        &hole,
                        rustix::fs::RenameFlags::EXCHANGE,
                    )
                    .unwrap();
                }
            });
            let (mut opened, mut refused) = (0, 0);
            for _ in 0..20_000 {
                match site.fetch("/door/secret") {
                    Ok(text) => {
                        assert_eq!(text, "harmless");
                        opened += 1;
                    }
                    Err(_) => refused += 1,
                }
            }
            done.store(true, Ordering::Relaxed);
            assert_eq!(opened + refused, 20_000);
        });
    }
}

#[test]
fn nothing_is_removed_through_a_link_that_a_stranger_has_put_there() {
    if !may_give_away() {
        return;
    }
    for site in Site::both() {
        site.dir("priv/sub");
        site.dir("tree");
        site.file("priv/sub/f", "victim");
        site.link("tree/sub", "../priv/sub");
        let view = site.view();
        let stranger = |uid| std::os::unix::fs::lchown(site.path("tree/sub"), Some(uid), None).unwrap();
        stranger(4242);
        let (path, other) = (name("/tree/sub/f"), name("/tree/sub/g"));
        for ask in [
            FileAsk::Remove(path.clone()),
            FileAsk::RenameFrom(path.clone()),
            FileAsk::Rename { from: path.clone(), is: None, to: name("/f") },
            FileAsk::Rename { from: name("/priv/sub/f"), is: None, to: other.clone() },
            FileAsk::MakeDirectory(other),
        ] {
            assert_eq!(view.answer(&ask), Err(FileFailure::Denied), "{ask:?}");
        }
        assert_eq!(site.read("priv/sub/f").as_deref(), Some("victim"));
        assert_eq!(site.fetch("/tree/sub/f").as_deref(), Ok("victim"), "it is read as before");
        // Its own name is the link, whoever made it.
        stranger(0);
        assert_eq!(view.answer(&FileAsk::Remove(path)), Ok(FileAnswer::Done));
        stranger(4242);
        assert_eq!(view.answer(&FileAsk::Remove(name("/tree/sub"))), Ok(FileAnswer::Done));
    }
}
