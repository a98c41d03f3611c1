//! What a random stream of its own adds to the plan of a seed, so that the rest of the plan is as it was without it.

use super::{Content, Files, LEFT_OUT, LeftOut, Naming, Placement, Plan, REMOVED, Verb};
use crate::sim::random::Random;
use crate::world::manners::Manners;
use std::borrow::Cow;

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

/// What a third user agent is told.
fn third(plan: &Plan, random: &mut Random) -> Vec<Cow<'static, str>> {
    let names: Vec<&String> = plan.source.keys().collect();
    let mut told: Vec<Cow<'static, str>> = Vec::new();
    for _ in 0..1 + random.below(5) {
        let is_of_ours = plan.manners == [Manners::Ours; 2] && random.once_in(2);
        let table: &[&str] = if is_of_ours { &OF_OURS } else { &OF_ALL };
        let file = format!("{{one}}{}", names[random.length(names.len() - 1)]);
        let chosen = table[random.length(table.len() - 1)].replace("{file}", &file);
        told.extend(chosen.split("; ").map(|words| Cow::Owned(words.to_owned())));
    }
    if plan.verb == Verb::Append {
        // What it copies of the destination may have been half appended.
        told.retain(|words| !words.contains("{two} {side}"));
    }
    told
}

/// What a third user agent may be told, whatever the servers know. `{one}` and `{two}` are the trees, `{file}` is a file of the
/// source, `{side}` is a directory of the destination that nobody else changes, and `{here}` is one of its own host.
const OF_ALL: [&str; 42] = [
    "ls {one}",
    "ls -l {two}",
    "ls {one}*",
    "tree {one}",
    "tree {two}",
    "stat {one} {two}",
    "stat {file}",
    "cat {file}",
    "hash {file}",
    "hash --alg=md5 {one}*",
    "copy {file} {here}x; hash --alg=crc32 {here}x; cat {here}x",
    "copy {file} -",
    "copy {file} /dev/null",
    "copy - {side}input",
    "copy - {side}a/b/input",
    "copy --overwrite=never - {side}input",
    "copy {file} {side}; resume; retry last; cancel last",
    "copy -r {two} {side}; resume",
    "copy -r -n {one} {side}",
    "copy - {side}input; copy {side}input {side}copy",
    "copy - {side}input; move {side}input {side}a/moved; resume",
    "sync {one} {side}all; sync --delete --yes {one} {side}all; resume",
    "sync --backup-dir={side}old {one} {side}all; sync --backup-dir={side}old --delete --yes {two} {side}all",
    "sync -n --delete {one} {two}",
    "probe {one} {two}",
    "mkdir {side}c",
    "mkdir -p {side}a/b",
    "copy - {side}input; mkdir {side}c; mv {side}input {side}c",
    "mv {side}* {side}a",
    "rm {side}input",
    "rm -r --yes {side}a",
    "rm {side}*",
    "copy {file} {here}x; mv {here}x {here}y; ls -l {here}; stat {here}y; rm {here}y",
    "copy {file} {here}x; move {here}x {side}; resume",
    "copy -r {one} {here}all; sync --delete --yes {here}all {side}all; tree {here}; resume",
    "copy -r {one} {here}all; sync --delete --yes {one} {here}all; rm -r --yes {here}all",
    "copy -r {one} {side}all; move -r {side}all {side}b; resume; retry last",
    "copy -r {one} {side}all; move -r {side}all {here}; resume; retry last",
    "copy {file} {side}; cancel --forget last; jobs --all",
    "resume",
    "jobs",
    "why",
];

/// The same if both servers are ours.
const OF_OURS: [&str; 4] = [
    "copy --detach {file} {side}; resume",
    "copy --detach --path=relay {file} {side}detached; jobs; resume",
    "copy --detach {file} {side}detached; why last; cancel last",
    "copy --detach --overwrite=always {file} {side}detached; resume; resume",
];
/// The least size of a file of which parts are compared.
const LARGE: usize = 16 << 20;
