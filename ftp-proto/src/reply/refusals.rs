//! Who is to blame for a refusal, according to the words and codes of real servers.

use super::Reply;
use super::classify::{names_part, stores, transfers};
use crate::command::Verb;
use crate::dialect::Dialect;

/// Who is to blame for a refusal. It decides what to do next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Blame {
    /// The file does not exist.
    Missing,
    /// The file is to blame, or its name or permissions. Another path between the servers does not help.
    File,
    /// There is no space left, or a quota is used up. Another path does not help.
    Space,
    /// The login or the account is not accepted.
    Login,
    /// The path between the two servers is closed. Try the next candidate.
    Path,
    /// The server is busy. Try the same again later.
    Busy,
    /// The server does not know the command.
    Unsupported,
    /// The server sent a reply that is not allowed here.
    Peer,
}

/// Returns who is to blame for a negative reply to `verb`: by its words if they are known, otherwise by
/// its code. It also recognises a 2xx that is really a refusal ("226 Transfer aborted").
///
/// ```
/// use ftp_proto::command::Verb;
/// use ftp_proto::dialect::Dialect;
/// use ftp_proto::reply::{Blame, Code, Reply, blame};
///
/// let refusal = Reply { code: Code(500), lines: vec![b"Illegal PORT command.".to_vec()] };
/// assert_eq!(blame(Dialect::Rfc959, Verb::Port, &refusal), Blame::Path);
/// ```
pub fn blame(dialect: Dialect, verb: Verb, reply: &Reply) -> Blame {
    let words = reply.lines.join(&b' ').to_ascii_lowercase();
    let known = WORDS.iter().find(|known| {
        known.codes.contains(&reply.code.0) && memchr::memmem::find(&words, known.words.as_bytes()).is_some()
    });
    let blame = known.map_or_else(|| by_code(dialect, verb, reply.code.0), |known| known.blame);
    // STOR creates its name, so a missing name means its directory, which the user must create.
    if blame == Blame::Missing && makes_its_name(verb) { Blame::File } else { blame }
}

/// Returns whether a refusal of PASV or EPSV asks for PRET first (H34), which a server need not announce
/// in FEAT: "500 You need to use a client supporting PRET (PRE Transfer) to use PASV".
pub fn wants_pret(reply: &Reply) -> bool {
    let asks = |words: &[u8]| memchr::memmem::find(&words.to_ascii_lowercase(), b"supporting pret").is_some();
    reply.code.0 >= 400 && asks(&reply.lines.join(&b' '))
}

/// Returns whether the server says that it has failed inside, whatever the command was: vsftpd writes `500 OOPS` when
/// a part of it has died, or when one of its settings stops every login.
///
/// ```
/// use ftp_proto::reply::{Code, Reply, failed_inside};
///
/// let reply = Reply { code: Code(500), lines: vec![b"OOPS: priv_sock_get_result".to_vec()] };
/// assert!(failed_inside(&reply));
/// ```
pub fn failed_inside(reply: &Reply) -> bool {
    reply.code.0 == 500 && reply.text().to_ascii_lowercase().starts_with(b"oops:")
}

/// What a refusal of a data connection says about TLS.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TlsFault {
    /// The server demands that the data connection resumes the TLS session of its control connection. Only its own
    /// client can do that.
    OwnSession,
    /// There was no agreement: both ends were TLS server, or one has rejected the certificate of the other.
    Handshake,
}

/// Returns what a refusal of a transfer command says about TLS on the data connection, if it is about that.
///
/// ```
/// use ftp_proto::reply::{Code, Reply, TlsFault, tls_fault};
///
/// let words = "SSL connection failed; session reuse required: see require_ssl_reuse option";
/// let refusal = Reply { code: Code(522), lines: vec![words.into()] };
/// assert_eq!(tls_fault(&refusal), Some(TlsFault::OwnSession));
/// ```
pub fn tls_fault(reply: &Reply) -> Option<TlsFault> {
    let words = reply.lines.join(&b' ').to_ascii_lowercase();
    let found = |(codes, words_of, _): &&(&[u16], &str, TlsFault)| {
        codes.contains(&reply.code.0) && memchr::memmem::find(&words, words_of.as_bytes()).is_some()
    };
    TLS_FAULTS.iter().find(found).map(|(_, _, fault)| *fault)
}

