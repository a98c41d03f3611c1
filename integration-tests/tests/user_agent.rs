//! Chapter H: the user agent against scripted servers, one statement each.

use integration_tests::peer::{MODERN, OLD, Peer};
use integration_tests::site::{PASSWORD, Site, sample, target};
use integration_tests::user::{Run, copies, user};

/// What a server of today says that knows SOCK and LSTN, but not RNDZ.
const SOCKETS: &str = "\
FEAT: 211-Features\\r\\n SIZE\\r\\n SOCK\\r\\n LSTN R;S\\r\\n211 End
LSTN: listen ; 255 SOCK {port}
SOCK: target ; 255 SOCK {sock}
";

/// The file that every scripted source has.
const SOURCE_FILE: &str = "SIZE a.txt: 213 1000\n";

fn source(script: &str) -> Peer {
    Peer::start("127.0.0.2", &format!("{script}\n{SOURCE_FILE}"), MODERN)
}

fn destination(script: &str) -> Peer {
    Peer::start("127.0.0.3", &format!("{script}\nSIZE b.txt: 550 no such file\n"), MODERN)
}

/// Copies one file directly. What the peers have seen is complete afterwards.
fn copy(from: &Peer, to: &Peer, more: &[&str]) -> Run {
    let run = copies(
        &["--path", "direct", "--retries", "0", "--timeout", "3s", "--stall", "5s"],
        [from.url("a.txt"), to.url("b.txt")],
    )
    .args(more)
    .run();
    from.wait_for_the_end_of_all();
    to.wait_for_the_end_of_all();
    run
}

#[test]
fn h01_the_set_up_of_append_is_that_of_rfc_438() {
    let from = source(SOCKETS);
    let to = Peer::start(
        "127.0.0.3",
        &format!("{SOCKETS}\nonce SIZE b.txt: 213 5\nSIZE b.txt: 213 1005\n"),
        MODERN,
    );
    user().args(["append".to_owned(), from.url("a.txt"), to.url("b.txt")]).run().exits(0);
    let verbs = ["LSTN", "SOCK", "PASV", "EPSV", "PORT", "EPRT", "RETR", "APPE", "STOR"];
    let (at_from, at_to) = (from.seen_of(&verbs), to.seen_of(&verbs));
    let x = to.moment("> 255 SOCK");
    assert_eq!(at_from.len(), 2, "{at_from:?}");
    assert!(
        at_from[0].starts_with("SOCK 2130706435,") || at_from[0].starts_with("SOCK 127.0.0.3,"),
        "{at_from:?}"
    );
    assert_eq!(at_from[1], "RETR a.txt");
    assert_eq!(at_to.len(), 3, "{at_to:?}");
    assert_eq!(at_to[0], "LSTN R");
    assert!(at_to[1].starts_with("SOCK 2130706434,") || at_to[1].starts_with("SOCK 127.0.0.2,"), "{at_to:?}");
    assert_eq!(at_to[2], "APPE b.txt");
    assert!(x < from.moment("SOCK"), "SOCK before X was known");
    assert!(from.moment("> 255 SOCK") < to.moment("SOCK"), "the filter before Y was known");
}

#[test]
fn h03_h07_where_no_reply_names_a_port_there_is_no_path_and_no_transfer_command() {
    let sockets = |reply: &str| format!("LSTN: {reply}\nPASV: 502 no\nEPSV: 502 no\n{SOCKETS}");
    let rules = ["255 SOCK", "255 SOCK none", "255 SOCK 65536", "255 SOCK 0"].map(sockets).into_iter();
    let passive = ["227 (127,0,0,3,300,1)", "227 (127,0,0,3,4)", "227 Entering Passive Mode"];
    for rules in rules.chain(passive.map(|reply| format!("PASV: {reply}"))) {
        let (from, to) = (source(&rules), destination(&rules));
        copy(&from, &to, &[]).exits(6);
        assert!(from.seen_of(&["RETR"]).is_empty() && to.seen_of(&["STOR"]).is_empty(), "{rules}");
    }
}

#[test]
fn h06_the_greeting_decides_the_dialect() {
    let old = "SIZE a.txt: 200 1000\nHELP: 200-SOCK\\r\\n LSTN R;S\\r\\n SIZE\\r\\n200 end";
    let from = Peer::start("127.0.0.2", old, OLD);
    let to = destination(&format!("greet 120 in a minute ; 220 ready\n{SOCKETS}"));
    copy(&from, &to, &[]).exits(0);
    assert_eq!(from.seen_of(&["USER", "PASS"]), ["USER ann".to_owned(), format!("PASS {PASSWORD}")]);
}

