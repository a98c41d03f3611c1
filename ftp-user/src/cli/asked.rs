//! How a job was asked for: what the journal keeps, so that another process can ask for the same.

use super::conceal::without_passwords;
use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::id::JobId;
use crate::job;
use crate::journal::{Command, JobRecord, JobState};
use crate::place::Names;
use std::ffi::OsString;
use std::path::Path;

/// What begins a run.
pub(super) enum Start<'a> {
    /// These words were typed just now, passwords included.
    Typed(&'a [OsString]),
    /// A job of the journal.
    Kept(Asked),
}

/// How a job was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    /// The words, without passwords.
    pub(super) command: Command,
    /// The job that goes on.
    pub(super) resumes: Option<JobId>,
    /// What is done with it.
    pub(super) purpose: Purpose,
}

/// What is done with a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// It begins, or goes on.
    Run,
    /// It is given up.
    GiveUp,
    /// It is shown, with what its servers say of a transfer that goes on without this program.
    Show,
}

/// What a name of a job means.
#[derive(Debug)]
pub(super) enum Named {
    /// A job begins or goes on.
    Goes(Asked),
    /// The job with that name is done.
    Done(JobRecord),
}

impl Asked {
    /// What was typed just now. `words` are the arguments after the name of the program. An `@` in a place at a site ends no
    /// password.
    pub(super) fn typed(words: &[OsString], names: &Names) -> Self {
        let directory = std::env::current_dir().unwrap_or_default();
        let words = without_passwords(words, |word| names.has_site_of(word));
        let command = Command { words, directory, name: None };
        Self { command, resumes: None, purpose: Purpose::Run }
    }

    /// A job of the journal goes on.
    pub(super) fn again(record: &JobRecord) -> Self {
        Self { command: record.command.clone(), resumes: Some(record.id), purpose: Purpose::Run }
    }

    /// A job of the journal is given up.
    pub(super) fn never_again(record: &JobRecord) -> Self {
        Self { purpose: Purpose::GiveUp, ..Self::again(record) }
    }

    /// A job of the journal is shown.
    pub(super) fn shown(record: &JobRecord) -> Self {
        Self { purpose: Purpose::Show, ..Self::again(record) }
    }

    /// The same with the name of `--id`: a job that has it already goes on, or is reported. A job that was asked for in
    /// other words and has stored nothing loses the name. `is_relative` says whether a place depends on the directory.
    ///
    /// # Errors
    ///
    /// The job that has the name was asked for in other words, or the journal cannot be read.
    pub(super) fn named(
        mut self,
        context: &Context,
        name: Option<&str>,
        is_relative: bool,
    ) -> Result<Named, Failure> {
        let Some(name) = name.filter(|_| self.resumes.is_none()) else { return Ok(Named::Goes(self)) };
        self.command.name = Some(name.to_owned());
        let jobs = context.journal.jobs().map_err(|why| job::of_journal(&why))?;
        let Some(known) = jobs.into_iter().find(|job| job.command.name.as_deref() == Some(name)) else {
            return Ok(Named::Goes(self));
        };
        let is_same = essence(&known.command.words) == essence(&self.command.words)
            && (!is_relative || known.command.directory == self.command.directory);
        if !is_same && known.has_stored_nothing() {
            return Ok(Named::Goes(self));
        }
        if !is_same {
            return Err(Failure::usage(format!("the job {name} was asked for in other words"))
                .hint(format!("it is job {}: choose another --id, or repeat its command", known.id)));
        }
        match known.state {
            JobState::Done => Ok(Named::Done(known)),
            JobState::Running
            | JobState::Interrupted
            | JobState::Detached
            | JobState::Failed
            | JobState::Cancelled => {
                self.resumes = Some(known.id);
                Ok(Named::Goes(self))
            }
        }
    }
}

