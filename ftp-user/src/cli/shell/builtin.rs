//! The verbs of the shell alone.

use super::super::program;
use super::background::Job;
use super::lines::Lines;
use super::lookup::local_path;
use crate::context::Cancel;
use crate::failure::{Failure, Kind};
use crate::job::Status;
use crate::shell::{Current, Directory, Health, Held, Meaning, Operand, Partial, Purpose, Role, VerbWords};
use ftp_io::program::output;
use ftp_proto::wire::{counted, show};
use std::ffi::OsString;
use std::path::Path;

/// Carries out a verb of the shell.
///
/// # Errors
///
/// What is wrong, and nobody has said it yet.
pub(super) async fn run(
    lines: &mut Lines,
    verb: &VerbWords,
    arguments: &[String],
    cancel: &Cancel,
) -> Result<Status, Failure> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match (verb.name.as_str(), words.as_slice()) {
        ("cd", []) => go(lines, Meaning::At(Directory::HERE)),
        ("cd", [place]) => cd(lines, place, cancel).await?,
        ("pwd", []) => print(&where_we_are(lines))?,
        ("lpwd", []) => print(&here()?)?,
        ("lcd", []) => lcd(&home()?)?,
        ("lcd", [directory]) => lcd(Path::new(directory))?,
        ("where", [_, ..]) => return where_is(lines, &words, cancel).await,
        ("bind", []) => print_devices(lines)?,
        ("bind", [device, place]) => {
            let mut known = lines.lookup.known.lock();
            let meaning = known.scope.directory(place)?;
            known.scope.bind(device, meaning)?;
        }
        ("unbind", [device]) => lines.lookup.known.lock().scope.unbind(device)?,
        ("composite", [] | ["list"]) => print_composites(lines)?,
        ("composite", ["list", name]) => {
            let known = lines.lookup.known.lock();
            let components: Vec<String> =
                known.scope.components(name)?.iter().map(Directory::to_string).collect();
            drop(known);
            print_lines(components.into_iter())?;
        }
        ("composite", ["add", name, places @ ..]) if !places.is_empty() => add(lines, name, places)?,
        ("composite", ["remove", name]) => lines.lookup.known.lock().scope.remove(name, None)?,
        ("composite", ["remove", name, place]) => {
            let mut known = lines.lookup.known.lock();
            let component = component(&known.scope.directory(place)?)?;
            known.scope.remove(name, Some(&component))?;
        }
        ("status", []) => status(lines)?,
        ("history", []) => {
            let kept = lines.history.lines().iter().enumerate();
            print_lines(kept.map(|(index, line)| format!("{:5}  {line}", index + 1)))?;
        }
        ("help", []) => help(lines)?,
        ("help", [verb]) => return describe(lines, verb),
        ("jobs", _) => {
            let shown = lines.jobs.all().iter().map(Job::shown);
            print_lines(shown.collect::<Vec<_>>().into_iter())?;
            return Ok(lines.verb(verb, arguments, cancel.clone()).await);
        }
        ("sites", []) => return Ok(lines.verb(verb, &["list".to_owned()], cancel.clone()).await),
        ("sites", _) => return Ok(lines.verb(verb, arguments, cancel.clone()).await),
        ("fg", [] | [_]) => return wait(lines, words.first().copied(), cancel).await,
        ("wait", []) => return wait_for_all(lines, cancel).await,
        ("wait", [job]) => return wait(lines, Some(job), cancel).await,
        (name, _) => return Err(Failure::usage(format!("{name} is typed so: {}", usage(name)))),
    }
    Ok(Status::Done)
}

/// How a verb of the shell is typed.
fn usage(verb: &str) -> &'static str {
    match verb {
        "bind" => "bind [DEVICE PLACE]",
        "cd" => "cd [PLACE]",
        "composite" => "composite list [NAME], composite add NAME PLACE..., composite remove NAME [PLACE]",
        "fg" => "fg [JOB]",
        "help" => "help [VERB]",
        "history" => "history",
        "lcd" => "lcd [DIRECTORY]",
        "lpwd" => "lpwd",
        "pwd" => "pwd",
        "status" => "status",
        "unbind" => "unbind DEVICE",
        "wait" => "wait [JOB]",
        "where" => "where NAME...",
        _ => "as help says",
    }
}

fn go(lines: &Lines, meaning: Meaning) {
    lines.lookup.known.lock().scope.current = Current(meaning);
}

