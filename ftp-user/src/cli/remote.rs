//! Verbs of the queue at a daemon that is reached over its API: of another host, by `--daemon`, or the own one, by its socket.

mod shown;
#[cfg(test)]
mod tests;

pub(super) use self::shown::{end_of_stream, print_event};
use self::shown::{list, member, print, tell, text, with_event};
use super::asked::AskedJob;
use super::exit::of_number;
use super::jobs::{JobsArgs, yes_in_queue};
use super::queue::stays_in_queue;
use super::series::{SeriesVerb, is_series, say_removed};
use super::store::{is_database, pause};
use super::verb::{JobVerb, Verb};
use super::{Cli, General, passwords, program};
use crate::failure::{Failure, FtpUser, Kind, Result};
use crate::id::JobId;
use crate::job::Status;
use crate::journal::as_text::text_of;
use crate::place::Authority;
use crate::queue::zone_name;
use crate::web::client::{Asker, NoDaemon, Question};
use crate::web::{ErrorCode, encode, option_of};
use crate::world::connect_to_host;
use clap::Args;
use ftp_io::clock::Clock;
use ftp_io::connection::Connection;
use ftp_io::tls::{Client, Fingerprint, Refusal, Trust, Versions};
use ftp_io::{simulated, socket};
use ftp_proto::address;
use ftp_proto::wire::show;
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use tokio_stream::StreamExt;
use url::Url;

/// Which daemon is asked.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Daemon of another host")]
pub(super) struct RemoteArgs {
    /// Ask the daemon at this URL, as https://transfers.example:8990
    #[arg(long, global = true, value_name = "URL", requires = "token_file", hide_short_help = true)]
    daemon: Option<DaemonUrl>,
    /// The file with the token for that daemon (mode 0600)
    #[arg(long, global = true, requires = "daemon", value_name = "FILE", hide_short_help = true, value_hint = clap::ValueHint::FilePath)]
    token_file: Option<PathBuf>,
    /// Trust that daemon also by these authorities (PEM)
    #[arg(long, global = true, requires = "daemon", conflicts_with = "daemon_pin", value_name = "FILE", hide_short_help = true, value_hint = clap::ValueHint::FilePath)]
    daemon_ca: Option<PathBuf>,
    /// Trust that daemon only with this certificate
    #[arg(long, global = true, requires = "daemon", value_name = "SHA256:HEX", hide_short_help = true)]
    daemon_pin: Option<Fingerprint>,
}

/// Where a daemon is.
#[derive(Clone, PartialEq, Eq, Debug)]
struct DaemonUrl {
    at: Authority,
    has_tls: bool,
}

impl FromStr for DaemonUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            "expected a URL like https://transfers.example:8990, or http://127.0.0.1:8990 on this host"
                .to_owned()
        };
        let url = Url::parse(text).map_err(|_| expected())?;
        let has_more = !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some();
        if has_more || !url.username().is_empty() || url.password().is_some() {
            return Err(expected());
        }
        let has_tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(expected()),
        };
        let host = url.host_str().ok_or_else(expected)?.trim_matches(['[', ']']).to_owned();
        let is_here =
            host == "localhost" || host.parse().is_ok_and(|ip| address::kind(ip) == address::Kind::Loopback);
        if !has_tls && !is_here {
            return Err("http:// would send the token in clear to another host: write https://".to_owned());
        }
        let port = url.port_or_known_default().ok_or_else(expected)?;
        Ok(Self { at: Authority { host, port }, has_tls })
    }
}

impl RemoteArgs {
    pub(super) const fn is_asked(&self) -> bool {
        self.daemon.is_some()
    }
}

/// A daemon that can be asked.
struct Daemon {
    place: DaemonPlace,
    asker: Asker,
}

enum DaemonPlace {
    /// The socket in a state directory.
    Socket(PathBuf),
    /// A host, with what it is trusted by if there is TLS.
    Host(DaemonUrl, Trust),
}

