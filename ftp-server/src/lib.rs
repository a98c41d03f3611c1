//! An FTP server whose transfers go safely from server to server.
//!
//! | folder | what |
//! |---|---|
//! | [`cli`] | the command line, exit codes, the log |
//! | [`listen`] | the listeners and their accept loops |
//! | [`session`] | the task that drives the machine of one control connection |
//! | [`data`] | files and listings on a data connection |
//! | [`config`] | the options as typed, and what they mean |
//! | [`operate`] | what the operator does to a running server, and sees of it |
//! | [`auth`] | who may log in |
//! | [`limits`] | what sessions share, and how much one client gets |
//! | [`vfs`] | the files beneath a root that no path leads out of |
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

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use ftp_io::program::completion::KnownValues;

use crate::cli::{Cli, Exit, Verb};
use crate::config::File;
use crate::operate::live::Request;

/// The whole program.
pub fn run() -> ExitCode {
    // Secrets leave the argument list before anything else happens.
    let arguments = cli::arguments();
    cli::exit(cli::parse(arguments.clone()).and_then(|parsed| start(parsed, &arguments)))
}

fn start((Cli { verb, options, .. }, file): (Cli, File), arguments: &[OsString]) -> Result<(), Exit> {
    const CANNOT_PRINT: &str = "cannot write to standard output";
    match verb {
        Some(Verb::Completions(asked)) => Ok(asked
            .print(Cli::command(), |_, _| |_: &str, _: &str| KnownValues::default())
            .context(CANNOT_PRINT)?),
        Some(Verb::Man(asked)) => cli::pages::print(asked),
        Some(Verb::CheckConfig { file, against }) => cli::verbs::check(&file, against.as_deref()),
        Some(Verb::Who { state }) => Ok(cli::verbs::ask(state, Request::Who)?),
        Some(Verb::Kick { id, state }) => Ok(cli::verbs::ask(state, Request::Kick(id))?),
        Some(Verb::HashPassword) => Ok(cli::verbs::print_hash()?),
        None => {
            let config = cli::verbs::compile(*options, &file).map_err(Exit::Config)?;
            cli::serve::serve(config, &file, &|| cli::verbs::again(arguments))
        }
    }
}
