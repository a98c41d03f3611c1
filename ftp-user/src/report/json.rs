//! One JSON object per line: the keys and values are an outside contract.

use super::event::{Event, Listed, Summary};
use crate::ladder::Rung;
use ftp_proto::listing::{Entry, Kind};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes the line of `event`, if it has one. One write per line.
pub(super) fn line(event: &Event, out: &mut impl Write) -> io::Result<()> {
    let Some(value) = value(event) else { return Ok(()) };
    let mut line = value.to_string();
    line.push('\n');
    out.write_all(line.as_bytes())?;
    out.flush()
}

fn value(event: &Event) -> Option<Value> {
    Some(match event {
        Event::Plan { verb, source, dest, size, verify } => json!({
            "event": "plan", "verb": verb, "source": source, "dest": dest, "bytes": size, "verify": verify.name(),
        }),
        Event::Path { rung, why } => json!({
            "event": "path", "path": rung.path(), "rung": rung.name(), "protection": PROTECTION, "why": why,
        }),
        Event::Progress { source, bytes, total } => json!({
            "event": "progress", "source": source, "bytes": bytes, "total": total,
        }),
        Event::File { source, dest, bytes, rung, verified, attempts } => json!({
            "event": "file", "source": source, "dest": dest, "bytes": bytes,
            "path": rung.map(Rung::path), "rung": rung.map(Rung::name),
            "verified": verified.name(), "attempts": attempts, "skipped": rung.is_none(),
        }),
        Event::Failed { source, dest, exit, message } => json!({
            "event": "failed", "source": source, "dest": dest, "exit": exit.number(), "message": message,
        }),
        Event::Warning { message } => json!({ "event": "warning", "message": message }),
        Event::Summary(summary) => summary_value(summary),
        Event::Listed(listed) => listed_value(listed),
        Event::Dialogue { .. } => return None,
    })
}

/// No TLS yet: nothing is private.
const PROTECTION: &str = "clear";

fn summary_value(summary: &Summary) -> Value {
    let mut value = json!({
        "event": "summary", "ok": summary.ok, "files": summary.files, "bytes": summary.bytes,
        "seconds": (summary.seconds * 1000.0).round() / 1000.0,
        "path": summary.rung.map(Rung::path), "rung": summary.rung.map(Rung::name),
        "protection": PROTECTION, "verified": summary.verified.name(), "failed": summary.failed,
        "skipped": summary.skipped,
    });
    if summary.dry_run
        && let Some(object) = value.as_object_mut()
    {
        object.insert("dry_run".to_owned(), Value::Bool(true));
    }
    value
}

fn listed_value(listed: &Listed) -> Value {
    let Entry { name, kind, size, modified, mode, perm, unique } = &listed.entry;
    json!({
        "event": "entry", "place": listed.place, "name": name.display(), "type": kind_name(*kind), "size": size,
        "modified": modified.map(super::human::date), "mode": mode.map(|mode| format!("{mode:04o}")),
        "perm": perm, "unique": unique,
    })
}

/// What an entry is, in one word.
pub(super) const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory | Kind::Current | Kind::Parent => "directory",
        Kind::Link => "link",
        Kind::Other => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::Verified;
    use super::*;
    use ftp_proto::digest::Algorithm;

    fn check(event: &Event, expect: &str) {
        let mut out = Vec::new();
        line(event, &mut out).unwrap();
        let got: Value = serde_json::from_slice(&out).unwrap();
        let expect: Value = serde_json::from_str(expect).unwrap();
        assert_eq!(got, expect);
        assert!(out.ends_with(b"}\n"));
    }

    #[test]
    fn the_summary_has_the_keys_of_the_contract() {
        let summary = Summary {
            verb: "copy",
            ok: true,
            dry_run: false,
            files: 1,
            skipped: 0,
            bytes: 2_147_483_648,
            seconds: 1.9,
            rung: Some(Rung::DestListens),
            verified: Verified::Hash(Algorithm::Sha256),
            failed: 0,
        };
        check(
            &Event::Summary(summary),
            r#"{"event":"summary","ok":true,"files":1,"bytes":2147483648,"seconds":1.9,"path":"direct",
                "rung":"dest-listens","protection":"clear","verified":"sha-256","failed":0,"skipped":0}"#,
        );
    }

    #[test]
    fn a_file_has_the_keys_of_the_contract() {
        check(
            &Event::File {
                source: "ftp://a/x".into(),
                dest: "ftp://b/x".into(),
                bytes: 5,
                rung: Some(Rung::SourceListens),
                verified: Verified::Size,
                attempts: 2,
            },
            r#"{"event":"file","source":"ftp://a/x","dest":"ftp://b/x","bytes":5,"path":"direct",
                "rung":"source-listens","verified":"size","attempts":2,"skipped":false}"#,
        );
    }
}
