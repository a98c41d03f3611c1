//! Servers that lie while small files move together: in a batch, and in a pipeline. Nothing is called a success that is none,
//! every run ends, and the other files go on.

use crate::accounts::user as account;
use crate::batches::{copy_between, run_between};
use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::beside::each_beside;
use integration_tests::foreign::{Hosts, Kind, Who};
use integration_tests::liar::{Liar, Lie};
use integration_tests::or_skip;
use integration_tests::site::{Server, Site, sample, target};
use integration_tests::socket::until;
use integration_tests::user::{Run, job};
use rustix::process::Signal;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const FILES: usize = 40;
/// Servers that exchange files with any host, without a proof.
const OPEN: [&str; 4] = ["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"];

/// A source with a tree of small files, and an empty destination.
fn sites() -> (Server, Server) {
    let names = (0..FILES).map(|number| format!("tree/{number:02}"));
    let source = names.fold(Site::new("source"), |site, name| {
        let bytes = sample(300 + name.len() * 10 + usize::from(name.as_bytes()[6]));
        site.file(&name, bytes)
    });
    (source.args(OPEN).start(), Site::new("target").at("127.0.0.3").args(OPEN).start())
}

/// Whether an event is about this file.
fn is_of(event: &serde_json::Value, name: &str) -> bool {
    event["source"].as_str().is_some_and(|source| source.ends_with(name))
}

/// Checks that nothing is called a success that is none, and that nothing else stands under a final name. Returns how many
/// files were copied.
fn copied(from: &Server, to: &Server, run: &Run) -> usize {
    let files = run.events("file");
    for name in from.names().iter().filter(|name| !name.ends_with('/')) {
        let is_copied = files.iter().any(|event| is_of(event, name));
        let is_there = to.names().contains(name);
        assert!(!is_copied || is_there, "{name} is called copied: {run}");
        assert!(!is_there || to.bytes(name) == from.bytes(name), "{name} differs: {run}");
    }
    files.len()
}

/// Copies the tree between two servers, of which one lies with its `number`th reply to `verb` that is a final one and whose
/// line begins with `code`. It must be told while files move together, and does not keep the tree from being copied.
fn lies_once(
    manner: &Manner,
    (is_source, verb, code, number): (bool, &str, &str, usize),
    lie: impl Fn(&str) -> Lie + Send + Sync + 'static,
) {
    let (from, to) = sites();
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let (wanted, begins) = (verb.to_owned(), code.to_owned());
    let lies = move |command: &str, reply: &str| {
        let is_verb = command.strip_prefix(&wanted).is_some_and(|rest| rest.starts_with(' '));
        let is_due = is_verb && reply.starts_with(&begins);
        if is_due && seen.fetch_add(1, Ordering::SeqCst) + 1 == number { lie(reply) } else { Lie::None }
    };
    let (liar, other) =
        (manner.lying(if is_source { &from } else { &to }, lies), if is_source { &to } else { &from });
    let other = manner.lying(other, |_, _| Lie::None);
    let urls = if is_source { [liar.url("tree"), other.url("")] } else { [other.url("tree"), liar.url("")] };
    let (run, trace) = copy_between(urls, &["--retries", "3", "--timeout", "20s", "--stall", "5s"]);
    let what = format!("{verb} {code} {number}: {run}");
    assert!(count.load(Ordering::SeqCst) >= number, "it has not lied: {what}");
    assert!(manner.is_used(&run, &trace), "{what}\n{trace}");
    let run = run.exits(0);
    assert_eq!(copied(&from, &to, &run), FILES, "{what}");
    assert!(!to.names().iter().any(|name| name.ends_with(".part")), "{what}: {:?}", to.names());
}

/// How files move together.
enum Manner {
    /// Over one connection, many in each transfer.
    Batch,
    /// Each over a connection of its own, between servers that say that they are vsftpd.
    Pipeline,
}

impl Manner {
    /// A server that lies.
    fn lying(&self, server: &Server, lies: impl Fn(&str, &str) -> Lie + Send + Sync + 'static) -> Liar {
        self.deaf(server, |_| None, lies)
    }

