//! A script: lines of a file or of standard input.

use super::super::exit;
use crate::failure::{Failure, Kind};
use crate::job::Status;
use ftp_io::program::output;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Lines to be carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Script {
    /// What messages call it.
    pub(super) name: String,
    text: String,
}

impl Script {
    /// The script of this file; `-`, or no file where no terminal is standard input, is standard input. `None` if a person types.
    ///
    /// # Errors
    ///
    /// It cannot be read, is too large, or is not UTF-8.
    pub(super) fn of(file: Option<&OsStr>, is_terminal: bool) -> Result<Option<Self>, Failure> {
        let is_stdin = file.is_some_and(|file| file == "-") || (file.is_none() && !is_terminal);
        let (name, read) = match file {
            Some(file) if !is_stdin => {
                let path = Path::new(file);
                (path.display().to_string(), File::open(path).and_then(bounded))
            }
            Some(_) | None if is_stdin => ("standard input".to_owned(), bounded(io::stdin().lock())),
            Some(_) | None => return Ok(None),
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

    /// Its lines with their numbers.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Says which line has failed, if there are several: the verb has said why.
    pub(super) fn tell_failed(&self, number: usize, status: Status) {
        let lines = self.text.lines().filter(|line| !line.trim().is_empty()).count();
        if lines > 1 {
            let code = exit::number(status);
            output::complain(
                "ftp-user",
                format_args!("{}:{number}: this line has failed with status {code}", self.name),
            );
        }
    }
}

/// The status of a script that has gone on after failures.
pub(super) fn together(succeeded: u64, failures: &[Status]) -> Status {
    let kind = |status: &Status| match status {
        Status::Failed(kind) => Some(*kind),
        Status::Done | Status::Partly => None,
    };
    let kinds: Vec<Kind> = failures.iter().filter_map(kind).collect();
    match kinds.len() == failures.len() {
        true => Status::of_many(succeeded, &kinds),
        false => Status::Partly,
    }
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
