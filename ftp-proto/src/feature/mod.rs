//! Features: what this crate's server offers, and what a client learnt about another one (RFC 2389).

mod greeting;
mod offer;

pub use offer::{COMPUTED, Offer, offered};

use crate::calendar::{When, facts_time};
use crate::command::{Command, DigestCommand, Direction, GridFtp, Practice, Site, Verb, XDigest};
use crate::dialect::Dialect;
use crate::digest::Algorithm;
use crate::reply::{Class, Reply, classify};
use crate::wire::{ByteRange, PathName};

/// What a server can do, according to its replies.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Capabilities {
    /// The server knows SOCK and answers it with 255.
    pub sock: bool,
    /// The server knows LSTN (RFC 438).
    pub lstn: bool,
    /// The server knows GSOC (RFC 430, 463).
    pub gsoc: bool,
    /// The server knows RNDZ (extensions).
    pub rndz: bool,
    /// The server knows PROB: a transfer command that moves nothing (extensions).
    pub prob: bool,
    /// The server knows PACK: many small files in one transfer (extensions).
    pub pack: bool,
    /// It knows PACK DELETE as well.
    pub pack_delete: bool,
    /// The server knows RSYM: both ends of a data connection listen and connect (extensions).
    pub rsym: bool,
    /// The server lists EPSV and EPRT. Servers without FEAT may know them as well.
    pub epsv: bool,
    /// The facts of MLST and MLSD, in lower case, if the server knows these commands.
    pub mlst: Option<Vec<String>>,
    /// The server knows SIZE (RFC 3659).
    pub size: bool,
    /// The server knows MDTM (RFC 3659).
    pub mdtm: bool,
    /// The server knows REST in stream mode (RFC 3659).
    pub rest_stream: bool,
    /// Names are UTF-8 (RFC 2640).
    pub utf8: bool,
    /// The algorithms of HASH; the first one is selected.
    pub hash: Vec<Algorithm>,
    /// The algorithms of DGST, which computes a digest while a file moves.
    pub dgst: Vec<Algorithm>,
    /// The algorithms of CKSM.
    pub cksm: Vec<Algorithm>,
    /// The server knows ERET.
    pub eret: bool,
    /// The server knows ESTO.
    pub esto: bool,
    /// The older commands that compute digests.
    pub x_digests: Vec<XDigest>,
    /// The server wants PRET before PASV.
    pub pret: bool,
    /// The server knows AUTH TLS (RFC 4217).
    pub auth_tls: bool,
    /// The server knows SSCN, which makes it TLS client on data connections.
    pub sscn: bool,
    /// The server knows CPSV, which opens a data port at which it is TLS client.
    pub cpsv: bool,
    /// The server knows PINC with SHA-256 (extensions).
    pub pinc: bool,
    /// The server understands OPTS STOR PARTIAL, as this crate's server does.
    pub partial: bool,
    /// The server loses data that arrives before STOR, and answers STOR before the data connection
    /// comes. Only its greeting tells.
    pub loses_early: bool,
    /// The server loses what comes on one session while data connections of others come and go. Only its greeting tells.
    pub mixes_sessions: bool,
    /// The server does in order what comes in one piece, also what is behind a transfer command. Only its greeting tells.
    pub queues_commands: bool,
    /// The server lists names that begin with a dot only if it is told to. Only its greeting tells.
    pub hides_dot_names: bool,
    /// The server may show a symbolic link to a directory as the directory, in `LIST` and to `PWD`. Only its greeting tells.
    pub may_hide_links: bool,
    /// The server says that a transfer has begun only when its data connection stands. Only its greeting tells.
    pub starts_late: bool,
    /// The server takes commands before it has replied to those before them. Only its greeting tells.
    pub takes_ahead: bool,
    /// Whether FEAT (HELP in 1973) was answered at all.
    pub known: bool,
    /// The other feature lines, trimmed.
    pub others: Vec<String>,
}

