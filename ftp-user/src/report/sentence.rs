//! The last line of a copy, for people.

use super::change::several;
use super::event::{FailedFiles, Summary, SummaryDetails};
use crate::ladder::Rung;
use crate::outcome::{DIRECTLY, Relayed};
use ftp_io::program::size;
use ftp_proto::wire::counted;

/// The last line: `copied 1 file, 2.00 GiB in 1.9 s (1.05 GiB/s), direct (destination listens),
/// verified sha-256`.
pub(super) fn sentence(summary: &Summary) -> String {
    let moved = summary.files - summary.skipped.min(summary.files);
    let done = match (summary.verb, summary.dry_run) {
        ("append", false) => "appended",
        ("append", true) => "would append",
        // Some of the sources may be there still.
        ("move", false) if !summary.is_ok() && moved > 0 => "copied",
        ("move", false) => "moved",
        ("move", true) => "would move",
        (_, false) => "copied",
        (_, true) => "would copy",
    };
    let files = |count: u64| counted(count, "file");
    let SummaryDetails { unchanged, unsized_files: unknown, .. } = summary.details;
    let bytes = match unknown {
        0 => size::bytes(summary.bytes),
        _ if unknown == moved => SIZE_UNKNOWN.to_owned(),
        _ => format!("{} and {} of unknown size", size::bytes(summary.bytes), files(unknown)),
    };
    let mut line = format!("{done} {}, {bytes}", files(moved));
    let earlier = summary.before.saturating_sub(unchanged);
    for (bytes, what) in [(earlier, "by earlier runs"), (unchanged, "unchanged and not sent")] {
        if bytes > 0 {
            line.push_str(&format!(" ({} of them {what})", size::bytes(bytes)));
        }
    }
    if !summary.dry_run {
        line.push_str(&format!(" in {:.1} s", summary.seconds));
        let now = summary.bytes.saturating_sub(summary.before);
        if let Some(rate) = size::rate(now, summary.seconds).filter(|_| now > 0) {
            line.push_str(&format!(" ({rate})"));
        }
    }
    if let Some(route) = summary.route {
        line.push_str(&format!(", {}, ", path(route, summary.relayed.as_ref())));
        line.push_str(if summary.dry_run { "to be verified by " } else { "verified " });
        line.push_str(summary.details.copied.unwrap_or(summary.verified).name());
    }
    for (count, names, what) in [
        (summary.renamed, "file", "renamed"),
        (summary.deleted, "name", "deleted"),
        (summary.kept, "name", "kept in --backup-dir"),
    ] {
        if count > 0 {
            let to_be = if summary.dry_run { "to be " } else { "" };
            line.push_str(&format!("; {} {to_be}{what}", counted(count, names)));
        }
    }
    line.push_str(&left_undecided(summary.undecided));
    let there = summary.skipped.saturating_sub(summary.earlier);
    for (count, what) in [(summary.earlier, "done by earlier runs of this job"), (there, &skipped(summary))] {
        if count > 0 {
            line.push_str(&format!("; {} {what}", files(count)));
        }
    }
    if summary.withheld > 0 {
        let not = if summary.dry_run { "not to be" } else { "not" };
        line.push_str(&format!("; {} {not} deleted", counted(summary.withheld, "name")));
    }
    line.push_str(&what_failed(summary.failed));
    line
}

/// What is said of files and directories that have failed.
fn what_failed(failed: FailedFiles) -> String {
    let FailedFiles { all, directories, stays, unconfirmed, interrupted } = failed;
    let others = match (all.saturating_sub(directories + stays + unconfirmed + interrupted), directories) {
        (0, 0) => String::new(),
        (count, 0) => counted(count, "file"),
        (0, directories) => several(directories, "directory"),
        (count, directories) => {
            format!("{} and {}", counted(count, "file"), several(directories, "directory"))
        }
    };
    let number = |count, names| if count > 0 { counted(count, names) } else { String::new() };
    let parts = [
        (number(stays, "source"), "not deleted"),
        (number(unconfirmed, "file"), "stored, but not confirmed"),
        (others, "failed"),
        (number(interrupted, "file"), "interrupted"),
    ];
    let told = parts.into_iter().filter(|(names, _)| !names.is_empty());
    told.map(|(names, what)| format!("; {names} {what}")).collect()
}

/// What is said of names that were to be deleted, if the deletion ended before it came to all of them.
pub(super) fn left_undecided(names: u64) -> String {
    if names == 0 { String::new() } else { format!("; {} left undecided", counted(names, "name")) }
}

