//! Places as people write them.

use super::*;
use crate::failure::Kind;
use ftp_proto::client::Security;
use ftp_proto::wire::{PathName, Secret};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

/// A name of a server or of this host.
pub(crate) fn path(text: impl AsRef<OsStr>) -> PathName {
    PathName::from_user(text.as_ref().as_bytes()).unwrap()
}

/// A place as it is typed.
pub(crate) fn location(text: &str) -> Location {
    Location::parse(text.as_bytes(), &Netrc::default()).unwrap()
}

/// A place at a server, as it is typed.
pub(crate) fn remote(text: &str) -> Remote {
    match Place::parse(text.as_bytes()) {
        Ok(Place::Remote(remote)) => remote,
        other => panic!("{text}: {other:?}"),
    }
}

/// A server to which the settings give this name.
pub(crate) fn named_site(name: &str, url: &str) -> (String, Remote) {
    let mut remote = remote(url);
    let (name, base) = (name.to_owned(), remote.path.name.clone());
    let settings = SiteSettings { name: name.clone(), base, ..SiteSettings::default() };
    remote.site.named = Some(Arc::new(settings));
    (name, remote)
}

#[test]
fn urls_are_taken_apart() {
    let check = |text: &str, user: Option<&str>, password: Option<&str>, host: &str, port: u16| {
        let site = remote(text).site;
        assert_eq!(site.user.as_deref(), user.map(str::as_bytes), "{text}");
        assert_eq!(site.password.as_ref().map(Secret::expose), password.map(str::as_bytes), "{text}");
        assert_eq!((site.host.as_str(), site.port), (host, port), "{text}");
    };
    check("ftp://host.example/a", None, None, "host.example", 21);
    check("FTP://Host.Example", None, None, "host.example", 21);
    check("ftp://user@host.example:2121/a", Some("user"), None, "host.example", 2121);
    check("ftp://user:@127.0.0.2/", Some("user"), Some(""), "127.0.0.2", 21);
    check("ftp://us%40er:p%3Aa:ss@w%2Ford@[::1]:2121/a", Some("us@er"), Some("p:a:ss@w/ord"), "::1", 2121);
    check("ftp://[2001:DB8::1]", None, None, "2001:db8::1", 21);
    check("ftp://[fe80::1%eth0]/x", None, None, "fe80::1%eth0", 21);
}

#[test]
fn the_scheme_says_what_protects_a_site_and_which_port_it_has() {
    let check = |text: &str, security: Security, port: u16, shown: &str| {
        let site = remote(text).site;
        assert_eq!((site.security, site.port), (security, port), "{text}");
        assert_eq!(site.to_string(), shown, "{text}");
    };
    check("ftp://h/a", Security::Offered, 21, "ftp://h");
    check("ftpes://h/a", Security::Explicit, 21, "ftpes://h");
    check("FTPS://h/a", Security::Implicit, 990, "ftps://h");
    check("ftps://h:21/a", Security::Implicit, 21, "ftps://h:21");
    check("ftpes://h:990/a", Security::Explicit, 990, "ftpes://h:990");
    check("ftps://[::1]:990/a", Security::Implicit, 990, "ftps://[::1]");
}

#[test]
fn the_path_of_a_url_is_relative_unless_it_says_so() {
    let check = |text: &str, name: Option<&str>, contents: bool| {
        let path = remote(text).path;
        assert_eq!((path.name, path.contents), (name.map(self::path), contents), "{text}");
    };
    check("ftp://h", None, true);
    check("ftp://h/", None, true);
    check("ftp://h/a/b.txt", Some("a/b.txt"), false);
    check("ftp://h/a/b/", Some("a/b"), true);
    check("ftp://h//srv/a", Some("/srv/a"), false);
    check("ftp://h/%2Fsrv/a", Some("/srv/a"), false);
    check("ftp://h//", Some("/"), true);
    check("ftp://h/a%20b%25#c?d", Some("a b%#c?d"), false);
    check("ftp://h/../a", Some("../a"), false);
    check("ftp://h/-rf", Some("-rf"), false);
    check("ftp://h/%C3%A9\"'", Some("é\"'"), false);
}

