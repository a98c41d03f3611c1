//! The first bytes of a server, for a relay that carries a control connection only if they are FTP's.

use super::{Code, Greeting, greeting};

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
    use super::*;

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
