//! `check-config`: every mistake of a configuration file, and whether its options fit together.

use std::ffi::OsString;
use std::path::Path;

use ftp_io::program::args;

use super::args::{Cli, parse};
use super::exit::Exit;
use crate::config::{Config, ConfigError, File, Options};

/// Checks the configuration file `path` as a start with it would.
///
/// # Errors
/// A line for each mistake.
pub fn check(path: &Path) -> Result<(), Exit> {
    let file = File::read(path).map_err(|mistakes| Exit::Checked(mistakes.lines().collect()))?;
    let words = std::iter::once(OsString::from("ftp-server")).chain(file.words(&Default::default()));
    let cli = args::parse::<Cli>(words).map_err(Exit::Rejected)?;
    compile(*cli.options, &file).map(drop).map_err(Exit::Checked)
}

/// What the command line and the file that it names mean now.
///
/// # Errors
/// A line for each mistake.
pub fn again(arguments: &[OsString]) -> Result<Config, Vec<String>> {
    let (cli, file) = parse(arguments.to_vec()).map_err(|exit| match exit {
        Exit::Config(mistakes) | Exit::Checked(mistakes) => mistakes,
        Exit::Failed(error) => vec![error.to_string()],
        Exit::Rejected(_) => vec!["the options contradict each other".to_owned()],
    })?;
    compile(*cli.options, &file)
}

/// What the options mean together with the file.
///
/// # Errors
/// A line for each mistake, with its place if it is about an option of the file.
pub fn compile(options: Options, file: &File) -> Result<Config, Vec<String>> {
    let located = |error: &ConfigError| file.located(error.option(), &error.to_string());
    Config::compile(options, file).map_err(|errors| errors.iter().map(located).collect())
}
