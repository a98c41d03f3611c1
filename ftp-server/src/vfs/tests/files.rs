//! Questions about files, and what a read-only account may not do.

use super::*;
use ftp_proto::listing::{Kind, Owner};
use ftp_proto::server::ask::ListStyle;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

#[test]
fn directories_are_made_and_removed() {
    let site = Site::new();
    let ask = |ask: FileAsk| site.view().answer(&ask);
    assert_eq!(ask(FileAsk::MakeDirectory(name("/a"))), DONE);
    assert_eq!(ask(FileAsk::MakeDirectory(name("/a"))), Err(FileFailure::Exists));
    assert_eq!(ask(FileAsk::MakeDirectory(name("/no/b"))), Err(FileFailure::NotFound));
    assert_eq!(ask(FileAsk::MakeDirectory(name("/a/b"))), DONE);
    assert_eq!(ask(FileAsk::RemoveDirectory(name("/a"))), Err(FileFailure::NotEmpty));
    assert_eq!(ask(FileAsk::Remove(name("/a"))), Err(FileFailure::IsDirectory));
    assert_eq!(ask(FileAsk::RemoveDirectory(name("/a/b"))), DONE);
    assert_eq!(ask(FileAsk::RemoveDirectory(name("/"))), Err(FileFailure::Denied));
}

/// A name with CR in it would be left out of every listing: nobody could copy or empty its directory.
#[test]
fn what_cannot_be_listed_cannot_be_made_but_can_be_removed() {
    for site in Site::both() {
        site.file("there\rbefore", "content");
        site.file("plain", "");
        let answer = |ask: FileAsk| site.view().answer(&ask);
        assert_eq!(answer(FileAsk::MakeDirectory(name("/x\ry"))), Err(FileFailure::BadName));
        assert_eq!(answer(rename("/plain", "/x\ry")), Err(FileFailure::BadName));
        for intent in [Intent::Replace, Intent::Append] {
            assert_eq!(site.prepare("/x\ry", intent).err(), Some(FileFailure::BadName));
        }
        assert_eq!(site.fetch("/there\rbefore").unwrap(), "content");
        assert_eq!(answer(rename("/there\rbefore", "/renamed")), DONE);
        assert_eq!(site.names(""), ["plain", "renamed"]);
    }
}

#[test]
fn a_rename_replaces_a_regular_file_and_nothing_else() {
    let site = Site::new();
    let rename = |from: &str, to: &str| site.view().answer(&rename(from, to));
    site.file("new", "new");
    site.file("old", "old");
    site.dir("empty");
    site.dir("other");
    assert_eq!(rename("/new", "/empty"), Err(FileFailure::Exists));
    assert_eq!(rename("/other", "/empty"), Err(FileFailure::Exists));
    assert_eq!(rename("/other", "/old"), Err(FileFailure::Exists));
    assert_eq!(rename("/other", "/other/inside"), Err(FileFailure::BadName));
    assert_eq!(rename("/gone", "/x"), Err(FileFailure::NotFound));
    assert_eq!(rename("/new", "/new"), DONE);
    assert_eq!(rename("/new", "/old"), DONE);
    assert_eq!((site.read("new"), site.read("old").as_deref()), (None, Some("new")));
    assert_eq!(rename("/other", "/empty/other"), DONE);
}

#[test]
fn a_file_that_has_got_the_name_of_another_one_since_rnfr_keeps_it() {
    let site = Site::new();
    site.file("f", "old");
    let seen = |path: &str| {
        let found = site.view().answer(&FileAsk::RenameFrom(name(path)));
        let Ok(FileAnswer::Identity(file)) = found else { panic!("{found:?}") };
        Some(file)
    };
    let rename = |is| site.view().answer(&FileAsk::Rename { from: name("/f"), is, to: name("/bak") });
    let old = seen("/f");
    site.file("new", "new");
    let new = seen("/new");
    assert_ne!(old, new);
    let replace = FileAsk::Rename { from: name("/new"), is: new, to: name("/f") };
    assert_eq!(site.view().answer(&replace), DONE);
    assert_eq!(rename(old), Err(FileFailure::NotFound));
    assert_eq!((site.read("f").as_deref(), site.read("bak")), (Some("new"), None));
    assert_eq!(rename(new), DONE);
}

#[test]
fn removing_and_renaming_a_link_is_about_the_link() {
    let site = Site::new();
    site.file("file", "content");
    site.link("link", "file");
    site.link("out", "/etc/passwd");
    assert_eq!(site.view().answer(&rename("/link", "/moved")), DONE);
    assert_eq!(fs::read_link(site.path("moved")).unwrap(), Path::new("file"));
    assert_eq!(site.view().answer(&FileAsk::Remove(name("/moved"))), DONE);
    assert_eq!(site.view().answer(&FileAsk::Remove(name("/out"))), DONE);
    assert_eq!(site.read("file").as_deref(), Some("content"));
}