impl Capabilities {
    /// The command that sets when a file was modified: MFMT, SITE UTIME, or MDTM with a time. MDTM with a time, where the
    /// server does not know it, asks for a file with a name that is not there. `None` if it offers none, or if the year does
    /// not have four digits.
    pub fn time_command(&self, path: &PathName, time: When) -> Option<Command> {
        let digits = facts_time(time)?;
        let lines = || self.others.iter().map(|line| line.to_ascii_uppercase());
        if lines().any(|line| line == "MFMT" || (line.starts_with("MFF ") && line.contains("MODIFY"))) {
            return Some(Command::Practice(Practice::Mfmt(time, path.clone())));
        }
        if lines().any(|line| line.starts_with("SITE ") && line.contains("UTIME")) {
            return Some(Command::Practice(Practice::Site(Site::Utime(time, path.clone()))));
        }
        let argument = [digits.as_bytes(), b" ", path.as_bytes()].concat();
        self.mdtm.then_some(Command::Other(Verb::Mdtm, argument))
    }

    /// Whether a line of FEAT is this one, which has no field of its own here.
    pub fn has_line(&self, name: &str) -> bool {
        self.others.iter().any(|line| line.eq_ignore_ascii_case(name))
    }

    /// Whether the server can copy a file within itself: SITE CPFR, SITE CPTO.
    pub fn copies_files(&self) -> bool {
        self.names_site_command(&["COPY", "CPFR"])
    }

    /// Whether the server tells when everything that was stored is on stable storage: SITE SYNC.
    pub fn syncs(&self) -> bool {
        self.names_site_command(&["SYNC"])
    }

    /// Whether a line of SITE names one of these words.
    fn names_site_command(&self, words: &[&str]) -> bool {
        let commands = |line: &String| {
            let (name, commands) = line.split_once(' ')?;
            let mut named = commands.split([' ', ';']);
            let is_named = || named.any(|word| words.iter().any(|known| word.eq_ignore_ascii_case(known)));
            name.eq_ignore_ascii_case("SITE").then(is_named)
        };
        self.others.iter().filter_map(commands).any(|found| found)
    }

    /// Reads the reply to FEAT (RFC 2389 section 3.2), or to HELP of a server of 1973.
    ///
    /// ```
    /// use ftp_proto::dialect::Dialect;
    /// use ftp_proto::feature::Capabilities;
    /// use ftp_proto::reply::{Code, Reply};
    ///
    /// let lines = ["Features:", " SIZE", " REST STREAM", "End"];
    /// let reply = Reply { code: Code(211), lines: lines.map(|l| l.as_bytes().to_vec()).to_vec() };
    /// let capabilities = Capabilities::from_reply(Dialect::Rfc959, &reply);
    /// assert!(capabilities.size && capabilities.rest_stream && !capabilities.sock);
    /// ```
    pub fn from_reply(dialect: Dialect, reply: &Reply) -> Self {
        let mut found = Self::default();
        found.learn(dialect, reply);
        found
    }

    /// Sets what the reply to FEAT or HELP tells.
    pub fn learn(&mut self, dialect: Dialect, reply: &Reply) {
        let verb = match dialect {
            Dialect::Rfc354 => Verb::Help,
            Dialect::Rfc959 => Verb::Feat,
        };
        // SOCK is part of the smallest server of 1973 (RFC 385 section 2).
        self.sock = dialect == Dialect::Rfc354;
        if classify(dialect, verb, reply.code) != Class::Done {
            return;
        }
        self.known = true;
        let lines = reply.lines.iter().map(|line| String::from_utf8_lossy(line));
        match dialect {
            Dialect::Rfc354 => lines.for_each(|line| self.help_line(line.trim())),
            Dialect::Rfc959 => {
                // The first and the last line are words; the features are between them.
                let features = lines.skip(1).take(reply.lines.len().saturating_sub(2));
                for line in features.filter(|line| !line.trim().is_empty()) {
                    if !self.feature(line.trim()) {
                        self.others.push(line.trim().to_owned());
                    }
                }
            }
        }
    }

