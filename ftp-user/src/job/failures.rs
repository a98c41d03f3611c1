//! What has failed in a job, by cause. A million files that fail take no more than 2 MiB of memory: of each cause their number
//! is kept, and the first few of them.

use super::summary::may_pass;
use crate::failure::{About, Kind};
use crate::outcome::FailedItem;
use crate::report::{Cause, failed_alike};
use std::collections::BTreeMap;

/// What has failed so far.
#[derive(Debug, Default)]
pub struct Failures {
    kinds: BTreeMap<Kind, Vec<Cause>>,
    pub(crate) may_pass: bool,
    /// Whether another run of the job may do one of them.
    pub(crate) can_be_retried: bool,
    /// Whether another job has claimed one of them.
    pub(crate) has_claimed: bool,
}

impl Failures {
    /// Notes a failure.
    pub(crate) fn add(&mut self, item: FailedItem) {
        self.may_pass |= may_pass(&item.failure);
        self.can_be_retried |= !matches!(item.failure.about, About::TakenOver | About::Command);
        self.has_claimed |= matches!(item.failure.about, About::Claimed(_));
        let kind = item.failure.kind;
        let causes = self.kinds.entry(kind).or_default();
        let is_its = |cause: &Cause| cause.first.first().is_none_or(|first| failed_alike(first, &item));
        let at = causes.iter().position(is_its).unwrap_or_else(|| {
            causes.push(Cause { kind, count: 0, first: Vec::new() });
            causes.len() - 1
        });
        let Some(cause) = causes.get_mut(at) else { return };
        cause.count += 1;
        // Behind the last cause, all others count as one that is not told.
        if at < CAUSES && cause.first.len() < KEPT {
            cause.first.push(item);
        }
    }

    /// The number of all failures.
    pub(crate) fn count(&self) -> u64 {
        self.kinds.values().flatten().map(|cause| cause.count).sum()
    }

    /// The number of all failures that are not of this kind.
    pub(crate) fn count_without(&self, kind: Kind) -> u64 {
        self.kinds.values().flatten().filter(|cause| cause.kind != kind).map(|cause| cause.count).sum()
    }

    /// The kinds of failures, each of them once.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        self.kinds.keys().copied().collect()
    }

    /// Whether there is a failure of this kind.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.kinds.contains_key(&kind)
    }

    /// The causes with their first files, for people.
    pub(crate) fn causes(&self) -> Vec<Cause> {
        self.kinds.values().flatten().cloned().collect()
    }

    /// The first failures of each cause, sorted by kind.
    pub(crate) fn first(&self) -> impl Iterator<Item = &FailedItem> {
        self.kinds.values().flatten().flat_map(|cause| &cause.first)
    }
}

/// The number of failures of each cause that are kept, and shown to people.
const KEPT: usize = 10;
/// The number of causes of each kind that are told apart.
const CAUSES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    #[test]
    fn a_million_failures_are_counted_and_the_first_ten_of_each_kind_are_kept() {
        let mut failures = Failures::default();
        for number in 0..1_000_000_u32 {
            let kind = if number % 4 == 0 { Kind::Missing } else { Kind::Refused };
            let failure = Failure::new(kind, "no");
            failures.add(FailedItem { source: number.to_string(), dest: String::new(), failure });
        }
        assert_eq!((failures.count(), failures.may_pass), (1_000_000, false));
        assert_eq!(failures.kinds(), [Kind::Missing, Kind::Refused]);
        assert_eq!(failures.first().count(), 20);
        let causes = failures.causes();
        let counts: Vec<u64> = causes.iter().map(|cause| cause.count).collect();
        assert_eq!((counts, causes[0].first[9].source.as_str()), (vec![250_000, 750_000], "36"));
        failures.add(FailedItem {
            source: String::new(),
            dest: String::new(),
            failure: Failure::new(Kind::Temporary, "busy"),
        });
        assert!(failures.may_pass && failures.has(Kind::Temporary) && !failures.has(Kind::Interrupted));
        assert!(failures.can_be_retried);
        let (mut others, add) = (Failures::default(), |others: &mut Failures, failure| {
            others.add(FailedItem { source: String::new(), dest: String::new(), failure });
        });
        add(&mut others, Failure::new(Kind::Exists, "left alone").about(About::TakenOver));
        add(&mut others, Failure::of_command("a is a directory"));
        assert!(!others.can_be_retried);
        add(&mut others, Failure::usage("a name with CR"));
        assert!(others.can_be_retried);
    }

    #[test]
    fn causes_are_told_apart_by_what_they_say_beside_the_names_of_their_files() {
        let mut failures = Failures::default();
        for number in 0..100_u32 {
            let source = format!("one:d/f{number}");
            // Every second file has a reason of its own.
            let why = if number % 2 == 0 {
                "full".to_owned()
            } else {
                format!("broken {}", "x".repeat(number as usize))
            };
            let failure = Failure::new(Kind::Other, format!("cannot store d/f{number}: {why}"));
            failures.add(FailedItem { source, dest: String::new(), failure });
        }
        let causes = failures.causes();
        let counts: Vec<(u64, usize)> = causes.iter().map(|cause| (cause.count, cause.first.len())).collect();
        assert_eq!(counts, [(50, KEPT), (1, 1), (1, 1), (1, 1), (1, 1), (46, 0)]);
    }
}
