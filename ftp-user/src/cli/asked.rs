//! How a job is asked for: what the journal keeps of it, and which job of an earlier run goes on.

use super::Cli;
use super::conceal::{conceal_in, without_passwords};
use super::verb::JobVerb;
use crate::context::Context;
use crate::failure::{Failure, FtpUser, Kind, Result};
use crate::id::{JOB_NAME, JobId, is_job_name, is_plain};
use crate::job::{self, Status};
use crate::journal::{JobRecord, JobState, KnownJobs, ReadWords, StoredJob, UnreadableRow};
use crate::place::{Names, Place, Remote, Site};
use crate::queue::{FileTotals, Lease};
use crate::report::Event;
use ftp_io::program::args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::path::Path;

/// What begins a run.
pub(super) enum Start<'a> {
    /// These words were typed just now, passwords included.
    Typed(&'a [OsString]),
    /// A job of the journal.
    Kept(AskedJob),
}

/// How a job was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct AskedJob {
    /// What the journal keeps of it.
    pub(super) job: StoredJob,
    /// The job that goes on.
    pub(super) resumes: Option<JobId>,
    /// The right of the worker that carries it; `None` if none does.
    pub(super) lease: Option<Lease>,
    /// What is done with it.
    pub(super) purpose: JobPurpose,
    /// What earlier runs have done of it.
    pub(super) done: FileTotals,
}

/// What is done with a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum JobPurpose {
    /// It begins, or goes on.
    Run,
    /// It is given up.
    GiveUp,
    /// It is shown, with what its servers say of a transfer that goes on without this program.
    Show,
}

/// The options of these arguments, by their names.
pub(super) fn options_of(args: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(args) {
        Ok(Value::Object(options)) => options,
        Ok(_) | Err(_) => Map::new(),
    }
}

/// The arguments that have these options.
pub(super) fn with_options<T: DeserializeOwned>(options: &Map<String, Value>) -> Result<T, String> {
    T::deserialize(Value::Object(options.clone())).map_err(|why| why.to_string())
}

impl AskedJob {
    /// What was typed just now: these options of a verb. `words` are the arguments after the name of the program. An `@` in a
    /// place at a site ends no password.
    pub(super) fn typed(
        verb: &str,
        mut options: Map<String, Value>,
        words: &[OsString],
        names: &Names,
    ) -> Self {
        // A place that can be read says itself whether it has a password: a path may have `:` and `@`, too.
        let has_none =
            |place| matches!(place, Place::Remote(Remote { site: Site { password: None, .. }, .. }));
        let is_plain = |word: &[u8]| names.has_site_of(word) || Place::parse(word).is_ok_and(has_none);
        let given = options.clone();
        for (option, value) in &mut options {
            // A pattern or a path is what it is, unless it looks like a URL that was meant for a place.
            let is_url = PLACES.contains(&option.as_str()) || option == "proxy";
            let has_scheme = |text: &[u8]| text.windows(3).any(|three| three == b"://");
            conceal_in(value, &|text: &[u8]| is_plain(text) || !(is_url || has_scheme(text)));
        }
        let had_passwords = options != given;
        let job = StoredJob {
            version: StoredJob::VERSION,
            verb: verb.to_owned(),
            options,
            directory: std::env::current_dir().unwrap_or_default(),
            had_passwords,
            words: without_passwords(words, is_plain),
            name: None,
        };
        let done = FileTotals::default();
        Self { job, resumes: None, lease: None, purpose: JobPurpose::Run, done }
    }

    /// A job of the journal goes on, is given up or is shown.
    pub(super) fn again(record: &JobRecord, purpose: JobPurpose) -> Self {
        let JobRecord { id, job, files, bytes, failed, .. } = record;
        let done = FileTotals { done: *files, bytes: *bytes, failed: *failed };
        Self { job: job.clone(), resumes: Some(*id), lease: None, purpose, done }
    }