/// What servers say about TLS on a data connection: vsftpd V, ProFTPD P, FileZilla Server Z, glftpd G.
static TLS_FAULTS: &[(&[u16], &str, TlsFault)] = &[
    (&[425, 522], "session reuse required", TlsFault::OwnSession), // V require_ssl_reuse
    (&[425, 426, 450, 522], "not resumed", TlsFault::OwnSession),  // Z
    // P says the same if there is no TLS at all and if the session is not resumed.
    (&[425], "unable to build data connection: operation not permitted", TlsFault::OwnSession),
    (&[522], "resum", TlsFault::OwnSession), // this crate's server
    (&[435], "failed tls negotiation", TlsFault::Handshake), // G
    (&[425, 426, 522], "tls handshake", TlsFault::Handshake),
    (&[425, 426, 522], "ssl connection failed", TlsFault::Handshake), // V
];

/// One entry of the dictionary.
struct Words {
    /// The codes with which the words occur. Other replies may contain the words in names of files.
    codes: &'static [u16],
    /// The words of the reply, in lower case.
    words: &'static str,
    /// Who is to blame.
    blame: Blame,
}

const fn said(codes: &'static [u16], words: &'static str, blame: Blame) -> Words {
    Words { codes, words, blame }
}

/// The words of real servers, in the order in which they are searched. vsftpd V, ProFTPD P, Pure-FTPd F,
/// pyftpdlib Y, FileZilla Server Z, DrFTPD D, glftpd G, SFTPGo S, IIS I, inetutils U, Netkit K, ftp-srv J.
static WORDS: &[Words] = &[
    // the path between the servers
    said(&[500, 501], "illegal port", Blame::Path), // V, P, U, K: foreign or privileged address
    said(&[500, 501], "illegal eprt command", Blame::Path), // V
    said(&[500], "i won't open a connection to", Blame::Path), // F without -w
    said(&[425, 501], "rejected data connection", Blame::Path), // Y: "to", "from foreign address"
    said(&[425], "security: bad ip connecting", Blame::Path), // V pasv_promiscuous=NO
    said(&[425], "does not match control connection", Blame::Path), // S
    said(&[425, 500, 550], "addresses do not match", Blame::Path), // J
    said(&[425, 500, 501], "3rd party", Blame::Path),
    said(&[501], "behind a nat router", Blame::Path), // D
    said(&[501], "server cannot accept argument", Blame::Path), // I
    said(&[425, 426, 450, 522], "session not resumed", Blame::Path),
    said(&[425, 522], "not resumed", Blame::Path), // Z: TLS session of data connection
    said(&[425, 522], "session reuse required", Blame::Path), // V require_ssl_reuse
    said(&[435], "failed tls negotiation", Blame::Path), // G
    said(&[530], "use secure data connection", Blame::Path), // D
    said(&[427], "use ssl fxp", Blame::Path),      // G
    said(&[426], "not allowed to fxp", Blame::Path), // D
    said(&[426], "slow transfer", Blame::Path),    // D
    said(&[426], "transferring too slow", Blame::Path), // G
    said(&[226, 250], "transfer aborted", Blame::Path), // D: a 2xx that is none
    // no space left
    said(&[426, 450, 451, 452, 550, 552, 553], "no space left", Blame::Space),
    said(&[426, 450, 451, 452, 550, 552, 553], "not enough space", Blame::Space),
    said(&[426, 450, 451, 452, 550, 552, 553], "disk full", Blame::Space),
    said(&[426, 450, 451, 452, 550, 552, 553], "out of disk space", Blame::Space),
    said(&[426, 450, 451, 452, 550, 552, 553], "out of space", Blame::Space),
    said(&[426, 450, 451, 452, 550, 552, 553], "quota exceeded", Blame::Space),
    said(&[426, 450, 451, 452, 550, 552, 553], "disk quota", Blame::Space),
    // the server is busy
    said(&[450, 530], "transfer-slave", Blame::Busy), // D: none available
    said(&[421, 530], "too many", Blame::Busy),
    said(&[421, 530], "maximum number of", Blame::Busy), // P, F
    said(&[530], "try again later", Blame::Busy),
    said(&[450, 550], "used by another process", Blame::Busy), // I
    said(&[550], "premature close", Blame::Busy), // Node.js: the data connection ended before the server read from it
    // the file, its name or permissions
    said(&[450, 500, 550, 551, 553], "no such file", Blame::Missing), // 500: GridFTP
    said(&[450, 550, 551, 553], "no such directory", Blame::Missing),
    said(&[450, 550, 551, 553], "not found", Blame::Missing),
    said(&[450, 550, 551, 553], "does not exist", Blame::Missing),
    said(&[450, 550, 551, 553], "doesn't exist", Blame::Missing),
    said(&[450, 550, 551, 553], "can't check for file existence", Blame::Missing), // F: SIZE, MDTM
    said(&[550], "could not get file size", Blame::Missing),                       // V
    said(&[550], "could not get file modification time", Blame::Missing),          // V
    said(&[550], "failed to change directory", Blame::Missing),                    // V
    said(&[450, 550], "cannot find the file", Blame::Missing),                     // I
    said(&[450, 550], "cannot find the path", Blame::Missing),                     // I
    said(&[450, 550], "directory not found", Blame::Missing),                      // Z
    said(&[550], "can't find", Blame::Missing),
    said(&[450, 550], "no files found", Blame::Missing), // F, of an empty listing
    // a failure of the server itself
    said(&[500], "oops:", Blame::Peer),             // V
    said(&[500], "permission denied", Blame::File), // GridFTP
    // an unknown command
    said(&[500, 501, 502], "unknown command", Blame::Unsupported),
    said(&[500, 501, 502], "not understood", Blame::Unsupported), // P
    said(&[500, 501, 502, 504], "not implemented", Blame::Unsupported),
    said(&[500], "supporting pret", Blame::Unsupported), // D
];