/// The words of a command that say what is copied and how: without the name of the job, and without options that only say
/// how a run is shown and where it keeps what it knows.
fn essence(words: &[OsString]) -> Vec<&OsString> {
    let mut words = words.iter();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        if text == "--" {
            kept.push(word);
            kept.extend(words);
            break;
        }
        let (option, value) =
            text.split_once('=').map_or((&*text, None), |(option, value)| (option, Some(value)));
        if WITH_VALUE.contains(&option) {
            if value.is_none() {
                words.next();
            }
        } else if !WITHOUT_VALUE.contains(&&*text) {
            kept.push(word);
        }
    }
    kept
}

/// Options that change nothing of a job.
const WITHOUT_VALUE: [&str; 5] = ["-v", "--verbose", "-q", "--quiet", "--json"];
/// The same for options with a value.
const WITH_VALUE: [&str; 5] = ["--id", "--trace", "--color", "--progress", "--state"];

/// Reads the name of a job.
///
/// # Errors
///
/// It is empty, long, or may be taken for something else.
pub(super) fn job_name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_taken = text == "last" || text.parse::<JobId>().is_ok();
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(is_plain) || is_taken {
        return Err(format!(
            "a name has 1 to {LONGEST} letters, digits, dots, dashes and underscores, and is neither last nor an id"
        ));
    }
    Ok(text.to_owned())
}

/// The job that is called so: by its id or its name.
///
/// # Errors
///
/// There is none.
pub(super) fn find<'a>(jobs: &'a [JobRecord], called: &str) -> Result<&'a JobRecord, Failure> {
    let id = called.parse().ok();
    let is_called = |job: &&JobRecord| id == Some(job.id) || job.command.name.as_deref() == Some(called);
    let found = if called == "last" { jobs.last() } else { jobs.iter().rfind(is_called) };
    found.ok_or_else(|| {
        Failure::new(Kind::Missing, format!("the journal has no job {called}"))
            .hint("ftp-user jobs lists them; use the same --state")
    })
}

/// Refuses a state directory that was named and is not there: the jobs of other runs are somewhere else.
///
/// # Errors
///
/// It is not there.
pub(super) fn check_state(named: Option<&Path>) -> Result<(), Failure> {
    match named {
        Some(named) if !named.exists() => {
            let what = format!("there is no state directory {}", named.display());
            Err(Failure::new(Kind::Other, what).hint("name the one that the jobs were started with"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Goes to the directory in which a job was typed.
///
/// # Errors
///
/// It is gone.
pub(super) fn go_to(record: &JobRecord) -> Result<(), Failure> {
    let directory = &record.command.directory;
    std::env::set_current_dir(directory).map_err(|error| {
        let what = format!("job {}: cannot go to {}", record.id, directory.display());
        Failure::of_this_host(what, &error).as_kind(Kind::Other).hint(
            "the job was typed there, and its paths are relative to it: make it again, or give the job up (ftp-user cancel)",
        )
    })
}

/// The length of the longest name, in bytes.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_run_is_shown_is_no_part_of_what_was_asked_for() {
        let check = |one: &str, other: &str, expect| {
            let words = |text: &str| text.split_whitespace().map(OsString::from).collect::<Vec<_>>();
            assert_eq!(essence(&words(one)) == essence(&words(other)), expect, "{one}, {other}");
        };
        check("copy --id n a b", "-v copy a b --id=n", true);
        check("copy --id n a b", "copy --progress never --json a b --id n --trace x", true);
        check("copy --id n a b", "copy --id n a c", false);
        check("copy --id n a b", "copy --id n --fail-fast a b", false);
        check("copy --id n -- a -v", "copy --id n -- a", false);
    }

    #[test]
    fn names_are_plain_words() {
        for (text, is_good) in [
            ("nightly", true),
            ("a-b_c.9", true),
            ("", false),
            ("last", false),
            ("00000000000000ab", false),
            ("a b", false),
            ("a/b", false),
        ] {
            assert_eq!(job_name(text).is_ok(), is_good, "{text:?}");
        }
        assert!(job_name(&"x".repeat(LONGEST + 1)).is_err());
    }
}
