//! Detects HTTP and TLS clients on a plain-text port. A web page may have sent a browser there, so nothing of
//! what it says is executed.

/// What a line must begin with to be a request of HTTP (RFC 9110 9).
const METHODS: [&[u8]; 9] =
    [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"CONNECT ", b"OPTIONS ", b"TRACE ", b"PATCH "];

/// The first byte of a TLS handshake record (RFC 8446 5.1).
const HANDSHAKE: u8 = 22;

/// What the first bytes of a client are, if they are not FTP. `line` is its first line, if that is whole.
pub(super) fn other_protocol(first: Option<u8>, line: Option<&[u8]>) -> Option<&'static str> {
    if first == Some(HANDSHAKE) {
        return Some("TLS");
    }
    let line = line?.to_ascii_uppercase();
    let http = METHODS.iter().any(|method| line.starts_with(method)) || line.starts_with(b"PRI * HTTP/");
    http.then_some("HTTP")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_and_tls_are_told_from_ftp() {
        for line in ["GET / HTTP/1.1", "post /x HTTP/1.0", "PRI * HTTP/2.0", "OPTIONS * HTTP/1.1"] {
            assert_eq!(
                other_protocol(Some(line.as_bytes()[0]), Some(line.as_bytes())),
                Some("HTTP"),
                "{line}"
            );
        }
        assert_eq!(other_protocol(Some(22), None), Some("TLS"));
        for line in ["USER get ", "OPTS UTF8 ON", "NOOP", "GETX", ""] {
            assert_eq!(other_protocol(line.bytes().next(), Some(line.as_bytes())), None, "{line}");
        }
        assert_eq!(other_protocol(Some(b'G'), None), None);
    }
}
