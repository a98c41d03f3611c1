//! What the settings of another program say of one server.

use ftp_proto::wire::Secret;
use toml_edit::Value;

/// A server of another program.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Its name there.
    pub(super) name: String,
    /// The scheme of its URL here.
    pub(super) scheme: &'static str,
    /// Its host, an IPv6 literal without brackets.
    pub(super) host: String,
    /// The port, if one is set.
    pub(super) port: Option<u16>,
    /// Who logs in.
    pub(super) user: Option<Vec<u8>>,
    /// The password, if it is known there.
    pub(super) password: Option<Secret>,
    /// The path, absolute or relative to the login directory.
    pub(super) path: Vec<u8>,
    /// Other keys of a site.
    pub(super) keys: Vec<(&'static str, Value)>,
    /// What this program has no word for.
    pub(super) unmapped: Vec<String>,
    /// Why it cannot be a site at all.
    pub(super) refused: Option<String>,
}

impl Found {
    /// A server that cannot be a site.
    pub(super) fn refused(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), refused: Some(why.into()), ..Self::default() }
    }

    /// Its URL, without the password.
    pub(super) fn url(&self) -> String {
        let user = self.user.as_ref().map_or_else(String::new, |user| format!("{}@", encoded(user, b"")));
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let port = self.port.map_or_else(String::new, |port| format!(":{port}"));
        let path = encoded(&self.path, b"/");
        format!("{}://{user}{host}{port}/{path}", self.scheme)
    }
}

/// Everything but letters, digits, `-_.~` and `kept` percent-encoded.
fn encoded(bytes: &[u8], kept: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) || kept.contains(byte) {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The port that another program has noted; 0 is the usual one.
pub(super) fn port(text: &str) -> Result<Option<u16>, String> {
    let port: u16 = text.parse().map_err(|_| format!("its port {text} is not between 1 and 65535"))?;
    Ok(Some(port).filter(|port| *port != 0))
}

/// Decodes base64 of either alphabet, with or without `=` at its end.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut count) = (Vec::new(), 0_u32, 0_u32);
    for byte in text.trim().trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_everything_encoded_that_is_no_plain_letter() {
        let found = Found {
            scheme: "ftpes",
            host: "::1".into(),
            port: Some(2121),
            user: Some(b"a@b".to_vec()),
            path: b"/x y".to_vec(),
            ..Found::default()
        };
        assert_eq!(found.url(), "ftpes://a%40b@[::1]:2121//x%20y");
    }

    #[test]
    fn base64_is_decoded() {
        for (text, expect) in [("", ""), ("czNjcmV0", "s3cret"), ("czNjcmU=", "s3cre"), ("czNjcg", "s3cr")] {
            assert_eq!(base64(text).as_deref(), Some(expect.as_bytes()), "{text}");
        }
        assert_eq!(base64("-_+/"), Some(vec![0xfb, 0xff, 0xbf].into_iter().collect::<Vec<u8>>()));
        assert_eq!(base64("a b"), None);
    }
}
