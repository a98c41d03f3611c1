//! Names under way, and writing in place.

use super::*;
use rustix::io::Errno;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

#[test]
fn e05_stor_replaces_and_appe_appends_or_creates() {
    let site = Site::new();
    site.store_whole("/file", Intent::Replace, "first");
    site.store_whole("/file", Intent::Replace, "2nd");
    assert_eq!(site.read("file").as_deref(), Some("2nd"));
    site.store_whole("/file", Intent::Append, "+3rd");
    site.store_whole("/new", Intent::Append, "new");
    assert_eq!(site.read("file").as_deref(), Some("2nd+3rd"));
    assert_eq!(site.read("new").as_deref(), Some("new"));
    assert_eq!(site.names(""), ["file", "new"]);
}

#[test]
fn e06_a_broken_stor_leaves_the_old_file_and_a_broken_appe_what_it_wrote() {
    let site = Site::new();
    site.file("file", "old");
    for partial in [Partial::Publish, Partial::Discard, Partial::Keep] {
        site.store("/file", Intent::Replace, partial, "half", Completeness::Broken).unwrap();
        assert_eq!(site.read("file").as_deref(), Some("old"), "{partial:?}");
    }
    site.store("/file", Intent::Append, Partial::Discard, "+half", Completeness::Broken).unwrap();
    assert_eq!(site.read("file").as_deref(), Some("old+half"));
    assert_eq!(site.names(""), ["file"]);
}

#[test]
fn a_broken_stor_to_a_new_name_is_published_unless_discarded() {
    let site = Site::new();
    site.store("/published", Intent::Replace, Partial::Publish, "half", Completeness::Broken).unwrap();
    site.store("/discarded", Intent::Replace, Partial::Discard, "half", Completeness::Broken).unwrap();
    site.store("/kept", Intent::Replace, Partial::Keep, "half", Completeness::Broken).unwrap();
    assert_eq!(site.names(""), ["kept", "published"]);
    assert_eq!(site.read("published").as_deref(), Some("half"));
}

#[test]
fn what_the_disk_could_not_hold_is_deleted_and_what_was_there_stays() {
    let site = Site::new();
    site.file("old", "old");
    for partial in [Partial::Publish, Partial::Discard] {
        for path in ["/old", "/new"] {
            site.store(path, Intent::Replace, partial, "half", Completeness::Failed).unwrap();
        }
    }
    assert_eq!(site.names(""), ["old"]);
    assert_eq!(site.read("old").as_deref(), Some("old"));
}

#[test]
fn a_broken_stor_never_replaces_what_has_appeared_meanwhile() {
    let site = Site::new();
    let (upload, file) = site.begin("/file", Intent::Replace, Partial::Publish).unwrap();
    site.file("file", "somebody else's");
    upload.finish(file, Completeness::Broken).result.unwrap();
    assert_eq!(site.read("file").as_deref(), Some("somebody else's"));
    assert_eq!(site.names(""), ["file"]);
}

#[test]
fn nothing_is_touched_before_the_transfer_begins() {
    let site = Site::new();
    site.file("file", "old");
    for intent in [Intent::Replace, Intent::Append] {
        site.prepare("/file", intent.clone()).unwrap();
        site.prepare("/new", intent).unwrap();
    }
    assert_eq!(site.names(""), ["file"]);
}

#[test]
fn keep_writes_under_the_new_name_from_the_start() {
    let site = Site::new();
    let (upload, file) = site.begin("/file", Intent::Replace, Partial::Keep).unwrap();
    assert_eq!(site.names(""), ["file"]);
    upload.finish(file, Completeness::Whole).result.unwrap();
    site.store("/file", Intent::Replace, Partial::Keep, "whole", Completeness::Whole).unwrap();
    assert_eq!(site.read("file").as_deref(), Some("whole"));
}

#[test]
fn a_transfer_that_is_dropped_leaves_no_name() {
    let site = Site::new();
    drop(site.begin("/file", Intent::Replace, Partial::Publish).unwrap());
    assert_eq!(site.names(""), [""; 0]);
}

