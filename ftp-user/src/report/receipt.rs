//! How the files of a job of the journal are shown, and what has failed.

use super::change::date;
use super::event::Receipts;
use super::json::JsonLine;
use super::routes::{self, groups, say_the_same};
use crate::failure::{About, Kind};
use crate::id::JobId;
use crate::journal::{ItemRecord, ItemState, Place};
use crate::outcome::{FailedItem, FileCopy, TransferFacts};
use crate::place::{RemotePath, url_of_journal};
use ftp_proto::wire::{PathName, counted, show};
use serde::Serialize;

/// The digests of a file and of its copy, which are equal: they have verified it.
#[derive(Serialize)]
struct Digests<'a> {
    algorithm: &'a str,
    source: &'a str,
    dest: &'a str,
}

/// What is known of the two ends.
#[derive(Serialize)]
struct EndFacts<T> {
    source: Option<T>,
    dest: Option<T>,
}

impl<T> EndFacts<T> {
    /// `None` if nothing is known of either.
    fn of([source, dest]: [Option<T>; 2]) -> Option<Self> {
        (source.is_some() || dest.is_some()).then_some(Self { source, dest })
    }
}

/// A file of a job, for programs. `dest` is how the destination was typed, if that is known.
pub(super) fn line(job: JobId, item: &ItemRecord, dest: Option<&str>) -> JsonLine {
    let is_done = item.state == ItemState::Done;
    let rung = item.copy.moved_by();
    let FileCopy { size, verified, attempts, facts, .. } = &*item.copy;
    let TransferFacts { digest, addresses, strangers, path } = facts;
    let path = path.as_deref();
    let digests = digest.as_deref().zip(verified.algorithm().map(|_| verified.name()));
    JsonLine::of("receipt")
        .with("job", job.to_string())
        .with("source", &item.place.source)
        .with("dest", dest.map_or_else(|| destination(&item.place), str::to_owned))
        .with("state", item.state.name())
        // Of a file that was there already nothing has moved.
        .with("bytes", is_done.then(|| rung.and(*size).unwrap_or(0)))
        .with("size", size.or_else(|| item.seen.as_ref()?.size))
        .with_route(rung)
        .with("verified", is_done.then_some(verified))
        .with("why", &item.why)
        .with("started", item.began.map(at))
        .with("ended", item.ended.map(at))
        .with("attempts", attempts)
        // From here on, what is not known is left out. The failure is that of the last attempt that has failed.
        .with_known("failure", item.failure.as_ref())
        .with_known("digests", digests.map(|(hex, algorithm)| Digests { algorithm, source: hex, dest: hex }))
        .with_known("addresses", EndFacts::of(*addresses))
        .with_known("strangers", EndFacts::of(*strangers))
        .with_known(
            "control",
            path.and_then(|path| EndFacts::of(path.control.each_ref().map(Option::as_ref))),
        )
        .with_known("data", path.and_then(|path| EndFacts::of(path.data.each_ref().map(Option::as_ref))))
        .with_known("path_why", path.and_then(|path| path.why.as_ref()))
}

/// A moment in milliseconds since 1970.
fn at(milliseconds: u64) -> String {
    format!("{}.{:03}Z", date(milliseconds / 1000).trim_end_matches('Z'), milliseconds % 1000)
}

/// The destination as a URL without a password, or as a path of this host.
pub(crate) fn destination(place: &Place) -> String {
    let Ok(path) = PathName::from_wire(place.path.clone()) else { return show(&place.path) };
    if place.site.is_empty() {
        return path.display();
    }
    let path = RemotePath { name: Some(path), contents: false, glob: None };
    format!("{}{path}", url_of_journal(&place.site))
}