#[test]
fn places_that_cannot_be_used_are_refused_before_anything_is_sent() {
    let check = |text: &str, words: &str| {
        let failure = Place::parse(text.as_bytes()).expect_err(text);
        assert_eq!(failure.kind, Kind::Usage, "{text}");
        assert!(failure.to_string().contains(words), "{text}: {failure}");
    };
    check("http://h/a", "http:// is not supported");
    check("ftp:///a", "no host");
    check("ftp://user@/a", "no host");
    check("ftp://:pw@h/a", "no user");
    check("ftp://h:/a", "port");
    check("ftp://h:0/a", "port");
    check("ftp://h:65536/a", "port");
    check("ftp://h:+21/a", "port");
    check("ftp://h:ftp/a", "port");
    check("ftp://::1/a", "brackets");
    check("ftp://[::1/a", "]");
    check("ftp://[::1]x/a", "]");
    check("ftp://[nonsense]/a", "neither a name nor an address");
    check("ftp://a b/c", "neither a name nor an address");
    check("ftp://h/100%", "two hexadecimal digits");
    check("ftp://h/%zz", "two hexadecimal digits");
    check("ftp://u:p/w@h/a", "%2F");
    check("a+b:c", "SITE:path");
    check("[a+b]c", "SITE:path");
    check("@h:/a", "SITE:path");
    check("-", "./-");
    for mistyped in ["ftp//u:p@h/a", "FTP:/h/a", "ftps:h/a", "u:p@h/a", "dir/a:b@c", "f!p://h/a"] {
        check(mistyped, "a URL with a mistake");
    }
    check("", "empty");
}

#[test]
fn h25_carriage_return_line_feed_and_nul_are_refused_in_every_part() {
    for text in [
        "ftp://h/a%0Db",
        "ftp://h/a%0ADELE%20b",
        "ftp://h/a%00",
        "ftp://h/a\nb",
        "ftp://u%0A:p@h/a",
        "ftp://u:p%0D@h/a",
        "a\nb",
    ] {
        let failure = Place::parse(text.as_bytes()).expect_err(text);
        assert_eq!(failure.kind, Kind::Usage, "{text:?}");
    }
}

fn check_local(text: &str, path: &str, contents: bool) {
    let Ok(Place::Local(local)) = Place::parse(text.as_bytes()) else { panic!("{text}") };
    assert_eq!((local.path, local.contents), (PathBuf::from(path), contents), "{text}");
}

#[test]
fn a_local_path_with_a_colon_begins_with_a_dot() {
    for text in ["./a:b", "/a:b/c", "dir/a:b", "./a:b@c", "../a:b@c", "./-", "ftp/a", "name with spaces"] {
        check_local(text, text, false);
    }
    for text in ["dir/", "."] {
        check_local(text, text, true);
    }
}

#[test]
fn a_path_of_this_host_may_be_written_as_the_shell_shows_it() {
    check_local("[]/srv/in", "/srv/in", false);
    check_local("[]a:b", "a:b", false);
    check_local("[]dir/", "dir/", true);
    check_local("[]", "./", true);
}

#[test]
fn the_password_is_never_shown() {
    let place = Place::parse(b"ftp://bob:s3cret@[::1]:2121//srv/a b").unwrap();
    assert_eq!(place.to_string(), "ftp://bob@[::1]:2121//srv/a%20b");
    assert!(!format!("{place:?}").contains("s3cret"));
}

#[test]
fn a_user_is_shown_so_that_it_is_read_again() {
    for user in ["ann", "evil.example/x", "//x", "a:b", "a@b", "a b", "a%2Fb", "[x]", "a#b?c", "z\u{fc}"] {
        let url = format!("ftpes://{}@h.example:2121/x", escaped(user.as_bytes(), b""));
        let place = Place::parse(url.as_bytes()).unwrap();
        let shown = place.to_string();
        assert_eq!(Place::parse(shown.as_bytes()), Ok(place), "{shown}");
    }
}

#[test]
fn a_place_is_shown_without_dots_that_mean_nothing() {
    let check = |name: &str, expect: &str| {
        let path = RemotePath { name: Some(path(name)), ..RemotePath::default() };
        assert_eq!(path.to_string(), expect, "{name}");
    };
    check("a/b", "/a/b");
    check(".", "/");
    check("./a", "/a");
    check("././a/./b/.", "/a/b");
    check("/./a", "//a");
    check("/.", "//");
    check("../a", "/../a");
    check(".a", "/.a");
    check("/", "//");
}