/// Returns who is to blame according to the code alone.
fn by_code(dialect: Dialect, verb: Verb, code: u16) -> Blame {
    match dialect {
        Dialect::Rfc354 => by_code_354(verb, code),
        Dialect::Rfc959 => by_code_959(verb, code),
    }
}

/// Codes of 1973 (dialect-1973 section 4).
fn by_code_354(verb: Verb, code: u16) -> Blame {
    match code {
        450 => Blame::Missing,
        451 if opens(verb) => Blame::Login, // TENEX before a login
        451 | 456 | 550 => Blame::File,
        332 | 430..=433 => Blame::Login,
        452 | 454 => Blame::Path,
        453 => Blame::Space,
        401 | 434..=436 | 455 => Blame::Busy,
        500 | 506 if opens(verb) => Blame::Unsupported,
        500..=507 if opens(verb) => Blame::Path,
        504 if names_part(verb) => Blame::Unsupported,
        504 if transfers(verb) => Blame::Path,
        504 => Blame::Busy,
        501..=503 if names_a_file(verb) => Blame::File,
        400 | 402 | 457 | 500..=503 | 506 | 507 => Blame::Unsupported,
        _ => Blame::Peer,
    }
}

/// Codes of RFC 959 section 4.2.2, RFC 2228, RFC 2428, and practice.
fn by_code_959(verb: Verb, code: u16) -> Blame {
    match code {
        421 => Blame::Busy,
        425 | 426 | 427 | 435 => Blame::Path,
        530 if opens(verb) => Blame::Path, // who it is was settled before: this host may not be named
        430 | 530 | 532 => Blame::Login,
        450 | 451 => Blame::Busy,
        452 | 552 => Blame::Space,
        202 if !stores(verb) => Blame::Unsupported,
        500 | 502 => Blame::Unsupported,
        501 | 503 | 504 if opens(verb) => Blame::Path, // RFC 2577 3: 504 for a port that is not allowed
        504 if names_part(verb) => Blame::Unsupported,
        503 | 504 if transfers(verb) => Blame::Path,
        501 if names_a_file(verb) => Blame::File,
        501 | 504 => Blame::Unsupported,
        521 | 522 | 533..=536 => Blame::Path, // family or protection, told apart by the command
        550 if opens(verb) => Blame::Path,
        550 | 551 | 553..=556 => Blame::File,
        _ => Blame::Peer,
    }
}

/// Whether the verb prepares a data connection.
fn opens(verb: Verb) -> bool {
    use Verb::{Cepr, Cpsv, Eprt, Epsv, Gsoc, Lstn, Pasv, Port, Sock};
    matches!(verb, Sock | Lstn | Pasv | Gsoc | Port | Eprt | Epsv | Cpsv | Cepr)
}

/// Whether the verb creates the name in its argument.
fn makes_its_name(verb: Verb) -> bool {
    stores(verb) || matches!(verb, Verb::Mkd | Verb::Rnto)
}

