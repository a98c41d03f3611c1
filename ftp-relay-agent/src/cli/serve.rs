//! `run` and `hub`, and what all verbs have in common that serve until they are told to stop.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ftp_io::clock::Clock;
use ftp_io::link::token_file;
use ftp_io::program::line_file::{self, LineFile};
use ftp_io::program::runtime::{self, Threads};
use ftp_io::program::settings::Outline;
use ftp_io::program::{log, service};
use ftp_io::signal::{Reload, Stop};
use ftp_io::socket::{self, Congestion};
use ftp_proto::relay::token::Token;

use super::Exit;
use crate::config::{Config, ConfigError, HubOptions, OperatorView, Options, RunOptions, Serves};
use crate::listen::{Server, Settings};
use crate::operate::audit::{Audit, LinkOwner, Record};
use crate::operate::metrics::Metrics;
use crate::policy::{Descriptors, Limits};
use crate::session::THREADS as LOOKUPS;

/// How a verb is called: its options, and where more of them stand.
#[derive(clap::Args, Debug)]
pub struct Called<O: clap::Args> {
    /// A policy file: these options, limits, and who may do what; read again on SIGHUP
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// The options that may stand in the file.
    #[command(flatten)]
    pub options: O,
}

impl<O: Options> Called<O> {
    /// What the options and the policy file say now.
    pub(super) fn read(&self) -> Result<Config, ConfigError> {
        Config::read(&self.options, self.config.as_deref())
    }
}

/// The policy and the tokens, which SIGHUP reads again.
pub(super) struct Files<'a, O: Options, T> {
    called: &'a Called<O>,
    started: Config,
    outline: Outline,
    tokens: ReadTokens<T>,
}

impl<'a, O: Options, T: AsRef<[Token]>> Files<'a, O, T> {
    /// The files that have said this at the start. `tokens` reads the tokens again.
    pub(super) fn new(called: &'a Called<O>, config: &Config, known: &T, tokens: ReadTokens<T>) -> Self {
        Self { called, started: config.clone(), outline: config.outline(known.as_ref()), tokens }
    }

    /// Reads them again, and has `renew` take what they say. After a mistake everything stays as it was.
    pub(super) fn read_again(&mut self, audit: &Audit, renew: impl FnOnce(T, Config)) {
        tokio::task::block_in_place(|| {
            audit.reopen();
            match self.read() {
                Ok((tokens, config)) => {
                    renew(tokens, config);
                    audit.record(&LinkOwner::default(), &Record::PolicyRead);
                }
                Err(error) => {
                    tracing::error!("the tokens and the policy stay as they were: {error}");
                    audit.record(&LinkOwner::default(), &Record::PolicyRefused { reason: error.to_string() });
                }
            }
        });
    }

    fn read(&mut self) -> Result<(T, Config), anyhow::Error> {
        let config = self.called.read()?;
        let tokens = (self.tokens)(&config.token_file)?;
        self.outline.renew(config.outline(tokens.as_ref()));
        say_what_holds(&config, tokens.as_ref());
        let keys = config.needs_restart(&self.started).join(", ");
        if !keys.is_empty() {
            tracing::warn!(keys, "these keys were changed, and need a restart");
        }
        Ok((tokens, config))
    }
}

/// Reads a file of tokens. `T` has those of the users.
pub(super) type ReadTokens<T> = fn(&Path) -> Result<T, token_file::TokenFileError>;

/// Begins the log, which ends when it is dropped, and the audit.
pub(super) fn begin(shown: &OperatorView) -> Result<(log::Log, Arc<Audit>), anyhow::Error> {
    let log = log::start(shown.log_format, shown.log_level).context("cannot start the log")?;
    let file = shown.audit.as_ref().map(open_audit).transpose()?;
    let audit = Arc::new(Audit::new(Metrics::new(log.lost()), file));
    Ok((log, audit))
}

/// What a relay or a hub has to know.
pub fn settings(config: Config, tokens: Vec<Token>, audit: Arc<Audit>) -> Settings {
    if let Some(congestion) = Congestion::in_force(config.congestion.as_ref()) {
        tracing::info!(congestion, "connections that carry data");
    }
    Settings {
        listen: config.listen,
        addresses: config.addresses,
        tokens,
        policy: config.policy,
        metrics: config.shown.metrics,
        metrics_from: config.shown.metrics_from,
        audit,
        congestion: config.congestion,
    }
}

/// The signals that end a program and have it read its files again. Listen for them before the ready line: the program
/// that waits for it may send one at once.
pub(super) fn signals() -> Result<(Stop, Reload), anyhow::Error> {
    const CANNOT: &str = "cannot listen for signals";
    Ok((Stop::new().context(CANNOT)?, Reload::new().context(CANNOT)?))
}

/// Lets what flows end; a second signal ends everything at once.
pub(super) async fn end(drain: impl Future<Output = ()>, stop: &mut Stop) {
    tokio::select! {
        biased;
        () = drain => {}
        () = stop.wait() => {}
    }
}

/// Logs that the limit of open files is less than what the limits of the relay or hub may need.
pub(super) fn warn_of_few_descriptors() {
    let (most, needed) = (Descriptors::of_process().most(), Limits::USUAL.descriptors());
    if most < needed {
        tracing::warn!(
            "the limit of open files leaves {most} for sessions and what they carry, which may need {needed}: raise it \
             (ulimit -n, LimitNOFILE); until then the last ones are for the tokens that hold least"
        );
    }
}

