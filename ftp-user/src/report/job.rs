//! How a job of the journal is shown.

use super::entry::moment;
use crate::journal::{JobRecord, JobState, Transfer, TransferState};
use ftp_io::program::size;
use ftp_proto::listing::{Precision, When};
use ftp_proto::wire::{PathName, counted, show};
use serde::Serialize;

/// A job, for programs.
#[derive(Serialize)]
pub(super) struct JobLine<'a> {
    id: String,
    name: Option<&'a str>,
    state: &'a str,
    verb: &'a str,
    command: Vec<String>,
    directory: String,
    begun: String,
    ended: Option<String>,
    files: u64,
    bytes: u64,
    failed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    open: u64,
    given_over: u64,
    process: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer: Option<TransferLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_asked: Option<&'a str>,
}

/// A transfer that goes on without this program, for programs.
#[derive(Serialize)]
struct TransferLine<'a> {
    bytes: u64,
    total: Option<u64>,
    state: &'a str,
}

impl<'a> JobLine<'a> {
    pub(super) fn of(job: &'a JobRecord) -> Self {
        Self {
            id: job.id.to_string(),
            name: job.job.name.as_deref(),
            state: job.state.name(),
            verb: &job.job.verb,
            command: words(job),
            directory: job.job.directory.display().to_string(),
            begun: at(job.begun),
            ended: job.ended.map(at),
            files: job.files,
            bytes: job.bytes,
            failed: job.failed,
            why: job.why.as_deref(),
            open: job.open,
            given_over: job.given_over,
            process: job.process,
            transfer: match &job.transfer {
                Some(Transfer::Asked(TransferState { bytes, total, state })) => {
                    Some(TransferLine { bytes: *bytes, total: *total, state })
                }
                Some(Transfer::NotAsked(_)) | None => None,
            },
            not_asked: match &job.transfer {
                Some(Transfer::NotAsked(why)) => Some(why),
                Some(Transfer::Asked(_)) | None => None,
            },
        }
    }
}

/// A job, for people: `0123456789abcdef interrupted 2026-11-20T09:20:14Z 3 files (1.2 MiB): copy -r a b`.
pub(super) fn sentence(job: &JobRecord) -> String {
    let name = job.job.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let process = match (job.state, job.process) {
        (JobState::Running, Some(process)) => format!(" (process {process})"),
        (JobState::Running, None)
        | (
            JobState::Interrupted
            | JobState::Detached
            | JobState::Done
            | JobState::Failed
            | JobState::Cancelled,
            _,
        ) => String::new(),
    };
    let transfer = job.transfer.as_ref().map(transfer_words).unwrap_or_default();
    let some = |count: u64, what: &str| {
        if count > 0 { format!(", {count} {what}") } else { String::new() }
    };
    let why = job.why.as_ref();
    let why = why.map(|why| format!(" ({})", show(why.as_bytes()))).unwrap_or_default();
    let failed = some(job.failed, "failed") + &why + &some(job.given_over, "left to a later job");
    let open = open_words(job);
    format!(
        "{}{name} {}{process}{transfer} {}, {} ({}){open}{failed}: {}",
        job.id,
        job.state.name(),
        at(job.ended.unwrap_or(job.begun)),
        counted(job.files, "file"),
        size::bytes(job.bytes),
        words(job).iter().map(|word| shown(word)).collect::<Vec<_>>().join(" "),
    )
}

/// The files that were begun and have not ended: `, 2 under way`. What is stored of them is not in the journal.
fn open_words(job: &JobRecord) -> String {
    match (job.state, job.open) {
        // Of a transfer that was asked about, more is told.
        (_, 0) | (JobState::Detached, 1) => String::new(),
        (JobState::Running | JobState::Detached, count) => format!(", {count} under way"),
        (JobState::Interrupted, count) => {
            format!(", {count} begun (what is stored stays: ftp-user resume {} goes on with it)", job.id)
        }
        (JobState::Done | JobState::Failed | JobState::Cancelled, count) => format!(", {count} begun"),
    }
}

/// How far a transfer is: ` (5.00 MiB of 20.0 MiB, moving)`.
fn transfer_words(transfer: &Transfer) -> String {
    match transfer {
        Transfer::Asked(TransferState { bytes, total, state }) => {
            let total = total.map(|total| format!(" of {}", size::bytes(total))).unwrap_or_default();
            format!(" ({}{total}, {})", size::bytes(*bytes), printable(state))
        }
        Transfer::NotAsked(why) => {
            format!(" (its destination could not be asked: {})", show(why.as_bytes()))
        }
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
fn at(seconds: u64) -> String {
    moment(When(i64::try_from(seconds).unwrap_or(i64::MAX)), Precision::Exact)
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_job_is_one_line_for_people_and_one_object_for_programs() {
        let asked = StoredJob { name: Some("night".into()), ..StoredJob::for_tests("copy a b") };
        let job = JobRecord {
            id: JobId::new(0xab),
            job: asked,
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
        };
        assert_eq!(
            sentence(&job),
            "00000000000000ab night interrupted 1970-01-01T00:00:00Z, 2 files (2.00 KiB), 1 failed: copy a b"
        );
        let line = serde_json::to_value(JobLine::of(&job)).unwrap();
        assert_eq!((&line["state"], &line["command"][2]), (&"interrupted".into(), &"b".into()));
        let given_over = JobRecord { given_over: 2, ..job.clone() };
        let words = sentence(&given_over);
        assert!(words.contains(" (2.00 KiB), 1 failed, 2 left to a later job: copy"), "{words}");
        assert_eq!(serde_json::to_value(JobLine::of(&given_over)).unwrap()["given_over"], 2);
        let words = sentence(&JobRecord { open: 1, files: 0, bytes: 0, failed: 0, ..job.clone() });
        let expect = "0 files (0 B), 1 begun (what is stored stays: ftp-user resume 00000000000000ab goes on with it): copy";
        assert!(words.contains(expect), "{words}");
        let words = sentence(&JobRecord { open: 3, state: JobState::Running, ..job.clone() });
        assert!(words.contains(" (2.00 KiB), 3 under way, 1 failed: copy"), "{words}");
        let failed = JobRecord { why: Some("ftp://h/d: cannot be listed\u{1b}".into()), ..job.clone() };
        let words = sentence(&failed);
        assert!(words.contains(", 1 failed (ftp://h/d: cannot be listed%1B): copy"), "{words}");
        assert_eq!(serde_json::to_value(JobLine::of(&failed)).unwrap()["failed"], 1);
        let transfer = TransferState { bytes: 1024, total: Some(4096), state: "moving".to_owned() };
        let job = JobRecord { state: JobState::Detached, transfer: Some(Transfer::Asked(transfer)), ..job };
        let words = sentence(&job);
        assert!(words.contains(" night detached (1.00 KiB of 4.00 KiB, moving) 1970"), "{words}");
        let line = serde_json::to_value(JobLine::of(&job)).unwrap();
        assert_eq!(line["transfer"]["total"], 4096);
        let job = JobRecord { transfer: Some(Transfer::NotAsked("two:21 is down".to_owned())), ..job };
        let words = sentence(&job);
        assert!(
            words.contains(" detached (its destination could not be asked: two:21 is down) 1970"),
            "{words}"
        );
        let line = serde_json::to_value(JobLine::of(&job)).unwrap();
        assert_eq!(
            (&line["not_asked"], &line["transfer"]),
            (&"two:21 is down".into(), &serde_json::Value::Null)
        );
    }
}
