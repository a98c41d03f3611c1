//! TLS where it is offered, and certificates as ssh knows hosts: what a run learns of a server, the next one holds it to.

use integration_tests::certificate::{Certificate, Kind};
use integration_tests::foreign::Skipped;
use integration_tests::or_skip;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{Site, sample, target};
use integration_tests::terminal::at_a_terminal;
use integration_tests::tls_peer::{Sends, TlsPeer};
use integration_tests::user::{Run, User, user};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

/// What runs keep for each other.
fn state() -> TempDir {
    tempfile::Builder::new().prefix("ftp-state-").tempdir().unwrap()
}

/// A run with that state directory.
fn run(verb: &str, state: &TempDir) -> User {
    let state = state.path().to_str().unwrap();
    user().args([verb, "--retries", "0", "--timeout", "10s", "--state", state])
}

fn peer() -> TlsPeer {
    TlsPeer::start("127.0.0.2", Sends::InOrder, b"hello")
}

/// The warnings of a run with `--json`.
fn warnings(run: &Run) -> Vec<String> {
    run.events("warning").iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

/// Nobody who listens to `peer` has learnt who logs in.
fn no_login(heard: &[String], before: usize) {
    assert!(!heard[before..].iter().any(|line| line.starts_with("USER")), "{heard:?}");
}

#[test]
fn h24_tls_is_taken_where_it_is_offered_before_anybody_is_named() {
    let (peer, state) = (peer(), state());
    let copy = || run("copy", &state).args(["--json", &peer.clear_url("a.bin"), "b.bin"]).run().exits(0);
    let first = copy();
    assert_eq!(first.summary()["protection"], "private", "{first}");
    assert_eq!(peer.heard()[..2], ["AUTH TLS", "USER ann"]);
    let warned = warnings(&first);
    assert_eq!(warned.len(), 1, "{first}");
    assert!(warned[0].contains("accepted and not verified: no authority") && warned[0].contains(&peer.pin()));
    // What was said once is not said again.
    let second = copy();
    assert_eq!(warnings(&second), [""; 0], "{second}");
    assert_eq!(second.summary()["protection"], "private", "{second}");
}

#[test]
fn h24_a_server_without_tls_is_used_in_clear_and_that_is_said_to_those_who_ask() {
    let (site, state) = (Site::new("clear").file("a.bin", sample(1000)).start(), state());
    let copy =
        |args: &[&str]| run("copy", &state).args(args).args([&site.url("a.bin"), "b.bin"]).run().exits(0);
    copy(&[]).never_says("TLS");
    copy(&["-v"]).says("offers no TLS: passwords and files are in clear");
    let told = copy(&["--json"]);
    assert_eq!(warnings(&told).len(), 1, "{told}");
    assert_eq!(told.summary()["protection"], "clear", "{told}");
    assert!(!state.path().join("sites.json").exists(), "nothing was learnt");
}

#[test]
fn a_server_is_asked_for_tls_once_in_a_run() {
    let state = state();
    let [from, to] =
        ["127.0.0.2", "127.0.0.3"].map(|ip| Site::new("clear").at(ip).file("a.bin", sample(9)).start());
    let tree =
        run("copy", &state).args(["--json", "--trace", "trace.txt", &from.url("a.bin"), &to.url("b.bin")]);
    let tree = tree.run().exits(0);
    assert_eq!(warnings(&tree).len(), 2, "one for each server: {tree}");
}

#[test]
fn h24_a_site_that_has_offered_tls_and_no_longer_does_is_not_used_until_it_is_forgotten() {
    let (peer, state) = (peer(), state());
    let ls = || run("ls", &state).args([peer.clear_url("")]).run();
    ls().exits(0);
    let before = peer.heard().len();
    peer.answers_auth("502 not here");
    let url = format!("ftp://{}/", peer.address());
    ls().exits(11).says("has offered TLS before").says(&format!(" sites forget {url}"));
    no_login(&peer.heard(), before);
    run("sites", &state)
        .args(["forget", &url])
        .run()
        .exits(0)
        .says("forgotten of")
        .says("that it offers TLS");
    run("sites", &state).args(["forget", &url]).run().exits(0).says("nothing was known of");
    let address = url.split('/').nth(2).unwrap().rsplit('@').next().unwrap();
    run("sites", &state).args(["forget", address]).run().exits(0).says("nothing was known of").says(address);
    let before = peer.heard().len();
    ls().fails();
    assert!(
        peer.heard()[before..].contains(&"USER ann".to_owned()),
        "it is used in clear: {:?}",
        peer.heard()
    );
}

#[test]
fn h24_a_certificate_that_was_kept_means_that_its_site_has_tls() {
    let (peer, state) = (peer(), state());
    let entry = format!("[{{\"site\":\"{}\",\"certificate\":\"{}\",\"at\":1}}]", peer.address(), peer.pin());
    let file = state.path().join("sites.json");
    std::fs::write(&file, entry).unwrap();
    peer.answers_auth("502 not here");
    run("ls", &state).args([peer.clear_url("")]).run().exits(11).says("has offered TLS before");
    no_login(&peer.heard(), 0);
}

#[test]
fn a_site_of_implicit_tls_that_an_authority_has_vouched_for_is_not_believed_without_one() {
    let state = state();
    let site = Site::new("implicit").tls().start();
    let ls = |args: &[&str]| run("ls", &state).args(args).args([&site.implicit_url("")]).run();
    let roots = site.certificate();
    ls(&["--ca", roots.to_str().unwrap()]).exits(0).never_says("warning");
    // Now nobody vouches for it.
    ls(&["--trust", "new"]).exits(11).says("an authority vouched for this server before");
}

#[test]
fn h24_a_pin_means_that_its_server_has_tls_already_at_the_first_contact() {
    let (peer, other, state) = (peer(), TlsPeer::start("127.0.0.3", Sends::InOrder, b"hello"), state());
    peer.answers_auth("502 not here");
    let ls = |args: &[&str]| run("ls", &state).args(["--pin", &peer.pin()]).args(args).run();
    ls(&[&peer.clear_url("")]).exits(11).says("a pin names a certificate").says("--no-tls");
    // Nobody knows which of the two it is for.
    let copy =
        |from: &str| run("copy", &state).args(["--pin", &other.pin(), from, &peer.clear_url("b.bin")]).run();
    copy(&other.clear_url("a.bin")).exits(11);
    no_login(&peer.heard(), 0);
    // The other one is held to TLS by its URL, and this one may have none.
    copy(&other.url("a.bin"));
    assert!(peer.heard().contains(&"USER ann".to_owned()), "it is used in clear: {:?}", peer.heard());
    let before = peer.heard().len();
    ls(&["--no-tls", &peer.clear_url("")]);
    assert!(peer.heard()[before..].contains(&"USER ann".to_owned()), "{:?}", peer.heard());
}

#[test]
fn h24_what_ftpes_has_learnt_holds_for_ftp_and_a_server_that_has_no_tls_now_is_asked_later() {
    let (peer, state) = (peer(), state());
    run("ls", &state).args(["--pin", &peer.pin(), &peer.url("")]).run().exits(0);
    peer.answers_auth("500 what?");
    run("ls", &state).args([peer.clear_url("")]).run().exits(11).says("has offered TLS before");
    peer.answers_auth("431 not now");
    run("ls", &state).args([peer.clear_url("")]).run().exits(5).says("does not begin TLS now");
    no_login(&peer.heard()[peer.heard().len() - 2..], 0);
}

#[test]
fn h24_tls_that_is_offered_and_broken_is_never_replaced_by_clear() {
    let state = state();
    for (answer, code, words) in [
        ("234 go ; text what is TLS?", 1, "agreed to begin TLS, and then sent something else"),
        ("234 go\\r\\n331 password\\r\\n230 in", 11, "in clear after its answer"),
        ("234 go ; close", 5, "TLS with"),
        ("431 not now", 5, "does not begin TLS now"),
        ("421 no", 5, "ended the session"),
    ] {
        let peer = Peer::start("127.0.0.2", &format!("AUTH: {answer}"), MODERN);
        run("ls", &state).args([peer.url("")]).run().exits(code).says(words);
        assert_eq!(peer.seen_of(&["USER", "PASS"]), [""; 0], "{answer}: {:?}", peer.seen());
    }
}

#[test]
fn a_certificate_that_was_kept_and_has_changed_is_refused_whatever_is_trusted() {
    let (peer, state) = (peer(), state());
    let ls = |args: &[&str]| run("ls", &state).args(args).run();
    ls(&[&peer.clear_url("")]).exits(0).says("from now on no other is accepted");
    let (old, before) = (peer.pin(), peer.heard().len());
    let other = Certificate::of(peer.address().ip());
    peer.show(&other);
    let roots = state.path().join("roots.pem");
    std::fs::write(&roots, &other.pem).unwrap();
    let forget = format!("sites forget ftp://{}/", peer.address());
    for args in [&[][..], &["--trust", "new"], &["--trust", "known"], &["--ca", roots.to_str().unwrap()]] {
        for url in [peer.clear_url(""), peer.url("")] {
            let refused = ls(&[args, &[url.as_str()]].concat()).exits(11).says("has changed");
            refused
                .says(&old)
                .says(&peer.pin())
                .says(&forget.replace("ftp:", url.split_once("//").unwrap().0));
        }
    }
    no_login(&peer.heard(), before);
    // Whoever names the new one means it, for this run alone.
    ls(&["--pin", &peer.pin(), &peer.clear_url("")]).exits(0);
    ls(&[&peer.clear_url("")]).exits(11);
    ls(&["--insecure", &peer.clear_url("")]).exits(0);
    run("sites", &state).args(["forget", &peer.clear_url("")]).run().exits(0).says(&old);
    ls(&[&peer.clear_url("")]).exits(0).says(&peer.pin());
    ls(&[&peer.url("")]).exits(0);
}

#[test]
fn an_unknown_certificate_is_refused_kept_or_named_as_trust_says() {
    let peer = peer();
    let refused = |args: &[&str]| {
        let state = state();
        let before = peer.heard().len();
        let run = run("ls", &state).args(args).args([peer.url("")]).run();
        let run =
            run.exits(11).says("no authority that this host trusts").says(&format!("--pin {}", peer.pin()));
        no_login(&peer.heard(), before);
        run.says("--trust new")
    };
    refused(&[]);
    refused(&["--trust", "ask"]);
    refused(&["--trust", "known"]);
    let state = state();
    let new = run("ls", &state).args(["--trust", "new", &peer.url("")]).run().exits(0);
    new.says("accepted and not verified").says("from now on no other is accepted");
    // It is known from now on.
    for args in [&[][..], &["--trust", "known"], &["--trust", "new"]] {
        run("ls", &state).args(args).args([peer.url("")]).run().exits(0).never_says("warning");
    }
}

#[test]
fn the_settings_say_what_to_do_with_unknown_certificates() {
    let (peer, state) = (peer(), state());
    let with = |text: &str| run("ls", &state).file("c.toml", text).args(["--config", "c.toml"]);
    with("[defaults]\ntrust = \"nwe\"")
        .args([peer.url("")])
        .run()
        .exits(2)
        .says("c.toml:2:9")
        .says("expected one of ask, new, known");
    with("[defaults]\ntrust = \"new\"").args(["--trust", "known", &peer.url("")]).run().exits(11);
    with("[defaults]\ntrust = \"new\"").args([peer.url("")]).run().exits(0);
    with("[defaults]\ntrust = \"known\"").args([peer.url("")]).run().exits(0).never_says("warning");
}

#[test]
fn what_is_wrong_with_a_certificate_is_said_with_what_to_do() {
    let peer = peer();
    for (kind, words, advice) in [
        (Kind::Expired, "it expired on 2001-01-01", "check the clock of this host"),
        (Kind::NotYet, "it is not valid before 4000-01-01", "check the clock of this host"),
        (Kind::OtherHost, "it is for another host: elsewhere.example", "use the name that it is for"),
        (Kind::Authority, "it is the certificate of an authority", "basicConstraints CA:FALSE"),
    ] {
        let state = state();
        let shown = Certificate::made(peer.address().ip(), kind);
        peer.show(&shown);
        let roots = state.path().join("roots.pem");
        std::fs::write(&roots, &shown.pem).unwrap();
        let ca = ["--ca", roots.to_str().unwrap()];
        let refused = run("ls", &state).args(ca).args([peer.url("")]).run().exits(11);
        refused.says(words).says(advice).says(&format!("--pin {}", peer.pin()));
        run("ls", &state).args(["--pin", &peer.pin(), &peer.url("")]).run().exits(0);
        // Where nothing else was promised, TLS with it is better than none.
        run("ls", &state).args(ca).args([peer.clear_url("")]).run().exits(0).says(words);
    }
}

#[test]
fn a_site_that_an_authority_has_vouched_for_is_not_believed_without_one() {
    let (peer, state) = (peer(), state());
    let own = Certificate::of(peer.address().ip());
    peer.show(&own);
    let roots = state.path().join("roots.pem");
    std::fs::write(&roots, &own.pem).unwrap();
    let ca = ["--ca", roots.to_str().unwrap()];
    let ls = |args: &[&str]| run("ls", &state).args(args).args(ca).args([peer.clear_url("")]).run();
    ls(&[]).exits(0).never_says("warning");
    let before = peer.heard().len();
    // Its name changes, its time passes, or somebody is between.
    for kind in [Kind::Good, Kind::OtherHost, Kind::Expired] {
        peer.show(&Certificate::made(peer.address().ip(), kind));
        ls(&[]).exits(11).says("an authority vouched for this server before").says("sites forget");
        ls(&["--trust", "new"]).exits(11);
    }
    no_login(&peer.heard(), before);
    // A new one of the same authority needs no word.
    peer.show(&own);
    ls(&[]).exits(0).never_says("warning");
}

#[test]
fn h24_while_what_is_known_of_sites_cannot_be_believed_nothing_is_sent() {
    let (peer, state) = (peer(), state());
    let file = state.path().join("sites.json");
    let ls = |url: &str| run("ls", &state).args([url]).run();
    ls(&peer.clear_url("")).exits(0);
    let (good, before) = (std::fs::read_to_string(&file).unwrap(), peer.heard().len());
    peer.answers_auth("502 not here");
    let refused = |words: &str| {
        for url in [peer.clear_url(""), peer.url(""), peer.clear_url("")] {
            ls(&url).exits(1).says(words).says("sites.json").says("mode 0600").says("move it away");
        }
        run("sites", &state).args(["forget", &peer.clear_url("")]).run().exits(1).says(words);
    };
    for text in ["", "[{\"site\":", &good.replace("SHA256:", "SHA256:zz")] {
        std::fs::write(&file, text).unwrap();
        refused("is damaged");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "it stays");
    }
    std::fs::write(&file, &good).unwrap();
    for mode in [0o620, 0o666] {
        std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        refused("others own");
    }
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o700)).unwrap();
    refused("cannot read");
    assert_eq!(peer.heard().len(), before, "{:?}", peer.heard());
}