impl Daemon {
    fn of(args: &RemoteArgs) -> Result<Self> {
        let (Some(url), Some(file)) = (&args.daemon, &args.token_file) else {
            return Err(Failure::usage("no daemon was named").hint("name it with --daemon and --token-file"));
        };
        if !url.has_tls && (args.daemon_pin.is_some() || args.daemon_ca.is_some()) {
            return Err(Failure::usage("http:// has no certificate that could be checked")
                .hint("write https://, or leave out --daemon-ca and --daemon-pin"));
        }
        let token = passwords::of_typed_file(file, "--token-file")?;
        let token = String::from_utf8_lossy(token.expose()).trim().to_owned();
        let trust = match (&args.daemon_pin, &args.daemon_ca) {
            (Some(pin), _) => Ok(Trust::pinned([*pin])),
            (None, more) => Trust::by_roots(more.as_deref()),
        };
        let trust = trust.map_err(|error| {
            let file = args.daemon_ca.as_deref().unwrap_or(Path::new("of this host")).display();
            Failure::usage(format!("cannot read the roots {file}: {error}"))
                .hint("--daemon-ca names a file with certificates in PEM")
        })?;
        let asker = Asker { host: url.at.to_string(), authorization: format!("Bearer {token}") };
        Ok(Self { place: DaemonPlace::Host(url.clone(), trust), asker })
    }

    /// The daemon of a state directory.
    fn own(directory: &Path) -> Self {
        let asker = Asker { host: "localhost".to_owned(), authorization: String::new() };
        Self { place: DaemonPlace::Socket(directory.join(super::daemon::SOCKET)), asker }
    }

    async fn connect(&self) -> Result<Connection> {
        match &self.place {
            DaemonPlace::Socket(path) => {
                let stream = tokio::net::UnixStream::connect(path).await.map_err(|_| {
                    Failure::new(
                        Kind::Temporary,
                        "no daemon is running that carries the jobs of this state directory",
                    )
                    .hint(format!("start {FtpUser} daemon"))
                })?;
                Ok(socket::Stream::from(stream).into())
            }
            DaemonPlace::Host(DaemonUrl { at, has_tls }, trust) => {
                let away = |error: io::Error| {
                    let what = format!("the daemon at {at} cannot be reached");
                    Failure::of_this_host(what, &error).as_kind(Kind::Temporary)
                };
                let stream = connect_to_host(&at.host, at.port).await.map_err(|error| {
                    away(error).hint(format!("check that it runs, and that its --listen names {at}"))
                })?;
                if !has_tls {
                    return Ok(stream.into());
                }
                let client = Client::new(trust, &at.host, Versions::All, |_| ()).map_err(away)?;
                client.connect(stream).await.map_err(|refusal| {
                    if let Refusal::NotTls = refusal {
                        return Failure::new(Kind::Other, format!("{at} does not speak TLS"))
                            .hint("name the address at which ftp-user daemon --listen serves its page, with http:// if it has no certificate");
                    }
                    let what = format!("the daemon at {at} is not trusted: {refusal}");
                    Failure::new(Kind::Untrusted, what)
                        .hint("name its authority with --daemon-ca, or its certificate with --daemon-pin")
                })
            }
        }
    }

    /// The failure of a question that nobody has answered, or that no daemon has.
    fn no_answer(&self, error: &io::Error) -> Failure {
        match NoDaemon::of(error) {
            Some(other) => Failure::new(Kind::Other, format!("{} is {other}", self.asker.host))
                .hint("name the address at which ftp-user daemon --listen serves its page, with https:// if it has a certificate"),
            None => Failure::of_this_host("the daemon did not answer", error).as_kind(Kind::Temporary),
        }
    }

    /// Asks, and returns the object of the answer.
    async fn ask(&self, method: Method, path: impl Into<String>, body: Option<Value>) -> Result<Value> {
        self.answer(method, path, body).await.map(|(_, object)| object)
    }