    /// A server that lies, and does not do what it hears.
    fn deaf(
        &self,
        server: &Server,
        hears: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
        lies: impl Fn(&str, &str) -> Lie + Send + Sync + 'static,
    ) -> Liar {
        let address = server.address(Rfc959);
        match self {
            Self::Batch => Liar::between(address, hears, lies),
            Self::Pipeline => Liar::between(address, hears, move |command, reply| match command {
                "" => Lie::Says("220 (vsFTPd 3.0.5)".into()),
                "FEAT" => Lie::Says("211-Features:\r\n EPSV\r\n MDTM\r\n SIZE\r\n211 End".into()),
                _ => lies(command, reply),
            }),
        }
    }

    /// Whether files have moved together: some were planned before the first of them was copied.
    fn is_used(&self, run: &Run, trace: &str) -> bool {
        let is_plan = |line: &String| line.starts_with(r#"{"event":"plan""#);
        let together = run.stdout.windows(4).any(|lines| lines.iter().all(is_plan));
        together && (matches!(self, Self::Pipeline) || trace.contains("> PACK STORE"))
    }
}

/// The reply with another digit at the beginning of its digest.
fn with_another_digest(reply: &str) -> Lie {
    let is_digest = |word: &str| word.len() == 64 && word.bytes().all(|digit| digit.is_ascii_hexdigit());
    let change = |word: &str| match (is_digest(word), word.strip_prefix('0')) {
        (false, _) => word.to_owned(),
        (true, Some(rest)) => format!("1{rest}"),
        (true, None) => format!("0{}", &word[1..]),
    };
    let line = |line: &str| line.split(' ').map(change).collect::<Vec<String>>().join(" ");
    let changed = reply.split("\r\n").map(line).collect::<Vec<String>>().join("\r\n");
    assert!(changed != reply, "there is no digest: {reply}");
    Lie::Says(changed)
}

/// The reply with one byte more.
fn with_another_size(reply: &str) -> Lie {
    let Some((before, rest)) = reply.split_once(" 0+") else { return Lie::Says(format!("{reply}1")) };
    Lie::Says(format!("{before} 0+1{rest}"))
}

/// The reply to PACK with other lines: each is about a file, but for the last one.
fn with_lines(
    change: impl Fn(&mut Vec<String>) + Send + Sync + 'static,
) -> impl Fn(&str) -> Lie + Send + Sync {
    move |reply| {
        let mut lines: Vec<String> = reply.split("\r\n").map(str::to_owned).collect();
        change(&mut lines);
        Lie::Says(lines.join("\r\n"))
    }
}

/// Changes a word of the line about the file with this number.
fn change(lines: &mut [String], number: usize, word: usize, change: impl Fn(&str) -> String) {
    let line = lines.iter_mut().find(|line| line.starts_with(&format!("250-{number} "))).unwrap();
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let words =
        words.iter().enumerate().map(|(at, text)| if at == word { change(text) } else { text.clone() });
    *line = words.collect::<Vec<String>>().join(" ");
}

/// Another digest.
fn another(digest: &str) -> String {
    let (first, rest) = digest.split_at(1);
    format!("{}{rest}", if first == "0" { "1" } else { "0" })
}

/// The reply with this code.
fn with_code(code: &str) -> impl Fn(&str) -> Lie + Send + Sync + 'static {
    let code = code.to_owned();
    move |reply| {
        let lines: Vec<String> = reply
            .split("\r\n")
            .map(|line| {
                line.strip_prefix("250").map_or_else(|| line.to_owned(), |rest| format!("{code}{rest}"))
            })
            .collect();
        Lie::Says(lines.join("\r\n"))
    }
}

