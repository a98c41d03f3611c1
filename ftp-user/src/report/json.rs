//! One JSON object per line: the keys and values are an outside contract.

use super::event::{Event, Listed, Summary};
use crate::ladder::Rung;
use ftp_proto::listing::{Entry, Kind};
use serde_json::Value;
use std::io::{self, Write};

/// Writes the line of `event`, if it has one. One write per line.
pub(super) fn line(event: &Event, out: &mut impl Write) -> io::Result<()> {
    let Some(members) = members(event) else { return Ok(()) };
    let members: Vec<String> =
        members.into_iter().map(|(name, value)| format!("{}:{value}", Value::from(name))).collect();
    out.write_all(format!("{{{}}}\n", members.join(",")).as_bytes())?;
    out.flush()
}

/// Names and values, in the order in which people expect them.
type Members = Vec<(&'static str, Value)>;

fn members(event: &Event) -> Option<Members> {
    Some(match event {
        Event::Plan { verb, source, dest, size, verify, dry_run: _ } => vec![
            ("event", "plan".into()),
            ("verb", (*verb).into()),
            ("source", source.as_str().into()),
            ("dest", dest.as_str().into()),
            ("bytes", (*size).into()),
            ("verify", verify.name().into()),
        ],
        Event::Path { rung, why } => vec![
            ("event", "path".into()),
            ("path", rung.path().into()),
            ("rung", rung.name().into()),
            ("protection", PROTECTION.into()),
            ("why", why.as_str().into()),
        ],
        Event::Progress { source, bytes, total } => vec![
            ("event", "progress".into()),
            ("source", source.as_str().into()),
            ("bytes", (*bytes).into()),
            ("total", (*total).into()),
        ],
        Event::File { source, dest, bytes, rung, verified, attempts } => vec![
            ("event", "file".into()),
            ("source", source.as_str().into()),
            ("dest", dest.as_str().into()),
            ("bytes", (*bytes).into()),
            ("path", rung.map(Rung::path).into()),
            ("rung", rung.map(Rung::name).into()),
            ("verified", verified.name().into()),
            ("attempts", (*attempts).into()),
            ("skipped", rung.is_none().into()),
        ],
        Event::Failed { source, dest, exit, message, of: _ } => vec![
            ("event", "failed".into()),
            ("source", source.as_str().into()),
            ("dest", dest.as_str().into()),
            ("exit", exit.number().into()),
            ("cause", exit.cause().into()),
            ("message", message.as_str().into()),
        ],
        Event::Warning { message } => vec![("event", "warning".into()), ("message", message.as_str().into())],
        Event::Summary(summary) => summary_members(summary),
        Event::Listed(listed) => listed_members(listed),
        Event::Dialogue { .. } => return None,
    })
}

/// No TLS yet: nothing is private.
const PROTECTION: &str = "clear";

fn summary_members(summary: &Summary) -> Members {
    let mut members: Members = vec![
        ("event", "summary".into()),
        ("ok", summary.ok.into()),
        ("files", summary.files.into()),
        ("bytes", summary.bytes.into()),
        ("seconds", ((summary.seconds * 1000.0).round() / 1000.0).into()),
        ("path", summary.rung.map(Rung::path).into()),
        ("rung", summary.rung.map(Rung::name).into()),
        ("protection", PROTECTION.into()),
        ("verified", summary.verified.name().into()),
        ("failed", summary.failed.into()),
        ("skipped", summary.skipped.into()),
    ];
    if summary.dry_run {
        members.push(("dry_run", true.into()));
    }
    members
}

fn listed_members(listed: &Listed) -> Members {
    let Entry { name, kind, size, modified, precision, mode, perm, unique } = &listed.entry;
    vec![
        ("event", "entry".into()),
        ("place", listed.place.as_str().into()),
        ("name", name.display().into()),
        ("type", kind_name(*kind).into()),
        ("size", (*size).into()),
        ("modified", modified.map(|at| super::human::moment(at, *precision)).into()),
        ("mode", mode.map(|mode| format!("{mode:04o}")).into()),
        ("perm", perm.as_deref().into()),
        ("unique", unique.as_deref().into()),
    ]
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
        assert!(out.starts_with(b"{\"event\":\""));
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