    /// The same, and the status of the answer.
    async fn answer(
        &self,
        method: Method,
        path: impl Into<String>,
        body: Option<Value>,
    ) -> Result<(StatusCode, Value)> {
        let question = Question { method, path: path.into(), body };
        let asked = async {
            let connection = self.connect().await?;
            self.asker.ask(connection, question).await.map_err(|error| self.no_answer(&error))
        };
        let answered = tokio::time::timeout(PATIENCE, asked).await;
        let (status, object) = answered.unwrap_or_else(|_| {
            Err(Failure::new(Kind::Temporary, "the daemon did not answer within a minute"))
        })?;
        if status.is_success() { Ok((status, object)) } else { Err(refusal(&object)) }
    }

    async fn series_ids(&self) -> Result<Vec<String>> {
        let answer = self.ask(Method::GET, "/series".to_owned(), None).await?;
        let ids = list(&answer, "series").iter().filter_map(|series| member(series, "id").as_str());
        Ok(ids.map(str::to_owned).collect())
    }

    /// Asks something about the job that is `called` so, for `verb`. If there is none, it may be the id of a series.
    async fn ask_of_job(&self, method: Method, path: String, called: &str, verb: &str) -> Result<Value> {
        let failure = match self.ask(method, path, None).await {
            Err(failure) if failure.kind == Kind::Missing => failure,
            answered => return answered,
        };
        if let Ok(id) = called.parse::<JobId>()
            && self.series_ids().await.is_ok_and(|known| known.contains(&id.to_string()))
        {
            let told = is_series(id, verb);
            let hint = told.hint.clone().map(at_daemon);
            return Err(told.hint_if(hint));
        }
        Err(failure.hint("jobs, with the same --daemon, lists those that the token may see"))
    }

    /// Prints events as they come, until the daemon ends or the program is told to stop.
    async fn follow(&self, is_json: bool) -> Result<Status> {
        let question = Question { method: Method::GET, path: "/events".to_owned(), body: None };
        let connection = self.connect().await?;
        let followed = self.asker.follow(connection, question).await;
        let mut events = match followed.map_err(|error| self.no_answer(&error))? {
            Ok(events) => events,
            Err(object) => return Err(refusal(&object)),
        };
        let mut text = String::new();
        // A connection that breaks has ended, too.
        while let Some(Ok(piece)) = events.next().await {
            text.push_str(&String::from_utf8_lossy(&piece));
            while let Some(end) = text.find('\n') {
                let line: String = text.drain(..=end).collect();
                if let Some(object) = line.strip_prefix("data: ")
                    && let Err(error) = print_event(object.trim_end(), is_json)
                {
                    return end_of_stream(&error);
                }
            }
            if text.len() > LONGEST_LINE {
                return Err(Failure::new(Kind::Other, "the daemon has sent a line that is too long"));
            }
        }
        Err(Failure::new(Kind::Temporary, "the daemon has ended the stream")
            .hint("repeat the command when it runs again"))
    }
}

/// What a daemon says of its refusal.
fn refusal(object: &Value) -> Failure {
    let text =
        |key: &str| object.pointer(&format!("/error/{key}")).and_then(Value::as_str).unwrap_or_default();
    let code = ErrorCode::all().find(|code| code.name() == text("code"));
    let message = match text("message") {
        "" => "it does not say why".to_owned(),
        message => show(message.as_bytes()),
    };
    let hint = Some(show(text("hint").as_bytes())).filter(|hint| !hint.is_empty()).map(at_daemon);
    let kind = code.map_or(Kind::Other, kind_of);
    Failure::new(kind, format!("the daemon refuses it: {message}")).hint_if(hint)
}

/// The same advice for whoever has named the daemon: its commands ask that daemon as well.
fn at_daemon(hint: String) -> String {
    let asks_it = hint.starts_with("ftp-user ") && !hint.starts_with("ftp-user daemon ");
    if asks_it { hint + ", with the same --daemon and --token-file" } else { hint }
}