#[test]
fn the_last_of_two_stors_wins() {
    let site = Site::new();
    let (first, mut one) = site.begin("/file", Intent::Replace, Partial::Publish).unwrap();
    let (second, mut two) = site.begin("/file", Intent::Replace, Partial::Publish).unwrap();
    io::Write::write_all(&mut one, b"one").unwrap();
    io::Write::write_all(&mut two, b"two").unwrap();
    second.finish(two, Completeness::Whole).result.unwrap();
    assert_eq!(site.read("file").as_deref(), Some("two"));
    first.finish(one, Completeness::Whole).result.unwrap();
    assert_eq!(site.read("file").as_deref(), Some("one"));
}

#[test]
fn names_under_way_are_hidden_and_refused() {
    let site = Site::new();
    site.file(PARTIAL, "");
    site.file(".ftp-short.part", "");
    assert_eq!(listed(&site.view(), "/"), [".ftp-short.part"]);
    let path = format!("/{PARTIAL}");
    assert_eq!(site.fetch(&path).err(), Some(FileFailure::BadName));
    for ask in [
        FileAsk::Facts(name(&path)),
        FileAsk::Remove(name(&path)),
        FileAsk::MakeDirectory(name(&path)),
        rename("/.ftp-short.part", &path),
    ] {
        assert_eq!(site.view().answer(&ask), Err(FileFailure::BadName), "{ask:?}");
    }
    site.link("link", PARTIAL);
    assert_eq!(site.prepare("/link", Intent::Replace).err(), Some(FileFailure::BadName));
}

#[test]
fn what_a_killed_server_left_goes_at_the_next_start_and_what_lives_stays() {
    let site = Site::new();
    let list = site.top.path().join("under-way");
    site.dir("dir");
    let roots = Roots::default();
    let tree = Arc::new(roots.tree(roots.open(&site.path("")).unwrap()));
    roots.list_partial_names_in(&list, Durability::Synced).unwrap();
    let begin = |tree: &Arc<Tree>, path: &str| {
        let view = View::new(tree, &Access::everywhere(Rights::ALL));
        let Ok((PreparedTransfer::Receive(target), _)) = view.prepare(&name(path), &Intent::Replace) else {
            panic!("not prepared for receiving");
        };
        target.begin(Partial::Publish).unwrap()
    };
    let (killed, file) = begin(&tree, "/dir/killed");
    let (done, whole) = begin(&tree, "/dir/done");
    done.finish(whole, Completeness::Whole).result.unwrap();
    std::mem::forget(killed);
    drop(file);
    // Somebody else's name, and one of a server that has another state directory and still writes.
    site.file(PARTIAL, "of another server");
    let (living, still) = site.begin("/living", Intent::Replace, Partial::Publish).unwrap();
    assert_eq!(site.names("dir").len(), 2);
    let again = Roots::default();
    let _tree = again.tree(again.open(&site.path("")).unwrap());
    again.list_partial_names_in(&list, Durability::Synced).unwrap();
    assert_eq!(site.names("dir"), ["done"]);
    assert_eq!(site.names("").len(), 3, "what is not listed stays, and what is written");
    again.remove_old_names();
    assert_eq!(site.names("").len(), 3, "nothing is old");
    for name in site.names("").iter().filter(|name| name.starts_with(".ftp-")) {
        make_old(&site.path(name));
    }
    again.remove_old_names();
    assert!(!site.path(PARTIAL).exists());
    living.finish(still, Completeness::Whole).result.unwrap();
    assert_eq!(site.names(""), ["dir", "living"]);
}

#[test]
fn a_list_that_somebody_has_changed_removes_nothing_outside_of_the_roots() {
    let site = Site::new();
    let list = site.top.path().join("under-way");
    let outside = site.top.path().join(PARTIAL);
    fs::write(&outside, "").unwrap();
    site.file("file", "");
    site.link("out", "..");
    let (top, root) = (site.top.path().display(), site.path("").display().to_string());
    let root = root.trim_end_matches('/');
    fs::write(&list, format!("+ {PARTIAL} {top}\n+ {PARTIAL} {root}/out\n+ file {root}\n")).unwrap();
    let roots = Roots::default();
    roots.open(&site.path("")).unwrap();
    roots.list_partial_names_in(&list, Durability::Synced).unwrap();
    assert!(outside.exists() && site.path("file").exists());
}

