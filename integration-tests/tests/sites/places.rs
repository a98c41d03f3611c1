//! `SITE:path` and `[SITE]path`, and what the settings say of a site.

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{PASSWORD, Server, Site, USER, sample};
use integration_tests::user::{User, user};

fn server(ip: &str) -> Server {
    Site::new("named").at(ip).file("pub/a.bin", sample(1000)).file("pub/c@d.bin", sample(10)).start()
}

/// The URL of a server without the password.
fn url(server: &Server, path: &str) -> String {
    format!("ftp://{USER}@{}/{path}", server.address(Rfc959))
}

/// A run with these settings, and with the password of both servers in a file.
fn with(settings: &str) -> User {
    user().private_file("secret", format!("{PASSWORD}\n")).file("config.toml", settings).args([
        "--config",
        "config.toml",
        "--retries",
        "0",
    ])
}

/// The settings of two sites whose passwords are there.
fn two(one: &Server, two: &Server) -> String {
    format!(
        "[sites.one]\nurl = \"{}\"\npassword-file = \"secret\"\n\
         [sites.two]\nurl = \"{}\"\npassword-command = \"cat secret; echo more\"\n",
        url(one, "pub"),
        url(two, "")
    )
}

#[test]
fn files_go_between_sites_that_are_typed_by_their_names() {
    let (from, to) = (server("127.0.0.2"), server("127.0.0.3"));
    let settings = two(&from, &to);
    let run = with(&settings).args(["copy", "--json", "one:a.bin", "[two]in/"]).run();
    let run = run.exits(0).never_says(PASSWORD);
    let file = &run.events("file")[0];
    assert_eq!((&file["source"], &file["dest"]), (&"one:a.bin".into(), &"two:in/a.bin".into()), "{run}");
    assert_eq!(run.summary()["path"], "direct", "{run}");
    assert_eq!(to.bytes("in/a.bin"), sample(1000));
    // An absolute path does not depend on the URL, and a pattern is one at a site too.
    with(&settings).args(["copy", "one:/pub/a.bin", "b.bin"]).run().exits(0);
    let globbed = with(&settings).args(["copy", "--json", "one:*.bin", "two:g/"]).run().exits(0);
    assert_eq!(globbed.summary()["files"], 2, "{globbed}");
    with(&settings).args(["ls", "one:"]).run().exits(0).says("a.bin").says("c@d.bin");
    with(&settings).args(["stat", "two:none"]).run().exits(3).says("two:none does not exist");
    // The two names and the URL mean one place.
    let itself = with(&settings).args(["copy", "one:a.bin", &from.url("pub/a.bin")]).run();
    itself.exits(2).says("is source and destination");
}

#[test]
fn a_name_that_no_site_has_is_2_and_tells_the_nearest() {
    let settings = "[sites.lab]\nurl = \"ftp://ann@127.0.0.2:1/\"\n";
    with(settings).args(["ls", "lap:x"]).run().exits(2).says("no site is called lap; did you mean lab?");
    with(settings).args(["copy", "a+b:c", "lab:x"]).run().exits(2).says("place 1 of 2").says("put ./ before");
    user().args(["ls", "lab:x"]).run().exits(2).says("no site is configured");
    let mistakes = "[sites.lab]\nurl = \"ftp://127.0.0.2/\"\npasword-file = \"x\"\n";
    with(mistakes).args(["ls", "lab:x"]).run().exits(2).says("config.toml:3:1: unknown key \"pasword-file\"");
}

#[test]
fn n12_a_job_keeps_the_names_of_its_sites_and_no_password() {
    let (from, to) = (server("127.0.0.2"), server("127.0.0.3"));
    let settings = two(&from, &to);
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state");
    let state = state.to_str().unwrap();
    let run = |args: &[&str]| with(&settings).args(["--state", state]).args(args);
    // The destination is a directory, so the job fails, and goes on when it is none.
    std::fs::create_dir(to.path("pub/x")).unwrap();
    std::fs::write(to.path("pub/x/keep"), "").unwrap();
    run(&["copy", "--id", "named", "one:c@d.bin", "two:pub/x/keep/y"]).run().fails();
    std::fs::remove_file(to.path("pub/x/keep")).unwrap();
    std::fs::create_dir(to.path("pub/x/keep")).unwrap();
    let listed = run(&["jobs", "--json"]).run().exits(0);
    let job = listed.events("job")[0].to_string();
    assert!(job.contains("one:c@d.bin") && job.contains("two:pub/x/keep/y"), "{job}");
    assert!(!job.contains(PASSWORD), "{job}");
    // It is read again in the directory of its first run, where the settings and the password are gone.
    let again =
        with(&settings).args(["--state", state, "copy", "--id", "named", "one:c@d.bin", "two:pub/x/keep/y"]);
    again.run().exits(0);
    assert_eq!(to.bytes("pub/x/keep/y"), sample(10));
    let receipt = run(&["why", "--json", "named"]).run().exits(0);
    let file = &receipt.events("receipt")[0];
    assert_eq!(
        (&file["source"], &file["dest"]),
        (&"one:c%40d.bin".into(), &"two:pub/x/keep/y".into()),
        "{receipt}"
    );
}

