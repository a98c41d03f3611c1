//! A file of a server or of this host is read: its bytes go to a file or a pipe of this host.

use crate::context::Context;
use crate::endpoint::{Host, local_path};
use crate::failure::{Failure, Kind};
use crate::session::{Flow, Session, most};
use ftp_io::copy::{self, Coding, Ended};
use ftp_proto::command::{Command, DataType};
use ftp_proto::wire::{PathName, counted};
use std::fs::File;
use std::io::{self, Read, Write};

/// How reading has ended.
#[derive(Debug)]
pub enum Printed {
    /// All of the file is there: so many bytes.
    All(u64),
    /// `ftp-user cat ... | head` has seen enough.
    ReaderGone,
    /// The file or pipe takes nothing more.
    NotWritten(io::Error),
}

/// Reads the file at `path` into `out`. `moved` is how many bytes have come, also if it fails.
///
/// # Errors
///
/// The server refuses the file, the connection breaks, or fewer or more bytes come than were announced.
pub async fn read(
    context: &Context,
    host: &mut Host,
    path: &PathName,
    out: File,
    moved: &mut u64,
) -> Result<Printed, Failure> {
    let Host::Server(server) = host else { return read_here(context, path, out, moved).await };
    let session = server.session(context).await?;
    session.set_type(DataType::Image).await?;
    let announced = session.size(path).await?;
    let command = Command::Retr(path.clone());
    let what = || format!("cannot read {}", path.display());
    let (meter, most) = (session.meter(), most(announced));
    let copying = async |connection| copy::receive(connection, out, Coding::Image, &meter).await.0;
    let mut moving = |moved, _| {
        if moved > most {
            meter.stop();
        }
    };
    let flow = session.transfer((command, 0), copying, &meter, &mut moving).await;
    *moved = meter.moved();
    if *moved > most {
        return Err(session.sends_too_much(announced.unwrap_or(0)).during(what()));
    }
    match flow? {
        Flow::Refused(answer) => Err(session.refusal(what(), &answer)),
        Flow::Over(copied, answer) => match copied.end {
            Ended::File(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Printed::ReaderGone),
            Ended::File(error) => Ok(Printed::NotWritten(error)),
            _ if !answer.is_done() => Err(session.refusal(what(), &answer)),
            Ended::Whole => check(session, path, announced, *moved).await.map(|()| Printed::All(*moved)),
            Ended::Broken(error) => Err(Failure::new(Kind::Temporary, what())
                .said(format!("the data connection broke: {error}"))
                .hint("try again later")),
            Ended::Stopped => Err(Failure::interrupted()),
        },
    }
}

/// Reads a file of this host, piece by piece on a thread that may block.
async fn read_here(
    context: &Context,
    path: &PathName,
    out: File,
    moved: &mut u64,
) -> Result<Printed, Failure> {
    let cannot = |error: &io::Error| Failure::of_this_host(format!("cannot read {}", path.display()), error);
    let name = path.clone();
    let open = tokio::task::spawn_blocking(move || File::open(local_path(&name)));
    let mut file = tokio::select! {
        () = context.run.cancel.cancelled() => return Err(Failure::interrupted()),
        opened = open => opened.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| cannot(&error))?,
    };
    let mut out = out;
    loop {
        let piece = tokio::task::spawn_blocking(move || {
            let mut buffer = vec![0; PIECE];
            let read = file.read(&mut buffer);
            let written = match &read {
                Ok(read) => out.write_all(buffer.get(..*read).unwrap_or_default()),
                Err(_) => Ok(()),
            };
            (file, out, read, written)
        });
        let (input, output, read, written) = tokio::select! {
            () = context.run.cancel.cancelled() => return Err(Failure::interrupted()),
            piece = piece => piece.map_err(|error| cannot(&io::Error::other(error)))?,
        };
        (file, out) = (input, output);
        let read = read.map_err(|error| cannot(&error))?;
        match written {
            Ok(()) if read == 0 => return Ok(Printed::All(*moved)),
            Ok(()) => *moved += read as u64,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Printed::ReaderGone),
            Err(error) => return Ok(Printed::NotWritten(error)),
        }
    }
}

/// Bytes of a file of this host that are read at once.
const PIECE: usize = 256 << 10;

/// Whether the file was read whole. A file that grows while it is read has another size afterwards.
async fn check(
    session: &mut Session,
    path: &PathName,
    announced: Option<u64>,
    moved: u64,
) -> Result<(), Failure> {
    let Some(announced) = announced.filter(|announced| *announced != moved) else { return Ok(()) };
    if session.size(path).await? == Some(moved) {
        return Ok(());
    }
    let (came, size) = (counted(moved, "byte"), counted(announced, "byte"));
    let what = format!("{} was not read whole", path.display());
    Err(Failure::new(Kind::Unverified, what).said(format!(
        "the {} {} announced {size} and sent {came}",
        session.role.name(),
        session.title
    )))
}