#[test]
fn h06_331_asks_for_an_account_in_1973() {
    let from = Peer::start("127.0.0.2", "PASS: 331 account please", OLD);
    let to = destination("");
    copy(&from, &to, &[]).exits(4).says("account").says("127.0.0.2");
    to.wait_for_the_end_of_all();
}

#[test]
fn h12_every_transfer_has_its_own_opening() {
    let two = "SIZE c.txt: 213 1000";
    for script in ["", SOCKETS] {
        let from = source(&format!("{script}\n{two}"));
        let to = destination(&format!(
            "{script}\nSIZE *.txt: 550 no such file\nMLST: 550 none\nCWD *.txt: 550 no directory\nCWD: 250 there"
        ));
        user()
            .args(["copy", "--no-race", "--path", "direct", "--timeout", "3s"])
            .args([from.url("a.txt"), from.url("c.txt"), to.url("d/")])
            .run()
            .exits(0);
        let order = to.seen_of(&["LSTN", "PASV", "STOR"]);
        let verbs: Vec<&str> = order.iter().filter_map(|line| line.split(' ').next()).collect();
        let opening = if script.is_empty() { "PASV" } else { "LSTN" };
        assert_eq!(verbs, [opening, "STOR", opening, "STOR"]);
    }
}

#[test]
fn h16_one_good_end_is_not_enough() {
    let from = source("");
    let to = destination("STOR: 150 opening ; accept ; drain ; 426 broken here");
    let run = copy(&from, &to, &["--json"]).exits(5).says("127.0.0.3").says("broken here");
    assert_eq!(run.summary()["ok"], false);
    assert!(to.seen_of(&["RNTO"]).is_empty());
    let from = source("RETR: 150 opening ; dial ; data 500 ; end ; 426 broken there");
    let to = destination("");
    copy(&from, &to, &[]).fails().says("127.0.0.2").says("broken there");
    assert!(to.seen_of(&["RNTO"]).is_empty());
}

#[test]
fn h25_strange_names_survive() {
    let names =
        ["two words.txt", "it's \"quoted\".txt", "-leading dash", "żółw ☃.txt", " blanks ", "100%25.txt"];
    let content = |name: &str| format!("content of {name}");
    let from = names.iter().fold(Site::new("names"), |site, name| site.file(name, content(name))).start();
    let copies = Site::new("copies").at("127.0.0.3").directory("d \"q\"").start();
    let escape = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    for name in names {
        let dest = format!("d \"q\"/{name}");
        let [from, to] = [(&from, name), (&copies, dest.as_str())]
            .map(|(server, path)| server.url(&path.bytes().map(escape).collect::<String>()));
        user().args(["copy", "--no-race", &from, &to]).run().exits(0);
        assert_eq!(copies.bytes(&dest), content(name).as_bytes());
    }
}

#[test]
fn h31_both_files_on_one_server() {
    let content = sample(100_000);
    let site = Site::new("one").file("a.bin", &content).start();
    let words = ["copy", "--no-race", "--json", &site.url("a.bin"), &site.url("d.bin")];
    let run = user().args(words).run().exits(0);
    assert_eq!(run.summary()["path"], "direct", "{run}");
    assert_eq!(site.bytes("d.bin"), content);
    assert_eq!(site.names(), ["a.bin", "d.bin"]);
}

#[test]
fn h32_a_file_is_not_appended_or_copied_to_itself() {
    let site = Site::new("self").file("a.txt", "hello").file("d/b.txt", "").start();
    for verb in ["append", "copy"] {
        for (from, to) in
            [("a.txt", "a.txt"), ("a.txt", "d/../a.txt"), ("a.txt", "./a.txt"), ("//a.txt", "a.txt")]
        {
            user().args([verb.to_owned(), site.url(from), site.url(to)]).run().exits(2);
            assert_eq!(site.bytes("a.txt"), b"hello");
        }
    }
}

#[test]
fn h33_an_interrupt_aborts_both_ends() {
    let from = source("RETR: 150 opening\nABOR: 426 aborted ; 226 done");
    let to = destination("STOR: 150 opening\nABOR: 426 aborted ; 226 done");
    let run = copies(
        &["--path", "direct", "--timeout", "60s", "--stall", "60s"],
        [from.url("a.txt"), to.url("b.txt")],
    )
    .start();
    from.wait_for("> 150");
    to.wait_for("> 150");
    run.interrupt();
    run.end().exits(10);
    assert_eq!(from.seen_of(&["ABOR"]), ["ABOR"]);
    assert_eq!(to.seen_of(&["ABOR"]), ["ABOR"]);
    assert!(to.seen_of(&["RNTO"]).is_empty());
    // The attempt's file does not stay behind.
    assert_eq!(to.seen_of(&["DELE"]).len(), 1, "{:?}", to.seen());
}

