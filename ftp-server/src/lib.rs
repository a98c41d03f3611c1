//! An FTP server whose transfers go safely from server to server.
//!
//! | folder | what |
//! |---|---|
//! | [`cli`] | the command line, exit codes, the log |
//! | [`listen`] | the listeners and their accept loops |
//! | [`session`] | the task that drives the machine of one control connection |
//! | [`data`] | files and listings on a data connection |
//! | [`config`] | the options as typed, and what they mean |
//! | [`operate`] | how the server is stopped |
//! | [`limits`] | what sessions share, and how much one client gets |
//! | [`auth`] | who may log in |
//! | [`vfs`] | the files, beneath a root that nobody leaves |
//!
//! Each folder uses only folders below it in this table.

pub mod auth;
pub mod cli;
pub mod config;
pub mod data;
pub mod limits;
pub mod listen;
pub mod operate;
pub mod session;
pub mod vfs;

use std::process::ExitCode;

use cli::{Cli, Exit, Verb};
use config::Config;

/// The whole program.
pub fn run() -> ExitCode {
    // Secrets leave the argument list before anything else happens.
    let arguments = cli::secret::arguments(std::env::args_os());
    cli::exit(match cli::parse(arguments) {
        Err(exit) => Err(exit),
        Ok(Cli { verb: Some(Verb::Completions { shell }), .. }) => cli::print::completions(shell),
        Ok(Cli { verb: Some(Verb::Man), .. }) => cli::print::man(),
        Ok(Cli { verb: None, options }) => Config::compile(*options).map_err(Exit::from).and_then(serve),
    })
}

fn serve(config: Config) -> Result<(), Exit> {
    let _log = cli::log::start(&config.log);
    cli::serve::raise_descriptor_limit();
    let runtime = cli::serve::runtime()?;
    let served = runtime.block_on(cli::serve::until_stopped(config));
    runtime.shutdown_timeout(cli::serve::AT_LAST);
    served
}
