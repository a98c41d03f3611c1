//! A `.netrc` file: a site for each machine.

use super::found::Found;
use crate::place::Netrc;

/// Reads the file. The passwords of the usual file stay there: it is asked at each use. Those of another are taken.
pub(super) fn read(text: &str, is_usual: bool) -> Vec<Found> {
    let netrc = Netrc::parse(text);
    let one = |(host, login): (Option<&str>, &crate::place::Login)| {
        let Some(host) = host else {
            return Found::refused("default", "the entry default names no machine");
        };
        let unmapped = match login.account {
            Some(_) if !is_usual => vec!["account".to_owned()],
            Some(_) | None => Vec::new(),
        };
        Found {
            name: host.to_owned(),
            scheme: "ftp",
            host: host.to_owned(),
            user: Some(login.user.clone()).filter(|user| !user.is_empty()),
            password: login.password.clone().filter(|_| !is_usual),
            unmapped,
            ..Found::default()
        }
    };
    let macros = netrc.macros().iter().map(|name| Found::refused(name, "it is a macro"));
    netrc.entries().map(one).chain(macros).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_machine_is_a_site_and_the_usual_file_keeps_its_passwords() {
        let text =
            "machine h.example login ann password s3cret account x\ndefault login anonymous password y\n";
        let usual = read(text, true);
        assert_eq!(
            (usual[0].name.as_str(), usual[0].url()),
            ("h.example", "ftp://ann@h.example/".to_owned())
        );
        assert!(usual[0].password.is_none() && usual[1].refused.is_some());
        let with_macro = read(&format!("{text}macdef init\ncd /pub\n\nmachine last.example\n"), true);
        let refused = with_macro.iter().filter_map(|found| found.refused.as_deref());
        assert_eq!(refused.collect::<Vec<_>>(), ["the entry default names no machine", "it is a macro"]);
        assert_eq!((with_macro.len(), with_macro[3].name.as_str()), (4, "init"));
        let other = read(text, false);
        assert_eq!(other[0].password.as_ref().unwrap().expose(), b"s3cret");
        assert_eq!(other[0].unmapped, ["account"]);
    }
}