/// The kind of failure that a refusal is.
const fn kind_of(code: ErrorCode) -> Kind {
    match code {
        ErrorCode::BadRequest
        | ErrorCode::UnknownKey
        | ErrorCode::BadValue
        | ErrorCode::UnknownSite
        | ErrorCode::Conflict
        | ErrorCode::MethodNotAllowed
        | ErrorCode::TooLarge
        | ErrorCode::UnsupportedType
        | ErrorCode::HeadTooLarge => Kind::Usage,
        ErrorCode::Unauthorized | ErrorCode::Forbidden | ErrorCode::WrongHost => Kind::Refused,
        ErrorCode::NotFound => Kind::Missing,
        ErrorCode::Timeout | ErrorCode::TooMany | ErrorCode::Unavailable => Kind::Temporary,
        ErrorCode::Internal => Kind::Other,
    }
}

/// Carries out a verb at the daemon that it names.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other verb is for this host")]
pub(super) async fn run(cli: &Cli, args: &RemoteArgs, words: &[OsString]) -> Result<Status> {
    let daemon = Daemon::of(args)?;
    let general = &cli.general;
    for (option, is_typed, about) in [
        ("--trace", general.trace.is_some(), "writes the dialogue of this host with servers"),
        ("--state", general.state.is_some(), "names the state directory of this host"),
        ("--store", general.is_store_typed, "names a store of jobs"),
    ] {
        if is_typed {
            return Err(Failure::usage(format!("{option} {about}, and the daemon has its own"))
                .hint(format!("leave out {option}, or --daemon")));
        }
    }
    let cancel = general.hands.cancel()?;
    if let Verb::Job(job) = &cli.verb
        && job.queue().queue
    {
        let made = cancel.unless_cancelled(submit(general, &daemon, job, &cli.typed, words)).await??;
        if !job.queue().wait {
            return Ok(Status::Done);
        }
        let id = text(&made, "id");
        let ended = cancel.unless_cancelled(wait(general, &daemon, &made)).await.flatten();
        return ended.map_err(|failure| stays_in_queue(id, failure));
    }
    let done = async {
        match &cli.verb {
            Verb::Job(_) => Err(Failure::usage("--daemon takes jobs for its queue")
                .hint("add --queue, or leave out --daemon")),
            Verb::Jobs(args) => jobs(general, &daemon, args).await,
            Verb::Why(args) => why(general, &daemon, &args.run).await,
            Verb::Pause(args) => act(general, &daemon, &args.job, "pause").await,
            Verb::Cancel(args) if args.forget => Err(Failure::usage("--forget is for a job of this host")
                .hint("leave it out, or type it at the daemon's host")),
            Verb::Cancel(args) => act(general, &daemon, &args.job, "cancel").await,
            Verb::Resume(args) => match &args.job {
                Some(job) => act(general, &daemon, job, "resume").await,
                None => Err(Failure::usage("name the job that goes on")),
            },
            Verb::Retry(args) if args.yes => Err(yes_in_queue()),
            Verb::Retry(args) => act(general, &daemon, &args.job, "retry").await,
            Verb::Series(args) => series(general, &daemon, args.what.as_ref()).await,
            _ => Err(Failure::usage("this verb cannot be used with --daemon")),
        }
    };
    cancel.unless_cancelled(done).await?
}

/// Has the daemon of the state directory, if one runs, look at the queue: it does so when a connection comes to its socket.
pub(super) async fn wake_daemon(general: &General) {
    // A database tells it. A simulated host has no sockets in its file system.
    if is_database(general) || simulated::host().is_some() {
        return;
    }
    let Some(directory) = general.state_directory() else { return };
    // No daemon may run.
    let _ = Daemon::own(&directory).connect().await;
}

/// Follows the daemon of the state directory.
pub(super) async fn follow_own(general: &General) -> Result<Status> {
    let Some(directory) = general.state_directory() else {
        return Err(Failure::usage("no state directory is known").hint("name it with --state"));
    };
    let daemon = Daemon::own(&directory);
    general.hands.cancel()?.unless_cancelled(daemon.follow(general.json)).await?
}

