//! The command line: what the operator types, what is said about it, and the exit status.

pub mod check;
pub mod print;
pub mod run;
pub mod token;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// The command line as typed.
#[derive(clap::Parser, Debug)]
#[command(name = "ftp-relay-agent", version, about, long_about = LONG_ABOUT)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(clap::Subcommand, Debug)]
pub enum Verb {
    /// Relay for those who hold a token of the file
    Run(run::Options),
    /// Print a new token
    Token(token::Options),
    /// Say what works from this host, and towards a relay
    Check(check::Options),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// Why the program ends without having done what was asked.
#[derive(Debug)]
pub enum Exit {
    /// Nothing is wrong with the options: the world refused.
    Failed(anyhow::Error),
    /// The other end does not hold the same token.
    Untrusted(anyhow::Error),
    /// The options are none of ours, in one line.
    Usage(String),
    /// Help or version was asked for.
    Told(clap::Error),
}

impl From<anyhow::Error> for Exit {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Reads the command line.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, Exit> {
    Cli::try_parse_from(arguments)
        .map_err(|error| if error.use_stderr() { usage(&error) } else { Exit::Told(error) })
}

/// The first sentences of what clap says, in one line: what is wrong, where, what to do.
fn usage(error: &clap::Error) -> Exit {
    let text = error.render().to_string();
    let text = text.split("\nUsage:").next().unwrap_or_default();
    let text = text.split("\nFor more information").next().unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ").replace(" tip: ", "; ");
    Exit::Usage(line.strip_prefix("error: ").unwrap_or(&line).to_owned())
}

/// Says in one line what is wrong, and gives the exit status.
#[allow(clippy::print_stderr, reason = "the end of the program is told to people, not to the log")]
pub fn exit(done: Result<(), Exit>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Exit::Failed(error)) => {
            eprintln!("ftp-relay-agent: {error:#}");
            ExitCode::from(1)
        }
        Err(Exit::Untrusted(error)) => {
            eprintln!("ftp-relay-agent: {error:#}");
            ExitCode::from(11)
        }
        Err(Exit::Usage(line)) => {
            eprintln!("ftp-relay-agent: {line}; see ftp-relay-agent --help");
            ExitCode::from(2)
        }
        // A reader that has seen enough (a closed pipe) is no failure.
        Err(Exit::Told(text)) => {
            let _ = text.print();
            ExitCode::SUCCESS
        }
    }
}

/// `192.0.2.1:2190`, `[2001:db8::1]:2190`.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write IP:PORT or [IPv6]:PORT; port 0 is any free port".to_owned())
}

/// `30s`, `5m`, `12h`, `90d`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let wrong = || "write a number and a unit, s, m, h or d, like 12h or 90d".to_owned();
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let seconds = number.checked_mul(seconds).filter(|seconds| (1..=LONGEST).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "it must be between a second and 100 years".to_owned())
}

const LONGEST: u64 = 100 * 366 * 86_400;

const LONG_ABOUT: &str = "\
Joins the data connections of two FTP servers that cannot reach each other, and carries the control
connections of the user agent, without looking at what it carries.

Quick start, on a host that both servers can reach:
  ftp-relay-agent token > relay.token && chmod 600 relay.token
  ftp-relay-agent run --listen 192.0.2.5:2190 --token-file relay.token --allow 192.0.2.0/24
When it is ready it prints one line per listener: listening on ADDR (relay).";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn durations_need_a_number_and_a_unit() {
        let check = |text: &str, seconds: Option<u64>| {
            assert_eq!(duration(text).ok().map(|found| found.as_secs()), seconds, "{text}");
        };
        check("30s", Some(30));
        check("2h", Some(7_200));
        check("90d", Some(7_776_000));
        for wrong in ["", "0s", "5", "5w", "-1s", "99999999999999d", "1.5h"] {
            check(wrong, None);
        }
    }
}
