//! Which host a request was meant for, and where a form stood. A page of somebody else must not reach the
//! daemon under a name
//! that he has pointed at it.

use std::net::{IpAddr, SocketAddr};

/// The host and port that a text names.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Authority {
    host: String,
    port: Option<u16>,
}

fn authority(text: &str) -> Option<Authority> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() || port.is_some_and(|port| port.bytes().any(|byte| !byte.is_ascii_digit())) {
        return None;
    }
    let port = port.map(str::parse).transpose().ok()?;
    Some(Authority { host: host.to_ascii_lowercase(), port })
}

/// Whether a `Host` names this listener: its address, `localhost`, or a name that the operator has given.
pub(crate) fn is_own(host: &str, local: Option<SocketAddr>, names: &[String], is_tls: bool) -> bool {
    let Some(named) = authority(host) else { return false };
    if named.host == "localhost" || names.iter().any(|name| name.eq_ignore_ascii_case(&named.host)) {
        return true;
    }
    let usual = if is_tls { 443 } else { 80 };
    match (named.host.parse::<IpAddr>(), local) {
        (Ok(address), Some(local)) => {
            address.to_canonical() == local.ip().to_canonical() && named.port.unwrap_or(usual) == local.port()
        }
        (Ok(_) | Err(_), _) => false,
    }
}

/// Whether an `Origin` is the page that this `Host` serves. A proxy may add TLS before a listener that has
/// none.
pub(crate) fn is_same_origin(origin: &str, host: &str, is_tls: bool) -> bool {
    match origin.split_once("://") {
        Some(("https", rest)) => rest.eq_ignore_ascii_case(host),
        Some(("http", rest)) => !is_tls && rest.eq_ignore_ascii_case(host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_localhost_and_given_names_are_the_own_host() {
        let names = ["files.example".to_owned()];
        let four = Some(SocketAddr::from(([127, 0, 0, 1], 8990)));
        let six = Some("[::1]:8990".parse().unwrap());
        for (host, local, expect) in [
            ("127.0.0.1:8990", four, true),
            ("127.0.0.1", four, false),
            ("127.0.0.1:80", four, false),
            ("localhost:8990", four, true),
            ("LOCALHOST", four, true),
            ("files.example", four, true),
            ("Files.Example:443", four, true),
            ("evil.example:8990", four, false),
            ("files.example.evil.example", four, false),
            ("[::1]:8990", six, true),
            ("[::1]:8991", six, false),
            ("[::1]x", six, false),
            ("127.0.0.1:8990", None, false),
            ("", four, false),
            (":8990", four, false),
            ("localhost:port", four, false),
            ("localhost:99999", four, false),
            ("user@localhost", four, false),
        ] {
            assert_eq!(is_own(host, local, &names, false), expect, "{host}");
        }
    }

    #[test]
    fn an_origin_is_the_same_with_scheme_and_host() {
        for (origin, host, is_tls, expect) in [
            ("http://localhost:8990", "localhost:8990", false, true),
            ("https://files.example", "files.example", false, true),
            ("http://files.example", "files.example", true, false),
            ("null", "localhost", false, false),
            ("http://localhost:8991", "localhost:8990", false, false),
            ("ftp://localhost", "localhost", false, false),
        ] {
            assert_eq!(is_same_origin(origin, host, is_tls), expect, "{origin}");
        }
    }
}