#[test]
fn a_certificate_that_cannot_be_kept_is_told() {
    let (peer, state) = (peer(), state());
    let plain = state.path().join("plain");
    std::fs::write(&plain, "").unwrap();
    let ls = user().args(["ls", "--state", plain.to_str().unwrap(), &peer.clear_url("")]).run();
    ls.exits(0).says("accepted and not verified").says("cannot write");
}

#[test]
fn runs_at_the_same_time_keep_all_that_they_learn() {
    let state = state();
    let peers: Vec<TlsPeer> = (0..4).map(|_| peer()).collect();
    let started: Vec<_> =
        peers.iter().map(|peer| run("ls", &state).args([peer.clear_url("")]).start()).collect();
    started.into_iter().for_each(|run| drop(run.end().exits(0)));
    let kept = std::fs::read_to_string(state.path().join("sites.json")).unwrap();
    for peer in &peers {
        assert!(kept.contains(&peer.pin()) && kept.contains(&peer.address().to_string()), "{kept}");
    }
}

#[test]
fn sites_forget_names_servers() {
    user().args(["sites", "forgte"]).run().exits(2);
    user().args(["sites"]).run().exits(2);
    user().args(["sites", "forget", "./here"]).run().exits(2).says("names servers");
    let json = user().args(["sites", "forget", "--json", "ftp://h/"]).run().exits(0);
    assert_eq!(json.events("forgotten")[0]["site"], "h:21", "{json}");
}