#[test]
fn only_regular_files_are_sent_and_stored() {
    let site = Site::new();
    site.dir("dir");
    site.fifo("fifo");
    for intent in [Intent::Send { range: ByteRange::from(0) }, Intent::Replace, Intent::Append] {
        let check = |path: &str, expect: FileFailure| {
            assert_eq!(site.prepare(path, intent.clone()).err(), Some(expect), "{path} {intent:?}");
        };
        check("/dir", FileFailure::IsDirectory);
        check("/", FileFailure::IsDirectory);
        check("/fifo", FileFailure::NotRegular);
        check("/no/file", FileFailure::NotFound);
    }
    assert_eq!(site.fetch("/gone").err(), Some(FileFailure::NotFound));
}

#[test]
fn e14_a_restart_point_beyond_the_end_is_refused() {
    let site = Site::new();
    site.file("file", "12345");
    let at = |offset| site.view().prepare(&name("/file"), &Intent::Send { range: ByteRange::from(offset) });
    assert_eq!(at(5).unwrap().1, Some(5));
    assert_eq!(at(6).err(), Some(FileFailure::BeyondEnd));
    let write = |path: &str, offset| site.prepare(path, write_at(offset)).err();
    assert_eq!(write("/file", 5), None);
    assert_eq!(write("/file", 6), Some(FileFailure::BeyondEnd));
    assert_eq!(write("/gone", 1), Some(FileFailure::BeyondEnd));
}

#[test]
fn facts_show_the_rights_of_the_account() {
    let site = Site::new();
    site.file("file", "content");
    site.dir("dir");
    let check = |rights: Rights, file: &str, dir: &str| {
        let view = View::new(&alone(&site.root), &Access::everywhere(rights));
        for (path, expect) in [("/file", file), ("/dir", dir)] {
            let Ok(FileAnswer::Entry(facts)) = view.answer(&FileAsk::Facts(name(path))) else {
                panic!("no facts")
            };
            assert_eq!(facts.perm.as_deref(), Some(expect), "{rights:?} {path}");
        }
    };
    check(Rights::ALL, "adfrw", "cdeflmp");
    check(Rights::READ_ONLY, "r", "el");
    check(Rights::NONE, "", "e");
    check(Rights::NONE.with(Right::Write), "w", "ce");
    check(Rights::NONE.with(Right::Append), "a", "e");
    check(Rights::NONE.with(Right::Delete), "d", "dep");
    check(Rights::NONE.with(Right::Rename), "f", "ef");
    check(Rights::NONE.with(Right::Mkdir), "", "em");
}

#[test]
fn facts_are_those_of_the_file() {
    let site = Site::new();
    site.file("file", "12345");
    fs::set_permissions(site.path("file"), fs::Permissions::from_mode(0o640)).unwrap();
    site.link("link", "file");
    let facts = |path: &str| match site.view().answer(&FileAsk::Facts(name(path))) {
        Ok(FileAnswer::Entry(facts)) => facts,
        other => panic!("{other:?}"),
    };
    let file = facts("/file");
    assert_eq!((file.kind, file.size, file.mode), (Kind::File, Some(5), Some(0o640)));
    let here = fs::metadata(site.path("file")).unwrap();
    assert_eq!(file.owner, Some(Owner { user: here.uid(), group: here.gid() }));
    assert_eq!(file.perm.as_deref(), Some("adfrw"));
    let modified = file.modified.unwrap().0;
    assert!(modified > 1_577_836_800, "after 2020: {modified}");
    assert_eq!(facts("/link").unique, file.unique, "a link shows what it leads to");
    assert_eq!(facts("/").perm.as_deref(), Some("celmp"), "the root cannot be removed");
}

#[test]
fn a_list_for_stat_says_when_there_is_more() {
    let site = Site::new();
    for number in 0..5 {
        site.file(&number.to_string(), "");
    }
    let list = |limit| match site.view().answer(&FileAsk::List(name("/"), limit)) {
        Ok(FileAnswer::Lines { lines, more, .. }) => (lines.len(), more),
        other => panic!("{other:?}"),
    };
    assert_eq!(list(4), (4, true));
    assert_eq!(list(5), (5, false));
    assert_eq!(listed(&site.view(), "/3"), ["3"], "a file is listed as itself");
}

#[test]
fn mlsd_of_a_file_is_refused_and_list_is_not() {
    let site = Site::new();
    site.file("file", "");
    let list = |style| site.prepare("/file", Intent::List(style)).err();
    assert_eq!(list(ListStyle::Facts(None)), Some(FileFailure::NotDirectory));
    assert_eq!(list(ListStyle::Long), None);
    assert_eq!(list(ListStyle::Names { prefix: Vec::new() }), None);
}

#[test]
fn a_part_of_a_file_is_read_from_its_first_byte_on() {
    let site = Site::new();
    site.file("file", "0123456789");
    let subject = site.view().subject(&name("/file")).unwrap();
    let part = |first, last| {
        let (file, length) = subject.part(ByteRange::through(first, last).unwrap())?;
        let mut text = String::new();
        io::Read::read_to_string(&mut io::Read::take(file, length), &mut text).unwrap();
        Ok(text)
    };
    assert_eq!(part(3, 5).as_deref(), Ok("345"));
    assert_eq!(part(8, 50).as_deref(), Ok("89"));
    assert_eq!(part(10, 50).as_deref(), Ok(""));
    assert_eq!(part(11, 50), Err(FileFailure::BeyondEnd));
}