/// Goes to a directory that is there.
async fn cd(lines: &Lines, place: &str, cancel: &Cancel) -> Result<(), Failure> {
    let known = &lines.lookup.known;
    let meaning = known.lock().scope.directory(place)?;
    match &meaning {
        Meaning::At(directory) if directory.is_local() => {
            lcd(&local_path(directory))?;
            go(lines, Meaning::At(Directory::HERE));
            return Ok(());
        }
        Meaning::At(directory) => {
            known.watch(directory);
            let held = lines.lookup.servers.held(directory, cancel).await;
            if held.is_ok() {
                known.seen(directory, true);
            }
            match held? {
                Held::Directory => known.want(directory.clone()),
                Held::Nothing => {
                    return Err(Failure::new(Kind::Missing, format!("{directory} does not exist"))
                        .hint("check the path"));
                }
                Held::Other => return Err(Failure::usage(format!("{directory} is no directory"))),
            }
        }
        Meaning::In(partial) => {
            for directory in lines.lookup.find(partial, Purpose::List, cancel).await?.all {
                known.want(directory);
            }
        }
    }
    go(lines, meaning);
    Ok(())
}

fn where_we_are(lines: &Lines) -> String {
    let current = lines.lookup.known.lock().scope.current.0.clone();
    match &current {
        Meaning::At(directory) if directory.is_local() => here().unwrap_or_else(|_| "./".to_owned()),
        Meaning::At(_) | Meaning::In(_) => current.shown(),
    }
}

/// The directory of this host, as a terminal may show it.
fn here() -> Result<String, Failure> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::of_this_host("cannot tell the current directory", &error))?;
    Ok(show(here.as_os_str().as_encoded_bytes()))
}

fn home() -> Result<std::path::PathBuf, Failure> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    home.map(OsString::into)
        .ok_or_else(|| Failure::usage("there is no home directory").hint("name a directory"))
}

fn lcd(directory: &Path) -> Result<(), Failure> {
    std::env::set_current_dir(directory)
        .map_err(|error| Failure::of_this_host(format!("cannot go to {}", directory.display()), &error))
}

/// Says where names are. A site that is named itself is not asked.
async fn where_is(lines: &Lines, names: &[&str], cancel: &Cancel) -> Result<Status, Failure> {
    let mut status = Status::Done;
    for name in names {
        let operand = lines.lookup.known.lock().scope.operand(name)?;
        let found = match operand {
            Operand::In(partial, _) => match lines.lookup.everywhere(&partial, cancel).await {
                Ok(places) => {
                    let unseen = places.unseen.iter().map(|place| format!("{place}  (not looked at)"));
                    Ok(places.all.iter().map(Directory::to_string).chain(unseen).collect())
                }
                Err(failure) => Err(failure),
            },
            Operand::At(..) | Operand::AsTyped => {
                lines.places(name, Role::There(Purpose::Read), cancel).await
            }
        };
        match found {
            Ok(places) => print_lines(places.into_iter())?,
            Err(failure) if names.len() == 1 => return Err(failure),
            Err(failure) => status = status.and(lines.fail(&failure)),
        }
    }
    Ok(status)
}

fn print_devices(lines: &Lines) -> Result<(), Failure> {
    let known = lines.lookup.known.lock();
    let devices: Vec<String> =
        known.scope.devices().map(|(name, meaning)| format!("{name}  {}", meaning.shown())).collect();
    drop(known);
    print_lines(devices.into_iter())
}

fn print_composites(lines: &Lines) -> Result<(), Failure> {
    let known = lines.lookup.known.lock();
    let all: Vec<String> = known
        .scope
        .composites()
        .map(|(name, components)| {
            let components: Vec<String> = components.iter().map(Directory::to_string).collect();
            format!("{name}  {}", components.join(" "))
        })
        .collect();
    drop(known);
    print_lines(all.into_iter())
}

fn add(lines: &Lines, name: &str, places: &[&str]) -> Result<(), Failure> {
    let mut known = lines.lookup.known.lock();
    let components: Vec<Directory> = places
        .iter()
        .map(|place| known.scope.directory(place).and_then(|meaning| component(&meaning)))
        .collect::<Result<_, _>>()?;
    known.scope.add(name, components.clone())?;
    drop(known);
    for component in components {
        lines.lookup.known.want(component);
    }
    Ok(())
}