/// A person who lists a server and types `answers`.
fn lists(state: &Path, url: &str, answers: &str) -> Result<(String, Option<i32>), Skipped> {
    at_a_terminal(state, &format!("ls '{url}'"), answers)
}

#[test]
fn a_person_at_a_terminal_is_asked_about_an_unknown_certificate() {
    let (peer, state) = (peer(), state());
    let (said, code) = or_skip!(lists(state.path(), &peer.url(""), "no\n"));
    assert!(said.contains(&peer.pin()) && said.contains("(yes/no)"), "{said}");
    assert_eq!(code, Some(11), "{said}");
    no_login(&peer.heard(), 0);
    let (said, code) = lists(state.path(), &peer.url(""), "maybe\nyes\n").unwrap();
    assert!(said.contains("please type yes or no") && said.contains("a.bin"), "{said}");
    assert_eq!(code, Some(0), "{said}");
    // It is known from now on, also where nobody can be asked.
    let (said, code) = lists(state.path(), &peer.url(""), "").unwrap();
    assert!(code == Some(0) && !said.contains("(yes/no)"), "{said}");
    run("ls", &state).args([peer.url("")]).run().exits(0);
    // A certificate that has changed is no question.
    peer.show(&Certificate::of(peer.address().ip()));
    let (said, code) = lists(state.path(), &peer.url(""), "yes\n").unwrap();
    assert!(code == Some(11) && said.contains("has changed") && !said.contains("(yes/no)"), "{said}");
}