    /// Reads a line of HELP: a feature as in FEAT, or a text that may name verbs.
    fn help_line(&mut self, line: &str) {
        if !self.feature(line) {
            for word in line.split(|c: char| !c.is_ascii_alphanumeric()) {
                self.feature(word);
            }
        }
    }

    /// Records one feature. Returns whether it has a field of its own.
    fn feature(&mut self, line: &str) -> bool {
        let (name, parameters) = line.split_once(' ').unwrap_or((line, ""));
        match (name.to_ascii_uppercase().as_str(), parameters.trim()) {
            ("SOCK", _) => self.sock = true,
            ("LSTN", _) => self.lstn = true,
            ("GSOC", _) => self.gsoc = true,
            ("RNDZ", _) => self.rndz = true,
            ("PROB", _) => self.prob = true,
            ("PACK", words) => {
                self.pack = true;
                self.pack_delete = words.eq_ignore_ascii_case("DELETE");
            }
            ("RSYM", _) => self.rsym = true,
            ("EPSV" | "EPRT", _) => self.epsv = true,
            ("SIZE", _) => self.size = true,
            ("MDTM", _) => self.mdtm = true,
            ("UTF8", _) => self.utf8 = true,
            ("REST", mode) if mode.eq_ignore_ascii_case("STREAM") => self.rest_stream = true,
            ("STOR", option) if option.to_ascii_uppercase().starts_with("PARTIAL") => self.partial = true,
            ("MLST", facts) => {
                let facts =
                    facts.split(';').map(|fact| fact.trim_end_matches('*').trim().to_ascii_lowercase());
                self.mlst = Some(facts.filter(|fact| !fact.is_empty()).collect());
            }
            ("MLSD", _) => self.mlst = Some(self.mlst.take().unwrap_or_default()),
            ("DGST", algorithms) => self.dgst = hash_algorithms(algorithms),
            ("HASH", algorithms) => self.hash = hash_algorithms(algorithms),
            ("CKSM", algorithms) => self.cksm = cksm_algorithms(algorithms),
            ("ERET", _) => self.eret = true,
            ("ESTO", _) => self.esto = true,
            ("PRET", _) => self.pret = true,
            ("AUTH", kinds) if offers_tls(kinds) => self.auth_tls = true,
            ("SSCN", _) => self.sscn = true,
            ("CPSV", _) => self.cpsv = true,
            ("PINC", digest) if digest.eq_ignore_ascii_case("SHA-256") => self.pinc = true,
            // The form of the parameters may follow: `XCRC "filename" SP EP`.
            (name, _) => match XDigest::named(name) {
                Some(digest) => self.x_digests.push(digest),
                None => return false,
            },
        }
        true
    }
}

/// Whether the parameters of AUTH (`TLS`, `SSL;TLS;TLS-C`, `TLS-P`) name TLS.
fn offers_tls(kinds: &str) -> bool {
    let is_tls = |kind: &str| ["TLS", "TLS-C"].iter().any(|tls| kind.eq_ignore_ascii_case(tls));
    kinds.split([';', ',', ' ']).any(is_tls)
}

/// Reads `CRC32;MD5;SHA-1*;SHA-256`: the known algorithms, the one with the asterisk first.
fn hash_algorithms(list: &str) -> Vec<Algorithm> {
    let known = |name: &str| Algorithm::named(name.trim().trim_end_matches('*'));
    let (selected, rest): (Vec<_>, Vec<_>) = list.split(';').partition(|name| name.trim().ends_with('*'));
    selected.into_iter().chain(rest).filter_map(known).collect()
}