/// The files of a job, for people.
pub(super) fn lines(receipts: &Receipts) -> Vec<String> {
    let files = |count: u64| counted(count, "file");
    let unnamed = |count: u64, named: &[FailedItem]| {
        let others = count.saturating_sub(named.len() as u64);
        (others > 0).then(|| format!("    {}", self::others(others)))
    };
    let mut lines: Vec<String> = receipts
        .copied
        .iter()
        .map(|(path, verified, count)| format!("  {}: {path}, verified {verified}", files(*count)))
        .collect();
    let some = |count: u64, what: &str| (count > 0).then(|| format!("  {}: {what}", files(count)));
    lines.extend(some(receipts.skipped, "already there"));
    lines.extend(some(receipts.open, "begun and not ended"));
    lines.extend(some(receipts.given_over, "left to a later job"));
    lines.extend(
        receipts.left.iter().map(|file| format!("    {}", about(&file.source, &file.failure.to_string()))),
    );
    lines.extend(unnamed(receipts.given_over, &receipts.left));
    lines.extend(some(receipts.failed, "failed"));
    for (first, others) in groups(&receipts.failures, failed_alike) {
        let why = about(&first.source, &first.failure.to_string());
        // The line of the job has told the only one.
        if receipts.failed == 1 && receipts.reason_of_job.as_ref() == Some(&why) {
            continue;
        }
        lines.push(format!("    {why}"));
        if !others.is_empty() {
            lines.push("    for the same reason:".to_owned());
        }
        lines.extend(others.iter().map(|file| format!("      {}", file.name())));
    }
    lines.extend(unnamed(receipts.failed, &receipts.failures));
    lines.extend(routes::failures(&receipts.other_failures));
    let more = || format!("failed: {} more, which only the run itself has named", receipts.unkept);
    lines.extend((receipts.unkept > 0).then(more));
    lines.into_iter().map(|line| show(line.as_bytes())).collect()
}

/// Whether both files have failed for the same reason.
pub(crate) fn failed_alike(one: &FailedItem, other: &FailedItem) -> bool {
    let (why, other_why) = (one.failure.to_string(), other.failure.to_string());
    say_the_same((&why, &[&one.source, &one.dest]), (&other_why, &[&other.source, &other.dest]))
}

/// What has happened to a source. It is named first, unless the message does so: as a word of its own, since a name of this
/// host may be the end of another place.
pub(crate) fn about(source: &str, message: &str) -> String {
    let is_named = message.match_indices(source).any(|(at, _)| {
        let before = message.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|before| before.is_whitespace() || "\"'(".contains(before))
    });
    match is_named {
        true => message.to_owned(),
        // The place of a site may end with a colon.
        false => format!("{}: {message}", source.strip_suffix(':').unwrap_or(source)),
    }
}

/// The failure of a run that has failed in one thing. Its file is named first, unless the message names it, or is about more
/// than this file.
pub(super) fn alone(failed: &FailedItem) -> String {
    let failure = &failed.failure;
    let is_of_file = failure.kind != Kind::Interrupted
        && matches!(failure.about, About::Operation | About::Changed | About::Unfinished | About::NoRoom);
    if is_of_file { of_file(failed) } else { failed.failure.to_string() }
}

/// The failure of one file of several, which is named first unless the message names it.
pub(super) fn of_file(FailedItem { source, dest, failure }: &FailedItem) -> String {
    let message = failure.to_string();
    let is_named = source.is_empty() || [source, dest].into_iter().any(|place| names(&message, place));
    if is_named { message } else { about(source, &message) }
}

/// Whether a message names a place: by its last name, or by its path if that name may be any word.
fn names(message: &str, place: &str) -> bool {
    let path = place.trim_end_matches(['/', ':']).rsplit(':').next().unwrap_or_default();
    let name = path.rsplit('/').next().filter(|name| name.len() > SHORT_WORD).unwrap_or(path);
    let is_part = |next: Option<char>| next.is_some_and(char::is_alphanumeric);
    let is_alone = |(at, _): (usize, &str)| {
        let (before, after) = (message.get(..at), message.get(at + name.len()..));
        !is_part(before.and_then(|before| before.chars().next_back()))
            && !is_part(after.and_then(|after| after.chars().next()))
    };
    name.len() > SHORT_WORD && message.match_indices(name).any(is_alone)
}

/// The length of words that stand in many messages.
const SHORT_WORD: usize = 2;