#[test]
fn h24_between_a_site_with_tls_and_one_without_nothing_goes_in_clear_unless_that_is_permitted() {
    let state = state();
    let from = Site::new("source").tls().file("a.bin", sample(100_000)).start();
    let to = target();
    let copy = |args: &[&str], name: &str| {
        run("copy", &state).args(["--json"]).args(args).args([&from.url("a.bin"), &to.url(name)]).run()
    };
    let through = copy(&[], "b.bin").exits(0);
    let (path, protection) = (&through.summary()["path"], &through.summary()["protection"]);
    assert_eq!((path, protection), (&"user".into(), &"clear".into()), "{through}");
    let half = "in clear between this host and the destination";
    assert!(warnings(&through).iter().any(|warning| warning.contains(half)), "{through}");
    run("copy", &state).args([&from.url("a.bin"), &to.url("e.bin")]).run().exits(0).says(half);
    let explained = run("copy", &state).args(["--explain", &from.url("a.bin"), &to.url("f.bin")]).run();
    explained.exits(0).says(half);
    copy(&["--path", "direct"], "c.bin").exits(6).says("--allow-clear-data");
    let direct = copy(&["--path", "direct", "--allow-clear-data"], "d.bin").exits(0);
    assert_eq!(direct.summary()["path"], "direct", "{direct}");
}

