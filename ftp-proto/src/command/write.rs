//! From a [`Command`] to its verb and to a line, for clients.

use super::digests::{quoted, with_range};
use super::{Command, DataType, Epsv, Mode, Opts, Partial, Structure, Verb};
use crate::address::{format_eprt, format_port, format_sock};
use crate::dialect::Dialect;
use crate::wire::{ByteRange, PathName, escape, show};

/// The replacement for a secret argument in traces.
const MASK: &str = "***";

impl Command {
    /// Returns the line for a server that speaks `dialect`, with its CR LF. Names are escaped for
    /// Telnet: CR becomes CR NUL, and 0xFF is doubled.
    ///
    /// NUL and LF cannot be sent in an argument and are left out, so that no argument can begin another
    /// command. A server of 1973 does not see blanks before a name (A04).
    ///
    /// ```
    /// use ftp_proto::command::{Command, Direction};
    /// use ftp_proto::dialect::Dialect;
    ///
    /// assert_eq!(Command::Lstn(Direction::Receive).to_line(Dialect::Rfc354), b"LSTN R\r\n");
    /// assert_eq!(Command::Quit.to_line(Dialect::Rfc354), b"BYE\r\n");
    /// ```
    pub fn to_line(&self, dialect: Dialect) -> Vec<u8> {
        let (name, argument) = (self.name(dialect).as_bytes(), self.argument(dialect));
        let mut line = Vec::with_capacity(name.len() + argument.as_ref().map_or(0, Vec::len) + 3);
        line.extend_from_slice(name);
        if let Some(mut argument) = argument {
            argument.retain(|o| !matches!(o, 0 | b'\n'));
            line.push(b' ');
            escape(&argument, &mut line);
        }
        line.extend_from_slice(b"\r\n");
        line
    }

    /// Returns the line for logs and traces, with the arguments of PASS, ACCT and RNDZ masked (H38) and those of
    /// PACK counted. What ADAT, MIC, CONF, ENC and QUOT carry may be another command with its secret, so it is masked, too.
    pub fn redacted(&self, dialect: Dialect) -> String {
        let name = self.name(dialect);
        if matches!(self, Self::Pass(_) | Self::Acct(_) | Self::Rndz(Some(_))) {
            return format!("{name} {MASK}");
        }
        if let Self::Pack(pack) = self {
            return format!("{name} {}", pack.summary());
        }
        if let Self::Other(Verb::Adat | Verb::Mic | Verb::Conf | Verb::Enc | Verb::Quot, argument) = self
            && !argument.is_empty()
        {
            return format!("{name} {MASK}");
        }
        match self.argument(dialect) {
            Some(argument) => format!("{name} {}", show(&argument)),
            None => name.to_owned(),
        }
    }

    /// Returns the line for the trace of a client: as [`redacted`](Self::redacted), but with the names of the files of PACK and
    /// their numbers, which the replies speak of.
    pub fn traced(&self, dialect: Dialect) -> String {
        if let Self::Pack(pack) = self {
            return format!("{} {}", self.name(dialect), pack.traced());
        }
        self.redacted(dialect)
    }

