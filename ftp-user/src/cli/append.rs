//! `append`: one file to the end of another, across servers (RFC 438's own example).

use super::Exit;
use super::common::{TransferArgs, spots};
use super::copy::refuse_itself;
use crate::app::App;
use crate::control::Role;
use crate::place::Place;
use crate::problem::Problem;
use crate::transfer::{self, Ends, Item, Options, Overwrite, Verify};
use crate::tree::{Tally, say};
use clap::Args;
use std::ffi::OsString;

/// Append a file to another, in place
///
/// It is verified by old size + source size. After a failure it reports both sizes, and tries again
/// only if the destination is as long as before.
#[derive(Args, Debug)]
pub(super) struct AppendArgs {
    /// The file to append
    source: OsString,
    /// The file that becomes longer; it is made if it is not there
    dest: OsString,
    #[command(flatten)]
    transfer: TransferArgs,
}

/// Runs it.
pub(super) async fn run(mut app: App, args: AppendArgs) -> Exit {
    let start = app.clock.now();
    let mut tally = Tally::new("append", args.transfer.deed().is_dry());
    match prepare(&mut app, args) {
        Ok((mut ends, item, options)) => {
            let (source, dest) = ends.names(&item);
            tally.protect(ends.source.is_secured() && ends.destination.is_secured());
            match transfer::append(&app, &mut ends, &item, options).await {
                Ok(done) => {
                    tally.done(&done);
                    if !options.deed.is_dry() {
                        say(&app, source, dest, done);
                    }
                }
                Err(problem) => tally.failed(source, dest, problem),
            }
            ends.quit(&app).await;
        }
        Err(problem) => tally.failed(String::new(), String::new(), problem),
    }
    tally.tell(&app.events, app.clock.now().since(start))
}

/// What can be refused before anything is sent to anybody.
fn prepare(app: &mut App, args: AppendArgs) -> Result<(Ends, Item, Options), Problem> {
    let options = args.transfer.options(Overwrite::Always)?;
    if options.verify == Verify::Hash {
        return Err(transfer::hash_is_impossible());
    }
    let mut places = spots(&[args.source, args.dest])?;
    let (Some(dest), Some(source)) = (places.pop(), places.pop()) else {
        return Err(Problem::usage("append needs a SOURCE and a DEST"));
    };
    if let (Place::Local(_), Place::Local(_)) = (&source.place, &dest.place) {
        return Err(
            Problem::usage("both places are on this host").advice("use cat, or name a server with ftp://")
        );
    }
    refuse_itself(&source, &dest)?;
    for spot in [&source, &dest] {
        if spot.contents {
            return Err(
                Problem::usage(format!("{} is a directory", spot.place)).advice("append takes two files")
            );
        }
    }
    app.clear_data = args.transfer.allow_clear_data;
    app.relays = args.transfer.relays(&app.relays, &[&source, &dest])?;
    let ends = Ends::new(source.host(Role::Source), dest.host(Role::Destination));
    Ok((ends, Item { source: source.path, destination: dest.path, known: None }, options))
}
