//! FTP remotes of rclone: sections of its configuration file whose `type` is `ftp`.

use super::{ImportedSite, base64, port};
use aes::Aes256;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use ftp_proto::wire::Secret;

pub(super) fn read(text: &str) -> Result<Vec<ImportedSite>, &'static str> {
    if text.lines().any(|line| line.starts_with("RCLONE_ENCRYPT_V")) {
        return Err("it is encrypted: remove its password with rclone config, or import on another way");
    }
    let mut sections: Vec<(&str, Vec<(&str, &str)>)> = Vec::new();
    let mut unread = Vec::new();
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            sections.push((name, Vec::new()));
        } else if let (Some((key, value)), Some((_, pairs))) = (line.split_once('='), sections.last_mut()) {
            pairs.push((key.trim(), value.trim()));
        } else {
            // A password may stand there.
            let why = "the line cannot be read: the file may have been cut";
            unread.push(ImportedSite::refused(format!("line {}", index + 1), why));
        }
    }
    let found = sections.iter().map(|(name, pairs)| one(name, pairs));
    Ok(found.chain(unread).collect())
}

fn one(name: &str, pairs: &[(&str, &str)]) -> ImportedSite {
    match pairs.iter().find(|(key, _)| *key == "type") {
        Some((_, "ftp")) => {}
        Some((_, other)) => return ImportedSite::refused(name, format!("its type {other} is not ftp")),
        None => return ImportedSite::refused(name, "it has no type"),
    }
    let is_on = |key: &str| pairs.iter().any(|(other, value)| *other == key && *value == "true");
    let scheme = match (is_on("tls"), is_on("explicit_tls")) {
        (true, _) => "ftps",
        (false, true) => "ftpes",
        (false, false) => "ftp",
    };
    let mut found = ImportedSite { name: name.to_owned(), scheme, ..ImportedSite::default() };
    for (key, value) in pairs {
        match *key {
            "type" | "tls" | "explicit_tls" => {}
            "host" => value.trim_matches(['[', ']']).clone_into(&mut found.host),
            "user" => found.user = Some(value.as_bytes().to_vec()),
            "port" => match port(value) {
                Ok(port) => found.port = port,
                Err(why) => return ImportedSite::refused(name, why),
            },
            "pass" if value.is_empty() => {}
            "pass" => match revealed(value) {
                Some(password) => found.password = Some(Secret::new(password)),
                None => found.unmapped.push("pass (it cannot be read)".to_owned()),
            },
            "concurrency" => match value.parse::<i64>() {
                Ok(number @ 2..=64) => found.keys.push(("limits.sessions", number.into())),
                Ok(0) => {}
                Ok(_) | Err(_) => found.unmapped.push(format!("concurrency = {value}")),
            },
            "socks_proxy" if !value.contains('@') => {
                found.keys.push(("proxy", format!("socks5://{value}").into()));
            }
            other => found.unmapped.push(other.to_owned()),
        }
    }
    if found.host.is_empty() {
        return ImportedSite::refused(name, "it has no host");
    }
    if found.user.is_none() {
        found.unmapped.push("the user, for whom rclone takes your name on this host".to_owned());
    }
    found
}

/// The password behind rclone's obscuring: AES-256 in counter mode with a key that is in its documentation and its source,
/// the initial counter before the text, in base64. It hides a password from a glance, and from nothing else.
fn revealed(text: &str) -> Option<Vec<u8>> {
    let bytes = base64(text)?;
    let (counter, hidden) = bytes.split_at_checked(BLOCK)?;
    let mut counter = u128::from_be_bytes(counter.try_into().ok()?);
    let cipher = Aes256::new(&KEY.into());
    let mut out = Vec::with_capacity(hidden.len());
    for chunk in hidden.chunks(BLOCK) {
        let mut block = counter.to_be_bytes().into();
        cipher.encrypt_block(&mut block);
        out.extend(chunk.iter().zip(block.iter()).map(|(hidden, key)| hidden ^ key));
        counter = counter.wrapping_add(1);
    }
    Some(out)
}

/// Bytes of a block of AES.
const BLOCK: usize = 16;
/// The key of `rclone obscure`: fs/config/obscure/obscure.go.
const KEY: [u8; 32] = [
    0x9c, 0x93, 0x5b, 0x48, 0x73, 0x0a, 0x55, 0x4d, 0x6b, 0xfd, 0x7c, 0x63, 0xc8, 0x86, 0xa9, 0x2b, 0xd3,
    0x90, 0x19, 0x8e, 0xb8, 0x12, 0x8a, 0xfb, 0xf4, 0xde, 0x16, 0x2b, 0x8b, 0x95, 0xf6, 0x38,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn obscured_passwords_are_revealed() {
        // From rclone's own tests (fs/config/obscure/obscure_test.go).
        for (text, expect) in [
            ("YWFhYWFhYWFhYWFhYWFhYQ", ""),
            ("YWFhYWFhYWFhYWFhYWFhYXMaGgIlEQ", "potato"),
            ("YmJiYmJiYmJiYmJiYmJiYp3gcEWbAw", "potato"),
        ] {
            assert_eq!(revealed(text).as_deref(), Some(expect.as_bytes()), "{text}");
        }
        assert_eq!(revealed("aGVsbG8"), None);
        assert_eq!(revealed("!"), None);
    }

    #[test]
    fn an_ftp_remote_is_a_site() {
        let text = "[lab]\ntype = ftp\nhost = h.example\nuser = ann\nport = 2121\nexplicit_tls = true\n\
                    pass = YWFhYWFhYWFhYWFhYWFhYXMaGgIlEQ\nconcurrency = 4\nno_check_certificate = true\n\
                    [cloud]\ntype = s3\n[bad]\ntype = ftp\n";
        let found = read(text).unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].url(), "ftpes://ann@h.example:2121/");
        assert_eq!(found[0].password.as_ref().unwrap().expose(), b"potato");
        assert_eq!(found[0].unmapped, ["no_check_certificate"]);
        assert_eq!(found[0].keys[0].0, "limits.sessions");
        assert_eq!(found[1].refused.as_deref(), Some("its type s3 is not ftp"));
        assert_eq!(found[2].refused.as_deref(), Some("it has no host"));
        let odd = read("[a]\ntype = ftp\nhost = h\nport = 99999\n[b]\ntype = ftp\nhost = h\n").unwrap();
        assert_eq!(odd[0].refused.as_deref(), Some("its port 99999 is not between 1 and 65535"));
        assert_eq!(odd[1].unmapped, ["the user, for whom rclone takes your name on this host"]);
        let cut = read("[a]\ntype = ftp\nhost = h\nuser = ann\n\n[dead").unwrap();
        assert_eq!((cut.len(), cut[1].name.as_str()), (2, "line 6"));
        assert!(cut[1].refused.as_ref().unwrap().contains("may have been cut"));
        assert!(read("# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nxx\n").is_err());
    }
}
