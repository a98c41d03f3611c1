//! A client of other people: how it starts, and what it cannot do, with the reason.

use super::super::fetch::Tool;
use super::super::tls::Begin;
use super::setting::{Mode, Setting, Version};
use crate::skip::Skipped;

/// What every client is asked to do, in this order. The names are arguments of the scripts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Step {
    /// Lists a directory.
    List,
    /// Downloads a file.
    Download,
    /// Continues a download of which a part is there.
    ResumeDownload,
    /// Uploads a file.
    Upload,
    /// Continues an upload of which a part is there.
    ResumeUpload,
    /// Renames a file.
    Rename,
    /// Deletes a file.
    Delete,
    /// Stops a download in its middle and then downloads another file.
    Abort,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::List,
        Self::Download,
        Self::ResumeDownload,
        Self::Upload,
        Self::ResumeUpload,
        Self::Rename,
        Self::Delete,
        Self::Abort,
    ];

    /// Its name, for the scripts and the page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Download => "download",
            Self::ResumeDownload => "resume-download",
            Self::Upload => "upload",
            Self::ResumeUpload => "resume-upload",
            Self::Rename => "rename",
            Self::Delete => "delete",
            Self::Abort => "abort",
        }
    }
}

/// What a client cannot do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lack {
    /// It has no TLS.
    Tls,
    /// It cannot begin TLS in this way.
    Begin(Begin),
    /// It has not this version of TLS.
    Version(Version),
    /// It has no active mode.
    Active,
    /// It has no active mode inside TLS.
    ActiveInsideTls,
    /// It never takes this step.
    Step(Step),
    /// It does not take this step inside TLS.
    StepInsideTls(Step),
    /// Its data connections do not resume the session of the control connection.
    Reuse,
    /// The same with this version only.
    ReuseOf(Version),
}

/// What starts a script: the interpreter with its environment, and the arguments before the names of the steps.
pub type Start = Result<(Tool, Vec<String>), Skipped>;

/// A client of other people.
#[derive(Debug)]
pub struct Client {
    /// Its name for people.
    pub name: &'static str,
    /// What it is written in, or that it is a program for the command line.
    pub language: &'static str,
    /// Its script, or the folder of its program, below `integration-tests/clients`.
    pub script: &'static str,
    /// How its script is started: the interpreter with its environment, and arguments before the script.
    pub start: fn() -> Start,
    /// The package that its version is told of.
    pub package: &'static str,
    /// What it cannot do, and why.
    pub lacks: &'static [(Lack, &'static str)],
}

impl Client {
    /// Whether it can be in a setting at all.
    pub fn can_be_in(&self, setting: Setting) -> bool {
        !self.lacks.iter().any(|(lack, _)| match (lack, setting.tls) {
            (Lack::Tls, tls) => tls.is_some(),
            (Lack::Begin(begin), tls) => tls.is_some_and(|(begins, _)| begins == *begin),
            (Lack::Version(version), _) => setting.version() == Some(*version),
            (Lack::Active, _) => setting.mode == Mode::Active,
            (Lack::ActiveInsideTls, tls) => setting.mode == Mode::Active && tls.is_some(),
            (Lack::Step(_) | Lack::StepInsideTls(_) | Lack::Reuse | Lack::ReuseOf(_), _) => false,
        })
    }

    /// The steps that it takes in a setting.
    pub fn steps(&self, setting: Setting) -> Vec<Step> {
        let lacks = |step: &Step| {
            self.lacks.iter().any(|(lack, _)| {
                *lack == Lack::Step(*step) || setting.tls.is_some() && *lack == Lack::StepInsideTls(*step)
            })
        };
        Step::ALL.into_iter().filter(|step| !lacks(step)).collect()
    }

    /// Whether its data connections resume the session of the control connection.
    pub fn resumes(&self, version: Version) -> bool {
        !self.lacks.iter().any(|(lack, _)| matches!(lack, Lack::Reuse) || *lack == Lack::ReuseOf(version))
    }
}
