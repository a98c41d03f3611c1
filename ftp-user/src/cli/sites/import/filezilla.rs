//! The site manager of FileZilla: `sitemanager.xml`.

use super::{ImportedSite, base64, port};
use ftp_proto::wire::{Secret, show};
use roxmltree::{Document, Node};

pub(super) fn read(text: &str) -> Result<Vec<ImportedSite>, String> {
    // What is wrong may be a line end, or what a terminal would act on.
    let not_xml = |error: roxmltree::Error| format!("it is not XML: {}", show(error.to_string().as_bytes()));
    let document = Document::parse(text).map_err(not_xml)?;
    let servers = document.descendants().filter(|node| node.has_tag_name("Server"));
    Ok(servers.map(one).collect())
}

/// The text of an element inside a server; `None` if it is empty or not there.
fn of<'a>(server: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let text = server.children().find(|node| node.has_tag_name(name))?.text()?.trim();
    Some(text).filter(|text| !text.is_empty())
}

/// The name of a server, behind those of the folders that it is in.
fn name(server: Node<'_, '_>) -> String {
    let own = of(server, "Name");
    let folders = server.ancestors().filter(|node| node.has_tag_name("Folder"));
    let folder = |node: Node<'_, '_>| {
        let text = node.children().filter(|child| child.is_text()).filter_map(|child| child.text());
        text.map(str::trim).find(|text| !text.is_empty()).unwrap_or_default().to_owned()
    };
    let mut names: Vec<String> = folders.map(folder).filter(|name| !name.is_empty()).collect();
    names.reverse();
    names.push(own.unwrap_or("site").to_owned());
    names.join("-")
}

fn one(server: Node<'_, '_>) -> ImportedSite {
    let name = name(server);
    let Some(host) = of(server, "Host") else { return ImportedSite::refused(name, "it has no host") };
    let scheme = match of(server, "Protocol").unwrap_or("0") {
        "0" | "6" => "ftp",
        "3" => "ftps",
        "4" => "ftpes",
        other => return ImportedSite::refused(name, format!("its protocol {other} is not FTP")),
    };
    let port = match of(server, "Port").map_or(Ok(None), port) {
        Ok(port) => port,
        Err(why) => return ImportedSite::refused(name, why),
    };
    let mut found = ImportedSite {
        name,
        scheme,
        host: host.trim_matches(['[', ']']).to_owned(),
        port,
        ..ImportedSite::default()
    };
    // 0 is an anonymous login.
    let logs_in = of(server, "Logontype").unwrap_or("1") != "0";
    found.user = of(server, "User").filter(|_| logs_in).map(|user| user.as_bytes().to_vec());
    let pass = server.children().find(|node| node.has_tag_name("Pass")).filter(|_| logs_in);
    if let Some((pass, text)) = pass.and_then(|pass| Some((pass, pass.text()?))) {
        found.password = match pass.attribute("encoding") {
            Some("base64") => base64(text).map(Secret::new),
            None => Some(Secret::new(text)),
            Some(_) => None,
        };
        if found.password.is_none() {
            let why = match pass.attribute("encoding") {
                Some("crypt") => "behind a master password",
                Some(_) | None => "it cannot be read",
            };
            found.unmapped.push(format!("Pass ({why})"));
        }
    }
    if let Some(directory) = of(server, "RemoteDir") {
        match path(directory) {
            Some(path) => found.path = path,
            None => found.unmapped.push("RemoteDir".to_owned()),
        }
    }
    match of(server, "MaximumMultipleConnections").and_then(|number| number.parse::<i64>().ok()) {
        Some(number @ 2..=64) => found.keys.push(("limits.sessions", number.into())),
        Some(0) | None => {}
        Some(number) => found.unmapped.push(format!("MaximumMultipleConnections {number}")),
    }
    if of(server, "BypassProxy") == Some("1") {
        found.keys.push(("proxy", "none".into()));
    }
    for (key, usual) in [("TimezoneOffset", "0"), ("PasvMode", "MODE_DEFAULT"), ("EncodingType", "Auto")] {
        if let Some(value) = of(server, key).filter(|value| *value != usual) {
            found.unmapped.push(format!("{key} {value}"));
        }
    }
    if of(server, "Protocol") == Some("6") {
        found.unmapped.push("Protocol 6, which never uses TLS (--no-tls does so)".to_owned());
    }
    for key in ["Account", "PostLoginCommands", "Keyfile", "LocalDir", "Comments"] {
        if server.children().any(|node| node.has_tag_name(key) && node.children().next().is_some()) {
            found.unmapped.push(key.to_owned());
        }
    }
    let bookmarks = server.children().filter(|node| node.has_tag_name("Bookmark"));
    found.unmapped.extend(bookmarks.map(|node| format!("Bookmark {}", of(node, "Name").unwrap_or_default())));
    found
}

