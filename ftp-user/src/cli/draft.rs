//! A job that somebody wants to leave to the queue: what a daemon can carry of what was typed, and what is recorded with it.

use super::asked::{AskedJob, PLACES};
use super::passwords::Passwords;
use super::verb::JobVerb;
use super::{General, places, program};
use crate::failure::{Failure, FtpUser, Result};
use crate::id::JobId;
use crate::job::{self, Job, Mode, Work};
use crate::journal::as_text::{json_of, text_of};
use crate::journal::{JournalFailure, Queue, SeriesRecord, StoredJob, Submitted};
use crate::place::{Location, Names, Remote};
use crate::queue::{Entry, Recurrence, Series, Submission, moment, parse_at, zone_name};
use crate::world::LocalName;
use ftp_io::clock::since_1970;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::ffi::OsString;
use std::slice;

/// A job that somebody wants to leave to the queue. Nothing of it is stored yet.
pub(super) struct JobDraft {
    id: JobId,
    job: StoredJob,
    pub(super) entry: Entry,
    every: Option<Recurrence>,
    /// The time zone of its times.
    zone: TimeZone,
}

/// What a draft has become.
pub(super) enum StoredDraft {
    /// A job of the queue.
    Job(Submitted),
    /// A series of the queue.
    Series(Box<SeriesRecord>),
}

impl JobDraft {
    /// Stores it: it is durable then.
    pub(super) fn store(self, queue: &Queue) -> Result<StoredDraft, JournalFailure> {
        let Self { id, job, entry, every, zone } = self;
        let Some(every) = every else {
            return queue.submit(id, job, &entry).map(StoredDraft::Job);
        };
        let Entry { submission, created, .. } = entry;
        let next = every.next(moment(created), &zone).and_then(|next| u64::try_from(next.as_second()).ok());
        let zone = zone_name(&zone);
        let (is_paused, last) = (false, None);
        let series = Series { submission, every, zone, created, next, is_paused, last };
        let record = SeriesRecord { id, job, series };
        queue.add_series(&record)?;
        Ok(StoredDraft::Series(Box::new(record)))
    }
}

/// Reads a job that is to be left to the queue; its times are those of `zone`, or of this host. No server is asked, and nothing
/// is stored.
pub(super) async fn draft(
    general: &General,
    verb: &JobVerb,
    typed: Map<String, Value>,
    words: &[OsString],
    zone: Option<TimeZone>,
) -> Result<JobDraft> {
    let now = since_1970().as_secs();
    let asked = verb.queue();
    let zone = match zone {
        Some(zone) => zone,
        None => asked.zone()?.unwrap_or_else(TimeZone::system),
    };
    let (due, every) = (due(asked.at.as_deref(), now, &zone)?, asked.recurrence()?);
    if every.is_some() && verb.id().is_some() {
        return Err(Failure::usage("--id names one job, and --every makes many").hint("leave out --id"));
    }
    let settings = program::settings(general.job.config.as_deref())?;
    let names = settings.sites.clone();
    let stored = AskedJob::typed(verb.name(), typed, words, &names).job;
    if stored.had_passwords {
        return Err(Failure::usage("a job in the queue has no password in it").hint(format!(
            "write it into ~/.netrc, or keep the server as a site: {FtpUser} sites add --help tells how"
        )));
    }
    let (mut context, reporter) = general.start(settings, false)?;
    let passwords = Passwords { asks: false, ..general.passwords(context.run.cancel.clone(), false) };
    let prepared = verb.prepare(&mut context, &passwords).await;
    drop(context);
    reporter.finish().await?;
    let prepared = prepared?;
    refuse(&prepared, verb)?;
    if due <= now && every.is_none() {
        // What begins later may find a source that is made by then.
        check_local_sources(&prepared.work)?;
    }
    if super::store::is_database(general)
        && let Some(local) = prepared.work.places().find(|place| place.is_local())
    {
        return Err(Failure::usage(format!(
            "{local} is on this host, and a daemon of another host may carry the job"
        ))
        .hint("name a site or a server, or leave the job to the daemon of this host (--store sqlite:DIR/journal.db)"));
    }
    let named = prepared.work.places().filter_map(|place| place.site()?.name());
    let submission = Submission {
        owner: user_of_this_host(),
        pair: pair(&prepared),
        priority: asked.priority.unwrap_or_default(),
        is_limited: false,
        sites: named.filter_map(|name| Some((name.to_owned(), site_text(names.find(name).ok()?)))).collect(),
    };
    let entry = Entry { submission, created: now, due, ..Entry::default() };
    let job = StoredJob { name: verb.id().map(str::to_owned), ..unmoved(stored, &names) };
    Ok(JobDraft { id: prepared.id, job, entry, every, zone })
}

