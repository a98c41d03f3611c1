//! The first bytes of a server: whether they are FTP's, and if not, which other protocol it speaks.

use super::{Code, Greeting, Reply, greeting};
use std::fmt;

/// A protocol that is not FTP.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Protocol {
    /// A web server.
    Http,
    /// SSH, which carries SFTP and SCP.
    Ssh,
    /// Mail is delivered.
    Smtp,
    /// Mail is read.
    Imap,
    /// Mail is fetched.
    Pop3,
    /// News are read.
    Nntp,
    /// The daemon of rsync.
    Rsync,
    /// VNC, a remote screen.
    Vnc,
    /// TLS from the first byte on, whatever it carries.
    Tls,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "a web server",
            Self::Ssh => "an SSH server",
            Self::Smtp => "a mail server (SMTP)",
            Self::Imap => "a mail server (IMAP)",
            Self::Pop3 => "a mail server (POP3)",
            Self::Nntp => "a news server",
            Self::Rsync => "an rsync server",
            Self::Vnc => "a VNC server",
            Self::Tls => "a server that speaks TLS from the first byte on",
        })
    }
}

impl Protocol {
    /// Returns the protocol of a server whose first bytes are these, if they show that it is one of these.
    pub fn of_first_bytes(bytes: &[u8]) -> Option<Self> {
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
        let begins = |with: &str| {
            line.get(..with.len()).is_some_and(|line| line.eq_ignore_ascii_case(with.as_bytes()))
        };
        match bytes {
            // A handshake, or the alert that ends one.
            [0x15 | 0x16, 0x03, ..] => Some(Self::Tls),
            _ if begins("HTTP/") || begins("<!doctype html") || begins("<html") => Some(Self::Http),
            _ if begins("SSH-") => Some(Self::Ssh),
            _ if begins("* OK") || begins("* PREAUTH") || begins("* BYE") => Some(Self::Imap),
            _ if begins("+OK") || begins("-ERR") => Some(Self::Pop3),
            _ if begins("@RSYNCD:") => Some(Self::Rsync),
            _ if begins("RFB 00") => Some(Self::Vnc),
            _ => {
                let (code, text) = line.split_at_checked(3)?;
                let code = str::from_utf8(code).ok()?.parse().ok()?;
                Self::of_words(code, text)
            }
        }
    }

    /// Returns the protocol of a server with this first reply, if its words are not those of FTP.
    pub fn of_greeting(reply: &Reply) -> Option<Self> {
        match greeting(reply.code) {
            Greeting::Speaks(_) => Self::of_words(reply.code.0, &reply.lines.join(&b' ')),
            Greeting::Wait | Greeting::Refused | Greeting::NotFtp => None,
        }
    }

    /// SMTP and NNTP begin with codes of FTP, and with their own name (RFC 5321 section 4.2: `220 HOST ESMTP`).
    fn of_words(code: u16, text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text).to_ascii_lowercase();
        let has = |names: &[&str]| {
            text.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|word| names.contains(&word))
        };
        if text.contains("ftp") {
            return None;
        }
        match code {
            220 if has(&["smtp", "esmtp", "lmtp"]) => Some(Self::Smtp),
            200 | 201 if has(&["nntp", "nnrp", "news", "internetnews"]) => Some(Self::Nntp),
            _ => None,
        }
    }
}

/// What the first bytes of a server are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Beginning {
    /// The first line is not complete.
    Incomplete,
    /// An FTP server is ready, or will be (220, 120; 300 of 1973).
    Greets,
    /// A server that does not accept clients now, such as 421.
    Refuses(Code),
    /// No FTP server begins in this way.
    NotFtp,
}