    const fn name(&self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Self::Quit, Dialect::Rfc354) => "BYE", // QUIT came with RFC 607
            _ => self.verb().name(),
        }
    }

    fn argument(&self, dialect: Dialect) -> Option<Vec<u8>> {
        let text = match self {
            Self::User(name) => return Some(name.clone()),
            Self::Pass(secret) | Self::Acct(secret) => return Some(secret.expose().to_vec()),
            Self::Retr(path) | Self::Stor(path) | Self::Appe(path) | Self::Size(path) | Self::Mdtm(path) => {
                return Some(path.as_bytes().to_vec());
            }
            Self::Hash(path) | Self::Rnfr(path) | Self::Rnto(path) | Self::Dele(path) | Self::Mkd(path) => {
                return Some(path.as_bytes().to_vec());
            }
            Self::Pret(next) => {
                let name = next.name(dialect).as_bytes().to_vec();
                return Some(match next.argument(dialect) {
                    Some(argument) => [&name, &b" "[..], &argument].concat(),
                    None => name,
                });
            }
            Self::XDigest(_, path, range) => return Some(with_range(quoted(path), *range)),
            Self::Rang(None) => "1 0".to_owned(),
            Self::Rang(Some(ByteRange { first, length })) => {
                let last = length.map_or(u64::MAX, |length| first.saturating_add(length).saturating_sub(1));
                format!("{first} {last}")
            }
            Self::Rmd(path) | Self::Cwd(path) => return Some(path.as_bytes().to_vec()),
            Self::List(path) | Self::Nlst(path) => return path.as_ref().map(not_an_option),
            Self::ListAll(path) | Self::NlstAll(path) => return Some(with_option_a(path.as_ref())),
            Self::Mlsd(path) | Self::Mlst(path) | Self::Stat(path) => {
                return path.as_ref().map(|p| p.as_bytes().to_vec());
            }
            Self::Practice(practice) => return practice.argument(),
            Self::Pack(pack) => return Some(pack.argument()),
            Self::GridFtp(command) => return Some(command.argument()),
            Self::Extension(extension) => extension.argument(),
            Self::Detached(detached) => detached.argument(),
            Self::Help(verb) => return verb.clone(),
            Self::Other(_, argument) => {
                return if argument.is_empty() { None } else { Some(argument.clone()) };
            }
            Self::Rein | Self::Quit | Self::Pasv | Self::Cpsv | Self::Actv | Self::Gsoc => return None,
            Self::Cdup | Self::Pwd | Self::Abor | Self::Noop | Self::Syst | Self::Feat => return None,
            Self::Stou => return None,
            Self::Epsv(Epsv::Same) | Self::Rndz(None) | Self::Ccc | Self::Sscn(None) => {
                return None;
            }
            Self::Auth(mechanism) => return Some(mechanism.name().to_vec()),
            Self::Pbsz(bytes) => bytes.to_string(),
            Self::Prot(level) => level.letter().to_string(),
            Self::Sscn(Some(true)) => "ON".to_owned(),
            Self::Sscn(Some(false)) | Self::Pinc(None) => "OFF".to_owned(),
            Self::Pinc(Some(leaf)) => format!("SHA-256 {}", leaf.to_hex()),
            Self::Type(data_type) => data_type.letters().to_owned(),
            Self::Mode(mode) => mode.letter().to_string(),
            Self::Stru(Structure::File) => "F".to_owned(),
            Self::Stru(Structure::Unserved(letter)) => char::from(*letter).to_string(),
            Self::Byte(size) => size.to_string(),
            // A server of 1973 about which nothing is known reads only the integer form (dialect-1973
            // section 13).
            Self::Sock(target) => format_sock(*target, dialect == Dialect::Rfc354),
            Self::Lstn(direction) => direction.letter().to_string(),
            Self::Port(address) => format_port(*address),
            Self::Eprt(address) => format_eprt(*address),
            Self::EprtUnknown(family) => format!("|{family}|||"),
            Self::Epsv(Epsv::V4) => "1".to_owned(),
            Self::Epsv(Epsv::V6) => "2".to_owned(),
            Self::Epsv(Epsv::All) => "ALL".to_owned(),
            Self::Epsv(Epsv::Unknown(family)) => family.to_string(),
            Self::Rndz(Some(secret)) => return Some(secret.to_hex().as_bytes().to_vec()),
            Self::Rest(bytes) | Self::Allo(bytes) => bytes.to_string(),
            Self::Opts(opts) => return Some(option(opts)),
        };
        Some(text.into_bytes())
    }
}

impl DataType {
    /// Returns the argument of TYPE.
    pub const fn letters(self) -> &'static str {
        match self {
            Self::Ascii => "A",
            Self::Image => "I",
            Self::Local8 => "L 8",
            Self::Unserved => "E",
        }
    }
}

impl Mode {
    /// Returns the argument of MODE.
    pub const fn letter(self) -> char {
        match self {
            Self::Stream => 'S',
            Self::Block => 'B',
            Self::Deflate => 'Z',
            Self::Unserved(letter) => letter as char,
        }
    }
}

