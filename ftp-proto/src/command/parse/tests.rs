//! Lines as people and programs send them, in both dialects.

use super::*;
use Dialect::{Rfc354, Rfc959};

fn both(line: &str, expect: Command) {
    for dialect in [Rfc354, Rfc959] {
        assert_eq!(parse(line.as_bytes(), dialect), Ok(expect.clone()), "{line} in {dialect:?}");
    }
}

fn refused(line: &[u8], verb: Option<Verb>, fault: Fault) {
    for dialect in [Rfc354, Rfc959] {
        assert_eq!(
            parse(line, dialect),
            Err(CommandError { verb, fault }),
            "{} in {dialect:?}",
            line.escape_ascii()
        );
    }
}

fn path(name: &str) -> PathName {
    PathName::from_wire(name).unwrap()
}

#[test]
fn a01_a_verb_counts_in_any_case() {
    both("rEtR x", Command::Retr(path("x")));
}

#[test]
fn a02_a_parameter_letter_counts_in_any_case() {
    both("type a", Command::Type(DataType::Ascii));
    both("TYPE A N", Command::Type(DataType::Ascii));
    both("type i", Command::Type(DataType::Image));
    both("type l 8", Command::Type(DataType::Local8));
    both("mode s", Command::Mode(Mode::Stream));
    both("stru f", Command::Stru(Structure::File));
}

#[test]
fn a03_bye_needs_no_blank() {
    both("BYE", Command::Quit);
    both("BYE ", Command::Quit);
    both("  quit  ", Command::Quit);
}

#[test]
fn a04_blanks_separate_in_1973_and_belong_to_the_name_today() {
    let sock = Command::Sock(parse_sock(b"40002").unwrap());
    both("SOCK   40002", sock);
    assert_eq!(parse(b"RETR   x y", Rfc354), Ok(Command::Retr(path("x y"))));
    assert_eq!(parse(b"RETR  x", Rfc959), Ok(Command::Retr(path(" x"))));
    assert_eq!(parse(b"RETR x ", Rfc959), Ok(Command::Retr(path("x "))));
    assert_eq!(parse(b"LIST  ", Rfc354), Ok(Command::List(None)));
}

#[test]
fn a14_a_name_keeps_cr_and_cannot_hold_nul_or_lf() {
    both("STOR a\rb", Command::Stor(path("a\rb")));
    refused(b"RETR a\nDELE b", Some(Verb::Retr), Fault::BadName);
    refused(b"MLSD a\0b", Some(Verb::Mlsd), Fault::BadName);
    refused(b"LIST -l a\nb", Some(Verb::List), Fault::BadName);
    refused(b"RETR \nb", Some(Verb::Retr), Fault::BadName);
    refused(b"TYPE A\n", Some(Verb::Type), Fault::Syntax);
    refused(b"\nNOOP", None, Fault::Unknown);
}

#[test]
fn a17_unknown_and_empty_lines_are_distinguished() {
    refused(b"XYZZY now", None, Fault::Unknown);
    refused(b"GET / HTTP/1.1", None, Fault::Unknown);
    refused(b"\xff\x00", None, Fault::Unknown);
    refused(b"", None, Fault::Empty);
    refused(b"   ", None, Fault::Empty);
}

#[test]
fn a18_x_forms_are_the_plain_verbs() {
    both("XCWD a", Command::Cwd(path("a")));
    both("XPWD", Command::Pwd);
    both("XMKD a", Command::Mkd(path("a")));
    both("XRMD a", Command::Rmd(path("a")));
    both("XCUP", Command::Cdup);
}

#[test]
fn b06_a_bad_sock_is_a_syntax_error_of_sock() {
    for bad in ["SOCK abc", "SOCK 1,", "SOCK ,1", "SOCK 1,2,3", "SOCK 1 x"] {
        refused(bad.as_bytes(), Some(Verb::Sock), Fault::Syntax);
    }
}

#[test]
fn b07_sock_without_argument_is_missing_it() {
    refused(b"SOCK", Some(Verb::Sock), Fault::Missing);
    refused(b"SOCK ", Some(Verb::Sock), Fault::Missing);
}

#[test]
fn b08_b09_numbers_of_sock_have_ranges() {
    refused(b"SOCK 4294967296", Some(Verb::Sock), Fault::OutOfRange);
    refused(b"SOCK 65538", Some(Verb::Sock), Fault::NotAPort);
    refused(b"SOCK 255,40004", Some(Verb::Sock), Fault::UnknownHost);
}

#[test]
fn c03_lstn_takes_its_letter_in_any_case() {
    both("lstn r", Command::Lstn(Direction::Receive));
    both("LSTN S", Command::Lstn(Direction::Send));
    refused(b"LSTN", Some(Verb::Lstn), Fault::Missing);
}

#[test]
fn c05_lstn_with_another_letter_is_a_syntax_error() {
    refused(b"LSTN Q", Some(Verb::Lstn), Fault::Syntax);
    refused(b"LSTN R S", Some(Verb::Lstn), Fault::Syntax);
}

#[test]
fn d15_rtrv_is_retr() {
    both("RTRV x", Command::Retr(path("x")));
}

