//! Listings with the lines of real servers.

use super::*;
use crate::reply::{Code, Reply};

/// 20 November 2026, 12:00.
fn now() -> When {
    when(2026, 11, 20, 12, 0, 0).unwrap()
}

fn read(mut lister: Lister, lines: &[&str]) -> (Vec<ListingItem>, Option<Format>) {
    for line in lines {
        lister.push(line.as_bytes());
    }
    lister.end();
    (std::iter::from_fn(|| lister.next()).collect(), lister.format())
}

fn list(lines: &[&str]) -> (Vec<ListingItem>, Option<Format>) {
    read(Lister::of_list(now()), lines)
}

/// Name, kind and size of an entry, and its date as far as it is known.
fn shown(found: &ListingItem) -> String {
    match found {
        ListingItem::Entry(entry) => {
            let size = entry.size.map_or("-".to_owned(), |size| size.to_string());
            let date = entry.modified.map_or("-".to_owned(), |at| {
                let CivilTime { year, month, day, hour, minute, second } = civil(at);
                let day = format!("{year}-{month:02}-{day:02}");
                match entry.precision {
                    Precision::Exact => format!("{day} {hour:02}:{minute:02}:{second:02}Z"),
                    Precision::Minute => format!("{day} {hour:02}:{minute:02}"),
                    Precision::Day => day,
                }
            });
            format!("{:?} {size} {date} [{}]", entry.kind, entry.name.display())
        }
        ListingItem::Refused { name, why } => format!("refused [{}]: {why:?}", name.escape_ascii()),
        ListingItem::Unread(line) => format!("unread [{}]", line.escape_ascii()),
    }
}

fn check(format: Format, lines: &[&str], expect: &[&str]) {
    let (found, detected) = list(lines);
    assert_eq!(found.iter().map(shown).collect::<Vec<_>>(), expect);
    assert_eq!(detected, Some(format), "{lines:?}");
}

/// Checks each line on its own.
fn each(format: Format, table: &[(&str, &str)]) {
    for (line, expect) in table {
        check(format, &[line], &[expect]);
    }
}

