//! Standard input and output as one end of a copy, and the rate of a copy.

use integration_tests::binary::Program;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::site::{Server, Site, target};
use integration_tests::user::user;
use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

fn server() -> Server {
    Site::new("source").file("a.txt", "one\ntwo\n").start()
}

/// Starts `ftp-user` with a pipe as its standard input.
fn start(home: &tempfile::TempDir, args: &[&str]) -> Child {
    let mut command: Command = Program::User.command_at(&Program::User.path());
    command.args(args).env("HOME", home.path()).current_dir(home.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Runs `ftp-user` with `input` as its standard input.
pub(crate) fn with_input(input: &[u8], args: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut child = start(&home, args);
    let mut stdin = child.stdin.take().unwrap();
    // Whoever refuses the copy reads nothing.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_file_is_copied_to_standard_output_and_nothing_else_is_written_there() {
    let from = server();
    let url = from.url("a.txt");
    for json in [&[][..], &["--json"]] {
        let args = [&["copy"], json, &[&url, "-"]].concat();
        let done = with_input(b"", &args);
        assert_eq!((done.status.code(), text(&done.stdout)), (Some(0), "one\ntwo\n".to_owned()), "{done:?}");
        let said = text(&done.stderr);
        let expect = if json.is_empty() { "verified sha-256" } else { "\"verified\":\"sha-256\"" };
        assert!(said.contains(expect), "{said}");
    }
    let done = with_input(b"", &["copy", &from.url("none"), "-"]);
    assert_eq!((done.status.code(), done.stdout.len()), (Some(3), 0), "{done:?}");
}

#[test]
fn standard_input_is_stored_verified_and_gets_its_name_last() {
    let to = target();
    let input: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let done = with_input(&input, &["copy", "--json", "-", &to.url("new/place/b")]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert!(to.bytes("new/place/b") == input, "{done:?}");
    assert_eq!(to.names(), ["new/", "new/place/", "new/place/b"]);
    let said = text(&done.stdout);
    assert!(said.contains("\"bytes\":12000000") && said.contains("\"verified\":\"sha-256\""), "{said}");
    // An empty file is a file, and an old one is replaced.
    let done = with_input(b"", &["copy", "-", &to.url("new/place/b")]);
    assert_eq!((done.status.code(), to.bytes("new/place/b").len()), (Some(0), 0), "{done:?}");
    let done = with_input(b"x", &["copy", "--overwrite", "never", "-", &to.url("new/place/b")]);
    assert_eq!((done.status.code(), to.bytes("new/place/b").len()), (Some(8), 0), "{done:?}");
}

#[test]
fn what_was_read_of_standard_input_before_an_interruption_is_removed_and_cannot_be_resumed() {
    let to = target();
    let home = tempfile::tempdir().unwrap();
    let mut child = start(&home, &["copy", "-", &to.url("b")]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&[7; 100_000]).unwrap();
    while to.names().is_empty() {
        std::thread::yield_now();
    }
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let done = child.wait_with_output().unwrap();
    drop(stdin);
    let said = text(&done.stderr);
    assert_eq!((done.status.code(), to.names().len()), (Some(10), 0), "{said}");
    assert!(said.contains("standard input can be read only once"), "{said}");
}

#[test]
fn standard_input_and_output_are_one_file_with_one_server() {
    let (from, url) = (server(), "ftp://127.0.0.9/x");
    for (args, words) in [
        (&["-", "-"][..], "one other place"),
        (&["-", url, url], "one other place"),
        (&["-r", url, "-"], "leave out -r"),
        (&["./a", "-"], "both places are on this host"),
        (&["--resume", "-", url], "--resume"),
        (&["--retries", "3", "-", url], "read only once"),
        (&["--id", "night", url, "-"], "--id"),
        (&["--path", "direct", url, "-"], "--path"),
        (&[&from.url("*.txt"), "-"], "no pattern"),
    ] {
        let done = with_input(b"", &[&["copy"], args].concat());
        assert_eq!(done.status.code(), Some(2), "{args:?} {done:?}");
        assert!(text(&done.stderr).contains(words), "{args:?} {done:?}");
    }
    let done = with_input(b"x", &["copy", "-", &from.url("")]);
    assert!(done.status.code() == Some(2) && text(&done.stderr).contains("has no name"), "{done:?}");
}

#[test]
fn n15_a_server_that_knows_rate_keeps_to_the_limit_of_a_copy() {
    let from = Site::new("source").file("a", vec![1; 700_000]).start();
    let to = target();
    let run = user().args(["copy", "--json", "--limit", "500KB/s", "--trace", "trace"]);
    let run = run.args([from.url("a"), to.url("b")]).run().exits(0);
    let trace = String::from_utf8_lossy(&run.bytes("trace")).into_owned();
    assert!(trace.contains("RATE 500000"), "{trace}");
    assert_eq!(run.summary()["path"], "direct", "{run}");
    // A limit only makes things slower.
    assert!(run.summary()["seconds"].as_f64() > Some(0.3), "{run}");
    // Several files at the same time share it, and small ones move together all the same.
    let run = user().args(["copy", "-r", "--json", "-j", "5", "--limit", "500KB", "--trace", "trace"]);
    let from =
        (0..40).fold(Site::new("many"), |site, number| site.file(&format!("{number}"), "file")).start();
    let run = run.args([from.url("./"), to.url("t")]).run().exits(0);
    let trace = String::from_utf8_lossy(&run.bytes("trace")).into_owned();
    let groups: Vec<&str> = trace.split("> RATE 500000 ").skip(1).map(|rest| &rest[..32]).collect();
    assert!(groups.len() > 1 && groups.iter().all(|group| *group == groups[0]), "{groups:?} {trace}");
    assert!(trace.contains("> PACK STORE"), "{trace}");
}

#[test]
fn n15_small_files_are_no_faster_together_than_the_limit() {
    let source = Site::new("source");
    let source = (0..10).fold(source, |site, number| site.file(&format!("d/{number}"), vec![1; 50_000]));
    let (from, to) = (source.start(), target());
    for more in [&["-j", "1"][..], &["-j", "2"]] {
        let run = user().args(["copy", "-r", "--json", "--limit", "250KB"]).args(more);
        let run = run.args([from.url("d/"), to.url(&format!("to{}", more[1]))]).run().exits(0);
        // Two seconds at that rate, but for what a bucket keeps for a burst. A limit only makes things slower.
        assert!(run.summary()["seconds"].as_f64() > Some(1.0), "{run}");
    }
}

#[test]
fn n15_where_no_server_keeps_to_a_limit_the_file_passes_this_host() {
    let (from, to) = (
        Peer::start("127.0.0.2", "SIZE a.txt: 213 1000\nSIZE *: 550 no", MODERN),
        Peer::start("127.0.0.3", "SIZE b.txt: 550 no", MODERN),
    );
    let copy = |more: &[&str]| {
        let run = user().args(["copy", "--json", "--retries", "0", "--limit", "100KB"]).args(more);
        run.args([from.url("a.txt"), to.url("b.txt")]).run()
    };
    let run = copy(&[]).exits(0);
    assert_eq!(run.summary()["path"], "user", "{run}");
    assert!(run.warnings().iter().any(|text| text.contains("neither server keeps to the rate")), "{run}");
    copy(&["--path", "direct"]).exits(6).says("neither server keeps to the rate");
    user().args(["copy", "--limit", "0", "a", "b"]).run().exits(2);
    user().args(["copy", "--limit", "fast", "a", "b"]).run().exits(2);
}

#[test]
fn n15_what_is_printed_and_what_is_read_from_standard_input_keep_to_the_limit() {
    let server = Site::new("source").file("a", vec![1; 1_500_000]).start();
    let took = |input: &[u8], args: &[&str]| {
        let start = std::time::Instant::now();
        let done = with_input(input, args);
        assert!(done.status.success(), "{args:?} {done:?}");
        (done, start.elapsed().as_secs_f64())
    };
    // Three seconds at that rate, but for what a bucket keeps for a burst. A limit only makes things slower.
    let url = server.url("a");
    for args in [&["cat", "--limit", "500KB", &url][..], &["copy", "--limit", "500KB", &url, "-"]] {
        let (done, seconds) = took(b"", args);
        assert_eq!(done.stdout.len(), 1_500_000, "{args:?}");
        assert!(seconds > 1.5, "{args:?}: {seconds}");
    }
    let (_, seconds) = took(&[2; 1_500_000], &["copy", "--limit", "500KB", "-", &server.url("b")]);
    assert!(seconds > 1.5, "{seconds}");
    assert_eq!(server.bytes("b").len(), 1_500_000);
    user().args(["cat", "--limit", "0", &url]).run().exits(2);
}

#[test]
fn what_passes_this_host_keeps_to_the_limit() {
    let from = Site::new("source").file("a", vec![1; 1_500_000]).start();
    let to = target();
    for (source, destination) in
        [(from.url("a"), to.url("b")), (from.url("a"), "c".to_owned()), ("./c".to_owned(), to.url("d"))]
    {
        let run = user().file("c", vec![2; 1_500_000]);
        let run = run
            .args(["copy", "--json", "--path", "user", "--limit", "1MB", &source, &destination])
            .run()
            .exits(0);
        assert!(run.summary()["seconds"].as_f64() > Some(0.3), "{run}");
    }
}

#[test]
fn an_interrupted_copy_to_standard_output_is_not_said_to_skip_what_is_done() {
    let script = "SIZE a.bin: 213 200000\nRETR: 150 opening ; connection ; data 100000 ; hang";
    let peer = Peer::start("127.0.0.2", script, MODERN);
    let run = user().args(["copy", &peer.url("a.bin"), "-"]).start();
    peer.wait_for("RETR");
    run.interrupt();
    drop(run.end().exits(10).never_says("what is done is skipped"));
}
