//! What a job does with a file that the journal knows. Pure: the only place where this is decided.

use super::record::{Detached, Found, PartId, Seen};

/// What a job does with a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// It is copied as if nothing had been done.
    Copy,
    /// It is not touched: it is done, and the source is the same.
    Skip {
        /// What has verified it.
        verified: Option<String>,
    },
    /// It is not touched: a later job has claimed its destination.
    LeaveAlone {
        /// Which job that is, in words.
        why: String,
    },
    /// An earlier run has begun it. An old file that was renamed aside is put back first. Then the last part is
    /// compared and continued, and the others are removed. The final name may have the finished copy already.
    GoOn {
        /// The part to continue, if it can be.
        last: Option<PartId>,
        /// The parts to remove.
        others: Vec<PartId>,
        /// The source before its first byte was read, if it is known.
        seen: Option<Seen>,
        /// Whether what stands under the final name may be a part of the copy, at a server that cannot rename.
        in_place: bool,
        /// The transfer that may go on without this program. Before anything else its end is waited for.
        detached: Option<Detached>,
        /// The route of its bytes, if the copy may have its final name and nothing equal had it before.
        route: Option<String>,
    },
}

/// Decides what to do with a file. `now` is what is known of its source, if a listing has told it.
///
/// A file that is done is done again if its source has changed, or if nobody can say: then the overwrite rule compares. Where
/// a later job has stored something else, it is left alone.
pub fn decide(found: Found, now: Option<&Seen>) -> Next {
    match found {
        Found::New => Next::Copy,
        Found::GivenOver { why } => Next::LeaveAlone { why },
        Found::Done { seen, verified, replaced, route: _ } => match (now, replaced) {
            (Some(now), _) if is_same(&seen, now) => Next::Skip { verified },
            (Some(_) | None, Some(why)) => Next::LeaveAlone { why },
            (Some(_) | None, None) => Next::Copy,
        },
        Found::Open { mut parts, seen, in_place, detached, route } => {
            let last = parts.pop();
            Next::GoOn { last, others: parts, seen, in_place, detached, route }
        }
    }
}

/// Whether the source is certainly the same as before: size and time are known and equal, and the identity does not differ
/// where both are known.
pub fn is_same(before: &Seen, now: &Seen) -> bool {
    fn equal<T: PartialEq>(before: Option<&T>, now: Option<&T>) -> Option<bool> {
        Some(before? == now?)
    }
    let size = equal(before.size.as_ref(), now.size.as_ref());
    let modified = equal(before.modified.as_ref(), now.modified.as_ref());
    let unique = equal(before.unique.as_ref(), now.unique.as_ref());
    size == Some(true) && modified == Some(true) && unique != Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(size: u64, modified: Option<i64>, unique: Option<&str>) -> Seen {
        Seen { size: Some(size), modified, unique: unique.map(str::to_owned) }
    }

    #[test]
    fn n8_what_a_resumed_job_does_with_a_file_follows_from_its_state() {
        let before = seen(5, Some(1), Some("a"));
        let done_and = |replaced: Option<&str>| Found::Done {
            seen: before.clone(),
            verified: Some("sha-256".to_owned()),
            route: Some("dest-listens".to_owned()),
            replaced: replaced.map(str::to_owned),
        };
        let done = || done_and(None);
        let open = |parts: &[u64]| Found::Open {
            parts: parts.iter().copied().map(PartId).collect(),
            seen: Some(before.clone()),
            in_place: true,
            detached: None,
            route: Some("direct".to_owned()),
        };
        let go_on = |last: Option<u64>, others: &[u64]| Next::GoOn {
            last: last.map(PartId),
            others: others.iter().copied().map(PartId).collect(),
            seen: Some(before.clone()),
            in_place: true,
            detached: None,
            route: Some("direct".to_owned()),
        };
        let skip = || Next::Skip { verified: Some("sha-256".to_owned()) };
        for (found, now, expect) in [
            (Found::New, Some(seen(5, Some(1), None)), Next::Copy),
            (Found::New, None, Next::Copy),
            (
                Found::GivenOver { why: "job x has it".to_owned() },
                Some(seen(5, Some(1), None)),
                Next::LeaveAlone { why: "job x has it".to_owned() },
            ),
            (done(), Some(seen(5, Some(1), Some("a"))), skip()),
            (done(), Some(seen(5, Some(1), None)), skip()),
            (done(), Some(seen(5, Some(1), Some("b"))), Next::Copy),
            (done(), Some(seen(5, Some(2), Some("a"))), Next::Copy),
            (done(), Some(seen(6, Some(1), Some("a"))), Next::Copy),
            (done(), Some(seen(5, None, Some("a"))), Next::Copy),
            (done(), None, Next::Copy),
            (done_and(Some("job x")), Some(seen(5, Some(1), Some("a"))), skip()),
            (
                done_and(Some("job x")),
                Some(seen(6, Some(2), Some("a"))),
                Next::LeaveAlone { why: "job x".to_owned() },
            ),
            (done_and(Some("job x")), None, Next::LeaveAlone { why: "job x".to_owned() }),
            (open(&[7]), None, go_on(Some(7), &[])),
            (open(&[7, 8, 9]), Some(seen(6, None, None)), go_on(Some(9), &[7, 8])),
            (open(&[]), None, go_on(None, &[])),
        ] {
            assert_eq!(decide(found.clone(), now.as_ref()), expect, "{found:?} {now:?}");
        }
    }
}