    /// The same with the name of `--id`: a job that has it already goes on, or is reported, and then comes the status of a run
    /// that has nothing to do. A job that has another work and has stored nothing loses the name.
    pub(super) fn named(mut self, context: &Context, verb: &JobVerb) -> Result<Self, Status> {
        let Some(name) = verb.id().filter(|_| self.resumes.is_none()) else { return Ok(self) };
        self.job.name = Some(name.to_owned());
        let known = match self.known(context, name, verb.has_relative()) {
            Ok(Some(known)) => known,
            Ok(None) => return Ok(self),
            Err(failure) => return Err(job::refused(verb.name(), failure, context).status),
        };
        if known.queued.is_some() {
            let failure =
                Failure::new(Kind::Exists, format!("the job {name} is one of the queue: {}", known.id))
                    .hint("look at it with jobs and why, retry it, or choose another --id");
            return Err(job::refused(verb.name(), failure, context).status);
        }
        if known.state != JobState::Done {
            self.resumes = Some(known.id);
            return Ok(self);
        }
        let (noun, done) = if let JobVerb::Sync(_) = verb { ("sync", "done") } else { ("copy", "copied") };
        context.run.events.say(Event::AlreadyDone(known));
        context.run.events.warn(format!(
            "the job {name} is done already: nothing was {done} now (a name is for one {noun}, such as {name}-$(date +%F))"
        ));
        Err(Status::Done)
    }

    /// The job that has this name and the same work.
    ///
    /// # Errors
    ///
    /// The job that has it has another work, or the journal cannot be read.
    fn known(&self, context: &Context, name: &str, is_relative: bool) -> Result<Option<JobRecord>> {
        let KnownJobs { readable, unreadable } = context.store.journal.known_jobs()?;
        let Some(known) = readable.into_iter().find(|job| job.job.name.as_deref() == Some(name)) else {
            let may_be_it: Vec<&UnreadableRow> = unreadable.iter().collect();
            return unreadable_failure(&may_be_it, false).map_or(Ok(None), Err);
        };
        let is_same =
            known.job.has_work_of(&self.job) && (!is_relative || known.job.directory == self.job.directory);
        match is_same {
            true => Ok(Some(known)),
            false if known.has_stored_nothing() => Ok(None),
            false => Err(in_other_words(name, known.id)),
        }
    }
}

/// The failure of a command whose `--id` is that of a job with another work.
pub(super) fn in_other_words(name: &str, known: JobId) -> Failure {
    Failure::usage(format!("the job {name} was asked for in other words"))
        .hint(format!("it is job {known}: choose another --id, or repeat its command"))
}

/// The options whose values are places.
pub(super) const PLACES: [&str; 4] = ["places", "source", "dest", "backup_dir"];
/// Reads the options of words that an older version has kept.
pub(super) const READ_WORDS: ReadWords = |words| {
    let words = [OsString::from("ftp-user")].into_iter().chain(words.iter().cloned());
    Cli::read_typed(words.collect()).ok().map(|cli| cli.typed)
};

impl Cli {
    /// Reads a command line, the name of the program first, without the defaults of the settings. What was typed is known
    /// afterwards.
    pub(super) fn read_typed(words: Vec<OsString>) -> Result<Self, args::Rejected> {
        let (mut cli, typed): (Self, _) = args::parse_with_ids(words)?;
        cli.general.typed = cli.general.job.clone();
        cli.general.is_store_typed = typed.contains("store");
        cli.typed = cli.options();
        cli.typed.retain(|option, _| typed.contains(option));
        Ok(cli)
    }

    /// Every option that the journal keeps of a job, also those that were not typed.
    pub(super) fn options(&self) -> Map<String, Value> {
        let general = options_of(&self.general.job).into_iter();
        general
            .chain(options_of(&self.general.trust))
            .chain(self.verb.job().map(JobVerb::options).unwrap_or_default())
            .collect()
    }
}

pub(super) fn job_name(text: &str) -> Result<String, String> {
    if is_job_name(text) { Ok(text.to_owned()) } else { Err(JOB_NAME.to_owned()) }
}

