//! The grammar for any bytes in any pieces, with the public interface only: what is written is read
//! back, and nothing panics.

use ftp_proto::address::{self, SockTarget};
use ftp_proto::command::{Command, DataType, Direction, Epsv, Mode, Opts, Partial, Structure, VERBS, parse};
use ftp_proto::dialect::Dialect;
use ftp_proto::digest::{Algorithm, parse_answer};
use ftp_proto::feature::Capabilities;
use ftp_proto::listing::{Entry, Kind, Lister, ListingItem, When, facts_line, list_line, parse_facts};
use ftp_proto::rendezvous::RendezvousSecret;
use ftp_proto::reply::{Code, Meaning, NotFtp, Reply, ReplyReader, blame, classify, write};
use ftp_proto::wire::{Item, LineReader, PathName, Secret};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};

fn dialects() -> impl Strategy<Value = Dialect> {
    prop_oneof![Just(Dialect::Rfc354), Just(Dialect::Rfc959)]
}

/// Bytes in which the signs of the grammar are frequent.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let sign = prop_oneof![
        3 => any::<u8>(),
        2 => proptest::sample::select(&b"\r\n\0 \xff\xf2\xf4\xfd\xfa\xf0-,|();=\"0123456789"[..]),
        1 => proptest::sample::select(&b"SOCKLSTNretr"[..]),
    ];
    prop::collection::vec(sign, 0..200)
}

/// The same bytes in random pieces.
fn pieces(bytes: &[u8], cuts: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.sort_unstable();
    let (mut rest, mut done, mut pieces) = (bytes, 0, Vec::new());
    for cut in at {
        let (piece, after) = rest.split_at(cut - done);
        pieces.push(piece.to_vec());
        (rest, done) = (after, cut);
    }
    pieces.push(rest.to_vec());
    pieces
}

fn lines(pieces: &[Vec<u8>]) -> Vec<Item> {
    let mut reader = LineReader::new(64);
    let mut found = Vec::new();
    for piece in pieces {
        reader.push(piece);
        found.extend(std::iter::from_fn(|| reader.next()));
    }
    found
}

fn replies(pieces: &[Vec<u8>]) -> Vec<Result<Reply, NotFtp>> {
    let mut reader = ReplyReader::new();
    let mut found = Vec::new();
    for piece in pieces {
        reader.push(piece);
        loop {
            match reader.next() {
                Ok(Some(reply)) => found.push(Ok(reply)),
                Ok(None) => break,
                Err(failed) => {
                    found.push(Err(failed));
                    return found;
                }
            }
        }
    }
    found
}

/// Names that both dialects can carry. In 1973 a blank before the name is lost (A04).
fn names() -> impl Strategy<Value = PathName> {
    prop::collection::vec(prop_oneof![any::<u8>(), Just(b' '), Just(b'\r'), Just(0xFF)], 1..30)
        .prop_filter_map(
            "a name",
            |name: Vec<u8>| {
                if name.starts_with(b" ") { None } else { PathName::from_wire(name).ok() }
            },
        )
}

/// Names that LIST and NLST can carry: one with a dash in front becomes `./-name`.
fn listed() -> impl Strategy<Value = Option<PathName>> {
    prop::option::of(names().prop_filter("no option", |name| !name.as_bytes().starts_with(b"-")))
}

/// Addresses as they are written: an IPv4-mapped one is written as IPv4.
fn addresses() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (256..=u32::MAX).prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from(bits)).to_canonical()),
    ]
}

fn sockets() -> impl Strategy<Value = Command> {
    prop_oneof![
        (prop::option::of(addresses()), any::<u16>())
            .prop_map(|(host, port)| Command::Sock(SockTarget { host, port })),
        prop_oneof![Just(Direction::Send), Just(Direction::Receive)].prop_map(Command::Lstn),
        (any::<u32>(), any::<u16>())
            .prop_map(|(ip, port)| Command::Port(SocketAddrV4::new(Ipv4Addr::from(ip), port))),
        (addresses(), any::<u16>()).prop_map(|(ip, port)| Command::Eprt(SocketAddr::new(ip, port))),
        (3..=u32::MAX).prop_map(Command::EprtUnknown),
        any::<u64>().prop_map(Command::Pbsz),
        (3..=u32::MAX).prop_map(|family| Command::Epsv(Epsv::Unknown(family))),
        proptest::sample::select(vec![Epsv::Same, Epsv::V4, Epsv::V6, Epsv::All]).prop_map(Command::Epsv),
        prop::option::of(any::<[u8; 32]>()).prop_map(|s| Command::Rndz(s.map(RendezvousSecret::new))),
    ]
}

