//! `tree`: what directories hold, drawn.

use super::passwords::Passwords;
use super::relays::RelayArgs;
use crate::action::{self, Grouping};
use crate::context::Context;
use crate::failure::Failure;
use crate::job::Status;
use clap::Args;
use std::ffi::OsString;

/// Draw directories on servers and on this host with everything in them
///
/// Directories end in /, symbolic links in @; no link is followed.
#[derive(Args, Debug)]
pub(super) struct TreeArgs {
    /// Directories to draw
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<OsString>,
    #[command(flatten)]
    relays: RelayArgs,
}

/// Runs the verb.
pub(super) async fn run(
    mut context: Context,
    passwords: &Passwords,
    args: TreeArgs,
    grouping: Grouping,
) -> Result<Status, Failure> {
    let places = passwords.locations(&mut context, &args.places).await?;
    args.relays.apply(&mut context).await?;
    Ok(action::draw(&context, &places, grouping).await)
}