/// Reads `MD5:10;ADLER32:10;SHA256:11`: the known algorithms; the number behind a name says how quick it is.
fn cksm_algorithms(list: &str) -> Vec<Algorithm> {
    let names = list.split([';', ',']).filter_map(|word| word.split(':').next());
    let known = |name: &str| {
        Algorithm::ALL
            .into_iter()
            .find(|known| GridFtp::algorithm_name(*known).eq_ignore_ascii_case(name.trim()))
    };
    names.filter_map(known).collect()
}

impl Capabilities {
    /// Returns the command with which this server computes `algorithm`. HASH is preferred, because its
    /// answer names the algorithm.
    ///
    /// ```
    /// use ftp_proto::command::{DigestCommand, XDigest};
    /// use ftp_proto::digest::Algorithm;
    /// use ftp_proto::feature::Capabilities;
    ///
    /// let capabilities = Capabilities { x_digests: vec![XDigest::Xmd5], ..Capabilities::default() };
    /// assert_eq!(capabilities.digest_command(Algorithm::Md5), Some(DigestCommand::X(XDigest::Xmd5)));
    /// assert_eq!(capabilities.digest_command(Algorithm::Sha256), None);
    /// ```
    pub fn digest_command(&self, algorithm: Algorithm) -> Option<DigestCommand> {
        if self.hash.contains(&algorithm) {
            return Some(DigestCommand::Hash);
        }
        let computes = |x: &XDigest| x.algorithm() == algorithm && self.x_digests.contains(x);
        let x = XDigest::ALL.into_iter().find(computes).map(DigestCommand::X);
        x.or_else(|| self.cksm.contains(&algorithm).then_some(DigestCommand::Cksm(algorithm)))
    }

    /// Returns the algorithms that this server computes of a part of a file: by HASH after RANG (draft-bryan-ftp-range), or by
    /// CKSM. Whether it minds RANG is only seen in its answer.
    pub fn part_algorithms(&self) -> Vec<Algorithm> {
        if self.has_line(RANG) { self.hash.clone() } else { self.cksm.clone() }
    }

    /// The command that computes the digest of a part of a file by itself: CKSM. `None` where RANG does, or nothing.
    pub fn part_digest(&self, algorithm: Algorithm, part: ByteRange, path: &PathName) -> Option<Command> {
        let has = !self.has_line(RANG) && self.cksm.contains(&algorithm) && is_one_word(path);
        has.then(|| Command::GridFtp(GridFtp::Cksm(algorithm, part, path.clone())))
    }

    /// Whether several sessions may write parts of one file at the same time, and each of them cuts nothing off: in place of a
    /// part name after RANG, or by ESTO.
    pub fn stores_ranges(&self) -> bool {
        self.has_line(RANG_STOR) || self.esto
    }

    /// The command with which the server moves a part of a file whose end is known, if one command names both: ERET or ESTO.
    pub fn part_transfer(&self, direction: Direction, part: ByteRange, path: &PathName) -> Option<Command> {
        part.length.filter(|_| is_one_word(path))?;
        let command = match direction {
            Direction::Send if self.eret && !self.has_line(RANG) => GridFtp::Eret(part, path.clone()),
            Direction::Receive if self.esto && !self.has_line(RANG_STOR) => {
                GridFtp::Esto(part.first, path.clone())
            }
            Direction::Send | Direction::Receive => return None,
        };
        Some(Command::GridFtp(command))
    }

    /// Notes that HASH was seen to ignore RANG.
    pub fn forget_rang(&mut self) {
        self.others.retain(|line| !line.eq_ignore_ascii_case(RANG));
    }

    /// Returns the algorithms that this server computes with any command.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        Algorithm::ALL.into_iter().filter(|algorithm| self.digest_command(*algorithm).is_some()).collect()
    }
}

/// Whether no server can take a name behind other words for a shorter one.
fn is_one_word(path: &PathName) -> bool {
    !path.as_bytes().iter().any(u8::is_ascii_whitespace)
}

