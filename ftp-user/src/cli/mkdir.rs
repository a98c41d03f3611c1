//! `mkdir`: directories on servers and on this host are made.

use super::passwords::Passwords;
use super::relays::RelayArgs;
use crate::action::make_directories;
use crate::context::Context;
use crate::failure::Failure;
use crate::job::Status;
use crate::place::Location;
use clap::Args;
use std::ffi::OsString;

/// Make directories on servers and on this host
#[derive(Args, Debug)]
pub(super) struct MkdirArgs {
    /// Directories to make
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<OsString>,
    /// Make those above them too; a directory that is there is no failure
    #[arg(short, long)]
    parents: bool,
    /// Print what would be made; nothing is changed
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    relays: RelayArgs,
}

/// Runs the verb.
pub(super) async fn run(
    mut context: Context,
    passwords: &Passwords,
    args: MkdirArgs,
) -> Result<Status, Failure> {
    let places = passwords.locations(&mut context, &args.places).await?;
    args.relays.apply(&mut context).await?;
    // A new directory has no name that exists: nothing in it is a pattern.
    let places: Vec<Location> = places.into_iter().map(Location::literal).collect();
    Ok(make_directories(&context, &places, args.parents, args.dry_run).await)
}