#[test]
fn d19_eprt_takes_both_delimiters() {
    let eprt = Command::Eprt("192.0.2.1:40004".parse().unwrap());
    both("EPRT |1|192.0.2.1|40004|", eprt.clone());
    both("EPRT !1!192.0.2.1!40004!", eprt);
    both("EPRT |7|x|1|", Command::EprtUnknown(7));
    refused(b"EPRT", Some(Verb::Eprt), Fault::Missing);
}

#[test]
fn e16_legal_types_that_are_not_served_are_not_syntax_errors() {
    for line in ["TYPE E", "TYPE A T", "TYPE A C", "TYPE P", "TYPE L 36", "TYPE E N"] {
        both(line, Command::Type(DataType::Unserved));
    }
    both("MODE C", Command::Mode(Mode::Unserved(b'C')));
    both("stru r", Command::Stru(Structure::Unserved(b'R')));
    refused(b"TYPE 1", Some(Verb::Type), Fault::Syntax);
    refused(b"MODE 1", Some(Verb::Mode), Fault::Syntax);
    refused(b"STRU .", Some(Verb::Stru), Fault::Syntax);
    refused(b"TYPE I N", Some(Verb::Type), Fault::Syntax);
    refused(b"TYPE L x", Some(Verb::Type), Fault::Syntax);
    refused(b"TYPE", Some(Verb::Type), Fault::Missing);
    refused(b"MODE SS", Some(Verb::Mode), Fault::Syntax);
}

#[test]
fn epsv_knows_its_four_forms() {
    both("EPSV", Command::Epsv(Epsv::Same));
    both("EPSV 1", Command::Epsv(Epsv::V4));
    both("EPSV 2", Command::Epsv(Epsv::V6));
    both("epsv all", Command::Epsv(Epsv::All));
    both("EPSV 3", Command::Epsv(Epsv::Unknown(3)));
    refused(b"EPSV x", Some(Verb::Epsv), Fault::Syntax);
}

#[test]
fn numbers_are_decimal_and_64_bits() {
    both("REST 18446744073709551615", Command::Rest(u64::MAX));
    refused(b"REST 18446744073709551616", Some(Verb::Rest), Fault::OutOfRange);
    refused(b"REST -1", Some(Verb::Rest), Fault::Syntax);
    refused(b"REST", Some(Verb::Rest), Fault::Missing);
    both("ALLO 10", Command::Allo(10));
    both("ALLO 10 R 5", Command::Allo(10));
    refused(b"ALLO 10 R", Some(Verb::Allo), Fault::Syntax);
    both("BYTE 8", Command::Byte(8));
    both("BYTE 36", Command::Byte(36));
    refused(b"BYTE 0", Some(Verb::Byte), Fault::Syntax);
    refused(b"BYTE 256", Some(Verb::Byte), Fault::Syntax);
    both("PORT 127,0,0,3,156,66", Command::Port("127.0.0.3:40002".parse().unwrap()));
    refused(b"PORT 127,0,0,3,156,256", Some(Verb::Port), Fault::Syntax);
    refused(b"PORT", Some(Verb::Port), Fault::Missing);
}

#[test]
fn opts_knows_the_options_that_are_served() {
    both("OPTS UTF8 ON", Command::Opts(Opts::Utf8));
    both("opts utf8", Command::Opts(Opts::Utf8));
    both("OPTS HASH", Command::Opts(Opts::Hash(None)));
    both("OPTS HASH sha-256", Command::Opts(Opts::Hash(Some(Algorithm::Sha256))));
    both("OPTS MLST Type;size;", Command::Opts(Opts::Mlst(vec!["type".into(), "size".into()])));
    both("OPTS MLST", Command::Opts(Opts::Mlst(vec![])));
    both("OPTS STOR PARTIAL KEEP", Command::Opts(Opts::Partial(Partial::Keep)));
    both("OPTS STOR PARTIAL DISCARD", Command::Opts(Opts::Partial(Partial::Discard)));
    both("OPTS UTF8 OFF", Command::Opts(Opts::Unknown(b"UTF8 OFF".to_vec())));
    refused(b"OPTS HASH whirlpool", Some(Verb::Opts), Fault::Syntax);
    refused(b"OPTS", Some(Verb::Opts), Fault::Missing);
}

#[test]
fn listings_ignore_options_of_ls() {
    both("LIST -la", Command::List(None));
    both("NLST -a -l dir", Command::Nlst(Some(path("dir"))));
    both("LIST ./-la", Command::List(Some(path("./-la"))));
    both("MLSD -la", Command::Mlsd(Some(path("-la"))));
}

#[test]
fn access_commands_keep_their_arguments_whole() {
    both("PASS a b ", Command::Pass(Secret::new("a b ")));
    both("PASS", Command::Pass(Secret::default()));
    both("USER anonymous", Command::User(b"anonymous".to_vec()));
    both("help sock", Command::Help(Some(b"SOCK".to_vec())));
    both("RNDZ", Command::Rndz(None));
    both("QUOT SITE x", Command::Other(Verb::Quot, b"SITE x".to_vec()));
    both("PRET RETR a b", Command::Pret(Box::new(Command::Retr(path("a b")))));
    refused(b"PRET PRET RETR a", Some(Verb::Pret), Fault::Syntax);
    refused(b"USER", Some(Verb::User), Fault::Missing);
    refused(b"RNDZ 00", Some(Verb::Rndz), Fault::Syntax);
    refused(b"PASV 1", Some(Verb::Pasv), Fault::Syntax);
}
