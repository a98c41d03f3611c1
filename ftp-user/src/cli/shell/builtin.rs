//! Carries out the verbs of the shell alone.

use super::super::program;
use super::after::After;
use super::lines::Lines;
use super::lookup::local_path;
use super::rows::{Row, print, show};
use super::verbs::{OfComposites, Own, OwnLine};
use crate::context::Cancel;
use crate::failure::{Failure, Kind};
use crate::job::Status;
use crate::shell::{Current, Directory, Held, Meaning, Operand, Partial, PlaceUse, Purpose};
use ftp_io::program::args;
use ftp_proto::wire;
use std::ffi::OsString;
use std::path::Path;

/// Carries out a verb of the shell that is called so. `words` are those of a command line, the name of the program first.
///
/// # Errors
///
/// What is wrong, and nobody has said it yet.
pub(super) async fn run(
    lines: &mut Lines,
    called: &str,
    words: Vec<OsString>,
    cancel: &Cancel,
) -> Result<After, Failure> {
    let OwnLine { general, verb, .. } = match args::parse::<OwnLine>(words) {
        Ok(line) => line,
        Err(rejected) => {
            rejected.print_seeing("ftp-user", &format!("help {called}"));
            return Ok(match rejected.is_mistake() {
                true => After::Unread(Status::Failed(Kind::Usage)),
                false => After::Ended(Status::Done),
            });
        }
    };
    let json = general.json;
    let status = match verb {
        // A script that says `exit 3` wants what a script has not: its status is that of its lines.
        Own::Quit { words } if words.is_empty() => return Ok(After::Leave),
        Own::Quit { .. } => {
            return Err(Failure::usage("quit takes no words: quit")
                .hint("a script ends with the exit code of the line that fails"));
        }
        Own::Cd { place: None } => {
            let before = current(lines);
            go(lines, Meaning::At(Directory::HERE), before);
            Status::Done
        }
        Own::Cd { place: Some(place) } if place == "-" => done(cd_back(lines, json, cancel).await?),
        Own::Cd { place: Some(place) } => {
            let meaning = lines.lookup.known.lock().scope.directory(&place)?;
            done(cd(lines, meaning, cancel).await?)
        }
        Own::Pwd => done(show([Row::Directory { place: where_we_are(lines) }], json)?),
        Own::Lpwd => done(show([Row::Directory { place: here()? }], json)?),
        Own::Lcd { directory: None } => done(lcd(&home()?)?),
        Own::Lcd { directory: Some(directory) } => done(lcd(Path::new(&directory))?),
        Own::Where { names } => where_is(lines, &names, json, cancel).await?,
        Own::Composite { what } => done(composite(lines, what, json)?),
        Own::Status => done(show([Row::of_cache(lines.lookup.known.lock().cache.held())], json)?),
        Own::History => {
            let kept = lines.history.lines().iter().enumerate();
            done(show(kept.map(|(index, line)| Row::Line { number: index + 1, line: line.clone() }), json)?)
        }
        Own::Help { verb: None } => done(help(lines)?),
        Own::Help { verb: Some(verb) } => describe(lines, &verb)?,
        Own::Fg { job } => wait(lines, job.as_deref(), OnInterrupt::EndJob, cancel).await?,
        Own::Wait { job: None } => wait_for_all(lines, cancel).await?,
        Own::Wait { job } => wait(lines, job.as_deref(), OnInterrupt::EndWaiting, cancel).await?,
    };
    Ok(After::Ended(status))
}

/// The status of what has succeeded.
const fn done((): ()) -> Status {
    Status::Done
}

/// Lists and changes composite directories.
fn composite(lines: &Lines, what: Option<OfComposites>, json: bool) -> Result<(), Failure> {
    match what {
        None | Some(OfComposites::List { name: None }) => show(composites(lines), json),
        Some(OfComposites::List { name: Some(name) }) => {
            let known = lines.lookup.known.lock();
            let components = known.scope.components(&name)?;
            let rows: Vec<Row> =
                components.iter().map(|place| Row::Component { place: place.to_string() }).collect();
            drop(known);
            show(rows, json)
        }
        Some(OfComposites::Add { name, places }) => add(lines, &name, &places),
        Some(OfComposites::Remove { name, place: None }) => {
            lines.lookup.known.lock().scope.remove(&name, None)
        }
        Some(OfComposites::Remove { name, place: Some(place) }) => {
            let mut known = lines.lookup.known.lock();
            let component = component(&known.scope.directory(&place)?)?;
            known.scope.remove(&name, Some(&component))
        }
    }
}

/// Goes to a directory. `before` is where the shell has been.
fn go(lines: &mut Lines, meaning: Meaning, before: Meaning) {
    lines.before = Some(before);
    lines.lookup.known.lock().scope.current = Current(meaning);
}

/// The current directory, as it can be found again.
fn current(lines: &Lines) -> Meaning {
    let current = lines.lookup.known.lock().scope.current.0.clone();
    component(&current).map_or(current, Meaning::At)
}

/// Goes back to where the shell was before, and says where that is.
async fn cd_back(lines: &mut Lines, json: bool, cancel: &Cancel) -> Result<(), Failure> {
    let before = lines.before.clone().ok_or_else(|| {
        Failure::usage("the shell was in no other directory").hint("a directory of the name - is ./-")
    })?;
    cd(lines, before, cancel).await?;
    show([Row::Directory { place: where_we_are(lines) }], json)
}

