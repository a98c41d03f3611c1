//! `shell`: lines of verbs, typed at a terminal or read from a script. Each verb runs as on the command line.

mod carry;
mod jobs;
mod known;
mod lines;
mod lookup;
mod reader;
mod verbs;

use self::carry::{AfterLine, carry_out};
use self::jobs::Jobs;
use self::known::{Servers, SharedKnowledge, list_wanted};
use self::lines::Lines;
use self::lookup::Lookup;
use self::reader::{History, Reader, Signals};
use super::job_options::absolute;
use super::outputs::complain;
use super::{General, exit, program};
use crate::failure::{Failure, Kind, Result};
use crate::job::Status;
use crate::shell::{Meaning, Scope};
use crate::state;
use clap::Args;
use rustyline::error::ReadlineError;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::sync::Arc;

/// Type verbs line by line, with names that are relative to a directory of a site, and completion
///
/// A line is a verb of ftp-user with its options. cd [SITE]path goes to a directory; []path is on this host. A verb may be
/// short (APP for append), and words such as (FILE) and (TO FILE) make no difference. help lists what only the shell knows.
#[derive(Args, Clone, Debug)]
pub(super) struct ShellArgs {
    /// Carry out the lines of a file (- is standard input), and stop at the first that fails
    #[arg(short, long, value_name = "FILE")]
    pub(super) file: Option<OsString>,
    /// Go on with the next line if one fails
    #[arg(long)]
    pub(super) keep_going: bool,
}

/// Runs the verb. `words` are the arguments of the program.
pub(super) async fn run(general: General, words: &[OsString], args: ShellArgs) -> Status {
    // The shell may go to another directory.
    let mut general = general.absolute();
    let mut general_words = verbs::general_options(words);
    if let Some(state) = general.state_directory().filter(|state| state.is_relative()) {
        general.state = absolute(Some(&state));
        general_words.extend(general.state.iter().flat_map(|state| ["--state".into(), state.into()]));
    }
    general.set_options_in_messages();
    match start(general.clone(), general_words, &args) {
        Ok((lines, script)) => carry_out_all(lines, script, args.keep_going).await,
        Err(failure) => general.status_of(Err(failure), false),
    }
}

/// What lines are carried out with at the beginning, and the script, if no person types.
fn start(
    general: General,
    general_words: Vec<OsString>,
    args: &ShellArgs,
) -> Result<(Lines, Option<Script>)> {
    let script = Script::of(args.file.as_deref(), io::stdin().is_terminal())?;
    let settings = program::settings(general.job.config.as_deref())?;
    let signals = Signals::start()?;
    let (sites, composites) = (settings.sites, settings.composites);
    let (known, wanted) = SharedKnowledge::new(Scope { sites, composites, ..Scope::default() });
    let kept = state::directory(general.state.clone()).filter(|_| script.is_none());
    let unread = state::listings::read(kept.clone(), &mut known.lock().cache).err();
    let (history, why) = History::read(kept);
    for why in [why, unread].into_iter().flatten() {
        complain(why);
    }
    let servers = Servers::new(&general);
    tokio::spawn(list_wanted(known.clone(), servers.clone(), wanted));
    let is_stdin = args.file.as_deref().is_none_or(|file| file == OsStr::new("-"));
    let lines = Lines {
        general_words,
        vocabulary: Arc::new(verbs::vocabulary()),
        lookup: Lookup { known, servers },
        jobs: Jobs::default(),
        history,
        signals,
        general,
        is_script_on_stdin: is_stdin && script.is_some(),
        asked_to_leave: false,
        background: Status::Done,
        at: None,
        before: None,
    };
    Ok((lines, script))
}

async fn carry_out_all(mut lines: Lines, script: Option<Script>, keeps_going: bool) -> Status {
    let kept = state::directory(lines.general.state.clone()).filter(|_| script.is_none());
    let status = match script {
        Some(script) => scripted(&mut lines, &script, keeps_going).await,
        None => typed(&mut lines).await,
    };
    let status = status.and(lines.end().await);
    if let Err(why) = state::listings::write(kept, &mut lines.lookup.known.lock().cache) {
        complain(format_args!("warning: {why}"));
    }
    status
}

/// Carries out the lines that a person types.
async fn typed(lines: &mut Lines) -> Status {
    let known = lines.lookup.known.clone();
    let earlier = lines.history.lines.clone();
    let state = state::directory(lines.general.state.clone());
    let unreadable =
        |why: &ReadlineError| Failure::new(Kind::Other, "cannot read the terminal").said(why.to_string());
    let mut reader = match Reader::start(known, Arc::clone(&lines.vocabulary), state, earlier) {
        Ok(reader) => reader,
        Err(why) => return lines.fail(&unreadable(&why)),
    };
    loop {
        lines.jobs.show_ended(None);
        let prompt = prompt(&lines.lookup.known.lock().scope.current);
        let mut signals = lines.signals.clone();
        let typed = tokio::select! {
            biased;
            () = signals.end() => {
                reader.give_back();
                return Status::Failed(Kind::Interrupted);
            }
            typed = reader.line(prompt) => typed,
        };
        let line = match typed {
            Ok(line) => line,
            Err(ReadlineError::Eof) if lines.may_leave() => return Status::Done,
            Err(ReadlineError::Interrupted | ReadlineError::Eof) => continue,
            Err(why) => return lines.fail(&unreadable(&why)),
        };
        let line = line.trim_end();
        if lines.remember(line) {
            reader.keep(line.to_owned());
        }
        lines.signals.forget();
        match carry_out(lines, line).await {
            AfterLine::Leave if lines.may_leave() => return Status::Done,
            AfterLine::Leave | AfterLine::Next(_) | AfterLine::Unread(_) => {}
            AfterLine::Mistake(failure) => drop(lines.fail(&failure)),
        }
        if lines.signals.is_end() {
            return Status::Failed(Kind::Interrupted);
        }
    }
}

