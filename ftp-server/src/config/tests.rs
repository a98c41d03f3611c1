//! Configuration files, right and wrong.

use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::PermissionsExt;

use ftp_proto::policy::Foreign;
use ftp_proto::server::{Right, Rights};

use crate::auth::{Credential, PasswordHash};
use crate::cli::args::parse;
use crate::cli::{Exit, check};

use super::Config;

/// What a start with these words says, the configuration file of `text` among them.
fn start(text: &str, words: &str) -> Result<Config, Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ftp-server.toml");
    write(&path, text).unwrap();
    set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let words = format!("ftp-server --config {} {words}", path.display());
    let short = |line: String| {
        line.replace(&*path.to_string_lossy(), "F").replace(&*directory.path().to_string_lossy(), "D")
    };
    let parsed = match parse(words.split_whitespace().map(Into::into).collect()) {
        Ok(parsed) => parsed,
        Err(Exit::Config(lines)) => return Err(lines.into_iter().map(short).collect()),
        Err(other) => panic!("{other:?}"),
    };
    let (cli, file) = parsed;
    let config = check::compile(*cli.options, &file);
    config.map_err(|lines| lines.into_iter().map(short).collect())
}

/// A user of the file with a valid hash.
fn user(name: &str, more: &str) -> String {
    format!("[[users]]\nname = \"{name}\"\npassword-hash = {:?}\n{more}\n", PasswordHash::of_nobody().text())
}

#[test]
fn a_file_says_what_the_command_line_says_and_users() {
    let text = format!(
        "root = \"/\"\nlisten = [\"127.0.0.2:0\", \"[::1]:0\"]\nforeign = \"never\"\nmax-sessions = 7\n\
         accept-timeout = \"5s\"\nuser = \"bob:x:ro\"\n{}{}",
        user("ann", "rights = [\"list\", \"write\"]\nforeign = \"never\""),
        user("eve", "")
    );
    let config = start(&text, "").unwrap();
    assert_eq!(config.listeners.len(), 2);
    assert_eq!(config.foreign, Foreign::Never);
    assert_eq!(config.limits.sessions, Some(7));
    assert_eq!(config.timeouts.accept.as_secs(), 5);
    let names: Vec<String> = config.users.iter().map(crate::auth::User::shown_name).collect();
    assert_eq!(names, ["bob", "ann", "eve"]);
    let [bob, ann, eve] = config.users.as_slice() else { panic!("{names:?}") };
    assert_eq!(bob.rights, Rights::READ_ONLY);
    assert_eq!(ann.rights, Rights::NONE.with(Right::List).with(Right::Write));
    assert_eq!((ann.foreign, eve.foreign), (Some(Foreign::Never), None));
    assert_eq!(ann.credential, Credential::Hashed(PasswordHash::of_nobody()));
}

#[test]
fn the_command_line_beats_the_file() {
    let text = "root = \"/\"\nlisten = [\"127.0.0.2:0\", \"[::1]:0\"]\nforeign = \"never\"\nanonymous = true";
    let config = start(text, "--listen 127.0.0.3:0 --foreign proven").unwrap();
    assert_eq!(config.listeners.len(), 1);
    assert_eq!(config.listeners[0].address.ip().to_string(), "127.0.0.3");
    assert_eq!(config.foreign, Foreign::Proven);
}

#[test]
fn paths_are_relative_to_the_file() {
    let config = start("root = \"files\"\nanonymous = true", "").unwrap();
    assert!(config.root.is_absolute() && config.root.ends_with("files"), "{:?}", config.root);
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let check = |text: &str, expect: &[&str]| {
        assert_eq!(start(text, "").unwrap_err(), expect, "{text}");
    };
    check("root = ", &["F:1:8: string values must be quoted, expected literal string"]);
    check(
        "rot = \"/\"\nmax-sessions = -1\nforeign = \"provn\"\npassive-ports = \"9-1\"\nlisten = \"here\"",
        &[
            "F:1:1: unknown key \"rot\"; did you mean root?",
            "F:2:16: -1 is not in 0..=4294967295",
            "F:3:11: expected one of never, proven, authenticated; did you mean proven?",
            "F:4:17: write two ports from 1 to 65535, the lower first, like 40000-40099",
            "F:5:10: write IP:PORT or [IPv6]:PORT; port 0 is any free port",
        ],
    );
}

#[test]
fn mistakes_of_users_are_told_with_their_place() {
    let check = |text: &str, expect: &[&str]| {
        let said = start(text, "").unwrap_err();
        assert_eq!(said.len(), expect.len(), "{said:?}");
        for (said, expect) in said.iter().zip(expect) {
            assert!(said.starts_with(expect), "{said}, not {expect}");
        }
    };
    check("[[users]]\nname = \"ann\"", &["F:1:1: password-hash is missing"]);
    check("[[users]]", &["F:1:1: name is missing", "F:1:1: password-hash is missing"]);
    check("[[users]]\nname = \"a\"\npassword-hash = \"$9$x\"", &["F:3:17: no known kind of hash"]);
    check(&user("ann", "rights = [\"lst\"]"), &["F:4:11: expected one of list, read"]);
    check(&user("ann", "right = 1"), &["F:4:1: unknown key \"right\": a user has"]);
    check(&user("", ""), &["F:2:8: a name has at least one character"]);
    check(&(user("ann", "") + &user("ann", "")), &["F:6:8: two users have the name \"ann\""]);
    check("[users]", &["F:1:1: write [[users]], once for each user"]);
}

#[test]
fn contradictions_are_told_with_the_place_of_the_option() {
    let text = "root = \"/\"\nanonymous = true\nforeign = \"never\"\nforeign-networks = \"192.0.2.0/24\"\n\
                listen = \"127.0.0.2:21\"\nlisten-1973 = \"127.0.0.2:21\"";
    let said = start(text, "").unwrap_err();
    assert!(said[0].starts_with("F:4:20: --foreign-networks has no effect"), "{said:?}");
    assert!(said[1].starts_with("F:5:10: 127.0.0.2:21 is given for two listeners"), "{said:?}");
    assert_eq!(said.len(), 2);
}

#[test]
fn a_file_with_users_is_its_owners() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f.toml");
    for (text, fine) in
        [(user("ann", ""), false), ("user = \"ann:x\"".into(), false), ("anonymous = true".into(), true)]
    {
        write(&path, &text).unwrap();
        set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let read = super::File::read(&path);
        assert_eq!(read.is_ok(), fine, "{text}: {read:?}");
        if let Err(mistakes) = read {
            assert!(mistakes.to_string().contains("chmod 600"), "{mistakes}");
        }
    }
}

#[test]
fn the_users_of_all_sources_have_different_names() {
    let directory = tempfile::tempdir().unwrap();
    let users = directory.path().join("users");
    write(&users, "ann:x\n").unwrap();
    set_permissions(&users, Permissions::from_mode(0o600)).unwrap();
    let words = format!("--root / --users {}", users.display());
    assert_eq!(start("", &words).unwrap().users.len(), 1);
    let said = start(&user("ann", ""), &words).unwrap_err();
    assert!(said[0].contains("two users have the name \"ann\""), "{said:?}");
    write(&users, "secret").unwrap();
    let said = start("", &words).unwrap_err();
    assert!(said[0].contains("users:1:1: a user is NAME:PASSWORD"), "{said:?}");
}
