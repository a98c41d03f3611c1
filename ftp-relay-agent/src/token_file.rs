//! The file of tokens, one on each line: a secret, so nobody but its owner may read it.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use ftp_proto::relay::token::Token;
use zeroize::Zeroizing;

/// All tokens of the file. Empty lines and those that begin with `#` are not tokens.
pub fn read(path: &Path) -> Result<Vec<Token>, anyhow::Error> {
    let shown = path.display();
    let mut file = File::open(path).with_context(|| format!("cannot open the token file {shown}"))?;
    let facts = file.metadata().with_context(|| format!("cannot look at the token file {shown}"))?;
    if facts.permissions().mode() & OTHERS != 0 {
        bail!("others may read the token file {shown}; chmod 600 {shown}");
    }
    if facts.len() > MOST {
        bail!("the token file {shown} is larger than {MOST} octets");
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).with_context(|| format!("cannot read the token file {shown}"))?;
    let mut tokens = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let token = Token::parse(line).with_context(|| format!("{shown} line {number}"))?;
        if tokens.iter().any(|known: &Token| known.name() == token.name()) {
            bail!("{shown} line {number}: the name {} stands there twice", token.name());
        }
        tokens.push(token);
    }
    if tokens.is_empty() {
        bail!("the token file {shown} holds no token; make one: ftp-relay-agent token > {shown}");
    }
    Ok(tokens)
}

/// The permissions of everybody but the owner.
const OTHERS: u32 = 0o077;
const MOST: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions, write};

    fn check(text: &str, mode: u32, expected: Result<&[&str], &str>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens");
        write(&path, text).unwrap();
        set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        match (read(&path), expected) {
            (Ok(tokens), Ok(names)) => assert_eq!(tokens.iter().map(Token::name).collect::<Vec<_>>(), names),
            (Err(error), Err(part)) => assert!(format!("{error:#}").contains(part), "{error:#}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }

    #[test]
    fn a_token_file_is_its_owners_and_holds_tokens() {
        let line = |name| Token::new(name, None, [7; 32]).unwrap().line().to_string();
        let (one, two) = (line("one"), line("two"));
        check(&format!("# ours\n\n{one}\n  {two}  \n"), 0o600, Ok(&["one", "two"]));
        check(&one, 0o400, Ok(&["one"]));
        check(&one, 0o640, Err("chmod 600"));
        check(&one, 0o604, Err("chmod 600"));
        check("# nothing\n", 0o600, Err("holds no token"));
        check(&format!("{one}\n{one}"), 0o600, Err("line 2: the name one stands there twice"));
        check(&format!("{one}\nfrt1.x"), 0o600, Err("line 2"));
    }

    #[test]
    fn a_damaged_token_is_not_shown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens");
        let line = Token::new("one", None, [7; 32]).unwrap().line().to_string();
        write(&path, format!("{line}x")).unwrap();
        set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let said = format!("{:#}", read(&path).unwrap_err());
        assert!(!said.contains(&line[10..20]), "{said}");
    }
}