/// What is said of skipped files.
fn skipped(summary: &Summary) -> String {
    let (by_name, by): (Vec<&str>, Vec<&str>) = summary.details.equal_by.iter().partition(|by| by.is_empty());
    let equal = match (by.as_slice(), by_name.is_empty()) {
        ([], _) => "already there".to_owned(),
        (by, true) => format!("equal by {}", by.join(", ")),
        (by, false) => format!("equal by {}, or only already there", by.join(", ")),
    };
    match (summary.verb, summary.dry_run) {
        ("move", true) => format!("{equal} (to be deleted at the source if equal)"),
        ("move", false) if summary.is_ok() => format!("deleted at the source only ({equal})"),
        // Some of the sources may be there still.
        ("move", false) => equal,
        (_, _) => format!("skipped ({equal})"),
    }
}

/// The path that was taken, with the relay on it and what that has passed on.
pub(super) fn path(route: Rung, relayed: Option<&Relayed>) -> String {
    let words = route.words();
    let Some(Relayed { relay, bytes, directly }) = relayed else { return words.to_owned() };
    let passed = size::bytes(*bytes);
    match route {
        Rung::RelaySource | Rung::RelayDest | Rung::Hub if *directly => format!("{words} {relay}{DIRECTLY}"),
        Rung::RelaySource | Rung::RelayDest | Rung::Hub => format!("{words} {relay} ({passed} passed it)"),
        Rung::DestListens | Rung::SourceListens | Rung::Symmetric | Rung::User | Rung::Local => {
            format!("{words} ({passed} passed the relay {relay})")
        }
    }
}

