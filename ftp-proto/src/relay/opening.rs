//! The beginning of a tunnel at a port where TLS begins at once (implicit TLS): who may say what before the
//! server has shown that it takes part.
//!
//! ```text
//!  user agent --ClientHello, one record, at most 4 KiB--> server      nothing else goes to the server before
//!             <----------------- ServerHello, or a greeting in clear
//!             <---------------- everything --------------->
//! ```
//!
//! Of the server nothing is passed on before it was judged, so that a relay never shows what another service
//! says.

use crate::reply::{Beginning, beginning};

/// How far one end is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// More bytes are needed.
    Incomplete,
    /// It is complete, and may be passed on.
    Complete,
    /// It is something else, or goes on behind its end: the tunnel ends.
    Wrong,
}

/// Judges what the user agent says first: exactly one TLS record with one ClientHello (RFC 8446 sections 4.1.2
/// and 5.1), of at most [`MAX_CLIENT_HELLO`] bytes.
pub fn client_hello(bytes: &[u8]) -> Progress {
    let Some(length) = record(bytes, CLIENT_HELLO) else { return Progress::Wrong };
    match length {
        None => Progress::Incomplete,
        Some(length) if length > MAX_CLIENT_HELLO || bytes.len() > length => Progress::Wrong,
        Some(length) if bytes.len() < length => Progress::Incomplete,
        Some(length) => {
            let inside = bytes.get(6..9).unwrap_or_default();
            let message = inside.iter().fold(0, |all, byte| all << 8 | usize::from(*byte));
            if message + HEADERS == length { Progress::Complete } else { Progress::Wrong }
        }
    }
}

/// Judges what the server says first: the beginning of a ServerHello, or a greeting in clear.
pub fn server_hello(bytes: &[u8]) -> Progress {
    match record(bytes, SERVER_HELLO) {
        Some(None) => Progress::Incomplete,
        Some(Some(_)) => Progress::Complete,
        None => match beginning(bytes) {
            Beginning::Incomplete => Progress::Incomplete,
            Beginning::Greets => Progress::Complete,
            Beginning::Refuses(_) | Beginning::NotFtp => Progress::Wrong,
        },
    }
}

/// The length of a handshake record, with its header, that begins with a message of this kind: `Some(None)` if
/// that is still to be seen, `None` if it is none.
fn record(bytes: &[u8], kind: u8) -> Option<Option<usize>> {
    let begins = |at: usize, expected: u8| bytes.get(at).is_none_or(|byte| *byte == expected);
    if !(begins(0, HANDSHAKE) && begins(1, 3) && begins(5, kind)) {
        return None;
    }
    let [_, _, _, high, low, _, ..] = bytes else { return Some(None) };
    Some(Some(RECORD_HEADER + usize::from(u16::from_be_bytes([*high, *low]))))
}

/// Maximum length of a ClientHello with its record header, in bytes.
pub const MAX_CLIENT_HELLO: usize = 4 * 1024;
/// The type of a handshake record.
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const RECORD_HEADER: usize = 5;
/// The headers of the record and of its message.
const HEADERS: usize = RECORD_HEADER + 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(kind: u8, body: usize) -> Vec<u8> {
        let [_, _, record_high, record_low] = (u32::try_from(body).unwrap() + 4).to_be_bytes();
        let [_, high, middle, low] = u32::try_from(body).unwrap().to_be_bytes();
        let mut bytes = vec![22, 3, 1, record_high, record_low, kind, high, middle, low];
        bytes.resize(9 + body, 7);
        bytes
    }

    #[test]
    fn one_client_hello_may_go_first_and_nothing_else() {
        let hello = handshake(1, 200);
        for at in 0..hello.len() {
            assert_eq!(client_hello(&hello[..at]), Progress::Incomplete, "{at}");
        }
        assert_eq!(client_hello(&hello), Progress::Complete);
        assert_eq!(client_hello(&[&hello[..], b"x"].concat()), Progress::Wrong, "bytes behind it");
        assert_eq!(client_hello(&handshake(1, MAX_CLIENT_HELLO - 9)), Progress::Complete);
        assert_eq!(client_hello(&handshake(1, MAX_CLIENT_HELLO - 8)[..6]), Progress::Wrong, "too long");
        let mut split = hello.clone();
        split[8] = 201;
        assert_eq!(client_hello(&split), Progress::Wrong, "a message in two records");
        for other in [&b"GET / HTTP/1.1"[..], b"USER", &[22, 2], &[23, 3, 3], &[22, 3, 1, 0, 9, 2]] {
            assert_eq!(client_hello(other), Progress::Wrong, "{other:?}");
        }
    }

    #[test]
    fn a_server_hello_or_a_greeting_opens_the_tunnel() {
        let hello = handshake(2, 80);
        for at in 0..6 {
            assert_eq!(server_hello(&hello[..at]), Progress::Incomplete, "{at}");
        }
        assert_eq!(server_hello(&hello[..6]), Progress::Complete);
        assert_eq!(server_hello(b"220 ready\r\n"), Progress::Complete);
        assert_eq!(server_hello(b"220 rea"), Progress::Incomplete);
        for other in
            [&b"HTTP/1.1 400\r\n"[..], &[21, 3, 3, 0, 2, 2, 40], b"421 busy\r\n", &[22, 3, 1, 0, 9, 1]]
        {
            assert_eq!(server_hello(other), Progress::Wrong, "{other:?}");
        }
    }
}
