//! Chapter H: the user agent against scripted servers, one statement each.

use integration_tests::peer::{MODERN, OLD, Peer};
use integration_tests::site::{PASSWORD, Site, sample};
use integration_tests::user::{Run, copies, user};

/// What a server of today says that knows SOCK and LSTN, but not RNDZ.
const SOCKETS: &str = "\
FEAT: 211-Features\\r\\n SIZE\\r\\n SOCK\\r\\n LSTN R;S\\r\\n211 End
LSTN: listen ; 255 SOCK {port}
SOCK: target ; 255 SOCK {sock}
";

/// What both ends of 1973 say.
const FILES_OF_1973: &str = "SIZE a.txt: 200 1000\nSIZE *.ftp-user.part: 200 {stored}\nSIZE: 450 no\n\
    HELP: 200-SOCK\\r\\n LSTN R;S\\r\\n SIZE\\r\\n200 end";

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
fn h02_pasv_is_acknowledged_before_either_transfer_command() {
    let (from, to) = (source(""), destination(""));
    copy(&from, &to, &[]).exits(0);
    let passive = to.moment("> 227");
    assert!(passive < from.moment("RETR") && passive < to.moment("STOR"));
}

#[test]
fn h03_every_spelling_of_255_is_read() {
    for reply in [
        "255 SOCK {port}",
        "255 SOCK  {port} foo",
        "255  sock {port}",
        "255-SOCK follows\\r\\n255 SOCK {port}",
    ] {
        let from = source(SOCKETS);
        let to = destination(&format!("LSTN: listen ; {reply}\n{SOCKETS}"));
        copy(&from, &to, &[]).exits(0);
        assert_eq!(to.seen_of(&["LSTN"]), ["LSTN R"], "{reply}");
    }
}

/// Neither end says anything that can be used: there is no path, and no transfer command.
fn finds_no_way(rules: &str) {
    let (from, to) = (source(rules), destination(rules));
    copy(&from, &to, &[]).exits(6);
    assert!(from.seen_of(&["RETR"]).is_empty() && to.seen_of(&["STOR"]).is_empty(), "{rules}");
}

#[test]
fn h03_a_255_without_a_port_is_not_used() {
    for reply in ["255 SOCK", "255 SOCK none", "255 SOCK 65536", "255 SOCK 0"] {
        finds_no_way(&format!("LSTN: {reply}\nPASV: 502 no\nEPSV: 502 no\n{SOCKETS}"));
    }
}

/// A copy between two servers of 1973, of which the source has these rules.
fn copies_in_1973(rules: &str) {
    let from = Peer::start("127.0.0.2", &format!("{rules}\n{FILES_OF_1973}"), OLD);
    copy(&from, &Peer::start("127.0.0.3", FILES_OF_1973, OLD), &[]).exits(0);
}

#[test]
fn h04_200_in_reply_to_sock_and_a_255_before_250() {
    copies_in_1973(
        "SOCK: target ; 200 socket command accepted\n\
         RETR: 255 SOCK {sock} ; 250 started ; dial ; data 1000 ; end ; 252 sent",
    );
}

