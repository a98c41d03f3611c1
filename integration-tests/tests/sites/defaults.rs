//! `[defaults]`: what options mean where they are not typed (decision 98).

use integration_tests::site::Site;
use integration_tests::user::{Run, User, user};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A run with these lines below `[defaults]`.
fn with(lines: &str, home: &Path) -> User {
    fs::write(home.join("config.toml"), format!("[defaults]\n{lines}\n")).unwrap();
    user().here(home).args(["--config", "config.toml", "--state", "state"])
}

fn run(lines: &str, words: &str, home: &Path) -> Run {
    with(lines, home).args(words.split_whitespace()).run()
}

#[test]
fn a_default_of_the_settings_holds_unless_the_option_is_typed() {
    let home = tempfile::tempdir().unwrap();
    let here = home.path();
    fs::write(here.join("a"), "new").unwrap();
    const MD5: &str = "22af645d1859cb5ca6da0c484f1f37ea";
    run("alg = \"md5\"", "hash a", here).exits(0).says(MD5);
    run("alg = \"md5\"", "hash --alg sha-256 a", here).exits(0).never_says(MD5);
    let to = Site::new("target").file("b", "old").start();
    let never = "overwrite = \"never\"\nverify = \"hash\"\njobs = 3\nretries = 0";
    run(never, &format!("copy a {}", to.url("b")), here).exits(8);
    assert_eq!(to.bytes("b"), b"old");
    // What is typed comes first, wherever it stands.
    run(never, &format!("copy a {} --overwrite always", to.url("b")), here).exits(0).says("verified sha-256");
    assert_eq!(to.bytes("b"), b"new");
    // Help says what the program has, whatever the settings say, and so do the manual pages.
    run(never, "copy --help", here).exits(0).says("[default: different]").never_says("[default: never]");
    run(never, "man copy", here).exits(0).never_says("[default: 3]");
    run(never, "doctor", here)
        .says("where nothing is typed: --jobs 3 --overwrite never --retries 0 --verify hash");
    let sites = "jobs = 3\ntrust = \"known\"\nproxy = \"socks5://ann:s3cret@127.0.0.1:1080\"";
    let told = with(sites, here);
    fs::set_permissions(here.join("config.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    told.args(["doctor"])
        .run()
        .says("where nothing is typed: --jobs 3 --proxy socks5://127.0.0.1:1080 --trust known")
        .never_says("s3cret");
}

#[test]
fn a_default_counts_as_nothing_that_was_typed() {
    let home = tempfile::tempdir().unwrap();
    let here = home.path();
    fs::create_dir(here.join("from")).unwrap();
    fs::write(here.join("from/a"), "x").unwrap();
    let to = Site::new("target").file("to/a", "x").file("to/b", "x").file("to/c", "x").start();
    let (sync, copy) = (format!("from {}", to.url("to")), format!("from/a {}", to.url("there")));
    // Typed without --delete it is a mistake.
    run("", &format!("sync --max-delete 1 {sync}"), here).exits(2);
    run("max-delete = 1", &format!("sync {sync}"), here).exits(0);
    run("max-delete = 1", &format!("sync --delete {sync}"), here).exits(9).says("--max-delete");
    assert_eq!(to.names(), ["to/", "to/a", "to/b", "to/c"]);
    // The words of a job are those that were typed, so the same command with another default is the same job.
    run("verify = \"size\"", &format!("copy --id night {copy}"), here).exits(0);
    run("verify = \"hash\"", &format!("copy --id night {copy}"), here).exits(0).says("night is done");
    // What is stored with a site was typed.
    run("jobs = 3\ntimeout = \"9s\"", "sites add lab ftp://ann@127.0.0.2:1/", here).exits(0);
    let text = fs::read_to_string(here.join("config.toml")).unwrap();
    assert!(text.contains("[sites.lab]") && !text.contains("limits"), "{text}");
}

#[test]
fn a_verb_goes_without_a_default_that_it_refuses_where_it_is_typed() {
    let home = tempfile::tempdir().unwrap();
    let here = home.path();
    let to = Site::new("target").file("b", "old").start();
    for (default, words) in [
        ("verify = \"hash\"", format!("append a {}", to.url("b"))),
        ("verify = \"none\"", format!("move a {}", to.url("c"))),
        ("links = \"follow\"", format!("move a {}", to.url("c"))),
        ("overwrite = \"newer\"", format!("copy - {}", to.url("b"))),
    ] {
        fs::write(here.join("a"), "new").unwrap();
        run(default, &words, here).exits(0);
        let typed = format!("--{}", default.replace(" = ", " ").replace('"', ""));
        fs::write(here.join("a"), "new").unwrap();
        run("", &format!("{words} {typed}"), here).exits(2);
    }
}

#[test]
fn a_job_goes_on_with_the_defaults_of_today() {
    let home = tempfile::tempdir().unwrap();
    let here = home.path();
    let from = Site::new("source").file("a", "new").start();
    fs::write(here.join("b"), "old").unwrap();
    // It ends with 8, since `b` exists and may not be replaced; resume may replace it.
    let words = format!("copy {} b", from.url("a"));
    let never = with("overwrite = \"never\"", here);
    never.args(words.split_whitespace()).run().exits(8);
    assert_eq!(fs::read_to_string(here.join("b")).unwrap(), "old");
    let id = run("", "--json jobs --all", here).exits(0);
    let id = id.events("job")[0]["id"].as_str().unwrap().to_owned();
    let again = with("overwrite = \"always\"", here).args(["resume", &id]);
    again.environment("FTP_USER_PASSWORD", integration_tests::site::PASSWORD).run().exits(0);
    assert_eq!(fs::read_to_string(here.join("b")).unwrap(), "new");
}

#[test]
fn the_shell_has_the_defaults_on_each_line() {
    let home = tempfile::tempdir().unwrap();
    let here = home.path();
    fs::write(here.join("a"), "new").unwrap();
    fs::write(here.join("script"), "hash a\nhash --alg crc32 a\n").unwrap();
    let told = run("alg = \"md5\"", "shell -f script", here).exits(0);
    assert!(told.said.starts_with("22af645d1859cb5ca6da0c484f1f37ea"), "{told}");
    assert_eq!(told.stdout.len(), 2, "{told}");
}

#[test]
fn a_wrong_default_is_told_with_its_place_and_what_was_expected() {
    let home = tempfile::tempdir().unwrap();
    let check = |lines: &str, says: &str| {
        let told = run(lines, "ls .", home.path()).exits(2).says(says);
        assert_eq!(told.said.trim_end().lines().count(), 1, "{told}");
    };
    check("timeout = \"5 weeks\"", "config.toml:2:11: the unit must be ms");
    check("jobs = 65", "config.toml:2:8: neither `auto` nor a number between 1 and 64");
    check("verify = \"hsah\"", "expected one of auto, none, size, hash; did you mean hash?");
    check("retrys = 1", "config.toml:2:1: unknown key \"retrys\"; did you mean retries?");
    check("insecure = true", "\"insecure\" does not belong here: write it on the command line");
    check("path = \"direct\"", "\"path\" does not belong here: write it on the command line");
    check("relay-consent = \"ask\"", "write it as consent in [relay]");
    check("ca = \"x.pem\"", "write it in [sites.NAME], or on the command line");
    check("limit = [\"1MB\"]", "config.toml:2:9: expected one value, found a list");
    // doctor says the same, and completions still work.
    run("jobs = 65", "doctor", home.path()).exits(1).says("config.toml:2:8");
    run("jobs = 65", "completions bash", home.path()).exits(0);
    fs::write(home.path().join("top.toml"), "timeout = 5\n").unwrap();
    let top = user().here(home.path()).args(["--config", "top.toml", "ls", "."]);
    top.run().exits(2).says("top.toml:1:1: \"timeout\" does not belong here: write it in [defaults]");
}