#[test]
fn h16_a_lie_about_a_file_of_a_batch_is_no_success_and_harms_no_other_file() {
    for source in [true, false] {
        let verb = if source { "PACK SEND" } else { "PACK STORE" };
        let lies = |number, lie: fn(&mut Vec<String>)| {
            lies_once(&Manner::Batch, (source, verb, "250", number), with_lines(lie));
        };
        lies(2, |lines| change(lines, 5, 2, another));
        lies(1, |lines| change(lines, 3, 1, |size| format!("1{size}")));
        lies(2, |lines| lines.retain(|line| !line.starts_with("250-7 ")));
        lies(1, |lines| {
            change(lines, 2, 0, |_| "250-99".to_owned());
            change(lines, 4, 0, |_| "250-2".to_owned());
        });
        lies_once(&Manner::Batch, (source, verb, "250", 1), with_code("226"));
        lies_once(&Manner::Batch, (source, verb, "250", 2), |_| Lie::Says("550 No".into()));
    }
    let left = |lines: &mut Vec<String>| lines.insert(0, "250-1 left failed".to_owned());
    lies_once(&Manner::Batch, (false, "PACK KEEP", "250", 2), with_lines(left));
}

#[test]
fn h16_a_server_that_answers_a_batch_out_of_order_or_ends_it_harms_no_file() {
    each_beside([true, false], |source| {
        let verb = if source { "PACK SEND" } else { "PACK STORE" };
        lies_once(&Manner::Batch, (source, verb, "250", 1), |_| Lie::Later);
        lies_once(&Manner::Batch, (source, verb, "250", 2), |_| Lie::Closes);
        lies_once(&Manner::Batch, (source, verb, "250", 1), |_| Lie::Endless("150 still".into()));
    });
    lies_once(&Manner::Batch, (false, "PACK KEEP", "250", 1), |_| Lie::Later);
    lies_once(&Manner::Batch, (false, "PACK KEEP", "250", 2), |_| Lie::Closes);
}

#[test]
fn h16_a_lie_about_a_file_of_a_pipeline_is_no_success_and_harms_no_other_file() {
    lies_once(&Manner::Pipeline, (true, "SIZE", "213", 6), with_another_size);
    lies_once(&Manner::Pipeline, (false, "STOR", "226", 7), |_| Lie::Says("213 300".into()));
    lies_once(&Manner::Pipeline, (true, "RETR", "226", 7), |_| Lie::Says("250 Kept".into()));
    lies_once(&Manner::Pipeline, (false, "STOR", "226", 7), |_| Lie::Says("550 No".into()));
}

#[test]
fn h16_a_server_that_answers_a_pipeline_out_of_order_or_ends_it_harms_no_file() {
    each_beside([true, false], |source| {
        let verb = if source { "RETR" } else { "STOR" };
        lies_once(&Manner::Pipeline, (source, verb, "226", 6), |_| Lie::Later);
        lies_once(&Manner::Pipeline, (source, verb, "226", 8), |_| Lie::Closes);
        lies_once(&Manner::Pipeline, (source, verb, "226", 7), |_| Lie::Endless("150 still".into()));
    });
}

#[test]
fn a_server_that_does_not_offer_pack_gets_its_small_files_one_by_one() {
    let (from, to) = sites();
    let liar = Manner::Batch.lying(&to, |command, reply| match command {
        "FEAT" => Lie::Says(reply.replace("\r\n PACK", "")),
        _ => Lie::None,
    });
    let (run, trace) = copy_between([from.url("tree"), liar.url("")], &[]);
    let run = run.exits(0);
    assert_eq!(copied(&from, &to, &run), FILES, "{run}");
    assert!(!trace.contains("> PACK") && !trace.contains("> MODE B"), "{trace}");
}

#[test]
fn h16_a_server_that_always_lies_about_one_file_fails_that_file_alone() {
    let (from, to) = sites();
    let liar = Manner::Batch.lying(&from, |command, reply| {
        let (_, files) = command.rsplit_once("//").unwrap_or_default();
        match files.split('/').position(|file| file.ends_with(",17")) {
            Some(at) if command.starts_with("PACK SEND") && reply.starts_with("250-") => {
                with_lines(move |lines| change(lines, at + 1, 2, another))(reply)
            }
            None if command.ends_with("tree/17") && reply.contains("SHA-256 0") => with_another_digest(reply),
            Some(_) | None => Lie::None,
        }
    });
    let (run, trace) = copy_between([liar.url("tree"), to.url("")], &["--retries", "3"]);
    assert!(trace.contains("> MODE B"), "{trace}");
    let run = run.exits(9);
    assert_eq!(copied(&from, &to, &run), FILES - 1, "{run}");
    let failed = run.events("failed");
    assert!(failed.len() == 1 && is_of(&failed[0], "tree/17") && failed[0]["exit"] == 7, "{run}");
}

