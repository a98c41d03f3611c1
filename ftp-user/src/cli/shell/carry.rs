//! Carries a line out: a verb of the shell alone here, any other as the command line does.

use super::super::outputs::print;
use super::super::program;
use super::lines::{Lines, with_default};
use super::lookup::{local_path, refuse_stdin};
use super::verbs::{CompositeVerb, OwnLine, OwnVerb, Row, show};
use crate::context::Cancel;
use crate::failure::{Failure, Kind, Result};
use crate::job::{Status, missing};
use crate::shell::{Command, Directory, Meaning, NameUse, Occupant, Operand, Partial, split};
use ftp_io::program::args;
use ftp_proto::wire;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What follows a line.
#[derive(Debug)]
pub(super) enum AfterLine {
    /// The next line: this one was carried out, or has failed, which was said.
    Next(Status),
    /// The end of a script, because the line cannot be carried out. It may have been a `cd`, and what follows would mean other
    /// places. Nobody has said what is wrong.
    Mistake(Failure),
    /// The same for a line of the shell's own verbs that could not be read, which was said.
    Unread(Status),
    /// The end of the shell.
    Leave,
}

/// Carries out a line. An interruption ends it, a second one gives it up; neither ends the shell.
pub(super) async fn carry_out(lines: &mut Lines, line: &str) -> AfterLine {
    let vocabulary = Arc::clone(&lines.vocabulary);
    let command = match split(line).and_then(|words| Command::read(words, &vocabulary)) {
        Ok(Some(command)) => command,
        Ok(None) => return AfterLine::Next(Status::Done),
        Err(mistake) => return AfterLine::Mistake(mistake.failure(line)),
    };
    let mut signals = lines.signals.clone();
    let (stop, cancel) = Cancel::new();
    let mut work = Box::pin(run(lines, &command, cancel));
    let mut times = 0;
    let after = loop {
        tokio::select! {
            biased;
            after = &mut work => break after,
            is_end = signals.next() => {
                times += 1;
                let _ = stop.send(true);
                if times > 1 && !is_end {
                    break AfterLine::Next(Status::Failed(Kind::Interrupted));
                }
            }
        }
    };
    drop(work);
    if !matches!(after, AfterLine::Leave) {
        lines.asked_to_leave = false;
    }
    after
}

async fn run(lines: &mut Lines, command: &Command<'_>, cancel: Cancel) -> AfterLine {
    let arguments: Vec<String> = command.arguments.iter().map(|word| word.text.clone()).collect();
    if lines.vocabulary.is_own(command.verb) {
        if command.is_background {
            let what = format!("{} is done by the shell itself", command.verb.get_name());
            return AfterLine::Mistake(Failure::usage(what).hint("leave out &"));
        }
        let words = lines.words(command.verb, &arguments);
        let called = command.verb.get_name();
        return Box::pin(run_own(lines, called, words, &cancel)).await.unwrap_or_else(AfterLine::Mistake);
    }
    AfterLine::Next(match run_typed(lines, command, arguments, cancel).await {
        Ok(status) => status,
        Err(failure) => lines.fail(&failure),
    })
}

/// Carries out a verb of the command line.
async fn run_typed(
    lines: &mut Lines,
    command: &Command<'_>,
    arguments: Vec<String>,
    cancel: Cancel,
) -> Result<Status> {
    let arguments = with_default(command.verb, arguments);
    // What is wrong with the line is told before anybody looks for its places.
    let read = match program::read(lines.words(command.verb, &arguments)) {
        Ok(read) => read,
        Err(status) => return Ok(status),
    };
    if lines.is_script_on_stdin {
        refuse_stdin(command.verb, &arguments)?;
    }
    let arguments = lines.lookup.resolved(command.verb, &read.verb, arguments, &cancel).await?;
    if command.is_background {
        return lines.start(command.verb, &arguments.words).map(|()| Status::Done);
    }
    Ok(lines.verb(command.verb, arguments, cancel).await)
}