#[test]
fn h05_what_250_means_is_the_dialects_affair() {
    copies_in_1973(
        "RETR: 030 news ; 110 status ; 250 started ; dial ; 050 still ; data 1000 ; end ; 257 sent",
    );
    // Today 250 ends a transfer: nothing else comes, and nothing else is waited for.
    let from = source("RETR: 150 opening ; connection ; data 1000 ; end ; 250 sent");
    let to = destination("STOR: 150 opening ; connection ; drain ; 250 stored");
    copy(&from, &to, &[]).exits(0);
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
fn h07_every_227_in_the_wild_is_read() {
    for reply in [
        "227 Entering Passive Mode ({commas})",
        "227 Entering Passive Mode {commas}",
        "227 ={commas}",
        "227 OK, 1 way: ( {blanks} ).",
        "227-Text\\r\\n227 Passive ({commas}).",
    ] {
        let (from, to) = (source(""), destination(&format!("PASV: listen ; {reply}")));
        copy(&from, &to, &[]).exits(0);
        assert_eq!(to.seen_of(&["PASV"]).len(), 1, "{reply}");
    }
}

#[test]
fn h07_a_227_that_names_nothing_is_not_used() {
    for reply in ["227 (127,0,0,3,300,1)", "227 (127,0,0,3,4)", "227 Entering Passive Mode"] {
        finds_no_way(&format!("PASV: {reply}"));
    }
}

#[test]
fn h11_epsv_all_is_never_sent() {
    let extended = "FEAT: 211-Features\\r\\n SIZE\\r\\n EPSV\\r\\n EPRT\\r\\n211 End\n\
        EPSV: listen ; 229 Extended (|||{port}|)\nEPRT: target ; 200 noted";
    let (from, to) = (source(extended), destination(extended));
    copy(&from, &to, &[]).exits(0);
    let extended = [from.seen_of(&["EPSV"]), to.seen_of(&["EPSV"])].concat();
    assert!(!extended.is_empty(), "EPSV was not used: {:?}", to.seen());
    assert!(extended.iter().all(|line| !line.to_uppercase().contains("ALL")), "{extended:?}");
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
fn h13_the_active_end_is_commanded_before_the_passive_end_has_said_1yz() {
    // Like vsftpd, Pure-FTPd and ProFTPD: 150 only once the connection is there.
    let from = source("RETR: dial ; 150 opening ; data 1000 ; end ; 226 sent");
    let to = destination("STOR: accept ; 150 opening ; drain ; 226 stored");
    copy(&from, &to, &[]).exits(0);
    // And with the roles exchanged: the source listens, the destination connects.
    let from = source("RETR: accept ; 150 opening ; data 1000 ; end ; 226 sent");
    let to = destination("PASV: 502 no\nSTOR: dial ; 150 opening ; drain ; 226 stored");
    copy(&from, &to, &[]).exits(0);
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
fn h19_every_sequence_of_abort_replies_leaves_the_session_in_step() {
    for (replies, sessions) in [
        ("426 aborted ; 226 done", 1),
        ("226 sent ; 226 done", 1),
        ("226 sent ; 225 nothing", 1),
        ("225 nothing", 2), // the reply to RETR is still owed: nobody waits for it in this session
    ] {
        let from = source(&format!("once RETR: 150 opening\nonce ABOR: {replies}\nSIZE c.txt: 213 1000"));
        let to = destination(
            "once STOR: 553 not this name\nSIZE *.txt: 550 no such file\nMLST: 550 none\nCWD *.txt: 550 no directory\nCWD: 250 there",
        );
        let run = user()
            .args(["copy", "--no-race", "--path", "direct", "--retries", "0", "--timeout", "3s", "--json"])
            .args([from.url("a.txt"), from.url("c.txt"), to.url("d/")])
            .run()
            .exits(9);
        assert_eq!(run.summary()["files"], 1, "{replies}\n{run}");
        assert_eq!(from.seen_of(&["RETR"]), ["RETR a.txt", "RETR c.txt"], "{replies}");
        // Where every reply has come, the second file went over the same session.
        let connected = from.seen().iter().filter(|line| *line == "connected").count();
        assert_eq!(connected, sessions, "{replies}: {:?}", from.seen());
    }
}

#[test]
fn h19_a_silent_abort_ends_only_its_own_session() {
    let from = source("RETR: 150 opening\nABOR: 426 aborted\nNOOP: silent\nQUIT: silent");
    let to = destination("STOR: 553 not this name");
    copy(&from, &to, &[]).exits(4).says("not this name");
    to.wait_for("QUIT");
    assert!(to.seen_of(&["RNTO"]).is_empty());
}

#[test]
fn h20_a_deaf_end_is_dropped_and_the_other_is_unaffected() {
    let from = source("RETR: 150 opening ; 426 the connection broke");
    let to = destination("STOR: hang");
    copy(&from, &to, &[]).fails().says("127.0.0.2");
    to.wait_for("closed here");
    from.wait_for("QUIT");
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
        let to = Site::new("target").at("127.0.0.3").start();
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
