//! `append`: one file to the end of another, across servers (RFC 438's own example).

use super::asked::Asked;
use super::passwords::Passwords;
use super::transfer::TransferArgs;
use crate::check::Overwrite;
use crate::context::Context;
use crate::failure::Failure;
use crate::job::{self, Job, Status};
use crate::journal::as_text;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;

/// Append a file to another, in place
///
/// It is verified by old size + source size. After a failure it reports both sizes, and tries again
/// only if the destination is as long as before. Standard input (-) is not appended: nobody knows its size before its end,
/// and it cannot be read again.
#[derive(Args, Debug, Deserialize, Serialize)]
pub(super) struct AppendArgs {
    /// The file to append
    #[serde(with = "as_text")]
    source: OsString,
    /// The file that becomes longer; it is made if it is not there
    #[serde(with = "as_text")]
    dest: OsString,
    #[command(flatten)]
    #[serde(flatten)]
    transfer: TransferArgs,
}

/// Runs the verb.
pub(super) async fn run(
    mut context: Context,
    passwords: &Passwords,
    args: AppendArgs,
    asked: Asked,
) -> Status {
    let report = match prepare(&mut context, passwords, args).await {
        Ok(job) => job::run(job.kept(asked.job, asked.resumes), &context).await,
        Err(failure) => job::refused("append", failure, &context),
    };
    report.status
}

/// The job. Whatever can be refused is refused before anything is sent to a server.
async fn prepare(context: &mut Context, passwords: &Passwords, args: AppendArgs) -> Result<Job, Failure> {
    let options = args.transfer.options(Overwrite::Always);
    if [&args.source, &args.dest].into_iter().any(|place| place == "-") {
        let what = "append takes no standard input or output (-): its size is not known before, and it cannot be read again";
        return Err(Failure::usage(what).hint("write it to a file first, or use ./- for a file of that name"));
    }
    let mut places = passwords.locations(context, &[args.source, args.dest]).await?;
    let (Some(destination), Some(source)) = (places.pop(), places.pop()) else {
        return Err(Failure::usage("append needs a SOURCE and a DEST"));
    };
    let job = Job::append(source, destination, options)?;
    args.transfer.apply(context, &job).await?;
    Ok(job)
}
