//! How the files of a job of the journal are shown.

use super::change::moment;
use super::event::Receipts;
use super::json::JsonLine;
use super::routes::{self, groups, say_the_same};
use crate::failure::{About, Kind};
use crate::id::JobId;
use crate::journal::{ItemRecord, ItemState, JobRecord, JobState, Place, TransferState};
use crate::ladder::Rung;
use crate::outcome::{FailedItem, FileCopy, TransferFacts};
use crate::place::RemotePath;
use crate::queue::{Entry, QueueState};
use ftp_io::clock::since_1970;
use ftp_io::program::{duration, size};
use ftp_proto::listing::{Precision, When};
use ftp_proto::wire::{PathName, counted, show};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;

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
        .with("path", rung.map(Rung::path))
        .with("rung", rung.map(Rung::name))
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
    let seconds = i64::try_from(milliseconds / 1000).unwrap_or(i64::MAX);
    let whole = moment(When(seconds), Precision::Exact);
    format!("{}.{:03}Z", whole.trim_end_matches('Z'), milliseconds % 1000)
}

/// The destination as a URL without a password, or as a path of this host.
fn destination(place: &Place) -> String {
    let Ok(path) = PathName::from_wire(place.path.clone()) else { return show(&place.path) };
    if place.site.is_empty() {
        return path.display();
    }
    let path = RemotePath { name: Some(path), contents: false, glob: None };
    format!("ftp://{}{path}", place.site)
}