#[test]
fn names_are_joined_and_taken_apart() {
    assert_eq!(base_name(&path("a/b/")), Some(path("b")));
    assert_eq!(base_name(&path("/")), None);
    assert_eq!(base_name(&path("a/..")), None);
    assert_eq!(parent(&path("/a")), Some(path("/")));
    assert_eq!(parent(&path("a")), None);
    assert_eq!(parent(&path("a/b")), Some(path("a")));
    assert_eq!(join(Some(&path("/")), &path("b")), path("/b"));
    assert_eq!(sibling(&path("dir/a"), &path(".x")), path("dir/.x"));
    assert_eq!(sibling(&path("a"), &path(".x")), path(".x"));
}

#[test]
fn a_place_that_cannot_be_read_is_shown_in_one_line() {
    for text in [&b"a:b\nc"[..], b"a:\x1b[2J", b"a\0b:c", b"\xff\n:c"] {
        let failure = Place::parse(text).unwrap_err().to_string();
        assert!(!failure.contains(char::is_control), "{failure:?}");
    }
}

#[test]
fn a_place_of_this_host_is_shown_without_control_characters() {
    let shown = |text: &[u8]| Location::parse(text, &Netrc::default()).unwrap().to_string();
    assert_eq!(shown(b"s1/e\x1b[31mvil"), "s1/e%1B[31mvil");
    assert_eq!(shown("a/\u{e9} b%1B".as_bytes()), "a/\u{e9} b%1B");
    assert_eq!(shown(b"a/\xff"), "a/%FF");
}

#[test]
fn the_last_name_of_a_url_is_a_pattern_unless_it_is_encoded() {
    let check = |text: &str, yes: &[&str], no: &[&str]| {
        let glob = remote(text).path.glob;
        assert_eq!(glob.is_some(), !yes.is_empty(), "{text}");
        for (names, expect) in [(yes, true), (no, false)] {
            for name in names {
                let matches = glob.as_ref().is_some_and(|glob| glob.matches(name.as_bytes()));
                assert_eq!(matches, expect, "{text} {name}");
            }
        }
    };
    check("ftp://h/d/*.txt", &["a.txt", "é.txt"], &[".a.txt", "a.txt.gz"]);
    check("ftp://h/d/a?c", &["abc"], &["ac"]);
    check("ftp://h/[ab]x/", &["ax"], &["cx"]);
    check("ftp://h/*%2A", &["*", "a*"], &["a"]);
    check("ftp://h/%5Ba]?", &["[a]x"], &["ax"]);
    check("ftp://h/%2Fsrv*", &["srv1"], &["/srv1"]);
    check("ftp://h/%2A%3F%5Ba]", &[], &["a"]);
    check("ftp://h/*/a", &[], &["a"]);
    check("ftp://h/a[b", &[], &["a[b"]);
    // The name is what it is, for whoever takes no patterns.
    assert_eq!(remote("ftp://h/d/*.txt").path.name, Some(path("d/*.txt")));
}

#[test]
fn a_line_of_netrc_is_one_login() {
    let line = |text: &[u8]| Location::parse(text, &Netrc::default()).unwrap().site().unwrap().netrc_line();
    assert_eq!(line(b"ftp://ann@h:2121/").as_deref(), Some("machine h login ann password ..."));
    for user in ["bob%09macdef%09init", "x%20password%20y", "x%1b]0;y%07", "x%C2%9Bm", "%FF"] {
        assert_eq!(line(format!("ftp://{user}@h/").as_bytes()), None, "{user}");
    }
}

#[test]
fn a_server_that_the_journal_names_can_be_typed_again() {
    for (name, login, port) in [
        ("dom/bob@h.example:2121", "dom/bob", 2121),
        ("a:b@c@[::1]:21", "a:b@c", 21),
        ("anonymous@h:21", "anonymous", 21),
    ] {
        let url = url_of_journal(name);
        let Ok(Place::Remote(Remote { site, .. })) = Place::parse(format!("{url}/x").as_bytes()) else {
            panic!("{url}")
        };
        assert_eq!((site.login(), site.port), (login.as_bytes(), port), "{url}");
        assert_eq!(site.password, None, "{url}");
    }
}