#[test]
fn rest_and_stor_write_in_place_and_truncate_nothing() {
    let site = Site::new();
    site.file("file", "0123456789");
    site.store_whole("/file", write_at(4), "abc");
    assert_eq!(site.read("file").as_deref(), Some("0123abc789"));
    site.store_whole("/file", write_at(0), "new");
    assert_eq!(site.read("file").as_deref(), Some("new"), "REST 0 is STOR");
}

#[test]
fn a_second_writer_in_place_is_told_that_the_file_is_in_use() {
    let site = Site::new();
    site.file("file", "old");
    let (first, file) = site.begin("/file", Intent::Append, Partial::Publish).unwrap();
    let second = |intent| site.begin("/file", intent, Partial::Publish).err();
    assert_eq!(second(Intent::Append), Some(FileFailure::Busy));
    assert_eq!(second(write_at(1)), Some(FileFailure::Busy));
    assert_eq!(site.fetch("/file").unwrap(), "old", "RETR may read");
    first.finish(file, Completeness::Whole).result.unwrap();
    assert_eq!(second(Intent::Append), None);
}

/// The bytes from `first` to `last` of the part of a user agent.
fn range(first: u64, last: u64) -> Intent {
    Intent::WriteRange { range: ByteRange::through(first, last).unwrap() }
}

const PART: &str = "/.1.ftp-user.part";

#[test]
fn a_link_with_the_name_of_a_part_leads_to_no_file_of_which_ranges_are_written() {
    let site = Site::new();
    site.file("other", "old");
    site.link(".1.ftp-user.part", "other");
    site.link(".2.ftp-user.part", "new");
    for path in [PART, "/.2.ftp-user.part"] {
        assert_eq!(site.begin(path, range(8, 11), Partial::Keep).err(), Some(FileFailure::BadName));
    }
    assert_eq!((site.read("other").as_deref(), site.read("new")), (Some("old"), None));
}

#[test]
fn several_sessions_write_ranges_of_one_part_and_it_is_in_use_until_the_last_has_ended() {
    let site = Site::new();
    let begin = |first, last| site.begin(PART, range(first, last), Partial::Keep);
    let (late, mut late_file) = begin(8, 11).unwrap();
    let (early, mut early_file) = begin(0, 3).unwrap();
    io::Write::write_all(&mut late_file, b"89ab").unwrap();
    io::Write::write_all(&mut early_file, b"0123").unwrap();
    let other = |intent| site.begin(PART, intent, Partial::Keep).err();
    let in_use = || {
        assert_eq!(other(Intent::Append), Some(FileFailure::Busy));
        assert_eq!(other(write_at(1)), Some(FileFailure::Busy));
        let hashed = site.view().subject(&name(PART)).err();
        assert_eq!(hashed, Some(FileFailure::Busy), "nobody hashes what is being written");
        let stranger = site.view().of_account(b"stranger").prepare(&name(PART), &range(4, 7)).unwrap().0;
        let PreparedTransfer::Receive(target) = stranger else { panic!("not prepared for receiving") };
        assert_eq!(target.begin(Partial::Keep).err(), Some(FileFailure::Busy), "it is another account");
    };
    in_use();
    late.finish(late_file, Completeness::Whole).result.unwrap();
    in_use();
    early.finish(early_file, Completeness::Broken).result.unwrap();
    assert_eq!(site.read(&PART[1..]).as_deref(), Some("0123\0\0\0\x0089ab"), "it has a hole");
    assert_eq!(other(write_at(12)), None);
    // Nothing is cut off by a range that ends before the file does.
    let (first, mut file) = begin(0, 1).unwrap();
    io::Write::write_all(&mut file, b"xy").unwrap();
    first.finish(file, Completeness::Whole).result.unwrap();
    assert_eq!(site.read(&PART[1..]).as_deref(), Some("xy23\0\0\0\x0089ab"));
}

#[test]
fn the_writers_of_ranges_of_one_part_are_bounded() {
    let site = Site::new();
    let begin = || site.begin(PART, range(5, 9), Partial::Keep);
    let mut writers: Vec<_> = (0..16).map(|_| begin().unwrap()).collect();
    assert_eq!(begin().err(), Some(FileFailure::RangeWriters));
    drop(writers.pop());
    assert!(begin().is_ok());
    assert!(site.begin("/.2.ftp-user.part", range(5, 9), Partial::Keep).is_ok(), "another file");
}