/// What is said where nobody knows how large a file is.
pub(super) const SIZE_UNKNOWN: &str = "size unknown";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Protection, Verified};
    use ftp_proto::digest::Algorithm;

    impl Summary {
        /// That of one file, copied from server to server.
        pub(in crate::report) fn example() -> Self {
            Self {
                verb: "copy",
                files: 1,
                bytes: 2 << 30,
                seconds: 1.9,
                route: Some(Rung::DestListens),
                protection: Protection::Private,
                verified: Verified::Hash(Algorithm::Sha256),
                ..Self::default()
            }
        }
    }

    fn none() -> SummaryDetails {
        SummaryDetails::default()
    }

    fn failed(all: u64) -> FailedFiles {
        FailedFiles { all, ..FailedFiles::default() }
    }

    #[test]
    fn each_file_that_has_failed_is_told_once_as_what_it_is() {
        let failed = FailedFiles { all: 10, directories: 0, stays: 1, unconfirmed: 2, interrupted: 3 };
        let line = sentence(&Summary { verb: "move", files: 5, failed, ..Summary::example() });
        let end =
            "; 1 source not deleted; 2 files stored, but not confirmed; 4 files failed; 3 files interrupted";
        assert!(line.starts_with("copied 5 files") && line.ends_with(end), "{line}");
        let line = sentence(&Summary { verb: "move", ..Summary::example() });
        assert!(line.starts_with("moved 1 file"), "{line}");
        for (all, directories, expect) in [
            (3, 1, "; 2 files and 1 directory failed"),
            (2, 2, "; 2 directories failed"),
            (1, 0, "; 1 file failed"),
        ] {
            let failed = FailedFiles { all, directories, ..FailedFiles::default() };
            let line = sentence(&Summary { failed, ..Summary::example() });
            assert!(line.ends_with(expect), "{line}");
        }
    }

    #[test]
    fn the_last_line_of_a_move_says_what_became_of_sources_whose_copies_were_there() {
        for (dry_run, number, done, there) in [
            (false, 0, "moved 0 files, 0 B in 1.9 s", "; 1 file deleted at the source only (already there)"),
            (
                true,
                0,
                "would move 0 files, 0 B",
                "; 1 file already there (to be deleted at the source if equal)",
            ),
            (false, 1, "moved 0 files, 0 B in 1.9 s", "; 1 file already there; 1 file failed"),
        ] {
            let verb = "move";
            let summary = Summary {
                verb,
                dry_run,
                failed: failed(number),
                skipped: 1,
                bytes: 0,
                route: None,
                ..Summary::example()
            };
            assert_eq!(sentence(&summary), format!("{done}{there}"));
        }
    }

    #[test]
    fn the_last_line_is_the_one_of_the_contract() {
        let check = |summary: Summary, expect: &str| assert_eq!(sentence(&summary), expect);
        check(
            Summary::example(),
            "copied 1 file, 2.00 GiB in 1.9 s (1.05 GiB/s), direct (destination listens), verified sha-256",
        );
        check(
            Summary {
                files: 12,
                skipped: 2,
                failed: failed(1),
                verified: Verified::Size,
                ..Summary::example()
            },
            "copied 10 files, 2.00 GiB in 1.9 s (1.05 GiB/s), direct (destination listens), verified size; \
             2 files skipped (already there); 1 file failed",
        );
        // What was only compared says nothing of what was copied.
        let sha = Some(Verified::Hash(Algorithm::Sha256));
        let details = SummaryDetails { copied: sha, equal_by: vec!["size", ""], ..Default::default() };
        check(
            Summary { files: 3, skipped: 2, verified: Verified::Size, details, ..Summary::example() },
            "copied 1 file, 2.00 GiB in 1.9 s (1.05 GiB/s), direct (destination listens), verified sha-256; \
             2 files skipped (equal by size, or only already there)",
        );
        // What was not sent because it has not changed is told.
        let there = (2 << 30) - (19 << 20);
        let details = SummaryDetails { unchanged: there, ..none() };
        check(
            Summary { before: there, details, ..Summary::example() },
            "copied 1 file, 2.00 GiB (1.98 GiB of them unchanged and not sent) in 1.9 s (10.00 MiB/s), \
             direct (destination listens), verified sha-256",
        );
        // What earlier runs have copied was not there already.
        check(
            Summary { files: 8, skipped: 6, earlier: 5, bytes: 2 << 20, ..Summary::example() },
            "copied 2 files, 2.00 MiB in 1.9 s (1.05 MiB/s), direct (destination listens), verified sha-256; \
             5 files done by earlier runs of this job; 1 file skipped (already there)",
        );
        // Skipped files are told by what they are equal.
        let details = SummaryDetails { equal_by: vec!["size and time", "sha-256"], ..none() };
        check(
            Summary { skipped: 1, bytes: 0, route: None, details, ..Summary::example() },
            "copied 0 files, 0 B in 1.9 s; 1 file skipped (equal by size and time, sha-256)",
        );
        // What has passed a relay is told.
        let relayed = |bytes| Some(Relayed { relay: "edge".into(), bytes, directly: false });
        check(
            Summary { route: Some(Rung::User), relayed: relayed(5 << 20), ..Summary::example() },
            "copied 1 file, 2.00 GiB in 1.9 s (1.05 GiB/s), through this host (5.00 MiB passed the relay edge), \
             verified sha-256",
        );
        check(
            Summary { route: Some(Rung::RelayDest), relayed: relayed(2 << 30), ..Summary::example() },
            "copied 1 file, 2.00 GiB in 1.9 s (1.05 GiB/s), through the relay edge (2.00 GiB passed it), \
             verified sha-256",
        );
        // Whether data went in clear is told by warnings and by `--json`: others rely on the end of this line.
        assert_eq!(
            sentence(&Summary { protection: Protection::Clear, ..Summary::example() }),
            sentence(&Summary::example())
        );
        // The rate is that of this run.
        check(
            Summary { before: there, ..Summary::example() },
            "copied 1 file, 2.00 GiB (1.98 GiB of them by earlier runs) in 1.9 s (10.00 MiB/s), \
             direct (destination listens), verified sha-256",
        );
        check(
            Summary { skipped: 1, bytes: 0, route: None, ..Summary::example() },
            "copied 0 files, 0 B in 1.9 s; 1 file skipped (already there)",
        );
    }

    #[test]
    fn the_last_line_of_other_runs_is_the_one_of_the_contract() {
        let check = |summary: Summary, expect: &str| assert_eq!(sentence(&summary), expect);
        check(
            Summary {
                verb: "append",
                route: Some(Rung::Local),
                bytes: 100,
                verified: Verified::Size,
                ..Summary::example()
            },
            "appended 1 file, 100 B in 1.9 s (53 B/s), local, verified size",
        );
        check(
            Summary {
                bytes: 0,
                details: SummaryDetails { unsized_files: 1, ..none() },
                verified: Verified::None,
                ..Summary::example()
            },
            "copied 1 file, size unknown in 1.9 s, direct (destination listens), verified none",
        );
        check(
            Summary { verb: "sync", files: 7, skipped: 6, deleted: 2, renamed: 1, ..Summary::example() },
            "copied 1 file, 2.00 GiB in 1.9 s (1.05 GiB/s), direct (destination listens), verified sha-256; \
             1 file renamed; 2 names deleted; 6 files skipped (already there)",
        );
        check(
            Summary { verb: "sync", deleted: 2, undecided: 7, failed: failed(1), ..Summary::example() },
            "copied 1 file, 2.00 GiB in 1.9 s (1.05 GiB/s), direct (destination listens), verified sha-256; \
             2 names deleted; 7 names left undecided; 1 file failed",
        );
        check(
            Summary {
                files: 5,
                details: SummaryDetails { unsized_files: 1, ..none() },
                ..Summary::example()
            },
            "copied 5 files, 2.00 GiB and 1 file of unknown size in 1.9 s (1.05 GiB/s), \
             direct (destination listens), verified sha-256",
        );
        check(
            Summary { dry_run: true, protection: Protection::Clear, ..Summary::example() },
            "would copy 1 file, 2.00 GiB, direct (destination listens), to be verified by sha-256",
        );
    }
}
