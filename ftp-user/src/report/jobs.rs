//! How jobs and series are shown.

use super::change::{ShownToken, date};
use super::json::JsonLine;
use crate::journal::{JobRecord, JobState, SeriesRecord, StoredJob, TransferState};
use crate::queue::{Entry, QueueState, StoredProgress};
use ftp_io::clock::since_1970;
use ftp_io::program::{duration, size};
use ftp_io::quoting::for_shell;
use ftp_proto::wire::{counted, show};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::time::Duration;

pub(super) fn job_line(job: &JobRecord) -> JsonLine {
    let transfer = job.transfer.as_ref().map(Result::as_ref);
    JsonLine::of("job")
        .with("id", job.id.to_string())
        .with("name", job.name())
        .with("state", job.state_name(since_1970().as_secs()))
        .with("verb", &job.job.verb)
        .with("command", words(&job.job))
        .with("directory", job.job.directory.display().to_string())
        .with("begun", date(job.begun))
        .with("ended", job.ended.map(date))
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
        .with_known("progress", job.progress.as_ref())
        .with_known("worker_lost", job.worker_lost.map(date))
}

/// What the queue knows of a job, for programs.
fn queue_line(entry: &Entry) -> Value {
    let at = |time: Option<u64>| time.map(date);
    let next = (entry.exit.is_none() && !entry.is_carried).then_some(entry.due);
    json!({
        "owner": entry.submission.owner, "priority": entry.submission.priority, "created": at(Some(entry.created)), "next_try": at(next),
        "wish": entry.wish.name(), "tries": entry.tries, "started": at(entry.started), "ended": at(entry.ended), "exit": entry.exit,
        "cause": entry.cause, "series": entry.series.map(|series| series.to_string()),
    })
}

pub(super) fn series_line(SeriesRecord { id, job, series }: &SeriesRecord) -> JsonLine {
    JsonLine::of("series")
        .with("id", id.to_string())
        .with("verb", &job.verb)
        .with("command", words(job))
        .with("owner", &series.submission.owner)
        .with("priority", series.submission.priority)
        .with("every", series.every.to_string())
        .with("zone", &series.zone)
        .with("created", date(series.created))
        .with("next", series.next.map(date))
        .with("paused", series.is_paused)
        .with("last", series.last.map(|job| job.to_string()))
}

/// A series, for people: `0123456789abcdef daily@02:30 (Europe/Berlin), next 2026-11-27T01:30:00Z: copy -r a b`.
pub(super) fn series_words(SeriesRecord { id, job, series }: &SeriesRecord) -> String {
    let next = match (series.is_paused, series.next) {
        (true, _) => "paused".to_owned(),
        (false, Some(next)) => format!("next {}", date(next)),
        (false, None) => "no run any more".to_owned(),
    };
    let last = series.last.map(|job| format!(", last {job}")).unwrap_or_default();
    format!("{id} {} ({}), {next}{last}: {}", series.every, series.zone, command(job))
}

pub(super) fn token_line(ShownToken { token, text }: &ShownToken) -> JsonLine {
    JsonLine::of("token")
        .with("name", &token.name)
        .with("scope", token.scope)
        .with("created", date(token.created))
        .with("expires", token.expires.map(date))
        .with_known("token", text.as_ref())
}

/// A token, for people: the token itself if it is new, else `ann submit, made 2026-11-27T01:30:00Z, ends ...`.
pub(super) fn token_words(ShownToken { token, text }: &ShownToken) -> String {
    if let Some(text) = text {
        return text.clone();
    }
    let has_ended = token.expires.is_some_and(|at| at <= since_1970().as_secs());
    let ends = if has_ended { "ended" } else { "ends" };
    let expires = token.expires.map(|at| format!(", {ends} {}", date(at))).unwrap_or_default();
    format!("{} {}, made {}{expires}", token.name, token.scope.name(), date(token.created))
}