fn paths() -> impl Strategy<Value = Command> {
    prop_oneof![
        names().prop_map(Command::Retr),
        names().prop_map(Command::Stor),
        names().prop_map(Command::Appe),
        names().prop_map(Command::Size),
        names().prop_map(Command::Mdtm),
        names().prop_map(Command::Hash),
        names().prop_map(Command::Rnfr),
        names().prop_map(Command::Rnto),
        names().prop_map(Command::Dele),
        names().prop_map(Command::Mkd),
        names().prop_map(Command::Rmd),
        names().prop_map(Command::Cwd),
        listed().prop_map(Command::List),
        listed().prop_map(Command::Nlst),
        prop::option::of(names()).prop_map(Command::Mlsd),
        prop::option::of(names()).prop_map(Command::Mlst),
        prop::option::of(names()).prop_map(Command::Stat),
    ]
}

fn others() -> impl Strategy<Value = Command> {
    let text = || prop::collection::vec(0x21_u8..=0x7E, 1..20);
    prop_oneof![
        text().prop_map(Command::User),
        text().prop_map(|secret| Command::Pass(Secret::new(secret))),
        text().prop_map(|secret| Command::Acct(Secret::new(secret))),
        any::<u64>().prop_map(Command::Rest),
        any::<u64>().prop_map(Command::Allo),
        (1..=u8::MAX).prop_map(Command::Byte),
        "[A-Z]{3,4}".prop_map(|verb| Command::Help(Some(verb.into_bytes()))),
        prop::collection::vec("[a-z.]{1,9}", 1..5).prop_map(|facts| Command::Opts(Opts::Mlst(facts))),
        proptest::sample::select(vec![
            Command::Rein,
            Command::Quit,
            Command::Pasv,
            Command::Actv,
            Command::Gsoc,
            Command::Cdup,
            Command::Pwd,
            Command::Abor,
            Command::Noop,
            Command::Syst,
            Command::Feat,
            Command::Help(None),
            Command::Type(DataType::Ascii),
            Command::Type(DataType::Image),
            Command::Type(DataType::Local8),
            Command::Type(DataType::Unserved),
            Command::Mode(Mode::Stream),
            Command::Mode(Mode::Block),
            Command::Mode(Mode::Deflate),
            Command::Mode(Mode::Unserved(b'C')),
            Command::Stou,
            Command::Ccc,
            Command::Cpsv,
            Command::Sscn(None),
            Command::Sscn(Some(true)),
            Command::Sscn(Some(false)),
            Command::Pinc(None),
            Command::Rang(None),
            Command::Stru(Structure::File),
            Command::Stru(Structure::Unserved(b'P')),
            Command::Opts(Opts::Utf8),
            Command::Opts(Opts::Hash(None)),
            Command::Opts(Opts::Hash(Some(Algorithm::Sha256))),
            Command::Opts(Opts::Partial(Partial::Keep)),
            Command::Opts(Opts::Partial(Partial::Discard)),
            Command::Opts(Opts::Partial(Partial::Publish)),
            Command::Opts(Opts::Deflate),
            Command::Opts(Opts::Unknown(b"RETR QUICKLY".to_vec())),
        ]),
    ]
}

fn entries() -> impl Strategy<Value = Entry> {
    let names = prop::collection::vec(any::<u8>(), 1..30)
        .prop_filter_map("a name without CR", |name| PathName::from_user(name).ok());
    let kinds = vec![Kind::File, Kind::Directory, Kind::Current, Kind::Parent, Kind::Link, Kind::Other];
    let times = -62_167_219_200_i64..=253_402_300_799; // the years 0 to 9999
    (
        names,
        proptest::sample::select(kinds),
        prop::option::of(any::<u64>()),
        prop::option::of(times.prop_map(When)),
        prop::option::of(0_u32..=0o7777),
        prop::option::of("[acdeflmprw]{1,8}"),
        prop::option::of("[0-9A-Zg-z]{1,12}"),
    )
        .prop_map(|(name, kind, size, modified, mode, perm, unique)| Entry {
            size,
            modified,
            mode,
            perm,
            unique,
            ..Entry::new(name, kind)
        })
}