/// Carries out a verb of the shell that is called so. `words` are those of a command line, the name of the program first.
///
/// # Errors
///
/// What is wrong, and nobody has said it yet.
async fn run_own(
    lines: &mut Lines,
    called: &str,
    words: Vec<OsString>,
    cancel: &Cancel,
) -> Result<AfterLine> {
    let OwnLine { general, verb, .. } = match args::parse::<OwnLine>(words) {
        Ok(line) => line,
        Err(rejected) => {
            rejected.print_seeing("ftp-user", &format!("help {called}"));
            return Ok(match rejected.is_mistake() {
                true => AfterLine::Unread(Status::Failed(Kind::Usage)),
                false => AfterLine::Next(Status::Done),
            });
        }
    };
    let json = general.json;
    // A wait that fails changes nothing for later lines.
    let only_waits = matches!(verb, OwnVerb::Fg { .. } | OwnVerb::Wait { .. });
    let status = match verb {
        // A script that says `exit 3` wants what a script has not: its status is that of its lines.
        OwnVerb::Quit { words } if words.is_empty() => return Ok(AfterLine::Leave),
        OwnVerb::Quit { .. } => Err(Failure::usage("quit takes no words: quit")
            .hint("a script ends with the exit code of the line that fails")),
        OwnVerb::Cd { place: None } => {
            let before = current(lines);
            Ok(go(lines, Meaning::default(), before))
        }
        OwnVerb::Cd { place: Some(place) } if place == "-" => cd_back(lines, json, cancel).await,
        OwnVerb::Cd { place: Some(place) } => {
            let meaning = lines.lookup.known.lock().scope.directory(&place)?;
            cd(lines, meaning, cancel).await
        }
        OwnVerb::Pwd => show([Row::Directory { place: where_we_are(lines) }], json),
        OwnVerb::Lpwd => show([Row::Directory { place: here()? }], json),
        OwnVerb::Lcd { directory: None } => lcd(&home()?),
        OwnVerb::Lcd { directory: Some(directory) } => lcd(Path::new(&directory)),
        OwnVerb::Where { names } => where_is(lines, &names, json, cancel).await,
        OwnVerb::Composite { what } => composite(lines, what, json),
        OwnVerb::Status => show([Row::Known(lines.lookup.known.lock().cache.size())], json),
        OwnVerb::History => {
            let kept = (1..).zip(&lines.history.lines);
            show(kept.map(|(number, line)| Row::Line { number, line: line.clone() }), json)
        }
        OwnVerb::Help { verb: None } => help(lines),
        OwnVerb::Help { verb: Some(verb) } => describe(lines, &verb),
        OwnVerb::Fg { job } => wait(lines, job.as_deref(), OnInterrupt::EndJob, cancel).await,
        OwnVerb::Wait { job: None } => wait_for_all(lines, cancel).await,
        OwnVerb::Wait { job } => wait(lines, job.as_deref(), OnInterrupt::EndWaiting, cancel).await,
    };
    match status {
        Err(failure) if only_waits => Ok(AfterLine::Next(lines.fail(&failure))),
        status => status.map(AfterLine::Next),
    }
}

/// Lists and changes composite directories.
fn composite(lines: &Lines, what: Option<CompositeVerb>, json: bool) -> Result<Status> {
    let mut known = lines.lookup.known.lock();
    let scope = &mut known.scope;
    match what {
        None | Some(CompositeVerb::List { name: None }) => {
            let rows = scope.composites.iter().map(|(name, components)| Row::Composite {
                name: name.clone(),
                components: components.iter().map(Directory::to_string).collect(),
            });
            show(rows, json)
        }
        Some(CompositeVerb::List { name: Some(name) }) => {
            let components = scope.components(&name)?;
            show(components.iter().map(|place| Row::Component { place: place.to_string() }), json)
        }
        Some(CompositeVerb::Add { name, places }) => {
            let component = |place: &String| scope.directory(place).and_then(|meaning| component(&meaning));
            let components: Vec<Directory> = places.iter().map(component).collect::<Result<_, _>>()?;
            scope.add(&name, components.clone())?;
            components.into_iter().for_each(|component| lines.lookup.known.want(component));
            Ok(Status::Done)
        }
        Some(CompositeVerb::Remove { name, place }) => {
            let directory = place.map(|place| component(&scope.directory(&place)?)).transpose()?;
            scope.remove(&name, directory.as_ref()).map(|()| Status::Done)
        }
    }
}

/// Goes to a directory. `before` is where the shell has been.
fn go(lines: &mut Lines, meaning: Meaning, before: Meaning) -> Status {
    lines.before = Some(before);
    lines.lookup.known.lock().scope.current = meaning;
    Status::Done
}

/// The current directory, as it can be found again.
fn current(lines: &Lines) -> Meaning {
    let current = lines.lookup.known.lock().scope.current.clone();
    component(&current).map_or(current, Meaning::At)
}

