//! `append`: one file to the end of another, across servers (RFC 438's own example).

use super::common::{TransferArgs, spots};
use super::copy::refuse_itself;
use crate::check::{Overwrite, Verify};
use crate::context::Context;
use crate::control::Role;
use crate::endpoint::Pools;
use crate::failure::Failure;
use crate::job::tree::{Tally, say};
use crate::job::{self, Item, Options, Status};
use crate::place::Place;
use crate::route::Ends;
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
pub(super) async fn run(mut context: Context, args: AppendArgs) -> Status {
    let start = context.clock.now();
    let mut tally = Tally::new("append", args.transfer.deed().is_dry());
    match prepare(&mut context, args) {
        Ok((mut ends, item, options)) => {
            let (source, dest) = item.names(&ends);
            tally.protect(ends.source.is_secured() && ends.destination.is_secured());
            match job::append(&context, &mut ends, &item, options).await {
                Ok(done) => {
                    tally.done(&done);
                    if !options.deed.is_dry() {
                        say(&context, source, dest, done);
                    }
                }
                Err(failure) => tally.failed(source, dest, failure),
            }
            ends.quit(&context).await;
        }
        Err(failure) => tally.failed(String::new(), String::new(), failure),
    }
    tally.tell(&context.events, context.clock.now().since(start))
}

/// What can be refused before anything is sent to anybody.
fn prepare(context: &mut Context, args: AppendArgs) -> Result<(Ends, Item, Options), Failure> {
    let options = args.transfer.options(Overwrite::Always)?;
    if options.verify == Verify::Hash {
        return Err(job::hash_is_impossible());
    }
    let mut places = spots(&[args.source, args.dest])?;
    let (Some(dest), Some(source)) = (places.pop(), places.pop()) else {
        return Err(Failure::usage("append needs a SOURCE and a DEST"));
    };
    if let (Place::Local(_), Place::Local(_)) = (&source.place, &dest.place) {
        return Err(
            Failure::usage("both places are on this host").hint("use cat, or name a server with ftp://")
        );
    }
    refuse_itself(&source, &dest)?;
    for spot in [&source, &dest] {
        if spot.contents {
            return Err(
                Failure::usage(format!("{} is a directory", spot.place)).hint("append takes two files")
            );
        }
    }
    context.clear_data = args.transfer.allow_clear_data;
    context.relays = args.transfer.relays(&context.relays, &[&source, &dest])?;
    let pools = Pools::default();
    let ends = Ends::new(source.host(Role::Source, &pools), dest.host(Role::Destination, &pools));
    Ok((ends, Item { source: source.path, destination: dest.path, known: None }, options))
}