#[test]
fn h16_a_destination_that_says_it_renames_and_does_not_is_not_believed_where_files_move_together() {
    for manner in [Manner::Batch, Manner::Pipeline] {
        let (from, to) = sites();
        // The first file, which is copied alone, gets its name.
        let names = AtomicUsize::new(0);
        let hears = move |command: &str| {
            let group = command.strip_prefix("PACK KEEP ").and_then(|rest| rest.split(' ').next());
            let is_late = || command.starts_with("RNTO") && names.fetch_add(1, Ordering::SeqCst) > 0;
            group.map(|group| format!("PACK DROP {group}")).or_else(|| is_late().then(|| "NOOP".to_owned()))
        };
        let liar = manner.deaf(&to, hears, |command, _| {
            let names = command.starts_with("RNTO") || command.starts_with("PACK KEEP");
            if names { Lie::Says("250 Renamed".into()) } else { Lie::None }
        });
        let source = manner.lying(&from, |_, _| Lie::None);
        let (run, trace) = copy_between([source.url("tree"), liar.url("")], &["--retries", "3"]);
        assert!(manner.is_used(&run, &trace), "{trace}");
        let run = run.exits(9);
        assert_eq!(copied(&from, &to, &run), 1, "{run}");
        assert!(run.events("failed").iter().all(|failed| failed["exit"] == 7), "{run}");
    }
}

#[test]
fn h16_a_move_deletes_no_source_whose_copy_was_named_in_words_alone() {
    let (from, to) = sites();
    // The first group gets its names.
    let is_late = |command: &str| command.starts_with("PACK KEEP ") && !command.starts_with("PACK KEEP 0 ");
    let hears = move |command: &str| {
        let group = command.strip_prefix("PACK KEEP ").and_then(|rest| rest.split(' ').next());
        group.filter(|_| is_late(command)).map(|group| format!("PACK DROP {group}"))
    };
    let liar = Manner::Batch.deaf(&to, hears, move |command, _| {
        if is_late(command) { Lie::Says("250 Files named".into()) } else { Lie::None }
    });
    let (run, trace) = run_between("move", [from.url("tree"), liar.url("")], &["--retries", "3"]);
    assert!(trace.contains("> PACK KEEP 1 "), "{trace}");
    let run = run.exits(9);
    let files = |server: &Server| server.names().iter().filter(|name| !name.ends_with('/')).count();
    let (staying, arrived) = (files(&from), files(&to));
    assert!(arrived > 0 && staying > 0, "{staying} {arrived}: {run}");
    assert_eq!(staying + arrived, FILES, "{run}");
    run_between("move", [from.url("tree"), to.url("")], &[]).0.exits(0);
    assert_eq!((files(&from), files(&to)), (0, FILES));
}