#[test]
fn a_destination_that_demands_tls_for_data_is_no_case_for_the_option_that_permits_data_in_clear() {
    let state = state();
    let from = Site::new("source").file("a.bin", "content").start();
    let to = Site::new("target").at("127.0.0.3").tls().args(["--require-tls"]).start();
    let copy = |path: &str| {
        let run = run("copy", &state).args(["--path", path, "--allow-clear-data", "--pin", &to.pin()]);
        run.args([&from.url("a.bin"), &to.explicit_url("b.bin")]).run()
    };
    let run =
        copy("direct").exits(6).says("demands TLS for data, so --allow-clear-data cannot help: use TLS at");
    run.says("or use --path auto").never_says("check the network");
    drop(copy("auto").exits(0));
    assert_eq!(to.bytes("b.bin"), b"content");
}

#[test]
fn h24_two_sites_that_offer_tls_exchange_files_inside_it() {
    let state = state();
    let site = |ip| Site::new("offers").at(ip).tls().file("a.bin", sample(100_000)).start();
    let (from, to) = (site("127.0.0.2"), site("127.0.0.3"));
    let copy = run("copy", &state).args(["--json", &from.url("a.bin"), &to.url("b.bin")]).run().exits(0);
    let (path, protection) = (&copy.summary()["path"], &copy.summary()["protection"]);
    assert_eq!((path, protection), (&"direct".into(), &"private".into()), "{copy}");
    assert_eq!(warnings(&copy).len(), 2, "one certificate each: {copy}");
    assert!(to.bytes("b.bin") == sample(100_000));
}

