//! A slash at the end of a path, as POSIX has it (section 4.16, pathname resolution): what is meant must be a
//! directory. `link/` is the directory that a link names, but what is removed or renamed is never behind one.

use super::*;
use ftp_proto::server::ask::ListStyle;

type Outcome = Result<(), FileFailure>;

const OK: Outcome = Ok(());
const NOT_A_DIRECTORY: Outcome = Err(FileFailure::NotDirectory);
const IS_A_DIRECTORY: Outcome = Err(FileFailure::IsDirectory);
const MISSING: Outcome = Err(FileFailure::NotFound);

fn site(open: fn(&Path) -> io::Result<Root>) -> Site {
    let site = Site::with(open);
    site.dir("dir");
    site.file("dir/inside", "content");
    site.dir("empty");
    site.file("file", "content");
    site.link("to-dir", "dir");
    site.link("to-empty", "empty");
    site.link("to-file", "file");
    site.link("to-nothing", "nothing");
    site.link("out", "..");
    site
}

/// The commands, by their names, with what they ask for.
fn run(site: &Site, command: &str, path: &str) -> Outcome {
    let view = site.view();
    let answer = |ask: FileAsk| view.answer(&ask).map(drop);
    let path = name(path);
    match command {
        "CWD" => answer(FileAsk::Enter(path)),
        "MLST" | "SIZE" | "MDTM" => answer(FileAsk::Facts(path)),
        "STAT" => answer(FileAsk::List(path, 10)),
        "MKD" => answer(FileAsk::MakeDirectory(path)),
        "RMD" => answer(FileAsk::RemoveDirectory(path)),
        "DELE" => answer(FileAsk::Remove(path)),
        "RNFR" => answer(FileAsk::RenameFrom(path)),
        "RNTO of a file" => answer(FileAsk::Rename { from: name("/file"), is: None, to: path }),
        "RNTO of a directory" => answer(FileAsk::Rename { from: name("/empty"), is: None, to: path }),
        "MFMT" => answer(FileAsk::Change { path, modified: Some(ftp_proto::listing::When(1)), mode: None }),
        "HASH" => view.subject(&path).map(drop),
        "RETR" => view.prepare(&path, &Intent::Send { range: ByteRange::WHOLE }).map(drop),
        "STOR" => view.prepare(&path, &Intent::Replace).map(drop),
        "APPE" => view.prepare(&path, &Intent::Append).map(drop),
        "REST STOR" => view.prepare(&path, &write_at(1)).map(drop),
        "LIST" => view.prepare(&path, &Intent::List(ListStyle::Long)).map(drop),
        "MLSD" => view.prepare(&path, &Intent::List(ListStyle::Facts(None))).map(drop),
        other => panic!("{other}"),
    }
}

const FOLLOWS: [&str; 6] = ["CWD", "MLST", "STAT", "LIST", "MLSD", "MFMT"];
const READS: [&str; 2] = ["RETR", "HASH"];
const STORES: [&str; 3] = ["STOR", "APPE", "REST STOR"];

#[test]
fn a_slash_at_the_end_asks_for_a_directory_whatever_the_command_is() {
    let mut table: Vec<(&str, &str, Outcome)> = Vec::new();
    for command in FOLLOWS {
        table.extend([
            (command, "/dir/", OK),
            (command, "/to-dir/", OK),
            (command, "/file/", NOT_A_DIRECTORY),
            (command, "/to-file/", NOT_A_DIRECTORY),
            (command, "/to-nothing/", MISSING),
            (command, "/out/", Err(FileFailure::BadName)),
        ]);
    }
    for command in READS {
        table.extend([
            (command, "/file/", NOT_A_DIRECTORY),
            (command, "/to-file/", NOT_A_DIRECTORY),
            (command, "/dir/inside/", NOT_A_DIRECTORY),
            (command, "/to-dir/", Err(FileFailure::IsDirectory)),
            (command, "/to-dir/inside", OK),
            (command, "/nothing/", MISSING),
        ]);
    }
    for command in STORES {
        table.extend([
            (command, "/file/", NOT_A_DIRECTORY),
            (command, "/to-file/", NOT_A_DIRECTORY),
            (command, "/dir/", IS_A_DIRECTORY),
            (command, "/to-dir/", IS_A_DIRECTORY),
            (command, "/new/", IS_A_DIRECTORY),
            (command, "/out/", Err(FileFailure::BadName)),
        ]);
    }
    table.extend([
        ("MKD", "/new/", OK),
        ("MKD", "/dir/", Err(FileFailure::Exists)),
        ("MKD", "/to-nothing/", NOT_A_DIRECTORY),
        ("RMD", "/empty/", OK),
        ("RMD", "/to-empty/", NOT_A_DIRECTORY),
        ("RMD", "/file/", NOT_A_DIRECTORY),
        ("DELE", "/file/", NOT_A_DIRECTORY),
        ("DELE", "/to-file/", NOT_A_DIRECTORY),
        ("DELE", "/to-dir/", NOT_A_DIRECTORY),
        ("DELE", "/dir/", IS_A_DIRECTORY),
        ("RNFR", "/dir/", OK),
        ("RNFR", "/file/", NOT_A_DIRECTORY),
        ("RNFR", "/to-dir/", NOT_A_DIRECTORY),
        ("RNFR", "/nothing/", MISSING),
        ("RNTO of a file", "/new/", NOT_A_DIRECTORY),
        ("RNTO of a file", "/to-dir/", NOT_A_DIRECTORY),
        ("RNTO of a file", "/dir/", Err(FileFailure::Exists)),
        ("RNTO of a directory", "/new/", OK),
        ("RNTO of a directory", "/to-nothing/", NOT_A_DIRECTORY),
    ]);
    let opens: [fn(&Path) -> io::Result<Root>; 2] = [Root::open, Root::open_for_walk];
    for (number, open) in opens.into_iter().enumerate() {
        for (command, path, expect) in &table {
            let site = site(open);
            assert_eq!(run(&site, command, path), *expect, "{command} {path}, walk {number}");
            let all = ["file", "to-dir", "to-empty", "to-file", "to-nothing", "out", "dir/inside"];
            for left in all {
                assert!(fs::symlink_metadata(site.path(left)).is_ok(), "{command} {path} took {left} away");
            }
            assert_eq!(site.read("file").as_deref(), Some("content"));
        }
    }
}