#[test]
fn h16_a_move_that_is_interrupted_when_it_is_not_known_what_was_named_is_finished_by_resume() {
    let (from, to) = sites();
    let has_closed = Arc::new(AtomicBool::new(false));
    let is_asked_again = Arc::new(AtomicBool::new(false));
    let is_calm = Arc::new(AtomicBool::new(false));
    let [closed, again, calm] = [&has_closed, &is_asked_again, &is_calm].map(Arc::clone);
    // It has named the files, and does not say so. Whoever asks what has become of them waits.
    let liar = Manner::Batch.lying(&to, move |command, _| match command {
        _ if calm.load(Ordering::SeqCst) => Lie::None,
        _ if command.starts_with("PACK KEEP ") && !command.starts_with("PACK KEEP 0 ") => {
            closed.store(true, Ordering::SeqCst);
            Lie::Closes
        }
        "" if closed.load(Ordering::SeqCst) => {
            again.store(true, Ordering::SeqCst);
            Lie::Silence
        }
        _ => Lie::None,
    });
    let state = tempfile::tempdir().unwrap();
    let (source, target) = (from.url("tree"), liar.url(""));
    let words = ["move", "-r", "-j", "1", "--overwrite", "never", &source, &target];
    let run = job(state.path()).args(words).start();
    until("the files are asked for again", || is_asked_again.load(Ordering::SeqCst));
    let run = run.end_with(Signal::INT).exits(10);
    is_calm.store(true, Ordering::SeqCst);
    let resumed = job(state.path()).args(["resume"]).run().exits(0);
    let files = |server: &Server| server.names().iter().filter(|name| !name.ends_with('/')).count();
    assert_eq!((files(&from), files(&to)), (0, FILES), "{run}\n{resumed}");
}

#[test]
fn h16_a_source_that_does_not_say_what_it_has_deleted_is_looked_at_file_by_file() {
    // Every other file stays, and what is said of it is not true.
    let says_all = |command: &str, reply: &str| match command.starts_with("PACK DELETE ") {
        true => Lie::Says(format!("250 Deleted: {}", 1 + reply.len())),
        false => Lie::None,
    };
    let twice = |command: &str, reply: &str| match command.starts_with("PACK DELETE ") {
        true => Lie::Says(format!("250-1 left gone\r\n250-1 left gone\r\n{reply}")),
        false => Lie::None,
    };
    let closes = |command: &str, _: &str| match command.starts_with("PACK DELETE ") {
        true => Lie::Closes,
        false => Lie::None,
    };
    let refuses = |command: &str, _: &str| match command.starts_with("PACK DELETE ") {
        true => Lie::Says("451 Local error".to_owned()),
        false => Lie::None,
    };
    let older = |command: &str, reply: &str| match command {
        "FEAT" => Lie::Says(reply.replace("PACK DELETE", "PACK")),
        _ => Lie::None,
    };
    type Says = fn(&str, &str) -> Lie;
    let lies: [(Says, bool); 5] =
        [(says_all, true), (twice, true), (closes, true), (refuses, true), (older, false)];
    for (number, (lie, is_asked)) in lies.into_iter().enumerate() {
        let (from, to) = sites();
        let liar = Manner::Batch.lying(&from, lie);
        let (run, trace) = run_between("move", [liar.url("tree"), to.url("")], &["--retries", "3"]);
        assert_eq!(trace.contains("> PACK DELETE "), is_asked, "{number}: {trace}");
        assert!(number != 4 || trace.contains("> DELE "), "{trace}");
        let run = run.exits(0);
        assert_eq!(from.names(), Vec::<String>::new(), "{number}: {run}");
        let arrived = to.names().iter().filter(|name| !name.ends_with('/')).count();
        assert_eq!((arrived, run.events("file").len()), (FILES, FILES), "{number}: {run}");
    }
}

#[test]
fn h16_a_source_that_vanishes_before_it_is_deleted_is_told() {
    let (from, to) = sites();
    let is_shown = AtomicUsize::new(1);
    let hears = |command: &str| command.starts_with("PACK DELETE ").then(|| "NOOP".to_owned());
    let liar = Manner::Batch.deaf(&from, hears, move |command, _| {
        if command.starts_with("PACK DELETE ") {
            is_shown.store(0, Ordering::SeqCst);
            let files = command.rsplit("//").next().map_or(0, |files| files.split('/').count());
            let left = (1..=files).map(|number| format!("250-{number} left gone\r\n"));
            return Lie::Says(left.collect::<String>() + "250 Deleted: 0");
        }
        let is_empty = is_shown.load(Ordering::SeqCst) == 0;
        if is_empty && command.starts_with("MLST tree/") {
            return Lie::Says("550 No such file or directory".to_owned());
        }
        Lie::None
    });
    let (run, trace) = run_between("move", [liar.url("tree"), to.url("")], &[]);
    assert!(trace.contains("> PACK DELETE "), "{trace}");
    let run = run.exits(9).says("no reply says that it was deleted").says("disk of the source");
    assert_eq!((run.events("file").len(), run.events("failed").len()), (FILES, FILES), "{run}");
    assert_eq!(to.names().iter().filter(|name| !name.ends_with('/')).count(), FILES, "{run}");
}