/// The argument of OPTS.
fn option(opts: &Opts) -> Vec<u8> {
    let text = match opts {
        Opts::Unknown(words) => return words.clone(),
        Opts::Utf8 => "UTF8 ON".to_owned(),
        Opts::Deflate => "MODE Z".to_owned(),
        Opts::Hash(None) => "HASH".to_owned(),
        Opts::Hash(Some(algorithm)) => format!("HASH {}", algorithm.name()),
        Opts::Mlst(facts) => {
            format!("MLST {}", facts.iter().map(|fact| format!("{fact};")).collect::<String>())
        }
        Opts::Partial(Partial::Publish) => "STOR PARTIAL PUBLISH".to_owned(),
        Opts::Partial(Partial::Keep) => "STOR PARTIAL KEEP".to_owned(),
        Opts::Partial(Partial::Discard) => "STOR PARTIAL DISCARD".to_owned(),
    };
    text.into_bytes()
}

/// Protects a name that begins with a dash, which servers would take for options of `ls`.
fn not_an_option(path: &PathName) -> Vec<u8> {
    let name = path.as_bytes();
    if name.starts_with(b"-") { [b"./", name].concat() } else { name.to_vec() }
}

/// The option of `ls` that shows names that begin with a dot, before a name.
fn with_option_a(path: Option<&PathName>) -> Vec<u8> {
    path.map_or_else(|| b"-a".to_vec(), |path| [b"-a ", &*not_an_option(path)].concat())
}