#[test]
fn h38_no_secret_in_any_trace_or_log() {
    let from = Site::new("source").args(["--log-level", "trace"]).file("a.txt", "hello").start();
    let to = Site::new("target").at("127.0.0.3").args(["--log-level", "trace"]).start();
    let run =
        copies(&["--path", "direct", "--trace", "trace.txt", "-v"], [from.url("a.txt"), to.url("b.txt")])
            .run()
            .exits(0);
    let trace = run.text("trace.txt");
    assert!(trace.contains("PASS") && trace.contains("RNDZ"), "{trace}");
    let asked = trace.matches("> MLST a.txt").count();
    assert_eq!(asked, 2, "the source is asked once before the copy and once after it: {trace}");
    assert!(trace.contains("< 226-Bytes 5"), "lines stand there as they came: {trace}");
    for text in [&trace, &run.said, &from.running.said(), &to.running.said()] {
        assert!(!text.contains(PASSWORD) && !text.contains("sesame"), "{text}");
        let hex = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let secrets = text.lines().filter(|line| line.contains("RNDZ")).flat_map(str::split_whitespace);
        assert_eq!(secrets.filter(|word| hex(word)).count(), 0, "{text}");
    }
}

#[test]
fn missing_directories_above_the_destination_are_made_at_any_depth() {
    let from = Site::new("source").at("127.0.0.2").file("a.bin", b"a").file("t/f", b"f").start();
    let files =
        |names: Vec<String>| names.into_iter().filter(|name| !name.ends_with('/')).collect::<Vec<_>>();
    let check = |source: &str, dest: &str, expect: &str| {
        let to = target();
        let run = user().args(["copy", "-r", "--retries", "0"]);
        let run = run.args([from.url(source), to.url(dest)]).run().exits(0);
        assert_eq!(files(to.names()), [expect], "{source} {dest}: {run}");
        let run = user().args(["copy", "-r", "--retries", "0"]);
        let run = run.args([from.url(source), dest.to_owned()]).run().exits(0);
        assert_eq!(files(run.names()), [expect], "{source} {dest}: {run}");
    };
    check("a.bin", "no/such/b.bin", "no/such/b.bin");
    check("a.bin", "no/such/", "no/such/a.bin");
    check("t", "deep/er/dir", "deep/er/dir/f");
    check("t", "deep/er/", "deep/er/t/f");
}

#[test]
fn h14_a_missing_source_leaves_the_destination_untouched() {
    let (from, to) = (source("RETR: 550 a.txt: No such file or directory"), destination(""));
    copy(&from, &to, &[]).exits(3).says("127.0.0.2").says("no such file");
    assert!(to.seen_of(&["STOR", "APPE", "RNTO", "DELE"]).is_empty(), "{:?}", to.seen());
    for peer in [&from, &to] {
        peer.wait_for("QUIT");
    }
}

#[test]
fn h14_with_rndz_the_waiting_destination_is_aborted() {
    let rndz =
        "FEAT: 211-Features\\r\\n SIZE\\r\\n SOCK\\r\\n LSTN R;S\\r\\n RNDZ\\r\\n211 End\nRNDZ: 200 noted";
    let from = source(&format!("RETR: 550 a.txt: No such file or directory\n{rndz}\n{SOCKETS}"));
    let to = destination(&format!("STOR: silent\nABOR: 426 aborted ; 226 done\n{rndz}\n{SOCKETS}"));
    copy(&from, &to, &[]).exits(3).says("no such file");
    // With RNDZ both transfer commands are sent at once: the destination waits for a peer.
    assert_eq!(to.seen_of(&["STOR"]).len(), 1, "{:?}", to.seen());
    assert_eq!(to.seen_of(&["ABOR", "RNTO"]), ["ABOR"]);
    for peer in [&from, &to] {
        peer.wait_for("QUIT");
    }
}

#[test]
fn h15_a_refusing_destination_aborts_the_source() {
    let from = source("RETR: 150 opening\nABOR: 426 aborted ; 226 done");
    let to = destination("STOR: 553 not this name");
    copy(&from, &to, &[]).exits(4).says("127.0.0.3").says("not this name");
    assert_eq!(from.seen_of(&["ABOR"]), ["ABOR"]);
    for peer in [&from, &to] {
        peer.wait_for("QUIT");
    }
}