#[test]
fn a_source_that_is_written_within_the_second_of_its_time_stays() {
    let is_to_change = |command: &str| command == "SITE SYNC";
    let change = |root: &std::path::Path| {
        for number in 0..FILES {
            let path = root.join(format!("tree/{number:02}"));
            let time = fs::metadata(&path).unwrap().modified().unwrap();
            let file = fs::File::options().write(true).open(path).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, b"other", 0).unwrap();
            file.set_modified(time).unwrap();
        }
    };
    for is_local in [false, true] {
        let (from, to) = sites();
        let root = from.path("");
        let once = AtomicUsize::new(0);
        let liar = Manner::Batch.lying(&to, move |command, _| {
            if is_to_change(command) && once.fetch_add(1, Ordering::SeqCst) == 0 {
                change(&root);
            }
            Lie::None
        });
        let source = if is_local { from.path("tree").display().to_string() } else { from.url("tree") };
        let run = run_between("move", [source, liar.url("")], &[]).0.exits(9);
        let staying = from.names().iter().filter(|name| !name.ends_with('/')).count();
        assert_eq!(staying, FILES, "local: {is_local}: {run}");
        assert!(from.bytes("tree/07").starts_with(b"other"), "{run}");
    }
}

#[test]
fn a_secret_that_no_connection_has_used_does_not_keep_a_listing_waiting() {
    let from = Site::new("source").file("t/one", sample(300)).args(OPEN).start();
    let to = Site::new("target").at("127.0.0.3").args(OPEN).start();
    let hears = |command: &str| (command == "RETR t/one").then(|| "RETR t".to_owned());
    let liar = Manner::Batch.deaf(&from, hears, |_, _| Lie::None);
    let words = ["--retries", "0", "--timeout", "5s"];
    let (run, trace) = run_between("move", [liar.url("t"), to.url("")], &words);
    // The directory is not empty, which its listing tells.
    let last = trace.rsplit("> RETR").next().unwrap_or_default();
    assert!(last.contains("> RNDZ ") && last.contains("> MLSD t "), "{trace}");
    assert_eq!(run.events("failed").len(), 1, "{run}\n{trace}");
    assert_eq!(from.names(), ["t/", "t/one"], "{run}");
}

#[test]
fn h16_sources_that_are_said_to_be_deleted_and_stay_are_not_whole_directories() {
    let (from, to) = sites();
    // A client that says NOOP for each DELETE.
    let hears = |command: &str| command.starts_with("PACK DELETE ").then(|| "NOOP".to_owned());
    let count = |command: &str| command.rsplit("//").next().map_or(0, |files| files.split('/').count());
    let liar =
        Manner::Batch.deaf(&from, hears, move |command, _| match command.starts_with("PACK DELETE ") {
            true => Lie::Says(format!("250 Deleted: {}", count(command))),
            false => Lie::None,
        });
    let (run, trace) = run_between("move", [liar.url("tree"), to.url("")], &[]);
    assert!(trace.contains("> PACK DELETE "), "{trace}");
    // The copies are there, and the directory of the sources is not removed.
    assert_eq!(to.names().iter().filter(|name| !name.ends_with('/')).count(), FILES, "{run}");
    assert_eq!(from.names().iter().filter(|name| !name.ends_with('/')).count(), FILES, "{run}");
}

