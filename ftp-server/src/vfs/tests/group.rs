//! Groups of small files: PACK SEND, STORE, KEEP, LOOK.

use super::*;
use ftp_io::copy::{Pieces, Receiver};
use ftp_proto::coding::{write_pack_head, write_unsent};
use ftp_proto::command::{FileNumbers, FileToSend, FileToStore, GroupNumber};
use ftp_proto::digest::Algorithm;
use ftp_proto::listing::When;
use ftp_proto::reply::{FileOutcome, LeftOut};
use ftp_proto::wire::FileName;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

fn file(text: &str) -> FileName {
    FileName::from_wire(text).unwrap()
}

/// A group of files with these sizes.
fn store_group(files: &[(&str, u32)]) -> Intent {
    let target =
        |(name, size): &(&str, u32)| FileToStore { size: *size, modified: Some(When(7)), name: file(name) };
    let (group, algorithm) = (GroupNumber(1), Algorithm::Crc32c);
    Intent::StoreGroup { group, files: files.iter().map(target).collect(), algorithm }
}

fn stream(files: &[Option<&str>]) -> Vec<u8> {
    let mut stream = Vec::new();
    for file in files {
        match file {
            Some(content) => {
                write_pack_head(u32::try_from(content.len()).unwrap(), &mut stream);
                stream.extend_from_slice(content.as_bytes());
            }
            None => write_unsent(&mut stream),
        }
    }
    stream
}

fn begin(view: &View, directory: &str, files: &[(&str, u32)]) -> Result<GroupWriter, FileFailure> {
    let (prepared, _) = view.prepare(&name(directory), &store_group(files))?;
    let PreparedTransfer::ReceiveGroup(target) = prepared else { panic!("not prepared for a group") };
    target.begin(Durability::Synced)
}

/// Receives a group in pieces of `size` bytes.
fn receive(
    mut writer: GroupWriter,
    stream: &[u8],
    size: usize,
) -> Result<(HeldGroup, Vec<FileOutcome>), FileFailure> {
    for piece in stream.chunks(size) {
        writer.write(piece).map_err(|error| io_failure(&error))?;
    }
    writer.finish().inspect(|(group, _)| assert_eq!(group.number(), GroupNumber(1)))
}

/// Receives a group of one file of a byte.
fn receive_one(view: &View, directory: &str, file: &str) -> HeldGroup {
    receive(begin(view, directory, &[(file, 1)]).unwrap(), &stream(&[Some("x")]), 64).unwrap().0
}

fn keep(
    group: HeldGroup,
    view: &View,
    directory: &str,
    numbers: &[u16],
) -> Result<Vec<(u16, LeftOut)>, FileFailure> {
    let numbers = FileNumbers::new(numbers.iter().copied()).unwrap();
    view.keep(group, &name(directory), &numbers, Durability::Synced)
}

#[test]
fn a_group_has_no_names_until_it_is_kept_and_replaces_nothing() {
    for (site, size) in Site::both().into_iter().zip([1, 4096]) {
        site.dir("d");
        let view = site.view();
        let writer = begin(&view, "/d", &[("a", 3), ("b,", 0), ("c", 9), ("link", 1), ("e", 2)]).unwrap();
        let content = stream(&[Some("one"), Some(""), None, Some("x"), Some("no")]);
        let (group, outcomes) = receive(writer, &content, size).unwrap();
        let moved = outcomes.iter().map(|outcome| matches!(outcome, FileOutcome::Moved { .. }));
        assert_eq!(moved.collect::<Vec<_>>(), [true, true, false, true, true]);
        let hidden = site.names("d");
        assert!(hidden.len() == 1 && hidden[0].starts_with(".ftp-"), "{hidden:?}");
        let directory = fs::metadata(site.path("d").join(&hidden[0])).unwrap();
        assert_eq!(directory.permissions().mode() & 0o777, 0o700);
        assert_eq!(listed(&site.view(), "/d"), [""; 0]);
        // Links and files that others have made meanwhile stay as they are.
        site.link("d/link", "nothing");
        site.file("d/a", "old");
        let left = keep(group, &view, "/d", &[1, 2, 3, 4]).unwrap();
        assert_eq!(left, [(1, LeftOut::Taken), (3, LeftOut::Unsent), (4, LeftOut::Taken)]);
        assert_eq!(site.names("d"), ["a", "b,", "link"]);
        assert_eq!(site.read("d/a").as_deref(), Some("old"));
        assert_eq!(fs::metadata(site.path("d/b,")).unwrap().mtime(), 7);
    }
}

