//! `shell`: lines of verbs, typed at a terminal or read from a script. Each verb runs as on the command line.

mod after;
mod background;
mod builtin;
mod carry;
mod described;
mod history;
mod known;
mod lines;
mod lookup;
mod place_use;
mod reader;
mod remote;
mod rows;
mod script;
mod signals;
mod standing;
mod tasks;
mod verbs;

use self::after::After;
use self::background::Jobs;
use self::carry::carry_out;
use self::history::History;
use self::known::Shared;
use self::lines::Lines;
use self::lookup::Lookup;
use self::reader::{Reader, Typed};
use self::remote::Servers;
use self::script::Script;
use self::signals::Signals;
use super::defaults;
use super::shell_args::ShellArgs;
use super::trust::TrustArgs;
use super::{General, print_failure};
use crate::failure::{Failure, Kind};
use crate::job::Status;
use crate::shell::{Meaning, Scope};
use crate::state;
use ftp_io::program::output;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::sync::Arc;

impl General {
    /// Runs the verb. `words` are the arguments of the program.
    pub(super) async fn shell(self, trust: TrustArgs, words: &[OsString], args: ShellArgs) -> Status {
        run((self, trust), words, args).await
    }
}

async fn run((general, trust): (General, TrustArgs), words: &[OsString], args: ShellArgs) -> Status {
    let color = general.color;
    let state = state::directory(general.state.clone());
    let started = Script::of(args.file.as_deref(), io::stdin().is_terminal()).and_then(|script| {
        let settings = defaults::settings(general.config.as_deref())?;
        let signals = Signals::start()?;
        Ok((script, Scope::with(settings.sites.names, settings.composites), signals))
    });
    let (script, scope, signals) = match started {
        Ok(started) => started,
        Err(failure) => return super::status_of(color, Err(failure)),
    };
    let kept = state.clone().filter(|_| script.is_none());
    let (known, wanted) = Shared::new(scope);
    let unread = {
        let mut known = known.lock();
        state::listings::read(kept.clone(), &mut known.cache).err()
    };
    let servers = Servers::new(&general, &trust);
    tokio::spawn(tasks::list_wanted(known.clone(), servers.clone(), wanted));
    let lookup = Lookup { known, servers };
    let (history, why) = History::read(kept.clone());
    let mut lines = Lines {
        general_words: described::general_options(words),
        vocabulary: Arc::new(described::vocabulary()),
        lookup,
        jobs: Jobs::default(),
        history,
        signals,
        general,
        is_script_on_stdin: args.file.as_deref().is_none_or(|file| file == OsStr::new("-"))
            && script.is_some(),
        asked_to_leave: false,
        at: None,
        before: None,
    };
    for why in [why, unread].into_iter().flatten() {
        output::complain("ftp-user", why);
    }
    let status = match script {
        Some(script) => scripted(&mut lines, &script, args.keep_going).await,
        None => typed(&mut lines).await,
    };
    lines.end().await;
    let written = state::listings::write(kept, &mut lines.lookup.known.lock().cache);
    if let Err(why) = written {
        output::complain("ftp-user", format_args!("warning: {why}"));
    }
    status
}

/// Carries out the lines that a person types.
async fn typed(lines: &mut Lines) -> Status {
    let known = lines.lookup.known.clone();
    let earlier = lines.history.lines().to_vec();
    let state = state::directory(lines.general.state.clone());
    let mut reader = match Reader::start(known, Arc::clone(&lines.vocabulary), state, earlier) {
        Ok(reader) => reader,
        Err(error) => return lines.fail(&Failure::of_this_host("cannot read the terminal", &error)),
    };
    loop {
        lines.tell_ended();
        let prompt = prompt(&lines.lookup.known.lock().scope.current.0);
        let mut signals = lines.signals.clone();
        let typed = tokio::select! {
            () = signals.end() => {
                reader.give_back();
                return Status::Failed(Kind::Interrupted);
            }
            typed = reader.line(prompt) => typed,
        };
        let line = match typed {
            Typed::Line(line) => line,
            Typed::Interrupted => continue,
            Typed::End if lines.may_leave() => return Status::Done,
            Typed::End => continue,
            Typed::Failed(why) => {
                return lines.fail(&Failure::new(Kind::Other, "cannot read the terminal").said(why));
            }
        };
        let line = line.trim_end();
        if lines.remember(line) {
            reader.keep(line.to_owned());
        }
        lines.signals.forget();
        match carry_out(lines, line).await {
            After::Leave if lines.may_leave() => return Status::Done,
            After::Leave | After::Ended(_) | After::Unread(_) => {}
            After::Mistake(failure) => print_failure(&failure, super::colored(lines.general.color)),
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
        Status::Partly => failures.push(Status::Partly),
        failed @ Status::Failed(_) => failures.push(failed),
    };
    for (number, line) in script.lines() {
        lines.at = Some(format!("{}:{number}", script.name));
        let status = match carry_out(lines, line).await {
            After::Leave => break,
            After::Ended(status) => status,
            After::Unread(status) => {
                note(status);
                script.tell_failed(number, status);
                break;
            }
            After::Mistake(failure) => {
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
        let is_over = is_interrupted || lines.signals.is_end();
        if is_over || (status != Status::Done && !keeps_going) {
            break;
        }
    }
    note(lines.wait_for_all().await);
    match failures.as_slice() {
        [] => Status::Done,
        [one] if !keeps_going => *one,
        several => script::together(succeeded, several),
    }
}

/// What stands before the cursor: where names are relative to.
fn prompt(current: &Meaning) -> String {
    match current {
        Meaning::At(directory) if directory.is_local() => "ftp-user> ".to_owned(),
        Meaning::At(_) | Meaning::In(_) => format!("{}> ", current.shown()),
    }
}