/// A job, for people: `0123456789abcdef interrupted 2026-11-20T09:20:14Z 3 files (1.2 MiB): copy -r a b`.
pub(super) fn job_sentence(job: &JobRecord) -> String {
    let name = job.name().map(|name| format!(" {name}")).unwrap_or_default();
    let process = job.process.filter(|_| job.state == JobState::Running);
    let process = process.map(|process| format!(" (process {process})")).unwrap_or_default();
    // A detached job has no worker.
    let progress = job.transfer.as_ref().map_or_else(|| lost_words(job), transfer_words);
    let some = |count: Option<String>| count.map(|count| format!(", {count}")).unwrap_or_default();
    let waits_for_other = job.queued.as_ref().is_some_and(|entry| entry.waits_for.is_some());
    // While it runs, nobody knows whether that was this run.
    let why = job.why.as_ref().filter(|_| !waits_for_other && !job.is_running());
    let why = why.map(|why| format!(" ({})", show(why.as_bytes()))).unwrap_or_default();
    let [left, failed] = undone_words(job);
    let failed = some(failed) + &why + &some(left);
    let queued = job.queued.as_ref();
    let open = queued.map_or_else(|| open_words(job), |entry| queue_words(job, entry));
    format!(
        "{}{name} {}{process}{progress} {}, {} ({}){open}{failed}: {}",
        job.id,
        state_words(job),
        date(job.ended.unwrap_or(job.begun)),
        counted(job.files, "file"),
        size::bytes(job.bytes),
        command(&job.job),
    )
}

/// A job in the list of all, in columns, and how long ago it has ended, or begun: `0123456789abcdef interrupted    20 min     3 files
/// copy -r a b`. `now` is in seconds since 1970. A line of its own says how far a transfer is that goes on without this program, or a
/// job that a daemon carries, or how many files have failed or were left to a later job, and the first cause; `why` tells everything
/// else.
pub(super) fn job_row(job: &JobRecord, now: u64, columns: usize) -> Vec<String> {
    let name = job.name().map(|name| format!("{name}: ")).unwrap_or_default();
    let words = command(&job.job);
    let age = Duration::from_secs(now.saturating_sub(job.ended.unwrap_or(job.begun)));
    let (state, age, files) = (state_words(job), duration::words(age), counted(job.files, "file"));
    let line = format!("{} {state:<11} {age:>8} {files:>10}  {name}{words}", job.id);
    let transfer = job.transfer.as_ref().map(transfer_words);
    let progress = match job.worker_lost {
        Some(_) => Some(lost_words(job)),
        None => job.progress.as_ref().map(progress_words),
    };
    let cut = |line| cut(line, columns.max(MOST_NARROW));
    // Before its end, that is of an earlier run.
    let is_open = job.is_running() || job.queued.as_ref().is_some_and(|entry| entry.exit.is_none());
    let [left, number] = undone_words(job);
    let cause = job.why.as_ref().or_else(|| job.queued.as_ref()?.cause.as_ref());
    let failed: Vec<String> = number.into_iter().chain(cause.map(|cause| show(cause.as_bytes()))).collect();
    let failed = Some(failed.join(": ")).filter(|failed| !failed.is_empty());
    let failed: Vec<String> = left.into_iter().chain(failed).collect();
    let is_told = !failed.is_empty() && !is_open;
    let failed = is_told.then(|| cut(format!("    ({})", failed.join("; "))));
    let more = [transfer, progress].into_iter().flatten().map(|words| format!("   {words}"));
    [cut(line)].into_iter().chain(more).chain(failed).collect()
}

/// How many of its files were left to a later job, and how many have failed: `1 left to a later job`, `2 failed`.
fn undone_words(job: &JobRecord) -> [Option<String>; 2] {
    [(job.given_over, "left to a later job"), (job.failed, "failed")]
        .map(|(count, what)| (count > 0).then(|| format!("{count} {what}")))
}

/// The state of a job, for people. One whose worker is lost does not run.
fn state_words(job: &JobRecord) -> &'static str {
    if job.worker_lost.is_some() { "lost" } else { job.state_name(since_1970().as_secs()) }
}

/// What people are told of a job whose worker is lost.
fn lost_words(job: &JobRecord) -> String {
    // When that was is not always known.
    let words = " (its daemon does not live any more; the next daemon goes on with it)";
    job.worker_lost.map(|_| words.to_owned()).unwrap_or_default()
}

