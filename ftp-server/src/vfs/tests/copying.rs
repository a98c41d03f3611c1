//! Copies of files within the server.

use super::*;
use crate::vfs::copying::{Copying, Progress};
use ftp_io::copy::Meter;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

fn begin(site: &Site, from: &str, to: &str) -> Result<Copying, FileFailure> {
    site.view().copying(&name(from), &name(to), Durability::Cached)
}

fn copy(site: &Site, from: &str, to: &str) -> Result<u64, FileFailure> {
    let (mut copying, meter) = (begin(site, from, to)?, Meter::default());
    while copying.step(&meter)? == Progress::More {}
    copying.finish()
}

#[test]
fn a_copy_has_the_bytes_of_its_file_and_stays_beneath_the_root() {
    for site in Site::both() {
        site.file("a", "content");
        site.dir("d");
        site.link("d/out", "../../secret");
        site.link("d/in", "../a");
        assert_eq!(copy(&site, "/a", "/d/b"), Ok(7));
        assert_eq!(copy(&site, "/d/in", "/c"), Ok(7));
        assert_eq!((site.read("d/b"), site.read("c")), (Some("content".into()), Some("content".into())));
        for (from, to) in [("/d/out", "/x"), ("/../secret", "/x"), ("/d", "/x"), ("/nothing", "/x")] {
            assert!(copy(&site, from, to).is_err(), "{from}");
        }
        assert_eq!(copy(&site, "/d", "/x"), Err(FileFailure::IsDirectory));
        assert_eq!(copy(&site, "/a", "/d"), Err(FileFailure::IsDirectory));
        assert!(copy(&site, "/a", "/nothing/x").is_err());
        assert!(copy(&site, "/a", "/d/out").is_err(), "what a link leads to is not overwritten");
        assert_eq!(site.names("."), ["a", "c", "d"]);
    }
}

#[test]
fn an_old_file_is_replaced_in_one_step_and_a_file_is_no_copy_of_itself() {
    let site = Site::new();
    site.file("a", "new content");
    site.file("b", "old");
    let before = fs::metadata(site.path("b")).unwrap().ino();
    let copying = begin(&site, "/a", "/b").unwrap();
    assert_eq!(site.read("b").as_deref(), Some("old"), "nothing has the name before the copy is whole");
    drop(copying);
    assert_eq!((site.read("b").as_deref(), site.names(".")), (Some("old"), vec!["a".into(), "b".into()]));
    assert_eq!(copy(&site, "/a", "/b"), Ok(11));
    assert_eq!(site.read("b").as_deref(), Some("new content"));
    assert_ne!(fs::metadata(site.path("b")).unwrap().ino(), before);
    assert_eq!(copy(&site, "/a", "/a"), Err(FileFailure::SameFile));
    fs::hard_link(site.path("a"), site.path("c")).unwrap();
    assert_eq!(copy(&site, "/a", "/c"), Err(FileFailure::SameFile));
    assert_eq!(site.read("a").as_deref(), Some("new content"));
}

#[test]
fn a_copy_that_is_stopped_or_whose_file_changes_leaves_nothing() {
    let site = Site::new();
    site.file("a", "content");
    let mut copying = begin(&site, "/a", "/b").unwrap();
    let meter = Meter::default();
    meter.stop();
    let stopped = copying.step(&meter);
    // A clone was made at once.
    assert!(matches!(stopped, Err(FileFailure::Stopped) | Ok(Progress::Whole)), "{stopped:?}");
    drop(copying);
    assert_eq!(site.names("."), ["a"]);
    let mut copying = begin(&site, "/a", "/b").unwrap();
    assert_eq!(copying.step(&Meter::default()), Ok(Progress::Whole));
    site.file("a", "changed content");
    assert_eq!(copying.finish(), Err(FileFailure::Changed));
    assert_eq!(site.names("."), ["a"]);
}

#[test]
fn a_sparse_file_of_several_turns_stays_sparse() {
    let site = Site::new();
    let file = File::create(site.path("a")).unwrap();
    let size = 200 << 20;
    file.set_len(size).unwrap();
    file.write_all_at(b"in the middle", 100 << 20).unwrap();
    let mut copying = begin(&site, "/a", "/b").unwrap();
    let (mut turns, meter) = (1, Meter::default());
    while copying.step(&meter).unwrap() == Progress::More {
        turns += 1;
    }
    assert!(turns >= 1 && copying.finish() == Ok(size));
    let (one, two) = (fs::metadata(site.path("a")).unwrap(), fs::metadata(site.path("b")).unwrap());
    assert_eq!(
        (two.len(), fs::read(site.path("b")).unwrap() == fs::read(site.path("a")).unwrap()),
        (size, true)
    );
    // A file system may round up.
    assert!(two.blocks() <= one.blocks() + 256, "{} {}", one.blocks(), two.blocks());
}