#[test]
fn a_certificate_that_the_settings_name_is_the_only_good_one() {
    let server = Site::new("pinned").tls().file("a.bin", sample(10)).start();
    let site = |lines: &str| {
        format!("[sites.lab]\nurl = \"{}\"\npassword-file = \"secret\"\n{lines}\n", url(&server, ""))
    };
    let other = format!("SHA256:{}", "a".repeat(64));
    let pinned = site(&format!("pin = \"{}\"", server.pin()));
    let run = with(&pinned).args(["copy", "--json", "lab:a.bin", "b.bin"]).run().exits(0);
    assert_eq!(run.summary()["protection"], "private", "{run}");
    let wrong = site(&format!("pin = \"{other}\""));
    with(&wrong).args(["ls", "lab:"]).run().exits(11).says(&server.pin());
    // What the settings demand holds under --insecure too, and --pin is for other servers.
    with(&wrong).args(["--insecure", "ls", "lab:"]).run().exits(11);
    with(&wrong).args(["--pin", &server.pin(), "ls", "lab:"]).run().exits(11);
    let authority = site(&format!("ca = \"{}\"\ntrust = \"known\"", server.certificate().display()));
    with(&authority).args(["ls", "lab:"]).run().exits(0).never_says("not verified");
    with(&site("ca = \"none.pem\"")).args(["ls", "lab:"]).run().exits(2).says("none.pem").says("[sites.lab]");
}

#[test]
fn a_password_command_that_fails_is_4_and_no_server_hears_of_it() {
    let site = |command: &str| {
        format!("[sites.lab]\nurl = \"ftp://ann@127.0.0.2:1/\"\npassword-command = {command}\n")
    };
    let check = |command: &str, says: &str| {
        with(&site(command)).args(["ls", "lab:"]).run().exits(4).says(says).never_says("s3cret");
    };
    check("\"echo s3cret; exit 3\"", "password-command of lab failed: it ended with exit status: 3");
    check("[\"/no/such/program\", \"s3cret\"]", "/no/such/program: no such file or directory");
    check("\"true\"", "is empty");
    let run = with("[sites.lab]\nurl = \"ftp://ann@127.0.0.2:1/\"\npassword-file = \"none\"\n");
    run.args(["ls", "lab:"]).run().exits(2).says("there is no file").says("password-file of lab names it");
}

#[test]
fn a_peer_is_told_the_address_that_the_settings_have_for_it() {
    let [one, two] = ["127.0.0.2", "127.0.0.3"]
        .map(|ip| Peer::start(ip, "SIZE a.bin: 213 1000\nSIZE b.bin: 550 no", MODERN));
    let site = |name: &str, peer: &Peer, lines: &str| {
        let password = PASSWORD.replace(':', "%3A");
        let url = peer.url("").replacen(&format!(":{password}@"), "@", 1);
        format!("[sites.{name}]\nurl = \"{url}\"\npassword-file = \"secret\"\n{lines}\n")
    };
    let settings = site("one", &one, "") + &site("two", &two, "passive-address = { one = \"127.0.0.4\" }");
    let copy = ["copy", "--path", "direct", "--timeout", "3s", "one:a.bin", "two:b.bin"];
    with(&settings).args(copy).run();
    let told = one.seen_of(&["PORT"]);
    assert!(told.iter().any(|line| line.starts_with("PORT 127,0,0,4,")), "{told:?}");
}

#[test]
fn a_site_has_no_more_sessions_than_its_limit() {
    let (from, to) = (server("127.0.0.2"), server("127.0.0.3"));
    for number in 0..20 {
        std::fs::write(from.path(&format!("pub/{number}")), sample(100)).unwrap();
    }
    let settings = two(&from, &to) + "[sites.two.limits]\nsessions = 2\n";
    for (name, jobs) in [("auto", "auto"), ("named", "8")] {
        let to_there = format!("two:{name}/");
        let run =
            with(&settings).args(["copy", "-r", "-j", jobs, "--json", "one:", &to_there]).run().exits(0);
        assert_eq!(run.summary()["files"], 22, "{run}");
        // One session copies, one is for what must be asked meanwhile.
        let [found] = &run.events("jobs")[..] else { panic!("{run}") };
        assert_eq!((found["number"].as_u64(), found["reason"].as_str()), (Some(1), Some("site")), "{run}");
        assert_eq!(found["why"], "the limits of a site permit no more", "{run}");
    }
}