/// Lines of which many are almost those of a listing.
fn list_lines() -> impl Strategy<Value = Vec<u8>> {
    let words = proptest::sample::select(vec![
        "-rw-r--r--",
        "drwxr-xr-x",
        "d",
        "[RWCEAFMS]",
        "1",
        "0",
        "18446744073709551616",
        "8,0",
        "0x3",
        "Nov",
        "20",
        "2026",
        "10:20",
        "10:20:30",
        "2026-11-20",
        "11-20",
        "+0100",
        "+99",
        "07-12-24",
        "10:20PM",
        "<DIR>",
        "<SYMLINK>",
        "+i1,m9223372036854775807,s1,/,\t",
        "+r,\t",
        "A.DIR;1",
        ".DIR;1",
        "A.B;99999999999",
        "2/3",
        "30-DEC-1996",
        "total",
        "Directory",
        "type=dir;size=1;",
        "->",
        "[",
        "a/b",
        "../x",
        "..",
        ".",
        "x\ry",
        "x\0",
        "\u{e9}",
        "",
    ]);
    let line = prop::collection::vec(words, 0..12).prop_map(|words| words.join(" ").into_bytes());
    prop_oneof![4 => line, 1 => any_bytes()]
}

/// What the server reads of the line that the user agent writes.
fn read_back(command: &Command, dialect: Dialect) -> Vec<Item> {
    let mut reader = LineReader::new(4096);
    reader.push(&command.to_line(dialect));
    std::iter::from_fn(|| reader.next()).collect()
}