#[test]
fn unix_listings_of_real_servers_are_read() {
    each(
        Format::Unix,
        &[
            // vsftpd, ProFTPD, Pure-FTPd, pyftpdlib
            (
                "-rw-r--r--    1 0        0        4294967297 Nov 20 10:20 big",
                "File 4294967297 2026-11-20 10:20 [big]",
            ),
            (
                "drwxr-xr-x   2 ftp      ftp          4096 Apr 22  2024 a dir ",
                "Directory 4096 2024-04-22 [a dir ]",
            ),
            (
                "-rw-r--r--    1 1000       www-data       1048576 Dec  1 00:00 last year",
                "File 1048576 2025-12-01 00:00 [last year]",
            ),
            (
                "lrwxrwxrwx   1 root     root            7 Apr 22  2024 bin -> usr/bin",
                "Link 7 2024-04-22 [bin]",
            ),
            ("lrwxrwxrwx 1 root root 7 Apr 22 2024 a -> b -> c", "Link 7 2024-04-22 [a]"),
            // access lists, labels, extended attributes
            ("-rw-r--r--+ 1 me staff 12 22 Apr 2024 x", "File 12 2024-04-22 [x]"),
            ("-rw-r--r--. 1 me staff 12 Apr 22 2024 x", "File 12 2024-04-22 [x]"),
            ("-rw-r--r--@ 1 me staff 12 Apr 22 2024 x", "File 12 2024-04-22 [x]"),
            // no group, no links, a group of two words, words that look like dates
            ("-rw-r--r-- 1 me 12 Apr 22 2024 12 Apr 22 2024", "File 12 2024-04-22 [12 Apr 22 2024]"),
            ("-rw-r--r-- me us 12 Apr 22 2024 x", "File 12 2024-04-22 [x]"),
            ("-rw-r--r-- 1 DOM+me DOM+domain users 12 Apr 22 2024 x", "File 12 2024-04-22 [x]"),
            ("-rw-r--r-- 1 May 5 12 Apr 22 2024 x", "File 12 2024-04-22 [x]"),
            ("-rw-r--r-- 1 5 6 2000 Apr 22 2024 x", "File 2000 2024-04-22 [x]"),
            // devices
            ("crw-rw-rw- 1 root root 1, 3 Apr 22 2024 null", "Other - 2024-04-22 [null]"),
            ("brw-rw---- 1 root disk 8,0 Nov 20 10:20 sda", "Other - 2026-11-20 10:20 [sda]"),
            ("crw-rw-rw- 1 root wheel 0x3000002 Nov 20 10:20 null", "Other - 2026-11-20 10:20 [null]"),
            ("prw-r--r-- 1 me us 0 Nov 20 10:20 pipe", "Other - 2026-11-20 10:20 [pipe]"),
            // the styles of ls
            ("-rw-r--r-- 1 me us 5 2024-04-22 10:20 x", "File 5 2024-04-22 10:20 [x]"),
            ("-rw-r--r-- 1 me us 5 2024-04-22 10:20:30.5 +0200 x", "File 5 2024-04-22 08:20:30Z [x]"),
            ("-rw-r--r-- 1 me us 5 2024-04-22 10:20:30 x", "File 5 2024-04-22 10:20 [x]"),
            ("-rw-r--r-- 1 me us 5 2024-04-22  x", "File 5 2024-04-22 [x]"),
            ("-rw-r--r-- 1 me us 5 11-19 10:20 x", "File 5 2026-11-19 10:20 [x]"),
            ("-rw-r--r-- 1 me us 5 11 19 10:20 x", "File 5 2026-11-19 10:20 [x]"),
            ("-rw-r--r-- 1 me us 5 4 22 2024 x", "File 5 2024-04-22 [x]"),
            ("-rw-r--r-- 1 me us 5 Apr 22 10:20:30 2024 x", "File 5 2024-04-22 10:20 [x]"),
            ("-rw-r--r-- 1 me us 5 Mon Apr 22 10:20:30 2024 x", "File 5 2024-04-22 10:20 [x]"),
            ("-rw-r--r-- 1 me us 5 Nov 19 10:20:30 2nd", "File 5 2026-11-19 10:20 [2nd]"),
            // NetPresenz, NetWare
            (
                "-------r--         326  1391972  1392298 Nov 22  1995 Mega.sit",
                "File 1392298 1995-11-22 [Mega.sit]",
            ),
            (
                "drwxrwxr-x               folder        2 May 10  1996 network",
                "Directory 2 1996-05-10 [network]",
            ),
            (
                "d [R----F--] supervisor            512       Nov 16 18:53    login",
                "Directory 512 2026-11-16 18:53 [login]",
            ),
            (
                "- [R----F--] rhesus             214059       Oct 20 15:27    cx.exe",
                "File 214059 2026-10-20 15:27 [cx.exe]",
            ),
        ],
    );
}

#[test]
fn h25_blanks_before_a_name_are_counted() {
    for (line, expect) in [
        ("-rw-r--r-- 1 ftp ftp 5 Nov 19 10:20 x", 0),
        ("-rw-r--r-- 1 ftp ftp 5 Nov 19 10:20  x", 1),
        ("-rw-r--r-- 1 none none 5 Nov 19 10:20  x", 1), // aioftp
        ("drwxr-xr-x 1 ftp ftp 5 Nov 19  2025   x y", 2),
        ("11-19-26  10:20AM       <DIR>          x", 0),
    ] {
        let mut lister = Lister::of_list(When(1_795_168_800)); // 20 November 2026
        lister.push(line.as_bytes());
        let Some(ListingItem::Entry(entry)) = lister.next() else { panic!("{line}") };
        assert_eq!(entry.blanks, expect, "{line}");
    }
}

#[test]
fn the_lines_around_unix_entries_are_no_entries() {
    check(
        Format::Unix,
        &[
            "total 12",
            "drwxr-xr-x 2 a b 1 Apr 22 2024 .",
            "drwxr-xr-x 2 a b 1 Apr 22 2024 ..",
            "total 5",
            "ls: x: no",
        ],
        &["Current 1 2024-04-22 [.]", "Parent 1 2024-04-22 [..]", "unread [ls: x: no]"],
    );
}

