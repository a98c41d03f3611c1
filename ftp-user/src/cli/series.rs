//! `series`: the jobs that are carried again and again.

use super::remote::RemoteArgs;
use super::{General, asked};
use crate::failure::{Failure, FtpUser, Kind, Result};
use crate::id::JobId;
use crate::job::Status;
use crate::journal::{JobRecord, KnownJobs, SeriesRecord, TableRows};
use crate::queue::Series;
use crate::report::Event;
use clap::{Args, Subcommand};
use ftp_io::program::output;
use std::fmt::Display;
use std::io::Write;

/// List the series of the queue (copy --every), stop them, and remove them
///
/// Each run of a series is a job of its own.
#[derive(Args, Debug)]
pub(super) struct SeriesArgs {
    #[command(subcommand)]
    pub(super) what: Option<SeriesVerb>,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}

/// What is done with series.
#[derive(Subcommand, Debug)]
pub(super) enum SeriesVerb {
    /// List all series with their next runs (what series alone does)
    List,
    /// Show one series, and the job of its last run
    Show(SeriesName),
    /// Let no run begin until ftp-user series resume
    Pause(SeriesName),
    /// Let its runs begin again; those that were missed are left out
    Resume(SeriesName),
    /// Remove a series. Its runs stay
    Remove(SeriesName),
}

#[derive(Args, Debug)]
pub(super) struct SeriesName {
    /// The id of a series
    #[arg(value_name = "SERIES")]
    pub(super) id: Option<String>,
}

impl SeriesName {
    /// The id.
    ///
    /// # Errors
    ///
    /// None was typed. The failure lists the series that are `known`.
    pub(super) fn id_or_list<S: Display>(&self, known: impl Iterator<Item = S>) -> Result<&str> {
        self.id.as_deref().ok_or_else(|| {
            let known: String = known.map(|id| format!(" {id}")).collect();
            let hint =
                if known.is_empty() { "there is none".to_owned() } else { format!("there are:{known}") };
            Failure::usage("name the series").hint(hint)
        })
    }
}

pub(super) async fn run(general: &General, args: &SeriesArgs) -> Result<Status> {
    asked::check_state(general.state.as_deref())?;
    let queue = general.queue()?;
    let TableRows { readable: all, unreadable } = queue.series()?;
    let mut status = Status::Done;
    let change = |name: &SeriesName, change: fn(&mut Series, u64)| -> Result<SeriesRecord> {
        Ok(queue.change_series(find(&all, name)?.id, change)?)
    };
    let shown = match &args.what {
        None | Some(SeriesVerb::List) => {
            for one in &unreadable {
                general.warn(one.to_string()).await?;
                status = Status::Failed(Kind::Other);
            }
            all
        }
        Some(SeriesVerb::Show(name)) => {
            let record = find(&all, name)?;
            general.tell(Event::Series(record.clone())).await?;
            if let Some(last) = record.series.last.map(|job| queue.job(job)).transpose()?.flatten() {
                general.tell(Event::Job(last)).await?;
            }
            return Ok(Status::Done);
        }
        Some(SeriesVerb::Pause(name)) => vec![change(name, |series, _| series.is_paused = true)?],
        Some(SeriesVerb::Resume(name)) => vec![change(name, Series::resume)?],
        Some(SeriesVerb::Remove(name)) => {
            let typed: Option<JobId> = name.id.as_ref().and_then(|id| id.parse().ok());
            let id = match unreadable.iter().find(|damaged| Some(damaged.id) == typed) {
                Some(damaged) => damaged.id,
                None => find(&all, name)?.id,
            };
            queue.remove_series(id)?;
            return say_removed(general, &id.to_string());
        }
    };
    for record in shown {
        general.tell(Event::Series(record)).await?;
    }
    Ok(status)
}

pub(super) fn say_removed(general: &General, series: &str) -> Result<Status> {
    if !general.quiet && !general.json {
        let written = writeln!(output::out(), "removed the series {series}; its runs stay");
        written.map_err(|error| Failure::not_printed(&error))?;
    }
    Ok(Status::Done)
}

/// The series of this id.
fn find<'a>(all: &'a [SeriesRecord], name: &SeriesName) -> Result<&'a SeriesRecord> {
    let id = name.id_or_list(all.iter().map(|record| record.id))?;
    let found = id.parse::<JobId>().ok().and_then(|id| all.iter().find(|record| record.id == id));
    found.ok_or_else(|| {
        Failure::new(Kind::Missing, "no series has this id").hint(format!("{FtpUser} series lists them"))
    })
}

/// The job of this id or name. If it is the id of a series, the failure names the verb of series that is like `verb`.
pub(super) fn find_job_or_name_series<'a>(
    general: &General,
    jobs: &'a KnownJobs,
    called: &str,
    verb: &str,
) -> Result<&'a JobRecord> {
    asked::find(jobs, called).map_err(|failure| failure_if_series(general, called, verb).unwrap_or(failure))
}

/// The failure of the `verb` of jobs if `called` is the id of a series: it names the verb of series that is like it.
pub(super) fn failure_if_series(general: &General, called: &str, verb: &str) -> Option<Failure> {
    let id: JobId = called.parse().ok()?;
    let is_known = general.queue().ok()?.series().ok()?.readable.iter().any(|record| record.id == id);
    is_known.then(|| is_series(id, verb))
}

/// The failure of the `verb` of jobs if this is a series: it names the verb of series that is like it.
pub(super) fn is_series(id: JobId, verb: &str) -> Failure {
    let meant = match verb {
        "pause" | "resume" => format!("{FtpUser} series {verb} {id}"),
        "cancel" => format!("{FtpUser} series remove {id} ends it; its runs are jobs, which cancel ends"),
        _ => format!("{FtpUser} series show {id} names the job of its last run"),
    };
    Failure::new(Kind::Missing, format!("{id} is a series, and no job")).hint(meant)
}