/// Goes to a directory that is there.
async fn cd(lines: &mut Lines, mut meaning: Meaning, cancel: &Cancel) -> Result<(), Failure> {
    let before = current(lines);
    let known = &lines.lookup.known;
    match &meaning {
        Meaning::At(directory) if directory.is_local() => {
            lcd(&local_path(directory))?;
            go(lines, Meaning::At(Directory::HERE), before);
            return Ok(());
        }
        Meaning::At(directory) => {
            lines.lookup.servers.unlock(directory, cancel).await?;
            let held = lines.lookup.servers.held(directory, cancel).await;
            if held.is_ok() {
                known.note_answer(directory, true);
            }
            match held? {
                Held::Directory => known.want(directory.clone()),
                Held::Nothing => {
                    return Err(Failure::new(Kind::Missing, format!("{directory} does not exist"))
                        .hint("check the path"));
                }
                Held::Other => return Err(Failure::usage(format!("{directory} is not a directory"))),
            }
            // Above the directory of the site, only the server knows what its path is.
            if directory.leads_up()
                && let Some(path) = lines.lookup.servers.real(directory, cancel).await?
            {
                meaning = Meaning::At(directory.at_path(path.as_bytes()));
            }
        }
        Meaning::In(partial) => {
            for directory in lines.lookup.find(partial, Purpose::List, cancel).await?.all {
                known.want(directory);
            }
        }
    }
    go(lines, meaning, before);
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
    Ok(wire::show(here.as_os_str().as_encoded_bytes()))
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
async fn where_is(lines: &Lines, names: &[String], json: bool, cancel: &Cancel) -> Result<Status, Failure> {
    let mut status = Status::Done;
    for name in names {
        let operand = lines.lookup.known.lock().scope.operand(name)?;
        let found = match operand {
            Operand::In(partial, _) => lines.lookup.everywhere(&partial, cancel).await.map(|places| {
                let row = |place: &Directory, seen| Row::Found { place: place.to_string(), seen };
                let all = places.all.iter().map(|place| row(place, true));
                all.chain(places.unseen.iter().map(|place| row(place, false))).collect::<Vec<_>>()
            }),
            // A place that is named is asked by whoever uses it.
            Operand::At(..) | Operand::AsTyped => {
                let places = lines.places(name, PlaceUse::There(Purpose::Read), cancel).await;
                places.map(|places| {
                    places.into_iter().map(|place| Row::Found { place, seen: false }).collect::<Vec<_>>()
                })
            }
        };
        match found {
            Ok(rows) => show(rows, json)?,
            Err(failure) if names.len() == 1 => return Err(failure),
            Err(failure) => status = status.and(lines.fail(&failure)),
        }
    }
    Ok(status)
}

fn composites(lines: &Lines) -> Vec<Row> {
    let known = lines.lookup.known.lock();
    let row = |(name, components): (&str, &[Directory])| Row::Composite {
        name: name.to_owned(),
        components: components.iter().map(Directory::to_string).collect(),
    };
    known.scope.composites().map(row).collect()
}

fn add(lines: &Lines, name: &str, places: &[String]) -> Result<(), Failure> {
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
            let what =
                format!("{composite} is a composite directory, and cannot be a component of another one");
            Err(Failure::usage(what))
        }
    }
}

fn help(lines: &Lines) -> Result<(), Failure> {
    let about = |verb: &clap::Command| verb.get_about().map(ToString::to_string).unwrap_or_default();
    let verbs = lines.vocabulary.verbs().into_iter().filter(|verb| !verb.is_hide_set());
    let shown = verbs.map(|verb| format!("{:10} {}\n", verb.get_name(), about(verb)));
    let end = "A line is a verb of ftp-user with its options; help VERB shows them. & at the end runs it in the background.\n";
    print(&shown.chain([end.to_owned()]).collect::<String>())
}

/// Shows the options of a verb.
fn describe(lines: &Lines, verb: &str) -> Result<Status, Failure> {
    let word = crate::shell::Word { text: verb.to_owned(), at: 0, is_noise: false };
    let vocabulary = &lines.vocabulary;
    let verb = vocabulary.find(&word).map_err(|mistake| mistake.failure(verb))?;
    if vocabulary.is_own(verb) {
        // What every verb takes is told by those of the command line.
        let own: Vec<String> = verb.get_subcommands().chain([verb]).map(in_the_shell).collect();
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        print(&format!("{about}\n\n{}", own.concat()))?;
        return Ok(Status::Done);
    }
    let words = ["ftp-user", verb.get_name(), "--help"].map(OsString::from).to_vec();
    Ok(program::read(words).err().unwrap_or(Status::Done))
}

/// Waits for a job, shows what it says, and returns how it ended. An interruption is one of the job.
/// What Ctrl-C ends while somebody waits for a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum OnInterrupt {
    /// The job, which is in the foreground.
    EndJob,
    /// The waiting. The job goes on.
    EndWaiting,
}

async fn wait(
    lines: &mut Lines,
    called: Option<&str>,
    on_interrupt: OnInterrupt,
    cancel: &Cancel,
) -> Result<Status, Failure> {
    let job = lines.jobs.find(called)?;
    let number = job.number;
    let end = job.end();
    tokio::pin!(end);
    let mut is_asked = false;
    let status = loop {
        job.show_said();
        tokio::select! {
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
        status = status.and(wait(lines, Some(&number), OnInterrupt::EndWaiting, cancel).await?);
        if cancel.is_cancelled() {
            return Ok(Status::Failed(Kind::Interrupted));
        }
    }
    Ok(status)
}

/// How a verb of the shell is typed.
fn in_the_shell(verb: &clap::Command) -> String {
    let usage = verb.clone().render_usage().to_string();
    let usage = usage.replace("Usage: ftp-user ", "").replace(" [OPTIONS]", "").replace(" [COMMAND]", "");
    format!("Usage: {usage}\n")
}

/// How often what a job says is shown while somebody waits for it.
const LOOK: std::time::Duration = std::time::Duration::from_millis(100);