#[test]
fn a_date_without_a_year_is_the_last_one_before_now() {
    let check = |now: (i64, u32, u32), line: (u32, u32), expect: Option<i64>| {
        let now = when(now.0, now.1, now.2, 12, 0, 0).unwrap();
        let found = year_of(line.0, line.1, 10, 20, now);
        assert_eq!(found.map(|at| civil(at).year), expect, "{line:?} at {now:?}");
    };
    check((2026, 11, 20), (11, 20), Some(2026));
    check((2026, 11, 20), (11, 21), Some(2026)); // a zone that is ahead
    check((2026, 11, 20), (11, 22), Some(2025));
    check((2026, 1, 1), (12, 31), Some(2025));
    check((2025, 12, 31), (1, 1), Some(2026)); // it is next year there already
    check((2024, 3, 1), (2, 29), Some(2024));
    check((2025, 3, 1), (2, 29), Some(2024));
    check((2026, 3, 1), (2, 29), None);
    check((2026, 11, 20), (11, 31), None);
}

#[test]
fn dos_listings_are_read() {
    each(
        Format::Dos,
        &[
            ("07-12-24  10:20AM       <DIR>          a dir", "Directory - 2024-07-12 10:20 [a dir]"),
            (
                "07-12-24  12:20AM            4294967297 big file.txt",
                "File 4294967297 2024-07-12 00:20 [big file.txt]",
            ),
            ("07-12-99  12:20PM                     0 x", "File 0 1999-07-12 12:20 [x]"),
            ("07-12-2024  10:20PM                 5 x", "File 5 2024-07-12 22:20 [x]"),
            ("07/12/2024  10:20 PM            1,024 x", "File 1024 2024-07-12 22:20 [x]"),
            ("22.07.2024  22:20    <DIR>          x", "Directory - 2024-07-22 22:20 [x]"),
            ("2024-07-12  22:20                   5 x", "File 5 2024-07-12 22:20 [x]"),
            ("07-12-24  10:20AM    <JUNCTION>     j [C:\\x]", "Link - 2024-07-12 10:20 [j]"),
            ("07-12-24  10:20AM    <SYMLINKD>     j", "Link - 2024-07-12 10:20 [j]"),
        ],
    );
    check(
        Format::Dos,
        &["07-12-24 10:20AM <DIR> .", "07-12-24 10:20AM <DIR> ..", "07-12-24 10:20AM 5 a/b", "7 files"],
        &[
            "Current - 2024-07-12 10:20 [.]",
            "Parent - 2024-07-12 10:20 [..]",
            "refused [a/b]: Path",
            "unread [7 files]",
        ],
    );
}

#[test]
fn eplf_listings_are_read() {
    check(
        Format::Eplf,
        &[
            "+i8388621.48594,m825718503,r,s280,up644,\tdjb.html",
            "+i8388621.50690,m824255907,/,\t514 a ",
            "+s1,x,,\tother",
        ],
        &[
            "File 280 1996-03-01 22:15:03Z [djb.html]",
            "Directory - 1996-02-13 23:58:27Z [514 a ]",
            "Other 1 - [other]",
        ],
    );
    let (found, _) = list(&["+i8388621.48594,m825718503,r,s280,up644,\tdjb.html"]);
    let Some(ListingItem::Entry(entry)) = found.first() else { panic!() };
    assert_eq!((entry.mode, entry.unique.as_deref()), (Some(0o644), Some("8388621.48594")));
}

#[test]
fn vms_listings_are_read_over_two_lines_and_the_newest_version_is_the_file() {
    check(
        Format::Vms,
        &[
            "",
            "Directory PUB$ROOT:[ANONYMOUS]",
            "",
            "00README.TXT;12     2 30-DEC-1996 17:44:52 [SYSTEM]  (RWED,RWED,RE,RE)",
            "00README.TXT;11     2 30-DEC-1996 17:44:52 [SYSTEM]  (RWED,RWED,RE,RE)",
            "CORE.DIR;1          1  8-SEP-1996 16:09 [SYSTEM] (RWE,RWE,RE,RE)",
            "A_NAME_THAT_IS_RATHER_LONG.TEX;2",
            "                 213/216  29-JAN-1996 03:33:12 [ANONYMOU,ANONYMOUS] (RWED,RWED,,)",
            "A_NAME_THAT_IS_RATHER_LONG.TEX;1",
            "                 213/216  29-JAN-1995 03:33:12 [ANONYMOU,ANONYMOUS] (RWED,RWED,,)",
            "SECRET.TXT;1  %RMS-E-PRV, insufficient privilege or file protection violation",
            "LAST.TXT;1",
            "",
            "Total of 7 files, 432 blocks.",
        ],
        &[
            "File - 1996-12-30 17:44 [00README.TXT]",
            "Directory - 1996-09-08 16:09 [CORE]",
            "File - 1996-01-29 03:33 [A_NAME_THAT_IS_RATHER_LONG.TEX]",
            "File - - [SECRET.TXT]",
            "File - - [LAST.TXT]",
        ],
    );
    check(Format::Vms, &["LAST.TXT;1"], &["File - - [LAST.TXT]"]);
}

