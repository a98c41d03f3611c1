//! A file of a server or of this host is read: its bytes go to a file or a pipe of this host. `hash`: digests of files, by the
//! servers that have them where that can be.

use super::listing::FileLabels;
use super::verb::{VerbRun, refuse_slash};
use crate::context::Context;
use crate::endpoint::files::WantedFile;
use crate::endpoint::{Host, files};
use crate::failure::{Failure, Kind, Result};
use crate::job::{Status, ask};
use crate::place::Location;
use crate::report::{Event, FileDigest, Label, Topic};
use crate::session::Session;
use crate::world::{self, local_path};
use ftp_io::copy::Receiver;
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::listing;
use ftp_proto::wire::{PathName, counted};
use std::ffi::OsStr;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Reads the file at `path` into `out`. Returns the digest that is wanted, or why `out` takes nothing more: a broken pipe says that
/// its reader, as of `ftp-user cat ... | head`, has seen enough. A file of this host has no digest here, whatever is wanted.
/// `moved` is how many bytes have come, also if it fails.
///
/// # Errors
///
/// The server refuses the file, the connection breaks, or fewer or more bytes come than were announced.
pub async fn read(
    context: &Context,
    host: &mut Host,
    path: &PathName,
    out: impl Receiver,
    digest: Option<Algorithm>,
    moved: &mut u64,
) -> Result<io::Result<Option<String>>> {
    let Host::Server(server) = host else {
        return Ok(read_here(context, path, out, moved).await?.map(|()| None));
    };
    let session = server.session(context).await?;
    let announced = files::size_by_command(session, path).await?;
    let what = format!("cannot read {}", path.display());
    let wanted = WantedFile { path, what, size: announced, digest };
    let received = files::receive(session, &wanted, out, |_, _| {}, moved).await?;
    if received.is_ok() {
        check(session, path, announced, *moved).await?;
    }
    Ok(received)
}

/// Reads a file of this host, on a thread that may block. If the program is to stop, that is not waited for.
async fn read_here(
    context: &Context,
    path: &PathName,
    mut out: impl Receiver,
    moved: &mut u64,
) -> Result<io::Result<()>> {
    let (name, cancel, written) = (path.clone(), context.run.cancel.clone(), Arc::new(AtomicU64::new(0)));
    let count = Arc::clone(&written);
    let copying = ftp_io::blocking::spawn(move || {
        let (mut file, mut buffer) = (world::open(local_path(&name))?, vec![0; PIECE]);
        while !cancel.is_cancelled() {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                return Ok(Ok(()));
            }
            if let Err(error) = out.write(buffer.get(..read).unwrap_or_default()) {
                return Ok(Err(error));
            }
            count.fetch_add(read as u64, Ordering::Relaxed);
        }
        Err(io::ErrorKind::Interrupted.into())
    });
    let copied = context.run.cancel.unless_cancelled(copying).await;
    *moved = written.load(Ordering::Relaxed);
    let copied = copied?.unwrap_or_else(|error| Err(io::Error::other(error)));
    copied.map_err(|error| Failure::of_this_host(format!("cannot read {}", path.display()), &error))
}

/// Bytes of a file of this host that are read at once.
const PIECE: usize = 256 << 10;

/// Whether the file was read whole. A file that grows while it is read has another size afterwards.
async fn check(session: &mut Session, path: &PathName, announced: Option<u64>, moved: u64) -> Result<()> {
    let Some(announced) = announced.filter(|announced| *announced != moved) else { return Ok(()) };
    if files::size_by_command(session, path).await? == Some(moved) {
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

/// Tells the digests of files. `here` is where the shell is, as the command line reads it.
pub async fn hash(
    context: &Context,
    places: &[Location],
    algorithm: Algorithm,
    here: Option<&OsStr>,
) -> Status {
    let labels = FileLabels::new(here, &context.settings.named, places);
    let mut run = VerbRun::new(context, "hash", false);
    for place in run.targets(places).await {
        let hash = async |run: &mut VerbRun<'_>, host: &mut Host, place: &Location| {
            hash_one(run, host, place, labels.label(place), algorithm).await
        };
        if let Some(hashed) = run.at(&place, hash).await {
            run.count(listing::Kind::File, hashed.size);
            context.run.events.deliver(Event::Hashed(hashed)).await;
        }
    }
    run.end().await
}

async fn hash_one(
    run: &VerbRun<'_>,
    host: &mut Host,
    place: &Location,
    label: Label,
    algorithm: Algorithm,
) -> Result<FileDigest> {
    let (context, path) = (run.context, &place.path);
    let found = run.behind(host, place).await?;
    refuse_slash(place, found.kind)?;
    if found.kind.is_directory() {
        return Err(Failure::usage(format!("{place} is a directory"))
            .hint(format!("hash takes files: {}", place.everything_in_it())));
    }
    if found.kind != listing::Kind::File {
        return Err(Failure::new(Kind::Refused, format!("{place} is not a regular file")));
    }
    let answer = ask!(context, host, async {
        if !host.algorithms(context).await?.contains(&algorithm) {
            return Ok(Err(format!("{} does not compute {}", host.name(), algorithm.name())));
        }
        let digest = files::digest(context, host, algorithm, path, found.size.unwrap_or(0)).await?;
        Ok(digest.map_err(|failure| failure.to_string()))
    })?;
    let (digest, size, was_read) = match answer {
        Ok(digest) => (digest, found.size, false),
        Err(why) => {
            let message = format!("{why}: its files are read and hashed here");
            context.run.events.warn_of(Topic::Read, host.name(), message);
            let (digest, bytes) = ask!(context, host, hash_here(context, host, path, algorithm))?;
            (digest, Some(bytes), true)
        }
    };
    Ok(FileDigest { place: place.to_string(), path: path.clone(), label, digest, size, was_read })
}

async fn hash_here(
    context: &Context,
    host: &mut Host,
    path: &PathName,
    algorithm: Algorithm,
) -> Result<(Digest, u64)> {
    let what = || format!("cannot hash {}", path.display());
    let mut bytes = 0;
    match read(context, host, path, io::sink(), Some(algorithm), &mut bytes).await? {
        Ok(Some(hex)) => Ok((Digest { algorithm, hex }, bytes)),
        Ok(None) => Err(Failure::new(Kind::Other, format!("{}: not all of it was hashed", what()))),
        Err(error) => Err(Failure::of_this_host(what(), &error)),
    }
}