#[test]
fn a_range_is_written_where_it_belongs_and_truncates_nothing() {
    let site = Site::new();
    let range = |first, last| Intent::WriteAt { range: ByteRange::through(first, last).unwrap() };
    site.file("file", "0123456789");
    site.store_whole("/file", range(0, 2), "abc");
    site.store_whole("/file", range(8, 11), "wxyz");
    assert_eq!(site.read("file").as_deref(), Some("abc34567wxyz"));
    site.store_whole("/new", range(0, 1), "hi");
    assert_eq!(site.read("new").as_deref(), Some("hi"));
    assert_eq!(site.prepare("/file", range(13, 14)).err(), Some(FileFailure::BeyondEnd));
    let PreparedTransfer::Receive(target) = site.prepare("/file", range(3, 6)).unwrap() else {
        panic!("no target")
    };
    assert_eq!(target.limit(), Some(4));
}

#[test]
fn a_file_that_changes_has_no_digest() {
    let site = Site::new();
    site.file("file", "content");
    let subject = site.view().subject(&name("/file")).unwrap();
    assert_eq!(subject.unchanged(), Ok(()));
    site.file("file", "content, and more");
    assert_eq!(subject.unchanged(), Err(FileFailure::Changed));
    let _writer = site.begin("/file", Intent::Append, Partial::Publish).unwrap();
    assert_eq!(site.view().subject(&name("/file")).err(), Some(FileFailure::Busy));
}

#[test]
fn times_and_permissions_are_set_on_what_a_link_leads_to() {
    for site in Site::both() {
        site.file("file", "content");
        site.dir("dir");
        site.link("short", "file");
        let view = site.view();
        let change =
            |path: &str, modified, mode| view.answer(&FileAsk::Change { path: name(path), modified, mode });
        let time = |seconds| Some(ftp_proto::listing::When(seconds));
        assert_eq!(change("/short", time(1_000_000_000), Some(0o600)), DONE);
        let facts = fs::metadata(site.path("file")).unwrap();
        assert_eq!(facts.permissions().mode() & 0o7777, 0o600);
        let since = facts.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(since.as_secs(), 1_000_000_000);
        assert_eq!(change("/dir", time(-1), Some(0o700)), DONE);
        assert_eq!(change("/nothing", time(1), None), Err(FileFailure::NotFound));
        site.fifo("fifo");
        assert_eq!(change("/fifo", time(1), None), Err(FileFailure::NotRegular));
    }
}

#[test]
fn a_link_leads_into_its_own_directory_and_so_nowhere_else_when_it_is_moved() {
    for site in Site::both() {
        site.dir("dir/sub");
        site.file("file", "content");
        site.file("dir/file", "below");
        site.link("other", "dir/sub");
        let view = site.view();
        let link =
            |target: &str, link: &str| view.answer(&FileAsk::Link { target: name(target), link: name(link) });
        assert_eq!(link("/dir/file", "/dir/link"), DONE);
        assert_eq!(fs::read_link(site.path("dir/link")).unwrap(), Path::new("file"));
        assert_eq!(site.fetch("/dir/link").unwrap(), "below");
        assert_eq!(link("/dir/sub", "/down"), DONE);
        assert_eq!(fs::read_link(site.path("down")).unwrap(), Path::new("dir/sub"));
        assert_eq!(link("/nothing", "/dangling"), DONE);
        assert_eq!(link("/dir", "/dir/itself"), DONE);
        assert_eq!(site.fetch("/dir/itself/file").unwrap(), "below");
        for target in ["/file", "/", "/dir", "/dirt"] {
            assert_eq!(link(target, "/dir/sub/up"), Err(FileFailure::LeadsUp), "{target}");
        }
        assert_eq!(link("/file", "/file"), Err(FileFailure::Exists));
        assert_eq!(link("/other/file", "/other/link"), DONE);
        assert_eq!(fs::read_link(site.path("dir/sub/link")).unwrap(), Path::new("file"));
        assert_eq!(link("/nowhere/file", "/nowhere/link"), Err(FileFailure::NotFound));
        assert_eq!(view.answer(&rename("/dir/link", "/link")), DONE);
        assert_eq!(site.fetch("/link").unwrap(), "content", "it says what its text says there");
    }
}

#[test]
fn the_space_of_a_directory_is_known() {
    let site = Site::new();
    site.file("file", "");
    let space = |path: &str| site.view().answer(&FileAsk::Space(name(path)));
    assert!(matches!(space("/"), Ok(FileAnswer::Space(_))));
    assert_eq!(space("/file"), Err(FileFailure::NotDirectory));
    assert_eq!(space("/nothing"), Err(FileFailure::NotFound));
}