/// The job that is called so: by its id, or else by its name. A name that was given on a command line goes before those of
/// requests to the API, whose owners may be others.
///
/// # Errors
///
/// There is no such job, or one that cannot be read may be it.
pub(super) fn find<'a>(known: &'a KnownJobs, called: &str) -> Result<&'a JobRecord> {
    let KnownJobs { readable: jobs, unreadable } = known;
    let id = called.parse::<JobId>().ok();
    let is_it = |job: &&JobRecord| match id {
        Some(id) => job.id == id,
        None => job.job.name.as_deref() == Some(called),
    };
    if let Some(job) = jobs.iter().find(is_it) {
        return Ok(job);
    }
    let may_be_it: Vec<&UnreadableRow> =
        unreadable.iter().filter(|row| id.is_none_or(|id| row.id == id)).collect();
    if let Some(failure) = unreadable_failure(&may_be_it, id.is_some()) {
        return Err(failure);
    }
    let found = match id {
        Some(_) => None,
        None if called == "last" => jobs.last(),
        None => jobs.iter().rfind(|job| job.name().is_some_and(|name| name == called)),
    };
    found.ok_or_else(|| {
        if called == "last" {
            return Failure::new(Kind::Missing, "no job is remembered")
                .hint("copy something first, with the same --state");
        }
        let what = match is_plain(called) {
            true => format!("the journal has no job {called}"),
            // It is not repeated: it may be a URL that has a password, and nothing that a terminal should show.
            false => "the journal has no such job, which is called by its id or its name".to_owned(),
        };
        Failure::new(Kind::Missing, what).hint(format!(
            "{FtpUser} jobs lists them: use the same --state or --store; of ended jobs only the last ones are kept"
        ))
    })
}

/// The failure of a verb that one of these rows keeps from its job, if there are any. `is_named`: that job was named by its id.
fn unreadable_failure(rows: &[&UnreadableRow], is_named: bool) -> Option<Failure> {
    let first = rows.first()?;
    let failure = Failure::from(first.failure.clone());
    if is_named {
        return Some(failure.hint(first.hint()).during(format_args!("job {} cannot be read", first.id)));
    }
    let ids: Vec<String> = rows.iter().map(|row| row.id.to_string()).collect();
    let hint =
        format!("name the job by its id; {FtpUser} cancel --forget ID forgets one that cannot be read");
    let what = format!("the job may be one that cannot be read ({})", ids.join(", "));
    Some(failure.hint(hint).during(what))
}

