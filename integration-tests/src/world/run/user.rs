//! What a user agent is told to do, until all is done.

use super::laws::Parts;
use super::{Running, words};
use crate::world::plan::{Placement, SIDE, Verb};
use crate::world::{HostId, PASSWORD};
use ftp_user::cli::number;
use ftp_user::job::Status;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// A user agent, from its first words to its end.
pub(super) struct User {
    pub(super) host: HostId,
    pub(super) state: PathBuf,
    pub(super) words: Vec<String>,
    pub(super) stage: Stage,
    /// How often it has failed.
    pub(super) attempts: u32,
    /// The jobs that its messages have named, and that it has not given up yet.
    pub(super) jobs: BTreeSet<String>,
    /// Whether all is done, and it resumes and then cancels the jobs that have failed before: they keep what they have stored.
    pub(super) is_cleaning_up: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// It starts at that time.
    Waits(Duration),
    Runs,
    Done,
}

impl Running<'_> {
    /// Starts a user agent that waits, or sees how it has ended.
    pub(super) fn start_or_end(&mut self, index: usize) {
        let user = &mut self.users[index];
        match user.stage {
            Stage::Waits(until) if until <= self.world.now() => {
                user.stage = Stage::Runs;
                let words = user.words.clone();
                if index == 0 && words == self.plan.words(&self.roots) {
                    let before = self.versions.iter().map(|(name, all)| (*name, all.len() - 1));
                    self.at_start = before.collect();
                }
                let user = &self.users[index];
                let trace = self.traces.as_ref().map(|directory| {
                    let at = self.world.now().as_millis();
                    ["--trace".to_owned(), format!("{}/user{index}-{at}.txt", directory.display())]
                });
                let typed = [words.as_slice(), trace.as_ref().map_or(&[], |trace| trace)].concat();
                let ends = [self.roots[0].as_path(), &self.roots[1]];
                let writes = if self.plan.placement == Placement::AtServers { &[] } else { ends.as_slice() };
                self.world.run(user.host, &typed, &user.state, writes);
                self.tell(&format!("user {index}: {}", words.join(" ")));
            }
            Stage::Runs => {
                if let Some(status) = self.world.ended(user.host) {
                    self.ended(index, status);
                }
            }
            Stage::Waits(_) | Stage::Done => {}
        }
    }

    /// Starts what the third user agent is told next, or sees how it has ended.
    pub(super) fn third_goes_on(&mut self) {
        let faults = self.faults.len();
        let Some(third) = &mut self.third else { return };
        if !third.runs {
            third.faults = faults;
            if let Some(words) = third.start_next(&mut self.world, self.plan) {
                self.tell(&format!("third user: {}", words.join(" ")));
            }
        } else if let Some(status) = self.world.ended(third.host) {
            third.runs = false;
            self.third_ended(status);
        }
    }

    /// What it has written to standard output is a file of the source, if it says so and nobody has written to the file.
    fn third_ended(&mut self, status: u8) {
        let Some(third) = &mut self.third else { return };
        let said = self.world.said(third.host);
        third.hear(&said);
        let (asked, written) = (third.asked(self.plan), third.output());
        let undone = third.undone(self.plan, &self.roots[1].join(SIDE));
        let was_restored = self.faults.iter().skip(third.faults).any(|(name, _)| RESTORES.contains(name));
        let texts = third.texts();
        self.excused.late.hear(&said);
        self.look_for_secrets(&said);
        self.look_for_secrets(&texts);
        // Listings have the times of files, which are those of the system.
        let is_told = |line: &&str| self.traces.is_some() || line.starts_with("ftp-user:");
        let told: Vec<&str> = said.lines().filter(is_told).collect();
        self.tell(&format!("third user: status {status}: {}", told.join("\n")));
        let name = asked.split(' ').find_map(|word| word.strip_prefix("{one}"));
        if let (0, Some(written)) = (status, written)
            && let Some(versions) = name.and_then(|name| self.versions.get(name))
            && let [only] = versions.as_slice()
            && written != only.bytes()
        {
            self.violation("standard output has something else than the file");
        }
        if status == 0 && !undone.is_empty() && !was_restored {
            self.violation(&format!("it says that it has done {asked}, and has not: {undone:?}"));
        }
        if !Status::all().any(|known| number(known) == status) {
            self.violation(&format!("{status} is no exit status: {asked}"));
        }
        self.look();
    }

    /// Nothing that is printed has a password, or the token of the relay.
    fn look_for_secrets(&mut self, printed: &str) {
        let token = fs::read_to_string(&self.servers.token).expect("it was written");
        let secrets = [PASSWORD, token.trim_end()];
        if let Some(line) = printed.lines().find(|line| secrets.iter().any(|secret| line.contains(secret))) {
            self.violation(&format!("a secret is printed: {line}"));
        }
    }

    fn ended(&mut self, index: usize, status: u8) {
        let user = &self.users[index];
        let said = self.world.said(user.host);
        self.tell(&format!("user {index}: status {status}: {}", said.trim_end()));
        self.look_for_secrets(&said);
        self.excused.late.hear(&said);
        self.look();
        if !self.plan.verb.has_job() {
            return self.ended_without_job(index, status);
        }
        let (command, is_done, now) = (self.plan.words(&self.roots), self.is_done(), self.world.now());
        let user = &mut self.users[index];
        let named = ["ftp-user retry ", "ftp-user resume "].map(|command| said.split(command).skip(1));
        let named: Vec<&str> = named.into_iter().flatten().filter_map(|rest| rest.get(..ID)).collect();
        user.jobs.extend(named.iter().map(|job| (*job).to_owned()));
        if user.is_cleaning_up {
            // A cancelled job is not cancelled again.
            user.words.get(1).map(|job| user.jobs.remove(job));
            match user.jobs.first() {
                Some(job) => (user.words, user.stage) = (words(&["cancel", job]), Stage::Waits(now)),
                None => user.stage = Stage::Done,
            }
            return;
        }
        let is_whole = user.words == command;
        // What has gone is missed by name. What its jobs have left that failed before is removed when they are cancelled.
        let parts = if self.users[index].attempts > 0 { Parts::DoNotCount } else { Parts::Count };
        let has_gone = is_whole && self.plan.names_what_goes() && self.is_done_with(parts);
        let (status, user) = (if has_gone { 0 } else { status }, &mut self.users[index]);
        let gives_up = index > 0 && user.attempts >= PATIENCE;
        match status {
            _ if user.words[0] == "cancel" => user.stage = Stage::Done,
            0 if is_whole && user.attempts > 0 => {
                (user.words, user.stage, user.is_cleaning_up) = (words(&["resume"]), Stage::Waits(now), true);
            }
            0 if is_whole || is_done || gives_up => user.stage = Stage::Done,
            // What was asked for before the journal had it is asked for once more.
            0 => (user.words, user.stage) = (command, Stage::Waits(now)),
            _ if gives_up => (user.words, user.stage) = (words(&["cancel", "last"]), Stage::Waits(now)),
            _ => {
                user.attempts += 1;
                // The last job may be the other user's.
                let job = named.first().copied().unwrap_or("last");
                user.words = if user.attempts % 2 == 1 { words(&["retry", job]) } else { command };
                user.stage = Stage::Waits(now + PAUSE * user.attempts);
            }
        }
    }

    /// How a verb has ended that no journal keeps. It is typed again if that does no harm.
    fn ended_without_job(&mut self, index: usize, status: u8) {
        let (command, is_done, now) = (self.plan.words(&self.roots), self.is_done(), self.world.now());
        let can_repeat = self.plan.verb == Verb::Remove;
        let user = &mut self.users[index];
        if status == 0 || is_done || !can_repeat {
            user.stage = Stage::Done;
        } else {
            user.attempts += 1;
            (user.words, user.stage) = (command, Stage::Waits(now + PAUSE * user.attempts));
        }
        if status != 0 && !can_repeat && !self.faults.is_empty() {
            self.excused.append_may_be_partial = true;
        }
    }
}

/// The faults that take away what was done.
const RESTORES: [&str; 2] = ["disk set back", "destination without power"];
/// The number of characters of a job's id.
const ID: usize = 16;
/// How long a person waits before a job that has failed is tried again, each time longer: the other one may have claimed the files.
const PAUSE: Duration = Duration::from_secs(10);
/// How often a job may fail after the last fault.
pub(super) const MOST_ATTEMPTS: u32 = 12;
/// How often the second user agent may fail before its job is cancelled.
const PATIENCE: u32 = 2;