/// How far a job is that a worker carries: ` (3 files, 5.00 MiB of 20.0 MiB, 1.00 MiB/s, 15 s left)`.
fn progress_words(StoredProgress { files, bytes, total, rate, remaining, .. }: &StoredProgress) -> String {
    let total = total.map(|total| format!(" of {}", size::bytes(total))).unwrap_or_default();
    let rate = rate.map(|rate| format!(", {}/s", size::bytes(rate))).unwrap_or_default();
    let left = remaining.map(|left| format!(", {} left", duration::words(Duration::from_secs(left))));
    let left = left.unwrap_or_default();
    format!(" ({}, {}{total}{rate}{left})", counted(*files, "file"), size::bytes(*bytes))
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
            format!(", {count} begun (resume goes on with what is stored)")
        }
        (JobState::Done | JobState::Failed | JobState::Cancelled, count) => format!(", {count} begun"),
    }
}

/// What the queue knows of a job beside its state: `, not before 2026-11-26T02:30:00Z`. The cause is told if the run has told
/// none.
fn queue_words(job: &JobRecord, entry: &Entry) -> String {
    let cause = entry.cause.as_ref().filter(|_| job.why.is_none() || entry.waits_for.is_some());
    let cause = cause.map(|cause| format!(" ({})", show(cause.as_bytes()))).unwrap_or_default();
    let state = entry.state(since_1970().as_secs());
    let wish = entry.wish.words(state).map(|words| format!(", {words}")).unwrap_or_default();
    let when = match state {
        QueueState::Waiting => format!(", tried again at {}", date(entry.due)),
        QueueState::Scheduled => format!(", not before {}", date(entry.due)),
        QueueState::Paused if entry.due > since_1970().as_secs() => {
            format!(", not before {}", date(entry.due))
        }
        QueueState::Queued | QueueState::Running | QueueState::Paused => String::new(),
        QueueState::Done | QueueState::Partial | QueueState::Failed | QueueState::Cancelled => String::new(),
    };
    format!("{wish}{when}{cause}")
}

/// How far a transfer is: ` (5.00 MiB of 20.0 MiB, moving)`.
fn transfer_words(transfer: &Result<TransferState, String>) -> String {
    match transfer {
        Ok(TransferState { bytes, total, state }) => {
            let total = total.map(|total| format!(" of {}", size::bytes(total))).unwrap_or_default();
            format!(" ({}{total}, {})", size::bytes(*bytes), show(state.as_bytes()))
        }
        Err(why) => format!(" (its destination could not be asked: {})", show(why.as_bytes())),
    }
}

/// The command of a job, as a terminal may have it and as a shell takes it.
fn command(job: &StoredJob) -> String {
    command_line(&job.words)
}

/// The words of a command, as a terminal may have them and as a shell takes them.
pub(crate) fn command_line(words: &[impl AsRef<OsStr>]) -> String {
    words.iter().map(for_shell).collect::<Vec<_>>().join(" ")
}