/// Whether the verb's argument names a file or directory.
fn names_a_file(verb: Verb) -> bool {
    use Verb::{Cwd, Dele, Hash, Mdtm, Mlst, Pret, Rmd, Rnfr, Size, Stat};
    use Verb::{Md5, Xcrc, Xmd5, Xsha, Xsha1, Xsha256, Xsha512};
    let asks = matches!(verb, Cwd | Dele | Hash | Mdtm | Mlst | Pret | Rmd | Rnfr | Size | Stat)
        || matches!(verb, Md5 | Xcrc | Xmd5 | Xsha | Xsha1 | Xsha256 | Xsha512);
    asks || transfers(verb) || makes_its_name(verb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::{Code, Meaning};
    use Dialect::{Rfc354, Rfc959};

    fn check(dialect: Dialect, verb: Verb, code: u16, text: &str, expect: Blame) {
        let reply = Reply { code: Code(code), lines: vec![text.as_bytes().to_vec()] };
        assert_eq!(blame(dialect, verb, &reply), expect, "{verb:?}: {code} {text}");
    }

    #[test]
    fn a_202_blames_nobody_after_a_file_was_stored() {
        for (verb, expect) in
            [(Verb::Mkd, Blame::Unsupported), (Verb::Stor, Blame::Peer), (Verb::Appe, Blame::Peer)]
        {
            check(Rfc959, verb, 202, "Command not implemented, superfluous at this site.", expect);
        }
    }

    /// The refusals that leave the way between the hosts, each as it is known from its server.
    #[test]
    fn h17_refusals_of_a_path_lead_to_another_one() {
        for (verb, code, text) in [
            // vsftpd, ProFTPD
            (Verb::Port, 500, "Illegal PORT command."),
            (Verb::Port, 500, "Illegal PORT command"),
            (Verb::Port, 501, "Illegal PORT command"),
            (Verb::Eprt, 500, "Illegal EPRT command."),
            (Verb::Stor, 425, "Security: Bad IP connecting."),
            (Verb::Retr, 425, "Use PORT or PASV first."),
            (Verb::Retr, 425, "Failed to establish connection."),
            (Verb::Pasv, 550, "Permission denied."),
            // Pure-FTPd
            (Verb::Port, 500, "I won't open a connection to 127.0.0.3 (only to 127.0.0.1)"),
            // pyftpdlib
            (Verb::Port, 501, "Rejected data connection to foreign address 10.0.0.1:5000."),
            (Verb::Stor, 425, "Rejected data connection from foreign address 10.0.0.1:5000."),
            // SFTPGo, others
            (
                Verb::Stor,
                425,
                "data connection ip address 10.0.0.1 does not match control connection ip address 10.0.0.2",
            ),
            (Verb::Port, 425, "Transfers to 3rd party addresses are not supported"),
            (Verb::Port, 530, "Only to your own address"),
            (Verb::Stor, 550, "Remote addresses do not match"), // ftp-srv
            (Verb::Port, 500, "Illegal PORT rejected (address wrong)."), // Netkit
            (Verb::Pasv, 530, "Not for you"),
            (Verb::Port, 504, "PORT refused: not the client's address"), // z/OS
            (Verb::Eprt, 504, "EPRT refused"),
            (Verb::Port, 501, "==YOU'RE BEHIND A NAT ROUTER=="),
            (Verb::Port, 501, "Server cannot accept argument."),
            // no connection
            (Verb::Retr, 425, "Unable to build data connection: Connection refused"),
            (Verb::Retr, 425, "Can't open data connection."),
            (Verb::Stor, 425, "Unable to build data connection: Accept timed out"),
            // TLS
            (Verb::Retr, 425, "TLS session of data connection not resumed."),
            (Verb::Retr, 522, "SSL connection failed; session reuse required: see require_ssl_reuse"),
            (Verb::Retr, 435, "Failed TLS negotiation on data channel (SSL_accept(): timeout)"),
            (Verb::Retr, 427, "Use SSL FXP!"),
            (Verb::Retr, 530, "USE SECURE DATA CONNECTION"),
            (Verb::Retr, 522, "Data connections must be encrypted."),
            (Verb::Stor, 522, "SSL/TLS required on the data channel"),
            // families
            (Verb::Eprt, 522, "Network protocol not supported, use (1)"),
            (Verb::Epsv, 522, "Network protocol not supported, use (2)"),
            // broken in the middle
            (Verb::Retr, 426, "Failure writing network stream."),
            (Verb::Stor, 426, "Failure reading network stream."),
            (Verb::Retr, 426, "Data connection: Broken pipe."),
            (Verb::Retr, 425, "Data connection: Connection reset by peer."),
            (Verb::Retr, 426, "Sendfile error: Connection timed out"),
            (Verb::Retr, 426, "Slow transfer: 1KB/s below 10KB/s"),
            (Verb::Stor, 426, "Transfer aborted: transferring too slow"),
            (Verb::Stor, 426, "You are not allowed to FXP from here."),
            (Verb::Stor, 226, "Transfer aborted"),
        ] {
            check(Rfc959, verb, code, text, Blame::Path);
        }
    }

    #[test]
    fn h34_a_server_may_ask_for_pret() {
        let reply = |code, text: &str| Reply { code: Code(code), lines: vec![text.as_bytes().to_vec()] };
        let text = "You need to use a client supporting PRET (PRE Transfer) to use PASV";
        assert!(wants_pret(&reply(500, text)));
        assert!(!wants_pret(&reply(220, text)));
        assert!(!wants_pret(&reply(500, "PRET not understood")));
        check(Rfc959, Verb::Pasv, 500, text, Blame::Unsupported);
    }

    #[test]
    fn h17_refusals_of_the_file_are_of_the_file() {
        check(Rfc959, Verb::Retr, 550, "x: No such file or directory", Blame::Missing);
        check(Rfc959, Verb::Retr, 550, "Not found", Blame::Missing);
        check(Rfc959, Verb::Mlst, 550, "x: path not found.", Blame::Missing);
        check(Rfc959, Verb::Stor, 550, "Directory not found", Blame::File);
        check(Rfc959, Verb::Size, 550, "Could not get file size.", Blame::Missing);
        check(Rfc959, Verb::Size, 550, "Can't check for file existence", Blame::Missing);
        check(Rfc959, Verb::Retr, 550, "Failed to open file.", Blame::File);
        check(Rfc959, Verb::Retr, 550, "Permission denied", Blame::File);
        check(Rfc959, Verb::Stor, 553, "Could not create file.", Blame::File);
        check(Rfc959, Verb::Stor, 550, "dir/x: No such file or directory", Blame::File);
        check(Rfc959, Verb::Stor, 550, "Permission denied.", Blame::File);
        check(Rfc959, Verb::Stor, 452, "Disk full", Blame::Space);
        check(Rfc959, Verb::Stor, 451, "Error during write to file: No space left on device", Blame::Space);
        check(Rfc959, Verb::Stor, 552, "Transfer aborted. Disk quota exceeded", Blame::Space);
        check(Rfc959, Verb::Stor, 553, "out of disk space", Blame::Space);
        check(Rfc959, Verb::Stor, 452, "Error writing file: quota exceeded", Blame::Space);
        check(Rfc959, Verb::Stor, 553, "X-DUPE: b", Blame::File);
        check(Rfc959, Verb::Stor, 550, "b: this file looks like a dupe!", Blame::File);
        check(Rfc959, Verb::Retr, 500, "System error in open: No such file or directory", Blame::Missing);
        check(Rfc959, Verb::Stor, 500, "System error in open: Permission denied", Blame::File);
        check(Rfc959, Verb::Retr, 550, "The system cannot find the path specified.", Blame::Missing);
        check(
            Rfc959,
            Verb::Retr,
            550,
            "The process cannot access the file: used by another process",
            Blame::Busy,
        );
        check(Rfc959, Verb::Stor, 550, "Premature close.", Blame::Busy);
        check(Rfc959, Verb::Xcrc, 550, "x: No such file or directory", Blame::Missing);
        check(Rfc959, Verb::Xsha256, 556, "Too large", Blame::File);
        check(Rfc959, Verb::Retr, 450, "File busy", Blame::Busy);
    }

    #[test]
    fn the_rest_is_of_the_login_of_the_moment_or_unknown() {
        check(Rfc959, Verb::Pass, 530, "Login incorrect.", Blame::Login);
        check(Rfc959, Verb::Stor, 532, "Need account for storing files", Blame::Login);
        check(Rfc959, Verb::User, 421, "There are too many connected users", Blame::Busy);
        check(Rfc959, Verb::User, 530, "Sorry, the maximum number of clients (3) are connected", Blame::Busy);
        check(Rfc959, Verb::Stor, 530, "No transfer-slave(s) available", Blame::Busy);
        check(Rfc959, Verb::Retr, 450, "No transfer-slave(s) available", Blame::Busy);
        check(Rfc959, Verb::Retr, 421, "Service closing", Blame::Busy);
        check(Rfc959, Verb::Lstn, 500, "Unknown command.", Blame::Unsupported);
        check(Rfc959, Verb::Hash, 502, "Command not implemented", Blame::Unsupported);
        check(Rfc959, Verb::Epsv, 500, "EPSV not understood", Blame::Unsupported);
        check(Rfc959, Verb::Rest, 501, "Bad number", Blame::Unsupported);
        check(Rfc959, Verb::Esto, 504, "Not for offsets", Blame::Unsupported);
        check(Rfc959, Verb::Retr, 199, "", Blame::Peer);
        check(Rfc959, Verb::Stor, 500, "OOPS: ftruncate", Blame::Peer);
        check(Rfc959, Verb::Noop, 666, "", Blame::Peer);
    }

    #[test]
    fn the_codes_of_1973_have_their_own_blame() {
        check(Rfc354, Verb::Retr, 450, "File not found", Blame::Missing);
        check(Rfc354, Verb::Stor, 450, "File not found", Blame::File);
        check(Rfc354, Verb::Retr, 451, "File access denied", Blame::File);
        check(Rfc354, Verb::Retr, 454, "Can't connect to your data socket", Blame::Path);
        check(Rfc354, Verb::Retr, 452, "Transfer incomplete, data connection closed", Blame::Path);
        check(Rfc354, Verb::Stor, 453, "Transfer incomplete, insufficient storage", Blame::Space);
        check(Rfc354, Verb::Sock, 504, "Not allowed", Blame::Path);
        check(Rfc354, Verb::Sock, 503, "Host number out of range", Blame::Path);
        check(Rfc354, Verb::Lstn, 506, "Not implemented", Blame::Unsupported);
        check(Rfc354, Verb::Lstn, 500, "What?", Blame::Unsupported);
        check(Rfc354, Verb::Pass, 431, "Bad password", Blame::Login);
        check(Rfc354, Verb::Retr, 332, "Log in first", Blame::Login);
        check(Rfc354, Verb::Type, 506, "No EBCDIC here", Blame::Unsupported);
    }

    #[test]
    fn a_code_without_words_is_judged_by_its_verb() {
        for (verb, code, expect) in [
            (Verb::Retr, 450, Blame::Missing),
            (Verb::Sock, 451, Blame::Login),
            (Verb::Retr, 451, Blame::File),
            (Verb::Sock, 501, Blame::Path),
            (Verb::Esto, 504, Blame::Unsupported),
            (Verb::Retr, 501, Blame::File),
            (Verb::Type, 501, Blame::Unsupported),
            (Verb::Retr, 504, Blame::Path),
            (Verb::Type, 504, Blame::Busy),
        ] {
            check(Rfc354, verb, code, "", expect);
        }
        for (verb, code, expect) in [
            (Verb::Port, 503, Blame::Path),
            (Verb::Retr, 503, Blame::Path),
            (Verb::Noop, 503, Blame::Peer),
            (Verb::Type, 504, Blame::Unsupported),
            (Verb::Type, 501, Blame::Unsupported),
            (Verb::Size, 501, Blame::File),
            (Verb::Xcrc, 501, Blame::File),
            (Verb::Retr, 501, Blame::File),
            (Verb::Mkd, 501, Blame::File),
            (Verb::Pasv, 550, Blame::Path),
            (Verb::Size, 550, Blame::File),
            (Verb::Noop, 550, Blame::File),
        ] {
            check(Rfc959, verb, code, "", expect);
        }
    }

    #[test]
    fn meanings_of_this_server_are_understood_in_both_dialects() {
        for dialect in [Rfc354, Rfc959] {
            let check = |verb, meaning: Meaning, text, expect| {
                check(dialect, verb, meaning.code(dialect).0, text, expect);
            };
            check(Verb::Retr, Meaning::NotFound, "x: No such file", Blame::Missing);
            check(Verb::Retr, Meaning::Denied, "Permission denied", Blame::File);
            check(Verb::Stor, Meaning::NoSpace, "", Blame::Space);
            check(Verb::Sock, Meaning::Refused, "", Blame::Path);
            check(Verb::Retr, Meaning::CannotConnect, "", Blame::Path);
            check(Verb::Retr, Meaning::TransferAborted, "", Blame::Path);
            check(Verb::Pass, Meaning::LoginWrong, "", Blame::Login);
            check(Verb::Retr, Meaning::FileBusy, "", Blame::Busy);
            check(Verb::Dgst, Meaning::NotImplemented, "", Blame::Unsupported);
        }
    }
}
