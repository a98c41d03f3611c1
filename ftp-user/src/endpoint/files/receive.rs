//! A file of a server that is received as it comes: by a pipe, or only to be hashed.

use super::{most, sends_too_much};
use crate::failure::{Failure, Result};
use crate::session::{Flow, Session, Transfer, data_connection_broke};
use ftp_io::copy::{CopyEnd, Format, Receipt, Receiver};
use ftp_proto::command::{Command, DataType};
use ftp_proto::digest::Algorithm;
use ftp_proto::wire::{ByteRange, PathName};
use std::io;
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

/// Receives a file into `out`, and `tell`s how far it is. So many bytes have `moved` then, also if it fails. Returns their digest, if
/// it was wanted, or why `out` has not taken them.
///
/// # Errors
///
/// The server refuses the file, the session is lost, the connection breaks, more bytes come than were announced, or the run was interrupted.
pub async fn receive(
    session: &mut Session,
    file: &WantedFile<'_>,
    out: impl Receiver,
    mut tell: impl FnMut(u64, Duration) + Send,
    moved: &mut u64,
) -> Result<io::Result<Option<String>>> {
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
            CopyEnd::File(error) => Ok(Err(error)),
            _ if !answer.is_done() => Err(session.refusal(&file.what, &answer)),
            CopyEnd::Whole => Ok(Ok(report.digest.map(|(hex, _)| hex))),
            CopyEnd::Broken(error) => Err(data_connection_broke(&file.what, &error)),
            CopyEnd::Stopped => Err(Failure::interrupted()),
        },
    }
}