#[test]
fn a_file_that_was_renamed_over_while_it_was_written_in_place_is_not_done() {
    let site = Site::new();
    site.file("file", "old");
    let (append, file) = site.begin("/file", Intent::Append, Partial::Publish).unwrap();
    site.store_whole("/file", Intent::Replace, "new");
    assert_eq!(append.finish(file, Completeness::Whole).result, Err(FileFailure::Changed));
    assert_eq!(site.read("file").as_deref(), Some("new"));
}

#[test]
fn the_new_file_has_the_mode_of_the_old_one_without_set_id_bits() {
    let site = Site::new();
    site.file("file", "old");
    fs::set_permissions(site.path("file"), fs::Permissions::from_mode(0o4751)).unwrap();
    site.store_whole("/file", Intent::Replace, "new");
    assert_eq!(fs::metadata(site.path("file")).unwrap().mode() & 0o7777, 0o751);
}

#[test]
fn a_file_with_hard_links_is_written_in_place() {
    let site = Site::new();
    site.file("file", "a longer old text");
    fs::hard_link(site.path("file"), site.path("other")).unwrap();
    site.store_whole("/file", Intent::Replace, "new");
    assert_eq!(site.read("other").as_deref(), Some("new"));
    assert_eq!(fs::metadata(site.path("file")).unwrap().nlink(), 2);
}

#[test]
fn a_link_at_the_end_is_stored_through_beside_the_real_file() {
    for site in Site::both() {
        site.dir("real");
        site.link("link", "real/file");
        let (upload, file) = site.begin("/link", Intent::Replace, Partial::Publish).unwrap();
        assert_eq!(site.names("real").len(), 1, "the file under way lies beside the real one");
        upload.finish(file, Completeness::Whole).result.unwrap();
        site.store_whole("/link", Intent::Replace, "again");
        assert_eq!(site.read("real/file").as_deref(), Some("again"));
        assert!(fs::symlink_metadata(site.path("link")).unwrap().is_symlink());
        assert_eq!(site.names("real"), ["file"]);
    }
}

#[test]
fn e15_a_full_disk_is_told_as_such() {
    assert_eq!(io_failure(&io::Error::from(Errno::NOSPC)), FileFailure::NoSpace);
    assert_eq!(io_failure(&io::Error::from(Errno::DQUOT)), FileFailure::DiskQuota);
}

/// A pipe cannot be synced: its error stands for that of a disk.
fn unsyncable() -> File {
    let (_reader, writer) = io::pipe().unwrap();
    File::from(rustix::fd::OwnedFd::from(writer))
}

#[test]
fn e24_a_file_that_cannot_be_synced_is_not_said_to_be_stored() {
    let site = Site::new();
    site.file("old", "old");
    for (path, intent) in [("/old", Intent::Replace), ("/new", Intent::Replace), ("/old", Intent::Append)] {
        let (upload, file) = site.begin(path, intent.clone(), Partial::Publish).unwrap();
        drop(file);
        let finished = upload.durable(Durability::Synced).finish(unsyncable(), Completeness::Whole).result;
        assert!(finished.is_err(), "{path} {intent:?}");
        assert_eq!(site.names(""), ["old"]);
        assert_eq!(site.read("old").as_deref(), Some("old"));
    }
    // Nobody is told that a broken file is stored, so it is not synced.
    let (upload, file) = site.begin("/new", Intent::Replace, Partial::Publish).unwrap();
    drop(file);
    upload.durable(Durability::Synced).finish(unsyncable(), Completeness::Broken).result.unwrap();
    assert_eq!(site.names(""), ["new", "old"]);
    // What can be synced is stored as always.
    let (upload, mut file) = site.begin("/old", Intent::Replace, Partial::Publish).unwrap();
    io::Write::write_all(&mut file, b"synced").unwrap();
    upload.durable(Durability::Synced).finish(file, Completeness::Whole).result.unwrap();
    assert_eq!(site.read("old").as_deref(), Some("synced"));
}
