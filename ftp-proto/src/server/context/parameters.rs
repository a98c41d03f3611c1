//! TYPE, MODE, STRU, BYTE, REST, RANG, OPTS: what holds for later commands. A value that cannot be served is
//! refused at once, not at the transfer (RFC 418, E16).

use crate::command::{Command, DataType, Mode, Opts, Partial, Practice, Rate, Site, Structure};
use crate::digest::Algorithm;
use crate::listing::{FACTS, SELDOM};
use crate::reply::Meaning;
use crate::server::ask::FileIdentity;
use crate::server::outbox::Outbox;
use crate::wire::{ByteRange, PathName, TransferId};
use std::time::Duration;

/// What commands set for later commands.
#[derive(Debug)]
pub(crate) struct Parameters {
    /// The data type that TYPE has set.
    pub(crate) data_type: DataType,
    /// The mode of data connections.
    pub(crate) mode: Mode,
    /// The digest that DGST wants of the next files.
    pub(crate) digest: Option<Algorithm>,
    /// What RATE gave.
    pub(crate) rate: Option<Rate>,
    /// What DETA gave for the next transfer.
    pub(crate) detach: Option<DetachPermit>,
    /// The working directory.
    pub(crate) cwd: PathName,
    /// What REST or RANG gave, whichever came last: for the next transfer command (E14). RANG is for the
    /// next digest, too.
    pub(crate) range: Option<ByteRange>,
    /// How many bytes ALLO has announced for the next file that is received.
    pub(crate) allocated: Option<u64>,
    /// The file that the first of two commands named: for the next command (E22).
    pub(crate) named: Option<PendingName>,
    /// The facts that OPTS MLST chose; `None` is all of them.
    pub(crate) facts: Option<Vec<String>>,
    /// The algorithm that OPTS HASH chose.
    pub(crate) algorithm: Algorithm,
    /// What OPTS STOR PARTIAL chose.
    pub(crate) partial: Partial,
    /// EPSV ALL was sent (D17).
    pub(crate) epsv_only: bool,
    /// CEPR ON was sent: the reply to EPSV names the address too.
    pub(crate) names_address: bool,
}

/// A file that the first of two commands named, and what the second one does with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum PendingName {
    /// RNFR: RNTO renames it, if it is still this file.
    Rename(PathName, Option<FileIdentity>),
    /// SITE CPFR: SITE CPTO copies it.
    Copy(PathName),
}

impl PendingName {
    /// Whether `command` is the second one.
    pub(crate) const fn is_for(&self, command: &Command) -> bool {
        match self {
            Self::Rename(..) => matches!(command, Command::Rnto(_)),
            Self::Copy(_) => matches!(command, Command::Practice(Practice::Site(Site::CopyTo(_)))),
        }
    }
}

/// What DETA has given the next transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DetachPermit {
    /// The name of the transfer.
    pub(crate) id: TransferId,
    /// How long it may go on without its control connection.
    pub(crate) time: Duration,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            data_type: DataType::Ascii, // RFC 354, RFC 959 5.1
            mode: Mode::Stream,
            digest: None,
            rate: None,
            detach: None,
            cwd: PathName::root(),
            range: None,
            allocated: None,
            named: None,
            facts: None,
            algorithm: Algorithm::Sha256,
            partial: Partial::Publish,
            epsv_only: false,
            names_address: false,
        }
    }
}

impl Parameters {
    /// TYPE: sets the data type.
    pub(crate) fn set_type(&mut self, data_type: DataType, out: &mut Outbox) {
        let text = match data_type {
            DataType::Ascii => "TYPE is A",
            DataType::Image => "TYPE is I",
            DataType::Local8 => "TYPE is L 8",
            DataType::Unserved => {
                let text = "Only TYPE A, I and L 8 are served";
                return out.reply(Meaning::ParameterNotImplemented, text);
            }
        };
        self.data_type = data_type;
        out.reply(Meaning::Okay, text);
    }

    /// MODE: how the data connection is structured.
    pub(crate) fn set_mode(&mut self, mode: Mode, out: &mut Outbox) {
        let text = match mode {
            Mode::Stream => "MODE is S",
            Mode::Block => "MODE is B",
            Mode::Deflate => "MODE is Z",
            Mode::Unserved(_) => {
                return out.reply(Meaning::ParameterNotImplemented, "Only MODE B, S and Z are served");
            }
        };
        self.mode = mode;
        out.reply(Meaning::Okay, text);
    }

    /// DGST (extensions). The reply names the algorithm.
    pub(crate) fn set_digest(&mut self, digest: Option<Algorithm>, out: &mut Outbox) {
        self.digest = digest;
        out.reply(Meaning::Okay, digest.map_or("OFF", Algorithm::name));
    }