/// The files of a job, for people.
pub(super) fn lines(receipts: &Receipts) -> Vec<String> {
    let Receipts { copied, skipped, open, given_over, left, failed, failures, reason_of_job, other_failures } =
        receipts;
    let files = |count: u64| counted(count, "file");
    let unnamed = |count: u64, named: &[FailedItem]| {
        let others = count.saturating_sub(named.len() as u64);
        (others > 0).then(|| format!("    {}", self::others(others)))
    };
    let mut lines: Vec<String> = copied
        .iter()
        .map(|(path, verified, count)| format!("  {}: {path}, verified {verified}", files(*count)))
        .collect();
    let some = |count: u64, what: &str| (count > 0).then(|| format!("  {}: {what}", files(count)));
    lines.extend(some(*skipped, "already there"));
    lines.extend(some(*open, "begun and not ended"));
    lines.extend(some(*given_over, "left to a later job"));
    lines.extend(left.iter().map(|file| format!("    {}", about(&file.source, &file.failure.to_string()))));
    lines.extend(unnamed(*given_over, left));
    lines.extend(some(*failed, "failed"));
    for (first, others) in groups(failures, failed_alike) {
        let why = about(&first.source, &first.failure.to_string());
        if others.is_empty() && reason_of_job.as_ref() == Some(&why) {
            continue;
        }
        lines.push(format!("    {why}"));
        if !others.is_empty() {
            lines.push("    for the same reason:".to_owned());
        }
        lines.extend(others.iter().map(|file| format!("      {}", file.name())));
    }
    lines.extend(unnamed(*failed, failures));
    lines.extend(routes::failures(other_failures));
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

/// A job, for programs.
pub(super) fn job_line(job: &JobRecord) -> JsonLine {
    let transfer = job.transfer.as_ref().map(Result::as_ref);
    JsonLine::of("job")
        .with("id", job.id.to_string())
        .with("name", &job.job.name)
        .with("state", job.state_name(since_1970().as_secs()))
        .with("verb", &job.job.verb)
        .with("command", words(job))
        .with("directory", job.job.directory.display().to_string())
        .with("begun", seconds_at(job.begun))
        .with("ended", job.ended.map(seconds_at))
        .with("files", job.files)
        .with("bytes", job.bytes)
        .with("failed", job.failed)
        .with_known("why", job.why.as_ref())
        .with("open", job.open)
        .with("given_over", job.given_over)
        .with("process", job.process)
        .with_known("transfer", transfer.and_then(Result::ok))
        .with_known("not_asked", transfer.and_then(Result::err))
        .with_known("queue", job.queued.as_ref().map(queue_line))
}

/// What the queue knows of a job, for programs.
fn queue_line(entry: &Entry) -> Value {
    let at = |time: Option<u64>| time.map(seconds_at);
    let next = (entry.exit.is_none() && !entry.is_carried).then_some(entry.due);
    json!({
        "owner": entry.owner, "priority": entry.priority, "created": at(Some(entry.created)), "next_try": at(next),
        "tries": entry.tries, "started": at(entry.started), "ended": at(entry.ended), "exit": entry.exit,
        "cause": entry.cause,
    })
}

/// A job, for people: `0123456789abcdef interrupted 2026-11-20T09:20:14Z 3 files (1.2 MiB): copy -r a b`.
pub(super) fn job_sentence(job: &JobRecord) -> String {
    let name = job.job.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let process = job.process.filter(|_| job.state == JobState::Running);
    let process = process.map(|process| format!(" (process {process})")).unwrap_or_default();
    let transfer = job.transfer.as_ref().map(transfer_words).unwrap_or_default();
    let some = |count: u64, what: &str| {
        if count > 0 { format!(", {count} {what}") } else { String::new() }
    };
    let why = job.why.as_ref();
    let why = why.map(|why| format!(" ({})", show(why.as_bytes()))).unwrap_or_default();
    let failed = some(job.failed, "failed") + &why + &some(job.given_over, "left to a later job");
    let open = job.queued.as_ref().map_or_else(|| open_words(job), queue_words);
    format!(
        "{}{name} {}{process}{transfer} {}, {} ({}){open}{failed}: {}",
        job.id,
        job.state_name(since_1970().as_secs()),
        seconds_at(job.ended.unwrap_or(job.begun)),
        counted(job.files, "file"),
        size::bytes(job.bytes),
        words(job).iter().map(|word| shown(word)).collect::<Vec<_>>().join(" "),
    )
}

/// A job in the list of all, in columns: `0123456789abcdef interrupted    20 min     3 files  copy -r a b`. A line of its own says
/// how far a transfer is that goes on without this program; `why` tells everything else.
pub(super) fn job_row(job: &JobRecord, age: Duration, columns: usize) -> Vec<String> {
    let name = job.job.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    let words = words(job).iter().map(|word| shown(word)).collect::<Vec<_>>().join(" ");
    let (state, age, files) =
        (job.state_name(since_1970().as_secs()), duration::words(age), counted(job.files, "file"));
    let line = format!("{} {state:<11} {age:>8} {files:>10}  {name}{words}", job.id);
    let transfer = job.transfer.as_ref().map(transfer_words);
    let rows = [cut(line, columns.max(MOST_NARROW))].into_iter();
    rows.chain(transfer.map(|words| format!("   {words}"))).collect()
}

/// A line that has no more than so many characters; dots end what was cut.
fn cut(line: String, columns: usize) -> String {
    if line.chars().count() <= columns {
        return line;
    }
    // Every terminal can show these.
    let kept: String = line.chars().take(columns.saturating_sub(2)).collect();
    kept + ".."
}

/// The smallest number of columns in which the row of a job has something of its command.
const MOST_NARROW: usize = 60;

/// The files that were begun and have not ended: `, 2 under way`. What is stored of them is not in the journal.
fn open_words(job: &JobRecord) -> String {
    match (job.state, job.open) {
        // Of a transfer that was asked about, more is told.
        (_, 0) | (JobState::Detached, 1) => String::new(),
        (JobState::Running | JobState::Detached, count) => format!(", {count} under way"),
        (JobState::Interrupted, count) => {
            format!(", {count} begun (what is stored stays, and resume goes on with it)")
        }
        (JobState::Done | JobState::Failed | JobState::Cancelled, count) => format!(", {count} begun"),
    }
}

/// What the queue knows of a job beside its state: `, not before 2026-11-26T02:30:00Z`.
fn queue_words(entry: &Entry) -> String {
    let cause =
        entry.cause.as_ref().map(|cause| format!(" ({})", show(cause.as_bytes()))).unwrap_or_default();
    match entry.state(since_1970().as_secs()) {
        QueueState::Scheduled => format!(", not before {}", seconds_at(entry.due)),
        QueueState::Waiting => format!(", tried again at {}{cause}", seconds_at(entry.due)),
        QueueState::Queued | QueueState::Running | QueueState::Paused | QueueState::Done => String::new(),
        QueueState::Partial | QueueState::Failed | QueueState::Cancelled => cause,
    }
}

/// How far a transfer is: ` (5.00 MiB of 20.0 MiB, moving)`.
fn transfer_words(transfer: &Result<TransferState, String>) -> String {
    match transfer {
        Ok(TransferState { bytes, total, state }) => {
            let total = total.map(|total| format!(" of {}", size::bytes(total))).unwrap_or_default();
            format!(" ({}{total}, {})", size::bytes(*bytes), printable(state))
        }
        Err(why) => format!(" (its destination could not be asked: {})", show(why.as_bytes())),
    }
}

/// A word as a terminal may have it.
fn printable(word: &str) -> String {
    PathName::from_user(word).map_or_else(|_| word.escape_debug().to_string(), |name| name.display())
}

/// A word as a terminal may have it, and as a shell takes it.
fn shown(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&byte);
    let shown = printable(word);
    if !shown.is_empty() && shown.bytes().all(is_plain) {
        return shown;
    }
    format!("'{}'", shown.replace('\'', r"'\''"))
}