/// The line of FEAT that tells of RANG.
const RANG: &str = "RANG STREAM";
/// The line of a server at which several sessions may write ranges of the part of a user agent at the same time.
pub const RANG_STOR: &str = "RANG STOR";

#[cfg(test)]
mod tests {
    use super::offer::SITE_COPY;
    use super::*;
    use crate::digest::best_common;
    use crate::listing::{FACTS, SELDOM};
    use crate::reply::Code;
    use Dialect::{Rfc354, Rfc959};

    fn read(dialect: Dialect, code: u16, text: &str) -> Capabilities {
        let lines = text.lines().map(|line| line.as_bytes().to_vec()).collect();
        Capabilities::from_reply(dialect, &Reply { code: Code(code), lines })
    }

    const ALL: Offer = Offer { tls: true, copies: true, logged_in: true };

    fn ours() -> String {
        let lines: Vec<String> =
            offered(Algorithm::Sha256, ALL).iter().map(|line| format!(" {line}")).collect();
        lines.join("\n")
    }

    #[test]
    fn our_own_features_are_recognised_in_both_dialects() {
        for (dialect, code) in [(Rfc959, 211), (Rfc354, 200)] {
            let found = read(dialect, code, &format!("Features\n{}\nEnd", ours()));
            let facts = FACTS.iter().chain(SELDOM).map(|fact| fact.to_ascii_lowercase());
            assert_eq!(
                found,
                Capabilities {
                    sock: true,
                    lstn: true,
                    gsoc: true,
                    rndz: true,
                    prob: true,
                    pack: true,
                    pack_delete: true,
                    rsym: true,
                    epsv: true,
                    mlst: Some(facts.collect()),
                    size: true,
                    mdtm: true,
                    rest_stream: true,
                    utf8: true,
                    hash: COMPUTED.to_vec(),
                    dgst: COMPUTED.to_vec(),
                    x_digests: ["XCRC", "XMD5", "XSHA", "XSHA1", "XSHA256", "XSHA512"]
                        .iter()
                        .filter_map(|name| XDigest::named(name))
                        .collect(),
                    auth_tls: true,
                    sscn: true,
                    cpsv: true,
                    pinc: true,
                    partial: true,
                    known: true,
                    others: if dialect == Rfc959 {
                        [
                            "ACTV",
                            "AVBL",
                            "CEPR",
                            "CLNT",
                            "CSID",
                            "DETA",
                            "HOST",
                            "LANG EN*",
                            "MFF modify;UNIX.mode;",
                            "MFMT",
                            "MODE Z",
                            "PBSZ",
                            "PROT",
                            "RANG STOR",
                            "RANG STREAM",
                            "RATE",
                            "RATE GROUP",
                            "SITE CHMOD;SYMLINK;SYNC;UTIME",
                            "SITE COPY",
                            "TVFS",
                        ]
                        .map(str::to_owned)
                        .to_vec()
                    } else {
                        vec![]
                    },
                    ..Capabilities::default()
                }
            );
        }
    }

    #[test]
    fn only_what_is_served_is_offered() {
        for line in offered(Algorithm::Sha256, ALL) {
            let name = line.split(' ').next().unwrap();
            if let Some(row) = Verb::named(name.as_bytes()).and_then(Verb::row) {
                assert_eq!(row.served, crate::command::verbs::ServerSupport::Yes, "{line}");
            } else {
                assert!(["TVFS", "UTF8"].contains(&name), "{line}");
            }
        }
    }

    #[test]
    fn a_server_that_syncs_says_so_in_the_line_of_site() {
        let syncs = |line: &str| read(Rfc959, 211, &format!("Features:\n {line}\nEnd")).syncs();
        assert!(syncs("SITE CHMOD;SYMLINK;SYNC;UTIME") && syncs("site sync"));
        assert!(!syncs("SITE CHMOD;SYMLINK;UTIME") && !syncs("SYNC"));
    }

