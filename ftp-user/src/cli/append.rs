//! `append`: one file to the end of another, across servers (RFC 438's own example).

use super::passwords::Passwords;
use super::transfer::TransferArgs;
use crate::check::Overwrite;
use crate::context::Context;
use crate::failure::Failure;
use crate::job::Job;
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
    pub(super) source: OsString,
    /// The file that becomes longer; it is made if it is not there
    #[serde(with = "as_text")]
    pub(super) dest: OsString,
    #[command(flatten)]
    #[serde(flatten)]
    transfer: TransferArgs,
}

impl AppendArgs {
    /// The job. Whatever can be refused is refused before anything is sent to a server.
    pub(super) async fn prepare(&self, context: &mut Context, passwords: &Passwords) -> Result<Job, Failure> {
        let options = self.transfer.options(Overwrite::Always);
        let typed = [self.source.clone(), self.dest.clone()];
        if typed.iter().any(|place| place == "-") {
            let what = "append takes no standard input or output (-): its size is not known before, and it cannot be read again";
            return Err(
                Failure::usage(what).hint("write it to a file first, or use ./- for a file of that name")
            );
        }
        let mut places = passwords.locations(context, &typed).await?;
        let (Some(destination), Some(source)) = (places.pop(), places.pop()) else {
            return Err(Failure::usage("append needs a SOURCE and a DEST"));
        };
        let job = Job::append(source, destination, options)?;
        self.transfer.apply(context, &job).await?;
        Ok(job)
    }
}