/// Leaves a job to the daemon. Returns the job.
async fn submit(
    general: &General,
    daemon: &Daemon,
    verb: &JobVerb,
    typed: &Map<String, Value>,
    words: &[OsString],
) -> Result<Value> {
    let settings = program::settings(general.job.config.as_deref())?;
    if AskedJob::typed(verb.name(), typed.clone(), words, &settings.sites).job.had_passwords {
        return Err(Failure::usage("a job in the queue has no password in it")
            .hint("keep the server as a site of the daemon"));
    }
    let queue = verb.queue();
    let mut body = job_of(verb, typed)?;
    body.insert("priority".to_owned(), json!(queue.priority.unwrap_or_default()));
    body.insert("at".to_owned(), json!(queue.at));
    body.insert("every".to_owned(), json!(queue.every));
    let recurrence = queue.recurrence()?;
    // A delay is the same everywhere, and the daemon may not know the zone.
    if let Some(zone) = queue.zone()? {
        body.insert("zone".to_owned(), json!(zone_name(&zone)));
    }
    body.insert("id".to_owned(), json!(verb.id()));
    let (status, made) = daemon.answer(Method::POST, "/jobs", Some(Value::Object(body))).await?;
    let id = text(&made, "id");
    print(&if general.json { with_event(&made, "job") } else { id.clone() })?;
    let begins = ["next_try", "next"].into_iter().find_map(|key| text(&made, key).parse::<Timestamp>().ok());
    let begins = begins.and_then(|begins| u64::try_from(begins.as_second()).ok());
    // The daemon has accepted it: nothing fails here.
    general.say_when(begins, recurrence.as_ref());
    if status == StatusCode::OK {
        general.warn(format!("the queue has this job already: {id}")).await?;
    }
    Ok(made)
}

/// Waits for the end of a job, and says each state that it comes to.
async fn wait(general: &General, daemon: &Daemon, made: &Value) -> Result<Status> {
    let (id, mut told) = (text(made, "id"), text(made, "state"));
    let clock = Clock::start();
    let began = clock.now();
    loop {
        let job = daemon.ask(Method::GET, format!("/jobs/{}", encode(&id)), None).await?;
        let state = text(&job, "state");
        if state != told && !general.quiet {
            tell(general, &job, "job")?;
            told = state;
        }
        if let Some(exit) = member(&job, "exit").as_u64() {
            return Ok(of_number(u8::try_from(exit).unwrap_or(1)));
        }
        tokio::time::sleep(pause(clock.now().since(began))).await;
    }
}

/// A job as the API takes it.
fn job_of(verb: &JobVerb, typed: &Map<String, Value>) -> Result<Map<String, Value>> {
    let (mut options, mut places) = (Map::new(), Vec::new());
    for (id, value) in typed {
        let several = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        match id.as_str() {
            "places" => places = several,
            "source" => places.insert(0, value.clone()),
            "dest" => places.push(value.clone()),
            // The settings of this host say which of its words are sites.
            "id" | "config" => {}
            _ if let Some((name, value)) = option_of(id, value) => drop(options.insert(name, value)),
            _ => {
                let option = match id.as_str() {
                    "v4" => "-4".to_owned(),
                    "v6" => "-6".to_owned(),
                    _ => format!("--{}", id.replace('_', "-")),
                };
                return Err(Failure::usage(format!("{option} cannot be sent to another daemon"))
                    .hint("leave it out, or leave the job to the daemon at its own host"));
            }
        }
    }
    let text = |place: OsString| {
        place.into_string().map_err(|place| {
            let place = show(place.as_bytes());
            Failure::usage(format!("{place} is not UTF-8, so it cannot be sent to another daemon"))
                .hint("run the command at the host of the daemon")
        })
    };
    let mut places = places.iter().filter_map(text_of).map(text).collect::<Result<Vec<String>>>()?;
    let dest = places.pop().filter(|_| !places.is_empty());
    let dest = dest
        .ok_or_else(|| Failure::usage("a list cannot be sent to another daemon").hint("name the sources"))?;
    let job = json!({"verb": verb.name(), "sources": places, "dest": dest, "options": options});
    Ok(job.as_object().cloned().unwrap_or_default())
}

