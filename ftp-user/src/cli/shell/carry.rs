//! Carries lines out, one after the other.

use super::builtin;
use super::lines::Lines;
use crate::context::Cancel;
use crate::failure::{Failure, Kind};
use crate::job::Status;
use crate::shell::{Command, split};
use std::sync::Arc;

/// What follows a line.
#[derive(Debug)]
pub(super) enum After {
    /// It was carried out.
    Ended(Status),
    /// It cannot be carried out, and nobody has said so yet.
    Mistake(Failure),
    /// The shell is to be left.
    Leave,
}

/// Carries out a line. An interruption ends it, a second one gives it up; neither ends the shell.
pub(super) async fn carry_out(lines: &mut Lines, line: &str) -> After {
    let vocabulary = Arc::clone(&lines.vocabulary);
    let command = match split(line).and_then(|words| Command::read(words, &vocabulary)) {
        Ok(Some(command)) => command,
        Ok(None) => return After::Ended(Status::Done),
        Err(mistake) => return After::Mistake(mistake.failure(line)),
    };
    if command.verb.name != "quit" {
        lines.asked_to_leave = false;
    }
    lines.signals.forget();
    let mut signals = lines.signals.clone();
    let (stop, cancel) = Cancel::new();
    let mut work = Box::pin(command_of(lines, &command, cancel));
    let mut times = 0;
    loop {
        tokio::select! {
            after = &mut work => return after,
            heard = signals.next() => {
                times += 1;
                let _ = stop.send(true);
                if times > 1 && !heard.is_end {
                    return After::Ended(Status::Failed(Kind::Interrupted));
                }
            }
        }
    }
}

async fn command_of(lines: &mut Lines, command: &Command<'_>, cancel: Cancel) -> After {
    let arguments: Vec<String> = command.arguments.iter().map(|word| word.text.clone()).collect();
    if command.verb.name == "quit" {
        // A script that says `exit 3` wants what a script has not: its status is that of its lines.
        return match arguments.as_slice() {
            [] => After::Leave,
            [_, ..] => After::Mistake(
                Failure::usage("quit takes no words: quit")
                    .hint("a script ends with the exit code of the line that fails"),
            ),
        };
    }
    if command.verb.is_own {
        if command.is_background {
            let what = format!("{} is done by the shell itself", command.verb.name);
            return After::Mistake(Failure::usage(what).hint("leave out &"));
        }
        return match Box::pin(builtin::run(lines, command.verb, &arguments, &cancel)).await {
            Ok(status) => After::Ended(status),
            Err(failure) => After::Mistake(failure),
        };
    }
    let arguments = match lines.resolved(command.verb, arguments, &cancel).await {
        Ok(arguments) => arguments,
        Err(failure) => return After::Mistake(failure),
    };
    if command.is_background {
        return match lines.start(command.verb, &arguments) {
            Ok(()) => After::Ended(Status::Done),
            Err(failure) => After::Mistake(failure),
        };
    }
    After::Ended(lines.verb(command.verb, &arguments, cancel).await)
}