    #[test]
    fn copies_within_a_server_are_known_by_the_line_of_mod_copy() {
        for (line, copies) in [
            ("SITE COPY", true),
            ("site copy", true),
            ("SITE CPFR;CPTO", true),
            ("SITE CHMOD;COPY;UTIME", true),
            ("SITE CHMOD;SYMLINK;SYNC;UTIME", false),
            ("SITE SYMLINK", false),
            ("COPY", false),
        ] {
            assert_eq!(
                read(Rfc959, 211, &format!("Features:\n {line}\nEnd")).copies_files(),
                copies,
                "{line}"
            );
        }
        assert!(read(Rfc959, 211, &format!("Features:\n{}\nEnd", ours())).copies_files());
        let off = offered(Algorithm::Sha256, Offer { copies: false, ..ALL });
        assert!(!off.contains(&SITE_COPY.to_owned()));
    }

    #[test]
    fn vsftpd_is_understood() {
        let found = read(
            Rfc959,
            211,
            "Features:\n EPRT\n EPSV\n MDTM\n PASV\n REST STREAM\n SIZE\n TVFS\n UTF8\nEnd",
        );
        assert!(found.known && found.epsv && found.size && found.mdtm && found.rest_stream && found.utf8);
        assert!(!found.sock && !found.lstn && !found.rndz && found.mlst.is_none() && found.hash.is_empty());
        assert_eq!(found.others, ["PASV", "TVFS"]);
    }

    #[test]
    fn proftpd_is_understood() {
        let found = read(
            Rfc959,
            211,
            "Features:\n EPRT\n EPSV\n HASH CRC32;MD5;SHA-1*;SHA-256;SHA-512\n MDTM\n \
         MLST modify*;perm*;size*;type*;unique*;UNIX.group*;UNIX.mode*\n REST STREAM\n SIZE\nEnd",
        );
        use Algorithm::{Crc32, Md5, Sha1, Sha256, Sha512};
        assert_eq!(found.hash, [Sha1, Crc32, Md5, Sha256, Sha512]);
        assert!(found.mlst.is_some_and(|facts| facts.contains(&"unix.mode".to_owned())));
    }

    #[test]
    fn h22_digests_of_their_own_commands_are_learnt() {
        let found = read(
            Rfc959,
            211,
            "Features:\n MD5\n XCRC \"filename\" SP EP\n XMD5\n xsha1 filename;start;end\n MMD5\nEnd",
        );
        assert_eq!(found.x_digests, [XDigest::Md5, XDigest::Xcrc, XDigest::Xmd5, XDigest::Xsha1]);
        assert_eq!(found.others, ["MMD5"]);
    }

    #[test]
    fn pure_ftpd_is_understood() {
        let found = read(
            Rfc959,
            211,
            "Extensions supported:\n UTF8\n EPRT\n IDLE\n MDTM\n SIZE\n MFMT\n REST STREAM\n \
         MLST type*;size*;sizd*;modify*;UNIX.mode*;UNIX.uid*;UNIX.gid*;unique*;\n MLSD\n PRET\n EPSV\nEnd.",
        );
        assert!(found.size && found.rest_stream && found.epsv);
        assert_eq!(found.mlst.map(|facts| facts.len()), Some(8));
        assert!(found.pret && found.x_digests.is_empty());
        assert_eq!(found.others, ["IDLE", "MFMT"]);
    }

