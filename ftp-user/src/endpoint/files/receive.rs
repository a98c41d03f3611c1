//! A file of a server that is received as it comes: by a pipe, or only to be hashed.

use super::{most, sends_too_much};
use crate::failure::{Failure, Result};
use crate::session::{Flow, Session, Transfer};
use ftp_io::copy::{CopyEnd, CopyReport, Format, Receipt, Receiver};
use ftp_proto::command::{Command, DataType};
use ftp_proto::digest::Algorithm;
use ftp_proto::wire::{ByteRange, PathName};
use std::time::Duration;

/// A file that is to be received.
#[derive(Debug)]
pub struct WantedFile<'a> {
    /// Its path at the server.
    pub path: &'a PathName,
    /// What its failures begin with.
    pub what: String,
    /// Its size in bytes, if that is known.
    pub size: Option<u64>,
    /// The digest that is wanted of its bytes.
    pub digest: Option<Algorithm>,
}

/// Receives a file into `out`, and `tell`s how far it is. So many bytes have `moved` then, also if it fails. Whether `out` has taken
/// them, and whether the connection broke, is for the caller to say.
///
/// # Errors
///
/// The server refuses the file, the session is lost, more bytes come than were announced, or the run was interrupted.
pub async fn receive(
    session: &mut Session,
    file: &WantedFile<'_>,
    out: impl Receiver,
    mut tell: impl FnMut(u64, Duration) + Send,
    moved: &mut u64,
) -> Result<CopyReport> {
    session.set_type(DataType::Image).await?;
    let (meter, most) = (session.context.meter(), most(file.size));
    let format = Format { digest: file.digest, ..Format::default() };
    let copying =
        async |connection| Receipt::new(connection, out, format).receive(&meter, |report, _| report).await.0;
    let mut moving = |bytes, time| {
        tell(bytes, time);
        if bytes > most {
            meter.stop();
        }
    };
    let command = (Command::Retr(file.path.clone()), ByteRange::WHOLE);
    let flow = Transfer::of(session).run(command, copying, &meter, &mut moving).await;
    *moved = meter.moved();
    if *moved > most {
        return Err(sends_too_much(session, file.size.unwrap_or(0)).during(&file.what));
    }
    match flow? {
        Flow::Lost(_, failure) => Err(failure),
        Flow::Refused(answer) => Err(session.refusal(&file.what, &answer)),
        Flow::Over(report, answer) => match report.end {
            CopyEnd::File(_) => Ok(report),
            _ if !answer.is_done() => Err(session.refusal(&file.what, &answer)),
            CopyEnd::Whole | CopyEnd::Broken(_) => Ok(report),
            CopyEnd::Stopped => Err(Failure::interrupted()),
        },
    }
}
