//! The verb `sites`: sites are added, shown, changed, removed and tested.

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::or_skip;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{PASSWORD, Site, USER, sample};
use integration_tests::terminal::answering;
use integration_tests::user::{Run, user};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

/// A directory with settings that several runs change.
fn home() -> TempDir {
    tempfile::Builder::new().prefix("ftp-settings-").tempdir().unwrap()
}

/// A run of `sites` with the settings in `home`.
fn sites(home: &TempDir, args: &[&str]) -> Run {
    let config = home.path().join("config.toml");
    let state = home.path().join("state");
    let [config, state] = [&config, &state].map(|path| path.to_str().unwrap());
    let general = ["--config", config, "--state", state, "--retries", "0", "--timeout", "10s", "sites"];
    user().args(general).args(args).run()
}

fn settings(home: &TempDir) -> String {
    std::fs::read_to_string(home.path().join("config.toml")).unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_site_is_added_shown_changed_and_removed_without_questions() {
    let server = Site::new("kept").file("a.bin", sample(10)).start();
    let home = home();
    let added = sites(&home, &["add", "lab", &server.url(""), "--jobs", "3"]).exits(0).never_says(PASSWORD);
    assert!(added.to_string().contains("added lab: ftp://ann@"), "{added}");
    let secret = home.path().join("secrets/lab");
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), format!("{PASSWORD}\n"));
    let modes = [secret.clone(), home.path().join("secrets"), home.path().join("config.toml")];
    assert_eq!(modes.each_ref().map(|path| mode(path)), [0o600, 0o700, 0o600]);
    assert!(!settings(&home).contains(PASSWORD), "{}", settings(&home));
    // It can be used at once.
    let ls = user().args(["--config", home.path().join("config.toml").to_str().unwrap(), "ls", "lab:"]);
    ls.run().exits(0).says("a.bin");

    sites(&home, &["list"]).exits(0).says("lab").never_says(PASSWORD);
    let shown = sites(&home, &["show", "--json", "lab:"]).exits(0).never_says(PASSWORD);
    let site = &shown.events("site")[0];
    assert_eq!((&site["name"], &site["settings"]["limits.jobs"]), (&"lab".into(), &"3".into()), "{shown}");

    sites(&home, &["add", "lab", "ftp://x/"]).exits(2).says("there is a site lab already");
    sites(&home, &["add", "ftp", "ftp://x/"]).exits(2).says("cannot be the name of a site");
    sites(&home, &["add", "new", "http://x/"]).exits(2).says("http:// is not supported");
    sites(&home, &["add", "new"]).exits(2).says("needs a URL");
    sites(&home, &["edit", "lap", "--rate", "1MB"]).exits(2).says("did you mean lab?");
    sites(&home, &["edit", "lab"]).exits(2).says("changes nothing without an option");
    sites(&home, &["edit", "lab", "--unset", "colour"]).exits(2).says("a site has no key colour");

    let before = format!("# mine\n{}# the end\n", settings(&home));
    std::fs::write(home.path().join("config.toml"), &before).unwrap();
    sites(&home, &["edit", "lab", "--rate", "1MB", "--unset", "jobs", "--trust", "known"]).exits(0);
    let now = settings(&home);
    assert!(now.starts_with("# mine\n[sites.lab]\n") && now.ends_with("# the end\n"), "{now}");
    assert!(now.contains("limits = { rate = \"1000000\" }") && now.contains("trust = \"known\""), "{now}");
    sites(&home, &["edit", "lab", "--passive-address", "nobody=10.0.0.1"]).exits(2).says("stay as they were");
    assert_eq!(settings(&home), now);

    sites(&home, &["remove", "lab"]).exits(0).says("removed lab");
    assert!(!settings(&home).contains("lab") && !secret.exists(), "{}", settings(&home));
    sites(&home, &["show", "lab"]).exits(2).says("no site is called lab");
}