#[test]
fn a_group_that_is_dropped_or_not_whole_leaves_nothing() {
    let site = Site::new();
    let view = site.view();
    let files = [("a", 3), ("b", 3)];
    let whole = stream(&[Some("one"), Some("two")]);
    let (group, _) = receive(begin(&view, "/", &files).unwrap(), &whole, 5).unwrap();
    drop(group);
    assert_eq!(site.names(""), [""; 0]);
    for bad in [&whole[..whole.len() - 1], &whole[..10], &[whole.clone(), vec![0]].concat(), b"\x03"] {
        let received = receive(begin(&view, "/", &files).unwrap(), bad, 7);
        assert_eq!(received.map(drop), Err(FileFailure::NotTheGroup));
        assert_eq!(site.names(""), [""; 0]);
    }
}

#[test]
fn a_directory_that_is_another_one_gets_no_names() {
    let site = Site::new();
    site.dir("d");
    let view = site.view();
    let store = || receive_one(&view, "/d", "a");
    let [renamed, linked, gone, same] = [store(), store(), store(), store()];
    fs::rename(site.path("d"), site.path("e")).unwrap();
    site.dir("d");
    assert_eq!(keep(renamed, &view, "/d", &[1]), Err(FileFailure::OtherDirectory));
    fs::remove_dir(site.path("d")).unwrap();
    site.link("d", "..");
    assert!(keep(linked, &view, "/d", &[1]).is_err());
    fs::remove_file(site.path("d")).unwrap();
    assert_eq!(keep(gone, &view, "/d", &[1]), Err(FileFailure::NotFound));
    assert_eq!(site.names("e").len(), 1, "the group that is still held");
    site.link("d", "e");
    assert_eq!(keep(same, &view, "/d", &[1]), Ok(Vec::new()));
    assert_eq!(site.names("e"), ["a"]);
}

#[test]
fn what_cannot_be_stored_is_refused_before_anything_changes() {
    let site = Site::new();
    site.file("file", "");
    site.link("out", "..");
    let view = site.view();
    let refused =
        |directory: &str, names: &[(&str, u32)]| begin(&view, directory, names).map(drop).unwrap_err();
    assert_eq!(refused("/no", &[("a", 1)]), FileFailure::NotFound);
    assert_eq!(refused("/file", &[("a", 1)]), FileFailure::NotDirectory);
    assert_eq!(refused("/out", &[("a", 1)]), FileFailure::BadName);
    assert_eq!(refused("/", &[("a\rb", 1)]), FileFailure::BadName);
    assert_eq!(site.names(""), ["file", "out"]);
}

#[test]
fn a_quota_counts_a_group_as_it_comes_and_gets_back_what_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let roots = Roots::default();
    let limits = QuotaLimits { bytes: Some(10), files: Some(2), file_bytes: Some(8) };
    let tree = Arc::new(roots.tree(roots.open(dir.path()).unwrap()).limited(limits).unwrap());
    let view = View::new(&tree, &Access::everywhere(Rights::ALL));
    let held = || tree.held().map(|held| (held.bytes, held.files)).unwrap();
    assert_eq!(begin(&view, "/", &[("a", 9)]).map(drop), Err(FileFailure::MaxFileSize));
    let received = |files: &[(&str, u32)], content: &[Option<&str>]| {
        receive(begin(&view, "/", files).unwrap(), &stream(content), 3)
    };
    let (group, _) = received(&[("a", 4), ("b", 4)], &[Some("1234"), Some("5678")]).unwrap();
    assert_eq!(held(), (8, 2));
    keep(group, &view, "/", &[1]).unwrap();
    assert_eq!(held(), (4, 1));
    let too_much = received(&[("c", 8)], &[Some("12345678")]);
    assert_eq!(too_much.map(drop), Err(FileFailure::QuotaBytes));
    let too_many = received(&[("c", 1), ("d", 1)], &[Some("1"), Some("2")]);
    assert_eq!(too_many.map(drop), Err(FileFailure::QuotaFiles));
    assert_eq!(held(), (4, 1));
    drop(received(&[("c", 6)], &[Some("123456")]).unwrap());
    assert_eq!(held(), (4, 1));
    // The disk.
    roots.keep_free(u64::MAX);
    let kept_free = received(&[("c", 1)], &[Some("1")]);
    assert_eq!(kept_free.map(drop), Err(FileFailure::KeptFree));
    assert_eq!(held(), (4, 1));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn what_a_killed_server_has_left_of_a_group_is_removed_and_what_is_held_stays() {
    let site = Site::new();
    let list = site.top.path().join("under-way");
    group(&site, &format!("d/{PARTIAL}"));
    site.file(&format!("d/{PARTIAL}/1"), "one");
    let view = site.view();
    let held = receive_one(&view, "/d", "a");
    let names = site.names("d");
    let root = site.path("").display().to_string();
    let line = |name: &String| format!("+ {name} {root}d\n");
    fs::write(&list, names.iter().map(line).collect::<String>()).unwrap();
    let roots = Roots::default();
    let _tree = roots.tree(roots.open(&site.path("")).unwrap());
    roots.list_partial_names_in(&list, Durability::Synced).unwrap();
    assert!(!site.path("d").join(PARTIAL).exists());
    assert_eq!(keep(held, &view, "/d", &[1]), Ok(vec![]));
    assert_eq!(site.names("d"), ["a"]);

    // Without a list, what is a day old.
    group(&site, PARTIAL);
    site.file(&format!("{PARTIAL}/1"), "one");
    roots.remove_old_names();
    assert!(site.path(PARTIAL).exists());
    make_old(&site.path(PARTIAL));
    roots.remove_old_names();
    assert!(!site.path(PARTIAL).exists());
}