/// What is said of failures of one kind that are not named.
pub(super) fn others(failures: u64) -> String {
    format!("and {} (--json names all)", counted(failures, "other file"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::failure::Failure;
    use crate::journal::ItemKey;
    use crate::ladder::Rung;
    use crate::outcome::{PathFacts, Verified};
    use ftp_proto::digest::Algorithm;
    use serde_json::Value;
    use std::sync::Arc;

    /// A file that has failed.
    pub(in crate::report) fn failed_item(source: &str, dest: &str, what: &str) -> FailedItem {
        let failure = Failure::new(Kind::Other, what);
        FailedItem { source: source.to_owned(), dest: dest.to_owned(), failure }
    }

    #[test]
    fn n12_a_cause_is_told_once_with_its_files() {
        let failure = |name: &str, why: &str| {
            let what = format!("cannot copy h/{name} to two:d/x{name}: {why}");
            failed_item(&format!("h/{name}"), &format!("/d/x{name}"), &what)
        };
        let failures = vec![failure("a", "550 no"), failure("b: c", "full: disk"), failure("c: d", "550 no")];
        let receipts = Receipts { failed: 12, failures, ..Receipts::default() };
        let expect = [
            "  12 files: failed",
            "    cannot copy h/a to two:d/xa: 550 no",
            "    for the same reason:",
            "      h/c: d",
            "    cannot copy h/b: c to two:d/xb: c: full: disk",
            "    and 9 other files (--json names all)",
        ];
        assert_eq!(lines(&receipts), expect);
        // The list is whole, also if the line of the job tells the reason of one of several.
        let reason_of_job = Some("cannot copy h/b: c to two:d/xb: c: full: disk".to_owned());
        let other_failures = vec![failed_item("", "", "no login")];
        let expect = [&expect[..], &["failed: no login"]].concat();
        let receipts = Receipts { reason_of_job, other_failures, ..receipts };
        assert_eq!(lines(&receipts), expect);
        let failures = receipts.failures[1..2].to_vec();
        let expect =
            ["  1 file: failed", "failed: no login", "failed: 3 more, which only the run itself has named"];
        assert_eq!(lines(&Receipts { failed: 1, failures, unkept: 3, ..receipts }), expect);
    }

    #[test]
    fn the_only_failure_of_a_run_names_its_file() {
        let check = |source: &str, what: &str, expect: &str| {
            assert_eq!(alone(&failed_item(source, "two:x/b.bin", what)), expect);
        };
        check("one:d/a", "it changes all the time", "one:d/a: it changes all the time");
        check("one:d/a", "cannot read d/a: no", "cannot read d/a: no");
        check("one:d/a", "cannot store x/b.bin: no", "cannot store x/b.bin: no");
        check("one:d", "the listing is incomplete", "one:d: the listing is incomplete");
        check("one:", "the listing is incomplete", "one: the listing is incomplete");
        check("", "the disk is full", "the disk is full");
        for (kind, about) in [(Kind::Interrupted, About::Operation), (Kind::Refused, About::Login)] {
            let failure = Failure::new(kind, "no").about(about);
            let failed = FailedItem { failure, ..failed_item("one:a", "two:a", "") };
            assert_eq!(alone(&failed), "no");
        }
    }

    #[test]
    fn a_source_is_named_once() {
        for (source, message, expect) in [
            ("one:a", "one:a does not exist", "one:a does not exist"),
            ("one:", "another sync of two: runs", "one: another sync of two: runs"),
            ("t/m2", "drop:t/m2 was not begun", "t/m2: drop:t/m2 was not begun"),
            ("t/m2", "cannot read t/m2", "cannot read t/m2"),
            ("", "no", "no"),
        ] {
            assert_eq!(about(source, message), expect);
        }
    }

    fn item() -> ItemRecord {
        let place = Place { source: "ftp://h/a".into(), site: "ann@two:21".into(), path: b"/d/a".to_vec() };
        ItemRecord {
            state: ItemState::Done,
            copy: Box::new(FileCopy {
                attempts: 2,
                ..FileCopy::moved(Some(5), Rung::DestListens, Verified::Hash(Algorithm::Sha256))
            }),
            began: Some(1_500),
            ended: Some(2_007),
            failure: Some("no room".into()),
            ..ItemRecord::new(ItemKey::default(), JobId::new(1), place)
        }
    }

    #[test]
    fn n12_a_receipt_tells_what_was_copied_by_which_path_and_how_it_was_verified() {
        let receipts = Receipts {
            copied: vec![("direct".into(), "sha-256".into(), 3), ("user".into(), "size".into(), 1)],
            skipped: 2,
            open: 1,
            given_over: 1,
            left: vec![failed_item("ftp://h/b", "", "job 7 has claimed its destination")],
            failed: 2,
            failures: vec![failed_item("ftp://h/a", "", "no\u{1b}")],
            ..Receipts::default()
        };
        assert_eq!(
            lines(&receipts),
            [
                "  3 files: direct, verified sha-256",
                "  1 file: user, verified size",
                "  2 files: already there",
                "  1 file: begun and not ended",
                "  1 file: left to a later job",
                "    ftp://h/b: job 7 has claimed its destination",
                "  2 files: failed",
                "    ftp://h/a: no%1B",
                "    and 1 other file (--json names all)",
            ]
        );
        let item = item();
        let copy = FileCopy::skipped(Some(5), Verified::Hash(Algorithm::Sha256));
        let skipped = ItemRecord { copy: Box::new(copy), ..item.clone() };
        let written = |item: &ItemRecord| line(JobId::new(7), item, None).read();
        let line = written(&skipped);
        assert_eq!((&line["bytes"], &line["size"]), (&0.into(), &5.into()), "it was there, with its size");
        let line = written(&item);
        assert_eq!((&line["path"], &line["rung"]), (&"direct".into(), &"dest-listens".into()));
        let times = (&line["started"], &line["ended"]);
        assert_eq!(times, (&"1970-01-01T00:00:01.500Z".into(), &"1970-01-01T00:00:02.007Z".into()));
        assert_eq!((&line["bytes"], &line["verified"]), (&5.into(), &"sha-256".into()));
        assert_eq!((&line["state"], &line["dest"]), (&"done".into(), &"ftp://ann@two:21//d/a".into()));
        assert_eq!((&line["attempts"], &line["failure"]), (&2.into(), &"no room".into()));
        for unknown in ["digests", "addresses", "strangers", "control", "data", "path_why"] {
            assert!(line.get(unknown).is_none(), "{unknown} is not known");
        }
    }

    #[test]
    fn n12_a_receipt_tells_of_each_end_what_is_known_of_it() {
        let text = |text: &str| Some(text.to_owned());
        let (control, data) = ([text("clear"), None], [None, text("PROT P")]);
        let path = Some(Arc::new(PathFacts { control, data, why: text("it is fast") }));
        let addresses = ["192.0.2.1:20", "[2001:db8::2]:7"].map(|at| at.parse().ok());
        let facts = TransferFacts { digest: text("0bad"), addresses, strangers: [None, Some(0)], path };
        let mut item = item();
        item.copy.facts = facts;
        let written = |item: &ItemRecord| line(JobId::new(7), item, None).text().unwrap();
        let line = line(JobId::new(7), &item, None).read();
        let both = |key: &str, source: Value, dest: Value| {
            assert_eq!(line[key], serde_json::json!({"source": source, "dest": dest}), "{key}");
        };
        both("addresses", "192.0.2.1:20".into(), "[2001:db8::2]:7".into());
        both("strangers", ().into(), 0.into());
        both("control", "clear".into(), ().into());
        both("data", ().into(), "PROT P".into());
        assert_eq!(line["path_why"], "it is fast");
        let digests = serde_json::json!({"algorithm": "sha-256", "source": "0bad", "dest": "0bad"});
        assert_eq!(line["digests"], digests);
        let digests =
            r#""digests":{"algorithm":"sha-256","source":"0bad","dest":"0bad"},"addresses":{"source":"#;
        assert!(written(&item).contains(digests), "the order is that of the contract");
    }
}