#[test]
fn a_stored_password_goes_to_its_own_server_alone() {
    let home = home();
    let secret = |name: &str| std::fs::read_to_string(home.path().join("secrets").join(name));
    sites(&home, &["add", "work", "ftp://ann:annpw@127.0.0.2/"]).exits(0);
    std::fs::rename(home.path().join("secrets/work"), home.path().join("secrets/bob")).unwrap();
    let renamed = settings(&home).replace("secrets/work", "secrets/bob");
    std::fs::write(home.path().join("config.toml"), renamed).unwrap();
    sites(&home, &["add", "bob", "ftp://bob:bobpw@127.0.0.3/"]).exits(0);
    assert_eq!(
        (secret("bob").unwrap(), secret("bob~2").unwrap()),
        ("annpw\n".to_owned(), "bobpw\n".to_owned())
    );

    let moved = ["edit", "bob", "--url", "ftp://bob@127.0.0.4/"];
    sites(&home, &moved).exits(2).says("--keep-password").never_says("bobpw");
    sites(&home, &[&moved[..], &["--keep-password"]].concat()).exits(0);
    assert!(settings(&home).contains("ftp://bob@127.0.0.4/"), "{}", settings(&home));
    sites(&home, &["edit", "bob", "--url", "ftp://bob:newpw@127.0.0.5/"]).exits(0);
    assert_eq!(secret("bob~3").unwrap(), "newpw\n");
    assert!(secret("bob~2").is_err(), "the old password is still there");
    sites(&home, &["remove", "bob"]).exits(0);
    assert_eq!((secret("bob").unwrap(), secret("bob~3").is_err()), ("annpw\n".to_owned(), true));
}

