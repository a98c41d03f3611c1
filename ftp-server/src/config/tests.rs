//! Configuration files, right and wrong.

use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::PermissionsExt;

use ftp_proto::command::Direction;
use ftp_proto::policy::{Exchange, Foreign};
use ftp_proto::server::{Right, Rights};

use super::Config;
use crate::auth::{Credential, HAS_PAM, PasswordHash};
use crate::cli::{Exit, parse, verbs};

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
    let config = verbs::compile(*cli.options, &file);
    config.map_err(|lines| lines.into_iter().map(short).collect())
}

/// Each of these lines begins so.
#[track_caller]
fn begin_with(lines: &[String], starts: &[&str]) {
    assert_eq!(lines.len(), starts.len(), "{lines:#?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line} does not begin with {start}");
    }
}

/// The first mistake of a start with these words begins so.
#[track_caller]
fn refused(text: &str, words: &str, expect: &str) {
    let said = start(text, words).unwrap_err();
    assert!(said[0].starts_with(expect), "{said:?}");
}

/// A user of the file with a valid hash.
fn user(name: &str, more: &str) -> String {
    format!("[[users]]\nname = \"{name}\"\npassword-hash = {:?}\n{more}\n", PasswordHash::of_nobody().text())
}

#[test]
fn a_file_says_what_the_command_line_says_and_users() {
    let text = format!(
        "root = \"/srv\"\nlisten = [\"127.0.0.2:0\", \"[::1]:0\"]\nforeign = \"never\"\nmax-sessions = 7\n\
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
    let root = "root = \"/srv\"\n".to_owned();
    let admin = start(&(root + &user("ann", "rights = \"list,admin\"")), "").unwrap();
    assert_eq!((admin.users[0].admin, admin.users[0].rights), (true, Rights::NONE.with(Right::List)));
    assert!(config.users.iter().all(|user| !user.admin), "nobody is by default");
    let [bob, ann, eve] = config.users.as_slice() else { panic!("{names:?}") };
    assert_eq!(bob.rights, Rights::READ_ONLY);
    assert_eq!(ann.rights, Rights::NONE.with(Right::List).with(Right::Write));
    assert_eq!((ann.foreign, eve.foreign), (Some(Foreign::Never), None));
    assert_eq!(ann.credential, Credential::Hashed(PasswordHash::of_nobody()));
}

#[test]
fn the_command_line_beats_the_file() {
    let text =
        "root = \"/srv\"\nlisten = [\"127.0.0.2:0\", \"[::1]:0\"]\nforeign = \"never\"\nanonymous = true";
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
            "F:2:16: max-sessions must not be negative",
            "F:3:11: expected one of never, proven, authenticated; did you mean proven?",
            "F:4:17: write two ports from 1 to 65535, the lower first, like 40000-40099",
            "F:5:10: write IP:PORT or [IPv6]:PORT; port 0 is any free port",
        ],
    );
}

#[test]
fn mistakes_of_users_are_told_with_their_place() {
    let check = |text: &str, expect: &[&str]| begin_with(&start(text, "").unwrap_err(), expect);
    check("[[users]]\nname = \"ann\"", &["F:1:1: password-hash is missing"]);
    check("[[users]]", &["F:1:1: name is missing"]);
    check("[[users]]\nname = \"a\"\npassword-hash = \"$9$x\"", &["F:3:17: no known kind of hash"]);
    check(&user("ann", "rights = [\"lst\"]"), &["F:4:11: expected one of list, read"]);
    check(&user("ann", "right = 1"), &["F:4:1: unknown key \"right\"; did you mean rights?"]);
    check(&user("", ""), &["F:2:8: a name has at least one character"]);
    check(&(user("ann", "") + &user("ann", "")), &["F:6:8: two users have the name \"ann\""]);
    check(&user("ann", "certificates = \"SHA256:0f\""), &["F:4:16: a fingerprint is SHA256: and 64"]);
    check("[users]", &["F:1:1: write [[users]], once for each user"]);
}