/// When a job may begin that begins at this time of the zone, in seconds since 1970.
fn due(at: Option<&str>, now: u64, zone: &TimeZone) -> Result<u64> {
    let Some(at) = at else { return Ok(now) };
    let at = parse_at(at, moment(now), zone).map_err(|why| Failure::usage(why.to_string()))?;
    Ok(u64::try_from(at.as_second()).unwrap_or(now))
}

/// Refuses what no daemon can carry.
///
/// # Errors
///
/// The job reads or writes standard streams, changes nothing, is detached, asks about relays, or takes a list from a pipe.
fn refuse(job: &Job, verb: &JobVerb) -> Result<()> {
    if matches!(job.work, Work::Input { .. } | Work::Output { .. }) {
        return Err(Failure::usage("standard input and output (-) cannot be left to a daemon")
            .hint("leave out --queue, or write to a file"));
    }
    if job.options.mode != Mode::Run {
        return Err(Failure::usage("-n and --explain show what would be done now").hint("leave out --queue"));
    }
    if job.options.detach {
        return Err(Failure::usage("--detach leaves a file to its servers, and --queue to a daemon")
            .hint("leave out one of them"));
    }
    if verb.transfer().asks_for_relays() {
        return Err(Failure::usage("nobody is asked about relays in the queue")
            .hint("permit those that you have named: --relay-consent own"));
    }
    if !verb.can_be_repeated() {
        return Err(
            Failure::usage("a list from a pipe cannot be left to a daemon").hint("write it into a file")
        );
    }
    Ok(())
}

/// Refuses a job that begins at once if a source on this host is not there.
fn check_local_sources(work: &Work) -> Result<()> {
    let sources: &[Location] = match work {
        Work::Copy { sources, .. } => sources,
        Work::Sync { source, .. } | Work::Append { source, .. } => slice::from_ref(source),
        // The lines of a list fail one by one.
        Work::CopyEach { .. } | Work::Output { .. } | Work::Input { .. } => &[],
    };
    let is_missing =
        |source: &&Location| source.is_local() && matches!(LocalName::typed(&source.path).facts(), Ok(None));
    sources.iter().find(is_missing).map_or(Ok(()), |source| Err(job::missing(source)))
}

/// The servers of a job as one text: those of its sources, and at the end that of its destination.
fn pair(job: &Job) -> String {
    let name = |place: &Location| place.site().map_or_else(String::new, ToString::to_string);
    let mut all: Vec<String> = job.work.places().map(name).collect();
    let dest = all.pop().unwrap_or_default();
    let mut seen = HashSet::new();
    all.retain(|name| seen.insert(name.clone()));
    all.push(dest);
    all.join(" ")
}

/// A site as it is recorded with a job: its URL with the user and the directory in which it begins.
pub(super) fn site_text(site: &Remote) -> String {
    format!("{}{}", site.site.url(), site.path)
}

/// The user of this host who runs this program.
pub(super) fn user_of_this_host() -> String {
    let uid = rustix::process::geteuid();
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid.as_raw())).ok().flatten();
    user.map_or_else(|| format!("user {}", uid.as_raw()), |user| user.name)
}

/// The same job with paths that do not depend on the current directory.
fn unmoved(mut job: StoredJob, names: &Names) -> StoredJob {
    let is_place = |option: &str| PLACES.contains(&option);
    for (option, value) in &mut job.options {
        if !is_place(option) && !super::jobs::FILES.contains(&option.as_str()) {
            continue;
        }
        let unmoved = |value: &mut Value| {
            if let Some(text) =
                text_of(value).filter(|text| !is_place(option) || places::is_here(text, names))
                && let Ok(path) = std::path::absolute(&text)
            {
                *value = json_of(path.as_os_str());
            }
        };
        // A name that is no UTF-8 is an array of numbers.
        match value.as_array_mut().filter(|several| several.iter().all(|one| !one.is_number())) {
            Some(several) => several.iter_mut().for_each(unmoved),
            None => unmoved(value),
        }
    }
    job
}