/// Lists the jobs of the daemon, those that came last at the end.
async fn jobs(general: &General, daemon: &Daemon, args: &JobsArgs) -> Result<Status> {
    if args.follow {
        return daemon.follow(general.json).await;
    }
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = daemon.ask(Method::GET, format!("/jobs?limit=1000{after}"), None).await?;
        all.extend_from_slice(list(&page, "jobs"));
        match member(&page, "next").as_str() {
            Some(next) if all.len() < MOST_LISTED => after = format!("&after={}", encode(next)),
            _ => break,
        }
    }
    all.iter().rev().try_for_each(|job| tell(general, job, "job"))?;
    Ok(Status::Done)
}

/// Tells why a job went as it did.
async fn why(general: &General, daemon: &Daemon, job: &str) -> Result<Status> {
    let path = format!("/jobs/{}", encode(job));
    let found = daemon.ask_of_job(Method::GET, path, job, "why").await?;
    // A name may be that of another job by now.
    let path = format!("/jobs/{}", encode(&text(&found, "id")));
    if general.json {
        let why = daemon.ask(Method::GET, format!("{path}/why"), None).await?;
        list(&why, "why").iter().try_for_each(|object| print(&object.to_string()))?;
        return Ok(Status::Done);
    }
    tell(general, &found, "job")?;
    let failed = daemon.ask(Method::GET, format!("{path}/files?state=failed&limit=100"), None).await?;
    for file in list(&failed, "files") {
        print(&format!("  {}: {}", text(file, "source"), text(file, "cause")))?;
    }
    Ok(Status::Done)
}

async fn act(general: &General, daemon: &Daemon, job: &str, action: &str) -> Result<Status> {
    let path = format!("/jobs/{}/{action}", encode(job));
    tell(general, &daemon.ask_of_job(Method::POST, path, job, action).await?, "job")?;
    Ok(Status::Done)
}

async fn series(general: &General, daemon: &Daemon, verb: Option<&SeriesVerb>) -> Result<Status> {
    let wanted = match verb {
        None | Some(SeriesVerb::List) => None,
        Some(
            SeriesVerb::Show(name)
            | SeriesVerb::Pause(name)
            | SeriesVerb::Resume(name)
            | SeriesVerb::Remove(name),
        ) => {
            let known = if name.id.is_none() { daemon.series_ids().await? } else { Vec::new() };
            Some(name.id_or_list(known.into_iter())?)
        }
    };
    let one = format!("/series/{}", encode(wanted.unwrap_or_default()));
    let (method, path) = match verb {
        None | Some(SeriesVerb::List | SeriesVerb::Show(_)) => (Method::GET, "/series".to_owned()),
        Some(SeriesVerb::Pause(_)) => (Method::POST, format!("{one}/pause")),
        Some(SeriesVerb::Resume(_)) => (Method::POST, format!("{one}/resume")),
        Some(SeriesVerb::Remove(_)) => (Method::DELETE, one),
    };
    let answer = daemon.ask(method, path, None).await?;
    if matches!(verb, Some(SeriesVerb::Remove(_))) {
        return say_removed(general, &text(&answer, "id"));
    }
    let Some(all) = member(&answer, "series").as_array() else {
        tell(general, &answer, "series")?;
        return Ok(Status::Done);
    };
    let is_wanted = |series: &&Value| wanted.is_none_or(|id| *member(series, "id") == *id);
    let shown: Vec<&Value> = all.iter().filter(is_wanted).collect();
    if wanted.is_some() && shown.is_empty() {
        return Err(Failure::new(Kind::Missing, "no series has this id"));
    }
    for series in shown {
        tell(general, series, "series")?;
        let last = Some(text(series, "last_job")).filter(|last| wanted.is_some() && !last.is_empty());
        let Some(last) = last else { continue };
        match daemon.ask(Method::GET, format!("/jobs/{}", encode(&last)), None).await {
            // It may have been forgotten.
            Err(failure) if failure.kind == Kind::Missing => {}
            job => tell(general, &job?, "job")?,
        }
    }
    Ok(Status::Done)
}

/// How long a daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The largest number of jobs that are listed.
const MOST_LISTED: usize = 100_000;
/// The longest line of a stream, in bytes.
const LONGEST_LINE: usize = 1 << 20;
