//! The commands about transfers that outlive their control connection (docs/protocol/extensions.md).

use super::verbs::Verb;
use crate::wire::TransferId;

/// A command about transfers that outlive their control connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detached {
    /// DETA: the next transfer may go on without its control connection for so many seconds.
    Next(u64),
    /// STAT #id: how far such a transfer is.
    Status(TransferId),
    /// ABOR #id: end such a transfer.
    Abort(TransferId),
}

impl Detached {
    /// Reads the argument of STAT or ABOR, if it names a transfer. STAT of a file whose name looks like that can be
    /// written as `./name`.
    pub(super) fn about(verb: Verb, word: &[u8]) -> Option<Self> {
        let id = TransferId::from_hex(word.strip_prefix(b"#")?)?;
        Some(if verb == Verb::Abor { Self::Abort(id) } else { Self::Status(id) })
    }

    /// Returns the verb of the command.
    pub const fn verb(self) -> Verb {
        match self {
            Self::Next(_) => Verb::Deta,
            Self::Status(_) => Verb::Stat,
            Self::Abort(_) => Verb::Abor,
        }
    }

    /// Returns the argument of the command.
    pub(super) fn argument(self) -> String {
        match self {
            Self::Next(seconds) => seconds.to_string(),
            Self::Status(id) | Self::Abort(id) => format!("#{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, Fault, parse};
    use crate::dialect::Dialect;

    #[test]
    fn they_are_read_as_they_are_written() {
        let id = TransferId::new([0xab; 16]);
        for command in [Detached::Next(3600), Detached::Status(id), Detached::Abort(id)] {
            let line = format!("{} {}", command.verb().name(), command.argument());
            for dialect in [Dialect::Rfc354, Dialect::Rfc959] {
                assert_eq!(parse(line.as_bytes(), dialect), Ok(Command::Detached(command)), "{line}");
            }
        }
    }

    #[test]
    fn what_names_no_transfer_is_a_file_or_nothing() {
        let parse = |line: &str| parse(line.as_bytes(), Dialect::Rfc959);
        assert_eq!(parse("ABOR #12"), Ok(Command::Abor));
        assert!(matches!(parse("STAT #12"), Ok(Command::Stat(Some(_)))));
        assert!(matches!(parse(&format!("STAT ./#{}", "0".repeat(32))), Ok(Command::Stat(Some(_)))));
        assert_eq!(parse("DETA").map_err(|error| error.fault), Err(Fault::Missing));
        assert_eq!(parse("DETA soon").map_err(|error| error.fault), Err(Fault::Syntax));
    }
}
