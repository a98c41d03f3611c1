//! `check-config`: every mistake of a configuration file, whether its options fit together, and whether what it
//! names is there.

use std::ffi::OsString;
use std::path::Path;

use anyhow::anyhow;
use ftp_io::os_error::words;
use ftp_io::program::{args, output, privileges};

use super::args::{Cli, parse};
use super::exit::{Exit, PROGRAM};
use crate::config::{Config, File, Options};

/// Checks the configuration file `path` as a start with it would, as the user of `run-as` if this process may
/// become that user. Warnings go to standard error. What the file `against` has and this one has not is a mistake.
///
/// # Errors
/// A line for each mistake.
pub fn check(path: &Path, against: Option<&Path>) -> Result<(), Exit> {
    let read = || -> Result<(Config, File), Exit> {
        let file = File::read(path).map_err(|mistakes| Exit::Checked(mistakes.lines().collect()))?;
        let words = std::iter::once(OsString::from("ftp-server")).chain(file.words(&Default::default()));
        let cli = args::parse::<Cli>(words).map_err(Exit::Rejected)?;
        let config = compile(*cli.options, &file).map_err(Exit::Checked)?;
        Ok((config, file))
    };
    let (config, file) = read()?;
    // Before the rights of root are given up.
    let old = against.map(File::read).transpose();
    let old = old.map_err(|mistakes| Exit::Checked(mistakes.lines().collect()))?;
    let found = if let Some(user) = config.run_as.clone()
        && privileges::is_root()
        && privileges::may_run_as(&user).is_ok()
    {
        become_user(&user)?;
        read().and_then(|(config, file)| inspect(&config, &file)).map_err(|exit| exit.as_user(&user))
    } else {
        inspect(&config, &file)
    };
    found?.iter().for_each(|warning| output::complain(PROGRAM, format_args!("warning: {warning}")));
    let Some(old) = old else { return Ok(()) };
    let lost = file.lost_since(&old);
    if lost.is_empty() { Ok(()) } else { Err(Exit::Checked(lost)) }
}

/// Gives root up.
///
/// # Errors
/// This process cannot go on as `user`.
pub fn become_user(user: &str) -> Result<(), Exit> {
    let failed = |error| anyhow!("cannot go on as the user {user:?} of run-as: {}", words(&error));
    Ok(privileges::run_as(user).map_err(failed)?)
}

/// Looks at everything that the configuration names. Returns a line for each warning.
///
/// # Errors
/// A line for each mistake.
pub fn inspect(config: &Config, file: &File) -> Result<Vec<String>, Exit> {
    let found = config.inspect();
    if found.errors.is_empty() {
        return Ok(found.warnings.iter().map(|warning| file.warned(warning)).collect());
    }
    Err(Exit::Checked(found.errors.iter().flat_map(|error| file.located(error)).collect()))
}

/// What the command line and the file that it names mean now.
///
/// # Errors
/// A line for each mistake.
pub fn again(arguments: &[OsString]) -> Result<(Config, File), Vec<String>> {
    let (cli, file) = parse(arguments.to_vec()).map_err(Exit::into_lines)?;
    Ok((compile(*cli.options, &file)?, file))
}

/// What the options mean together with the file.
///
/// # Errors
/// A line for each mistake, with its place if it is about an option of the file.
pub fn compile(options: Options, file: &File) -> Result<Config, Vec<String>> {
    Config::compile(options, file)
        .map_err(|errors| errors.iter().flat_map(|error| file.located(error)).collect())
}
