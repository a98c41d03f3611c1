//! TYPE, MODE, STRU, BYTE, REST, OPTS: what holds for later commands. Impossible values are refused
//! at once, not at the transfer (RFC 418, E16).

use super::session::Session;
use crate::command::{DataType, Mode, Opts, Partial, Structure};
use crate::digest::Algorithm;
use crate::listing::FACTS;
use crate::reply::Meaning;

impl Session {
    pub(super) fn set_type(&mut self, data_type: DataType) {
        let text = match data_type {
            DataType::Ascii => "TYPE is A",
            DataType::Image => "TYPE is I",
            DataType::Local8 => "TYPE is L 8",
            DataType::Unserved => {
                let text = "Only TYPE A, I and L 8 are served";
                return self.out.reply(Meaning::ParameterNotImplemented, text);
            }
        };
        self.parameters.data_type = data_type;
        self.out.reply(Meaning::Okay, text);
    }

    pub(super) fn set_mode(&mut self, mode: Mode) {
        match mode {
            Mode::Stream => self.out.reply(Meaning::Okay, "MODE is S"),
            Mode::Unserved(_) => self.out.reply(Meaning::ParameterNotImplemented, "Only MODE S is served"),
        }
    }

    pub(super) fn set_structure(&mut self, structure: Structure) {
        match structure {
            Structure::File => self.out.reply(Meaning::Okay, "STRU is F"),
            Structure::Unserved(_) => {
                self.out.reply(Meaning::ParameterNotImplemented, "Only STRU F is served");
            }
        }
    }

    /// E17: the octets of a TCP connection have 8 bits.
    pub(super) fn set_byte(&mut self, size: u8) {
        if size == 8 {
            self.out.reply(Meaning::Okay, "BYTE size is 8");
        } else {
            self.out.reply(Meaning::ParameterNotImplemented, "BYTE size must be 8 in this system");
        }
    }

    pub(super) fn rest(&mut self, offset: u64) {
        self.parameters.rest = Some(offset);
        self.out.reply(Meaning::RestNoted, format!("The next transfer starts at {offset}"));
    }

    pub(super) fn opts(&mut self, opts: Opts) {
        match opts {
            Opts::Utf8 => self.out.reply(Meaning::Okay, "Names are UTF-8"),
            Opts::Hash(None) => self.out.reply(Meaning::Okay, self.parameters.algorithm.name()),
            Opts::Hash(Some(algorithm @ Algorithm::Sha256)) => {
                self.parameters.algorithm = algorithm;
                self.out.reply(Meaning::Okay, algorithm.name());
            }
            Opts::Hash(Some(
                algorithm @ (Algorithm::Crc32 | Algorithm::Md5 | Algorithm::Sha1 | Algorithm::Sha512),
            )) => {
                let text = format!("{} is not computed here, SHA-256 is", algorithm.name());
                self.out.reply(Meaning::Syntax, text);
            }
            Opts::Mlst(wanted) => self.opts_mlst(&wanted),
            Opts::Partial(partial) => {
                self.parameters.partial = partial;
                let text = match partial {
                    Partial::Publish => "STOR PARTIAL PUBLISH",
                    Partial::Keep => "STOR PARTIAL KEEP",
                    Partial::Discard => "STOR PARTIAL DISCARD",
                };
                self.out.reply(Meaning::Okay, text);
            }
            Opts::Unknown(_) => self.out.reply(Meaning::Syntax, "No such option"),
        }
    }

    /// RFC 3659 7.9: unknown facts are left out, the reply says what remains.
    fn opts_mlst(&mut self, wanted: &[String]) {
        let chosen: Vec<String> = FACTS
            .iter()
            .filter(|fact| wanted.iter().any(|name| name.eq_ignore_ascii_case(fact)))
            .map(|fact| fact.to_ascii_lowercase())
            .collect();
        let list: String = chosen.iter().map(|fact| format!("{fact};")).collect();
        self.parameters.facts = Some(chosen);
        self.out.reply(Meaning::Okay, format!("MLST OPTS {list}").trim_end());
    }
}