/// The words of its command.
fn words(job: &JobRecord) -> Vec<String> {
    job.job.words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// A moment in seconds since 1970.
fn seconds_at(seconds: u64) -> String {
    moment(When(i64::try_from(seconds).unwrap_or(i64::MAX)), Precision::Exact)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::FailedFile;

    #[test]
    fn n12_a_cause_is_told_once_with_its_files() {
        let failure = |name: &str, why: &str| FailedItem {
            source: format!("h/{name}"),
            dest: format!("/d/x{name}"),
            failure: Failure::new(Kind::Other, format!("cannot copy h/{name} to two:d/x{name}: {why}")),
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
        // The line of the job tells a reason that one file has.
        let reason_of_job = Some("cannot copy h/b: c to two:d/xb: c: full: disk".to_owned());
        let other_failures = vec![("no login".to_owned(), FailedFile::default())];
        let expect = [&expect[..4], &expect[5..], &["failed: no login"]].concat();
        assert_eq!(lines(&Receipts { reason_of_job, other_failures, ..receipts }), expect);
    }

    #[test]
    fn the_only_failure_of_a_run_names_its_file() {
        let check = |source: &str, what: &str, expect: &str| {
            let failure = Failure::new(Kind::Refused, what);
            let failed = FailedItem { source: source.into(), dest: "two:x/b.bin".into(), failure };
            assert_eq!(alone(&failed), expect);
        };
        check("one:d/a", "it changes all the time", "one:d/a: it changes all the time");
        check("one:d/a", "cannot read d/a: no", "cannot read d/a: no");
        check("one:d/a", "cannot store x/b.bin: no", "cannot store x/b.bin: no");
        check("one:d", "the listing is incomplete", "one:d: the listing is incomplete");
        check("one:", "the listing is incomplete", "one: the listing is incomplete");
        check("", "the disk is full", "the disk is full");
        for (kind, about) in [(Kind::Interrupted, About::Operation), (Kind::Refused, About::Login)] {
            let failure = Failure::new(kind, "no").about(about);
            let failed = FailedItem { source: "one:a".into(), dest: "two:a".into(), failure };
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
    use crate::failure::Failure;
    use crate::journal::ItemKey;
    use crate::outcome::{PathFacts, Verified};
    use ftp_proto::digest::Algorithm;
    use std::sync::Arc;

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
        let of = |source: &str, why: &str| FailedItem {
            source: source.to_owned(),
            dest: String::new(),
            failure: Failure::new(Kind::Other, why),
        };
        let receipts = Receipts {
            copied: vec![("direct".into(), "sha-256".into(), 3), ("user".into(), "size".into(), 1)],
            skipped: 2,
            open: 1,
            given_over: 1,
            left: vec![of("ftp://h/b", "job 7 has claimed its destination")],
            failed: 2,
            failures: vec![of("ftp://h/a", "no\u{1b}")],
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
        let written = |item: &ItemRecord| line(JobId::new(7), item, None).text();
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

#[cfg(test)]
mod job_tests {
    use super::*;
    use crate::id::JobId;
    use crate::journal::StoredJob;

    #[test]
    fn words_are_written_as_a_shell_takes_them() {
        for (word, expect) in [
            ("ftp://ann@h/a,b%20c", "ftp://ann@h/a,b%20c"),
            ("sp ace.txt", "'sp ace.txt'"),
            ("ftp://h/photos/*", "'ftp://h/photos/*'"),
            ("it's", r"'it'\''s'"),
            ("ż", "'ż'"),
            ("", "''"),
        ] {
            assert_eq!(shown(word), expect);
        }
    }

    /// An interrupted job with two files.
    fn interrupted(job: StoredJob) -> JobRecord {
        JobRecord {
            id: JobId::new(0xab),
            job,
            state: JobState::Interrupted,
            begun: 0,
            ended: None,
            files: 2,
            bytes: 2048,
            failed: 1,
            why: None,
            open: 0,
            given_over: 0,
            process: None,
            transfer: None,
            queued: None,
        }
    }

    #[test]
    fn a_job_of_the_list_has_its_columns_in_80_characters() {
        let asked = StoredJob::for_tests("copy -r one:some/where two:some/where/else/and/more");
        let why = Some("a long story".into());
        let job = JobRecord { files: 12_345, why, open: 1, ..interrupted(asked) };
        let age = Duration::from_secs(1_200);
        let whole = "00000000000000ab interrupted   20 min 12345 files  copy -r one:some/where two:some/where/else/and/more";
        assert_eq!(job_row(&job, age, usize::MAX), [whole]);
        let rows = job_row(&job, age, 80);
        assert!(rows[0].chars().count() == 80 && rows[0].ends_with(".."), "{rows:?}");
        let rows = job_row(&JobRecord { transfer: Some(Err("no answer".into())), ..job }, age, 30);
        assert_eq!((rows[0].chars().count(), rows.len()), (MOST_NARROW, 2), "{rows:?}");
        assert!(rows[1].contains("no answer"), "{rows:?}");
    }

    #[test]
    fn a_job_is_one_line_for_people_and_one_object_for_programs() {
        let asked = StoredJob { name: Some("night".into()), ..StoredJob::for_tests("copy a b") };
        let job = interrupted(asked);
        assert_eq!(
            job_sentence(&job),
            "00000000000000ab night interrupted 1970-01-01T00:00:00Z, 2 files (2.00 KiB), 1 failed: copy a b"
        );
        let line = job_line(&job).read();
        assert_eq!((&line["state"], &line["command"][2]), (&"interrupted".into(), &"b".into()));
        let given_over = JobRecord { given_over: 2, ..job.clone() };
        let words = job_sentence(&given_over);
        assert!(words.contains(" (2.00 KiB), 1 failed, 2 left to a later job: copy"), "{words}");
        assert_eq!(job_line(&given_over).read()["given_over"], 2);
        let words = job_sentence(&JobRecord { open: 1, files: 0, bytes: 0, failed: 0, ..job.clone() });
        let expect = "0 files (0 B), 1 begun (what is stored stays, and resume goes on with it): copy";
        assert!(words.contains(expect), "{words}");
        let words = job_sentence(&JobRecord { open: 3, state: JobState::Running, ..job.clone() });
        assert!(words.contains(" (2.00 KiB), 3 under way, 1 failed: copy"), "{words}");
        let failed = JobRecord { why: Some("ftp://h/d: cannot be listed\u{1b}".into()), ..job.clone() };
        let words = job_sentence(&failed);
        assert!(words.contains(", 1 failed (ftp://h/d: cannot be listed%1B): copy"), "{words}");
        assert_eq!(job_line(&failed).read()["failed"], 1);
        let transfer = TransferState { bytes: 1024, total: Some(4096), state: "moving".to_owned() };
        let job = JobRecord { state: JobState::Detached, transfer: Some(Ok(transfer)), ..job };
        let words = job_sentence(&job);
        assert!(words.contains(" night detached (1.00 KiB of 4.00 KiB, moving) 1970"), "{words}");
        let line = job_line(&job).read();
        assert_eq!(line["transfer"]["total"], 4096);
        let job = JobRecord { transfer: Some(Err("two:21 is down".to_owned())), ..job };
        let words = job_sentence(&job);
        assert!(
            words.contains(" detached (its destination could not be asked: two:21 is down) 1970"),
            "{words}"
        );
        let line = job_line(&job).read();
        assert_eq!((&line["not_asked"], &line["transfer"]), (&"two:21 is down".into(), &Value::Null));
    }
}