/// Logs what is served, and what is likely not meant.
pub(super) fn say_what_holds(config: &Config, tokens: &[Token]) {
    if tokens.is_empty() {
        let file = config.token_file.display();
        tracing::warn!("the token file {file} holds no token of a user: nobody may come");
    }
    if config.serves == Serves::Relay {
        for served in config.policy.served(tokens.iter().map(Token::name)) {
            tracing::info!("serves {served}");
        }
    }
    for warning in config.warnings(tokens.iter().map(Token::name)) {
        tracing::warn!("{warning}");
    }
    for address in config.addresses.iter().filter(|address| !socket::is_own(**address)) {
        tracing::warn!(%address, "this host does not have the address of --address: no server can be reached from it");
    }
    let today = Clock::today();
    for token in tokens.iter().filter(|token| token.is_expired(today)) {
        tracing::warn!("the token {:?} has expired; make a new one: ftp-relay-agent token", token.name());
    }
}

fn open_audit((path, largest): &(PathBuf, u64)) -> Result<LineFile, anyhow::Error> {
    let (path, largest) = (path.clone(), Some(*largest));
    let shown = path.display().to_string();
    LineFile::open(line_file::Options { name: "audit", path, mode: 0o600, largest })
        .with_context(|| format!("cannot open the audit {shown}"))
}

/// Says that the listeners are open, each with its kind.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn announce(
    places: impl Iterator<Item = (impl Display, &'static str)>,
) -> Result<(), anyhow::Error> {
    service::announce(places).context("cannot say on standard output that the program is ready")?;
    service::tell_systemd(service::Notice::Ready);
    Ok(())
}

/// A few threads serve the sessions; the others resolve names, all but some.
pub(super) const THREADS: Threads = Threads { name: "ftp-relay", workers: 4, blocking: LOOKUPS + 8 };
/// How long transfers may go on after the first signal.
pub(super) const GRACE: Duration = Duration::from_secs(30);

/// Relays until SIGTERM or SIGINT, then lets transfers end.
///
/// # Errors
/// The policy or the tokens cannot be read, or a listener cannot be opened.
pub fn run(options: &Called<RunOptions>) -> Result<(), Exit> {
    const RELAY: Kind = Kind {
        tokens: token_file::read_users,
        start: Server::relay,
        started: Record::RelayStarted,
        stopped: Record::RelayStopped,
    };
    serve(options, &RELAY)
}

/// Runs a hub until SIGTERM or SIGINT, then lets streams end.
///
/// # Errors
/// The policy or the tokens cannot be read, or a listener cannot be opened.
pub fn hub(options: &Called<HubOptions>) -> Result<(), Exit> {
    const HUB: Kind = Kind {
        tokens: read_of_hub,
        start: Server::hub,
        started: Record::HubStarted,
        stopped: Record::HubStopped,
    };
    serve(options, &HUB)
}

/// Reads the tokens of a hub, and logs which of them may be more than a hub needs.
fn read_of_hub(path: &Path) -> Result<Vec<Token>, token_file::TokenFileError> {
    let tokens = token_file::read(path)?;
    let others: Vec<&str> = tokens.iter().filter(|token| !token.is_of_hub()).map(Token::name).collect();
    if !others.is_empty() {
        tracing::warn!(
            "these lines do not say that they are for a hub: {}; make them again with token --for-hub, whose lines begin with \
             fh: whoever takes over a hub with the tokens themselves can use the agents",
            others.join(", ")
        );
    }
    Ok(tokens)
}

/// In what a relay and a hub differ here.
struct Kind {
    tokens: ReadTokens<Vec<Token>>,
    start: fn(Settings) -> Result<Server, anyhow::Error>,
    started: Record<'static>,
    stopped: Record<'static>,
}

fn serve<O: Options>(options: &Called<O>, kind: &Kind) -> Result<(), Exit> {
    let config = options.read()?;
    let (_log, audit) = begin(&config.shown)?;
    let serving = until_stopped(options, config, kind, audit);
    let served = runtime::run(THREADS, serving).context("cannot start the scheduler")?;
    served.map_err(Exit::from)
}

async fn until_stopped<O: Options>(
    options: &Called<O>,
    config: Config,
    kind: &Kind,
    audit: Arc<Audit>,
) -> Result<(), anyhow::Error> {
    let (mut stop, mut hangup) = signals()?;
    warn_of_few_descriptors();
    let tokens = (kind.tokens)(&config.token_file)?;
    say_what_holds(&config, &tokens);
    let mut files = Files::new(options, &config, &tokens, kind.tokens);
    let server = (kind.start)(settings(config, tokens, Arc::clone(&audit)))?;
    audit.record(&LinkOwner::default(), &kind.started);
    announce(server.places())?;
    loop {
        tokio::select! {
            biased;
            () = stop.wait() => break,
            () = hangup.wait() => files.read_again(&audit, |tokens, config| {
                server.renew(tokens, config.policy);
            }),
        }
    }
    end(server.drain(GRACE), &mut stop).await;
    audit.stopped(&kind.stopped);
    Ok(())
}