    /// RATE: the most bytes per second (extensions).
    pub(crate) fn set_rate(&mut self, rate: Option<Rate>, out: &mut Outbox) {
        self.rate = rate;
        let text = match rate {
            Some(Rate { bytes, group: None }) => format!("At most {bytes} bytes per second"),
            Some(Rate { bytes, group: Some(_) }) => {
                format!("At most {bytes} bytes per second for all sessions of this group")
            }
            None => "No limit of the rate".to_owned(),
        };
        out.reply(Meaning::Okay, text);
    }

    /// USER: what was chosen for the transfers of somebody else.
    pub(crate) const fn forget_choices(&mut self) {
        self.range = None; // E14
        self.allocated = None;
        self.digest = None;
        self.rate = None;
        self.detach = None;
    }

    /// ALLO (RFC 959). Nothing is allocated, but the number shows afterwards whether the file is whole.
    pub(crate) fn allocate(&mut self, bytes: u64, out: &mut Outbox) {
        self.allocated = Some(bytes);
        out.reply(Meaning::Superfluous, "No allocation is needed");
    }

    /// REST (RFC 3659 5).
    pub(crate) fn set_restart(&mut self, offset: u64, out: &mut Outbox) {
        self.range = Some(ByteRange::from(offset));
        out.reply(Meaning::RestNoted, format!("The next transfer starts at {offset}"));
    }

    /// RANG (draft-bryan-ftp-range 3).
    pub(crate) fn set_range(&mut self, range: Option<ByteRange>, out: &mut Outbox) {
        self.range = range;
        let text = match range {
            Some(ByteRange { first, length: Some(length) }) => {
                format!("{length} bytes from {first} on for the next digest or transfer")
            }
            Some(_) | None => "The whole file".to_owned(),
        };
        out.reply(Meaning::RestNoted, text);
    }

    /// Takes what RANG gave. What REST gave stays for the next transfer command.
    pub(crate) const fn take_range(&mut self) -> ByteRange {
        match self.range {
            Some(range) if range.length.is_some() => {
                self.range = None;
                range
            }
            Some(_) | None => ByteRange::WHOLE,
        }
    }

    /// CEPR, as glFTPD has it: with the address, the reply to EPSV can be given to another server.
    pub(crate) fn set_names_address(&mut self, on: bool, out: &mut Outbox) {
        self.names_address = on;
        out.reply(Meaning::Okay, if on { "CEPR is ON" } else { "CEPR is OFF" });
    }

    /// OPTS (RFC 2389).
    pub(crate) fn set_option(&mut self, opts: Opts, out: &mut Outbox) {
        match opts {
            Opts::Utf8 => out.reply(Meaning::Okay, "Names are UTF-8"),
            Opts::Deflate => out.reply(Meaning::Okay, "The compression is chosen here"),
            Opts::Hash(None) => out.reply(Meaning::Okay, self.algorithm.name()),
            Opts::Hash(Some(algorithm)) => {
                self.algorithm = algorithm;
                out.reply(Meaning::Okay, algorithm.name());
            }
            Opts::Mlst(wanted) => self.choose_facts(&wanted, out),
            Opts::Partial(partial) => {
                self.partial = partial;
                let text = match partial {
                    Partial::Publish => "STOR PARTIAL PUBLISH",
                    Partial::Keep => "STOR PARTIAL KEEP",
                    Partial::Discard => "STOR PARTIAL DISCARD",
                };
                out.reply(Meaning::Okay, text);
            }
            Opts::Unknown(_) => out.reply(Meaning::Syntax, "No such option"),
        }
    }

    /// OPTS MLST (RFC 3659 7.9): unknown facts are left out, and the reply says what remains.
    fn choose_facts(&mut self, wanted: &[String], out: &mut Outbox) {
        let chosen: Vec<String> = FACTS
            .iter()
            .chain(SELDOM)
            .filter(|fact| wanted.iter().any(|name| name.eq_ignore_ascii_case(fact)))
            .map(|fact| fact.to_ascii_lowercase())
            .collect();
        let list: String = chosen.iter().map(|fact| format!("{fact};")).collect();
        self.facts = Some(chosen);
        out.reply(Meaning::Okay, format!("MLST OPTS {list}").trim_end());
    }
}

/// STRU. Only the file structure is served, so there is nothing to remember.
pub(crate) fn set_structure(structure: Structure, out: &mut Outbox) {
    match structure {
        Structure::File => out.reply(Meaning::Okay, "STRU is F"),
        Structure::Unserved(_) => {
            out.reply(Meaning::ParameterNotImplemented, "Only STRU F is served");
        }
    }
}

/// BYTE. The bytes of a TCP connection have 8 bits (E17).
pub(crate) fn set_byte(size: u8, out: &mut Outbox) {
    if size == 8 {
        out.reply(Meaning::Okay, "BYTE size is 8");
    } else {
        out.reply(Meaning::ParameterNotImplemented, "BYTE size must be 8 in this system");
    }
}