#[test]
fn sections_hold_options_and_what_has_no_option() {
    let text = "root = \"/srv\"\nanonymous = true\n[limits]\nmax-sessions = 5\nwrong-passwords-per-second = 3\n\
                max-unauthenticated-per-address = 0\nrefusal-delay = \"1s\"\n[bans]\nafter = 20\n[timeouts]\n\
                idle = \"5m\"\nconnect-timeout = \"3s\"\n[tls]\nself-signed = true\n";
    let config = start(text, "").unwrap();
    assert_eq!(config.limits.sessions, Some(5));
    assert_eq!(config.limits.unauthenticated_per_address, None);
    let logins = config.limits.logins;
    assert_eq!((logins.wrong_per_second, logins.first_delay.as_secs()), (3, 1));
    assert_eq!(logins.ban.map(|ban| (ban.after, ban.time.as_secs())), Some((20, 900)));
    assert_eq!((config.timeouts.idle.as_secs(), config.timeouts.connect.as_secs()), (300, 3));
    assert!(config.certificates.is_some());
    assert_eq!(
        start(text, "--max-sessions 9").unwrap().limits.sessions,
        Some(9),
        "the command line beats it"
    );
    let check = |text: &str, expect: &str| {
        let said = start(text, "").unwrap_err();
        assert!(said.iter().any(|said| said.starts_with(expect)), "{said:?}");
    };
    check("[limits]\nmax-session = 1", "F:2:1: unknown key \"max-session\"; did you mean max-sessions?");
    check("max-sessions = 1\n[limits]\nmax-sessions = 2", "F:3:16: max-sessions is given twice");
    check("[bans]\nafter = 0", "F:2:9: 0 is not in 1..");
    check("[timeouts]\nidle = \"0s\"", "F:2:8: not between");
    check("[tls]\ncertt = \"x\"", "F:2:1: unknown key \"certt\": [tls] has");
    check("limits = 3", "F:1:10: expected a table");
}

#[test]
fn users_have_directories_terms_and_quotas() {
    let more = "root = \"ann\"\nnetworks = [\"192.0.2.0/24\", \"2001:db8::7\"]\nexpires = 2027-12-31\n\
                require-tls = true\nquota-bytes = \"10MiB\"\nquota-files = 100\nrate-up = \"1MB\"\nrate-down = \"64KiB/s\"\n\
                max-sessions = 3\n[[users.mounts]]\nat = \"/in//x/\"\ndir = \"/srv/in\"\nrights = \"list,write\"";
    let config = start(&format!("root = \"/srv\"\n{}", user("ann", more)), "").unwrap();
    let [ann] = config.users.as_slice() else { panic!("one user") };
    assert!(
        ann.home.root.as_ref().unwrap().ends_with("ann") && ann.home.root.as_ref().unwrap().is_absolute()
    );
    assert_eq!((ann.home.quota.bytes, ann.home.quota.files), (Some(10 << 20), Some(100)));
    assert_eq!((ann.rates.up.unwrap().get(), ann.rates.down.unwrap().get()), (1_000_000, 65_536));
    assert_eq!((ann.terms.networks.len(), ann.terms.require_tls), (2, true));
    assert_eq!(ann.terms.expires.unwrap().0, 1_830_297_600, "the end of that day");
    let [mount] = ann.home.mounts.as_slice() else { panic!("one mount") };
    assert_eq!((mount.at.display().as_str(), mount.dir.to_str()), ("/in/x", Some("/srv/in")));
    assert_eq!(mount.rights, Some(Rights::NONE.with(Right::List).with(Right::Write)));
    let check = |more: &str, expect: &str| refused(&user("ann", more), "", expect);
    check("expires = \"soon\"", "F:4:11: write a day, like 2027-12-31");
    check("rate-up = 0", "F:4:11: a rate is at least one byte per second");
    check("networks = \"192.0.2.0/33\"", "F:4:12: write a network");
    check("[[users.mounts]]\nat = \"/a/../b\"\ndir = \"x\"", "F:5:6: write an absolute path below /");
    check("[[users.mounts]]\nat = \"/\"\ndir = \"x\"", "F:5:6: write an absolute path below /");
    check("[[users.mounts]]\nat = \"/a\"", "F:4:1: dir is missing");
    let admin = "[[users.mounts]]\nat = \"/a\"\ndir = \"x\"\nrights = \"admin\"";
    check(admin, "F:7:10: admin is a right of the user");
    let twice = "[[users.mounts]]\nat = \"/a\"\ndir = \"x\"\n[[users.mounts]]\nat = \"/a/\"\ndir = \"y\"";
    check(twice, "F:8:6: two mounts of one user have this path");
}

