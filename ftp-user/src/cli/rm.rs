//! `rm`: files and trees on servers and on this host are deleted.

use super::passwords::Passwords;
use super::relays::RelayArgs;
use crate::action::{Remove, remove};
use crate::context::Context;
use crate::failure::Failure;
use crate::job::Status;
use clap::Args;
use std::ffi::OsString;

/// Delete files, and with -r directories, on servers and on this host
///
/// rm -r finds everything first, tells how much it is and asks; without a terminal it wants --yes. A symbolic link is
/// deleted itself, never what it leads to. The root of a server and a login directory are never deleted: name what is in
/// them. *, ? and [...] in the last name of a URL match names at its server; %2A, %3F and %5B stand for the characters.
#[derive(Args, Debug)]
pub(super) struct RmArgs {
    /// What to delete
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<OsString>,
    /// Delete directories with everything in them
    #[arg(short, long, visible_short_alias = 'R')]
    recursive: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Print what would be deleted; nothing is changed
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    relays: RelayArgs,
}

/// Runs the verb.
pub(super) async fn run(
    mut context: Context,
    passwords: &Passwords,
    args: RmArgs,
) -> Result<Status, Failure> {
    let places = passwords.locations(&mut context, &args.places).await?;
    args.relays.apply(&mut context).await?;
    let asked = Remove { places, recursive: args.recursive, asks: !args.yes, dry_run: args.dry_run };
    Ok(remove(&context, &asked).await)
}