/// A directory as a component. One of this host does not depend on the current directory.
fn component(meaning: &Meaning) -> Result<Directory, Failure> {
    match meaning {
        Meaning::At(directory) if directory.is_local() => {
            let path = std::path::absolute(local_path(directory))
                .map_err(|error| Failure::of_this_host("cannot tell the current directory", &error))?;
            Ok(Directory::HERE.at(&path.to_string_lossy()))
        }
        Meaning::At(directory) => Ok(directory.clone()),
        Meaning::In(Partial { composite, .. }) => {
            Err(Failure::usage(format!("{composite} is a composite directory: no component is one")))
        }
    }
}

fn status(lines: &Lines) -> Result<(), Failure> {
    let known = lines.lookup.known.lock();
    let mut all: Vec<String> = known
        .keeper
        .all()
        .map(|(site, health)| {
            let health = match health {
                Health::Up => "up",
                Health::Down => "down",
                Health::Unknown => "unknown",
            };
            format!("{health:8} {site}")
        })
        .collect();
    let held = known.cache.held();
    drop(known);
    let directories = counted(held.directories as u64, "directory").replace("directorys", "directories");
    let given_up = match held.given_up {
        0 => String::new(),
        number => format!("; {number} gave way to others"),
    };
    all.push(format!(
        "known for completion: {directories} of {}, {}, {}{given_up}",
        counted(held.hosts as u64, "server"),
        counted(held.names as u64, "name"),
        counted(held.bytes as u64, "byte"),
    ));
    print_lines(all.into_iter())
}

fn help(lines: &Lines) -> Result<(), Failure> {
    let verbs = lines.vocabulary.verbs().iter();
    let shown = verbs.map(|verb| format!("{:10} {}", verb.name, verb.about));
    let end = "A line is a verb of ftp-user with its options; help VERB shows them. & at the end runs it in the background.";
    print_lines(shown.chain([end.to_owned()]).collect::<Vec<_>>().into_iter())
}

/// Shows the options of a verb.
fn describe(lines: &Lines, verb: &str) -> Result<Status, Failure> {
    let word = crate::shell::Word { text: verb.to_owned(), at: 0, is_noise: false };
    let verb = lines.vocabulary.find(&word).map_err(|mistake| mistake.failure(verb))?;
    if verb.is_own && !matches!(verb.name.as_str(), "jobs" | "sites") {
        print(&format!("{}\n\nUsage: {}", verb.about, usage(&verb.name)))?;
        return Ok(Status::Done);
    }
    let words = ["ftp-user", &verb.name, "--help"].map(OsString::from).to_vec();
    Ok(program::read(words).err().unwrap_or(Status::Done))
}

/// Waits for a job, shows what it says, and returns how it ended. An interruption is one of the job.
async fn wait(lines: &mut Lines, called: Option<&str>, cancel: &Cancel) -> Result<Status, Failure> {
    let job = lines.jobs.find(called)?;
    let number = job.number;
    let end = job.end();
    tokio::pin!(end);
    let mut is_asked = false;
    let status = loop {
        job.show_said();
        tokio::select! {
            status = &mut end => break status,
            () = cancel.cancelled(), if !is_asked => {
                is_asked = true;
                job.interrupt();
            }
            () = tokio::time::sleep(LOOK) => {}
        }
    };
    for job in lines.jobs.take_ended() {
        job.show_said();
        if job.number != number {
            job.tell_end();
        }
    }
    Ok(status)
}

async fn wait_for_all(lines: &mut Lines, cancel: &Cancel) -> Result<Status, Failure> {
    let mut status = Status::Done;
    while let Some(number) = lines.jobs.all().first().map(|job| job.number.to_string()) {
        status = status.and(wait(lines, Some(&number), cancel).await?);
        if cancel.is_cancelled() {
            return Ok(Status::Failed(Kind::Interrupted));
        }
    }
    Ok(status)
}

fn print(line: &str) -> Result<(), Failure> {
    print_lines(std::iter::once(line.to_owned()))
}

fn print_lines(lines: impl Iterator<Item = String>) -> Result<(), Failure> {
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    output::print(text.as_bytes())
        .map_err(|error| Failure::of_this_host("cannot write to standard output", &error))
}

/// How often what a job says is shown while somebody waits for it.
const LOOK: std::time::Duration = std::time::Duration::from_millis(100);
