//! `daemon`: carries the jobs of the queue, until it is told to stop, and shows them to programs and people.

mod carry;
mod end_hook;
mod feed;
mod fleet;
mod listen;
mod metrics;
mod state;
mod token;
mod views;
mod worker;

use super::asked::READ_WORDS;
use super::{General, program};
use crate::failure::{Failure, FtpUser, Kind, Result};
use crate::id::WorkerId;
use crate::job::{self, Status};
use crate::journal::{DaemonLock, DaemonRefusal, Journal, JournalFailure, Queue};
use crate::queue::{RecordedSites, WorkerProfile};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use end_hook::EndHook;
pub(super) use feed::with_job;
use ftp_io::program::duration;
use ftp_io::program::log::{self, Format, Level};
use ftp_io::program::service::{self, Notice, tell_systemd};
use ftp_io::signal::{Reload, Stop};
use listen::ListenArgs;
pub(super) use listen::SOCKET;
use state::Daemon;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use token::TokenArgs;
use worker::Worker;

/// Carry the jobs that were left to the queue (copy --queue), until SIGTERM or ^C
///
/// One daemon carries the jobs of a state directory; several daemons can share those of a database. After SIGTERM or ^C no job
/// begins. Jobs that run get --drain-timeout to end; then they are interrupted, and go back to the queue. SIGHUP reads the settings and the certificate again.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(super) struct DaemonArgs {
    #[command(subcommand)]
    action: Option<DaemonAction>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Subcommand, Debug)]
enum DaemonAction {
    Token(TokenArgs),
}

impl DaemonArgs {
    /// Whether a daemon is to run.
    pub(super) const fn is_run(&self) -> bool {
        self.action.is_none()
    }
}

#[derive(Args, Debug)]
struct RunArgs {
    /// How many jobs are carried at the same time
    #[arg(long, default_value = "4", value_name = "N", value_parser = parallel)]
    parallel: NonZeroUsize,
    /// What this daemon is called (default: the name of this host); no two daemons of a database have one name
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    name: Option<String>,
    /// How long jobs may go on after SIGTERM before they are interrupted
    #[arg(long, default_value = "30s", value_name = "T", value_parser = duration::parse)]
    drain_timeout: Duration,
    /// What the shell runs for each job that has ended, with the job as JSON on its standard input
    #[arg(long, value_name = "COMMAND", hide_short_help = true)]
    on_end: Option<String>,
    /// How the log on standard error is written
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "HOW", hide_short_help = true)]
    log_format: Format,
    /// How much the log has
    #[arg(long, value_enum, default_value_t = Level::Info, value_name = "LEVEL", hide_short_help = true)]
    log_level: Level,
    #[command(flatten, next_help_heading = "API and page")]
    listen: ListenArgs,
}

/// Reads the number of jobs at the same time: each has threads of its own.
fn parallel(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse().ok().filter(|number: &NonZeroUsize| number.get() <= MOST_PARALLEL);
    number.ok_or_else(|| format!("a number between 1 and {MOST_PARALLEL} is expected"))
}

/// The largest number of jobs that are carried at the same time.
const MOST_PARALLEL: usize = 64;

pub(super) async fn run(general: &General, args: &DaemonArgs) -> Result<Status> {
    match &args.action {
        Some(DaemonAction::Token(token)) => token::run(general, token).await,
        None => serve(general, &args.run).await,
    }
}

/// Carries jobs until it is told to stop.
async fn serve(general: &General, args: &RunArgs) -> Result<Status> {
    if general.hands.cancel.is_some() {
        return Err(Failure::usage("a shell cannot start a daemon").hint("start it at a command line"));
    }
    // Who reads its messages over the API need not know where it keeps its files.
    FtpUser::set_options([]);
    let signals = Stop::new().and_then(|stop| Ok((stop, Reload::new()?)));
    let signals = signals.map_err(|error| Failure::of_this_host("cannot watch for signals", &error))?;
    // Mistakes in the settings are told now, and not by each job.
    let settings = program::settings(general.job.config.as_deref())?;
    let general = general.absolute();
    let state = super::job_options::absolute(general.state_directory().as_deref());
    let Some(directory) = state.clone() else { return Err(JournalFailure::Nowhere.into()) };
    let mut general = General { state, ..general };
    let journal = super::store::journal(&general)?;
    general.hands.memory = super::store::memory(&journal);
    let (queue, reader) = (journal.queue()?, journal.queue()?);
    let name = args.name.clone().unwrap_or_else(host_name);
    let own_place = directory.display().to_string();
    let place = general.store.as_ref().map_or_else(|| own_place.clone(), ToString::to_string);
    let daemon_lock = lock(&queue, &name, &place)?;
    // The socket is in the state directory, also if the jobs are elsewhere.
    let directory_lock = match super::store::is_elsewhere(&general, &directory) {
        true => {
            let own = Journal::at(Some(directory.clone()), READ_WORDS).queue()?;
            Some(lock(&own, &name, &own_place)?)
        }
        false => None,
    };
    let listeners = args.listen.open(&directory, &name)?;
    let log = log::start(args.log_format, args.log_level);
    let log = log.map_err(|error| Failure::of_this_host("cannot start the log", &error))?;
    let lost = queue.lose_workers(&daemon_lock)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        name,
        store = general.store.as_ref().map(ToString::to_string),
        state = %directory.display(),
        parallel = args.parallel.get(),
        left_by_the_last_one = lost,
        "carrying the jobs of the queue"
    );
    let worker = WorkerProfile {
        id: WorkerId::new(job::new_job_id()?.number()),
        name,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        parallel: u32::try_from(args.parallel.get()).unwrap_or(u32::MAX),
        is_draining: false,
        reports_ends: args.on_end.is_some(),
        sites: RecordedSites::new(),
    };
    let daemon = Arc::new(Daemon::new(general, [queue, reader], settings, (worker, args.parallel))?);
    let announced = service::announce(listeners.announced().into_iter());
    announced.map_err(|error| Failure::not_printed(&error))?;
    tell_systemd(Notice::Ready);
    let end_hook = args.on_end.as_ref().map(|command| EndHook::start(Arc::clone(&daemon), command));
    let served = listeners.serve(Arc::clone(&daemon));
    let worker = Worker::new(Arc::clone(&daemon), served.identity.clone());
    let ended = worker.run(signals, args.drain_timeout).await;
    daemon.has_ended.store(true, Ordering::Relaxed);
    if let Some(hook) = end_hook {
        hook.end().await;
    }
    served.end().await;
    drop((daemon_lock, directory_lock, log));
    ended.map(|()| Status::Done)
}

/// Becomes a daemon that carries the jobs of a queue: the only one, or the only one of its name.
fn lock(queue: &Queue, name: &str, place: &str) -> Result<DaemonLock> {
    queue.daemon_lock(name)?.map_err(|refusal| match refusal {
        DaemonRefusal::HasDaemon(process) => {
            let holder =
                process.map_or_else(|| "another process".to_owned(), |process| format!("process {process}"));
            Failure::new(Kind::Exists, format!("{holder} carries the jobs of {place}"))
                .hint("end it first, or use another directory with --state")
        }
        DaemonRefusal::HasName => {
            Failure::new(Kind::Exists, format!("another daemon called {name} carries the jobs of this store"))
                .hint("end it first, or choose another name with --name")
        }
    })
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
