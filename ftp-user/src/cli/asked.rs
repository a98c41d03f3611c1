//! How a job was asked for: what the journal keeps, so that another process can ask for the same.

use super::conceal::without_passwords;
use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::id::JobId;
use crate::job;
use crate::journal::{Command, JobRecord, JobState, essence};
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

impl Start<'_> {
    /// Whether it was typed just now.
    pub(super) const fn is_typed(&self) -> bool {
        matches!(self, Self::Typed(_))
    }

    /// How it was asked for.
    pub(super) fn asked(self, names: &Names) -> Asked {
        match self {
            Self::Typed(words) => Asked::typed(words, names),
            Self::Kept(asked) => asked,
        }
    }
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
        let typed = words;
        let words = without_passwords(typed, |word| names.has_site_of(word));
        let had_passwords = words != typed;
        let command = Command { words, directory, name: None, had_passwords };
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
        let jobs = context.store.journal.jobs().map_err(|why| job::of_journal(&why))?;
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

/// Whether a text has the form of a name or an id of a job.
fn is_plain(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(is_plain)
}

/// Reads the name of a job.
///
/// # Errors
///
/// It is empty, long, or may be taken for something else.
pub(super) fn job_name(text: &str) -> Result<String, String> {
    let is_taken = text == "last" || text.parse::<JobId>().is_ok();
    if !is_plain(text) || is_taken {
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
        let what = match is_plain(called) {
            true => format!("the journal has no job {called}"),
            // It is not repeated: it may be a URL that has a password, and nothing that a terminal should show.
            false => "the journal has no such job, which is called by its id or its name".to_owned(),
        };
        Failure::new(Kind::Missing, what).hint("ftp-user jobs lists them; use the same --state")
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
    use super::super::Cli;
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn what_is_no_job_is_repeated_only_if_it_may_be_one() {
        let said = |called: &str| find(&[], called).unwrap_err().to_string();
        assert!(said("nightly").contains("no job nightly"));
        for typed in
            ["ftp://u:SECRET\n@h/", "u:SECRET@h", "lab\tSECRET", "SECRET SECRET", "\u{1b}[SECRET", ""]
        {
            let said = said(typed);
            assert!(said.contains("no such job") && !said.contains("SECRET"), "{said}");
            assert!(!said.contains(char::is_control), "{said:?}");
        }
    }

    /// The options that change what is copied, what it is afterwards, or what may be deleted.
    const WHAT: [&str; 22] = [
        "backup-dir",
        "compare",
        "config",
        "delete",
        "detach",
        "dry-run",
        "exclude",
        "explain",
        "fail-fast",
        "filter-from",
        "from-file",
        "in-place",
        "include",
        "links",
        "max-delete",
        "no-times",
        "overwrite",
        "perms",
        "recursive",
        "times",
        "verify",
        "yes",
    ];

    #[test]
    fn each_option_of_a_job_says_either_what_is_copied_or_how() {
        let mut command = Cli::command();
        command.build();
        let mut wrong = Vec::new();
        for verb in ["copy", "move", "sync"] {
            let arguments = command.find_subcommand(verb).unwrap().get_arguments();
            for option in arguments
                .filter(|arg| !arg.is_positional() && arg.get_id() != "version" && arg.get_id() != "help")
            {
                let long = option.get_long().unwrap_or_default();
                let value = option.get_action().takes_values().then_some("value");
                let longs =
                    option.get_long().into_iter().chain(option.get_all_aliases().into_iter().flatten());
                let letters = option.get_short().into_iter();
                let letters = letters.chain(option.get_all_short_aliases().into_iter().flatten());
                let names =
                    longs.map(|long| format!("--{long}")).chain(letters.map(|letter| format!("-{letter}")));
                let kept = names.map(|name| {
                    let words = [verb, &name].into_iter().chain(value).chain(["a", "b"]);
                    essence(&words.map(OsString::from).collect::<Vec<_>>())
                });
                let kept: Vec<_> = kept.collect();
                let is_what = WHAT.contains(&long);
                let is_how = |kept: &Vec<OsString>| *kept == [verb, "a", "b"];
                if kept.iter().any(|one| is_how(one) == is_what || *one != kept[0]) {
                    wrong.push(format!("{verb} {long} {:?}", option.get_short()));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
