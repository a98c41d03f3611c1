//! The keys of the contract.

use super::super::event::{FileProgress, Summary, WithheldDeletions};
use super::*;
use crate::outcome::{FileCopy, FileOutcome, Protection, Relayed, Verified};
use ftp_proto::digest::Algorithm;
use std::time::Duration;

const EXITS: Exits = Exits { of_kind: |_| 4, partly: 9 };

impl JsonLine {
    pub(crate) fn read(self) -> serde_json::Value {
        serde_json::from_str(&self.text().unwrap()).unwrap()
    }
}

fn file(source: &str, copy: FileCopy) -> Event {
    Event::File(Box::new(FileOutcome { source: source.into(), dest: "ftp://b/x".into(), copy: Ok(copy) }))
}

#[test]
fn each_event_has_the_keys_of_the_contract() {
    let check = |what: &str, event: Event, expect: &str| {
        assert_eq!(text(&event, None, EXITS).unwrap().as_deref(), Some(expect), "{what}");
    };
    let summary = Summary { protection: Protection::Clear, ..Summary::example() };
    check(
        "a summary",
        Event::Summary(summary),
        r#"{"event":"summary","ok":true,"files":1,"bytes":2147483648,"seconds":1.9,"path":"direct","rung":"dest-listens","protection":"clear","verified":"sha-256","failed":0,"skipped":0}"#,
    );
    let moved = FileCopy { attempts: 2, ..FileCopy::moved(Some(5), Rung::SourceListens, Verified::Size) };
    check(
        "a file",
        file("ftp://a/x", moved),
        r#"{"event":"file","source":"ftp://a/x","dest":"ftp://b/x","bytes":5,"path":"direct","rung":"source-listens","verified":"size","attempts":2,"skipped":false}"#,
    );
    let message = "nothing was deleted".to_owned();
    check(
        "names that are not deleted are no file that failed",
        Event::Withheld(WithheldDeletions { dest: "ftp://b/d".into(), names: 3, most: Some(2), message }),
        r#"{"event":"withheld","dest":"ftp://b/d","names":3,"most":2,"exit":9,"message":"nothing was deleted"}"#,
    );
    let (reason, why) = ("no-faster", "twice as many were hardly faster".to_owned());
    check(
        "the number of jobs has its reason",
        Event::Jobs { number: 4, reason, why },
        r#"{"event":"jobs","number":4,"reason":"no-faster","why":"twice as many were hardly faster"}"#,
    );
    check(
        "a file that an earlier run has copied is not called verified",
        file("ftp://a/x", FileCopy::earlier(None, Verified::Hash(Algorithm::Sha256))),
        r#"{"event":"file","source":"ftp://a/x","dest":"ftp://b/x","bytes":0,"path":null,"rung":null,"verified":"none","attempts":0,"skipped":true,"earlier":"sha-256"}"#,
    );
    let relayed = Some(Relayed { relay: "edge".into(), bytes: 5, directly: true });
    let moved = FileCopy::moved(Some(5), Rung::RelaySource, Verified::Size);
    check(
        "what passed a relay and what was there before is told last",
        file("ftp://a/x", FileCopy { before: 2, relayed, ..moved }),
        r#"{"event":"file","source":"ftp://a/x","dest":"ftp://b/x","bytes":5,"path":"relay","rung":"relay-source","verified":"size","attempts":1,"skipped":false,"relay":"edge","relayed":5,"agents_direct":true,"before":2}"#,
    );
}

#[test]
fn a_progress_event_has_its_file_and_its_job() {
    let progress = FileProgress {
        source: "ftp://a/x".into(),
        bytes: 5,
        total: Some(10),
        before: 0,
        time: Duration::from_secs(1),
    };
    let mut shown =
        JobProgress { files: 3, of: 7, more: true, bytes: 35, total: None, rate: Some(5.5), remaining: None };
    let first = text(&Event::Progress(progress), Some(&shown), EXITS).unwrap().unwrap();
    // Without an event of its own it is that of the last file.
    shown.files += 1;
    let last = LastFile { source: "ftp://a/z".into(), bytes: 5, total: Some(5) };
    let told = [first, progress_text(&last, &shown).unwrap()];
    assert_eq!(
        told,
        [
            r#"{"event":"progress","source":"ftp://a/x","bytes":5,"total":10,"files":3,"of":7,"more":true,"job_bytes":35,"job_total":null,"rate":5,"remaining":null}"#,
            r#"{"event":"progress","source":"ftp://a/z","bytes":5,"total":5,"files":4,"of":7,"more":true,"job_bytes":35,"job_total":null,"rate":5,"remaining":null}"#,
        ]
    );
}