#[test]
fn the_first_entry_decides_the_format() {
    check(
        Format::Unix,
        &["-rw-r--r-- 1 me us 5 Apr 22 2024 x", "07-12-24  10:20AM  <DIR>  y"],
        &["File 5 2024-04-22 [x]", "unread [07-12-24  10:20AM  <DIR>  y]"],
    );
    let (found, format) = list(&["total 0", "insgesamt 12", "what is this"]);
    assert_eq!((found.iter().map(shown).collect(), format), (vec!["unread [what is this]".to_owned()], None));
}

#[test]
fn h25_names_that_lead_elsewhere_or_end_a_command_are_refused() {
    let unix = |name: &str| format!("-rw-r--r-- 1 me us 5 Apr 22 2024 {name}");
    for (name, why) in [
        ("../x", Unfit::Path),
        ("/etc/passwd", Unfit::Path),
        ("..", Unfit::Path), // a file of that name
        ("a\rDELE b", Unfit::LineEnd),
        ("\rx", Unfit::LineEnd),
        ("a\nb", Unfit::LineEnd),
        ("a\0", Unfit::LineEnd),
    ] {
        let refused = [ListingItem::Refused { name: name.as_bytes().to_vec(), why }];
        assert_eq!(list(&[&unix(name)]).0, refused, "{name:?}");
        let facts = format!("type=file;size=5; {name}");
        assert_eq!(read(Lister::of_facts(), &[&facts]).0, refused, "{name:?}");
        assert_eq!(list(&[&format!("+r,s5,\t{name}")]).0, refused, "{name:?}");
    }
    assert_eq!(shown(&list(&[&unix("-rf \"x\"")]).0[0]), "File 5 2024-04-22 [-rf \"x\"]");
}

#[test]
fn mlsd_and_nlst_are_read_by_the_same_reader() {
    let shown = |lister, lines: &[&str]| read(lister, lines).0.iter().map(shown).collect::<Vec<_>>();
    assert_eq!(
        shown(
            Lister::of_facts(),
            &["type=cdir;modify=20241122000000; /pub", "Type=file;Size=3;  a", "no facts", "type=dir; "]
        ),
        [
            "Current - 2024-11-22 00:00:00Z [/pub]",
            "File 3 - [ a]",
            "unread [no facts]",
            "unread [type=dir; ]"
        ]
    );
    assert_eq!(
        shown(Lister::of_names(), &["/pub/a b", "c/", ".", "..", "../x", "x\ry", "/"]),
        [
            "Other - - [a b]",
            "Directory - - [c]",
            "Current - - [.]",
            "Parent - - [..]",
            "refused [../x]: Path",
            "refused [x\\ry]: LineEnd",
            "unread [/]"
        ]
    );
}

#[test]
fn lines_that_are_not_entries_are_skipped() {
    for line in [
        "-rw-r--r--",
        "-rw-r--r-- 1 me us 5 Apr 22 2024",
        "-rw-r--r-- 1 me us 5 Apr 22 2024 ",
        "-rw-r--r-- 1 me us 5 Foo 22 2024 x",
        "-rw-r--r-- 1 me us 5 Apr 31 2024 x",
        "-rw-r--r-- 1 me us 5 Apr 22 24:00 x",
        "?rwxrwxrwx 1 me us 5 Apr 22 2024 x",
        "07-12-24 10:20AM <DIR>",
        "07-12-24 13:20AM <DIR> x",
        "07-12-24 10:20AM five x",
        "13-32-24 10:20AM 5 x",
        "+r,s5, no tab",
        "+r,s5,\t",
        "a name.txt;1 2 30-DEC-1996",
        "NAME.TXT; 2 30-DEC-1996",
    ] {
        assert_eq!(list(&[line]).0, [ListingItem::Unread(line.as_bytes().to_vec())], "{line}");
    }
}