#[test]
fn public_addresses_are_tables_or_the_option_and_the_option_comes_last() {
    let text = "root = \"/\"\nanonymous = true\n[[public-address]]\naddress = \"10.0.0.1\"\nnetworks = \"10.0.0.0/8\"\n\
                [[public-address]]\naddress = \"ftp.example.org\"";
    let config = start(text, "--public-address 192.0.2.1").unwrap();
    let hosts: Vec<String> = config.public.iter().map(|rule| rule.host.to_string()).collect();
    assert_eq!(hosts, ["10.0.0.1", "ftp.example.org", "192.0.2.1"]);
    assert_eq!(config.public.iter().map(|rule| rule.networks.len()).collect::<Vec<_>>(), [1, 0, 0]);
    let config = start("root = \"/\"\nanonymous = true\npublic-address = \"ftp.example.org\"", "").unwrap();
    assert_eq!(config.public.len(), 1);
    refused("public-address = \"192.0.2.256\"", "", "F:1:18: write an address, or the name of a host");
    refused("[[public-address]]\nnetworks = \"10.0.0.0/8\"", "", "F:1:1: address is missing");
}

#[test]
fn users_of_pam_need_a_program_with_pam_and_no_hash() {
    let text = "root = \"/srv\"\n[pam]\nservice = \"ftp\"\n[[users]]\nname = \"ann\"\npam = true\n";
    let read = start(text, "");
    if HAS_PAM {
        let config = read.unwrap();
        assert_eq!((&config.users[0].credential, config.pam_service.as_str()), (&Credential::Pam, "ftp"));
        refused(&user("ann", "pam = true"), "", "F:4:7: PAM or password-hash");
    } else {
        let said = read.unwrap_err();
        assert!(said[0].starts_with("F:6:7: this program was built without PAM"), "{said:?}");
    }
}

#[test]
fn rules_of_exchange_have_a_peer_a_direction_a_path_and_tls() {
    let more = "[[users.exchanges]]\npeers = [\"192.0.2.0/24\", \"2001:db8::7\"]\ndirection = \"receive\"\npath = \"/in/\"\n\
                require-tls = true\n[[users.exchanges]]\n[[users.mounts]]\nat = \"/in\"\ndir = \"x\"";
    let config = start(&format!("root = \"/srv\"\n{}", user("ann", more)), "").unwrap();
    let [rule, any] = config.users[0].exchanges.as_slice() else { panic!("two rules") };
    assert_eq!((rule.peers.len(), rule.direction), (2, Some(Direction::Receive)));
    assert_eq!((rule.path.as_ref().unwrap().as_bytes(), rule.require_tls), (&b"/in"[..], true));
    assert_eq!(*any, Exchange::default());
    let check = |more: &str, expect: &str| refused(&user("ann", more), "", expect);
    check("[[users.exchanges]]\npeer = \"192.0.2.7\"", "F:5:1: unknown key \"peer\": a rule of exchange has");
    check("[[users.exchanges]]\npeers = \"example.org\"", "F:5:9: write a network");
    check("[[users.exchanges]]\ndirection = \"in\"", "F:5:13: expected one of send, receive");
    check("[[users.exchanges]]\npath = \"in\"", "F:5:8: write an absolute path below /");
    check("foreign = \"never\"\n[[users.exchanges]]", "F:4:11: a user who exchanges nothing");
}

