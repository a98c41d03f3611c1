//! What a random stream of its own adds to the plan of a seed, so that the rest of the plan is as it was without it.

use super::third::third;
use super::{Content, Files, LEFT_OUT, LeftOut, Naming, Placement, Plan, REMOVED, Verb};
use crate::sim::random::Random;
use crate::world::manners::Manners;

impl Plan {
    /// The same with more files, other words for its sources, files that are left out, and a third user agent.
    pub(super) fn wider(mut self) -> Self {
        let random = &mut Random::new(self.seed ^ 0x01de_57a7);
        // Half of the plans stay as they were, so that the runs of `.ci/run` take no longer.
        if random.once_in(2) {
            return self;
        }
        if self.verb.has_job() {
            for add in [deep_files, renamed_files, large_file, files_left_out] {
                if random.once_in(6) {
                    add(&mut self, random);
                }
            }
        }
        if matches!(self.verb, Verb::Copy | Verb::Move) {
            let naming =
                random.pick([Naming::Tree, Naming::Tree, Naming::Pattern, Naming::Each, Naming::List]);
            // Whoever starts a user agent expands patterns of its own host.
            let is_pattern_here = naming == Naming::Pattern && self.placement == Placement::SourceHere;
            self.naming = if is_pattern_here { Naming::Each } else { naming };
            if self.names_what_goes() {
                // It would never come to what is behind a name that has gone.
                self.options.retain(|option| option != "--fail-fast");
            }
        }
        if random.once_in(4) {
            self.third = third(&self, random);
        }
        // Another stream, too.
        let random = &mut Random::new(self.seed ^ 0x000d_d4a3);
        if matches!(self.verb, Verb::Copy | Verb::Move)
            && self.manners == [Manners::Ours; 2]
            && random.once_in(5)
        {
            let length = STREAMED + random.length(1_000);
            self.source.insert("9streamed".to_owned(), Content::of(random, length));
            self.options.push(random.pick(["--streams=2", "--streams=auto"]).into());
        }
        if self.verb.has_job() && self.left_out.is_none() && random.once_in(8) {
            let names = ODD_NAMES.into_iter().filter(|_| random.once_in(2)).collect::<Vec<_>>();
            self.source.extend(names.into_iter().map(|name| {
                let length = random.length(1_000);
                (name.to_owned(), Content::of(random, length))
            }));
        }
        self
    }
}

/// Adds files in directories below each other.
fn deep_files(plan: &mut Plan, random: &mut Random) {
    for number in 0..1 + random.below(8) {
        let depth = 1 + random.below(6);
        let directories: String = (0..depth).map(|at| format!("d{}/", random.below(at + 1))).collect();
        let length = random.pick([0, 100, 70_000]);
        plan.source.insert(format!("{directories}{number}"), Content::of(random, length));
    }
}

/// Adds files that the destination has under other names.
fn renamed_files(plan: &mut Plan, random: &mut Random) {
    if !matches!(plan.verb, Verb::Sync | Verb::SyncDelete) {
        return;
    }
    for number in 0..1 + random.below(4) {
        // Smaller files are copied without a question.
        let content = Content::of(random, 65_536 + number as usize);
        plan.source.insert(format!("renamed/{number}"), content);
        plan.destination.insert(format!("{REMOVED}9{number}"), content);
    }
}

/// Adds a file of which the destination has an older version that is the same in most parts.
fn large_file(plan: &mut Plan, random: &mut Random) {
    let is_compared = matches!(plan.verb, Verb::Sync | Verb::SyncDelete)
        && plan.placement == Placement::AtServers
        && plan.manners == [Manners::Ours; 2];
    if is_compared {
        let length = LARGE + random.length(1_000);
        let old = Content::of(random, length);
        let changed_at = Some(random.length(LARGE - 1));
        let new = Content { length: old.length + 1 + random.length(1_000), changed_at, ..old };
        plan.source.insert("9large".to_owned(), new);
        plan.destination.insert("9large".to_owned(), old);
    }
}

/// Adds files that a filter leaves out.
fn files_left_out(plan: &mut Plan, random: &mut Random) {
    let name = |number: u64| format!("{LEFT_OUT}x{number}");
    let files: Files =
        (0..1 + random.below(3)).map(|number| (name(number), Content::of(random, 50))).collect();
    if matches!(plan.verb, Verb::Sync | Verb::SyncDelete) {
        let kept = (0..random.below(4)).map(|number| (name(number), Content::of(random, 60)));
        plan.destination.extend(kept);
    }
    let filter = random.pick(["--exclude=left/", "--exclude=x*", "--include=[0-9]*"]).into();
    plan.left_out = Some(LeftOut { filter, files });
}

/// Names that some servers take for others, or do not show as they are.
const ODD_NAMES: [&str; 12] = [
    "Case",
    "case",
    "odd/CASE",
    "odd/case",
    "odd/e\u{301}",
    "odd/\u{e9}",
    "odd/x.",
    "odd/x",
    "odd/y ",
    "odd/-dash",
    "odd/..z",
    "odd/a b",
];
/// The least size of a file of which ranges move at the same time.
const STREAMED: usize = 32 << 20;
/// The least size of a file of which parts are compared.
const LARGE: usize = 16 << 20;
