//! Reads a command line. Every mistake becomes one line: what is wrong, where, what to do.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::num::{IntErrorKind, ParseIntError};
use std::process::ExitCode;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use ipnet::IpNet;

use super::output;
use super::secret::without_password;

/// A command line that is not carried out: it has a mistake, or it asks for help or the version.
#[derive(Debug)]
pub struct Rejected(clap::Error);

/// Reads the arguments of a program, its name first.
///
/// # Errors
///
/// [`Rejected`] knows what to print and which exit status follows.
pub fn parse<C: Parser>(arguments: impl IntoIterator<Item = OsString>) -> Result<C, Rejected> {
    C::try_parse_from(arguments).map_err(Rejected)
}

/// Reads the arguments as `command` has them, which is that of `C` with other defaults.
///
/// # Errors
///
/// As for [`parse`].
pub fn parse_as<C: Parser>(
    command: clap::Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<C, Rejected> {
    let matches = command.try_get_matches_from(arguments).map_err(Rejected)?;
    C::from_arg_matches(&matches).map_err(|error| Rejected(error.format(&mut C::command())))
}

/// The same as [`parse`], and the names of the options that stand on the command line.
///
/// # Errors
///
/// As for [`parse`].
pub fn parse_with_names<C: Parser>(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(C, BTreeSet<String>), Rejected> {
    let command = C::command();
    let matches = command.clone().try_get_matches_from(arguments).map_err(Rejected)?;
    let typed = |arg: &&clap::Arg| {
        matches.try_contains_id(arg.get_id().as_str()).unwrap_or(false)
            && matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
    };
    let names = command.get_arguments().filter(typed).filter_map(clap::Arg::get_long);
    let names = names.map(str::to_owned).collect();
    let parsed = C::from_arg_matches(&matches).map_err(|error| Rejected(error.format(&mut C::command())))?;
    Ok((parsed, names))
}

/// The same as [`parse`], and the ids of the arguments of its verb that stand on the command line.
///
/// # Errors
///
/// As for [`parse`].
pub fn parse_with_ids<C: Parser>(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(C, BTreeSet<String>), Rejected> {
    let matches = C::command().try_get_matches_from(arguments).map_err(Rejected)?;
    let verb = matches.subcommand().map_or(&matches, |(_, verb)| verb);
    let ids = verb.ids().filter(|id| verb.value_source(id.as_str()) == Some(ValueSource::CommandLine));
    let ids = ids.map(ToString::to_string).collect();
    let parsed = C::from_arg_matches(&matches).map_err(|error| Rejected(error.format(&mut C::command())))?;
    Ok((parsed, ids))
}

impl Rejected {
    /// The option or subcommand that is not known, if that is the mistake.
    pub fn unknown(&self) -> Option<&str> {
        let context = if self.0.kind() == ErrorKind::UnknownArgument {
            ContextKind::InvalidArg
        } else if self.0.kind() == ErrorKind::InvalidSubcommand {
            ContextKind::InvalidSubcommand
        } else {
            return None;
        };
        if let Some(ContextValue::String(unknown)) = self.0.get(context) { Some(unknown) } else { None }
    }

    /// Whether the mistake is the value of this option.
    pub fn has_bad_value_of(&self, option: &str) -> bool {
        let names_it = |value: &ContextValue| matches!(value, ContextValue::String(named) if named.split(' ').next() == Some(option));
        let is_bad_value = matches!(self.0.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation);
        is_bad_value && self.0.get(ContextKind::InvalidArg).is_some_and(names_it)
    }

    /// The options and operands that are missing, if that is the mistake: `--queue`, `<JOB>`.
    pub fn missing(&self) -> &[String] {
        let is_missing = self.0.kind() == ErrorKind::MissingRequiredArgument;
        match self.0.get(ContextKind::InvalidArg) {
            Some(ContextValue::Strings(missing)) if is_missing => missing,
            _ => &[],
        }
    }

    /// Whether it has a mistake. Otherwise it asks for help or the version.
    pub fn is_mistake(&self) -> bool {
        self.0.use_stderr()
    }

    /// Prints the help, the version or the mistake, and returns the exit status: 2 after a mistake.
    pub fn print(&self, program: &str) -> ExitCode {
        self.print_seeing(program, &format!("{program} --help"))
    }

    /// As [`Self::print`]; a mistake names this page.
    pub fn print_seeing(&self, program: &str, page: &str) -> ExitCode {
        let Self(error) = self;
        match self.mistake_seeing(page) {
            Some(line) => output::complain(program, line),
            // A reader that has closed the pipe has seen enough.
            None => drop(error.print()),
        }
        if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
    }

    /// The mistake in one line, which names this page; `None` if help or the version is to be shown.
    pub fn mistake_seeing(&self, page: &str) -> Option<String> {
        let Self(error) = self;
        let is_line =
            error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
        let line = || match self.missing() {
            [] => one_line(error),
            missing => format!("missing: {}", missing.join(", ").replace(['<', '>'], "")),
        };
        is_line.then(|| format!("{}; see {page}", line()))
    }
}

/// What clap says before it repeats the usage, without line breaks, and without the passwords of the words that it repeats.
/// An option that it does not know was meant as one, so the tip how to pass it as a value is left out.
fn one_line(error: &clap::Error) -> String {
    let typed = error
        .context()
        .filter_map(|(_, value)| if let ContextValue::String(word) = value { Some(word) } else { None });
    // Line breaks and blanks may be those of a password.
    let text =
        typed.fold(error.render().to_string(), |text, word| text.replace(word, &without_password(word)));
    let text = text.split("\nUsage:").next().unwrap_or_default();
    let text = text.split("\nFor more information").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("tip: to pass '"));
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    let mut line = words.join(" ").replace(" tip: ", "; ");
    if let Some(why) = integer_error(error) {
        line = line.replace(&why.to_string(), wanted_number(why));
    }
    if let Some((before, _)) = line.split_once(" is not in 0..")
        && let Some((before, _)) = before.rsplit_once(" -")
    {
        line = format!("{before} it must not be negative");
    }
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

/// The error of a value that has to be an integer.
pub(super) fn integer_error(error: &clap::Error) -> Option<&ParseIntError> {
    std::error::Error::source(error)?.downcast_ref()
}

/// What is said in place of the message of the standard library.
pub(super) fn wanted_number(why: &ParseIntError) -> &'static str {
    if *why.kind() == IntErrorKind::Zero { "expected at least 1" } else { "expected a whole number" }
}

/// Reads the address of a listener or a peer: `192.0.2.1:2121`, `[2001:db8::1]:2121`.
///
/// # Errors
///
/// The text says how an address is written.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write IP:PORT or [IPv6]:PORT; port 0 is any free port".to_owned())
}

/// Reads `192.0.2.0/24`, or one address.
///
/// # Errors
///
/// The text says how a network is written.
pub fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "write a network, like 192.0.2.0/24 or 2001:db8::/32".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU64;

    #[derive(clap::Parser, Debug)]
    #[command(name = "program")]
    struct Cli {
        /// Where to listen
        #[arg(long, value_parser = address)]
        listen: SocketAddr,
        /// How many
        #[arg(long)]
        most: Option<u64>,
        /// How many at the same time
        #[arg(long)]
        jobs: Option<NonZeroU64>,
        /// How often
        #[arg(long, allow_negative_numbers = true)]
        retries: Option<u32>,
    }

    fn check(words: &str, expect: &str) {
        let words = words.split_whitespace().map(OsString::from);
        let line = parse::<Cli>(words).unwrap_err().mistake_seeing("page");
        assert_eq!(line.as_deref().and_then(|line| line.strip_suffix("; see page")), Some(expect));
    }

    #[test]
    fn a_mistake_is_told_in_one_line() {
        check(
            "program --listen here",
            "invalid value 'here' for '--listen <LISTEN>': \
             write IP:PORT or [IPv6]:PORT; port 0 is any free port",
        );
        check(
            "program --listne [::1]:0",
            "unexpected argument '--listne' found; a similar argument exists: '--listen'",
        );
        // Nothing is like it, and nobody has a file of that name.
        check("program --on-conflict skip", "unexpected argument '--on-conflict' found");
        check("program -x", "unexpected argument '-x' found");
        let wanted = "invalid value '1OO' for '--most <MOST>': expected a whole number";
        check("program --listen [::1]:21 --most 1OO", wanted);
        let zero = "invalid value '0' for '--jobs <JOBS>': expected at least 1";
        check("program --listen [::1]:21 --jobs 0", zero);
        let negative = "invalid value '-1' for '--retries <RETRIES>': it must not be negative";
        check("program --listen [::1]:21 --retries -1", negative);
        check("program", "missing: --listen LISTEN");
    }

    #[test]
    fn no_password_of_a_word_is_repeated() {
        for password in ["s3cret", "s3c ret", "s3c\nret", "s3c'ret"] {
            for option in [None, Some("--listen")] {
                for url in [
                    format!("ftp://ann:{password}@h/x"),
                    format!("ftp://ann:{password}"),
                    format!("ann:{password}@h"),
                ] {
                    let words = ["program"].into_iter().chain(option).chain([url.as_str()]);
                    let Rejected(error) = parse::<Cli>(words.map(OsString::from)).unwrap_err();
                    let line = one_line(&error);
                    assert!(
                        line.contains("ann:***") && !line.contains("s3c") && !line.contains("ret"),
                        "{url}: {line}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_not_known_can_be_asked_for() {
        let unknown = |words: &str| {
            let rejected = parse::<Cli>(words.split_whitespace().map(OsString::from)).unwrap_err();
            rejected.unknown().map(str::to_owned)
        };
        assert_eq!(unknown("program --limit 5").as_deref(), Some("--limit"));
        assert_eq!(unknown("program --listen here"), None);
    }

    #[test]
    fn addresses_have_a_port() {
        assert!(address("192.0.2.1:0").is_ok());
        assert!(address("[::1]:2121").is_ok());
        for wrong in ["", "192.0.2.1", "::1:2121", "host:21", "192.0.2.1:65536"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn networks_may_be_single_addresses() {
        assert_eq!(network("192.0.2.0/24").unwrap().prefix_len(), 24);
        assert_eq!(network("192.0.2.7").unwrap().prefix_len(), 32);
        assert_eq!(network("2001:db8::/32").unwrap().prefix_len(), 32);
        for wrong in ["", "192.0.2.0/33", "example.org", "192.0.2.0/24 "] {
            assert!(network(wrong).is_err(), "{wrong}");
        }
    }
}