#[test]
fn certificates_stand_beside_a_password_or_in_its_place_and_need_tls() {
    let one = format!("SHA256:{}", "0f".repeat(32));
    let text = format!(
        "root = \"/srv\"\ntls-self-signed = true\n{}[[users]]\nname = \"bob\"\ncertificates = [{one:?}, {one:?}]",
        user("ann", &format!("certificates = {one:?}"))
    );
    let config = start(&text, "").unwrap();
    let [ann, bob] = config.users.as_slice() else { panic!("two users") };
    assert_eq!(ann.terms.certificates, [one.parse().unwrap()]);
    assert!(matches!(ann.credential, Credential::Hashed(_)));
    assert_eq!((&bob.credential, bob.terms.certificates.len()), (&Credential::Certificate, 2));
    assert!(config.knows_certificates());
    let said = start(&text.replace("tls-self-signed = true", ""), "").unwrap_err();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("the user \"ann\" needs TLS to show a certificate"), "{said:?}");
}

#[test]
fn a_file_with_passwords_is_not_below_a_root() {
    refused(&format!("root = \".\"\n{}", user("ann", "")), "", "F lies below the root");
    let own = user("ann", "root = \".\"");
    assert!(start(&format!("root = \"/srv\"\n{own}"), "").is_err());
    assert!(start("root = \".\"\nanonymous = true", "").is_ok(), "it holds no secret");
}

#[test]
fn contradictions_are_told_with_the_place_of_the_option() {
    let text = "root = \"/srv\"\nanonymous = true\nforeign = \"never\"\nforeign-networks = \"192.0.2.0/24\"\n\
                listen = \"127.0.0.2:21\"\nlisten-1973 = \"127.0.0.2:21\"";
    let starts =
        ["F:4:20: --foreign-networks has no effect", "F:5:10: 127.0.0.2:21 is given for two listeners"];
    begin_with(&start(text, "").unwrap_err(), &starts);
    let hook = "root = \"/srv\"\nanonymous = true\n[hooks]\nafter-upload = [\"notify\"]";
    refused(hook, "", "F:4:16: after-upload \"notify\" must begin with the absolute path");
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
    let words = format!("--root /srv --users {}", users.display());
    assert_eq!(start("", &words).unwrap().users.len(), 1);
    let said = start(&user("ann", ""), &words).unwrap_err();
    assert!(said[0].contains("two users have the name \"ann\""), "{said:?}");
    write(&users, "secret").unwrap();
    let said = start("", &words).unwrap_err();
    assert!(said[0].contains("users:1:1: a user is NAME:PASSWORD"), "{said:?}");
}

#[test]
fn a_key_in_the_wrong_table_is_told_where_it_belongs() {
    let check = |text: &str, expect: &str| {
        let said = start(text, "--root / --anonymous").unwrap_err();
        assert!(said.iter().any(|line| line == expect), "{said:?}");
    };
    let top = "at the top of the file, above the first table";
    let line = |key: &str, place: &str| format!("F:4:1: {key:?} does not belong here: write it {place}");
    let eve = |more: &str| user("eve", more);
    check(&eve("proxy-from = \"192.0.2.1\""), &line("proxy-from", top));
    check(&eve("passive-ports = \"1-2\""), &line("passive-ports", top));
    check(&eve("keep-free = \"1GiB\""), &line("keep-free", "in [limits]"));
    check("quota-files = 7", "F:1:1: \"quota-files\" does not belong here: write it in [[users]]");
    check("[limit]\nkeep-free = \"1GiB\"", "F:1:2: unknown key \"limit\"; did you mean limits?");
    check(
        "[limits]\nkeep-free = \"1 GiB\"",
        "F:2:13: write the unit right behind the number, without a blank, like 64KiB or 10MB",
    );
}

#[test]
fn what_a_file_lacks_is_told_of_the_file() {
    refused("anonymous = true", "", "F: root is missing: write root = ");
    refused("root = \"/\"", "", "F: nobody can log in: add [[users]]");
    refused("", "--root /", "F: nobody can log in");
}

#[test]
fn a_certificate_that_is_none_is_the_only_mistake() {
    let said = start("[[users]]\nname = \"a\"\ncertificates = [\"SHA256:00\"]", "--root /").unwrap_err();
    begin_with(&said, &["F:3:"]);
}