/// Goes back to where the shell was before, and says where that is.
async fn cd_back(lines: &mut Lines, json: bool, cancel: &Cancel) -> Result<Status> {
    let before = lines.before.clone().ok_or_else(|| {
        Failure::usage("the shell was in no other directory").hint("a directory of the name - is ./-")
    })?;
    cd(lines, before, cancel).await?;
    show([Row::Directory { place: where_we_are(lines) }], json)
}

/// Goes to a directory that is there.
async fn cd(lines: &mut Lines, mut meaning: Meaning, cancel: &Cancel) -> Result<Status> {
    let before = current(lines);
    let (known, servers) = (&lines.lookup.known, &lines.lookup.servers);
    match &meaning {
        Meaning::At(directory) if directory.is_local() => {
            let path = local_path(directory);
            let name = path.to_str().and_then(|path| path.strip_prefix("./")).unwrap_or_default();
            let is_site = known.lock().scope.sites.iter().any(|(site, _)| site == name);
            let hint = is_site.then(|| format!("the site {name} is {name}:"));
            lcd(&path).map_err(|failure| failure.hint_if(hint))?;
            return Ok(go(lines, Meaning::default(), before));
        }
        Meaning::At(directory) => {
            servers.unlock(directory, cancel).await?;
            let held = servers.held(directory, cancel).await;
            if held.is_ok() {
                known.note_answer(directory, true);
            }
            match held? {
                Occupant::Directory => known.want(directory.clone()),
                Occupant::Nothing => return Err(missing(directory)),
                Occupant::Other => return Err(Failure::usage(format!("{directory} is not a directory"))),
            }
            // Above the directory of the site, only the server knows what its path is.
            if directory.leads_up()
                && let Some(path) = servers.real(directory, cancel).await?
            {
                meaning = Meaning::At(directory.at_path(path.as_bytes()));
            }
        }
        Meaning::In(partial) => {
            for directory in lines.lookup.find(partial, NameUse::List, cancel).await?.all {
                known.want(directory);
            }
        }
    }
    Ok(go(lines, meaning, before))
}

fn where_we_are(lines: &Lines) -> String {
    let current = &lines.lookup.known.lock().scope.current;
    match current {
        Meaning::At(directory) if directory.is_local() => here().unwrap_or_else(|_| "./".to_owned()),
        Meaning::At(_) | Meaning::In(_) => current.to_string(),
    }
}

/// The directory of this host, as a terminal may show it.
fn here() -> Result<String> {
    let here = std::env::current_dir().map_err(|error| no_current_directory(&error))?;
    Ok(wire::show(here.as_os_str().as_encoded_bytes()))
}

fn no_current_directory(error: &std::io::Error) -> Failure {
    Failure::of_this_host("cannot tell the current directory", error)
}

fn home() -> Result<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    home.map(PathBuf::from)
        .ok_or_else(|| Failure::usage("there is no home directory").hint("name a directory"))
}

fn lcd(directory: &Path) -> Result<Status> {
    std::env::set_current_dir(directory)
        .map(|()| Status::Done)
        .map_err(|error| Failure::of_this_host(format!("cannot go to {}", directory.display()), &error))
}

/// Says where names are. A site that is named itself is not asked.
async fn where_is(lines: &Lines, names: &[String], json: bool, cancel: &Cancel) -> Result<Status> {
    let mut status = Status::Done;
    for name in names {
        let operand = lines.lookup.known.lock().scope.operand(name)?;
        let partial = match operand {
            Operand::Place(Meaning::In(partial), _) => partial,
            // A place that is named is asked by whoever uses it.
            Operand::Place(Meaning::At(place), is_contents) => {
                show([Row::Found { place: place.place(is_contents), seen: false }], json)?;
                continue;
            }
            Operand::AsTyped => {
                show([Row::Found { place: name.clone(), seen: false }], json)?;
                continue;
            }
        };
        match lines.lookup.everywhere(&partial, cancel).await {
            Ok(places) => {
                let row = |place: &Directory, seen| Row::Found { place: place.to_string(), seen };
                let seen = places.all.iter().map(|place| row(place, true));
                show(seen.chain(places.unseen.iter().map(|place| row(place, false))), json)?;
            }
            Err(failure) if names.len() == 1 => return Err(failure),
            Err(failure) => status = status.and(lines.fail(&failure)),
        }
    }
    Ok(status)
}

