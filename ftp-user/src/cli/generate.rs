//! `completions` and `man`: made of the command line itself.

use super::Cli;
use crate::failure::{Failure, Kind};
use crate::job::Status;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::{self, Write};

/// Print shell completions
#[derive(Args, Debug)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the man page
#[derive(Args, Debug)]
pub(super) struct ManArgs {}

/// Prints completions.
#[allow(clippy::needless_pass_by_value, reason = "every verb takes its arguments")]
pub(super) fn completions(args: CompletionsArgs) -> Result<Status, Failure> {
    let mut page = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ftp-user", &mut page);
    print(&page)
}

/// Prints the man page, with a section for each verb.
pub(super) fn man(ManArgs {}: ManArgs) -> Result<Status, Failure> {
    let failed = |error: io::Error| Failure::new(Kind::Other, format!("cannot make the man page: {error}"));
    let mut command = Cli::command();
    command.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page).map_err(failed)?;
    for verb in command.get_subcommands() {
        writeln!(page, ".SH \"VERB {}\"", verb.get_name().to_uppercase()).map_err(failed)?;
        let man = clap_mangen::Man::new(verb.clone());
        man.render_synopsis_section(&mut page).map_err(failed)?;
        man.render_description_section(&mut page).map_err(failed)?;
        man.render_options_section(&mut page).map_err(failed)?;
    }
    print(&page)
}

fn print(page: &[u8]) -> Result<Status, Failure> {
    match io::stdout().lock().write_all(page) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Kind::Other, format!("cannot write to standard output: {error}")))
        }
        Ok(()) | Err(_) => Ok(Status::Done),
    }
}