/// Makes a directory as that of a group.
fn group(site: &Site, path: &str) {
    site.dir(path);
    fs::set_permissions(site.path(path), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_directory_that_has_the_name_of_a_group_and_is_none_loses_nothing() {
    for (mode, file) in [(0o755, "1"), (0o700, "thesis.txt"), (0o700, "0"), (0o700, "257"), (0o700, "01")] {
        let site = Site::new();
        let list = site.top.path().join("under-way");
        site.dir(PARTIAL);
        site.file(&format!("{PARTIAL}/2"), "two");
        site.file(&format!("{PARTIAL}/{file}"), "somebody's");
        fs::set_permissions(site.path(PARTIAL), fs::Permissions::from_mode(mode)).unwrap();
        make_old(&site.path(PARTIAL));
        let root = site.path("").display().to_string();
        fs::write(&list, format!("+ {PARTIAL} {}\n", root.trim_end_matches('/'))).unwrap();
        let roots = Roots::default();
        let _tree = roots.tree(roots.open(&site.path("")).unwrap());
        roots.list_partial_names_in(&list, Durability::Cached).unwrap();
        roots.remove_old_names();
        assert_eq!(site.names(PARTIAL).len(), 2, "{mode:o} {file}");
    }
}

#[test]
fn a_group_gets_no_names_through_a_link_that_a_stranger_has_put_there() {
    if !may_give_away() {
        return;
    }
    for site in Site::both() {
        site.dir("priv/sub");
        site.dir("tree");
        site.link("tree/sub", "../priv/sub");
        let view = site.view();
        std::os::unix::fs::lchown(site.path("tree/sub"), Some(4242), None).unwrap();
        let refused = begin(&view, "/tree/sub", &[("authorized_keys", 1)]);
        assert_eq!(refused.map(drop), Err(FileFailure::Denied));
        let group = receive_one(&view, "/priv/sub", "a");
        drop(group);
        assert_eq!(site.names("priv/sub"), [""; 0]);
    }
}

#[test]
fn a_file_of_a_group_has_the_group_and_the_access_list_that_its_directory_gives() {
    use rustix::fs::{XattrFlags, getxattr, setxattr};
    let site = Site::new();
    site.dir("d");
    // Only root can give a directory to a group that it is not in.
    let other = rustix::process::geteuid().is_root().then_some(4242);
    std::os::unix::fs::chown(site.path("d"), None, other).unwrap();
    fs::set_permissions(site.path("d"), fs::Permissions::from_mode(0o2770)).unwrap();
    // Owner, user 4242, group, mask, others: each a tag, what is permitted, and whom.
    let list =
        [(1_u16, 6_u16, u32::MAX), (2, 6, 4242), (4, 4, u32::MAX), (16, 6, u32::MAX), (32, 0, u32::MAX)];
    let list = list.iter().flat_map(|(tag, may, who)| {
        [&tag.to_le_bytes()[..], &may.to_le_bytes(), &who.to_le_bytes()].concat()
    });
    let list: Vec<u8> = 2_u32.to_le_bytes().into_iter().chain(list).collect();
    let has_lists = setxattr(site.path("d"), "system.posix_acl_default", &list, XattrFlags::empty()).is_ok();
    let view = site.view();
    let group = receive_one(&view, "/d", "a");
    assert_eq!(keep(group, &view, "/d", &[1]), Ok(Vec::new()));
    let gid = |name: &str| fs::metadata(site.path(name)).unwrap().gid();
    assert_eq!(gid("d/a"), gid("d"));
    let mut found = vec![0; 256];
    let found = getxattr(site.path("d/a"), "system.posix_acl_access", &mut found[..])
        .map(|count| found[..count].to_vec());
    assert_eq!(found.ok(), has_lists.then_some(list));
}

#[test]
fn a_file_of_a_group_that_has_vanished_is_not_one_that_was_not_sent() {
    let site = Site::new();
    let view = site.view();
    let (group, _) =
        receive(begin(&view, "/", &[("a", 1), ("b", 1)]).unwrap(), &stream(&[Some("x"), None]), 64).unwrap();
    let hidden = site.names("").remove(0);
    fs::remove_file(site.path(&hidden).join("1")).unwrap();
    assert_eq!(keep(group, &view, "/", &[1, 2]), Ok(vec![(1, LeftOut::Failed), (2, LeftOut::Unsent)]));
    assert_eq!(site.names(""), [""; 0]);
}

#[test]
fn the_source_sends_what_is_as_the_command_says() {
    for site in Site::both() {
        for (name, content) in [("d/a", "one"), ("d/empty", ""), ("b", "two")] {
            site.dir("d");
            site.file(name, content);
        }
        site.link("d/up", "../b");
        site.link("d/out", "../../secret");
        site.dir("d/dir");
        let stat = fs::metadata(site.path("d/a")).unwrap();
        let unique = format!("{:x}g{:x}", stat.dev(), stat.ino());
        let item = |name: &str, size, modified: Option<i64>, unique: Option<&str>| FileToSend {
            size,
            modified: modified.map(When),
            unique: unique.map(str::to_owned),
            name: file(name),
        };
        let files: Arc<[FileToSend]> = Arc::new([
            item("a", 3, Some(stat.mtime()), Some(&unique)),
            item("a", 4, None, None),
            item("a", 3, Some(stat.mtime() + 1), None),
            item("a", 3, None, Some("1g1")),
            item("empty", 0, None, None),
            item("up", 3, None, None),
            item("out", 6, None, None),
            item("dir", 0, None, None),
            item("no", 0, None, None),
        ]);
        let prepared = site.prepare("/d", Intent::SendGroup { files, algorithm: Algorithm::Crc32c }).unwrap();
        let PreparedTransfer::SendGroup(source) = prepared else { panic!("not prepared for a group") };
        let (mut group, mut sent) = (source.stream(), Vec::new());
        assert!(group.next(&mut sent).unwrap().is_break());
        let expect = [Some("one"), None, None, None, Some(""), Some("two"), None, None, None];
        assert_eq!(sent, stream(&expect));
        let left = group.into_outcomes().into_iter().map(|outcome| match outcome {
            FileOutcome::Moved { .. } => None,
            FileOutcome::LeftOut(why) => Some(why),
        });
        use LeftOut::{Changed, Gone, Refused};
        let expect = [
            None,
            Some(Changed),
            Some(Changed),
            Some(Changed),
            None,
            None,
            Some(Refused),
            Some(Gone),
            Some(Gone),
        ];
        assert_eq!(left.collect::<Vec<_>>(), expect);
    }
}

#[test]
fn a_stream_is_made_in_pieces() {
    let site = Site::new();
    let content = "x".repeat(50_000);
    let item = |name: &str| {
        site.file(name, &content);
        FileToSend { size: 50_000, modified: None, unique: None, name: file(name) }
    };
    let files: Arc<[FileToSend]> = ["a", "b", "c", "d"].map(item).into();
    let Ok(PreparedTransfer::SendGroup(source)) =
        site.prepare("/", Intent::SendGroup { files, algorithm: Algorithm::Crc32c })
    else {
        panic!("not prepared for a group")
    };
    let (mut group, mut room) = (source.stream(), Vec::new());
    assert!(group.next(&mut room).unwrap().is_continue());
    assert_eq!(room.len(), 2 * 50_009);
    room.clear();
    assert!(group.next(&mut room).unwrap().is_break());
    assert_eq!(group.into_outcomes().len(), 4);
}

#[test]
fn look_tells_which_names_are_taken() {
    let site = Site::new();
    site.file("a", "");
    site.dir("d");
    site.link("link", "nothing");
    let long = "x".repeat(256);
    let names: Arc<[FileName]> = ["a", "b", "d", "link", &long].map(file).into();
    let looked = site.view().answer(&FileAsk::Look(name("/"), Arc::clone(&names)));
    let taken = [(1, LeftOut::Taken), (3, LeftOut::Taken), (4, LeftOut::Taken), (5, LeftOut::Refused)];
    assert_eq!(looked, Ok(FileAnswer::LeftOut(taken.to_vec())));
    assert_eq!(site.view().answer(&FileAsk::Look(name("/a"), names)), Err(FileFailure::NotDirectory));
}