/// A directory as a component. One of this host does not depend on the current directory.
fn component(meaning: &Meaning) -> Result<Directory> {
    match meaning {
        Meaning::At(directory) if directory.is_local() => {
            let path =
                std::path::absolute(local_path(directory)).map_err(|error| no_current_directory(&error))?;
            Ok(Directory::HERE.at(&path.to_string_lossy()))
        }
        Meaning::At(directory) => Ok(directory.clone()),
        Meaning::In(Partial { composite, .. }) => Err(Failure::usage(format!(
            "{composite} is a composite directory, and cannot be a component of another one"
        ))),
    }
}

fn help(lines: &Lines) -> Result<Status> {
    let verbs = lines.vocabulary.verbs().into_iter().filter(|verb| !verb.is_hide_set());
    let shown = verbs.map(|verb| format!("{:10} {}\n", verb.get_name(), about(verb)));
    let end = "A line is a verb of ftp-user with its options; help VERB shows them. & at the end runs it in the background.\n";
    print(&shown.chain([end.to_owned()]).collect::<String>())
}

/// Shows the options of a verb.
fn describe(lines: &Lines, verb: &str) -> Result<Status> {
    let page =
        |words: [&str; 3]| program::read(words.map(OsString::from).to_vec()).err().unwrap_or(Status::Done);
    if verb == "options" {
        return Ok(page(["ftp-user", "help", verb]));
    }
    let word = crate::shell::Word { text: verb.to_owned(), at: 0, is_noise: false };
    let vocabulary = &lines.vocabulary;
    let verb = vocabulary.find(&word).map_err(|mistake| mistake.failure(verb))?;
    if vocabulary.is_own(verb) {
        // What every verb takes is told by those of the command line.
        let own: String = verb.get_subcommands().chain([verb]).map(in_the_shell).collect();
        return print(&format!("{}\n\n{own}", about(verb)));
    }
    Ok(page(["ftp-user", verb.get_name(), "--help"]))
}

fn about(verb: &clap::Command) -> String {
    verb.get_about().map(ToString::to_string).unwrap_or_default()
}

/// How a verb of the shell is typed.
fn in_the_shell(verb: &clap::Command) -> String {
    let usage = verb.clone().render_usage().to_string();
    let usage = usage.replace("Usage: ftp-user ", "").replace(" [OPTIONS]", "").replace(" [COMMAND]", "");
    format!("Usage: {usage}\n")
}

/// What Ctrl-C ends while somebody waits for a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum OnInterrupt {
    /// The job, which is in the foreground.
    EndJob,
    /// The waiting. The job goes on.
    EndWaiting,
}

/// Waits for a job, shows what it says, and returns how it ended.
async fn wait(
    lines: &mut Lines,
    called: Option<&str>,
    on_interrupt: OnInterrupt,
    cancel: &Cancel,
) -> Result<Status> {
    let job = lines.jobs.find(called)?;
    let number = job.number;
    let end = job.end();
    tokio::pin!(end);
    let mut is_asked = false;
    let status = loop {
        job.show_said();
        tokio::select! {
            biased;
            status = &mut end => break status,
            () = cancel.cancelled(), if !is_asked => match on_interrupt {
                OnInterrupt::EndJob => {
                    is_asked = true;
                    job.interrupt();
                }
                OnInterrupt::EndWaiting => break Status::Failed(Kind::Interrupted),
            },
            () = tokio::time::sleep(LOOK) => {}
        }
    };
    if lines.at.is_some() && job.status().is_some_and(|status| status != Status::Done) {
        // What has failed is the line that has begun the job.
        job.show_said();
        job.tell_end();
    }
    lines.background = lines.background.and(lines.jobs.show_ended(Some(number)));
    Ok(status)
}

async fn wait_for_all(lines: &mut Lines, cancel: &Cancel) -> Result<Status> {
    let mut status = Status::Done;
    while let Some(number) = lines.jobs.jobs.first().map(|job| job.number.to_string()) {
        status = status.and(wait(lines, Some(&number), OnInterrupt::EndWaiting, cancel).await?);
        if cancel.is_cancelled() {
            return Ok(Status::Failed(Kind::Interrupted));
        }
    }
    Ok(status.and(std::mem::replace(&mut lines.background, Status::Done)))
}

/// How often what a job says is shown while somebody waits for it.
const LOOK: Duration = Duration::from_millis(100);