/// The path in FileZilla's form: the kind of the server, the length and the text of a prefix, then of each name. Only that
/// of Unix and unknown servers is read.
fn path(text: &str) -> Option<Vec<u8>> {
    let (kind, rest) = text.split_once(' ')?;
    let (prefix, mut rest) = rest.split_once(' ')?;
    if !matches!(kind, "0" | "1") || prefix != "0" {
        return None;
    }
    let mut path = Vec::new();
    loop {
        let (length, after) = rest.split_once(' ')?;
        let length: usize = length.parse().ok()?;
        let end = after.char_indices().nth(length).map_or(after.len(), |(at, _)| at);
        let (name, left) = after.split_at_checked(end)?;
        if name.chars().count() != length {
            return None;
        }
        path.push(b'/');
        path.extend(name.as_bytes());
        if left.is_empty() {
            return Some(path);
        }
        rest = left.strip_prefix(' ')?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_sites_with_the_names_of_their_folders() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
<FileZilla3 version="3.66.0" platform="*nix"><Servers>
<Folder expanded="1">Work
<Server><Host>h.example</Host><Port>2121</Port><Protocol>4</Protocol><Type>0</Type>
<User>ann</User><Pass encoding="base64">czNjcmV0</Pass><Logontype>1</Logontype>
<MaximumMultipleConnections>4</MaximumMultipleConnections><EncodingType>Auto</EncodingType><BypassProxy>1</BypassProxy>
<Name>Lab</Name><RemoteDir>1 0 3 pub 8 new data</RemoteDir><SyncBrowsing>0</SyncBrowsing></Server>
</Folder>
<Server><Host>s.example</Host><Port>22</Port><Protocol>1</Protocol><Name>ssh</Name></Server>
<Server><Host>a.example</Host><Protocol>0</Protocol><Logontype>0</Logontype><User>anonymous</User><TimezoneOffset>60</TimezoneOffset><Name>pub</Name></Server>
<Server><Host>c.example</Host><Protocol>3</Protocol><User>bob</User><Pass encoding="crypt" pubkey="x">abc</Pass><Name>crypt</Name></Server>
</Servers></FileZilla3>"#;
        let found = read(text).unwrap();
        let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["Work-Lab", "ssh", "pub", "crypt"]);
        assert_eq!(found[0].url(), "ftpes://ann@h.example:2121//pub/new%20data");
        assert_eq!(found[0].password.as_ref().unwrap().expose(), b"s3cret");
        assert_eq!(found[0].unmapped, [""; 0]);
        assert_eq!(
            found[0].keys.iter().map(|(key, _)| *key).collect::<Vec<_>>(),
            ["limits.sessions", "proxy"]
        );
        assert!(found[1].refused.as_ref().unwrap().contains("not FTP"));
        assert_eq!(
            (found[2].url(), &*found[2].unmapped),
            ("ftp://a.example/".into(), &["TimezoneOffset 60".into()][..])
        );
        assert!(found[3].password.is_none() && found[3].unmapped[0].contains("master password"));
        for broken in ["<a", "<a/\n>", "<a></a\nb>", "<a>&\u{85};</a>", "<a b\u{7f}='c'/>"] {
            let why = read(broken).unwrap_err();
            assert!(!why.contains(char::is_control), "{why:?}");
        }
        let more = "<Server><Host>h</Host><Pass encoding=\"base64\">!!!</Pass><LocalDir>/home</LocalDir><Comments/>\
            <Bookmark><Name>photos</Name><RemoteDir>1 0 1 p</RemoteDir></Bookmark></Server>";
        let unmapped = &read(more).unwrap()[0].unmapped;
        assert_eq!(*unmapped, ["Pass (it cannot be read)", "LocalDir", "Bookmark photos"]);
        let odd =
            read("<Servers><Server><Host>h</Host><Port>abc</Port><Protocol>0</Protocol></Server></Servers>");
        assert_eq!(odd.unwrap()[0].refused.as_deref(), Some("its port abc is not between 1 and 65535"));
    }

    #[test]
    fn a_path_has_the_lengths_of_its_names() {
        assert_eq!(path("1 0 3 pub").as_deref(), Some(&b"/pub"[..]));
        assert_eq!(path("1 0 2 \u{fc}x").as_deref(), Some("/\u{fc}x".as_bytes()));
        for wrong in ["", "1 0", "1 0 9 pub", "2 0 3 pub", "1 0 3 pubx", "1 0 x pub"] {
            assert_eq!(path(wrong), None, "{wrong}");
        }
    }
}