#[test]
fn bytes_that_are_not_utf_8_have_a_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f.toml");
    write(&path, b"root = \"/\"\nstate = \"\xff\"\n").unwrap();
    let said: Vec<String> = super::File::read(&path).unwrap_err().lines().collect();
    assert!(said[0].ends_with("f.toml:2:10: this is not UTF-8: save the file as UTF-8"), "{said:?}");
}

/// What a look at this host says about the file of `text`, with `D` for an empty directory of the test.
fn looked(text: &str) -> (Vec<String>, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f.toml");
    let here = directory.path().to_string_lossy().into_owned();
    write(&path, text.replace("D/", &format!("{here}/"))).unwrap();
    set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    std::fs::create_dir_all(directory.path().join("top/in")).unwrap();
    let words = ["ftp-server".into(), "--config".into(), path.clone().into()];
    let (cli, file) = parse(words.to_vec()).unwrap();
    let config = verbs::compile(*cli.options, &file).unwrap();
    let found = config.inspect();
    let short = |line: String| line.replace(&*path.to_string_lossy(), "F").replace(&here, "D");
    (
        found.errors.iter().flat_map(|error| file.located(error)).map(short).collect(),
        found.warnings.iter().map(|warning| short(file.warned(warning))).collect(),
    )
}

#[test]
fn what_a_file_names_is_looked_at_and_every_mistake_has_its_place() {
    let text = "root = \"D/none\"\nrun-as = \"no such user\"\nxferlog = \"D/none/log\"\n\
        [tls]\ncert = \"D/cert\"\nkey = \"D/key\"\n[hooks]\nafter-upload = [\"/no/such/hook\"]\n";
    let text = text.to_owned()
        + &user("ann", "root = \"D/top\"\nquota-files = 7")
        + &user("bob", "root = \"D/top/in\"\n[[users.mounts]]\nat = \"/seen\"\ndir = \"D/other\"");
    let (errors, warnings) = looked(&text);
    let starts = [
        "F:1:8: cannot use D/none: no such file or directory;",
        "F:20:7: cannot use D/other: no such file or directory;",
        "F:10:8: the quota of the user \"ann\" needs directories that do not lie in each other",
        "F:5:8: cannot use the certificate: D/cert: no such file or directory",
        "F:2:10: cannot go on as the user \"no such user\" of run-as: there is no such user",
        "F:8:16: cannot start /no/such/hook after uploads: no such file or directory",
        "F:3:11: cannot write the xferlog D/none/log: no such file or directory",
    ];
    begin_with(&errors, &starts);
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn what_is_hardly_meant_is_a_warning_with_its_place() {
    let text = "root = \"D/top\"\nforeign = \"proven\"\n[bans]\nafter = 3\ntime = \"4s\"\n".to_owned()
        + &user("late", "expires = 2020-01-01")
        + &user("wide", "foreign = \"authenticated\"");
    let (errors, warnings) = looked(&text);
    assert_eq!(errors, Vec::<String>::new());
    let starts = ["F:9:11: the account \"late\"", "F:13:11: foreign of the user \"wide\"", "F:5:8: a ban"];
    begin_with(&warnings, &starts);
    let foreign = "root = \"D/top\"\nanonymous = true\nforeign = \"authenticated\"\n";
    for (networks, at) in [("foreign-networks = \"0.0.0.0/0\"", "F:4:20"), ("", "F:3:11")] {
        let (_, warnings) = looked(&format!("{foreign}{networks}"));
        let says = format!("{at}: users may send data to any host of the Internet");
        assert!(warnings[0].starts_with(&says), "{warnings:?}");
    }
}

#[test]
fn a_congestion_control_that_cannot_be_had_is_told_with_its_place() {
    let text = |name: &str| format!("root = \"D/top\"\nanonymous = true\ncongestion = \"{name}\"\n");
    let (errors, _) = looked(&text("no-such-one"));
    let start = "F:3:14: the kernel has no congestion control no-such-one: load it as root (modprobe";
    begin_with(&errors, &[start]);
    assert_eq!(looked(&text("reno")).0, Vec::<String>::new());
}