#[test]
fn our_own_lines_are_read_back() {
    let line = "-rw-r-----   1 ftp      ftp        4294967297 Nov 20  2025 a b";
    let (found, _) = list(&[line]);
    let Some(ListingItem::Entry(entry)) = found.first() else { panic!() };
    assert_eq!(entry.mode, Some(0o640));
    assert_eq!(list_line(entry, now()), line.as_bytes());
    let special = list(&["-rwsr-x--T 1 me us 5 Nov 20 2025 x"]).0;
    let Some(ListingItem::Entry(entry)) = special.first() else { panic!() };
    assert_eq!(entry.mode, Some(0o5750));
}

#[test]
fn a_refusal_may_mean_an_empty_directory() {
    let reply = |text: &str| Reply { code: Code(550), lines: vec![text.as_bytes().to_vec()] };
    assert!(is_empty_listing(&reply("No files found.")));
    assert!(!is_empty_listing(&reply("x: No such file or directory")));
}

#[test]
fn a_positive_reply_may_tell_that_names_are_missing() {
    let check = |lines: &[&str], expect| {
        let lines = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        assert_eq!(cut(&Reply { code: Code(226), lines }), expect);
    };
    check(&["Transfer done (but failed to open directory)."], Some(Cut::Unopened));
    check(&["Sorry, we were unable to read [x]", "0 matches total"], Some(Cut::Unopened));
    check(&["Options: -a -l", "Output truncated to 10000 matches"], Some(Cut::Short));
    check(&["Options: -a -l", "27 matches total"], None);
    check(&["Directory send OK."], None);
}

fn parse(line: &str) -> Entry {
    parse_facts(line.as_bytes()).unwrap()
}

#[test]
fn e20_facts_are_read_in_any_case_and_the_name_as_it_is() {
    let entry = parse(
        "Type=File;SIZE=4294967297;modify=20261120102030.123;Perm=ADFRW;unique=8U1;UNIX.mode=0640;x.y=z;  a ; b ",
    );
    assert_eq!(entry.kind, Kind::File);
    assert_eq!(entry.size, Some(4_294_967_297));
    assert_eq!(entry.modified, when(2026, 11, 20, 10, 20, 30));
    assert_eq!(entry.perm.as_deref(), Some("adfrw"));
    assert_eq!(entry.unique.as_deref(), Some("8U1"));
    assert_eq!(entry.mode, Some(0o640));
    assert_eq!(entry.name.as_bytes(), b" a ; b ");
}

#[test]
fn kinds_of_entries_are_distinguished() {
    for (value, kind) in [
        ("dir", Kind::Directory),
        ("cdir", Kind::Current),
        ("pdir", Kind::Parent),
        ("OS.unix=slink:/target", Kind::Link),
        ("OS.UNIX=symlink", Kind::Link),
        ("OS.unix=chr-13/29", Kind::Other),
    ] {
        assert_eq!(parse(&format!("type={value}; x")).kind, kind, "{value}");
    }
    assert_eq!(parse(" type=file; x").kind, Kind::File); // as on a line of MLST
    assert_eq!(parse(" x y").name.as_bytes(), b"x y"); // no facts at all are legal
    assert_eq!(parse("type=file x").kind, Kind::File); // without the last semicolon
}

#[test]
fn malformed_facts_are_refused() {
    for line in
        ["", " ", "total 12", "type=file;", "type=file; ", "type; x", "drwxr-xr-x 2 a b 1 Jan 1 2020 x"]
    {
        assert_eq!(parse_facts(line.as_bytes()), None, "{line}");
    }
    for line in [&b"type=file; a\rb"[..], b"type=file; a\nb", b"type=file; a\0b", b"\xff=x; a"] {
        assert_eq!(parse_facts(line), None, "{}", line.escape_ascii());
    }
}

#[test]
fn values_that_cannot_be_are_unknown() {
    let entry = parse("type=file;size=-1;modify=20261399000000;unix.mode=9; x");
    assert_eq!((entry.size, entry.modified, entry.mode), (None, None, None));
    assert_eq!(parse("size=18446744073709551616; x").size, None);
}

#[test]
fn sizes_and_times_are_read_from_replies() {
    assert_eq!(told_size(b"1024"), Some(1024));
    assert_eq!(told_size(b"1024 Bytes"), Some(1024));
    assert_eq!(told_size(b"7 wonders.txt 1024"), Some(1024));
    assert_eq!(told_size(b"nothing"), None);
    assert_eq!(told_time(b"19700101000001.123"), Some(When(1)));
    assert_eq!(told_time(b"soon"), None);
}