impl Command {
    /// Returns the verb of this command.
    pub const fn verb(&self) -> Verb {
        match self {
            Self::User(_) => Verb::User,
            Self::Pass(_) => Verb::Pass,
            Self::Acct(_) => Verb::Acct,
            Self::Rein => Verb::Rein,
            Self::Quit => Verb::Quit,
            Self::Type(_) => Verb::Type,
            Self::Mode(_) => Verb::Mode,
            Self::Stru(_) => Verb::Stru,
            Self::Byte(_) => Verb::Byte,
            Self::Sock(_) => Verb::Sock,
            Self::Lstn(_) => Verb::Lstn,
            Self::Pasv => Verb::Pasv,
            Self::Actv => Verb::Actv,
            Self::Gsoc => Verb::Gsoc,
            Self::Port(_) => Verb::Port,
            Self::Eprt(_) | Self::EprtUnknown(_) => Verb::Eprt,
            Self::Epsv(_) => Verb::Epsv,
            Self::Rndz(_) => Verb::Rndz,
            Self::Pret(_) => Verb::Pret,
            Self::Retr(_) => Verb::Retr,
            Self::Stor(_) => Verb::Stor,
            Self::Appe(_) => Verb::Appe,
            Self::Rest(_) => Verb::Rest,
            Self::List(_) | Self::ListAll(_) => Verb::List,
            Self::Nlst(_) | Self::NlstAll(_) => Verb::Nlst,
            Self::Mlsd(_) => Verb::Mlsd,
            Self::Mlst(_) => Verb::Mlst,
            Self::Size(_) => Verb::Size,
            Self::Mdtm(_) => Verb::Mdtm,
            Self::Hash(_) => Verb::Hash,
            Self::XDigest(digest, ..) => digest.verb(),
            Self::Rang(_) => Verb::Rang,
            Self::GridFtp(command) => command.verb(),
            Self::Rnfr(_) => Verb::Rnfr,
            Self::Rnto(_) => Verb::Rnto,
            Self::Dele(_) => Verb::Dele,
            Self::Mkd(_) => Verb::Mkd,
            Self::Rmd(_) => Verb::Rmd,
            Self::Cwd(_) => Verb::Cwd,
            Self::Cdup => Verb::Cdup,
            Self::Pwd => Verb::Pwd,
            Self::Abor => Verb::Abor,
            Self::Stat(_) => Verb::Stat,
            Self::Noop => Verb::Noop,
            Self::Allo(_) => Verb::Allo,
            Self::Syst => Verb::Syst,
            Self::Help(_) => Verb::Help,
            Self::Feat => Verb::Feat,
            Self::Opts(_) => Verb::Opts,
            Self::Auth(_) => Verb::Auth,
            Self::Pbsz(_) => Verb::Pbsz,
            Self::Prot(_) => Verb::Prot,
            Self::Ccc => Verb::Ccc,
            Self::Sscn(_) => Verb::Sscn,
            Self::Cpsv => Verb::Cpsv,
            Self::Pinc(_) => Verb::Pinc,
            Self::Stou => Verb::Stou,
            Self::Extension(extension) => extension.verb(),
            Self::Detached(detached) => detached.verb(),
            Self::Pack(_) => Verb::Pack,
            Self::Practice(practice) => practice.verb(),
            Self::Other(verb, _) => *verb,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Pack, Verb};
    use super::*;
    use crate::address::SockTarget;
    use crate::wire::{FileName, RendezvousSecret, Secret};
    use Dialect::{Rfc354, Rfc959};

    fn path(name: &[u8]) -> PathName {
        PathName::from_wire(name).unwrap()
    }

    #[test]
    fn a_server_of_1973_reads_its_own_words() {
        let sock = Command::Sock(SockTarget { host: Some("10.0.0.1".parse().unwrap()), port: 40004 });
        assert_eq!(sock.to_line(Rfc354), b"SOCK 167772161,40004\r\n");
        assert_eq!(sock.to_line(Rfc959), b"SOCK 10.0.0.1,40004\r\n");
        assert_eq!(Command::Quit.to_line(Rfc354), b"BYE\r\n");
        assert_eq!(Command::Quit.to_line(Rfc959), b"QUIT\r\n");
    }

    #[test]
    fn h25_names_are_sent_completely_and_cannot_begin_a_command() {
        let retr = |name: &[u8]| Command::Retr(path(name)).to_line(Rfc959);
        assert_eq!(retr("-é \"x\" ".as_bytes()), "RETR -é \"x\" \r\n".as_bytes());
        assert_eq!(retr(b"a\rb\xff"), b"RETR a\r\0b\xff\xff\r\n");
        assert_eq!(Command::List(Some(path(b"-la"))).to_line(Rfc959), b"LIST ./-la\r\n");
        assert_eq!(Command::ListAll(Some(path(b"-la"))).to_line(Rfc959), b"LIST -a ./-la\r\n");
        assert_eq!(Command::NlstAll(None).to_line(Rfc959), b"NLST -a\r\n");
        let user = Command::User(b"me\r\nDELE x".to_vec());
        assert_eq!(user.to_line(Rfc959), b"USER me\r\0DELE x\r\n");
        let other = Command::Other(Verb::Site, b"a\n\0b".to_vec());
        assert_eq!(other.to_line(Rfc959), b"SITE ab\r\n");
    }

    #[test]
    fn h34_pret_names_the_command_that_will_follow() {
        let pret = |next: Command| Command::Pret(Box::new(next)).to_line(Rfc959);
        assert_eq!(pret(Command::Retr(path(b"a b\r"))), b"PRET RETR a b\r\0\r\n");
        assert_eq!(pret(Command::Mlsd(None)), b"PRET MLSD\r\n");
    }

    #[test]
    fn h38_secrets_are_masked() {
        let secret = RendezvousSecret::new([7; 32]);
        assert_eq!(Command::Pass(Secret::new("swordfish")).redacted(Rfc959), "PASS ***");
        assert_eq!(Command::Acct(Secret::new("swordfish")).redacted(Rfc354), "ACCT ***");
        assert_eq!(Command::Rndz(Some(secret)).redacted(Rfc959), "RNDZ ***");
        assert_eq!(Command::Rndz(None).redacted(Rfc959), "RNDZ");
        let names = [&b"a"[..], b"b\r"].map(|name| FileName::from_wire(name).unwrap());
        let look = Command::Pack(Box::new(Pack::Look(path(b"d"), names.into())));
        assert_eq!(look.redacted(Rfc959), "PACK LOOK d (2 files)");
        assert_eq!(look.traced(Rfc959), "PACK LOOK d (2 files): 1 a / 2 b%0D");
        assert_eq!(Command::Retr(path(b"a\rb\xffc")).redacted(Rfc959), "RETR a%0Db%FFc");
        assert_eq!(Command::Pass(Secret::new("swordfish")).to_line(Rfc959), b"PASS swordfish\r\n");
        assert_eq!(Command::Pass(Secret::default()).to_line(Rfc959), b"PASS \r\n");
    }
}