    #[test]
    fn globus_is_understood() {
        let found = read(
            Rfc959,
            211,
            "Extensions supported\n CKSM MD5:10;ADLER32:10;SHA1:10;SHA256:11;SHA512:12;\n DCAU\n PARALLEL\n SIZE\n ERET\n ESTO\n \
         SPAS\n REST STREAM\nEnd.",
        );
        use Algorithm::{Md5, Sha1, Sha256, Sha512};
        assert_eq!(found.cksm, [Md5, Sha1, Sha256, Sha512]);
        assert_eq!(found.part_algorithms(), found.cksm);
        assert_eq!(found.digest_command(Sha256), Some(DigestCommand::Cksm(Sha256)));
        assert!(found.eret && found.esto && found.stores_ranges());
        let (path, part) = (PathName::from_user("a").unwrap(), ByteRange::before(2, 7).unwrap());
        let named = |found: &Capabilities, path: &PathName| {
            [Direction::Send, Direction::Receive]
                .map(|direction| found.part_transfer(direction, part, path).is_some())
        };
        assert_eq!(named(&found, &path), [true, true]);
        assert_eq!(named(&found, &PathName::from_user("a b").unwrap()), [false, false]);
        let rang = Capabilities { others: vec![RANG.to_owned()], ..found.clone() };
        assert_eq!(named(&rang, &path), [false, true], "RANG says nothing of STOR");
    }

    #[test]
    fn a_server_without_features_is_unknown() {
        assert_eq!(read(Rfc959, 500, "Unknown command."), Capabilities::default());
        let none = read(Rfc959, 211, "no-features");
        assert!(none.known && none.others.is_empty());
        let old = read(Rfc354, 500, "What?");
        assert!(old.sock && !old.known && !old.lstn);
    }

    #[test]
    fn help_of_a_server_of_1973_names_its_verbs() {
        let found = read(Rfc354, 200, "Commands are: USER PASS SOCK LSTN, RETR STOR.");
        assert!(
            found.known && found.sock && found.lstn && !found.gsoc && !found.rest_stream && !found.partial
        );
    }

    fn server(hash: &[Algorithm], x_digests: &[XDigest]) -> Capabilities {
        Capabilities { hash: hash.to_vec(), x_digests: x_digests.to_vec(), ..Capabilities::default() }
    }

    #[test]
    fn h22_two_servers_share_a_digest_though_their_commands_differ() {
        use Algorithm::{Crc32, Md5, Sha1, Sha256};
        let check = |one: &Capabilities, two: &Capabilities, expect| {
            assert_eq!(best_common(&one.algorithms(), &two.algorithms()), expect);
            assert_eq!(best_common(&two.algorithms(), &one.algorithms()), expect);
        };
        let ours = server(&[Sha256], &[]);
        check(&ours, &server(&[], &[XDigest::Xmd5, XDigest::Xsha256]), Some(Sha256));
        check(&server(&[Sha1, Md5], &[]), &server(&[], &[XDigest::Xcrc, XDigest::Xsha]), Some(Sha1));
        check(&server(&[], &[XDigest::Md5]), &server(&[], &[XDigest::Xmd5, XDigest::Xcrc]), Some(Md5));
        check(&server(&[], &[XDigest::Xcrc]), &server(&[Crc32], &[]), Some(Crc32));
        check(&ours, &server(&[], &[XDigest::Xmd5]), None);
        check(&ours, &server(&[], &[]), None);
    }

    #[test]
    fn h21_parts_need_rang_and_hash_and_a_server_that_minds_rang() {
        let mut both = server(&[Algorithm::Sha256], &[XDigest::Xmd5]);
        assert_eq!(both.part_algorithms(), []);
        both.others = vec!["MDTM".to_owned(), "rang stream".to_owned()];
        assert_eq!(both.part_algorithms(), [Algorithm::Sha256]);
        both.forget_rang();
        assert_eq!((both.part_algorithms(), both.others.len()), (Vec::new(), 1));
    }

    #[test]
    fn h22_hash_is_preferred_and_xsha1_to_xsha() {
        let both = server(&[Algorithm::Sha1], &[XDigest::Xsha, XDigest::Xsha1]);
        assert_eq!(both.digest_command(Algorithm::Sha1), Some(DigestCommand::Hash));
        let x = server(&[], &[XDigest::Xsha, XDigest::Xsha1]);
        assert_eq!(x.digest_command(Algorithm::Sha1), Some(DigestCommand::X(XDigest::Xsha1)));
    }
}
