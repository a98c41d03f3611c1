//! `mv`: files and directories get other names on one host.

use super::passwords::Passwords;
use super::relays::RelayArgs;
use crate::action::rename;
use crate::context::Context;
use crate::failure::Failure;
use crate::job::Status;
use clap::Args;
use std::ffi::OsString;

/// Rename files and directories on one server, or on this host
///
/// An existing directory receives SOURCE under its last name; several SOURCEs need a directory. Nothing that exists is
/// replaced. *, ? and [...] in the last name of a URL that is a SOURCE match names at its server.
#[derive(Args, Debug)]
#[command(override_usage = "ftp-user mv [OPTIONS] <SOURCE>... <DEST>")]
pub(super) struct MvArgs {
    /// What to rename, then its new name or a directory
    #[arg(required = true, num_args = 2.., value_names = ["SOURCE", "DEST"])]
    places: Vec<OsString>,
    /// Print what would be renamed; nothing is changed
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    relays: RelayArgs,
}

/// Runs the verb.
pub(super) async fn run(
    mut context: Context,
    passwords: &Passwords,
    args: MvArgs,
) -> Result<Status, Failure> {
    let mut sources = passwords.locations(&mut context, &args.places).await?;
    args.relays.apply(&mut context).await?;
    let Some(destination) = sources.pop() else {
        return Err(Failure::usage("mv needs a SOURCE and a DEST"));
    };
    Ok(rename(&context, &sources, &destination.literal(), args.dry_run).await)
}