#[test]
fn h03_the_port_of_a_255_is_read_off_the_wire() {
    for good in [
        "255 SOCK 40002\r\n",
        "255 SOCK  40002 foo\r\n",
        "255  sock 40002\n",
        "255-SOCK 40002\r\n255 is where it listens\r\n",
        "255-The socket is\r\n255 SOCK 40002\r\n",
    ] {
        let found = replies(&[good.as_bytes().to_vec()]);
        let [Ok(reply)] = found.as_slice() else { panic!("not one reply: {good}") };
        assert_eq!(reply.lines.iter().find_map(|line| address::parse_255(line)), Some(40002), "{good}");
    }
    for bad in ["255 SOCK\r\n", "255 SOCK 65536\r\n", "255 SOCK 0\r\n", "255\r\n"] {
        let found = replies(&[bad.as_bytes().to_vec()]);
        let [Ok(reply)] = found.as_slice() else { panic!("not one reply: {bad}") };
        assert_eq!(reply.lines.iter().find_map(|line| address::parse_255(line)), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn a_command_that_is_written_is_read_back(
        command in prop_oneof![sockets(), paths(), others()],
        dialect in dialects(),
    ) {
        let items = read_back(&command, dialect);
        let [Item::Line(line)] = items.as_slice() else { panic!("not one line: {items:?}") };
        prop_assert_eq!(parse(line, dialect), Ok(command));
    }

    #[test]
    fn h25_no_argument_begins_a_second_command(argument in any_bytes(), dialect in dialects()) {
        for command in [
            Command::User(argument.clone()),
            Command::Pass(Secret::new(argument.clone())),
            Command::Help(Some(argument.clone())),
            Command::Opts(Opts::Unknown(argument.clone())),
        ] {
            prop_assert_eq!(read_back(&command, dialect).len(), 1);
            prop_assert!(!command.redacted(dialect).contains(['\r', '\n', '\0']));
        }
    }

    #[test]
    fn a05_a06_lines_are_the_same_in_any_pieces(bytes in any_bytes(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..9)) {
        let whole = lines(std::slice::from_ref(&bytes));
        prop_assert_eq!(lines(&pieces(&bytes, &cuts)), whole.clone());
        for item in whole {
            if let Item::Line(line) = item {
                prop_assert!(line.len() <= 64);
            }
        }
    }

    #[test]
    fn a13_a_reader_is_in_step_after_any_line(mut bytes in any_bytes()) {
        bytes.retain(|byte| !matches!(byte, 0xFF | b'\r' | b'\n')); // no Telnet, no other line end
        bytes.extend_from_slice(b"\r\nNOOP\r\n");
        let found = lines(&[bytes]);
        prop_assert_eq!(found.last(), Some(&Item::Line(b"NOOP".to_vec())));
    }

    #[test]
    fn replies_are_the_same_in_any_pieces(bytes in any_bytes(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..9)) {
        let bytes = [b"220 Ready\r\n", bytes.as_slice()].concat();
        prop_assert_eq!(replies(&pieces(&bytes, &cuts)), replies(&[bytes]));
    }

    #[test]
    fn a11_a_reply_that_is_written_is_read_back_as_one(
        texts in prop::collection::vec(any_bytes(), 1..5),
        dialect in dialects(),
    ) {
        let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        let bytes = write(dialect, Meaning::SystemStatus, &texts);
        let found = replies(&[bytes]);
        prop_assert_eq!(found.len(), 1);
        let reply = found[0].clone().unwrap();
        prop_assert_eq!(reply.code, Meaning::SystemStatus.code(dialect));
        prop_assert_eq!(reply.lines.len(), texts.len());
    }

    #[test]
    fn parsers_take_any_bytes(bytes in any_bytes(), dialect in dialects(), code in 0_u16..1000) {
        let _ = parse(&bytes, dialect);
        let _ = address::parse_sock(&bytes);
        let _ = address::parse_eprt(&bytes);
        let _ = address::parse_port(&bytes);
        let _ = address::parse_227(&bytes);
        let _ = address::parse_229(&bytes);
        let _ = address::parse_255(&bytes);
        let _ = parse_facts(&bytes);
        let lines: Vec<Vec<u8>> = bytes.split(|o| *o == b'\n').map(<[u8]>::to_vec).collect();
        let reply = Reply { code: Code(code), lines };
        let _ = Capabilities::from_reply(dialect, &reply);
        let name = PathName::from_user("0 file").unwrap();
        let _ = parse_answer(Algorithm::Crc32, &reply.lines, &name);
        prop_assert!(!reply.display().contains(['\r', '\n', '\0']));
        for row in VERBS {
            let _ = classify(dialect, row.verb, reply.code);
            let _ = blame(dialect, row.verb, &reply);
        }
    }

    #[test]
    fn parsers_take_any_argument_of_any_verb(row in proptest::sample::select(VERBS), argument in any_bytes(), dialect in dialects()) {
        let line = [row.name.as_bytes(), b" ", &argument].concat();
        match parse(&line, dialect) {
            Ok(command) => prop_assert_eq!(command.verb(), row.verb),
            Err(error) => prop_assert_eq!(error.verb, Some(row.verb)),
        }
    }

    #[test]
    fn e20_facts_that_are_written_are_read_back(entry in entries()) {
        prop_assert_eq!(parse_facts(&facts_line(&entry, None)), Some(entry));
    }

    #[test]
    fn lines_of_list_are_read_back(entry in entries(), now in any::<i64>()) {
        let line = list_line(&entry, When(now));
        if entry.name.as_bytes()[0].is_ascii_whitespace() || entry.kind == Kind::Link {
            return Ok(()); // blanks before a name are lost in LIST, a link's arrow ends it
        }
        let mut lister = Lister::of_list(When(now));
        lister.push(&line);
        match lister.next() {
            Some(ListingItem::Entry(found)) => {
                prop_assert_eq!(found.name, entry.name);
                let size = if entry.kind == Kind::Other { None } else { Some(entry.size.unwrap_or(0)) };
                prop_assert_eq!(found.size, size);
            }
            Some(ListingItem::Refused { name, .. }) => {
                prop_assert!(name.contains(&b'/') || name.contains(&b'\r'), "{}", line.escape_ascii());
            }
            Some(ListingItem::Unread(_)) | None => {
                let year = entry.modified.map_or(1970, |at| ftp_proto::listing::civil(at).year);
                prop_assert!(year < 1900, "{} was not read", line.escape_ascii());
            }
        }
    }

    #[test]
    fn h25_no_listing_gives_a_name_that_leads_elsewhere(lines in prop::collection::vec(list_lines(), 0..12), now in any::<i64>()) {
        for mut lister in [Lister::of_list(When(now)), Lister::of_facts(), Lister::of_names()] {
            for line in &lines {
                lister.push(line);
            }
            lister.end();
            while let Some(found) = lister.next() {
                let ListingItem::Entry(entry) = found else { continue };
                let name = entry.name.as_bytes();
                prop_assert!(!name.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
                prop_assert!(!name.contains(&b'/') || matches!(entry.kind, Kind::Current | Kind::Parent));
            }
        }
    }

    #[test]
    fn h07_a_227_is_found_behind_any_words(words in "[a-zA-Z .:(=]{0,40}", ip in any::<u32>(), port in any::<u16>()) {
        let address = SocketAddrV4::new(Ipv4Addr::from(ip), port);
        let text = format!("{words}{}", address::format_port(address));
        prop_assert_eq!(address::parse_227(text.as_bytes()), Some(address));
    }
}