/// Returns what the first bytes of a server are. Only its first line counts, which has at most
/// [`MAX_FIRST_LINE`] bytes.
pub fn beginning(bytes: &[u8]) -> Beginning {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.len() > MAX_FIRST_LINE {
        return Beginning::NotFtp;
    }
    let (digits, rest) = line.split_at(line.len().min(3));
    let marked = rest.first().is_none_or(|byte| matches!(byte, b' ' | b'-' | b'\r'));
    if !digits.iter().all(u8::is_ascii_digit) || !marked {
        return Beginning::NotFtp;
    }
    if line.len() == bytes.len() {
        return Beginning::Incomplete;
    }
    let &[hundreds, tens, ones] = digits else { return Beginning::NotFtp };
    let number = [hundreds, tens, ones].iter().fold(0, |all, digit| all * 10 + u16::from(digit - b'0'));
    let code = Code(number);
    match (greeting(code), number) {
        (Greeting::Speaks(_), 220 | 300) | (Greeting::Wait, 120) => Beginning::Greets,
        (Greeting::Refused, _) => Beginning::Refuses(code),
        (Greeting::Speaks(_) | Greeting::Wait | Greeting::NotFtp, _) => Beginning::NotFtp,
    }
}

/// Maximum length of a server's first line in bytes.
pub const MAX_FIRST_LINE: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::super::Code;
    use super::*;

    #[test]
    fn servers_of_other_protocols_are_known_by_their_first_bytes() {
        let check = |bytes: &[u8], expect| {
            assert_eq!(Protocol::of_first_bytes(bytes), expect, "{}", String::from_utf8_lossy(bytes));
        };
        check(b"HTTP/1.1 400 Bad Request\r\n", Some(Protocol::Http));
        check(b"<!DOCTYPE HTML>\n", Some(Protocol::Http));
        check(b"SSH-2.0-OpenSSH_9.9\r\n", Some(Protocol::Ssh));
        check(b"* OK [CAPABILITY IMAP4rev1] ready\r\n", Some(Protocol::Imap));
        check(b"+OK POP3 ready\r\n", Some(Protocol::Pop3));
        check(b"@RSYNCD: 31.0\n", Some(Protocol::Rsync));
        check(b"RFB 003.008\n", Some(Protocol::Vnc));
        check(b"\x15\x03\x01\x00\x02\x02\x46", Some(Protocol::Tls));
        check(b"\x16\x03\x03", Some(Protocol::Tls));
        check(b"220 mail.example ESMTP Postfix\r\n", Some(Protocol::Smtp));
        check(b"200 news.example InterNetNews NNRP server ready\r\n", Some(Protocol::Nntp));
        for ftp in [
            &b"220 FTP server ready\r\n"[..],
            b"220-one\r\n220 two\r\n",
            b"300 hello\r\n",
            b"22",
            b"",
            b"421 busy\r\n",
        ] {
            check(ftp, None);
        }
    }

    #[test]
    fn a_greeting_of_mail_is_none_of_ftp() {
        let check = |code, text: &str, expect| {
            let reply = Reply { code: Code(code), lines: vec![text.as_bytes().to_vec()] };
            assert_eq!(Protocol::of_greeting(&reply), expect, "{text}");
        };
        check(220, "mx.example ESMTP Exim 4.97", Some(Protocol::Smtp));
        check(220, "smtp.example FTP server ready", None);
        check(220, "files of smtpd.example", None);
        check(421, "mx.example ESMTP busy", None);
    }

    #[test]
    fn only_the_greetings_of_ftp_begin_a_session() {
        let check = |bytes: &str, expected| assert_eq!(beginning(bytes.as_bytes()), expected, "{bytes:?}");
        for greets in
            ["220 ready\r\n", "220-one\r\n220 two", "120 soon\r\n", "300 hello\n", "220\r\n", "220\n"]
        {
            check(greets, Beginning::Greets);
        }
        for early in ["", "2", "22", "220", "220 ready", "220\r", "9"] {
            check(early, Beginning::Incomplete);
        }
        for other in [
            "SSH-2.0-x\r\n",
            "HTTP/1.1 200 OK\r\n",
            "+OK\r\n",
            "-ERR\r\n",
            "* OK\r\n",
            "\x16\x03\x03",
            "\n",
            "\r\n",
            "22\r\n",
            "2200 x\r\n",
            "220x\r\n",
            "200 news\r\n",
            "201 news\r\n",
            "250 x\r\n",
            "150 x\r\n",
            "331 x\r\n",
            "999 x\r\n",
        ] {
            check(other, Beginning::NotFtp);
        }
        check("421 too many\r\n", Beginning::Refuses(Code(421)));
        check("530-no\r\n", Beginning::Refuses(Code(530)));
        check(&format!("220 {}", "x".repeat(MAX_FIRST_LINE)), Beginning::NotFtp);
    }
}
