//! The verbs, each with its arguments.

use super::append::AppendArgs;
use super::asked::{options_of, with_options};
use super::cat::CatArgs;
use super::copy::{CopyArgs, MoveArgs};
use super::doctor::DoctorArgs;
use super::jobs::{CancelArgs, JobsArgs, ResumeArgs, RetryArgs};
use super::ls::{LsArgs, StatArgs};
use super::names::{HashArgs, MkdirArgs, MvArgs, RmArgs, TreeArgs};
use super::places;
use super::probe::ProbeArgs;
use super::shell::ShellArgs;
use super::sites::SitesArgs;
use super::sync::SyncArgs;
use super::why::WhyArgs;
use crate::config::{self, MakeKeys, Settings};
use crate::failure::Failure;
use crate::place::{Location, Names};
use clap::Subcommand;
use ftp_io::program::completion::Completions;
use ftp_io::program::manual::Manual;
use serde_json::{Map, Value};
use std::path::Path;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    Copy(CopyArgs),
    Move(MoveArgs),
    Sync(SyncArgs),
    Append(AppendArgs),
    Ls(LsArgs),
    Tree(TreeArgs),
    Stat(StatArgs),
    Cat(CatArgs),
    Mkdir(MkdirArgs),
    Rm(RmArgs),
    Mv(MvArgs),
    Hash(HashArgs),
    Probe(ProbeArgs),
    Resume(ResumeArgs),
    Retry(RetryArgs),
    Jobs(JobsArgs),
    Cancel(CancelArgs),
    Why(WhyArgs),
    Sites(SitesArgs),
    Doctor(DoctorArgs),
    Shell(ShellArgs),
    /// Print the script that completes words in a shell
    Completions(Completions),
    /// Print the manual page of this program, or of a verb
    Man(Manual),
}

impl Verb {
    /// Whether standard output receives a file, so that nothing else may be written there.
    pub(super) fn writes_a_file(&self) -> bool {
        matches!(self, Self::Cat(_)) || self.job().is_some_and(JobArgs::writes_a_file)
    }

    /// What was typed of a verb that is a job of the journal.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are no jobs")]
    pub(super) const fn job(&self) -> Option<JobArgs<'_>> {
        match self {
            Self::Copy(args) => Some(JobArgs::Copy(args)),
            Self::Move(args) => Some(JobArgs::Copy(&args.copy)),
            Self::Sync(args) => Some(JobArgs::Sync(args)),
            _ => None,
        }
    }

    /// The name of a verb that the journal keeps as a job; of another one nothing.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are no jobs")]
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Copy(_) => "copy",
            Self::Move(_) => "move",
            Self::Sync(_) => "sync",
            Self::Append(_) => "append",
            _ => "",
        }
    }

    /// The options of such a verb, as the journal keeps them.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are no jobs")]
    pub(super) fn options(&self) -> Map<String, Value> {
        match self {
            Self::Copy(args) | Self::Move(MoveArgs { copy: args }) => options_of(args),
            Self::Sync(args) => options_of(args),
            Self::Append(args) => options_of(args),
            _ => Map::new(),
        }
    }

    /// The verb with that name and these options.
    ///
    /// # Errors
    ///
    /// It is no job, or an option is missing or has another form, in words.
    pub(super) fn with_options(name: &str, options: &Map<String, Value>) -> Result<Self, String> {
        match name {
            "copy" => with_options(options).map(Self::Copy),
            "move" => with_options(options).map(|copy| Self::Move(MoveArgs { copy })),
            "sync" => with_options(options).map(Self::Sync),
            "append" => with_options(options).map(Self::Append),
            other => Err(format!("{other} is no job")),
        }
    }

    /// The settings of this file, or of the usual one. A verb that makes them does not need the file.
    pub(super) fn settings(&self, named: Option<&Path>, keys: MakeKeys) -> Result<Settings, Failure> {
        let makes_them = matches!(self, Self::Sites(args) if args.makes_settings());
        match config::settings_file(named) {
            Some(path) if makes_them && !path.exists() => Ok(Settings::default()),
            Some(_) | None => config::load(named, Some(keys)),
        }
    }

    /// Whether the verb means the same whatever the settings say.
    pub(super) const fn has_no_defaults(&self) -> bool {
        matches!(self, Self::Completions(_) | Self::Man(_))
    }

    /// The options with values that the verb refuses. A default that says this of another verb does not hold for it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others refuse none")]
    pub(super) fn refuses(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Append(_) => &[("verify", "hash")],
            Self::Move(_) => &[("verify", "none"), ("links", "follow")],
            Self::Copy(args) if args.reads_standard_input() => &[("overwrite", "newer")],
            _ => &[],
        }
    }

    /// Whether the verb starts without settings.
    pub(super) const fn needs_no_settings(&self) -> bool {
        matches!(self, Self::Completions(_) | Self::Man(_) | Self::Doctor(_) | Self::Shell(_))
    }
}

/// What was typed of a job.
#[derive(Clone, Copy, Debug)]
pub(super) enum JobArgs<'a> {
    /// Those of `copy` or `move`.
    Copy(&'a CopyArgs),
    /// Those of `sync`.
    Sync(&'a SyncArgs),
}

impl JobArgs<'_> {
    /// Whether standard output receives a file.
    fn writes_a_file(self) -> bool {
        match self {
            Self::Copy(args) => args.writes_a_file(),
            Self::Sync(_) => false,
        }
    }

    /// Whether a place may depend on the directory in which the job was typed.
    pub(super) fn has_relative(self) -> bool {
        match self {
            Self::Copy(args) => args.has_relative(),
            Self::Sync(args) => args.has_relative(),
        }
    }

    /// Its destination, if it can be read and is the only one.
    pub(super) fn destination(self, names: &Names) -> Option<Location> {
        let typed = match self {
            Self::Copy(args) => args.typed_destination(),
            Self::Sync(args) => Some(args.typed_destination()),
        };
        places::locations(std::slice::from_ref(typed?), names).ok()?.pop()
    }

    /// Its places, as far as they can be read.
    pub(super) fn locations(self, names: &Names) -> Vec<Location> {
        match self {
            Self::Copy(args) => args.locations(names),
            Self::Sync(args) => args.locations(names),
        }
        .unwrap_or_default()
    }
}