#[test]
fn h16_files_whose_names_had_no_reply_are_copied_or_moved_and_not_skipped() {
    for verb in ["copy", "move"] {
        let (from, to) = sites();
        let liar = Manner::Batch
            .lying(&to, |command, _| if command.starts_with("PACK KEEP ") { Lie::Closes } else { Lie::None });
        let (run, trace) = run_between(verb, [from.url("tree"), liar.url("")], &["--retries", "3"]);
        assert!(trace.contains("> PACK KEEP "), "{trace}");
        let run = run.exits(0);
        assert!(run.events("file").iter().all(|file| file["skipped"] == false), "{run}");
        let arrived = to.names().iter().filter(|name| !name.ends_with('/')).count();
        assert_eq!((arrived, run.events("file").len()), (FILES, FILES), "{run}");
    }
}

/// The source sends a file without an end in the place of a small one, 20 MB a second.
fn endless(manner: &Manner) -> (Server, Liar) {
    let names = (0..FILES).map(|number| format!("tree/{number:02}"));
    let site = names.fold(Site::new("source"), |site, name| site.file(&name, sample(300)));
    let from = site.args(OPEN).config(&account("eve", "x", "rate-down = \"20MB\"")).start();
    fs::File::create(from.path("endless")).unwrap().set_len(1 << 40).unwrap();
    // Within a group it is left out.
    let hears = |command: &str| match command.strip_prefix("PACK SEND ") {
        Some(files) => {
            let gone = |file: &str| if file.ends_with(",17") { format!("{file}0") } else { file.to_owned() };
            let files: Vec<String> = files.split('/').map(gone).collect();
            Some(format!("PACK SEND {}", files.join("/")))
        }
        None => (command == "RETR tree/17").then(|| "RETR endless".to_owned()),
    };
    let liar = manner.deaf(&from, hears, |_, _| Lie::None);
    (from, liar)
}

/// Copies the tree. Only the size can end the file without an end: nobody stalls.
fn copy_endless(liar: &Liar, to: String) -> (Run, String) {
    let url = liar.url("tree").replace("ann:open%3Asesame@", "eve:x@");
    let (run, trace) = copy_between([url, to], &["--retries", "0", "--stall", "1h"]);
    let run = run.exits(9);
    let failed = run.events("failed");
    assert!(failed.len() == 1 && is_of(&failed[0], "tree/17") && failed[0]["exit"] == 7, "{run}");
    assert!(failed[0]["message"].as_str().is_some_and(|text| text.contains("sends more than")), "{run}");
    assert_eq!(run.events("file").len(), FILES - 1, "{run}");
    (run, trace)
}

#[test]
fn h16_a_source_that_sends_without_an_end_within_a_batch_fails_that_file_alone() {
    let to = Site::new("target").at("127.0.0.3").args(OPEN).start();
    let (_from, liar) = endless(&Manner::Batch);
    let (run, trace) = copy_endless(&liar, to.url(""));
    assert!(Manner::Batch.is_used(&run, &trace), "{trace}");
    assert_eq!(to.names().len(), FILES, "{run}"); // with the directory
}

#[test]
fn h16_a_source_that_sends_without_an_end_within_a_pipeline_fails_that_file_alone() {
    let to = or_skip!(Who::Theirs(Kind::Vsftpd).start(Hosts::Allowed, &[]));
    let (_from, liar) = endless(&Manner::Pipeline);
    let (run, trace) = copy_endless(&liar, to.url(""));
    assert!(Manner::Pipeline.is_used(&run, &trace), "{trace}");
    assert_eq!(to.names().iter().filter(|name| !name.ends_with('/')).count(), FILES - 1, "{run}");
}

#[test]
fn names_with_control_characters_move_together_and_are_shown_escaped() {
    let names = (0..20).map(|number| format!("tree/{number}\u{1b}[2J\ta\u{7}"));
    let from = names.fold(Site::new("source"), |site, name| site.file(&name, "file")).start();
    let to = target();
    let (run, trace) = copy_between([from.url("tree"), to.url("")], &[]);
    let run = run.exits(0);
    assert!(trace.contains("> MODE B"), "{trace}");
    assert_eq!(to.names(), from.names(), "{run}");
    assert!(!run.said.contains(['\u{1b}', '\u{7}']) && !trace.contains(['\u{1b}', '\u{7}']), "{run}");
}