/// Carries out the lines of a script. Jobs in the background are waited for.
async fn scripted(lines: &mut Lines, script: &Script, keeps_going: bool) -> Status {
    let (mut succeeded, mut failures) = (0, Vec::new());
    let mut note = |status: Status| match status {
        Status::Done => succeeded += 1,
        failed @ (Status::Partly | Status::Failed(_)) => failures.push(failed),
    };
    for (number, line) in (1..).zip(script.text.lines()) {
        lines.at = Some(format!("{}:{number}", script.name));
        let after = carry_out(lines, line).await;
        let is_unread = matches!(after, AfterLine::Unread(_));
        let status = match after {
            AfterLine::Leave => break,
            AfterLine::Next(status) | AfterLine::Unread(status) => status,
            AfterLine::Mistake(failure) => {
                note(Status::Failed(failure.kind));
                lines.fail(&failure.during(format_args!("{}:{number}", script.name)));
                break;
            }
        };
        note(status);
        if status != Status::Done {
            script.tell_failed(number, status);
        }
        let is_interrupted = status == Status::Failed(Kind::Interrupted);
        if is_interrupted {
            // Who interrupts a script means all of it.
            lines.jobs.interrupt();
        }
        let is_over = is_interrupted || is_unread || lines.signals.is_end();
        if is_over || (status != Status::Done && !keeps_going) {
            break;
        }
    }
    // Waiting is a success of no line.
    let waited = lines.wait_for_all().await;
    if waited != Status::Done {
        note(waited);
    }
    match failures.as_slice() {
        [] => Status::Done,
        [one] if !keeps_going => *one,
        several => together(succeeded, several),
    }
}

/// What stands before the cursor: where names are relative to.
fn prompt(current: &Meaning) -> String {
    match current {
        Meaning::At(directory) if directory.is_local() => "ftp-user> ".to_owned(),
        Meaning::At(_) | Meaning::In(_) => format!("{current}> "),
    }
}

/// Lines to be carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Script {
    /// What messages call it.
    name: String,
    text: String,
}

impl Script {
    /// The script of this file; `-`, or no file where no terminal is standard input, is standard input. `None` if a person types.
    fn of(file: Option<&OsStr>, is_terminal: bool) -> Result<Option<Self>> {
        let (name, read) = match file.filter(|file| *file != "-") {
            Some(file) => {
                let path = Path::new(file);
                (path.display().to_string(), File::open(path).and_then(bounded))
            }
            None if file.is_none() && is_terminal => return Ok(None),
            None => ("standard input".to_owned(), bounded(io::stdin().lock())),
        };
        let bytes = read.map_err(|error| {
            let failure = Failure::of_this_host(format!("cannot read the script {name}"), &error);
            failure.as_kind(Kind::Usage)
        })?;
        if bytes.len() > LARGEST {
            return Err(Failure::usage(format!("the script {name} is larger than 1 MiB")));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::usage(format!("cannot read the script {name}: it is not UTF-8")))?;
        Ok(Some(Self { name, text }))
    }

    /// Says which line has failed, if there are several: the verb has said why.
    fn tell_failed(&self, number: usize, status: Status) {
        let lines = self.text.lines().filter(|line| !line.trim().is_empty()).count();
        if lines > 1 {
            let code = exit::number(status);
            complain(format_args!("{}:{number}: this line has failed with status {code}", self.name));
        }
    }
}

/// The status of a script that has gone on after failures.
fn together(succeeded: u64, failures: &[Status]) -> Status {
    let kind = |status: &Status| match status {
        Status::Failed(kind) => Some(*kind),
        Status::Done | Status::Partly => None,
    };
    let kinds: Option<Vec<Kind>> = failures.iter().map(kind).collect();
    kinds.map_or(Status::Partly, |kinds| Status::of_many(succeeded, &kinds))
}

fn bounded(file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The size of the largest script, in bytes.
const LARGEST: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_goes_on_has_the_status_of_all_its_lines() {
        let failed = |kind| Status::Failed(kind);
        for (succeeded, failures, expect) in [
            (0, vec![failed(Kind::Missing)], failed(Kind::Missing)),
            (1, vec![failed(Kind::Missing)], Status::Partly),
            (0, vec![failed(Kind::Missing), failed(Kind::Refused)], failed(Kind::Other)),
            (0, vec![Status::Partly], Status::Partly),
        ] {
            assert_eq!(together(succeeded, &failures), expect, "{failures:?}");
        }
    }
}