/// Refuses a state directory that was named and is not there: the jobs of other runs are somewhere else.
pub(super) fn check_state(named: Option<&Path>) -> Result<()> {
    let Some(named) = named else { return Ok(()) };
    match named.try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => {
            let what = format!("there is no state directory {}", named.display());
            Err(Failure::new(Kind::Other, what).hint("name the one that the jobs were started with"))
        }
        Err(error) => {
            let what = format!("cannot look at the state directory {}", named.display());
            Err(Failure::of_this_host(what, &error).as_kind(Kind::Other))
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Cli;
    use super::super::tests::{read_typed, words};
    use super::*;
    use crate::journal::{JournalFailure, RowOf};
    use crate::queue::{Entry, NamedRequest};
    use clap::CommandFactory;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn a_state_directory_that_cannot_be_looked_at_is_not_called_absent() {
        let said = |path: &str| check_state(Some(Path::new(path))).unwrap_err().to_string();
        assert!(said("/nowhere/at/all").contains("there is no state directory"));
        assert!(said("/dev/null/state").contains("cannot look at the state directory"));
    }

    #[test]
    fn what_is_no_job_is_repeated_only_if_it_may_be_one() {
        let said = |called: &str| find(&KnownJobs::default(), called).unwrap_err().to_string();
        assert!(said("nightly").contains("no job nightly"));
        assert!(said("last").starts_with("no job is remembered; copy something first"));
        for typed in
            ["ftp://u:SECRET\n@h/", "u:SECRET@h", "lab\tSECRET", "SECRET SECRET", "\u{1b}[SECRET", ""]
        {
            let said = said(typed);
            assert!(said.contains("no such job") && !said.contains("SECRET"), "{said}");
            assert!(!said.contains(char::is_control), "{said:?}");
        }
    }

    /// The options that change what is copied, what it is afterwards, or what may be deleted.
    const WHAT: &str = "backup-dir compare config delete detach dry-run exclude explain fail-fast filter-from from-file \
        in-place include links max-delete no-times overwrite perms recursive times verify yes";

    /// Those that the journal does not keep: how this one run is shown, and where it keeps what it knows.
    const OF_THIS_RUN: &str = "at color daemon daemon_ca daemon_pin every help json priority progress queue quiet state store \
        store_password_file token_file trace verbose version wait";

    #[test]
    fn each_option_of_a_job_says_either_what_is_copied_or_how() {
        let has = |all: &str, name: &str| all.split(' ').any(|one| one == name);
        let mut command = Cli::command();
        command.build();
        for verb in ["copy", "move", "sync", "append"] {
            let kept = read_typed(&format!("{verb} a b")).unwrap().options();
            for option in command.find_subcommand(verb).unwrap().get_arguments() {
                let id = option.get_id().as_str();
                let is_of_this_run = has(OF_THIS_RUN, id);
                assert_ne!(kept.contains_key(id), is_of_this_run, "{verb} {id}");
                let options = [(id.to_owned(), Value::Bool(true))].into_iter().collect();
                let with = StoredJob { version: StoredJob::VERSION, options, ..StoredJob::default() };
                let without = StoredJob { options: Map::new(), ..with.clone() };
                let is_what = option.get_long().is_none_or(|long| has(WHAT, long));
                let is_short_only = matches!(id, "v4" | "v6");
                let is_what = is_what && !is_short_only;
                assert_eq!(!with.has_work_of(&without), is_what || is_of_this_run, "{verb} {id}");
            }
        }
    }

    /// What is kept of the job of a command line.
    pub(in crate::cli) fn stored(line: &str) -> StoredJob {
        let cli = read_typed(line).unwrap();
        AskedJob::typed(cli.verb.job().unwrap().name(), cli.typed, &words(line), &Names::default()).job
    }

    #[test]
    fn how_a_job_runs_is_no_part_of_its_work() {
        let check = |one: &str, other: &str, expect| {
            assert_eq!(stored(one).has_work_of(&stored(other)), expect, "{one}, {other}");
        };
        check("copy --id n a b", "-v copy a b --id=n", true);
        check("copy --id n a b", "copy --progress never --json a b --id n --trace x", true);
        check("copy --limit 4MB -r a b", "copy -r a b", true);
        check("copy -rvj4 a b", "copy -j 2 a b -r --path direct --retries=9", true);
        check("copy -rj 4 a b", "copy -r -6 a b", true);
        check("copy -Rn a b", "copy --recursive --dry-run a b", true);
        check("copy --verify hash a b", "copy --verify=hash a b", true);
        check("copy --id n a b", "copy --id n a c", false);
        check("copy --id n a b", "copy --id n --fail-fast a b", false);
        check("copy --overwrite different a b", "copy a b", false);
        check("copy -r a b", "copy a b", false);
        check("copy a b", "move a b", false);
        check("sync a b", "sync --delete a b", false);
    }

    #[test]
    fn what_is_stored_is_what_was_typed_without_its_passwords() {
        let typed = stored(
            "-4 --proxy socks5://ann:s3cret@h:1080 --timeout 7s copy -r --limit 1MB ftp://ann:s3cret@one/a ./b --exclude ftp://x:s3cret@h",
        );
        let text = serde_json::to_string(&typed).unwrap();
        assert!(typed.had_passwords && !text.contains("s3cret"), "{text}");
        let options = &typed.options;
        let names: Vec<&str> = options.keys().map(String::as_str).collect();
        assert_eq!(names, ["exclude", "limit", "places", "proxy", "recursive", "timeout", "v4"]);
        assert_eq!(options["places"], serde_json::json!(["ftp://ann@one/a", "./b"]));
        assert_eq!(
            (&options["limit"], &options["proxy"]),
            (&1_000_000.into(), &"socks5://ann@h:1080".into())
        );
        let back: StoredJob = serde_json::from_str(&text).unwrap();
        assert_eq!(StoredJob { had_passwords: true, ..back }, typed);
    }

    #[test]
    fn a_place_without_a_password_is_stored_as_it_was_typed() {
        for place in [
            "ftp://127.0.0.4/in/12:30/ann@x.bin",
            "ftp://dom/bob@127.0.0.3:21210/u1/at@home",
            "ftps://h/a:b@c",
            "./12:30/ann@x",
        ] {
            let typed = stored(&format!("copy {place} ftp://h/12:30/a@b"));
            assert_eq!(typed.options["places"], serde_json::json!([place, "ftp://h/12:30/a@b"]));
            assert!(!typed.had_passwords, "{place}");
        }
        let typed = stored("copy -r a b --exclude x:y@z --filter-from f:g@h");
        assert_eq!(typed.options["exclude"], serde_json::json!(["x:y@z"]));
        assert_eq!(typed.options["filter_from"], serde_json::json!(["f:g@h"]));
        assert!(!typed.had_passwords);
        // It cannot be read, and may have one.
        let typed = stored("copy ftp://bob:s3c/ret@h/a b");
        assert!(typed.had_passwords && !format!("{typed:?}").contains("ret"), "{typed:?}");
    }

    #[test]
    fn names_that_are_no_utf_8_are_stored_byte_by_byte_and_without_their_passwords() {
        let place = OsString::from_vec(b"ftp://ann:s3cret@one/\xff".to_vec());
        let words = ["ftp-user".into(), "copy".into(), place, "b".into()];
        let cli = Cli::read_typed(words.to_vec()).unwrap();
        let job = AskedJob::typed("copy", cli.typed, &words[1..], &Names::default()).job;
        let back: StoredJob = serde_json::from_str(&serde_json::to_string(&job).unwrap()).unwrap();
        let places: Vec<OsString> = back.places().collect();
        assert_eq!(places, [OsString::from_vec(b"ftp://ann@one/\xff".to_vec()), "b".into()]);
    }

    #[test]
    fn an_id_stands_for_its_job_also_where_another_is_called_so() {
        let job = |number, name: Option<&str>| {
            let mut job = JobRecord::for_tests(number, StoredJob::default());
            job.job.name = name.map(str::to_owned);
            job
        };
        let of_request = |number, name: &str| {
            let request = Some(NamedRequest { name: name.to_owned(), digest: [0; 32] });
            JobRecord { queued: Some(Entry { request, ..Entry::default() }), ..job(number, None) }
        };
        let victim = JobId::new(7).to_string();
        let jobs = [
            job(7, Some("nightly")),
            of_request(9, &victim),
            of_request(10, "nightly"),
            of_request(11, "weekly"),
            of_request(12, "weekly"),
        ];
        let mut known = KnownJobs { readable: jobs.to_vec(), unreadable: Vec::new() };
        for (called, expect) in [(&*victim, 7), ("nightly", 7), ("weekly", 12), ("last", 12)] {
            assert_eq!(find(&known, called).unwrap().id, JobId::new(expect), "{called}");
        }
        // One that cannot be read may have any name, and may be the last one.
        let failure = JournalFailure::Slow;
        known.unreadable.push(UnreadableRow { of: RowOf::Job, id: JobId::new(8), failure });
        let [bad, missing] = [8, 9].map(|id| JobId::new(id).to_string());
        for (called, expect) in
            [(&*victim, true), ("nightly", true), ("weekly", false), ("last", false), ("other", false)]
        {
            assert_eq!(find(&known, called).is_ok(), expect, "{called}");
        }
        assert_eq!(find(&known, &bad).unwrap_err().kind, Kind::Temporary);
        known.readable.clear();
        assert_eq!(find(&known, &missing).unwrap_err().kind, Kind::Missing);
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
        assert!(job_name(&"x".repeat(65)).is_err());
    }
}
