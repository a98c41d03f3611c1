//! Carries lines out, one after the other.

use super::super::program;
use super::after::After;
use super::builtin;
use super::lines::{Lines, with_default};
use crate::context::Cancel;
use crate::failure::{Failure, Kind};
use crate::job::Status;
use crate::shell::{Command, split};
use std::sync::Arc;

/// Carries out a line. An interruption ends it, a second one gives it up; neither ends the shell.
pub(super) async fn carry_out(lines: &mut Lines, line: &str) -> After {
    let vocabulary = Arc::clone(&lines.vocabulary);
    let command = match split(line).and_then(|words| Command::read(words, &vocabulary)) {
        Ok(Some(command)) => command,
        Ok(None) => return After::Ended(Status::Done),
        Err(mistake) => return After::Mistake(mistake.failure(line)),
    };
    let mut signals = lines.signals.clone();
    let (stop, cancel) = Cancel::new();
    let mut work = Box::pin(command_of(lines, &command, cancel));
    let mut times = 0;
    let after = loop {
        tokio::select! {
            after = &mut work => break after,
            heard = signals.next() => {
                times += 1;
                let _ = stop.send(true);
                if times > 1 && !heard.is_end {
                    break After::Ended(Status::Failed(Kind::Interrupted));
                }
            }
        }
    };
    drop(work);
    if !matches!(after, After::Leave) {
        lines.asked_to_leave = false;
    }
    after
}

async fn command_of(lines: &mut Lines, command: &Command<'_>, cancel: Cancel) -> After {
    let arguments: Vec<String> = command.arguments.iter().map(|word| word.text.clone()).collect();
    if lines.vocabulary.is_own(command.verb) {
        if command.is_background {
            let what = format!("{} is done by the shell itself", command.verb.get_name());
            return After::Mistake(Failure::usage(what).hint("leave out &"));
        }
        let words = lines.words(command.verb, &arguments);
        let called = command.verb.get_name();
        return Box::pin(builtin::run(lines, called, words, &cancel)).await.unwrap_or_else(After::Mistake);
    }
    let arguments = with_default(command.verb, arguments);
    // What is wrong with the line is told before anybody looks for its places.
    let read = match program::read(lines.words(command.verb, &arguments)) {
        Ok(read) => read,
        Err(status) => return After::Ended(status),
    };
    let arguments = match lines.resolved(command.verb, &read, arguments, &cancel).await {
        Ok(arguments) => arguments,
        Err(failure) => return After::Ended(lines.fail(&failure)),
    };
    if command.is_background {
        return match lines.start(command.verb, &arguments.words) {
            Ok(()) => After::Ended(Status::Done),
            Err(failure) => After::Ended(lines.fail(&failure)),
        };
    }
    After::Ended(lines.verb(command.verb, &arguments, cancel).await)
}