#[test]
fn the_keyring_of_the_session_keeps_a_password() {
    // What libsecret's program does, with a file in place of the keyring.
    const TOOL: &str = "#!/bin/sh\nkept=\"$(dirname \"$0\")/kept\"\ncase \"$*\" in\n\
        store\\ *\\ service\\ ftp-user\\ site\\ lab) cat >\"$kept\" ;;\n\
        lookup\\ service\\ ftp-user\\ site\\ lab) cat \"$kept\" ;;\n\
        clear\\ service\\ ftp-user\\ site\\ lab) rm \"$kept\" ;;\n*) exit 1 ;;\nesac\n";
    let server = Site::new("ring").file("a.bin", sample(10)).start();
    let home = home();
    let bin = home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::write(bin.join("secret-tool"), TOOL).unwrap();
    std::fs::set_permissions(bin.join("secret-tool"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let config = home.path().join("config.toml");
    let run = |args: &[&str]| {
        let user = user().environment("PATH", &path).args(["--config", config.to_str().unwrap()]);
        user.args(args).run().never_says(PASSWORD)
    };
    run(&["sites", "add", "--keyring", "lab", &server.url("")]).exits(0);
    assert_eq!(std::fs::read_to_string(bin.join("kept")).unwrap(), PASSWORD);
    assert!(!settings(&home).contains(PASSWORD) && !home.path().join("secrets").exists());
    run(&["ls", "lab:"]).exits(0).says("a.bin");
    run(&["sites", "remove", "lab"]).exits(0);
    assert!(!bin.join("kept").exists(), "the password is still in the keyring");
}

#[test]
fn a_name_that_is_a_local_file_too_is_refused() {
    let home = home();
    sites(&home, &["add", "lab", "ftp://127.0.0.2/"]).exits(0);
    for (name, other) in [("lab:x", "[lab]x"), ("[lab]y", "lab:y")] {
        std::fs::write(home.path().join(name), "").unwrap();
        let config = home.path().join("config.toml");
        let run = user().here(home.path()).args(["--config", config.to_str().unwrap(), "rm", name]).run();
        run.exits(2).says(&format!("write ./{name} for the file, or {other}"));
        assert!(home.path().join(name).exists());
    }
}

#[test]
fn runs_at_the_same_time_add_all_their_sites() {
    let home = home();
    let config = home.path().join("config.toml");
    let config = config.to_str().unwrap();
    let add = |number: u32| {
        let url = format!("ftp://ann:s3cret@h{number}.example/");
        user().args(["--config", config, "sites", "add", &format!("s{number}"), &url]).start()
    };
    let started: Vec<_> = (0..4).map(add).collect();
    started.into_iter().for_each(|run| drop(run.end().exits(0)));
    for number in 0..4 {
        assert!(settings(&home).contains(&format!("[sites.s{number}]")), "{}", settings(&home));
        assert!(home.path().join(format!("secrets/s{number}")).exists());
    }
}

/// What a run of `sites test` has found, as `check verdict`.
fn found(run: &Run) -> Vec<String> {
    let word = |event: &serde_json::Value, key: &str| event[key].as_str().unwrap().to_owned();
    run.events("check")
        .iter()
        .map(|event| format!("{} {}", word(event, "check"), word(event, "verdict")))
        .collect()
}

#[test]
fn a_test_of_a_site_tells_each_finding_and_leaves_nothing() {
    let server = Site::new("tested").tls().file("a.bin", sample(10)).start();
    let home = home();
    sites(&home, &["add", "lab", &server.url(""), "--pin", &server.pin()]).exits(0);
    let run = sites(&home, &["test", "--json", "lab"]).exits(0).never_says(PASSWORD);
    let all = ["connection", "tls", "login", "features", "listing", "clock", "third-party"];
    assert_eq!(found(&run), all.map(|check| format!("{check} good")), "{run}");
    assert_eq!(server.names(), ["a.bin"]);
    sites(&home, &["test", "lab"]).exits(0).says("ok   connection");

    // An old server that lets nobody else in.
    let peer = Peer::start("127.0.0.3", "PORT 192,0,2,1*: 500 Illegal PORT command", MODERN);
    sites(&home, &["add", "old", &peer.url("")]).exits(0);
    let run = sites(&home, &["test", "--json", "old"]);
    let findings = found(&run);
    for expect in ["tls note", "features note", "third-party note"] {
        assert!(findings.iter().any(|found| found == expect), "{expect}: {run}");
    }
    // Nobody is there, and a wrong password.
    sites(&home, &["add", "gone", "ftp://ann:x@127.0.0.2:1/"]).exits(0);
    let run = sites(&home, &["test", "--json", "gone"]).exits(1);
    assert_eq!(found(&run), ["connection bad"], "{run}");
    // Of several, each line names its own.
    let run = sites(&home, &["test", "lab", "gone"]).exits(1);
    run.says("ok   lab              connection").says("BAD  gone             connection");
    let wrong = format!("ftp://{USER}:wrong@{}/", server.address(Rfc959));
    sites(&home, &["add", "wrong", &wrong, "--pin", &server.pin()]).exits(0);
    let run = sites(&home, &["test", "--json", "wrong"]).exits(1).never_says("wrong@");
    assert_eq!(found(&run), ["login bad"], "{run}");
}

#[test]
fn a_person_at_a_terminal_is_asked_where_a_site_is_and_it_is_tested_before_it_is_stored() {
    let server = Site::new("asked").start();
    let home = home();
    let config = home.path().join("config.toml");
    let typed = format!("--config {} sites add lab", config.display());
    let question = "ftps:// or ftp://)? ";
    let (said, code) = or_skip!(answering(home.path(), &typed, question, &format!("{}\n", server.url(""))));
    assert!(said.contains("third-party") && said.contains("added lab"), "{said}");
    assert_eq!(code, Some(0), "{said}");
    assert!(!settings(&home).contains(PASSWORD));
}

#[test]
fn servers_of_other_programs_are_imported_and_nothing_is_overwritten() {
    let home = home();
    sites(&home, &["add", "lab", "ftp://mine.example/"]).exits(0);
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let odd = file("odd", "broken\n\u{fc}\tftp://127.0.0.2/\nlab2\tftp://127.0.0.2:99999/\n");
    let odd = sites(&home, &["import", "--dry-run", "lftp", &odd]).exits(9);
    odd.says("broken is not imported: it has no URL")
        .says("\u{fc} is not imported")
        .says("lab2 is not imported");
    let bookmarks =
        file("bookmarks", "lab\tftp://h/\nold site\tftp://ann:s3cret@127.0.0.2:2121/pub\nweb\thttp://h/\n");
    let before = settings(&home);
    let dry = sites(&home, &["import", "--dry-run", "lftp", &bookmarks]).exits(0).never_says("s3cret");
    assert!(dry.to_string().contains("would add old-site") && settings(&home) == before, "{dry}");
    let run = sites(&home, &["import", "lftp", &bookmarks]).exits(0).never_says("s3cret");
    run.says("lab is a site already").says("web is not imported: http:// is not supported");
    let now = settings(&home);
    assert!(now.starts_with(&before) && now.contains("[sites.old-site]") && !now.contains("s3cret"), "{now}");

    // Its own constant hides the word potato.
    let remotes = "[cloud]\ntype = ftp\nhost = 127.0.0.2\nuser = ann\npass = YWFhYWFhYWFhYWFhYWFhYXMaGgIlEQ\nidle_timeout = 9m\n";
    let run =
        sites(&home, &["import", "rclone", &file("rclone.conf", remotes)]).exits(0).never_says("potato");
    run.says("of cloud these are not imported: idle_timeout");
    assert_eq!(std::fs::read_to_string(home.path().join("secrets/cloud")).unwrap(), "potato\n");

    let netrc = file("netrc", "machine n.example login ann password s3cret\n");
    std::fs::set_permissions(&netrc, std::fs::Permissions::from_mode(0o640)).unwrap();
    sites(&home, &["import", "netrc", &netrc]).exits(2).says("chmod 600").never_says("s3cret");
    std::fs::set_permissions(&netrc, std::fs::Permissions::from_mode(0o600)).unwrap();
    sites(&home, &["import", "netrc", &netrc]).exits(0).says("added n.example");
    sites(&home, &["import", "filezilla", &netrc]).exits(2).says("it is not XML");
    sites(&home, &["import", "lftp"]).exits(3).says("there is no file");
    let web = file("web", "web\thttp://h/\n");
    sites(&home, &["import", "lftp", &web]).exits(3).says("nothing was added: no server of");
    sites(&home, &["import", "netrc", &netrc]).exits(0).says("nothing was added: the settings have");
}

#[test]
fn a_doctor_looks_at_this_host() {
    let home = home();
    let config = home.path().join("config.toml");
    std::fs::write(&config, "[sites.lab]\nurl = \"ftp://127.0.0.2/\"\n").unwrap();
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o600)).unwrap();
    let doctor = |more: &[&str]| {
        let config = config.to_str().unwrap();
        user().args(["--config", config, "doctor"]).args(more).run()
    };
    let run = doctor(&["--json"]);
    let findings = found(&run);
    for check in ["resolver", "ipv4", "ipv6", "listening", "clock", "authorities", "state", "keyring"] {
        assert!(findings.iter().any(|found| found.starts_with(check)), "{check}: {run}");
    }
    assert!(findings.contains(&"settings good".to_owned()), "{run}");
    let is_bad = findings.iter().any(|found| found.ends_with("bad"));
    assert_eq!(run.code(), Some(i32::from(is_bad)), "{run}");
    // Password files: one that is right, one that others may read, one that is not there.
    let secret = |name: &str, mode| {
        let file = home.path().join(name);
        std::fs::write(&file, "s3cret\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    secret("one", 0o600);
    secret("two", 0o644);
    let site = |name| format!("[sites.{name}]\nurl = \"ftp://ann@127.0.0.2/\"\npassword-file = \"{name}\"\n");
    std::fs::write(&config, ["one", "two", "three"].map(site).concat()).unwrap();
    let run = doctor(&[]).exits(1).says("1 password file of sites").never_says("s3cret");
    let run = run.says("BAD  password").says("two: others may read or write").says("chmod 600");
    run.says("three: there is no file").says("password-file of [sites.three]");
    std::fs::write(&config, "[sites.lab]\nurl = 7\n").unwrap();
    doctor(&[]).exits(1).says("BAD  settings").says("2:7");
}