#[test]
fn a_server_whose_tls_does_not_work_is_used_in_clear_only_by_option() {
    let state = state();
    let peer = Peer::start("127.0.0.2", "AUTH: 234 go ; text what is TLS?", MODERN);
    run("stat", &state).args([peer.url("a.bin")]).run().exits(1).says("--no-tls uses it in clear");
    assert_eq!(peer.seen_of(&["USER", "PASS"]), [""; 0], "{:?}", peer.seen());
    run("stat", &state).args(["--no-tls", &peer.url("a.bin")]).run();
    assert_eq!((peer.seen_of(&["AUTH"]).len(), peer.seen_of(&["USER"]).len()), (1, 1), "{:?}", peer.seen());
    // It is not for a server that has to use TLS.
    let tls = TlsPeer::start("127.0.0.3", Sends::InOrder, b"hello");
    run("ls", &state).args(["--no-tls", "--pin", &tls.pin(), &tls.url("")]).run().exits(0);
    assert_eq!(tls.heard()[..2], ["AUTH TLS", "USER ann"]);
}

#[test]
fn a_server_that_demands_a_certificate_of_its_client_is_told_so_and_is_asked_once() {
    let desk = tempfile::tempdir().unwrap();
    let authority = desk.path().join("authority.pem");
    std::fs::write(&authority, Certificate::of("127.0.0.1".parse().unwrap()).pem).unwrap();
    let site = Site::new("clients").tls().args(["--tls-client-ca", authority.to_str().unwrap()]);
    let server = site.file("a.bin", sample(9)).start();
    for url in [server.url("a.bin"), server.explicit_url("a.bin"), server.implicit_url("a.bin")] {
        let run = user().args(["copy", "--trust", "new", &url, "b.bin"]).run().exits(4);
        run.says("demands a certificate of its client")
            .says("no certificate of its own")
            .never_says("trying again");
    }
}

#[test]
fn a_changed_certificate_of_a_site_names_the_command_that_accepts_it_and_the_site_is_forgotten_by_its_name() {
    let (peer, home) = (peer(), tempfile::tempdir().unwrap());
    let state = home.path().join("state").display().to_string();
    let config = home.path().join("config.toml");
    let ftp = |words: &[&str]| {
        user().args(["--config", config.to_str().unwrap(), "--state", &state]).args(words).run()
    };
    ftp(&["sites", "add", "two", &peer.clear_url("")]).exits(0);
    ftp(&["ls", "two:"]).exits(0).says("from now on no other is accepted");
    for (name, known) in
        [("two", "forgotten of"), ("two:", "nothing was known of"), ("three", "no site is called three")]
    {
        let run = ftp(&["sites", "forget", name]);
        run.says(known);
    }
    for _ in 0..2 {
        // The first one was kept, the second one is that of the settings.
        ftp(&["ls", "two:"]);
        peer.show(&Certificate::of(peer.address().ip()));
        let pin = peer.pin();
        let run = ftp(&["ls", "two:"]).exits(11).says(&format!(" sites edit two --pin {pin}"));
        run.never_says(&format!("; --pin {pin}"));
        ftp(&["sites", "edit", "two", "--pin", &pin]).exits(0);
        ftp(&["ls", "two:"]).exits(0);
    }
}
