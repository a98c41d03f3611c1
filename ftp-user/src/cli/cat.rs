//! `cat`: files on servers to standard output.

use super::Exit;
use super::common::{on_a_server, spots};
use crate::app::App;
use crate::control::{Flow, Role, Way};
use crate::problem::Problem;
use crate::transfer::{Host, Retries};
use clap::Args;
use ftp_io::copy::{self, Coding, Ended, Meter};
use ftp_proto::command::{Command, DataType};
use ftp_proto::wire::PathName;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;

/// Print files on servers to standard output
#[derive(Args, Debug)]
pub(super) struct CatArgs {
    /// Files
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<OsString>,
}

/// Runs it.
pub(super) async fn run(app: App, args: CatArgs) -> Result<Exit, Problem> {
    let spots = spots(&args.places)?;
    for spot in &spots {
        on_a_server(spot, "cat")?;
    }
    for spot in spots {
        let mut host = spot.host(Role::Server);
        let mut retries = Retries::new(&app);
        loop {
            let mut moved = 0;
            match print(&app, &mut host, &spot.path, &mut moved).await {
                Ok(Printed::All) => break,
                Ok(Printed::ReaderGone) => return Ok(Exit::Done),
                // What was printed cannot be taken back.
                Err(problem) if moved > 0 => return Err(problem),
                Err(problem) => retries.after(problem).await?,
            }
        }
        host.quit().await;
    }
    Ok(Exit::Done)
}

enum Printed {
    All,
    /// `ftp-user cat ... | head` has seen enough.
    ReaderGone,
}

async fn print(app: &App, host: &mut Host, path: &PathName, moved: &mut u64) -> Result<Printed, Problem> {
    let Host::Server(server) = host else { return Ok(Printed::All) };
    let session = server.session(app).await?;
    session.set_type(DataType::Image).await?;
    let command = Command::Retr(path.clone());
    let connection = session.open_data(Way::Down, &command).await?;
    let what = || format!("cannot read {}", path.display());
    let failed =
        |error: io::Error| Problem::new(Exit::Error, format!("cannot write to standard output: {error}"));
    let out = std::fs::File::from(io::stdout().as_fd().try_clone_to_owned().map_err(failed)?);
    let meter = Meter::default();
    let copying = async { copy::receive(connection, out, Coding::Image, &meter).await.0 };
    let flow = session.run(command, copying, &meter, &mut |_| ()).await;
    *moved = meter.moved();
    match flow? {
        Flow::Refused(answer) => Err(session.refusal(what(), &answer)),
        Flow::Over(copied, answer) => match copied.end {
            Ended::File(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Printed::ReaderGone),
            Ended::File(error) => Err(failed(error)),
            _ if !answer.is_done() => Err(session.refusal(what(), &answer)),
            Ended::Whole => Ok(Printed::All),
            Ended::Broken(error) => Err(Problem::new(Exit::Temporary, what())
                .said(format!("the data connection broke: {error}"))
                .advice("try again later")),
            Ended::Stopped => Err(Problem::interrupted()),
        },
    }
}