/// The words of its command.
fn words(job: &StoredJob) -> Vec<String> {
    job.words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_written_as_a_shell_takes_them() {
        let words = ["ftp://ann@h/a,b%20c", "ftp://h/photos/*", "sp ace.txt"];
        assert_eq!(command_line(&words), "ftp://ann@h/a,b%20c 'ftp://h/photos/*' 'sp ace.txt'");
    }

    /// An interrupted job with two files.
    fn interrupted(job: StoredJob) -> JobRecord {
        JobRecord { files: 2, bytes: 2048, failed: 1, ..JobRecord::for_tests(0xab, job) }
    }

    #[test]
    fn a_job_of_the_list_has_its_columns_in_80_characters() {
        let asked = StoredJob::for_tests("copy -r one:some/where two:some/where/else/and/more");
        let why = Some("a long story".into());
        let job = JobRecord { files: 12_345, why, open: 1, ..interrupted(asked) };
        let whole = "00000000000000ab interrupted   20 min 12345 files  copy -r one:some/where two:some/where/else/and/more";
        assert_eq!(job_row(&job, 1_200, usize::MAX), [whole, "    (1 failed: a long story)"]);
        let withheld = JobRecord { failed: 0, ..job.clone() };
        assert_eq!(job_row(&withheld, 1_200, usize::MAX)[1], "    (a long story)");
        let overtaken = JobRecord { given_over: 2, ..withheld };
        assert_eq!(job_row(&overtaken, 1_200, usize::MAX)[1], "    (2 left to a later job; a long story)");
        let both = JobRecord { failed: 1, ..overtaken };
        assert_eq!(
            job_row(&both, 1_200, usize::MAX)[1],
            "    (2 left to a later job; 1 failed: a long story)"
        );
        let rows = job_row(&job, 1_200, 80);
        assert!(rows[0].chars().count() == 80 && rows[0].ends_with(".."), "{rows:?}");
        let rows = job_row(&JobRecord { transfer: Some(Err("no answer".into())), ..job }, 1_200, 30);
        assert_eq!((rows[0].chars().count(), rows.len()), (MOST_NARROW, 3), "{rows:?}");
        assert!(rows[1].contains("no answer"), "{rows:?}");
    }

    #[test]
    fn a_job_whose_worker_is_lost_neither_runs_nor_has_a_rate() {
        let entry = Entry { is_carried: true, ..Entry::default() };
        let progress = Some(StoredProgress { rate: Some(1000), ..StoredProgress::default() });
        let job =
            JobRecord { progress, queued: Some(entry), ..interrupted(StoredJob::for_tests("copy a b")) };
        let rows = |job: &JobRecord| job_row(job, 60, 80);
        assert!(
            rows(&job)[0].contains(" running ") && rows(&job)[1].contains("1000 B/s"),
            "{:?}",
            rows(&job)
        );
        let job = JobRecord { worker_lost: Some(60), ..job };
        let lost = "(its daemon does not live any more; the next daemon goes on with it)";
        assert!(
            rows(&job)[0].contains(" lost ") && rows(&job)[1] == format!("    {lost}"),
            "{:?}",
            rows(&job)
        );
        assert!(job_sentence(&job).contains(&format!(" lost {lost} ")), "{}", job_sentence(&job));
        let line = job_line(&job).read();
        assert_eq!(
            (&line["state"], &line["worker_lost"]),
            (&"running".into(), &"1970-01-01T00:01:00Z".into())
        );
    }

    #[test]
    fn a_job_is_one_line_for_people_and_one_object_for_programs() {
        let says = |job: &JobRecord, expect: &str| {
            let words = job_sentence(job);
            assert!(words.contains(expect), "{words}");
        };
        let asked = StoredJob { name: Some("night".into()), ..StoredJob::for_tests("copy a b") };
        let job = interrupted(asked);
        assert_eq!(
            job_sentence(&job),
            "00000000000000ab night interrupted 1970-01-01T00:00:00Z, 2 files (2.00 KiB), 1 failed: copy a b"
        );
        let line = job_line(&job).read();
        assert_eq!((&line["state"], &line["command"][2]), (&"interrupted".into(), &"b".into()));
        let given_over = JobRecord { given_over: 2, ..job.clone() };
        says(&given_over, " (2.00 KiB), 1 failed, 2 left to a later job: copy");
        assert_eq!(job_line(&given_over).read()["given_over"], 2);
        let expect = "0 files (0 B), 1 begun (resume goes on with what is stored): copy";
        says(&JobRecord { open: 1, files: 0, bytes: 0, failed: 0, ..job.clone() }, expect);
        let running = JobRecord { open: 3, state: JobState::Running, ..job.clone() };
        says(&running, " (2.00 KiB), 3 under way, 1 failed: copy");
        let failed = JobRecord { why: Some("ftp://h/d: cannot be listed\u{1b}".into()), ..job.clone() };
        says(&failed, ", 1 failed (ftp://h/d: cannot be listed%1B): copy");
        assert_eq!(job_line(&failed).read()["failed"], 1);
        let transfer = TransferState { bytes: 1024, total: Some(4096), state: "moving".to_owned() };
        let job = JobRecord { state: JobState::Detached, transfer: Some(Ok(transfer)), ..job };
        says(&job, " night detached (1.00 KiB of 4.00 KiB, moving) 1970");
        assert_eq!(job_line(&job).read()["transfer"]["total"], 4096);
        let again = JobRecord { state: JobState::Running, ..failed.clone() };
        says(&again, " (2.00 KiB), 1 failed: copy");
        let carried = Entry { is_carried: true, ..Entry::default() };
        assert!(JobRecord { queued: Some(carried), ..failed }.is_running());
        let job = JobRecord { transfer: Some(Err("two:21 is down".to_owned())), ..job };
        says(&job, " detached (its destination could not be asked: two:21 is down) 1970");
        let line = job_line(&job).read();
        assert_eq!((&line["not_asked"], &line["transfer"]), (&"two:21 is down".into(), &Value::Null));
    }
}
